//! Rooms: the live list, who may enter, and what their owners do.

pub mod access;
pub mod contract;
pub mod handlers;
pub mod list;
pub mod live;
mod moderation;
mod passing;
pub mod store;
