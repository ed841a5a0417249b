//! The beginning of what passes, kept to be shown.

use sockeye_websocket::ws::ObservedHeader;

/// The most bytes that are kept as they were on the wire.
pub(crate) const WIRE_BYTES_MAX: usize = 64;
/// The most bytes of payload that are kept.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 4 * 1024;

/// The beginning of a head, of a part of a body or of a frame.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// How many bytes there were on the wire.
    pub bytes: u64,
    /// The first of them.
    pub wire: Vec<u8>,
    /// The first bytes of the payload, unmasked; of a head the head.
    pub payload: Vec<u8>,
    /// Of a frame its header.
    pub frame: Option<ObservedHeader>,
    /// Of a chunk its size, and how many bytes the line with it took.
    pub chunk: Option<(u64, u64)>,
}

impl Sample {
    pub(crate) fn of_head(head: &[u8]) -> Self {
        let mut sample = Self::default();
        sample.payload(head, None, 0);
        sample
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    pub(crate) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    pub(crate) fn frame(&mut self, header: ObservedHeader) {
        self.frame = Some(header);
    }

    /// The line with the size has passed.
    pub(crate) fn chunk_size(&mut self, size: u64) {
        self.chunk = Some((size, self.bytes));
    }

    /// Bytes that are no payload.
    pub(crate) fn wire(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let room = WIRE_BYTES_MAX.saturating_sub(self.wire.len()).min(bytes.len());
        self.wire.extend_from_slice(&bytes[..room]);
    }

    /// Bytes of the payload, from `position` on, masked with `key`.
    pub(crate) fn payload(&mut self, bytes: &[u8], key: Option<[u8; 4]>, position: u64) {
        self.wire(bytes);
        let room = PAYLOAD_BYTES_MAX.saturating_sub(self.payload.len()).min(bytes.len());
        let key = key.unwrap_or_default();
        let unmasked = bytes[..room]
            .iter()
            .zip(0u64..)
            .map(|(byte, index)| byte ^ key[((position + index) % 4) as usize]);
        self.payload.extend(unmasked);
    }
}
