//! Connection state recovery: a client that comes back after a lost connection keeps its id, rooms
//! and data, and gets what it missed.
//!
//! Each namespace keeps a log of its events. Whoever sends takes the log's lock, gives the event
//! its offset (the last argument on the wire), and queues it with every recipient before letting
//! go, so that offsets arrive in order. A client that returns says the last offset it saw; what
//! follows in the log and was for it is sent again, right behind the reply that it is connected: a
//! client that is not connected would keep the events without moving its offset, and get them again
//! if the connection were lost meanwhile.
//!
//! Clients take the last argument of an event for the offset if it is text, whatever it is. So
//! every event has one: what is not kept (volatile events) carries that of the newest event that is.
//! (What asks for an ack needs none: there the client's last argument is its function.) And what a
//! client says is compared with what was sent to it, so that the text of a stranger is worth nothing.
//!
//! An offset is made here, or was made elsewhere: the servers of a cluster that keep their events in
//! one log of their own give them its offsets, so that a client can come back to another server. Here
//! such an event has a number too, by which all is decided; its text is looked up when a client shows
//! it.
//!
//! Better than the official server where that is weak: a client that had received nothing yet
//! recovers too (from where it connected), an old connection that nobody has noticed to be dead is
//! taken over, a session can be recovered any number of times, and a failure has its reason.

/// The events and sessions that one namespace keeps.
pub(crate) mod log;
/// Where an event stands in the log.
pub(crate) mod offset;
/// Offsets that a cluster has assigned.
mod foreign_offsets;
/// An event that is kept.
mod event;
/// What is kept of a session.
mod session;
/// What the log needs of a socket.
pub(crate) mod connection;
/// For which events a session was in which rooms.
mod room_history;
/// The sessions whose clients are away, of all namespaces of a declaration.
pub(crate) mod absent_sessions;
/// What is sent from inside a delivery.
pub(crate) mod section;

use std::time::Duration;

/// How much is kept for clients that come back, for each namespace. All those of one dynamic
/// declaration have `sessions_max` and `sessions_bytes_max` together.
#[derive(Debug, Clone)]
pub struct RecoveryConfig {
    /// How long a session may be absent. Default 2 minutes.
    pub max_disconnection: Duration,
    /// Events kept. Default 10,000.
    pub log_events_max: usize,
    /// Bytes that the events kept take: each its text twice (as it was said, and as it was sent),
    /// its attachments, the names of the rooms it was for, and some 400 bytes. Default 16 MiB.
    pub log_bytes_max: usize,
    /// Absent sessions kept. Default 10,000. When they are more, the address
    /// with the most of them loses its oldest (of IPv6 the first 64 bits count as the address).
    pub sessions_max: usize,
    /// Bytes of what is kept of them: their rooms, and which they left meanwhile; not what the
    /// application [`set`](Socket::set). Default 16 MiB. When they are more, the address with the
    /// most loses its oldest session.
    pub sessions_bytes_max: usize,
}

impl Default for RecoveryConfig {
    fn default() -> Self {
        Self {
            max_disconnection: Duration::from_secs(120),
            log_events_max: 10_000,
            log_bytes_max: 16 * 1024 * 1024,
            sessions_max: 10_000,
            sessions_bytes_max: 16 * 1024 * 1024,
        }
    }
}

/// Whether a connection continues an earlier one, see [`Socket::recovery`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// The client did not ask for it.
    New,
    /// Id, rooms and data are those of before, and nothing was missed.
    Recovered,
    /// The client asked for it in vain.
    Failed(RecoveryFailure),
}

/// Why a client that wanted to continue has a new session instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryFailure {
    /// The private id is unknown: never given out, from before a restart, or absent for too long.
    #[error("unknown or expired session")]
    UnknownSession,
    /// The client says that it has seen an event that was not sent to it.
    #[error("unknown offset")]
    UnknownOffset,
    /// More was sent meanwhile than is kept, or than may wait for the client at once
    /// ([`queued_packets_max`](sockeye_engine::Config::queued_packets_max),
    /// [`queued_bytes_max`](sockeye_engine::Config::queued_bytes_max)); or something was dropped
    /// that was for it ([`DropNewest`](sockeye_engine::OverflowPolicy::DropNewest)).
    #[error("more was missed than is kept")]
    LogTruncated,
    /// The private id belongs to another user, says
    /// [`Namespace::same_user`](crate::Namespace::same_user).
    #[error("the session is another user's")]
    OtherUser,
}

impl RecoveryFailure {
    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownSession => "unknown_session",
            Self::UnknownOffset => "unknown_offset",
            Self::LogTruncated => "log_truncated",
            Self::OtherUser => "other_user",
        }
    }
}
