//! How many may read at once, in all and of one address.
//!
//! When all places are taken, an address that has none, or few, still gets one: the address that has the most
//! gives one up, as long as that leaves it no fewer than the other has then. So nobody keeps everybody else
//! out by taking them all.

use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use slab::Slab;
use sockeye_net::network;

/// The places of one owner's readers.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    max: usize,
    per_address_max: Option<u32>,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    count: usize,
    groups: HashMap<Group, Slab<Arc<Holder>>>,
    /// The groups by how many they have.
    ranks: BTreeSet<(usize, Group)>,
}

/// An address, for IPv6 its network; `None`: those whose address is not known.
type Group = Option<IpAddr>;

/// A reader's place, until it is dropped, or given to another.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Mutex<Taken>>,
    group: Group,
    key: usize,
    holder: Arc<Holder>,
}

/// What tells a reader that its place was given to another.
#[derive(Debug, Default)]
struct Holder(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Held,
    /// Its task is to be woken.
    Watched(Waker),
    Displaced,
}

impl Places {
    pub(crate) fn new(max: usize, per_address_max: Option<u32>) -> Self {
        Self { max, per_address_max, taken: Arc::default() }
    }

    /// A place for one more; `None` when there is none.
    pub(crate) fn take(&self, address: Option<IpAddr>) -> Option<Place> {
        let group = address.map(network);
        let mut taken = self.taken.lock();
        let has = taken.groups.get(&group).map_or(0, Slab::len);
        if group.is_some() && self.per_address_max.is_some_and(|max| has >= max as usize) {
            return None;
        }
        let mut displaced = None;
        if taken.count >= self.max {
            let (most, largest) = taken.ranks.last().copied()?;
            if most < has + 2 {
                return None;
            }
            displaced = taken.remove_any(&largest);
        }
        let holder = Arc::<Holder>::default();
        let key = taken.add(group, Arc::clone(&holder));
        drop(taken);
        displaced.iter().for_each(|holder| holder.displace());
        Some(Place { places: Arc::clone(&self.taken), group, key, holder })
    }

    /// How many there are.
    pub(crate) fn taken(&self) -> usize {
        self.taken.lock().count
    }
}

impl Taken {
    fn add(&mut self, group: Group, holder: Arc<Holder>) -> usize {
        let holders = self.groups.entry(group).or_default();
        self.ranks.remove(&(holders.len(), group));
        let key = holders.insert(holder);
        self.ranks.insert((holders.len(), group));
        self.count += 1;
        key
    }

    fn remove(&mut self, group: &Group, key: usize) {
        let Some(holders) = self.groups.get_mut(group) else { return };
        self.ranks.remove(&(holders.len(), *group));
        holders.remove(key);
        self.count -= 1;
        if holders.is_empty() {
            self.groups.remove(group);
        } else {
            self.ranks.insert((holders.len(), *group));
        }
    }

    fn remove_any(&mut self, group: &Group) -> Option<Arc<Holder>> {
        let (key, holder) = self.groups.get(group)?.iter().next()?;
        let holder = Arc::clone(holder);
        self.remove(group, key);
        Some(holder)
    }
}

impl Holder {
    fn displace(&self) {
        if let State::Watched(waker) = mem::replace(&mut *self.0.lock(), State::Displaced) {
            waker.wake();
        }
    }
}

impl Place {
    /// Waits until it is given to another.
    pub(crate) fn poll_displaced(&self, cx: &mut Context<'_>) -> Poll<()> {
        let state = &mut *self.holder.0.lock();
        match state {
            State::Displaced => return Poll::Ready(()),
            State::Watched(waker) if waker.will_wake(cx.waker()) => {}
            _ => *state = State::Watched(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        // Who was displaced has nothing to give back; nobody is displaced while this is locked.
        if !matches!(*self.holder.0.lock(), State::Displaced)
            && taken.holds(&self.group, self.key, &self.holder)
        {
            taken.remove(&self.group, self.key);
        }
    }
}

impl Taken {
    /// Whether a key is still this holder's: one that is about to be told of it may have lost it.
    fn holds(&self, group: &Group, key: usize, holder: &Arc<Holder>) -> bool {
        let held = self.groups.get(group).and_then(|holders| holders.get(key));
        held.is_some_and(|held| Arc::ptr_eq(held, holder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([127, 0, 0, last]))
    }

    fn is_displaced(place: &Place) -> bool {
        place.poll_displaced(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn places_are_given_back() {
        let places = Places::new(2, Some(1));
        let first = places.take(address(1)).unwrap();
        assert!(places.take(address(1)).is_none(), "one for each address");
        let second = places.take(address(2)).unwrap();
        assert!(places.take(address(3)).is_none(), "two in all, and nobody has more than one");
        assert_eq!(places.taken(), 2);
        drop((first, second));
        assert_eq!(places.taken(), 0);
        assert!(places.taken.lock().groups.is_empty() && places.taken.lock().ranks.is_empty());
        assert!(places.take(address(1)).is_some());
    }

    #[test]
    fn who_has_the_most_makes_place() {
        let places = Places::new(4, None);
        let hog: Vec<_> = (0..4).map(|_| places.take(address(1)).unwrap()).collect();
        assert!(places.take(address(1)).is_none(), "nobody displaces himself");
        let of_others: Vec<_> = [2, 3].map(|last| places.take(address(last)).unwrap()).into();
        assert_eq!(hog.iter().filter(|place| is_displaced(place)).count(), 2);
        assert!(places.take(address(2)).is_none(), "he would have as many as the largest");
        let another = places.take(address(4)).unwrap();
        assert_eq!(hog.iter().filter(|place| is_displaced(place)).count(), 3);
        assert!(places.take(address(5)).is_none(), "everybody has one");
        assert_eq!(places.taken(), 4);
        drop(hog);
        assert_eq!(places.taken(), 3);
        drop((of_others, another));
        assert_eq!(places.taken(), 0);
    }

    #[test]
    fn those_without_an_address_are_one_group() {
        let places = Places::new(2, Some(1));
        let held = [places.take(None).unwrap(), places.take(None).unwrap()];
        let other = places.take(address(1)).unwrap();
        assert_eq!(held.iter().filter(|place| is_displaced(place)).count(), 1);
        drop((held, other));
        assert_eq!(places.taken(), 0);
    }
}
