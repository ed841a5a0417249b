//! Frames to the client, and messages from it.

pub mod door;
pub(crate) mod frame;
pub(crate) mod messages;
pub(crate) mod quote;

#[cfg(test)]
mod tests;
