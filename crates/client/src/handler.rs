//! Async functions as handlers: the client if they want it, the payload last, the answer returned.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sockeye_socket_proto::{FromArgs, IntoAck, RawArgs};

use crate::client::Client;
use crate::error::EventError;

/// A started handler, and what it answers.
pub(crate) type Started = BoxFuture<'static, Result<Option<RawArgs>, EventError>>;
/// A handler of one event.
pub(crate) type EventHandler =
    Arc<dyn Fn(Client, &str, &[Bytes], bool) -> Result<Started, EventError> + Send + Sync>;
/// A handler of something that happens to the client itself.
pub(crate) type LifeHandler<T> = Arc<dyn Fn(T) -> Started + Send + Sync>;

/// An async function that handles an event: `async |payload|`, `async |client: Client, payload|`,
/// or without the payload. It returns `()`, [`Ack`](crate::Ack) or a `Result` of one of them. Implemented for
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
