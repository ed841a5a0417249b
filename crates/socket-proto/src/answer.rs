//! Answers of handlers to events, at either end of a socket: a value or an error.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::payload::{PayloadError, RawArgs};

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
/// without a value, [`Ack<T>`] with a `T`, `Result<R, E>` as `R` does or with the error. A server's
/// handlers may also return `Deferred<T>`, which answers later.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not answer this event with `{A}`",
    note = "return `Ack(value)` (or `Ok(Ack(value))`) with the answer type of `Event<Payload, Answer>`, or `()` if it has none"
)]
pub trait IntoAck<A> {
    /// The arguments of the ack. `None`: no ack is wanted, or it is sent in another way.
    #[doc(hidden)]
    fn into_ack(self, is_wanted: bool) -> Result<Option<RawArgs>, EventError>;
}

impl IntoAck<()> for () {
    fn into_ack(self, is_wanted: bool) -> Result<Option<RawArgs>, EventError> {
        Ok(is_wanted.then(RawArgs::default))
    }
}

impl<A: Serialize> IntoAck<A> for Ack<A> {
    fn into_ack(self, is_wanted: bool) -> Result<Option<RawArgs>, EventError> {
        Ok(is_wanted.then(|| RawArgs::encode(&self.0)).transpose()?)
    }
}

impl<A, R: IntoAck<A>, E: Into<EventError>> IntoAck<A> for Result<R, E> {
    fn into_ack(self, is_wanted: bool) -> Result<Option<RawArgs>, EventError> {
        self.map_err(Into::into)?.into_ack(is_wanted)
    }
}

/// An error that the peer answered with in place of a value:
/// `{ "error": { "code", "message" } }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteError {
    /// A word for programs, such as `decode`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

/// The one argument of an ack that is an error.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorAck {
    error: RemoteError,
}

impl RemoteError {
    /// Reads the error out of an answer. `None`: the answer is a value.
    ///
    /// ```
    /// use sockeye_socket_proto::{RawArgs, RemoteError};
    ///
    /// let answer = RawArgs::new(r#"{"error":{"code":"full","message":"no room"}}"#, &[]);
    /// assert_eq!(RemoteError::of(&answer).map(|error| error.code).as_deref(), Some("full"));
    /// assert_eq!(RemoteError::of(&RawArgs::new("7", &[])), None);
    /// ```
    pub fn of(answer: &RawArgs) -> Option<Self> {
        let is_like_one = answer.json().starts_with("{\"error\":");
        is_like_one.then(|| answer.decode::<ErrorAck>().ok())?.map(|answer| answer.error)
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

/// The error of a handler: it answers the peer's ack, and is reported on this side, by a server to
/// `on_error`.
///
/// Made from any error by `?`; then the peer learns only that something failed (`code`
/// `"internal"`), while this side keeps the [`source`](EventError::source). [`EventError::new`] is
/// for what the peer may know.
///
/// ```
/// use sockeye_socket_proto::EventError;
///
/// fn parse(text: &str) -> Result<u32, EventError> {
///     if text.is_empty() {
///         return Err(EventError::new("empty", "there has to be a number"));
///     }
///     Ok(text.parse()?)
/// }
/// assert_eq!(parse("").unwrap_err().code(), "empty");
/// assert_eq!(parse("seven").unwrap_err().code(), "internal");
/// ```
#[derive(Debug)]
pub struct EventError {
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl EventError {
    /// An error the peer may see: a word for programs and a sentence for people.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), message: message.into(), source: None }
    }

    /// Adds the cause, which only this side sees.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The word for programs.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The sentence for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The cause, never shown to the peer.
    pub fn source(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.source.as_deref()
    }

    /// The error for arguments that are not the handler's payload.
    #[doc(hidden)]
    pub fn decode(source: PayloadError) -> Self {
        Self::new("decode", "the arguments are not what this event expects").with_source(source)
    }

    /// The error for a failure whose details the peer must not see.
    #[doc(hidden)]
    pub fn internal() -> Self {
        Self::new("internal", "this event could not be handled")
    }

    /// The part the peer may see.
    #[doc(hidden)]
    pub fn to_remote(&self) -> RemoteError {
        RemoteError { code: self.code.to_string(), message: self.message.to_string() }
    }

    /// The arguments of the ack that this error is.
    #[doc(hidden)]
    pub fn to_ack(&self) -> RawArgs {
        let answer = ErrorAck { error: self.to_remote() };
        RawArgs::encode(&answer).expect("two strings can be written as JSON")
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for EventError {
    fn from(error: E) -> Self {
        Self::internal().with_source(error)
    }
}

impl fmt::Display for EventError {
    /// The chain of causes in one line, for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)?;
        let mut cause = self.source.as_deref().map(|source| source as &dyn Error);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_from_elsewhere_hides_its_text_from_the_peer() {
        let error = EventError::from(std::io::Error::other("disk /secret is full"));
        let answer = error.to_ack();
        assert_eq!(
            answer.json(),
            r#"{"error":{"code":"internal","message":"this event could not be handled"}}"#
        );
        assert_eq!(RemoteError::of(&answer), Some(error.to_remote()));
        assert!(error.to_string().ends_with(": disk /secret is full"));
    }

    #[test]
    fn only_what_is_nothing_else_is_an_error() {
        for json in
            ["", "1", r#"{"error":"no"}"#, r#"{"error":{"code":"a","message":"b"},"more":1}"#]
        {
            assert_eq!(RemoteError::of(&RawArgs::new(json, &[])), None, "{json}");
        }
    }
}
