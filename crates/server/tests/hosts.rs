//! The hosts that a server answers for: checked on its own listener, or mounted if configured.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sockeye::engine::AllowedHosts;
use sockeye::{Config, Server};
use sockeye_net::http::{HttpServer, bind};
use sockeye_testing::raw::{Peer, Response};
use tokio::net::TcpStream;

const PATHS: [&str; 4] = [
    "/socket.io/?EIO=4&transport=polling",
    "/socket.io/socket.io.js",
    "/socket.io/other.js",
    "/elsewhere",
];

/// The answers to all of the paths.
async fn ask(allowed_hosts: Option<AllowedHosts>, mounted: bool, host: &str) -> Vec<Response> {
    let mut config = Config::default();
    config.engine.allowed_hosts = allowed_hosts;
    let server = Server::builder().config(config).build().unwrap();
    let listeners = bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    if mounted {
        tokio::spawn(HttpServer::new(listeners, server.into_service()).into_future());
    } else {
        tokio::spawn(server.serve(listeners).into_future());
    }
    let mut answers = Vec::new();
    for path in PATHS {
        let mut peer = Peer::new(TcpStream::connect(address).await.unwrap());
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        peer.send(request).await;
        answers.push(peer.response().await.unwrap());
    }
    answers
}

async fn statuses(allowed: Option<AllowedHosts>, mounted: bool, host: &str) -> [u16; 4] {
    let answers = ask(allowed, mounted, host).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.try_into().unwrap()
}

#[tokio::test]
async fn alone_addresses_and_loopback_names_unless_more_are_named() {
    let chat = || Some("chat.example".parse().unwrap());
    for host in ["localhost:3000", "127.0.0.1", "[::1]:80", "192.0.2.1", "a.localhost"] {
        assert_eq!(statuses(None, false, host).await, [200, 200, 400, 404], "{host}");
        assert_eq!(statuses(chat(), false, host).await, [200, 200, 400, 404], "{host}");
    }
    assert_eq!(statuses(None, false, "chat.example").await, [421; 4]);
    assert_eq!(statuses(chat(), false, "evil.test").await, [421; 4]);
    assert_eq!(statuses(chat(), false, "Chat.Example:80").await, [200, 200, 400, 404]);
    let any = Some(AllowedHosts::any());
    assert_eq!(statuses(any, false, "evil.test").await, [200, 200, 400, 404]);
    let refused = ask(None, false, "chat.example").await;
    let advice = "to allow it: Server::builder().allowed_hosts(\"chat.example\")\n";
    assert!(refused[0].text().ends_with(advice), "{:?}", refused[0]);
}

#[tokio::test]
async fn mounted_whatever_host_unless_some_are_named() {
    let chat = || Some("chat.example".parse().unwrap());
    assert_eq!(statuses(None, true, "evil.test").await, [200, 200, 400, 404]);
    assert_eq!(statuses(chat(), true, "evil.test").await, [421; 4]);
    assert_eq!(statuses(chat(), true, "chat.example").await, [200, 200, 400, 404]);
}
