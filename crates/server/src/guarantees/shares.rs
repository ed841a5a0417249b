//! Fair shares of a bound that many clients fill together.
//!
//! State that is kept for many clients (absent sessions, client outboxes, remembered answers,
//! namespaces) has one bound for all of them. If simply the oldest entry were removed, an owner of
//! many entries would push out everybody else's. So the owner with the most loses its oldest entry
//! first: an owner loses nothing as long as another has more.
//!
//! Owners are found in two steps. Many clients may have one address (a proxy, a school), so an address
//! alone is not one owner; and one client may open many sessions, so a session alone is none either.
//! The group (a user, or an address) that has the most loses; within it the session that has the most;
//! of that the oldest entry.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use sockeye_engine::{SessionId, network};

/// The owner of several sessions, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Group {
    /// The user, by the name that the application gives.
    User(Arc<str>),
    Address(IpAddr),
    /// The address is not known.
    Unknown,
}

impl Group {
    /// The group of an address; for IPv6, of its network.
    pub(crate) fn of(address: Option<IpAddr>) -> Self {
        address.map_or(Group::Unknown, |address| Group::Address(network(address)))
    }
}

/// The keys of a bounded collection, by the session that owns each and the group of the session.
pub(crate) type SharesByOwner<K> = Shares<Group, SessionId, K>;

/// The keys `K` of a bounded collection, by group `G` and session `S`. The caller keeps the values
/// and removes those whose keys [`evict`](Shares::evict) returns. Every operation takes logarithmic
/// time.
pub(crate) struct Shares<G, S, K> {
    entries: HashMap<K, Entry<G, S>>,
    groups: Tier<G, Tier<S, SessionShare<K>>>,
    /// The number of the next use of an entry, by which uses are ordered.
    next_use: u64,
}

struct Entry<G, S> {
    group: G,
    session: S,
    last_use: u64,
    bytes: usize,
}

/// The groups, or the sessions of one group.
struct Tier<O, T> {
    amount: Amount,
    shares: HashMap<O, T>,
    ranks: Ranks<O>,
}

/// The share of one session: its entries by their last use.
struct SessionShare<K> {
    order: BTreeMap<u64, K>,
    bytes: usize,
}

/// The amount that a session or a group has, and the last use of its oldest entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Amount {
    entries: usize,
    bytes: usize,
    oldest: u64,
}

/// Sessions or groups by their entries, by their bytes, and by age alone: the last has the most, and
/// among equals it is the one whose oldest entry is the oldest.
type Ranks<O> = [BTreeSet<(usize, Reverse<u64>, O)>; 3];
const BY_ENTRIES: usize = 0;
const BY_BYTES: usize = 1;
const BY_AGE: usize = 2;

impl<G, S, K> Default for Shares<G, S, K> {
    fn default() -> Self {
        Self { entries: HashMap::new(), groups: Tier::default(), next_use: 0 }
    }
}

impl<G, S, K> Shares<G, S, K>
where
    G: Clone + Ord + Hash,
    S: Clone + Ord + Hash,
    K: Clone + Eq + Hash,
{
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of all entries.
    pub(crate) fn bytes(&self) -> usize {
        self.groups.amount.bytes
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// The bytes of an entry; `None`: it does not exist.
    pub(crate) fn bytes_of(&self, key: &K) -> Option<usize> {
        self.entries.get(key).map(|entry| entry.bytes)
    }

    /// The entry of this session that was not used for longest.
    pub(crate) fn oldest_of(&self, group: &G, session: &S) -> Option<&K> {
        let share = self.groups.shares.get(group)?.shares.get(session)?;
        share.order.first_key_value().map(|(_, key)| key)
    }

    /// Adds an entry, the newest of all. An existing one with this key is replaced.
    pub(crate) fn insert(&mut self, group: G, session: S, key: K, bytes: usize) {
        self.remove(&key);
        let last_use = self.next_use;
        self.next_use += 1;
        self.change(&group, &session, |share| {
            share.order.insert(last_use, key.clone());
            share.bytes += bytes;
        });
        self.entries.insert(key, Entry { group, session, last_use, bytes });
    }

    /// Makes an entry the newest of all and this session's; it is added if it does not exist.
    /// `group` is called if the session is another one than before.
    pub(crate) fn touch(&mut self, key: &K, session: &S, group: impl FnOnce() -> G) {
        match self.entries.get(key) {
            Some(entry) if entry.session == *session => self.renew(key),
            entry => {
                let bytes = entry.map_or(0, |entry| entry.bytes);
                self.insert(group(), session.clone(), key.clone(), bytes);
            }
        }
    }

    /// Makes an entry the newest of all, if it exists; its owner stays the same.
    pub(crate) fn renew(&mut self, key: &K) {
        let Some(entry) = self.entries.get_mut(key).filter(|it| it.last_use + 1 < self.next_use)
        else {
            return;
        };
        let (was, now) = (std::mem::replace(&mut entry.last_use, self.next_use), self.next_use);
        self.next_use += 1;
        let (group, session) = (entry.group.clone(), entry.session.clone());
        self.change(&group, &session, |share| {
            let key = share.order.remove(&was).expect("the entries of a session are in its order");
            share.order.insert(now, key);
        });
    }

    /// Sets the bytes of an entry.
    pub(crate) fn resize(&mut self, key: &K, bytes: usize) {
        let Some(entry) = self.entries.get_mut(key).filter(|entry| entry.bytes != bytes) else {
            return;
        };
        let was = std::mem::replace(&mut entry.bytes, bytes);
        let (group, session) = (entry.group.clone(), entry.session.clone());
        self.change(&group, &session, |share| share.bytes = share.bytes - was + bytes);
    }

    /// Removes an entry, if it exists.
    pub(crate) fn remove(&mut self, key: &K) {
        let Some(Entry { group, session, last_use, bytes }) = self.entries.remove(key) else {
            return;
        };
        self.change(&group, &session, |share| {
            share.order.remove(&last_use);
            share.bytes -= bytes;
        });
    }

    /// Removes one entry if a bound is exceeded, and returns its key. To be called until it returns
    /// `None`.
    pub(crate) fn evict(&mut self, entries_max: usize, bytes_max: usize) -> Option<K> {
        let is_many = self.len() > entries_max;
        if !is_many && self.groups.amount.bytes <= bytes_max {
            return None;
        }
        let by = if is_many { BY_ENTRIES } else { BY_BYTES };
        let (.., group) = self.groups.ranks[by].last()?;
        self.evict_of(&group.clone(), by)
    }

    /// Removes one entry, whatever the bounds, and returns its key.
    pub(crate) fn evict_one(&mut self) -> Option<K> {
        self.evict(self.len().checked_sub(1)?, usize::MAX)
    }

    /// Removes one entry of this group, the oldest of the session with the most; returns its key.
    pub(crate) fn evict_one_of(&mut self, group: &G) -> Option<K> {
        self.evict_of(group, BY_ENTRIES)
    }

    fn evict_of(&mut self, group: &G, by: usize) -> Option<K> {
        let share = self.groups.shares.get(group)?;
        let (.., session) = share.ranks[by].last()?;
        let (_, key) = share.shares.get(session)?.order.first_key_value()?;
        let key = key.clone();
        self.remove(&key);
        Some(key)
    }

    fn change(&mut self, group: &G, session: &S, change: impl FnOnce(&mut SessionShare<K>)) {
        self.groups.change(
            group,
            |it| it.amount,
            |sessions| {
                sessions.change(session, SessionShare::amount, change);
            },
        );
    }
}

impl<O: Clone + Ord + Hash, T: Default> Tier<O, T> {
    /// Changes the share of one owner, and the ranks by it. It is removed with its last entry.
    fn change(&mut self, owner: &O, amount: impl Fn(&T) -> Amount, change: impl FnOnce(&mut T)) {
        let share = self.shares.entry(owner.clone()).or_default();
        let was = amount(share);
        change(share);
        let is = amount(share);
        if is.entries == 0 {
            self.shares.remove(owner);
        }
        let ranked = |it: Amount| {
            let rank = |much| (much, Reverse(it.oldest), owner.clone());
            [it.entries, it.bytes, 0].map(|much| (it.entries > 0).then(|| rank(much)))
        };
        for (ranks, (was, is)) in self.ranks.iter_mut().zip(ranked(was).into_iter().zip(ranked(is)))
        {
            if was != is {
                was.map(|rank| ranks.remove(&rank));
                is.map(|rank| ranks.insert(rank));
            }
        }
        self.amount.entries = self.amount.entries - was.entries + is.entries;
        self.amount.bytes = self.amount.bytes - was.bytes + is.bytes;
        self.amount.oldest = self.ranks[BY_AGE].last().map_or(0, |(_, oldest, _)| oldest.0);
    }
}

impl<O, T> Default for Tier<O, T> {
    fn default() -> Self {
        Self { amount: Amount::default(), shares: HashMap::new(), ranks: Ranks::default() }
    }
}

impl<K> SessionShare<K> {
    fn amount(&self) -> Amount {
        let oldest = self.order.first_key_value().map_or(0, |(last_use, _)| *last_use);
        Amount { entries: self.order.len(), bytes: self.bytes, oldest }
    }
}

impl<K> Default for SessionShare<K> {
    fn default() -> Self {
        Self { order: BTreeMap::new(), bytes: 0 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Insert { session: u8, key: u8, bytes: usize },
        Touch { session: u8, key: u8 },
        Renew(u8),
        Resize { key: u8, bytes: usize },
        Remove(u8),
        Evict { entries_max: usize, bytes_max: usize },
        EvictOneOf(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        let (session, key, bytes) = (|| 0..8u8, || 0..40u8, || 0..100usize);
        prop_oneof![
            2 => (session(), key(), bytes())
                .prop_map(|(session, key, bytes)| Step::Insert { session, key, bytes }),
            6 => (session(), key()).prop_map(|(session, key)| Step::Touch { session, key }),
            2 => key().prop_map(Step::Renew),
            3 => (key(), bytes()).prop_map(|(key, bytes)| Step::Resize { key, bytes }),
            1 => key().prop_map(Step::Remove),
            2 => (0..30usize, 0..1000usize)
                .prop_map(|(entries_max, bytes_max)| Step::Evict { entries_max, bytes_max }),
            1 => (0..3u8).prop_map(Step::EvictOneOf),
        ]
    }

    /// Sessions 0 to 3 are group 0, and so on.
    fn group(session: u8) -> u8 {
        session / 4
    }

    /// Key, session and bytes; the oldest first.
    type Model = Vec<(u8, u8, usize)>;

    fn take(model: &mut Model, key: u8) -> Option<(u8, u8, usize)> {
        let at = model.iter().position(|(other, ..)| *other == key)?;
        Some(model.remove(at))
    }

    /// Of the owners with the most by some measure, the one whose oldest entry is the oldest.
    fn greatest(model: &[(u8, u8, usize)], by: impl Fn(u8) -> u8, is_many: bool) -> Option<u8> {
        let amount = |of: u8| {
            let amounts = model.iter().filter(|(_, session, _)| by(*session) == of);
            amounts.map(|(.., bytes)| if is_many { 1 } else { *bytes }).sum::<usize>()
        };
        let most = model.iter().map(|(_, session, _)| amount(by(*session))).max()?;
        model.iter().map(|(_, session, _)| by(*session)).find(|of| amount(*of) == most)
    }

    fn evicted_of(model: &mut Model, loser: u8, is_many: bool) -> Option<u8> {
        let of_it = |entry: &(u8, u8, usize)| group(entry.1) == loser;
        let of_it: Vec<_> = model.iter().copied().filter(of_it).collect();
        let session = greatest(&of_it, |session| session, is_many)?;
        let at = model.iter().position(|(_, of, _)| *of == session)?;
        Some(model.remove(at).0)
    }

    fn evicted(model: &mut Model, entries_max: usize, bytes_max: usize) -> Option<u8> {
        let is_many = model.len() > entries_max;
        let bytes: usize = model.iter().map(|(.., bytes)| bytes).sum();
        if !is_many && bytes <= bytes_max {
            return None;
        }
        let loser = greatest(model, group, is_many)?;
        evicted_of(model, loser, is_many)
    }

    proptest! {
        #[test]
        fn the_greatest_session_of_the_greatest_group_loses_its_oldest(
            steps in proptest::collection::vec(step(), 1..300),
        ) {
            let mut shares = Shares::default();
            let mut model = Model::new();
            for step in steps {
                match step {
                    Step::Insert { session, key, bytes } => {
                        shares.insert(group(session), session, key, bytes);
                        take(&mut model, key);
                        model.push((key, session, bytes));
                    }
                    Step::Touch { session, key } => {
                        shares.touch(&key, &session, || group(session));
                        let bytes = take(&mut model, key).map_or(0, |(.., bytes)| bytes);
                        model.push((key, session, bytes));
                    }
                    Step::Renew(key) => {
                        shares.renew(&key);
                        let entry = take(&mut model, key);
                        model.extend(entry);
                    }
                    Step::Resize { key, bytes } => {
                        shares.resize(&key, bytes);
                        model.iter_mut().filter(|entry| entry.0 == key).for_each(|entry| entry.2 = bytes);
                    }
                    Step::Remove(key) => {
                        shares.remove(&key);
                        take(&mut model, key);
                    }
                    Step::Evict { entries_max, bytes_max } => loop {
                        let expected = evicted(&mut model, entries_max, bytes_max);
                        prop_assert_eq!(shares.evict(entries_max, bytes_max), expected);
                        if expected.is_none() {
                            break;
                        }
                    },
                    Step::EvictOneOf(group) => {
                        let expected = evicted_of(&mut model, group, true);
                        prop_assert_eq!(shares.evict_one_of(&group), expected);
                    }
                }
                prop_assert_eq!(shares.len(), model.len());
                prop_assert_eq!(shares.groups.amount.bytes, model.iter().map(|(.., bytes)| bytes).sum::<usize>());
                for session in 0..8 {
                    let oldest = model.iter().find(|(_, of, _)| *of == session).map(|(key, ..)| key);
                    prop_assert_eq!(shares.oldest_of(&group(session), &session), oldest);
                }
                let groups: BTreeSet<_> = model.iter().map(|(_, session, _)| group(*session)).collect();
                prop_assert_eq!(shares.groups.shares.len(), groups.len());
                prop_assert!(shares.groups.ranks.iter().all(|ranks| ranks.len() == groups.len()));
                for share in shares.groups.shares.values() {
                    prop_assert!(share.ranks.iter().all(|ranks| ranks.len() == share.shares.len()));
                }
            }
            while shares.evict_one().is_some() {}
            prop_assert!(shares.groups.shares.is_empty() && shares.entries.is_empty());
        }
    }

    #[test]
    fn one_owner_of_many_takes_nothing_from_the_others() {
        let mut shares = Shares::default();
        (0..10).for_each(|victim| shares.insert(victim, (), victim, 1));
        let mut lost = Vec::new();
        for key in 1000..50_000 {
            shares.insert(99, (), key, 1);
            lost.extend(std::iter::from_fn(|| shares.evict(100, usize::MAX)));
        }
        assert!(lost.iter().all(|key| *key >= 1000), "a victim lost something");
        assert_eq!(shares.len(), 100);
    }

    #[test]
    fn among_equals_the_oldest_is_removed_first() {
        let mut shares = Shares::default();
        (0..5).for_each(|owner| shares.insert(owner, (), owner, 10));
        shares.touch(&0, &(), || 0);
        assert_eq!(shares.evict(4, usize::MAX), Some(1));
        assert_eq!(shares.evict(4, usize::MAX), None);
        assert_eq!(shares.evict(4, 39), Some(2));
    }
}
