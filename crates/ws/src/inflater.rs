//! Decompression of received messages (RFC 7692 §7.2.2).
//!
//! A message is decompressed when it is there as a whole, by a decompressor that all connections of a
//! thread share. What a connection keeps is what the peer's compressor refers back to, and only if
//! context takeover was negotiated: the end of what it received, at most one window. So nothing is
//! held for a connection that has received nothing, and what is held never exceeds what came in by
//! more than what was decompressed within the limit.

use std::cell::Cell;

use flate2::{Decompress, FlushDecompress, Status};

use crate::connection::Role;
use crate::error::ProtocolError;
use crate::handshake::deflate::Parameters;

/// What the sender cut off, the rest of an empty stored block (RFC 7692 §7.2.2).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// A final empty stored block: it ends the stream only where a block may begin, so it tells a whole
/// stream from one that was cut off.
const END: [u8; 5] = [0x01, 0x00, 0x00, 0xff, 0xff];
/// A message may end the stream and start another one (RFC 7692 §7.2.3.4), but two bytes are enough
/// for that and each costs the copy of a window.
const FINAL_BLOCKS_MAX: u32 = 1000;
/// The window of any peer fits this one.
const WINDOW_BYTES_MAX: usize = 32 * 1024;

thread_local! {
    static DECOMPRESS: Cell<Option<Decompress>> = const { Cell::new(None) };
}

/// The receiving half of compression.
#[derive(Debug)]
pub(crate) struct Inflater {
    /// How much of what was received the next message may refer to.
    window_bytes_max: usize,
    window: Vec<u8>,
}

impl Inflater {
    /// For a connection of `role`.
    pub(crate) const fn new(role: Role, parameters: &Parameters) -> Self {
        let sender = match role {
            Role::Server => Role::Client,
            Role::Client => Role::Server,
        };
        let (takeover, window_bits) = parameters.of_sender(sender);
        Self { window_bytes_max: if takeover { 1 << window_bits } else { 0 }, window: Vec::new() }
    }

    /// Decompresses a message of at most `limit` bytes.
    pub(crate) fn inflate(
        &mut self,
        payload: &[u8],
        limit: usize,
    ) -> Result<Vec<u8>, ProtocolError> {
        // The pool is gone while its thread ends.
        let pooled = DECOMPRESS.try_with(Cell::take).ok().flatten();
        let mut stream = Stream {
            decompress: pooled.unwrap_or_else(|| Decompress::new(false)),
            window: &self.window,
            output: Vec::new(),
            limit,
            at_end: true,
            restarts: 0,
        };
        let result = stream.inflate(payload);
        let Stream { decompress, output, .. } = stream;
        let _ = DECOMPRESS.try_with(|pool| pool.set(Some(decompress)));
        result?;
        self.remember(&output);
        Ok(output)
    }

    fn remember(&mut self, output: &[u8]) {
        let max = self.window_bytes_max;
        if output.len() >= max {
            self.window.clear();
            self.window.extend_from_slice(&output[output.len() - max..]);
        } else {
            let excess = (self.window.len() + output.len()).saturating_sub(max);
            self.window.drain(..excess);
            self.window.extend_from_slice(output);
        }
    }
}

/// One message on its way through the decompressor.
struct Stream<'a> {
    decompress: Decompress,
    window: &'a [u8],
    output: Vec<u8>,
    limit: usize,
    /// A final block was the last there was, or nothing was read yet.
    at_end: bool,
    restarts: u32,
}

impl Stream<'_> {
    fn inflate(&mut self, payload: &[u8]) -> Result<(), ProtocolError> {
        if payload.is_empty() {
            // An empty message, from a sender that had nothing to flush.
            return Ok(());
        }
        let first = payload.len().saturating_mul(2).max(256);
        self.output.reserve_exact(first.min(self.limit.saturating_add(1)));
        self.feed(payload)?;
        if self.at_end {
            // RFC 7692 §7.2.3.4 has one more zero byte behind a final block; many do without.
            return Ok(());
        }
        let len = self.output.len();
        self.feed(&TAIL)?;
        self.feed(&END)?;
        // The tail is no data; if it was taken for such, data was missing.
        if self.at_end && self.output.len() == len {
            Ok(())
        } else {
            Err(ProtocolError::InvalidDeflate)
        }
    }

    fn feed(&mut self, mut input: &[u8]) -> Result<(), ProtocolError> {
        loop {
            if self.at_end {
                if input.is_empty() {
                    return Ok(());
                }
                self.restart()?;
            }
            self.grow()?;
            let before = self.decompress.total_in();
            let status = self
                .decompress
                .decompress_vec(input, &mut self.output, FlushDecompress::None)
                .map_err(|_| ProtocolError::InvalidDeflate)?;
            let used = (self.decompress.total_in() - before) as usize;
            input = &input[used..];
            if self.output.len() > self.limit {
                return Err(self.too_large());
            }
            self.at_end = status == Status::StreamEnd;
            let has_room = self.output.len() < self.output.capacity();
            if !self.at_end && has_room {
                // It stops with room left only for want of input.
                if input.is_empty() {
                    return Ok(());
                }
                if used == 0 {
                    return Err(ProtocolError::InvalidDeflate);
                }
            }
        }
    }

    /// Begins a stream that may refer to what came before it.
    fn restart(&mut self) -> Result<(), ProtocolError> {
        if self.restarts == FINAL_BLOCKS_MAX {
            return Err(ProtocolError::InvalidDeflate);
        }
        self.restarts += 1;
        self.at_end = false;
        self.decompress.reset(false);
        let output = &self.output[self.output.len().saturating_sub(WINDOW_BYTES_MAX)..];
        let window =
            &self.window[self.window.len().saturating_sub(WINDOW_BYTES_MAX - output.len())..];
        let joined;
        let dictionary = if output.is_empty() {
            window
        } else if window.is_empty() {
            output
        } else {
            joined = [window, output].concat();
            &joined
        };
        if !dictionary.is_empty() {
            self.decompress
                .set_dictionary(dictionary)
                .map_err(|_| ProtocolError::InvalidDeflate)?;
        }
        Ok(())
    }

    /// Makes room, never for more than one byte over the limit.
    fn grow(&mut self) -> Result<(), ProtocolError> {
        let len = self.output.len();
        if len == self.output.capacity() {
            let most = self.limit.saturating_add(1).saturating_sub(len);
            if most == 0 {
                return Err(self.too_large());
            }
            self.output.reserve_exact(len.max(256).min(most));
        }
        Ok(())
    }

    fn too_large(&self) -> ProtocolError {
        ProtocolError::MessageTooLarge { length: self.output.len() as u64, limit: self.limit }
    }
}
