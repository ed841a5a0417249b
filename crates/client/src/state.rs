//! How a namespace of the client stands.

use std::fmt;
use std::sync::Arc;

use sockeye_engine_proto::CloseReason;

/// How a client stands with its namespace. Watch it with [`Client::state`](crate::Client::state).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// On its way for the first time.
    Connecting,
    /// In the namespace.
    Connected {
        /// The id of the server's socket, another one after each connection.
        id: Arc<str>,
        /// Whether the server recovered the socket's state and what it missed.
        recovered: bool,
    },
    /// The connection was lost, or the first one failed; another is tried after a pause.
    Reconnecting {
        /// Which attempt comes next, from 1.
        attempt: u32,
    },
    /// For good: closed by either side, refused, or given up.
    Closed,
}

impl State {
    /// Whether this is [`State::Connected`].
    pub fn is_connected(&self) -> bool {
        matches!(self, State::Connected { .. })
    }
}

/// Why a client left its namespace. [`as_str`](DisconnectReason::as_str) gives the official
/// client's words.
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
    /// The server sent what is no packet.
    ParseError,
}

impl DisconnectReason {
    /// The official client's words for it.
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
