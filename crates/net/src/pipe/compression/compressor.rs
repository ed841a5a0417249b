//! Compression of what one connection sends.

use sockeye_ws::{Deflater, Opcode, Role};

use super::{Compression, Negotiated};

/// How one connection compresses what it sends. Where messages refer to earlier ones, frames have to
/// leave in the order they were made.
#[derive(Debug)]
pub struct Compressor {
    threshold: usize,
    deflater: Deflater,
}

impl Compressor {
    /// `None` if nothing is to be compressed.
    pub fn new(
        role: Role,
        negotiated: Option<&Negotiated>,
        compression: &Compression,
    ) -> Option<Box<Self>> {
        let (Some(negotiated), Compression::On(deflate)) = (negotiated, compression) else {
            return None;
        };
        let mut deflater = Deflater::new(role, negotiated, deflate.level)?;
        if deflate.threshold == 0 {
            deflater = deflater.always();
        }
        Some(Box::new(Self { threshold: deflate.threshold, deflater }))
    }

    /// Whether a message of so many bytes is worth it.
    pub const fn applies_to(&self, bytes: usize) -> bool {
        bytes >= self.threshold
    }

    /// Whether messages refer to earlier ones, so that each connection has to compress for itself.
    pub const fn remembers(&self) -> bool {
        self.deflater.context_takeover()
    }

    /// Whether what the other makes of a message is what this would.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.threshold == other.threshold && self.deflater.is_equivalent(&other.deflater)
    }

    /// Another one like it, to compress for many.
    pub const fn fresh(&self) -> Self {
        Self { threshold: self.threshold, deflater: self.deflater.fresh() }
    }

    /// Appends the frame of a message that it [applies to](Self::applies_to), given in two parts.
    pub fn encode(
        &mut self,
        opcode: Opcode,
        (head, body): (&[u8], &[u8]),
        masking_key: Option<[u8; 4]>,
        out: &mut Vec<u8>,
    ) {
        if head.is_empty() {
            return self.deflater.encode_frame(opcode, body, masking_key, out);
        }
        let whole = [head, body].concat();
        self.deflater.encode_frame(opcode, &whole, masking_key, out);
    }
}
