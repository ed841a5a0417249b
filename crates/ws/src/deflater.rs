//! Compression of messages to send (RFC 7692 §7.2.1).

use std::cell::Cell;
use std::fmt;

use flate2::{Compress, Compression, FlushCompress};

use crate::connection::Role;
use crate::frame::{Opcode, encode_compressed_frame, encode_frame};
use crate::handshake::deflate::Parameters;

/// The smallest window of the compressor; it cannot do the 8 bits that RFC 7692 allows.
const WINDOW_BITS_MIN: u8 = 9;
/// The end of every flushed stream, which is not sent (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// The empty message (RFC 7692 §7.2.3.6).
const EMPTY: u8 = 0x00;
/// Compressors a thread keeps for connections without context takeover, the newest ones: there are as
/// many as there are windows and levels in use.
const POOLED_COMPRESSORS_MAX: usize = 4;
/// An output buffer that grew beyond this goes back to the allocator.
const POOLED_OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// The sending half of compression. Whether a message is worth it is the caller's to say: leaving one
/// uncompressed is always allowed.
///
/// Without context takeover it owns nothing: all of a thread share one compressor for each window and
/// level. With it, each owns a compressor (about 300 KiB with a window of 15 bits) from its first
/// message on, and its frames have to be sent in the order they were made, every one of them.
#[derive(Debug)]
pub struct Deflater {
    settings: Settings,
    context_takeover: bool,
    always: bool,
    compressor: Option<Box<Compressor>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settings {
    window_bits: u8,
    level: u8,
}

impl Deflater {
    /// What `role` compresses with. `level` is 1 (fast) to 9 (small); others count as the nearest of
    /// these. `None` when the window agreed on is one of 8 bits, which the compressor cannot do:
    /// everything has to be sent uncompressed.
    pub fn new(role: Role, parameters: &Parameters, level: u8) -> Option<Self> {
        let (context_takeover, window_bits) = parameters.of_sender(role);
        if !(WINDOW_BITS_MIN..=15).contains(&window_bits) {
            return None;
        }
        let settings = Settings { window_bits, level: level.clamp(1, 9) };
        Some(Self { settings, context_takeover, always: false, compressor: None })
    }

    /// Has every message compressed, also one that gets longer thereby.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.always = true;
        self
    }

    /// Whether messages refer to earlier ones.
    pub const fn context_takeover(&self) -> bool {
        self.context_takeover
    }

    /// Whether what the other makes of a message is what this would: neither remembers anything, and
    /// window and level are the same. For compressing once for many.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        let remembers = self.context_takeover || other.context_takeover;
        !remembers && self.settings == other.settings && self.always == other.always
    }

    /// Another one like it, with a memory of its own if it has any.
    pub const fn fresh(&self) -> Self {
        Self {
            settings: self.settings,
            context_takeover: self.context_takeover,
            always: self.always,
            compressor: None,
        }
    }

    /// Appends one complete frame of a text or binary message to `out`, compressed unless that makes
    /// it longer. (With context takeover also then: the peer's memory has to be the same as ours.)
    pub fn encode_frame(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        masking_key: Option<[u8; 4]>,
        out: &mut Vec<u8>,
    ) {
        let mut deflated = take_output();
        if self.deflate(payload, &mut deflated) {
            encode_compressed_frame(opcode, &deflated, masking_key, out);
        } else {
            encode_frame(opcode, payload, masking_key, out);
        }
        give_back_output(deflated);
    }

    /// Replaces `out` by the compressed form of `payload`, for
    /// [`encode_compressed_frame`](crate::encode_compressed_frame). False when there is none or it is
    /// longer: the message has to be sent uncompressed.
    pub fn deflate(&mut self, payload: &[u8], out: &mut Vec<u8>) -> bool {
        out.clear();
        if payload.is_empty() {
            out.push(EMPTY);
            return self.context_takeover || self.always;
        }
        if self.context_takeover {
            let compressor =
                self.compressor.get_or_insert_with(|| Box::new(Compressor::new(self.settings)));
            let done = compressor.run(payload, out);
            if !done {
                // A new one refers to nothing, which any peer understands.
                self.compressor = None;
            }
            return done;
        }
        let mut compressor = take_compressor(self.settings);
        compressor.compress.reset();
        let done = compressor.run(payload, out);
        give_back_compressor(compressor);
        done && (self.always || out.len() < payload.len())
    }
}

struct Compressor {
    settings: Settings,
    compress: Compress,
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Compressor {
    fn new(settings: Settings) -> Self {
        let level = Compression::new(u32::from(settings.level));
        let compress = Compress::new_with_window_bits(level, false, settings.window_bits);
        Self { settings, compress }
    }

    /// Compresses up to a byte boundary and cuts off the tail; false when the library fails, which it
    /// has no reason to.
    fn run(&mut self, payload: &[u8], out: &mut Vec<u8>) -> bool {
        let start = self.compress.total_in();
        // Enough for most; what cannot be compressed needs a little more than its length.
        out.reserve(payload.len() / 2 + 64);
        loop {
            let used = (self.compress.total_in() - start) as usize;
            let rest = &payload[used..];
            if self.compress.compress_vec(rest, out, FlushCompress::Sync).is_err() {
                return false;
            }
            // With room left everything was flushed; without, there may be more.
            if out.len() < out.capacity()
                && self.compress.total_in() - start == payload.len() as u64
            {
                break;
            }
            out.reserve(out.len().max(64));
        }
        if !out.ends_with(&TAIL) {
            return false;
        }
        out.truncate(out.len() - TAIL.len());
        true
    }
}

thread_local! {
    /// The one used last is the last.
    static COMPRESSORS: Cell<Vec<Compressor>> = const { Cell::new(Vec::new()) };
    static OUTPUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

fn take_compressor(settings: Settings) -> Compressor {
    // The pool is gone while its thread ends.
    let mut pool = COMPRESSORS.try_with(Cell::take).unwrap_or_default();
    let found = pool.iter().rposition(|pooled| pooled.settings == settings);
    let compressor = found.map(|index| pool.remove(index));
    let _ = COMPRESSORS.try_with(|cell| cell.set(pool));
    compressor.unwrap_or_else(|| Compressor::new(settings))
}

fn give_back_compressor(compressor: Compressor) {
    let _ = COMPRESSORS.try_with(|cell| {
        let mut pool = cell.take();
        if pool.len() == POOLED_COMPRESSORS_MAX {
            pool.remove(0);
        }
        pool.push(compressor);
        cell.set(pool);
    });
}

fn take_output() -> Vec<u8> {
    OUTPUT.try_with(Cell::take).unwrap_or_default()
}

fn give_back_output(output: Vec<u8>) {
    if output.capacity() <= POOLED_OUTPUT_BYTES_MAX {
        let _ = OUTPUT.try_with(|cell| cell.set(output));
    }
}
