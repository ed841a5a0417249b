//! Rooms: their members, and the recipients of broadcasts on this server.

/// The members of every room of a namespace, and the rooms of every member.
pub(crate) mod adapter;
/// The cached member list of a room that is sent to again and again.
pub(crate) mod member_cache;
/// The members of one room.
mod members;
/// The rooms of one socket, and its index among the members of each.
mod memberships;
/// Names of rooms, and the changes of rooms.
pub(crate) mod room;
/// The recipients of one broadcast.
pub(crate) mod selection;
/// The targets of a broadcast.
pub(crate) mod targets;
