//! Errors of sending an event and of asking for an acknowledgement, the same at either end.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use crate::answer::RemoteError;
use crate::event::ReservedName;
use crate::payload::{EncodeError, PayloadError};

/// An event that was not queued. A peer that is not connected is **not** an error: what a client
/// emits then waits for the next connection, and what a server emits is dropped.
///
/// ```
/// use sockeye_socket_proto::EmitError;
///
/// fn report(error: EmitError) -> String {
///     match error {
///         EmitError::Overflow { queued_packets, .. } => format!("{queued_packets} wait already"),
///         error => error.to_string(),
///     }
/// }
/// let event = "message".into();
/// let overflow = EmitError::Overflow { event, queued_packets: 3, queued_bytes: 70 };
/// assert_eq!(report(overflow), "3 wait already");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The payload cannot be written.
    #[error("the payload of {event:?} cannot be encoded")]
    Encode {
        /// The event.
        event: Cow<'static, str>,
        /// The reason.
        source: EncodeError,
    },
    /// The event's name is reserved.
    #[error(transparent)]
    Reserved(#[from] ReservedName),
    /// The queue towards the peer is full: the peer reads too slowly, or there was no connection
    /// for too long.
    #[error("no room for {event:?}: {queued_packets} packets, {queued_bytes} bytes are queued")]
    Overflow {
        /// The event.
        event: Cow<'static, str>,
        /// Packets that wait to be sent.
        queued_packets: usize,
        /// Bytes that wait to be sent.
        queued_bytes: usize,
    },
}

impl EmitError {
    /// The error of a payload that could not be written.
    #[doc(hidden)]
    pub fn encode(event: &str, source: EncodeError) -> Self {
        Self::Encode { event: event.to_owned().into(), source }
    }
}

/// Why an acknowledgement did not bring a value.
///
/// ```
/// use sockeye_socket_proto::AckError;
///
/// fn is_worth_another_try(error: &AckError) -> bool {
///     matches!(error, AckError::Timeout { .. } | AckError::Disconnected { .. })
/// }
/// let late = AckError::Timeout { event: "add".into() };
/// assert!(is_worth_another_try(&late));
/// assert_eq!(late.to_string(), r#"no answer to "add" in time"#);
/// assert!(!is_worth_another_try(&AckError::Full { limit: 1_000 }));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum AckError {
    /// The peer did not answer in time. A request that still waited to be sent is not sent.
    Timeout {
        /// The event that was sent.
        event: Cow<'static, str>,
    },
    /// The socket was disconnected before the answer came.
    Disconnected {
        /// The event that was sent.
        event: Cow<'static, str>,
    },
    /// The peer's handler answered with an error, whose words are its own.
    Remote(RemoteError),
    /// The answer is not what was expected, or has no value.
    Decode {
        /// The event that was answered.
        event: Cow<'static, str>,
        /// What is wrong with the answer.
        source: PayloadError,
    },
    /// The request could not be queued.
    Emit(EmitError),
    /// Too many answers are outstanding on this socket.
    Full {
        /// The limit, `pending_acks_max` of the client's `Limits` or of the server's `Config`.
        limit: usize,
    },
}

impl fmt::Display for AckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout { event } => write!(f, "no answer to {event:?} in time"),
            Self::Disconnected { event } => {
                write!(f, "the socket was disconnected before {event:?} was answered")
            }
            Self::Remote(error) => write!(f, "the peer answered with an error: {error}"),
            Self::Decode { event, source } => match source.expected() {
                Some(expected) => {
                    write!(f, "{event:?} was answered without a value, expected {expected}")
                }
                None => write!(f, "the answer to {event:?} cannot be decoded"),
            },
            Self::Emit(_) => f.write_str("the request was not sent"),
            Self::Full { limit } => {
                write!(f, "{limit} acknowledgements are outstanding already")
            }
        }
    }
}

impl Error for AckError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // That nothing has come is said already.
            Self::Decode { source, .. } if source.is_missing() => None,
            Self::Decode { source, .. } => Some(source),
            Self::Emit(error) => Some(error),
            _ => None,
        }
    }
}

impl From<EmitError> for AckError {
    fn from(error: EmitError) -> Self {
        Self::Emit(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{Args, RawArgs};

    fn chain(error: &dyn Error) -> String {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text += ": ";
            text += &error.to_string();
            cause = error.source();
        }
        text
    }

    #[test]
    fn errors_say_which_event_and_what_was_expected() {
        let nothing = RawArgs::default();
        let wrong = RawArgs::new(r#""seven""#, &[]);
        let answer = |error: AckError| chain(&error);
        assert_eq!(
            answer(nothing.decode_ack::<u32>("add").unwrap_err()),
            r#""add" was answered without a value, expected u32"#
        );
        assert_eq!(
            answer(nothing.decode_ack::<Args<(u8, Option<String>)>>("add").unwrap_err()),
            r#""add" was answered without a value, expected Args<(u8, Option<String>)>"#
        );
        assert!(
            answer(wrong.decode_ack::<u32>("add").unwrap_err()).starts_with(
                r#"the answer to "add" cannot be decoded: the arguments are not what was expected: invalid type"#
            )
        );
        assert_eq!(
            answer(AckError::Disconnected { event: "add".into() }),
            r#"the socket was disconnected before "add" was answered"#
        );
        assert_eq!(
            answer(EmitError::encode("add", crate::payload::EncodeError::NotASequence).into()),
            "the request was not sent: the payload of \"add\" cannot be encoded: `Args` holds something that is not a sequence"
        );
    }
}
