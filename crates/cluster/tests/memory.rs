//! The conformance suite over the bus of one process, and what servers over it do when one comes, goes or is silent.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;

use std::time::Duration;

use sockeye::{ClusterError, Namespace, Server};
use sockeye_cluster::{BusCluster, ClusterConfig, MemoryBus, MemoryMember};
use sockeye_testing::TestServer;

use self::conformance::Members;

/// Three servers of one process.
struct InMemory(MemoryBus);

impl Members for InMemory {
    type Bus = MemoryMember;

    fn member(&mut self, name: &str) -> BusCluster<MemoryMember> {
        BusCluster::new(self.0.member(), ClusterConfig::new(name))
    }
}

#[tokio::test(start_paused = true)]
async fn the_bus_conforms() {
    conformance::run(|| InMemory(MemoryBus::new())).await;
}

fn server(cluster: &BusCluster<MemoryMember>) -> TestServer {
    let namespace = Namespace::new("/");
    TestServer::new(
        Server::builder().namespace(namespace).cluster(cluster.clone()).build().unwrap(),
    )
}

fn member(bus: &MemoryBus, name: &str) -> BusCluster<MemoryMember> {
    BusCluster::new(bus.member(), ClusterConfig::new(name))
}

fn names(cluster: &BusCluster<MemoryMember>) -> Vec<String> {
    cluster.servers().iter().map(|server| server.name.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn servers_know_each_other_and_one_that_ends_says_so() {
    let bus = MemoryBus::new();
    let clusters = ["red", "green", "blue"].map(|name| member(&bus, name));
    let [red, green, blue] = clusters.each_ref().map(server);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(names(&clusters[0]), ["blue", "green"]);
    assert_eq!(clusters[1].server_count("/").await, Some(3));
    drop(green);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(names(&clusters[0]), ["blue"]);
    assert_eq!(clusters[2].server_count("/").await, Some(2));
    assert!(red.server().io().fetch().await.unwrap().is_empty());
    drop((red, blue));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_is_named_and_then_forgotten() {
    let bus = MemoryBus::new();
    let clusters = ["red", "green"].map(|name| member(&bus, name));
    let [red, _green] = clusters.each_ref().map(server);
    tokio::time::sleep(Duration::from_millis(1)).await;
    // It hears and says nothing, and nobody is told.
    bus.cut_off(clusters[1].uid());
    let asked = red.server().io().timeout(Duration::from_secs(1)).fetch().await;
    assert_eq!(asked.unwrap_err(), ClusterError::Timeout { missing: vec!["green".to_owned()] });
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(names(&clusters[0]), [""; 0]);
    assert!(red.server().io().fetch().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_is_present_by_a_server_that_dies_is_gone_with_it() {
    let bus = MemoryBus::new();
    let clusters = ["red", "green"].map(|name| member(&bus, name));
    let [red, green] = clusters.each_ref().map(server);
    let [ann, bob] = [&red, &green].map(|server| async { server.connect().await });
    let (_ann, _bob) = (ann.await, bob.await);
    for (server, user) in [(&red, "ann"), (&green, "bob"), (&green, "cyd")] {
        let io = server.server().io();
        let room = if user == "cyd" { "other" } else { "lobby" };
        io.presence(room).join(&io.sockets()[0], user, &()).unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let present = async |room: &str| red.server().io().presence(room).count().await;
    assert_eq!((present("lobby").await, present("other").await), (2, 1));
    bus.cut_off(clusters[1].uid());
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(present("lobby").await, 2, "it may only be slow");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((present("lobby").await, present("other").await), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_when_the_server_it_waits_for_is_taken_for_gone() {
    let bus = MemoryBus::new();
    let clusters = ["red", "green"].map(|name| member(&bus, name));
    let [red, _green] = clusters.each_ref().map(server);
    tokio::time::sleep(Duration::from_millis(1)).await;
    bus.cut_off(clusters[1].uid());
    let begun = tokio::time::Instant::now();
    let asked = red.server().io().timeout(Duration::from_secs(60)).fetch().await;
    assert!(asked.unwrap().is_empty());
    assert!(begun.elapsed() <= Duration::from_secs(11), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_started_again_is_another_at_once() {
    let bus = MemoryBus::new();
    let (red, blue) = (member(&bus, "red"), member(&bus, "blue"));
    let (red_server, _blue_server) = (server(&red), server(&blue));
    tokio::time::sleep(Duration::from_millis(1)).await;
    bus.cut_off(blue.uid());
    // A later start has a greater generation: the milliseconds of the system's clock.
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_millis(2) {
        std::hint::spin_loop();
    }
    let again = member(&bus, "blue");
    let _again_server = server(&again);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let servers = red.servers();
    assert_eq!(servers.len(), 1, "{servers:?}");
    assert_eq!(servers[0].uid, *again.uid());
    assert!(red_server.server().io().fetch().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_keep_up_loses_messages_and_that_is_counted() {
    let bus = MemoryBus::new();
    let clusters = ["red", "green"].map(|name| member(&bus, name));
    let [red, _green] = clusters.each_ref().map(server);
    tokio::time::sleep(Duration::from_millis(1)).await;
    // Nothing is read meanwhile: this test is the only task that runs.
    for number in 0..70_000_u32 {
        red.server().io().emit("flood", &number).unwrap();
    }
    let counts = clusters[0].counts();
    assert!(counts.sent >= 70_000 && counts.lost >= 4_000, "{counts:?}");
}
