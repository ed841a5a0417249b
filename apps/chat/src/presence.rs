//! Who is online, who is in a room, who is typing.

pub mod contract;
