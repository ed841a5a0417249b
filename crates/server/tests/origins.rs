//! Pages of other origins: one setting lets them in on every transport, and what is missing is logged.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::log::Log;
use sockeye::engine::Origins;
use sockeye::{Config, Server};
use sockeye_testing::TestServer;
use sockeye_testing::raw::{Peer, Response, request};
use tracing::Level;

const POLL: &str = "/socket.io/?EIO=4&transport=polling";
const PAGE: (&str, &str) = ("Origin", "http://localhost:5173");

fn server(config: Config) -> TestServer {
    TestServer::new(Server::builder().config(config).build().unwrap())
}

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

/// The preflight counts too: a browser that fails at it never sends the request.
#[tokio::test]
async fn a_refused_origin_is_logged_once_with_what_to_write() {
    for method in ["GET", "OPTIONS"] {
        let log = Log::default();
        let guard = log.listen(Level::WARN);
        let server = server(Config::default());
        for _ in 0..3 {
            let answer = ask(&server, method, POLL, &[PAGE]).await;
            assert!(answer.status >= 400, "{answer:?}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
        drop(guard);
        let text = log.text();
        let advice = ".allow_origin(\"http://localhost:5173\")";
        assert_eq!(text.matches(advice).count(), 1, "{method}: {text}");
        let field = "origins = Origins::SameOriginOr(vec![\"http://localhost:5173\".parse()?])";
        assert_eq!(text.matches(field).count(), 1, "{method}: {text}");
    }
}

#[tokio::test]
async fn a_listed_origin_polls_and_loads_and_others_do_not() {
    let mut config = Config::default();
    config.engine.origins = Origins::SameOriginOr(vec![PAGE.1.parse().unwrap()]);
    let server = server(config);
    for target in [POLL, "/socket.io/socket.io.js"] {
        let answer = ask(&server, "GET", target, &[PAGE]).await;
        assert_eq!(answer.status, 200, "{target}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE.1), "{target}");
        let other = ask(&server, "GET", target, &[("Origin", "http://localhost:5174")]).await;
        assert_eq!(other.header("access-control-allow-origin"), None, "{target}");
        assert!(other.headers("vary").any(|vary| vary == "Origin"), "{target}");
    }
    // Beside the engine's path there is nothing to tell anybody.
    let elsewhere = ask(&server, "GET", "/elsewhere", &[PAGE]).await;
    assert_eq!((elsewhere.status, elsewhere.header("access-control-allow-origin")), (404, None));
}
