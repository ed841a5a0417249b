//! What a server is declared with, seen by its clients.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use sockeye::{Config, Server, engine};
use sockeye_testing::TestServer;
use sockeye_testing::raw::{Peer, Response, request};

const HANDSHAKE: &str = "/socket.io/?EIO=4&transport=polling";

/// The answer to a GET.
async fn get(server: &TestServer, target: &str) -> Response {
    ask(server, "GET", target, &[]).await
}

/// The answer to a request on a connection of its own.
async fn ask(
    server: &TestServer,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Response {
    let mut peer = Peer::new(server.open().0);
    let headers = [headers, &[("Connection", "close")]].concat();
    peer.send(request(method, target, &headers, "")).await;
    peer.response().await.unwrap()
}

#[tokio::test]
async fn options_of_the_engine_by_struct_update_leave_the_path_where_it_is() {
    let engine =
        engine::Config { ping_interval: Duration::from_millis(1234), ..engine::Config::default() };
    let config = Config { engine, ..Config::default() };
    let server = TestServer::new(Server::builder().config(config).build().unwrap());
    assert_eq!(server.server().path(), "/socket.io");
    let answer = get(&server, HANDSHAKE).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("\"pingInterval\":1234"), "{answer:?}");
    assert_eq!(get(&server, "/socket.io/socket.io.js").await.status, 200);
    assert_eq!(get(&server, "/engine.io/?EIO=4&transport=polling").await.status, 404);
}
