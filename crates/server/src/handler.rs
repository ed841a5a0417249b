//! Handlers, which are async functions: extractors first, the payload last, the answer returned.

/// The context that arguments are taken from.
pub(crate) mod context;
/// Arguments that are taken from the context.
pub(crate) mod extract;
/// Those that are given.
pub(crate) mod given;
/// The functions that are handlers.
mod functions;
/// The questions of `#[debug_handler]`.
pub(crate) mod debug;
/// Answers that come later than the handler returns.
pub(crate) mod acker;
/// Extractors read as what they hold.
mod deref;
/// A handler that has started.
pub(crate) mod running;

use sockeye_engine::KeptExtensions;
use sockeye_socket_proto::{Diverging, EventRef, IntoError, Never, RawEvent};

use self::context::Context;
use self::running::{Answering, Running};
use crate::error::{EventError, Refuse};
use crate::rooms::room::Room;

/// An async function that handles an event: up to eight extractors ([`FromContext`],
/// [`FromContextAsync`]), then the payload if the event has one. It returns `()`,
/// [`Ack`](crate::Ack), [`Deferred`](crate::Deferred), or a `Result` of one of them with any error
/// that [`IntoError`] lists. Implemented for functions and closures only.
///
/// [`FromContext`]: crate::FromContext
/// [`FromContextAsync`]: crate::FromContextAsync
#[diagnostic::on_unimplemented(
    message = "this function cannot handle an event with payload `{P}` and answer `{A}`",
    label = "not a handler of this event: put `#[sockeye::debug_handler]` on the function to be told why",
    note = "a handler is `async fn(extractors.., payload) -> () | Ack<T> | Deferred<T> | Result<_, E>`: extractors first, payload last, at most 8 extractors",
    note = "an event declared as `Event<P, A>` needs the payload `P`, and `Ack<A>` as its answer (or `acker.defer()`, if it takes an `Acker<A>`)",
    note = "if `debug_handler` is there, read its error; if it has none, the function is a handler, but not of this event: compare payload and answer above with the function's",
    note = "ask: is the payload `Deserialize`, and owned (`String`, not `&str`)? is the answer (what `Ack` holds) `Serialize`? are the extractors sockeye's (`sockeye::State`, not axum's)? is the state `Clone`, or its part `FromRef`? is `E` an `Error`? is the future `Send` (no `Rc`, no `MutexGuard` across an `.await`)?"
)]
pub trait Handler<M, S, P, A>: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn start(&self, context: Context<'_, S>, event: EventRef<'_>) -> Result<Answering, EventError>;

    /// Adds the request extensions that its extractors read to those that are kept.
    #[doc(hidden)]
    fn keep_extensions(&self, kept: KeptExtensions) -> KeptExtensions;
}

/// An async function that decides who is admitted: extractors, then optionally what the client or
/// reader sent as `auth` (`{}` when it sent nothing). It returns `()` or `Result<(), E>` with any
/// error that [`IntoError`] lists: a [`Refuse`] is the answer, others are failures.
#[diagnostic::on_unimplemented(
    message = "this function cannot decide about connections",
    label = "not a connect handler: put `#[sockeye::debug_handler(on_connect)]` on the function to be told why",
    note = "it must be `async fn(extractors.., auth) -> () | Result<(), Refuse>`: extractors first, the client's `auth` (a serde type) last or not at all",
    note = "ask: does it return `Err(Refuse::new(..))` and not `false`? is `auth` `Deserialize`, and owned? is the state `Clone`, or its part `FromRef`? is the future `Send`?"
)]
pub trait ConnectHandler<M, S>: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn start(&self, context: Context<'_, S>, auth: &str) -> Result<Deciding, Refuse>;

    #[doc(hidden)]
    fn keep_extensions(&self, kept: KeptExtensions) -> KeptExtensions;
}

/// A rule about visitors that has started.
pub(crate) type Deciding = Running<Result<(), Refuse>>;

/// An async function that decides who may read a room from outside: extractors, then optionally the
/// room, or `None` for the namespace as a whole. It returns `()` or `Result<(), E>`, as a
/// [`ConnectHandler`] does.
#[diagnostic::on_unimplemented(
    message = "this function cannot decide who may read a room",
    label = "not a guard of rooms: put `#[sockeye::debug_handler(on_read)]` on the function to be told why",
    note = "it must be `async fn(extractors.., Option<Room>) -> () | Result<(), Refuse>`: extractors first, the room (`None`: the namespace as a whole) last or not at all"
)]
pub trait ReadGuard<M, S>: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn start(&self, context: Context<'_, S>, room: Option<Room>) -> Result<Deciding, Refuse>;

    #[doc(hidden)]
    fn keep_extensions(&self, kept: KeptExtensions) -> KeptExtensions;
}

/// An async function that returns no answer: extractors, then optionally the value `V`. `V` is `()`
/// for `on_connected`, a [`DisconnectReason`](crate::DisconnectReason) for `on_disconnect` and a
/// [`RawEvent`] for `fallback`. It returns `()` or `Result<(), E>` with any error that [`IntoError`]
/// lists.
#[diagnostic::on_unimplemented(
    message = "this function cannot be called with `{V}`",
    label = "put `#[sockeye::debug_handler(on_connected)]` (or `on_disconnect`, `fallback`) on the function to be told why",
    note = "it must be `async fn(extractors..)` or `async fn(extractors.., {V})`, returning `()` or `Result<(), E>`: there is no payload here"
)]
pub trait NotificationHandler<M, S, V>: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn start(&self, context: Context<'_, S>, value: V) -> Result<Notifying, EventError>;

    #[doc(hidden)]
    fn keep_extensions(&self, kept: KeptExtensions) -> KeptExtensions;
}

/// A handler without an answer, or a guard, that has started.
pub(crate) type Notifying = Running<Result<(), EventError>>;

/// An async function that an event has to pass before its handler: extractors, then optionally the
/// [`RawEvent`]. It returns `()` or `Result<(), E>` with any error that [`IntoError`] lists.
#[diagnostic::on_unimplemented(
    message = "this function cannot guard events",
    label = "not a guard: put `#[sockeye::debug_handler(before)]` on the function to be told why",
    note = "it must be `async fn(extractors..) -> () | Result<(), E>`, with a `RawEvent` as its last argument or not at all: a guard sees every event, and so no payload"
)]
pub trait Guard<M, S>: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn start(&self, context: Context<'_, S>, event: RawEvent) -> Result<Notifying, EventError>;

    #[doc(hidden)]
    fn keep_extensions(&self, kept: KeptExtensions) -> KeptExtensions;
}

/// The values that a rule may return, `E` being what it refuses with: `()`, which lets everything pass, or
/// a `Result` whose error becomes an `E` (see [`IntoError`]). `M` is a mark that the compiler finds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say whether to go on",
    label = "neither `()` nor `Result<(), _>`",
    note = "return `()` or `Result<(), E>`: `Ok(())` goes on, an `Err` refuses; a `bool` has no reason in it"
)]
pub trait IntoDecision<E, M> {
    #[doc(hidden)]
    fn into_decision(self) -> Result<(), E>;
}

impl<E> IntoDecision<E, ()> for () {
    fn into_decision(self) -> Result<(), E> {
        Ok(())
    }
}

/// A rule that only panics, such as one that is still `todo!()`.
#[diagnostic::do_not_recommend]
impl<E> IntoDecision<E, Diverging> for Never {
    fn into_decision(self) -> Result<(), E> {
        self
    }
}

impl<E, R: IntoError<E, M>, M> IntoDecision<E, (M,)> for Result<(), R> {
    fn into_decision(self) -> Result<(), E> {
        self.map_err(IntoError::into_error)
    }
}
