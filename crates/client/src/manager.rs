//! The manager of one connection: a task that connects, runs the session and reconnects (the official
//! client's `Manager`).
//!
//! | phase | ends with | then |
//! |---|---|---|
//! | Connecting | a session, not open yet | Running |
//! | Connecting | failure | Pausing, or Stopping when there is no further attempt |
//! | Running | the session's end | Pausing, or Stopping |
//! | Pausing | the end of the pause | Connecting |
//! | any | the last namespace has left | Stopping, a running session is closed first |
//! | Stopping | the last handler is done | the task ends; if a namespace was added meanwhile: Connecting |

// `ManagerLink`: how clients reach the manager.
mod link;

// The namespaces of its session.
mod namespaces;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, Stream};
use sockeye_engine_proto::{CloseReason, Event};
use tokio::time::{Sleep, sleep};

pub(crate) use self::link::ManagerLink;
pub(crate) use self::namespaces::Namespaces;
use crate::engine::{EngineSession, Target};
use crate::error::{ConfigError, ConnectError, TransportError};
use crate::limits::Limits;
use crate::random;
use crate::reconnect::Reconnect;
use crate::socket::Socket;
use crate::state::{ConnectionState, DisconnectReason};

/// The task of one connection; the table at the top of the file has its phases.
pub(crate) struct Manager {
    link: Arc<ManagerLink>,
    target: Arc<Target>,
    reconnect: Reconnect,
    namespaces: Namespaces,
    /// The providers of `auth` that run, for the present session.
    auths: FuturesUnordered<BoxFuture<'static, AuthResult>>,
    /// Sockets that have left and are not closed yet: the last ones are closed when the session is.
    left_sockets: Vec<Arc<Socket>>,
    /// Failed attempts in a row.
    attempt: u32,
    phase: Phase,
}

/// A socket, the number of the session at the time of the request, and the `auth` for it.
type AuthResult = (Arc<Socket>, u32, Result<String, ConfigError>);

/// The phase of a connection.
enum Phase {
    Connecting(BoxFuture<'static, Result<EngineSession, TransportError>>),
    Running { session: Box<EngineSession>, is_open: bool, is_closing: bool },
    Pausing(Pin<Box<Sleep>>),
    Stopping,
}

impl Manager {
    pub(crate) fn new(
        link: Arc<ManagerLink>,
        target: Arc<Target>,
        reconnect: Reconnect,
        limits: &Limits,
    ) -> Self {
        Manager {
            phase: connecting(&target),
            link,
            target,
            reconnect,
            namespaces: Namespaces::new(limits),
            auths: FuturesUnordered::new(),
            left_sockets: Vec::new(),
            attempt: 0,
        }
    }

    /// Takes the sockets that were added. One whose namespace another socket is still leaving is put
    /// back until that has left: to the server a session is in a namespace once.
    fn take_new_sockets(&mut self) {
        let mut waiting: Vec<Arc<Socket>> = Vec::new();
        for socket in self.link.take_new_sockets() {
            let sockets = &mut self.namespaces.sockets;
            let is_same = |other: &&Arc<Socket>| other.namespace == socket.namespace;
            let mut others = sockets.iter().chain(&waiting).filter(is_same).peekable();
            let has_others = others.peek().is_some();
            if others.any(|other| !other.is_leaving()) {
                let error = socket.fail_join(ConnectError::InUse);
                self.namespaces.handlers.connect_failed(&socket, error);
                socket.close();
            } else if has_others {
                waiting.push(socket);
            } else {
                if let Phase::Running { is_open: true, is_closing: false, .. } = self.phase {
                    request_auth(&socket, &self.auths);
                }
                sockets.push(socket);
            }
        }
        self.link.put_back(waiting);
    }

    /// Polls the providers of `auth`. Whether one of them was ready.
    fn poll_auths(&mut self, cx: &mut Context<'_>) -> bool {
        let mut has_progress = false;
        while let Poll::Ready(Some((socket, epoch, auth))) = Pin::new(&mut self.auths).poll_next(cx)
        {
            has_progress = true;
            let error = socket.set_auth(epoch, auth);
            self.namespaces.handlers.connect_failed(&socket, error);
        }
        has_progress
    }

    /// Removes the sockets that have left, and closes the session when it was the last one. Whether
    /// something changed.
    fn remove_left_sockets(&mut self) -> bool {
        let sockets = &mut self.namespaces.sockets;
        let before = self.left_sockets.len();
        self.left_sockets.extend(sockets.extract_if(.., |socket| socket.has_left()));
        for socket in &self.left_sockets[before..] {
            let reason =
                socket.take_sent_disconnect().then_some(DisconnectReason::ClientDisconnect);
            self.namespaces.handlers.disconnected(socket, reason);
        }
        self.take_new_sockets();
        if !self.namespaces.sockets.is_empty() {
            return self.close_left_sockets();
        }
        match &mut self.phase {
            Phase::Running { is_closing: true, .. } => false,
            Phase::Running { session, is_closing, .. } => {
                *is_closing = true;
                session.close();
                true
            }
            Phase::Connecting(_) | Phase::Pausing(_) => {
                self.phase = Phase::Stopping;
                self.close_left_sockets();
                true
            }
            Phase::Stopping => self.close_left_sockets(),
        }
    }

    /// Closes the sockets that have left. Whether there were any.
    fn close_left_sockets(&mut self) -> bool {
        let has_any = !self.left_sockets.is_empty();
        self.left_sockets.drain(..).for_each(|socket| socket.close());
        has_any
    }

    /// Polls what the phase waits for.
    fn poll_phase(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.phase {
            Phase::Connecting(connecting) => match ready!(connecting.as_mut().poll(cx)) {
                Ok(session) => {
                    let session = Box::new(session);
                    self.phase = Phase::Running { session, is_open: false, is_closing: false };
                }
                Err(error) => self.handle_loss(CloseReason::TransportError, Some(error)),
            },
            Phase::Running { session, is_open, is_closing } => {
                match ready!(session.poll(cx, &mut self.namespaces)) {
                    Event::Opened => {
                        *is_open = true;
                        self.attempt = 0;
                        *self.link.transport.lock() = Some(session.transport());
                        if !*is_closing {
                            let sockets = self.namespaces.sockets.iter();
                            sockets.for_each(|socket| request_auth(socket, &self.auths));
                        }
                    }
                    Event::Upgraded { .. } => {
                        *self.link.transport.lock() = Some(session.transport());
                    }
                    Event::Closed(reason) => {
                        let failure = session.failure.take();
                        self.handle_loss(reason, failure);
                    }
                    _ => {}
                }
            }
            Phase::Pausing(pause) => {
                ready!(pause.as_mut().poll(cx));
                self.phase = connecting(&self.target);
            }
            Phase::Stopping => return Poll::Pending,
        }
        Poll::Ready(())
    }

    /// Handles the end of a session, or a failed attempt to open one.
    fn handle_loss(&mut self, reason: CloseReason, failure: Option<TransportError>) {
        let was_closed_here = matches!(self.phase, Phase::Running { is_closing: true, .. });
        if let Some(failure) = &failure {
            tracing::debug!(error = failure as &dyn std::error::Error, "the session is lost");
        }
        *self.link.transport.lock() = None;
        self.auths.clear();
        self.namespaces.reset_decoder();
        let Namespaces { sockets, handlers, .. } = &mut self.namespaces;
        if was_closed_here && !sockets.is_empty() {
            // Sockets were added while the last session was being closed.
            self.close_left_sockets();
            self.phase = connecting(&self.target);
            return;
        }
        for socket in sockets.iter() {
            let (was_joined, error) = socket.session_lost(reason.into(), failure.as_ref());
            handlers.disconnected(socket, was_joined.then_some(reason.into()));
            handlers.connect_failed(socket, error);
        }
        self.attempt += 1;
        let delay = match self.reconnect {
            Reconnect::Never => None,
            Reconnect::After(backoff) => {
                backoff.delay(self.attempt, u32::from_ne_bytes(random::bytes()))
            }
        };
        match delay {
            Some(delay) if !sockets.is_empty() => {
                for socket in sockets.iter().filter(|socket| !socket.has_left()) {
                    let state = ConnectionState::Reconnecting { attempt: self.attempt };
                    socket.state.send_replace(state);
                }
                self.phase = Phase::Pausing(Box::pin(sleep(delay)));
            }
            _ => {
                self.left_sockets.append(sockets);
                self.close_left_sockets();
                self.phase = Phase::Stopping;
            }
        }
    }
}

impl Future for Manager {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.link.waker.register(cx.waker());
        loop {
            this.take_new_sockets();
            let mut has_progress = this.poll_auths(cx);
            has_progress |= this.poll_phase(cx).is_ready();
            has_progress |= this.namespaces.handlers.poll(cx);
            has_progress |= this.remove_left_sockets();
            if let Phase::Stopping = this.phase
                && this.namespaces.handlers.is_empty()
            {
                if this.link.close() {
                    return Poll::Ready(());
                }
                this.phase = connecting(&this.target);
                has_progress = true;
            }
            if !has_progress {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for Manager {
    /// Closes all sockets, because the runtime shuts down and nothing may wait for ever.
    fn drop(&mut self) {
        while !self.link.close() {
            self.left_sockets.append(&mut self.link.take_new_sockets());
        }
        self.left_sockets.append(&mut self.namespaces.sockets);
        self.close_left_sockets();
    }
}

fn connecting(target: &Arc<Target>) -> Phase {
    Phase::Connecting(EngineSession::connect(Arc::clone(target)).boxed())
}

fn request_auth(socket: &Arc<Socket>, auths: &FuturesUnordered<BoxFuture<'static, AuthResult>>) {
    if let Some((epoch, auth)) = socket.request_auth() {
        let socket = Arc::clone(socket);
        auths.push(auth.map(move |auth| (socket, epoch, auth)).boxed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::Handlers;

    #[tokio::test]
    async fn a_dropped_manager_closes_its_sockets() {
        let (target, namespace) = Target::parse("http://localhost").unwrap();
        let (link, limits) = (Arc::<ManagerLink>::default(), Limits::default());
        let manager = Manager::new(Arc::clone(&link), Arc::new(target), Reconnect::Never, &limits);
        let socket = || {
            let (namespace, limits) = (namespace.clone(), limits.clone());
            Arc::new(Socket::new(namespace, Handlers::default(), limits, Arc::clone(&link), None))
        };
        let added = socket();
        assert!(link.add_socket(Arc::clone(&added)));
        drop(manager);
        assert_eq!(*added.state.borrow(), ConnectionState::Closed);
        assert!(!link.add_socket(socket()), "the manager is gone");
    }
}
