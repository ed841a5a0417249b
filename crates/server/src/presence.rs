//! Presence: which users are present in a room.
//!
//! [`table`] keeps the users, without IO; [`state`] adds the clock, bounds its bytes and sends the
//! differences; [`handle`] and [`watch`] are the interface for applications.

/// What servers tell each other, as plain data.
pub(crate) mod change;
/// The other servers: what is to be told to them, and what they have told.
mod servers;
/// What this server tells of its own connections, and takes of the others'.
mod elsewhere;
/// How much is kept, and for how long.
pub(crate) mod rules;
/// The handle of a room's presence.
pub(crate) mod handle;
/// Who is present, as plain data.
pub(crate) mod present;
/// Live differences, as a stream.
pub(crate) mod watch;
/// The state, without input and output.
mod table;
/// The state of a namespace, its timer and its events.
pub(crate) mod state;
/// Those who watch a room.
pub(crate) mod watchers;
