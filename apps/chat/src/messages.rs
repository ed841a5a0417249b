//! What is said in rooms.

pub mod contract;
pub mod store;
