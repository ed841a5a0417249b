//! The one task of a session: connects, takes turns with the engine, connects again.
//!
//! | phase | ends with | then |
//! |---|---|---|
//! | Connecting | a session, not open yet | Running |
//! | Connecting | failure | Waiting, or Ending when it is not tried again |
//! | Running | the session's end | Waiting, or Ending |
//! | Waiting | the pause is over | Connecting |
//! | any | the last namespace has left | Ending, a running session is closed first |
//! | Ending | the last handler is done | the task is over; a namespace that came meanwhile: Connecting |

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, Stream};
use sockeye_engine_proto::{CloseReason, Event};
use tokio::time::{Sleep, sleep};

use crate::engine::Engine;
use crate::error::{ConfigError, ConnectError, TransportError};
use crate::limits::Limits;
use crate::link::Link;
use crate::namespaces::Namespaces;
use crate::random;
use crate::reconnect::Reconnect;
use crate::socket::Socket;
use crate::state::{DisconnectReason, State};
use crate::target::Target;

/// See the table at the top of the source file.
pub(crate) struct Task {
    link: Arc<Link>,
    target: Arc<Target>,
    reconnect: Reconnect,
    namespaces: Namespaces,
    /// What goes along with wishes to join, on its way, for the present session.
    auths: FuturesUnordered<BoxFuture<'static, Authorized>>,
    /// Namespaces that have left; the session closes because of them.
    parting: Vec<Arc<Socket>>,
    /// Failed attempts in a row.
    attempt: u32,
    phase: Phase,
}

type Authorized = (Arc<Socket>, u32, Result<String, ConfigError>);

enum Phase {
    Connecting(BoxFuture<'static, Result<Engine, TransportError>>),
    Running { engine: Box<Engine>, open: bool, closing: bool },
    Waiting(Pin<Box<Sleep>>),
    Ending,
}

impl Task {
    pub(crate) fn new(
        link: Arc<Link>,
        target: Arc<Target>,
        reconnect: Reconnect,
        limits: &Limits,
    ) -> Self {
        Task {
            phase: connecting(&target),
            link,
            target,
            reconnect,
            namespaces: Namespaces::new(limits),
            auths: FuturesUnordered::new(),
            parting: Vec::new(),
            attempt: 0,
        }
    }

    /// Takes in what was attached. A namespace whose last client is still leaving is joined when it
    /// has left: the server knows only one at a time.
    fn attach_arrivals(&mut self) {
        let mut waiting: Vec<Arc<Socket>> = Vec::new();
        for socket in self.link.take_arrivals() {
            let sockets = &mut self.namespaces.sockets;
            let is_same = |other: &&Arc<Socket>| other.namespace == socket.namespace;
            let mut others = sockets.iter().chain(&waiting).filter(is_same).peekable();
            let has_others = others.peek().is_some();
            if others.any(|other| !other.is_leaving()) {
                self.namespaces.jobs.report(&socket, socket.refuse(ConnectError::InUse));
                socket.finish();
            } else if has_others {
                waiting.push(socket);
            } else {
                if let Phase::Running { open: true, closing: false, .. } = self.phase {
                    open(&socket, &self.auths);
                }
                sockets.push(socket);
            }
        }
        self.link.return_arrivals(waiting);
    }

    fn poll_auths(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        while let Poll::Ready(Some((socket, epoch, auth))) = Pin::new(&mut self.auths).poll_next(cx)
        {
            progress = true;
            self.namespaces.jobs.report(&socket, socket.authorize(epoch, auth));
        }
        progress
    }

    /// Lets go of namespaces that have left, and of the session with the last one. Whether there
    /// was something to do.
    fn remove_left(&mut self) -> bool {
        let sockets = &mut self.namespaces.sockets;
        let before = self.parting.len();
        self.parting.extend(sockets.extract_if(.., |socket| socket.has_left()));
        for socket in &self.parting[before..] {
            let reason = socket.take_farewell().then_some(DisconnectReason::ClientDisconnect);
            self.namespaces.jobs.disconnected(socket, reason);
        }
        self.attach_arrivals();
        if !self.namespaces.sockets.is_empty() {
            return self.finish_parting();
        }
        match &mut self.phase {
            Phase::Running { closing: true, .. } => false,
            Phase::Running { engine, closing, .. } => {
                *closing = true;
                engine.close();
                true
            }
            Phase::Connecting(_) | Phase::Waiting(_) => {
                self.phase = Phase::Ending;
                self.finish_parting();
                true
            }
            Phase::Ending => self.finish_parting(),
        }
    }

    fn finish_parting(&mut self) -> bool {
        let some = !self.parting.is_empty();
        self.parting.drain(..).for_each(|socket| socket.finish());
        some
    }

    /// One step of the phase at hand. `Pending`: nothing can be done now.
    fn step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.phase {
            Phase::Connecting(connecting) => match ready!(connecting.as_mut().poll(cx)) {
                Ok(engine) => {
                    let engine = Box::new(engine);
                    self.phase = Phase::Running { engine, open: false, closing: false };
                }
                Err(error) => self.lost(CloseReason::TransportError, Some(error)),
            },
            Phase::Running { engine, open: is_open, closing } => {
                match ready!(engine.poll(cx, &mut self.namespaces)) {
                    Event::Opened => {
                        *is_open = true;
                        self.attempt = 0;
                        *self.link.transport.lock() = Some(engine.transport());
                        if !*closing {
                            self.namespaces.sockets.iter().for_each(|s| open(s, &self.auths));
                        }
                    }
                    Event::Upgraded { .. } => {
                        *self.link.transport.lock() = Some(engine.transport())
                    }
                    Event::Closed(reason) => {
                        let failure = engine.failure.take();
                        self.lost(reason, failure);
                    }
                    _ => {}
                }
            }
            Phase::Waiting(pause) => {
                ready!(pause.as_mut().poll(cx));
                self.phase = connecting(&self.target);
            }
            Phase::Ending => return Poll::Pending,
        }
        Poll::Ready(())
    }

    /// A session ended, or none came about.
    fn lost(&mut self, reason: CloseReason, failure: Option<TransportError>) {
        let closed_here = matches!(self.phase, Phase::Running { closing: true, .. });
        if let Some(failure) = &failure {
            tracing::debug!(error = failure as &dyn std::error::Error, "the session is lost");
        }
        *self.link.transport.lock() = None;
        self.auths.clear();
        self.namespaces.reset();
        let Namespaces { sockets, jobs, .. } = &mut self.namespaces;
        if closed_here && !sockets.is_empty() {
            // Namespaces that arrived while the last session was being closed.
            self.finish_parting();
            self.phase = connecting(&self.target);
            return;
        }
        for socket in sockets.iter() {
            let (joined, error) = socket.lose(reason.into(), failure.as_ref());
            jobs.disconnected(socket, joined.then_some(reason.into()));
            jobs.report(socket, error);
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
                    socket.state.send_replace(State::Reconnecting { attempt: self.attempt });
                }
                self.phase = Phase::Waiting(Box::pin(sleep(delay)));
            }
            _ => {
                self.parting.append(sockets);
                self.finish_parting();
                self.phase = Phase::Ending;
            }
        }
    }
}

impl Future for Task {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.link.waker.register(cx.waker());
        loop {
            this.attach_arrivals();
            let mut progress = this.poll_auths(cx);
            progress |= this.step(cx).is_ready();
            progress |= this.namespaces.jobs.poll(cx);
            progress |= this.remove_left();
            if let Phase::Ending = this.phase
                && this.namespaces.jobs.is_empty()
            {
                if this.link.close() {
                    return Poll::Ready(());
                }
                this.phase = connecting(&this.target);
                progress = true;
            }
            if !progress {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for Task {
    /// The runtime shuts down: nobody may wait for ever.
    fn drop(&mut self) {
        while !self.link.close() {
            self.parting.append(&mut self.link.take_arrivals());
        }
        self.parting.append(&mut self.namespaces.sockets);
        self.finish_parting();
    }
}

fn connecting(target: &Arc<Target>) -> Phase {
    Phase::Connecting(Engine::connect(Arc::clone(target)).boxed())
}

fn open(socket: &Arc<Socket>, auths: &FuturesUnordered<BoxFuture<'static, Authorized>>) {
    if let Some((epoch, auth)) = socket.open() {
        let socket = Arc::clone(socket);
        auths.push(auth.map(move |auth| (socket, epoch, auth)).boxed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::Routes;

    #[tokio::test]
    async fn a_task_that_was_dropped_leaves_nobody_waiting() {
        let (target, namespace) = Target::parse("http://localhost").unwrap();
        let (link, limits) = (Arc::<Link>::default(), Limits::default());
        let task = Task::new(Arc::clone(&link), Arc::new(target), Reconnect::Never, &limits);
        let socket = || {
            let (namespace, routes, limits) =
                (namespace.clone(), Routes::default(), limits.clone());
            Arc::new(Socket::new(namespace, routes, limits, Arc::clone(&link), None))
        };
        let arrived = socket();
        assert!(link.attach(Arc::clone(&arrived)));
        drop(task);
        assert_eq!(*arrived.state.borrow(), State::Closed);
        assert!(!link.attach(socket()), "nobody is left to take it");
    }
}
