//! The Socket.IO side of one session: its sockets in all namespaces. Runs in the session's task.
//!
//! A message is decoded where it lies. Handlers are futures of this task: started in the order of
//! their events, interleaving only where they wait. Acks are resolved at once, so a handler may
//! await its own peer.

/// Namespaces that the client enters and leaves.
mod join;
/// Events on their way to their handlers.
mod events;
/// Handlers at work, and what becomes of them.
mod tasks;
/// The decoder of the form in which the client speaks.
pub(crate) mod packet_reader;
/// What all sockets of a session share.
pub(crate) mod link;
/// When the session has to be looked at although nothing comes.
pub(crate) mod deadlines;
/// What is different for clients of Socket.IO 2.
pub(crate) mod v2;
/// What a session says of itself.
pub(crate) mod details;
/// The spans of handlers.
mod spans;

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sockeye_engine::{CloseReason, HandlerError, Message, SessionHandler};
use sockeye_socket_proto::{EventRef, Incoming};
use tokio::time::Instant;

use self::deadlines::{Deadlines, Due, after};
use self::details::{Describe, SessionDetails};
use self::events::{Waiting, answer};
use self::link::{Command, SessionLink};
use self::packet_reader::PacketReader;
use self::spans::{handler_span, traced};
use self::tasks::{Done, Task};
use self::v2::{is_v2, split_query};
use crate::cold_state::ColdState;
use crate::error::EventError;
use crate::handler::Notifying;
use crate::handler::running::panic_message;
use crate::namespace::handlers::Moment;
use crate::namespace::registry::Namespaces;
use crate::server::config::Config;
use crate::socket::Socket;
use crate::socket::disconnect_reason::DisconnectReason;

pub(crate) struct Peer {
    reading: PacketReader,
    sockets: Sockets,
}

impl Peer {
    pub(crate) fn new(
        link: Arc<SessionLink>,
        namespaces: Arc<Namespaces>,
        config: Arc<Config>,
    ) -> Self {
        let reading = PacketReader::new(&config, &link);
        let mut deadlines = Deadlines::default();
        deadlines.set(Due::Joined, Some(after(Instant::now(), config.connect_timeout)));
        let sockets = Sockets {
            link,
            namespaces,
            config,
            entries: Vec::new(),
            work: None,
            waiting_events: 0,
            waiting_bytes: 0,
            deadlines,
            ended: ColdState::default(),
            has_fresh: false,
        };
        let mut peer = Self { reading, sockets };
        if is_v2(&peer.sockets.link.session)
            && guard(&mut peer.sockets, |sockets| sockets.connect("/", "")).is_err()
        {
            peer.sockets.link.session.close(CloseReason::ForcedClose);
        }
        peer
    }
}

impl Peer {
    /// Sets a deadline for attachments that are missing; ends the session if it has passed.
    fn look_at_attachments(&mut self) {
        let now = Instant::now();
        let Sockets { deadlines, config, .. } = &mut self.sockets;
        let at = deadlines
            .at(Due::Attachments)
            .unwrap_or_else(|| after(now, config.attachments_timeout));
        // A deadline in the past would wake the task without end.
        deadlines.set(Due::Attachments, Some(at).filter(|&at| at > now));
        if at <= now {
            tracing::debug!(sid = %self.sockets.link.session.id().shortened(), "attachments did not come in time");
            self.sockets.link.session.close(CloseReason::ForcedClose);
        }
    }
}

impl SessionHandler for Peer {
    fn message(&mut self, message: Message<'_>) -> Result<(), HandlerError> {
        let incoming = self.reading.handle(message, &self.sockets.link);
        let incoming = incoming.map_err(|error| {
            tracing::debug!(sid = %self.sockets.link.session.id().shortened(), %error, "packet refused");
            HandlerError
        })?;
        let Some(incoming) = incoming else {
            return Ok(());
        };
        // The next packet's attachments have their own deadline.
        self.sockets.deadlines.set(Due::Attachments, None);
        let sockets = &mut self.sockets;
        let handled = guard(sockets, |sockets| sockets.handle(incoming));
        // Handlers it started also run up to their first await before the next event is handled.
        sockets.run_fresh(&mut Context::from_waker(Waker::noop()));
        handled
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.reading.release();
        if self.reading.is_waiting() {
            self.look_at_attachments();
        }
        let polled = self.sockets.poll(cx);
        self.sockets.end_burst();
        polled
    }

    fn command(&mut self, command: Box<dyn Any + Send>) {
        if let Ok(describe) = command.downcast::<Describe>() {
            describe.answer(self.sockets.details());
        }
    }

    fn poll_timeout(&self) -> Option<std::time::Instant> {
        self.sockets.deadlines.next().map(Instant::into_std)
    }

    fn is_ready(&self) -> bool {
        self.sockets.waiting_events < self.sockets.config.waiting_events_max
            && self.sockets.waiting_bytes < self.sockets.config.waiting_event_bytes_max
            && !self.sockets.is_overworked()
    }

    fn close(&mut self, reason: CloseReason) {
        self.sockets.deadlines = Deadlines::default();
        if let Some(work) = &mut self.sockets.work {
            work.asking.clear();
        }
        self.sockets.end_all(reason.into());
    }
}

struct Sockets {
    link: Arc<SessionLink>,
    namespaces: Arc<Namespaces>,
    config: Arc<Config>,
    entries: Vec<Entry>,
    /// The handlers at work; most of the time none.
    work: Option<Box<Work>>,
    waiting_events: usize,
    waiting_bytes: usize,
    deadlines: Deadlines,
    /// Hashes of the names of namespaces that refused or disconnected the client. It may leave them
    /// before it knows.
    ended: ColdState<VecDeque<u64>>,
    /// Whether some sockets are fresh.
    has_fresh: bool,
}

#[derive(Default)]
struct Work {
    /// Names of the connect packets that wait for an answer, each with the number of its question.
    asking: Vec<(u64, Box<str>)>,
    next_question: u64,
    /// The number of questions and connect handlers at work, also of namespaces left meanwhile.
    deciding: usize,
    /// Tasks that are started and not yet polled.
    fresh: VecDeque<Task>,
    /// Tasks that are polled and not yet done.
    running: Option<FuturesUnordered<Task>>,
}

struct Entry {
    socket: Socket,
    is_joining: bool,
    /// Whether it was admitted in the current burst of messages, so that its client has not seen
    /// the reply.
    is_fresh: bool,
    running: u32,
    waiting: ColdState<VecDeque<Waiting>>,
}

impl Sockets {
    fn handle(&mut self, incoming: Incoming<'_>) -> Result<(), HandlerError> {
        match incoming {
            Incoming::Connect { namespace, .. } if is_v2(&self.link.session) => {
                let (namespace, auth) = split_query(namespace);
                self.connect(namespace, &auth)
            }
            Incoming::Connect { namespace, auth } => self.connect(namespace, auth),
            Incoming::Disconnect { namespace } => self.leave(namespace),
            Incoming::Event { namespace, id, name, args, attachments } => {
                let index = self.joined(namespace)?;
                let event = EventRef { name: &name, args, attachments: &attachments };
                self.event(index, id, event);
                Ok(())
            }
            Incoming::Ack { namespace, id, args, attachments } => {
                let index = self.joined(namespace)?;
                self.entries[index].socket.resolve_ack(id, args, &attachments);
                Ok(())
            }
            _ => self.refuse("a packet that only servers send"),
        }
    }

    /// A packet for a namespace the client has not joined ends the session, as in the official
    /// server.
    fn joined(&self, namespace: &str) -> Result<usize, HandlerError> {
        match self.find_joined(namespace) {
            Some(index) => Ok(index),
            None => self.refuse("a packet for a namespace that is not joined"),
        }
    }

    fn refuse<T>(&self, what: &str) -> Result<T, HandlerError> {
        tracing::debug!(sid = %self.link.session.id().shortened(), what, "packet refused");
        Err(HandlerError)
    }

    /// The details of the session for listings.
    fn details(&self) -> SessionDetails {
        let joined = self.entries.iter().filter(|entry| !entry.is_joining);
        let handshake = &self.link.handshake;
        SessionDetails {
            address: handshake.address(),
            age_seconds: handshake.issued().elapsed().unwrap_or_default().as_secs(),
            namespaces: joined.map(|entry| entry.socket.namespace().to_owned()).collect(),
        }
    }

    fn find(&self, namespace: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.socket.namespace() == namespace)
    }

    fn find_joined(&self, namespace: &str) -> Option<usize> {
        let is_it = |entry: &Entry| !entry.is_joining && entry.socket.namespace() == namespace;
        self.entries.iter().position(is_it)
    }

    /// Called before the answers to a burst of messages are written.
    fn end_burst(&mut self) {
        if std::mem::take(&mut self.has_fresh) {
            self.entries.iter_mut().for_each(|entry| entry.is_fresh = false);
        }
    }

    fn find_number(&self, number: u32) -> Option<usize> {
        self.entries.iter().position(|entry| entry.socket.number() == number)
    }

    fn find_socket(&self, socket: &Socket) -> Option<usize> {
        self.entries.iter().position(|entry| entry.socket == *socket)
    }

    /// Whether too many handlers are at work that no socket's `concurrent_handlers_max` counts: those
    /// of sockets that have ended, and the observers of connections and their ends. Clients that
    /// connect and disconnect again and again could have any number of them.
    fn is_overworked(&self) -> bool {
        let running = self.work.as_ref().and_then(|work| work.running.as_ref());
        let running = running.map_or(0, FuturesUnordered::len);
        let max = self.config.waiting_events_max;
        // Only then it is worth counting.
        running >= max && {
            let counted = self.entries.iter().map(|entry| entry.running as usize).sum::<usize>();
            running - counted.min(running) >= max
        }
    }

    /// Starts an observer of a connection or of its end.
    fn observe(
        &mut self,
        socket: &Socket,
        moment: Moment,
        start: impl FnOnce() -> Result<Notifying, EventError>,
    ) {
        let span = handler_span(socket, moment.as_str());
        match span.in_scope(start) {
            Ok(running) => {
                let (socket, running) = (socket.clone(), traced(running, span));
                self.work().fresh.push_back(Task::Notification { socket, moment, running });
            }
            Err(error) => socket.active_namespace().handlers.report_at(socket, moment, error),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.run_commands();
            self.look_at_deadlines();
            self.run_fresh(cx);
            let running = self.work.as_mut().and_then(|work| work.running.as_mut());
            let Some(running) = running else {
                // Frees its memory.
                self.work = None;
                return Poll::Ready(());
            };
            match running.poll_next_unpin(cx) {
                Poll::Ready(Some(done)) => self.finish(done),
                Poll::Ready(None) => self.work().running = None,
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Polls fresh tasks for the first time, in order. (A started task may make another.)
    fn run_fresh(&mut self, cx: &mut Context<'_>) {
        while let Some(mut task) = self.work.as_mut().and_then(|work| work.fresh.pop_front()) {
            match Pin::new(&mut task).poll(cx) {
                Poll::Ready(done) => self.finish(done),
                Poll::Pending => self.run(task),
            }
        }
    }

    fn work(&mut self) -> &mut Work {
        self.work.get_or_insert_default()
    }

    fn run(&mut self, task: Task) {
        self.work().running.get_or_insert_default().push(task);
    }

    fn look_at_deadlines(&mut self) {
        if self.deadlines.next().is_none() {
            return;
        }
        let now = Instant::now();
        let is_over = |at| at <= now;
        if self.deadlines.at(Due::Joined).is_some_and(is_over) {
            self.deadlines.set(Due::Joined, None);
            tracing::debug!(sid = %self.link.session.id().shortened(), "no namespace was joined in time");
            self.link.session.close(CloseReason::ForcedClose);
        }
        if self.deadlines.at(Due::Expiry).is_some_and(is_over) {
            self.check_expiry();
        }
    }

    fn run_commands(&mut self) {
        let commands = self.link.take_commands();
        for command in commands {
            match command {
                Command::Disconnected(number) => {
                    if let Some(index) = self.find_number(number) {
                        let path = Arc::clone(&self.entries[index].socket.active_namespace().path);
                        self.remember_end(&path);
                        self.remove(index, DisconnectReason::ServerDisconnect);
                    }
                }
                Command::Replaced(number) => {
                    if let Some(index) = self.find_number(number) {
                        self.remove(index, DisconnectReason::TransportClose);
                    }
                    self.link.session.close(CloseReason::TransportClose);
                }
                Command::ExpiryChanged => self.check_expiry(),
                Command::CloseSession => {
                    let joined = self.entries.iter().filter(|entry| !entry.is_joining);
                    joined.for_each(|entry| entry.socket.send_disconnect());
                    self.end_all(DisconnectReason::ServerDisconnect);
                    self.link.session.close(CloseReason::ForcedServerClose);
                }
            }
        }
    }

    fn finish(&mut self, done: Done) {
        match done {
            Done::Asking { question, parent, is_yes } => {
                self.work().deciding -= 1;
                self.answered(question, parent, is_yes);
            }
            Done::Restored { question, pid, active, restored } => {
                self.work().deciding -= 1;
                self.restored(&question, &pid, active, restored);
            }
            Done::Admission { socket, decision } => {
                self.work().deciding -= 1;
                self.decide(&socket, decision);
            }
            Done::Event { socket, registered, responder, result } => {
                answer(&socket, &registered.event, responder, result);
                if let Some(index) = self.find_socket(&socket) {
                    self.entries[index].running -= 1;
                    self.start_waiting(index);
                }
            }
            Done::Notification { socket, moment, result } => {
                if let Err(error) = result {
                    socket.active_namespace().handlers.report_at(&socket, moment, error);
                }
            }
            Done::Panic { socket, event, message } => {
                tracing::error!(sid = %self.link.session.id().shortened(), event, message, "a handler panicked");
                if let Some(socket) = socket {
                    let error = EventError::new("panic", message);
                    socket.active_namespace().handlers.report(&socket, &event, error);
                }
                self.link.session.close(CloseReason::ForcedServerClose);
            }
        }
    }
}

impl Drop for Sockets {
    /// Removes the sockets from their rooms, whatever ended the task.
    fn drop(&mut self) {
        for entry in &self.entries {
            entry.socket.end(DisconnectReason::TransportError);
            self.namespaces.clean_up(entry.socket.active_namespace());
        }
    }
}

/// Runs user code, catching panics: a handler up to its first await, extractors, payload types.
fn guard(
    sockets: &mut Sockets,
    act: impl FnOnce(&mut Sockets) -> Result<(), HandlerError>,
) -> Result<(), HandlerError> {
    catch_unwind(AssertUnwindSafe(|| act(sockets))).unwrap_or_else(|panic| {
        tracing::error!(panic = panic_message(&*panic), "an extractor or payload panicked");
        Err(HandlerError)
    })
}
