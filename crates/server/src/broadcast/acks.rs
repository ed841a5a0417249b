//! The acknowledgements of a broadcast.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use sockeye_socket_proto::FromArgs;
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep};

use crate::error::AckError;
use crate::socket::Socket;
use crate::socket::id::SocketId;
use crate::socket::requests::{Outcome, decode_answer};

/// The acknowledgements of a broadcast as they arrive: a stream of who answered what. It ends when
/// everybody has answered, is gone, or the timeout is over; those who did not answer come last,
/// each with [`AckError::Timeout`].
#[must_use = "the answers arrive only where they are awaited; use `emit` to send without acks"]
pub struct Acks<A> {
    outcomes: mpsc::UnboundedReceiver<(SocketId, Outcome)>,
    /// Those who have not answered, with the id of the request.
    waiting: HashMap<SocketId, Socket>,
    id: u64,
    deadline: Option<Pin<Box<Sleep>>>,
    timeout: Duration,
    answer: PhantomData<fn() -> A>,
}

impl<A> Acks<A> {
    pub(crate) fn new(
        outcomes: mpsc::UnboundedReceiver<(SocketId, Outcome)>,
        waiting: HashMap<SocketId, Socket>,
        id: u64,
        timeout: Duration,
    ) -> Self {
        Self { outcomes, waiting, id, deadline: None, timeout, answer: PhantomData }
    }

    /// How many have not answered yet.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn give_up(&mut self) -> Option<(SocketId, Socket)> {
        let id = self.waiting.keys().next()?.clone();
        let socket = self.waiting.remove(&id)?;
        socket.forget_ack(self.id);
        Some((id, socket))
    }
}

impl<A: FromArgs> Acks<A> {
    /// Waits for all, and returns the values that came and who did not answer, and why.
    pub async fn collect(mut self) -> Answers<A> {
        let mut answers =
            Answers { values: Vec::with_capacity(self.waiting.len()), failures: Vec::new() };
        while let Some((id, outcome)) = futures_util::StreamExt::next(&mut self).await {
            match outcome {
                Ok(value) => answers.values.push((id, value)),
                Err(error) => answers.failures.push((id, error)),
            }
        }
        answers
    }

    /// Waits for all and returns the values, in the order in which they came.
    ///
    /// # Errors
    /// The first error of any recipient. Use the stream for partial results.
    pub async fn collect_all(mut self) -> Result<Vec<A>, AckError> {
        let mut values = Vec::with_capacity(self.waiting.len());
        while let Some((_, outcome)) = futures_util::StreamExt::next(&mut self).await {
            values.push(outcome?);
        }
        Ok(values)
    }
}

/// What became of a request to many, see [`Acks::collect`]. The official server gives the values
/// alone, with or without an error beside them.
#[derive(Debug)]
pub struct Answers<A> {
    /// What was answered by whom, in the order in which it came.
    pub values: Vec<(SocketId, A)>,
    /// Who did not answer, and why: [`AckError::Timeout`], [`AckError::Disconnected`] …
    pub failures: Vec<(SocketId, AckError)>,
}

impl<A> Answers<A> {
    /// Whether everybody who was asked has answered.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty()
    }
}

impl<A: FromArgs> Stream for Acks<A> {
    type Item = (SocketId, Result<A, AckError>);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        while let Poll::Ready(Some((id, outcome))) = this.outcomes.poll_recv(cx) {
            if this.waiting.remove(&id).is_some() {
                let outcome = outcome.and_then(|args| decode_answer(&args));
                return Poll::Ready(Some((id, outcome)));
            }
        }
        if this.waiting.is_empty() {
            return Poll::Ready(None);
        }
        let timeout = this.timeout;
        let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep(timeout)));
        if !deadline.is_elapsed() {
            std::task::ready!(deadline.as_mut().poll(cx));
        }
        Poll::Ready(this.give_up().map(|(id, socket)| {
            socket.active_namespace().handlers.metrics.ack_timed_out();
            (id, Err(AckError::Timeout))
        }))
    }
}

impl<A> Drop for Acks<A> {
    fn drop(&mut self) {
        while self.give_up().is_some() {}
    }
}

impl<A> fmt::Debug for Acks<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acks").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}
