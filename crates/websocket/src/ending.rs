//! How a connection ends: the last frames are written, then the transport is closed in good order.
//!
//! | step       | goes on when                                  | what it does                        |
//! |------------|-----------------------------------------------|-------------------------------------|
//! | `Reading`  | the peer's close frame or anything worse came | messages are still read             |
//! | `Flushing` | everything queued is written                  | the server half-closes first        |
//! | `Draining` | the stream ended or broke, or too much came   | what still comes is thrown away     |
//! | `Ended`    | –                                             | –                                   |
//!
//! The close timeout leads from each of them to `Ended`. Without `Draining`, closing the socket with
//! something unread would reset the connection, and the peer might never see our close frame.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use sockeye_net::pipe::FrameReader;
use sockeye_ws::Role;
use tokio::time::{Sleep, sleep};

use crate::error::RecvError;
use crate::message::Closed;
use crate::metrics;
use crate::outbox::{Failure, Outbox};

#[derive(Debug)]
pub(crate) struct Ending {
    step: Step,
    /// How the connection ended. `None` in `Reading`, and once an error was given out.
    result: Option<Result<Closed, RecvError>>,
    deadline: Pin<Box<Sleep>>,
    /// Bytes that may still be thrown away.
    draining_bytes: usize,
}

/// What is thrown away at most for the peer to see our close frame. Whoever sends more is not listening.
const DRAINED_BYTES_MAX: usize = 64 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Reading,
    Flushing,
    Draining,
    Ended,
}

impl Ending {
    /// Starts the close timeout.
    pub(crate) fn new(outbox: &Outbox) -> Box<Self> {
        let deadline = Box::pin(sleep(outbox.config().close_timeout));
        Box::new(Self {
            step: Step::Reading,
            result: None,
            deadline,
            draining_bytes: DRAINED_BYTES_MAX,
        })
    }

    /// Whether messages are still read.
    pub(crate) fn is_reading(&self) -> bool {
        self.step == Step::Reading
    }

    /// No more messages come. The first result counts.
    pub(crate) fn finish(&mut self, result: Result<Closed, RecvError>) {
        if self.is_reading() {
            self.step = Step::Flushing;
            self.result = Some(result);
        }
    }

    /// The transport has ended, so there is nothing to wait for.
    pub(crate) fn end(&mut self) {
        self.step = Step::Ended;
    }

    /// How the connection ended, if by a close handshake.
    pub(crate) fn closed(&self) -> Option<&Closed> {
        self.result.as_ref().and_then(|result| result.as_ref().ok())
    }

    /// How the connection ended, if not by a close handshake; given out once.
    pub(crate) fn take_error(&mut self) -> Option<RecvError> {
        self.result.take_if(|result| result.is_err()).and_then(Result::err)
    }

    /// How the connection ended.
    pub(crate) fn into_result(self) -> Result<Closed, RecvError> {
        self.result.unwrap_or(Err(RecvError::ConnectionLost))
    }

    /// Whether the close timeout is over.
    pub(crate) fn is_overdue(&mut self, cx: &mut Context<'_>) -> bool {
        self.deadline.as_mut().poll(cx).is_ready()
    }

    /// Goes on to `Ended`.
    pub(crate) fn poll_end(
        &mut self,
        frames: &mut FrameReader,
        outbox: &Arc<Outbox>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if self.step == Step::Ended {
            return Poll::Ready(());
        }
        if self.poll_steps(frames, outbox, cx).is_pending() {
            if !self.is_overdue(cx) {
                return Poll::Pending;
            }
            metrics::websocket_ended("timeout");
        }
        // Ends the transport even if writers still hold it.
        outbox.abort(Failure::Timeout);
        self.step = Step::Ended;
        Poll::Ready(())
    }

    fn poll_steps(
        &mut self,
        frames: &mut FrameReader,
        outbox: &Arc<Outbox>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if self.step != Step::Draining {
            ready!(outbox.poll_flush(cx));
            // The server closes first, so that the client has no port in TIME_WAIT (RFC 6455 §7.1.1).
            if outbox.role() == Role::Server || self.closed().is_none() {
                // An error means that it is closed already.
                let _ = ready!(outbox.poll_shutdown(cx));
            }
            self.step = Step::Draining;
        }
        // An error is an end as well.
        frames.poll_end(cx, &mut self.draining_bytes).map(drop)
    }
}
