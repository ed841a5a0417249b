use std::fmt;

use sockeye_engine::CloseReason;

/// Why a socket ended. [`as_str`](DisconnectReason::as_str) gives the official server's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// [`Socket::disconnect`](crate::Socket::disconnect) or
    /// [`close_session`](crate::Socket::close_session) was called.
    ServerDisconnect,
    /// The client left the namespace.
    ClientDisconnect,
    /// The server shuts down.
    ServerShutdown,
    /// The client did not answer the heartbeat.
    PingTimeout,
    /// The connection was closed, or lost.
    TransportClose,
    /// The transport broke a rule, or its connection failed.
    TransportError,
    /// A message was not a packet.
    ParseError,
    /// The session was closed because the client broke a rule of Socket.IO.
    ForcedClose,
    /// As `ForcedClose`, while the session was on polling.
    ForcedServerClose,
    /// The client read too slowly: its outbox was full.
    Overflow,
    /// Its expiry was reached, see [`Socket::set_expiry`](crate::Socket::set_expiry).
    Expired,
}

impl DisconnectReason {
    /// The official server's name for it; `overflow` and `expired` are our own.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerDisconnect => "server namespace disconnect",
            Self::ClientDisconnect => "client namespace disconnect",
            Self::ServerShutdown => "server shutting down",
            Self::PingTimeout => "ping timeout",
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::ParseError => "parse error",
            Self::ForcedClose => "forced close",
            Self::ForcedServerClose => "forced server close",
            Self::Overflow => "overflow",
            Self::Expired => "expired",
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
            CloseReason::TransportError => Self::TransportError,
            CloseReason::TransportClose => Self::TransportClose,
            CloseReason::PingTimeout => Self::PingTimeout,
            CloseReason::ParseError => Self::ParseError,
            CloseReason::ServerShutdown => Self::ServerShutdown,
            CloseReason::ForcedServerClose => Self::ForcedServerClose,
            CloseReason::Overflow => Self::Overflow,
            _ => Self::ForcedClose,
        }
    }
}
