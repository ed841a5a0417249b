//! Offsets: the positions of events in the log of their namespace.

use std::fmt;

use crate::socket::id::SocketId;

/// The offset of an event, which is its last argument on the wire: the log and a number, or a text
/// that the cluster assigned. It is written as the content of a JSON string.
#[derive(Clone, Copy)]
pub(crate) struct Offset<'a> {
    pub(super) epoch: &'a SocketId,
    pub(super) number: u64,
    /// The text, if the cluster assigned it.
    pub(super) text: Option<&'a str>,
}

/// The position in the log of an event that carries an offset.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LogPosition {
    /// It is kept, with this number.
    Logged(u64),
    /// It is not kept; the one with this number was the newest.
    Behind(u64),
}

impl Offset<'_> {
    pub(crate) fn logged(self) -> LogPosition {
        LogPosition::Logged(self.number)
    }

    pub(crate) fn behind(self) -> LogPosition {
        LogPosition::Behind(self.number)
    }
}

impl fmt::Display for Offset<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        match self.text {
            None => write!(f, "{}.{}", self.epoch, self.number),
            Some(text) if text.bytes().all(is_plain) => f.write_str(text),
            Some(text) => {
                let quoted = serde_json::to_string(text).map_err(|_| fmt::Error)?;
                f.write_str(&quoted[1..quoted.len() - 1])
            }
        }
    }
}
