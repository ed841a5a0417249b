//! What is said in rooms, and what is done to it afterwards.

pub mod contract;
pub(crate) mod delivery;
pub(crate) mod handlers;
pub(crate) mod mentions;
pub mod store;
