//! Writing to streams.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sockeye::Server;
use sockeye_feeds::{Access, Streams, StreamsConfig};
use sockeye_testing::TestServer;

/// An empty array is no message of a stream of JSON; elsewhere it is what it is.
#[tokio::test]
async fn a_text_that_looks_like_an_empty_array_is_the_content_of_a_new_stream() {
    let server = Server::builder().build().unwrap();
    let streams = Streams::new(StreamsConfig::default());
    streams.mount(&server, "/s", Access::everything()).unwrap();
    let server = TestServer::new(server);
    for (content_type, body, expected) in [
        ("text/plain", "[]", "[]"),
        ("text/plain", " [ ]\n", " [ ]\n"),
        ("application/octet-stream", "[]", "[]"),
        ("application/json", " [ ]\n", "[]"),
        ("application/json", "", "[]"),
    ] {
        streams.delete("a");
        let put = server.request("PUT", "/s/a").header("content-type", content_type);
        assert_eq!(put.body(body).await.status, 201, "{content_type} {body:?}");
        assert_eq!(server.get("/s/a").await.text(), expected, "{content_type} {body:?}");
    }
}

/// Whoever comes to a stream that was made while the server ends is sent away, too.
#[tokio::test(start_paused = true)]
async fn a_stream_that_is_made_while_the_server_ends_ends_too() {
    let server = Server::builder().build().unwrap();
    let streams = Streams::new(StreamsConfig::default());
    streams.mount(&server, "/s", Access::everything()).unwrap();
    server.shutdown().await;
    streams.create("a", "application/json").unwrap();
    let server = TestServer::new(server);
    let answer = server.get("/s/a").header("accept", "application/x-ndjson");
    let answer = tokio::time::timeout(std::time::Duration::from_secs(5), answer).await;
    assert_eq!(answer.expect("it ends").text(), "\n");
}
