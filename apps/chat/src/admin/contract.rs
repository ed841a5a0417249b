//! Administration over HTTP, below `/api/admin`; the control socket of `sockeye admin` has the same.
//!
//! | request | body | answer | who may |
//! |---|---|---|---|
//! | `GET overview` | | [`Overview`] | moderators |
//! | `GET people?after=&search=` | | [`PeoplePage`] | moderators |
//! | `PUT people/{id}` | [`ChangePerson`] | [`PersonRow`] | owners |
//! | `POST people/{id}/reset` | | [`Link`] | owners |
//! | `POST people/{id}/end-sessions` | | nothing | moderators, of those below them |
//! | `POST people/{id}/close` | | nothing | owners; moderators for guests |
//! | `GET rooms?after=` | | [`RoomRow`] list | moderators; no titles of direct messages, nothing that was said |
//! | `DELETE rooms/{id}` | | nothing | moderators |
//! | `PUT settings` | [`Settings`] | [`Settings`] | owners |
//! | `GET audit?before=` | | [`AuditEntry`] list, the newest first | moderators |

use serde::{Deserialize, Serialize};

use crate::accounts::contract::{Person, Role};
use crate::rooms::contract::RoomKind;

/// The server at a glance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Overview {
    /// The version of the program.
    pub version: String,
    /// Since when it runs, in milliseconds since 1970-01-01 UTC.
    pub started_at: i64,
    /// How many have an account.
    pub accounts: u32,
    /// How many guests are known.
    pub guests: u32,
    /// How many people are on the server now.
    pub online: u32,
    /// How many sessions are valid.
    pub sessions: u32,
    /// How many rooms there are.
    pub rooms: u32,
    /// How many messages there are.
    pub messages: u64,
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Bytes of the pictures, without their thumbnails.
    pub picture_bytes: u64,
    /// Bytes that are free where it lies; `null` where the system does not tell.
    pub free_bytes: Option<u64>,
    /// Bytes that have to be free for a message to be stored.
    pub free_bytes_min: u64,
    /// Resident memory of the program in bytes; `null` where the system does not tell.
    pub memory_bytes: Option<u64>,
    /// What is set.
    pub settings: Settings,
    /// What each person and each address may do, how many MiB stay free, and by which option it is changed.
    pub limits: Vec<LimitRow>,
}

/// One limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LimitRow {
    /// The option of `sockeye serve`, without its dashes.
    pub name: String,
    /// What it is; 0 is none.
    pub value: u64,
    /// How often it was reached since the start.
    pub reached: u64,
}

/// What an owner sets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Settings {
    /// Whether people without an account may come in.
    pub has_guests: bool,
}

/// A page of the people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PeoplePage {
    /// At most 100.
    pub people: Vec<PersonRow>,
    /// For `after`, when there are more.
    pub next: Option<String>,
}

/// Somebody, for an administrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PersonRow {
    /// Who.
    pub person: Person,
    /// When they came first, in milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// When they were seen last.
    pub seen_at: Option<i64>,
    /// Whether they are on the server now.
    pub is_online: bool,
    /// How many sessions they have.
    pub sessions: u32,
}

/// Changes somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ChangePerson {
    /// What they may do from now on; the last owner stays one, and guests stay guests.
    pub role: Role,
}

/// A link that works once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Link {
    /// What follows the `#`: the page makes `<address>/reset#<code>` of it.
    pub code: String,
    /// When it ends, in milliseconds since 1970-01-01 UTC.
    pub expires_at: i64,
}

/// A room, for an administrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RoomRow {
    /// Its id.
    pub id: String,
    /// Its title; empty for direct messages and rooms by invitation that the administrator is not in.
    pub title: String,
    /// Who may enter.
    pub kind: RoomKind,
    /// Who owns it.
    pub owner: Option<Person>,
    /// How many belong to it.
    pub members: u32,
    /// How many are in it now.
    pub people: u32,
    /// How many messages it has.
    pub messages: u64,
    /// When something was last said, in milliseconds since 1970-01-01 UTC.
    pub active_at: i64,
}

/// Something that somebody did with rights that others have not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AuditEntry {
    /// Grows.
    pub id: i64,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// Who: a name as it was then, or `command line`.
    pub by: String,
    /// What: a word such as `person.role` or `room.delete`.
    pub what: String,
    /// About whom or what: a name as it was then.
    pub about: String,
    /// Further words, such as the role.
    pub detail: String,
}
