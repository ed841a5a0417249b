//! Answers an event that comes twice with the first answer, instead of handling it twice.
//!
//! The official client's `retries` send an event again until it is acknowledged, without a number
//! of its own on the wire: when only the answer was lost, the server sees the event twice. The
//! application's payload says what is the same: its idempotency key.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sockeye_socket_proto::{FromArgs, RawArgs};
use tokio::sync::watch;

use super::answers::{Answers, Begin, Progress, Rules};
use crate::error::EventError;
use crate::handler::Handler;
use crate::handler::extract::Context;
use crate::handler::running::Answering;
use crate::socket::Socket;

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
        answers: Answers::new(Rules::default()),
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

    /// How many answers are remembered for each user (at least 1), and for how long. Default 1,000
    /// and 10 minutes.
    #[must_use]
    pub fn remember(self, answers_per_user_max: usize, age_max: Duration) -> Self {
        let answers_max = answers_per_user_max.max(1);
        self.with(|rules| Rules { answers_max, age_max, ..rules })
    }

    /// Bytes of the answers that are remembered for each user; the oldest make room. Default 1 MiB.
    /// The newest answer is kept whatever its size.
    #[must_use]
    pub fn answer_bytes_max(self, max: usize) -> Self {
        self.with(|rules| Rules { answer_bytes_max: max, ..rules })
    }

    /// Users of whom answers are remembered. Whoever made the most makes room: by address, then by
    /// session, and there the user whose last answer is the oldest. Default 10,000, at least 1.
    #[must_use]
    pub fn users_max(self, max: usize) -> Self {
        self.with(|rules| Rules { users_max: max.max(1), ..rules })
    }

    /// Bytes of all answers remembered; whoever has the most makes room, found as for
    /// [`users_max`](Idempotent::users_max). Default 64 MiB.
    #[must_use]
    pub fn bytes_max(self, max: usize) -> Self {
        self.with(|rules| Rules { bytes_max: max, ..rules })
    }

    fn with(self, change: impl FnOnce(Rules) -> Rules) -> Self {
        Self { answers: Answers::new(change(self.answers.rules())), ..self }
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
    ) -> Result<Answering, EventError> {
        let payload = P::from_args(args, attachments).map_err(EventError::decode)?;
        let Some(key) = (self.key)(&payload) else {
            return self.handler.start(context, args, attachments);
        };
        let socket = context.socket()?;
        let user = (self.user)(socket);
        match self.answers.begin(&user, &key, socket) {
            Begin::Known(answer) => {
                Ok(Box::pin(std::future::ready(Ok(Some(answer.unwrap_or_default())))))
            }
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

async fn wait(mut first: watch::Receiver<Progress>) -> Result<Option<RawArgs>, EventError> {
    let outcome = first.wait_for(|progress| !matches!(progress, Progress::Underway)).await;
    match outcome.as_deref() {
        Ok(Progress::Done(answer)) => Ok(Some(answer.clone().unwrap_or_default())),
        _ => Err(EventError::new("retry", "the first attempt failed")),
    }
}
