//! What messages need of a store.

use async_trait::async_trait;
use thiserror::Error;

use super::contract::{Author, Edit, Edited, History, Message, Reacted};
use crate::accounts::contract::Person;
use crate::input::{Emoji, MessageKey, MessageText};
use crate::notes::store::Posted;
use crate::rooms::contract::Known;
use crate::rooms::store::Actor;
use crate::store::StoreError;

/// Runs in the writer, in stored order, after the transaction with the message is on disk or has failed; it must
/// not block.
pub type SaidDone = Box<dyn FnOnce(Result<Said, StoreError>) + Send>;
/// The same for what is done to a message.
pub type TouchDone<T> = Box<dyn FnOnce(Result<T, TouchError>) + Send>;

/// What became of a message, and where it is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The message.
    pub posted: Posted,
    /// The name of the room at that moment, if it was an open one: the notes' chat hears it.
    pub open_name: Option<String>,
    /// Members of direct messages who had left them, and are back by this message.
    pub returned: Vec<String>,
    /// How far its sender had read before; `None`: they are no member.
    pub read_before: Option<i64>,
}

/// A message to be stored.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// The id of its room.
    pub room: String,
    /// Who says it.
    pub by: Author,
    /// What is said; empty if there are pictures.
    pub text: MessageText,
    /// The ids of pictures that its sender has sent to the room.
    pub pictures: Vec<String>,
    /// What its sender calls it.
    pub key: MessageKey,
    /// The id of the message that it answers.
    pub reply_to: Option<i64>,
    /// The ids of people who are mentioned if they are members and their names stand in the text.
    pub mentions: Vec<String>,
}

/// Which page of the messages of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The newest ones.
    Newest,
    /// Those about the first one that the person has not read, or the newest ones.
    Unread,
    /// Those before this id.
    Before(i64),
    /// Those behind this id.
    After(i64),
    /// The one of this id, if it is there, and those about it.
    Around(i64),
}

/// What a page that was away has missed of a room's messages that it knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The room's number of the last change.
    pub change: i64,
    /// Messages up to this id are gone.
    pub pruned: i64,
    /// The messages, as they are now; `None`: too many.
    pub changed: Option<Vec<Message>>,
}

/// A message that somebody does something to. Whether they may is decided in the writer.
#[derive(Clone, Debug)]
pub struct Touch {
    /// The room's id.
    pub room: String,
    /// The message's id.
    pub message: i64,
    /// Who does it.
    pub by: Actor,
}

/// A message that was edited or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditedMessage {
    /// How it is now.
    pub edited: Edited,
    /// Whether it was the newest one of its room that is not deleted.
    pub is_newest: bool,
}

/// A message that somebody reacts to, or does not any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReactedMessage {
    /// How it is now.
    pub reacted: Reacted,
    /// Whether it was otherwise before.
    pub is_changed: bool,
}

/// Why nothing was done to a message.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TouchError {
    /// There is no such message, or not any more.
    #[error("there is no such message any more")]
    Gone,
    /// Somebody else wrote it.
    #[error("the person may not do that to this message")]
    Forbidden,
    /// It has as many different reactions, or was edited as often, as can be.
    #[error("too much was done to the message")]
    TooMany,
    /// Neither a text nor a picture would be left.
    #[error("the message would be empty")]
    Empty,
    /// Nothing could be stored, or the room is not for the person.
    #[error(transparent)]
    Store(#[from] StoreError),
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

    /// Queues that a message says something else. Who is mentioned is as in [`NewMessage`]. Waits while the queue is full.
    ///
    /// # Errors
    /// As of [`say`](MessageStore::say).
    ///
    /// # Cancel safety
    /// Cancelled before it returns, nothing was queued.
    async fn edit(
        &self,
        touch: Touch,
        text: MessageText,
        mentions: Vec<String>,
        done: TouchDone<EditedMessage>,
    ) -> Result<(), StoreError>;

    /// Queues that a message is deleted. Waits while the queue is full.
    ///
    /// # Errors
    /// As of [`say`](MessageStore::say).
    ///
    /// # Cancel safety
    /// Cancelled before it returns, nothing was queued.
    async fn delete(&self, touch: Touch, done: TouchDone<EditedMessage>) -> Result<(), StoreError>;

    /// Queues that somebody reacts to a message, or does not any more. Waits while the queue is full.
    ///
    /// # Errors
    /// As of [`say`](MessageStore::say).
    ///
    /// # Cancel safety
    /// Cancelled before it returns, nothing was queued.
    async fn react(
        &self,
        touch: Touch,
        emoji: Emoji,
        is_on: bool,
        done: TouchDone<ReactedMessage>,
    ) -> Result<(), StoreError>;

    /// A page of a room's messages as a person sees them: at most so many, at most
    /// [`HISTORY_MESSAGES_MAX`](super::contract::HISTORY_MESSAGES_MAX), and no more than
    /// [`HISTORY_BYTES_MAX`](super::contract::HISTORY_BYTES_MAX) of text.
    ///
    /// # Errors
    /// The database failed.
    async fn page(
        &self,
        room: &str,
        person: &str,
        page: Page,
        limit: u32,
    ) -> Result<History, StoreError>;

    /// What was changed in a room since a page was away.
    ///
    /// # Errors
    /// The database failed.
    async fn changes(
        &self,
        room: &str,
        person: &str,
        known: Option<Known>,
    ) -> Result<Changes, StoreError>;

    /// What a message said before, the oldest first.
    ///
    /// # Errors
    /// The database failed.
    async fn edits(&self, room: &str, message: i64) -> Result<Vec<Edit>, StoreError>;

    /// Who has reacted to a message with an emoji, the first one first, at most
    /// [`REACTORS_MAX`](super::contract::REACTORS_MAX).
    ///
    /// # Errors
    /// The database failed.
    async fn reactors(
        &self,
        room: &str,
        message: i64,
        emoji: &str,
    ) -> Result<Vec<Person>, StoreError>;
}
