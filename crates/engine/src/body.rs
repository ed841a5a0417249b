//! Response bodies.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::detail::CloseDetail;
use crate::inbox::Guest;
use crate::ledger::Charge;
use crate::session::Session;

/// The body of a response: complete from the beginning, often empty. A long answer to a poll is
/// handed on in pieces, each when the kernel has the one before.
#[derive(Debug, Default)]
pub struct Body {
    data: Bytes,
    handing: Option<Box<Handing>>,
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
    /// What is left of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.data
    }

    /// The answer to a poll of `session`: if it is long it is counted for as long as hyper has it,
    /// and its end before its end ends the session, whose messages it carries.
    pub(crate) fn of_poll(self, session: &Session) -> Self {
        if self.data.len() <= WHOLE_BYTES_MAX {
            return self;
        }
        let bytes = self.data.len();
        session.shared().add_answering(bytes);
        let answer = Arc::new(Answer {
            state: Mutex::default(),
            session: session.clone(),
            bytes,
            _charge: session.shared().registry().ledger.charge(bytes),
        });
        let handing = Handing { answer, timer: None, since: None };
        Body { data: self.data, handing: Some(Box::new(handing)) }
    }
}

/// What hands an answer on, piece by piece.
#[derive(Debug)]
struct Handing {
    answer: Arc<Answer>,
    timer: Option<Pin<Box<Sleep>>>,
    /// When the piece that hyper has was handed on.
    since: Option<Instant>,
}

/// An answer, until its last byte is gone.
#[derive(Debug)]
struct Answer {
    state: Mutex<State>,
    session: Session,
    bytes: usize,
    _charge: Charge,
}

#[derive(Debug, Default)]
struct State {
    /// hyper has a piece.
    is_handed: bool,
    /// Who hands on the next one.
    waker: Option<Waker>,
    /// How it ended; at first as if it were never handed on to its end.
    end: End,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    Dropped,
    TimedOut,
    Complete,
}

impl Drop for Answer {
    fn drop(&mut self) {
        let detail = match self.state.get_mut().end {
            End::Complete => None,
            End::Dropped => Some(CloseDetail::PollAborted),
            End::TimedOut => Some(CloseDetail::WriteTimeout),
        };
        self.session.shared().end_answering(self.bytes);
        if let Some(detail) = detail {
            // Its messages are lost.
            let _ = self.session.visit(Guest::Violation(detail));
        } else {
            // Perhaps a ping was among it.
            self.session.wake();
        }
    }
}

/// Bytes on their way to the kernel.
struct Piece {
    bytes: Bytes,
    answer: Arc<Answer>,
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
    /// Waits until the kernel has what was handed on.
    fn poll_taken(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        let mut state = self.answer.state.lock();
        if !state.is_handed {
            self.since = None;
            return Poll::Ready(Ok(()));
        }
        state.waker = Some(cx.waker().clone());
        let timeout = self.answer.session.config().write_timeout;
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        let next = now + (timeout / LOOKS_PER_TIMEOUT).max(Duration::from_millis(1));
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(next)));
        while timer.as_mut().poll(cx).is_ready() {
            if now.duration_since(since) >= timeout {
                state.end = End::TimedOut;
                return Poll::Ready(Err(BodyError::WriteTimeout));
            }
            if self.answer.session.is_discarded() {
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
        let mut state = self.answer.state.lock();
        state.is_handed = true;
        if data.is_empty() {
            state.end = End::Complete;
        }
        drop(state);
        Bytes::from_owner(Piece { bytes, answer: Arc::clone(&self.answer) })
    }
}

impl From<Bytes> for Body {
    fn from(data: Bytes) -> Self {
        Body { data, handing: None }
    }
}

impl From<Vec<u8>> for Body {
    fn from(data: Vec<u8>) -> Self {
        Bytes::from(data).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Body { data, handing } = &mut *self;
        let Some(handing) = handing else {
            let data = std::mem::take(data);
            return Poll::Ready((!data.is_empty()).then(|| Ok(Frame::data(data))));
        };
        if let Err(error) = std::task::ready!(handing.poll_taken(cx)) {
            return Poll::Ready(Some(Err(error)));
        }
        if data.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(handing.hand_on(data)))))
    }

    /// A long one waits for its last piece.
    fn is_end_stream(&self) -> bool {
        self.data.is_empty() && self.handing.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.len() as u64)
    }
}

/// An answer up to this size is handed on whole, and is not counted.
const WHOLE_BYTES_MAX: usize = 16 * 1024;
/// hyper has so much of an answer at most.
const PIECE_BYTES_MAX: usize = 64 * 1024;
/// The last piece is short: hyper does not ask for anything after it, so nobody watches it.
const LAST_PIECE_BYTES: usize = 1024;
/// How often it is looked whether the session still wants the answer to be read.
const LOOKS_PER_TIMEOUT: u32 = 16;
