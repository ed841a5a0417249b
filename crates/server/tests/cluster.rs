//! Several servers as one: every verb of a broadcast reaches the sockets of all, from any of them.
//!
//! `SOCKEYE_CLUSTER_HISTORIES=n` plays more histories; a failure names its seed, and
//! `SOCKEYE_SEED=s SOCKEYE_CLUSTER_HISTORIES=1` plays it again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::env;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sockeye::{
    Ack, AckError, Cluster, ClusterError, Config, Event, EventError, Io, Namespace, Node,
    Operation, RecoveryConfig, Replies, Room, Server, ServerSideEvent, Socket,
};
use sockeye_testing::{Ended, TestClient, TestCluster, TestServer};

const NEWS: Event<String> = Event::new("news");
const QUESTION: Event<String, u32> = Event::new("question");
const COUNT: Event<(), u32> = Event::new("count");

#[derive(Debug, PartialEq, Clone, Serialize, Deserialize)]
struct User {
    name: String,
}

/// A client that sends its name joins the room of all users and the one of its name.
async fn admit(socket: Socket, user: User) {
    socket.join(["users", user.name.as_str()]);
    socket.set(user);
}

fn namespace(path: &'static str) -> Namespace {
    Namespace::new(path)
        .on_connect(admit)
        .share::<User>()
        .on("join", async |socket: Socket, room: String| socket.join(room))
        .on("say", async |socket: Socket, text: String| socket.to("users").emit(NEWS, &text))
        .on_server_side(COUNT, count)
}

async fn count(io: Io) -> Ack<u32> {
    Ack(u32::try_from(io.sockets().len()).unwrap())
}

fn server(cluster: &TestCluster, name: &str, config: Config) -> TestServer {
    let namespaces = ["/", "/room-{id}"].map(namespace);
    let builder =
        namespaces.into_iter().fold(Server::builder(), |it, namespace| it.namespace(namespace));
    TestServer::new(builder.config(config).cluster(cluster.member(name)).build().unwrap())
}

async fn join(server: &TestServer, name: &str) -> TestClient {
    server.client().auth(&User { name: name.to_owned() }).connect().await.unwrap()
}

/// Three servers with one client each, and messages that take a while.
async fn three(seed: u64) -> (TestCluster, [TestServer; 3], [TestClient; 3]) {
    let delays = Duration::from_millis(1)..Duration::from_millis(50);
    let cluster = TestCluster::new(seed).delay(delays);
    let servers = ["red", "green", "blue"].map(|name| server(&cluster, name, Config::default()));
    let clients = [
        join(&servers[0], "ann").await,
        join(&servers[1], "bob").await,
        join(&servers[2], "cyd").await,
    ];
    (cluster, servers, clients)
}

fn names(fetched: &[sockeye::RemoteSocket]) -> BTreeSet<String> {
    fetched.iter().map(|socket| socket.data::<User>().unwrap().unwrap().name).collect()
}

#[tokio::test(start_paused = true)]
async fn events_reach_whom_they_are_for_on_every_server() {
    let (_, [red, green, _], [mut ann, mut bob, mut cyd]) = three(1).await;
    red.server().io().emit(NEWS, "all").unwrap();
    for client in [&mut ann, &mut bob, &mut cyd] {
        assert_eq!(client.expect_event(NEWS).await, "all");
    }
    green.server().io().to(["ann", "cyd", "users"]).except("bob").emit(NEWS, "two").unwrap();
    assert_eq!(ann.expect_event(NEWS).await, "two");
    assert_eq!(cyd.expect_event(NEWS).await, "two");
    // A sender is left out wherever its event goes; local is this server alone.
    bob.emit("say", "from bob");
    assert_eq!(ann.expect_event(NEWS).await, "from bob");
    assert_eq!(cyd.expect_event(NEWS).await, "from bob");
    red.server().io().local().emit(NEWS, "here").unwrap();
    assert_eq!(ann.expect_event(NEWS).await, "here");
    red.server().io().volatile().compress(false).emit(NEWS, "light").unwrap();
    for client in [&mut ann, &mut bob, &mut cyd] {
        assert_eq!(client.expect_event(NEWS).await, "light");
        client.expect_no_event().await;
    }
}

#[tokio::test(start_paused = true)]
async fn binary_and_order_stay() {
    let (_, [red, ..], [_, mut bob, _]) = three(2).await;
    for number in 0..50_u32 {
        let payload = (number, sockeye::Binary(vec![number as u8; 3].into()));
        red.server().io().emit("blob", &payload).unwrap();
    }
    for number in 0..50_u32 {
        let (got, blob) = bob.expect_event::<(u32, sockeye::Binary)>("blob").await;
        assert_eq!((got, &blob.0[..]), (number, &[number as u8; 3][..]));
    }
}

#[tokio::test(start_paused = true)]
async fn every_socket_answers_whoever_asks() {
    let (_, [red, ..], clients) = three(3).await;
    let ids: BTreeSet<_> = clients.iter().map(|client| client.id().to_owned()).collect();
    let asked = red.server().io().emit_with_ack(QUESTION, "how many?").unwrap();
    for (number, mut client) in (1..).zip(clients) {
        tokio::spawn(async move {
            client.expect_request(QUESTION).await.1.answer(&number);
            std::future::pending::<()>().await;
        });
    }
    let answers = asked.collect().await;
    assert!(answers.is_complete(), "{answers:?}");
    let mut values: Vec<_> = answers.values.iter().map(|(_, value)| *value).collect();
    values.sort_unstable();
    assert_eq!(values, [1, 2, 3]);
    let answered = answers.values.iter().map(|(id, _)| id.clone().unwrap().to_string());
    assert_eq!(answered.collect::<BTreeSet<_>>(), ids);
    // Without any socket the answer is complete once all servers have replied.
    let nobody = red.server().io().to("nobody").emit_with_ack(QUESTION, "?").unwrap();
    assert!(nobody.collect_all().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_is_named_and_who_leaves_is_gone() {
    let (cluster, [red, ..], [ann, bob, mut cyd]) = three(4).await;
    let io = red.server().io();
    let ask =
        || io.timeout(Duration::from_secs(5)).emit_with_ack::<str, u32>("question", "?").unwrap();
    let asked = ask();
    cluster.all_arrived().await;
    bob.disconnect();
    cyd.expect_request::<String, u32>("question").await.1.answer(&3);
    let answers = asked.collect().await;
    assert_eq!(answers.values.len(), 1);
    let failed = |id: &str| {
        let of_it = |(who, _): &&(Option<_>, _)| {
            who.as_ref().is_some_and(|who: &sockeye::SocketId| *who == *id)
        };
        answers.failures.iter().find(of_it).map(|(_, error)| error)
    };
    assert!(matches!(failed(ann.id()), Some(AckError::Timeout { .. })), "{answers:?}");
    assert!(matches!(failed(bob.id()), Some(AckError::Disconnected { .. })), "{answers:?}");
    // A server that sends nothing, and one that is known to be gone.
    cluster.cut_off("green");
    let asked = ask();
    cluster.all_arrived().await;
    cluster.remove("blue");
    let answers = asked.collect().await;
    let errors = answers.failures.iter().map(|(id, error)| (id.is_some(), error.to_string()));
    let errors: BTreeSet<_> = errors.collect();
    let expected = [
        (false, r#"no answer to "question" in time"#.to_owned()),
        (true, r#"no answer to "question" in time"#.to_owned()),
        (true, r#"the socket was disconnected before "question" was answered"#.to_owned()),
    ];
    assert_eq!(errors, BTreeSet::from(expected));
    let fetched = io.timeout(Duration::from_secs(1)).fetch().await;
    assert_eq!(fetched.unwrap_err(), ClusterError::Timeout { missing: vec!["green".to_owned()] });
    let fetched = io.timeout(Duration::from_secs(1)).fetch_partial().await;
    assert_eq!(fetched.missing, ["green"]);
    let found: Vec<_> = fetched.sockets.iter().map(|socket| socket.id().to_string()).collect();
    assert_eq!(found, [ann.id()], "what has answered is there");
}

#[tokio::test(start_paused = true)]
async fn events_between_servers_without_a_handler_of_their_own() {
    let cluster = TestCluster::new(12);
    let server = |name: &'static str| {
        let fallback = move |_: Io, ServerSideEvent { event, is_request, .. }| async move {
            assert!(is_request);
            Ack(format!("{name}: {} {}", event.name, event.args.json()))
        };
        let namespace = Namespace::new("/").on_server_side(COUNT, count);
        let namespace = namespace.server_side_fallback(fallback);
        let server = Server::builder().namespace(namespace).cluster(cluster.member(name));
        TestServer::new(server.build().unwrap())
    };
    let (red, _green) = (server("red"), server("green"));
    let io = red.server().io();
    let asked = io.server_side_emit_with_ack::<_, String>("unknown", &7).unwrap();
    let answers: Vec<_> = asked.await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, ["green: unknown 7"]);
    let counted: Vec<_> = io.server_side_emit_with_ack(COUNT, &()).unwrap().await;
    assert_eq!(counted.into_iter().map(Result::unwrap).collect::<Vec<u32>>(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_nobody_is_in_here_reaches_those_who_are_elsewhere() {
    let cluster = TestCluster::new(13);
    let (red, green) =
        (server(&cluster, "red", Config::default()), server(&cluster, "green", Config::default()));
    let user = User { name: "ann".to_owned() };
    let ann = green.client().auth(&user).namespace("/room-7");
    let mut ann = ann.connect().await.unwrap();
    assert!(red.server().of("/room-7").is_none());
    let room = red.server().open("/room-7").unwrap();
    room.emit(NEWS, "from red").unwrap();
    assert_eq!(ann.expect_event(NEWS).await, "from red");
    assert_eq!(room.fetch().await.unwrap().len(), 1);
    assert!(red.server().of("/room-7").is_some());
    assert!(red.server().open("/").is_some() && red.server().open("/elsewhere").is_none());
    // It is kept, and the same when clients come.
    let bob = red.client().auth(&User { name: "bob".to_owned() }).namespace("/room-7");
    let bob = bob.connect().await.unwrap();
    assert_eq!(room.sockets().len(), 1);
    bob.disconnect();
    assert!(red.server().of("/room-7").is_some());
}

#[tokio::test(start_paused = true)]
async fn sockets_of_all_servers_are_fetched_moved_and_sent_away() {
    let (cluster, [red, green, blue], [mut ann, mut bob, mut cyd]) = three(5).await;
    let io = blue.server().io();
    let fetched = io.to("users").fetch().await.unwrap();
    assert_eq!(names(&fetched), ["ann", "bob", "cyd"].map(str::to_owned).into());
    let remote = fetched.iter().find(|socket| socket.id().as_str() == ann.id()).unwrap();
    assert_eq!(remote.rooms().len(), 3);
    assert!(remote.handshake().uri.path().starts_with("/socket.io"));
    assert_eq!(remote.handshake().auth.as_ref(), r#"{"name":"ann"}"#);
    let ids: BTreeSet<_> = io.ids().await.unwrap().iter().map(ToString::to_string).collect();
    let expected = [&ann, &bob, &cyd].map(|client| client.id().to_owned());
    assert_eq!(ids, expected.into());

    remote.emit(NEWS, "for ann").unwrap();
    assert_eq!(ann.expect_event(NEWS).await, "for ann");
    let (answer, ()) = tokio::join!(remote.emit_with_ack(QUESTION, "?"), async {
        ann.expect_request(QUESTION).await.1.answer(&7);
    });
    assert_eq!(answer.unwrap(), 7);
    remote.join(["moved", "twice"]);
    remote.leave("twice");
    cluster.all_arrived().await;
    assert_eq!(red.server().io().to("moved").sockets().len(), 1);
    assert!(red.server().io().to("twice").sockets().is_empty());

    green.server().io().to(["bob", "cyd"]).join("both");
    cluster.all_arrived().await;
    red.server().io().to("both").emit(NEWS, "both").unwrap();
    assert_eq!(bob.expect_event(NEWS).await, "both");
    assert_eq!(cyd.expect_event(NEWS).await, "both");
    red.server().io().to("both").leave("both");
    cluster.all_arrived().await;
    assert!(green.server().io().to("both").fetch().await.unwrap().is_empty());

    remote.disconnect();
    assert_eq!(ann.expect_end().await, Ended::ByServer);
    red.server().io().except("cyd").close_sessions();
    bob.expect_end().await;
    cyd.expect_no_event().await;
    assert_eq!(names(&io.fetch().await.unwrap()), ["cyd".to_owned()].into());
    let gone = fetched.iter().find(|socket| socket.id().as_str() == bob.id()).unwrap();
    assert!(matches!(gone.emit_with_ack(QUESTION, "?").await, Err(AckError::Disconnected { .. })));
}

#[tokio::test(start_paused = true)]
async fn members_of_the_data_are_read_on_every_server() {
    let cluster = TestCluster::new(11);
    let [red, blue] = ["red", "blue"].map(|name| {
        let namespace: Namespace =
            Namespace::new("/").on_connect(admit).share_as::<User>("user").share_as::<u8>("seat");
        let builder = Server::builder().namespace(namespace).cluster(cluster.member(name));
        TestServer::new(builder.build().unwrap())
    });
    let (_ann, bob) = (join(&red, "ann").await, join(&blue, "bob").await);
    blue.server().io().socket(bob.id()).unwrap().set(7_u8);
    let fetched = red.server().io().fetch().await.unwrap();
    assert_eq!(names(&fetched), ["ann".to_owned(), "bob".to_owned()].into());
    let of_bob = fetched.iter().find(|socket| socket.id() == *bob.id()).unwrap();
    assert_eq!(of_bob.data::<u8>().unwrap(), Some(7));
    assert_eq!(of_bob.shared_data().json(), Some(r#"{"user":{"name":"bob"},"seat":7}"#));
}

#[tokio::test(start_paused = true)]
async fn servers_talk_to_the_other_servers() {
    let (cluster, [red, ..], clients) = three(6).await;
    let io = red.server().io();
    let counts = io.server_side_emit_with_ack(COUNT, &()).unwrap().await;
    assert_eq!(counts.into_iter().collect::<Result<Vec<_>, _>>().unwrap(), [1, 1]);
    let here = io.local().server_side_emit_with_ack(COUNT, &()).unwrap().await;
    assert_eq!(here.into_iter().collect::<Result<Vec<_>, _>>().unwrap(), [1]);
    // No server has a handler for it.
    assert!(io.server_side_emit_with_ack::<_, u32>("unknown", &()).unwrap().await.is_empty());
    cluster.cut_off("blue");
    let counts =
        io.timeout(Duration::from_secs(1)).server_side_emit_with_ack(COUNT, &()).unwrap().await;
    assert!(matches!(&counts[..], [Ok(1), Err(AckError::Timeout { .. })]), "{counts:?}");
    drop(clients);
}

#[tokio::test(start_paused = true)]
async fn errors_of_handlers_on_other_servers_come_back() {
    let cluster = TestCluster::new(7);
    let server = |name: &str| {
        let fails = async || Err::<(), _>(EventError::new("busy", "not now"));
        let panics = async || -> Ack<()> { panic!("of the test") };
        let namespace =
            Namespace::new("/").on_server_side("fails", fails).on_server_side("panics", panics);
        let member = cluster.member(name);
        Server::builder().namespace(namespace).cluster(member).build().unwrap()
    };
    let (red, _blue) = (server("red"), server("blue"));
    for (event, message) in [("fails", "not now"), ("panics", "the handler panicked")] {
        let answers = red.io().server_side_emit_with_ack::<_, ()>(event, &()).unwrap().await;
        let [Err(AckError::Remote(error))] = &answers[..] else { panic!("{answers:?}") };
        assert_eq!(error.message, message);
    }
}

#[tokio::test(start_paused = true)]
async fn dynamic_namespaces_and_all_of_them_at_once() {
    let cluster = TestCluster::new(8);
    let [red, blue] = ["red", "blue"].map(|name| server(&cluster, name, Config::default()));
    let user = |name: &str| User { name: name.to_owned() };
    let in_room = |server: &TestServer, room: &str| {
        server.client().namespace(format!("/room-{room}")).auth(&user(room)).connect()
    };
    let mut one = in_room(&red, "1").await.unwrap();
    let mut one_more = in_room(&blue, "1").await.unwrap();
    let mut two = in_room(&red, "2").await.unwrap();
    let mut main = join(&blue, "main").await;
    // Blue has no room 2, which is no error.
    red.server().parent_namespace("/room-{id}").unwrap().emit(NEWS, "rooms").unwrap();
    for client in [&mut one, &mut one_more, &mut two] {
        assert_eq!(client.expect_event(NEWS).await, "rooms");
    }
    let rooms = red.server().parent_namespace("/room-{id}").unwrap();
    assert_eq!(rooms.fetch().await.unwrap().len(), 3);
    assert_eq!(rooms.ids().await.unwrap().len(), 3);
    let asked = rooms.timeout(Duration::from_secs(1)).emit_with_ack(QUESTION, "?").unwrap();
    for client in [&mut one, &mut one_more, &mut two] {
        client.expect_request(QUESTION).await.1.answer(&1);
    }
    assert_eq!(asked.collect_all().await.unwrap(), [1, 1, 1]);
    red.server().everywhere().emit(NEWS, "everywhere").unwrap();
    for client in [&mut one, &mut one_more, &mut two, &mut main] {
        assert_eq!(client.expect_event(NEWS).await, "everywhere");
    }
    rooms.close_sessions();
    for client in [&mut one, &mut one_more, &mut two] {
        client.expect_end().await;
    }
    main.expect_no_event().await;
}

/// As with Redis streams: the event is returned with its offset, and delivered and kept then.
#[tokio::test(start_paused = true)]
async fn offsets_may_come_from_the_cluster() {
    let delays = Duration::from_millis(1)..Duration::from_millis(30);
    let cluster = TestCluster::new(9).delay(delays).with_offsets();
    let config = || Config { recovery: Some(RecoveryConfig::default()), ..Config::default() };
    let [red, blue] = ["red", "blue"].map(|name| server(&cluster, name, config()));
    let (mut ann, mut bob) = (join(&red, "ann").await, join(&blue, "bob").await);
    red.server().io().emit(NEWS, "one").unwrap();
    blue.server().io().emit(NEWS, "two").unwrap();
    for client in [&mut ann, &mut bob] {
        assert_eq!(client.expect_event(NEWS).await, "one");
        assert_eq!(client.expect_event(NEWS).await, "two");
        assert_eq!(client.last_offset(), Some("2-0"), "the cluster's, in one order everywhere");
    }
    // Events to one socket take the same path; volatile events carry the newest offset.
    let id = ann.id().to_owned();
    red.server().io().socket(&id).unwrap().emit(NEWS, "alone").unwrap();
    assert_eq!(ann.expect_event(NEWS).await, "alone");
    assert_eq!(ann.last_offset(), Some("3-0"));
    cluster.all_arrived().await;
    red.server().io().volatile().emit(NEWS, "light").unwrap();
    assert_eq!(ann.expect_event(NEWS).await, "light");
    assert_eq!(ann.last_offset(), Some("3-0"));
    assert_eq!(bob.expect_event(NEWS).await, "light");
    // And missed events are found by it.
    ann.wire().cut();
    assert_eq!(ann.expect_end().await, Ended::Closed);
    blue.server().io().emit(NEWS, "missed").unwrap();
    cluster.all_arrived().await;
    ann.reconnect().await.unwrap();
    assert!(ann.recovered(), "{:?}", ann.recovery_failure());
    assert_eq!(ann.expect_event(NEWS).await, "missed");
    assert_eq!(ann.last_offset(), Some("4-0"));
    ann.expect_no_event().await;
    assert_eq!(bob.expect_event(NEWS).await, "missed");
    bob.expect_no_event().await;
}

/// What comes back from the cluster leaves its sender out, also where the members of a room are cached.
#[tokio::test(start_paused = true)]
async fn a_sender_is_left_out_of_what_comes_back() {
    let cluster = TestCluster::new(10).with_offsets();
    let config = Config { recovery: Some(RecoveryConfig::default()), ..Config::default() };
    let red = server(&cluster, "red", config);
    let mut clients = Vec::new();
    for number in 0..20 {
        clients.push(join(&red, &format!("client {number}")).await);
    }
    for text in ["one", "two", "three"] {
        clients[0].emit("say", text);
        for client in &mut clients[1..] {
            assert_eq!(client.expect_event(NEWS).await, text);
        }
    }
    clients[0].expect_no_event().await;
}

/// A cluster that writes down what it is told of namespaces and rooms.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Cluster for Told {
    fn start(&self, _: Node) {
        self.note("start".to_owned());
    }
    fn publish(&self, _: &Operation<'_>) {}
    fn ask(&self, _: &Operation<'_>, _: Replies) {}
    fn open(&self, namespace: &str) {
        self.note(format!("open {namespace}"));
    }
    fn close(&self, namespace: &str) {
        self.note(format!("close {namespace}"));
    }
    fn watches_rooms(&self) -> bool {
        true
    }
    fn room_created(&self, namespace: &str, room: &Room, is_private: bool) {
        let name = if is_private { "of a socket" } else { room };
        self.note(format!("{namespace} has {name}"));
    }
    fn room_deleted(&self, namespace: &str, room: &Room) {
        let name = if room.len() == 20 { "of a socket" } else { room };
        self.note(format!("{namespace} has no more {name}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_is_told_of_namespaces_and_rooms() {
    let told = Told::default();
    let builder = Server::builder().namespace(namespace("/")).namespace(namespace("/room-{id}"));
    let config = Config { cleanup_empty_child_namespaces: true, ..Config::default() };
    let server = TestServer::new(builder.config(config).cluster(told.clone()).build().unwrap());
    assert_eq!(told.take(), ["start", "open /"]);
    let user = User { name: "ann".to_owned() };
    let ann = server.client().namespace("/room-1").auth(&user).connect().await.unwrap();
    let mut noted = told.take();
    // The handler that joins rooms runs before the client is admitted.
    noted[1..].sort_unstable();
    let rooms = ["/room-1 has ann", "/room-1 has of a socket", "/room-1 has users"];
    assert_eq!(noted, [&["open /room-1"][..], &rooms].concat());
    let id = ann.id().to_owned();
    let io = server.server().of("/room-1").unwrap();
    io.socket(&id).unwrap().leave("users");
    assert_eq!(told.take(), ["/room-1 has no more users"]);
    io.disconnect();
    drop(ann);
    tokio::time::sleep(Duration::from_millis(10)).await;
    let mut noted = told.take();
    assert_eq!(noted.pop().as_deref(), Some("close /room-1"));
    noted.sort_unstable();
    assert_eq!(noted, ["/room-1 has no more ann", "/room-1 has no more of a socket"]);
    // It is the same namespace that comes again.
    let _ann = server.client().namespace("/room-1").auth(&user).connect().await.unwrap();
    assert_eq!(told.take()[0], "open /room-1");
}

/// Draws of one history (SplitMix64).
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }
}

/// Two or three servers, some clients in some rooms; now and then a join, a leave, an event from any
/// server to any rooms. What each client hears is what a list of rooms says; with losses it is a part
/// of it, in its order, nothing twice, and what its own server says always.
#[tokio::test(start_paused = true)]
async fn histories_reach_whom_a_naive_model_says() {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("SOCKEYE_SEED").unwrap_or(1);
    for seed in first..first + number("SOCKEYE_CLUSTER_HISTORIES").unwrap_or(40) {
        history(seed).await;
    }
}

/// A client, its server, its rooms, and what it is to hear: the text, and whether from its own server.
struct Listener {
    client: TestClient,
    server: usize,
    rooms: BTreeSet<String>,
    expected: Vec<(String, bool)>,
}

impl Listener {
    fn is_in(&self, room: &String) -> bool {
        self.rooms.contains(room)
    }
}

async fn history(seed: u64) {
    let mut draws = Draws(seed);
    let delays = Duration::from_millis(1)..Duration::from_millis(20);
    let cluster = TestCluster::new(seed).delay(delays);
    let is_lossy = seed.is_multiple_of(3);
    let names = &["red", "green", "blue"][..2 + draws.below(2)];
    let servers: Vec<_> =
        names.iter().map(|name| server(&cluster, name, Config::default())).collect();
    let mut listeners = Vec::new();
    for number in 0..6 {
        let server = draws.below(servers.len());
        let name = format!("client {number}");
        let client = join(&servers[server], &name).await;
        let rooms = BTreeSet::from(["users".to_owned(), name]);
        listeners.push(Listener { client, server, rooms, expected: Vec::new() });
    }
    for step in 0..40 {
        let room = |draws: &mut Draws| format!("room {}", draws.below(3));
        let from = draws.below(servers.len());
        let io = servers[from].server().io();
        match draws.below(4) {
            0 | 1 => {
                let to: Vec<_> = (0..draws.below(3)).map(|_| room(&mut draws)).collect();
                let except: Vec<_> = (0..draws.below(2)).map(|_| room(&mut draws)).collect();
                cluster.lose(if is_lossy { 30 } else { 0 });
                let text = format!("{step}");
                io.to(to.clone()).except(except.clone()).emit(NEWS, &text).unwrap();
                for listener in &mut listeners {
                    let is_in = |room: &String| listener.is_in(room);
                    if (to.is_empty() || to.iter().any(is_in)) && !except.iter().any(is_in) {
                        listener.expected.push((text.clone(), listener.server == from));
                    }
                }
            }
            kind => {
                // Rooms change while no message is under way or lost.
                cluster.all_arrived().await;
                cluster.lose(0);
                let (whom, room) = (draws.below(listeners.len()), room(&mut draws));
                let target = io.to(Room::from(format!("client {whom}")));
                if kind == 2 {
                    target.join(room.as_str());
                    listeners[whom].rooms.insert(room);
                } else {
                    target.leave(room.as_str());
                    listeners[whom].rooms.remove(&room);
                }
                cluster.all_arrived().await;
            }
        }
        cluster.all_arrived().await;
    }
    for Listener { client, expected, .. } in &mut listeners {
        for (text, is_own) in expected.iter() {
            if is_lossy && !is_own {
                continue;
            }
            loop {
                let heard = client.expect_event(NEWS).await;
                assert!(is_lossy || heard == *text, "seed {seed}: {heard} in place of {text}");
                if heard == *text {
                    break;
                }
                let is_earlier = heard.parse::<u32>().unwrap() < text.parse::<u32>().unwrap();
                assert!(is_earlier, "seed {seed}: {heard} before {text}");
            }
        }
        if !is_lossy {
            client.expect_no_event().await;
        }
    }
}
