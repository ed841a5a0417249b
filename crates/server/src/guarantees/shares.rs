//! Fair shares of a bound that strangers fill together.
//!
//! What is kept for many (absent sessions, outboxes, remembered answers) has one bound for all of
//! them. Were simply the oldest to go, one maker of many entries would push out everybody else's. So
//! whoever has made the most loses first, and of its entries the oldest: a maker loses nothing as
//! long as there is another that has more.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use slab::Slab;

/// The keys `K` of a bounded collection, by who made them: a session, a user, an address (its
/// [`network`](sockeye_engine::network)). What is kept under the keys is the owner's business, who
/// removes it when [`evict`](Shares::evict) says so. Every operation takes logarithmic time.
pub(crate) struct Shares<M, K> {
    makers: HashMap<M, usize>,
    shares: Slab<Share<M, K>>,
    entries: HashMap<K, Entry>,
    /// The shares by their entries, by their bytes, and by the age of their oldest entry.
    by_entries: BTreeSet<Rank>,
    by_bytes: BTreeSet<Rank>,
    by_age: BTreeSet<(u64, usize)>,
    bytes: usize,
    /// The place of the next entry: entries that are older, or unused for longer, have smaller ones.
    next: u64,
}

/// What one maker has.
struct Share<M, K> {
    maker: M,
    order: BTreeMap<u64, K>,
    bytes: usize,
}

struct Entry {
    share: usize,
    place: u64,
    bytes: usize,
}

/// How much, the place of the oldest entry (among equals the oldest goes first), the share.
type Rank = (usize, Reverse<u64>, usize);

impl<M, K> Default for Shares<M, K> {
    fn default() -> Self {
        Self {
            makers: HashMap::new(),
            shares: Slab::new(),
            entries: HashMap::new(),
            by_entries: BTreeSet::new(),
            by_bytes: BTreeSet::new(),
            by_age: BTreeSet::new(),
            bytes: 0,
            next: 0,
        }
    }
}

impl<M: Clone + Eq + Hash, K: Clone + Eq + Hash> Shares<M, K> {
    /// Entries of all makers.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of the entries of all makers.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// The oldest entry of all makers.
    pub(crate) fn oldest(&self) -> Option<&K> {
        let (place, share) = *self.by_age.first()?;
        self.shares[share].order.get(&place)
    }

    /// The oldest entry of one maker.
    pub(crate) fn oldest_of(&self, maker: &M) -> Option<&K> {
        let share = &self.shares[*self.makers.get(maker)?];
        share.order.first_key_value().map(|(_, key)| key)
    }

    /// Adds an entry, the newest of all. One of this key that is there already goes.
    pub(crate) fn insert(&mut self, maker: M, key: K, bytes: usize) {
        self.remove(&key);
        let share = match self.makers.get(&maker) {
            Some(&share) => share,
            None => {
                let (maker, order) = (maker.clone(), BTreeMap::new());
                self.shares.insert(Share { maker, order, bytes: 0 })
            }
        };
        self.makers.insert(maker, share);
        let place = self.next;
        self.next += 1;
        self.entries.insert(key.clone(), Entry { share, place, bytes });
        self.bytes += bytes;
        self.change(share, |share| {
            share.order.insert(place, key);
            share.bytes += bytes;
        });
    }

    /// Makes an entry the newest of all: it was used.
    pub(crate) fn touch(&mut self, key: &K) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let (share, old) = (entry.share, std::mem::replace(&mut entry.place, self.next));
        let place = self.next;
        self.next += 1;
        self.change(share, |share| {
            if let Some(key) = share.order.remove(&old) {
                share.order.insert(place, key);
            }
        });
    }

    /// Says how much an entry takes now.
    pub(crate) fn resize(&mut self, key: &K, bytes: usize) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let (share, before) = (entry.share, std::mem::replace(&mut entry.bytes, bytes));
        self.bytes = self.bytes - before + bytes;
        self.change(share, |share| share.bytes = share.bytes - before + bytes);
    }

    /// Forgets an entry. True: it was there.
    pub(crate) fn remove(&mut self, key: &K) -> bool {
        let Some(Entry { share, place, bytes }) = self.entries.remove(key) else {
            return false;
        };
        self.bytes -= bytes;
        self.change(share, |share| {
            share.order.remove(&place);
            share.bytes -= bytes;
        });
        true
    }

    /// Forgets one entry if there are more, or larger ones, than there may be, and says which: the
    /// oldest of the maker that has the most entries, or the most bytes. To be called until it is
    /// `None`.
    pub(crate) fn evict(&mut self, entries_max: usize, bytes_max: usize) -> Option<K> {
        let ranks = if self.len() > entries_max {
            &self.by_entries
        } else if self.bytes > bytes_max {
            &self.by_bytes
        } else {
            return None;
        };
        let (_, _, share) = *ranks.last()?;
        let (_, key) = self.shares[share].order.first_key_value()?;
        let key = key.clone();
        self.remove(&key);
        Some(key)
    }

    /// Changes a share and its ranks. It goes with its last entry.
    fn change(&mut self, at: usize, change: impl FnOnce(&mut Share<M, K>)) {
        let share = &mut self.shares[at];
        if let Some((&oldest, _)) = share.order.first_key_value() {
            self.by_entries.remove(&(share.order.len(), Reverse(oldest), at));
            self.by_bytes.remove(&(share.bytes, Reverse(oldest), at));
            self.by_age.remove(&(oldest, at));
        }
        change(share);
        match share.order.first_key_value() {
            Some((&oldest, _)) => {
                self.by_entries.insert((share.order.len(), Reverse(oldest), at));
                self.by_bytes.insert((share.bytes, Reverse(oldest), at));
                self.by_age.insert((oldest, at));
            }
            None => {
                let Share { maker, .. } = self.shares.remove(at);
                self.makers.remove(&maker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Insert { maker: u8, key: u8, bytes: usize },
        Touch(u8),
        Resize { key: u8, bytes: usize },
        Remove(u8),
        Evict { entries_max: usize, bytes_max: usize },
    }

    fn step() -> impl Strategy<Value = Step> {
        let key = || 0..40u8;
        let bytes = || 0..100usize;
        prop_oneof![
            6 => (0..6u8, key(), bytes()).prop_map(|(maker, key, bytes)| Step::Insert { maker, key, bytes }),
            2 => key().prop_map(Step::Touch),
            2 => (key(), bytes()).prop_map(|(key, bytes)| Step::Resize { key, bytes }),
            1 => key().prop_map(Step::Remove),
            2 => (0..30usize, 0..1000usize)
                .prop_map(|(entries_max, bytes_max)| Step::Evict { entries_max, bytes_max }),
        ]
    }

    /// Maker, key, bytes; the oldest first.
    type Model = Vec<(u8, u8, usize)>;

    /// Who loses what, by the plainest means.
    fn evicted(model: &mut Model, entries_max: usize, bytes_max: usize) -> Option<u8> {
        let all: usize = model.iter().map(|(.., bytes)| bytes).sum();
        let amount = |maker: u8| {
            let of_it = model.iter().filter(|(other, ..)| *other == maker);
            let (entries, bytes) = of_it.fold((0, 0), |(n, sum), (.., bytes)| (n + 1, sum + bytes));
            if model.len() > entries_max { entries } else { bytes }
        };
        if model.len() <= entries_max && all <= bytes_max {
            return None;
        }
        let most = model.iter().map(|(maker, ..)| amount(*maker)).max()?;
        let at = model.iter().position(|(maker, ..)| amount(*maker) == most)?;
        Some(model.remove(at).1)
    }

    proptest! {
        #[test]
        fn whoever_has_most_loses_its_oldest(steps in proptest::collection::vec(step(), 1..300)) {
            let mut shares = Shares::default();
            let mut model = Model::new();
            for step in steps {
                match step {
                    Step::Insert { maker, key, bytes } => {
                        shares.insert(maker, key, bytes);
                        model.retain(|(_, other, _)| *other != key);
                        model.push((maker, key, bytes));
                    }
                    Step::Touch(key) => {
                        shares.touch(&key);
                        if let Some(at) = model.iter().position(|(_, other, _)| *other == key) {
                            let entry = model.remove(at);
                            model.push(entry);
                        }
                    }
                    Step::Resize { key, bytes } => {
                        shares.resize(&key, bytes);
                        model.iter_mut().filter(|(_, other, _)| *other == key).for_each(|entry| entry.2 = bytes);
                    }
                    Step::Remove(key) => {
                        let before = model.len();
                        model.retain(|(_, other, _)| *other != key);
                        prop_assert_eq!(shares.remove(&key), model.len() < before);
                    }
                    Step::Evict { entries_max, bytes_max } => loop {
                        let expected = evicted(&mut model, entries_max, bytes_max);
                        prop_assert_eq!(shares.evict(entries_max, bytes_max), expected);
                        if expected.is_none() {
                            break;
                        }
                    },
                }
                prop_assert_eq!(shares.len(), model.len());
                prop_assert_eq!(shares.bytes(), model.iter().map(|(.., bytes)| bytes).sum::<usize>());
                prop_assert_eq!(shares.oldest(), model.first().map(|(_, key, _)| key));
            }
            while shares.evict(0, 0).is_some() {}
            prop_assert!(shares.makers.is_empty() && shares.shares.is_empty() && shares.entries.is_empty());
            prop_assert!(shares.by_entries.is_empty() && shares.by_bytes.is_empty() && shares.by_age.is_empty());
        }
    }

    #[test]
    fn one_maker_of_many_takes_nothing_from_the_others() {
        let mut shares = Shares::default();
        (0..10).for_each(|victim| shares.insert(victim, victim, 1));
        let mut lost = Vec::new();
        for key in 1000..50_000 {
            shares.insert(99, key, 1);
            lost.extend(std::iter::from_fn(|| shares.evict(100, usize::MAX)));
        }
        assert!(lost.iter().all(|key| *key >= 1000), "a victim lost something");
        assert_eq!(shares.len(), 100);
    }

    #[test]
    fn among_equals_the_oldest_goes_first() {
        let mut shares = Shares::default();
        (0..5).for_each(|maker| shares.insert(maker, maker, 10));
        shares.touch(&0);
        assert_eq!(shares.evict(4, usize::MAX), Some(1));
        assert_eq!(shares.evict(4, usize::MAX), None);
        assert_eq!(shares.evict(4, 39), Some(2));
    }
}
