//! The browser client's files, as a browser asks for them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sockeye::engine::Origins;
use sockeye::{Config, Server};
use sockeye_testing::TestServer;
use sockeye_testing::raw::{Peer, Response};

const FILES: [&str; 4] =
    ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];

fn server(config: Config) -> TestServer {
    TestServer::new(Server::builder().config(config).build().unwrap())
}

async fn ask(server: &TestServer, method: &str, path: &str, headers: &str) -> Response {
    let mut peer = Peer::new(server.open().0);
    peer.send(format!(
        "{method} {path} HTTP/1.1
Host: localhost
Connection: close
{headers}
"
    ))
    .await;
    // The answer to HEAD is the same without its body.
    let mut response = peer.response_head().await.unwrap();
    response.body = peer.read_to_end().await.unwrap();
    response
}

#[tokio::test]
async fn every_file_has_its_map_and_its_headers() {
    let server = server(Config::default());
    for file in FILES {
        let answer = ask(&server, "GET", &format!("/socket.io/{file}?v=1"), "").await;
        assert_eq!(answer.status, 200, "{file}");
        assert_eq!(answer.header("content-type"), Some("application/javascript; charset=utf-8"));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=0"));
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
        assert_eq!(answer.header("content-encoding"), None);
        let map = ask(&server, "GET", &format!("/socket.io/{file}.map"), "").await;
        assert_eq!(map.header("content-type"), Some("application/json; charset=utf-8"), "{file}");
        assert!(map.body.starts_with(b"{"), "{file}");
    }
    // Any method is answered, as the official server does; HEAD without a body.
    let post = ask(&server, "POST", "/socket.io/socket.io.js", "Content-Length: 0\r\n").await;
    assert_eq!(post.status, 200);
    let head = ask(&server, "HEAD", "/socket.io/socket.io.js", "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length").unwrap(), post.body.len().to_string());
    // Other names are Engine.IO's.
    let other = ask(&server, "GET", "/socket.io/other.js", "").await;
    assert_eq!(
        (other.status, &*other.body),
        (400, &br#"{"code":0,"message":"Transport unknown"}"#[..])
    );
    let none = Config { serve_client: false, ..Config::default() };
    assert_files_are_the_engines(&self::server(none)).await;
}

/// Without `serveClient` Node's server has nothing in front of the engine: no name is special.
async fn assert_files_are_the_engines(server: &TestServer) {
    let unknown = (400, &br#"{"code":0,"message":"Transport unknown"}"#[..]);
    for name in ["socket.io.js", "socket.io.js.map", "socket.io.mjs", "socket.io.js?EIO=4"] {
        let answer = ask(server, "GET", &format!("/socket.io/{name}"), "").await;
        assert_eq!((answer.status, &*answer.body), unknown, "{name}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{name}");
    }
    let opened = ask(server, "GET", "/socket.io/socket.io.js?EIO=4&transport=polling", "").await;
    assert_eq!((opened.status, opened.body.first()), (200, Some(&b'0')));
}

#[tokio::test]
async fn a_known_version_is_not_sent_again() {
    let server = server(Config::default());
    let path = "/socket.io/socket.io.min.js";
    let tag = ask(&server, "GET", path, "").await.header("etag").unwrap().to_owned();
    assert!(tag.starts_with('"'));
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}")] {
        let headers = format!("If-None-Match: {known}\r\nAccept-Encoding: br\r\n");
        let answer = ask(&server, "GET", path, &headers).await;
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{known}");
        assert_eq!(answer.header("etag"), Some(&*tag));
    }
    assert_eq!(ask(&server, "GET", path, "If-None-Match: \"other\"\r\n").await.status, 200);
}

#[tokio::test]
async fn files_are_compressed_as_the_client_likes() {
    let server = server(Config::default());
    let path = "/socket.io/socket.io.js";
    let plain = ask(&server, "GET", path, "").await.body;
    for (accepted, coding) in [
        ("br", "br"),
        ("gzip, deflate, br", "gzip"),
        ("gzip;q=0.5, deflate", "deflate"),
        ("*", "br"),
    ] {
        for _ in 0..2 {
            let headers = format!("Accept-Encoding: {accepted}\r\n");
            let answer = ask(&server, "GET", path, &headers).await;
            assert_eq!(answer.header("content-encoding"), Some(coding), "{accepted}");
            assert_eq!(answer.header("content-length").unwrap(), answer.body.len().to_string());
            assert!(answer.body.len() * 2 < plain.len(), "{coding}: {}", answer.body.len());
        }
    }
    let refused = ask(&server, "GET", path, "Accept-Encoding: identity, br;q=0\r\n").await;
    assert_eq!(refused.header("content-encoding"), None);
    assert_eq!(refused.body, plain);
}

/// Whatever the sockets are for, and however the page is isolated (`Cross-Origin-Embedder-Policy`).
#[tokio::test]
async fn pages_of_other_origins_may_load_them() {
    let server = server(Config::default());
    for site in ["cross-site", "same-site", "none"] {
        let headers = format!("Sec-Fetch-Site: {site}\r\n");
        for file in FILES {
            let path = format!("/socket.io/{file}");
            let answer = ask(&server, "GET", &path, &headers).await;
            assert_eq!(answer.status, 200, "{site} {file}");
            assert_eq!(answer.header("cross-origin-resource-policy"), Some("cross-origin"));
        }
    }
    let sockets = "/socket.io/?EIO=4&transport=polling";
    let refused = ask(&server, "GET", sockets, "Sec-Fetch-Site: cross-site\r\n").await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.header("cross-origin-resource-policy"), Some("same-origin"));
}

#[tokio::test]
async fn pages_of_other_origins_get_them_where_they_are_let_in() {
    let path = "/socket.io/socket.io.js";
    let headers = "Origin: https://page.example\r\n";
    let without = ask(&server(Config::default()), "GET", path, headers).await;
    assert_eq!(without.header("access-control-allow-origin"), None);
    let mut config = Config::default();
    config.engine.origins = Origins::Any;
    let server = server(config);
    let with = ask(&server, "GET", path, headers).await;
    assert_eq!(with.header("access-control-allow-origin"), Some("*"));
}
