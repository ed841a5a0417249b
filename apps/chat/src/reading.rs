//! How far everybody has read.
//!
//! One pointer for each person and room is all that is kept: the newest message they have read. From it follow the
//! number of unread messages of a person, and the number of people who have not read a message.

pub mod contract;
pub(crate) mod handlers;
pub mod live;
pub mod store;
