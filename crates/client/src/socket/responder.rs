//! Acks of the server's events.

use std::sync::Arc;

use sockeye_socket_proto::{RawArgs, encode_ack};

use super::send_queue::QueuedKind;
use super::{JoinPhase, Socket};
use crate::error::EventError;

/// The ack of one event that is still to be sent.
pub(crate) struct Responder {
    pub(super) socket: Arc<Socket>,
    pub(super) id: u64,
    /// The number of the session that the event came in.
    pub(super) epoch: u32,
}

impl Responder {
    /// Queues the ack, unless the session of the event is lost.
    pub(crate) fn send(self, result: Result<Option<RawArgs>, EventError>) {
        let answer = match result {
            Ok(Some(answer)) => answer,
            Ok(None) => return,
            Err(error) => error.to_ack(),
        };
        let Responder { socket, id, epoch } = self;
        let mut inner = socket.inner.lock();
        if inner.epoch != epoch || inner.phase != JoinPhase::Joined {
            return;
        }
        if inner.queue.packets() >= socket.limits.queued_packets_max {
            return tracing::warn!(namespace = socket.namespace, "queue full, an ack is dropped");
        }
        let (json, attachments) = answer.into_parts();
        let count = attachments.len() as u32;
        inner.queue.push(QueuedKind::Ack, attachments, |text| {
            text.push('4');
            encode_ack(text, &socket.namespace, id, count, &json);
        });
        drop(inner);
        socket.link.waker.wake();
    }
}
