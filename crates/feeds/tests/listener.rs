//! Over the library's own listener, which hands connections over: who leaves, and what happens at the end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::time::Duration;

use sockeye::{Namespace, Server};
use sockeye_feeds::{Feeds, FeedsConfig, Reading};
use sockeye_testing::raw::{Peer, request};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const NEWS: &str = "/socket.io/feeds/news";

/// A server on a port of its own.
struct Served {
    server: Server,
    feeds: Feeds,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Served {
    async fn start() -> Self {
        Self::start_with(FeedsConfig::default()).await
    }

    async fn start_with(config: FeedsConfig) -> Self {
        let news = Namespace::new("/news").on_read(async || {});
        let server = Server::builder().namespace(news).build().unwrap();
        let feeds = Feeds::builder().offer("/news").config(config).mount(&server).unwrap();
        let listeners = sockeye::bind("127.0.0.1:0").await.unwrap();
        let address = listeners[0].local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopping = async { drop(stopped.await) };
        let serve = server.clone().serve(listeners).with_graceful_shutdown(stopping);
        let serving = tokio::spawn(async move { serve.await.unwrap() });
        Self { server, feeds, address, stop: Some(stop), serving }
    }

    /// Asks on a connection of its own.
    async fn ask(&self, target: &str, accept: &str) -> Peer<TcpStream> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let mut peer = Peer::new(stream).patience(Duration::from_secs(60));
        let host = self.address.to_string();
        peer.send(request("GET", target, &[("host", &host), ("accept", accept)], "")).await;
        peer
    }

    /// Waits until so many read.
    async fn readers(&self, count: usize) {
        let so_many = async {
            while self.feeds.readers() != count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), so_many).await.expect("so many read");
    }
}

const ROADS: [(&str, &str); 5] = [
    ("?offset=now", "text/event-stream"),
    ("?offset=now", "application/x-ndjson"),
    ("?offset=now&live=sse", "*/*"),
    ("?offset=now&wait=25", "*/*"),
    ("?offset=now&live=long-poll", "*/*"),
];

#[tokio::test]
async fn nothing_is_left_of_readers_that_vanish() {
    let served = Served::start().await;
    for round in 0..3 {
        let mut peers = Vec::new();
        for (query, accept) in ROADS {
            peers.push(served.ask(&format!("{NEWS}{query}"), accept).await);
        }
        served.readers(ROADS.len()).await;
        if round == 1 {
            // They are told something, and nobody reads that.
            served.server.of("/news").unwrap().emit("tick", &round).unwrap();
        }
        drop(peers);
        served.readers(0).await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_close_is_not_waited_for() {
    let reading = Reading { durable_sse_max: Duration::from_millis(1), ..Reading::default() };
    let served = Served::start_with(FeedsConfig { reading, ..FeedsConfig::default() }).await;
    let mut peer = served.ask(&format!("{NEWS}?offset=now&live=sse"), "*/*").await;
    let all = String::from_utf8(peer.read_to_end().await.unwrap()).unwrap();
    assert!(all.contains("\"upToDate\":true"), "{all}");
    served.readers(0).await;
    drop(peer);
}

#[tokio::test]
async fn the_end_of_the_server_is_the_end_of_every_answer() {
    let mut served = Served::start().await;
    let mut peers = Vec::new();
    for (query, accept) in ROADS {
        peers.push(served.ask(&format!("{NEWS}{query}"), accept).await);
    }
    served.readers(ROADS.len()).await;
    served.stop.take().unwrap().send(()).unwrap();
    let ends = ["\nretry: ", "\n", "event: control\n", "\"ending\"", "\"ending\""];
    for (peer, end) in peers.iter_mut().zip(ends) {
        let rest = String::from_utf8(peer.read_to_end().await.unwrap()).unwrap();
        assert!(rest.contains(end), "{end:?} in {rest}");
    }
    drop(peers);
    served.serving.await.unwrap();
}
