//! The byte stream under a connection, split so that anybody may write while the driver reads.

use std::future::poll_fn;
use std::io;
use std::mem;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use parking_lot::Mutex;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::stall::{Stall, Watched, give_up};

/// Refused bytes a boxed stream keeps itself, since it has no other way to wait for writability.
const STASH_BYTES_MAX: usize = 16 * 1024;

/// A byte stream: TCP, whose write side costs nothing to share, or anything else behind a lock.
#[derive(Debug)]
pub struct Stream(Inner);

enum Inner {
    Tcp(TcpStream),
    /// With what tells how much of it has left, where that is known.
    Boxed(Box<dyn Io>, Option<Arc<Watched>>),
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Tcp(_) => "Tcp",
            Self::Boxed(..) => "Boxed",
        })
    }
}

impl Stream {
    /// A TCP connection.
    pub const fn from_tcp(stream: TcpStream) -> Self {
        Self(Inner::Tcp(stream))
    }

    /// Anything else: an encrypted stream, or one in memory.
    pub fn from_io(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self(Inner::Boxed(Box::new(io), None))
    }

    /// TLS over a connection that tells how much has left.
    #[cfg(feature = "tls")]
    pub(crate) fn from_watched(
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        watched: Arc<Watched>,
    ) -> Self {
        Self(Inner::Boxed(Box::new(io), Some(watched)))
    }

    /// The two sides. The stream is closed when both are dropped.
    pub fn split(self) -> (ReadHalf, WriteHalf) {
        match self.0 {
            Inner::Tcp(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf(ReadInner::Tcp(read)), WriteHalf::new(WriteInner::Tcp(Some(write))))
            }
            Inner::Boxed(io, watched) => {
                let stream = BoxedStream { io: Some(io), watched, ..BoxedStream::default() };
                let shared = Arc::new(Mutex::new(stream));
                let read = ReadHalf(ReadInner::Boxed(Arc::clone(&shared)));
                (read, WriteHalf::new(WriteInner::Boxed(shared)))
            }
        }
    }
}

/// The side to read from; the driver's alone.
#[derive(Debug)]
pub struct ReadHalf(ReadInner);

#[derive(Debug)]
enum ReadInner {
    Tcp(OwnedReadHalf),
    Boxed(Arc<Mutex<BoxedStream>>),
}

impl ReadHalf {
    /// Reads into `buf`; 0 is the end of the stream. A read that does not fill `buf` saves the next
    /// one its system call: there is nothing more until the kernel says so.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    #[inline]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            ReadInner::Tcp(tcp) => {
                let mut buf = ReadBuf::new(buf);
                ready!(Pin::new(tcp).poll_read(cx, &mut buf))?;
                Poll::Ready(Ok(buf.filled().len()))
            }
            ReadInner::Boxed(shared) => shared.lock().poll_read(cx, buf),
        }
    }

    /// [`poll_read`](Self::poll_read) as a future. Cancel safe: nothing is read unless it is returned.
    ///
    /// # Errors
    ///
    /// As `poll_read`.
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, buf)).await
    }
}

/// The side to write to. Whoever holds the connection's own write lock may use it.
#[derive(Debug)]
pub struct WriteHalf {
    inner: WriteInner,
    /// `stall` holds something.
    stalls: AtomicBool,
    stall: Mutex<Stall>,
}

#[derive(Debug)]
enum WriteInner {
    /// `None` only while it is dropped.
    Tcp(Option<OwnedWriteHalf>),
    Boxed(Arc<Mutex<BoxedStream>>),
}

impl WriteHalf {
    fn new(inner: WriteInner) -> Self {
        Self { inner, stalls: AtomicBool::new(false), stall: Mutex::default() }
    }

    /// Writes what the kernel takes at once.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when it takes nothing: wait with [`poll_writable`](Self::poll_writable). Others
    /// when the connection is broken.
    #[inline]
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        match &self.inner {
            WriteInner::Tcp(Some(tcp)) if self.stalls.load(Ordering::Relaxed) => {
                self.write_stalled(|| tcp.try_write(buf), || SockRef::from(tcp.as_ref()).send(buf))
            }
            WriteInner::Tcp(Some(tcp)) => tcp.try_write(buf),
            WriteInner::Tcp(None) => Err(io::ErrorKind::BrokenPipe.into()),
            WriteInner::Boxed(shared) => shared.lock().try_write(buf),
        }
    }

    /// [`try_write`](Self::try_write) of several buffers in one call.
    ///
    /// # Errors
    ///
    /// As `try_write`.
    pub fn try_write_vectored(&self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        match &self.inner {
            WriteInner::Tcp(Some(tcp)) if self.stalls.load(Ordering::Relaxed) => self
                .write_stalled(
                    || tcp.try_write_vectored(bufs),
                    || SockRef::from(tcp.as_ref()).send_vectored(bufs),
                ),
            WriteInner::Tcp(Some(tcp)) => tcp.try_write_vectored(bufs),
            WriteInner::Tcp(None) => Err(io::ErrorKind::BrokenPipe.into()),
            WriteInner::Boxed(shared) => shared.lock().try_write_vectored(bufs),
        }
    }

    /// A write of a connection that has to wait for its peer: when it is time to ask the kernel, past
    /// what the reactor knows.
    #[cold]
    fn write_stalled(
        &self,
        write: impl FnOnce() -> io::Result<usize>,
        ask: impl FnOnce() -> io::Result<usize>,
    ) -> io::Result<usize> {
        let is_asking = self.stall.lock().is_asking();
        let written = if is_asking { ask() } else { write() };
        match &written {
            Ok(count) if *count > 0 => self.stall.lock().note_progress(),
            _ => self.stall.lock().note_refused(),
        }
        written
    }

    /// Waits until writing is worth trying again; to be called whenever a write was refused, and to
    /// be followed by another one. Only the last caller's waker is kept, so this is for the
    /// connection's driver alone.
    ///
    /// # Errors
    ///
    /// Of the kind `TimedOut` when the peer has taken nothing for `write_timeout`, measured from the
    /// first refusal. Others when the connection is broken.
    pub fn poll_writable(
        &self,
        cx: &mut Context<'_>,
        write_timeout: Duration,
    ) -> Poll<io::Result<()>> {
        match &self.inner {
            WriteInner::Tcp(Some(tcp)) => {
                if let Poll::Ready(ready) = tcp.as_ref().poll_write_ready(cx) {
                    return Poll::Ready(ready);
                }
                let mut stall = self.stall.lock();
                self.stalls.store(true, Ordering::Relaxed);
                let waited = stall.poll_wait(write_timeout, cx);
                if let Poll::Ready(Err(_)) = &waited {
                    give_up(tcp.as_ref());
                }
                waited
            }
            WriteInner::Tcp(None) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            WriteInner::Boxed(shared) => shared.lock().poll_writable(cx, write_timeout),
        }
    }

    /// Everything that waited was accepted: the peer is not waited for any more. Whether it has left this
    /// process as well.
    #[inline]
    pub fn note_written(&self) -> bool {
        let is_flushed = self.is_flushed();
        if is_flushed && self.stalls.load(Ordering::Relaxed) {
            self.stalls.store(false, Ordering::Relaxed);
            self.stall.lock().clear();
        }
        is_flushed
    }

    /// Whether everything accepted by `try_write` has left this process. Always, for TCP.
    #[inline]
    pub(crate) fn is_flushed(&self) -> bool {
        match &self.inner {
            WriteInner::Tcp(_) => true,
            WriteInner::Boxed(shared) => shared.lock().is_flushed(),
        }
    }

    /// Ends the write side after what was written; the peer reads the end of the stream. For TCP this
    /// is done at once.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    pub fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.inner {
            WriteInner::Tcp(Some(tcp)) => {
                Poll::Ready(SockRef::from(tcp.as_ref()).shutdown(Shutdown::Write))
            }
            WriteInner::Tcp(None) => Poll::Ready(Ok(())),
            WriteInner::Boxed(shared) => shared.lock().poll_shutdown(cx),
        }
    }

    /// Ends both directions at once: the driver reads the end of the stream, and nothing can be
    /// written any more.
    pub fn abort(&self) {
        match &self.inner {
            WriteInner::Tcp(Some(tcp)) => {
                // An error says that the connection is gone already.
                let _ = SockRef::from(tcp.as_ref()).shutdown(Shutdown::Both);
            }
            WriteInner::Tcp(None) => {}
            WriteInner::Boxed(shared) => shared.lock().abort(),
        }
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        // Without this, tokio would half-close: one more system call for each connection that ends.
        if let WriteInner::Tcp(tcp) = &mut self.inner
            && let Some(tcp) = tcp.take()
        {
            tcp.forget();
        }
    }
}

/// A stream of any type, which can only be polled by one at a time and with a waker.
///
/// Bytes that it refuses are kept in `stash`. They are pushed on by whoever polls: the driver waiting
/// for writability if there is one, else the driver reading.
#[derive(Default)]
struct BoxedStream {
    /// `None` once aborted.
    io: Option<Box<dyn Io>>,
    stash: Vec<u8>,
    /// Written, but the stream has not passed it on (TLS gathers records).
    unflushed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    stall: Stall,
    /// Times that the stream took something.
    steps: u64,
    /// Tells more exactly what has left.
    watched: Option<Arc<Watched>>,
    /// What its progress was when the wait was looked at last.
    seen: u64,
}

impl BoxedStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.reader = Some(cx.waker().clone());
        if self.writer.is_none() {
            // Errors come up again in the next write.
            let _ = self.poll_flush(cx);
        }
        let Some(io) = &mut self.io else { return Poll::Ready(Ok(0)) };
        let mut buf = ReadBuf::new(buf);
        ready!(Pin::new(io).poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }

    fn try_write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if !self.stash.is_empty() || self.unflushed {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // The reader pushes the rest on if nobody waits for writability.
        let waker = self.reader.clone().unwrap_or_else(|| Waker::noop().clone());
        let mut cx = Context::from_waker(&waker);
        let Some(io) = &mut self.io else { return Err(io::ErrorKind::BrokenPipe.into()) };
        match Pin::new(io).poll_write(&mut cx, buf) {
            Poll::Ready(Ok(count)) => {
                self.unflushed = true;
                self.steps += 1;
                match self.poll_flush(&mut cx) {
                    Poll::Ready(Err(error)) => Err(error),
                    _ => Ok(count),
                }
            }
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => {
                let count = buf.len().min(STASH_BYTES_MAX);
                self.stash.extend_from_slice(&buf[..count]);
                Ok(count)
            }
        }
    }

    fn try_write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let mut written = 0;
        for buf in bufs.iter().filter(|buf| !buf.is_empty()) {
            match self.try_write(buf) {
                Ok(count) => {
                    written += count;
                    // What follows may only be written after all of it.
                    if count < buf.len() {
                        break;
                    }
                }
                Err(error) if written == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(written)
    }

    /// Pushes on what waits, as long as some of it goes within the write timeout.
    fn poll_writable(
        &mut self,
        cx: &mut Context<'_>,
        write_timeout: Duration,
    ) -> Poll<io::Result<()>> {
        self.writer = Some(cx.waker().clone());
        loop {
            if let Poll::Ready(flushed) = self.poll_flush(cx) {
                self.stall.clear();
                self.writer = None;
                return Poll::Ready(flushed);
            }
            // Grows whenever something has left.
            let progress = self.watched.as_ref().map_or(self.steps, |watched| watched.bytes());
            if mem::replace(&mut self.seen, progress) != progress {
                self.stall.note_progress();
            }
            self.stall.note_refused();
            ready!(self.stall.poll_wait(write_timeout, cx))?;
            if let Some(watched) = &self.watched {
                watched.ask_kernel();
            }
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer = Some(cx.waker().clone());
        ready!(self.poll_flush(cx))?;
        if let Some(io) = &mut self.io {
            ready!(Pin::new(io).poll_shutdown(cx))?;
        }
        self.writer = None;
        Poll::Ready(Ok(()))
    }

    fn is_flushed(&self) -> bool {
        self.stash.is_empty() && !self.unflushed
    }

    fn abort(&mut self) {
        self.io = None;
        self.stash = Vec::new();
        self.unflushed = false;
        self.stall.clear();
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }

    /// Pushes the stash into the stream and through it.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(io) = &mut self.io else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        while !self.stash.is_empty() {
            let written = ready!(Pin::new(&mut *io).poll_write(cx, &self.stash))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.stash.drain(..written);
            self.unflushed = true;
            self.steps += 1;
        }
        self.stash = Vec::new();
        if self.unflushed {
            ready!(Pin::new(io).poll_flush(cx))?;
            self.unflushed = false;
            self.steps += 1;
        }
        Poll::Ready(Ok(()))
    }
}

impl std::fmt::Debug for BoxedStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BoxedStream").finish_non_exhaustive()
    }
}
