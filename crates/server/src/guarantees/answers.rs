//! A bounded memory of answers to events that may arrive twice.
//!
//! An owner (a client's outbox, a user) has events under way and events with an answer, each by its
//! key. [`Answers`] reads no clock: time is an argument. [`Handling`] is the guard of an event that is
//! under way. What is bounded, and what is forgotten then:
//!
//! | bound | what is forgotten |
//! |---|---|
//! | answers of one owner, and their bytes | the first in their [order](Key), never the newest |
//! | the age of an answer | the answer |
//! | owners, and the bytes of all answers | the owner that is found by [shares](SharesByOwner), never the last one |

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sockeye_engine::SessionId;
use sockeye_socket_proto::RawArgs;
use tokio::time::Instant;

use super::shares::{Group, SharesByOwner};
use crate::checks;
use crate::session::deadlines::after;

/// The limits of what is remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Answers of one owner; at least 1.
    pub(super) answers_max: usize,
    /// Bytes of the answers of one owner.
    pub(super) answer_bytes_max: usize,
    pub(super) age_max: Duration,
    /// At least 1.
    pub(super) owners_max: usize,
    pub(super) bytes_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            answers_max: 1_000,
            answer_bytes_max: 1024 * 1024,
            age_max: Duration::from_secs(600),
            owners_max: 10_000,
            bytes_max: 64 * 1024 * 1024,
        }
    }
}

/// The key of an event of an owner, which determines the order in which answers are forgotten.
pub(super) trait Key: Copy + Eq + Hash {
    /// True: keys are the numbers, from 1, that the owner gives its events. The lowest is forgotten
    /// first, whether it is answered or under way, and the owner is known as long as an answer of it
    /// would be, so that no number is mistaken for a new one.
    ///
    /// False: the answer that was given first is forgotten first, an event under way never, and an
    /// owner is removed with its last entry.
    const IS_NUMBER: bool = false;

    /// The approximate bytes of an entry without its answer.
    const ENTRY_BYTES: usize;

    /// The number, if it is one.
    fn number(self) -> u64 {
        0
    }
}

/// The answers by owner `O` and key `K`. `W` is the waiters for an answer.
pub(super) struct Answers<O, K, W> {
    bounds: Bounds,
    owners: HashMap<O, Owner<K, W>>,
    /// The shares of the owners that have something to forget.
    shares: SharesByOwner<O>,
    /// When each owner has to be checked for old answers: [`Owner::due`].
    due: BTreeSet<(Instant, O)>,
}

/// The events and answers of one owner.
struct Owner<K, W> {
    events: HashMap<K, Progress<W>>,
    /// The events that may be forgotten, by number; without numbers, in the order of their answers.
    order: VecDeque<Place<K>>,
    /// The highest number in the order so far.
    last: u64,
    /// The highest number forgotten.
    forgotten: u64,
    /// The number of answered events, and the bytes of their answers.
    answered: usize,
    bytes: usize,
    last_use: Instant,
    /// Not later than the time of its oldest answer: nothing is too old until `age_max` after it.
    due: Instant,
}

/// The position of one event in the order.
struct Place<K> {
    number: u64,
    key: K,
    /// When it began, or was answered.
    at: Instant,
}

/// The state of one event: its answer, or the waiters while it is under way.
type Progress<W> = Result<RawArgs, W>;

/// The result of looking up an event that arrived.
#[derive(Debug, PartialEq)]
pub(super) enum Known<R> {
    /// It is new, and under way from now on.
    New,
    /// It is under way; with the result of the caller's `repeat`.
    Underway(R),
    Answered(RawArgs),
    /// It may have been answered, too long ago.
    Forgotten,
}

impl<O: Clone + Ord + Hash, K: Key, W: Default> Answers<O, K, W> {
    pub(super) fn new(mut bounds: Bounds) -> Self {
        // Above zero, so that an owner that was due is due later after its check.
        bounds.age_max = bounds.age_max.max(Duration::from_nanos(1));
        let (owners, shares, due) = (HashMap::new(), SharesByOwner::default(), BTreeSet::new());
        Self { bounds, owners, shares, due }
    }

    /// Begins an event. Its owner is added if it is new; `touch` gives it a share.
    /// `wanted` is the lowest number that will be asked for from now on. `repeat` adds a waiter.
    pub(super) fn begin<R>(
        &mut self,
        now: Instant,
        (id, key): (&O, K),
        wanted: u64,
        touch: impl FnOnce(&mut SharesByOwner<O>),
        repeat: impl FnOnce(&mut W) -> R,
    ) -> Known<R> {
        self.forget_old(now);
        touch(&mut self.shares);
        let owner = self.owners.entry(id.clone()).or_insert_with(|| {
            self.due.insert((now, id.clone()));
            Owner::new(now)
        });
        owner.last_use = now;
        owner.forget_before(wanted);
        owner.forget_old(now, self.bounds.age_max);
        let known = match owner.events.get_mut(&key) {
            Some(Ok(answer)) => Known::Answered(answer.clone()),
            Some(Err(waiting)) => Known::Underway(repeat(waiting)),
            None if K::IS_NUMBER && key.number() <= owner.forgotten => Known::Forgotten,
            None => {
                owner.begin(now, key);
                Known::New
            }
        };
        self.bound(id);
        known
    }

    /// Records the answer of an event and returns the waiters. `by`: the session and the group that
    /// its owner's share belongs to from now on; `None`: as before.
    pub(super) fn finish(
        &mut self,
        now: Instant,
        (id, key): (&O, K),
        answer: &RawArgs,
        by: Option<&(SessionId, Group)>,
    ) -> Option<W> {
        let waiting = self.owners.get_mut(id)?.finish(now, key, answer)?;
        match by {
            Some((session, group)) => self.shares.touch(id, session, || group.clone()),
            None => self.shares.renew(id),
        }
        self.bound(id);
        Some(waiting)
    }

    /// Removes an event without an answer, so that it may be sent again, and returns the waiters.
    pub(super) fn give_up(&mut self, (id, key): (&O, K)) -> Option<W> {
        let waiting = self.owners.get_mut(id)?.give_up(key);
        self.bound(id);
        waiting
    }

    /// The highest number of an event of this owner; 0 if it is not known.
    pub(super) fn last_of(&self, id: &O) -> u64 {
        self.owners.get(id).map_or(0, |owner| owner.last)
    }

    /// Forgets what is too old. Returns when to call it next; `None`: nothing is left.
    pub(super) fn forget_old(&mut self, now: Instant) -> Option<Instant> {
        let age_max = self.bounds.age_max;
        while let Some((due, _)) = self.due.first()
            && now.duration_since(*due) >= age_max
            && let Some((_, id)) = self.due.pop_first()
            && let Some(owner) = self.owners.get_mut(&id)
        {
            owner.forget_old(now, age_max);
            owner.due = owner.next_due(now);
            self.due.insert((owner.due, id.clone()));
            if owner.events.is_empty() && now.duration_since(owner.last_use) >= age_max {
                self.remove(&id);
            }
            self.bound(&id);
        }
        self.due.first().map(|(due, _)| after(*due, age_max))
    }

    /// The number of owners, of their events, and the bytes of all answers. Reads every owner.
    pub(super) fn amounts(&self) -> (usize, usize, usize) {
        let events = self.owners.values().map(|owner| owner.events.len()).sum();
        (self.owners.len(), events, self.shares.bytes())
    }

    /// Forgets what exceeds the limits, after a change of this owner.
    fn bound(&mut self, id: &O) {
        if let Some(owner) = self.owners.get_mut(id) {
            owner.forget_much(&self.bounds);
            self.keep_if_used(id);
        }
        // The last one is kept, however large it is.
        while self.shares.len() > 1
            && let Some(id) = self.shares.evict(self.bounds.owners_max, self.bounds.bytes_max)
            && let Some(owner) = self.owners.get_mut(&id)
        {
            while owner.forget_first() {}
            if owner.events.is_empty() {
                self.remove(&id);
            }
        }
        checks::now_and_then(|| self.check());
    }

    /// Updates the share of an owner, which is removed if nothing of it is left.
    fn keep_if_used(&mut self, id: &O) {
        let Some(owner) = self.owners.get(id) else { return };
        if K::IS_NUMBER || !owner.order.is_empty() {
            self.shares.resize(id, owner.bytes);
        } else if owner.events.is_empty() {
            self.remove(id);
        } else {
            self.shares.remove(id);
        }
    }

    fn remove(&mut self, id: &O) {
        self.shares.remove(id);
        if let Some(owner) = self.owners.remove(id) {
            self.due.remove(&(owner.due, id.clone()));
        }
    }

    /// Checks the invariants and returns how many things it looked at.
    fn check(&self) -> usize {
        debug_assert_eq!(self.due.len(), self.owners.len(), "each owner is looked at one day");
        for (id, owner) in &self.owners {
            owner.check();
            debug_assert!(self.due.contains(&(owner.due, id.clone())), "at the time it says");
            let has_share = K::IS_NUMBER || !owner.order.is_empty();
            debug_assert_eq!(self.shares.bytes_of(id), has_share.then_some(owner.bytes));
            debug_assert!(has_share || !owner.events.is_empty(), "nothing is kept for nothing");
            debug_assert!(owner.order.len() <= self.bounds.answers_max);
        }
        debug_assert!(self.shares.len() <= self.owners.len().min(self.bounds.owners_max));
        self.owners.values().map(|owner| 1 + owner.events.len()).sum()
    }
}

impl<K: Key, W: Default> Owner<K, W> {
    fn new(now: Instant) -> Self {
        let (events, order) = (HashMap::new(), VecDeque::new());
        let (last, forgotten, answered, bytes) = (0, 0, 0, 0);
        Self { events, order, last, forgotten, answered, bytes, last_use: now, due: now }
    }

    fn begin(&mut self, now: Instant, key: K) {
        if K::IS_NUMBER {
            // At the end, unless it arrives out of order.
            let at = self.position(key.number()).unwrap_or_else(|at| at);
            self.order.insert(at, Place { number: key.number(), key, at: now });
            self.last = self.last.max(key.number());
        }
        self.events.insert(key, Err(W::default()));
    }

    fn finish(&mut self, now: Instant, key: K, answer: &RawArgs) -> Option<W> {
        let event = self.underway(key)?;
        let was = std::mem::replace(event, Ok(answer.clone()));
        if !K::IS_NUMBER {
            self.last += 1;
            self.order.push_back(Place { number: self.last, key, at: now });
        } else if let Ok(position) = self.position(key.number()) {
            self.order[position].at = now;
        }
        self.last_use = now;
        self.answered += 1;
        self.bytes += bytes::<K>(answer);
        was.err()
    }

    fn give_up(&mut self, key: K) -> Option<W> {
        self.underway(key)?;
        if K::IS_NUMBER
            && let Ok(position) = self.position(key.number())
        {
            self.order.remove(position);
        }
        self.events.remove(&key)?.err()
    }

    fn underway(&mut self, key: K) -> Option<&mut Progress<W>> {
        self.events.get_mut(&key).filter(|event| event.is_err())
    }

    /// The position of a number in the order, or the one where it would be.
    fn position(&self, number: u64) -> Result<usize, usize> {
        self.order.binary_search_by_key(&number, |place| place.number)
    }

    /// Forgets the numbers before this one, which are not asked for any more.
    fn forget_before(&mut self, number: u64) {
        while self.order.front().is_some_and(|first| first.number < number) {
            self.forget_first();
        }
        self.forgotten = self.forgotten.max(number.saturating_sub(1));
    }

    fn forget_old(&mut self, now: Instant, age_max: Duration) {
        while self.oldest_answer().is_some_and(|at| now.duration_since(at) >= age_max) {
            self.forget_first();
        }
    }

    fn forget_much(&mut self, bounds: &Bounds) {
        while self.order.len() > bounds.answers_max
            || self.answered > 1 && self.bytes > bounds.answer_bytes_max
        {
            self.forget_first();
        }
    }

    /// When the first in the order was answered, if it was.
    fn oldest_answer(&self) -> Option<Instant> {
        let Place { key, at, .. } = self.order.front()?;
        self.events.get(key)?.is_ok().then_some(*at)
    }

    /// Forgets the first in the order; true: there was one.
    fn forget_first(&mut self) -> bool {
        let Some(Place { number, key, .. }) = self.order.pop_front() else { return false };
        self.forgotten = self.forgotten.max(number);
        if let Some(Ok(answer)) = self.events.remove(&key) {
            self.answered -= 1;
            self.bytes -= bytes::<K>(&answer);
        }
        true
    }

    /// When it has to be checked again, without `age_max`. While an event is under way, its owner
    /// is kept.
    fn next_due(&self, now: Instant) -> Instant {
        let idle_since = if self.events.is_empty() { self.last_use } else { now };
        self.oldest_answer().unwrap_or(idle_since)
    }

    /// Checks the invariants.
    fn check(&self) {
        let answers = self.events.values().flatten().map(bytes::<K>);
        debug_assert_eq!(answers.clone().count(), self.answered, "answers are counted");
        debug_assert_eq!(answers.sum::<usize>(), self.bytes, "so are bytes");
        let ordered = if K::IS_NUMBER { self.events.len() } else { self.answered };
        debug_assert_eq!(self.order.len(), ordered, "each is in the order, and once");
        debug_assert!(self.order.iter().is_sorted_by(|a, b| a.number < b.number), "by its number");
        for Place { number, key, .. } in &self.order {
            debug_assert!(self.events.contains_key(key), "nothing else is in the order");
            debug_assert!(!K::IS_NUMBER || key.number() == *number, "its own");
            debug_assert!(*number <= self.last, "the last number is the highest");
        }
    }
}

/// The approximate memory that an answer takes.
fn bytes<K: Key>(answer: &RawArgs) -> usize {
    K::ENTRY_BYTES + answer.bytes() + answer.attachments().len() * 32 + 64
}

/// Answers that several tasks share.
pub(super) type SharedAnswers<O, K, W> = Arc<Mutex<Answers<O, K, W>>>;

/// The guard of an event that is being handled, to be answered once. Dropped without an answer, the
/// event may be sent again.
pub(super) struct Handling<O: Clone + Ord + Hash, K: Key, W: Default> {
    pub(super) answers: SharedAnswers<O, K, W>,
    pub(super) owner: O,
    pub(super) key: K,
    /// The session and the group that the owner's share will belong to, if that changes.
    pub(super) by: Option<(SessionId, Group)>,
}

impl<O: Clone + Ord + Hash, K: Key, W: Default> Handling<O, K, W> {
    /// Remembers the event's answer and returns the waiters. The first answer counts.
    pub(super) fn finish(&self, answer: &RawArgs) -> Option<W> {
        let (now, event) = (Instant::now(), (&self.owner, self.key));
        self.answers.lock().finish(now, event, answer, self.by.as_ref())
    }
}

impl<O: Clone + Ord + Hash, K: Key, W: Default> Drop for Handling<O, K, W> {
    fn drop(&mut self) {
        let waiting = self.answers.lock().give_up((&self.owner, self.key));
        // Dropped without the lock.
        drop(waiting);
    }
}

#[cfg(test)]
mod tests;
