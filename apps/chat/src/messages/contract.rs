//! Messages, in the namespace `/chat`.
//!
//! | from the page | payload | answered with |
//! |---|---|---|
//! | `say` | [`Say`] | the [`Message`], once it is on disk |
//!
//! | to the page | payload | |
//! |---|---|---|
//! | `message` | [`Message`] | to everybody who has opened the room, the sender included, in stored order |

use serde::{Deserialize, Serialize};
use sockeye::Event;

/// Say something in a room that one has opened. Answered when it is on disk.
pub const SAY: Event<Say, Message> = Event::new("say");
/// A message was stored.
pub const MESSAGE: Event<Message> = Event::new("message");

/// The most messages that come with opening a room.
pub const HISTORY_MESSAGES_MAX: u32 = 100;
/// The most bytes of text that come with opening a room; older messages beyond it are left out.
pub const HISTORY_BYTES_MAX: usize = 256 * 1024;

/// A message on its way to the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Say {
    /// The room's id.
    pub room: String,
    /// The text.
    pub text: String,
    /// What the sender calls this message: sent again under the same key, it is stored once and
    /// answered with what was stored the first time. 1 to 64 printable ASCII bytes.
    pub key: String,
}

/// A message in the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Message {
    /// Grows with every message of the server; rooms share one sequence.
    pub id: i64,
    /// The room's id.
    pub room: String,
    /// Who wrote it.
    pub by: Author,
    /// The text.
    pub text: String,
    /// When it was stored, in milliseconds since 1970-01-01 UTC.
    pub at: i64,
}

/// Who wrote a message, as they were called then; whoever closed the account keeps the name there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Author {
    /// The person's id.
    pub id: String,
    /// The name.
    pub name: String,
    /// Hue of the colour, 0 to 359.
    pub colour: u16,
    /// An emoji.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub picture: Option<String>,
}

/// The beginning of a message, for the list of rooms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Excerpt {
    /// The message's id.
    pub id: i64,
    /// The id of whoever wrote it.
    pub person: String,
    /// Their name.
    pub name: String,
    /// At most 200 characters of the text.
    pub text: String,
    /// When it was stored, in milliseconds since 1970-01-01 UTC.
    pub at: i64,
}
