//! Messages with their own memory.

use bytes::Bytes;
use sockeye_ws as ws;

/// A received message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
    /// A ping, already answered.
    Ping(Bytes),
    /// A pong: the answer to a ping of ours, or unasked.
    Pong(Bytes),
}

impl Message {
    /// The payload, text as UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        ws::Message::from(self).as_bytes()
    }

    /// The text of a text message.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Sends it back as it came.
impl<'a> From<&'a Message> for ws::Message<'a> {
    fn from(message: &'a Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text),
            Message::Binary(bytes) => Self::Binary(bytes),
            Message::Ping(bytes) => Self::Ping(bytes),
            Message::Pong(bytes) => Self::Pong(bytes),
        }
    }
}

/// How the peer closed the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The code of its close frame, [`ws::CloseCode::NO_STATUS`] if it had none.
    pub code: ws::CloseCode,
    /// The reason of its close frame, often empty.
    pub reason: String,
}
