//! The sender chooses whether packets are compressed, where both ends support it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sockeye::engine::Compression;
use sockeye::{Config, Event, Namespace, Server, Socket};
use sockeye_testing::TestServer;
use sockeye_testing::raw::Peer;
use tokio::io::DuplexStream;

const NEWS: Event<String> = Event::new("news");

/// A WebSocket that offers compression; frames are looked at as they are.
async fn connect(server: &TestServer) -> Peer<DuplexStream> {
    let offer = [("Sec-WebSocket-Extensions", "permessage-deflate")];
    let peer = Peer::new(server.open().0);
    let opened = peer.upgrade("/socket.io/?EIO=4&transport=websocket", &offer).await;
    let mut socket = opened.unwrap();
    assert!(socket.deflate().is_some());
    frame(&mut socket.peer).await;
    socket.send("40").await;
    frame(&mut socket.peer).await;
    socket.peer
}

/// Whether the next text frame is compressed (RSV1, RFC 7692 §6), and its length.
async fn frame(peer: &mut Peer<DuplexStream>) -> (bool, usize) {
    let (first, payload) = peer.frame().await.unwrap();
    assert_eq!(first & 0b1011_1111, 0x81, "a whole text message");
    (first & 0b0100_0000 != 0, payload.len())
}

#[tokio::test(start_paused = true)]
async fn what_is_not_to_be_compressed_is_not() {
    let mut config = Config::default();
    config.engine.compression = Compression::on();
    let namespace = Namespace::new("/").on_connect(async |socket: Socket| socket.join("room"));
    let server = Server::builder().config(config).namespace(namespace).build().unwrap();
    let server = TestServer::new(server);
    let mut peer = connect(&server).await;
    let io = server.server().io();
    let socket = io.sockets().pop().unwrap();
    let text = "the same words again and again ".repeat(200);
    let (plain, length) = {
        io.compress(false).emit(NEWS, &text).unwrap();
        frame(&mut peer).await
    };
    assert!(!plain && length > text.len());
    io.emit(NEWS, &text).unwrap();
    io.to("room").compress(true).emit(NEWS, &text).unwrap();
    socket.emit(NEWS, &text).unwrap();
    for _ in 0..3 {
        let (is_compressed, length) = frame(&mut peer).await;
        assert!(is_compressed && length < text.len() / 5, "{length}");
    }
    socket.compress(false).emit(NEWS, &text).unwrap();
    io.to("room").compress(false).emit(NEWS, &text).unwrap();
    let asked = socket.compress(false).emit_with_ack::<_, ()>("news", &text).unwrap();
    for _ in 0..3 {
        assert!(!frame(&mut peer).await.0);
    }
    drop(asked);
}
