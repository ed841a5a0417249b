//! A connection as hyper reads and writes it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::timer::note_read;
use crate::scratch::with_scratch;

/// A response whose head and body have this many bytes in all is written from one piece: for the
/// kernel that is less work than two.
const JOINED_BYTES_MAX: usize = 4096;
/// What is read ahead at most while a request waits for its answer: as much as hyper would.
const AHEAD_BYTES_MAX: usize = 16 * 1024;

/// [`TokioIo`] of a connection, but for how small responses are written, and that what was read ahead
/// by somebody else comes first.
#[derive(Debug)]
pub(crate) struct HttpStream<T> {
    io: TokioIo<T>,
    ahead: Bytes,
}

impl<T> HttpStream<T> {
    pub(super) fn new(io: T) -> Self {
        Self { io: TokioIo::new(io), ahead: Bytes::new() }
    }

    /// The connection, and what is to come before it.
    pub(super) fn into_parts(self) -> (T, Bytes) {
        (self.io.into_inner(), self.ahead)
    }

    /// Puts back what was read from it. Usually nothing: then nothing is kept of `bytes`.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.ahead = [bytes, &self.ahead].concat().into();
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> HttpStream<T> {
    /// Waits for the first bytes of a request, which stay where they are; `false` at the end of the
    /// stream.
    pub(super) fn poll_begun(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        match self.poll_gone(cx) {
            Poll::Ready(()) => Poll::Ready(false),
            Poll::Pending if self.ahead.is_empty() => Poll::Pending,
            Poll::Pending => Poll::Ready(true),
        }
    }

    fn tokio(&mut self) -> Pin<&mut T> {
        Pin::new(self.io.inner_mut())
    }

    /// Waits for the end of the stream, with which nobody waits for an answer any more. What comes
    /// before that is kept, up to a bound, beyond which nothing is read.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.ahead.is_empty() {
            return Poll::Pending;
        }
        with_scratch(|scratch| {
            let mut buffer = ReadBuf::new(&mut scratch[..AHEAD_BYTES_MAX]);
            let read = ready!(self.tokio().poll_read(cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(());
            }
            self.ahead = Bytes::copy_from_slice(buffer.filled());
            Poll::Pending
        })
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Read for HttpStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        note_read();
        let count = self.ahead.len().min(buf.remaining());
        buf.put_slice(&self.ahead[..count]);
        self.ahead.advance(count);
        if self.ahead.is_empty() {
            self.ahead = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Write for HttpStream<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.tokio().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        if pieces.len() == 1 {
            return self.tokio().poll_write(cx, &pieces[0]);
        }
        if length > JOINED_BYTES_MAX {
            return self.tokio().poll_write_vectored(cx, pieces);
        }
        with_scratch(|scratch| {
            let mut used = 0;
            for piece in pieces {
                scratch[used..used + piece.len()].copy_from_slice(piece);
                used += piece.len();
            }
            self.tokio().poll_write(cx, &scratch[..used])
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tokio().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tokio().poll_shutdown(cx)
    }
}
