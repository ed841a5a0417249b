//! The questions that `#[debug_handler]` asks of a function: each is a bound with one message. They are
//! never called.

#![allow(missing_docs, missing_debug_implementations, reason = "not for users")]

use sockeye_socket_proto::{Ack, Diverging, FromArgs, IntoAck, IntoError, Never};

use super::IntoDecision;
use super::acker::Deferred;
use super::extract::Extract;
use super::given::{FromRef, State};
use crate::error::EventError;

pub struct Payload;
pub struct Extractor<M>(M);
pub struct Value;

/// A value for an argument of a call that is type-checked only.
pub fn any<T>() -> T {
    unreachable!("the questions of `debug_handler` are not run")
}

pub fn is_send<F: Future<Output: Sized> + Send>(_: F) {}

/// An argument before the last one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` stands before the last argument, but is no extractor",
    label = "not an extractor",
    note = "extractors come first, the payload last: move it to the end if it is the payload; two payloads are one, `Args((a, b)): Args<(A, B)>`",
    note = "extractors are `Socket`, `Visitor`, `Io`, `State<T>`, `Local<T>`, `HttpExtension<T>`, `PathParam<T>`, `Arc<Handshake>`, `Acker<A>` of sockeye, and what implements `FromContext<{S}>` or `FromContextAsync<{S}>`",
    note = "`{S}` is the state that is assumed here; say another with `#[debug_handler(state = App)]`"
)]
pub trait BeforeTheLast<M, S> {}

#[diagnostic::do_not_recommend]
impl<T: Extract<M, S>, M, S> BeforeTheLast<M, S> for T {}

pub fn before_the_last<T: BeforeTheLast<M, S>, M, S>() {}

/// The last argument: the payload or an extractor.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a payload nor an extractor",
    label = "cannot be the last argument",
    note = "a payload (in `on_connect`: the client's `auth`) implements serde's `Deserialize`, owns what it holds (`String`, not `&str`) and is `Send`: put `#[derive(serde::Deserialize)]` on `{Self}`",
    note = "an extractor implements `FromContext<{S}>`; `{S}` is the state that is assumed here, say another with `#[debug_handler(state = App)]`"
)]
pub trait Last<M, S> {}

#[diagnostic::do_not_recommend]
impl<T: FromArgs + Send + 'static, S> Last<Payload, S> for T {}

#[diagnostic::do_not_recommend]
impl<T: Extract<M, S>, M, S> Last<Extractor<M>, S> for T {}

pub fn last<T: Last<M, S>, M, S>() {}

/// The last argument where there is no payload.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither an extractor nor `{V}`",
    label = "there is no payload here",
    note = "this handler takes extractors, and as its last argument `{V}` or not (`()`: nothing)",
    note = "an extractor implements `FromContext<{S}>`; `{S}` is the state that is assumed here, say another with `#[debug_handler(state = App)]`"
)]
pub trait LastOr<M, V, S> {}

#[diagnostic::do_not_recommend]
impl<V, S> LastOr<Value, V, S> for V {}

#[diagnostic::do_not_recommend]
impl<T: Extract<M, S>, M, V, S> LastOr<Extractor<M>, V, S> for T {}

pub fn last_or<T: LastOr<M, V, S>, M, V, S>() {}

/// The return type of a handler of events, or the value in its `Result`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a handler returns",
    label = "not `()`, `Deferred<T>` or `Ack<T>` with a `T: Serialize`",
    note = "an answer is `Ack(value)`, its type `Ack<T>`, in a `Result` or alone; an answer that may be missing is an `Ack<Option<T>>`; nothing is `()`",
    note = "what an `Ack` holds implements serde's `Serialize`: put `#[derive(serde::Serialize)]` on a type of yours"
)]
pub trait Answers<M> {}

#[diagnostic::do_not_recommend]
impl Answers<()> for () {}
#[diagnostic::do_not_recommend]
impl<T> Answers<Payload> for Ack<T> where Ack<T>: IntoAck<T, ()> {}
#[diagnostic::do_not_recommend]
impl<T> Answers<Payload> for Deferred<T> {}
#[diagnostic::do_not_recommend]
impl Answers<Diverging> for Never {}
#[diagnostic::do_not_recommend]
impl<R: Answers<M>, M, E: IntoError<EventError, N>, N> Answers<(M, N)> for Result<R, E> {}

pub fn answers<T: Answers<M>, M>() {}

/// The return type of a rule, or the value in its `Result`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what this handler returns",
    label = "neither `()` nor `Result<(), _>`",
    note = "return `()` or `Result<(), E>`: `Ok(())` goes on, an `Err` refuses, such as `Err(Refuse::new(\"log in first\"))`; a `bool` has no reason in it"
)]
pub trait Decides<M> {}

#[diagnostic::do_not_recommend]
impl<T: IntoDecision<EventError, M>, M> Decides<M> for T {}

pub fn decides<T: Decides<M>, M>() {}

pub fn is_error<E: IntoError<T, M>, T, M>() {}

/// What only `sockeye::State` is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not `sockeye::State`",
    label = "another type of this name",
    note = "write `use sockeye::State;`: axum's `State` is for handlers of axum"
)]
pub trait IsOurState {}

#[diagnostic::do_not_recommend]
impl<T> IsOurState for State<T> {}

pub fn is_our_state<T: IsOurState>() {}

/// The same as `FromRef`, which with the feature `axum` is axum's and has no words of ours.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a part of the state `{S}`",
    label = "not a part of the state",
    note = "if `{Self}` is the whole state, it has to be `Clone`; if it is a part, put `#[derive(sockeye::FromRef)]` on `{S}` or implement `FromRef<{S}>` for `{Self}`"
)]
pub trait IsPart<S> {}

#[diagnostic::do_not_recommend]
impl<T: FromRef<S>, S> IsPart<S> for T {}

pub fn is_part<T: IsPart<S>, S>() {}

// Extractors of other libraries, by the name they have there. A type of the user's own that has the
// name and is an argument passes.

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an argument of sockeye",
    label = "of another library",
    note = "the payload is the last argument as it is: `message: Message` in place of `Data(message): Data<Message>`"
)]
pub trait ForeignData<M, S> {}

#[diagnostic::do_not_recommend]
impl<T: Last<M, S>, M, S> ForeignData<M, S> for T {}

pub fn data<T: ForeignData<M, S>, M, S>() {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an argument of sockeye",
    label = "of another library",
    note = "what `socket.set` stored is `sockeye::Local<T>`, what a layer put into the request `sockeye::HttpExtension<T>`"
)]
pub trait ForeignExtension<M, S> {}

#[diagnostic::do_not_recommend]
impl<T: Last<M, S>, M, S> ForeignExtension<M, S> for T {}

pub fn extension<T: ForeignExtension<M, S>, M, S>() {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an argument of sockeye",
    label = "of another library",
    note = "the socket is `sockeye::Socket`, a handle that is cheap to clone"
)]
pub trait ForeignSocketRef<M, S> {}

#[diagnostic::do_not_recommend]
impl<T: Last<M, S>, M, S> ForeignSocketRef<M, S> for T {}

pub fn socket_ref<T: ForeignSocketRef<M, S>, M, S>() {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an argument of sockeye",
    label = "of another library",
    note = "return `Ack(value)`, or take `sockeye::Acker<A>` to answer later and return `acker.defer()`"
)]
pub trait ForeignAckSender<M, S> {}

#[diagnostic::do_not_recommend]
impl<T: Last<M, S>, M, S> ForeignAckSender<M, S> for T {}

pub fn ack_sender<T: ForeignAckSender<M, S>, M, S>() {}
