use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use futures_util::future::BoxFuture;
use serde::Serialize;
use sockeye_socket_proto::{FromArgs, IntoAck, RawArgs};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Sleep, sleep};

use crate::error::{AckError, EncodeError, EventError, RemoteError};
use crate::id::SocketId;
use crate::reliable::Turn;
use crate::socket::Socket;

/// Answers later, or early, or from another task. A handler that takes an `Acker` returns
/// [`defer`](Acker::defer)'s value.
///
/// Dropped unanswered, the peer's request ends by its timeout; that is logged.
pub struct Acker<A> {
    responder: Option<Responder>,
    answer: PhantomData<fn(A)>,
}

impl<A> Acker<A> {
    pub(crate) fn new(responder: Option<Responder>) -> Self {
        Self { responder, answer: PhantomData }
    }

    /// Whether the peer asked for an answer at all.
    pub fn is_wanted(&self) -> bool {
        self.responder.is_some()
    }

    /// What the handler returns: the answer comes from this `Acker`.
    pub fn defer(&self) -> Deferred<A> {
        Deferred(PhantomData)
    }
}

impl<A: Serialize> Acker<A> {
    /// Answers. Does nothing when the peer did not ask.
    ///
    /// # Errors
    /// [`EncodeError`] when the value cannot be written; the peer gets the error `internal` then.
    pub fn answer(mut self, value: &A) -> Result<(), EncodeError> {
        let Some(responder) = self.responder.take() else {
            return Ok(());
        };
        match RawArgs::encode(value) {
            Ok(answer) => {
                responder.send(&answer);
                Ok(())
            }
            Err(error) => {
                responder.fail(&EventError::new("internal", "the answer cannot be encoded"));
                Err(error)
            }
        }
    }

    /// Answers with an error.
    pub fn fail(mut self, error: &EventError) {
        if let Some(responder) = self.responder.take() {
            responder.fail(error);
        }
    }
}

impl<A> Drop for Acker<A> {
    fn drop(&mut self) {
        if let Some(responder) = &self.responder {
            tracing::debug!(socket = %responder.socket.id(), "an ack was dropped unanswered");
        }
    }
}

impl<A> fmt::Debug for Acker<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acker").field("is_wanted", &self.is_wanted()).finish()
    }
}

/// Returned by handlers that answer through an [`Acker`]; made only by [`Acker::defer`].
#[derive(Debug)]
pub struct Deferred<A>(PhantomData<fn(A)>);

impl<A> IntoAck<A> for Deferred<A> {
    fn into_ack(self, _: bool) -> Result<Option<RawArgs>, EventError> {
        Ok(None)
    }
}

/// The memory that an answer takes, roughly.
pub(crate) fn memory(answer: &RawArgs) -> usize {
    answer.bytes() + answer.attachments().len() * 32 + 64
}

/// Sends the ack of one event.
#[derive(Clone)]
pub(crate) struct Responder {
    pub(crate) socket: Socket,
    pub(crate) id: u64,
    /// An event of a client's outbox: its answer is remembered.
    pub(crate) turn: Option<Arc<Turn>>,
}

impl Responder {
    pub(crate) fn send(&self, answer: &RawArgs) {
        if let Some(turn) = &self.turn {
            turn.finish(answer);
        }
        self.socket.send_ack(self.id, answer.json(), answer.attachments());
    }

    /// The handler has panicked, which ends the session: only what is remembered is left to say.
    pub(crate) fn remember_panic(&self) {
        if let Some(turn) = &self.turn {
            turn.panicked();
        }
    }

    pub(crate) fn fail(&self, error: &EventError) {
        self.send(&error.to_ack());
    }
}

/// What became of one request.
pub(crate) type Outcome = Result<RawArgs, AckError>;

/// Who waits for one ack. Dropped unresolved, it says that the socket is disconnected.
#[derive(Debug)]
pub(crate) enum Waiter {
    One(oneshot::Sender<Outcome>),
    OfMany(SocketId, mpsc::UnboundedSender<(SocketId, Outcome)>),
}

impl Waiter {
    pub(crate) fn resolve(self, outcome: Outcome) {
        // Whoever waited may have gone away; then nobody wants to know.
        match self {
            Waiter::One(sender) => drop(sender.send(outcome)),
            Waiter::OfMany(id, sender) => drop(sender.send((id, outcome))),
        }
    }
}

/// An acknowledgement on its way: await it. It always ends, with the value or an [`AckError`],
/// at the latest after [`Config::ack_timeout`](crate::Config::ack_timeout). Dropped before, it
/// leaves nothing behind.
#[must_use = "the answer arrives only where it is awaited; use `emit` to send without an ack"]
#[derive(Debug)]
pub struct AckFuture<A> {
    pending: Result<Pending, AckError>,
    timeout: Duration,
    answer: PhantomData<fn() -> A>,
}

#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) socket: Socket,
    pub(crate) id: u64,
    pub(crate) outcome: oneshot::Receiver<Outcome>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.socket.forget_ack(self.id);
    }
}

impl<A> AckFuture<A> {
    pub(crate) fn new(pending: Result<Pending, AckError>, timeout: Duration) -> Self {
        Self { pending, timeout, answer: PhantomData }
    }

    /// Waits at most `after`, counted from the first poll.
    pub fn timeout(mut self, after: Duration) -> Self {
        self.timeout = after;
        self
    }
}

impl<A: FromArgs + 'static> IntoFuture for AckFuture<A> {
    type Output = Result<A, AckError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let mut pending = self.pending?;
            match tokio::time::timeout(self.timeout, &mut pending.outcome).await {
                Ok(Ok(outcome)) => outcome.and_then(|args| decode_answer(&args)),
                Ok(Err(_)) => Err(AckError::Disconnected),
                Err(_) => Err(AckError::Timeout),
            }
        })
    }
}

pub(crate) fn decode_answer<A: FromArgs>(args: &RawArgs) -> Result<A, AckError> {
    match RemoteError::of(args) {
        Some(error) => Err(AckError::Remote(error)),
        None => args.decode().map_err(AckError::Decode),
    }
}

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

    fn give_up(&mut self) -> Option<SocketId> {
        let id = self.waiting.keys().next()?.clone();
        let socket = self.waiting.remove(&id)?;
        socket.forget_ack(self.id);
        Some(id)
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
        Poll::Ready(this.give_up().map(|id| (id, Err(AckError::Timeout))))
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
