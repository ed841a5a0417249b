//! One world: what happens in it, and what has to be so.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sockeye::{ClusterError, Config, Event, Io, Namespace, PresenceRules, Server, Socket};
use sockeye_cluster::{BusCluster, ClusterConfig, ClusterEvent};
use sockeye_sim::Random;
use sockeye_testing::{TestClient, TestServer};
use tokio::sync::broadcast::Receiver;
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, sleep};

use super::bus::{Faults, Network, SimBus};

const NEWS: Event<(u32, u32)> = Event::new("news");
const QUESTION: Event<(), u32> = Event::new("question");
const NAMES: [&str; 3] = ["red", "green", "blue"];
const TIMEOUT: Duration = Duration::from_secs(3);
const HEARTBEAT: Duration = Duration::from_secs(1);
const GONE_AFTER: Duration = Duration::from_secs(4);
/// The longest jump of a clock.
const JUMP_MAX: Duration = Duration::from_secs(20);
/// A question ends at its time-out; what it takes to say so takes no time of the clock.
const SLACK: Duration = Duration::from_millis(20);

/// What was seen in some worlds.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) complete: u64,
    pub(crate) partial: u64,
    pub(crate) events: u64,
    pub(crate) deaths: u64,
    pub(crate) cuts: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
}

impl Seen {
    pub(crate) fn add(&mut self, other: &Seen) {
        self.complete += other.complete;
        self.partial += other.partial;
        self.events += other.events;
        self.deaths += other.deaths;
        self.cuts += other.cuts;
        self.lost += other.lost;
        self.doubled += other.doubled;
    }
}

/// What a client says when it connects.
#[derive(Serialize, Deserialize)]
struct Auth {
    room: String,
}

impl Auth {
    fn of(room: &str) -> Self {
        Self { room: room.to_owned() }
    }
}

/// A server that lives, with a client that hears events and one that answers questions.
struct Member {
    cluster: BusCluster<SimBus>,
    server: TestServer,
    /// The ids of its sockets.
    ids: BTreeSet<String>,
    /// The number that its client answers with.
    number: u32,
    /// What its other client has heard: the number of the sender and that of the event.
    heard: Arc<Mutex<Vec<(u32, u32)>>>,
    clients: Vec<JoinHandle<()>>,
    /// Events that were sent by any server while it lived.
    missed_before: usize,
    /// By socket, who is present by it, and what is said of it.
    present: BTreeMap<String, (String, u32)>,
}

struct World {
    random: Random,
    network: Arc<Network>,
    faults: Faults,
    members: BTreeMap<&'static str, Member>,
    next_number: u32,
    /// Events in the order in which they were sent.
    sent: Vec<(u32, u32)>,
    questions: Vec<JoinHandle<Answered>>,
    /// What has happened to servers, from the beginning.
    troubles: Arc<Mutex<Vec<Trouble>>>,
    seen: Seen,
}

/// What keeps a server from answering.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trouble {
    Death(Arc<str>),
    Cut(Arc<str>, Arc<str>),
    /// All servers are late with everything.
    Jump,
}

/// How a question was answered.
struct Answered {
    is_complete: bool,
}

pub(crate) async fn play(seed: u64) -> Seen {
    let mut random = Random::new(seed);
    let faults = Faults {
        delay: [0, 5, 50, 400][random.below(4) as usize],
        loss: [0, 0, 2, 20][random.below(4) as usize],
        doubles: [0, 0, 10][random.below(3) as usize],
        reorders: random.chance(30),
        unknown: [0, 5][random.below(2) as usize],
    };
    let mut world = World {
        network: Network::new(random.number(), faults.clone()),
        random,
        faults,
        members: BTreeMap::new(),
        next_number: 0,
        sent: Vec::new(),
        questions: Vec::new(),
        troubles: Arc::default(),
        seen: Seen::default(),
    };
    for name in NAMES {
        world.begin(name).await;
    }
    for _ in 0..25 {
        world.step().await;
        let pause = [0, 1, 20, 700][world.random.below(4) as usize];
        sleep(Duration::from_millis(pause)).await;
    }
    world.end().await
}

impl World {
    async fn begin(&mut self, name: &'static str) {
        let config = ClusterConfig::new(name).heartbeat(HEARTBEAT, GONE_AFTER);
        let cluster = BusCluster::new(self.network.member(), config);
        self.next_number += 1;
        let number = self.next_number;
        let namespace = Namespace::new("/")
            .presence(PresenceRules::default().grace(HEARTBEAT))
            .on_connect(async |socket: Socket, auth: Auth| socket.join(auth.room))
            .on_server_side("who", move || async move { sockeye::Ack(number) });
        // Clients outlive every jump of the clock.
        let mut config = Config::default();
        config.engine.ping_interval = Duration::from_secs(1_000_000);
        let server = Server::builder().config(config).namespace(namespace);
        let server = server.cluster(cluster.clone()).build();
        let server = TestServer::new(server.unwrap());
        let heard = Arc::<Mutex<Vec<_>>>::default();
        let mut listener = server.client().auth(&Auth::of("listen")).connect().await.unwrap();
        let mut answerer = server.client().auth(&Auth::of("answer")).connect().await.unwrap();
        let ids = [&listener, &answerer].map(|client| client.id().to_owned()).into();
        // Neither is missed when clocks jump again and again.
        for client in [&mut listener, &mut answerer] {
            client.set_patience(Duration::from_secs(1_000_000));
        }
        let hears = Arc::clone(&heard);
        let listens = tokio::spawn(async move {
            while let Some(event) = listener.next_event().await {
                hears.lock().push(event.args.decode::<(u32, u32)>().unwrap());
            }
        });
        let answers = tokio::spawn(async move { answer(answerer, number).await });
        let clients = vec![listens, answers];
        let (missed_before, present) = (self.sent.len(), BTreeMap::new());
        let member =
            Member { cluster, server, ids, number, heard, clients, missed_before, present };
        self.members.insert(name, member);
    }

    fn any(&mut self) -> &'static str {
        let alive: Vec<_> = self.members.keys().copied().collect();
        alive[self.random.below(alive.len() as u64) as usize]
    }

    async fn step(&mut self) {
        match self.random.below(26) {
            20..=25 => self.be_present(),
            0..=6 => self.emit(),
            7..=9 => self.fetch().await,
            10..=12 => self.ask_clients(),
            13 | 14 => self.ask_servers(),
            15 => self.kill(true),
            16 => self.kill(false),
            17 => {
                for name in NAMES {
                    if !self.members.contains_key(name) {
                        self.begin(name).await;
                    }
                }
            }
            18 => self.cut(),
            _ => {
                if self.random.chance(50) {
                    self.network.join();
                } else {
                    // A clock that jumps: everything is late at once.
                    self.troubles.lock().push(Trouble::Jump);
                    advance(Duration::from_millis(self.random.below(JUMP_MAX.as_millis() as u64)))
                        .await;
                }
            }
        }
    }

    fn emit(&mut self) {
        let name = self.any();
        let member = &self.members[name];
        let event = (member.number, self.sent.len() as u32);
        member.server.server().io().to("listen").emit(NEWS, &event).unwrap();
        self.sent.push(event);
        self.seen.events += 1;
    }

    /// Somebody is present by a socket, as another or with something else to say; or is not any more.
    fn be_present(&mut self) {
        let (name, number) = (self.any(), self.random.below(1_000_000) as u32);
        let user = format!("user {}", self.random.below(3));
        let is_second = self.random.chance(50);
        let leaves = self.random.chance(30);
        let member = self.members.get_mut(name).unwrap();
        let id = member.ids.iter().nth(usize::from(is_second)).unwrap();
        let io = member.server.server().io();
        let (presence, socket) = (io.presence("lobby"), io.socket(id).unwrap());
        if leaves {
            let was_present = presence.leave(&socket);
            assert_eq!(was_present, member.present.remove(id).is_some());
        } else {
            presence.join(&socket, user.as_str(), &number).unwrap();
            member.present.insert(id.clone(), (user, number));
        }
    }

    /// Every server knows everybody who is present.
    async fn check_presence(&self) {
        let mut all = BTreeSet::new();
        for member in self.members.values() {
            all.extend(member.present.values().cloned());
        }
        for (name, member) in &self.members {
            let present = member.server.server().io().presence("lobby").list().await;
            let connections = present.iter().flat_map(|person| {
                let said = person.connections.iter();
                said.map(|it| (person.user.clone(), it.metadata.decode::<u32>().unwrap()))
            });
            let known: Vec<_> = connections.collect();
            let set: BTreeSet<_> = known.iter().cloned().collect();
            assert_eq!(known.len(), set.len(), "somebody is there twice: {known:?}");
            assert_eq!(set, all, "{name} knows others than are present");
        }
    }

    /// Another server dies without a word, or ends as it should. One always lives.
    fn kill(&mut self, is_sudden: bool) {
        if self.members.len() < 2 {
            return;
        }
        let name = self.any();
        let member = self.members.remove(name).unwrap();
        self.troubles.lock().push(Trouble::Death(Arc::clone(member.cluster.uid())));
        self.check_heard(&member);
        if is_sudden {
            self.network.cut_off(member.cluster.uid());
        }
        member.clients.iter().for_each(JoinHandle::abort);
        self.seen.deaths += 1;
    }

    fn cut(&mut self) {
        let (one, other) = (self.any(), self.any());
        if one != other {
            let uid = |name| Arc::clone(self.members[name].cluster.uid());
            let (one, other) = (uid(one), uid(other));
            self.network.cut(&one, &other);
            self.troubles.lock().push(Trouble::Cut(one, other));
            self.seen.cuts += 1;
        }
    }

    /// What the asker knows when it asks: the members that it takes for there.
    fn asked(&mut self) -> (Io, Known) {
        let name = self.any();
        let member = &self.members[name];
        let known = member.cluster.servers_in("/");
        let names = known.iter().map(|server| server.name.to_string()).collect();
        let of = |name: &str| {
            let member = self.members.get(name)?;
            let is_this = known.iter().any(|server| server.uid == *member.cluster.uid());
            is_this.then(|| (Arc::clone(member.cluster.uid()), member.number, member.ids.clone()))
        };
        let others: Vec<_> = NAMES.iter().filter_map(|name| of(name)).collect();
        let own = (Arc::clone(member.cluster.uid()), member.number, member.ids.clone());
        let is_cut = |(uid, ..): &&KnownServer| self.network.is_cut(&own.0, uid);
        let known = Known {
            cut: others.iter().filter(is_cut).map(|(uid, ..)| Arc::clone(uid)).collect(),
            own,
            others,
            names,
            events: Mutex::new(member.cluster.events()),
            is_lossy: self.faults.loss > 0 || self.faults.delay > 100,
            begun: self.troubles.lock().len(),
            troubles: Arc::clone(&self.troubles),
        };
        (member.server.server().io(), known)
    }

    async fn fetch(&mut self) {
        let (io, known) = self.asked();
        let begun = Instant::now();
        let mut fetch = Box::pin(async move { io.timeout(TIMEOUT).fetch().await });
        // It is asked at once, before anything else happens.
        let at_once = poll_fn(|cx| Poll::Ready(fetch.as_mut().poll(cx))).await;
        self.questions.push(tokio::spawn(async move {
            let sockets = match at_once {
                Poll::Ready(sockets) => sockets,
                Poll::Pending => fetch.await,
            };
            known.check_time(begun);
            match sockets {
                Ok(sockets) => {
                    let ids: Vec<_> = sockets.iter().map(|it| it.id().to_string()).collect();
                    let set: BTreeSet<_> = ids.iter().cloned().collect();
                    assert_eq!(set.len(), ids.len(), "a socket is listed twice");
                    for (_, _, ids) in known.alive() {
                        assert!(
                            ids.is_subset(&set),
                            "a socket is not listed: {ids:?} of {set:?}; {:?}",
                            known.since()
                        );
                    }
                    Answered { is_complete: true }
                }
                Err(ClusterError::Timeout { missing }) => {
                    known.check_missing(&missing);
                    Answered { is_complete: false }
                }
                Err(other) => panic!("{other}"),
            }
        }));
    }

    fn ask_clients(&mut self) {
        let (io, known) = self.asked();
        let begun = Instant::now();
        let asked = io.to("answer").timeout(TIMEOUT).emit_with_ack(QUESTION, &()).unwrap();
        self.questions.push(tokio::spawn(async move {
            let answers = asked.collect().await;
            known.check_time(begun);
            let numbers: Vec<_> = answers.values.iter().map(|(_, number)| *number).collect();
            let set: BTreeSet<_> = numbers.iter().copied().collect();
            assert_eq!(set.len(), numbers.len(), "an answer is counted twice: {numbers:?}");
            if answers.is_complete() {
                for (_, number, _) in known.alive() {
                    assert!(
                        set.contains(number),
                        "no answer of {number} among {set:?}; {answers:?} {:?}",
                        known.since()
                    );
                }
            }
            Answered { is_complete: answers.is_complete() }
        }));
    }

    fn ask_servers(&mut self) {
        let (io, known) = self.asked();
        let begun = Instant::now();
        let asked = io.timeout(TIMEOUT).server_side_emit_with_ack::<_, u32>("who", &());
        self.questions.push(tokio::spawn(async move {
            let answers = asked.unwrap().await;
            known.check_time(begun);
            let is_complete = answers.iter().all(Result::is_ok);
            let numbers: Vec<u32> = answers.into_iter().flatten().collect();
            let set: BTreeSet<_> = numbers.iter().copied().collect();
            assert_eq!(set.len(), numbers.len(), "a server answers twice: {numbers:?}");
            if is_complete {
                for (_, number, _) in known.alive_others() {
                    assert!(
                        set.contains(number),
                        "no answer of {number} among {set:?}; {:?}",
                        known.since()
                    );
                }
            }
            Answered { is_complete }
        }));
    }

    /// What a member has heard is what was sent while it lived.
    fn check_heard(&self, member: &Member) {
        let heard = member.heard.lock();
        let mut last = BTreeMap::new();
        let mut all = BTreeSet::new();
        for &(sender, event) in heard.iter() {
            assert_eq!(self.sent.get(event as usize), Some(&(sender, event)), "never sent");
            let is_new = all.insert(event);
            let may_double = self.faults.doubles > 0;
            assert!(is_new || may_double, "{event} is heard twice by {}", member.number);
            let before = last.insert(sender, event);
            let is_in_order = before.is_none_or(|before| before <= event);
            assert!(is_in_order || self.faults.reorders, "{event} of {sender} after {before:?}");
        }
    }

    async fn end(mut self) -> Seen {
        self.network.heal();
        for name in NAMES {
            if !self.members.contains_key(name) {
                self.begin(name).await;
            }
        }
        // What is on its way arrives, then servers have the time in which they are taken for gone, and a heartbeat more.
        sleep(Duration::from_millis(400) + GONE_AFTER + 2 * HEARTBEAT).await;
        for (name, member) in &self.members {
            let known: BTreeSet<_> =
                member.cluster.servers().iter().map(|it| Arc::clone(&it.uid)).collect();
            let others = self.members.iter().filter(|(other, _)| *other != name);
            let there: BTreeSet<_> =
                others.map(|(_, other)| Arc::clone(other.cluster.uid())).collect();
            assert_eq!(known, there, "{name} knows others than there are");
            assert_eq!(member.cluster.server_count("/").await, Some(NAMES.len()));
        }
        for name in NAMES {
            self.check_whole(name).await;
        }
        self.check_presence().await;
        for question in std::mem::take(&mut self.questions) {
            let Answered { is_complete } = question.await.unwrap_or_else(|error| {
                std::panic::resume_unwind(error.into_panic());
            });
            self.seen.complete += u64::from(is_complete);
            self.seen.partial += u64::from(!is_complete);
        }
        for member in self.members.values() {
            self.check_heard(member);
            let is_calm = self.seen.cuts == 0 && self.seen.deaths == 0 && self.faults.loss == 0;
            if is_calm {
                let heard: BTreeSet<_> = member.heard.lock().iter().copied().collect();
                let all: BTreeSet<_> = self.sent[member.missed_before..].iter().copied().collect();
                assert!(heard.is_superset(&all), "{} has missed something", member.number);
            }
        }
        let counts = *self.network.counts.lock();
        (self.seen.lost, self.seen.doubled) = (counts.lost, counts.doubled);
        for member in self.members.values() {
            member.clients.iter().for_each(JoinHandle::abort);
        }
        self.seen
    }

    /// Every question of this server is answered by all.
    async fn check_whole(&self, name: &str) {
        let io = self.members[name].server.server().io();
        let sockets = io.timeout(TIMEOUT).fetch().await.unwrap();
        let listed: BTreeSet<_> = sockets.iter().map(|it| it.id().to_string()).collect();
        let ids = self.members.values().flat_map(|member| member.ids.clone());
        assert_eq!(listed, ids.collect::<BTreeSet<_>>());
        let asked = io.to("answer").timeout(TIMEOUT).emit_with_ack(QUESTION, &()).unwrap();
        let answers = asked.collect_all().await.unwrap();
        let numbers: BTreeSet<_> = self.members.values().map(|member| member.number).collect();
        assert_eq!(answers.into_iter().collect::<BTreeSet<_>>(), numbers);
    }
}

/// A server as the asker knew it: its id, its number, its sockets.
type KnownServer = (Arc<str>, u32, BTreeSet<String>);

/// What the asker knew when it asked.
struct Known {
    own: KnownServer,
    others: Vec<KnownServer>,
    /// The names of all of them, and of those that are there no more.
    names: BTreeSet<String>,
    /// Those that could not hear the asker.
    cut: BTreeSet<Arc<str>>,
    /// What the asker is told of the others since.
    events: Mutex<Receiver<ClusterEvent>>,
    /// Whether a message may be lost, or be so late that its sender is taken for gone.
    is_lossy: bool,
    /// How much trouble there was before.
    begun: usize,
    troubles: Arc<Mutex<Vec<Trouble>>>,
}

impl Known {
    fn check_time(&self, begun: Instant) {
        // A clock that jumps makes the time-out late by the jump, and the answer with it.
        let jumps = self.since().iter().filter(|it| **it == Trouble::Jump).count();
        let longest = TIMEOUT + jumps as u32 * JUMP_MAX + SLACK;
        let elapsed = begun.elapsed();
        assert!(elapsed <= longest, "a question took {elapsed:?} with {jumps} jumps");
    }

    /// What has happened since the question.
    fn since(&self) -> Vec<Trouble> {
        self.troubles.lock()[self.begun..].to_vec()
    }

    /// The servers that have died since, that could not hear the asker for a while, or that it took for gone.
    fn troubled(&self) -> BTreeSet<Arc<str>> {
        let mut troubled = self.cut.clone();
        let since = self.since();
        for trouble in &since {
            match trouble {
                Trouble::Death(uid) => _ = troubled.insert(Arc::clone(uid)),
                Trouble::Cut(one, other) if *one == self.own.0 => {
                    troubled.insert(Arc::clone(other));
                }
                Trouble::Cut(one, other) if *other == self.own.0 => {
                    troubled.insert(Arc::clone(one));
                }
                Trouble::Cut(..) | Trouble::Jump => {}
            }
        }
        let mut events = self.events.lock();
        while let Ok(event) = events.try_recv() {
            if let ClusterEvent::Left(server) = event {
                let is_explained = self.is_lossy
                    || troubled.contains(&server.uid)
                    || self.troubles.lock().iter().any(|it| it.may_silence(&server.uid));
                assert!(
                    is_explained,
                    "{} was taken for gone, and nothing had happened",
                    server.name
                );
                troubled.insert(server.uid);
            }
        }
        troubled
    }

    /// The servers beside this one that could answer all the time.
    fn alive_others(&self) -> impl Iterator<Item = &KnownServer> {
        let troubled = self.troubled();
        self.others.iter().filter(move |(uid, ..)| !troubled.contains(uid))
    }

    fn alive(&self) -> impl Iterator<Item = &KnownServer> {
        let own = !self.since().contains(&Trouble::Death(Arc::clone(&self.own.0)));
        own.then_some(&self.own).into_iter().chain(self.alive_others())
    }

    fn check_missing(&self, missing: &[String]) {
        assert!(!missing.is_empty());
        for name in missing {
            // One that was started again while the others do not know that the first is gone is called by its id as well.
            let name = name.split(' ').next().unwrap();
            assert!(self.names.contains(name), "{name} was not among {:?}", self.names);
        }
        let is_explained = self.is_lossy
            || !self.troubled().is_empty()
            || self.since().contains(&Trouble::Jump)
            || self.since().contains(&Trouble::Death(Arc::clone(&self.own.0)))
            || self.others.len() < self.names.len();
        assert!(is_explained, "{missing:?} did not answer, and nothing had happened");
    }
}

impl Trouble {
    /// Whether others may take the server for gone after it.
    fn may_silence(&self, server: &Arc<str>) -> bool {
        match self {
            Trouble::Death(uid) => uid == server,
            Trouble::Cut(one, other) => one == server || other == server,
            Trouble::Jump => true,
        }
    }
}

async fn answer(mut client: TestClient, number: u32) {
    loop {
        let (_, request) = client.expect_request(QUESTION).await;
        request.answer(&number);
    }
}
