//! What is remembered of events that may come twice, and for how long.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use sockeye_engine::SessionId;
use sockeye_socket_proto::RawArgs;
use tokio::sync::watch;
use tokio::time::Instant;

use super::tiered_shares::{Group, SharesByOwner};
use crate::handler::acker::memory;
use crate::session::deadlines::after;
use crate::socket::Socket;

/// How much is remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Of one user.
    pub(super) answers_max: usize,
    /// Of one user.
    pub(super) answer_bytes_max: usize,
    pub(super) age_max: Duration,
    pub(super) users_max: usize,
    pub(super) bytes_max: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            answers_max: 1_000,
            answer_bytes_max: 1024 * 1024,
            age_max: Duration::from_secs(600),
            users_max: 10_000,
            bytes_max: 64 * 1024 * 1024,
        }
    }
}

/// What became of the first event with a key.
#[derive(Debug)]
pub(super) enum Progress {
    Underway,
    Failed,
    /// Its answer, if one was asked for.
    Done(Option<RawArgs>),
}

/// What to do with an event.
pub(super) enum Begin {
    New(Turn),
    Underway(watch::Receiver<Progress>),
    Known(Option<RawArgs>),
}

/// The first event with a key is being handled. Dropped unfinished, it has failed.
pub(super) struct Turn {
    answers: Arc<Answers>,
    user: Digest,
    key: Digest,
    maker: SessionId,
    group: Group,
    progress: watch::Sender<Progress>,
}

/// The answers of one event, by user and key.
pub(super) struct Answers {
    rules: Rules,
    hashers: [RandomState; 2],
    memory: Mutex<Memory>,
}

/// What stands for a user or a key, which may be long: 128 bits, by a hash with a secret key.
type Digest = [u64; 2];

#[derive(Default)]
struct Memory {
    users: HashMap<Digest, Remembered>,
    /// The users that have answers, by who brought them.
    makers: SharesByOwner<Digest>,
    /// Of each of them, when its oldest answer was given.
    oldest: BTreeSet<(Instant, Digest)>,
    /// Somebody forgets what is too old, also when no further event comes.
    is_swept: bool,
}

/// What is remembered of one user.
#[derive(Default)]
struct Remembered {
    by_key: HashMap<Digest, Entry>,
    /// When what is done was done.
    order: VecDeque<(Instant, Digest)>,
    bytes: usize,
}

enum Entry {
    Underway(watch::Receiver<Progress>),
    Done(Option<RawArgs>),
}

/// However short the ages: a sweep is not free.
const SWEEP_PAUSE_MIN: Duration = Duration::from_secs(1);

/// An entry takes this beside its answer, roughly.
const ENTRY_BYTES: usize = 128;

impl Answers {
    pub(super) fn new(rules: Rules) -> Arc<Self> {
        let hashers = [RandomState::new(), RandomState::new()];
        Arc::new(Self { rules, hashers, memory: Mutex::default() })
    }

    pub(super) fn rules(&self) -> Rules {
        self.rules
    }

    pub(super) fn begin(self: &Arc<Self>, user: &str, key: &str, socket: &Socket) -> Begin {
        let (user, key) = (self.digest(user), self.digest(key));
        let mut memory = self.memory.lock();
        memory.forget_old(Instant::now(), self.rules.age_max);
        let remembered = memory.users.entry(user).or_default();
        match remembered.by_key.get(&key) {
            Some(Entry::Done(answer)) => return Begin::Known(answer.clone()),
            Some(Entry::Underway(first)) => return Begin::Underway(first.clone()),
            None => {}
        }
        let (progress, receiver) = watch::channel(Progress::Underway);
        remembered.by_key.insert(key, Entry::Underway(receiver));
        drop(memory);
        let (maker, group) = (socket.session().id().clone(), Group::by_address(socket));
        Begin::New(Turn { answers: self.clone(), user, key, maker, group, progress })
    }

    fn digest(&self, text: &str) -> Digest {
        self.hashers.each_ref().map(|hasher| hasher.hash_one(text))
    }

    /// Remembers an answer, and forgets what is too much.
    fn remember(self: &Arc<Self>, turn: &Turn, answer: Option<RawArgs>) {
        let mut memory = self.memory.lock();
        let now = Instant::now();
        let Memory { users, makers, oldest, .. } = &mut *memory;
        let remembered = users.entry(turn.user).or_default();
        remembered.bytes += bytes(answer.as_ref());
        remembered.by_key.insert(turn.key, Entry::Done(answer));
        remembered.order.push_back((now, turn.key));
        if remembered.order.len() == 1 {
            oldest.insert((now, turn.user));
        }
        makers.touch(&turn.user, &turn.maker, || turn.group.clone());
        memory.forget_of(turn.user, |remembered, _| {
            let Rules { answers_max, answer_bytes_max, .. } = self.rules;
            let count = remembered.order.len();
            count > answers_max || count > 1 && remembered.bytes > answer_bytes_max
        });
        let Rules { users_max, bytes_max, .. } = self.rules;
        while memory.makers.len() > 1
            && let Some(user) = memory.makers.evict(users_max, bytes_max)
        {
            memory.forget_of(user, |_, _| true);
        }
        if !std::mem::replace(&mut memory.is_swept, true) {
            let sweep = sweep(Arc::downgrade(self));
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn(sweep)),
                Err(_) => memory.is_swept = false,
            }
        }
    }

    /// An event failed: it may come again.
    fn forget(&self, user: Digest, key: Digest) {
        let mut memory = self.memory.lock();
        if let Some(remembered) = memory.users.get_mut(&user) {
            remembered.by_key.remove(&key);
            if remembered.by_key.is_empty() {
                memory.users.remove(&user);
            }
        }
    }
}

/// Forgets what is too old, until nothing is left.
async fn sweep(answers: Weak<Answers>) {
    loop {
        let Some(this) = answers.upgrade() else { return };
        let next = {
            let mut memory = this.memory.lock();
            let now = Instant::now();
            memory.forget_old(now, this.rules.age_max);
            let Some(&(oldest, _)) = memory.oldest.first() else {
                memory.is_swept = false;
                return;
            };
            after(oldest, this.rules.age_max).max(now + SWEEP_PAUSE_MIN)
        };
        drop(this);
        tokio::time::sleep_until(next).await;
    }
}

impl Memory {
    fn forget_old(&mut self, now: Instant, age_max: Duration) {
        let is_old = |at: Instant| now - at >= age_max;
        while let Some(&(at, user)) = self.oldest.first()
            && is_old(at)
        {
            self.forget_of(user, |_, at| is_old(at));
        }
    }

    /// Forgets answers of a user, the oldest first, while this holds.
    fn forget_of(&mut self, user: Digest, is_too_much: impl Fn(&Remembered, Instant) -> bool) {
        let Some(remembered) = self.users.get_mut(&user) else { return };
        let before = remembered.order.front().map(|&(at, _)| at);
        while let Some(&(at, key)) = remembered.order.front()
            && is_too_much(remembered, at)
        {
            remembered.order.pop_front();
            if let Some(Entry::Done(answer)) = remembered.by_key.remove(&key) {
                remembered.bytes -= bytes(answer.as_ref());
            }
        }
        let after = remembered.order.front().map(|&(at, _)| at);
        if before != after {
            before.map(|at| self.oldest.remove(&(at, user)));
            after.map(|at| self.oldest.insert((at, user)));
        }
        match after {
            Some(_) => self.makers.resize(&user, remembered.bytes),
            None => self.makers.remove(&user),
        }
        if remembered.by_key.is_empty() {
            self.users.remove(&user);
        }
    }
}

fn bytes(answer: Option<&RawArgs>) -> usize {
    ENTRY_BYTES + answer.map_or(0, memory)
}

impl Turn {
    /// The event was handled; `None`: it failed.
    pub(super) fn finish(self, answer: Option<&Option<RawArgs>>) {
        let Some(answer) = answer else { return };
        self.answers.remember(&self, answer.clone());
        // From here on a second event finds the answer there. Who came before waits for it here.
        let is_awaited = self.progress.receiver_count() > 0;
        self.progress.send_replace(Progress::Done(is_awaited.then(|| answer.clone()).flatten()));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if matches!(*self.progress.borrow(), Progress::Underway) {
            self.answers.forget(self.user, self.key);
            self.progress.send_replace(Progress::Failed);
        }
    }
}
