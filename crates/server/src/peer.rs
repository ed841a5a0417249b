//! The Socket.IO side of one session: all its namespaces. Lives in the session's task.
//!
//! A message is decoded where it lies. Handlers are futures of this task: started in the order of
//! their events, interleaving only where they wait. Acks are resolved at once, so a handler may
//! await its own peer.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesUnordered};
use sockeye_engine::{CloseReason, HandlerError, Message, SessionHandler};
use sockeye_socket_proto::{Incoming, RawArgs, encode_connect_error, encode_error};
use tokio::time::Instant;

use crate::{
    Config, DisconnectReason, EventError, RawEvent, Refuse, Socket,
    ack::{Reply, Responder},
    behaviour::Registered,
    deadlines::{Deadlines, Due},
    directory::{Asking, Directory, Found, Live},
    handler::{Call, Running},
    link::{Command, Link},
    rarely::Rarely,
    reading::Reading,
    reliable::{Begin, Ticket},
    revision::{self, is_old, split_query},
    socket::{Expired, Origin},
};

pub(crate) struct Peer {
    reading: Reading,
    sockets: Sockets,
}

impl Peer {
    pub(crate) fn new(link: Arc<Link>, directory: Arc<Directory>, config: Arc<Config>) -> Self {
        let reading = Reading::new(&config, &link);
        let mut deadlines = Deadlines::default();
        deadlines.set(Due::Joined, Some(Instant::now() + config.connect_timeout));
        let sockets = Sockets {
            link,
            directory,
            config,
            entries: Vec::new(),
            work: None,
            waiting_events: 0,
            waiting_bytes: 0,
            deadlines,
            is_draining: false,
        };
        let mut peer = Self { reading, sockets };
        if is_old(&peer.sockets.link.session)
            && guard(&mut peer.sockets, |sockets| sockets.connect("/", "")).is_err()
        {
            peer.sockets.link.session.close(CloseReason::ForcedClose);
        }
        peer
    }
}

impl Peer {
    /// A packet that is announced and never completed is held for so long only.
    fn look_at_attachments(&mut self) {
        let now = Instant::now();
        let Sockets { deadlines, config, .. } = &mut self.sockets;
        let at = deadlines.at(Due::Attachments).unwrap_or(now + config.attachments_timeout);
        // One that has passed and stayed would have the task run on and on.
        deadlines.set(Due::Attachments, Some(at).filter(|&at| at > now));
        if at <= now {
            tracing::debug!(sid = %self.sockets.link.session.id(), "attachments did not come in time");
            self.sockets.link.session.close(CloseReason::ForcedClose);
        }
    }
}

impl SessionHandler for Peer {
    fn message(&mut self, message: Message<'_>) -> Result<(), HandlerError> {
        let incoming = self.reading.handle(message, &self.sockets.link);
        let incoming = incoming.map_err(|error| {
            tracing::debug!(sid = %self.sockets.link.session.id(), %error, "packet refused");
            HandlerError
        })?;
        let Some(incoming) = incoming else {
            return Ok(());
        };
        // The next packet's attachments have their own time.
        self.sockets.deadlines.set(Due::Attachments, None);
        let sockets = &mut self.sockets;
        let handled = guard(sockets, |sockets| sockets.handle(incoming));
        // What it led to also runs up to its first wait before the next event is looked at.
        sockets.run_fresh(&mut Context::from_waker(Waker::noop()));
        handled
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.reading.release();
        if self.reading.is_waiting() {
            self.look_at_attachments();
        }
        self.sockets.poll(cx)
    }

    fn poll_timeout(&self) -> Option<std::time::Instant> {
        self.sockets.deadlines.next().map(Instant::into_std)
    }

    fn is_ready(&self) -> bool {
        self.sockets.waiting_events < self.sockets.config.waiting_events_max
            && self.sockets.waiting_bytes < self.sockets.config.waiting_event_bytes_max
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
    link: Arc<Link>,
    directory: Arc<Directory>,
    config: Arc<Config>,
    entries: Vec<Entry>,
    /// What is under way; most of the time nothing.
    work: Option<Box<Work>>,
    waiting_events: usize,
    waiting_bytes: usize,
    deadlines: Deadlines,
    /// The session is to close as soon as nothing is under way.
    is_draining: bool,
}

#[derive(Default)]
struct Work {
    /// Names that a dynamic declaration is deciding about.
    asking: Vec<Box<str>>,
    /// Started, not yet polled.
    fresh: VecDeque<Task>,
    /// Polled, not yet done.
    running: Option<FuturesUnordered<Task>>,
}

struct Entry {
    socket: Socket,
    is_joining: bool,
    running: u32,
    waiting: Rarely<VecDeque<Waiting>>,
}

/// What a client sends that wants to continue: its private id, and the last offset it saw.
#[derive(serde::Deserialize)]
struct Returning {
    pid: String,
    offset: Option<String>,
}

/// An event that waits until fewer handlers of its socket run.
struct Waiting {
    responder: Option<Responder>,
    event: RawEvent,
}

impl Waiting {
    fn bytes(&self) -> usize {
        let attachments: usize = self.event.args.attachments().iter().map(Bytes::len).sum();
        self.event.name.len() + self.event.args.json().len() + attachments
    }
}

impl Sockets {
    fn handle(&mut self, incoming: Incoming<'_>) -> Result<(), HandlerError> {
        match incoming {
            Incoming::Connect { namespace, .. } if is_old(&self.link.session) => {
                let (namespace, auth) = split_query(namespace);
                self.connect(namespace, &auth)
            }
            Incoming::Connect { namespace, auth } => self.connect(namespace, auth),
            Incoming::Disconnect { namespace } => {
                let index = self.joined(namespace)?;
                self.end(index, DisconnectReason::ClientDisconnect);
                Ok(())
            }
            Incoming::Event { namespace, id, name, args, attachments } => {
                let index = self.joined(namespace)?;
                self.event(index, id, &name, args, &attachments);
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
        match self.find(namespace) {
            Some(index) if !self.entries[index].is_joining => Ok(index),
            _ => self.refuse("a packet for a namespace that is not joined"),
        }
    }

    fn refuse<T>(&self, what: &str) -> Result<T, HandlerError> {
        tracing::debug!(sid = %self.link.session.id(), what, "packet refused");
        Err(HandlerError)
    }

    fn find(&self, namespace: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.socket.namespace() == namespace)
    }

    fn find_socket(&self, socket: &Socket) -> Option<usize> {
        self.entries.iter().position(|entry| entry.socket == *socket)
    }

    fn connect(&mut self, namespace: &str, auth: &str) -> Result<(), HandlerError> {
        if self.find(namespace).is_some() {
            // We may have disconnected it already, and the client comes back.
            self.run_commands();
        }
        let asking = self.work.as_ref().map_or(&[][..], |work| &work.asking);
        if asking.iter().any(|name| **name == *namespace) || self.find(namespace).is_some() {
            return self.refuse("a second connect to one namespace");
        }
        let auth = if auth.is_empty() { "{}" } else { auth };
        if self.entries.len() + asking.len() >= self.config.namespaces_per_session_max {
            self.send_refusal(namespace, &Refuse::new("Too many namespaces"));
            return Ok(());
        }
        self.route(namespace, auth, 0);
        Ok(())
    }

    /// Finds the namespace, asking the dynamic declarations from number `from` on.
    fn route(&mut self, namespace: &str, auth: &str, from: usize) {
        match self.directory.find(namespace, auth, from) {
            Found::Live(live) => self.claim(live, auth),
            Found::Nothing => {
                // An object for clients of every revision.
                let mut text = String::new();
                encode_connect_error(&mut text, namespace, "Invalid namespace", "");
                self.link.send(&text, &[]);
            }
            Found::Asking(asking) => {
                let question = Question { namespace: namespace.into(), auth: auth.into() };
                let work = self.work();
                work.asking.push(namespace.into());
                work.fresh.push_back(Task::Asking { question, asking });
            }
        }
    }

    fn answered(&mut self, question: &Question, parent: usize, is_yes: bool) {
        let Question { namespace, auth } = question;
        // Forgotten when the session ended meanwhile.
        let asking = &mut self.work().asking;
        let Some(index) = asking.iter().position(|name| name == namespace) else {
            return;
        };
        asking.swap_remove(index);
        if is_yes {
            let live = self.directory.child(namespace, parent, Vec::new());
            self.claim(live, auth);
        } else {
            self.route(namespace, auth, parent + 1);
        }
    }

    /// Joins as whoever the client says it was, if it says so and that is known.
    fn claim(&mut self, live: Arc<Live>, auth: &str) {
        let Some(log) = &live.log else {
            return self.join(live, auth, Origin::New);
        };
        let origin = match serde_json::from_str::<Returning>(auth) {
            Ok(Returning { pid, offset }) => {
                log.claim(&pid, offset.as_deref()).map_or_else(Origin::Failed, Origin::Claim)
            }
            Err(_) => Origin::New,
        };
        self.join(live, auth, origin);
    }

    fn join(&mut self, live: Arc<Live>, auth: &str, origin: Origin) {
        let is_claim = matches!(origin, Origin::Claim(_));
        let socket = self.directory.enter(live, &self.link, origin, auth);
        self.entries.reserve_exact(1);
        self.entries.push(Entry {
            socket: socket.clone(),
            is_joining: true,
            running: 0,
            waiting: Rarely::default(),
        });
        let behaviour = &socket.live().behaviour;
        let is_trusted = is_claim && behaviour.skip_admission_when_recovered;
        let Some(admission) = behaviour.admission.as_ref().filter(|_| !is_trusted) else {
            return self.decide(&socket, Ok(()));
        };
        let running = admission(socket.clone(), auth);
        self.work().fresh.push_back(Task::Admission { socket, running });
    }

    /// Carries out what the connect handler decided.
    fn decide(&mut self, socket: &Socket, decision: Result<(), Refuse>) {
        let Some(index) = self.find_socket(socket) else {
            return;
        };
        if let Err(refusal) = decision {
            self.entries.remove(index);
            if socket.end(DisconnectReason::ServerDisconnect) {
                self.send_refusal(socket.namespace(), &refusal);
            }
            self.directory.clean_up(socket.live());
            return;
        }
        match socket.admit() {
            Ok(true) => self.entries[index].is_joining = false,
            Ok(false) => return,
            Err(failure) => {
                tracing::debug!(sid = %self.link.session.id(), %failure, "not recovered");
                self.entries.remove(index);
                socket.end(DisconnectReason::ServerDisconnect);
                let auth = socket.auth_json();
                return self.join(socket.live().clone(), &auth, Origin::Failed(failure));
            }
        }
        self.deadlines.set(Due::Joined, None);
        tracing::debug!(sid = %self.link.session.id(), nsp = socket.namespace(), socket = %socket.id(), "connected");
        if let Some(connected) = &socket.live().behaviour.connected {
            let started = connected(socket.clone(), ());
            self.observe(socket, "", started);
        }
    }

    fn send_refusal(&self, namespace: &str, refusal: &Refuse) {
        let mut text = String::new();
        if is_old(&self.link.session) {
            encode_error(&mut text, namespace, &revision::refusal(refusal));
        } else {
            encode_connect_error(&mut text, namespace, refusal.message(), refusal.data());
        }
        self.link.send(&text, &[]);
    }

    fn event(
        &mut self,
        index: usize,
        id: Option<u64>,
        name: &str,
        args: &str,
        attachments: &[Bytes],
    ) {
        let socket = &self.entries[index].socket;
        let responder = id.map(|id| Responder { socket: socket.clone(), id, turn: None });
        let (args, responder) =
            match socket.outbox().and_then(|at| Some((at, Ticket::split(args)?))) {
                None => (args, responder),
                Some(((outboxes, key), (args, ticket))) => match responder {
                    // Without an ack nothing is left to remember.
                    None => (args, None),
                    Some(responder) => match outboxes.begin(key, ticket, responder) {
                        Begin::New(responder) => (args, Some(responder)),
                        Begin::Settled => return,
                    },
                },
            };
        let entry = &mut self.entries[index];
        let behaviour = &entry.socket.live().behaviour;
        if !behaviour.any.is_empty() {
            let event = raw(name, args, attachments);
            behaviour.any.iter().for_each(|look| look(&entry.socket, &event));
        }
        if entry.running >= behaviour.concurrent_handlers_max || entry.waiting.get().is_some() {
            let waiting = Waiting { responder, event: raw(name, args, attachments) };
            self.waiting_events += 1;
            self.waiting_bytes += waiting.bytes();
            entry.waiting.filled().push_back(waiting);
            return;
        }
        self.start(index, responder, name, args, attachments);
    }

    fn start(
        &mut self,
        index: usize,
        responder: Option<Responder>,
        name: &str,
        args: &str,
        attachments: &[Bytes],
    ) {
        let socket = &self.entries[index].socket;
        if !socket.is_connected() {
            // The server has disconnected it, which is noticed here in a moment.
            return;
        }
        let behaviour = &socket.live().behaviour;
        let Some(registered) = behaviour.events.get(name).or(behaviour.fallback.as_ref()) else {
            return;
        };
        let started = if behaviour.guards.is_empty() {
            let responder = responder.clone();
            (registered.handler)(Call { socket, name, responder, args, attachments })
        } else {
            let event = raw(name, args, attachments);
            Ok(Box::pin(guarded(socket.clone(), registered.clone(), responder.clone(), event)) as _)
        };
        let mut running = match started {
            Ok(running) => running,
            Err(error) => return answer(socket, name, responder, Err(error)),
        };
        // Most handlers are done at once. The others register their waker in `poll`.
        let mut cx = Context::from_waker(Waker::noop());
        let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(&mut cx)));
        match polled {
            Ok(Poll::Ready(result)) => answer(socket, name, responder, result),
            Ok(Poll::Pending) => {
                let (socket, registered) = (socket.clone(), registered.clone());
                self.entries[index].running += 1;
                let task = Task::Event { socket, registered, responder, running };
                self.run(task);
            }
            Err(panic) => {
                responder.inspect(Responder::remember_panic);
                let message = panic_message(&*panic).to_owned();
                let (socket, event) = (Some(socket.clone()), name.to_owned());
                self.finish(Done::Panic { socket, event, message });
            }
        }
    }

    fn observe(&mut self, socket: &Socket, name: &str, started: Result<Running<()>, EventError>) {
        match started {
            Ok(running) => {
                let socket = socket.clone();
                self.work().fresh.push_back(Task::Observer { socket, running });
            }
            Err(error) => socket.live().behaviour.report(socket, name, error),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.run_commands();
            self.look_at_deadlines();
            self.run_fresh(cx);
            let running = self.work.as_mut().and_then(|work| work.running.as_mut());
            let Some(running) = running else {
                // Gives its memory back.
                self.work = None;
                if self.is_draining {
                    self.link.session.close(CloseReason::ServerShutdown);
                }
                return Poll::Ready(());
            };
            match running.poll_next_unpin(cx) {
                Poll::Ready(Some(done)) => self.finish(done),
                Poll::Ready(None) => self.work().running = None,
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Starts what is to start, in order. (A started task may make another.)
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
            tracing::debug!(sid = %self.link.session.id(), "no namespace was joined in time");
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
                Command::Disconnected(socket) => {
                    if let Some(index) = self.find_socket(&socket) {
                        self.remove(index, DisconnectReason::ServerDisconnect);
                    }
                }
                Command::Replaced(socket) => {
                    if let Some(index) = self.find_socket(&socket) {
                        self.remove(index, DisconnectReason::TransportClose);
                    }
                    self.link.session.close(CloseReason::TransportClose);
                }
                Command::Drain => self.is_draining = true,
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

    /// Warns and ends sockets whose time has come, and sets the timer for the next.
    fn check_expiry(&mut self) {
        let now = Instant::now();
        let mut next = None;
        for index in (0..self.entries.len()).rev() {
            match self.entries[index].socket.check_expiry(now) {
                Ok(Some(at)) => next = Some(next.map_or(at, |next: Instant| next.min(at))),
                Ok(None) => {}
                Err(Expired) => {
                    self.entries[index].socket.send_disconnect();
                    self.end(index, DisconnectReason::Expired);
                }
            }
        }
        self.deadlines.set(Due::Expiry, next);
    }

    fn finish(&mut self, done: Done) {
        match done {
            Done::Asking { question, parent, is_yes } => self.answered(&question, parent, is_yes),
            Done::Admission { socket, decision } => self.decide(&socket, decision),
            Done::Event { socket, registered, responder, result } => {
                answer(&socket, &registered.event, responder, result);
                if let Some(index) = self.find_socket(&socket) {
                    self.entries[index].running -= 1;
                    self.start_waiting(index);
                }
            }
            Done::Observer => {}
            Done::Panic { socket, event, message } => {
                tracing::error!(sid = %self.link.session.id(), event, message, "a handler panicked");
                if let Some(socket) = socket {
                    let error = EventError::new("panic", message);
                    socket.live().behaviour.report(&socket, &event, error);
                }
                self.link.session.close(CloseReason::ForcedServerClose);
            }
        }
    }

    fn start_waiting(&mut self, index: usize) {
        loop {
            let entry = &mut self.entries[index];
            if entry.running >= entry.socket.live().behaviour.concurrent_handlers_max {
                return;
            }
            let Some(waiting) = entry.waiting.get_mut().and_then(VecDeque::pop_front) else {
                entry.waiting.take();
                return;
            };
            self.waiting_events -= 1;
            self.waiting_bytes -= waiting.bytes();
            let Waiting { responder, event } = waiting;
            self.start(index, responder, &event.name, event.args.json(), event.args.attachments());
        }
    }

    fn end_all(&mut self, reason: DisconnectReason) {
        for index in (0..self.entries.len()).rev() {
            self.end(index, reason);
        }
    }

    fn end(&mut self, index: usize, reason: DisconnectReason) {
        self.entries[index].socket.end(reason);
        self.remove(index, reason);
    }

    /// Forgets a socket that has ended and tells its disconnect handler.
    fn remove(&mut self, index: usize, reason: DisconnectReason) {
        let entry = self.entries.swap_remove(index);
        if let Some(waiting) = entry.waiting.get() {
            self.waiting_events -= waiting.len();
            self.waiting_bytes -= waiting.iter().map(Waiting::bytes).sum::<usize>();
        }
        self.directory.clean_up(entry.socket.live());
        if entry.is_joining {
            return;
        }
        let socket = entry.socket;
        tracing::debug!(sid = %self.link.session.id(), nsp = socket.namespace(), socket = %socket.id(), %reason, "disconnected");
        if let Some(disconnect) = &socket.live().behaviour.disconnect {
            let started = disconnect(socket.clone(), reason);
            self.observe(&socket, "", started);
        }
    }
}

impl Drop for Sockets {
    /// Whatever ends the task: no socket stays in a room.
    fn drop(&mut self) {
        for entry in &self.entries {
            entry.socket.end(DisconnectReason::TransportError);
        }
    }
}

/// Runs what leads to user code: a handler up to its first await, extractors, payload types.
fn guard(
    sockets: &mut Sockets,
    act: impl FnOnce(&mut Sockets) -> Result<(), HandlerError>,
) -> Result<(), HandlerError> {
    catch_unwind(AssertUnwindSafe(|| act(sockets))).unwrap_or_else(|panic| {
        tracing::error!(panic = panic_message(&*panic), "an extractor or payload panicked");
        Err(HandlerError)
    })
}

fn raw(name: &str, args: &str, attachments: &[Bytes]) -> RawEvent {
    RawEvent { name: name.to_owned(), args: RawArgs::new(args, attachments) }
}

/// The guards one after the other, then the handler.
async fn guarded(
    socket: Socket,
    registered: Arc<Registered>,
    responder: Option<Responder>,
    event: RawEvent,
) -> Result<Reply, EventError> {
    for guard in &socket.live().behaviour.guards {
        guard(socket.clone(), event.clone())?.await?;
    }
    let RawEvent { name, args } = &event;
    let (args, attachments) = (args.json(), args.attachments());
    (registered.handler)(Call { socket: &socket, name, responder, args, attachments })?.await
}

/// Answers the peer, if it asked, and reports an error.
fn answer(
    socket: &Socket,
    name: &str,
    responder: Option<Responder>,
    result: Result<Reply, EventError>,
) {
    match (result, responder) {
        (Ok(Reply::Answer(answer)), Some(responder)) => responder.send(&answer),
        (Ok(_), _) => {}
        (Err(error), responder) => {
            if let Some(responder) = responder {
                responder.fail(&error);
            }
            socket.live().behaviour.report(socket, name, error);
        }
    }
}

/// A connect packet that a dynamic declaration is deciding about.
struct Question {
    namespace: Box<str>,
    auth: Box<str>,
}

/// User code at work. Its panic is an outcome too.
enum Task {
    Asking {
        question: Question,
        asking: Asking,
    },
    Admission {
        socket: Socket,
        running: Running<Result<(), Refuse>>,
    },
    Event {
        socket: Socket,
        registered: Arc<Registered>,
        responder: Option<Responder>,
        running: Running<Result<Reply, EventError>>,
    },
    Observer {
        socket: Socket,
        running: Running<()>,
    },
}

enum Done {
    Asking {
        question: Question,
        parent: usize,
        is_yes: bool,
    },
    Admission {
        socket: Socket,
        decision: Result<(), Refuse>,
    },
    Event {
        socket: Socket,
        registered: Arc<Registered>,
        responder: Option<Responder>,
        result: Result<Reply, EventError>,
    },
    Observer,
    Panic {
        socket: Option<Socket>,
        event: String,
        message: String,
    },
}

impl Future for Task {
    type Output = Done;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done> {
        let task = &mut *self;
        match catch_unwind(AssertUnwindSafe(|| task.poll_user_code(cx))) {
            Ok(polled) => polled,
            Err(panic) => {
                let (socket, event) = match &*self {
                    Task::Asking { .. } => (None, String::new()),
                    Task::Event { socket, registered, responder, .. } => {
                        responder.as_ref().inspect(|responder| responder.remember_panic());
                        (Some(socket.clone()), registered.event.clone())
                    }
                    Task::Admission { socket, .. } | Task::Observer { socket, .. } => {
                        (Some(socket.clone()), String::new())
                    }
                };
                let message = panic_message(&*panic).to_owned();
                Poll::Ready(Done::Panic { socket, event, message })
            }
        }
    }
}

impl Task {
    fn poll_user_code(&mut self, cx: &mut Context<'_>) -> Poll<Done> {
        match self {
            Task::Asking { question, asking } => asking.decision.as_mut().poll(cx).map(|is_yes| {
                let question = Question {
                    namespace: std::mem::take(&mut question.namespace),
                    auth: std::mem::take(&mut question.auth),
                };
                Done::Asking { question, parent: asking.parent, is_yes }
            }),
            Task::Admission { socket, running } => running
                .as_mut()
                .poll(cx)
                .map(|decision| Done::Admission { socket: socket.clone(), decision }),
            Task::Event { socket, registered, responder, running } => {
                running.as_mut().poll(cx).map(|result| Done::Event {
                    socket: socket.clone(),
                    registered: registered.clone(),
                    responder: responder.take(),
                    result,
                })
            }
            Task::Observer { running, .. } => running.as_mut().poll(cx).map(|()| Done::Observer),
        }
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}
