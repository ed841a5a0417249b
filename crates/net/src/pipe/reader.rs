//! The side of a connection that is read.

use std::io;
use std::task::{Context, Poll, ready};

use sockeye_ws::Connection;

use crate::scratch::with_scratch;
use crate::stream::ReadHalf;

/// The side of a connection that is read: its bytes, the state of the protocol, and what was read
/// and not yet handled.
#[derive(Debug)]
pub struct FrameReader {
    io: ReadHalf,
    /// The protocol's state.
    pub ws: Connection,
    held: Option<Box<Held>>,
}

#[derive(Debug)]
struct Held {
    bytes: Vec<u8>,
    start: usize,
}

impl FrameReader {
    /// A reader of what was read together with the handshake, then of `io`.
    pub fn new(io: ReadHalf, ws: Connection, early: Vec<u8>) -> Self {
        Self { io, ws, held: hold(early, 0) }
    }

    /// Whether something was read that is not yet handled.
    pub const fn holds_input(&self) -> bool {
        self.held.is_some()
    }

    /// Hands on what was read and not yet handled, or else what one read brings. `handle` says how
    /// much of it was used; the rest is held. Ready with the length of what was handed on; 0 is the
    /// end of the stream.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    #[inline]
    pub fn poll_input(
        &mut self,
        cx: &mut Context<'_>,
        handle: impl FnOnce(&mut Connection, &mut [u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        if self.held.is_some() {
            return Poll::Ready(Ok(self.handle_held(handle)));
        }
        with_scratch(|scratch| {
            let length = ready!(self.io.poll_read(cx, scratch))?;
            if length > 0 {
                let used = handle(&mut self.ws, &mut scratch[..length]);
                if used < length {
                    self.held = hold(scratch[..length].to_vec(), used);
                }
            }
            Poll::Ready(Ok(length))
        })
    }

    #[cold]
    fn handle_held(&mut self, handle: impl FnOnce(&mut Connection, &mut [u8]) -> usize) -> usize {
        let Some(mut held) = self.held.take() else { return 0 };
        let input = &mut held.bytes[held.start..];
        let length = input.len();
        held.start += handle(&mut self.ws, input);
        self.held = Some(held).filter(|held| held.start < held.bytes.len());
        length
    }

    /// Reads and forgets, until the peer's close frame or the end of the stream (RFC 6455 §7.1.1).
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.ws.is_closed() {
            if ready!(self.poll_input(cx, forget))? == 0 {
                self.ws.handle_eof();
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads and forgets until the end of the stream, or until `bytes_left` were read.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    pub fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
        bytes_left: &mut usize,
    ) -> Poll<io::Result<()>> {
        loop {
            match ready!(self.poll_input(cx, |_, input| input.len()))? {
                length if length > 0 && length < *bytes_left => *bytes_left -= length,
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}

fn hold(bytes: Vec<u8>, start: usize) -> Option<Box<Held>> {
    (start < bytes.len()).then(|| Box::new(Held { bytes, start }))
}

/// Looks for the peer's close frame; everything else came too late.
fn forget(ws: &mut Connection, input: &mut [u8]) -> usize {
    let mut used = 0;
    while used < input.len() {
        match ws.handle_read(&mut input[used..]) {
            Ok((length, Some(_))) => used += length,
            Ok((_, None)) => break,
            Err(_) => {
                ws.handle_eof();
                break;
            }
        }
    }
    input.len()
}
