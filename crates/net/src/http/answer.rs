//! The body of an answer, and over HTTP/2 the watch over who takes it.
//!
//! A peer of HTTP/2 takes what its windows allow, stream by stream. hyper hands a stream's data to
//! `h2` and may be done with it long before any of it leaves; so here a stream is done only when its
//! last piece is gone, and its task, which the connection's executor (`streams`) runs, has the write
//! timeout.

use std::cell::RefCell;
use std::error::Error as StdError;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Empty};
use parking_lot::Mutex;
use pin_project_lite::pin_project;

pin_project! {
    /// The service's body, or none when the listener answers itself.
    pub(super) struct Answer<B: Body> {
        #[pin]
        body: Either<B, Empty<B::Data>>,
        sending: Option<Arc<Sending>>,
    }
}

impl<B: Body> Answer<B> {
    pub(super) fn of_service(body: B) -> Self {
        Self::new(Either::Left(body))
    }

    pub(super) fn empty() -> Self {
        Self::new(Either::Right(Empty::new()))
    }

    fn new(body: Either<B, Empty<B::Data>>) -> Self {
        // Of the stream that is being polled, if it is one.
        let sending = STREAM.with_borrow(Clone::clone);
        Self { body, sending }
    }
}

impl<B> Body for Answer<B>
where
    B: Body<Error: Into<Box<dyn StdError + Send + Sync>>>,
{
    type Data = Piece<B::Data>;
    type Error = Box<dyn StdError + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        if let Some(sending) = this.sending {
            ready!(sending.poll_gone(cx));
        }
        let frame = ready!(this.body.poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| frame.map_data(|data| Piece::new(data, this.sending.as_ref())))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && !self.sending.as_ref().is_some_and(|sending| sending.is_out())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A piece of an answer on its way.
pub(super) struct Piece<D> {
    data: D,
    sending: Option<Arc<Sending>>,
}

impl<D: Buf> Piece<D> {
    fn new(data: D, sending: Option<&Arc<Sending>>) -> Self {
        let sending = sending.filter(|_| data.has_remaining()).map(Arc::clone);
        if let Some(sending) = &sending {
            sending.state.lock().is_out = true;
        }
        Self { data, sending }
    }
}

impl<D: Buf> Buf for Piece<D> {
    fn remaining(&self) -> usize {
        self.data.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.data.chunk()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.data.chunks_vectored(slices)
    }

    fn advance(&mut self, count: usize) {
        self.data.advance(count);
        if let Some(sending) = &self.sending {
            sending.state.lock().moved = true;
        }
    }
}

impl<D> Drop for Piece<D> {
    fn drop(&mut self) {
        let Some(sending) = &self.sending else { return };
        let mut state = sending.state.lock();
        (state.is_out, state.moved) = (false, true);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// How far the answer of one stream is.
#[derive(Debug, Default)]
pub(super) struct Sending {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// A piece was handed on and is not gone.
    is_out: bool,
    /// Some of it left since somebody asked.
    moved: bool,
    waker: Option<Waker>,
}

impl Sending {
    pub(super) fn is_out(&self) -> bool {
        self.state.lock().is_out
    }

    /// Whether some of it left since this was asked last.
    #[cfg(feature = "http2")]
    pub(super) fn take_moved(&self) -> bool {
        std::mem::take(&mut self.state.lock().moved)
    }

    fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if !state.is_out {
            return Poll::Ready(());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

thread_local! {
    /// The stream whose task is being polled.
    pub(super) static STREAM: RefCell<Option<Arc<Sending>>> = const { RefCell::new(None) };
}
