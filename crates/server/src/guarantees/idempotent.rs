//! Idempotent handlers: a repeated event gets the first answer instead of being handled twice.
//!
//! The official client's `retries` send an event again until it is acknowledged, without a number
//! of its own on the wire: when only the answer was lost, the server receives the event twice. The
//! application's payload has to identify it: by an idempotency key.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sockeye_engine::KeptExtensions;
use sockeye_socket_proto::{EventRef, FromArgs, RawArgs};
use tokio::sync::watch;
use tokio::time::Instant;

use super::answers::{Answers, Bounds, Handling, Key, Known, SharedAnswers};
use super::shares::Group;
use crate::error::EventError;
use crate::handler::Handler;
use crate::handler::context::Context;
use crate::handler::running::Answering;
use crate::socket::Socket;

/// A handler that handles an event once for each key, see [`idempotent`].
#[derive(Clone)]
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
/// if the first is still being handled, the second waits for it. An error is not remembered: a
/// failed event may be sent again. Events whose key is `None` are always handled. The handler has
/// to return its answer, not to [defer](crate::Acker::defer) it.
///
/// [`by_user`](Idempotent::by_user) determines the user of an event. The last 1,000 answers of a
/// user are remembered, up to 1 MiB of them, for ten minutes; of at most 10,000 users and 64 MiB.
/// Then their memory is freed, whether the user is still connected or not. Users and keys may be of
/// any length: they are remembered as hashes under a secret of this process.
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
    /// Sets how to get the user of an event. Default: the socket's id, which survives a recovery,
    /// but not a reconnection without one.
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

    /// Users of whom answers are remembered. The address with the most loses one: of its session
    /// with the most, the user with the oldest last answer. Default 10,000, at least 1.
    pub fn users_max(self, max: usize) -> Self {
        self.with(|bounds| Bounds { owners_max: max.max(1), ..bounds })
    }

    /// Bytes of all answers remembered; beyond that those of a user are forgotten, found as for
    /// [`users_max`](Idempotent::users_max). Default 64 MiB.
    pub fn bytes_max(self, max: usize) -> Self {
        self.with(|bounds| Bounds { bytes_max: max, ..bounds })
    }

    fn with(self, change: impl FnOnce(Bounds) -> Bounds) -> Self {
        Self { memory: Memory::new(change(self.memory.bounds)), ..self }
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

#[diagnostic::do_not_recommend]
impl<M, S, P, A, K, H> Handler<Once<M>, S, P, A> for Idempotent<K, H>
where
    K: Fn(&P) -> Option<String> + Clone + Send + Sync + 'static,
    H: Handler<M, S, P, A>,
    P: FromArgs,
{
    fn start(&self, context: Context<'_, S>, event: EventRef<'_>) -> Result<Answering, EventError> {
        let payload = event.decode::<P>().map_err(EventError::decode)?;
        let Some(key) = (self.key)(&payload) else {
            return self.handler.start(context, event);
        };
        let socket = context.socket()?;
        let user = (self.user)(socket);
        let [owner, key] = [user, key].map(|text| self.memory.digest(&text));
        let (now, asked) = (Instant::now(), (&owner, key));
        // A user has no share before the first answer.
        let known =
            self.memory.answers.lock().begin(now, asked, 0, |_| {}, |repeats| repeats.subscribe());
        match known {
            Known::Answered(answer) => Ok(Box::pin(std::future::ready(Ok(Some(answer))))),
            Known::Underway(first) => Ok(Box::pin(wait(first))),
            Known::New | Known::Forgotten => {
                let address = socket.handshake().address();
                let group = Group::of(address.as_ref().map(SocketAddr::ip));
                let by = Some((socket.session().id().clone(), group));
                let memory = Arc::clone(&self.memory);
                let handling = Handling { answers: Arc::clone(&memory.answers), owner, key, by };
                let running = self.handler.start(context, event)?;
                Ok(Box::pin(async move {
                    let result = running.await;
                    if let Ok(answer) = &result {
                        let empty = RawArgs::default();
                        let answer = answer.as_ref().unwrap_or(&empty);
                        let repeats = handling.finish(answer);
                        if let Some(repeats) = repeats.filter(|it| it.receiver_count() > 0) {
                            repeats.send_replace(Some(answer.clone()));
                        }
                        memory.start_sweeping();
                    }
                    result
                }))
            }
        }
    }

    fn keep_extensions(&self, kept: KeptExtensions) -> KeptExtensions {
        self.handler.keep_extensions(kept)
    }
}

async fn wait(mut first: watch::Receiver<Option<RawArgs>>) -> Result<Option<RawArgs>, EventError> {
    match first.wait_for(Option::is_some).await.as_deref() {
        Ok(answer) => Ok(answer.clone()),
        Err(_) => Err(EventError::new("retry", "the first attempt failed")),
    }
}

/// The answers of one handler, by user and key.
struct Memory {
    bounds: Bounds,
    hashers: [RandomState; 2],
    answers: SharedAnswers<Digest, Digest, Repeats>,
    /// Whether a task is running that forgets old answers, even if no further event arrives.
    is_swept: AtomicBool,
}

/// The hash of a user or a key, which may be long: 128 bits, with a secret key.
type Digest = [u64; 2];

/// The channel to repeated events, which wait for the answer to the first. It is dropped without an
/// answer if the first fails.
type Repeats = watch::Sender<Option<RawArgs>>;

/// The shortest time between two sweeps, since each reads everything that may be too old.
const SWEEP_PAUSE_MIN: Duration = Duration::from_secs(1);

impl Memory {
    fn new(bounds: Bounds) -> Arc<Self> {
        let hashers = [RandomState::new(), RandomState::new()];
        let answers = Arc::new(Mutex::new(Answers::new(bounds)));
        Arc::new(Self { bounds, hashers, answers, is_swept: AtomicBool::new(false) })
    }

    fn digest(&self, text: &str) -> Digest {
        self.hashers.each_ref().map(|hasher| hasher.hash_one(text))
    }

    /// Starts the task that forgets old answers, which runs until none is left.
    fn start_sweeping(self: &Arc<Self>) {
        if self.is_swept.swap(true, Ordering::AcqRel) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return self.is_swept.store(false, Ordering::Release);
        };
        let this = Arc::downgrade(self);
        runtime.spawn(async move {
            while let Some(next) = this.upgrade().and_then(|this| this.sweep()) {
                tokio::time::sleep_until(next).await;
            }
        });
    }

    /// Forgets what is too old. Returns when to do so next; `None`: nothing is left.
    fn sweep(&self) -> Option<Instant> {
        let (mut answers, now) = (self.answers.lock(), Instant::now());
        let next = answers.forget_old(now);
        if next.is_none() {
            // Under the lock, so that an answer added later starts another sweep.
            self.is_swept.store(false, Ordering::Release);
        }
        next.map(|next| next.max(now + SWEEP_PAUSE_MIN))
    }
}

impl Key for Digest {
    const ENTRY_BYTES: usize = 128;
}
