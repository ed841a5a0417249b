//! Engine.IO 3 beside 4 (SOCKETIO_SURFACE A1.1, A1.3, A1.6), and `b64` in both.

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Heard, Host, Received};
use sockeye_engine::{CloseReason, Config, Encoded, Revision, TransportKind, broadcast};
use tokio::time::Instant;

fn config() -> Config {
    Config { allow_eio3: true, ..Config::default() }
}

fn url(sid: &str) -> String {
    format!("/engine.io/?EIO=3&transport=polling&sid={sid}")
}

/// Opens a polling session; `more` is added to the query.
async fn open(host: &Host, more: &str) -> String {
    let response = host.get(&format!("/engine.io/?EIO=3&transport=polling{more}")).await;
    assert_eq!(response.status, 200, "{response:?}");
    let (length, open) = response.text().split_once(':').expect("packets have their length");
    assert_eq!(length, open.len().to_string());
    assert!(open.starts_with("0{\"sid\":\""), "{open}");
    common::sid(open)
}

async fn post(host: &Host, sid: &str, body: &[u8], binary: bool) {
    let headers = [("content-type", "application/octet-stream")];
    let headers = if binary { &headers[..] } else { &[] };
    let response = host.request("POST", &url(sid), headers, body).await;
    assert_eq!((response.status, response.text()), (200, "ok"));
}

#[tokio::test]
async fn everything_but_four_is_revision_three_if_that_is_allowed() {
    let host = Host::tcp(Config::default()).await;
    for query in ["", "&EIO=3", "&EIO=5", "&EIO=abc"] {
        let path = format!("/engine.io/?transport=polling{query}");
        host.get(&path).await.assert_refused(5, "Unsupported protocol version");
    }
    let host = Host::tcp(config()).await;
    for query in ["", "&EIO=3", "&EIO=5", "&EIO=abc"] {
        let response = host.get(&format!("/engine.io/?transport=polling{query}")).await;
        let sid = common::sid(response.text());
        assert_eq!(host.app.session(&sid).revision(), Revision::V3, "{query}");
    }
    let sid = host.open().await;
    assert_eq!(host.app.session(&sid).revision(), Revision::V4);
    host.get(&url(&sid)).await.assert_refused(3, "Bad request");
    let sid = open(&host, "").await;
    host.poll(&sid).await.assert_refused(3, "Bad request");
}

#[tokio::test]
async fn text_payloads_count_utf_16_units() {
    let host = Host::tcp(config()).await;
    let sid = open(&host, "").await;
    post(&host, &sid, "2:4€3:4😀1:4".as_bytes(), false).await;
    let response = host.get(&url(&sid)).await;
    assert_eq!(response.text(), "2:4€3:4😀1:4");
    assert_eq!(response.header("content-type"), Some("text/plain; charset=UTF-8"));
}

#[tokio::test]
async fn binary_payloads_mark_their_packets() {
    let host = Host::tcp(config()).await;
    let sid = open(&host, "").await;
    let body = b"\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04";
    post(&host, &sid, body, true).await;
    let response = host.get(&url(&sid)).await;
    assert_eq!(response.header("content-type"), Some("application/octet-stream"));
    assert_eq!(response.body, body);
    assert!(host.app.heard(&sid).contains(&Heard::Binary(vec![1, 2, 3, 4])));
    // Encoded for many, and base64 from the client.
    let packet = Encoded::new("hello", vec![Bytes::from_static(&[1, 2, 3, 4])]);
    broadcast([&host.app.session(&sid)].into_iter(), &packet.into());
    assert_eq!(host.get(&url(&sid)).await.body, body);
    post(&host, &sid, b"10:b4AQIDBA==", false).await;
    assert_eq!(host.get(&url(&sid)).await.body, body[9..]);
}

#[tokio::test]
async fn clients_that_ask_for_base64_get_text() {
    let host = Host::tcp(config()).await;
    let sid = open(&host, "&b64=1").await;
    post(&host, &sid, b"10:b4AQIDBA==6:4hello", false).await;
    let response = host.get(&url(&sid)).await;
    assert_eq!(response.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(response.text(), "10:b4AQIDBA==6:4hello");

    // On a WebSocket as well, in both revisions.
    for (query, answer) in [("EIO=3&b64=1", "b4AQIDBA=="), ("EIO=4&b64=x", "bAQIDBA==")] {
        let path = format!("/engine.io/?{query}&transport=websocket");
        let mut socket = host.websocket(&path).await.unwrap();
        let open = socket.text().await;
        socket.send(answer).await;
        assert_eq!(socket.text().await, answer, "{query}");
        let session = host.app.session(&common::sid(&open));
        let packet = Encoded::new("hello", vec![Bytes::from_static(&[1, 2, 3, 4])]);
        broadcast([&session].into_iter(), &packet.into());
        assert_eq!(socket.text().await, "4hello");
        assert_eq!(socket.text().await, answer, "{query}");
    }
    // An empty value does not ask for it.
    let path = "/engine.io/?EIO=4&b64=&transport=websocket";
    let mut socket = host.websocket(path).await.unwrap();
    socket.text().await;
    socket.send("bAQIDBA==").await;
    assert_eq!(socket.receive().await, Received::Binary(vec![1, 2, 3, 4]));
}

#[tokio::test]
async fn a_websocket_message_begins_with_its_type() {
    let host = Host::tcp(config()).await;
    let mut socket = host.websocket("/engine.io/?EIO=3&transport=websocket").await.unwrap();
    let open = socket.text().await;
    socket.send("4€").await;
    assert_eq!(socket.text().await, "4€");
    socket.send_binary(&[4, 1, 2, 3]).await;
    assert_eq!(socket.receive().await, Received::Binary(vec![4, 1, 2, 3]));
    assert_eq!(host.app.heard(&common::sid(&open))[2], Heard::Binary(vec![1, 2, 3]));
    socket.send_binary(&[1, 2, 3]).await;
    assert_eq!(host.app.closed(&common::sid(&open)).await, CloseReason::ParseError);
}

#[tokio::test]
async fn an_upgrade_keeps_the_order_and_changes_the_form() {
    let host = Host::tcp(config()).await;
    let sid = open(&host, "").await;
    post(&host, &sid, b"5:4poll10:b4AQIDBA==", false).await;
    let path = format!("/engine.io/?EIO=3&transport=websocket&sid={sid}");
    let mut socket = host.websocket(&path).await.unwrap();
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    socket.send_all(&["5", "4socket"]).await;
    assert_eq!(socket.text().await, "4poll");
    assert_eq!(socket.receive().await, Received::Binary(vec![4, 1, 2, 3, 4]));
    assert_eq!(socket.text().await, "4socket");
    assert_eq!(host.app.session(&sid).transport(), TransportKind::WebSocket);

    // A poll that is parked is ended in its own form.
    let sid = open(&host, "").await;
    let poll = host.start("GET", &url(&sid), &[], b"").await;
    host.parked(&sid).await;
    let path = format!("/engine.io/?EIO=3&transport=websocket&sid={sid}");
    let mut socket = host.websocket(&path).await.unwrap();
    socket.send_all(&["2probe", "5"]).await;
    assert_eq!(poll.response().await.text(), "1:6");
}

#[tokio::test]
async fn pings_are_answered_and_pongs_are_wrong() {
    let host = Host::tcp(config()).await;
    let sid = open(&host, "").await;
    post(&host, &sid, b"1:2", false).await;
    assert_eq!(host.get(&url(&sid)).await.text(), "1:3");
    post(&host, &sid, b"1:3", false).await;
    assert_eq!(host.app.closed(&sid).await, CloseReason::TransportError);

    let mut socket = host.websocket("/engine.io/?EIO=3&transport=websocket").await.unwrap();
    socket.text().await;
    socket.send("2").await;
    assert_eq!(socket.text().await, "3");
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_session_and_the_server_does_not_ping() {
    let host = Host::memory(config());
    let sid = open(&host, "").await;
    let poll = host.start("GET", &url(&sid), &[], b"").await;
    let start = Instant::now();
    assert_eq!(poll.response().await.text(), "1:1");
    assert!(start.elapsed() >= Duration::from_secs(45), "{:?}", start.elapsed());
    assert_eq!(host.app.closed(&sid).await, CloseReason::PingTimeout);
}

#[tokio::test]
async fn bad_bodies_end_the_session() {
    let host = Host::tcp(config()).await;
    for (body, binary) in
        [(&b"4hello"[..], false), (b"9:4x", false), (b"", false), (b"\x00\x09\xff4x", true)]
    {
        let sid = open(&host, "").await;
        post(&host, &sid, body, binary).await;
        assert_eq!(host.app.closed(&sid).await, CloseReason::ParseError, "{body:?}");
    }
}

#[tokio::test]
async fn overlapping_polls_and_closing_keep_the_form() {
    let host = Host::tcp(config()).await;
    let sid = open(&host, "").await;
    let first = host.start("GET", &url(&sid), &[], b"").await;
    host.parked(&sid).await;
    host.get(&url(&sid)).await.assert_empty(400);
    assert_eq!(first.response().await.text(), "1:1");

    let sid = open(&host, "").await;
    let session = host.app.session(&sid);
    session.send("last", &[]);
    session.close(CloseReason::ForcedClose);
    assert_eq!(host.get(&url(&sid)).await.text(), "5:4last");
    assert_eq!(host.get(&url(&sid)).await.text(), "1:61:1");
}
