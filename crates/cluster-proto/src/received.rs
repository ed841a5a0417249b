//! What was received, as JSON with attachments, before it is a message.

use std::borrow::Cow;

use bytes::Bytes;
use sockeye_socket_proto::{DecodeError, decode_msgpack};

/// The limits of what is read from a bus.
///
/// ```
/// use sockeye_cluster_proto::{Limits, ReadError, Received};
///
/// let limits = Limits { message_bytes_max: 8, ..Limits::default() };
/// let refused = Received::read(br#"{"type":2}"#, &limits);
/// assert_eq!(refused.unwrap_err(), ReadError::TooLarge { actual: 10, limit: 8 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message. Default 64 MiB: the answer of a server with 50,000 sockets to a question for them.
    pub message_bytes_max: usize,
    /// Lists and objects inside each other, in MessagePack. (JSON is passed on as text, so its depth is no danger.)
    /// Default 1,024.
    pub depth_max: u32,
    /// Binary values in one message. Default 10,000.
    pub attachments_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes_max: 64 << 20, depth_max: 1_024, attachments_max: 10_000 }
    }
}

/// Why something that was received is no message. It is counted and skipped: nobody is to be closed for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// More bytes than [`Limits::message_bytes_max`].
    #[error("{actual} bytes are more than {limit}")]
    TooLarge {
        /// Its bytes.
        actual: usize,
        /// The limit.
        limit: usize,
    },
    /// It begins as JSON and is not UTF-8.
    #[error("not UTF-8")]
    Utf8,
    /// It is no MessagePack, or breaks a limit.
    #[error("{0}")]
    Msgpack(#[from] DecodeError),
    /// It is no base64, in an entry of a stream.
    #[error("neither JSON nor base64")]
    Base64,
    /// A part is missing, or of another type.
    #[error("{0}")]
    Shape(String),
    /// The number of its type is none that is known.
    #[error("unknown type {0}")]
    UnknownType(u64),
}

impl From<serde_json::Error> for ReadError {
    fn from(error: serde_json::Error) -> Self {
        ReadError::Shape(error.to_string())
    }
}

/// What was received, as JSON with placeholders and the binary data that they stand for. A
/// [`Message`](crate::Message) that is read from it borrows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Received<'a> {
    pub(crate) json: Cow<'a, str>,
    pub(crate) attachments: Vec<Bytes>,
}

impl<'a> Received<'a> {
    /// Reads the bytes that came: JSON if the first is `{`, else MessagePack, as the official adapters tell them apart.
    ///
    /// # Errors
    /// It is neither, or breaks a limit.
    pub fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, ReadError> {
        let (actual, limit) = (bytes.len(), limits.message_bytes_max);
        if actual > limit {
            return Err(ReadError::TooLarge { actual, limit });
        }
        if bytes.first() == Some(&b'{') {
            let json = std::str::from_utf8(bytes).map_err(|_| ReadError::Utf8)?;
            return Ok(Self { json: json.into(), attachments: Vec::new() });
        }
        let limits = sockeye_socket_proto::Limits {
            attachments_max: limits.attachments_max,
            attachment_bytes_max: limit,
            depth_max: limits.depth_max,
            ..sockeye_socket_proto::Limits::default()
        };
        let (json, attachments) = decode_msgpack(bytes, &limits)?.into_parts();
        Ok(Self { json: json.into(), attachments })
    }

    /// The JSON.
    pub fn json(&self) -> &str {
        &self.json
    }
}
