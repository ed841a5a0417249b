//! Several servers of one process, as a cluster whose network delays and loses.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use sockeye::{Action, Cluster, Node, Operation, OwnedOperation, Replies, Reply};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// The network between servers of one process: a handle, cheap to clone. Each server gets a
/// [`member`](TestCluster::member) of it.
///
/// What one server sends to another arrives in its order, each message after a delay; a message may
/// be lost. Both are drawn from a seed: the same seed, on a paused clock, gives the same run.
///
/// ```
/// use sockeye::Server;
/// use sockeye_testing::{TestCluster, TestServer};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
/// let cluster = TestCluster::new(7);
/// let server = |name: &str| {
///     TestServer::new(Server::builder().cluster(cluster.member(name)).build().unwrap())
/// };
/// let (red, blue) = (server("red"), server("blue"));
/// let mut ann = red.connect().await;
///
/// blue.server().io().emit("news", "from another server").unwrap();
/// assert_eq!(ann.expect_event::<String>("news").await, "from another server");
/// # });
/// ```
#[derive(Clone)]
pub struct TestCluster(Arc<Network>);

struct Network {
    rules: Mutex<Rules>,
    members: Mutex<HashMap<Arc<str>, Member>>,
    /// Messages that have not arrived.
    in_flight: watch::Sender<usize>,
}

struct Rules {
    random: u64,
    delay: Range<Duration>,
    loss_percent: u64,
    /// The number of the next offset, if the cluster assigns some.
    offsets: Option<u64>,
    next_question: u64,
}

struct Member {
    node: Node,
    /// One for each server that sends to it, and one for events that get their offset.
    links: HashMap<Arc<str>, Link>,
    questions: HashMap<u64, Replies>,
    is_cut_off: bool,
}

/// What goes from one server to another, in its order.
struct Link {
    sender: mpsc::UnboundedSender<(Instant, Message)>,
    last: Instant,
}

enum Message {
    Operation { from: Arc<str>, operation: OwnedOperation, question: Option<u64> },
    Reply { from: Arc<str>, question: u64, reply: Reply },
}

/// One server's part of a [`TestCluster`], for
/// [`ServerBuilder::cluster`](sockeye::ServerBuilder::cluster).
#[derive(Clone)]
pub struct TestMember {
    name: Arc<str>,
    network: Arc<Network>,
}

impl TestCluster {
    /// A network without delays and losses.
    pub fn new(seed: u64) -> Self {
        let rules = Rules {
            random: seed,
            delay: Duration::ZERO..Duration::ZERO,
            loss_percent: 0,
            offsets: None,
            next_question: 0,
        };
        let members = Mutex::default();
        Self(Arc::new(Network {
            rules: Mutex::new(rules),
            members,
            in_flight: watch::Sender::new(0),
        }))
    }

    /// From now on each message takes a time from this range, to the millisecond.
    pub fn delay(self, delay: Range<Duration>) -> Self {
        self.0.rules.lock().delay = delay;
        self
    }

    /// From now on so many messages of a hundred are lost, operations and replies alike.
    pub fn lose(&self, percent: u64) {
        self.0.rules.lock().loss_percent = percent;
    }

    /// Events that are kept for recovery get their offsets here, as in Redis streams: they are lost
    /// for nobody, and arrive in one order everywhere.
    pub fn with_offsets(self) -> Self {
        self.0.rules.lock().offsets = Some(1);
        self
    }

    /// The part of one server. Names are different.
    pub fn member(&self, name: &str) -> TestMember {
        TestMember { name: name.into(), network: Arc::clone(&self.0) }
    }

    /// Cuts a server off: what goes to it and comes from it is lost, and nobody notices.
    pub fn cut_off(&self, name: &str) {
        if let Some(member) = self.0.members.lock().get_mut(name) {
            member.is_cut_off = true;
        }
    }

    /// Takes a server out of the cluster, as one that the others notice to be gone.
    pub fn remove(&self, name: &str) {
        let mut members = self.0.members.lock();
        members.remove(name);
        let questions = members.values().flat_map(|member| member.questions.values());
        questions.for_each(|replies| replies.left(name));
    }

    /// Waits until every message has arrived, or is lost.
    pub async fn all_arrived(&self) {
        let mut in_flight = self.0.in_flight.subscribe();
        let _ = in_flight.wait_for(|messages| *messages == 0).await;
    }
}

impl Rules {
    /// A number from 0 to `end - 1` (SplitMix64).
    fn below(&mut self, end: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end.max(1)
    }

    fn draw_delay(&mut self) -> Duration {
        let span = self.delay.end.saturating_sub(self.delay.start).as_millis();
        let part = self.below(u64::try_from(span).unwrap_or(u64::MAX));
        self.delay.start + Duration::from_millis(part)
    }
}

impl Network {
    /// Sends a message. `way`: messages of one way keep their order.
    fn send(self: &Arc<Self>, way: &Arc<str>, to: &Arc<str>, message: Message, may_be_lost: bool) {
        let mut rules = self.rules.lock();
        let (delay, percent) = (rules.draw_delay(), rules.loss_percent);
        let is_lost = rules.below(100) < percent && may_be_lost;
        drop(rules);
        let mut members = self.members.lock();
        let is_cut_off = |name| members.get(name).is_none_or(|member: &Member| member.is_cut_off);
        if is_lost || is_cut_off(to) || (message.from() != to && is_cut_off(message.from())) {
            return;
        }
        let Some(member) = members.get_mut(to) else { return };
        let link = member.links.entry(Arc::clone(way)).or_insert_with(|| self.link(to));
        link.last = link.last.max(Instant::now() + delay);
        self.in_flight.send_modify(|messages| *messages += 1);
        if link.sender.send((link.last, message)).is_err() {
            self.in_flight.send_modify(|messages| *messages -= 1);
        }
    }

    fn link(self: &Arc<Self>, to: &Arc<str>) -> Link {
        let (sender, mut messages) = mpsc::unbounded_channel();
        let (network, to) = (Arc::downgrade(self), Arc::clone(to));
        tokio::spawn(async move {
            while let Some((at, message)) = messages.recv().await {
                sleep_until(at).await;
                let Some(network) = network.upgrade() else { return };
                network.arrive(&to, message);
                network.in_flight.send_modify(|messages| *messages -= 1);
            }
        });
        Link { sender, last: Instant::now() }
    }

    fn arrive(self: &Arc<Self>, to: &Arc<str>, message: Message) {
        match message {
            Message::Operation { from, operation, question } => {
                let node = self.members.lock().get(to).map(|member| member.node.clone());
                let (network, name) = (Arc::downgrade(self), Arc::clone(to));
                let reply = move |reply| answer(&network, &name, &from, question, reply);
                if let Some(node) = node {
                    node.apply(&operation.operation(), reply);
                }
            }
            Message::Reply { from, question, reply } => {
                let mut members = self.members.lock();
                let Some(member) = members.get_mut(to) else { return };
                member.questions.retain(|_, replies| !replies.is_closed());
                let replies = member.questions.get(&question).cloned();
                drop(members);
                if let Some(replies) = replies {
                    replies.push(&from, reply);
                }
            }
        }
    }
}

/// Sends a reply back.
fn answer(
    network: &Weak<Network>,
    from: &Arc<str>,
    to: &Arc<str>,
    question: Option<u64>,
    reply: Reply,
) {
    if let (Some(network), Some(question)) = (network.upgrade(), question) {
        let message = Message::Reply { from: Arc::clone(from), question, reply };
        network.send(from, to, message, true);
    }
}

impl Message {
    fn from(&self) -> &Arc<str> {
        match self {
            Message::Operation { from, .. } | Message::Reply { from, .. } => from,
        }
    }
}

impl TestMember {
    fn others(&self) -> Vec<Arc<str>> {
        let members = self.network.members.lock();
        let mut others: Vec<_> =
            members.keys().filter(|name| **name != self.name).cloned().collect();
        others.sort_unstable();
        others
    }

    fn send(&self, to: &Arc<str>, operation: &Operation<'_>, question: Option<u64>) {
        let (from, operation) = (Arc::clone(&self.name), operation.to_owned_operation());
        let message = Message::Operation { from, operation, question };
        self.network.send(&self.name, to, message, true);
    }
}

impl Cluster for TestMember {
    fn start(&self, node: Node) {
        let (links, questions) = (HashMap::new(), HashMap::new());
        let member = Member { node, links, questions, is_cut_off: false };
        self.network.members.lock().insert(Arc::clone(&self.name), member);
    }

    fn publish(&self, operation: &Operation<'_>) {
        self.others().iter().for_each(|to| self.send(to, operation, None));
    }

    fn ask(&self, operation: &Operation<'_>, replies: Replies) {
        let others = self.others();
        replies.asked(others.iter().cloned());
        let question = {
            let mut rules = self.network.rules.lock();
            rules.next_question += 1;
            rules.next_question
        };
        if let Some(member) = self.network.members.lock().get_mut(&self.name) {
            member.questions.insert(question, replies);
        }
        others.iter().for_each(|to| self.send(to, operation, Some(question)));
    }

    fn assigns_offsets(&self) -> bool {
        self.network.rules.lock().offsets.is_some()
    }

    fn record(&self, operation: &Operation<'_>) {
        debug_assert!(matches!(operation.action, Action::Emit { .. }));
        let number = {
            let mut rules = self.network.rules.lock();
            let number = rules.offsets.get_or_insert(1);
            *number += 1;
            *number - 1
        };
        let operation = operation.to_owned_operation().with_offset(&format!("{number}-0"));
        let stream: Arc<str> = "the stream".into();
        for to in self.others().iter().chain([&self.name]) {
            let from = Arc::clone(&self.name);
            let message = Message::Operation { from, operation: operation.clone(), question: None };
            self.network.send(&stream, to, message, false);
        }
    }

    fn server_count(&self) -> usize {
        self.network.members.lock().len()
    }
}

impl fmt::Debug for TestCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCluster").finish_non_exhaustive()
    }
}

impl fmt::Debug for TestMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestMember").field("name", &self.name).finish_non_exhaustive()
    }
}
