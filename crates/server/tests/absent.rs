//! Absent sessions: how many are kept, of which clients, and what is kept of each.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use sockeye::{Config, Namespace, RecoveryConfig, Server, Socket};
use sockeye_testing::{TestClient, TestServer};
use tokio::time::sleep;

fn start(recovery: RecoveryConfig) -> TestServer {
    let config = Config { recovery: Some(recovery), ..Config::default() };
    let join = async |socket: Socket, rooms: Vec<String>| socket.join(rooms);
    let leave = async |socket: Socket, rooms: Vec<String>| socket.leave(rooms);
    let root = Namespace::new("/").on("join", join).on("leave", leave);
    TestServer::new(Server::builder().config(config).namespace(root).build().unwrap())
}

async fn connect_from(server: &TestServer, address: &str) -> TestClient {
    let address: SocketAddr = address.parse().unwrap();
    server.client().address(address).connect().await.unwrap()
}

async fn lose(client: &TestClient) {
    client.wire().cut();
    sleep(Duration::from_millis(1)).await;
}

async fn is_recovered(client: &mut TestClient) -> bool {
    client.reconnect().await.unwrap();
    if !client.recovered() {
        assert_eq!(client.recovery_failure(), Some("unknown_session"));
    }
    client.recovered()
}

/// A client that connects and disconnects all the time has one absent session at most.
#[tokio::test(start_paused = true)]
async fn who_returns_again_and_again_pushes_nobody_out() {
    let server = start(RecoveryConfig { sessions_max: 10, ..RecoveryConfig::default() });
    let mut absent = Vec::new();
    for _ in 0..9 {
        let client = server.connect().await;
        lose(&client).await;
        absent.push(client);
    }
    let mut busy = server.connect().await;
    for _ in 0..1_000 {
        lose(&busy).await;
        assert!(is_recovered(&mut busy).await);
    }
    for client in &mut absent {
        assert!(is_recovered(client).await);
    }
}

#[tokio::test(start_paused = true)]
async fn the_address_with_the_most_absent_clients_loses_its_oldest() {
    let server = start(RecoveryConfig { sessions_max: 10, ..RecoveryConfig::default() });
    let mut victims = Vec::new();
    for address in ["1.1.1.1:1", "2.2.2.2:2", "[2001:db8::1]:3", "[2001:db8:0:1::1]:4"] {
        let client = connect_from(&server, address).await;
        lose(&client).await;
        victims.push(client);
    }
    // One subscriber of IPv6 has many addresses.
    let mut crowd = Vec::new();
    for n in 1..=100 {
        let client = connect_from(&server, &format!("[2001:db8:0:2::{n:x}]:1")).await;
        lose(&client).await;
        crowd.push(client);
    }
    for victim in &mut victims {
        assert!(is_recovered(victim).await, "a stranger took its place");
    }
    let mut recovered = 0;
    for client in &mut crowd {
        recovered += usize::from(is_recovered(client).await);
    }
    assert_eq!(recovered, 6, "what the others left");
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_of_absent_clients_is_bounded_by_its_bytes() {
    let rooms: Vec<_> = (0..100).map(|n| format!("{n:0>1000}")).collect();
    // One with many rooms, a little less than twice that, and four times.
    for (sessions_bytes_max, remembered) in [(250_000, 1), (500_000, 2), (1_000_000, 4)] {
        let limits = RecoveryConfig { sessions_bytes_max, ..RecoveryConfig::default() };
        let server = start(limits);
        let mut victim = connect_from(&server, "1.1.1.1:1").await;
        lose(&victim).await;
        let mut crowd = Vec::new();
        for n in 1..=5 {
            let mut client = connect_from(&server, &format!("2.2.2.2:{n}")).await;
            client.emit_with_ack::<_, ()>("join", &rooms).await.unwrap();
            lose(&client).await;
            crowd.push(client);
        }
        assert!(is_recovered(&mut victim).await, "{sessions_bytes_max}");
        let mut recovered = Vec::new();
        for client in &mut crowd {
            recovered.push(is_recovered(client).await);
        }
        let expected: Vec<_> = (0..5).map(|n| n >= 5 - remembered).collect();
        assert_eq!(recovered, expected, "{sessions_bytes_max}: the oldest of the maker go");
    }
    // One session that exceeds the limit by itself.
    let server = start(RecoveryConfig { sessions_bytes_max: 50_000, ..RecoveryConfig::default() });
    let mut client = server.connect().await;
    client.emit_with_ack::<_, ()>("join", &rooms).await.unwrap();
    lose(&client).await;
    assert!(!is_recovered(&mut client).await);
}

/// A client cannot recover from an offset before a room that was forgotten.
#[tokio::test(start_paused = true)]
async fn so_many_rooms_left_are_remembered() {
    for (left, recovers) in [(256, true), (257, false)] {
        let server = start(RecoveryConfig::default());
        let io = server.server().io();
        let mut client = server.connect().await;
        // All of it is being sent when the connection is lost.
        client.wire().go_half_open();
        let socket = io.socket(client.id()).unwrap();
        for n in 0..left {
            let room = format!("room {n}");
            socket.join(&room);
            io.to(&room).emit("n", &n).unwrap();
            socket.leave(&room);
        }
        drop(socket);
        client.reconnect().await.unwrap();
        assert_eq!(client.recovered(), recovers, "{left} rooms left");
        if recovers {
            for n in 0..left {
                assert_eq!(client.expect_event::<u32>("n").await, n);
            }
        } else {
            assert_eq!(client.recovery_failure(), Some("log_truncated"));
        }
    }
}

/// A server with a namespace for each name.
fn start_many(recovery: RecoveryConfig, child_namespaces_max: usize) -> TestServer {
    let config = Config { recovery: Some(recovery), child_namespaces_max, ..Config::default() };
    let builder = Server::builder().config(config).namespace(Namespace::new("/room-{n}"));
    TestServer::new(builder.namespace(Namespace::new("/fixed")).build().unwrap())
}

async fn lose_in(server: &TestServer, namespace: &str, address: &str) -> TestClient {
    let client = server.client().namespace(namespace).address(address.parse().unwrap());
    let client = client.connect().await.unwrap();
    lose(&client).await;
    client
}

/// Clients may make any number of namespaces.
#[tokio::test(start_paused = true)]
async fn the_namespaces_of_a_declaration_share_the_bounds_of_absent_clients() {
    let server =
        start_many(RecoveryConfig { sessions_max: 10, ..RecoveryConfig::default() }, 10_000);
    let mut victims = [
        lose_in(&server, "/room-0", "1.1.1.1:1").await,
        lose_in(&server, "/fixed", "3.3.3.3:3").await,
    ];
    let mut crowd = Vec::new();
    for n in 1..20 {
        crowd.push(lose_in(&server, &format!("/room-{n}"), "2.2.2.2:2").await);
    }
    let mut recovered = Vec::new();
    for client in &mut crowd {
        recovered.push(is_recovered(client).await);
    }
    let newest: Vec<_> = (1..20).map(|n| n > 10).collect();
    assert_eq!(recovered, newest, "one bound for all; whoever has most loses its oldest");
    for victim in &mut victims {
        assert!(is_recovered(victim).await, "a stranger took its place");
    }
}

#[tokio::test(start_paused = true)]
async fn clients_away_from_a_namespace_that_went_count_no_more() {
    let server = start_many(RecoveryConfig { sessions_max: 10, ..RecoveryConfig::default() }, 4);
    let _here = server.client().namespace("/room-here").connect().await.unwrap();
    let mut oldest = lose_in(&server, "/room-here", "2.2.2.2:2").await;
    // Three of them are kept.
    for n in 0..9 {
        lose_in(&server, &format!("/room-{n}"), "2.2.2.2:2").await;
    }
    for _ in 0..6 {
        lose_in(&server, "/room-here", "2.2.2.2:2").await;
    }
    assert!(is_recovered(&mut oldest).await);
}
