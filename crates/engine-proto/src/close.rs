//! Why a session ended.

use std::fmt;

/// Why a session ended, as the application on either side is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// A transport broke a rule or went over a limit: bad frame, aborted poll, overlapping requests,
    /// wrong heartbeat direction, a message too large, too many packets, a peer that takes nothing.
    TransportError,
    /// The peer closed its transport or vanished.
    TransportClose,
    /// This side closed the session.
    ForcedClose,
    /// This side closed the session because of what the peer sent, over polling.
    ForcedServerClose,
    /// The heartbeat was not answered in time.
    PingTimeout,
    /// A packet could not be decoded.
    ParseError,
    /// The server is going away.
    ServerShutdown,
    /// More was queued for the peer than the limits allow.
    Overflow,
}

impl CloseReason {
    /// The text official programs use for this reason; `overflow` has no official counterpart.
    pub fn as_str(self) -> &'static str {
        match self {
            CloseReason::TransportError => "transport error",
            CloseReason::TransportClose => "transport close",
            CloseReason::ForcedClose => "forced close",
            CloseReason::ForcedServerClose => "forced server close",
            CloseReason::PingTimeout => "ping timeout",
            CloseReason::ParseError => "parse error",
            CloseReason::ServerShutdown => "server shutting down",
            CloseReason::Overflow => "overflow",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a transport was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loss {
    /// It ended: close frame, end of stream, connection reset.
    Closed,
    /// It broke a rule or went over a limit: bad frame, aborted request, overlapping requests, nothing
    /// taken in time.
    Failed,
}

impl Loss {
    /// What a session that lived on this transport alone is told.
    pub fn reason(self) -> CloseReason {
        match self {
            Loss::Closed => CloseReason::TransportClose,
            Loss::Failed => CloseReason::TransportError,
        }
    }
}
