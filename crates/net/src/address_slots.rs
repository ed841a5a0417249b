//! How many places one address may have: sessions, readers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::network;

/// Counts the places that each address has taken, see [`network`].
#[derive(Debug, Default)]
pub struct AddressSlots {
    taken: Mutex<HashMap<IpAddr, u32>>,
}

impl AddressSlots {
    /// A slot for one more; `None` when the address has `limit` already.
    pub fn take(self: &Arc<Self>, address: IpAddr, limit: u32) -> Option<AddressSlot> {
        let address = network(address);
        let mut taken = self.taken.lock();
        let count = taken.entry(address).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(AddressSlot { address_slots: Arc::clone(self), address })
    }
}

/// A place that an address has, until it is dropped.
#[derive(Debug)]
pub struct AddressSlot {
    address_slots: Arc<AddressSlots>,
    address: IpAddr,
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        let mut taken = self.address_slots.taken.lock();
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
                if taken.capacity() > CAPACITY_KEPT && taken.len() < taken.capacity() / 8 {
                    taken.shrink_to(CAPACITY_KEPT);
                }
            }
        }
    }
}

const CAPACITY_KEPT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let address_slots = Arc::new(AddressSlots::default());
        let take = |address: &str| address_slots.take(address.parse().unwrap(), 2);
        let first = take("1.1.1.1").unwrap();
        let second = take("::ffff:1.1.1.1").unwrap();
        assert!(take("1.1.1.1").is_none());
        let other = take("1.1.1.2").unwrap();
        drop(first);
        let third = take("1.1.1.1").unwrap();
        assert!(take("1.1.1.1").is_none());
        drop((second, third, other));
        assert!(address_slots.taken.lock().is_empty());
    }

    #[test]
    fn of_ipv6_the_network_counts() {
        let address_slots = Arc::new(AddressSlots::default());
        let take = |address: &str| address_slots.take(address.parse().unwrap(), 1);
        let _held = take("2001:db8:0:1::1").unwrap();
        assert!(take("2001:db8:0:1:ffff::2").is_none());
        assert!(take("2001:db8:0:2::1").is_some());
    }
}
