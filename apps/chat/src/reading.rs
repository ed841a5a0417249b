//! How far everybody has read.
//!
//! One pointer for each person and room is all that is kept: the newest message they have read. From it follow the
//! number of unread messages of a person, and the number of people who have not read a message.

pub mod contract;
mod counts;
mod followed;
pub(crate) mod handlers;
pub mod live;
pub mod store;

use std::time::Duration;

/// How often a pointer is written, and a room is told of, at most.
const INTERVAL: Duration = Duration::from_secs(1);
