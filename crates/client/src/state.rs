//! The states of a client, and the reasons for which it leaves its namespace.

use std::fmt;
use std::sync::Arc;

use sockeye_engine_proto::CloseReason;

/// The state of a client's connection to its namespace, see [`Client::state`](crate::Client::state).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionState {
    /// Connecting for the first time.
    Connecting,
    /// In the namespace.
    Connected {
        /// The id of the server's socket, another one after each connection.
        id: Arc<str>,
        /// Whether the server recovered the socket's state and the events it missed.
        recovered: bool,
    },
    /// The connection was lost, or the first one failed; another is tried after a pause.
    Reconnecting {
        /// Which attempt comes next, from 1.
        attempt: u32,
    },
    /// Closed for good: by either side, by a refusal, or after the last attempt.
    Closed,
}

impl ConnectionState {
    /// Whether this is [`Connected`](ConnectionState::Connected).
    pub fn is_connected(&self) -> bool {
        matches!(self, ConnectionState::Connected { .. })
    }
}

/// The reason for which a client left its namespace.
///
/// ```
/// use sockeye_client::DisconnectReason;
///
/// assert_eq!(DisconnectReason::PingTimeout.as_str(), "ping timeout");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The server disconnected the socket. The client does not connect again by itself.
    ServerDisconnect,
    /// [`Client::close`](crate::Client::close) was called, or the last handle was dropped.
    ClientDisconnect,
    /// The server's heartbeat did not come in time.
    PingTimeout,
    /// The connection was closed, or lost.
    TransportClose,
    /// The transport broke a rule, or a request failed.
    TransportError,
    /// The server sent a message that is not a packet.
    ParseError,
}

impl DisconnectReason {
    /// The official client's text for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerDisconnect => "io server disconnect",
            Self::ClientDisconnect => "io client disconnect",
            Self::PingTimeout => "ping timeout",
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::ParseError => "parse error",
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<CloseReason> for DisconnectReason {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::PingTimeout => Self::PingTimeout,
            CloseReason::TransportClose => Self::TransportClose,
            CloseReason::ParseError => Self::ParseError,
            CloseReason::ForcedClose => Self::ClientDisconnect,
            _ => Self::TransportError,
        }
    }
}
