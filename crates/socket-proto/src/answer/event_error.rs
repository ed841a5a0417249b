//! The error of a handler.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::log_text::{LogCauses, LogText};
use super::refuse::Refuse;
use super::remote_error::RemoteError;
use crate::error::{AckError, EmitError};
use crate::payload::{PayloadError, RawArgs};

/// The error of a handler: it answers the peer's ack, and is reported on this side, by a server to
/// `on_error`.
///
/// Made from any error by `?`, `anyhow::Error` and `Box<dyn Error + Send + Sync>` among them; then
/// the peer learns only that something failed (code `"internal"`), while this side keeps the
/// [`source`](EventError::source). [`EventError::new`] is for what the peer may know.
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
    data: Option<Box<RawValue>>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The one argument of an ack that is an error.
#[derive(Serialize)]
struct ErrorAck<'a> {
    error: ErrorObject<'a>,
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

impl EventError {
    /// An error the peer may see: a word for programs and a sentence for people. The words
    /// `internal`, `decode`, `no_answer`, `overflow` and `panic` have a meaning already.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), message: message.into(), data: None, source: None }
    }

    /// Adds details for the peer's program: `data` of the error it reads, of any type that serde
    /// can write. A second call replaces the first. Data that JSON cannot represent is left out,
    /// and the reason is kept as the cause, if there is no other.
    ///
    /// ```
    /// use sockeye_socket_proto::EventError;
    ///
    /// let error = EventError::new("full", "no room").with_data(&[20, 20]);
    /// let ack = error.to_ack();
    /// assert_eq!(ack.json(), r#"{"error":{"code":"full","message":"no room","data":[20,20]}}"#);
    /// ```
    #[must_use]
    pub fn with_data(mut self, data: &impl Serialize) -> Self {
        add_data(&mut self.data, &mut self.source, data);
        self
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

    /// The details as JSON; empty when there are none.
    pub fn data(&self) -> &str {
        self.data.as_ref().map_or("", |data| data.get())
    }

    /// The cause, never shown to the peer.
    pub fn source(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.source.as_deref()
    }

    /// Whether something failed on this side (code `"internal"`): it was made from another error,
    /// and nobody expected it. A server logs it with the level `warn`, others with `debug`.
    pub fn is_internal(&self) -> bool {
        self.code == "internal"
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
        let mut error = RemoteError::new(&*self.code, &*self.message);
        error.data = self.data.as_ref().and_then(|data| serde_json::from_str(data.get()).ok());
        error
    }

    /// The arguments of the ack that this error is.
    #[doc(hidden)]
    pub fn to_ack(&self) -> RawArgs {
        let (code, message, data) = (&*self.code, &*self.message, self.data.as_deref());
        let answer = ErrorAck { error: ErrorObject { code, message, data } };
        RawArgs::encode(&answer).expect("two strings and JSON can be written as JSON")
    }

    pub(super) fn into_parts(self) -> Parts {
        (self.message, self.data, self.source)
    }
}

/// Message, data and cause of an error or a refusal.
pub(super) type Parts =
    (Cow<'static, str>, Option<Box<RawValue>>, Option<Box<dyn Error + Send + Sync>>);

/// Writes details; why they cannot be written becomes the cause.
pub(super) fn add_data(
    place: &mut Option<Box<RawValue>>,
    source: &mut Option<Box<dyn Error + Send + Sync>>,
    data: &impl Serialize,
) {
    match to_raw_value(data) {
        Ok(data) => *place = Some(data),
        Err(error) => drop(source.get_or_insert_with(|| {
            format!("the data of an error cannot be written as JSON: {error}").into()
        })),
    }
}

/// Any error, `anyhow::Error`, a boxed one or a text: code `internal`, the rest is for this side.
///
/// What a peer brings about by itself is expected instead: a [`PayloadError`] has the code `decode`, an
/// [`AckError`] of a peer that does not answer as it should `no_answer`, a full queue `overflow`. Inside of
/// an `anyhow::Error`, or of another error, they are not recognized.
impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for EventError {
    fn from(error: E) -> Self {
        let error = match error.into().downcast::<PayloadError>() {
            Ok(error) => return Self::decode(*error),
            Err(error) => error,
        };
        let expected = match (error.downcast_ref(), error.downcast_ref()) {
            (Some(error), _) => of_ack(error),
            (_, Some(error)) => of_emit(error),
            _ => None,
        };
        expected.unwrap_or_else(Self::internal).with_source(error)
    }
}

/// The error of a peer that does not answer, or not as it should.
fn of_ack(error: &AckError) -> Option<EventError> {
    match error {
        AckError::Emit(error) => of_emit(error),
        _ => Some(EventError::new("no_answer", "the answer that this needed did not come")),
    }
}

/// The error of a peer that does not read.
fn of_emit(error: &EmitError) -> Option<EventError> {
    let is_overflow = matches!(error, EmitError::Overflow { .. });
    is_overflow.then(|| EventError::new("overflow", "more waits to be read than may"))
}

/// A refusal has the code `refused` and keeps message and data; one that was made from an error is
/// `internal` here too.
impl From<Refuse> for EventError {
    fn from(refusal: Refuse) -> Self {
        let is_internal = refusal.is_internal();
        let (message, data, source) = refusal.into_parts();
        if is_internal {
            return Self { source, ..Self::internal() };
        }
        Self { code: "refused".into(), message, data, source }
    }
}

impl fmt::Display for EventError {
    /// The chain of causes in one line, for logs: of each at most 200 characters, without any that would
    /// begin a new line, since a cause may quote what the peer sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", LogText(&self.message), LogText(&self.code))?;
        match &self.source {
            Some(source) => write!(f, ": {}", LogCauses(&**source)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

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
    fn data_reaches_the_peer_and_what_is_no_json_is_told_on_this_side() {
        let error = EventError::new("full", "no room").with_data(&HashMap::from([("max", 20)]));
        let remote = RemoteError::of(&error.to_ack()).unwrap();
        assert_eq!(remote.data, Some(serde_json::json!({ "max": 20 })));
        assert_eq!((remote, error.data()), (error.to_remote(), r#"{"max":20}"#));
        let unwritable = HashMap::from([((1, 2), 3)]);
        let error = EventError::new("full", "no room").with_data(&unwritable);
        assert_eq!(error.to_ack().json(), r#"{"error":{"code":"full","message":"no room"}}"#);
        assert!(error.to_string().contains("cannot be written as JSON: key must be"), "{error}");
    }

    #[test]
    fn arguments_that_a_handler_decodes_itself_are_the_peers_mistake() {
        let error = EventError::from(RawArgs::new("\"x\"", &[]).decode::<u8>().unwrap_err());
        assert_eq!(error.code(), "decode");
        assert!(error.to_string().contains("invalid type"), "{error}");
    }

    #[test]
    fn a_peer_that_does_not_answer_is_no_failure_of_this_side() {
        let remote = RemoteError::new("no", "line\n".repeat(100));
        let decode = RawArgs::new("\"x\"", &[]).decode_ack::<u8>("add").unwrap_err();
        let late = AckError::Timeout { event: "add".into() };
        for error in [AckError::Remote(remote), decode, late, AckError::Full { limit: 1 }] {
            let error = EventError::from(error);
            assert_eq!((error.code(), error.is_internal()), ("no_answer", false));
            let text = error.to_string();
            assert!(text.len() < 500 && !text.contains('\n'), "{text}");
        }
        // The guide says so: an `anyhow::Error` does not show what is in it.
        let late = AckError::Timeout { event: "add".into() };
        assert!(EventError::from(anyhow::Error::new(late)).is_internal());
        let overflow =
            || EmitError::Overflow { event: "add".into(), queued_packets: 1, queued_bytes: 1 };
        assert_eq!(EventError::from(overflow()).code(), "overflow");
        assert_eq!(EventError::from(AckError::Emit(overflow())).code(), "overflow");
        let reserved = crate::event::event_name(&"disconnect").unwrap_err();
        assert!(EventError::from(EmitError::Reserved(reserved)).is_internal());
    }

    #[test]
    fn a_refusal_is_an_error_of_its_code() {
        let error = EventError::from(Refuse::new("members only").with_data(&7));
        assert_eq!((error.code(), error.message(), error.data()), ("refused", "members only", "7"));
        assert!(!error.is_internal());
        let error = EventError::from(Refuse::from(std::io::Error::other("no disk")));
        assert!(error.is_internal());
        assert!(error.to_string().ends_with("(internal): no disk"), "{error}");
    }
}
