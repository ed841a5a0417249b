//! Administration.

pub mod contract;
pub mod store;
