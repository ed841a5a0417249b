//! Requests to the server: the future of the acknowledgement.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt;
use sockeye_socket_proto::{FromArgs, RawArgs};
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use super::Socket;
use crate::error::AckError;

/// A future of an acknowledgement. It always ends, with the value or an [`AckError`]. Dropped
/// before that, it cancels the request, which is not sent if it still waits to be.
///
/// ```no_run
/// use std::time::Duration;
///
/// use sockeye_client::{AckError, Client, Event};
///
/// const JOIN: Event<String, u32> = Event::new("join");
///
/// # async fn example(client: Client) -> Result<(), AckError> {
/// match client.emit_with_ack(JOIN, "lobby").timeout(Duration::from_secs(2)).await {
///     Ok(members) => println!("{members} members"),
///     Err(AckError::Remote(error)) => println!("not joined: {error}"),
///     Err(other) => return Err(other),
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "the answer arrives only where it is awaited; use `emit` to send without an ack"]
#[derive(Debug)]
pub struct AckFuture<A> {
    /// `None` after the result was returned.
    request: Option<Result<PendingRequest, AckError>>,
    event: Cow<'static, str>,
    timeout: Duration,
    /// Set at the first poll.
    deadline: Option<Pin<Box<Sleep>>>,
    answer: PhantomData<fn() -> A>,
}

/// A request that was queued. Dropping it before it is answered cancels it.
#[derive(Debug)]
pub(crate) struct PendingRequest {
    pub(super) socket: Arc<Socket>,
    pub(super) id: u64,
    /// Fails when the socket is disconnected.
    pub(super) answer: oneshot::Receiver<RawArgs>,
}

impl Drop for PendingRequest {
    fn drop(&mut self) {
        if !self.answer.is_terminated() {
            self.socket.cancel_request(self.id);
        }
    }
}

impl<A> AckFuture<A> {
    pub(crate) fn new(
        request: Result<PendingRequest, AckError>,
        event: Cow<'static, str>,
        timeout: Duration,
    ) -> Self {
        AckFuture { request: Some(request), event, timeout, deadline: None, answer: PhantomData }
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
            Some(Ok(pending)) => match pending.answer.poll_unpin(cx) {
                Poll::Ready(Ok(args)) => args.decode_ack(&this.event),
                Poll::Ready(Err(_)) => {
                    Err(AckError::Disconnected { event: mem::take(&mut this.event) })
                }
                Poll::Pending => {
                    let timeout = this.timeout;
                    let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep(timeout)));
                    ready!(deadline.as_mut().poll(cx));
                    Err(AckError::Timeout { event: mem::take(&mut this.event) })
                }
            },
            request => match request.take() {
                Some(Err(error)) => Err(error),
                _ => panic!("an `AckFuture` was polled after it was ready"),
            },
        };
        this.request = None;
        Poll::Ready(result)
    }
}
