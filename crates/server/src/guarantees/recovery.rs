//! Connection state recovery: a client that comes back after a lost connection keeps its id, rooms
//! and data, and gets what it missed.
//!
//! Each namespace keeps a log of its events. Sending takes the log's lock, gives the event its
//! offset (the last argument on the wire), and queues it for every recipient before the lock is
//! released, so that offsets arrive in order. A client that returns sends the last offset it saw;
//! the events after it in the log that were for it are sent again, right after the reply that it is
//! connected: a client that is not connected would keep the events without moving its offset, and
//! get them again if the connection were lost meanwhile.
//!
//! Clients take the last argument of an event for the offset if it is text, whatever it is. So
//! every event has one: one that is not kept (a volatile one) carries that of the newest kept one.
//! (With an ack none is needed: there the client's last argument is its function.) The offset that
//! a client sends is compared with those sent to it, so that arbitrary text is rejected.
//!
//! An offset is made here or assigned by the cluster: servers that keep their events in one common
//! log take its offsets, so that a client can come back to another server. Such an event has a
//! number here too, which everything else uses; its text is looked up when a client sends it.
//!
//! Better than the official server where that is weak: a client that had received nothing yet
//! recovers too (from where it connected), an old connection that is dead but not yet noticed to be
//! is taken over, a session can be recovered any number of times, and a failure has its reason.

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

/// The limits of what each namespace keeps for clients that come back. Namespaces of one dynamic
/// declaration share `sessions_max` and `sessions_bytes_max`.
#[derive(Debug, Clone)]
pub struct RecoveryConfig {
    /// How long a session may be absent. Default 2 minutes.
    pub max_disconnection: Duration,
    /// Events kept. Default 10,000.
    pub log_events_max: usize,
    /// Bytes that the events kept take: each its text twice (as given, and as it was sent), its
    /// attachments, the names of the rooms it was for, and some 400 bytes. Default 16 MiB.
    pub log_bytes_max: usize,
    /// Absent sessions kept. Default 10,000. When there are more, the address
    /// with the most of them loses its oldest (of IPv6 the first 64 bits count as the address).
    pub sessions_max: usize,
    /// Bytes of what is kept of them: their rooms, and which they left meanwhile; not the values
    /// that the application [`set`](crate::Socket::set). Default 16 MiB. When there are more, the address
    /// with the most loses its oldest session.
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

/// Whether a connection continues an earlier one, see [`Socket::recovery`](crate::Socket::recovery).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// The client did not ask for recovery.
    New,
    /// Id, rooms and data are restored, and no event was missed.
    Recovered,
    /// The client asked for recovery, which failed.
    Failed(RecoveryFailure),
}

/// The reason why a client that asked for recovery has a new session instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryFailure {
    /// The private id is unknown: never assigned, from before a restart, or absent for too long.
    #[error("unknown or expired session")]
    UnknownSession,
    /// The client sent the offset of an event that was not sent to it.
    #[error("unknown offset")]
    UnknownOffset,
    /// More events were missed than are kept, or than may wait for the client at once
    /// ([`queued_packets_max`](sockeye_engine::Config::queued_packets_max),
    /// [`queued_bytes_max`](sockeye_engine::Config::queued_bytes_max)); or an event for it was
    /// dropped ([`DropNewest`](sockeye_engine::OverflowPolicy::DropNewest)).
    #[error("more was missed than is kept")]
    LogTruncated,
    /// The private id belongs to another user, according to
    /// [`Namespace::same_user`](crate::Namespace::same_user).
    #[error("the session is another user's")]
    OtherUser,
    /// The cluster that keeps the sessions cannot be asked.
    #[error("sessions cannot be looked up")]
    Unavailable,
}

impl RecoveryFailure {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownSession => "unknown_session",
            Self::UnknownOffset => "unknown_offset",
            Self::LogTruncated => "log_truncated",
            Self::OtherUser => "other_user",
            Self::Unavailable => "unavailable",
        }
    }
}
