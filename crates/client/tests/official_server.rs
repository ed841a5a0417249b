//! Against the official server, npm's `socket.io`. Runs when `SOCKEYE_TEST_NODE` is set, after
//! `npm ci` in `tests/node`; `cargo xtask test` does both.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running server. It ends when its standard input is closed.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    /// Starts the server. `None`: `SOCKEYE_TEST_NODE` is not set.
    fn start(options: &str) -> Option<Self> {
        if std::env::var_os("SOCKEYE_TEST_NODE").is_none_or(|value| value != "1") {
            println!("left out: SOCKEYE_TEST_NODE=1 is not set");
            return None;
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node");
        assert!(folder.join("node_modules").exists(), "run `npm ci` in {}", folder.display());
        let mut process = Command::new("node")
            .arg(folder.join("server.mjs"))
            .arg(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Some(Server { process, url })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn everything_works() {
    let Some(server) = Server::start("{}") else {
        return;
    };
    over_every_transport!(
        &server.url,
        connects_and_closes,
        the_query_arrives_as_it_was_meant,
        is_refused_with_data,
        events_go_both_ways_in_order,
        acks_go_both_ways,
        binary_goes_both_ways,
        namespaces_share_a_session,
        the_server_may_disconnect,
        lost_connections_are_made_again,
        without_reconnection_a_loss_is_the_end,
    );
}

#[tokio::test]
async fn heartbeats_are_answered() {
    let Some(server) = Server::start(r#"{"pingInterval":300,"pingTimeout":5000}"#) else { return };
    common::heartbeats_are_answered(&server.url).await;
}

/// Messages beyond the server's limit on a POST are sent in several, and none is lost.
#[tokio::test]
async fn posts_stay_below_the_servers_limit() {
    let Some(server) = Server::start(r#"{"maxHttpBufferSize":1000}"#) else {
        return;
    };
    let client = common::builder(&server.url, common::POLLING).connect().await.unwrap();
    let mut echoes = client.subscribe::<String>("echo");
    let texts: Vec<String> = (0..50).map(|n| format!("{n}:{}", "x".repeat(n * 15))).collect();
    for text in &texts {
        client.emit("echo", text).unwrap();
    }
    for text in &texts {
        assert_eq!(common::soon("echo", echoes.next()).await.as_ref(), Some(text));
    }
}
