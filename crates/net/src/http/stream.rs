//! A TCP connection as hyper reads and writes it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

use super::timed_tcp::TimedTcp;
use crate::scratch::with_scratch;

/// A response whose head and body have this many bytes in all is written from one piece: for the
/// kernel that is less work than two.
const JOINED_BYTES_MAX: usize = 4096;

/// [`TokioIo`] of a TCP connection, but for how small responses are written.
#[derive(Debug)]
pub(crate) struct HttpStream(TokioIo<TimedTcp>);

impl HttpStream {
    pub(crate) fn new(stream: TimedTcp) -> Self {
        Self(TokioIo::new(stream))
    }

    pub(crate) fn into_inner(self) -> TcpStream {
        self.0.into_inner().into_inner()
    }

    fn tcp(&mut self) -> Pin<&mut TimedTcp> {
        Pin::new(self.0.inner_mut())
    }
}

impl Read for HttpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for HttpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.tcp().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        if pieces.len() == 1 {
            return self.tcp().poll_write(cx, &pieces[0]);
        }
        if length > JOINED_BYTES_MAX {
            return self.tcp().poll_write_vectored(cx, pieces);
        }
        with_scratch(|scratch| {
            let mut used = 0;
            for piece in pieces {
                scratch[used..used + piece.len()].copy_from_slice(piece);
                used += piece.len();
            }
            self.tcp().poll_write(cx, &scratch[..used])
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp().poll_shutdown(cx)
    }
}
