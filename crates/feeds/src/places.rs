//! How many may read at once, in all and of one address.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sockeye_net::address_slots::{AddressSlot, AddressSlots};

/// The places of one owner's readers.
#[derive(Debug)]
pub(crate) struct Places {
    taken: Arc<AtomicUsize>,
    max: usize,
    addresses: Arc<AddressSlots>,
    per_address_max: Option<u32>,
}

/// A reader's place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    taken: Arc<AtomicUsize>,
    _address: Option<AddressSlot>,
}

impl Places {
    pub(crate) fn new(max: usize, per_address_max: Option<u32>) -> Self {
        Self { taken: Arc::default(), max, addresses: Arc::default(), per_address_max }
    }

    /// A place for one more; `None` when there is none.
    pub(crate) fn take(&self, address: Option<IpAddr>) -> Option<Place> {
        let address = match address.zip(self.per_address_max) {
            Some((address, max)) => Some(self.addresses.take(address, max)?),
            None => None,
        };
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        let place = Place { taken: Arc::clone(&self.taken), _address: address };
        (taken < self.max).then_some(place)
    }

    /// How many there are.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let places = Places::new(2, Some(1));
        let [one, two, three] = [1, 2, 3].map(|last| Some(IpAddr::from([127, 0, 0, last])));
        let first = places.take(one).unwrap();
        assert!(places.take(one).is_none(), "one for each address");
        let second = places.take(two).unwrap();
        assert!(places.take(three).is_none(), "two in all");
        assert_eq!(places.taken(), 2);
        drop((first, second));
        assert_eq!(places.taken(), 0);
        assert!(places.take(one).is_some());
    }
}
