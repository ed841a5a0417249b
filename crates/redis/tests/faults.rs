//! What becomes of servers when Redis, or the way to it, fails.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use sockeye::{Config, Event, Namespace, RecoveryConfig, Server, Socket};
use sockeye_cluster::{Bus, BusCluster, ClusterConfig, ClusterEvent};
use sockeye_redis::{
    ClassicBus, ClassicConfig, ShardedBus, ShardedConfig, StreamsBus, StreamsConfig,
};
use sockeye_testing::{TestClient, TestServer};

use self::support::{CuttingProxy, Redis, until};

const NEWS: Event<u32> = Event::new("news");

/// A server with one client.
struct Member<B: Bus> {
    cluster: BusCluster<B>,
    server: TestServer,
    client: TestClient,
}

/// With recovery, so that events over streams get their offsets.
async fn member<B: Bus>(name: &str, bus: B) -> Member<B> {
    let recovering = Config { recovery: Some(RecoveryConfig::default()), ..Config::default() };
    let config =
        ClusterConfig::new(name).heartbeat(Duration::from_millis(200), Duration::from_secs(2));
    let cluster = BusCluster::new(bus, config);
    let namespace = Namespace::new("/").on_connect(async |socket: Socket| socket.join("all"));
    let server = Server::builder().config(recovering).namespace(namespace).cluster(cluster.clone());
    let server = server.build().unwrap();
    let server = TestServer::new(server);
    let client = server.connect().await;
    Member { cluster, server, client }
}

impl<B: Bus> Member<B> {
    fn say(&self, number: u32) {
        self.server.server().io().to("all").emit(NEWS, &number).unwrap();
    }
}

fn classic(url: &str) -> ClassicBus {
    ClassicBus::new(url, ClassicConfig::default()).unwrap()
}

fn sharded(url: &str) -> ShardedBus {
    ShardedBus::new(url, ShardedConfig::default()).unwrap()
}

fn streams(url: &str) -> StreamsBus {
    StreamsBus::new(url, StreamsConfig::default()).unwrap()
}

/// Waits until both hear each other, by events of numbers from `from` on. Returns the last number.
async fn both_hear<B: Bus>(red: &mut Member<B>, blue: &mut Member<B>, from: u32) -> u32 {
    let mut number = from;
    loop {
        number += 1;
        red.say(number);
        let heard = hears(blue, number).await;
        assert_eq!(red.client.expect_event(NEWS).await, number, "its own clients hear it anyway");
        if heard {
            break;
        }
    }
    loop {
        number += 1;
        blue.say(number);
        let heard = hears(red, number).await;
        assert_eq!(blue.client.expect_event(NEWS).await, number);
        if heard {
            return number;
        }
    }
}

/// The next number that a member's client hears within this time.
async fn next_number<B: Bus>(member: &mut Member<B>, within: Duration) -> Option<u32> {
    let next = tokio::time::timeout(within, member.client.next_event()).await.ok()?;
    // The offset follows it.
    let args = next.unwrap().args.json().to_owned();
    Some(args.split(',').next().unwrap().parse().unwrap())
}

/// Whether a member's client hears a number soon. Before it, it may hear those that waited in a stream.
async fn hears<B: Bus>(member: &mut Member<B>, number: u32) -> bool {
    while let Some(heard) = next_number(member, Duration::from_millis(100)).await {
        assert!(heard <= number, "{heard} instead of {number}");
        if heard == number {
            return true;
        }
    }
    false
}

async fn redis_dies_and_comes_back<B: Bus>(bus: impl Fn(&str) -> B) {
    let mut redis = Redis::start();
    let (mut red, mut blue) =
        (member("red", bus(&redis.url())).await, member("blue", bus(&redis.url())).await);
    red.cluster.ready().await;
    blue.cluster.ready().await;
    let mut events = blue.cluster.events();
    let number = both_hear(&mut red, &mut blue, 0).await;

    redis.kill();
    // Whoever asks the others is told that they were not asked.
    until("that requests fail", async || {
        red.server.server().io().timeout(Duration::from_millis(50)).fetch().await.is_err()
    })
    .await;
    for number in 1000..1010 {
        red.say(number);
        assert_eq!(red.client.expect_event(NEWS).await, number, "local delivery goes on");
    }
    until("what was lost to be counted", async || red.cluster.counts().lost >= 10).await;

    redis.start_again();
    both_hear(&mut red, &mut blue, number).await;
    until("that all answer", async || {
        red.server.server().io().timeout(Duration::from_secs(1)).fetch().await.is_ok()
    })
    .await;
    // Over streams there may be two: of what is published, and of the stream that is gone.
    let gaps = blue.cluster.counts().gaps;
    assert!((1..=2).contains(&gaps), "{gaps}");
    let gap = async {
        loop {
            if let ClusterEvent::Gap { lasted } = events.recv().await.unwrap() {
                break lasted;
            }
        }
    };
    let lasted = tokio::time::timeout(Duration::from_secs(5), gap).await.unwrap();
    assert!(lasted > Duration::ZERO);
    until("both to be counted", async || red.cluster.server_count("/").await == Some(2)).await;
    assert_eq!(red.cluster.servers().len(), 1, "it is the same server as before");
}

#[tokio::test]
async fn redis_dies_and_comes_back_classic() {
    redis_dies_and_comes_back(classic).await;
}

#[tokio::test]
async fn redis_dies_and_comes_back_sharded() {
    redis_dies_and_comes_back(sharded).await;
}

#[tokio::test]
async fn redis_dies_and_comes_back_streams() {
    redis_dies_and_comes_back(streams).await;
}

/// Redis refuses everything that changes something, and answers: local delivery goes on, in order; what was lost is counted;
/// when it takes things again the others hear again.
async fn redis_refuses(redis: &Redis, begin: impl AsyncFn(), end: &[&str]) {
    let (mut red, mut blue) =
        (member("red", streams(&redis.url())).await, member("blue", streams(&redis.url())).await);
    red.cluster.ready().await;
    blue.cluster.ready().await;
    let number = both_hear(&mut red, &mut blue, 0).await;
    let lost = red.cluster.counts().lost;
    begin().await;
    for number in 1000..1100 {
        red.say(number);
    }
    for number in 1000..1100 {
        assert_eq!(red.client.expect_event(NEWS).await, number, "local delivery goes on");
    }
    until("what was lost to be counted", async || red.cluster.counts().lost >= lost + 100).await;
    blue.client.expect_no_event().await;
    redis.run(end);
    both_hear(&mut red, &mut blue, number).await;
}

#[tokio::test]
async fn the_memory_of_redis_is_full() {
    let redis = Redis::with(&["--maxmemory-policy", "noeviction"]);
    let fill = async || drop(redis.run(&["CONFIG", "SET", "maxmemory", "1"]));
    redis_refuses(&redis, fill, &["CONFIG", "SET", "maxmemory", "0"]).await;
}

/// A snapshot cannot be written, after which Redis refuses changes.
#[tokio::test]
async fn the_disk_of_redis_is_full() {
    let redis = Redis::start();
    let fill = async || {
        // A file whose name a folder has cannot be written, as on a full disk.
        std::fs::create_dir(redis.folder().join("dump.rdb")).unwrap();
        redis.run(&["CONFIG", "SET", "save", "3600 1000000"]);
        redis.run(&["BGSAVE"]);
        until("changes to be refused", async || redis.run(&["SET", "a", "b"]).contains("MISCONF"))
            .await;
    };
    redis_refuses(&redis, fill, &["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]).await;
}

/// Connections that are cut at random bytes, both ways: nothing comes twice or out of order, nothing is taken for a message
/// that is none, and when the cutting ends all is well again.
async fn connections_are_cut<B: Bus>(bus: impl Fn(&str) -> B, seed: u64) {
    let redis = Redis::start();
    let proxy = CuttingProxy::start(redis.port, seed).await;
    let mut red = member("red", bus(&proxy.url())).await;
    let mut blue = member("blue", bus(&redis.url())).await;
    blue.cluster.ready().await;
    let (mut heard_by_blue, mut cuts) = (0, 0);
    let mut number = 0;
    while cuts < 20 {
        number += 1;
        red.say(number);
        assert_eq!(red.client.expect_event(NEWS).await, number);
        if let Some(heard) = next_number(&mut blue, Duration::from_millis(2)).await {
            assert!(heard > heard_by_blue, "{heard} after {heard_by_blue}, seed {seed}");
            heard_by_blue = heard;
        }
        cuts = proxy.cuts();
    }
    proxy.stop_cutting();
    // What was on its way comes, and then what is said now.
    let catching_up = async {
        loop {
            number += 1;
            red.say(number);
            assert_eq!(red.client.expect_event(NEWS).await, number);
            while let Some(heard) = next_number(&mut blue, Duration::from_millis(50)).await {
                assert!(heard > heard_by_blue, "{heard} after {heard_by_blue}, seed {seed}");
                heard_by_blue = heard;
                if heard == number {
                    return;
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), catching_up).await.unwrap();
    red.cluster.ready().await;
    until("that all answer", async || {
        let everybody = red.server.server().io().timeout(Duration::from_secs(1)).fetch().await;
        everybody.is_ok_and(|sockets| sockets.len() == 2)
    })
    .await;
    assert_eq!(blue.cluster.counts().refused, 0, "no half of a message is one");
    let counts = red.cluster.counts();
    assert!(counts.gaps + counts.lost > 0, "{counts:?}");
}

#[tokio::test]
async fn connections_are_cut_at_random_bytes() {
    for seed in 1..=support::share("SOCKEYE_REDIS_CUTS", 3) {
        println!("seed {seed}");
        connections_are_cut(classic, seed).await;
        connections_are_cut(sharded, seed).await;
        connections_are_cut(streams, seed).await;
    }
}

#[tokio::test]
async fn junk_on_the_bus_is_counted_and_skipped() {
    let redis = Redis::start();
    let (mut red, mut blue) =
        (member("red", classic(&redis.url())).await, member("blue", classic(&redis.url())).await);
    red.cluster.ready().await;
    blue.cluster.ready().await;
    let number = both_hear(&mut red, &mut blue, 0).await;
    let deep = "[".repeat(100_000);
    let junk = ["", "x", "{}", "{\"type\":99}", "[1,2,3]", "\u{93}trailing", "null", &deep];
    let channels = [
        "socket.io#/#",
        "socket.io#/#all#",
        "socket.io-request#/#",
        "socket.io-response#/#",
        "sockeye:socket.io",
    ];
    for channel in channels {
        for junk in junk {
            redis.run(&["PUBLISH", channel, junk]);
        }
    }
    let all = (junk.len() * channels.len()) as u64;
    until("all of it to be counted", async || red.cluster.counts().refused >= all).await;
    both_hear(&mut red, &mut blue, number).await;
    assert_eq!(red.cluster.counts().refused, all);
}
