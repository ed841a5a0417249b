//! Compressed polling answers (SOCKETIO_SURFACE A1.4, `httpCompression`).

mod common;

use std::io::Read;

use common::{Host, Response};
use flate2::read::{GzDecoder, ZlibDecoder};
use sockeye_engine::Config;

async fn poll(host: &Host, bytes: usize, accept: &str) -> Response {
    let sid = host.open().await;
    host.app.session(&sid).send(&"x".repeat(bytes - 1), &[]);
    host.request("GET", &Host::url(&sid), &[("accept-encoding", accept)], b"").await
}

fn expanded(mut reader: impl Read) -> String {
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("the coding is what the header says");
    text
}

#[tokio::test]
async fn large_answers_are_compressed_for_clients_that_can_undo_it() {
    let host = Host::tcp(Config::default()).await;
    let expected = format!("4{}", "x".repeat(1023));
    let response = poll(&host, 1024, "gzip, deflate, br").await;
    assert_eq!(response.header("content-encoding"), Some("gzip"));
    assert_eq!(response.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert!(response.body.len() < 100);
    assert_eq!(expanded(GzDecoder::new(&response.body[..])), expected);
    let response = poll(&host, 1024, "deflate").await;
    assert_eq!(response.header("content-encoding"), Some("deflate"));
    assert_eq!(expanded(ZlibDecoder::new(&response.body[..])), expected);
}

#[tokio::test]
async fn the_rest_is_not() {
    let host = Host::tcp(Config::default()).await;
    for (bytes, accept) in [(1023, "gzip"), (5000, "br"), (5000, "gzip;q=0")] {
        let response = poll(&host, bytes, accept).await;
        assert_eq!(response.header("content-encoding"), None);
        assert_eq!(response.body.len(), bytes, "{accept}");
    }
    let never = Host::tcp(Config { compress_from_bytes: None, ..Config::default() }).await;
    assert_eq!(poll(&never, 5000, "gzip").await.body.len(), 5000);
}
