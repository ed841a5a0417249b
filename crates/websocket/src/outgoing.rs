//! What a handler sends in one turn.

use std::sync::Arc;

use sockeye_net::pipe::masking_key;
use sockeye_net::pool::{give_back, take_pooled};
use sockeye_ws as ws;
use sockeye_ws::{CloseCode, Role, encode_close, encode_frame};

use crate::outbox::Outbox;

/// What a handler of [`WebSocket::for_each`](crate::WebSocket::for_each) sends. It leaves in one write
/// when everything that was read has been handled, after whatever was sent to the same connection by
/// other ways (a [`Writer`](crate::Writer), a [`Group`](crate::Group)) meanwhile.
#[derive(Debug)]
pub struct Outgoing {
    /// Frames encoded so far.
    pub(crate) frames: Vec<u8>,
    role: Role,
    pub(crate) closed: bool,
    /// Who compresses, if messages are.
    compressing: Option<Arc<Outbox>>,
    /// Bytes queued with `compressing` and not in `frames`.
    pushed_bytes: usize,
}

impl Outgoing {
    /// For a connection of this role, whose messages are compressed or not.
    pub(crate) fn new(outbox: &Arc<Outbox>, role: Role, compresses: bool) -> Self {
        let compressing = compresses.then(|| Arc::clone(outbox));
        Self { frames: take_pooled(), role, closed: false, compressing, pushed_bytes: 0 }
    }

    /// Sends a message. After [`close`](Self::close) nothing is sent any more; a ping or pong is cut
    /// to 125 bytes.
    pub fn send<'m>(&mut self, message: impl Into<ws::Message<'m>>) {
        self.send_message(message.into(), true);
    }

    /// Sends a message as it is, also where messages are compressed: for what cannot be compressed, or
    /// must not, such as a secret beside something a stranger chose.
    pub fn send_uncompressed<'m>(&mut self, message: impl Into<ws::Message<'m>>) {
        self.send_message(message.into(), false);
    }

    fn send_message(&mut self, message: ws::Message<'_>, compress: bool) {
        if self.closed {
            return;
        }
        let (opcode, mut payload) = (message.opcode(), message.as_bytes());
        if opcode.is_control() {
            payload = &payload[..payload.len().min(ws::CONTROL_PAYLOAD_BYTES_MAX)];
        }
        if let Some(outbox) = self.compressing.as_ref().filter(|_| !opcode.is_control()) {
            // All of them, or a small one would be overtaken. Closed, nobody gets them.
            self.pushed_bytes += outbox.push(message, compress).unwrap_or(0);
            return;
        }
        encode_frame(opcode, payload, self.masking_key(), &mut self.frames);
    }

    /// Starts the close handshake. The handler gets no more messages. A code that must not be sent
    /// gives a frame without a body; the reason is cut to 123 bytes.
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        if !self.closed {
            self.closed = true;
            encode_close(code, reason, self.masking_key(), &mut self.frames);
        }
    }

    /// Bytes queued in this turn so far.
    pub(crate) const fn queued_bytes(&self) -> usize {
        self.frames.len() + self.pushed_bytes
    }

    /// Everything was queued.
    pub(crate) fn clear(&mut self) {
        self.frames.clear();
        self.pushed_bytes = 0;
    }

    pub(crate) fn masking_key(&self) -> Option<[u8; 4]> {
        (self.role == Role::Client).then(masking_key)
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        give_back(std::mem::take(&mut self.frames));
    }
}
