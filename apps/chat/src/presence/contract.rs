//! Presence: who is online, who is in a room, who is typing. The library keeps it by person; see its guide.
//!
//! The sockets of `/chat` get the event `presence` with a `RoomPresence`: of each room they have opened
//! (`room <id>`), and of the whole server, which is the room `online`; guests do not get that one.
//!
//! | `/chat`, from the page | payload | answered with |
//! |---|---|---|
//! | `typing` | [`Typing`] | nothing |
//! | `online` | nothing | everybody on the server; members only |

use serde::{Deserialize, Serialize};
use sockeye::{Event, Present};

use crate::accounts::contract::Person;

/// One is typing, or not any more.
pub const TYPING: Event<Typing> = Event::new("typing");
/// Who is on the server.
pub const ONLINE: Event<(), Vec<Present<Here>>> = Event::new("online");

/// The room of the library in which everybody on the server is present.
pub const ONLINE_ROOM: &str = "online";
/// How long somebody is shown as typing after they said so, milliseconds.
pub const TYPING_SHOWN: u32 = 6_000;

/// One is typing in a room that one has opened. Said again every few seconds while it goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Typing {
    /// The room's id.
    pub room: String,
    /// Whether one is.
    pub is_typing: bool,
}

/// What a connection says of whoever is present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Here {
    /// The person, as everybody sees them.
    pub person: Person,
    /// Since when they are typing, in milliseconds since 1970-01-01 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub typing_at: Option<i64>,
}
