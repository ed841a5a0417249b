//! A WebSocket of a session, as the task holds it.

use std::sync::Arc;

use sockeye_engine_proto::{BinaryForm, TransportId};
use sockeye_net::pipe::{Closing, Compressor, FrameReader, Pipe, receive};
use sockeye_ws::{CloseCode, Connection, Role};

use crate::framing::Framing;
use crate::inbox::Opened;
use crate::registry::Registry;

/// The reading side of a WebSocket.
pub(crate) struct Link {
    pub(super) id: TransportId,
    pub(super) reader: FrameReader,
    /// What our close frame will say.
    pub(super) code: CloseCode,
    /// The stream has ended or is broken: no goodbye.
    pub(super) gone: bool,
}

impl Link {
    /// Both sides of a WebSocket, and the form of what is written to it.
    pub(crate) fn new(
        id: TransportId,
        opened: Opened,
        form: BinaryForm,
        registry: &Registry,
    ) -> (Self, Pipe, Framing) {
        let Opened { stream, early, deflate } = opened;
        let (read, write) = stream.split();
        let ws = receive(Connection::new(Role::Server, registry.websocket()), deflate.as_ref());
        let compression = &registry.config.compression;
        let compressor = Compressor::new(Role::Server, deflate.as_ref(), compression);
        let reader = FrameReader::new(read, ws, early);
        let link = Link { id, reader, code: CloseCode::NO_STATUS, gone: false };
        (link, Pipe::new(write, Role::Server, compressor), Framing::WebSocket(form))
    }

    /// Ends it in good order behind what is queued, at once if that is possible, else in a task of its
    /// own, within `websocket_close_timeout`.
    pub(crate) fn close(self, pipe: Pipe, registry: &Arc<Registry>) {
        if self.gone {
            return;
        }
        let failed = self.code != CloseCode::NO_STATUS;
        let mut closing = Closing::new(pipe, self.reader, self.code, failed);
        if closing.is_done_at_once() {
            return;
        }
        let ticket = registry.ticket();
        let charge = registry.ledger.charge(closing.own_bytes());
        tokio::spawn(async move {
            let config = &ticket.registry().config;
            let (timeout, write_timeout) = (config.websocket_close_timeout, config.write_timeout);
            // Whatever becomes of it, the connection is dropped.
            let _ = tokio::time::timeout(timeout, closing.carry_out(write_timeout)).await;
            drop(charge);
        });
    }
}

/// The WebSocket of an upgrade, both sides.
pub(super) struct Probe {
    pub(super) link: Link,
    pub(super) pipe: Pipe,
    pub(super) framing: Framing,
}
