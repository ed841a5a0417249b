//! Answers of handlers to events, at either end of a socket: a value or an error.

/// The error of a handler.
mod event_error;
/// `?` into `anyhow::Error`.
#[cfg(feature = "anyhow")]
mod anyhow;
/// What may be returned as an error.
mod into_error;
/// Texts of others in logs.
mod log_text;
/// The refusal of a connection.
mod refuse;
/// An error that the peer answered with.
mod remote_error;

use serde::Serialize;

pub use self::event_error::EventError;
pub use self::into_error::IntoError;
pub use self::log_text::{LogCauses, LogText};
pub use self::refuse::Refuse;
pub use self::remote_error::RemoteError;
use crate::payload::RawArgs;

/// The answer of a handler: `Ack(value)` answers with one value, `Ack(Args((a, b)))` with two.
///
/// ```
/// use sockeye_socket_proto::{Ack, EventError};
///
/// async fn divide((a, b): (u32, u32)) -> Result<Ack<u32>, EventError> {
///     let quotient = a.checked_div(b);
///     quotient.map(Ack).ok_or_else(|| EventError::new("zero", "cannot divide by zero"))
/// }
/// # let _ = divide;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ack<A>(pub A);

/// A return type of handlers, and the answer it is to an event that asks for an ack: `()` answers
/// without a value, [`Ack<T>`] with a `T`, `Result<R, E>` as `R` does or with the error, whose type
/// is any that [`IntoError`] lists. A server's handlers may also return `Deferred<T>`, which
/// answers later.
///
/// `M` is a mark of how the type is one, which the compiler finds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not answer this event with `{A}`",
    note = "return `Ack(value)` (or `Ok(Ack(value))`) with the answer type of `Event<Payload, Answer>`, or `()` if it has none"
)]
pub trait IntoAck<A, M> {
    /// The arguments of the ack. `None`: no ack is wanted, or it is sent in another way.
    #[doc(hidden)]
    fn into_ack(self, is_wanted: bool) -> Result<Option<RawArgs>, EventError>;
}

impl IntoAck<(), ()> for () {
    fn into_ack(self, is_wanted: bool) -> Result<Option<RawArgs>, EventError> {
        Ok(is_wanted.then(RawArgs::default))
    }
}

impl<A: Serialize> IntoAck<A, ()> for Ack<A> {
    fn into_ack(self, is_wanted: bool) -> Result<Option<RawArgs>, EventError> {
        Ok(is_wanted.then(|| RawArgs::encode(&self.0)).transpose()?)
    }
}

/// A handler that only panics, such as one that is still `todo!()`, is one of every answer.
#[diagnostic::do_not_recommend]
impl<A> IntoAck<A, Diverging> for Never {
    fn into_ack(self, _: bool) -> Result<Option<RawArgs>, EventError> {
        self
    }
}

/// The type `!`, which has no name on stable Rust yet.
#[doc(hidden)]
pub type Never = <fn() -> ! as Returns>::Value;

/// The mark of [`Never`].
#[doc(hidden)]
#[derive(Debug)]
pub struct Diverging;

#[doc(hidden)]
pub trait Returns {
    type Value;
}

impl<T> Returns for fn() -> T {
    type Value = T;
}

impl<A, R, E, M, N> IntoAck<A, (M, N)> for Result<R, E>
where
    R: IntoAck<A, M>,
    E: IntoError<EventError, N>,
{
    fn into_ack(self, is_wanted: bool) -> Result<Option<RawArgs>, EventError> {
        self.map_err(IntoError::into_error)?.into_ack(is_wanted)
    }
}
