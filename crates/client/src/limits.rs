//! What a client holds and accepts at most.

use std::time::Duration;

/// Limits and timeouts of one client. A session takes those of the client that opened it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Packets of one namespace that wait to be sent, offline or because the server reads too
    /// slowly. Default 16,384.
    pub queued_packets_max: usize,
    /// Bytes of them, attachments included. Default 16 MiB.
    pub queued_bytes_max: usize,
    /// Unanswered requests of one namespace. Default 1,000.
    pub pending_acks_max: usize,
    /// How long an answer is awaited when nobody says otherwise. Default 10 s.
    pub ack_timeout: Duration,
    /// How long [`connect`](crate::Builder::connect) takes at most, and how long a server may take
    /// to open a session. Default 20 s.
    pub connect_timeout: Duration,
    /// Handlers of one session that run at the same time. Further events wait. Default 64; 1 is
    /// strictly one after the other.
    pub concurrent_handlers_max: usize,
    /// Events that wait for handlers; when they are more, or larger than
    /// `waiting_event_bytes_max`, the session is not read until some are done. Default 1,000.
    pub waiting_events_max: usize,
    /// See `waiting_events_max`. Default 1 MB.
    pub waiting_event_bytes_max: usize,
    /// Events that a [`Subscription`](crate::Subscription) holds. Default 1,024.
    pub subscription_events_max: usize,
    /// Bytes of one message or polling body from the server. Default 16 MiB.
    pub message_bytes_max: usize,
    /// What one packet from the server may ask of the decoder.
    pub packets: sockeye_socket_proto::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            queued_packets_max: 16_384,
            queued_bytes_max: 16 * 1024 * 1024,
            pending_acks_max: 1_000,
            ack_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(20),
            concurrent_handlers_max: 64,
            waiting_events_max: 1_000,
            waiting_event_bytes_max: 1_000_000,
            subscription_events_max: 1_024,
            message_bytes_max: 16 * 1024 * 1024,
            packets: sockeye_socket_proto::Limits::default(),
        }
    }
}
