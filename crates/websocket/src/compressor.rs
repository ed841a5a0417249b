//! Compression of what one connection sends.

use bytes::Bytes;
use parking_lot::Mutex;
use sockeye_ws::{Deflater, Opcode, Role, encode_compressed_frame};

use crate::compression::{Compression, Negotiated};
use crate::config::Config;

/// How one connection compresses what it sends.
#[derive(Debug)]
pub(crate) struct Compressor {
    threshold: usize,
    /// Without memory; the one to use unless messages refer to earlier ones.
    plain: Deflater,
    /// Remembers what was sent. Only to be used under the outbox's lock, so that frames leave in the
    /// order they were made.
    remembering: Mutex<Deflater>,
}

/// The frames of one message for many connections, one for each way to compress it; `None`: that does
/// not make it shorter.
pub(crate) type SharedFrames = Vec<(Deflater, Option<Bytes>)>;

impl Compressor {
    /// `None` if nothing can be compressed.
    pub(crate) fn new(role: Role, negotiated: &Negotiated, config: &Config) -> Option<Box<Self>> {
        let Compression::On(deflate) = &config.compression else {
            return None;
        };
        let mut plain = Deflater::new(role, negotiated, deflate.level)?;
        if deflate.threshold == 0 {
            plain = plain.always();
        }
        let remembering = Mutex::new(plain.fresh());
        Some(Box::new(Self { threshold: deflate.threshold, plain, remembering }))
    }

    /// Whether a message is worth it.
    pub(crate) fn applies_to(&self, opcode: Opcode, payload: &[u8]) -> bool {
        !opcode.is_control() && payload.len() >= self.threshold
    }

    /// Whether frames have to leave in the order they were made.
    pub(crate) const fn context_takeover(&self) -> bool {
        self.plain.context_takeover()
    }

    /// Appends a message that [`applies_to`](Self::applies_to).
    pub(crate) fn encode_frame(
        &self,
        opcode: Opcode,
        payload: &[u8],
        masking_key: Option<[u8; 4]>,
        out: &mut Vec<u8>,
    ) {
        if self.context_takeover() {
            self.remembering.lock().encode_frame(opcode, payload, masking_key, out);
        } else {
            self.plain.fresh().encode_frame(opcode, payload, masking_key, out);
        }
    }

    /// The frame of a message for many connections; `None` to send it uncompressed.
    pub(crate) fn shared_frame(
        &self,
        opcode: Opcode,
        payload: &[u8],
        frames: &mut SharedFrames,
    ) -> Option<Bytes> {
        if let Some((_, frame)) = frames.iter().find(|(by, _)| by.is_equivalent(&self.plain)) {
            return frame.clone();
        }
        let mut deflater = self.plain.fresh();
        let (mut deflated, mut frame) = (Vec::new(), Vec::new());
        let frame = deflater.deflate(payload, &mut deflated).then(|| {
            encode_compressed_frame(opcode, &deflated, None, &mut frame);
            Bytes::from(frame)
        });
        frames.push((deflater, frame.clone()));
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compression::Deflate;

    fn compressor(level: u8, server_max_window_bits: u8) -> Box<Compressor> {
        let negotiated = Negotiated {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits,
            client_max_window_bits: 15,
        };
        let deflate = Deflate { level, ..Deflate::default() };
        let config = Config { compression: Compression::On(deflate), ..Config::default() };
        Compressor::new(Role::Server, &negotiated, &config).unwrap()
    }

    /// A broadcast is compressed once for all that compress in the same way.
    #[test]
    fn one_frame_for_each_way_to_compress() {
        let payload = "one for all, ".repeat(100).into_bytes();
        let mut frames = SharedFrames::new();
        let mut frame = |level, bits| {
            let compressor = compressor(level, bits);
            assert!(compressor.applies_to(Opcode::Text, &payload));
            compressor.shared_frame(Opcode::Text, &payload, &mut frames).unwrap().as_ptr()
        };
        let first = frame(6, 15);
        assert_eq!(frame(6, 15), first);
        let other_window = frame(6, 9);
        assert_ne!(other_window, first);
        let other_level = frame(1, 15);
        assert!(other_level != first && other_level != other_window);
        assert_eq!(frame(6, 9), other_window);
        assert_eq!(frames.len(), 3);
    }

    #[test]
    fn what_gets_no_shorter_is_tried_once() {
        let mut payload = vec![0; 2000];
        crate::masking::fill_random(&mut payload);
        let mut frames = SharedFrames::new();
        for _ in 0..3 {
            let frame = compressor(6, 15).shared_frame(Opcode::Binary, &payload, &mut frames);
            assert_eq!(frame, None);
        }
        assert_eq!(frames.len(), 1);
    }
}
