//! Clients whose server is gone go on at another: id, rooms and data are there, and every event comes once and in order.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sockeye::{Config, Event, Io, Namespace, RecoveryConfig, Server, Socket};
use sockeye_cluster::{BusCluster, ClusterConfig};
use sockeye_cluster_proto::{Limits, StoredSession};
use sockeye_redis::{StreamsBus, StreamsConfig};
use sockeye_testing::{TestClient, TestServer};
use tokio::time::timeout;

use self::support::{CuttingProxy, Redis, until};

const TICK: Event<u32> = Event::new("tick");
const JOIN: Event<String, ()> = Event::new("join");

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Seat(u32);

/// A server, and its way to Redis.
struct Member {
    cluster: BusCluster<StreamsBus>,
    server: TestServer,
    way: CuttingProxy,
}

fn namespace() -> Namespace {
    Namespace::new("/")
        .share_as::<User>("user")
        .share_as::<Seat>("seat")
        .on_connect(async |socket: Socket| {
            if let Ok(user) = socket.auth::<User>() {
                socket.set(user);
            }
        })
        .on(JOIN, async |socket: Socket, room: String| {
            socket.join(room);
            sockeye::Ack(())
        })
}

/// How a server is set up.
struct Setup {
    name: &'static str,
    max_len: usize,
    max_disconnection: Duration,
}

impl Setup {
    fn new(name: &'static str) -> Self {
        let max_disconnection = RecoveryConfig::default().max_disconnection;
        Self { name, max_len: 10_000, max_disconnection }
    }

    async fn start(&self, redis: &Redis) -> Member {
        let way = CuttingProxy::whole(redis.port).await;
        let mut config = StreamsConfig::default();
        config.max_len = self.max_len;
        let bus = StreamsBus::new(&way.url(), config).unwrap();
        let cluster = BusCluster::new(bus, ClusterConfig::new(self.name));
        let max_disconnection = self.max_disconnection;
        let recovery = RecoveryConfig { max_disconnection, ..RecoveryConfig::default() };
        let server = Server::builder()
            .config(Config { recovery: Some(recovery), ..Config::default() })
            .namespace(namespace())
            .cluster(cluster.clone());
        let server = TestServer::new(server.build().unwrap());
        cluster.ready().await;
        Member { cluster, server, way }
    }
}

async fn member(redis: &Redis, name: &'static str, max_len: usize) -> Member {
    Setup { max_len, ..Setup::new(name) }.start(redis).await
}

impl Member {
    fn io(&self) -> Io {
        self.server.server().io()
    }

    async fn connect(&self, name: &str) -> TestClient {
        self.server.client().auth(&User { name: name.into() }).connect().await.unwrap()
    }

    fn tick(&self, room: &str, number: u32) {
        self.io().to(room).emit(TICK, &number).unwrap();
    }

    /// It is gone from one moment to the next: nothing of it reaches Redis or its clients any more.
    fn kill(&self, clients: &[TestClient]) {
        self.way.sever();
        clients.iter().for_each(|client| client.wire().cut());
    }

    fn has(&self, room: &str) -> bool {
        !self.io().to(room).sockets().is_empty()
    }
}

async fn join(client: &mut TestClient, room: &str) {
    client.emit_with_ack(JOIN, room).await.unwrap();
}

/// The rooms of the session that Redis has for a client.
fn written_rooms(redis: &Redis, pid: &str) -> BTreeSet<String> {
    let kept = redis.run(&["GET", &format!("sio:session:{pid}")]);
    let received = StoredSession::receive(kept.trim(), &Limits::default());
    let rooms = received.ok().and_then(|received| {
        let stored = StoredSession::read(&received).ok()?;
        Some(stored.rooms.iter().map(|room| room.to_string()).collect())
    });
    rooms.unwrap_or_default()
}

fn sessions(redis: &Redis) -> Vec<String> {
    let keys = redis.run(&["KEYS", "sio:session:*"]);
    let pid = |key: &str| key.strip_prefix("sio:session:").map(str::to_owned);
    keys.lines().filter_map(pid).collect()
}

#[tokio::test]
async fn a_client_goes_on_at_another_server_and_comes_back() {
    let redis = Redis::start();
    let red = member(&redis, "red", 10_000).await;
    let blue = member(&redis, "blue", 10_000).await;
    let mut ann = red.connect("ann").await;
    let id = ann.id().to_owned();
    join(&mut ann, "a").await;
    red.tick("a", 1);
    assert_eq!(ann.expect_event(TICK).await, 1);

    let mut number = 1;
    for (from, to) in [(&red, &blue), (&blue, &red), (&red, &red), (&red, &blue)] {
        ann.wire().cut();
        for _ in 0..250 {
            number += 1;
            from.tick("a", number);
            to.tick("elsewhere", 0);
        }
        ann.reconnect_to(&to.server).await.unwrap();
        assert!(ann.recovered(), "{:?}", ann.recovery_failure());
        assert_eq!(ann.id(), id);
        number += 1;
        to.tick("a", number);
        for expected in number - 250..=number {
            assert_eq!(ann.expect_event(TICK).await, expected);
        }
        let socket = to.io().to("a").sockets().pop().unwrap();
        assert_eq!(socket.get::<User>().as_deref(), Some(&User { name: "ann".into() }));
    }
    ann.expect_no_event().await;
    until("the servers before to forget it", async || !red.has("a")).await;
}

#[tokio::test]
async fn a_client_that_has_received_nothing_goes_on_where_it_began() {
    let redis = Redis::start();
    let red = member(&redis, "red", 10_000).await;
    let blue = member(&redis, "blue", 10_000).await;
    let mut ann = red.connect("ann").await;
    join(&mut ann, "a").await;
    until("the join to be written", async || {
        sessions(&redis).iter().any(|pid| written_rooms(&redis, pid).contains("a"))
    })
    .await;
    red.kill(std::slice::from_ref(&ann));
    blue.tick("a", 1);
    blue.tick("b", 2);
    blue.tick("a", 3);
    ann.reconnect_to(&blue.server).await.unwrap();
    assert!(ann.recovered(), "{:?}", ann.recovery_failure());
    assert_eq!(ann.expect_event(TICK).await, 1);
    assert_eq!(ann.expect_event(TICK).await, 3);
    ann.expect_no_event().await;
}

#[tokio::test]
async fn volatile_and_local_events_do_not_keep_a_client_from_going_on() {
    let redis = Redis::start();
    let red = member(&redis, "red", 10_000).await;
    let blue = member(&redis, "blue", 10_000).await;
    let mut ann = red.connect("ann").await;
    join(&mut ann, "a").await;
    red.io().local().emit(TICK, &1).unwrap();
    assert_eq!(ann.expect_event(TICK).await, 1);
    red.tick("a", 2);
    assert_eq!(ann.expect_event(TICK).await, 2);
    let after = ann.last_offset().unwrap().to_owned();
    red.io().volatile().emit(TICK, &3).unwrap();
    assert_eq!(ann.expect_event(TICK).await, 3);
    assert_eq!(ann.last_offset(), Some(&*after), "it has the offset of the last that is kept");
    red.kill(std::slice::from_ref(&ann));
    blue.tick("a", 4);
    ann.reconnect_to(&blue.server).await.unwrap();
    assert!(ann.recovered(), "{:?}", ann.recovery_failure());
    assert_eq!(ann.expect_event(TICK).await, 4);
    ann.expect_no_event().await;
}

#[tokio::test]
async fn who_cannot_go_on_hears_why() {
    let redis = Redis::start();
    let red = member(&redis, "red", 100).await;
    let blue = member(&redis, "blue", 100).await;
    let mut ann = red.connect("ann").await;
    join(&mut ann, "a").await;
    red.tick("a", 1);
    assert_eq!(ann.expect_event(TICK).await, 1);
    let offset = ann.last_offset().unwrap().to_owned();

    // An offset that no stream has.
    ann.wire().cut();
    ann.set_last_offset(Some("99999999999999-0"));
    ann.reconnect_to(&blue.server).await.unwrap();
    assert_eq!(ann.recovery_failure(), Some("unknown_offset"));

    // More was missed than is kept.
    let mut bob = red.connect("bob").await;
    join(&mut bob, "a").await;
    red.tick("a", 2);
    assert_eq!(bob.expect_event(TICK).await, 2);
    bob.wire().cut();
    for number in 0..1_000 {
        red.tick("b", number);
    }
    until("the stream to be trimmed", async || {
        !redis.run(&["XRANGE", "socket.io", "-", "+", "COUNT", "1"]).contains(&offset)
    })
    .await;
    bob.reconnect_to(&blue.server).await.unwrap();
    assert_eq!(bob.recovery_failure(), Some("log_truncated"));

    // Nobody has it.
    let mut cyd = red.connect("cyd").await;
    join(&mut cyd, "of cyd").await;
    let is_written =
        async || sessions(&redis).iter().any(|pid| written_rooms(&redis, pid).contains("of cyd"));
    until("the session to be written", is_written).await;
    cyd.disconnect();
    until("the session to be deleted", async || !is_written().await).await;
    cyd.reconnect_to(&blue.server).await.unwrap();
    assert_eq!(cyd.recovery_failure(), Some("unknown_session"));

    // Redis is away.
    let mut dan = red.connect("dan").await;
    blue.way.sever();
    dan.wire().cut();
    until("that Redis is missed", async || blue.cluster.server_count("/").await.is_none()).await;
    dan.reconnect_to(&blue.server).await.unwrap();
    assert_eq!(dan.recovery_failure(), Some("unavailable"));
}

/// One entry more than are looked through.
#[tokio::test]
async fn a_client_that_missed_too_much_begins_anew() {
    let redis = Redis::start();
    let red = member(&redis, "red", 1_000_000).await;
    let blue = member(&redis, "blue", 1_000_000).await;
    for (missed, failure) in [(9_999, None), (10_000, Some("log_truncated"))] {
        let mut ann = red.connect("ann").await;
        join(&mut ann, "a").await;
        red.tick("a", 1);
        assert_eq!(ann.expect_event(TICK).await, 1);
        ann.wire().cut();
        let length = || redis.run(&["XLEN", "socket.io"]).trim().parse::<u32>().unwrap();
        let before = length();
        (0..missed).for_each(|number| red.tick("b", number));
        until("all to be kept", async || length() == before + missed).await;
        ann.reconnect_to(&blue.server).await.unwrap();
        assert_eq!(ann.recovery_failure(), failure, "{missed} missed");
        ann.disconnect();
    }
}

/// What Node's adapter has written, which names neither its server nor where the session began.
#[tokio::test]
async fn a_session_of_node_goes_on() {
    let redis = Redis::start();
    let red = member(&redis, "red", 10_000).await;
    let mut ann = red.connect("ann").await;
    join(&mut ann, "a").await;
    red.tick("a", 1);
    assert_eq!(ann.expect_event(TICK).await, 1);
    until("the join to be written", async || {
        sessions(&redis).iter().any(|pid| written_rooms(&redis, pid).contains("a"))
    })
    .await;
    let pid = sessions(&redis).pop().unwrap();
    red.kill(std::slice::from_ref(&ann));
    let stored = StoredSession {
        sid: ann.id().into(),
        pid: pid.as_str().into(),
        rooms: vec![ann.id().into(), "b".into()],
        data: r#"{"user":{"name":"of node"},"seat":7,"other":1}"#.into(),
        ..StoredSession::default()
    };
    redis.run(&["SET", &format!("sio:session:{pid}"), &stored.encode()]);
    let blue = member(&redis, "blue", 10_000).await;
    blue.tick("a", 2);
    blue.tick("b", 3);
    ann.reconnect_to(&blue.server).await.unwrap();
    assert!(ann.recovered(), "{:?}", ann.recovery_failure());
    assert_eq!(ann.expect_event(TICK).await, 3);
    let socket = blue.io().to("b").sockets().pop().unwrap();
    assert_eq!(socket.get::<Seat>().as_deref(), Some(&Seat(7)));
    let user = socket.get::<User>();
    assert_eq!(user.as_deref(), Some(&User { name: "ann".into() }), "what `on_connect` sets stays");
}

#[tokio::test]
async fn a_session_is_restored_once() {
    let redis = Redis::start();
    let red = member(&redis, "red", 10_000).await;
    let blue = member(&redis, "blue", 10_000).await;
    let green = member(&redis, "green", 10_000).await;
    for _ in 0..20 {
        let ann = red.connect("ann").await;
        let mut claims = Vec::new();
        ann.wire().cut();
        for to in [&blue, &green] {
            let mut twin = ann.twin();
            let server = to.server.clone();
            claims.push(tokio::spawn(async move {
                twin.reconnect_to(&server).await.unwrap();
                twin
            }));
        }
        let mut recovered = 0;
        for claim in claims {
            recovered += u32::from(claim.await.unwrap().recovered());
        }
        assert!(recovered <= 1, "{recovered}");
    }
}

/// The moment a client hears something of a room, its server dies: then the join is written, and the client is in the room
/// where it goes on.
#[tokio::test]
async fn what_a_room_sends_reaches_a_client_only_when_its_join_is_written() {
    let redis = Redis::start();
    let blue = member(&redis, "blue", 10_000).await;
    for round in 0..20 {
        let red = member(&redis, "red", 10_000).await;
        let mut ann = red.connect("ann").await;
        join(&mut ann, &format!("first-{round}")).await;
        until("the session to be written", async || {
            let first = format!("first-{round}");
            sessions(&redis).iter().any(|pid| written_rooms(&redis, pid).contains(&first))
        })
        .await;
        let room = format!("room-{round}");
        ann.emit(JOIN, &room);
        let mut number = 0;
        let hearing = async {
            while !red.has(&room) {
                tokio::task::yield_now().await;
            }
            loop {
                number += 1;
                blue.tick(&room, number);
                let heard = timeout(Duration::from_millis(1), ann.next_event()).await;
                if let Ok(event) = heard {
                    red.way.sever();
                    return event.unwrap();
                }
            }
        };
        timeout(Duration::from_secs(20), hearing).await.unwrap();
        ann.wire().cut();
        ann.reconnect_to(&blue.server).await.unwrap();
        assert!(ann.recovered(), "round {round}: {:?}", ann.recovery_failure());
        assert!(blue.has(&room), "round {round}: it has heard of a room that it is not in");
        ann.disconnect();
    }
}

/// Redis has forgotten everything: sessions are written again, and who has heard something since then can go on.
#[tokio::test]
async fn redis_forgets_all_and_learns_it_again() {
    let mut redis = Redis::start();
    let red = member(&redis, "red", 10_000).await;
    let blue = member(&redis, "blue", 10_000).await;
    let mut ann = red.connect("ann").await;
    join(&mut ann, "a").await;
    red.tick("a", 1);
    assert_eq!(ann.expect_event(TICK).await, 1);
    redis.kill();
    red.tick("a", 2);
    assert_eq!(ann.expect_event(TICK).await, 2);
    redis.start_again();
    until("the session to be written again", async || {
        sessions(&redis).iter().any(|pid| written_rooms(&redis, pid).contains("a"))
    })
    .await;
    red.cluster.ready().await;
    let mut number = 2;
    until("an event to be kept again", async || {
        redis.run(&["EXISTS", "socket.io"]).trim() == "1" || {
            red.tick("b", 0);
            false
        }
    })
    .await;
    number += 1;
    red.tick("a", number);
    assert_eq!(ann.expect_event(TICK).await, number);
    red.kill(std::slice::from_ref(&ann));
    until("the other server to be there again", async || {
        blue.cluster.server_count("/").await.is_some()
    })
    .await;
    ann.reconnect_to(&blue.server).await.unwrap();
    assert!(ann.recovered(), "{:?}", ann.recovery_failure());
    assert!(blue.has("a"));
}

/// A change that Redis does not take: what it has of the session is deleted, so that nobody goes on without a room.
#[tokio::test]
async fn a_session_that_cannot_be_written_is_deleted() {
    let redis = Redis::with(&["--maxmemory-policy", "noeviction"]);
    let red = member(&redis, "red", 10_000).await;
    let blue = member(&redis, "blue", 10_000).await;
    let mut ann = red.connect("ann").await;
    join(&mut ann, "a").await;
    red.tick("a", 1);
    assert_eq!(ann.expect_event(TICK).await, 1);
    until("the session to be written", async || sessions(&redis).len() == 1).await;
    redis.run(&["CONFIG", "SET", "maxmemory", "1"]);
    join(&mut ann, "b").await;
    until("the session to be deleted", async || sessions(&redis).is_empty()).await;
    red.tick("b", 2);
    assert_eq!(ann.expect_event(TICK).await, 2, "local delivery goes on");
    red.kill(std::slice::from_ref(&ann));
    ann.reconnect_to(&blue.server).await.unwrap();
    assert_eq!(ann.recovery_failure(), Some("unknown_session"));
}

/// A session is written again before it expires, as long as its client is connected.
#[tokio::test]
async fn a_session_lasts_as_long_as_its_client_is_connected() {
    let redis = Redis::start();
    let mut red = Setup::new("red");
    red.max_disconnection = Duration::from_millis(300);
    let red = red.start(&redis).await;
    let ann = red.connect("ann").await;
    until("the session to be written", async || sessions(&redis).len() == 1).await;
    let pid = sessions(&redis).pop().unwrap();
    let key = format!("sio:session:{pid}");
    let left = || redis.run(&["PTTL", &key]).trim().parse::<i64>().unwrap();
    for _ in 0..5 {
        let before = left();
        assert!((300..=600).contains(&before), "{before} ms are left");
        until("it to be written again", async || left() > before).await;
    }
    ann.wire().cut();
    until("it to expire", async || sessions(&redis).is_empty()).await;
}

/// A server is killed while numbered events go to the rooms of its clients, who join more rooms meanwhile.
async fn a_server_is_killed(clients: usize, seed: u32) {
    let redis = Redis::start();
    let red = member(&redis, "red", 1_000_000).await;
    let blue = member(&redis, "blue", 1_000_000).await;
    let mut all = Vec::new();
    for at in 0..clients {
        let mut client = red.connect("ann").await;
        join(&mut client, &format!("room-{}", at % 10)).await;
        all.push(client);
    }
    let mut number = 0;
    let mut burst = async |times: u32| {
        for _ in 0..times {
            number += 1;
            for room in 0..10 {
                blue.tick(&format!("room-{room}"), number);
            }
            tokio::task::yield_now().await;
        }
        number
    };
    burst(40 + seed).await;
    // Some have got all of it, some a part, some nothing.
    let mut heard = vec![0; clients];
    for (at, client) in all.iter_mut().enumerate() {
        for _ in 0..at % 40 {
            heard[at] += 1;
            assert_eq!(client.expect_event(TICK).await, heard[at]);
        }
        if at % 3 == 0 {
            client.emit(JOIN, &format!("late-{at}"));
        }
    }
    burst(seed % 7).await;
    red.kill(&all);
    burst(20).await;
    let mut waiting = Vec::new();
    let mut failures = Vec::new();
    for (at, mut client) in all.into_iter().enumerate() {
        client.reconnect_to(&blue.server).await.unwrap();
        match client.recovery_failure() {
            None => waiting.push((at, client)),
            Some(failure) => failures.push(failure.to_owned()),
        }
    }
    let last = burst(5).await;
    for (at, mut client) in waiting {
        assert!(client.recovered());
        // What had arrived before and nobody had looked at is gone with the connection, and counts as seen.
        let mut expected = client.expect_event(TICK).await;
        assert!(expected > heard[at], "client {at} heard {expected} twice, seed {seed}");
        while expected < last {
            expected += 1;
            assert_eq!(client.expect_event(TICK).await, expected, "client {at}, seed {seed}");
        }
        client.expect_no_event_for(Duration::ZERO).await;
    }
    assert!(failures.len() * 100 <= clients, "of {clients} clients {failures:?}, seed {seed}");
}

#[tokio::test]
async fn clients_of_a_killed_server_go_on_exactly_once_and_in_order() {
    let kills = std::env::var("SOCKEYE_KILLED_SERVERS").map_or(2, |count| count.parse().unwrap());
    for seed in 0..kills {
        a_server_is_killed(200, seed).await;
    }
}
