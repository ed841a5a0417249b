//! Rooms: their members, and the recipients of broadcasts on this server.

/// Names of rooms, and what can happen to a room.
pub(crate) mod room;
/// The members of every room of a namespace, and the rooms of every member.
pub(crate) mod adapter;
/// The members of one room.
mod members;
/// The rooms of one socket, and its index among the members of each.
mod memberships;
/// Whom a broadcast is for.
pub(crate) mod targets;
/// The recipients of one broadcast.
pub(crate) mod selection;
/// The cached member list of a room that is sent to again and again.
pub(crate) mod member_cache;
