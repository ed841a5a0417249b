use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::socket::id::SocketId;

/// The name of a room. Rooms exist while somebody is in them; every socket is in the room of its
/// own id.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Room(Arc<str>);

impl Room {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A room is its name: `room.as_deref()` of an `Option<Room>` is an `Option<&str>`.
impl Deref for Room {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Rooms are looked up by their text.
impl Borrow<str> for Room {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Room {
    /// As its name.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl From<&str> for Room {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<String> for Room {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl From<SocketId> for Room {
    fn from(id: SocketId) -> Self {
        Self::from(&id)
    }
}

impl From<&SocketId> for Room {
    fn from(id: &SocketId) -> Self {
        Self(id.as_str().into())
    }
}

/// A change of a room, see [`Namespace::on_room_change`](crate::Namespace::on_room_change).
/// The official adapter's `create-room`, `join-room`, `leave-room` and `delete-room`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomChange {
    /// The room is created, for its first member.
    Created {
        /// The room.
        room: Room,
    },
    /// A socket has joined it.
    Joined {
        /// The room.
        room: Room,
        /// The socket.
        id: SocketId,
    },
    /// A socket has left it.
    Left {
        /// The room.
        room: Room,
        /// The socket.
        id: SocketId,
    },
    /// Its last member has left, which deletes it.
    Deleted {
        /// The room.
        room: Room,
    },
}

/// One room or several: names, [`Room`]s, [`SocketId`]s, and arrays, slices and vectors of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name rooms",
    note = "rooms are named by `&str`, `String`, `Room`, `SocketId`, and arrays, slices and vectors of those"
)]
pub trait IntoRooms {
    /// The rooms, in the order given.
    fn into_rooms(self) -> Vec<Room>;
}

macro_rules! one_room {
    ($($type:ty),*) => {$(
        impl IntoRooms for $type {
            fn into_rooms(self) -> Vec<Room> {
                vec![Room::from(self)]
            }
        }
    )*};
}

one_room!(&str, String, SocketId, &SocketId, Room);

impl IntoRooms for &String {
    fn into_rooms(self) -> Vec<Room> {
        vec![Room::from(self.as_str())]
    }
}

impl IntoRooms for &Room {
    fn into_rooms(self) -> Vec<Room> {
        vec![self.clone()]
    }
}

impl<R: Into<Room>, const N: usize> IntoRooms for [R; N] {
    fn into_rooms(self) -> Vec<Room> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<R: Into<Room>> IntoRooms for Vec<R> {
    fn into_rooms(self) -> Vec<Room> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<R: Clone + Into<Room>> IntoRooms for &[R] {
    fn into_rooms(self) -> Vec<Room> {
        self.iter().cloned().map(Into::into).collect()
    }
}

impl<R: Clone + Into<Room>> IntoRooms for &Vec<R> {
    fn into_rooms(self) -> Vec<Room> {
        self.as_slice().into_rooms()
    }
}
