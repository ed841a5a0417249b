//! The refusal of a connection.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;

use super::event_error::{EventError, Parts, add_data};
use crate::payload::PayloadError;

/// The refusal of a connection to a namespace: the client gets `connect_error` with this message.
///
/// Made from any error by `?`; then something failed, of which the client reads only that it could
/// not be decided, and the server reports it as it does a handler's error. [`Refuse::new`] is for
/// what the client may know, and is no failure.
///
/// ```
/// use sockeye_socket_proto::Refuse;
///
/// fn room(text: &str) -> Result<u32, Refuse> {
///     if text.is_empty() {
///         return Err(Refuse::new("which room?").with_data(&["1", "2"]));
///     }
///     Ok(text.parse()?)
/// }
/// assert_eq!(room("").unwrap_err().message(), "which room?");
/// assert_eq!(room("x").unwrap_err().message(), "whether you may come in could not be decided");
/// ```
#[derive(Debug)]
pub struct Refuse {
    message: Cow<'static, str>,
    data: Option<Box<RawValue>>,
    source: Option<Box<dyn Error + Send + Sync>>,
    is_internal: bool,
}

impl Refuse {
    /// Refuses with a message, `err.message` at the client.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), data: None, source: None, is_internal: false }
    }

    /// Refuses because something failed on this side, without a word about what.
    #[doc(hidden)]
    pub fn internal() -> Self {
        Self { is_internal: true, ..Self::new("whether you may come in could not be decided") }
    }

    /// Refuses an `auth` that does not decode. The error is not kept: it quotes the `auth`, which must
    /// not be logged.
    #[doc(hidden)]
    pub fn bad_auth() -> Self {
        Self::new("the `auth` is not what this namespace expects")
    }

    /// Adds details, `err.data` at the client. A second call replaces the first. Data that JSON
    /// cannot represent is left out, and the reason is kept as the cause, if there is no other.
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

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The details as JSON; empty when there are none.
    pub fn data(&self) -> &str {
        self.data.as_ref().map_or("", |data| data.get())
    }

    /// The cause, never shown to the client.
    pub fn source(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.source.as_deref()
    }

    /// Whether it was made from an error: it is a failure of this side, which is reported.
    pub fn is_internal(&self) -> bool {
        self.is_internal
    }

    pub(super) fn into_parts(self) -> Parts {
        (self.message, self.data, self.source)
    }
}

/// Any error, `anyhow::Error`, a boxed one or a text: a general message for the client, the rest is
/// for this side. A [`PayloadError`] is an `auth` that does not decode, and no failure.
impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Refuse {
    fn from(error: E) -> Self {
        match error.into().downcast::<PayloadError>() {
            Ok(_) => Self::bad_auth(),
            Err(error) => Self::internal().with_source(error),
        }
    }
}

/// Message and data are kept; an internal error stays one, and what does not decode is an `auth`.
impl From<EventError> for Refuse {
    fn from(error: EventError) -> Self {
        if error.code() == "decode" {
            return Self::bad_auth();
        }
        let is_internal = error.is_internal();
        let (message, data, source) = error.into_parts();
        if is_internal {
            return Self { source, ..Self::internal() };
        }
        Self { message, data, source, is_internal }
    }
}

impl fmt::Display for Refuse {
    /// The message, which may be shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_message_and_data() {
        assert_eq!(Refuse::new("no").data(), "");
        assert_eq!(Refuse::new("no").with_data(&[1]).data(), "[1]");
    }

    #[test]
    fn an_event_error_keeps_what_the_peer_may_read() {
        let refusal = Refuse::from(EventError::new("banned", "until May").with_data(&5));
        assert_eq!((refusal.message(), refusal.data()), ("until May", "5"));
        assert!(!refusal.is_internal());
        let failed = EventError::from(std::io::Error::other("no disk"));
        let refusal = Refuse::from(failed);
        assert!(refusal.is_internal());
        assert_eq!(refusal.to_string(), "whether you may come in could not be decided");
        assert_eq!(refusal.source().unwrap().to_string(), "no disk");
    }
}
