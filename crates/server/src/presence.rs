//! Presence: who is here, room by room, keyed by user.
//!
//! [`table`] is who is present, without IO; [`state`] gives it time, bounds its bytes and sends the
//! differences; [`handle`] and [`watch`] are what an application uses.

pub(crate) mod handle;
pub(crate) mod present;
pub(crate) mod rules;
pub(crate) mod state;
mod table;
pub(crate) mod watch;
pub(crate) mod watchers;
