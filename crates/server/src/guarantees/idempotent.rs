//! Answers an event that comes twice with the first answer, instead of handling it twice.
//!
//! The official client's `retries` send an event again until it is acknowledged, without a number
//! of its own on the wire: when only the answer was lost, the server sees the event twice. The
//! application's payload says what is the same: its idempotency key.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use sockeye_engine::SessionId;
use sockeye_socket_proto::{FromArgs, RawArgs};
use tokio::sync::watch;
use tokio::time::Instant;

use super::answers::{Answers, Bounds, Order, Progress, answer_bytes};
use super::shares::{Group, SharesByOwner};
use crate::error::EventError;
use crate::handler::Handler;
use crate::handler::bound::Answering;
use crate::handler::extract::Context;
use crate::socket::Socket;

/// A handler that handles an event once for each key, see [`idempotent`].
pub struct Idempotent<K, H> {
    key: K,
    handler: H,
    user: User,
    memory: Arc<Memory>,
}

type User = Arc<dyn Fn(&Socket) -> String + Send + Sync>;

/// Wraps a handler: `.on(CHAT, idempotent(|message: &Message| message.id.clone(), chat))`.
///
/// A second event of the same user with the same key is answered as the first was, and not handled;
/// if the first is still being handled, the second waits for it. An error is not remembered: what
/// failed may be tried again. Events whose key is `None` are always handled. The handler has to
/// return its answer, not to [defer](crate::Acker::defer) it.
///
/// Whose event it is says [`by_user`](Idempotent::by_user). Remembered are the last 1,000 answers of
/// a user, up to 1 MiB of them, for ten minutes; of at most 10,000 users and 64 MiB. Then their
/// memory is free again, whether the user is still there or not. Users and keys may be of any
/// length: they are remembered as hashes under a secret of this process.
///
/// ```
/// use sockeye::{Ack, Namespace, idempotent};
///
/// #[derive(serde::Deserialize)]
/// struct Message { id: String, text: String }
///
/// async fn chat(message: Message) -> Ack<usize> {
///     Ack(message.text.len())
/// }
///
/// let namespace: Namespace =
///     Namespace::new("/").on("chat", idempotent(|message: &Message| Some(message.id.clone()), chat));
/// # drop(namespace);
/// ```
pub fn idempotent<P, K, H>(key: K, handler: H) -> Idempotent<K, H>
where
    K: Fn(&P) -> Option<String>,
{
    Idempotent {
        key,
        handler,
        user: Arc::new(|socket| socket.id().to_string()),
        memory: Memory::new(Bounds::default()),
    }
}

impl<K, H> Idempotent<K, H> {
    /// Says whose event it is. Without it, it is the socket's: that lasts through a recovery, but
    /// not through a reconnection without one.
    pub fn by_user(mut self, user: impl Fn(&Socket) -> String + Send + Sync + 'static) -> Self {
        self.user = Arc::new(user);
        self
    }

    /// How many answers are remembered for each user (at least 1), and for how long. Default 1,000
    /// and 10 minutes.
    pub fn remember(self, answers_per_user_max: usize, age_max: Duration) -> Self {
        let answers_max = answers_per_user_max.max(1);
        self.with(|bounds| Bounds { answers_max, age_max, ..bounds })
    }

    /// Bytes of the answers that are remembered for each user; the oldest are forgotten. Default 1 MiB.
    /// The newest answer is kept whatever its size.
    pub fn answer_bytes_max(self, max: usize) -> Self {
        self.with(|bounds| Bounds { answer_bytes_max: max, ..bounds })
    }

    /// Users of whom answers are remembered. Whoever has the most loses one: by address, then by
    /// session, and there the user whose last answer is the oldest. Default 10,000, at least 1.
    pub fn users_max(self, max: usize) -> Self {
        self.with(|bounds| Bounds { owners_max: max.max(1), ..bounds })
    }

    /// Bytes of all answers remembered; whoever has the most loses a user's, found as for
    /// [`users_max`](Idempotent::users_max). Default 64 MiB.
    pub fn bytes_max(self, max: usize) -> Self {
        self.with(|bounds| Bounds { bytes_max: max, ..bounds })
    }

    fn with(self, change: impl FnOnce(Bounds) -> Bounds) -> Self {
        Self { memory: Memory::new(change(self.memory.bounds)), ..self }
    }
}

impl<K: Clone, H: Clone> Clone for Idempotent<K, H> {
    fn clone(&self) -> Self {
        let (key, handler) = (self.key.clone(), self.handler.clone());
        Self { key, handler, user: Arc::clone(&self.user), memory: Arc::clone(&self.memory) }
    }
}

impl<K, H> fmt::Debug for Idempotent<K, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotent").finish_non_exhaustive()
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Once<M>(M);

impl<M, S, P, A, K, H> Handler<Once<M>, S, P, A> for Idempotent<K, H>
where
    K: Fn(&P) -> Option<String> + Clone + Send + Sync + 'static,
    H: Handler<M, S, P, A>,
    P: FromArgs,
{
    fn start(
        &self,
        context: Context<'_, S>,
        args: &str,
        attachments: &[Bytes],
    ) -> Result<Answering, EventError> {
        let payload = P::from_args(args, attachments).map_err(EventError::decode)?;
        let Some(key) = (self.key)(&payload) else {
            return self.handler.start(context, args, attachments);
        };
        let user = (self.user)(context.socket);
        match self.memory.begin(&user, &key, context.socket) {
            Begin::Answered(answer) => Ok(Box::pin(std::future::ready(Ok(Some(answer))))),
            Begin::Underway(first) => Ok(Box::pin(wait(first))),
            Begin::New(handling) => {
                let running = self.handler.start(context, args, attachments)?;
                Ok(Box::pin(async move {
                    let result = running.await;
                    if let Ok(answer) = &result {
                        handling.finish(answer.clone().unwrap_or_default());
                    }
                    result
                }))
            }
        }
    }
}

async fn wait(mut first: watch::Receiver<Outcome>) -> Result<Option<RawArgs>, EventError> {
    let outcome = first.wait_for(|outcome| !matches!(outcome, Outcome::Open)).await;
    match outcome.as_deref() {
        Ok(Outcome::Answered(answer)) => Ok(Some(answer.clone())),
        _ => Err(EventError::new("retry", "the first attempt failed")),
    }
}

/// The answers of one handler, by user and key.
struct Memory {
    bounds: Bounds,
    hashers: [RandomState; 2],
    state: Mutex<State>,
}

struct State {
    answers: Answers<Digest, Digest, watch::Receiver<Outcome>>,
    /// A task forgets what is too old, also when no further event comes.
    is_swept: bool,
}

/// The hash of a user or a key, which may be long: 128 bits, with a secret key.
type Digest = [u64; 2];

/// What became of the first event with a key, for those who wait for it.
#[derive(Debug)]
enum Outcome {
    Open,
    Failed,
    Answered(RawArgs),
}

/// What to do with an event.
enum Begin {
    New(Handling),
    Underway(watch::Receiver<Outcome>),
    Answered(RawArgs),
}

/// The first event with a key, while it is being handled. Dropped without an answer, it has failed.
struct Handling {
    memory: Arc<Memory>,
    user: Digest,
    key: Digest,
    session: SessionId,
    group: Group,
    outcome: watch::Sender<Outcome>,
}

/// The shortest time between two sweeps: each looks at everything that may be too old.
const SWEEP_PAUSE_MIN: Duration = Duration::from_secs(1);

/// An entry takes this beside its answer, roughly.
const ENTRY_BYTES: usize = 128;

impl Memory {
    fn new(bounds: Bounds) -> Arc<Self> {
        let hashers = [RandomState::new(), RandomState::new()];
        let answers = Answers::new(bounds, Order::Time);
        Arc::new(Self { bounds, hashers, state: Mutex::new(State { answers, is_swept: false }) })
    }

    fn begin(self: &Arc<Self>, user: &str, key: &str, socket: &Socket) -> Begin {
        let now = Instant::now();
        let (user, key) = (self.digest(user), self.digest(key));
        let keep_share = |_: &mut SharesByOwner<_>| {};
        self.state.lock().answers.event(now, &user, keep_share, |of_user| match of_user.find(key) {
            Some(Progress::Answered(answer)) => Begin::Answered(answer.clone()),
            Some(Progress::Underway(first)) => Begin::Underway(first.clone()),
            None => {
                let (outcome, receiver) = watch::channel(Outcome::Open);
                of_user.begin(now, key, None, receiver);
                let (memory, session) = (Arc::clone(self), socket.session().id().clone());
                let address = socket.handshake().address();
                let group = Group::of(address.as_ref().map(SocketAddr::ip));
                Begin::New(Handling { memory, user, key, session, group, outcome })
            }
        })
    }

    fn digest(&self, text: &str) -> Digest {
        self.hashers.each_ref().map(|hasher| hasher.hash_one(text))
    }

    /// Forgets what is too old. When to do so next; `None`: nothing is left.
    fn sweep(&self) -> Option<Instant> {
        let (mut state, now) = (self.state.lock(), Instant::now());
        let next = state.answers.forget_old(now);
        state.is_swept = next.is_some();
        next.map(|next| next.max(now + SWEEP_PAUSE_MIN))
    }

    /// Has what is too old forgotten from now on.
    fn start_sweeping(self: &Arc<Self>, state: &mut State) {
        if state.is_swept {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        state.is_swept = true;
        let this = Arc::downgrade(self);
        runtime.spawn(async move {
            while let Some(next) = Weak::upgrade(&this).and_then(|this| this.sweep()) {
                tokio::time::sleep_until(next).await;
            }
        });
    }
}

impl Handling {
    fn finish(self, answer: RawArgs) {
        let (now, bytes) = (Instant::now(), ENTRY_BYTES + answer_bytes(&answer));
        let (user, session) = (&self.user, &self.session);
        let touch = |shares: &mut SharesByOwner<_>| {
            shares.touch(user, session, || self.group.clone());
        };
        let mut state = self.memory.state.lock();
        state
            .answers
            .change(user, touch, |of_user| of_user.finish(now, self.key, || answer.clone(), bytes));
        self.memory.start_sweeping(&mut state);
        drop(state);
        // From here on a second event finds the answer there. Who came before waits for it here.
        self.outcome.send_replace(Outcome::Answered(answer));
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        let is_open = matches!(*self.outcome.borrow(), Outcome::Open);
        if is_open {
            let mut state = self.memory.state.lock();
            state.answers.change(&self.user, |_| {}, |of_user| of_user.give_up(self.key));
            drop(state);
            self.outcome.send_replace(Outcome::Failed);
        }
    }
}
