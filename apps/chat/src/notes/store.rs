//! What the notes' chat needs of a store.

use async_trait::async_trait;

use super::contract::StoredMessage;
use crate::input::{MessageKey, MessageText, Nickname, RoomName};
use crate::messages::contract::Message;
use crate::messages::store::SaidDone;
use crate::quota::Origin;
use crate::store::StoreError;

/// Runs in the writer, in stored order, after the transaction with the message is on disk or has failed; it must
/// not block.
pub type PostDone = SaidDone;

/// Messages by the names of rooms and people.
#[async_trait]
pub trait NotesStore {
    /// Queues a message. Makes its room, open and without an owner, and the guest who says it, where they are
    /// missing. Waits while the queue is full.
    ///
    /// # Errors
    /// [`StoreError::Closed`]; `done` is dropped without being run.
    ///
    /// # Cancel safety
    /// Cancelled before it returns, nothing was queued.
    async fn post(&self, post: Post, done: PostDone) -> Result<(), StoreError>;

    /// The newest messages of a room, oldest first: at most
    /// [`HISTORY_MESSAGES_MAX`](super::contract::HISTORY_MESSAGES_MAX), and no more than
    /// [`HISTORY_BYTES_MAX`](super::contract::HISTORY_BYTES_MAX) of text. A room nobody has written in has none.
    ///
    /// # Errors
    /// The database failed.
    async fn history(&self, room: &RoomName) -> Result<Vec<StoredMessage>, StoreError>;

    /// What there is under this name. The first room always exists, so that nobody can make a twin
    /// of it before anybody has said something there.
    ///
    /// # Errors
    /// The database failed.
    async fn find(&self, room: &RoomName) -> Result<Found, StoreError>;
}

/// A message to be stored.
#[derive(Clone, Debug)]
pub struct Post {
    /// Where it was said.
    pub room: RoomName,
    /// The id of the room, if it was there when the one who says it came in: then it is that one, whatever it is
    /// called by now, and none is made.
    pub room_id: Option<String>,
    /// Who said it.
    pub name: Nickname,
    /// What was said.
    pub text: MessageText,
    /// What the sender calls it, if it may send it again.
    pub key: Option<MessageKey>,
    /// Whose key it is.
    pub sender: Sender,
    /// Where it came from; the maker of the room, if it is the first in there.
    pub origin: Origin,
}

/// Whom the keys of messages belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender(String);

/// What there is under a room's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The room of this id, which is open.
    Room(String),
    /// A room that is not for everybody.
    Closed,
    /// Not this one, but another one that looks the same.
    Twin,
    /// Neither.
    Nothing,
}

/// What became of a [`Post`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It is on disk.
    New(Message),
    /// It had been stored under its key before; nothing was written.
    Known(Message),
}

impl Sender {
    /// Somebody who says who it is, by something nobody else knows.
    pub fn known_by(id: &MessageKey) -> Self {
        Sender(format!("id {}", id.as_str()))
    }

    /// As it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Somebody who does not say who it is.
impl From<Origin> for Sender {
    fn from(origin: Origin) -> Self {
        Sender(format!("address {origin}"))
    }
}

impl Posted {
    /// The message as it is stored.
    pub fn message(&self) -> &Message {
        match self {
            Posted::New(message) | Posted::Known(message) => message,
        }
    }

    /// The same, to keep.
    pub fn into_message(self) -> Message {
        match self {
            Posted::New(message) | Posted::Known(message) => message,
        }
    }
}
