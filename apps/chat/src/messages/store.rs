//! What messages need of a store.

use async_trait::async_trait;

use super::contract::{Author, Message};
use crate::input::{MessageKey, MessageText};
use crate::notes::store::Posted;
use crate::store::StoreError;

/// Runs in the writer, in stored order, after the transaction with the message is on disk or has failed; it must
/// not block.
pub type SaidDone = Box<dyn FnOnce(Result<Said, StoreError>) + Send>;

/// What became of a message, and where it is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The message.
    pub posted: Posted,
    /// The name of the room at that moment, if it was an open one: the notes' chat hears it.
    pub open_name: Option<String>,
    /// Members of direct messages who had left them, and are back by this message.
    pub returned: Vec<String>,
}

/// A message to be stored.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// The id of its room.
    pub room: String,
    /// Who says it.
    pub by: Author,
    /// What is said.
    pub text: MessageText,
    /// The ids of pictures that its sender has sent to the room.
    pub pictures: Vec<String>,
    /// What its sender calls it.
    pub key: MessageKey,
}

/// Messages by the ids of rooms and people.
#[async_trait]
pub trait MessageStore {
    /// Queues a message. Waits while the queue is full.
    ///
    /// # Errors
    /// [`StoreError::Closed`]; `done` is dropped without being run. `done` hears [`StoreError::Gone`] when there is no
    /// such room any more, its sender is no member at that point of the stored order, or whom they write to has
    /// blocked them; [`StoreError::Muted`] when they may say nothing now;
    /// [`StoreError::PictureGone`] when one of the pictures is not there, another person's, another room's or was said.
    ///
    /// # Cancel safety
    /// Cancelled before it returns, nothing was queued.
    async fn say(&self, message: NewMessage, done: SaidDone) -> Result<(), StoreError>;

    /// The newest messages of a room, the oldest of them first, and whether there are more: at most
    /// [`HISTORY_MESSAGES_MAX`](super::contract::HISTORY_MESSAGES_MAX), and no more than
    /// [`HISTORY_BYTES_MAX`](super::contract::HISTORY_BYTES_MAX) of text.
    ///
    /// # Errors
    /// The database failed.
    async fn newest(&self, room: &str) -> Result<(Vec<Message>, bool), StoreError>;
}
