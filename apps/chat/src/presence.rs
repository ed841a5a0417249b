//! Who is online, who is in a room, who is typing.

pub mod contract;
pub(crate) mod handlers;
pub mod seen;
