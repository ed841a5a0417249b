//! A bounded memory of answers: what became of events that may come twice.
//!
//! An owner (a client's outbox, a user) has events under way and events with an answer, each by its
//! key. The memory reads no clock: time is an argument. What it bounds, and who loses what:
//!
//! | bound | what is forgotten |
//! |---|---|
//! | answers of one owner, and their bytes | the first in their [order](Order); the newest stays |
//! | the age of an answer | the answer |
//! | owners, and the bytes of all answers | an owner of whoever has the most: see [`SharesByOwner`] |

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Duration;

use sockeye_socket_proto::RawArgs;
use tokio::time::Instant;

use super::shares::SharesByOwner;
use crate::checks;
use crate::session::deadlines::after;

/// How much is remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Of one owner; at least 1.
    pub(super) answers_max: usize,
    /// Of one owner.
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

/// In which order the answers of one owner are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// By when they were given. An event under way is never forgotten, and an owner only has what is
    /// remembered of it.
    Time,
    /// By the numbers of the events, which the owner gives. An event counts from its beginning, and
    /// the owner is known as long as an answer of it would be, so that no number is taken for a new one.
    Number,
}

/// The answers by owner `O` and key `K`. `W` is what waits for an answer.
pub(super) struct Answers<O, K, W> {
    bounds: Bounds,
    order: Order,
    owners: HashMap<O, Owner<K, W>>,
    /// Of the owners that may be forgotten: by whose session they are.
    shares: SharesByOwner<O>,
    /// When each owner has to be looked at for what is too old: [`Owner::due`].
    due: BTreeSet<(Instant, O)>,
}

/// What is remembered of one owner.
pub(super) struct Owner<K, W> {
    entries: HashMap<K, Entry<W>>,
    /// The keys of what may be forgotten, by place.
    order: BTreeMap<u64, K>,
    /// The highest place given.
    last: u64,
    /// The highest place forgotten.
    forgotten: u64,
    /// How many are answered, and their bytes.
    answered: usize,
    bytes: usize,
    last_use: Instant,
    /// Not later than the time of its oldest answer: nothing is too old until `age_max` after it.
    due: Instant,
}

/// What became of one event.
struct Entry<W> {
    /// When it began, or was answered.
    at: Instant,
    /// In the order; 0 as long as it is not in it.
    place: u64,
    /// Of the answer.
    bytes: usize,
    progress: Progress<W>,
}

pub(super) enum Progress<W> {
    Underway(W),
    Answered(RawArgs),
}

/// The memory that an answer takes, roughly.
pub(super) fn answer_bytes(answer: &RawArgs) -> usize {
    answer.bytes() + answer.attachments().len() * 32 + 64
}

impl<O: Clone + Ord + Hash, K: Copy + Eq + Hash, W> Answers<O, K, W> {
    pub(super) fn new(mut bounds: Bounds, order: Order) -> Self {
        // What is looked at because it is due is due later then.
        bounds.age_max = bounds.age_max.max(Duration::from_nanos(1));
        let (owners, shares, due) = (HashMap::new(), SharesByOwner::default(), BTreeSet::new());
        Self { bounds, order, owners, shares, due }
    }

    /// Looks at an owner, which is added if it is new, because an event of it has come. `touch` says
    /// whose it is.
    pub(super) fn event<R>(
        &mut self,
        now: Instant,
        owner: &O,
        touch: impl FnOnce(&mut SharesByOwner<O>),
        f: impl FnOnce(&mut Owner<K, W>) -> R,
    ) -> R {
        self.forget_old(now);
        touch(&mut self.shares);
        let known = self.owners.entry(owner.clone()).or_insert_with(|| {
            self.due.insert((now, owner.clone()));
            Owner::new(now)
        });
        known.last_use = now;
        known.forget_old(now, self.bounds.age_max);
        let result = f(known);
        self.bound(owner);
        result
    }

    /// Changes an owner, if it is known.
    pub(super) fn change<R>(
        &mut self,
        owner: &O,
        touch: impl FnOnce(&mut SharesByOwner<O>),
        f: impl FnOnce(&mut Owner<K, W>) -> R,
    ) -> Option<R> {
        let known = self.owners.get_mut(owner)?;
        touch(&mut self.shares);
        let result = f(known);
        self.bound(owner);
        Some(result)
    }

    /// The highest number of an event of this owner; 0 if it is not known.
    pub(super) fn last_of(&self, owner: &O) -> u64 {
        self.owners.get(owner).map_or(0, |owner| owner.last)
    }

    /// Forgets what is too old. When to call it next; `None`: nothing is left.
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
            if owner.entries.is_empty() && now.duration_since(owner.last_use) >= age_max {
                self.remove(&id);
            } else {
                self.bound(&id);
            }
        }
        self.due.first().map(|(due, _)| after(*due, age_max))
    }

    /// Forgets what is too much, after a change of this owner.
    fn bound(&mut self, id: &O) {
        let Some(owner) = self.owners.get_mut(id) else { return };
        owner.forget_much(&self.bounds);
        if self.order == Order::Time && owner.entries.is_empty() {
            self.remove(id);
        } else if self.order == Order::Time && owner.order.is_empty() {
            self.shares.remove(id);
        } else {
            self.shares.resize(id, owner.bytes);
        }
        // One stays, however large it is.
        while self.shares.len() > 1
            && let Some(id) = self.shares.evict(self.bounds.owners_max, self.bounds.bytes_max)
        {
            self.evicted(&id);
        }
        self.check();
    }

    /// Forgets an owner that has no share any more, but for what is under way in the order of time.
    fn evicted(&mut self, id: &O) {
        let Some(owner) = self.owners.get_mut(id) else { return };
        while owner.forget_first() {}
        if owner.entries.is_empty() {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: &O) {
        self.shares.remove(id);
        if let Some(owner) = self.owners.remove(id) {
            self.due.remove(&(owner.due, id.clone()));
        }
    }
}

impl<O: Clone + Ord + Hash, K: Copy + Eq + Hash, W> Answers<O, K, W> {
    /// What always holds, in debug builds.
    fn check(&self) {
        let entries = self.owners.values().map(|owner| owner.entries.len());
        if !checks::is_due(self.owners.len()) || !checks::is_due(entries.sum()) {
            return;
        }
        debug_assert_eq!(self.due.len(), self.owners.len(), "each owner is looked at one day");
        for (id, owner) in &self.owners {
            owner.check();
            debug_assert!(self.due.contains(&(owner.due, id.clone())), "at the time it says");
            let is_empty = owner.order.is_empty() && self.order == Order::Time;
            debug_assert_eq!(self.shares.bytes_of(id), (!is_empty).then_some(owner.bytes));
            debug_assert!(!is_empty || !owner.entries.is_empty(), "nothing is kept for nothing");
            debug_assert!(owner.order.len() <= self.bounds.answers_max);
        }
        debug_assert!(self.shares.len() <= self.owners.len(), "a share is an owner's");
        debug_assert!(self.shares.len() <= self.bounds.owners_max);
    }
}

impl<K: Copy + Eq + Hash, W> Owner<K, W> {
    /// What always holds, in debug builds.
    fn check(&self) {
        let answered = self.entries.values().filter(|entry| entry.bytes > 0);
        debug_assert_eq!(answered.clone().count(), self.answered, "answers are counted");
        debug_assert_eq!(
            answered.map(|entry| entry.bytes).sum::<usize>(),
            self.bytes,
            "so are bytes"
        );
        for (place, key) in &self.order {
            debug_assert_eq!(self.entries.get(key).map(|entry| entry.place), Some(*place));
            debug_assert!(*place <= self.last, "the last place is the highest");
        }
        let ordered = self.entries.values().filter(|entry| entry.place > 0).count();
        debug_assert_eq!(ordered, self.order.len(), "each is in the order, and once");
    }

    fn new(now: Instant) -> Self {
        let (entries, order) = (HashMap::new(), BTreeMap::new());
        let (last, forgotten, answered, bytes) = (0, 0, 0, 0);
        Self { entries, order, last, forgotten, answered, bytes, last_use: now, due: now }
    }

    /// What became of the event with this key, as far as that is known.
    pub(super) fn find(&mut self, key: K) -> Option<&mut Progress<W>> {
        self.entries.get_mut(&key).map(|entry| &mut entry.progress)
    }

    /// An event begins that is not known. Its number, in the order of numbers, is at least 1.
    pub(super) fn begin(&mut self, now: Instant, key: K, number: Option<u64>, waiting: W) {
        let place = number.unwrap_or(0);
        if place > 0 {
            self.order.insert(place, key);
            self.last = self.last.max(place);
        }
        let progress = Progress::Underway(waiting);
        self.entries.insert(key, Entry { at: now, place, bytes: 0, progress });
    }

    /// An event that is under way has its answer, which takes so many bytes; what waited for it.
    pub(super) fn finish(
        &mut self,
        now: Instant,
        key: K,
        answer: impl FnOnce() -> RawArgs,
        bytes: usize,
    ) -> Option<W> {
        let entry = self.entries.get_mut(&key)?;
        let Progress::Underway(_) = entry.progress else { return None };
        if entry.place == 0 {
            self.last += 1;
            entry.place = self.last;
            self.order.insert(entry.place, key);
        }
        (entry.at, entry.bytes, self.last_use) = (now, bytes, now);
        self.answered += 1;
        self.bytes += bytes;
        match std::mem::replace(&mut entry.progress, Progress::Answered(answer())) {
            Progress::Underway(waiting) => Some(waiting),
            Progress::Answered(_) => None,
        }
    }

    /// An event that is under way will not be answered: it may come again.
    pub(super) fn give_up(&mut self, key: K) {
        if let Some(Entry { place, progress: Progress::Underway(_), .. }) = self.entries.get(&key) {
            self.order.remove(place);
            self.entries.remove(&key);
        }
    }

    /// The highest number that was forgotten: what became of it, and of those below it that are not
    /// here, nobody knows any more.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Nobody will ask for the numbers up to this one.
    pub(super) fn forget_up_to(&mut self, number: u64) {
        while self.order.first_key_value().is_some_and(|(place, _)| *place <= number) {
            self.forget_first();
        }
        self.forgotten = self.forgotten.max(number);
    }

    fn forget_old(&mut self, now: Instant, age_max: Duration) {
        while let Some(Entry { at, progress: Progress::Answered(_), .. }) = self.first()
            && now.duration_since(*at) >= age_max
        {
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

    fn first(&self) -> Option<&Entry<W>> {
        self.order.first_key_value().and_then(|(_, key)| self.entries.get(key))
    }

    /// Forgets the first in the order; true: there was one.
    fn forget_first(&mut self) -> bool {
        let Some((place, key)) = self.order.pop_first() else { return false };
        self.forgotten = self.forgotten.max(place);
        if let Some(Entry { bytes, progress: Progress::Answered(_), .. }) =
            self.entries.remove(&key)
        {
            self.answered -= 1;
            self.bytes -= bytes;
        }
        true
    }

    /// When it has to be looked at again, `age_max` aside.
    fn next_due(&self, now: Instant) -> Instant {
        match self.first() {
            Some(Entry { at, progress: Progress::Answered(_), .. }) => *at,
            // However long an event is under way, its owner is known meanwhile.
            _ if !self.entries.is_empty() => now,
            _ => self.last_use,
        }
    }
}
