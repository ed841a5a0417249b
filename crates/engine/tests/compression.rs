//! permessage-deflate of sessions (RFC 7692): negotiated when asked for, from a size on, once for
//! many.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use bytes::Bytes;
use common::{Host, MASK, Received, WebSocket};
use sockeye_engine::{Compression, Config, Deflate, Encoded, broadcast};
use sockeye_ws::handshake::deflate::Preferences;
use sockeye_ws::{Deflater, Opcode, Role};
use tokio::io::AsyncReadExt;

const URL: &str = "/engine.io/?EIO=4&transport=websocket";
const OFFER: [(&str, &str); 1] = [("sec-websocket-extensions", "permessage-deflate")];

fn host(compression: Compression) -> Host {
    Host::memory(Config { compression, ..Config::default() })
}

async fn open(host: &Host) -> WebSocket {
    let mut socket = host.websocket_with(URL, &OFFER).await.unwrap();
    assert!(socket.text().await.starts_with("0{"));
    socket
}

/// Whether the next frame is compressed, and the bytes of its payload. Nothing else may be there.
async fn frame(socket: &mut WebSocket) -> (bool, usize) {
    let first = socket.peer.read_u8().await.unwrap();
    let length = match socket.peer.read_u8().await.unwrap() {
        126 => socket.peer.read_u16().await.unwrap().into(),
        length => usize::from(length),
    };
    let mut payload = vec![0; length];
    socket.peer.read_exact(&mut payload).await.unwrap();
    (first & 0x40 != 0, length)
}

#[tokio::test]
async fn it_is_off_by_default_and_with_clients_that_do_not_offer_it() {
    let off = Host::memory(Config::default());
    let socket = off.websocket_with(URL, &OFFER).await.unwrap();
    assert_eq!(socket.header("sec-websocket-extensions"), None);
    let host = host(Compression::on());
    let socket = host.websocket(URL).await.unwrap();
    assert_eq!(socket.header("sec-websocket-extensions"), None);
    let bad = [("sec-websocket-extensions", "permessage-deflate; =")];
    let refused = host.websocket_with(URL, &bad).await.err().unwrap();
    refused.assert_upgrade_refused("Bad request");
}

#[tokio::test]
async fn messages_are_compressed_from_the_threshold_on() {
    let host = host(Compression::on());
    let mut socket = open(&host).await;
    let session = host.app.session(&host.app.sids()[0]);
    // With the packet type in front these are 1023 and 1024 bytes.
    session.send(&"x".repeat(1022), &[]);
    assert_eq!(frame(&mut socket).await, (false, 1023));
    session.send(&"x".repeat(1023), &[]);
    let (compressed, bytes) = frame(&mut socket).await;
    assert!(compressed && bytes < 30, "{bytes}");
    session.send_uncompressed(&"x".repeat(1023), &[]);
    assert_eq!(frame(&mut socket).await, (false, 1024));
    session.send_binary(&Bytes::from(vec![7; 1024]));
    let (compressed, bytes) = frame(&mut socket).await;
    assert!(compressed && bytes < 30, "{bytes}");
    let secret = Arc::new(Encoded::new("x".repeat(2000), Vec::new()).without_compression());
    session.push(&secret);
    assert_eq!(frame(&mut socket).await, (false, 2001));
}

/// Both ways, through the upgrade, whether messages refer to earlier ones or not.
#[tokio::test]
async fn what_is_compressed_arrives_as_it_was() {
    let remembering = Preferences {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        ..Preferences::default()
    };
    for preferences in [Preferences::default(), remembering] {
        let host = host(Compression::On(Deflate { preferences, ..Deflate::default() }));
        let sid = host.open().await;
        let session = host.app.session(&sid);
        let long = "kept for the upgrade ".repeat(100);
        let url = format!("{URL}&sid={sid}");
        let mut socket = host.websocket_with(&url, &OFFER).await.unwrap();
        socket.send("2probe").await;
        assert_eq!(socket.text().await, "3probe");
        session.send(&long, &[Bytes::from(vec![1; 5000])]);
        let packet = Arc::new(Encoded::new(long.clone(), vec![Bytes::from(vec![2; 5000])]));
        session.push(&packet);
        socket.send("5").await;
        for byte in [1, 2] {
            assert_eq!(socket.text().await, format!("4{long}"));
            assert_eq!(socket.receive().await, Received::Binary(vec![byte; 5000]));
        }
        let agreed = socket.deflate().unwrap();
        assert_eq!(agreed.server_no_context_takeover, preferences.server_no_context_takeover);
        let mut deflater = Deflater::new(Role::Client, &agreed, 6).unwrap();
        for round in 0..3 {
            let text = format!("4{}", format!("round {round}, ").repeat(200));
            let mut out = Vec::new();
            deflater.encode_frame(Opcode::Text, text.as_bytes(), Some(MASK), &mut out);
            assert!(out.len() < 300);
            socket.peer.send(&out).await;
            assert_eq!(socket.text().await, text);
        }
    }
}

#[tokio::test]
async fn the_limit_counts_what_comes_out() {
    let host = host(Compression::on());
    let mut socket = open(&host).await;
    let agreed = socket.deflate().unwrap();
    let mut deflater = Deflater::new(Role::Client, &agreed, 6).unwrap();
    let bomb = vec![b'4'; 1_000_001];
    let mut out = Vec::new();
    deflater.encode_frame(Opcode::Text, &bomb[..1_000_000], Some(MASK), &mut out);
    socket.peer.send(&out).await;
    assert_eq!(socket.text().await.len(), 1_000_000);
    out.clear();
    deflater.encode_frame(Opcode::Text, &bomb, Some(MASK), &mut out);
    assert!(out.len() < 2000);
    socket.peer.send(&out).await;
    assert_eq!(socket.close_code().await, 1009);
}

/// A broadcast to clients that compress, that do not, that want base64 and that poll.
#[tokio::test]
async fn a_broadcast_reaches_everybody() {
    let host = host(Compression::on());
    let mut compressing = [open(&host).await, open(&host).await];
    let mut plain = host.open_websocket().await;
    let mut base64 = host.websocket_with(&format!("{URL}&b64=1"), &OFFER).await.unwrap();
    base64.text().await;
    let polling = host.open().await;
    let sessions: Vec<_> = host.app.sids().iter().map(|sid| host.app.session(sid)).collect();
    let text = "to all ".repeat(1000);
    let small = Bytes::from_static(b"small");
    let large = Bytes::from(vec![9; 6000]);
    let packet = Arc::new(Encoded::new(text.clone(), vec![small, large.clone()]));
    broadcast(sessions.iter(), &packet);
    for socket in compressing.iter_mut().chain([&mut plain]) {
        assert_eq!(socket.text().await, format!("4{text}"));
        assert_eq!(socket.receive().await, Received::Binary(b"small".to_vec()));
        assert_eq!(socket.receive().await, Received::Binary(large.to_vec()));
    }
    assert_eq!(base64.text().await, format!("4{text}"));
    assert_eq!(base64.text().await, "bc21hbGw=");
    assert!(base64.text().await.starts_with("bCQkJ"));
    assert!(host.poll(&polling).await.text().contains("\x1ebc21hbGw=\x1ebCQkJ"));
}

/// Polling answers are compressed unless nothing in them may be.
#[tokio::test]
async fn polling_heeds_the_flag() {
    let host = Host::memory(Config::default());
    let sid = host.open().await;
    let session = host.app.session(&sid);
    let long = "x".repeat(2000);
    let accepts = [("accept-encoding", "gzip")];
    session.send_uncompressed(&long, &[]);
    let response = host.request("GET", &Host::url(&sid), &accepts, b"").await;
    assert_eq!(response.header("content-encoding"), None);
    assert_eq!(response.body.len(), 2001);
    session.send_uncompressed(&long, &[]);
    session.send("y", &[]);
    let response = host.request("GET", &Host::url(&sid), &accepts, b"").await;
    assert_eq!(response.header("content-encoding"), Some("gzip"));
}
