//! The examples of a cluster, with a Redis of their own.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[allow(dead_code, reason = "other tests use more of it")]
mod common;
#[path = "../../crates/redis/tests/support/mod.rs"]
mod support;

use common::Example;
use sockeye::{Event, Namespace, Server};
use sockeye_cluster::{BusCluster, ClusterConfig};
use sockeye_redis::{ClassicBus, ClassicConfig};
use sockeye_testing::TestServer;
use support::Redis;

#[tokio::test]
async fn two_servers_hear_each_other_over_redis() {
    let redis = Redis::start();
    let mut example = Example::start_with("cluster_redis", &[&redis.url()]).await;
    assert_eq!(example.line().await, "2 servers");
    assert_eq!(example.line().await, "bob at the blue server heard: hello from the red server");
}

#[tokio::test]
async fn an_emitter_reaches_the_clients_of_a_server_over_redis() {
    const NEWS: Event<String> = Event::new("news");
    let redis = Redis::start();
    let bus = ClassicBus::new(&redis.url(), ClassicConfig::default()).unwrap();
    let cluster = BusCluster::new(bus, ClusterConfig::new("red"));
    let namespace = Namespace::new("/");
    let server = Server::builder().namespace(namespace).cluster(cluster.clone()).build();
    let server = TestServer::new(server.unwrap());
    cluster.ready().await;
    let mut ann = server.connect().await;
    let mut example = Example::start_with("emitter", &[&redis.url()]).await;
    assert_eq!(example.line().await, "servers that heard it: 1");
    assert_eq!(ann.expect_event(NEWS).await, "the doors are open");
}
