//! Requests to the server and their answers.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt;
use sockeye_socket_proto::{FromArgs, RawArgs};
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use crate::error::{AckError, RemoteError};
use crate::socket::Socket;

/// An acknowledgement on its way: await it. It always ends, with the value or an [`AckError`].
/// Dropped before, it leaves nothing behind; a request that was not sent yet is not sent then.
#[must_use = "the answer arrives only where it is awaited; use `emit` to send without an ack"]
#[derive(Debug)]
pub struct AckFuture<A> {
    /// `None` when it is over.
    request: Option<Result<Pending, AckError>>,
    timeout: Duration,
    /// Counts from the first poll.
    deadline: Option<Pin<Box<Sleep>>>,
    answer: PhantomData<fn() -> A>,
}

/// A request that was queued. Dropped unanswered, it is forgotten.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) socket: Arc<Socket>,
    pub(crate) id: u64,
    /// The sender dropped: the socket is disconnected.
    pub(crate) outcome: oneshot::Receiver<RawArgs>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.outcome.is_terminated() {
            self.socket.forget_request(self.id);
        }
    }
}

impl<A> AckFuture<A> {
    pub(crate) fn new(request: Result<Pending, AckError>, timeout: Duration) -> Self {
        AckFuture { request: Some(request), timeout, deadline: None, answer: PhantomData }
    }

    /// Waits at most `after`, counted from the first poll.
    pub fn timeout(mut self, after: Duration) -> Self {
        self.timeout = after;
        self
    }
}

impl<A: FromArgs> Future for AckFuture<A> {
    type Output = Result<A, AckError>;

    /// # Panics
    /// When polled again after it was ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let result = match &mut this.request {
            Some(Ok(pending)) => match pending.outcome.poll_unpin(cx) {
                Poll::Ready(Ok(args)) => decode_answer(&args),
                Poll::Ready(Err(_)) => Err(AckError::Disconnected),
                Poll::Pending => {
                    let timeout = this.timeout;
                    let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep(timeout)));
                    ready!(deadline.as_mut().poll(cx));
                    Err(AckError::Timeout)
                }
            },
            request => match request.take() {
                Some(Err(error)) => Err(error),
                _ => panic!("an ack was polled after it had ended"),
            },
        };
        this.request = None;
        Poll::Ready(result)
    }
}

fn decode_answer<A: FromArgs>(args: &RawArgs) -> Result<A, AckError> {
    match RemoteError::of(args) {
        Some(error) => Err(AckError::Remote(error)),
        None => args.decode().map_err(AckError::Decode),
    }
}
