//! The end of a connection in good order, without whom it belonged to.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use sockeye_ws::CloseCode;

use super::{FrameReader, Pipe};

/// A connection on its way out: what is queued is written, then, on a WebSocket, a close frame, and the
/// peer's close frame is awaited (RFC 6455 §7.1.1).
#[derive(Debug)]
pub struct Closing {
    pipe: Pipe,
    /// `None`: the peer has nothing to say.
    reader: Option<FrameReader>,
    /// The peer broke the protocol, so its close frame cannot be told from the rest any more.
    failed: bool,
}

/// What is read at most of a peer that is not understood any more, for it to see our close frame.
/// Whoever sends more is not listening.
pub const FORGOTTEN_BYTES_MAX: usize = 64 * 1024 * 1024;

impl Closing {
    /// Of a stream that is only written to: it ends behind what is queued.
    pub const fn of_stream(pipe: Pipe) -> Self {
        Self { pipe, reader: None, failed: false }
    }

    /// Of a WebSocket. Queues the close frame, unless one was sent. `failed`: the peer broke the protocol.
    pub fn new(
        mut pipe: Pipe,
        mut reader: FrameReader,
        (code, reason): (CloseCode, &str),
        failed: bool,
    ) -> Self {
        let key = pipe.masking_key();
        reader.ws.close(code, reason, key, pipe.tail());
        Self { pipe, reader: Some(reader), failed }
    }

    /// Writes what the kernel takes at once. True: that was everything there is to do.
    pub fn is_done_at_once(&mut self) -> bool {
        let is_closed = |reader: &FrameReader| reader.ws.is_closed() && !self.failed;
        match self.pipe.flush() {
            Ok(is_written) => is_written && self.reader.as_ref().is_none_or(is_closed),
            Err(_) => true,
        }
    }

    /// Bytes of memory that wait to be written.
    pub fn own_bytes(&self) -> usize {
        self.pipe.own_bytes()
    }

    /// Carries it out. Whatever becomes of it, the connection is dropped.
    ///
    /// # Errors
    ///
    /// When the connection is broken, or the peer takes nothing for `write_timeout`.
    pub async fn carry_out(mut self, write_timeout: Duration) -> io::Result<()> {
        poll_fn(|cx| self.pipe.poll_write(cx, write_timeout)).await?;
        let Some(mut reader) = self.reader else { return Ok(()) };
        if !self.failed {
            return poll_fn(|cx| reader.poll_closed(cx)).await;
        }
        // Dropped with unread bytes, TCP would reset the connection, and the peer might never see the
        // close code.
        poll_fn(|cx| self.pipe.poll_shutdown(cx)).await?;
        let mut bytes_left = FORGOTTEN_BYTES_MAX;
        poll_fn(|cx| reader.poll_end(cx, &mut bytes_left)).await
    }
}
