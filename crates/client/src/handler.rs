//! Async functions as handlers: the client if they want it, the payload last, the answer returned.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use serde::Serialize;
use sockeye_socket_proto::{FromArgs, RawArgs, encode_args};

use crate::client::Client;
use crate::error::EventError;

/// A started handler.
pub(crate) type Running<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// A handler of one event.
pub(crate) type EventHandler =
    Arc<dyn Fn(Client, &str, &[Bytes], bool) -> Result<Started, EventError> + Send + Sync>;
/// A handler of something that happens to the client itself.
pub(crate) type LifeHandler<T> = Arc<dyn Fn(T) -> Running<()> + Send + Sync>;
pub(crate) type Started = Pin<Box<dyn Future<Output = Result<Option<Answer>, EventError>> + Send>>;

/// The answer of a handler: `Ack(value)` answers with one value, `Ack(Args((a, b)))` with two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ack<A>(pub A);

/// Encoded arguments of an ack.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Answer {
    pub(crate) json: String,
    pub(crate) attachments: Vec<Bytes>,
}

impl Answer {
    pub(crate) fn encode<A: Serialize>(value: &A) -> Result<Self, EventError> {
        let mut json = Vec::new();
        let attachments = encode_args(value, &mut json)?;
        Ok(Answer { json: String::from_utf8(json)?, attachments })
    }
}

/// What handlers return and how it answers the server's request for an ack: `()` without a value,
/// [`Ack<T>`] with a `T`, `Result<R, E>` the same or with the error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not answer this event with `{A}`",
    note = "return `Ack(value)` (or `Ok(Ack(value))`) with the answer type of `Event<Payload, Answer>`, or `()` if it has none"
)]
pub trait IntoAck<A> {
    #[doc(hidden)]
    fn into_ack(self, wanted: bool) -> Result<Option<Answer>, EventError>;
}

impl IntoAck<()> for () {
    fn into_ack(self, wanted: bool) -> Result<Option<Answer>, EventError> {
        Ok(wanted.then(Answer::default))
    }
}

impl<A: Serialize> IntoAck<A> for Ack<A> {
    fn into_ack(self, wanted: bool) -> Result<Option<Answer>, EventError> {
        wanted.then(|| Answer::encode(&self.0)).transpose()
    }
}

impl<A, R: IntoAck<A>, E: Into<EventError>> IntoAck<A> for Result<R, E> {
    fn into_ack(self, wanted: bool) -> Result<Option<Answer>, EventError> {
        self.map_err(Into::into)?.into_ack(wanted)
    }
}

/// An async function that handles an event: `async |payload|`, `async |client: Client, payload|`,
/// or without the payload. It returns `()`, [`Ack`] or a `Result` of one of them. Implemented for
/// functions and closures only.
#[diagnostic::on_unimplemented(
    message = "this function cannot handle an event with payload `{P}` and answer `{A}`",
    label = "not a handler of this event",
    note = "a handler is `async |payload| -> () | Ack<T> | Result<_, E>`, with a `Client` before the payload if it wants one",
    note = "an event declared as `Event<P, A>` needs the payload `P`, and `Ack<A>` as its answer"
)]
pub trait Handler<M, P, A>: Send + Sync + 'static {
    #[doc(hidden)]
    fn start(
        &self,
        client: Client,
        args: &str,
        attachments: &[Bytes],
        wanted: bool,
    ) -> Result<Started, EventError>;
}

#[doc(hidden)]
#[derive(Debug)]
pub struct WithPayload;
#[doc(hidden)]
#[derive(Debug)]
pub struct WithoutPayload;

macro_rules! handler {
    ($marker:ty, $payload:ty, ($($bound:tt)*), |$self:ident, $client:ident, $args:ident, $attachments:ident| $call:expr, ($($input:ty),*)) => {
        impl<F, Fut, R, A, $($bound)*> Handler<$marker, $payload, A> for F
        where
            F: Fn($($input),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoAck<A>,
        {
            fn start(
                &$self,
                $client: Client,
                $args: &str,
                $attachments: &[Bytes],
                wanted: bool,
            ) -> Result<Started, EventError> {
                let _ = (&$client, $args, $attachments);
                Ok(Box::pin($call.map(move |result| result.into_ack(wanted))))
            }
        }
    };
}

handler!((WithPayload,), P, (P: FromArgs), |self, client, args, attachments|
    self(P::from_args(args, attachments).map_err(EventError::decode)?), (P));
handler!((Client, WithPayload), P, (P: FromArgs), |self, client, args, attachments|
    self(client, P::from_args(args, attachments).map_err(EventError::decode)?), (Client, P));
handler!((WithoutPayload,), (), (), |self, client, args, attachments| self(), ());
handler!(
    (Client, WithoutPayload),
    (),
    (),
    |self, client, args, attachments| self(client),
    (Client)
);

/// An event with its arguments as they came, for handlers that see every event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEvent {
    /// The name.
    pub name: String,
    /// The arguments.
    pub args: RawArgs,
}
