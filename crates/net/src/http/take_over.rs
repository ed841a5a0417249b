//! The take-over: an answer that waits or streams is written by ourselves.
//!
//! hyper keeps 12 KiB and more for a connection whose request is under way, and gives a byte stream
//! away after an upgrade only. So while a service works on an answer, the connection's task takes
//! hyper's parts, drops the rest, and holds nothing but the stream, what was read ahead, and the
//! service's future. The answer is written here, to the letter of RFC 9112; then
//! the connection waits for the next request, with which it goes back to hyper.
//!
//! | state     | then                                                                            |
//! |-----------|---------------------------------------------------------------------------------|
//! | `Waiting` | the service works; the client may send what comes next, or leave, which drops it  |
//! | `Writing` | the answer leaves, as its body comes; what the client sends is kept               |
//!
//! A service notices nothing of it, nor does whatever is between it and the listener.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::Future;
use std::io::IoSlice;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::Response;
use http_body::Body;
use hyper::rt::Write;
use tokio::io::{AsyncRead, AsyncWrite};

use super::hand_over::HandOver;
use super::head::{self, Length};
use super::keep_alive::KeepAlive;
use super::stream::HttpStream;

/// Slices handed to the kernel in one call: the head or chunk's size, the data, what follows it.
const SLICES_MAX: usize = 16;

/// The size of a chunk in hexadecimal digits, and the end of its line.
const CHUNK_LINE_BYTES_MAX: usize = 18;

/// What a service wants of the task of its connection, behind hyper's back.
pub(super) enum Wish {
    /// A request asks for another protocol, which hyper has to be prepared for.
    Upgrade,
    /// The answer, a [`Pending`] of it, is to be written by ourselves.
    TakeOver(Box<dyn Any + Send>),
    /// The answer is there, and wants the byte stream behind its head.
    HandOver(Box<dyn Any + Send>),
}

thread_local! {
    /// Of the connection that is being polled.
    static WISH: RefCell<Option<Wish>> = const { RefCell::new(None) };
    /// Whether there is one, which is cheaper to ask and seldom so.
    static HAS_WISH: Cell<bool> = const { Cell::new(false) };
}

pub(super) fn wish(wish: Wish) {
    HAS_WISH.set(true);
    WISH.set(Some(wish));
}

#[inline]
pub(super) fn take_wish() -> Option<Wish> {
    if HAS_WISH.replace(false) { WISH.take() } else { None }
}

/// An answer to be.
pub(super) type Pending<F> = Pin<Box<F>>;

/// What becomes of a connection behind an answer that we wrote.
#[derive(Clone, Debug)]
pub(super) enum Next {
    /// The next request.
    Request,
    /// Its end.
    End,
    /// Somebody else has it.
    HandOver(HandOver),
}

/// An answer under way.
pub(super) enum TakenOver<F, B: Body> {
    Waiting(Pending<F>),
    Writing(Box<Writing<B>>),
}

impl<F, B> TakenOver<F, B>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
    B: Body<Error: Into<Box<dyn StdError + Send + Sync>>> + 'static,
{
    /// Waits for the answer and writes it. With `keep_alive` the connection is kept behind it, if the
    /// answer does not say otherwise.
    pub(super) fn poll<T: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut HttpStream<T>,
        keep_alive: Option<&KeepAlive>,
    ) -> Poll<Next> {
        if io.poll_gone(cx).is_ready() {
            return Poll::Ready(Next::End);
        }
        loop {
            match self {
                Self::Waiting(answer) => {
                    let Ok(response) = ready!(answer.as_mut().poll(cx));
                    *self = Self::Writing(Box::new(Writing::new(response, keep_alive)));
                }
                Self::Writing(writing) => return writing.poll(cx, io),
            }
        }
    }
}

/// A response on its way.
pub(super) struct Writing<B: Body> {
    body: Pin<Box<B>>,
    length: Length,
    next: Next,
    /// The head, or what comes before the data at hand.
    before: Vec<u8>,
    data: Option<B::Data>,
    /// What comes behind the data at hand.
    after: &'static [u8],
    /// How much of `before` and of `after` was written.
    written: (usize, usize),
    /// Nothing more comes of the body.
    ended: bool,
}

impl<B: Body + 'static> Writing<B> {
    pub(super) fn new(response: Response<B>, keep_alive: Option<&KeepAlive>) -> Self {
        let (mut parts, body) = response.into_parts();
        let hand_over = parts.extensions.remove::<HandOver>().filter(HandOver::is_beside::<B>);
        let (length, keep_alive) = match hand_over {
            Some(_) => (Length::None, None),
            None => (Length::of(parts.status, body.size_hint().exact()), keep_alive),
        };
        let mut before = Vec::with_capacity(512);
        let kept = head::encode(parts.status, &parts.headers, length, keep_alive, &mut before);
        Self {
            ended: length == Length::None || body.is_end_stream() && length != Length::Chunked,
            body: Box::pin(body),
            length,
            next: match hand_over {
                Some(hand_over) => Next::HandOver(hand_over),
                None if kept => Next::Request,
                None => Next::End,
            },
            before,
            data: None,
            after: b"",
            written: (0, 0),
        }
    }

    fn poll<T: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut HttpStream<T>,
    ) -> Poll<Next> {
        loop {
            // The head and the first of the body leave together, if that is there.
            let is_waiting = match self.poll_pull(cx) {
                Poll::Ready(true) => false,
                Poll::Ready(false) => return Poll::Ready(Next::End),
                Poll::Pending => true,
            };
            while !self.is_written() {
                match ready!(self.poll_write(cx, io)) {
                    Ok(count) if count > 0 => self.advance(count),
                    _ => return Poll::Ready(Next::End),
                }
            }
            self.before.clear();
            // The head took room that a stream which waits needs no more.
            if is_waiting && self.before.capacity() > CHUNK_LINE_BYTES_MAX {
                self.before = Vec::with_capacity(CHUNK_LINE_BYTES_MAX);
            }
            (self.data, self.after, self.written) = (None, b"", (0, 0));
            if is_waiting || self.ended {
                if ready!(pin!(&mut *io).poll_flush(cx)).is_err() {
                    return Poll::Ready(Next::End);
                }
                if is_waiting {
                    return Poll::Pending;
                }
                self.before = Vec::new();
                return Poll::Ready(self.next.clone());
            }
        }
    }

    /// Takes the next of the body, if there is nothing of it at hand. False: the body is broken, and so
    /// is the answer.
    fn poll_pull(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        while !self.ended && self.data.is_none() && self.after.is_empty() {
            let Some(frame) = ready!(self.body.as_mut().poll_frame(cx)) else {
                self.end();
                break;
            };
            let Ok(frame) = frame else { return Poll::Ready(false) };
            // Trailers are not sent: nobody asked for them.
            let Ok(data) = frame.into_data() else { continue };
            match (self.length, data.remaining()) {
                (_, 0) => continue,
                (Length::Known(left), bytes) => {
                    let Some(left) = left.checked_sub(bytes as u64) else {
                        return Poll::Ready(false);
                    };
                    self.length = Length::Known(left);
                    self.ended = left == 0;
                }
                (_, bytes) => {
                    self.before.extend_from_slice(format!("{bytes:x}\r\n").as_bytes());
                    self.after = b"\r\n";
                }
            }
            self.data = Some(data);
        }
        Poll::Ready(true)
    }

    /// The body has come to its end.
    fn end(&mut self) {
        self.ended = true;
        match self.length {
            Length::Chunked => self.after = b"0\r\n\r\n",
            // Shorter than the head says: only the end of the connection tells.
            Length::Known(left) if left > 0 => self.next = Next::End,
            Length::Known(_) | Length::None => {}
        }
    }

    fn is_written(&self) -> bool {
        self.written.0 == self.before.len()
            && self.data.as_ref().is_none_or(|data| !data.has_remaining())
            && self.written.1 == self.after.len()
    }

    fn poll_write<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        cx: &mut Context<'_>,
        io: &mut HttpStream<T>,
    ) -> Poll<std::io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        if self.written.0 < self.before.len() {
            slices[0] = IoSlice::new(&self.before[self.written.0..]);
            count = 1;
        }
        if let Some(data) = &self.data {
            let room = &mut slices[count..SLICES_MAX - 1];
            count += data.chunks_vectored(room);
        }
        let is_all = self.data.as_ref().is_none_or(|data| {
            let slices = &slices[usize::from(self.written.0 < self.before.len())..count];
            slices.iter().map(|slice| slice.len()).sum::<usize>() == data.remaining()
        });
        if is_all && self.written.1 < self.after.len() {
            slices[count] = IoSlice::new(&self.after[self.written.1..]);
            count += 1;
        }
        pin!(io).poll_write_vectored(cx, &slices[..count])
    }

    fn advance(&mut self, mut count: usize) {
        let head = count.min(self.before.len() - self.written.0);
        self.written.0 += head;
        count -= head;
        if let Some(data) = &mut self.data {
            let part = count.min(data.remaining());
            data.advance(part);
            count -= part;
        }
        self.written.1 += count;
    }
}
