//! Presence: which users are present in a room.
//!
//! [`table`] keeps the users, without IO; [`state`] adds the clock, bounds its bytes and sends the
//! differences; [`handle`] and [`watch`] are the interface for applications.

pub(crate) mod handle;
pub(crate) mod present;
pub(crate) mod rules;
pub(crate) mod state;
mod table;
pub(crate) mod watch;
pub(crate) mod watchers;
