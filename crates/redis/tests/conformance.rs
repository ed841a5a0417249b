//! The suite of every bus, over each of those on Redis.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../cluster/tests/conformance/mod.rs"]
mod conformance;
mod support;

use std::sync::atomic::{AtomicUsize, Ordering};

use sockeye::{Config, RecoveryConfig};
use sockeye_cluster::{Bus, BusCluster, ClusterConfig};
use sockeye_redis::{
    ClassicBus, ClassicConfig, ShardedBus, ShardedConfig, StreamsBus, StreamsConfig,
    SubscriptionMode,
};

use self::conformance::Members;
use self::support::{Redis, RedisCluster};

/// Servers whose buses are made by a function.
struct Over<F>(F, Config);

impl<B: Bus, F: Fn() -> B> Members for Over<F> {
    type Bus = B;

    fn member(&mut self, name: &str) -> BusCluster<B> {
        BusCluster::new((self.0)(), ClusterConfig::new(name))
    }

    fn config(&self) -> Config {
        self.1.clone()
    }
}

/// Each case has channels of its own.
fn fresh() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn classic(url: &str, specific_response_channel: bool) {
    conformance::run(|| {
        let mut config = ClassicConfig::default();
        config.key = fresh();
        config.specific_response_channel = specific_response_channel;
        let url = url.to_owned();
        Over(move || ClassicBus::new(&url, config.clone()).unwrap(), Config::default())
    })
    .await;
}

async fn sharded(url: &str, mode: SubscriptionMode) {
    conformance::run(|| {
        let mut config = ShardedConfig::default();
        config.prefix = fresh();
        config.mode = mode;
        let url = url.to_owned();
        Over(move || ShardedBus::new(&url, config.clone()).unwrap(), Config::default())
    })
    .await;
}

/// `recovers`: events get their offsets from Redis, and come back to the server that sends them.
async fn streams(url: &str, count: u32, use_sharded_pub_sub: bool, recovers: bool) {
    let recovery = recovers.then(RecoveryConfig::default);
    let server_config = Config { recovery, ..Config::default() };
    conformance::run(|| {
        let mut config = StreamsConfig::default();
        config.stream_name = fresh();
        config.channel_prefix = config.stream_name.clone();
        config.stream_count = count;
        config.use_sharded_pub_sub = use_sharded_pub_sub;
        let url = url.to_owned();
        Over(move || StreamsBus::new(&url, config.clone()).unwrap(), server_config.clone())
    })
    .await;
}

#[tokio::test]
async fn streams_conform() {
    let redis = Redis::start();
    for recovers in [false, true] {
        streams(&redis.url(), 1, false, recovers).await;
        streams(&redis.url(), 5, false, recovers).await;
        streams(&redis.url(), 1, true, recovers).await;
    }
}

#[tokio::test]
async fn classic_conforms() {
    let redis = Redis::start();
    classic(&redis.url(), false).await;
    classic(&redis.url(), true).await;
}

#[tokio::test]
async fn sharded_conforms_in_each_mode() {
    let redis = Redis::start();
    for mode in
        [SubscriptionMode::Static, SubscriptionMode::Dynamic, SubscriptionMode::DynamicPrivate]
    {
        println!("{mode:?}");
        sharded(&redis.url(), mode).await;
    }
}

#[tokio::test]
async fn all_conform_over_a_redis_cluster() {
    let cluster = RedisCluster::start();
    sharded(&cluster.url(), SubscriptionMode::Dynamic).await;
    classic(&cluster.url(), false).await;
    streams(&cluster.url(), 5, true, true).await;
}
