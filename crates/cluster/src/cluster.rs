//! The cluster of a server: operations go out as messages, and messages come in as operations.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::{Mutex, MutexGuard};
use sockeye::{
    Action, Cluster, Node as LocalServer, Operation, OwnedOperation, PresenceChange, Replies,
    Reply, Restoring, Room,
};
use sockeye_cluster_proto::node::{Ask, Event, Node, NodeConfig, Skipped, Transmit, Verdict};
use sockeye_cluster_proto::{Body, Limits, Message, OwnMessage};
use tokio::runtime::Handle;
use tokio::sync::{Notify, broadcast};
use tokio::time::sleep_until;

use crate::bus::{Arrivals, Bus, Counting, Inbox};
use crate::convert;
use crate::counters::{Counters, Counts};

/// How a server takes part in a cluster.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClusterConfig {
    /// The name that people know the server by, in errors and in the log. Two that live at once have different ones; one
    /// that is started again has the same, and then it is known at once that the one before it is gone.
    pub name: String,
    /// How often it says that it is there. Default 5 s.
    pub heartbeat_interval: Duration,
    /// How long after its last word a server is taken for gone. Default 10 s.
    pub heartbeat_timeout: Duration,
    /// How long clients of this server are waited for, if a server that has them asked does not say so. Default 5 s.
    pub request_timeout: Duration,
    /// Requests of others that are answered in a second. Default 10,000; beyond it they are skipped and
    /// [counted](Counts::too_many).
    pub questions_per_second_max: u32,
    /// Other servers that are remembered. Default 1,024.
    pub servers_max: usize,
}

impl ClusterConfig {
    /// The defaults, for a server of this name.
    pub fn new(name: impl Into<String>) -> Self {
        let NodeConfig {
            name,
            heartbeat_interval,
            heartbeat_timeout,
            questions_per_second_max,
            servers_max,
            ..
        } = NodeConfig::new(name, 0);
        Self {
            name,
            heartbeat_interval,
            heartbeat_timeout,
            request_timeout: Duration::from_secs(5),
            questions_per_second_max,
            servers_max,
        }
    }

    /// How often it says that it is there, and how long others are believed to be there without a word.
    #[must_use]
    pub fn heartbeat(mut self, interval: Duration, timeout: Duration) -> Self {
        (self.heartbeat_interval, self.heartbeat_timeout) = (interval, timeout);
        self
    }
}

/// Another server of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteServer {
    /// Its id, another at each start.
    pub uid: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// What happens to a server in its cluster, see [`BusCluster::events`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClusterEvent {
    /// Another server is there.
    Joined(RemoteServer),
    /// Another server is gone.
    Left(RemoteServer),
    /// The connection to the bus was lost and is back: what the others sent meanwhile has not come. Who keeps state of what
    /// others send reads it anew.
    Gap {
        /// How long it was lost.
        lasted: Duration,
    },
    /// Messages of this server could not be sent, or of others were missed, as far as is known.
    Lost {
        /// How many.
        messages: u64,
    },
}

/// Events that wait for a reader who does not keep up; then the oldest is dropped, which the reader is told.
const EVENTS_MAX: usize = 1_024;

/// The cluster of a server, over a bus: a handle, cheap to clone, of which one is given to
/// [`ServerBuilder::cluster`](sockeye::ServerBuilder::cluster). When the server ends, it leaves the cluster.
///
/// ```
/// use sockeye::Server;
/// use sockeye_cluster::{BusCluster, ClusterConfig, MemoryBus};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let cluster = BusCluster::new(MemoryBus::new().member(), ClusterConfig::new("red"));
/// let server = Server::builder().cluster(cluster.clone()).build()?;
/// server.io().emit("news", "to the clients of all servers")?;
/// assert!(cluster.servers().is_empty(), "it is alone");
/// assert_eq!(cluster.server_count("/").await, Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BusCluster<B: Bus> {
    shared: Arc<Shared<B>>,
    /// Whether this is the server's own handle: with it the server leaves.
    is_servers: AtomicBool,
}

/// What the cluster's handles and tasks share.
pub(crate) struct Shared<B> {
    bus: B,
    config: ClusterConfig,
    pub(crate) uid: Arc<str>,
    node: Mutex<Node<Asker>>,
    /// The server that takes part, once it has begun, and what runs its tasks.
    server: OnceLock<(LocalServer, Handle)>,
    servers: Mutex<HashMap<Arc<str>, RemoteServer>>,
    /// Held from what the node decides until that is carried out, so that the presence of a server is not taken after the
    /// server is forgotten. Taken before the lock of the node and those of presence.
    pub(crate) order: Mutex<()>,
    /// Wakes the task that keeps the time: something is due earlier.
    woken: Arc<Notify>,
    counters: Counters,
    /// For programs that want to know what happens.
    events: broadcast::Sender<ClusterEvent>,
    this: Weak<Self>,
}

/// Who asked, and how the answers are wanted.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    replies: Replies,
    wants_ids: bool,
}

impl<B: Bus> BusCluster<B> {
    /// A server's part in the cluster that the bus connects.
    pub fn new(bus: B, config: ClusterConfig) -> Self {
        let uid: Arc<str> = random_text(bus.uid_length()).into();
        let generation = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let generation = generation.unwrap_or_default().as_millis();
        let node_config = NodeConfig {
            heartbeat_interval: config.heartbeat_interval,
            heartbeat_timeout: config.heartbeat_timeout,
            questions_per_second_max: config.questions_per_second_max,
            servers_max: config.servers_max,
            speaks_in_namespaces: bus.counting() == Counting::Heartbeats,
            ..NodeConfig::new(&*config.name, u64::try_from(generation).unwrap_or(u64::MAX))
        };
        let node = Node::new(Arc::clone(&uid), node_config, random_number(), now());
        let shared = Arc::new_cyclic(|this| Shared {
            bus,
            config,
            uid,
            node: Mutex::new(node),
            server: OnceLock::new(),
            servers: Mutex::default(),
            order: Mutex::default(),
            woken: Arc::default(),
            counters: Counters::default(),
            events: broadcast::Sender::new(EVENTS_MAX),
            this: Weak::clone(this),
        });
        Self { shared, is_servers: AtomicBool::new(false) }
    }

    /// What was sent, received and refused.
    pub fn counts(&self) -> Counts {
        self.shared.counters.read()
    }

    /// The other servers that have said that they are there. Over a bus that
    /// [counts](Counting::Subscribers) who listens those are servers of this project, and
    /// [`server_count`](Self::server_count) tells of all.
    pub fn servers(&self) -> Vec<RemoteServer> {
        let mut servers: Vec<_> = self.shared.servers.lock().values().cloned().collect();
        servers.sort_by(|one, other| (&one.name, &one.uid).cmp(&(&other.name, &other.uid)));
        servers
    }

    /// Those of the [other servers](Self::servers) that have said that they serve a namespace: they are asked whenever this
    /// server asks there.
    pub fn servers_in(&self, namespace: &str) -> Vec<RemoteServer> {
        let node = self.shared.node.lock();
        let servers = node.servers_in(namespace).map(|(uid, name)| RemoteServer { uid, name });
        servers.collect()
    }

    /// Waits until this server listens on the bus for all that concerns it: the namespaces and rooms that it has now. What
    /// the others send before that passes it by, so a server says that it is ready for clients after it. It waits for
    /// as long as there is no connection.
    pub async fn ready(&self) {
        self.shared.bus.ready().await;
    }

    /// What happens from now on: servers that come and go, and what is missed.
    pub fn events(&self) -> broadcast::Receiver<ClusterEvent> {
        self.shared.events.subscribe()
    }

    /// How many servers a namespace has, this one included. `None`: the bus could not be asked.
    pub async fn server_count(&self, namespace: &str) -> Option<usize> {
        match self.shared.bus.counting() {
            Counting::Heartbeats => Some(self.shared.node.lock().server_count(namespace)),
            Counting::Subscribers => {
                self.shared.bus.count_others(namespace).await.map(|others| 1 + others)
            }
        }
    }

    /// This server's id in the cluster.
    pub fn uid(&self) -> &Arc<str> {
        &self.shared.uid
    }

    /// The bus.
    pub fn bus(&self) -> &B {
        &self.shared.bus
    }
}

impl<B: Bus> Shared<B> {
    fn message<'a>(&'a self, namespace: &'a str, body: Body<'a>) -> Message<'a> {
        Message { sender: Some((&*self.uid).into()), namespace: namespace.into(), body }
    }

    fn send(&self, namespace: &str, body: Body<'_>) {
        self.counters.sent();
        self.bus.send(&self.message(namespace, body));
    }

    /// Lets the node do something, and carries out what it wants done.
    fn with_node<R>(&self, act: impl FnOnce(&mut Node<Asker>) -> R) -> R {
        let _order = self.order.lock();
        self.with_node_in_order(act)
    }

    /// The same for one who holds `order`.
    pub(crate) fn with_node_in_order<R>(&self, act: impl FnOnce(&mut Node<Asker>) -> R) -> R {
        let mut node = self.node.lock();
        let before = node.poll_timeout();
        let result = act(&mut node);
        let transmits: Vec<_> = std::iter::from_fn(|| node.poll_transmit()).collect();
        let events: Vec<_> = std::iter::from_fn(|| node.poll_event()).collect();
        // Woken too early, the task that keeps the time looks again; it must not be late.
        let is_sooner = |after: Instant| before.is_none_or(|before| after < before);
        if node.poll_timeout().is_some_and(is_sooner) {
            self.woken.notify_one();
        }
        drop(node);
        for transmit in transmits {
            match transmit {
                Transmit::Heartbeat(said) => self.send_own(None, &OwnMessage::Heartbeat(said)),
                Transmit::AskPresence { to, namespace } => {
                    let (uid, nsp) = ((&*self.uid).into(), (&*namespace).into());
                    self.send_own(Some(&to), &OwnMessage::PresenceAsked { uid, nsp });
                }
                Transmit::Message { namespace, body } => self.send(&namespace, body),
            }
        }
        events.into_iter().for_each(|event| self.happened(event));
        result
    }

    /// The part without IO, of which nothing is to be done.
    pub(crate) fn node(&self) -> MutexGuard<'_, Node<Asker>> {
        self.node.lock()
    }

    pub(crate) fn send_own(&self, to: Option<&str>, said: &OwnMessage<'_>) {
        self.bus.send_own(to, said.encode().as_bytes());
    }

    fn happened(&self, event: Event<Asker>) {
        match event {
            Event::Joined { uid, name } => {
                tracing::info!(server = &*name, uid = &*uid, "a server has joined the cluster");
                let server = RemoteServer { uid: Arc::clone(&uid), name };
                self.servers.lock().insert(uid, server.clone());
                let _ = self.events.send(ClusterEvent::Joined(server));
            }
            Event::Left { uid, name, has_said_so } => {
                tracing::info!(server = &*name, uid = &*uid, "a server has left the cluster");
                self.servers.lock().remove(&uid);
                if let Some(server) = self.local() {
                    server.forget_presence(&uid, has_said_so);
                }
                let _ = self.events.send(ClusterEvent::Left(RemoteServer { uid, name }));
            }
            Event::Silent { asker, server } => asker.replies.left(&server),
        }
    }

    /// Sends a request to the servers that are there.
    fn ask(&self, operation: &Operation<'_>, asker: &Asker, others: Option<usize>) {
        let now = now();
        let (namespace, timeout) = (operation.namespace, operation.flags.timeout);
        // Whoever asks is told under the lock: a server that leaves right after it is known to be waited for.
        let Ask { request, servers } = self.with_node(|node| {
            let ask = node.ask(namespace, asker.clone(), others, timeout, now);
            asker.replies.asked(ask.servers.iter().cloned());
            ask
        });
        if servers.is_empty() {
            return;
        }
        self.send(namespace, convert::body(operation, Some(&request)));
    }

    /// Carries out what another server says.
    fn apply(&self, message: &Message<'_>, offset: Option<&str>) {
        let Some((server, _)) = self.server.get() else { return };
        let namespace: Arc<str> = message.namespace.as_ref().into();
        let asker: Option<Arc<str>> = message.server().map(Into::into);
        let request: Option<Arc<str>> = message.body.request().map(Into::into);
        let this = Weak::clone(&self.this);
        let answered = Arc::clone(&namespace);
        let reply = move |reply: Reply| {
            if let (Some(this), Some(request)) = (this.upgrade(), &request) {
                this.answer(asker.as_deref(), &answered, request, &reply);
            }
        };
        let timeout = self.config.request_timeout;
        convert::with_operation(&namespace, &message.body, timeout, offset, |operation| {
            server.apply(operation, reply);
        });
    }

    fn answer(&self, asker: Option<&str>, namespace: &str, request: &str, reply: &Reply) {
        let is_ours = asker.is_some_and(|asker| self.node.lock().is_ours(asker));
        if let Some(body) = convert::answer(reply, request, is_ours) {
            self.counters.sent();
            self.bus.answer(asker, &self.message(namespace, body));
        }
    }
}

impl<B: Bus> Arrivals for Shared<B> {
    fn message(&self, message: &Message<'_>, offset: Option<&str>) {
        self.counters.received();
        match self.with_node(|node| node.handle_message(message, now())) {
            Verdict::Apply => self.apply(message, offset),
            Verdict::Answers { asker, server, is_joining, answers } => {
                if is_joining {
                    asker.replies.asked([Arc::clone(&server)]);
                }
                let namespace: Arc<str> = message.namespace.as_ref().into();
                for answer in answers {
                    if let Some(reply) = convert::reply(&namespace, &answer, asker.wants_ids) {
                        asker.replies.push(&server, reply);
                    }
                }
            }
            // Where all see all answers, most are for others.
            Verdict::Skip(Skipped::Unasked) if self.bus.answers_reach_all() => {}
            Verdict::Skip(why) => self.counters.skipped(why),
        }
    }

    fn recorded(&self, operation: &OwnedOperation, offset: Option<&str>) {
        let Some((server, _)) = self.server.get() else { return };
        let operation = operation.operation();
        let action = match operation.action {
            Action::Emit { event, .. } => Action::Emit { event, offset },
            other => other,
        };
        server.apply(&Operation { action, ..operation }, |_| ());
    }

    fn own(&self, bytes: &[u8]) {
        match OwnMessage::read(bytes, &Limits::default()) {
            Ok(OwnMessage::Heartbeat(heartbeat)) => {
                self.with_node(|node| node.handle_heartbeat(&heartbeat, now()));
            }
            Ok(OwnMessage::PresenceChanged(said)) => self.hear_presence_changed(&said),
            Ok(OwnMessage::PresencePart(said)) => self.hear_presence_part(&said),
            Ok(OwnMessage::PresenceAsked { uid, nsp }) => {
                if self.with_node(|node| node.handle_presence_asked(&uid, &nsp, now())) {
                    self.tell_all_presence(&uid, &nsp);
                }
            }
            // Of a server of a later version.
            Ok(_) => {}
            Err(error) => self.refused(&error),
        }
    }

    fn refused(&self, why: &dyn fmt::Display) {
        self.counters.refused();
        if self.counters.may_tell() {
            let refused = self.counters.read().refused;
            tracing::warn!(%why, refused, "something came from the bus that is no message");
        }
    }

    fn connected(&self) {
        self.with_node(Node::announce);
    }

    fn gap(&self, lasted: Duration) {
        self.counters.gap();
        tracing::warn!(
            ?lasted,
            "the connection to the bus was lost; what other servers sent meanwhile is missed"
        );
        let _ = self.events.send(ClusterEvent::Gap { lasted });
    }

    fn local(&self) -> Option<LocalServer> {
        self.server.get().map(|(server, _)| server.clone())
    }

    fn lost(&self, messages: u64, why: &dyn fmt::Display) {
        self.counters.lost(messages);
        let _ = self.events.send(ClusterEvent::Lost { messages });
        if self.counters.may_tell() {
            let lost = self.counters.read().lost;
            tracing::warn!(%why, lost, "messages between the servers of the cluster are lost");
        }
    }
}

impl<B: Bus> Cluster for BusCluster<B> {
    fn start(&self, node: LocalServer) {
        let shared = &self.shared;
        let is_first = shared.server.set((node, Handle::current())).is_ok();
        debug_assert!(is_first, "a server has a cluster of its own");
        shared.bus.start(&shared.uid, Inbox::new(shared));
        shared.with_node(|_| ());
        self.is_servers.store(true, Ordering::Relaxed);
        tokio::spawn(keep_time(Arc::downgrade(shared), Arc::clone(&shared.woken)));
    }

    fn publish(&self, operation: &Operation<'_>) {
        self.shared.send(operation.namespace, convert::body(operation, None));
    }

    fn assigns_offsets(&self) -> bool {
        self.shared.bus.assigns_offsets()
    }

    fn record(&self, operation: &Operation<'_>) {
        let shared = &self.shared;
        shared.counters.sent();
        let body = convert::body(operation, None);
        shared.bus.record(&shared.message(operation.namespace, body), operation);
    }

    fn keeps_sessions(&self) -> bool {
        self.shared.bus.keeps_sessions()
    }

    fn sessions_changed(&self) {
        self.shared.bus.sessions_changed();
    }

    fn restore_session(&self, namespace: &str, pid: &str, offset: Option<&str>) -> Restoring {
        self.shared.bus.restore_session(namespace, pid, offset)
    }

    fn ask(&self, operation: &Operation<'_>, replies: Replies) {
        let wants_ids = operation.action == Action::Ids;
        let asker = Asker { replies, wants_ids };
        if self.shared.bus.counting() == Counting::Heartbeats {
            return self.shared.ask(operation, &asker, None);
        }
        // Until it has counted, it is the bus that is waited for.
        let bus: Arc<str> = self.shared.bus.name().into();
        asker.replies.asked([Arc::clone(&bus)]);
        let operation: OwnedOperation = operation.to_owned_operation();
        let shared = Arc::clone(&self.shared);
        let ask = async move {
            let operation = operation.operation();
            // If it cannot be asked, its name stays among those that did not answer.
            if let Some(others) = shared.bus.count_others(operation.namespace).await {
                shared.ask(&operation, &asker, Some(others));
                asker.replies.left(&bus);
            }
        };
        if let Some((_, runtime)) = self.shared.server.get() {
            runtime.spawn(ask);
        }
    }

    fn open(&self, namespace: &str) {
        self.shared.bus.open(namespace);
        self.shared.with_node(|node| node.open(namespace, now()));
    }

    fn close(&self, namespace: &str) {
        self.shared.with_node(|node| node.close(namespace, now()));
        self.shared.bus.close(namespace);
    }

    fn presence_changed(&self, namespace: &str, from: u64, changes: &[PresenceChange]) {
        self.shared.tell_presence(namespace, from, changes);
    }

    fn watches_rooms(&self) -> bool {
        self.shared.bus.watches_rooms()
    }

    fn room_created(&self, namespace: &str, room: &Room, is_private: bool) {
        self.shared.bus.room_created(namespace, room, is_private);
    }

    fn room_deleted(&self, namespace: &str, room: &Room) {
        self.shared.bus.room_deleted(namespace, room);
    }

    fn server_count(&self) -> usize {
        1 + self.shared.servers.lock().len()
    }
}

/// The server leaves the cluster when it ends.
impl<B: Bus> Drop for BusCluster<B> {
    fn drop(&mut self) {
        if self.is_servers.load(Ordering::Relaxed) {
            self.shared.with_node(Node::leave);
            self.shared.bus.stop();
        }
    }
}

/// Another handle, which does not keep the server in the cluster.
impl<B: Bus> Clone for BusCluster<B> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), is_servers: AtomicBool::new(false) }
    }
}

/// Lets the node do what is due, until the last handle is gone.
async fn keep_time<B: Bus>(shared: Weak<Shared<B>>, woken: Arc<Notify>) {
    loop {
        let Some(next) = shared.upgrade().map(|shared| shared.node.lock().poll_timeout()) else {
            return;
        };
        let due = async {
            match next {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = woken.notified() => continue,
        }
        if let Some(shared) = shared.upgrade() {
            shared.with_node(|node| node.handle_timeout(now()));
        }
    }
}

/// The time, which tests may have stopped.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl<B: Bus> fmt::Debug for BusCluster<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BusCluster")
            .field("name", &self.shared.config.name)
            .field("uid", &self.shared.uid)
            .finish_non_exhaustive()
    }
}

fn random_number() -> u64 {
    getrandom::u64().expect("the system's random source works")
}

/// So many letters out of sixteen.
fn random_text(length: usize) -> String {
    let mut text = String::new();
    while text.len() < length {
        text.push_str(&format!("{:016x}", random_number()));
    }
    text.truncate(length);
    text
}
