//! A program's own tests, as the guide shows them: in memory, on a clock that stands still.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use sockeye::{Ack, Config, Event, Namespace, RecoveryConfig, Server, Socket};
use sockeye_testing::TestServer;

const CHAT: Event<String> = Event::new("chat");
const JOIN: Event<String, usize> = Event::new("join");

async fn join(socket: Socket, room: String) -> Ack<usize> {
    socket.join(&room);
    Ack(socket.io().to(&room).sockets().len())
}

async fn chat(socket: Socket, text: String) -> Result<(), sockeye::EmitError> {
    socket.to("lobby").emit(CHAT, &text)
}

fn server(config: Config) -> TestServer {
    let namespace = Namespace::new("/").on(JOIN, join).on(CHAT, chat);
    TestServer::new(Server::builder().config(config).namespace(namespace).build().unwrap())
}

#[tokio::test(start_paused = true)]
async fn only_the_lobby_hears_it() {
    let server = server(Config::default());
    let (mut ann, mut bob, mut cleo) =
        (server.connect().await, server.connect().await, server.connect().await);
    assert_eq!(ann.emit_with_ack(JOIN, "lobby").await.unwrap(), 1);
    assert_eq!(bob.emit_with_ack(JOIN, "lobby").await.unwrap(), 2);
    ann.emit(CHAT, "hello");
    assert_eq!(bob.expect_event(CHAT).await, "hello");
    ann.expect_no_event().await;
    cleo.expect_no_event().await;
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_loses_nothing() {
    let server = server(Config { recovery: Some(RecoveryConfig::default()), ..Config::default() });
    let (mut phone, ann) = (server.connect().await, server.connect().await);
    phone.emit_with_ack(JOIN, "lobby").await.unwrap();
    phone.wire().go_half_open();
    ann.emit(CHAT, "are you there?");
    tokio::time::sleep(Duration::from_secs(30)).await;
    phone.reconnect().await.unwrap();
    assert!(phone.recovered());
    assert_eq!(phone.expect_event(CHAT).await, "are you there?");
}
