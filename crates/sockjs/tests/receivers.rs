//! Each way to receive frames, byte for byte (SockJS 0.3.3, "Protocol", "XhrPolling" and after).

#![allow(clippy::unwrap_used)]

mod common;

use common::{Host, any_origin, chunk, open_doors};
use sockeye_testing::raw::{self, Received};

async fn host() -> Host {
    Host::tcp(open_doors(), any_origin()).await
}

const NEVER: &str = "no-store, no-cache, no-transform, must-revalidate, max-age=0";

#[tokio::test]
async fn polls() {
    let host = host().await;
    let opened = host.post("/echo/000/a/xhr", "").await;
    assert_eq!((opened.status, opened.text()), (200, "o\n"));
    assert_eq!(opened.header("content-type"), Some("application/javascript; charset=UTF-8"));
    assert_eq!(opened.header("cache-control"), Some(NEVER));
    assert_eq!(opened.header("access-control-allow-origin"), Some("*"));
    let sent = host.send("a", r#"["x","y\n"]"#).await;
    assert_eq!((sent.status, sent.text()), (204, ""));
    assert_eq!(sent.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(host.poll("a").await, "a[\"x\",\"y\\n\"]\n");
    assert_eq!(host.send("b", "[\"x\"]").await.status, 404);
}

#[tokio::test]
async fn streams_end_at_their_limit_and_go_on_with_the_next() {
    let host = host().await;
    let mut stream = host.connect().await;
    stream.send(raw::request("POST", "/echo/000/a/xhr_streaming", &[], "")).await;
    let head = stream.response_head().await.unwrap();
    assert_eq!(head.header("transfer-encoding"), Some("chunked"));
    let prelude = chunk(&mut stream).await.unwrap();
    assert_eq!((prelude.len(), prelude.trim_matches('h')), (2049, "\n"));
    assert_eq!(chunk(&mut stream).await.unwrap(), "o\n");
    let message = "x".repeat(128);
    for _ in 0..31 {
        assert_eq!(host.send("a", &format!("[\"{message}\"]")).await.status, 204);
        assert_eq!(chunk(&mut stream).await.unwrap(), format!("a[\"{message}\"]\n"));
    }
    // The connection goes on with the next one.
    assert_eq!(chunk(&mut stream).await, None);
    stream.send(raw::request("POST", "/echo/000/a/xhr_streaming", &[], "")).await;
    assert_eq!(stream.response_head().await.unwrap().status, 200);
    assert_eq!(chunk(&mut stream).await.unwrap().len(), 2049);
    assert_eq!(host.send("a", "[\"more\"]").await.status, 204);
    assert_eq!(chunk(&mut stream).await.unwrap(), "a[\"more\"]\n");
    assert_eq!(host.app.opened(), 1);
}

#[tokio::test]
async fn event_streams_html_and_scripts() {
    let host = host().await;
    let mut events = host.connect().await;
    events.get("/echo/000/a/eventsource").await;
    let head = events.response_head().await.unwrap();
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(chunk(&mut events).await.unwrap(), "\r\n");
    assert_eq!(chunk(&mut events).await.unwrap(), "data: o\r\n\r\n");

    let mut html = host.connect().await;
    html.get("/echo/000/b/htmlfile?c=cb").await;
    assert_eq!(
        html.response_head().await.unwrap().header("content-type"),
        Some("text/html; charset=UTF-8")
    );
    let begin = chunk(&mut html).await.unwrap();
    assert!(begin.len() > 1024 && begin.ends_with("\r\n\r\n"), "{begin}");
    assert_eq!(chunk(&mut html).await.unwrap(), "<script>\np(\"o\");\n</script>\r\n");

    let script = host.get("/echo/000/c/jsonp?c=cb").await;
    assert_eq!(script.text(), "/**/cb(\"o\");\r\n");
    assert_eq!(script.header("x-content-type-options"), Some("nosniff"));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let sent = host.request("POST", "/echo/000/c/jsonp_send", &form, "d=%5B%22x%22%5D").await;
    assert_eq!((sent.status, sent.text()), (200, "ok"));
    assert_eq!(host.get("/echo/000/c/jsonp?c=cb").await.text(), "/**/cb(\"a[\\\"x\\\"]\");\r\n");
    for (query, why) in
        [("", "\"callback\" parameter required"), ("?c=a%28b", "invalid \"callback\" parameter")]
    {
        let refused = host.get(&format!("/echo/000/d/jsonp{query}")).await;
        assert_eq!((refused.status, refused.text()), (500, why));
        assert_eq!(host.get(&format!("/echo/000/d/htmlfile{query}")).await.text(), why);
    }
}

#[tokio::test]
async fn websockets_framed_and_raw() {
    let host = host().await;
    let mut framed = host.websocket("/echo/000/a/websocket").await;
    assert_eq!(framed.text().await, "o");
    framed.send(r#"["a","b\"€\u2028"]"#).await;
    assert_eq!(framed.text().await, r#"a["a"]"#);
    assert_eq!(framed.text().await, r#"a["b\"€\u2028"]"#);
    framed.send("").await;
    framed.send("[]").await;
    framed.send("\"alone\"").await;
    assert_eq!(framed.text().await, r#"a["alone"]"#);
    for length in [119, 120, 121, 122, 130, 65_529, 65_530, 65_531] {
        let message = "x".repeat(length);
        framed.send(&format!("[\"{message}\"]")).await;
        assert_eq!(framed.text().await, format!("a[\"{message}\"]"));
    }
    framed.send(r#"["close"]"#).await;
    assert_eq!(framed.text().await, r#"c[3000,"Go away!"]"#);
    assert_eq!(framed.receive().await, Received::Close(1000, "Normal closure".to_owned()));

    let mut raw = host.websocket("/echo/websocket").await;
    raw.send("[\"as it is\"]").await;
    assert_eq!(raw.text().await, "[\"as it is\"]");
    raw.send_binary(&[1, 2, 3]).await;
    assert_eq!(raw.receive().await, Received::Binary(vec![1, 2, 3]));
    raw.send("close").await;
    assert_eq!(raw.receive().await, Received::Close(3000, "Go away!".to_owned()));
}

#[tokio::test]
async fn broken_frames_end_a_websocket() {
    let host = host().await;
    for broken in ["[\"a", "x", "{}", "1", "[1]", "[\"a\"]x"] {
        let mut websocket = host.websocket("/echo/000/a/websocket").await;
        assert_eq!(websocket.text().await, "o");
        websocket.send(broken).await;
        assert_eq!(
            websocket.receive().await,
            Received::Close(3000, "Broken framing.".to_owned()),
            "{broken}"
        );
    }
    assert_eq!(host.app.texts(), [""; 0]);
}

#[tokio::test]
async fn what_asks_for_no_websocket_is_told_so() {
    let host = host().await;
    for path in ["/echo/000/a/websocket", "/echo/websocket"] {
        let plain = host.get(path).await;
        assert_eq!((plain.status, plain.text()), (400, "Can \"Upgrade\" only to \"WebSocket\"."));
        let headers = [("upgrade", "WebSocket"), ("connection", "close")];
        let kept = host.request("GET", path, &headers, "").await;
        assert_eq!((kept.status, kept.text()), (400, "\"Connection\" must be \"Upgrade\"."));
        let post = host.post(path, "").await;
        assert_eq!((post.status, post.header("allow"), post.text()), (405, Some("GET"), ""));
        assert_eq!(post.header("content-type"), None);
    }
}

#[tokio::test]
async fn http_1_0_streams_end_with_their_connection() {
    let host = host().await;
    let mut peer = host.connect().await;
    peer.send(
        "POST /echo/000/a/xhr_streaming HTTP/1.0\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let head = peer.response_head().await.unwrap();
    assert_eq!(head.header("transfer-encoding"), None);
    assert_eq!(peer.read_count(2051).await.unwrap()[2049..], *b"o\n");
    assert_eq!(host.send("a", "[\"close\"]").await.status, 204);
    assert_eq!(peer.read_rest().await.unwrap(), b"c[3000,\"Go away!\"]\n");
}
