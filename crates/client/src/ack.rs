//! Requests to the server and their answers.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use sockeye_socket_proto::{FromArgs, RawArgs};
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use crate::error::{AckError, RemoteError};
use crate::socket::Socket;

/// What became of a request. The sender dropped: the socket is disconnected.
pub(crate) type Outcome = oneshot::Receiver<RawArgs>;

/// An acknowledgement on its way: await it. It always ends, with the value or an [`AckError`].
/// Dropped before, it leaves nothing behind; a request that was not sent yet is not sent then.
#[must_use = "the answer arrives only where it is awaited; use `emit` to send without an ack"]
#[derive(Debug)]
pub struct AckFuture<A> {
    state: State,
    timeout: Duration,
    /// Counts from the first poll.
    deadline: Option<Pin<Box<Sleep>>>,
    answer: PhantomData<fn() -> A>,
}

#[derive(Debug)]
enum State {
    Failed(AckError),
    Waiting { socket: Arc<Socket>, id: u64, outcome: Outcome },
    Done,
}

impl<A> AckFuture<A> {
    pub(crate) fn new(
        request: Result<(Arc<Socket>, u64, Outcome), AckError>,
        timeout: Duration,
    ) -> Self {
        let state = match request {
            Ok((socket, id, outcome)) => State::Waiting { socket, id, outcome },
            Err(error) => State::Failed(error),
        };
        AckFuture { state, timeout, deadline: None, answer: PhantomData }
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
        let result = match &mut this.state {
            State::Waiting { outcome, .. } => match outcome.poll_unpin(cx) {
                Poll::Ready(Ok(args)) => decode_answer(&args),
                Poll::Ready(Err(_)) => Err(AckError::Disconnected),
                Poll::Pending => {
                    let timeout = this.timeout;
                    let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep(timeout)));
                    std::task::ready!(deadline.as_mut().poll(cx));
                    this.forget();
                    Err(AckError::Timeout)
                }
            },
            state => match std::mem::replace(state, State::Done) {
                State::Failed(error) => Err(error),
                _ => panic!("an ack was polled after it had ended"),
            },
        };
        this.state = State::Done;
        Poll::Ready(result)
    }
}

impl<A> AckFuture<A> {
    fn forget(&mut self) {
        if let State::Waiting { socket, id, .. } = &self.state {
            socket.forget_request(*id);
        }
    }
}

impl<A> Drop for AckFuture<A> {
    fn drop(&mut self) {
        self.forget();
    }
}

fn decode_answer<A: FromArgs>(args: &RawArgs) -> Result<A, AckError> {
    match RemoteError::of(args) {
        Some(error) => Err(AckError::Remote(error)),
        None => args.decode().map_err(AckError::Decode),
    }
}
