use std::borrow::{Borrow, Cow};
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::socket::id::SocketId;

/// The name of a room. Rooms exist while somebody is in them; every socket is in the room of its
/// own id.
///
/// It is made from any text, and compares and reads as text:
///
/// ```
/// use sockeye::Room;
///
/// let name = "lobby".to_owned();
/// let room = Room::from(&name);
/// assert!(room == "lobby" && room == name && room.starts_with("lob"));
/// ```
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

impl AsRef<str> for Room {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Rooms compare with text, from either side.
macro_rules! equals {
    ($($text:ty),*) => {$(
        impl PartialEq<$text> for Room {
            fn eq(&self, other: &$text) -> bool {
                *self.0 == **other
            }
        }

        impl PartialEq<Room> for $text {
            fn eq(&self, other: &Room) -> bool {
                **self == *other.0
            }
        }
    )*};
}

equals!(&str, String, Cow<'_, str>);

impl PartialEq<str> for Room {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<Room> for str {
    fn eq(&self, other: &Room) -> bool {
        *self == *other.0
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

impl<'de> Deserialize<'de> for Room {
    /// From its name.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer).map(Self::from)
    }
}

macro_rules! from_text {
    ($($text:ty),*) => {$(
        impl From<$text> for Room {
            fn from(name: $text) -> Self {
                Self(name.into())
            }
        }
    )*};
}

from_text!(&str, String, Box<str>, Arc<str>, Cow<'_, str>);

impl From<&String> for Room {
    fn from(name: &String) -> Self {
        Self(name.as_str().into())
    }
}

impl From<&&str> for Room {
    fn from(name: &&str) -> Self {
        Self((*name).into())
    }
}

impl From<&Room> for Room {
    fn from(room: &Room) -> Self {
        room.clone()
    }
}

impl From<Room> for String {
    fn from(room: Room) -> Self {
        (*room.0).to_owned()
    }
}

/// The name, which is shared and not copied.
impl From<Room> for Arc<str> {
    fn from(room: Room) -> Self {
        room.0
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

/// One room or several: names, [`Room`]s, [`SocketId`]s, and arrays, slices, vectors and sets of
/// them, by value or by reference.
///
/// ```
/// use std::collections::HashSet;
///
/// use sockeye::{IntoRooms, Room};
///
/// let (from, to) = ("ann".to_owned(), "bob".to_owned());
/// assert_eq!([&from, &to].into_rooms(), ["ann", "bob"]);
/// assert_eq!(HashSet::from([&to]).into_rooms(), ["bob"]);
/// assert_eq!(format!("of-{to}").into_rooms(), ["of-bob"]);
/// let rooms: Vec<Room> = vec!["red".into(), "blue".into()];
/// assert_eq!((&rooms).into_rooms(), rooms);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name rooms",
    note = "rooms are named by `&str`, `String`, `Room`, `SocketId`, and arrays, slices, vectors and sets of those"
)]
pub trait IntoRooms {
    /// The rooms, in the order given; those of a `HashSet` in any.
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

one_room!(&str, &&str, String, &String, Box<str>, Arc<str>, Cow<'_, str>);
one_room!(SocketId, &SocketId, Room, &Room);

fn rooms_of(names: impl IntoIterator<Item: Into<Room>>) -> Vec<Room> {
    names.into_iter().map(Into::into).collect()
}

impl<R: Into<Room>, const N: usize> IntoRooms for [R; N] {
    fn into_rooms(self) -> Vec<Room> {
        rooms_of(self)
    }
}

impl<R: Into<Room>> IntoRooms for Vec<R> {
    fn into_rooms(self) -> Vec<Room> {
        rooms_of(self)
    }
}

impl<R: Into<Room>, S> IntoRooms for HashSet<R, S> {
    fn into_rooms(self) -> Vec<Room> {
        rooms_of(self)
    }
}

impl<R: Into<Room>> IntoRooms for BTreeSet<R> {
    fn into_rooms(self) -> Vec<Room> {
        rooms_of(self)
    }
}

impl<R: Clone + Into<Room>> IntoRooms for &[R] {
    fn into_rooms(self) -> Vec<Room> {
        rooms_of(self.iter().cloned())
    }
}

impl<R: Clone + Into<Room>, const N: usize> IntoRooms for &[R; N] {
    fn into_rooms(self) -> Vec<Room> {
        self.as_slice().into_rooms()
    }
}

impl<R: Clone + Into<Room>> IntoRooms for &Vec<R> {
    fn into_rooms(self) -> Vec<Room> {
        self.as_slice().into_rooms()
    }
}

impl<R: Clone + Into<Room>, S> IntoRooms for &HashSet<R, S> {
    fn into_rooms(self) -> Vec<Room> {
        rooms_of(self.iter().cloned())
    }
}

impl<R: Clone + Into<Room>> IntoRooms for &BTreeSet<R> {
    fn into_rooms(self) -> Vec<Room> {
        rooms_of(self.iter().cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_named_by_one_name_and_by_every_collection_of_names() {
        let (a, b) = ("a".to_owned(), "b".to_owned());
        let id = SocketId::random();
        let one = |rooms: Vec<Room>| rooms == ["a"];
        assert!(one("a".into_rooms()) && one((&"a").into_rooms()) && one((&a).into_rooms()));
        assert!(one(Cow::Borrowed("a").into_rooms()) && one(Box::<str>::from("a").into_rooms()));
        assert!(one(Arc::<str>::from("a").into_rooms()) && one((&Room::from("a")).into_rooms()));
        assert_eq!((&id).into_rooms(), [id.as_str()]);
        assert_eq!([&id, &id].into_rooms(), [id.as_str(), id.as_str()]);
        assert_eq!([&a, &b].into_rooms(), ["a", "b"]);
        assert_eq!((&["a", "b"]).into_rooms(), ["a", "b"]);
        assert_eq!(["a", "b"].as_slice().into_rooms(), ["a", "b"]);
        assert_eq!(vec![&a, &b].into_rooms(), ["a", "b"]);
        assert_eq!((&vec![Room::from("a")]).into_rooms(), ["a"]);
        let sorted = BTreeSet::from([b, a]);
        assert_eq!((&sorted).into_rooms(), ["a", "b"]);
        assert_eq!(sorted.into_rooms(), ["a", "b"]);
        let set: HashSet<_> = [Room::from("a"), Room::from("b")].into();
        let mut rooms = (&set).into_rooms();
        rooms.sort();
        assert_eq!(rooms, ["a", "b"]);
        assert_eq!(set.into_rooms().len(), 2);
    }

    #[test]
    fn a_room_is_text_to_whoever_reads_it() {
        let room = Room::from("lobby");
        let name = "lobby".to_owned();
        assert_eq!(room, "lobby");
        assert_eq!("lobby", room);
        assert_eq!(room, *"lobby");
        assert_eq!(*"lobby", room);
        assert_eq!(room, name);
        assert_eq!(name, room);
        assert_eq!(room, Cow::Borrowed("lobby"));
        assert_ne!(room, "hall");
        assert_eq!((room.len(), room.as_ref() as &str), (5, "lobby"));
        let json = serde_json::to_string(&room).unwrap();
        assert_eq!(serde_json::from_str::<Room>(&json).unwrap(), room);
        assert_eq!(String::from(room.clone()), "lobby");
        assert_eq!(&*Arc::<str>::from(room), "lobby");
    }
}
