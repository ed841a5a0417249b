//! One server's part in its cluster, without IO: who else is there, and what was asked of whom.
//!
//! The contract: one input ([`handle_heartbeat`](Node::handle_heartbeat) and its like) or command, then
//! [`poll_transmit`](Node::poll_transmit) until empty, then [`poll_event`](Node::poll_event) until empty, then
//! [`poll_timeout`](Node::poll_timeout). Inputs that depend on the time carry it.
//!
//! # Servers
//!
//! | input | of a server that is unknown | that is known |
//! |---|---|---|
//! | heartbeat | it joins; if it is new here, ours is due now | it lives for another `heartbeat_timeout` |
//! | heartbeat with the name of another and a greater generation | and the other leaves: it was started again | same |
//! | heartbeat of one that leaves | – | it leaves |
//! | a message, if servers speak in namespaces | it joins, its name is its id, in that namespace | it lives, and is there too |
//! | a message, if not | – | it lives |
//! | `INITIAL_HEARTBEAT` in a namespace | and our `HEARTBEAT` there is sent | same |
//! | `ADAPTER_CLOSE` in a namespace | – | it is in that namespace no more; in none: it leaves |
//! | nothing for `heartbeat_timeout` | – | it leaves |
//!
//! Over Redis Node's servers never say that they are there: there the bus counts who is to answer.
//!
//! # Requests
//!
//! A request has a slot for each server that is asked. Whoever answers takes its own slot. One that was not known then gets a
//! slot more; where the bus has counted, it takes one whose server is not known, else one that has nothing yet, and so does
//! one that does not say who it is.
//!
//! | answer | slot that waits | slot with acks | slot that is done |
//! |---|---|---|---|
//! | so many clients are asked | 0: done; else acks; those that came before it are given out | skipped | skipped |
//! | ack | kept until the count comes | given out, once for each client; the last: done | skipped |
//! | any other | given out, done | skipped | skipped |
//! | its server leaves | told, done | told, done | – |
//! | the time is over | the request is forgotten | same | same |

mod members;
mod presence;
mod requests;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::members::Members;
pub use self::presence::PresenceVerdict;
use self::presence::{Judged, Parts};
pub use self::requests::Ask;
use self::requests::Requests;
use crate::heartbeat::Heartbeat;
use crate::message::{Body, Message};
use crate::own::{PresenceChanged, PresencePart};

/// How a server takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// The name that people know the server by. Two that live at once have different ones; one that is started again
    /// has the same, and then it is known at once that the one before it is gone.
    pub name: String,
    /// Which of the starts under this name it is: the time in milliseconds will do.
    pub generation: u64,
    /// How often it says that it is there. Default 5 s.
    pub heartbeat_interval: Duration,
    /// How long after its last word a server is taken for gone. Default 10 s.
    pub heartbeat_timeout: Duration,
    /// Whether it says so in each namespace as well, by numbered messages, as Node's servers do over a bus that does not
    /// count subscribers. Default no.
    pub speaks_in_namespaces: bool,
    /// Servers that are remembered. Default 1,024: whoever may publish could name any number.
    pub servers_max: usize,
    /// Requests of its own that wait for answers. Default 10,000; beyond it the oldest is forgotten.
    pub requests_max: usize,
    /// Requests of others that are answered in a second. Default 10,000; beyond it they are skipped.
    pub questions_per_second_max: u32,
}

impl NodeConfig {
    /// The defaults, for a server of this name.
    pub fn new(name: impl Into<String>, generation: u64) -> Self {
        Self {
            name: name.into(),
            generation,
            heartbeat_interval: Duration::from_secs(5),
            heartbeat_timeout: Duration::from_secs(10),
            speaks_in_namespaces: false,
            servers_max: 1_024,
            requests_max: 10_000,
            questions_per_second_max: 10_000,
        }
    }
}

/// One server's part in its cluster. `T` is what the asker of a request is told by. See the tables at the top of the
/// source file.
#[derive(Debug)]
pub struct Node<T> {
    config: NodeConfig,
    uid: Arc<str>,
    namespaces: BTreeSet<Arc<str>>,
    members: Members,
    requests: Requests<T>,
    /// The presence that the others tell of, and how many changes of its own were told, by namespace.
    parts: Parts,
    told: BTreeMap<Arc<str>, u64>,
    /// When it says next that it is there; `None`: it has left.
    heartbeat_at: Option<Instant>,
    /// When it tells the servers of this project of itself once more before that: its namespaces are others, or one of
    /// them is new. Nothing is said in the namespaces then, however many are opened one after the other.
    tell_at: Option<Instant>,
    /// The second in which requests of others are counted, and how many there were.
    questions: (Instant, u32),
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event<T>>,
}

/// What is to be sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Transmit {
    /// On the channel of this project's servers.
    Heartbeat(Heartbeat<'static>),
    /// To one server of this project: who is present by its sockets is asked for.
    AskPresence {
        /// The server.
        to: Arc<str>,
        /// The namespace.
        namespace: Arc<str>,
    },
    /// To all servers of a namespace.
    Message {
        /// The namespace.
        namespace: Arc<str>,
        /// What is said.
        body: Body<'static>,
    },
}

/// What has happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<T> {
    /// A server is there.
    Joined {
        /// Its id.
        uid: Arc<str>,
        /// Its name.
        name: Arc<str>,
    },
    /// A server is gone.
    Left {
        /// Its id.
        uid: Arc<str>,
        /// Its name.
        name: Arc<str>,
        /// Whether it has said so, or was started again; else it was silent for too long.
        has_said_so: bool,
    },
    /// A server that was asked is gone: it answers no more.
    Silent {
        /// Who asked.
        asker: T,
        /// The server, as it was called when it was asked.
        server: Arc<str>,
    },
}

/// What is to be done with a message that came.
#[derive(Debug, PartialEq)]
pub enum Verdict<'m, T> {
    /// It is to be carried out here, and answered if it asks.
    Apply,
    /// These are answers of one server to a request of this one, in order.
    Answers {
        /// Who asked.
        asker: T,
        /// The server, as it was called when it was asked.
        server: Arc<str>,
        /// It was not known then, and is one of those that are waited for from now on.
        is_joining: bool,
        /// What it answers.
        answers: Vec<Body<'m>>,
    },
    /// Nothing.
    Skip(Skipped),
}

/// Why nothing is done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skipped {
    /// It is this server's own.
    Own,
    /// It is for a namespace that is not here.
    Namespace,
    /// Nobody waits for this answer: it is late, came twice, or was never asked for.
    Unasked,
    /// It says that somebody is there, and that was noted.
    Heartbeat,
    /// Others ask more than this server answers.
    TooMany,
    /// It came before what it belongs to, and is kept until then.
    Early,
}

impl<T: Clone> Node<T> {
    /// A server without namespaces. `uid`: its id, drawn at random, as long as the bus wants it. `seed`: any random
    /// number, of which the ids of requests are made.
    pub fn new(uid: impl Into<Arc<str>>, config: NodeConfig, seed: u64, now: Instant) -> Self {
        let uid = uid.into();
        let mut node = Self {
            members: Members::new(config.servers_max),
            requests: Requests::new(uid.len(), config.requests_max, seed),
            parts: Parts::default(),
            told: BTreeMap::new(),
            config,
            uid,
            namespaces: BTreeSet::new(),
            heartbeat_at: Some(now),
            tell_at: None,
            questions: (now, 0),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        };
        node.say(true, false);
        node.heartbeat_at = Some(now + node.config.heartbeat_interval);
        node
    }

    /// Tells the others of itself, and asks who they are: what was said until now may have reached nobody, and what the
    /// others said may not have come here.
    pub fn announce(&mut self) {
        if self.heartbeat_at.is_none() {
            return;
        }
        self.say(true, false);
        for namespace in self.namespaces.clone() {
            self.speak(&namespace, Body::InitialHeartbeat);
        }
    }

    /// Its id.
    pub fn uid(&self) -> &Arc<str> {
        &self.uid
    }

    /// Begins to serve a namespace.
    pub fn open(&mut self, namespace: &str, now: Instant) {
        let namespace: Arc<str> = namespace.into();
        if !self.namespaces.insert(Arc::clone(&namespace)) {
            return;
        }
        self.speak(&namespace, Body::InitialHeartbeat);
        for (uid, count) in self.members.presence_of(&namespace) {
            if self.parts.counted(&uid, &namespace, count) {
                self.ask_presence(uid, &namespace);
            }
        }
        self.tell_at = self.heartbeat_at.map(|_| now);
        self.check();
    }

    /// Ends to serve a namespace.
    pub fn close(&mut self, namespace: &str, now: Instant) {
        let Some(namespace) = self.namespaces.take(namespace) else { return };
        self.speak(&namespace, Body::Close);
        self.parts.forget_namespace(&namespace);
        self.told.remove(&namespace);
        self.tell_at = self.heartbeat_at.map(|_| now);
        self.check();
    }

    /// Leaves the cluster: the others are told.
    pub fn leave(&mut self) {
        if self.heartbeat_at.take().is_none() {
            return;
        }
        self.tell_at = None;
        self.say(false, true);
        for namespace in std::mem::take(&mut self.namespaces) {
            self.speak(&namespace, Body::Close);
        }
    }

    /// How many servers a namespace has, this one included, as far as they have said so.
    pub fn server_count(&self, namespace: &str) -> usize {
        1 + self.servers_in(namespace).count()
    }

    /// The other servers of a namespace, as far as they have said so: their ids and names, in the order of the ids.
    pub fn servers_in<'a>(
        &'a self,
        namespace: &'a str,
    ) -> impl Iterator<Item = (Arc<str>, Arc<str>)> + 'a {
        self.members.of(namespace)
    }

    /// Whether a server is one of this project, which has said so.
    pub fn is_ours(&self, uid: &str) -> bool {
        self.members.get(uid).is_some_and(|member| member.is_ours)
    }

    /// Begins a request. `others`: how many other servers are asked, if the bus counts them; else those that are known.
    /// `timeout`: when it is forgotten.
    pub fn ask(
        &mut self,
        namespace: &str,
        asker: T,
        others: Option<usize>,
        timeout: Duration,
        now: Instant,
    ) -> Ask {
        let known = self.members.of(namespace);
        let ask = self.requests.begin(asker, known, others, deadline(now, timeout));
        self.check();
        ask
    }

    /// Takes what a server of this project says of itself.
    pub fn handle_heartbeat(&mut self, said: &Heartbeat<'_>, now: Instant) {
        if *said.uid == *self.uid || self.heartbeat_at.is_none() {
            return;
        }
        if said.is_leaving {
            return self.remove(&said.uid, true);
        }
        let until = now + self.config.heartbeat_timeout;
        if let Some(before) = self.members.predecessor(said) {
            self.remove(&before, true);
        }
        if let Some((uid, name)) = self.members.heard(said, until) {
            self.events.push_back(Event::Joined { uid, name });
        }
        for (namespace, count) in &said.presence {
            let Some(namespace) = self.namespaces.get(&**namespace).cloned() else { continue };
            if self.is_ours(&said.uid) && self.parts.counted(&said.uid, &namespace, *count) {
                self.ask_presence(said.uid.as_ref().into(), &namespace);
            }
        }
        if said.wants_answer {
            self.tell_at = Some(now);
        }
        self.check();
    }

    /// So many changes of presence in a namespace were told by this server.
    pub fn set_presence_told(&mut self, namespace: &str, count: u64) {
        if let Some(namespace) = self.namespaces.get(namespace) {
            self.told.insert(Arc::clone(namespace), count);
        }
    }

    /// Takes changes of presence that a server of this project tells, and says what is to be done with them.
    pub fn handle_presence_changed(&mut self, said: &PresenceChanged<'_>) -> PresenceVerdict {
        let count = said.changes.len() as u64;
        self.hear_presence(&said.uid, &said.nsp, |parts| {
            parts.changes(&said.uid, &said.nsp, said.from, count)
        })
    }

    /// Takes a piece of all who are present by the sockets of a server of this project.
    pub fn handle_presence_part(&mut self, said: &PresencePart<'_>) -> PresenceVerdict {
        self.hear_presence(&said.uid, &said.nsp, |parts| {
            parts.piece(&said.uid, &said.nsp, said.version, said.piece, said.is_last)
        })
    }

    /// A server of this project asks who is present. True: it is to be told.
    pub fn handle_presence_asked(&mut self, uid: &str, namespace: &str, now: Instant) -> bool {
        *uid != *self.uid && self.is_open(namespace) && self.may_answer(now)
    }

    /// Of a server that is not known nothing is taken: nobody would say that it is gone.
    fn hear_presence(
        &mut self,
        uid: &str,
        namespace: &str,
        judge: impl FnOnce(&mut Parts) -> Judged,
    ) -> PresenceVerdict {
        let Some(namespace) = self.namespaces.get(namespace).cloned() else {
            return PresenceVerdict::Skip;
        };
        if *uid == *self.uid || !self.is_ours(uid) {
            return PresenceVerdict::Skip;
        }
        let (verdict, is_asked) = judge(&mut self.parts);
        if is_asked {
            self.ask_presence(uid.into(), &namespace);
        }
        verdict
    }

    fn ask_presence(&mut self, to: Arc<str>, namespace: &Arc<str>) {
        let namespace = Arc::clone(namespace);
        self.transmits.push_back(Transmit::AskPresence { to, namespace });
    }

    /// Takes a message, and says what is to be done with it.
    pub fn handle_message<'m>(&mut self, message: &Message<'m>, now: Instant) -> Verdict<'m, T> {
        let verdict = self.judge(message, now);
        self.check();
        verdict
    }

    fn judge<'m>(&mut self, message: &Message<'m>, now: Instant) -> Verdict<'m, T> {
        if message.sender.as_deref() == Some(&*self.uid) {
            return Verdict::Skip(Skipped::Own);
        }
        if !self.is_open(&message.namespace) {
            return Verdict::Skip(Skipped::Namespace);
        }
        let is_bye = message.body == Body::Close;
        if let Some(server) = message.server().filter(|_| !is_bye) {
            let until = now + self.config.heartbeat_timeout;
            let is_news = self.config.speaks_in_namespaces;
            let joined = self.members.spoke(server, &message.namespace, is_news, until);
            if let Some((uid, name)) = joined {
                self.events.push_back(Event::Joined { uid, name });
            }
        }
        match &message.body {
            Body::InitialHeartbeat => {
                let namespace: Arc<str> = message.namespace.as_ref().into();
                self.speak(&namespace, Body::Heartbeat);
                Verdict::Skip(Skipped::Heartbeat)
            }
            Body::Heartbeat => Verdict::Skip(Skipped::Heartbeat),
            Body::Close => {
                let sender = message.server().unwrap_or_default();
                if self.members.left(sender, &message.namespace) {
                    self.remove(sender, true);
                }
                Verdict::Skip(Skipped::Heartbeat)
            }
            body if body.is_answer() => {
                let server = message.server();
                let member = server.and_then(|server| self.members.get(server));
                self.requests.answer(server, member.map(|member| &member.name), body.clone())
            }
            body => {
                if body.request().is_some() && !self.may_answer(now) {
                    return Verdict::Skip(Skipped::TooMany);
                }
                Verdict::Apply
            }
        }
    }

    /// Whether one more request of others is answered in this second.
    fn may_answer(&mut self, now: Instant) -> bool {
        let (since, count) = &mut self.questions;
        if now.saturating_duration_since(*since) >= Duration::from_secs(1) {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= self.config.questions_per_second_max
    }

    /// What is due by now: a heartbeat, servers that have been silent for too long, requests whose time is over.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.heartbeat_at.is_some_and(|at| at <= now) {
            self.say(false, false);
            for namespace in self.namespaces.clone() {
                self.speak(&namespace, Body::Heartbeat);
            }
            self.heartbeat_at = Some(now + self.config.heartbeat_interval);
            self.tell_at = None;
        }
        if self.tell_at.take_if(|at| *at <= now).is_some() {
            self.say(false, false);
        }
        while let Some(uid) = self.members.overdue(now) {
            self.remove(&uid, false);
        }
        self.requests.forget_overdue(now);
        self.check();
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let (members, requests) = (self.members.next_timeout(), self.requests.next_timeout());
        let times = [self.heartbeat_at, self.tell_at, members, requests];
        times.into_iter().flatten().min()
    }

    /// What is to be sent.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// What has happened.
    pub fn poll_event(&mut self) -> Option<Event<T>> {
        self.events.pop_front()
    }

    fn is_open(&self, namespace: &str) -> bool {
        self.namespaces.contains(namespace)
    }

    /// Says of itself what there is to say.
    fn say(&mut self, wants_answer: bool, is_leaving: bool) {
        let names = || self.namespaces.iter().map(|name| Cow::Owned(name.to_string())).collect();
        let said = Heartbeat {
            uid: self.uid.to_string().into(),
            name: self.config.name.clone().into(),
            generation: self.config.generation,
            namespaces: (self.namespaces.len() <= NAMESPACES_LISTED_MAX).then(names),
            presence: {
                let told = self.told.iter().take(NAMESPACES_LISTED_MAX);
                told.map(|(name, count)| (Cow::Owned(name.to_string()), *count)).collect()
            },
            is_leaving,
            wants_answer,
        };
        self.transmits.push_back(Transmit::Heartbeat(said));
    }

    /// Says something in a namespace, where servers do so.
    fn speak(&mut self, namespace: &Arc<str>, body: Body<'static>) {
        if self.config.speaks_in_namespaces {
            let namespace = Arc::clone(namespace);
            self.transmits.push_back(Transmit::Message { namespace, body });
        }
    }

    /// Forgets a server, and tells those who wait for it.
    fn remove(&mut self, uid: &str, has_said_so: bool) {
        let Some((uid, name)) = self.members.remove(uid) else { return };
        self.parts.forget_server(&uid);
        for (asker, server) in self.requests.left(&uid) {
            self.events.push_back(Event::Silent { asker, server });
        }
        self.events.push_back(Event::Left { uid, name, has_said_so });
    }

    /// Checks the invariants.
    fn check(&self) {
        self.members.check();
        self.requests.check();
    }
}

/// Namespaces that a heartbeat lists; of a server with more it is not known which it has.
const NAMESPACES_LISTED_MAX: usize = 256;

/// A time-out may be as long as anybody likes.
fn deadline(now: Instant, timeout: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    now + timeout.min(YEAR)
}
