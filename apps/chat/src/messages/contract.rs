//! Messages, in the namespace `/chat`.
//!
//! | from the page | payload | answered with | who may |
//! |---|---|---|---|
//! | `say` | [`Say`] | the [`Message`], once it is on disk | in the room, not muted |
//! | `history` | [`AskHistory`] | [`History`] | in the room |
//! | `edit` | [`EditMessage`] | [`Edited`], once it is on disk | who wrote it, not muted |
//! | `delete_message` | [`OneMessage`] | nothing, once it is on disk | who wrote it; the room's moderators, and the server's in rooms that everybody sees |
//! | `react` | [`React`] | [`Reacted`], once it is on disk | in the room, not muted |
//! | `edits` | [`OneMessage`] | [`Edit`] list, the oldest first | in the room |
//! | `reactors` | [`AskReactors`] | [`Person`] list | in the room |
//!
//! | to the page | payload | |
//! |---|---|---|
//! | `message` | [`Message`] | to everybody who has opened the room, the sender included, in stored order |
//! | `edited` | [`Edited`] | a message says something else, or was deleted |
//! | `reacted` | [`Reacted`] | somebody has reacted to a message, or not any more |
//! | `pruned` | [`Pruned`] | the oldest messages of a room are gone, because it keeps them for a while only |
//!
//! What is done to messages after they were said is counted in each room: a [`change`](Message::change) is a number
//! that grows, by which a page that was away asks for what it has missed.

use serde::{Deserialize, Serialize};
use sockeye::Event;

use crate::accounts::contract::Person;

/// Say something in a room that one has opened. Answered when it is on disk.
pub const SAY: Event<Say, Message> = Event::new("say");
/// Older or newer messages of a room that one has opened.
pub const HISTORY: Event<AskHistory, History> = Event::new("history");
/// Change what one has said.
pub const EDIT: Event<EditMessage, Edited> = Event::new("edit");
/// Delete a message: who said it and when is left.
pub const DELETE_MESSAGE: Event<OneMessage> = Event::new("delete_message");
/// React to a message, or do not any more.
pub const REACT: Event<React, Reacted> = Event::new("react");
/// What a message said before it was edited.
pub const EDITS: Event<OneMessage, Vec<Edit>> = Event::new("edits");
/// Who has reacted to a message with an emoji.
pub const REACTORS: Event<AskReactors, Vec<Person>> = Event::new("reactors");

/// A message was stored.
pub const MESSAGE: Event<Message> = Event::new("message");
/// A message says something else, or was deleted.
pub const EDITED: Event<Edited> = Event::new("edited");
/// Somebody has reacted to a message, or not any more.
pub const REACTED: Event<Reacted> = Event::new("reacted");
/// The oldest messages of a room are gone.
pub const PRUNED: Event<Pruned> = Event::new("pruned");

/// The most messages that come with opening a room, and in a page of its history.
pub const HISTORY_MESSAGES_MAX: u32 = 100;
/// The most bytes of text that come with either; messages beyond it are left out.
pub const HISTORY_BYTES_MAX: usize = 256 * 1024;
/// The most changed messages that come with opening a room again.
pub const CHANGED_MAX: u32 = 200;
/// The most people whom a message mentions.
pub const MENTIONS_MAX: usize = 20;
/// What mentions everybody in the room, in the languages of the page.
pub const MENTIONS_OF_ALL: [&str; 2] = ["@everyone", "@모두"];
/// The most pictures of a message.
pub const PICTURES_MAX: usize = 10;
/// The most different emoji with which a message is reacted to.
pub const REACTIONS_MAX: u32 = 20;
/// The most often that a message is edited.
pub const EDITS_MAX: u32 = 100;
/// The most people told of who have reacted with an emoji.
pub const REACTORS_MAX: u32 = 100;

/// A message on its way to the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Say {
    /// The room's id.
    pub room: String,
    /// The text; may be empty when there are pictures.
    pub text: String,
    /// What the sender calls this message: sent again under the same key, it is stored once and
    /// answered with what was stored the first time. 1 to 64 printable ASCII bytes.
    pub key: String,
    /// The id of the message in this room that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub reply_to: Option<i64>,
    /// The ids of people whom it mentions: members of the room whose `@Name` stands in the text. Others are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<String>>"))]
    pub mentions: Vec<String>,
    /// What uploads of pictures were answered with, at most [`PICTURES_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<String>>"))]
    pub pictures: Vec<String>,
}

/// A message in the database, as the person who is told sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Message {
    /// Grows with every message of the server; rooms share one sequence.
    pub id: i64,
    /// The room's id.
    pub room: String,
    /// Who wrote it.
    pub by: Author,
    /// The text; empty when it was deleted.
    pub text: String,
    /// When it was stored, in milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub reply: Option<Quote>,
    /// Whom it mentions, as they were called then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<Mention>>"))]
    pub mentions: Vec<Mention>,
    /// Whether it mentions everybody in the room: one of [`MENTIONS_OF_ALL`] stands in it.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub is_for_all: bool,
    /// The pictures, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<Picture>>"))]
    pub pictures: Vec<Picture>,
    /// How many people have reacted, for each emoji, the first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<Reaction>>"))]
    pub reactions: Vec<Reaction>,
    /// When it was last edited, in milliseconds since 1970-01-01 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub edited_at: Option<i64>,
    /// Whether it was deleted.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub is_deleted: bool,
    /// The room's number of its last change; 0: as it was said.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(test, ts(optional, as = "Option<i64>"))]
    pub change: i64,
}

/// Who wrote a message, as they were called then; whoever closed the account keeps the name there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// The beginning of a message that another one answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default)]
pub struct Quote {
    /// The message's id.
    pub id: i64,
    /// The id of whoever wrote it; empty when the room does not keep it any more.
    pub person: String,
    /// Their name.
    pub name: String,
    /// At most 200 characters of the text.
    pub text: String,
    /// How many pictures it has.
    #[serde(skip_serializing_if = "is_default")]
    #[cfg_attr(test, ts(optional, as = "Option<u32>"))]
    pub pictures: u32,
    /// Whether it was deleted, or is not kept any more.
    #[serde(skip_serializing_if = "is_default")]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub is_deleted: bool,
}

/// Somebody whom a message mentions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Mention {
    /// The person's id.
    pub id: String,
    /// Their name then: it stands in the text behind an `@`.
    pub name: String,
}

/// How many people have reacted to a message with an emoji.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// How many.
    pub count: u32,
    /// Whether one is among them oneself.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub is_mine: bool,
}

/// A picture of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Picture {
    /// Its id: it is at `/api/rooms/<room>/pictures/<id>`, and smaller below that at `/thumbnail`.
    pub id: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Of the whole picture.
    pub bytes: u64,
    /// Whether it moves; its thumbnail does not.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub is_animated: bool,
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
    /// How many pictures it has.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(test, ts(optional, as = "Option<u32>"))]
    pub pictures: u32,
    /// When it was stored, in milliseconds since 1970-01-01 UTC.
    pub at: i64,
}

/// Asks for a page of a room's messages: the newest ones, or those about one of them. At most one of `before`,
/// `after` and `around` counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AskHistory {
    /// The room's id.
    pub room: String,
    /// Those before the message of this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub before: Option<i64>,
    /// Those behind the message of this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub after: Option<i64>,
    /// The message of this id, those before it and those behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub around: Option<i64>,
    /// How many, at most [`HISTORY_MESSAGES_MAX`], which is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub limit: Option<u32>,
}

/// A page of a room's messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct History {
    /// The messages, the oldest first, without any missing between them.
    pub messages: Vec<Message>,
    /// Whether there are older ones.
    pub has_before: bool,
    /// Whether there are newer ones.
    pub has_after: bool,
}

/// Another text for a message that one has said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct EditMessage {
    /// The room's id.
    pub room: String,
    /// The message's id.
    pub message: i64,
    /// The text; may be empty when there are pictures.
    pub text: String,
    /// As in [`Say`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<String>>"))]
    pub mentions: Vec<String>,
}

/// A message in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OneMessage {
    /// The room's id.
    pub room: String,
    /// The message's id.
    pub message: i64,
}

/// Reacts to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct React {
    /// The room's id.
    pub room: String,
    /// The message's id.
    pub message: i64,
    /// One emoji.
    pub emoji: String,
    /// Whether one reacts so, or not any more.
    pub is_on: bool,
}

/// Asks who has reacted to a message with an emoji.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AskReactors {
    /// The room's id.
    pub room: String,
    /// The message's id.
    pub message: i64,
    /// The emoji.
    pub emoji: String,
}

/// A message that says something else from now on, or was deleted: then it has neither text nor pictures nor
/// reactions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Edited {
    /// The room's id.
    pub room: String,
    /// The message's id.
    pub message: i64,
    /// The text.
    pub text: String,
    /// Whom it mentions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<Mention>>"))]
    pub mentions: Vec<Mention>,
    /// Whether it mentions everybody in the room.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub is_for_all: bool,
    /// When it was edited, in milliseconds since 1970-01-01 UTC; `null`: it was deleted.
    pub edited_at: Option<i64>,
    /// The room's number of this change.
    pub change: i64,
}

/// Somebody has reacted to a message, or not any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Reacted {
    /// The room's id.
    pub room: String,
    /// The message's id.
    pub message: i64,
    /// The emoji.
    pub emoji: String,
    /// How many people react so now.
    pub count: u32,
    /// The id of whoever did it.
    pub person: String,
    /// Whether they react so, or not any more.
    pub is_on: bool,
    /// The room's number of this change; of one that changed nothing, 0.
    pub change: i64,
}

/// The oldest messages of a room are gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Pruned {
    /// The room's id.
    pub room: String,
    /// The id of the newest message that is gone, with all before it.
    pub to: i64,
}

/// What a message said before it was edited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Edit {
    /// The text.
    pub text: String,
    /// Until when it said so, in milliseconds since 1970-01-01 UTC.
    pub until: i64,
}

/// What most messages have is not sent.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
