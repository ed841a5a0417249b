//! The chat of the notes, in the namespace `/`: anybody with a nickname, who is in one room at a time.
//!
//! It leads into the same rooms as the page, as far as they are open, while guests are let in. A client has to
//! be in a room before it may send to it.
//!
//! | event | from the page | answered with | to everybody in the room |
//! |---|---|---|---|
//! | `join` | [`Join`], or a nickname alone: the first room | the newest messages, oldest first | [`Presence`] |
//! | `chat` | [`NewMessage`] | the [`StoredMessage`], once it is on disk | [`StoredMessage`] |
//! | `leave` | nothing | nothing; the server then disconnects the socket | [`Presence`] |
//!
//! A refused event is answered with `{ "error": Refusal }`; see [`Refusal`](crate::contract::Refusal).

use serde::{Deserialize, Serialize};
use sockeye::Event;

use crate::contract::FIRST_ROOM;

/// Enter a room, leaving the one before. Answered with the newest messages of the room, at most
/// [`HISTORY_MESSAGES_MAX`] and [`HISTORY_BYTES_MAX`], in the order they were stored.
///
/// A message stored at the same moment may be in the answer and arrive as an event too: the id
/// tells.
pub const JOIN: Event<Join, Vec<StoredMessage>> = Event::new("join");
/// Say something in the room. Answered when it is on disk.
pub const CHAT: Event<NewMessage, StoredMessage> = Event::new("chat");
/// Leave the room and be disconnected.
pub const LEAVE: Event = Event::new("leave");

/// Somebody entered the room; sent to everybody in it, the one who entered included.
pub const JOINED: Event<Presence> = Event::new("join");
/// A message was stored; sent to everybody in the room, the sender included, in stored order.
pub const POSTED: Event<StoredMessage> = Event::new("chat");
/// Somebody left the room or lost the connection; sent to those who are still there.
pub const LEFT: Event<Presence> = Event::new("leave");

/// What stands in the text of a message for each of its pictures: the notes' chat has none.
pub const PICTURE: &str = "[picture]";

/// The most messages in the answer to [`JOIN`].
pub const HISTORY_MESSAGES_MAX: u32 = 100;
/// The most bytes of message text in the answer to [`JOIN`]; older messages beyond it are left out.
pub const HISTORY_BYTES_MAX: usize = 256 * 1024;

/// Who wants to enter which room. A nickname alone enters the first room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Joining")]
pub struct Join {
    /// The room's name.
    pub room: String,
    /// The nickname to use there.
    pub name: String,
    /// What the sender is known by from one visit to the next, 1 to 64 printable ASCII bytes that
    /// nobody else can guess: messages' keys are the sender's own. Without it they are those of the
    /// sender's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
}

/// What is sent as a [`Join`].
#[derive(Deserialize)]
#[serde(untagged)]
enum Joining {
    Name(String),
    Join {
        room: String,
        name: String,
        #[serde(default)]
        sender: Option<String>,
    },
}

impl From<Joining> for Join {
    fn from(joining: Joining) -> Self {
        match joining {
            Joining::Name(name) => Join { room: FIRST_ROOM.to_owned(), name, sender: None },
            Joining::Join { room, name, sender } => Join { room, name, sender },
        }
    }
}

/// A message on its way to the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMessage {
    /// The nickname given when joining.
    pub name: String,
    /// The text.
    pub msg: String,
    /// What the sender calls this message: sent again by the same sender under the same key, it is
    /// stored once and answered with what was stored the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A message in the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMessage {
    /// Grows with every message of the server; rooms share one sequence.
    pub id: i64,
    /// Who wrote it.
    pub name: String,
    /// The text.
    pub msg: String,
    /// When it was stored, in milliseconds since 1970-01-01 UTC.
    pub at: i64,
}

/// Somebody who came or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The room.
    pub room: String,
    /// The nickname.
    pub name: String,
    /// How many connections are in the room now.
    pub people: u32,
}
