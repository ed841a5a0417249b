//! Invitations: how others get in.

pub mod contract;
pub mod store;
