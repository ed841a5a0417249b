//! One connection as its driver holds it: a byte stream with frames on it, and no lock of its own.
//!
//! A [`Pipe`] is the side that is written to. Whoever lets several send keeps it under a lock. A
//! [`FrameReader`] is the side that is read, its driver's alone. [`Closing`] ends both in good order.
//!
//! | state     | then                                                                           |
//! |-----------|--------------------------------------------------------------------------------|
//! | `Free`    | frames are gathered, and leave with the next write                             |
//! | `Blocked` | the kernel took no more: the driver waits until the stream is writable         |
//! | `Broken`  | nothing can be written any more, and nothing waits                             |
//!
//! What is sent to many in one tick lies in a [`Batch`] for all of them. A pipe holds a share of it,
//! which comes behind its own buffer and is copied only when something else has to follow.

mod closing;
#[cfg(feature = "deflate")]
mod compression;
#[cfg(not(feature = "deflate"))]
#[path = "pipe/compression_absent.rs"]
mod compression;
mod masking;
mod reader;

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use sockeye_ws::{CloseCode, Config, Connection, FrameHeader, Opcode, Role};
use sockeye_ws::{encode_close, encode_frame};

use self::compression::decompress;
use crate::batch::{Batch, MemberId, Share};
use crate::stream::{Stream, WriteHalf};
use crate::write_buffer::{Keeper, WriteBuffer};

pub use self::closing::{Closing, FORGOTTEN_BYTES_MAX};
#[cfg(feature = "deflate")]
#[cfg_attr(docsrs, doc(cfg(feature = "deflate")))]
pub use self::compression::Deflate;
pub use self::compression::{Compression, Compressor, Negotiated};
pub use self::masking::{fill_random, masking_key};
pub use self::reader::FrameReader;

/// Both sides of a WebSocket behind its handshake, together with which `early` was read.
pub fn websocket(
    stream: Stream,
    early: Vec<u8>,
    role: Role,
    config: Config,
    (negotiated, compression): (Option<&Negotiated>, &Compression),
) -> (FrameReader, Pipe) {
    let (read, write) = stream.split();
    let ws = decompress(Connection::new(role, config), negotiated);
    let compressor = Compressor::new(role, negotiated, compression);
    (FrameReader::new(read, ws, early), Pipe::new(write, role, compressor))
}

/// The side of a connection that is written to: what waits, how frames are made, how far it is.
///
/// ```
/// use sockeye_net::pipe::Pipe;
/// use sockeye_net::stream::Stream;
/// use sockeye_ws::{Opcode, Role};
/// use tokio::io::AsyncReadExt;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let (ours, mut theirs) = tokio::io::duplex(64);
/// let (_, write) = Stream::from_io(ours).split();
/// let mut pipe = Pipe::new(write, Role::Server, None);
/// pipe.push(Opcode::Text, (b"he", b"llo"), false);
/// assert!(pipe.write()?);
/// let mut frame = [0; 7];
/// theirs.read_exact(&mut frame).await?;
/// assert_eq!(&frame, b"\x81\x05hello");
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Pipe {
    io: WriteHalf,
    buffer: WriteBuffer,
    /// What comes behind `buffer` and is the same for others. None while blocked or broken.
    share: Option<Share>,
    compressor: Option<Box<Compressor>>,
    /// Messages since nothing waited.
    messages: u32,
    role: Role,
    state: PipeState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PipeState {
    Free,
    Blocked,
    Broken,
}

/// What became of a batch that a pipe was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// The next flush writes it, or nothing can be written any more.
    Shared,
    /// The pipe cannot use it: each of its messages has to be pushed.
    Separate,
}

impl Pipe {
    /// A pipe of which nothing was written yet.
    pub fn new(io: WriteHalf, role: Role, compressor: Option<Box<Compressor>>) -> Self {
        let buffer = WriteBuffer::default();
        Self { io, buffer, share: None, compressor, messages: 0, role, state: PipeState::Free }
    }

    /// Who sends: a client masks its frames.
    #[inline]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Who compresses, if messages are.
    #[inline]
    pub fn compressor(&mut self) -> Option<&mut Compressor> {
        self.compressor.as_deref_mut()
    }

    /// Messages that were queued since nothing waited.
    #[inline]
    pub const fn messages(&self) -> u32 {
        self.messages
    }

    /// Counts messages that were queued by [`tail`](Self::tail) or
    /// [`push_shared`](Self::push_shared).
    #[inline]
    pub const fn count(&mut self, messages: u32) {
        self.messages = self.messages.saturating_add(messages);
    }

    /// Bytes that wait, without what lies in a shared batch.
    #[inline]
    pub fn queued_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Bytes that lie in a shared batch.
    pub fn shared_bytes(&self) -> usize {
        self.share.as_ref().map_or(0, Share::len)
    }

    /// Bytes of memory that would be free if nothing waited here.
    pub fn own_bytes(&self) -> usize {
        self.buffer.own_len()
    }

    /// Whether the kernel has everything that was pushed, whatever lies in a shared batch.
    #[inline]
    pub fn is_written(&self) -> bool {
        self.buffer.is_empty() && self.state != PipeState::Blocked
    }

    /// Whether something may lie in a shared batch.
    #[inline]
    pub const fn is_sharing(&self) -> bool {
        self.share.is_some()
    }

    /// Whether a message would leave at once.
    #[inline]
    pub fn is_writable(&self) -> bool {
        self.state == PipeState::Free && self.buffer.is_empty() && self.share.is_none()
    }

    /// Whether the kernel took no more.
    #[inline]
    pub fn is_blocked(&self) -> bool {
        self.state == PipeState::Blocked
    }

    /// Whether nothing can be written any more.
    #[inline]
    pub fn is_broken(&self) -> bool {
        self.state == PipeState::Broken
    }

    /// Where to append encoded frames, and only append, if nothing lies in a shared batch: else
    /// [`take_part`](Self::take_part) comes first. `None`: frames are masked or compressed, and only
    /// [`push`](Self::push) makes them.
    #[inline]
    pub fn plain_tail(&mut self) -> Option<&mut Vec<u8>> {
        let is_plain = self.compressor.is_none()
            && self.share.is_none()
            && self.role == Role::Server
            && self.state != PipeState::Broken;
        is_plain.then(|| self.buffer.tail())
    }

    /// Where to append frames, and only append: behind everything queued up to now.
    #[inline]
    pub fn tail(&mut self) -> &mut Vec<u8> {
        self.take_part();
        self.buffer.tail()
    }

    /// Queues a message, its payload in two parts, compressed if it may be and that is worth it.
    pub fn push(&mut self, opcode: Opcode, (head, body): (&[u8], &[u8]), compress: bool) {
        if self.state == PipeState::Broken {
            return;
        }
        self.take_part();
        let key = self.masking_key();
        let bytes = head.len() + body.len();
        let compress = compress && !opcode.is_control();
        let out = self.buffer.tail();
        match self.compressor.as_deref_mut().filter(|by| compress && by.applies_to(bytes)) {
            Some(by) => by.encode(opcode, (head, body), key, out),
            None if head.is_empty() => encode_frame(opcode, body, key, out),
            None if key.is_some() => encode_frame(opcode, &[head, body].concat(), key, out),
            None => {
                out.extend_from_slice(FrameHeader::new(opcode, bytes, None).as_bytes());
                out.extend_from_slice(head);
                out.extend_from_slice(body);
            }
        }
        self.count(1);
        self.check();
    }

    /// [`push`](Self::push) of a body that is kept as it is, if it is long and leaves as it is.
    pub fn push_bytes(&mut self, opcode: Opcode, (head, body): (&[u8], &Bytes), compress: bool) {
        let bytes = head.len() + body.len();
        let compresses =
            self.compressor.as_ref().is_some_and(|by| compress && by.applies_to(bytes));
        if compresses || self.role == Role::Client || self.state == PipeState::Broken {
            return self.push(opcode, (head, body), compress);
        }
        let out = self.tail();
        out.extend_from_slice(FrameHeader::new(opcode, bytes, None).as_bytes());
        out.extend_from_slice(head);
        self.buffer.push_bytes(body);
        self.count(1);
        self.check();
    }

    /// Queues complete unmasked frames that others get as well; what `keeper` gives is held until they
    /// are written. They are to be [counted](Self::count).
    pub fn push_shared(&mut self, frames: &Bytes, keeper: impl FnOnce() -> Option<Keeper>) {
        if self.state == PipeState::Broken {
            return;
        }
        self.take_part();
        self.buffer.push_shared(frames, keeper);
    }

    /// Queues a close frame. Nothing may follow it.
    pub fn push_close(&mut self, code: CloseCode, reason: &str) {
        let key = self.masking_key();
        encode_close(code, reason, key, self.tail());
    }

    /// Queues frames that lie elsewhere, and writes them without a copy if nothing else waits. Errors
    /// come up again in the next write.
    #[inline]
    pub fn push_frames(&mut self, frames: &[u8]) {
        self.take_part();
        let written = match self.is_writable() {
            true => self.io.try_write(frames).unwrap_or(0),
            false => 0,
        };
        if written < frames.len() && self.state != PipeState::Broken {
            self.buffer.tail().extend_from_slice(&frames[written..]);
        }
    }

    /// A key for a client's frame.
    #[inline]
    pub fn masking_key(&self) -> Option<[u8; 4]> {
        (self.role == Role::Client).then(masking_key)
    }

    /// Has everything of a batch, to which more may come, written by the next flush. Not for frames
    /// that are made for one connection (masked, compressed), nor behind a backlog, where each message
    /// counts against the limits as it comes.
    pub fn attach(&mut self, batch: &Arc<Batch>, member: MemberId) -> Attached {
        if self.state == PipeState::Broken {
            return Attached::Shared;
        }
        if self.share.is_some() {
            self.end_batch();
        }
        let is_plain = self.compressor.is_none() && self.role == Role::Server;
        if self.state == PipeState::Blocked || !is_plain {
            return Attached::Separate;
        }
        self.share = Some(batch.share(member));
        self.check();
        Attached::Shared
    }

    /// Queues what has come to the shared batch, so that something else can follow.
    #[inline]
    pub fn take_part(&mut self) {
        if self.share.is_some() {
            self.take_share();
        }
    }

    fn take_share(&mut self) {
        if let Some(share) = &mut self.share {
            let count = share.count();
            if count > 0 {
                share.take_into(self.buffer.tail());
                self.count(count);
            }
        }
    }

    /// Queues what has come to the shared batch, and gets nothing that comes to it later.
    pub fn leave_batch(&mut self) {
        self.take_part();
        self.share = None;
        self.check();
    }

    /// Gives up what is in the shared batch.
    pub fn drop_share(&mut self) {
        self.share = None;
    }

    /// Queues what is in the shared batch, to which nothing comes any more.
    pub fn end_batch(&mut self) {
        if let Some(share) = self.share.take() {
            share.batch.seal();
            let count = share.count();
            if count > 0 {
                self.buffer.push_shared(&share.into_bytes(0), || None);
                self.count(count);
            }
        }
    }

    /// Writes what is queued, as far as the kernel takes it. `false`: the pipe is blocked.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    #[inline]
    pub fn write(&mut self) -> io::Result<bool> {
        if self.state == PipeState::Free && self.buffer.is_empty() {
            return Ok(true);
        }
        self.write_waiting()
    }

    fn write_waiting(&mut self) -> io::Result<bool> {
        if self.state == PipeState::Broken {
            self.buffer.clear();
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let written = self.buffer.write_to(&self.io);
        self.note_written(written)
    }

    /// [`write`](Self::write), and behind it what is in the shared batch.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    #[inline]
    pub fn flush(&mut self) -> io::Result<bool> {
        let Some(share) = self.share.take() else { return self.write() };
        let frames = share.bytes();
        let (len, mut written) = (frames.len(), 0);
        if self.buffer.is_empty() && len > 0 {
            // The usual case: nothing is copied, nor counted. Errors come up again below.
            written = self.io.try_write(&frames).unwrap_or(0);
        }
        drop(frames);
        if written < len {
            self.count(share.count());
            self.buffer.push_shared(&share.into_bytes(written), || None);
        }
        let written = match self.buffer.is_empty() {
            true => Ok(self.io.note_written()),
            false => self.buffer.write_to(&self.io),
        };
        self.note_written(written)
    }

    /// [`write`](Self::write) until everything is written; for the driver, whose waker is kept.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write); of the kind `TimedOut` when the peer has taken nothing for
    /// `write_timeout`.
    #[inline]
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        write_timeout: Duration,
    ) -> Poll<io::Result<()>> {
        while !self.write()? {
            if let Err(error) = ready!(self.io.poll_writable(cx, write_timeout)) {
                self.fail();
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ends the side that is written to; the peer reads the end of the stream.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    pub fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_shutdown(cx)
    }

    /// Ends both directions at once. What waits is lost.
    pub fn abort(&mut self) {
        self.fail();
        self.io.abort();
    }

    fn fail(&mut self) {
        self.state = PipeState::Broken;
        self.share = None;
        self.messages = 0;
        self.buffer.clear();
        self.check();
    }

    #[inline]
    fn note_written(&mut self, written: io::Result<bool>) -> io::Result<bool> {
        match &written {
            Ok(true) => {
                self.state = PipeState::Free;
                self.messages = 0;
            }
            Ok(false) => {
                self.state = PipeState::Blocked;
                self.end_batch();
            }
            Err(error) => {
                debug_assert_ne!(error.kind(), io::ErrorKind::WouldBlock);
                self.fail();
            }
        }
        self.check();
        written
    }

    /// What always holds, in debug builds.
    fn check(&self) {
        match self.state {
            PipeState::Free => {}
            PipeState::Blocked => debug_assert!(self.share.is_none(), "a backlog shares nothing"),
            PipeState::Broken => {
                debug_assert!(self.share.is_none() && self.buffer.is_empty(), "nothing waits");
                debug_assert_eq!(self.messages, 0, "nothing waits");
            }
        }
        debug_assert!(
            self.share.is_none() || self.compressor.is_none() && self.role == Role::Server,
            "frames of its own are not shared"
        );
    }
}
