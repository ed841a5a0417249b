//! Handlers: async functions that take the client, if they want it, and the payload last, and return
//! the answer.

mod running;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sockeye_socket_proto::{EventRef, FromArgs, IntoAck, RawArgs, RawEvent};

pub(crate) use self::running::RunningHandlers;
use crate::client::Client;
use crate::error::{ConfigError, ConnectError, EventError};
use crate::state::DisconnectReason;

/// The future of a started handler; its output is the arguments of the ack.
pub(crate) type HandlerFuture = BoxFuture<'static, Result<Option<RawArgs>, EventError>>;
/// The future of what a client sends as `auth`: JSON text.
pub(crate) type AuthFuture = BoxFuture<'static, Result<String, ConfigError>>;
/// A handler of one event. The `bool`: whether the server wants an ack.
pub(crate) type EventHandler =
    Arc<dyn Fn(Client, EventRef<'_>, bool) -> Result<HandlerFuture, EventError> + Send + Sync>;
/// A handler of a change of the client itself, such as its connection.
pub(crate) type LifecycleHandler<T> = Arc<dyn Fn(T) -> HandlerFuture + Send + Sync>;

/// All handlers of one client, fixed when it is built.
#[derive(Default)]
pub(crate) struct Handlers {
    pub(crate) auth: Option<Arc<dyn Fn() -> AuthFuture + Send + Sync>>,
    pub(crate) events: HashMap<String, EventHandler>,
    pub(crate) any: Option<LifecycleHandler<RawEvent>>,
    pub(crate) connect: Option<LifecycleHandler<Client>>,
    pub(crate) connect_error: Option<LifecycleHandler<ConnectError>>,
    pub(crate) disconnect: Option<LifecycleHandler<DisconnectReason>>,
}

/// An async function that handles an event: `async |payload|`, `async |client: Client, payload|`,
/// or without the payload. It returns `()`, [`Ack`](crate::Ack) or a `Result` of one of them, with any
/// error that [`IntoError`](crate::IntoError) lists, `anyhow::Error` among them.
/// Implemented for functions and closures only.
///
/// ```
/// use sockeye_client::{Ack, Client, Event, EventError};
///
/// const DOUBLE: Event<u32, u32> = Event::new("double");
///
/// async fn double(number: u32) -> Result<Ack<u32>, EventError> {
///     let doubled = number.checked_mul(2);
///     doubled.map(Ack).ok_or_else(|| EventError::new("range", "too large"))
/// }
///
/// # fn main() -> Result<(), sockeye_client::UrlError> {
/// let builder = Client::builder("http://localhost:3000")?
///     .on(DOUBLE, double)
///     .on("who", async |client: Client| Ack(client.id().map(|id| id.to_string())));
/// # let _ = builder;
/// # Ok(())
/// # }
/// ```
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
        event: EventRef<'_>,
        is_ack_wanted: bool,
    ) -> Result<HandlerFuture, EventError>;
}

#[doc(hidden)]
#[derive(Debug)]
pub struct WithPayload;
#[doc(hidden)]
#[derive(Debug)]
pub struct WithoutPayload;

macro_rules! handler {
    ($marker:ty, $payload:ty, ($($bound:tt)*), ($($input:ty),*), |$self:ident, $client:ident, $event:ident| $call:expr) => {
        impl<F, Fut, R, RM, A, $($bound)*> Handler<($marker, RM), $payload, A> for F
        where
            F: Fn($($input),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoAck<A, RM>,
        {
            fn start(
                &$self,
                $client: Client,
                $event: EventRef<'_>,
                is_ack_wanted: bool,
            ) -> Result<HandlerFuture, EventError> {
                let _ = (&$client, $event);
                Ok($call.map(move |result| result.into_ack(is_ack_wanted)).boxed())
            }
        }
    };
}

handler!((WithPayload,), P, (P: FromArgs), (P), |self, client, event| self(payload(event)?));
handler!((Client, WithPayload), P, (P: FromArgs), (Client, P), |self, client, event| self(
    client,
    payload(event)?
));
handler!((WithoutPayload,), (), (), (), |self, client, event| self());
handler!((Client, WithoutPayload), (), (), (Client), |self, client, event| self(client));

fn payload<P: FromArgs>(event: EventRef<'_>) -> Result<P, EventError> {
    event.decode().map_err(EventError::decode)
}
