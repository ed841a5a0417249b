//! Answers an event that comes twice with the first answer, instead of handling it twice.
//!
//! The official client's `retries` send an event again until it is acknowledged, without a number
//! of its own on the wire: when only the answer was lost, the server sees the event twice. The
//! application's payload says what is the same: its idempotency key.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use sockeye_socket_proto::FromArgs;
use tokio::{sync::watch, time::Instant};

use crate::{
    Context, EventError, Handler, Socket,
    ack::{Answer, Reply},
    handler::Running,
};

/// A handler that handles an event once for each key, see [`idempotent`].
pub struct Idempotent<K, H> {
    key: K,
    handler: H,
    user: User,
    answers: Arc<Answers>,
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
/// a user for ten minutes ([`remember`](Idempotent::remember)).
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
        answers: Arc::new(Answers::new(1_000, Duration::from_secs(600))),
    }
}

impl<K, H> Idempotent<K, H> {
    /// Says whose event it is. Without it, it is the socket's: that lasts through a recovery, but
    /// not through a reconnection without one.
    #[must_use]
    pub fn by_user(mut self, user: impl Fn(&Socket) -> String + Send + Sync + 'static) -> Self {
        self.user = Arc::new(user);
        self
    }

    /// How many answers are remembered for each user, and for how long.
    #[must_use]
    pub fn remember(mut self, answers_per_user_max: usize, age_max: Duration) -> Self {
        self.answers = Arc::new(Answers::new(answers_per_user_max, age_max));
        self
    }
}

impl<K: Clone, H: Clone> Clone for Idempotent<K, H> {
    fn clone(&self) -> Self {
        let (key, handler) = (self.key.clone(), self.handler.clone());
        Self { key, handler, user: self.user.clone(), answers: self.answers.clone() }
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
    ) -> Result<Running<Result<Reply, EventError>>, EventError> {
        let payload = P::from_args(args, attachments).map_err(EventError::decode)?;
        let Some(key) = (self.key)(&payload) else {
            return self.handler.start(context, args, attachments);
        };
        let user = (self.user)(context.socket);
        match self.answers.begin(&user, &key) {
            Begin::Known(answer) => Ok(Box::pin(std::future::ready(Ok(reply(answer))))),
            Begin::Underway(first) => Ok(Box::pin(wait(first))),
            Begin::New(turn) => {
                let running = self.handler.start(context, args, attachments)?;
                Ok(Box::pin(async move {
                    let result = running.await;
                    turn.finish(result.as_ref().ok());
                    result
                }))
            }
        }
    }
}

async fn wait(mut first: watch::Receiver<Progress>) -> Result<Reply, EventError> {
    let outcome = first.wait_for(|progress| !matches!(progress, Progress::Underway)).await;
    match outcome.as_deref() {
        Ok(Progress::Done(answer)) => Ok(reply(answer.clone())),
        _ => Err(EventError::new("retry", "the first attempt failed")),
    }
}

fn reply(answer: Option<Answer>) -> Reply {
    Reply::Answer(answer.unwrap_or_default())
}

/// What became of the first event with a key.
#[derive(Debug)]
enum Progress {
    Underway,
    Failed,
    /// Its answer, if one was asked for.
    Done(Option<Answer>),
}

/// The answers of one event, by user and key.
struct Answers {
    per_user_max: usize,
    age_max: Duration,
    users: Mutex<Users>,
}

#[derive(Default)]
struct Users {
    remembered: HashMap<String, Remembered>,
    /// When those were last forgotten who had been silent for too long.
    swept: Option<Instant>,
}

#[derive(Default)]
struct Remembered {
    by_key: HashMap<String, watch::Receiver<Progress>>,
    /// In the order in which they began.
    order: VecDeque<(Instant, String)>,
}

enum Begin {
    New(Turn),
    Underway(watch::Receiver<Progress>),
    Known(Option<Answer>),
}

/// The first event with a key is being handled. Dropped unfinished, it has failed.
struct Turn {
    answers: Arc<Answers>,
    user: String,
    key: String,
    progress: watch::Sender<Progress>,
}

impl Answers {
    fn new(per_user_max: usize, age_max: Duration) -> Self {
        Self { per_user_max: per_user_max.max(1), age_max, users: Mutex::default() }
    }

    fn begin(self: &Arc<Self>, user: &str, key: &str) -> Begin {
        let mut users = self.users.lock();
        let now = Instant::now();
        if users.swept.is_none_or(|swept| now - swept > self.age_max / 2) {
            users.swept = Some(now);
            let age_max = self.age_max;
            users.remembered.retain(|_, remembered| remembered.forget(now, age_max, usize::MAX));
        }
        let remembered = users.remembered.entry(user.to_owned()).or_default();
        remembered.forget(now, self.age_max, usize::MAX);
        if let Some(first) = remembered.by_key.get(key) {
            return match &*first.borrow() {
                Progress::Done(answer) => Begin::Known(answer.clone()),
                _ => Begin::Underway(first.clone()),
            };
        }
        let (progress, receiver) = watch::channel(Progress::Underway);
        remembered.by_key.insert(key.to_owned(), receiver);
        remembered.order.push_back((now, key.to_owned()));
        remembered.forget(now, self.age_max, self.per_user_max);
        let (user, key) = (user.to_owned(), key.to_owned());
        Begin::New(Turn { answers: self.clone(), user, key, progress })
    }

    fn forget(&self, user: &str, key: &str) {
        if let Some(remembered) = self.users.lock().remembered.get_mut(user) {
            remembered.by_key.remove(key);
            remembered.order.retain(|(_, other)| other != key);
        }
    }
}

impl Remembered {
    /// Forgets what is too old or too much; false when nothing is left.
    fn forget(&mut self, now: Instant, age_max: Duration, count_max: usize) -> bool {
        while let Some((at, key)) = self.order.front() {
            if now - *at <= age_max && self.order.len() <= count_max {
                break;
            }
            self.by_key.remove(key);
            self.order.pop_front();
        }
        !self.order.is_empty()
    }
}

impl Turn {
    fn finish(self, reply: Option<&Reply>) {
        if let Some(reply) = reply {
            let answer = match reply {
                Reply::Answer(answer) => Some(answer.clone()),
                Reply::Deferred => None,
            };
            self.progress.send_replace(Progress::Done(answer));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if matches!(*self.progress.borrow(), Progress::Underway) {
            self.answers.forget(&self.user, &self.key);
            self.progress.send_replace(Progress::Failed);
        }
    }
}
