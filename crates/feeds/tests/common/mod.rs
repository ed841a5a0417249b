//! What the tests of feeds and streams share: a server with a feed, and a reader of an answer that goes on and on.

#![allow(dead_code, reason = "each test file uses its part")]

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use sockeye::{Namespace, Server};
use sockeye_feeds::{Feeds, FeedsBuilder};
use sockeye_testing::raw::{Peer, Response, request};
use sockeye_testing::{TestServer, Wire};
use tokio::io::DuplexStream;

pub(crate) const SSE: (&str, &str) = ("accept", "text/event-stream");
pub(crate) const NDJSON: (&str, &str) = ("accept", "application/x-ndjson");

/// A namespace that everybody reads.
pub(crate) fn open(name: &'static str) -> Namespace {
    Namespace::new(name).on_read(async || {})
}

pub(crate) fn offered(builder: FeedsBuilder, namespace: Namespace) -> (TestServer, Feeds) {
    let server = Server::builder().namespace(namespace).build().unwrap();
    let feeds = builder.mount(&server).unwrap();
    (TestServer::new(server), feeds)
}

pub(crate) fn news() -> (TestServer, Feeds) {
    offered(Feeds::builder().offer("/news"), open("/news"))
}

pub(crate) fn emit(server: &TestServer, event: &str, data: &Value) {
    server.server().of("/news").unwrap().emit(event, data).unwrap();
}

pub(crate) fn emit_to(server: &TestServer, room: &str, event: &str, data: &Value) {
    server.server().of("/news").unwrap().to(room).emit(event, data).unwrap();
}

pub(crate) const NEWS: &str = "/socket.io/feeds/news";

/// An answer that goes on and on, as it comes.
pub(crate) struct Listener {
    peer: Peer<DuplexStream>,
    pub(crate) head: Response,
    is_chunked: bool,
    /// What is still to come, where the head says how much that is.
    left: Option<usize>,
    /// What came of the body and is not read.
    body: Vec<u8>,
    is_over: bool,
}

/// An event of `EventSource`, or a block of Durable Streams' events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) data: String,
    pub(crate) retry: Option<u64>,
}

impl Event {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }

    /// One event as a browser reads it (the HTML standard, 9.2.6).
    fn parse(block: &str) -> Self {
        let mut event = Self::default();
        let mut data = Vec::new();
        for line in block.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" => {}
                "id" => event.id = Some(value.to_owned()),
                "event" => value.clone_into(&mut event.name),
                "data" => data.push(value),
                "retry" => event.retry = value.parse().ok(),
                other => panic!("a field {other:?} in {block:?}"),
            }
        }
        event.data = data.join("\n");
        event
    }
}

impl Listener {
    pub(crate) async fn open(server: &TestServer, target: &str, headers: &[(&str, &str)]) -> Self {
        Self::begin(server.open().0, target, headers).await
    }

    pub(crate) async fn open_from(
        server: &TestServer,
        address: SocketAddr,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Self {
        Self::begin(server.open_from(address).0, target, headers).await
    }

    /// With its connection, to have it stall.
    pub(crate) async fn open_with_wire(
        server: &TestServer,
        target: &str,
        headers: &[(&str, &str)],
    ) -> (Self, Wire) {
        let (stream, wire) = server.open();
        (Self::begin(stream, target, headers).await, wire)
    }

    async fn begin(stream: DuplexStream, target: &str, headers: &[(&str, &str)]) -> Self {
        let mut peer = Peer::new(stream).patience(Duration::from_secs(600));
        peer.send(request("GET", target, headers, "")).await;
        let head = peer.response_head().await.unwrap();
        let is_chunked = head.header("transfer-encoding") == Some("chunked");
        let left: Option<usize> = head.header("content-length").map(|it| it.parse().unwrap());
        Self { peer, head, is_chunked, left, body: Vec::new(), is_over: left == Some(0) }
    }

    /// What comes up to the next `end`, which is part of it.
    async fn until(&mut self, end: &str) -> String {
        loop {
            let found = self.body.windows(end.len()).position(|window| window == end.as_bytes());
            if let Some(at) = found {
                let text: Vec<u8> = self.body.drain(..at + end.len()).collect();
                return String::from_utf8(text).unwrap();
            }
            assert!(!self.is_over, "it ended behind {:?}", String::from_utf8_lossy(&self.body));
            self.read_more().await;
        }
    }

    async fn read_more(&mut self) {
        if let Some(left) = self.left.take() {
            self.body.extend(self.peer.read_count(left).await.unwrap());
            return self.is_over = true;
        }
        if !self.is_chunked {
            match self.peer.read_count(1).await {
                Ok(byte) => self.body.extend(byte),
                Err(_) => self.is_over = true,
            }
            return;
        }
        let Ok(size) = self.peer.read_until("\r\n").await else {
            return self.is_over = true;
        };
        let size = str::from_utf8(&size).unwrap().trim_end();
        let size = usize::from_str_radix(size, 16).unwrap();
        self.body.extend(self.peer.read_count(size).await.unwrap());
        self.peer.expect("\r\n").await;
        self.is_over = size == 0;
    }

    /// The next block, byte for byte, up to its blank line.
    pub(crate) async fn block(&mut self) -> String {
        self.until("\n\n").await
    }

    /// The next event; what a browser shows to nobody (comments, an id alone) is skipped.
    pub(crate) async fn event(&mut self) -> Event {
        loop {
            let event = Event::parse(&self.block().await);
            if !event.data.is_empty() {
                return event;
            }
        }
    }

    /// The next line, with its end.
    pub(crate) async fn line(&mut self) -> String {
        self.until("\n").await
    }

    /// The next line that is not blank, as JSON.
    pub(crate) async fn json(&mut self) -> Value {
        loop {
            let line = self.line().await;
            if line != "\n" {
                return serde_json::from_str(&line).unwrap();
            }
        }
    }

    /// What comes up to the end of the answer.
    pub(crate) async fn rest(&mut self) -> String {
        while !self.is_over {
            self.read_more().await;
        }
        String::from_utf8(std::mem::take(&mut self.body)).unwrap()
    }
}

/// Where an answer says that it goes on.
pub(crate) fn next(response: &Response) -> String {
    response.header("stream-next-offset").expect("a cursor").to_owned()
}

/// The code of an error.
pub(crate) fn code(response: &Response) -> String {
    response.json::<Value>()["error"]["code"].as_str().expect("a code").to_owned()
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..100_000 {
        if is_so() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came: {what}");
}
