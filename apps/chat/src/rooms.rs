//! Rooms: the live list, who may enter, and what their owners do.

pub mod contract;
pub mod store;
