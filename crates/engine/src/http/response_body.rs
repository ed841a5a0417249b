//! Response bodies.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;
use sockeye_net::http::HandOver;
use sockeye_net::stream::Stream;
use sockeye_net::with_scratch;
use thiserror::Error;
use tokio::io::{AsyncRead, DuplexStream, ReadBuf, duplex};
use tokio::time::{Instant, Sleep, sleep_until};

/// The body of a response: whole from the beginning and often empty, or a stream.
#[derive(Debug, Default)]
pub struct Body(Inner);

enum Inner {
    Whole(Bytes),
    /// Handed on in pieces, each when the kernel has the one before.
    Watched(Bytes, Box<Handing>),
    /// What somebody writes to the other end; `None` before it is started.
    Stream(Box<(HandOver, Option<DuplexStream>)>),
    /// Pieces as they come, each asked for when the kernel has the one before.
    Pieces(Box<Series>),
}

/// A body that comes piece by piece, for as long as somebody reads it.
pub trait Pieces: Send {
    /// The next piece; `None` at the end. Not empty.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>>;
}

/// Why a body ends before its end. The connection ends with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The client took nothing of it for [`write_timeout`](crate::Config::write_timeout).
    #[error("the client takes nothing any more")]
    WriteTimeout,
    /// Its session was ended to make room, see
    /// [`queued_bytes_max_total`](crate::Config::queued_bytes_max_total).
    #[error("the session was ended to make room")]
    Discarded,
}

impl Body {
    /// A body that goes on and on: `write` is given the byte stream behind the head of the response,
    /// once and within a tokio runtime. The [`HandOver`] belongs into the response's extensions: then
    /// [`HttpServer`](sockeye_net::http::HttpServer) gives away the connection itself, which ends with the
    /// stream; elsewhere the body reads from the other end of a pipe of 16 KiB.
    ///
    /// ```
    /// use http::Response;
    /// use sockeye_engine::Body;
    ///
    /// let (body, hand_over) = Body::stream(|stream| {
    ///     let (_, write) = stream.split();
    ///     // An error comes up again in the next write.
    ///     let _ = write.try_write(b"one line at once\n");
    /// });
    /// let mut response = Response::new(body);
    /// response.extensions_mut().insert(hand_over);
    /// ```
    pub fn stream(write: impl FnOnce(Stream) + Send + 'static) -> (Self, HandOver) {
        let hand_over = HandOver::new::<Body>(write);
        (Body(Inner::Stream(Box::new((hand_over.clone(), None)))), hand_over)
    }

    /// A body that comes piece by piece, while `watch` looks at how it is taken.
    pub(crate) fn pieces(pieces: Box<dyn Pieces>, watch: Arc<dyn Watch>) -> Self {
        let handing = Handing::new(watch);
        Body(Inner::Pieces(Box::new(Series { handing, pieces, rest: Bytes::new(), begun: 0 })))
    }

    /// What is left of one that is no stream.
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.0 {
            Inner::Whole(data) | Inner::Watched(data, _) => data,
            Inner::Stream(_) | Inner::Pieces(_) => &[],
        }
    }

    /// Has a long body watched while it is taken.
    pub(crate) fn watched_by(self, watch: impl FnOnce(usize) -> Arc<dyn Watch>) -> Self {
        match self.0 {
            Inner::Whole(data) if data.len() > WHOLE_BYTES_MAX => {
                let handing = Handing::new(watch(data.len()));
                Body(Inner::Watched(data, Box::new(handing)))
            }
            inner => Body(inner),
        }
    }
}

/// Who wants to know how a long body is taken.
pub(crate) trait Watch: fmt::Debug + Send + Sync {
    /// How long the client may take nothing of it.
    fn write_timeout(&self) -> Duration;
    /// Whether nobody wants it to be read any more.
    fn is_discarded(&self) -> bool;
    /// So many bytes more wait to be taken. An answer that is whole counts from its making.
    fn begin(&self, _bytes: usize) {}
    /// They are taken, or nobody will have them.
    fn end(&self, _bytes: usize) {}
    /// Its last byte is gone, or it ended before.
    fn ended(&self, end: End);
}

/// What hands an answer on, piece by piece.
#[derive(Debug)]
struct Handing {
    answer: Arc<SharedBody>,
    timer: Option<Pin<Box<Sleep>>>,
    /// When the piece that hyper has was handed on.
    since: Option<Instant>,
}

/// An answer, until its last byte is gone.
#[derive(Debug)]
struct SharedBody {
    state: Mutex<BodyState>,
    watch: Arc<dyn Watch>,
}

#[derive(Debug, Default)]
struct BodyState {
    /// hyper has a piece.
    is_handed: bool,
    /// Who hands on the next one.
    waker: Option<Waker>,
    /// How it ended; at first as if it were never handed on to its end.
    end: End,
}

/// How a long body ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    #[default]
    Dropped,
    TimedOut,
    Complete,
}

impl Drop for SharedBody {
    fn drop(&mut self) {
        let end = self.state.get_mut().end;
        self.watch.ended(end);
    }
}

/// Bytes on their way to the kernel.
struct Piece {
    bytes: Bytes,
    answer: Arc<SharedBody>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut state = self.answer.state.lock();
        state.is_handed = false;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Handing {
    fn new(watch: Arc<dyn Watch>) -> Self {
        let answer = Arc::new(SharedBody { state: Mutex::default(), watch });
        Handing { answer, timer: None, since: None }
    }

    /// Waits until the kernel has what was handed on.
    fn poll_taken(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        let mut state = self.answer.state.lock();
        if !state.is_handed {
            self.since = None;
            return Poll::Ready(Ok(()));
        }
        state.waker = Some(cx.waker().clone());
        let timeout = self.answer.watch.write_timeout();
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        let next = now + (timeout / LOOKS_PER_TIMEOUT).max(Duration::from_millis(1));
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(next)));
        while timer.as_mut().poll(cx).is_ready() {
            if now.duration_since(since) >= timeout {
                state.end = End::TimedOut;
                return Poll::Ready(Err(BodyError::WriteTimeout));
            }
            if self.answer.watch.is_discarded() {
                return Poll::Ready(Err(BodyError::Discarded));
            }
            timer.as_mut().reset(next);
        }
        Poll::Pending
    }

    fn hand_on(&mut self, data: &mut Bytes) -> Bytes {
        let length = match data.len() {
            length if length > LAST_PIECE_BYTES => (length - LAST_PIECE_BYTES).min(PIECE_BYTES_MAX),
            length => length,
        };
        let bytes = data.split_to(length);
        if data.is_empty() {
            self.complete();
        }
        self.hand(bytes)
    }

    /// Nothing follows.
    fn complete(&self) {
        self.answer.state.lock().end = End::Complete;
    }

    fn hand(&self, bytes: Bytes) -> Bytes {
        self.answer.state.lock().is_handed = true;
        Bytes::from_owner(Piece { bytes, answer: Arc::clone(&self.answer) })
    }
}

/// Pieces as they come. A long one is handed on in parts: hyper asks for nothing, and so nobody looks at the
/// time, while it has much.
struct Series {
    handing: Handing,
    pieces: Box<dyn Pieces>,
    /// What of the newest piece is not handed on.
    rest: Bytes,
    /// The size of the piece that is not taken whole.
    begun: usize,
}

impl Series {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if let Err(error) = ready!(self.handing.poll_taken(cx)) {
            return Poll::Ready(Some(Err(error)));
        }
        if self.rest.is_empty() {
            self.end_piece();
            let Some(piece) = ready!(self.pieces.poll_next(cx)) else {
                self.handing.complete();
                return Poll::Ready(None);
            };
            self.begun = piece.len();
            self.handing.answer.watch.begin(self.begun);
            self.rest = piece;
        }
        let part = self.rest.split_to(self.rest.len().min(PIECE_BYTES_MAX));
        Poll::Ready(Some(Ok(self.handing.hand(part))))
    }

    fn end_piece(&mut self) {
        self.handing.answer.watch.end(std::mem::take(&mut self.begun));
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        self.end_piece();
    }
}

/// A body that is whole from the beginning, from anything that bytes can be made of.
macro_rules! whole_from {
    ($($data:ty),*) => {$(
        impl From<$data> for Body {
            fn from(data: $data) -> Self {
                Body(Inner::Whole(data.into()))
            }
        }
    )*};
}

whole_from!(Bytes, Vec<u8>, String, &'static str);

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let (data, handing) = match &mut self.0 {
            Inner::Whole(data) => {
                let data = std::mem::take(data);
                return Poll::Ready((!data.is_empty()).then(|| Ok(Frame::data(data))));
            }
            Inner::Stream(stream) => return poll_stream(&mut *stream, cx).map(|it| it.map(Ok)),
            Inner::Pieces(pieces) => {
                let piece = ready!(pieces.poll_next(cx));
                return Poll::Ready(piece.map(|piece| piece.map(Frame::data)));
            }
            Inner::Watched(data, handing) => (data, handing),
        };
        if let Err(error) = ready!(handing.poll_taken(cx)) {
            return Poll::Ready(Some(Err(error)));
        }
        if data.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(handing.hand_on(data)))))
    }

    /// A long one waits for its last piece.
    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Inner::Whole(data) if data.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Whole(data) | Inner::Watched(data, _) => SizeHint::with_exact(data.len() as u64),
            Inner::Stream(_) | Inner::Pieces(_) => SizeHint::default(),
        }
    }
}

/// What was written since, for HTTP servers that do not hand their connections over.
fn poll_stream(
    (hand_over, reading): &mut (HandOver, Option<DuplexStream>),
    cx: &mut Context<'_>,
) -> Poll<Option<Frame<Bytes>>> {
    let reading = reading.get_or_insert_with(|| {
        let (ours, theirs) = duplex(STREAM_BYTES_MAX);
        hand_over.start(Stream::from_io(theirs));
        ours
    });
    with_scratch(|scratch| {
        let mut buffer = ReadBuf::new(&mut scratch[..STREAM_BYTES_MAX]);
        let read = ready!(Pin::new(reading).poll_read(cx, &mut buffer));
        let data = Bytes::copy_from_slice(buffer.filled());
        let goes_on = read.is_ok() && !data.is_empty();
        Poll::Ready(goes_on.then(|| Frame::data(data)))
    })
}

impl Default for Inner {
    fn default() -> Self {
        Inner::Whole(Bytes::new())
    }
}

impl fmt::Debug for Inner {
    /// Shows sizes, not contents.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Inner::Whole(data) => f.debug_tuple("Whole").field(&data.len()).finish(),
            Inner::Watched(data, _) => f.debug_tuple("Watched").field(&data.len()).finish(),
            Inner::Stream(_) => f.write_str("Stream"),
            Inner::Pieces(_) => f.write_str("Pieces"),
        }
    }
}

/// What of a stream may wait to be read.
const STREAM_BYTES_MAX: usize = 16 * 1024;
/// An answer up to this size is handed on whole, and is not counted; nor is a piece of a stream.
pub(crate) const WHOLE_BYTES_MAX: usize = 16 * 1024;
/// hyper has so much of an answer at most.
const PIECE_BYTES_MAX: usize = 64 * 1024;
/// The last piece is short: hyper does not ask for anything after it, so nobody watches it.
const LAST_PIECE_BYTES: usize = 1024;
/// How often it is looked whether the session still wants the answer to be read.
const LOOKS_PER_TIMEOUT: u32 = 16;
