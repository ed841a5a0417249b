//! Draining a server: everybody ends in order, with what they were promised, or at the deadline.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{Client, Received, serve, until, with_sync};
use parking_lot::Mutex;
use sockeye::{Ack, DisconnectReason, Namespace, Server};
use tokio::sync::Semaphore;

const LONG: Duration = Duration::from_secs(60);

#[derive(Clone)]
struct World {
    gate: Arc<Semaphore>,
    reasons: Arc<Mutex<Vec<&'static str>>>,
}

async fn start() -> (Server, std::net::SocketAddr, World) {
    let world = World { gate: Arc::new(Semaphore::new(0)), reasons: Arc::default() };
    let (waits, tells) = (world.clone(), world.clone());
    let namespace = with_sync(Namespace::new("/"))
        .on("wait", move || {
            let gate = waits.gate.clone();
            async move {
                gate.acquire().await.unwrap().forget();
                Ack("done")
            }
        })
        .on("ask", async |socket: sockeye::Socket| {
            let answer: u32 = socket.emit_with_ack("question", &()).await?;
            Ok::<_, sockeye::EventError>(Ack(answer))
        })
        .on_disconnect(move |reason: DisconnectReason| {
            tells.reasons.lock().push(reason.as_str());
            std::future::ready(())
        });
    let (server, address) = serve([namespace]).await;
    (server, address, world)
}

/// Waits for the close frame; whoever is done with it then hangs up, as browsers do.
async fn ended(client: &mut Client) {
    client.expect_closed().await;
    client.hang_up().await;
}

fn drain(server: &Server, deadline: Duration) -> tokio::task::JoinHandle<sockeye::Drained> {
    let server = server.clone();
    tokio::spawn(async move { server.drain(deadline).await })
}

#[tokio::test]
async fn handlers_finish_and_their_answers_arrive_before_the_end() {
    let (server, address, world) = start().await;
    let mut busy = Client::connect(address).await;
    let mut asked = Client::connect(address).await;
    let mut idle = Client::connect(address).await;
    let mut nowhere = Client::open(address).await;
    busy.send(r#"421["wait"]"#).await;
    busy.expect_nothing().await;
    asked.send(r#"422["ask"]"#).await;
    asked.expect(r#"420["question"]"#).await;
    server.io().emit("last", &1).unwrap();
    let drained = drain(&server, LONG);
    // Who has nothing under way is told at once, after what was queued.
    idle.expect(r#"42["last",1]"#).await;
    ended(&mut idle).await;
    ended(&mut nowhere).await;
    // Who has, goes on: new events are handled, answers are taken.
    busy.expect(r#"42["last",1]"#).await;
    busy.expect_nothing().await;
    asked.expect(r#"42["last",1]"#).await;
    asked.send("430[5]").await;
    asked.expect("432[5]").await;
    ended(&mut asked).await;
    world.gate.add_permits(1);
    busy.expect(r#"431["done"]"#).await;
    ended(&mut busy).await;
    let drained = drained.await.unwrap();
    assert_eq!((drained.closed, drained.cut), (4, 0));
    assert_eq!(*world.reasons.lock(), ["server shutting down"; 3]);
    assert_eq!(server.sessions(), 0);
}

#[tokio::test]
async fn nobody_comes_in_any_more() {
    let (server, address, world) = start().await;
    let mut busy = Client::connect(address).await;
    busy.send(r#"421["wait"]"#).await;
    busy.expect_nothing().await;
    let drained = drain(&server, LONG);
    tokio::task::yield_now().await;
    let url = format!(
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    );
    let answer = async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(url.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    assert!(answer.await.starts_with("HTTP/1.1 503"));
    world.gate.add_permits(1);
    busy.expect(r#"431["done"]"#).await;
    ended(&mut busy).await;
    assert_eq!(drained.await.unwrap().closed, 1);
}

#[tokio::test]
async fn what_is_not_done_at_the_deadline_is_cut_off() {
    let (server, address, world) = start().await;
    let mut busy = Client::connect(address).await;
    let mut idle = Client::connect(address).await;
    busy.send(r#"421["wait"]"#).await;
    busy.expect_nothing().await;
    let drained = drain(&server, Duration::from_millis(300));
    ended(&mut idle).await;
    let drained = drained.await.unwrap();
    assert_eq!((drained.closed, drained.cut), (1, 1));
    assert_eq!(busy.receive().await, Received::Closed, "without an answer");
    until(|| world.reasons.lock().len() == 2).await;
    world.gate.add_permits(1);
}

#[tokio::test]
async fn a_server_without_sessions_is_drained_at_once() {
    let (server, _, _) = start().await;
    let begun = Instant::now();
    assert_eq!(server.drain(LONG).await.closed, 0);
    assert!(begun.elapsed() < LONG / 2);
}

#[tokio::test]
async fn many_sessions_close_in_waves() {
    let (server, address, world) = start().await;
    let mut clients = Vec::new();
    for _ in 0..101 {
        clients.push(Client::connect(address).await);
    }
    let drained = drain(&server, Duration::from_secs(4));
    until(|| world.reasons.lock().len() == 100).await;
    // The second wave is a second later.
    for mut client in clients {
        ended(&mut client).await;
    }
    let drained = drained.await.unwrap();
    assert_eq!((drained.closed, drained.cut), (101, 0));
}
