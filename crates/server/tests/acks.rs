//! Acknowledgements: every one resolves, and no memory of it is kept.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{Client, in_memory, serve, until, with_sync};
use futures_util::StreamExt;
use sockeye::{Ack, AckError, Acker, Args, Binary, Deferred, Event, Namespace, Socket};

const ADD: Event<Args<(u32, u32)>, u32> = Event::new("add");
const QUESTION: Event<String, u32> = Event::new("question");

async fn later(acker: Acker<u32>, n: u32) -> Deferred<u32> {
    let deferred = acker.defer();
    tokio::spawn(async move { acker.answer(&n) });
    deferred
}

fn namespace() -> Namespace {
    with_sync(Namespace::new("/"))
        .on(ADD, async |Args((a, b)): Args<(u32, u32)>| Ack(a + b))
        .on("nothing", async || {})
        .on("two", async || Ack(Args((1, Binary(vec![2].into())))))
        .on("later", later)
        .on("ask me", async |socket: Socket| {
            let answer = socket.emit_with_ack(QUESTION, "how many?").await?;
            Ok::<_, sockeye::EventError>(Ack(answer))
        })
}

fn only_socket(server: &sockeye::Server) -> Socket {
    server.io().sockets().pop().unwrap()
}

#[tokio::test]
async fn the_return_value_answers_the_client() {
    let (_server, address) = serve([namespace()]).await;
    let mut client = Client::connect(address).await;
    client.send(r#"4213["add",1,2]"#).await;
    client.expect("4313[3]").await;
    client.send(r#"420["nothing"]"#).await;
    client.expect("430[]").await;
    client.send(r#"425["two"]"#).await;
    client.expect(r#"461-5[1,{"_placeholder":true,"num":0}]"#).await;
    client.expect_binary(&[2]).await;
    client.send(r#"42["add",1,2]"#).await;
    client.send(r#"426["later",9]"#).await;
    client.expect("436[9]").await;
    client.expect_nothing().await;
}

#[tokio::test]
async fn a_handler_may_ask_its_own_peer() {
    let (_server, address) = serve([namespace()]).await;
    let mut client = Client::connect(address).await;
    client.send(r#"421["ask me"]"#).await;
    client.expect(r#"420["question","how many?"]"#).await;
    client.send("430[42]").await;
    client.expect("431[42]").await;
}

#[tokio::test]
async fn every_request_ends() {
    let (server, address) = serve([namespace()]).await;
    let mut client = Client::connect(address).await;
    let socket = only_socket(&server);
    let timeout = socket.emit_with_ack(QUESTION, "1").timeout(Duration::from_millis(1)).await;
    assert!(matches!(timeout, Err(AckError::Timeout { event }) if event == "question"));
    client.expect(r#"420["question","1"]"#).await;
    let wrong = socket.emit_with_ack(QUESTION, "2");
    let refused = socket.emit_with_ack(QUESTION, "3");
    let cut = socket.emit_with_ack(QUESTION, "4");
    for n in 1..4 {
        client.expect(&format!(r#"42{n}["question","{}"]"#, n + 1)).await;
    }
    // Late, unknown and repeated answers are dropped.
    for packet in ["430[1]", "43777[1]", r#"431["x"]"#, r#"431[1]"#] {
        client.send(packet).await;
    }
    client.send(r#"432[{"error":{"code":"busy","message":"not now"}}]"#).await;
    assert!(matches!(wrong.await, Err(AckError::Decode { .. })));
    let Err(AckError::Remote(error)) = refused.await else { panic!("a remote error") };
    assert_eq!((error.code.as_str(), error.message.as_str()), ("busy", "not now"));
    drop(client);
    assert!(matches!(cut.await, Err(AckError::Disconnected { event }) if event == "question"));
    let after = socket.emit_with_ack(QUESTION, "5").await;
    assert!(matches!(after, Err(AckError::Disconnected { .. })));
}

#[tokio::test]
async fn an_answer_without_a_value_is_told_in_a_sentence() {
    let (server, address) = serve([namespace()]).await;
    let mut client = Client::connect(address).await;
    let socket = only_socket(&server);
    let asked = socket.emit_with_ack(QUESTION, "1");
    let named = socket.emit_with_ack::<_, String>(format!("question-{}", 2), &());
    client.expect(r#"420["question","1"]"#).await;
    client.expect(r#"421["question-2"]"#).await;
    client.send("430[]").await;
    client.send("431[]").await;
    let told = asked.await.unwrap_err().to_string();
    assert_eq!(told, r#""question" was answered without a value, expected u32"#);
    let told = named.await.unwrap_err().to_string();
    assert_eq!(told, r#""question-2" was answered without a value, expected String"#);
}

#[tokio::test]
async fn unanswered_requests_are_bounded_and_dropped_ones_forgotten() {
    let config = sockeye::Config { pending_acks_max: 2, ..sockeye::Config::default() };
    let server = sockeye::Server::builder().config(config).build().unwrap();
    let address = common::listen(&server).await;
    let _client = Client::connect(address).await;
    let socket = only_socket(&server);
    let (first, _second) =
        (socket.emit_with_ack(QUESTION, "1"), socket.emit_with_ack(QUESTION, "2"));
    let third = socket.emit_with_ack(QUESTION, "3").await;
    assert!(matches!(third, Err(AckError::Full { limit: 2 })));
    drop(first);
    let fourth = socket.emit_with_ack(QUESTION, "4").timeout(Duration::from_millis(1)).await;
    assert!(matches!(fourth, Err(AckError::Timeout { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_collects_what_everybody_answers() {
    let memory = in_memory([namespace()]);
    let server = memory.server();
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(Client::connect(&memory).await);
    }
    let acks = server.io().emit_with_ack(QUESTION, "all").unwrap();
    for (n, client) in clients.iter_mut().enumerate() {
        client.expect(r#"420["question","all"]"#).await;
        client.send(&format!("430[{n}]")).await;
    }
    let mut values = acks.collect_all().await.unwrap();
    values.sort_unstable();
    assert_eq!(values, [0, 1, 2]);

    let acks = server.io().volatile().timeout(Duration::from_millis(20));
    let mut acks = acks.emit_with_ack(QUESTION, "some").unwrap();
    clients[0].send("431[7]").await;
    drop(clients.pop());
    until(|| server.io().sockets().len() == 2).await;
    let mut outcomes = Vec::new();
    while let Some((_, outcome)) = acks.next().await {
        outcomes.push(match outcome {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        });
    }
    outcomes.sort_unstable();
    assert_eq!(
        outcomes,
        [
            "7",
            r#"no answer to "question" in time"#,
            r#"the socket was disconnected before "question" was answered"#
        ]
    );
    let nobody = server.io().to("nobody").emit_with_ack(QUESTION, "none").unwrap();
    assert!(nobody.collect_all().await.unwrap().is_empty());
}
