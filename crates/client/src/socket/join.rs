//! Joining, leaving and packets in between: what the manager does with a socket.

use std::future::ready;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use sockeye_socket_proto::{EventRef, RawArgs, encode_connect, encode_disconnect};

use super::responder::Responder;
use super::send_queue::QueuedKind;
use super::{Inner, JoinPhase, Socket};
use crate::error::{ConfigError, ConnectError, TransportError};
use crate::handler::AuthFuture;
use crate::state::{ConnectionState, DisconnectReason};

impl Socket {
    pub(crate) fn has_left(&self) -> bool {
        self.inner.lock().phase == JoinPhase::Left
    }

    /// Whether the client is leaving the namespace, or has left it.
    pub(crate) fn is_leaving(&self) -> bool {
        let inner = self.inner.lock();
        inner.is_leaving || inner.phase == JoinPhase::Left
    }

    /// Whether the client has sent its DISCONNECT; true once.
    pub(crate) fn take_sent_disconnect(&self) -> bool {
        std::mem::take(&mut self.inner.lock().has_sent_disconnect)
    }

    /// The session is open: starts the provider of `auth`. Returns its future, to be awaited before
    /// CONNECT can be sent, and the session's number for [`set_auth`](Self::set_auth).
    pub(crate) fn request_auth(&self) -> Option<(u32, AuthFuture)> {
        let mut inner = self.inner.lock();
        if inner.phase != JoinPhase::Unjoined {
            return None;
        }
        inner.epoch += 1;
        inner.phase = JoinPhase::Authorizing;
        let epoch = inner.epoch;
        drop(inner);
        let nothing = || ready(Ok(String::new())).boxed();
        Some((epoch, self.handlers.auth.as_ref().map_or_else(nothing, |provide| provide())))
    }

    /// Takes the output of the future of [`request_auth`](Self::request_auth). Returns an error if no
    /// `connect` awaits it.
    pub(crate) fn set_auth(
        &self,
        epoch: u32,
        auth: Result<String, ConfigError>,
    ) -> Option<ConnectError> {
        let mut inner = self.inner.lock();
        if inner.epoch != epoch || inner.phase != JoinPhase::Authorizing {
            return None;
        }
        match auth {
            Ok(auth) => {
                inner.phase = JoinPhase::Authorized(auth);
                None
            }
            Err(error) => inner.fail_join(error.into()),
        }
    }

    /// Gives the next packet that may be sent now to `send`. `false`: there is none.
    pub(crate) fn next_packet(&self, send: &mut dyn FnMut(&str, &[Bytes])) -> bool {
        let mut inner = self.inner.lock();
        match &inner.phase {
            JoinPhase::Authorized(auth) => {
                let mut text = "4".to_owned();
                encode_connect(&mut text, &self.namespace, auth);
                send(&text, &[]);
                inner.phase = JoinPhase::Joining;
                true
            }
            JoinPhase::Joined => {
                let sent = inner.queue.pop(send);
                if let Some(QueuedKind::Request(id)) = sent {
                    inner.requests_sent = id + 1;
                }
                if inner.queue.is_empty() {
                    self.drained.notify_waiters();
                }
                if sent.is_none() && inner.is_leaving {
                    let mut text = "4".to_owned();
                    encode_disconnect(&mut text, &self.namespace);
                    send(&text, &[]);
                    inner.phase = JoinPhase::Left;
                    inner.has_sent_disconnect = true;
                    return true;
                }
                sent.is_some()
            }
            _ => false,
        }
    }

    /// The server has admitted the socket. Whether it was waiting for that.
    pub(crate) fn handle_connect(&self, id: &str) -> bool {
        let mut inner = self.inner.lock();
        if inner.phase != JoinPhase::Joining {
            return false;
        }
        inner.phase = JoinPhase::Joined;
        self.state.send_replace(ConnectionState::Connected { id: id.into(), recovered: false });
        if let Some(first_join) = inner.first_join.take() {
            // It fails when `connect` was dropped; then the socket is leaving.
            let _ = first_join.send(Ok(()));
        }
        true
    }

    /// Joining has failed for good. Returns the error if no `connect` awaits it.
    pub(crate) fn fail_join(&self, error: ConnectError) -> Option<ConnectError> {
        self.inner.lock().fail_join(error)
    }

    /// The server has disconnected the socket. Returns whether it was in the namespace, and the error
    /// of an attempt to join that no `connect` awaits.
    pub(crate) fn handle_disconnect(&self) -> (bool, Option<ConnectError>) {
        let mut inner = self.inner.lock();
        match std::mem::replace(&mut inner.phase, JoinPhase::Left) {
            JoinPhase::Joined => (true, None),
            JoinPhase::Left => (false, None),
            _ => (false, inner.report(ConnectError::Closed(DisconnectReason::ServerDisconnect))),
        }
    }

    /// The session is lost. Returns whether the socket was in the namespace, and the error of an
    /// attempt to join that no `connect` awaits.
    pub(crate) fn session_lost(
        &self,
        reason: DisconnectReason,
        failure: Option<&TransportError>,
    ) -> (bool, Option<ConnectError>) {
        let mut inner = self.inner.lock();
        let was_joined = inner.phase == JoinPhase::Joined;
        if inner.phase == JoinPhase::Left {
            return (false, None);
        }
        inner.phase = if inner.is_leaving { JoinPhase::Left } else { JoinPhase::Unjoined };
        let sent = inner.requests_sent;
        // Dropping the senders ends the futures with `AckError::Disconnected`.
        inner.acks.drain_before(sent).for_each(drop);
        inner.queue.drop_all(QueuedKind::Ack);
        if was_joined {
            return (true, None);
        }
        let error = failure.map_or(ConnectError::Closed(reason), |f| f.clone().into());
        if inner.first_join.is_some() {
            inner.phase = JoinPhase::Left;
        }
        (false, inner.report(error))
    }

    /// Closes the socket for good: nothing waits for it any more.
    pub(crate) fn close(&self) {
        let mut inner = self.inner.lock();
        inner.phase = JoinPhase::Left;
        inner.acks.drain().for_each(drop);
        inner.queue.clear();
        inner.subscribers.clear();
        inner.first_join = None;
        drop(inner);
        self.drained.notify_waiters();
        self.state.send_replace(ConnectionState::Closed);
    }

    /// Gives an event to its subscribers. Returns the responder, if the server wants an ack.
    pub(crate) fn publish_event(
        self: &Arc<Self>,
        event: EventRef<'_>,
        id: Option<u64>,
    ) -> Option<Responder> {
        let mut inner = self.inner.lock();
        inner.subscribers.publish(event);
        id.map(|id| Responder { socket: Arc::clone(self), id, epoch: inner.epoch })
    }

    /// The server has answered a request. The answer is ignored if no request waits for it.
    pub(crate) fn resolve_ack(&self, id: u64, args: &str, attachments: &[Bytes]) {
        let ack = self.inner.lock().acks.resolve(id);
        if let Some(ack) = ack {
            let _ = ack.send(RawArgs::new(args, attachments));
        }
    }
}

impl Inner {
    fn fail_join(&mut self, error: ConnectError) -> Option<ConnectError> {
        self.phase = JoinPhase::Left;
        self.report(error)
    }

    /// Gives an error to the `connect` that awaits the first attempt; returns it if there is none.
    fn report(&mut self, error: ConnectError) -> Option<ConnectError> {
        match self.first_join.take() {
            Some(first_join) => first_join.send(Err(error)).err().and_then(Result::err),
            None => Some(error),
        }
    }
}
