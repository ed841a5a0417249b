//! A server with a feed, for tests that count what readers hold and what an event takes.

#![allow(dead_code, reason = "each test needs a part of it")]

use std::net::SocketAddr;
use std::time::Duration;

use sockeye::{Namespace, Server};
use sockeye_feeds::{Feeds, FeedsConfig, Reading};
use sockeye_net::http::{HttpServer, bind};
use sockeye_testing::raw::Peer;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A server on our own listener, whose room `room` anybody may read.
pub(crate) struct Counted {
    pub(crate) server: Server,
    pub(crate) feeds: Feeds,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

const HOUR: Duration = Duration::from_secs(3600);
const FEED: &str = "/socket.io/feeds/~/room";

impl Counted {
    pub(crate) async fn new() -> Self {
        let namespace = Namespace::new("/").on_read(async || {});
        let server = Server::builder().namespace(namespace).build().expect("a server");
        // Nobody's time is over while the others are opened, however slow the machine is.
        let (heartbeat, wait_max, long_poll) = (HOUR, HOUR, HOUR);
        let reading = Reading { heartbeat, wait_max, long_poll, ..Reading::default() };
        let config = FeedsConfig { reading, ..FeedsConfig::default() };
        let feeds = Feeds::builder().offer_room("/", "room").config(config).mount(&server);
        let feeds = feeds.expect("a free path");
        let listeners = bind("127.0.0.1:0").await.expect("a free port");
        let address = listeners[0].local_addr().expect("it is bound");
        let serving = HttpServer::new(listeners, server.clone().into_service()).into_future();
        let serving = tokio::spawn(async move { serving.await.expect("it serves") });
        Self { server, feeds, address, serving }
    }

    /// Somebody who listens, and has the opening of the answer.
    pub(crate) async fn listen(&self, accept: &str) -> TcpStream {
        let mut peer = self.connect().await;
        peer.send(request("", accept)).await;
        let head = peer.read_until("\r\n\r\n").await.expect("a head");
        assert!(head.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&head));
        let opening = if accept == "application/x-ndjson" { "\n" } else { "\n\n" };
        peer.read_until(opening).await.expect("an opening");
        peer.into_stream()
    }

    /// Somebody who has asked once, and waits with the next poll.
    pub(crate) async fn wait(&self, query: &str) -> TcpStream {
        let mut peer = self.connect().await;
        peer.send(request("?offset=now", "*/*")).await;
        assert_eq!(peer.response().await.expect("an answer").text(), "[]");
        peer.send(request(query, "*/*")).await;
        peer.into_stream()
    }

    async fn connect(&self) -> Peer<TcpStream> {
        Peer::new(TcpStream::connect(self.address).await.expect("it listens"))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn request(query: &str, accept: &str) -> String {
    format!("GET {FEED}{query} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n")
}

/// Waits until nothing is allocated or freed any more.
pub(crate) async fn settled() {
    let state = || {
        let stats = dhat::HeapStats::get();
        (stats.total_bytes, stats.curr_bytes)
    };
    let mut before = (0, 0);
    while std::mem::replace(&mut before, state()) != before {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
}
