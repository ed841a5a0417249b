use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::message::{Emitted, Flags, Targets, Value};
use crate::own::PresentConnection;

type TestNode = Node<u32>;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn node(uid: &str, now: Instant) -> TestNode {
    let mut node = Node::new(uid, NodeConfig::new(format!("name of {uid}"), 1), 7, now);
    node.open("/", now);
    drain(&mut node);
    node
}

/// What is to be sent.
fn drain(node: &mut TestNode) -> Vec<Transmit> {
    std::iter::from_fn(|| node.poll_transmit()).collect()
}

fn events(node: &mut TestNode) -> Vec<Event<u32>> {
    std::iter::from_fn(|| node.poll_event()).collect()
}

fn heartbeat(uid: &str, name: &str, generation: u64) -> Heartbeat<'static> {
    Heartbeat {
        uid: uid.to_owned().into(),
        name: name.to_owned().into(),
        generation,
        namespaces: Some(vec!["/".into()]),
        is_leaving: false,
        presence: BTreeMap::new(),
        wants_answer: false,
    }
}

fn message<'a>(sender: Option<&'a str>, body: Body<'a>) -> Message<'a> {
    Message { sender: sender.map(Into::into), namespace: "/".into(), body }
}

fn ack(request: &str, socket: Option<&str>, json: &str) -> Body<'static> {
    Body::Ack {
        request: request.to_owned().into(),
        socket: socket.map(|socket| socket.to_owned().into()),
        answer: Some(Value::new(json, &[]).into_owned()),
    }
}

fn asked(request: &str, count: u64) -> Body<'static> {
    Body::Asked { request: request.to_owned().into(), count }
}

fn sockets(request: &str) -> Body<'static> {
    Body::Sockets { request: request.to_owned().into(), sockets: Vec::new() }
}

fn joined(uid: &str, name: &str) -> Event<u32> {
    Event::Joined { uid: uid.into(), name: name.into() }
}

fn left(uid: &str, name: &str, has_said_so: bool) -> Event<u32> {
    Event::Left { uid: uid.into(), name: name.into(), has_said_so }
}

/// Who answered, and how many answers were given out.
fn given(verdict: Verdict<'_, u32>) -> Option<(String, usize)> {
    match verdict {
        Verdict::Answers { server, answers, .. } => Some((server.to_string(), answers.len())),
        Verdict::Skip(_) => None,
        Verdict::Apply => panic!("an answer is not carried out"),
    }
}

#[test]
fn a_server_says_that_it_is_there_at_once_regularly_and_when_it_leaves() {
    let now = Instant::now();
    let mut node: TestNode = Node::new("a", NodeConfig::new("red", 9), 7, now);
    let [Transmit::Heartbeat(first)] = &drain(&mut node)[..] else { panic!() };
    assert!(first.wants_answer && !first.is_leaving);
    assert_eq!((&*first.uid, &*first.name, first.generation), ("a", "red", 9));
    node.open("/chat", now);
    assert_eq!(node.poll_timeout(), Some(now), "it is told at once");
    node.handle_timeout(now);
    let [Transmit::Heartbeat(second)] = &drain(&mut node)[..] else { panic!() };
    assert_eq!(second.namespaces.as_deref(), Some(&[Cow::from("/chat")][..]));
    assert_eq!(node.poll_timeout(), Some(now + seconds(5)));
    node.handle_timeout(now + seconds(4));
    assert_eq!(drain(&mut node), []);
    node.leave();
    node.leave();
    let [Transmit::Heartbeat(last)] = &drain(&mut node)[..] else { panic!() };
    assert!(last.is_leaving);
    assert_eq!(node.poll_timeout(), None);
}

/// Clients' names make namespaces: one more must not have all of them spoken in.
#[test]
fn a_namespace_that_is_opened_is_told_once_and_the_others_are_not_spoken_in() {
    let now = Instant::now();
    let config = NodeConfig { speaks_in_namespaces: true, ..NodeConfig::new("red", 1) };
    let mut node: TestNode = Node::new("a", config, 7, now);
    drain(&mut node);
    for number in 0..100 {
        node.open(&format!("/{number}"), now);
    }
    node.handle_timeout(now);
    let sent = drain(&mut node);
    let is_new =
        |one: &&Transmit| matches!(one, Transmit::Message { body: Body::InitialHeartbeat, .. });
    assert_eq!(sent.iter().filter(is_new).count(), 100);
    assert_eq!(sent.len(), 101, "and one word to the servers of this project");
    node.handle_timeout(now + seconds(5));
    assert_eq!(drain(&mut node).len(), 101, "each is spoken in at its time");
}

#[test]
fn servers_come_live_and_go() {
    let now = Instant::now();
    let mut node = node("a", now);
    node.handle_heartbeat(&heartbeat("b", "blue", 1), now);
    node.handle_heartbeat(&heartbeat("b", "blue", 1), now + seconds(9));
    node.handle_heartbeat(&heartbeat("a", "itself", 1), now);
    assert_eq!(events(&mut node), [joined("b", "blue")]);
    assert_eq!(node.server_count("/"), 2);
    assert_eq!(node.server_count("/other"), 1);
    node.handle_timeout(now + seconds(18));
    assert_eq!(events(&mut node), []);
    node.handle_timeout(now + seconds(19));
    assert_eq!(events(&mut node), [left("b", "blue", false)]);
    node.handle_heartbeat(&heartbeat("b", "blue", 1), now + seconds(20));
    let bye = Heartbeat { is_leaving: true, ..heartbeat("b", "blue", 1) };
    node.handle_heartbeat(&bye, now + seconds(21));
    node.handle_heartbeat(&bye, now + seconds(21));
    assert_eq!(events(&mut node), [joined("b", "blue"), left("b", "blue", true)]);
}

#[test]
fn a_server_that_is_new_is_told_of_the_others_at_once() {
    let now = Instant::now();
    let mut node = node("a", now);
    node.handle_timeout(now);
    drain(&mut node);
    let later = now + seconds(1);
    node.handle_heartbeat(&Heartbeat { wants_answer: true, ..heartbeat("b", "blue", 1) }, later);
    assert_eq!(node.poll_timeout(), Some(later));
    node.handle_timeout(later);
    assert_eq!(drain(&mut node).len(), 1);
}

#[test]
fn a_server_that_was_started_again_is_another_and_the_one_before_it_is_gone() {
    let now = Instant::now();
    let mut node = node("a", now);
    node.handle_heartbeat(&heartbeat("b", "blue", 1), now);
    let ask = node.ask("/", 5, None, seconds(5), now);
    assert_eq!(ask.servers, ["blue".into()]);
    node.handle_heartbeat(&heartbeat("c", "blue", 2), now);
    assert_eq!(
        events(&mut node),
        [
            joined("b", "blue"),
            Event::Silent { asker: 5, server: "blue".into() },
            left("b", "blue", true),
            joined("c", "blue"),
        ]
    );
    // Words of the dead that come late end nobody.
    node.handle_heartbeat(&heartbeat("b", "blue", 1), now);
    assert_eq!(events(&mut node), [joined("b", "blue")]);
    assert_eq!(node.server_count("/"), 3);
}

#[test]
fn in_namespaces_servers_are_known_by_what_they_say_and_emitters_are_none() {
    let now = Instant::now();
    let config = NodeConfig { speaks_in_namespaces: true, ..NodeConfig::new("red", 1) };
    let mut node: TestNode = Node::new("a", config, 7, now);
    node.open("/", now);
    let is_said = |sent: &[Transmit], wanted: &Body<'_>| {
        sent.iter().any(|one| matches!(one, Transmit::Message { body, .. } if body == wanted))
    };
    assert!(is_said(&drain(&mut node), &Body::InitialHeartbeat));
    let hello = message(Some("b"), Body::InitialHeartbeat);
    assert_eq!(node.handle_message(&hello, now), Verdict::Skip(Skipped::Heartbeat));
    assert!(is_said(&drain(&mut node), &Body::Heartbeat), "it is answered");
    let leave = Body::Leave { targets: Targets::default(), rooms: Vec::new() };
    assert_eq!(node.handle_message(&message(Some("emitter"), leave), now), Verdict::Apply);
    assert_eq!(node.server_count("/"), 2);
    node.handle_message(&message(Some("b"), Body::Close), now);
    assert_eq!(events(&mut node), [joined("b", "b"), left("b", "b", true)]);
    node.handle_message(&message(Some("c"), Body::Heartbeat), now);
    node.handle_timeout(now + seconds(10));
    assert_eq!(events(&mut node), [joined("c", "c"), left("c", "c", false)]);
    drain(&mut node);
    node.leave();
    assert!(is_said(&drain(&mut node), &Body::Close));
}

#[test]
fn what_is_its_own_or_for_another_namespace_is_skipped() {
    let now = Instant::now();
    let mut node = node("a", now);
    let leave = || Body::Leave { targets: Targets::default(), rooms: Vec::new() };
    let own = message(Some("a"), leave());
    assert_eq!(node.handle_message(&own, now), Verdict::Skip(Skipped::Own));
    let elsewhere = Message { namespace: "/b".into(), ..message(Some("b"), leave()) };
    assert_eq!(node.handle_message(&elsewhere, now), Verdict::Skip(Skipped::Namespace));
    node.open("/b", now);
    assert_eq!(node.handle_message(&elsewhere, now), Verdict::Apply);
    node.close("/b", now);
    assert_eq!(node.handle_message(&elsewhere, now), Verdict::Skip(Skipped::Namespace));
}

#[test]
fn requests_of_others_have_a_limit_in_each_second() {
    let now = Instant::now();
    let config = NodeConfig { questions_per_second_max: 2, ..NodeConfig::new("red", 1) };
    let mut node: TestNode = Node::new("a", config, 7, now);
    node.open("/", now);
    let fetch = Body::Fetch { targets: Targets::default(), request: "1".into() };
    let fetch = message(Some("b"), fetch);
    let mut ask = |at: u64| node.handle_message(&fetch, now + Duration::from_millis(at));
    assert_eq!([ask(0), ask(1)], [Verdict::Apply, Verdict::Apply]);
    assert_eq!(ask(999), Verdict::Skip(Skipped::TooMany));
    assert_eq!(ask(1_000), Verdict::Apply);
    // What asks for nothing is carried out.
    let event = Emitted { name: "news".into(), args: "", attachments: &[] };
    let (targets, flags) = (Targets::default(), Flags::default());
    let emit = message(Some("b"), Body::Emit { targets, flags, event, request: None });
    for _ in 0..10 {
        assert_eq!(node.handle_message(&emit, now), Verdict::Apply);
    }
}

#[test]
fn each_server_that_is_known_answers_once_in_its_name() {
    let now = Instant::now();
    let mut node = node("a", now);
    node.handle_heartbeat(&heartbeat("b", "blue", 1), now);
    node.handle_heartbeat(&heartbeat("c", "green", 1), now);
    let Ask { request, servers } = node.ask("/", 1, None, seconds(5), now);
    assert_eq!(servers, ["blue".into(), "green".into()]);
    let mut answer = |sender, body| given(node.handle_message(&message(Some(sender), body), now));
    assert_eq!(answer("c", sockets(&request)), Some(("green".into(), 1)));
    assert_eq!(answer("c", sockets(&request)), None, "it came twice");
    assert_eq!(answer("b", sockets("another")), None);
    assert_eq!(answer("b", sockets(&request)), Some(("blue".into(), 1)));
    assert_eq!(answer("b", sockets(&request)), None, "it is done");
}

#[test]
fn a_server_that_joins_meanwhile_answers_as_well_and_takes_nobodys_place() {
    let now = Instant::now();
    let mut node = node("a", now);
    node.handle_heartbeat(&heartbeat("b", "blue", 1), now);
    let Ask { request, .. } = node.ask("/", 1, None, seconds(5), now);
    node.handle_heartbeat(&heartbeat("c", "green", 1), now);
    let mut answer = |sender, body| node.handle_message(&message(sender, body), now);
    let early = answer(Some("c"), ack(&request, Some("s"), "1"));
    assert_eq!(early, Verdict::Skip(Skipped::Early));
    let counted = answer(Some("c"), asked(&request, 2));
    let Verdict::Answers { server, is_joining: true, answers, .. } = counted else {
        panic!("{counted:?}");
    };
    assert_eq!((&*server, answers.len()), ("green", 2));
    let nameless = answer(None, asked(&request, 1));
    assert_eq!(nameless, Verdict::Skip(Skipped::Unasked));
    assert_eq!(given(answer(Some("b"), asked(&request, 0))), Some(("blue".into(), 1)));
    let last = answer(Some("c"), ack(&request, Some("t"), "2"));
    assert!(matches!(last, Verdict::Answers { is_joining: false, .. }), "{last:?}");
    assert_eq!(given(answer(Some("b"), asked(&request, 0))), None, "the request is done");
}

#[test]
fn presence_is_asked_for_where_some_of_it_is_missing() {
    let now = Instant::now();
    let mut node = node("a", now);
    drain(&mut node);
    let changed = |from, count| PresenceChanged {
        uid: "b".into(),
        nsp: "/".into(),
        from,
        changes: vec![connection(); count],
    };
    let asked = |node: &mut TestNode| {
        let asked = drain(node).into_iter().filter_map(|transmit| match transmit {
            Transmit::AskPresence { to, namespace } => Some(format!("{to} {namespace}")),
            _ => None,
        });
        asked.collect::<Vec<_>>()
    };
    assert_eq!(node.handle_presence_changed(&changed(0, 1)), PresenceVerdict::Skip, "who is it?");
    let mut said = heartbeat("b", "blue", 1);
    node.handle_heartbeat(&said, now);
    assert_eq!(node.handle_presence_changed(&changed(0, 1)), PresenceVerdict::Apply { known: 0 });
    assert_eq!(asked(&mut node), [""; 0]);
    said.presence = [("/".into(), 2), ("/other".into(), 5)].into();
    node.handle_heartbeat(&said, now);
    assert_eq!(asked(&mut node), ["b /"]);
    let part = PresencePart {
        uid: "b".into(),
        nsp: "/".into(),
        version: 2,
        piece: 0,
        is_last: true,
        connections: Vec::new(),
    };
    let verdict = node.handle_presence_part(&part);
    assert_eq!(verdict, PresenceVerdict::Replace { is_first: true, is_last: true });
    node.open("/other", now);
    assert_eq!(asked(&mut node), ["b /other"]);
    node.handle_heartbeat(&Heartbeat { is_leaving: true, ..said }, now);
    assert_eq!(events(&mut node).last(), Some(&left("b", "blue", true)));
    assert_eq!(node.handle_presence_changed(&changed(2, 1)), PresenceVerdict::Skip, "it is gone");
    // Its own.
    node.set_presence_told("/", 3);
    node.set_presence_told("/nowhere", 3);
    node.handle_timeout(now + seconds(5));
    let told = drain(&mut node).into_iter().find_map(|transmit| match transmit {
        Transmit::Heartbeat(said) => Some(said.presence),
        _ => None,
    });
    assert_eq!(told, Some([("/".into(), 3)].into()));
    assert!(node.handle_presence_asked("b", "/", now));
    assert!(
        !node.handle_presence_asked("a", "/", now) && !node.handle_presence_asked("b", "/x", now)
    );
}

fn connection() -> PresentConnection<'static> {
    PresentConnection {
        room: "room".into(),
        socket: "aaaaaaaaaaaaaaaaaaaa".into(),
        user: Some("ann".into()),
        since: 1,
        user_since: 1,
        metadata: None,
        is_lost: false,
    }
}

#[test]
fn two_servers_of_one_name_are_told_apart() {
    let now = Instant::now();
    let mut node = node("a", now);
    node.handle_heartbeat(&heartbeat("c", "blue", 2), now);
    // It comes late: this start is over.
    node.handle_heartbeat(&heartbeat("b", "blue", 1), now);
    let Ask { request, servers } = node.ask("/", 1, None, seconds(5), now);
    assert_eq!(servers, ["blue".into(), "blue (c)".into()]);
    let answer = node.handle_message(&message(Some("c"), sockets(&request)), now);
    assert_eq!(given(answer), Some(("blue (c)".into(), 1)));
}

#[test]
fn servers_that_the_bus_counts_and_nobody_knows_answer_without_a_name() {
    let now = Instant::now();
    let mut node = node("a", now);
    node.handle_heartbeat(&heartbeat("b", "blue", 1), now);
    let Ask { request, servers } = node.ask("/", 1, Some(3), seconds(5), now);
    assert_eq!(servers, ["blue".into(), "unknown 1".into(), "unknown 2".into()]);
    let mut answer = |sender, body| given(node.handle_message(&message(sender, body), now));
    assert_eq!(answer(None, asked(&request, 2)), Some(("unknown 1".into(), 1)));
    assert_eq!(answer(Some("b"), asked(&request, 1)), Some(("blue".into(), 1)));
    assert_eq!(answer(None, ack(&request, None, "1")), Some(("unknown 1".into(), 1)));
    assert_eq!(answer(Some("x"), asked(&request, 1)), Some(("unknown 2".into(), 1)));
    assert_eq!(answer(Some("x"), ack(&request, Some("s"), "2")), Some(("unknown 2".into(), 1)));
    assert_eq!(answer(Some("x"), ack(&request, Some("s"), "2")), None, "it came twice");
    assert_eq!(answer(None, ack(&request, None, "3")), Some(("unknown 1".into(), 1)));
    assert_eq!(answer(None, ack(&request, None, "4")), None, "it is one too many");
    assert_eq!(answer(Some("b"), ack(&request, None, "5")), Some(("blue".into(), 1)));
    assert_eq!(node.poll_timeout(), Some(now), "the request is done");
}

#[test]
fn fewer_servers_are_counted_than_are_known() {
    let now = Instant::now();
    let mut node = node("a", now);
    node.handle_heartbeat(&heartbeat("b", "blue", 1), now);
    node.handle_heartbeat(&heartbeat("c", "green", 1), now);
    // Only one has the namespace, and it is not the first.
    let Ask { request, servers } = node.ask("/", 1, Some(1), seconds(5), now);
    assert_eq!(servers, ["blue".into()]);
    let answer = node.handle_message(&message(Some("c"), sockets(&request)), now);
    assert_eq!(given(answer), Some(("blue".into(), 1)));
    let none = node.ask("/", 1, Some(0), seconds(5), now);
    assert_eq!(none.servers, []);
}

#[test]
fn acks_that_come_before_their_count_are_given_out_with_it() {
    let now = Instant::now();
    let mut node = node("a", now);
    let Ask { request, .. } = node.ask("/", 1, Some(2), seconds(5), now);
    let mut take = |sender, body| node.handle_message(&message(sender, body), now);
    for json in ["1", "2"] {
        assert_eq!(take(None, ack(&request, None, json)), Verdict::Skip(Skipped::Early));
    }
    // The first to count had one client, so the other ack is of the second.
    assert_eq!(given(take(None, asked(&request, 1))), Some(("unknown 1".into(), 2)));
    assert_eq!(given(take(None, asked(&request, 1))), Some(("unknown 2".into(), 2)));
    assert_eq!(take(None, asked(&request, 1)), Verdict::Skip(Skipped::Unasked));
}

#[test]
fn a_request_ends_at_its_time_or_when_others_crowd_it_out() {
    let now = Instant::now();
    let config = NodeConfig { requests_max: 2, ..NodeConfig::new("red", 1) };
    let mut node: TestNode = Node::new("a", config, 7, now);
    node.open("/", now);
    node.handle_timeout(now);
    let ids: Vec<_> =
        (3..6).map(|after| node.ask("/", 1, Some(1), seconds(after), now).request).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 3);
    let mut answer = |id: &str, after| {
        given(node.handle_message(&message(None, sockets(id)), now + seconds(after)))
    };
    assert_eq!(answer(&ids[0], 0), None, "the oldest made room");
    assert!(answer(&ids[1], 0).is_some());
    node.handle_timeout(now + seconds(5));
    assert_eq!(given(node.handle_message(&message(None, sockets(&ids[2])), now)), None);
}

#[test]
fn servers_have_a_limit() {
    let now = Instant::now();
    let config = NodeConfig { servers_max: 3, ..NodeConfig::new("red", 1) };
    let mut node: TestNode = Node::new("a", config, 7, now);
    node.open("/", now);
    for number in 0..10 {
        node.handle_heartbeat(&heartbeat(&format!("b{number}"), &format!("n{number}"), 1), now);
    }
    assert_eq!(node.server_count("/"), 4);
    assert_eq!(events(&mut node).len(), 3);
}

#[test]
fn ids_of_requests_are_as_long_as_ids_of_servers() {
    let now = Instant::now();
    for uid in ["s00001", "0123456789abcdef"] {
        let mut node: TestNode = Node::new(uid, NodeConfig::new("red", 1), 7, now);
        assert_eq!(node.ask("/", 1, Some(1), seconds(5), now).request.len(), uid.len());
    }
}

/// A network of servers, some of this project and some as Node's, over which messages are late, lost and doubled.
struct Network {
    now: Instant,
    nodes: Vec<TestNode>,
    /// How many clients each server has, which answer at once.
    clients: Vec<u64>,
    /// Whether it says who it is.
    signs: Vec<bool>,
    is_down: Vec<bool>,
    /// What is on its way: when it arrives, to whom.
    late: Vec<(Instant, usize, Sent)>,
    random: u64,
    /// What each asker was told: the servers asked, and what they answered.
    told: BTreeMap<u32, Told>,
    loss: u64,
    doubles: u64,
}

#[derive(Debug, Clone)]
enum Sent {
    Heartbeat(Heartbeat<'static>),
    Question { from: usize, request: Arc<str> },
    Answer { from: usize, body: Body<'static> },
}

#[derive(Debug, Default)]
struct Told {
    asked: Vec<Arc<str>>,
    counts: BTreeMap<Arc<str>, u64>,
    acks: BTreeMap<Arc<str>, u64>,
    values: Vec<String>,
    silent: BTreeSet<Arc<str>>,
}

impl Network {
    fn new(clients: &[u64], signs: &[bool], random: u64, loss: u64, doubles: u64) -> Self {
        let now = Instant::now();
        let start = |at: usize| {
            let name = format!("server {at}");
            let mut node = Node::new(format!("uid{at}"), NodeConfig::new(name, 1), at as u64, now);
            node.open("/", now);
            node
        };
        let mut network = Self {
            now,
            nodes: (0..clients.len()).map(start).collect(),
            clients: clients.to_vec(),
            signs: signs.to_vec(),
            is_down: vec![false; clients.len()],
            late: Vec::new(),
            random,
            told: BTreeMap::new(),
            loss,
            doubles,
        };
        (0..clients.len()).for_each(|at| network.work(at));
        network
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
        (self.random >> 33) % end
    }

    fn send(&mut self, to: usize, sent: &Sent, may_be_lost: bool) {
        if may_be_lost && self.below(100) < self.loss {
            return;
        }
        let copies = if self.below(100) < self.doubles { 2 } else { 1 };
        for _ in 0..copies {
            let delay = Duration::from_millis(self.below(400));
            self.late.push((self.now + delay, to, sent.clone()));
        }
    }

    /// Carries out what a node wants done.
    fn work(&mut self, at: usize) {
        while let Some(Transmit::Heartbeat(said)) = self.nodes[at].poll_transmit() {
            // Node's servers do not say such things.
            if self.signs[at] && !self.is_down[at] {
                let others = (0..self.nodes.len()).filter(|to| *to != at);
                for to in others.collect::<Vec<_>>() {
                    self.send(to, &Sent::Heartbeat(said.clone()), true);
                }
            }
        }
        while let Some(event) = self.nodes[at].poll_event() {
            if let Event::Silent { asker, server } = event {
                self.told.entry(asker).or_default().silent.insert(server);
            }
        }
    }

    fn ask(&mut self, from: usize, asker: u32) {
        let others = self.is_down.iter().filter(|is_down| !**is_down).count() - 1;
        let ask = self.nodes[from].ask("/", asker, Some(others), seconds(5), self.now);
        self.told.entry(asker).or_default().asked = ask.servers;
        for to in (0..self.nodes.len()).filter(|to| *to != from).collect::<Vec<_>>() {
            let question = Sent::Question { from, request: Arc::clone(&ask.request) };
            self.send(to, &question, true);
        }
    }

    fn arrive(&mut self, to: usize, sent: Sent) {
        if self.is_down[to] {
            return;
        }
        match sent {
            Sent::Heartbeat(said) if self.signs[to] => {
                self.nodes[to].handle_heartbeat(&said, self.now);
            }
            Sent::Heartbeat(_) => {}
            Sent::Question { from, request } => {
                let count = self.clients[to];
                let mut answers = vec![asked(&request, count)];
                answers.extend((0..count).map(|client| {
                    let socket = format!("socket {to} {client}");
                    ack(&request, self.signs[to].then_some(&*socket), &format!("\"{socket}\""))
                }));
                for body in answers {
                    self.send(from, &Sent::Answer { from: to, body }, true);
                }
            }
            Sent::Answer { from, body } => {
                let uid = format!("uid{from}");
                let message = message(self.signs[from].then_some(&*uid), body);
                let verdict = self.nodes[to].handle_message(&message, self.now);
                if let Verdict::Answers { asker, server, answers, .. } = verdict {
                    let told = self.told.entry(asker).or_default();
                    for answer in answers {
                        match answer {
                            Body::Asked { count, .. } => {
                                let before = told.counts.insert(Arc::clone(&server), count);
                                assert_eq!(before, None, "a server counts once");
                            }
                            Body::Ack { answer, .. } => {
                                *told.acks.entry(Arc::clone(&server)).or_default() += 1;
                                told.values.push(answer.unwrap().json.into_owned());
                            }
                            other => panic!("{other:?}"),
                        }
                    }
                }
            }
        }
        self.work(to);
    }

    /// Lets time pass.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let timers = self.nodes.iter().filter_map(Node::poll_timeout).min();
            let arrival = (0..self.late.len()).min_by_key(|at| self.late[*at].0);
            let next = arrival.map(|at| self.late[at].0).into_iter().chain(timers).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            match arrival.filter(|at| self.late[*at].0 <= self.now) {
                Some(at) => {
                    let (_, to, sent) = self.late.swap_remove(at);
                    self.arrive(to, sent);
                }
                None => {
                    for at in 0..self.nodes.len() {
                        self.nodes[at].handle_timeout(self.now);
                        self.work(at);
                    }
                }
            }
        }
        self.now = end;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// However late, in whatever order, with losses and doubles: nothing is counted twice, nothing of another server is
    /// taken for one's own, and without losses nothing is missing.
    #[test]
    fn what_is_told_is_what_was_answered(
        servers in proptest::collection::vec((0..4u64, any::<bool>()), 2..6),
        random in any::<u64>(),
        (loss, doubles) in prop_oneof![Just((0, 0)), Just((20, 0)), Just((0, 20)), Just((20, 20))],
        asks in 1..4u32,
        dies in any::<bool>(),
    ) {
        let (clients, mut signs): (Vec<_>, Vec<_>) = servers.into_iter().unzip();
        signs[0] = true;
        // What comes twice of a server that does not say who it is cannot be told from two.
        if doubles > 0 {
            signs.fill(true);
        }
        let mut network = Network::new(&clients, &signs, random, loss, doubles);
        network.pass(seconds(2));
        for asker in 0..asks {
            network.ask(0, asker);
            network.pass(Duration::from_millis(100));
        }
        let last = clients.len() - 1;
        if dies {
            network.is_down[last] = true;
        }
        network.pass(seconds(30));
        let all: u64 = clients[1..].iter().sum();
        for told in network.told.values() {
            prop_assert_eq!(told.asked.len(), clients.len() - 1);
            let counted: u64 = told.counts.values().sum();
            let acks: u64 = told.acks.values().sum();
            prop_assert!(acks <= counted && counted <= all, "{:?}", told);
            for (server, acks) in &told.acks {
                prop_assert!(acks <= &told.counts[server], "{:?}", told);
            }
            let different: BTreeSet<_> = told.values.iter().collect();
            prop_assert_eq!(different.len(), told.values.len(), "no answer is given out twice");
            prop_assert!(told.counts.keys().all(|server| told.asked.contains(server)));
            if loss == 0 && !dies {
                prop_assert_eq!((counted, acks), (all, all), "{:?}", told);
                prop_assert!(told.silent.is_empty());
            }
        }
        // Whoever is there is known to those who listen, and nobody else is.
        let is_there = |at: &usize| *at != 0 && signs[*at] && !network.is_down[*at];
        let there = (0..clients.len()).filter(is_there).count();
        if loss == 0 {
            prop_assert_eq!(network.nodes[0].server_count("/"), 1 + there);
        }
        prop_assert!(network.nodes[0].requests.next_timeout().is_none(), "no request outlives its time");
    }
}
