//! An event between servers, as plain data.

use sockeye_socket_proto::RawEvent;

/// An event between servers that has no handler of its own, see
/// [`Namespace::server_side_fallback`](crate::Namespace::server_side_fallback).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerSideEvent {
    /// The event.
    pub event: RawEvent,
    /// Whether the server that sent it waits for an answer.
    pub is_request: bool,
}
