//! The network: HTTP exchanges and WebSocket connections, delayed, split, merged and cut.

use sockeye_ws::{Config, Connection, Role};

use crate::random::Random;

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

impl Side {
    pub(crate) fn other(self) -> Side {
        match self {
            Side::Server => Side::Client,
            Side::Client => Side::Server,
        }
    }
}

/// A WebSocket connection: both ends' protocol state, and how far each direction has come.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) server: End,
    pub(crate) client: End,
    /// Lost: nothing arrives any more.
    pub(crate) cut: bool,
    /// Carries nothing, and nobody notices.
    pub(crate) deaf: bool,
}

#[derive(Debug)]
pub(crate) struct End {
    pub(crate) ws: Connection,
    /// Arrived but not read yet.
    pub(crate) unread: Vec<u8>,
    pub(crate) reading: bool,
    /// When the last bytes to this end arrive; the next ones come no earlier.
    pub(crate) arrival_ms: u64,
    /// This end let go of it.
    pub(crate) left: bool,
}

impl Wire {
    pub(crate) fn new() -> Self {
        let end = |role| End {
            ws: Connection::new(role, Config::default()),
            unread: Vec::new(),
            reading: false,
            arrival_ms: 0,
            left: false,
        };
        Wire { server: end(Role::Server), client: end(Role::Client), cut: false, deaf: false }
    }

    pub(crate) fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Server => &mut self.server,
            Side::Client => &mut self.client,
        }
    }
}

/// Cuts what was written into pieces, as a byte stream may.
pub(crate) fn split(bytes: &[u8], random: &mut Random) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = match random.below(3) {
            0 => 1 + random.below(4),
            1 => 1 + random.below(30),
            _ => rest.len() as u64,
        };
        let (piece, tail) = rest.split_at(rest.len().min(length as usize));
        pieces.push(piece.to_vec());
        rest = tail;
    }
    pieces
}

/// The two kinds of requests; at most one of each is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
}

/// An HTTP request under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) body: Vec<u8>,
    /// Connections of this method lost before; what belongs to a lost one is not carried.
    pub(crate) connection: u32,
}

/// Its response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) method: Method,
    /// `None`: refused.
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) connection: u32,
}
