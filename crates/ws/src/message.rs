//! Messages: what the application sends, and the assembly of what arrives in pieces.

use crate::error::ProtocolError;
use crate::frame::Opcode;
use crate::utf8::Utf8Tail;

/// A message to send. Received ones are [`Event`](crate::Event)s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
    /// A ping of at most 125 bytes, which the peer answers with a pong of the same bytes.
    Ping(&'a [u8]),
    /// A pong of at most 125 bytes. Pings are answered without this; an unasked pong is a one-way
    /// heartbeat (RFC 6455 §5.5.3).
    Pong(&'a [u8]),
}

impl<'a> Message<'a> {
    /// The opcode of the message's (first) frame.
    pub const fn opcode(&self) -> Opcode {
        match self {
            Self::Text(_) => Opcode::Text,
            Self::Binary(_) => Opcode::Binary,
            Self::Ping(_) => Opcode::Ping,
            Self::Pong(_) => Opcode::Pong,
        }
    }

    /// The payload, text as UTF-8.
    pub const fn as_bytes(&self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes,
        }
    }
}

impl<'a> From<&'a str> for Message<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Message<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Message<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Message<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Message<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Binary(bytes)
    }
}

/// The message being received, while it does not lie whole in one read.
#[derive(Debug, Default)]
pub(crate) enum Assembly {
    /// No message is incomplete.
    #[default]
    Empty,
    /// The checked part of a text message, and the character cut off at its end.
    Text(String, Utf8Tail),
    /// A binary message.
    Binary(Vec<u8>),
    /// A message of either kind, as long as it is compressed.
    Compressed(Vec<u8>, Opcode),
}

impl Assembly {
    /// Starts a message with the opcode of its first frame.
    pub(crate) fn start(opcode: Opcode, compressed: bool) -> Self {
        if compressed {
            Self::Compressed(Vec::new(), opcode)
        } else if opcode == Opcode::Text {
            Self::Text(String::new(), Utf8Tail::default())
        } else {
            Self::Binary(Vec::new())
        }
    }

    /// Bytes received so far.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Text(text, tail) => text.len() + tail.len(),
            Self::Binary(bytes) | Self::Compressed(bytes, _) => bytes.len(),
        }
    }

    /// Appends unmasked bytes. `remaining` more are declared by the frame, which bounds how far the
    /// buffer grows ahead: never more than twice what was received.
    pub(crate) fn push(&mut self, chunk: &[u8], remaining: u64) -> Result<(), ProtocolError> {
        let ahead = usize::try_from(remaining).unwrap_or(usize::MAX);
        match self {
            Self::Empty => debug_assert!(chunk.is_empty(), "a message was started"),
            Self::Text(text, tail) => {
                if text.capacity() - text.len() < chunk.len() {
                    text.reserve_exact(chunk.len() + ahead.min(text.len().max(chunk.len())));
                }
                tail.push(chunk, text)?;
            }
            Self::Binary(bytes) | Self::Compressed(bytes, _) => {
                if bytes.capacity() - bytes.len() < chunk.len() {
                    bytes.reserve_exact(chunk.len() + ahead.min(bytes.len().max(chunk.len())));
                }
                bytes.extend_from_slice(chunk);
            }
        }
        Ok(())
    }

    /// Checks that the finished message does not end within a character.
    pub(crate) fn finish(&self) -> Result<(), ProtocolError> {
        match self {
            Self::Text(_, tail) if tail.len() > 0 => Err(ProtocolError::InvalidUtf8),
            _ => Ok(()),
        }
    }
}
