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
use std::time::Duration;

use sockeye_net::pipe::{FORGOTTEN_BYTES_MAX, FrameReader};
use sockeye_ws::Role;
use tokio::time::{Sleep, sleep};

use crate::error::RecvError;
use crate::message::Closed;
use crate::metrics;
use crate::outbox::{Failure, Outbox};

#[derive(Debug)]
pub(crate) struct Ending {
    step: EndingStep,
    /// How the connection ended. `None` in `Reading`, and once an error was given out.
    pub(crate) result: Option<Result<Closed, RecvError>>,
    deadline: Pin<Box<Sleep>>,
    /// Bytes that may still be thrown away.
    draining_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EndingStep {
    Reading,
    Flushing,
    Draining,
    Ended,
}

impl Ending {
    /// Starts the close timeout.
    pub(crate) fn new(close_timeout: Duration) -> Box<Self> {
        let deadline = Box::pin(sleep(close_timeout));
        let draining_bytes = FORGOTTEN_BYTES_MAX;
        Box::new(Self { step: EndingStep::Reading, result: None, deadline, draining_bytes })
    }

    /// Whether messages are still read.
    pub(crate) fn is_reading(&self) -> bool {
        self.step == EndingStep::Reading
    }

    /// No more messages come. The first result counts.
    pub(crate) fn finish(&mut self, result: Result<Closed, RecvError>) {
        if self.is_reading() {
            self.step = EndingStep::Flushing;
            self.result = Some(result);
        }
    }

    /// The transport has ended, so there is nothing to wait for.
    pub(crate) fn end(&mut self, error: RecvError) {
        self.finish(Err(error));
        self.step = EndingStep::Ended;
    }

    /// How the connection ended, if by a close handshake.
    pub(crate) fn closed(&self) -> Option<&Closed> {
        self.result.as_ref().and_then(|result| result.as_ref().ok())
    }

    /// How the connection ended, if not by a close handshake; given out once.
    pub(crate) fn take_error(&mut self) -> Option<RecvError> {
        self.result.take_if(|result| result.is_err()).and_then(Result::err)
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
        if self.step == EndingStep::Ended {
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
        self.step = EndingStep::Ended;
        Poll::Ready(())
    }

    fn poll_steps(
        &mut self,
        frames: &mut FrameReader,
        outbox: &Arc<Outbox>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if self.step != EndingStep::Draining {
            ready!(outbox.poll_flush(cx));
            // The server closes first, so that the client has no port in TIME_WAIT (RFC 6455 §7.1.1).
            if frames.ws.role() == Role::Server || self.closed().is_none() {
                // An error means that it is closed already.
                let _ = ready!(outbox.poll_shutdown(cx));
            }
            self.step = EndingStep::Draining;
        }
        // An error is an end as well.
        frames.poll_end(cx, &mut self.draining_bytes).map(drop)
    }
}
