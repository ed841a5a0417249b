//! What joining and leaving costs is counted, not timed: the memory it takes from the heap. Alone in
//! its file, since the heap is the process's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::recovering::cut;
use common::{Client, until};
use sockeye::{Config, RecoveryConfig, Room, Server};
use sockeye_testing::TestServer;

#[global_allocator]
static HEAP: dhat::Alloc = dhat::Alloc;

/// The bytes that a socket's joining and leaving of so many rooms takes, for each room.
async fn bytes(recovery: Option<RecoveryConfig>, rooms: usize) -> u64 {
    let config = Config { recovery, ..Config::default() };
    let server = TestServer::new(Server::builder().config(config).build().unwrap());
    let client = server.connect().await;
    let socket = server.server().io().socket(client.id()).unwrap();
    let names: Vec<_> = (0..rooms).map(|n| Room::from(format!("room {n}"))).collect();
    let before = dhat::HeapStats::get().total_bytes;
    for room in &names {
        socket.join(room);
        server.server().io().to("nobody").emit("n", &1).unwrap();
    }
    for room in &names {
        socket.leave(room);
        server.server().io().to("nobody").emit("n", &1).unwrap();
    }
    (dhat::HeapStats::get().total_bytes - before) / rooms as u64
}

/// The bytes that a claim takes which is refused, of a session that was in so many rooms.
async fn bytes_of_a_refusal(rooms: usize) -> u64 {
    let config = Config { recovery: Some(RecoveryConfig::default()), ..Config::default() };
    let server = TestServer::new(Server::builder().config(config).build().unwrap());
    let io = server.server().io();
    let mut absent = Client::open(&server).await;
    absent.send("40").await;
    let reply = absent.text().await;
    let pid = &reply.split("\"pid\":\"").nth(1).unwrap()[..20];
    let socket = io.sockets().pop().unwrap();
    socket.join((0..rooms).map(|n| Room::from(format!("room {n}"))).collect::<Vec<_>>());
    io.emit("n", &1).unwrap();
    let (_, offset) = cut(&absent.text().await);
    let claim = format!(r#"40{{"pid":"{pid}","offset":"{}"}}"#, offset.replace(".1", ".2"));
    drop(absent);
    until(|| !socket.is_connected()).await;
    io.to("nobody").emit("n", &2).unwrap();
    let before = dhat::HeapStats::get().total_bytes;
    for _ in 0..CLAIMS {
        let mut client = Client::open(&server).await;
        client.send(&claim).await;
        let reply = client.text().await;
        assert!(reply.contains("unknown_offset"), "{reply}");
    }
    (dhat::HeapStats::get().total_bytes - before) / CLAIMS
}

const CLAIMS: u64 = 10;

/// With recovery each join asked for all rooms of the socket: 20,000 rooms took eight seconds.
#[tokio::test(start_paused = true)]
async fn a_room_costs_the_same_however_many_the_socket_is_in() {
    let _profiler = dhat::Profiler::builder().testing().build();
    for recovery in [None, Some(RecoveryConfig::default())] {
        let is_on = recovery.is_some();
        let few = bytes(recovery.clone(), 100).await;
        let many = bytes(recovery, 2_000).await;
        // Tables and lists that grow are copied now and then.
        assert!(many < 2 * few + 1_000, "{many} bytes of 2,000, {few} of 100; recovery: {is_on}");
    }
    // Each refused claim of one session laid all its rooms out, and looked through the log.
    let (few, many) = (bytes_of_a_refusal(10).await, bytes_of_a_refusal(10_000).await);
    assert!(many < few + 20_000, "{many} bytes for a claim of 10,000 rooms, {few} of 10");
}
