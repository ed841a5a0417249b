//! Where a request waits for its answer, and the session's task learns whether it still does.
//!
//! | state                | then                                                                 |
//! |----------------------|----------------------------------------------------------------------|
//! | `Waiting`, `Unasked` | the request waits                                                    |
//! | `Waiting`, `Asked`   | the task asks whether it still does; its connection is looked at     |
//! | `Waiting`, `Present` | it does                                                              |
//! | `Answered`           | the answer is there                                                  |
//! | `Gone`               | the request was given up, or the task has no answer for it           |

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::{fmt, mem};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use super::close_detail::CloseDetail;
use super::handle::Session;
use super::inbox::SessionRequest;

/// What a request is answered with.
#[derive(Debug, PartialEq, Eq)]
pub enum ReplyContent {
    /// To a poll: packets.
    Payload {
        /// All of it.
        body: Bytes,
        /// They are no text.
        binary: bool,
        /// They may be compressed.
        compress: bool,
    },
    /// To a POST: `ok`.
    Accepted,
    /// To a request that overlaps another: 400 without a body.
    Overlap,
    /// The session is over: 400 and code 1.
    UnknownSession,
    /// The session polls no more: 400 and code 3.
    WrongTransport,
}

impl ReplyContent {
    fn payload_bytes(&self) -> usize {
        match self {
            ReplyContent::Payload { body, .. } => body.len(),
            _ => 0,
        }
    }
}

enum SlotState {
    Waiting(Presence, Option<Waker>),
    Answered(ReplyContent),
    Gone,
}

/// Whether the request has said that it still waits.
#[derive(PartialEq)]
enum Presence {
    Unasked,
    Asked,
    Present,
}

/// The task's end. Dropped without an answer, the request is told that the session is over.
pub(crate) struct Reply(Arc<Mutex<SlotState>>);

/// The request's end, a future of the answer. Dropped, the request was given up, and the session's
/// task is woken.
pub struct AwaitedReply {
    state: Arc<Mutex<SlotState>>,
    session: Session,
}

/// The two ends of an answer to a request of `session`.
pub(crate) fn reply(session: &Session) -> (Reply, AwaitedReply) {
    let state = Arc::new(Mutex::new(SlotState::Waiting(Presence::Unasked, None)));
    (Reply(Arc::clone(&state)), AwaitedReply { state, session: session.clone() })
}

impl Reply {
    /// Answers the request; gives the answer back when it was given up.
    pub(crate) fn send(self, answer: ReplyContent) -> Result<(), ReplyContent> {
        let state = self.0.lock();
        if matches!(*state, SlotState::Gone) {
            return Err(answer);
        }
        resolve(state, SlotState::Answered(answer));
        Ok(())
    }

    /// Answers a poll of `session` with packets. A long answer counts as unread until it is taken, which is
    /// late where a stream begins with something that its client does not read.
    pub(crate) fn send_packets(
        self,
        session: &Session,
        answer: ReplyContent,
    ) -> Result<(), ReplyContent> {
        let bytes = answer.payload_bytes();
        session.shared().begin_unread(bytes);
        self.send(answer).inspect_err(|_| {
            session.shared().end_unread(bytes);
        })
    }

    /// Whether the request was given up.
    pub(crate) fn is_given_up(&self) -> bool {
        matches!(*self.0.lock(), SlotState::Gone)
    }

    /// Has the request say whether it still waits. What its connection knows of its client's end comes
    /// before that, and wakes the task as well.
    pub(crate) fn ask(&self) {
        let mut state = self.0.lock();
        if let SlotState::Waiting(presence @ Presence::Unasked, waker) = &mut *state {
            *presence = Presence::Asked;
            if let Some(waker) = waker.clone() {
                drop(state);
                waker.wake();
            }
        }
    }

    /// Whether the request has said so since it was asked.
    pub(crate) fn is_present(&self) -> bool {
        matches!(*self.0.lock(), SlotState::Waiting(Presence::Present, _))
    }
}

#[cfg(test)]
impl Reply {
    pub(crate) fn to_nobody() -> Self {
        Reply(Arc::new(Mutex::new(SlotState::Gone)))
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let state = self.0.lock();
        if !matches!(*state, SlotState::Answered(_)) {
            resolve(state, SlotState::Gone);
        }
    }
}

impl fmt::Debug for AwaitedReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitedReply").field("session", &self.session).finish_non_exhaustive()
    }
}

/// Ends the waiting, and wakes the request.
fn resolve(mut state: MutexGuard<'_, SlotState>, end: SlotState) {
    let before = mem::replace(&mut *state, end);
    drop(state);
    if let SlotState::Waiting(_, Some(waker)) = before {
        waker.wake();
    }
}

impl Future for AwaitedReply {
    type Output = ReplyContent;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ReplyContent> {
        let mut state = self.state.lock();
        match &mut *state {
            SlotState::Waiting(presence, waker) => {
                if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                    *waker = Some(cx.waker().clone());
                }
                if *presence == Presence::Asked {
                    *presence = Presence::Present;
                    drop(state);
                    self.session.wake();
                }
                Poll::Pending
            }
            _ => {
                let before = mem::replace(&mut *state, SlotState::Gone);
                drop(state);
                let SlotState::Answered(answer) = before else {
                    return Poll::Ready(ReplyContent::UnknownSession);
                };
                // Perhaps a ping was among it.
                if self.session.shared().end_unread(answer.payload_bytes()) {
                    self.session.wake();
                }
                Poll::Ready(answer)
            }
        }
    }
}

impl Drop for AwaitedReply {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        let before = mem::replace(&mut *state, SlotState::Gone);
        drop(state);
        match before {
            SlotState::Waiting(..) => self.session.wake(),
            // Its packets are lost.
            SlotState::Answered(ReplyContent::Payload { body, .. }) => {
                self.session.shared().end_unread(body.len());
                let lost = SessionRequest::Failed(CloseDetail::PollAborted);
                let _ = self.session.submit(lost);
            }
            SlotState::Answered(_) | SlotState::Gone => {}
        }
    }
}
