//! Buckets: what somebody does empties them, and they fill at a fixed rate. For each key there is one or a few, and
//! the memory of all is bounded.
//!
//! A bucket is the moment at which it is full again (GCRA), so that nothing has to fill it.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// How fast a bucket fills, and how much is in a full one. An amount of 0 is no limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) amount: u64,
    pub(crate) per: Duration,
    pub(crate) at_once: u64,
}

/// When it is full again; `None`: nothing was ever taken.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket(Option<Instant>);

/// There is too little in a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Short {
    /// When there will be enough.
    pub(crate) retry_after: Duration,
}

/// One bucket, or a few together.
pub(crate) trait Fills: Default {
    /// When nothing of what was taken counts any more; `None`: nothing was ever taken.
    fn full_at(&self) -> Option<Instant>;
}

/// Buckets by whom they belong to. Of more than it remembers it forgets those that have used the least.
#[derive(Debug)]
pub(crate) struct Table<K, B> {
    keys_max: usize,
    buckets: HashMap<K, B>,
}

impl Rate {
    /// So many at once, then one after each such time.
    pub(crate) const fn one_in(per: Duration, at_once: u64) -> Self {
        Rate { amount: 1, per, at_once }
    }

    /// How long it takes until so much is in it again.
    fn fills_in(self, amount: u64) -> Duration {
        self.per.mul_f64(amount as f64 / self.amount as f64)
    }
}

impl Bucket {
    /// Takes so much.
    ///
    /// # Errors
    /// It is not there; then nothing is taken.
    pub(crate) fn take(&mut self, rate: Rate, amount: u64, now: Instant) -> Result<(), Short> {
        if rate.amount == 0 {
            return Ok(());
        }
        let full_at = self.0.map_or(now, |full_at| full_at.max(now)) + rate.fills_in(amount);
        let debt = full_at - now;
        let debt_max = rate.fills_in(rate.at_once);
        if debt > debt_max {
            return Err(Short { retry_after: debt - debt_max });
        }
        self.0 = Some(full_at);
        Ok(())
    }

    /// Gives back what was taken.
    pub(crate) fn give(&mut self, rate: Rate, amount: u64) {
        if rate.amount > 0 {
            self.0 = self.0.and_then(|full_at| full_at.checked_sub(rate.fills_in(amount)));
        }
    }
}

impl Fills for Bucket {
    fn full_at(&self) -> Option<Instant> {
        self.0
    }
}

impl<K: Eq + Hash, B: Fills> Table<K, B> {
    /// One that remembers so many keys.
    pub(crate) fn new(keys_max: usize) -> Self {
        Table { keys_max, buckets: HashMap::new() }
    }

    /// The buckets of a key, full ones where it is new.
    pub(crate) fn of<Q>(&mut self, key: &Q, now: Instant) -> &mut B
    where
        K: Borrow<Q>,
        Q: ?Sized + Eq + Hash + ToOwned<Owned = K>,
    {
        if !self.buckets.contains_key(key) {
            if self.buckets.len() >= self.keys_max {
                self.forget(now);
            }
            self.buckets.insert(key.to_owned(), B::default());
        }
        self.buckets.get_mut(key).expect("it was put there")
    }

    /// Forgets whoever has used nothing of late, and at least a quarter: those who have used the least.
    fn forget(&mut self, now: Instant) {
        self.buckets.retain(|_, buckets| buckets.full_at().is_some_and(|at| at > now));
        let kept_max = self.keys_max / 4 * 3;
        if self.buckets.len() > kept_max {
            let mut full_at: Vec<_> = self.buckets.values().map(Fills::full_at).collect();
            let excess = full_at.len() - kept_max;
            let (_, &mut limit, _) = full_at.select_nth_unstable(excess);
            self.buckets.retain(|_, buckets| buckets.full_at() > limit);
        }
    }
}

#[cfg(test)]
impl<K, B> Table<K, B> {
    /// How many keys are remembered.
    pub(crate) fn len(&self) -> usize {
        self.buckets.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    /// Ten at once, then four a second.
    const RATE: Rate = Rate { amount: 4, per: SECOND, at_once: 10 };

    fn taken(bucket: &mut Bucket, rate: Rate, now: Instant) -> (usize, Duration) {
        for n in 0..1_000 {
            if let Err(short) = bucket.take(rate, 1, now) {
                return (n, short.retry_after);
            }
        }
        panic!("no limit");
    }

    #[test]
    fn what_is_in_a_full_one_and_what_comes_in() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        assert_eq!(taken(&mut bucket, RATE, now), (10, SECOND / 4));
        assert_eq!(taken(&mut bucket, RATE, now + SECOND / 8), (0, SECOND / 8));
        assert_eq!(taken(&mut bucket, RATE, now + SECOND), (4, SECOND / 4));
        let later = now + 60 * SECOND;
        assert_eq!(taken(&mut bucket, RATE, later).0, 10, "it is never more than full");
        let mut one = Bucket::default();
        assert_eq!(taken(&mut one, Rate::one_in(3 * SECOND, 5), now), (5, 3 * SECOND));
    }

    #[test]
    fn all_of_it_or_nothing_and_what_was_given_back_is_there() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        bucket.take(RATE, 8, now).unwrap();
        assert_eq!(bucket.take(RATE, 4, now), Err(Short { retry_after: SECOND / 2 }));
        bucket.take(RATE, 2, now).unwrap();
        bucket.give(RATE, 3);
        assert_eq!(taken(&mut bucket, RATE, now).0, 3);
        let mut never_used = Bucket::default();
        never_used.give(RATE, 3);
        assert_eq!(taken(&mut never_used, RATE, now).0, 10);
    }

    #[test]
    fn nought_is_no_limit() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        let none = Rate { amount: 0, ..RATE };
        for _ in 0..1_000 {
            bucket.take(none, u64::MAX, now).unwrap();
        }
        bucket.give(none, 1);
        assert_eq!(bucket.full_at(), None);
    }

    #[test]
    fn so_many_are_remembered_and_the_busy_ones_longest() {
        let mut table = Table::<u32, Bucket>::new(100);
        let now = Instant::now();
        for _ in 0..10 {
            table.of(&0, now).take(RATE, 1, now).unwrap();
        }
        for key in 1..=1_000 {
            table.of(&key, now).take(RATE, 1, now).unwrap();
            assert!(table.len() <= 100);
        }
        assert_eq!(taken(table.of(&0, now), RATE, now).0, 0, "it is the busiest");
        assert_eq!(taken(table.of(&1, now), RATE, now).0, 10, "it was forgotten");
    }

    #[test]
    fn whoever_has_used_nothing_of_late_is_forgotten_first() {
        let mut table = Table::<String, Bucket>::new(4);
        let now = Instant::now();
        for (name, amount) in [("a", 8), ("b", 1), ("c", 8), ("d", 0)] {
            table.of(name, now).take(RATE, amount, now).unwrap();
        }
        let later = now + SECOND;
        table.of("e", later).take(RATE, 1, later).unwrap();
        assert_eq!(table.len(), 3);
        assert_eq!(taken(table.of("a", later), RATE, later).0, 6);
        assert_eq!(taken(table.of("c", later), RATE, later).0, 6);
    }
}
