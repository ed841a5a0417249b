//! The reading side of a session's connection, and a connection that may become it.

use std::sync::Arc;

use sockeye_engine_proto::TransportId;
use sockeye_net::pipe::Pipe;
use sockeye_ws::{CloseCode, Opcode};

use super::protocol::Farewell;
use crate::outbox::connection::{Connection, Goodbye, Incoming};
use crate::outbox::framing::Framing;
use crate::session::registry::Registry;

/// The reading side of a connection.
pub(super) struct SessionLink {
    pub(super) id: TransportId,
    pub(super) incoming: Incoming,
    /// What our close frame will say.
    pub(super) code: CloseCode,
    /// The stream has ended or is broken: no goodbye.
    pub(super) gone: bool,
}

impl SessionLink {
    pub(super) const fn new(id: TransportId, incoming: Incoming) -> Self {
        SessionLink { id, incoming, code: CloseCode::NO_STATUS, gone: false }
    }

    /// Ends it in good order behind what is queued, unless it has ended. What a peer is told that broke a
    /// rule goes before any farewell.
    pub(super) fn end(self, mut pipe: Pipe, farewell: Farewell, registry: &Arc<Registry>) {
        if self.gone {
            return;
        }
        if let Some(text) = farewell.text {
            pipe.push(Opcode::Text, (b"", text.as_bytes()), false);
        }
        let goodbye = match self.code {
            CloseCode::NO_STATUS => Goodbye::Told(farewell.code, &farewell.reason),
            code => Goodbye::Failed(code),
        };
        registry.end_connection(pipe, self.incoming, goodbye);
    }

    /// Whether something was read that is not yet handled.
    pub(super) fn holds_input(&self) -> bool {
        matches!(&self.incoming, Incoming::Frames(reader) if reader.holds_input())
    }
}

/// The connection of an upgrade, both sides.
pub(super) struct Probe {
    pub(super) link: SessionLink,
    pub(super) pipe: Pipe,
    pub(super) framing: Framing,
}

impl Probe {
    pub(super) fn new(id: TransportId, connection: Connection) -> Self {
        let Connection { pipe, framing, incoming } = connection;
        Probe { link: SessionLink::new(id, incoming), pipe, framing }
    }
}
