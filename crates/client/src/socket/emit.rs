//! Emitting and leaving: what the handles do with a socket.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use sockeye_socket_proto::{encode_event, with_encoded_args};
use tokio::sync::oneshot;

use super::ack::PendingRequest;
use super::send_queue::QueuedKind;
use super::subscription::Subscription;
use super::{Inner, JoinPhase, Socket};
use crate::error::{AckError, EmitError};

impl Socket {
    pub(crate) fn emit<P: Serialize + ?Sized>(
        &self,
        name: &str,
        payload: &P,
    ) -> Result<(), EmitError> {
        with_encoded_args(payload, |args, attachments| {
            let mut inner = self.inner.lock();
            if inner.phase == JoinPhase::Left {
                return Ok(());
            }
            self.push_event(&mut inner, name, None, args, attachments)
        })
        .map_err(|error| EmitError::encode(name, error))??;
        self.link.waker.wake();
        Ok(())
    }

    pub(crate) fn request<P: Serialize + ?Sized>(
        self: &Arc<Self>,
        name: &str,
        payload: &P,
    ) -> Result<PendingRequest, AckError> {
        let (sender, answer) = oneshot::channel();
        let id = with_encoded_args(payload, |args, attachments| {
            let mut inner = self.inner.lock();
            if inner.phase == JoinPhase::Left {
                return Err(AckError::Disconnected { event: name.to_owned().into() });
            }
            let id = inner.acks.insert(sender)?;
            if let Err(error) = self.push_event(&mut inner, name, Some(id), args, attachments) {
                inner.acks.resolve(id);
                return Err(error.into());
            }
            Ok(id)
        })
        .map_err(|error| EmitError::encode(name, error))??;
        self.link.waker.wake();
        Ok(PendingRequest { socket: Arc::clone(self), id, answer })
    }

    /// Drops a request whose future is gone. If it was not sent yet, it is not sent.
    pub(super) fn cancel_request(&self, id: u64) {
        let mut inner = self.inner.lock();
        if inner.acks.resolve(id).is_some() && id >= inner.requests_sent {
            inner.queue.drop_all(QueuedKind::Request(id));
        }
    }

    pub(crate) fn subscribe<P>(&self, name: &str) -> Subscription<P> {
        let mut inner = self.inner.lock();
        let subscription = inner.subscribers.add(name, self.limits.subscription_events_max);
        if inner.phase == JoinPhase::Left {
            inner.subscribers.clear();
        }
        subscription
    }

    /// Waits until everything emitted so far was handed to a transport, or cannot be any more.
    pub(crate) async fn flushed(&self) {
        loop {
            let drained = self.drained.notified();
            if self.is_drained() {
                return;
            }
            drained.await;
        }
    }

    fn is_drained(&self) -> bool {
        let inner = self.inner.lock();
        inner.queue.is_empty() || inner.phase == JoinPhase::Left
    }

    pub(crate) fn leave(&self) {
        let mut inner = self.inner.lock();
        inner.is_leaving = true;
        if !matches!(inner.phase, JoinPhase::Joining | JoinPhase::Joined) {
            inner.phase = JoinPhase::Left;
        }
        drop(inner);
        self.link.waker.wake();
    }

    fn push_event(
        &self,
        inner: &mut Inner,
        name: &str,
        id: Option<u64>,
        args: &str,
        attachments: Vec<Bytes>,
    ) -> Result<(), EmitError> {
        let (queued_packets, queued_bytes) = (inner.queue.packets(), inner.queue.bytes());
        let more = args.len() + attachments.iter().map(Bytes::len).sum::<usize>();
        if queued_packets >= self.limits.queued_packets_max
            || queued_bytes.saturating_add(more) > self.limits.queued_bytes_max
        {
            let event = name.to_owned().into();
            return Err(EmitError::Overflow { event, queued_packets, queued_bytes });
        }
        let kind = id.map_or(QueuedKind::Event, QueuedKind::Request);
        let count = attachments.len() as u32;
        inner.queue.push(kind, attachments, |text| {
            text.push('4');
            encode_event(text, &self.namespace, id, count, name, args);
        });
        Ok(())
    }
}
