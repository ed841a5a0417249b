//! Limits of the server at their edges, see `docs/limits.md`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::{Client, listen};
use sockeye::{Ack, Config, Event, Namespace, RecoveryConfig, Server, Socket};
use sockeye_testing::TestServer;
use tokio::{sync::Semaphore, time::sleep};

const NEWS: Event<String> = Event::new("news");

#[tokio::test]
async fn a_session_is_in_so_many_namespaces_at_once() {
    let config = Config { namespaces_per_session_max: 2, ..Config::default() };
    let names = Namespace::new("/n-{number}");
    let server = Server::builder().config(config).namespace(names).build().unwrap();
    let address = listen(&server).await;
    let mut client = Client::open(address).await;
    client.join("40/n-1,").await;
    client.join("40/n-2,").await;
    client.send("40/n-3,").await;
    client.expect(r#"44/n-3,{"message":"Too many namespaces"}"#).await;
    assert!(server.of("/n-3").is_none());
    client.send("41/n-1,").await;
    client.join("40/n-3,").await;
}

#[tokio::test(start_paused = true)]
async fn events_that_wait_are_bounded_by_their_bytes() {
    let (gate, read) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (waits, counts) = (gate.clone(), read.clone());
    let namespace = Namespace::new("/")
        .concurrent_handlers_max(NonZeroU32::MIN)
        .on_any(move |_, _| {
            counts.fetch_add(1, Ordering::Relaxed);
        })
        .on("work", move |_: String| {
            let gate = waits.clone();
            async move { gate.acquire().await.unwrap().forget() }
        })
        .on("last", async || Ack("last"));
    let config = Config { waiting_event_bytes_max: 10_000, ..Config::default() };
    let server = Server::builder().config(config).namespace(namespace).build().unwrap();
    let server = TestServer::new(server);
    let mut client = server.connect().await;
    // One runs, nine of a thousand bytes wait; the tenth reaches the limit.
    let work = "x".repeat(1_000 - r#""work""#.len());
    for sent in 1..=30 {
        client.emit("work", &work);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(read.load(Ordering::Relaxed), sent.min(11), "{sent} were sent");
    }
    gate.add_permits(1);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(read.load(Ordering::Relaxed), 12, "one is done, so one is read");
    gate.add_permits(29);
    assert_eq!(client.emit_with_ack::<_, String>("last", &()).await.unwrap(), "last");
    assert_eq!(read.load(Ordering::Relaxed), 31, "none was lost");
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_before_the_connection_is_bounded() {
    let mut config = Config::default();
    config.engine.queued_packets_max = 3;
    let namespace = Namespace::new("/").on_connect(async |socket: Socket| {
        for n in 0..5 {
            // What does not fit is dropped, and logged: the client is not connected yet.
            socket.emit("n", &n).unwrap();
        }
    });
    let server = Server::builder().config(config).namespace(namespace).build().unwrap();
    let server = TestServer::new(server);
    let mut client = server.connect().await;
    for n in 0..3 {
        assert_eq!(client.expect_event::<u32, ()>("n").await, n);
    }
    client.expect_no_event().await;
}

fn recovering(recovery: RecoveryConfig) -> TestServer {
    let config = Config { recovery: Some(recovery), ..Config::default() };
    TestServer::new(Server::builder().config(config).build().unwrap())
}

#[tokio::test(start_paused = true)]
async fn the_log_of_recovery_is_bounded_by_its_bytes() {
    let limits = RecoveryConfig { log_bytes_max: 20_000, ..RecoveryConfig::default() };
    let server = recovering(limits);
    let news = "x".repeat(4_000);
    for (events, recovers) in [(4, true), (5, false)] {
        let mut client = server.connect().await;
        client.wire().cut();
        sleep(Duration::from_millis(1)).await;
        for _ in 0..events {
            server.server().io().emit(NEWS, &news).unwrap();
        }
        client.reconnect().await.unwrap();
        assert_eq!(client.recovered(), recovers, "{events} events");
        if recovers {
            for _ in 0..events {
                assert_eq!(client.expect_event(NEWS).await, news);
            }
        } else {
            assert_eq!(client.recovery_failure(), Some("log_truncated"));
        }
        client.expect_no_event().await;
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_absent_clients_are_remembered() {
    let server = recovering(RecoveryConfig { sessions_max: 2, ..RecoveryConfig::default() });
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(server.connect().await);
    }
    for client in &clients {
        client.wire().cut();
        sleep(Duration::from_millis(1)).await;
    }
    let mut recovered = Vec::new();
    for client in &mut clients {
        client.reconnect().await.unwrap();
        recovered.push(client.recovered());
    }
    assert_eq!(recovered, [false, true, true], "the first to leave made room");
    assert_eq!(clients[0].recovery_failure(), Some("unknown_session"));
}
