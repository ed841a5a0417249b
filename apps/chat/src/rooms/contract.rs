//! Rooms: the live list in the namespace `/rooms`, and what is done with a room in `/chat`.
//!
//! | `/rooms`, from the page | payload | answered with |
//! |---|---|---|
//! | `list` | [`ListRooms`] | [`RoomPage`] |
//!
//! | `/rooms`, to the page | payload | |
//! |---|---|---|
//! | `rooms` | [`RoomsChanged`] | what has changed among the rooms this person may see; several changes together, at most ten times a second |
//! | `membership` | [`Membership`] | one's own, changed here or on another device |
//!
//! | `/chat`, from the page | payload | answered with | who may |
//! |---|---|---|---|
//! | `create` | [`CreateRoom`] | [`Room`] | members; guests own nothing |
//! | `direct` | [`Direct`] | [`Room`] | members; it is found again, or made |
//! | `open` | [`OpenRoom`] | [`Opened`] | whoever may enter |
//! | `close` | [`RoomId`] | nothing: not present there any more, and still a member | in it |
//! | `leave` | [`RoomId`] | nothing: no member any more | members of the room |
//! | `keep` | [`KeepRoom`] | [`Membership`] | members of the room |
//! | `change` | [`ChangeRoom`] | [`Room`] | its owner; server moderators |
//! | `delete` | [`RoomId`] | nothing: the room and its messages are gone | its owner; server moderators |
//! | `hand_over` | [`OneInRoom`] | [`Room`] | its owner |
//! | `promote` | [`Promote`] | [`RoomMember`] | its owner |
//! | `remove` | [`RemoveMember`] | nothing | its owner and moderators |
//! | `unban` | [`OneInRoom`] | nothing | its owner and moderators |
//! | `mute` | [`MuteMember`] | [`RoomMember`] | its owner and moderators |
//! | `members` | [`RoomId`] | [`RoomMember`] list | in the room |
//! | `people` | [`FindPeople`] | [`Person`] list, for a direct message | members |
//!
//! | `/chat`, to the page | payload | |
//! |---|---|---|
//! | `room` | [`Room`] | the room one is in has changed |
//! | `removed` | [`Removed`] | one is not in the room any more, and why |
//!
//! A room that does not exist and one that a person may not know of are refused alike: `gone`.

use serde::{Deserialize, Serialize};
use sockeye::{Event, Present};

use crate::accounts::contract::Person;
use crate::messages::contract::{Excerpt, Message};
use crate::presence::contract::Here;
use crate::reading::contract::{Counts, Reading};

/// The list of rooms.
pub const LIST: Event<ListRooms, RoomPage> = Event::new("list");
/// Changes of the list.
pub const ROOMS: Event<RoomsChanged> = Event::new("rooms");
/// One's own membership has changed.
pub const MEMBERSHIP: Event<Membership> = Event::new("membership");

/// Make a room.
pub const CREATE: Event<CreateRoom, Room> = Event::new("create");
/// Find or make the direct messages with some people.
pub const DIRECT: Event<Direct, Room> = Event::new("direct");
/// Enter a room.
pub const OPEN: Event<OpenRoom, Opened> = Event::new("open");
/// Look away from a room.
pub const CLOSE: Event<RoomId> = Event::new("close");
/// Leave a room for good.
pub const LEAVE: Event<RoomId> = Event::new("leave");
/// Pin or silence a room for oneself.
pub const KEEP: Event<KeepRoom, Membership> = Event::new("keep");
/// Change what a room is.
pub const CHANGE: Event<ChangeRoom, Room> = Event::new("change");
/// Remove a room with all that was said.
pub const DELETE: Event<RoomId> = Event::new("delete");
/// Make somebody else its owner.
pub const HAND_OVER: Event<OneInRoom, Room> = Event::new("hand_over");
/// Make somebody its moderator, or a plain member again.
pub const PROMOTE: Event<Promote, RoomMember> = Event::new("promote");
/// Remove somebody, and perhaps for good.
pub const REMOVE: Event<RemoveMember> = Event::new("remove");
/// Let somebody in again.
pub const UNBAN: Event<OneInRoom> = Event::new("unban");
/// Let somebody say nothing for a while.
pub const MUTE: Event<MuteMember, RoomMember> = Event::new("mute");
/// Who belongs to a room.
pub const MEMBERS: Event<RoomId, Vec<RoomMember>> = Event::new("members");
/// People by the beginning of their names.
pub const PEOPLE: Event<FindPeople, Vec<Person>> = Event::new("people");

/// A room one is in has changed.
pub const ROOM: Event<Room> = Event::new("room");
/// One is not in a room any more.
pub const REMOVED: Event<Removed> = Event::new("removed");

/// The most rooms in a page of the list.
pub const ROOMS_PAGE_MAX: u32 = 100;
/// The fewest people a room can be limited to.
pub const CAPACITY_MIN: u32 = 2;
/// The most days for which a room keeps its messages, unless it keeps them for ever.
pub const KEEP_DAYS_MAX: u32 = 36_500;
/// The most people a room can be limited to.
pub const CAPACITY_MAX: u32 = 10_000;
/// The most people of direct messages, oneself included.
pub const DIRECT_PEOPLE_MAX: usize = 10;
/// The most characters of a description.
pub const DESCRIPTION_CHARS_MAX: usize = 500;

/// Who may enter a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum RoomKind {
    /// Everybody.
    Open,
    /// Whoever knows its password; everybody sees that there is the room, and not what is said.
    Password,
    /// Whoever was invited; nobody else knows of it.
    Invited,
    /// The people of direct messages; nobody else knows of it.
    Direct,
}

/// A room, as the person who is told may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Room {
    /// Never changes: it is in the room's address, `/room/<id>`.
    pub id: String,
    /// What it is called; empty for direct messages, which are called by their people.
    pub title: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Who may enter.
    pub kind: RoomKind,
    /// Who may change it; `null`: nobody but the server's moderators.
    pub owner: Option<Person>,
    /// The most people in it at once; `null` is no limit.
    pub capacity: Option<u32>,
    /// For how many days its messages are kept; without it, or with more than the server keeps those of all rooms, as
    /// long as the server does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub keep_days: Option<u32>,
    /// Whether it vanishes when everybody has left.
    pub is_passing: bool,
    /// How many people are in it now.
    pub people: u32,
    /// The people of direct messages, the one who asks among them; empty for other rooms.
    pub with: Vec<Person>,
    /// The newest message; `null` when there is none, or for whoever may not read it.
    pub last: Option<Excerpt>,
    /// When it was made, in milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// When something was last said in it, or when it was made: the list is in this order, the newest first.
    pub active_at: i64,
}

/// What a person may do in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum RoomRole {
    /// Read and write.
    Member,
    /// Also remove, ban and mute members, and invite.
    Moderator,
    /// Also change, hand over and delete the room.
    Owner,
}

/// One's own place in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Membership {
    /// The room's id.
    pub room: String,
    /// `null`: no member any more.
    pub role: Option<RoomRole>,
    /// Listed before the others.
    pub is_pinned: bool,
    /// Its messages are no news.
    pub is_silenced: bool,
    /// Until when one may say nothing, in milliseconds since 1970-01-01 UTC.
    pub muted_until: Option<i64>,
}

/// Asks for the list of rooms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ListRooms {
    /// Only those whose title has this in it, in any case.
    #[cfg_attr(test, ts(optional))]
    pub search: Option<String>,
    /// `next` of the page before.
    #[cfg_attr(test, ts(optional))]
    pub after: Option<String>,
    /// How many, at most [`ROOMS_PAGE_MAX`]. Default 50.
    #[cfg_attr(test, ts(optional))]
    pub limit: Option<u32>,
}

/// A part of the list: the first one has all pinned rooms of the person, then those with unread messages, before the
/// others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RoomPage {
    /// The rooms, the newest message first.
    pub rooms: Vec<Room>,
    /// One's own places in them, as far as there are some.
    pub memberships: Vec<Membership>,
    /// What one has not read in these.
    pub counts: Vec<Counts>,
    /// For `after`, when there are more.
    pub next: Option<String>,
}

/// What has changed in the list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RoomsChanged {
    /// Rooms that are new or otherwise than before, whole.
    pub changed: Vec<Room>,
    /// The ids of rooms that are gone, for whoever is told.
    pub removed: Vec<String>,
}

/// A new room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CreateRoom {
    /// What it is called.
    pub title: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Who may enter; not [`RoomKind::Direct`].
    pub kind: RoomKind,
    /// For [`RoomKind::Password`], 1 to 256 bytes.
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    pub password: Option<String>,
    /// [`CAPACITY_MIN`] to [`CAPACITY_MAX`].
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    pub capacity: Option<u32>,
    /// For how many days its messages are kept, at most [`KEEP_DAYS_MAX`]; 0: as long as the server keeps those of all
    /// rooms.
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    pub keep_days: Option<u32>,
    /// Whether it vanishes when everybody has left.
    #[serde(default)]
    pub is_passing: bool,
}

/// Direct messages with these people, at most [`DIRECT_PEOPLE_MAX`] with oneself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Direct {
    /// Their ids.
    pub people: Vec<String>,
}

/// A room by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RoomId {
    /// The id.
    pub room: String,
}

/// Enters a room, by its id or by the title of one that everybody sees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OpenRoom {
    /// The id, or the title.
    pub room: String,
    /// The password, where one is wanted; not wanted of its members.
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    pub password: Option<String>,
    /// What the page has of the room from before: then the newest messages come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub known: Option<Known>,
    /// The id of a message: then it comes, with those before it and those behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub around: Option<i64>,
}

/// What a page that was away has of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Known {
    /// The id of the newest message; 0 for none.
    pub newest: i64,
    /// The room's number of the last change.
    pub change: i64,
}

/// A room from within.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Opened {
    /// The room.
    pub room: Room,
    /// One's own place in it.
    pub membership: Membership,
    /// What one has not read in it.
    pub counts: Counts,
    /// How far everybody has read; `null` when that could not be told.
    pub reading: Option<Reading>,
    /// Messages, the oldest first, without any missing between them: those about the first one that is unread, or the
    /// newest ones; what else was asked for, [`OpenRoom`] says. Bounded as [`messages`](crate::messages::contract) says.
    pub messages: Vec<Message>,
    /// Whether there are older ones.
    pub has_before: bool,
    /// Whether there are newer ones.
    pub has_after: bool,
    /// The room's number of the last change of a message.
    pub change: i64,
    /// Messages up to [`known.newest`](Known::newest) that were changed since [`known.change`](Known::change); `null`:
    /// too many were, and what is known of the room is to be forgotten.
    pub changed: Option<Vec<Message>>,
    /// Messages up to this id are gone, because the room keeps them for a while only; 0: all are there.
    pub pruned: i64,
    /// Who is in it, oneself included.
    #[cfg_attr(test, ts(type = "PresentPerson[]"))]
    pub present: Vec<Present<Here>>,
}

/// Pins or silences. What is left out stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct KeepRoom {
    /// The room's id.
    pub room: String,
    /// Whether it is listed before the others.
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    pub is_pinned: Option<bool>,
    /// Whether its messages are no news.
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    pub is_silenced: Option<bool>,
}

/// Changes a room. What is left out stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ChangeRoom {
    /// The room's id.
    pub room: String,
    /// Another title.
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    pub title: Option<String>,
    /// Another description.
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    pub description: Option<String>,
    /// Who may enter from now on; those who are members stay.
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    pub kind: Option<RoomKind>,
    /// Another password.
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    pub password: Option<String>,
    /// Another capacity; 0 for none.
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    pub capacity: Option<u32>,
    /// For how many days its messages are kept, at most [`KEEP_DAYS_MAX`]; 0: as long as the server keeps those of all
    /// rooms. What is older is deleted within the hour, for good.
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    pub keep_days: Option<u32>,
    /// Whether it vanishes when everybody has left.
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    pub is_passing: Option<bool>,
}

/// Somebody in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OneInRoom {
    /// The room's id.
    pub room: String,
    /// The person's id.
    pub person: String,
}

/// Makes somebody a moderator of a room, or a plain member again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Promote {
    /// The room's id.
    pub room: String,
    /// The person's id; not a guest.
    pub person: String,
    /// Moderator or member.
    pub role: RoomRole,
}

/// Removes somebody from a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RemoveMember {
    /// The room's id.
    pub room: String,
    /// The person's id.
    pub person: String,
    /// Whether they may not come back.
    #[serde(default)]
    pub is_ban: bool,
}

/// Lets somebody say nothing for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MuteMember {
    /// The room's id.
    pub room: String,
    /// The person's id.
    pub person: String,
    /// How many seconds from now, at most a year; 0 lets them speak again.
    pub seconds: u32,
}

/// Somebody who belongs to a room, or is banned from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RoomMember {
    /// Who.
    pub person: Person,
    /// What they may do there.
    pub role: RoomRole,
    /// Until when they may say nothing.
    pub muted_until: Option<i64>,
    /// Whether they may not come in; told to its moderators only.
    pub is_banned: bool,
    /// When they were last seen on the server, in milliseconds since 1970-01-01 UTC; `null`: never, or online now.
    pub seen_at: Option<i64>,
    /// Whether they are on the server now.
    pub is_online: bool,
}

/// People whose names begin with something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FindPeople {
    /// The beginning of the name, in any case; empty for the first ones of all.
    pub search: String,
}

/// One is not in a room any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Removed {
    /// The room's id.
    pub room: String,
    /// Why.
    pub reason: RemovedReason,
}

/// Why one is not in a room any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum RemovedReason {
    /// One has left, perhaps on another device.
    Left,
    /// Somebody removed one.
    Removed,
    /// Somebody removed one, and one may not come back.
    Banned,
    /// The room is gone.
    Gone,
}
