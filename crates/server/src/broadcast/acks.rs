//! The acknowledgements of a broadcast.

use std::borrow::Cow;
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use parking_lot::Mutex;
use sockeye_socket_proto::FromArgs;
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep};

use super::recipients::Asked;
use crate::cluster::replies::{Arrival, Reply, Tally};
use crate::error::AckError;
use crate::socket::id::SocketId;
use crate::socket::outcome::{NoAnswer, Outcome, Question};

/// The acknowledgements of a broadcast as they arrive: a stream of sockets' ids and answers. It
/// ends when everybody has answered or disconnected, or at the timeout; those who did not answer
/// come last, each with [`AckError::Timeout`].
///
/// The id is `None` for sockets of servers that do not report ids: Node's.
#[must_use = "the answers arrive only where they are awaited; use `emit` to send without acks"]
pub struct Acks<A> {
    question: Question,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    /// The sockets of this server that have not answered.
    waiting: Asked,
    /// How many sockets of the other servers have not answered.
    others: Option<Arc<Mutex<Tally>>>,
    /// The sockets that did not answer in time and are yet to be returned.
    late: Vec<Option<SocketId>>,
    deadline: Option<Pin<Box<Sleep>>>,
    timeout: Duration,
    answer: PhantomData<fn() -> A>,
}

impl<A> Acks<A> {
    pub(crate) fn new(
        event: Cow<'static, str>,
        arrivals: mpsc::UnboundedReceiver<Arrival>,
        waiting: Asked,
        others: Option<Arc<Mutex<Tally>>>,
        timeout: Duration,
    ) -> Self {
        let (question, late) = (Question(event), Vec::new());
        let (deadline, answer) = (None, PhantomData);
        Self { question, arrivals, waiting, others, late, deadline, timeout, answer }
    }

    /// How many have not answered yet; sockets of other servers count once these report the number.
    pub fn waiting(&self) -> usize {
        let others = self.others.as_ref().map_or(0, |others| others.lock().unanswered());
        self.waiting.len() + others
    }

    /// The error of a socket that is gone.
    pub(crate) fn disconnected(&self) -> AckError {
        self.question.error(NoAnswer::Disconnected)
    }

    /// The next answer, not decoded.
    pub(crate) async fn next_raw(&mut self) -> Option<(Option<SocketId>, Outcome)> {
        poll_fn(|cx| self.poll_raw(cx)).await
    }

    fn poll_raw(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Option<SocketId>, Outcome)>> {
        while let Poll::Ready(Some(arrival)) = self.arrivals.poll_recv(cx) {
            match arrival {
                Arrival::Local(id, outcome) if self.waiting.remove(&id).is_some() => {
                    return Poll::Ready(Some((Some(id), outcome)));
                }
                Arrival::Remote(Reply::Ack { id, answer }) => {
                    return Poll::Ready(Some((id, answer.ok_or(NoAnswer::Disconnected))));
                }
                _ => {}
            }
        }
        if self.is_complete() {
            return Poll::Ready(None);
        }
        let timeout = self.timeout;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(timeout)));
        if !deadline.is_elapsed() {
            ready!(deadline.as_mut().poll(cx));
        }
        Poll::Ready(self.give_up().map(|id| (id, Err(NoAnswer::Timeout))))
    }

    fn is_complete(&self) -> bool {
        let is_complete = |others: &Arc<Mutex<Tally>>| others.lock().is_complete();
        self.waiting.is_empty()
            && self.late.is_empty()
            && self.others.as_ref().is_none_or(is_complete)
    }

    /// Stops waiting for one socket and returns its id.
    fn give_up(&mut self) -> Option<Option<SocketId>> {
        if let Some(id) = self.waiting.keys().next().cloned() {
            if let Some((socket, request)) = self.waiting.remove(&id) {
                socket.forget_ack(request);
                socket.active_namespace().handlers.metrics.ack_timed_out();
            }
            return Some(Some(id));
        }
        if let Some(others) = &self.others {
            self.late.extend(others.lock().give_up());
        }
        self.late.pop()
    }
}

impl<A: FromArgs> Acks<A> {
    /// Waits for all, and returns the values and, for sockets that did not answer, the reasons.
    pub async fn collect(mut self) -> Answers<A> {
        let (values, failures) = (Vec::with_capacity(self.waiting.len()), Vec::new());
        let mut answers = Answers { values, failures };
        while let Some((id, outcome)) = self.next().await {
            match outcome {
                Ok(value) => answers.values.push((id, value)),
                Err(error) => answers.failures.push((id, error)),
            }
        }
        answers
    }

    /// Waits for all and returns the values, in the order in which they arrived.
    ///
    /// # Errors
    /// The first error of any recipient. Use the stream for partial results.
    pub async fn collect_all(mut self) -> Result<Vec<A>, AckError> {
        let mut values = Vec::with_capacity(self.waiting.len());
        while let Some((_, outcome)) = self.next().await {
            values.push(outcome?);
        }
        Ok(values)
    }
}

/// The outcome of a request to many sockets, see [`Acks::collect`]. The official server returns the
/// values alone, with or without an error.
#[derive(Debug)]
pub struct Answers<A> {
    /// The answers and the sockets that sent them, in the order in which they arrived.
    pub values: Vec<(Option<SocketId>, A)>,
    /// The sockets that did not answer, and why: [`AckError::Timeout`], [`AckError::Disconnected`]
    /// … A server of the cluster that did not report how many sockets it asked is one failure.
    pub failures: Vec<(Option<SocketId>, AckError)>,
}

impl<A> Answers<A> {
    /// Whether everybody who was asked has answered.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty()
    }
}

impl<A: FromArgs> Stream for Acks<A> {
    type Item = (Option<SocketId>, Result<A, AckError>);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let next = this.poll_raw(cx);
        next.map(|next| next.map(|(id, outcome)| (id, this.question.decode(outcome))))
    }
}

impl<A> Drop for Acks<A> {
    fn drop(&mut self) {
        for (socket, request) in self.waiting.values() {
            socket.forget_ack(*request);
        }
    }
}

impl<A> fmt::Debug for Acks<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acks").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}
