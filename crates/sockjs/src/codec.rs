//! Frames to the client, and messages from it.

pub(crate) mod frame;
pub(crate) mod messages;
pub(crate) mod quote;
