//! Every example as its user runs it. (`cargo build --examples` makes them; `cargo test` does so too.)

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use common::Peer;
use sockeye_websocket::{Message, WebSocket, connect};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running example; killed when dropped.
struct Example {
    child: Child,
    lines: Receiver<String>,
}

impl Example {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let mut folder = std::env::current_exe().unwrap();
        folder.pop();
        folder.pop();
        let program = folder.join("examples").join(name);
        let mut child = Command::new(&program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; build the examples", program.display()));
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// A server on a free port, and where it listens: `127.0.0.1:PORT`.
    fn serve(name: &str) -> (Self, String) {
        let example = Self::start(name, &["0"]);
        let line = example.line();
        let address = line.strip_prefix("listening on http://").expect(&line).to_owned();
        (example, address)
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("it prints another line")
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The page, which connects to where it came from.
async fn page(address: &str) -> String {
    let mut peer = Peer::new(TcpStream::connect(address).await.unwrap()).patience(PATIENCE);
    peer.send(format!(
        "GET / HTTP/1.1
Host: {address}
Connection: close

"
    ))
    .await;
    let response = peer.response().await.unwrap();
    assert_eq!(response.status, 200);
    let answer = response.text().to_owned();
    assert!(answer.contains("new WebSocket(") && answer.contains("location.host"), "{answer}");
    answer
}

async fn next(socket: &mut WebSocket) -> String {
    match timeout(PATIENCE, socket.recv()).await.expect("something comes").unwrap() {
        Some(Message::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn websocket_echo() {
    let (_example, address) = Example::serve("websocket_echo");
    assert!(page(&address).await.contains("/echo"));
    let mut socket = connect(&format!("ws://{address}/echo")).await.unwrap();
    for text in ["hello", "", "안녕"] {
        socket.send(text).await.unwrap();
        assert_eq!(next(&mut socket).await, text);
    }
}

#[tokio::test]
async fn broadcast() {
    let (_example, address) = Example::serve("broadcast");
    assert!(page(&address).await.contains("/all"));
    let url = format!("ws://{address}/all");
    let (mut one, mut other) = (connect(&url).await.unwrap(), connect(&url).await.unwrap());
    // Who has got something back is in the group.
    for socket in [&mut one, &mut other] {
        socket.send("here").await.unwrap();
        while next(socket).await != "here" {}
    }
    one.send("to all").await.unwrap();
    for socket in [&mut one, &mut other] {
        while next(socket).await != "to all" {}
    }
}

#[tokio::test]
async fn push_every_three_seconds() {
    let (_example, address) = Example::serve("push_every_three_seconds");
    assert!(page(&address).await.contains("/push"));
    // However late we read: the second comes three seconds after the first was sent.
    let before = Instant::now();
    let mut socket = connect(&format!("ws://{address}/push")).await.unwrap();
    for text in ["message 1", "message 2"] {
        assert_eq!(next(&mut socket).await, text);
    }
    assert!(before.elapsed() >= Duration::from_secs(3), "{:?}", before.elapsed());
}

#[tokio::test]
async fn server_to_server() {
    let alone = Example::start("server_to_server", &[]);
    assert_eq!(alone.line(), "second 0");
    // The other program is restarted: it comes back, and counts from the beginning.
    let port = common::quiet_port().to_string();
    let example = Example::start("websocket_echo", &[&port]);
    let url = format!("ws://127.0.0.1:{port}/echo");
    // Whoever prints this listens.
    example.line();
    let client = Example::start("server_to_server", &[&url]);
    assert_eq!((client.line(), client.line()), ("second 0".to_owned(), "second 1".to_owned()));
    drop(example);
    let _example = Example::start("websocket_echo", &[&port]);
    while client.line() != "second 0" {}
}
