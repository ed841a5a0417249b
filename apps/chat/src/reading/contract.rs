//! Reading. In `/chat`, from the page:
//!
//! | | payload | answered with | who may |
//! |---|---|---|---|
//! | `read` | [`Read`] | nothing: one has read up to this message, and what is before it | members of the room |
//! | `unread` | [`Read`] | nothing: from this message on one has not read | members of the room |
//! | `readers` | [`OneMessage`] | [`Readers`] | in the room |
//!
//! | to the page | | payload | |
//! |---|---|---|---|
//! | `/rooms` | `counts` | [`Counts`] | one's own in a room, changed by whatever device or message |
//! | `/chat` | `reading` | [`ReadingMoved`] | to everybody who has opened the room: how far people have read, at most once a second |
//!
//! A message is unread for a member of its room who has not written it, if it is newer than their pointer and not
//! deleted. So the people who have not read a message are the members whose pointers are before it, without its author.
//! Whoever becomes a member has read everything until then. Saying something moves one's own pointer there. Messages of
//! those whom one has blocked are not shown, and not counted among one's own unread ones.

use serde::{Deserialize, Serialize};
use sockeye::Event;

use crate::accounts::contract::Person;
use crate::messages::contract::OneMessage;

/// One has read up to a message.
pub const READ: Event<Read> = Event::new("read");
/// One has not read from a message on.
pub const UNREAD: Event<Read> = Event::new("unread");
/// Who has read a message.
pub const READERS: Event<OneMessage, Readers> = Event::new("readers");

/// One's own counts in a room have changed.
pub const COUNTS: Event<Counts> = Event::new("counts");
/// People have read on in a room.
pub const READING: Event<ReadingMoved> = Event::new("reading");

/// The most unread messages that are counted: of more it is told that there are as many as this.
pub const UNREAD_COUNTED_MAX: u32 = 1_000;
/// The most people told of who have read a message, and of those who have not.
pub const READERS_MAX: u32 = 200;

/// A message up to which, or from which on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Read {
    /// The room's id.
    pub room: String,
    /// The message's id.
    pub message: i64,
}

/// What one has not read in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Counts {
    /// The room's id.
    pub room: String,
    /// One's own pointer: the id of the newest message one has read; 0 before the first.
    pub read: i64,
    /// How many messages one has not read, at most [`UNREAD_COUNTED_MAX`].
    pub unread: u32,
    /// How many of them mention one, or everybody; at most [`UNREAD_COUNTED_MAX`].
    pub mentions: u32,
}

/// How far the members of a room have read, as of a [`turn`](Reading::turn).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Reading {
    /// A number that grows: what comes with a greater one is newer than this.
    pub turn: u64,
    /// Pointers, each with how many members have it. The sum of those before a message, without its author's, is
    /// how many people have not read it.
    pub pointers: Vec<(i64, u32)>,
    /// Members whose pointers may be before messages of their own: of those messages they are not counted.
    pub behind: Vec<Behind>,
}

/// Somebody whose pointer may be before a message of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Behind {
    /// The person's id.
    pub person: String,
    /// Their pointer.
    pub read: i64,
}

/// What has changed in how far the members of a room have read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReadingMoved {
    /// The room's id.
    pub room: String,
    /// Greater than before.
    pub turn: u64,
    /// Pointers, each with how many members more have it, or fewer.
    pub moved: Vec<(i64, i32)>,
    /// As in [`Reading`], in place of what was told before.
    pub behind: Vec<Behind>,
}

/// Who has read a message, and who has not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Readers {
    /// Those who have, at most [`READERS_MAX`].
    pub read: Vec<Person>,
    /// Those who have not, at most [`READERS_MAX`].
    pub unread: Vec<Person>,
    /// How many have.
    pub read_count: u32,
    /// How many have not.
    pub unread_count: u32,
}
