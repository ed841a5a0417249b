//! The suite of every bus, over each of those on Redis.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../cluster/tests/conformance/mod.rs"]
mod conformance;
mod support;

use std::sync::atomic::{AtomicUsize, Ordering};

use sockeye_cluster::{Bus, BusCluster, ClusterConfig};
use sockeye_redis::{ClassicBus, ClassicConfig, ShardedBus, ShardedConfig, SubscriptionMode};

use self::conformance::Members;
use self::support::{Redis, RedisCluster};

/// Servers whose buses are made by a function.
struct Over<F>(F);

impl<B: Bus, F: Fn() -> B> Members for Over<F> {
    type Bus = B;

    fn member(&mut self, name: &str) -> BusCluster<B> {
        BusCluster::new((self.0)(), ClusterConfig::new(name))
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
        Over(move || ClassicBus::new(&url, config.clone()).unwrap())
    })
    .await;
}

async fn sharded(url: &str, mode: SubscriptionMode) {
    conformance::run(|| {
        let mut config = ShardedConfig::default();
        config.prefix = fresh();
        config.mode = mode;
        let url = url.to_owned();
        Over(move || ShardedBus::new(&url, config.clone()).unwrap())
    })
    .await;
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
async fn both_conform_over_a_redis_cluster() {
    let cluster = RedisCluster::start();
    sharded(&cluster.url(), SubscriptionMode::Dynamic).await;
    classic(&cluster.url(), false).await;
}
