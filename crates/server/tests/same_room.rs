//! A room that is sent to again and again, while sockets join and leave: each message reaches
//! exactly those who are in it at that moment, whichever way it is written.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::SocketAddr;

use common::{Client, Received, listen, with_sync};
use sockeye::{Config, Namespace, RecoveryConfig, Server, Socket};

const MEMBERS: usize = 40;

/// Members of the room `r`, and their sockets in the same order.
async fn members(server: &Server, address: SocketAddr) -> (Vec<Client>, Vec<Socket>) {
    let (mut clients, mut sockets) = (Vec::new(), Vec::new());
    for _ in 0..MEMBERS {
        let mut client = Client::open(address).await;
        let id = client.join("40").await;
        let socket = server.io().socket(&id).unwrap();
        socket.join("r");
        clients.push(client);
        sockets.push(socket);
    }
    (clients, sockets)
}

#[tokio::test]
async fn who_comes_and_goes_between_two_messages_of_a_tick_is_told_apart() {
    come_and_go(Config::default()).await;
}

#[tokio::test]
async fn with_recovery_too() {
    come_and_go(Config { recovery: Some(RecoveryConfig::default()), ..Config::default() }).await;
}

async fn come_and_go(config: Config) {
    let namespace = with_sync(Namespace::new("/"));
    let server = Server::builder().config(config).namespace(namespace).build().unwrap();
    let address = listen(&server).await;
    let (mut clients, sockets) = members(&server, address).await;
    let io = server.io();
    let (left, back, gone, closed) = (1, 2, 3, 4);
    let mut expected: Vec<Vec<u32>> = vec![Vec::new(); MEMBERS];
    let mut number = 0;
    let mut send = |reached: &dyn Fn(usize) -> bool, from: Option<usize>| {
        number += 1;
        match from {
            None => io.to("r").emit("e", &number).unwrap(),
            Some(from) => sockets[from].to("r").emit("e", &number).unwrap(),
        }
        for (member, expected) in expected.iter_mut().enumerate() {
            if reached(member) && Some(member) != from {
                expected.push(number);
            }
        }
    };
    // All without an await: one tick of the runtime.
    for from in [None, None, None, Some(7), Some(8), Some(7)] {
        send(&|_| true, from);
    }
    sockets[left].leave("r");
    sockets[back].leave("r");
    for from in [None, None, Some(9), Some(left)] {
        send(&|member| ![left, back].contains(&member), from);
    }
    sockets[back].join("r");
    for from in [None, None, Some(back), None] {
        send(&|member| member != left, from);
    }
    sockets[gone].disconnect();
    for from in [None, None, Some(gone), None] {
        send(&|member| ![left, gone].contains(&member), from);
    }
    sockets[closed].session().close(sockeye::engine::CloseReason::ForcedClose);
    for from in [None, None] {
        send(&|member| ![left, gone, closed].contains(&member), from);
    }
    for (member, client) in clients.iter_mut().enumerate() {
        for number in &expected[member] {
            let text = client.text().await;
            // Behind the number there may be an offset.
            let rest = text.strip_prefix(&format!(r#"42["e",{number}"#));
            let is_it = rest.is_some_and(|rest| rest.starts_with([']', ',']));
            assert!(is_it, "{text} instead of {number} for {member}");
        }
        if member == gone {
            // A packet for a namespace it has left ends its session.
            client.expect("41").await;
            client.send("42[\"sync\"]").await;
            assert_eq!(client.receive().await, Received::Closed);
        } else if member != closed {
            client.expect_nothing().await;
        }
    }
}
