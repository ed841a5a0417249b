//! An emitter and servers of this project, over a real Redis.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../redis/tests/support/mod.rs"]
mod support;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sockeye::{Namespace, Server};
use sockeye_cluster::{Bus, BusCluster, ClusterConfig};
use sockeye_emitter::{
    Binary, ConnectError, EmitError, Emitter, EmitterConfig, Event, PublishError, SubscriptionMode,
};
use sockeye_redis::{ClassicBus, ClassicConfig, ShardedBus, ShardedConfig};
use sockeye_testing::TestServer;

use self::support::{Redis, RedisCluster, until};

const NEWS: Event<u32> = Event::new("news");
const PICTURE: Event<Binary> = Event::new("picture");
const TOLD: Event<u32> = Event::new("told");

/// A server in the cluster, and what its handler was told.
struct Member<B: Bus> {
    cluster: BusCluster<B>,
    server: TestServer,
    told: Arc<Mutex<Vec<u32>>>,
}

async fn member<B: Bus>(bus: B, name: &str) -> Member<B> {
    let cluster = BusCluster::new(bus, ClusterConfig::new(name));
    let told = Arc::<Mutex<Vec<u32>>>::default();
    let keeps = Arc::clone(&told);
    let namespace = Namespace::new("/").on_server_side(TOLD, move |number: u32| {
        keeps.lock().push(number);
        std::future::ready(())
    });
    let server = Server::builder()
        .namespace(namespace)
        .namespace(Namespace::new("/chat"))
        .cluster(cluster.clone())
        .build();
    let server = TestServer::new(server.unwrap());
    cluster.ready().await;
    Member { cluster, server, told }
}

/// Every verb, seen at two servers.
async fn every_verb<B: Bus>(make: impl Fn() -> B, emitter: &Emitter, is_counted: bool) {
    let (red, blue) = (member(make(), "red").await, member(make(), "blue").await);
    let (mut ann, mut bob) = (red.server.connect().await, blue.server.connect().await);
    until("both to be counted", async || red.cluster.server_count("/").await == Some(2)).await;

    let heard = emitter.emit(NEWS, &1).await.unwrap();
    assert_eq!(heard.servers(), is_counted.then_some(2));
    assert_eq!((ann.expect_event(NEWS).await, bob.expect_event(NEWS).await), (1, 1));

    emitter.to(ann.id()).join(["lobby"]).await.unwrap();
    until("Ann to be in the room", async || {
        red.server.server().io().to("lobby").ids().await.unwrap().len() == 1
    })
    .await;
    emitter.to("lobby").emit(NEWS, &2).await.unwrap();
    assert_eq!(ann.expect_event(NEWS).await, 2);
    emitter.except("lobby").emit(NEWS, &3).await.unwrap();
    assert_eq!(bob.expect_event(NEWS).await, 3);
    // What was for others would have come before this.
    let picture = Binary(vec![0, 159, 1].into());
    emitter.to_all(["lobby", bob.id()]).emit(PICTURE, &picture).await.unwrap();
    assert_eq!(ann.expect_event(PICTURE).await.0, picture.0);
    assert_eq!(bob.expect_event(PICTURE).await.0, picture.0);

    emitter.volatile().compress(false).emit(NEWS, &4).await.unwrap();
    assert_eq!((ann.expect_event(NEWS).await, bob.expect_event(NEWS).await), (4, 4));

    emitter.server_side_emit(TOLD, &5).await.unwrap();
    until("both servers to be told", async || *red.told.lock() == [5] && *blue.told.lock() == [5])
        .await;

    emitter.to("lobby").leave(["lobby"]).await.unwrap();
    until("the room to be empty", async || {
        red.server.server().io().to("lobby").ids().await.unwrap().is_empty()
    })
    .await;
    emitter.to(bob.id()).disconnect().await.unwrap();
    until("Bob to be gone", async || red.server.server().io().ids().await.unwrap().len() == 1)
        .await;
    emitter.close_sessions().await.unwrap();
    until("Ann to be gone", async || red.server.server().io().ids().await.unwrap().is_empty())
        .await;
}

#[tokio::test]
async fn classic_servers_take_every_verb() {
    let redis = Redis::start();
    let url = redis.url();
    let emitter = Emitter::connect(&url, EmitterConfig::classic()).await.unwrap();
    let make = || ClassicBus::new(&url, ClassicConfig::default()).unwrap();
    every_verb(make, &emitter, true).await;
}

#[tokio::test]
async fn sharded_servers_take_every_verb_in_each_mode() {
    let redis = Redis::start();
    let url = redis.url();
    for (prefix, mode) in [
        ("a", SubscriptionMode::Static),
        ("b", SubscriptionMode::Dynamic),
        ("c", SubscriptionMode::DynamicPrivate),
    ] {
        let config = EmitterConfig::sharded().prefix(prefix).subscription_mode(mode);
        let emitter = Emitter::connect(&url, config).await.unwrap();
        let make = || {
            let mut config = ShardedConfig::default();
            (config.prefix, config.mode) = (prefix.to_owned(), mode);
            ShardedBus::new(&url, config).unwrap()
        };
        every_verb(make, &emitter, true).await;
    }
}

#[tokio::test]
async fn over_a_redis_cluster_as_well() {
    let cluster = RedisCluster::start();
    let url = cluster.url();
    let emitter = Emitter::connect(&url, EmitterConfig::sharded()).await.unwrap();
    every_verb(|| ShardedBus::new(&url, ShardedConfig::default()).unwrap(), &emitter, true).await;
    let emitter = Emitter::connect(&url, EmitterConfig::classic().prefix("old")).await.unwrap();
    let make = || {
        let mut config = ClassicConfig::default();
        config.key = "old".to_owned();
        ClassicBus::new(&url, config).unwrap()
    };
    every_verb(make, &emitter, false).await;
}

#[tokio::test]
async fn nobody_hears_what_no_server_is_there_for() {
    let redis = Redis::start();
    let emitter = Emitter::connect(&redis.url(), EmitterConfig::classic()).await.unwrap();
    assert_eq!(emitter.of("chat").emit(NEWS, &1).await.unwrap().servers(), Some(0));
}

#[tokio::test]
async fn reserved_names_and_long_messages_are_refused_before_they_are_published() {
    let redis = Redis::start();
    let classic = EmitterConfig::classic;
    let emitter = Emitter::connect(&redis.url(), classic()).await.unwrap();
    let refused = emitter.emit("disconnect", &()).await.unwrap_err();
    assert!(matches!(refused, PublishError::Event(EmitError::Reserved(_))), "{refused}");

    // A text of ten letters more is a message of ten bytes more.
    let emitter = Emitter::connect(&redis.url(), classic().message_bytes_max(0)).await.unwrap();
    let bytes = async |letters: usize| match emitter.emit("e", &"a".repeat(letters)).await {
        Err(PublishError::TooLarge { actual, limit: 0 }) => actual,
        other => panic!("{other:?}"),
    };
    let limit = bytes(20).await;
    let emitter = Emitter::connect(&redis.url(), classic().message_bytes_max(limit)).await.unwrap();
    for letters in [19, 20] {
        emitter.emit("e", &"a".repeat(letters)).await.unwrap();
    }
    let refused = emitter.emit("e", &"a".repeat(21)).await.unwrap_err();
    assert!(
        matches!(refused, PublishError::TooLarge { actual, limit: l } if (actual, l) == (limit + 1, limit)),
        "{refused}"
    );
}

/// The word of a refusal, and that its advice names what helps.
fn refused(error: &PublishError, code: &str, helps: &str) {
    match error {
        PublishError::Refused { code: found, advice, .. } => {
            assert_eq!(found, code);
            assert!(advice.contains(helps), "{advice}");
        }
        other => panic!("{other} {:?}", other.source()),
    }
}

#[tokio::test]
async fn what_redis_refuses_says_what_to_do() {
    let redis = Redis::with(&["--user", "ann", "on", ">s3cret", "resetchannels", "~*", "+@all"]);
    let connect = async |login: &str, config| {
        Emitter::connect(&format!("redis://{login}127.0.0.1:{}", redis.port), config).await
    };
    let emitter = connect("ann:s3cret@", EmitterConfig::classic()).await.unwrap();
    refused(&emitter.emit(NEWS, &1).await.unwrap_err(), "NOPERM", "ACL SETUSER");
    match connect("ann:wrong@", EmitterConfig::classic()).await.unwrap_err() {
        ConnectError::Redis(error) => {
            refused(&error, "WRONGPASS", "password is wrong");
            assert!(!format!("{error} {error:?}").contains("wrong@"));
        }
        other => panic!("{other}"),
    }
    redis.run(&["SET", "taken", "1"]);
    let emitter = connect("", EmitterConfig::streams().prefix("taken")).await.unwrap();
    refused(&emitter.emit(NEWS, &1).await.unwrap_err(), "WRONGTYPE", "prefix");
    let emitter = connect("", EmitterConfig::streams()).await.unwrap();
    redis.run(&["CONFIG", "SET", "maxmemory", "1"]);
    refused(&emitter.emit(NEWS, &1).await.unwrap_err(), "OOM", "maxmemory");
    redis.run(&["CONFIG", "SET", "maxmemory", "0"]);
    redis.run(&["REPLICAOF", "127.0.0.1", "1"]);
    refused(&emitter.emit(NEWS, &1).await.unwrap_err(), "READONLY", "main server");
    redis.run(&["REPLICAOF", "NO", "ONE"]);
    emitter.emit(NEWS, &1).await.unwrap();
    redis.run(&["ACL", "SETUSER", "default", "resetpass", ">new"]);
    let closed = Emitter::connect(&redis.url(), EmitterConfig::streams()).await;
    if let Ok(emitter) = closed {
        refused(&emitter.emit(NEWS, &1).await.unwrap_err(), "NOAUTH", "redis://user:password@host");
    }
}

#[tokio::test]
async fn a_lost_connection_is_told_and_the_next_call_connects_anew() {
    let mut redis = Redis::start();
    let emitter = Emitter::connect(&redis.url(), EmitterConfig::classic()).await.unwrap();
    redis.kill();
    for _ in 0..2 {
        let lost = emitter.emit(NEWS, &1).await.unwrap_err();
        assert!(matches!(lost, PublishError::Connection { .. }), "{lost}");
    }
    redis.start_again();
    until("the emitter to be connected", async || emitter.emit(NEWS, &2).await.is_ok()).await;
    let nowhere = Emitter::connect("redis://127.0.0.1:1", EmitterConfig::classic());
    let refused = tokio::time::timeout(Duration::from_secs(30), nowhere).await.unwrap();
    assert!(matches!(refused, Err(ConnectError::Redis(PublishError::Connection { .. }))));
    let no_address = Emitter::connect("http://h", EmitterConfig::classic()).await;
    assert!(matches!(no_address, Err(ConnectError::Address(_))));
}
