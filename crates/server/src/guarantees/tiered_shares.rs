//! Fair shares in two tiers: whoever loses an entry is found by address or user first, then by session.
//!
//! Many clients may have one address (a proxy, a school), so an address alone is not one maker; and
//! one client may open many sessions, so a session alone is none either. The group that has the most
//! loses; within it the session that has the most; of that the oldest entry.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use sockeye_engine::{SessionId, network};

use super::shares::Shares;
use crate::socket::Socket;

/// Who is behind several sessions, as far as that is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Group {
    /// Whom the application calls so.
    User(Arc<str>),
    Address(IpAddr),
    /// Nobody told the address.
    Unknown,
}

impl Group {
    /// By the address of a socket's session.
    pub(crate) fn by_address(socket: &Socket) -> Self {
        Self::of(socket.handshake().address().map(|address| address.ip()))
    }

    /// By an address, of IPv6 by its network.
    pub(crate) fn of(address: Option<IpAddr>) -> Self {
        address.map_or(Group::Unknown, |address| Group::Address(network(address)))
    }
}

/// The keys of a bounded collection, by who made them: see [`Shares`].
pub(crate) type SharesByOwner<K> = TieredShares<Group, SessionId, K>;

/// [`Shares`] within shares. Every operation takes logarithmic time.
pub(crate) struct TieredShares<G, M, K> {
    groups: HashMap<G, Tier<M, K>>,
    entries: HashMap<K, Entry<G, M>>,
    by_entries: BTreeSet<(Rank, G)>,
    by_bytes: BTreeSet<(Rank, G)>,
    /// All keys, those that were used last at the end.
    order: BTreeMap<u64, K>,
    bytes: usize,
    next: u64,
}

/// How much, and the place of the oldest entry: among equals the oldest goes first.
type Rank = (usize, Reverse<u64>);

struct Tier<M, K> {
    shares: Shares<M, K>,
    by_entries: Rank,
    by_bytes: Rank,
}

struct Entry<G, M> {
    group: G,
    maker: M,
    place: u64,
    bytes: usize,
}

impl<G, M, K> Default for TieredShares<G, M, K> {
    fn default() -> Self {
        Self {
            groups: HashMap::new(),
            entries: HashMap::new(),
            by_entries: BTreeSet::new(),
            by_bytes: BTreeSet::new(),
            order: BTreeMap::new(),
            bytes: 0,
            next: 0,
        }
    }
}

impl<G, M, K> TieredShares<G, M, K>
where
    G: Clone + Ord + Hash,
    M: Clone + Eq + Hash,
    K: Clone + Eq + Hash,
{
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// The entry that was not used for longest.
    pub(crate) fn oldest(&self) -> Option<&K> {
        self.order.first_key_value().map(|(_, key)| key)
    }

    /// The entry of this maker that was not used for longest.
    pub(crate) fn oldest_of(&self, group: &G, maker: &M) -> Option<&K> {
        self.groups.get(group)?.shares.oldest_of(maker)
    }

    /// Forgets an entry of this group, and says which: of its greatest maker the oldest.
    pub(crate) fn loser_of(&mut self, group: &G) -> Option<K> {
        let shares = &mut self.groups.get_mut(group)?.shares;
        let key = shares.evict(shares.len() - 1, usize::MAX)?;
        // Everywhere else, too.
        self.remove(&key);
        Some(key)
    }

    /// Forgets an entry, and says which: see [`evict`](TieredShares::evict).
    pub(crate) fn loser(&mut self) -> Option<K> {
        self.evict(self.len().checked_sub(1)?, usize::MAX)
    }

    /// Makes an entry the newest of all, as one of this maker; it is added if it is not there. The
    /// group is asked for when the maker is another one than before.
    pub(crate) fn touch(&mut self, key: &K, maker: &M, group: impl FnOnce() -> G) {
        if self.entries.get(key).is_some_and(|entry| entry.maker == *maker) {
            return self.renew(key);
        }
        let place = self.next;
        self.next += 1;
        let bytes = self.entries.get(key).map_or(0, |entry| entry.bytes);
        self.remove(key);
        let (group, maker) = (group(), maker.clone());
        self.order.insert(place, key.clone());
        let entry = Entry { group: group.clone(), maker: maker.clone(), place, bytes };
        self.entries.insert(key.clone(), entry);
        self.bytes += bytes;
        self.change(group, |shares| shares.insert(maker, key.clone(), bytes));
    }

    /// Makes an entry the newest of all, if it is there; its maker stays.
    pub(crate) fn renew(&mut self, key: &K) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        self.order.remove(&entry.place);
        entry.place = self.next;
        self.next += 1;
        self.order.insert(entry.place, key.clone());
        let group = entry.group.clone();
        self.change(group, |shares| shares.touch(key));
    }

    /// Says how much an entry takes now.
    pub(crate) fn resize(&mut self, key: &K, bytes: usize) {
        let Some(entry) = self.entries.get_mut(key).filter(|entry| entry.bytes != bytes) else {
            return;
        };
        self.bytes = self.bytes - std::mem::replace(&mut entry.bytes, bytes) + bytes;
        let group = entry.group.clone();
        self.change(group, |shares| shares.resize(key, bytes));
    }

    /// Forgets an entry.
    pub(crate) fn remove(&mut self, key: &K) {
        if let Some(Entry { group, place, bytes, .. }) = self.entries.remove(key) {
            self.order.remove(&place);
            self.bytes -= bytes;
            self.change(group, |shares| {
                shares.remove(key);
            });
        }
    }

    /// Forgets one entry if there are more, or larger ones, than there may be, and says which. To be
    /// called until it is `None`.
    pub(crate) fn evict(&mut self, entries_max: usize, bytes_max: usize) -> Option<K> {
        let is_many = self.len() > entries_max;
        if !is_many && self.bytes <= bytes_max {
            return None;
        }
        let ranks = if is_many { &self.by_entries } else { &self.by_bytes };
        let (_, group) = ranks.last()?;
        let shares = &mut self.groups.get_mut(group)?.shares;
        let (entries_max, bytes_max) = if is_many {
            (shares.len() - 1, usize::MAX)
        } else {
            (usize::MAX, shares.bytes().saturating_sub(1))
        };
        let key = shares.evict(entries_max, bytes_max)?;
        // Everywhere else, too.
        self.remove(&key);
        Some(key)
    }

    /// Changes the shares of a group, and its ranks. A group goes with its last entry.
    fn change(&mut self, group: G, change: impl FnOnce(&mut Shares<M, K>)) {
        let tier = self.groups.entry(group.clone()).or_insert_with(|| Tier {
            shares: Shares::default(),
            by_entries: Rank::default(),
            by_bytes: Rank::default(),
        });
        change(&mut tier.shares);
        let oldest = tier.shares.oldest().and_then(|key| Some(self.entries.get(key)?.place));
        let place = Reverse(oldest.unwrap_or_default());
        let (entries, bytes) = ((tier.shares.len(), place), (tier.shares.bytes(), place));
        let was_entries = std::mem::replace(&mut tier.by_entries, entries);
        let was_bytes = std::mem::replace(&mut tier.by_bytes, bytes);
        if oldest.is_none() {
            self.groups.remove(&group);
        }
        for (ranks, was, is) in
            [(&mut self.by_entries, was_entries, entries), (&mut self.by_bytes, was_bytes, bytes)]
        {
            if was != is || oldest.is_none() {
                ranks.remove(&(was, group.clone()));
            }
            if oldest.is_some() {
                ranks.insert((is, group.clone()));
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
        Touch { key: u8, maker: u8 },
        Resize { key: u8, bytes: usize },
        Remove(u8),
        Evict { entries_max: usize, bytes_max: usize },
    }

    fn step() -> impl Strategy<Value = Step> {
        let key = || 0..40u8;
        prop_oneof![
            6 => (key(), 0..8u8).prop_map(|(key, maker)| Step::Touch { key, maker }),
            3 => (key(), 0..100usize).prop_map(|(key, bytes)| Step::Resize { key, bytes }),
            1 => key().prop_map(Step::Remove),
            2 => (0..30usize, 0..1000usize)
                .prop_map(|(entries_max, bytes_max)| Step::Evict { entries_max, bytes_max }),
        ]
    }

    /// SharesByOwner 0 to 3 are group 0, and so on.
    fn group(maker: u8) -> u8 {
        maker / 4
    }

    /// Key, maker, bytes; the oldest first.
    type Model = Vec<(u8, u8, usize)>;

    /// Of those that have the most by some measure, whose oldest entry is the oldest.
    fn greatest(model: &[(u8, u8, usize)], by: impl Fn(u8) -> u8, is_many: bool) -> Option<u8> {
        let amount = |of: u8| {
            let amounts = model.iter().filter(|(_, maker, _)| by(*maker) == of);
            amounts.map(|(.., bytes)| if is_many { 1 } else { *bytes }).sum::<usize>()
        };
        let most = model.iter().map(|(_, maker, _)| amount(by(*maker))).max()?;
        model.iter().map(|(_, maker, _)| by(*maker)).find(|of| amount(*of) == most)
    }

    fn evicted(model: &mut Model, entries_max: usize, bytes_max: usize) -> Option<u8> {
        let is_many = model.len() > entries_max;
        let bytes: usize = model.iter().map(|(.., bytes)| bytes).sum();
        if !is_many && bytes <= bytes_max {
            return None;
        }
        let loser = greatest(model, group, is_many)?;
        let of_it: Vec<_> =
            model.iter().copied().filter(|(_, maker, _)| group(*maker) == loser).collect();
        let maker = greatest(&of_it, |maker| maker, is_many)?;
        let at = model.iter().position(|(_, of, _)| *of == maker)?;
        Some(model.remove(at).0)
    }

    proptest! {
        #[test]
        fn the_greatest_maker_of_the_greatest_group_loses_its_oldest(
            steps in proptest::collection::vec(step(), 1..300),
        ) {
            let mut shares = TieredShares::default();
            let mut model = Model::new();
            for step in steps {
                match step {
                    Step::Touch { key, maker } => {
                        shares.touch(&key, &maker, || group(maker));
                        let at = model.iter().position(|(other, ..)| *other == key);
                        let bytes = at.map_or(0, |at| model.remove(at).2);
                        model.push((key, maker, bytes));
                    }
                    Step::Resize { key, bytes } => {
                        shares.resize(&key, bytes);
                        model.iter_mut().filter(|entry| entry.0 == key).for_each(|entry| entry.2 = bytes);
                    }
                    Step::Remove(key) => {
                        shares.remove(&key);
                        model.retain(|(other, ..)| *other != key);
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
                prop_assert_eq!(shares.bytes, model.iter().map(|(.., bytes)| bytes).sum::<usize>());
                prop_assert_eq!(shares.oldest(), model.first().map(|(key, ..)| key));
            }
            while shares.evict(0, 0).is_some() {}
            prop_assert!(shares.groups.is_empty() && shares.entries.is_empty());
            prop_assert!(shares.by_entries.is_empty() && shares.by_bytes.is_empty());
            prop_assert!(shares.order.is_empty());
        }
    }
}
