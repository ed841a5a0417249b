//! Requests that were made before: the `Idempotency-Key`.
//!
//! A request with such a key is done once within the window; its repeat is given the same answer, and a repeat
//! that comes while it is being done waits for it. What was refused is not remembered, since nothing was done.
//!
//! The memory is bounded, in parts: each API key that has some of it has an equal part, which nobody takes
//! from it. What others leave free it may use until they need it; then the oldest of whoever has most is
//! forgotten. Whoever has all of its part and finds nothing free is refused.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::config::PublishingConfig;
use super::error::{ApiError, ErrorCode};

/// What an entry takes beside its answer, about.
const ENTRY_BYTES: usize = 256;

/// The requests that are remembered.
#[derive(Debug)]
pub(super) struct Repeats {
    window: Duration,
    entries_max: usize,
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    owners: HashMap<Arc<str>, Owner>,
    held: Held,
}

/// How much is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    entries: usize,
    bytes: usize,
}

/// The requests of one API key.
#[derive(Debug, Default)]
struct Owner {
    by_key: HashMap<Digest, Entry>,
    /// Oldest first.
    order: VecDeque<(Digest, Instant)>,
    held: Held,
}

#[derive(Debug)]
struct Entry {
    fingerprint: Digest,
    answer: Arc<OnceCell<Bytes>>,
    bytes: usize,
}

type Digest = [u8; 32];

/// A request with a key: the first, or a repeat.
#[derive(Debug)]
pub(super) struct Claim {
    repeats: Arc<Repeats>,
    owner: Arc<str>,
    key: Digest,
    answer: Arc<OnceCell<Bytes>>,
}

impl Repeats {
    pub(super) fn new(config: &PublishingConfig) -> Self {
        Self {
            window: config.idempotency_window,
            entries_max: config.idempotency_keys_max,
            bytes_max: config.idempotency_bytes_max,
            state: Mutex::default(),
        }
    }

    /// Looks a request up, or makes a place for its answer, of which `answer_bytes` are set aside.
    pub(super) fn claim(
        self: &Arc<Self>,
        owner: &str,
        key: &[u8],
        fingerprint: Digest,
        answer_bytes: usize,
    ) -> Result<Claim, ApiError> {
        let (owner, key): (Arc<str>, Digest) = (owner.into(), Sha256::digest(key).into());
        let now = Instant::now();
        let mut state = self.state.lock();
        state.forget_old(&owner, now);
        let known = state.owners.get(&owner).and_then(|owner| owner.by_key.get(&key));
        let answer = match known {
            Some(entry) if entry.fingerprint != fingerprint => {
                return Err(ErrorCode::IdempotencyMismatch.error());
            }
            Some(entry) => Arc::clone(&entry.answer),
            None => {
                let bytes = ENTRY_BYTES + answer_bytes;
                self.make_room(&mut state, &owner, bytes, now)?;
                let answer = Arc::default();
                let entry = Entry { fingerprint, answer: Arc::clone(&answer), bytes };
                state.add(&owner, key, entry, now + self.window);
                answer
            }
        };
        state.check();
        drop(state);
        Ok(Claim { repeats: Arc::clone(self), owner, key, answer })
    }

    /// Makes room for one more of an owner, or says that it has no part in what is held any more.
    fn make_room(
        &self,
        state: &mut State,
        owner: &Arc<str>,
        bytes: usize,
        now: Instant,
    ) -> Result<(), ApiError> {
        let fits =
            |held: Held| held.entries < self.entries_max && held.bytes + bytes <= self.bytes_max;
        if fits(state.held) {
            return Ok(());
        }
        state.forget_all_old(now);
        while !fits(state.held) {
            let own = state.owners.get(owner).map_or(Held::default(), |owner| owner.held);
            let owners = state.owners.len() + usize::from(!state.owners.contains_key(owner));
            let after = Held { entries: own.entries + 1, bytes: own.bytes + bytes };
            let is_in_its_part = after.entries * owners <= self.entries_max
                && after.bytes.saturating_mul(owners) <= self.bytes_max;
            let others = state.owners.iter().filter(|(other, _)| *other != owner);
            let most = others.max_by_key(|(_, other)| self.share(other.held));
            let most = most.map(|(most, _)| Arc::clone(most)).filter(|_| is_in_its_part);
            let Some(most) = most else {
                let oldest = state.owners.get(owner).and_then(|owner| owner.order.front());
                let after = oldest.map_or(self.window, |(_, until)| *until - now);
                return Err(ErrorCode::IdempotencyFull.error().retry_after(after));
            };
            tracing::warn!(
                key = &*most,
                "an idempotency key is forgotten within its window: others need the place"
            );
            state.forget_oldest(&most);
        }
        Ok(())
    }

    /// A part of the whole, of entries or of bytes, whichever is more: in no unit, to be compared.
    fn share(&self, held: Held) -> u128 {
        let (entries, bytes) = (held.entries as u128, held.bytes as u128);
        (entries * self.bytes_max as u128).max(bytes * self.entries_max as u128)
    }
}

impl State {
    fn add(&mut self, owner: &Arc<str>, key: Digest, entry: Entry, until: Instant) {
        let bytes = entry.bytes;
        let owner = self.owners.entry(Arc::clone(owner)).or_default();
        owner.by_key.insert(key, entry);
        owner.order.push_back((key, until));
        for held in [&mut owner.held, &mut self.held] {
            held.entries += 1;
            held.bytes += bytes;
        }
    }

    fn forget(&mut self, name: &Arc<str>, key: &Digest) {
        let Some(owner) = self.owners.get_mut(name) else { return };
        let Some(entry) = owner.by_key.remove(key) else { return };
        for held in [&mut owner.held, &mut self.held] {
            held.entries -= 1;
            held.bytes -= entry.bytes;
        }
        match owner.order.front() {
            Some((oldest, _)) if oldest == key => drop(owner.order.pop_front()),
            _ => owner.order.retain(|(other, _)| other != key),
        }
        if owner.by_key.is_empty() {
            self.owners.remove(name);
        }
    }

    fn forget_oldest(&mut self, name: &Arc<str>) {
        let oldest = self.owners.get(name).and_then(|owner| owner.order.front().copied());
        if let Some((key, _)) = oldest {
            self.forget(name, &key);
        }
    }

    /// Forgets what an owner has from before the window.
    fn forget_old(&mut self, name: &Arc<str>, now: Instant) {
        while let Some(owner) = self.owners.get(name)
            && owner.order.front().is_some_and(|(_, until)| *until <= now)
        {
            self.forget_oldest(name);
        }
    }

    fn forget_all_old(&mut self, now: Instant) {
        let owners: Vec<_> = self.owners.keys().map(Arc::clone).collect();
        owners.iter().for_each(|owner| self.forget_old(owner, now));
    }

    /// Whether the counts agree with what is there.
    fn check(&self) {
        if cfg!(debug_assertions) {
            let mut all = Held::default();
            for owner in self.owners.values() {
                assert_eq!(owner.by_key.len(), owner.order.len());
                assert_eq!(owner.by_key.len(), owner.held.entries);
                all.entries += owner.held.entries;
                all.bytes += owner.held.bytes;
            }
            assert_eq!(all, self.held);
        }
    }
}

impl Claim {
    /// The answer: that of the first request, or what `work` answers. Of several at the same time one works.
    pub(super) async fn answer<F>(&self, work: impl FnOnce() -> F) -> Result<Bytes, ApiError>
    where
        F: Future<Output = Result<Bytes, ApiError>>,
    {
        self.answer.get_or_try_init(work).await.cloned()
    }

    /// Whether this is a repeat whose answer is known.
    pub(super) fn is_repeat(&self) -> bool {
        self.answer.initialized()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut state = self.repeats.state.lock();
        let State { owners, held } = &mut *state;
        let Some(owner) = owners.get_mut(&self.owner) else { return };
        let Some(entry) = owner.by_key.get_mut(&self.key) else { return };
        if !Arc::ptr_eq(&entry.answer, &self.answer) {
            return;
        }
        match self.answer.get() {
            Some(answer) => {
                let bytes = ENTRY_BYTES + answer.len();
                for held in [&mut owner.held, held] {
                    held.bytes = held.bytes + bytes - entry.bytes;
                }
                entry.bytes = bytes;
            }
            // Nothing was done; and nobody else is about to, who would hold it as well.
            None if Arc::strong_count(&self.answer) == 2 => {
                state.forget(&self.owner, &self.key);
            }
            None => {}
        }
        state.check();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    fn repeats(idempotency_keys_max: usize, idempotency_bytes_max: usize) -> Arc<Repeats> {
        let config = PublishingConfig {
            idempotency_window: Duration::from_secs(10),
            idempotency_keys_max,
            idempotency_bytes_max,
            ..Default::default()
        };
        Arc::new(Repeats::new(&config))
    }

    /// Does a request that is answered with its key.
    async fn once(repeats: &Arc<Repeats>, owner: &str, key: &str) -> Result<(), ErrorCode> {
        let claim = repeats.claim(owner, key.as_bytes(), [0; 32], 0).map_err(|error| error.code)?;
        let answer = Bytes::copy_from_slice(key.as_bytes());
        assert_eq!(claim.answer(async || Ok(answer.clone())).await, Ok(answer));
        Ok(())
    }

    fn held(repeats: &Repeats) -> Held {
        repeats.state.lock().held
    }

    async fn is_known(repeats: &Arc<Repeats>, owner: &str, key: &str) -> bool {
        let claim = repeats.claim(owner, key.as_bytes(), [0; 32], 0).unwrap();
        claim.is_repeat()
    }

    #[tokio::test(start_paused = true)]
    async fn a_repeat_is_not_done_again_within_the_window() {
        let repeats = repeats(10, 10_000);
        once(&repeats, "a", "k").await.unwrap();
        advance(Duration::from_millis(9_999)).await;
        let claim = repeats.claim("a", b"k", [0; 32], 0).unwrap();
        assert!(claim.is_repeat());
        let answer = claim.answer(async || panic!("done again")).await;
        assert_eq!(answer.unwrap(), "k");
        let other = repeats.claim("a", b"k", [1; 32], 0).unwrap_err();
        assert_eq!(other.code, ErrorCode::IdempotencyMismatch);
        // Another API key's is another one.
        assert!(!is_known(&repeats, "b", "k").await);
        drop(claim);
        advance(Duration::from_millis(1)).await;
        assert!(!is_known(&repeats, "a", "k").await);
        assert_eq!(held(&repeats), Held::default());
    }

    #[tokio::test(start_paused = true)]
    async fn a_repeat_at_the_same_time_waits_and_a_failure_is_not_remembered() {
        let repeats = repeats(10, 10_000);
        let (first, second) = (
            repeats.claim("a", b"k", [0; 32], 0).unwrap(),
            repeats.claim("a", b"k", [0; 32], 0).unwrap(),
        );
        let failed = async || {
            tokio::task::yield_now().await;
            Err(ErrorCode::UnknownSocket.error())
        };
        let done = async || Ok(Bytes::from_static(b"done"));
        let (one, two) = tokio::join!(first.answer(failed), second.answer(done));
        assert_eq!(one.unwrap_err().code, ErrorCode::UnknownSocket);
        assert_eq!(two.unwrap(), "done");
        drop((first, second));
        assert!(is_known(&repeats, "a", "k").await);

        let claim = repeats.claim("a", b"x", [0; 32], 5).unwrap();
        assert_eq!(held(&repeats).entries, 2);
        drop(claim);
        assert_eq!(held(&repeats), Held { entries: 1, bytes: ENTRY_BYTES + 4 });
    }

    #[tokio::test(start_paused = true)]
    async fn each_api_key_has_an_equal_part_that_nobody_takes() {
        let repeats = repeats(6, 1_000_000);
        for n in 0..6 {
            once(&repeats, "a", &n.to_string()).await.unwrap();
        }
        let full = repeats.claim("a", b"6", [0; 32], 0).unwrap_err();
        assert_eq!(full, ErrorCode::IdempotencyFull.error().retry_after(Duration::from_secs(10)));
        // A repeat needs no room.
        assert!(is_known(&repeats, "a", "0").await);
        for n in 0..3 {
            once(&repeats, "b", &n.to_string()).await.unwrap();
        }
        assert_eq!(once(&repeats, "b", "3").await, Err(ErrorCode::IdempotencyFull));
        for n in 0..3 {
            assert_eq!(
                once(&repeats, "a", &n.to_string()).await,
                Err(ErrorCode::IdempotencyFull),
                "{n}"
            );
            assert!(is_known(&repeats, "a", &(n + 3).to_string()).await);
            assert!(is_known(&repeats, "b", &n.to_string()).await);
        }
        // A third one takes of both.
        once(&repeats, "c", "0").await.unwrap();
        once(&repeats, "c", "1").await.unwrap();
        assert_eq!(once(&repeats, "c", "2").await, Err(ErrorCode::IdempotencyFull));
        advance(Duration::from_secs(10)).await;
        once(&repeats, "c", "2").await.unwrap();
        assert_eq!(held(&repeats).entries, 5, "only its own are looked at while there is room");
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_are_bounded_with_what_is_set_aside() {
        let repeats = repeats(100, 2 * ENTRY_BYTES + 10);
        let first = repeats.claim("a", b"1", [0; 32], 10).unwrap();
        assert!(repeats.claim("a", b"2", [0; 32], 1).is_err());
        let second = repeats.claim("a", b"2", [0; 32], 0).unwrap();
        let answer = first.answer(async || Ok(Bytes::from_static(b"12"))).await;
        assert_eq!(answer.unwrap().len(), 2);
        drop((first, second));
        assert_eq!(held(&repeats), Held { entries: 1, bytes: ENTRY_BYTES + 2 });
        assert!(repeats.claim("a", b"2", [0; 32], 8).is_ok());
    }
}
