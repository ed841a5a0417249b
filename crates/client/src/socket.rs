//! One namespace of the client: what its handles and the session's task share.
//!
//! | phase | session opens | auth done | `0` | `4` | `1` | session lost |
//! |---|---|---|---|---|---|---|
//! | Unjoined | Authorizing | – | – | Left | Left | Unjoined |
//! | Authorizing | – | Authorized | – | Left | Left | Unjoined |
//! | Authorized | – | – | – | Left | Left | Unjoined |
//! | Joining (`0` was sent) | – | – | Joined | Left | Left | Unjoined |
//! | Joined | – | – | – | – | Left | Unjoined |
//!
//! Leaving: a Joined socket sends its queue, then `1`, and has Left; a Joining one waits for the
//! answer first, because the server would take a `1` before it as an offence; any other has Left.

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde::Serialize;
use sockeye_socket_proto::{
    Acks, RawArgs, RawEvent, encode_ack, encode_connect, encode_disconnect, encode_event,
    with_encoded_args,
};
use tokio::sync::{Notify, oneshot, watch};

use crate::ack::Pending;
use crate::client::{Client, Handle};
use crate::error::{AckError, ConfigError, ConnectError, EmitError, EventError, TransportError};
use crate::handler::{EventHandler, LifeHandler};
use crate::limits::Limits;
use crate::link::Link;
use crate::queue::{Kind, Queue};
use crate::state::{DisconnectReason, State};
use crate::subscription::{Subscribers, Subscription};

/// One namespace of one session.
pub(crate) struct Socket {
    pub(crate) namespace: String,
    pub(crate) routes: Routes,
    pub(crate) limits: Limits,
    pub(crate) link: Arc<Link>,
    pub(crate) handle: Weak<Handle>,
    pub(crate) state: watch::Sender<State>,
    /// Told when the queue has run empty.
    drained: Notify,
    inner: Mutex<Inner>,
}

/// What happens on what, fixed when the client is built.
#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) auth: Option<Arc<dyn Fn() -> Authorizing + Send + Sync>>,
    pub(crate) events: HashMap<String, EventHandler>,
    pub(crate) any: Option<LifeHandler<RawEvent>>,
    pub(crate) connect: Option<LifeHandler<Client>>,
    pub(crate) connect_error: Option<LifeHandler<ConnectError>>,
    pub(crate) disconnect: Option<LifeHandler<DisconnectReason>>,
}

/// Comes to what goes to the server with the wish to join: JSON text.
pub(crate) type Authorizing = BoxFuture<'static, Result<String, ConfigError>>;

/// Told once how the first attempt to join ended.
pub(crate) type Joining = oneshot::Sender<Result<(), ConnectError>>;

struct Inner {
    phase: Phase,
    leaving: bool,
    /// The `1` went out, of which the disconnect handler has yet to be told.
    farewell: bool,
    /// Counts the sessions, so that what belongs to an earlier one is recognised.
    epoch: u32,
    queue: Queue,
    acks: Acks<oneshot::Sender<RawArgs>>,
    /// Requests below this id were sent.
    requests_sent: u64,
    subscribers: Subscribers,
    joining: Option<Joining>,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Unjoined,
    Authorizing,
    Authorized(String),
    Joining,
    Joined,
    Left,
}

/// Where the answer to an event goes.
pub(crate) struct Reply {
    socket: Arc<Socket>,
    id: u64,
    epoch: u32,
}

impl Socket {
    pub(crate) fn new(
        namespace: String,
        routes: Routes,
        limits: Limits,
        link: Arc<Link>,
        joining: Option<Joining>,
    ) -> Self {
        let inner = Inner {
            phase: Phase::Unjoined,
            leaving: false,
            farewell: false,
            epoch: 0,
            queue: Queue::default(),
            acks: Acks::new(limits.pending_acks_max),
            requests_sent: 0,
            subscribers: Subscribers::default(),
            joining,
        };
        Socket {
            namespace,
            routes,
            limits,
            link,
            handle: Weak::new(),
            state: watch::Sender::new(State::Connecting),
            drained: Notify::new(),
            inner: Mutex::new(inner),
        }
    }
}

/// For the handles.
impl Socket {
    /// `None` once all handles are gone.
    pub(crate) fn client(&self) -> Option<Client> {
        self.handle.upgrade().map(Client)
    }

    pub(crate) fn emit<P: Serialize + ?Sized>(
        &self,
        name: &str,
        payload: &P,
    ) -> Result<(), EmitError> {
        with_encoded_args(payload, |args, attachments| {
            let mut inner = self.inner.lock();
            if inner.phase == Phase::Left {
                return Ok(());
            }
            self.push_event(&mut inner, name, None, args, attachments)
        })??;
        self.link.waker.wake();
        Ok(())
    }

    pub(crate) fn request<P: Serialize + ?Sized>(
        self: &Arc<Self>,
        name: &str,
        payload: &P,
    ) -> Result<Pending, AckError> {
        let (sender, outcome) = oneshot::channel();
        let id = with_encoded_args(payload, |args, attachments| {
            let mut inner = self.inner.lock();
            if inner.phase == Phase::Left {
                return Err(AckError::Disconnected);
            }
            let id =
                inner.acks.insert(sender).map_err(|full| AckError::Full { limit: full.limit })?;
            if let Err(error) = self.push_event(&mut inner, name, Some(id), args, attachments) {
                inner.acks.resolve(id);
                return Err(error.into());
            }
            Ok(id)
        })
        .map_err(EmitError::from)??;
        self.link.waker.wake();
        Ok(Pending { socket: Arc::clone(self), id, outcome })
    }

    /// Nobody waits for the answer any more. A request that was not sent yet is not sent.
    pub(crate) fn forget_request(&self, id: u64) {
        let mut inner = self.inner.lock();
        if inner.acks.resolve(id).is_some() && id >= inner.requests_sent {
            inner.queue.drop_all(Kind::Request(id));
        }
    }

    pub(crate) fn subscribe<P>(&self, name: &str) -> Subscription<P> {
        let mut inner = self.inner.lock();
        let subscription = inner.subscribers.add(name, self.limits.subscription_events_max);
        if inner.phase == Phase::Left {
            inner.subscribers.clear();
        }
        subscription
    }

    /// Waits until everything emitted so far was handed to a transport, or never will be.
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
        inner.queue.is_empty() || inner.phase == Phase::Left
    }

    pub(crate) fn leave(&self) {
        let mut inner = self.inner.lock();
        inner.leaving = true;
        if !matches!(inner.phase, Phase::Joining | Phase::Joined) {
            inner.phase = Phase::Left;
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
            return Err(EmitError::Overflow { queued_packets, queued_bytes });
        }
        let kind = id.map_or(Kind::Event, Kind::Request);
        let count = attachments.len() as u32;
        inner.queue.push(kind, attachments, |text| {
            text.push('4');
            encode_event(text, &self.namespace, id, count, name, args);
        });
        Ok(())
    }
}

/// For the session's task.
impl Socket {
    pub(crate) fn has_left(&self) -> bool {
        self.inner.lock().phase == Phase::Left
    }

    /// Whether this side wants to leave, or has left.
    pub(crate) fn is_leaving(&self) -> bool {
        let inner = self.inner.lock();
        inner.leaving || inner.phase == Phase::Left
    }

    /// Whether this side left the namespace; true once.
    pub(crate) fn take_farewell(&self) -> bool {
        std::mem::take(&mut self.inner.lock().farewell)
    }

    /// The session is open: what is to be awaited before the wish to join can go out.
    pub(crate) fn open(&self) -> Option<(u32, Authorizing)> {
        let mut inner = self.inner.lock();
        if inner.phase != Phase::Unjoined {
            return None;
        }
        inner.epoch += 1;
        inner.phase = Phase::Authorizing;
        let epoch = inner.epoch;
        drop(inner);
        let nothing = || ready(Ok(String::new())).boxed();
        Some((epoch, self.routes.auth.as_ref().map_or_else(nothing, |provide| provide())))
    }

    pub(crate) fn authorize(
        &self,
        epoch: u32,
        auth: Result<String, ConfigError>,
    ) -> Option<ConnectError> {
        let mut inner = self.inner.lock();
        if inner.epoch != epoch || inner.phase != Phase::Authorizing {
            return None;
        }
        match auth {
            Ok(auth) => {
                inner.phase = Phase::Authorized(auth);
                None
            }
            Err(error) => inner.refuse(error.into()),
        }
    }

    /// Hands out the next packet that may go out now.
    pub(crate) fn next_packet(&self, send: &mut dyn FnMut(&str, &[Bytes])) -> bool {
        let mut inner = self.inner.lock();
        match &inner.phase {
            Phase::Authorized(auth) => {
                let mut text = "4".to_owned();
                encode_connect(&mut text, &self.namespace, auth);
                send(&text, &[]);
                inner.phase = Phase::Joining;
                true
            }
            Phase::Joined => {
                let sent = inner.queue.pop(send);
                if let Some(Kind::Request(id)) = sent {
                    inner.requests_sent = id + 1;
                }
                if inner.queue.is_empty() {
                    self.drained.notify_waiters();
                }
                if sent.is_none() && inner.leaving {
                    let mut text = "4".to_owned();
                    encode_disconnect(&mut text, &self.namespace);
                    send(&text, &[]);
                    inner.phase = Phase::Left;
                    inner.farewell = true;
                    return true;
                }
                sent.is_some()
            }
            _ => false,
        }
    }

    /// The server agreed.
    pub(crate) fn join(&self, id: &str) -> bool {
        let mut inner = self.inner.lock();
        if inner.phase != Phase::Joining {
            return false;
        }
        inner.phase = Phase::Joined;
        self.state.send_replace(State::Connected { id: id.into(), recovered: false });
        if let Some(joining) = inner.joining.take() {
            // Whoever waited may have gone away; then the socket is leaving.
            let _ = joining.send(Ok(()));
        }
        true
    }

    /// It will not be. Returns the error if nobody awaits the first attempt.
    pub(crate) fn refuse(&self, error: ConnectError) -> Option<ConnectError> {
        self.inner.lock().refuse(error)
    }

    /// The server took the socket out of the namespace. Whether it was in it.
    pub(crate) fn expel(&self) -> bool {
        let joined = std::mem::replace(&mut self.inner.lock().phase, Phase::Left) == Phase::Joined;
        if !joined {
            self.refuse(ConnectError::Closed(DisconnectReason::ServerDisconnect));
        }
        joined
    }

    /// The session is gone. Whether the socket was in its namespace, and what a first attempt that
    /// nobody awaits failed with.
    pub(crate) fn lose(
        &self,
        reason: DisconnectReason,
        failure: Option<&TransportError>,
    ) -> (bool, Option<ConnectError>) {
        let mut inner = self.inner.lock();
        let joined = inner.phase == Phase::Joined;
        if inner.phase == Phase::Left {
            return (false, None);
        }
        inner.phase = if inner.leaving { Phase::Left } else { Phase::Unjoined };
        let sent = inner.requests_sent;
        // Dropped senders tell those who wait.
        inner.acks.drain_before(sent).for_each(drop);
        inner.queue.drop_all(Kind::Answer);
        if joined {
            return (true, None);
        }
        let error = failure.map_or(ConnectError::Closed(reason), |f| f.clone().into());
        if inner.joining.is_some() {
            inner.phase = Phase::Left;
        }
        (false, inner.fail(error))
    }

    /// It is over for good: nothing is left waiting.
    pub(crate) fn finish(&self) {
        let mut inner = self.inner.lock();
        inner.phase = Phase::Left;
        inner.acks.drain().for_each(drop);
        inner.queue.clear();
        inner.subscribers.clear();
        inner.joining = None;
        drop(inner);
        self.drained.notify_waiters();
        self.state.send_replace(State::Closed);
    }

    /// Shows an event to the subscribers. Where an answer would go, if one is wanted.
    pub(crate) fn publish(
        self: &Arc<Self>,
        name: &str,
        id: Option<u64>,
        args: &str,
        attachments: &[Bytes],
    ) -> Option<Reply> {
        let mut inner = self.inner.lock();
        inner.subscribers.publish(name, args, attachments);
        id.map(|id| Reply { socket: Arc::clone(self), id, epoch: inner.epoch })
    }

    /// The server answered a request. An answer nobody waits for is ignored.
    pub(crate) fn resolve(&self, id: u64, args: &str, attachments: &[Bytes]) {
        let waiting = self.inner.lock().acks.resolve(id);
        if let Some(waiting) = waiting {
            let _ = waiting.send(RawArgs::new(args, attachments));
        }
    }
}

impl Inner {
    fn refuse(&mut self, error: ConnectError) -> Option<ConnectError> {
        self.phase = Phase::Left;
        self.fail(error)
    }

    /// Whoever awaits the first attempt gets the error, else it is returned for the handler.
    fn fail(&mut self, error: ConnectError) -> Option<ConnectError> {
        match self.joining.take() {
            Some(joining) => joining.send(Err(error)).err().and_then(Result::err),
            None => Some(error),
        }
    }
}

impl Reply {
    /// Answers, unless the session that asked is gone.
    pub(crate) fn send(self, result: Result<Option<RawArgs>, EventError>) {
        let answer = match result {
            Ok(Some(answer)) => answer,
            Ok(None) => return,
            Err(error) => error.to_ack(),
        };
        let Reply { socket, id, epoch } = self;
        let mut inner = socket.inner.lock();
        if inner.epoch != epoch || inner.phase != Phase::Joined {
            return;
        }
        if inner.queue.packets() >= socket.limits.queued_packets_max {
            return tracing::warn!(namespace = socket.namespace, "queue full, an ack is dropped");
        }
        let (json, attachments) = answer.into_parts();
        let count = attachments.len() as u32;
        inner.queue.push(Kind::Answer, attachments, |text| {
            text.push('4');
            encode_ack(text, &socket.namespace, id, count, &json);
        });
        drop(inner);
        socket.link.waker.wake();
    }
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
