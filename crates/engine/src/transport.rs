//! The transports: from their requests to the session's task.

pub(crate) mod ndjson;
pub(crate) mod polling;
pub(crate) mod websocket;
