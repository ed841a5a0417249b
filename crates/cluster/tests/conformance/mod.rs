//! What every bus has to do: three servers over it are as one. The cases begin with those of the official adapter for
//! one process; each bus runs all of them.

mod presence;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sockeye::{
    Ack, AckError, Binary, Config, Event, EventError, Io, Namespace, RawEvent, Server, Socket,
    SocketId,
};
use sockeye_cluster::{Bus, BusCluster};
use sockeye_testing::{Ended, TestClient, TestServer};

/// What connects the servers of one case.
pub(crate) trait Members {
    type Bus: Bus;

    /// The cluster of one server.
    fn member(&mut self, name: &str) -> BusCluster<Self::Bus>;

    /// How its servers are configured.
    fn config(&self) -> Config {
        Config::default()
    }
}

const NEWS: Event<String> = Event::new("news");
const QUESTION: Event<String, u32> = Event::new("question");
const COUNT: Event<(), u32> = Event::new("count");
const BYTES: Event<Binary, Binary> = Event::new("bytes");

#[derive(Debug, PartialEq, Clone, Serialize, Deserialize)]
struct User {
    name: String,
}

async fn admit(socket: Socket, user: User) {
    socket.join(["users", user.name.as_str()]);
    socket.set(user);
}

fn namespace(path: &'static str) -> Namespace {
    presence::handlers(Namespace::new(path))
        .on_connect(admit)
        .share::<User>()
        .on("say", async |socket: Socket, text: String| socket.to("users").emit(NEWS, &text))
        .on_server_side(COUNT, async |io: Io| Ack(u32::try_from(io.sockets().len()).unwrap()))
        .on_server_side("fails", async || Err::<(), _>(EventError::new("busy", "not now")))
        .on_server_side("tell", async |io: Io, text: String| io.local().emit(NEWS, &text))
}

/// Three servers with a client each.
struct Three<M: Members> {
    clusters: Vec<BusCluster<M::Bus>>,
    servers: Vec<TestServer>,
    clients: Vec<TestClient>,
    members: M,
}

const NAMES: [&str; 3] = ["ann", "bob", "cyd"];

impl<M: Members> Three<M> {
    async fn new(mut members: M) -> Self {
        let clusters: Vec<_> =
            ["red", "green", "blue"].map(|name| members.member(name)).into_iter().collect();
        let mut servers = Vec::new();
        for cluster in &clusters {
            let namespaces = ["/", "/other", "/room-{id}"].map(namespace);
            let builder = Server::builder().config(members.config()).cluster(cluster.clone());
            let builder = namespaces.into_iter().fold(builder, |it, one| it.namespace(one));
            servers.push(TestServer::new(builder.build().unwrap()));
        }
        let mut clients = Vec::new();
        for (server, name) in servers.iter().zip(NAMES) {
            clients.push(connect(server, "/", name).await);
        }
        for cluster in &clusters {
            cluster.ready().await;
        }
        let three = Self { clusters, servers, clients, members };
        three.all_are_known("/", 3).await;
        three
    }

    /// Waits until each server counts so many, and each answers each.
    async fn all_are_known(&self, namespace: &str, count: usize) {
        for (cluster, server) in self.clusters.iter().zip(&self.servers) {
            until("the servers to know each other", async || {
                let io = server.server().of(namespace).unwrap();
                cluster.server_count(namespace).await == Some(count)
                    && io.timeout(Duration::from_secs(1)).fetch().await.is_ok()
            })
            .await;
        }
    }

    fn io(&self, server: usize) -> Io {
        self.servers[server].server().io()
    }

    /// Waits until a server has so many sockets in a room.
    async fn has(&self, server: usize, room: &str, count: usize) {
        until("the room's members", async || self.io(server).to(room).sockets().len() == count)
            .await;
        self.clusters[server].ready().await;
    }

    async fn expect(&mut self, heard: [Option<&str>; 3]) {
        for (client, heard) in self.clients.iter_mut().zip(heard) {
            if let Some(text) = heard {
                assert_eq!(client.expect_event(NEWS).await, text);
            }
        }
        // What is sent last comes last, so nobody else has got anything.
        self.io(0).emit(NEWS, "done").unwrap();
        for client in &mut self.clients {
            assert_eq!(client.expect_event(NEWS).await, "done");
        }
    }
}

async fn connect(server: &TestServer, namespace: &str, name: &str) -> TestClient {
    let user = User { name: name.to_owned() };
    server.client().namespace(namespace).auth(&user).connect().await.unwrap()
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .unwrap_or_else(|_| panic!("waited for {what}"));
}

macro_rules! cases {
    ($($case:path),* $(,)?) => {
        /// Runs every case over servers that `make` connects anew.
        pub(crate) async fn run<M: Members>(mut make: impl FnMut() -> M) {
            $(
                println!("  {}", stringify!($case));
                $case(Three::new(make()).await).await;
            )*
        }
    };
}

cases!(
    events_reach_all_and_local_ones_this_server,
    events_reach_rooms_and_leave_others_out,
    a_sender_is_left_out_everywhere,
    order_and_bytes_stay,
    every_client_answers_whoever_asks,
    clients_that_are_gone_or_silent_are_told,
    sockets_enter_and_leave_rooms_of_all_servers,
    sockets_of_all_servers_are_listed_with_what_is_known_of_them,
    one_socket_is_reached_wherever_it_is,
    sockets_are_sent_away,
    servers_tell_and_ask_each_other,
    namespaces_are_apart,
    namespaces_of_clients_names_are_joined_when_they_begin,
    every_server_can_ask_at_once,
    presence::who_is_present_is_known_everywhere,
    presence::who_comes_back_by_another_server_has_not_left,
    presence::who_was_there_before_is_known_to_a_server_that_begins,
);

async fn events_reach_all_and_local_ones_this_server<M: Members>(mut three: Three<M>) {
    for server in 0..3 {
        three.io(server).emit(NEWS, "all").unwrap();
        three.expect([Some("all"); 3]).await;
    }
    three.io(1).local().emit(NEWS, "here").unwrap();
    three.expect([None, Some("here"), None]).await;
    three.io(2).volatile().compress(false).emit(NEWS, "light").unwrap();
    three.expect([Some("light"); 3]).await;
}

async fn events_reach_rooms_and_leave_others_out<M: Members>(mut three: Three<M>) {
    for server in 0..3 {
        let io = three.io(server);
        io.to("bob").emit(NEWS, "bob").unwrap();
        three.expect([None, Some("bob"), None]).await;
        io.to(["ann", "cyd", "nobody"]).emit(NEWS, "two").unwrap();
        three.expect([Some("two"), None, Some("two")]).await;
        io.except("ann").emit(NEWS, "others").unwrap();
        three.expect([None, Some("others"), Some("others")]).await;
        io.to("users").except(["bob", "cyd"]).emit(NEWS, "ann").unwrap();
        three.expect([Some("ann"), None, None]).await;
        io.to("nobody").emit(NEWS, "nobody").unwrap();
        three.expect([None; 3]).await;
        // Names that are like ids, and such as no channel should care about.
        for room in ["twenty-letters-long!", "#", "a#b", "한국어 방", "*?[x]", ""] {
            three.io(1).to("bob").join(room);
            three.has(1, room, 1).await;
            io.to(room).emit(NEWS, "room").unwrap();
            three.expect([None, Some("room"), None]).await;
            three.io(1).to("bob").leave(room);
            three.has(1, room, 0).await;
        }
    }
}

async fn a_sender_is_left_out_everywhere<M: Members>(mut three: Three<M>) {
    three.clients[1].emit("say", "from bob");
    three.expect_others(1, "from bob").await;
}

impl<M: Members> Three<M> {
    async fn expect_others(&mut self, sender: usize, text: &str) {
        let mut heard = [Some(text); 3];
        heard[sender] = None;
        for (client, heard) in self.clients.iter_mut().zip(heard) {
            if let Some(text) = heard {
                assert_eq!(client.expect_event(NEWS).await, text);
            }
        }
        self.clients[sender].expect_no_event().await;
    }
}

async fn order_and_bytes_stay<M: Members>(mut three: Three<M>) {
    for number in 0..100_u32 {
        let bytes = Binary(vec![number as u8; 3].into());
        three.io(0).emit("mixed", &(number, bytes, "text", [[1.5]])).unwrap();
    }
    for client in &mut three.clients {
        for number in 0..100_u32 {
            let (got, bytes, text, list) =
                client.expect_event::<(u32, Binary, String, Vec<Vec<f64>>)>("mixed").await;
            assert_eq!((got, &bytes.0[..]), (number, &[number as u8; 3][..]));
            assert_eq!((&*text, list), ("text", vec![vec![1.5]]));
        }
    }
    three.io(2).emit("raw", &()).unwrap();
    let raw: RawEvent = three.clients[0].next_event().await.unwrap();
    // With recovery the last argument is the event's offset.
    let offset = three.clients[0].last_offset().map(|offset| format!("{offset:?}"));
    let args = offset.filter(|_| three.members.config().recovery.is_some());
    assert_eq!((&*raw.name, raw.args.json()), ("raw", &*args.unwrap_or_default()));
}

async fn every_client_answers_whoever_asks<M: Members>(mut three: Three<M>) {
    let ids: BTreeSet<String> = three.clients.iter().map(|it| it.id().to_owned()).collect();
    for server in 0..3 {
        let asked = three.io(server).emit_with_ack(QUESTION, "how many?").unwrap();
        for (number, client) in (1..).zip(&mut three.clients) {
            client.expect_request(QUESTION).await.1.answer(&number);
        }
        let answers = asked.collect().await;
        assert!(answers.is_complete(), "{answers:?}");
        let mut values: Vec<_> = answers.values.iter().map(|(_, value)| *value).collect();
        values.sort_unstable();
        assert_eq!(values, [1, 2, 3]);
        let who: BTreeSet<_> =
            answers.values.iter().filter_map(|(id, _)| Some(id.as_ref()?.to_string())).collect();
        assert!(who.is_subset(&ids));
        // Of this project's servers each says whose answer it is.
        assert_eq!(who.len(), 3);
        let nobody = three.io(server).to("nobody").emit_with_ack(QUESTION, "?").unwrap();
        assert!(nobody.collect_all().await.unwrap().is_empty());
        let bytes = Binary(vec![0, 255].into());
        let asked = three.io(server).to("bob").emit_with_ack(BYTES, &bytes).unwrap();
        let (got, request) = three.clients[1].expect_request(BYTES).await;
        assert_eq!(got, bytes);
        request.answer(&Binary(vec![7].into()));
        assert_eq!(asked.collect_all().await.unwrap(), [Binary(vec![7].into())]);
    }
}

async fn clients_that_are_gone_or_silent_are_told<M: Members>(mut three: Three<M>) {
    let io = three.io(0);
    let asked = io.timeout(Duration::from_secs(2)).emit_with_ack(QUESTION, "?").unwrap();
    let (_, _silent) = three.clients[0].expect_request(QUESTION).await;
    let (_, _gone) = three.clients[1].expect_request(QUESTION).await;
    three.clients[2].expect_request(QUESTION).await.1.answer(&3);
    three.clients[1].disconnect();
    let answers = asked.collect().await;
    assert_eq!(answers.values.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [3]);
    let errors = answers.failures.iter().map(|(_, error)| match error {
        AckError::Timeout { .. } => "silent",
        AckError::Disconnected { .. } => "gone",
        _ => "?",
    });
    assert_eq!(errors.collect::<BTreeSet<_>>(), ["gone", "silent"].into());
}

async fn sockets_enter_and_leave_rooms_of_all_servers<M: Members>(three: Three<M>) {
    for server in 0..3 {
        three.io(server).to(["ann", "cyd"]).join(["one", "two"]);
        for (at, count) in [1, 0, 1].into_iter().enumerate() {
            three.has(at, "one", count).await;
            three.has(at, "two", count).await;
        }
        three.io(server).to("one").except("cyd").leave("one");
        three.has(0, "one", 0).await;
        three.has(2, "one", 1).await;
        three.io(server).leave(["one", "two"]);
        for at in 0..3 {
            three.has(at, "one", 0).await;
            three.has(at, "two", 0).await;
        }
    }
}

async fn sockets_of_all_servers_are_listed_with_what_is_known_of_them<M: Members>(three: Three<M>) {
    for server in 0..3 {
        let found = three.io(server).to("users").except("bob").fetch().await.unwrap();
        let name = |socket: &sockeye::RemoteSocket| socket.data::<User>().unwrap().unwrap().name;
        let names: BTreeSet<_> = found.iter().map(name).collect();
        assert_eq!(names, ["ann", "cyd"].map(str::to_owned).into());
        let ann = found.iter().find(|socket| socket.id().as_str() == three.clients[0].id());
        let ann = ann.unwrap();
        assert_eq!(ann.rooms().len(), 3);
        let handshake = ann.handshake();
        assert!(handshake.uri.to_string().starts_with("/socket.io/?"), "{}", handshake.uri);
        assert_eq!(&*handshake.auth, r#"{"name":"ann"}"#);
        assert!(handshake.headers.contains_key("host"));
        assert!(handshake.issued.elapsed().unwrap() < Duration::from_secs(3_600));
        let ids: BTreeSet<_> = three.io(server).ids().await.unwrap().into_iter().collect();
        let all = three.clients.iter().map(|client| client.id().parse::<SocketId>().unwrap());
        assert_eq!(ids, all.collect());
        assert_eq!(three.io(server).local().fetch().await.unwrap().len(), 1);
    }
}

async fn one_socket_is_reached_wherever_it_is<M: Members>(mut three: Three<M>) {
    for server in 0..3 {
        let found = three.io(server).to("bob").fetch().await.unwrap();
        let [bob] = &found[..] else { panic!("{found:?}") };
        bob.emit(NEWS, "alone").unwrap();
        three.expect([None, Some("alone"), None]).await;
        let client = &mut three.clients[1];
        let (answer, ()) = tokio::join!(bob.emit_with_ack(QUESTION, "?"), async {
            client.expect_request(QUESTION).await.1.answer(&7);
        });
        assert_eq!(answer.unwrap(), 7);
        bob.join("moved");
        three.has(1, "moved", 1).await;
        bob.leave("moved");
        three.has(1, "moved", 0).await;
    }
}

async fn sockets_are_sent_away<M: Members>(mut three: Three<M>) {
    let bob = three.io(0).to("bob").fetch().await.unwrap().remove(0);
    three.io(0).to("bob").disconnect();
    assert_eq!(three.clients[1].expect_end().await, Ended::ByServer);
    assert!(matches!(bob.emit_with_ack(QUESTION, "?").await, Err(AckError::Disconnected { .. })));
    three.io(0).except("ann").close_sessions();
    three.clients[2].expect_end().await;
    three.clients[0].expect_no_event().await;
    assert_eq!(three.io(1).fetch().await.unwrap().len(), 1);
}

async fn servers_tell_and_ask_each_other<M: Members>(mut three: Three<M>) {
    for server in 0..3 {
        three.io(server).server_side_emit("tell", "between us").unwrap();
        let mut heard = [Some("between us"); 3];
        heard[server] = None;
        three.expect(heard).await;
        let counts = three.io(server).server_side_emit_with_ack(COUNT, &()).unwrap().await;
        assert_eq!(counts.into_iter().collect::<Result<Vec<_>, _>>().unwrap(), [1, 1]);
        let unknown = three.io(server).server_side_emit_with_ack::<_, u32>("unknown", &());
        assert!(unknown.unwrap().await.is_empty());
        let failed =
            three.io(server).server_side_emit_with_ack::<_, ()>("fails", &()).unwrap().await;
        let [Err(AckError::Remote(one)), Err(AckError::Remote(_))] = &failed[..] else {
            panic!("{failed:?}")
        };
        assert_eq!(one.message, "not now");
    }
}

async fn namespaces_are_apart<M: Members>(mut three: Three<M>) {
    let mut others = Vec::new();
    for (server, name) in three.servers.iter().zip(NAMES) {
        others.push(connect(server, "/other", name).await);
    }
    three.all_are_known("/other", 3).await;
    let other = three.servers[0].server().of("/other").unwrap();
    other.to("users").emit(NEWS, "other").unwrap();
    for client in &mut others {
        assert_eq!(client.expect_event(NEWS).await, "other");
    }
    three.expect([None; 3]).await;
    assert_eq!(other.fetch().await.unwrap().len(), 3);
    other.disconnect();
    for client in &mut others {
        client.expect_end().await;
    }
    three.expect([None; 3]).await;
}

async fn namespaces_of_clients_names_are_joined_when_they_begin<M: Members>(three: Three<M>) {
    let mut one = connect(&three.servers[0], "/room-1", "one").await;
    let mut other = connect(&three.servers[1], "/room-1", "other").await;
    let io = three.servers[0].server().of("/room-1").unwrap();
    until("both servers to have the namespace", async || {
        io.timeout(Duration::from_secs(1)).fetch().await.is_ok_and(|found| found.len() == 2)
    })
    .await;
    io.emit(NEWS, "room").unwrap();
    assert_eq!(one.expect_event(NEWS).await, "room");
    assert_eq!(other.expect_event(NEWS).await, "room");
}

async fn every_server_can_ask_at_once<M: Members>(three: Three<M>) {
    let mut asking = Vec::new();
    for _ in 0..20 {
        for server in 0..3 {
            let io = three.io(server);
            asking.push(tokio::spawn(async move {
                let (fetched, counted) =
                    tokio::join!(async { io.fetch().await.unwrap().len() }, async {
                        io.server_side_emit_with_ack(COUNT, &()).unwrap().await.len()
                    });
                (fetched, counted)
            }));
        }
    }
    for asked in asking {
        assert_eq!(asked.await.unwrap(), (3, 2));
    }
    let counts = three.clusters[0].counts();
    assert_eq!((counts.refused, counts.unasked, counts.lost), (0, 0, 0), "{counts:?}");
}
