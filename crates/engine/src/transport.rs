//! The transports: from their requests to the session's task.

pub(crate) mod polling;
pub(crate) mod websocket;
