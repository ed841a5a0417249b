//! Places for readers: in all, of one address, and who makes way.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;

use sockeye::{Namespace, Server};
use sockeye_feeds::{Feeds, FeedsConfig, Reading};
use sockeye_testing::TestServer;
use sockeye_testing::raw::Peer;
use tokio::io::DuplexStream;

fn feeds(reading: Reading) -> (TestServer, Feeds) {
    let open = Namespace::new("/").on_read(async || {});
    let server = Server::builder().namespace(open).build().unwrap();
    let config = FeedsConfig { reading, ..FeedsConfig::default() };
    let feeds = Feeds::builder().offer("/").config(config).mount(&server).unwrap();
    (TestServer::new(server), feeds)
}

/// Asks from an address, and reads the head.
async fn ask(
    server: &TestServer,
    address: &str,
    target: &str,
    accept: &str,
) -> (Peer<DuplexStream>, String) {
    let (stream, _) = server.open_from(address.parse::<SocketAddr>().unwrap());
    let mut peer = Peer::new(stream);
    let target = format!("/socket.io/feeds/~{target}");
    peer.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\n\r\n")).await;
    let head = String::from_utf8(peer.read_until("\r\n\r\n").await.unwrap()).unwrap();
    (peer, head)
}

const EVENT_STREAM: &str = "text/event-stream";

#[tokio::test(start_paused = true)]
async fn the_address_with_the_most_readers_makes_way() {
    let (server, feeds) = feeds(Reading { readers_max: 2, ..Reading::default() });
    let mut hog = Vec::new();
    for _ in 0..2 {
        let (mut peer, _) = ask(&server, "10.0.0.1:1", "", EVENT_STREAM).await;
        peer.read_until("id: ").await.unwrap();
        hog.push(peer);
    }
    assert_eq!(feeds.readers(), 2);

    // One more of the same address has no place, on each road in its own words.
    let (mut refused, head) = ask(&server, "10.0.0.1:1", "", EVENT_STREAM).await;
    assert!(head.starts_with("HTTP/1.1 200"), "no status that ends `EventSource` for good: {head}");
    let said = String::from_utf8(refused.read_until(": gap\n").await.unwrap()).unwrap();
    assert!(said.contains("retry: 1"), "it comes back after 10 s and more: {said}");
    let said = String::from_utf8(refused.read_until("\n\n").await.unwrap()).unwrap();
    assert!(said.contains(r#"data: {"reason":"overload","oldest":null,"newest":null}"#), "{said}");
    let (_, head) = ask(&server, "10.0.0.1:1", "?offset=now&wait=25", "*/*").await;
    assert!(head.starts_with("HTTP/1.1 503") && head.contains("retry-after: 10"), "{head}");
    let (_, head) = ask(&server, "10.0.0.1:1", "?offset=now&live=sse", "*/*").await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");

    // Of another address it has, and one of the first makes way, told so and not cut off.
    let (mut other, _) = ask(&server, "10.0.0.2:1", "", EVENT_STREAM).await;
    other.read_until("id: ").await.unwrap();
    let said = String::from_utf8(hog[0].read_until("\r\n0\r\n\r\n").await.unwrap()).unwrap();
    let said = said.split_once("retry: 1").unwrap().1;
    assert!(
        said.contains("\nevent: gap\n") && !said.contains("\nid: "),
        "its cursor stays: {said}"
    );
    assert_eq!(feeds.readers(), 2);
    server.server().io().emit("news", &1).unwrap();
    hog[1].read_until("data: [1]").await.unwrap();
    other.read_until("data: [1]").await.unwrap();

    drop((hog, other));
    while feeds.readers() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_waits_makes_way_too() {
    let (server, feeds) = feeds(Reading { readers_max: 2, ..Reading::default() });
    let wait = async |address: &str| {
        let (stream, _) = server.open_from(address.parse::<SocketAddr>().unwrap());
        let mut peer = Peer::new(stream);
        peer.send("GET /socket.io/feeds/~?offset=now&wait=20 HTTP/1.1\r\nHost: a\r\n\r\n").await;
        peer
    };
    let mut hog = [wait("10.0.0.1:1").await, wait("10.0.0.1:2").await];
    while feeds.readers() < 2 {
        tokio::task::yield_now().await;
    }
    let mut other = wait("10.0.0.2:1").await;
    assert_eq!(hog[0].response().await.unwrap().status, 503);
    server.server().io().emit("news", &1).unwrap();
    for peer in [&mut hog[1], &mut other] {
        let response = peer.response().await.unwrap();
        assert_eq!((response.status, response.text()), (200, r#"[{"event":"news","data":[1]}]"#));
    }
    assert_eq!(feeds.readers(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_address_has_no_more_than_its_limit() {
    let per_address = Reading { readers_per_address_max: Some(1), ..Reading::default() };
    let (server, feeds) = feeds(per_address);
    let (_first, _) = ask(&server, "10.0.0.1:1", "", EVENT_STREAM).await;
    let (_, head) = ask(&server, "10.0.0.1:2", "?offset=now&wait=25", "*/*").await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    // What does not wait needs no place.
    let (_, head) = ask(&server, "10.0.0.1:2", "", "*/*").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let (_second, _) = ask(&server, "10.0.0.2:1", "", EVENT_STREAM).await;
    assert_eq!(feeds.readers(), 2);
}
