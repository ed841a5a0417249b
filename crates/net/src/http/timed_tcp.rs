//! A TCP connection that is given up when its peer takes nothing any more.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::timer::{note_blocked, note_flushed, note_read};
use crate::metrics;
use crate::stall::{Stall, Watched, give_up};

/// A `TcpStream` whose writes end with an error of the kind `TimedOut` when the kernel has taken
/// nothing for the write timeout. It stands below TLS, so what TLS takes and keeps is no progress.
#[derive(Debug)]
pub(crate) struct TimedTcp {
    tcp: TcpStream,
    write_timeout: Duration,
    stall: Stall,
    /// Somebody above measures the time.
    watched: Option<Arc<Watched>>,
}

impl TimedTcp {
    pub(crate) fn new(tcp: TcpStream, write_timeout: Duration) -> Self {
        Self { tcp, write_timeout, stall: Stall::default(), watched: None }
    }

    pub(crate) fn into_inner(self) -> TcpStream {
        self.tcp
    }

    /// To look at what comes first.
    #[cfg(feature = "http2")]
    pub(crate) const fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Leaves the time to the caller.
    #[cfg(feature = "tls")]
    pub(crate) fn watch(&mut self) -> Arc<Watched> {
        self.stall.clear();
        Arc::clone(self.watched.get_or_insert_default())
    }

    /// What was written by the reactor's word, or what `attempt` gets from the kernel itself when it
    /// is to be asked.
    fn poll_written(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
        attempt: impl Fn(SockRef<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let written = match written {
            Poll::Ready(written) => written?,
            Poll::Pending => {
                note_blocked();
                ready!(self.poll_attempt(cx, attempt))?
            }
        };
        self.stall.note_progress();
        if let Some(watched) = &self.watched {
            watched.note_written(written);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_attempt(
        &mut self,
        cx: &mut Context<'_>,
        attempt: impl Fn(SockRef<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match &self.watched {
                Some(watched) if watched.is_asking() => {}
                Some(_) => return Poll::Pending,
                None => {
                    if let Err(error) = ready!(self.stall.poll_wait(self.write_timeout, cx)) {
                        metrics::http_ended("write_timeout");
                        give_up(&self.tcp);
                        return Poll::Ready(Err(error));
                    }
                }
            }
            match attempt(SockRef::from(&self.tcp)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
            match &self.watched {
                Some(watched) => watched.note_refused(),
                None => self.stall.note_refused(),
            }
        }
    }
}

impl AsyncRead for TimedTcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.tcp).poll_read(cx, buf);
        if polled.is_ready() {
            note_read();
        }
        polled
    }
}

impl AsyncWrite for TimedTcp {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(cx, buf);
        self.poll_written(cx, written, |tcp| tcp.send(buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs);
        self.poll_written(cx, written, |tcp| tcp.send_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Whoever flushes has written everything.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stall.clear();
        note_flushed(cx);
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
