//! Names of transports and protocol revisions.

use std::fmt;

/// How packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportKind {
    /// HTTP long-polling: GET waits for packets, POST brings them.
    Polling,
    /// One WebSocket, a packet per message.
    WebSocket,
}

impl TransportKind {
    /// The value of the query parameter `transport`.
    pub fn as_str(self) -> &'static str {
        match self {
            TransportKind::Polling => "polling",
            TransportKind::WebSocket => "websocket",
        }
    }

    /// Reads a query parameter; anything but the exact names is unknown.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "polling" => Some(TransportKind::Polling),
            "websocket" => Some(TransportKind::WebSocket),
            _ => None,
        }
    }
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One transport of one session. The driver numbers them; within a session a number is never
/// used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransportId {
    kind: TransportKind,
    serial: u32,
}

impl TransportId {
    /// Names a transport.
    pub const fn new(kind: TransportKind, serial: u32) -> Self {
        TransportId { kind, serial }
    }

    /// How packets travel on it.
    pub const fn kind(self) -> TransportKind {
        self.kind
    }
}

/// The revision of the protocol a session speaks, from the query parameter `EIO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Revision {
    /// `EIO=4`: the server pings, payloads are separated by `0x1e`.
    V4,
}

impl Revision {
    /// Reads the query parameter `EIO`: exactly `4`, anything else is not spoken here.
    pub fn from_query(value: Option<&str>) -> Option<Self> {
        (value == Some("4")).then_some(Revision::V4)
    }

    /// The number in the query parameter.
    pub fn number(self) -> u8 {
        match self {
            Revision::V4 => 4,
        }
    }
}
