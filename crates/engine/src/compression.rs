//! Compression of what sessions send on WebSockets (permessage-deflate, RFC 7692).

use sockeye_websocket::{Compression, WriteBuffer};
use sockeye_ws::handshake::deflate::Parameters;
use sockeye_ws::{Deflater, Opcode, Role};

/// How one WebSocket compresses what it sends. Only to be used under the outbox's lock: where
/// messages refer to earlier ones, frames have to leave in the order they were made.
#[derive(Debug)]
pub(crate) struct Compressor {
    threshold: usize,
    deflater: Deflater,
}

impl Compressor {
    /// `None` if nothing was negotiated.
    pub(crate) fn new(negotiated: Option<&Parameters>, config: &Compression) -> Option<Box<Self>> {
        let (Some(negotiated), Compression::On(deflate)) = (negotiated, config) else {
            return None;
        };
        let mut deflater = Deflater::new(Role::Server, negotiated, deflate.level)?;
        if deflate.threshold == 0 {
            deflater = deflater.always();
        }
        Some(Box::new(Compressor { threshold: deflate.threshold, deflater }))
    }

    /// Whether a message of so many bytes is worth it.
    pub(crate) fn applies_to(&self, bytes: usize) -> bool {
        bytes >= self.threshold
    }

    /// Whether each connection has to compress for itself.
    pub(crate) fn remembers(&self) -> bool {
        self.deflater.context_takeover()
    }

    /// Whether what the other makes of a message is what this would.
    pub(crate) fn is_equivalent(&self, other: &Compressor) -> bool {
        self.threshold == other.threshold && self.deflater.is_equivalent(&other.deflater)
    }

    /// Another one like it, to compress for many.
    pub(crate) fn fresh(&self) -> Self {
        Compressor { threshold: self.threshold, deflater: self.deflater.fresh() }
    }

    /// Appends a message that [`applies_to`](Compressor::applies_to), given in two parts.
    pub(crate) fn encode(
        &mut self,
        opcode: Opcode,
        (head, body): (&[u8], &[u8]),
        out: &mut Vec<u8>,
    ) {
        if head.is_empty() {
            return self.deflater.encode_frame(opcode, body, None, out);
        }
        let mut whole = Vec::with_capacity(head.len() + body.len());
        whole.extend_from_slice(head);
        whole.extend_from_slice(body);
        self.deflater.encode_frame(opcode, &whole, None, out);
    }

    /// [`encode`](Compressor::encode) into what waits on a connection.
    pub(crate) fn push(
        &mut self,
        opcode: Opcode,
        message: (&[u8], &[u8]),
        buffer: &mut WriteBuffer,
    ) {
        self.encode(opcode, message, buffer.tail());
    }
}
