//! What breaks the rules ends its own session, with the right close code, and nothing else.

mod common;

use common::{Heard, Host, Received};
use sockeye_engine::{CloseReason, Config};
use sockeye_testing::raw::handshake;

/// A masked frame; the key is zero.
fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![head];
    match payload.len() {
        0..126 => bytes.push(0x80 | payload.len() as u8),
        126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

#[tokio::test]
async fn bad_frames_end_their_session_alone() {
    let host = Host::tcp(Config::default()).await;
    let mut witness = host.open_websocket().await;
    let polling = host.open().await;
    let cases: [(&str, Vec<u8>, u16); 10] = [
        ("reserved bits", frame(0xf1, b"4x"), 1002),
        ("reserved opcode", frame(0x83, b""), 1002),
        ("not masked", vec![0x81, 0x02, b'4', b'x'], 1002),
        ("control frame too long", frame(0x89, &[0; 126]), 1002),
        ("fragmented control frame", frame(0x09, b""), 1002),
        ("continuation of nothing", frame(0x80, b"4x"), 1002),
        ("half a close code", frame(0x88, &[3]), 1002),
        ("reserved close code", frame(0x88, &[3, 0xed]), 1002),
        ("text that is not UTF-8", frame(0x81, b"4\xff"), 1007),
        ("length with its highest bit", [&[0x81, 0xff][..], &[0xff; 8], &[0; 4]].concat(), 1002),
    ];
    for (name, bytes, code) in cases {
        let before = host.app.sids();
        let mut socket = host.open_websocket().await;
        let sid = host.app.sids().into_iter().find(|sid| !before.contains(sid)).unwrap();
        socket.peer.send(&bytes).await;
        assert_eq!(socket.close_code().await, code, "{name}");
        assert_eq!(host.app.closed(&sid).await, CloseReason::TransportError, "{name}");
        assert_eq!(host.app.heard(&sid).len(), 3, "{name}: opened, closed, dropped");
        witness.send("4here").await;
        assert_eq!(witness.text().await, "4here");
    }
    host.assert_echoes(&polling).await;
    assert_eq!(host.engine.sessions(), 2);
}

#[tokio::test]
async fn bad_frames_glued_to_the_handshake_end_their_session_alone() {
    let host = Host::tcp(Config::default()).await;
    for bytes in [frame(0xf1, b"4x"), vec![0xff; 64], frame(0x88, b"")] {
        let mut peer = host.connect().await;
        let request = handshake("/engine.io/?EIO=4&transport=websocket", &[]);
        peer.send([request.as_bytes(), &bytes].concat()).await;
        assert!(peer.read_rest().await.unwrap().starts_with(b"HTTP/1.1 101"));
    }
    while host.engine.sessions() > 0 {
        tokio::task::yield_now().await;
    }
    let sid = host.open().await;
    host.assert_echoes(&sid).await;
}

#[tokio::test]
async fn good_frames_glued_to_the_handshake_count() {
    let host = Host::tcp(Config::default()).await;
    let mut peer = host.connect().await;
    let request = handshake("/engine.io/?EIO=4&transport=websocket", &[]);
    peer.send([request.as_bytes(), &frame(0x81, b"4glued")].concat()).await;
    peer.read_until(b"\x81\x064glued").await.unwrap();
}

#[tokio::test]
async fn a_message_over_the_limit_is_1009() {
    let host = Host::tcp(Config { payload_bytes_max: 100, ..Config::default() }).await;
    for bytes in [99, 100] {
        let mut socket = host.open_websocket().await;
        let text = format!("4{}", "x".repeat(bytes - 1));
        socket.send(&text).await;
        assert_eq!(socket.text().await, text);
        socket.send_binary(&vec![1; bytes]).await;
        assert_eq!(socket.receive().await, Received::Binary(vec![1; bytes]));
    }
    for head in [0x81, 0x82] {
        let mut socket = host.open_websocket().await;
        socket.peer.send(&frame(head, &[b'4'; 101])).await;
        assert_eq!(socket.close_code().await, 1009);
    }
    // In fragments, and one that only claims to be large.
    let mut socket = host.open_websocket().await;
    socket.peer.send(&frame(0x01, &[b'4'; 60])).await;
    socket.peer.send(&frame(0x80, &[b'4'; 41])).await;
    assert_eq!(socket.close_code().await, 1009);
    let mut socket = host.open_websocket().await;
    socket
        .peer
        .send(&[0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])
        .await;
    assert_eq!(socket.close_code().await, 1009);
}

#[tokio::test]
async fn bad_packets_end_their_session_alone() {
    let host = Host::tcp(Config::default()).await;
    let mut witness = host.open_websocket().await;
    for (packet, reason) in [
        ("", CloseReason::ParseError),
        ("abc", CloseReason::ParseError),
        ("7", CloseReason::ParseError),
        ("é", CloseReason::ParseError),
        ("2", CloseReason::TransportError),
        ("2probe", CloseReason::TransportError),
    ] {
        let before = host.app.sids();
        let mut socket = host.open_websocket().await;
        let sid = host.app.sids().into_iter().find(|sid| !before.contains(sid)).unwrap();
        socket.send_all(&["4before", packet, "4after"]).await;
        assert_eq!(socket.text().await, "4before");
        assert_eq!(socket.close_code().await, 1005, "{packet}");
        assert_eq!(host.app.closed(&sid).await, reason, "{packet}");
        assert!(!host.app.heard(&sid).contains(&Heard::Text("after".to_owned())));
        witness.send("4here").await;
        assert_eq!(witness.text().await, "4here");
    }
}

#[tokio::test]
async fn packets_without_a_meaning_are_ignored_on_a_websocket() {
    let host = Host::tcp(Config::default()).await;
    let mut socket = host.open_websocket().await;
    socket.send_all(&["0", "1", "5", "6", "3", "3probe", "4hello", "bAQID"]).await;
    assert_eq!(socket.text().await, "4hello");
    assert_eq!(socket.receive().await, Received::Binary(vec![1, 2, 3]));
}

#[tokio::test]
async fn messages_may_come_byte_by_byte() {
    let host = Host::tcp(Config::default()).await;
    let mut socket = host.open_websocket().await;
    for byte in frame(0x81, "4안녕하세요".as_bytes()) {
        socket.peer.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(socket.text().await, "4안녕하세요");
}

#[tokio::test]
async fn a_handler_that_refuses_ends_its_session() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    assert_eq!(host.post(&sid, "4refuse\u{1e}4after").await.text(), "ok");
    assert_eq!(host.poll(&sid).await.text(), "6\x1e1");
    assert_eq!(host.app.closed(&sid).await, CloseReason::ForcedServerClose);
    assert!(!host.app.heard(&sid).contains(&Heard::Text("after".to_owned())));
    host.assert_gone(&sid).await;

    let mut socket = host.open_websocket().await;
    let sid = host.app.sids().into_iter().find(|other| *other != sid).unwrap();
    socket.send_all(&["4refuse", "4after"]).await;
    assert_eq!(socket.close_code().await, 1005);
    assert_eq!(host.app.closed(&sid).await, CloseReason::ForcedClose);
    assert!(!host.app.heard(&sid).contains(&Heard::Text("after".to_owned())));
}

#[tokio::test]
async fn a_handler_that_panics_ends_its_session_alone() {
    let host = Host::tcp(Config::default()).await;
    let witness = host.open().await;
    let sid = host.open().await;
    host.post(&sid, "4panic").await;
    host.app.until(&sid, |heard| heard.contains(&Heard::Dropped)).await;
    host.assert_gone(&sid).await;
    let mut socket = host.open_websocket().await;
    socket.send("4panic").await;
    assert_eq!(socket.receive().await, Received::End);
    host.assert_echoes(&witness).await;
    assert_eq!(host.engine.sessions(), 1);
    // Nothing of the others is left to wait for.
    host.post(&witness, "1").await;
    host.engine.shutdown(CloseReason::ServerShutdown).await;
}

/// RFC 9112 §3.2, §3.2.2, RFC 9110 §7.8: refused by the engine itself where the server in front of it
/// does not.
#[tokio::test]
async fn requests_that_are_not_clear_about_whom_they_are_for() {
    let host = Host::memory(Config::default());
    let path = "/engine.io/?EIO=4&transport=polling";
    let twice = host.request("GET", path, &[("Host", "localhost"); 2], b"").await;
    twice.assert_refused(3, "Bad request");
    let elsewhere = host.get(&format!("http://elsewhere{path}")).await;
    elsewhere.assert_refused(3, "Bad request");
    assert_eq!(host.get(&format!("http://localhost{path}")).await.status, 200);
    let path = "/engine.io/?EIO=4&transport=websocket";
    for header in [("content-length", "1"), ("transfer-encoding", "chunked")] {
        let refused = host.websocket_with(path, &[header]).await.err().expect("it has a body");
        refused.assert_upgrade_refused("Bad request");
    }
    let sessions = host.engine.sessions();
    assert_eq!(sessions, 1);
}
