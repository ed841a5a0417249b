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
    /// One response that goes on and on, a packet a line as a JSON string; POST brings packets as in
    /// polling. No official client speaks it.
    Ndjson,
}

impl TransportKind {
    /// Every transport there is.
    pub const ALL: &'static [Self] = &[Self::Polling, Self::WebSocket, Self::Ndjson];

    /// Whether clients send by POST, since what they are sent goes one way only.
    pub const fn takes_posts(self) -> bool {
        match self {
            TransportKind::Polling | TransportKind::Ndjson => true,
            TransportKind::WebSocket => false,
        }
    }

    /// The value of the query parameter `transport`.
    pub fn as_str(self) -> &'static str {
        match self {
            TransportKind::Polling => "polling",
            TransportKind::WebSocket => "websocket",
            TransportKind::Ndjson => "ndjson",
        }
    }

    /// Reads a query parameter; anything but the exact names is unknown.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
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
    /// Everything but `EIO=4`: the client pings, packets in payloads are preceded by their length.
    V3,
    /// `EIO=4`: the server pings, payloads are separated by `0x1e`.
    V4,
}

impl Revision {
    /// Reads the query parameter `EIO`: exactly `4` is revision 4; anything else, and a missing
    /// one, is revision 3, as for the official server.
    pub fn from_query(value: Option<&str>) -> Self {
        if value == Some("4") { Revision::V4 } else { Revision::V3 }
    }

    /// The number in the query parameter.
    pub fn number(self) -> u8 {
        match self {
            Revision::V3 => 3,
            Revision::V4 => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_four_is_revision_four() {
        assert_eq!(Revision::from_query(Some("4")), Revision::V4);
        for value in [None, Some(""), Some("3"), Some("04"), Some("5"), Some("abc"), Some("4 ")] {
            assert_eq!(Revision::from_query(value), Revision::V3, "{value:?}");
        }
        assert_eq!((Revision::V3.number(), Revision::V4.number()), (3, 4));
    }
}
