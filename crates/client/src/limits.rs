//! Limits and timeouts of a client.

use std::time::Duration;

/// Limits and timeouts of one client. A session has those of the client that opened it.
///
/// ```
/// use std::time::Duration;
///
/// use sockeye_client::{Client, Limits};
///
/// # fn main() -> Result<(), sockeye_client::UrlError> {
/// let mut limits = Limits::default();
/// limits.ack_timeout = Duration::from_secs(3);
/// limits.concurrent_handlers_max = 1;
/// let builder = Client::builder("http://localhost:3000")?.limits(limits);
/// # let _ = builder;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Packets of one namespace that wait to be sent, offline or because the server reads too
    /// slowly. Default 16,384.
    pub queued_packets_max: usize,
    /// Bytes of those packets, attachments included. Default 16 MiB.
    pub queued_bytes_max: usize,
    /// Unanswered requests of one namespace. Default 1,000.
    pub pending_acks_max: usize,
    /// How long an answer is awaited, unless [`AckFuture::timeout`](crate::AckFuture::timeout) is
    /// called. Default 10 s.
    pub ack_timeout: Duration,
    /// How long [`connect`](crate::Builder::connect) takes at most, and how long a server may take
    /// to open a session. Default 20 s.
    pub connect_timeout: Duration,
    /// Handlers of one session that run at the same time. Further events wait. Default 64; with 1
    /// each handler ends before the next one starts.
    pub concurrent_handlers_max: usize,
    /// Events that wait for handlers to end. When there are more, or more bytes of them than
    /// `waiting_event_bytes_max`, nothing is read from the session until some have started. Default
    /// 1,000.
    pub waiting_events_max: usize,
    /// Bytes of those events, see `waiting_events_max`. Default 1 MB.
    pub waiting_event_bytes_max: usize,
    /// Events that a [`Subscription`](crate::Subscription) holds; further ones are dropped. Default
    /// 1,024.
    pub subscription_events_max: usize,
    /// Bytes of one message or polling body from the server. Default 16 MiB.
    pub message_bytes_max: usize,
    /// Limits on one packet from the server.
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
