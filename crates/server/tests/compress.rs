//! Whether packets are compressed on their way is the sender's choice, where both ends compress.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sockeye::{Config, Event, Namespace, Server, Socket, engine::Compression};
use sockeye_testing::TestServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const NEWS: Event<String> = Event::new("news");

/// A WebSocket that offers compression; frames are looked at as they are.
struct Raw(DuplexStream);

impl Raw {
    async fn connect(server: &TestServer) -> Self {
        let (mut stream, _wire) = server.open();
        let request = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n\
                       Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                       Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        assert!(head.contains("sec-websocket-extensions: permessage-deflate"), "{head}");
        let mut raw = Self(stream);
        raw.frame().await;
        // `40`, masked with nothing.
        raw.0.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'4', b'0']).await.unwrap();
        raw.frame().await;
        raw
    }

    /// Whether the next text frame is compressed (RSV1, RFC 7692 §6), and its length.
    async fn frame(&mut self) -> (bool, usize) {
        let first = self.0.read_u8().await.unwrap();
        assert_eq!(first & 0b1011_1111, 0x81, "a whole text message");
        let length = match self.0.read_u8().await.unwrap() {
            126 => self.0.read_u16().await.unwrap() as usize,
            127 => self.0.read_u64().await.unwrap() as usize,
            short => short as usize,
        };
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await.unwrap();
        (first & 0b0100_0000 != 0, length)
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_to_be_compressed_is_not() {
    let mut config = Config::default();
    config.engine.compression = Compression::on();
    let namespace = Namespace::new("/").on_connect(async |socket: Socket| socket.join("room"));
    let server = Server::builder().config(config).namespace(namespace).build().unwrap();
    let server = TestServer::new(server);
    let mut raw = Raw::connect(&server).await;
    let io = server.server().io();
    let socket = io.sockets().pop().unwrap();
    let text = "the same words again and again ".repeat(200);
    let (plain, length) = {
        io.compress(false).emit(NEWS, &text).unwrap();
        raw.frame().await
    };
    assert!(!plain && length > text.len());
    io.emit(NEWS, &text).unwrap();
    io.to("room").compress(true).emit(NEWS, &text).unwrap();
    socket.emit(NEWS, &text).unwrap();
    for _ in 0..3 {
        let (is_compressed, length) = raw.frame().await;
        assert!(is_compressed && length < text.len() / 5, "{length}");
    }
    socket.compress(false).emit(NEWS, &text).unwrap();
    io.to("room").compress(false).emit(NEWS, &text).unwrap();
    let asked = socket.compress(false).emit_with_ack::<_, ()>("news", &text).unwrap();
    for _ in 0..3 {
        assert!(!raw.frame().await.0);
    }
    drop(asked);
}
