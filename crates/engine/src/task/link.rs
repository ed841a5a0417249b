//! A WebSocket of a session, as the task holds it.

use std::sync::Arc;

use sockeye_engine_proto::TransportId;
use sockeye_websocket::{ReadHalf, WriteBuffer, WriteHalf};
use sockeye_ws::{self as ws, CloseCode};

use crate::compression::Compressor;
use crate::inbox::Opened;
use crate::registry::Registry;

/// The reading side of a WebSocket.
pub(crate) struct Link {
    pub(crate) id: TransportId,
    pub(crate) read: ReadHalf,
    pub(crate) ws: ws::Connection,
    /// What was read while the handler could not take more, or together with the handshake.
    pub(super) held: Vec<u8>,
    /// What our close frame will say.
    pub(crate) code: CloseCode,
    /// The stream has ended or is broken: no goodbye.
    pub(super) gone: bool,
}

impl Link {
    pub(crate) fn new(
        id: TransportId,
        opened: Opened,
        registry: &Arc<Registry>,
    ) -> (Self, WriteHalf, Option<Box<Compressor>>) {
        let Opened { stream, early, deflate } = opened;
        let (read, write) = stream.split();
        let mut ws = ws::Connection::new(ws::Role::Server, registry.websocket());
        if let Some(parameters) = &deflate {
            ws = ws.with_deflate(parameters);
        }
        let compressor = Compressor::new(deflate.as_ref(), &registry.config.compression);
        let code = CloseCode::NO_STATUS;
        (Link { id, read, ws, held: early, code, gone: false }, write, compressor)
    }
}

/// The WebSocket of an upgrade, both sides.
pub(super) struct Probe {
    pub(super) link: Link,
    pub(super) io: WriteHalf,
    pub(super) out: WriteBuffer,
    pub(super) compressor: Option<Box<Compressor>>,
    /// Its client wants base64.
    pub(super) base64: bool,
}
