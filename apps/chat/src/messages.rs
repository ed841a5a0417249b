//! What is said in rooms.

pub mod contract;
pub(crate) mod delivery;
pub(crate) mod handlers;
pub mod store;
