//! The servers beside this one.

/// Events between the servers of a cluster.
pub(crate) mod server_side;
