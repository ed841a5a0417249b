//! The chat of the notes, in the namespace `/`.

pub mod contract;
pub mod handlers;
pub mod people;
pub mod store;

/// The namespace.
pub const PATH: &str = "/";
