//! Requests to one socket: events that ask for an acknowledgement.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::Serialize;
use sockeye_socket_proto::{EventRef, FromArgs, RawArgs, with_encoded_args};
use tokio::sync::{mpsc, oneshot};

use super::id::SocketId;
use super::outcome::{NoAnswer, Outcome, Question};
use super::{DISCONNECTED, Socket};
use crate::broadcast::encode::with_event;
use crate::cluster::replies::Arrival;
use crate::error::{AckError, EmitError};

/// The receiver of one ack. Dropped unresolved, it reports that the socket is disconnected.
#[derive(Debug)]
pub(crate) enum Waiter {
    One(oneshot::Sender<Outcome>),
    OfMany(SocketId, mpsc::UnboundedSender<Arrival>),
}

impl Waiter {
    pub(crate) fn resolve(self, outcome: Outcome) {
        // The receiver may be dropped; then the outcome is dropped too.
        match self {
            Waiter::One(sender) => drop(sender.send(outcome)),
            Waiter::OfMany(id, sender) => drop(sender.send(Arrival::Local(id, outcome))),
        }
    }
}

/// The pending acknowledgement of one event: await it. It always resolves, to the value or an
/// [`AckError`], at the latest after [`Config::ack_timeout`](crate::Config::ack_timeout). Dropped
/// before, it uses no more memory.
#[must_use = "the answer arrives only where it is awaited; use `emit` to send without an ack"]
#[derive(Debug)]
pub struct AckFuture<A> {
    pending: Result<Pending, AckError>,
    question: Question,
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
    pub(crate) fn new(
        pending: Result<Pending, AckError>,
        event: Cow<'static, str>,
        timeout: Duration,
    ) -> Self {
        Self { pending, question: Question(event), timeout, answer: PhantomData }
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
            let outcome = match tokio::time::timeout(self.timeout, &mut pending.outcome).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(NoAnswer::Disconnected),
                Err(_) => {
                    pending.socket.active_namespace().handlers.metrics.ack_timed_out();
                    Err(NoAnswer::Timeout)
                }
            };
            self.question.decode(outcome)
        })
    }
}

impl Socket {
    /// Resolves a request the client has answered.
    pub(crate) fn resolve_ack(&self, id: u64, args: &str, attachments: &[Bytes]) {
        let metrics = &self.0.namespace.handlers.metrics;
        match self.remove_ack(id) {
            Some(waiter) => {
                metrics.ack_answered();
                waiter.resolve(Ok(RawArgs::new(args, attachments)));
            }
            None => {
                metrics.ack_late();
                tracing::debug!(socket = %self.id_in_logs(), id, "an ack nobody waits for");
            }
        }
    }

    pub(crate) fn await_ack(&self, id: u64, waiter: Waiter) -> Result<(), NoAnswer> {
        let limit = self.0.namespace.config.pending_acks_max;
        let mut acks = self.0.acks.lock();
        if self.0.phase.load(Ordering::Acquire) == DISCONNECTED {
            return Err(NoAnswer::Disconnected);
        }
        if acks.get().map_or(0, BTreeMap::len) >= limit {
            return Err(NoAnswer::Full { limit });
        }
        acks.get_or_default().insert(id, waiter);
        self.0.namespace.handlers.metrics.ack_asked();
        Ok(())
    }

    pub(crate) fn forget_ack(&self, id: u64) {
        self.remove_ack(id);
    }

    fn remove_ack(&self, id: u64) -> Option<Waiter> {
        let mut acks = self.0.acks.lock();
        let waiting = acks.get_mut()?;
        let waiter = waiting.remove(&id);
        if waiting.is_empty() {
            acks.take();
        }
        waiter
    }

    pub(super) fn request<P: Serialize + ?Sized>(
        &self,
        name: &str,
        payload: &P,
    ) -> Result<Pending, AckError> {
        let id = self.0.namespace.next_ack.fetch_add(1, Ordering::Relaxed);
        let (sender, outcome) = oneshot::channel();
        let asked = self.await_ack(id, Waiter::One(sender));
        asked.map_err(|error| error.of(name.to_owned().into()))?;
        let pending = Pending { socket: self.clone(), id, outcome };
        self.0.namespace.handlers.metrics.event_sent();
        with_encoded_args(payload, |args, attachments| {
            let event = EventRef { name, args, attachments: &attachments };
            self.look_outgoing(event);
            with_event(self.namespace(), Some(id), event, |text| {
                self.transmit(name, text, &attachments)
            })
        })
        .map_err(|error| EmitError::encode(name, error))??;
        Ok(pending)
    }
}
