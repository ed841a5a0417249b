//! Volatile events are sent if the client's transport takes them at once, and never later.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Client, in_memory, request, until, with_sync};
use sockeye::{Binary, Namespace, Socket};
use sockeye_testing::TestServer;

/// A server with one client on a WebSocket, and its socket.
async fn one_client() -> (TestServer, Client, Socket) {
    let memory = in_memory([with_sync(Namespace::new("/"))]);
    let mut client = Client::connect(&memory).await;
    client.expect_nothing().await;
    let socket = memory.server().io().sockets().pop().unwrap();
    (memory, client, socket)
}

#[tokio::test]
async fn one_goes_out_and_the_next_only_when_it_has() {
    let (memory, mut client, socket) = one_client().await;
    let io = memory.server().io();
    for round in 0..3 {
        socket.volatile().emit("ev", &round).unwrap();
        socket.volatile().emit("ev", "dropped").unwrap();
        client.expect(&format!(r#"42["ev",{round}]"#)).await;
        client.expect_nothing().await;
        io.volatile().emit("all", &round).unwrap();
        io.volatile().emit("all", "dropped").unwrap();
        client.expect(&format!(r#"42["all",{round}]"#)).await;
        client.expect_nothing().await;
    }
}

/// A packet and its attachments are sent or dropped together.
#[tokio::test]
async fn binary_goes_as_a_whole_or_not_at_all() {
    let (memory, mut client, socket) = one_client().await;
    let data = |byte: u8| Binary(vec![byte; 3].into());
    let packet = |event: &str| format!(r#"451-["{event}",{{"_placeholder":true,"num":0}}]"#);
    socket.volatile().emit("ev", &data(1)).unwrap();
    socket.volatile().emit("ev", &data(4)).unwrap();
    client.expect(&packet("ev")).await;
    client.expect_binary(&[1; 3]).await;
    client.expect_nothing().await;
    memory.server().io().volatile().emit("all", &data(2)).unwrap();
    memory.server().io().volatile().emit("all", &data(5)).unwrap();
    client.expect(&packet("all")).await;
    client.expect_binary(&[2; 3]).await;
    client.expect_nothing().await;
}

#[tokio::test]
async fn others_are_neither_overtaken_nor_held_up() {
    let (_memory, mut client, socket) = one_client().await;
    for _ in 0..3 {
        socket.emit("ev", &1).unwrap();
        socket.volatile().emit("ev", "dropped").unwrap();
        socket.emit("ev", &2).unwrap();
        client.expect(r#"42["ev",1]"#).await;
        client.expect(r#"42["ev",2]"#).await;
        client.expect_nothing().await;
    }
}

/// In the handler of a connection the reply is still being sent.
#[tokio::test]
async fn behind_the_reply_there_is_no_room_yet() {
    let greet = async |socket: Socket| {
        socket.emit("ev", "kept").unwrap();
        socket.volatile().emit("ev", "dropped").unwrap();
    };
    let memory = in_memory([with_sync(Namespace::new("/").on_connected(greet))]);
    let mut client = Client::connect(&memory).await;
    client.expect(r#"42["ev","kept"]"#).await;
    client.expect_nothing().await;
}

#[tokio::test]
async fn on_polling_they_need_a_poll_that_waits() {
    let memory = in_memory([Namespace::new("/")]);
    let opened = request(&memory, "GET", "", "").await;
    let sid = opened.split("\"sid\":\"").nth(1).unwrap().split('"').next().unwrap();
    let session = format!("&sid={sid}");
    assert_eq!(request(&memory, "POST", &session, "40").await, "ok");
    assert!(request(&memory, "GET", &session, "").await.starts_with("40{"));
    let socket = memory.server().io().sockets().pop().unwrap();

    socket.volatile().emit("ev", "nobody polls").unwrap();
    socket.emit("ev", &1).unwrap();
    assert_eq!(request(&memory, "GET", &session, "").await, r#"42["ev",1]"#);

    let poll = tokio::spawn({
        let (memory, session) = (memory.clone(), session.clone());
        async move { request(&memory, "GET", &session, "").await }
    });
    until(|| socket.volatile().emit("ev", "taken").is_ok() && poll.is_finished()).await;
    assert_eq!(poll.await.unwrap(), r#"42["ev","taken"]"#);
    socket.volatile().emit("ev", "nobody polls").unwrap();
    socket.emit("ev", &2).unwrap();
    assert_eq!(request(&memory, "GET", &session, "").await, r#"42["ev",2]"#);
}
