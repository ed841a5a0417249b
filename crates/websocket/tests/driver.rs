//! The driver over streams in memory, on a clock that only moves when everybody waits.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use common::{Peer, masked};
use sockeye_websocket::ws::{CloseCode, Message as Sent, Opcode, Role};
use sockeye_websocket::{Config, Message, RecvError, SendError, Stream, WebSocket};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::time::{Instant, sleep, timeout};

/// A server's connection, and the peer's end of its stream.
fn server(config: Config) -> (WebSocket, Peer<DuplexStream>) {
    server_with_buffer(config, 64 * 1024)
}

fn server_with_buffer(config: Config, bytes: usize) -> (WebSocket, Peer<DuplexStream>) {
    let (ours, theirs) = duplex(bytes);
    let stream = Stream::from_io(ours);
    (WebSocket::from_stream(stream, Vec::new(), Role::Server, config, None), Peer::new(theirs))
}

fn text(text: &str) -> Option<Message> {
    Some(Message::Text(text.to_owned()))
}

/// Counts the writes it passes on.
struct Counted<T> {
    io: T,
    writes: Arc<AtomicUsize>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Counted<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counted<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

fn counted_server() -> (WebSocket, Peer<DuplexStream>, Arc<AtomicUsize>) {
    let (ours, theirs) = duplex(64 * 1024);
    let writes = Arc::new(AtomicUsize::new(0));
    let stream = Stream::from_io(Counted { io: ours, writes: Arc::clone(&writes) });
    let socket = WebSocket::from_stream(stream, Vec::new(), Role::Server, Config::default(), None);
    (socket, Peer::new(theirs), writes)
}

#[tokio::test(start_paused = true)]
async fn the_replies_to_one_read_leave_in_one_write() {
    let (socket, mut peer, writes) = counted_server();
    tokio::spawn(socket.for_each(|message, out| out.send(message)));
    let frames = [
        masked(Opcode::Text, b"one"),
        masked(Opcode::Ping, b"two"),
        masked(Opcode::Binary, b"three"),
    ];
    peer.send(&frames.concat()).await;
    peer.expect(b"\x81\x03one\x8a\x03two\x82\x05three").await;
    assert_eq!(writes.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_send_nothing_or_much() {
    let (socket, mut peer, writes) = counted_server();
    tokio::spawn(socket.for_each(|message, out| {
        if let Sent::Binary(count) = message {
            for _ in 0..count[0] {
                out.send("x");
            }
        }
    }));
    peer.send(&masked(Opcode::Text, b"nothing")).await;
    peer.send(&masked(Opcode::Binary, &[200])).await;
    peer.expect(&b"\x81\x01x".repeat(200)).await;
    assert_eq!(writes.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_fed_leaves_with_the_next_send_or_flush_or_wait() {
    let (mut socket, mut peer, writes) = counted_server();
    socket.writer().feed("1").await.unwrap();
    socket.writer().feed("2").await.unwrap();
    assert_eq!(writes.load(Ordering::Relaxed), 0);
    assert_eq!(socket.writer().queued_bytes(), 6);
    socket.send("3").await.unwrap();
    peer.expect(b"\x81\x011\x81\x012\x81\x013").await;
    assert_eq!(writes.load(Ordering::Relaxed), 1);
    socket.writer().feed("4").await.unwrap();
    socket.writer().flush().await;
    peer.expect(b"\x81\x014").await;
    socket.writer().feed("5").await.unwrap();
    assert!(timeout(Duration::from_millis(1), socket.recv()).await.is_err());
    peer.expect(b"\x81\x015").await;
    assert_eq!(writes.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_while_something_receives() {
    let (mut socket, mut peer) = server(Config::default());
    peer.send(&masked(Opcode::Ping, b"hi")).await;
    assert_eq!(socket.recv().await.unwrap(), Some(Message::Ping(b"hi"[..].into())));
    peer.expect(b"\x8a\x02hi").await;
}

#[tokio::test(start_paused = true)]
async fn bytes_one_at_a_time() {
    let (mut socket, mut peer) = server(Config::default());
    let wire = [masked(Opcode::Text, "가나".as_bytes()), masked(Opcode::Close, b"")].concat();
    tokio::spawn(async move {
        for byte in wire {
            peer.send(&[byte]).await;
            sleep(Duration::from_millis(1)).await;
        }
        peer.expect(b"\x88\x00").await;
    });
    assert_eq!(socket.recv().await.unwrap(), text("가나"));
    assert_eq!(socket.recv().await.unwrap(), None);
    assert_eq!(socket.closed().unwrap().code, CloseCode::NO_STATUS);
}

#[tokio::test(start_paused = true)]
async fn dropping_recv_loses_nothing() {
    let (mut socket, mut peer) = server(Config::default());
    let wire: Vec<u8> = (0..50).flat_map(|i| masked(Opcode::Binary, &[i; 20])).collect();
    tokio::spawn(async move {
        for piece in wire.chunks(7) {
            peer.send(piece).await;
            sleep(Duration::from_millis(3)).await;
        }
        std::future::pending::<()>().await;
    });
    let (mut received, mut dropped) = (0, 0);
    while received < 50 {
        match timeout(Duration::from_millis(1), socket.recv()).await {
            Ok(message) => {
                let expected = Message::Binary(vec![received; 20].into());
                assert_eq!(message.unwrap(), Some(expected));
                received += 1;
            }
            Err(_) => dropped += 1,
        }
    }
    assert!(dropped > 100, "{dropped}");
}

#[tokio::test(start_paused = true)]
async fn dropping_send_sends_nothing_of_it() {
    let (socket, mut peer) = server_with_buffer(Config::default(), 1000);
    // Fills the stream and the queue until sending has to wait.
    let mut sent = 0;
    while timeout(Duration::from_millis(1), socket.send(&[1; 5000])).await.is_ok() {
        sent += 1;
    }
    assert!(socket.writer().queued_bytes() > 64 * 1024);
    assert!(timeout(Duration::from_millis(1), socket.send("dropped")).await.is_err());
    let reading = tokio::spawn(async move {
        let frame = [&[0x82, 126, 0x13, 0x88][..], &[1; 5000]].concat();
        for _ in 0..sent {
            peer.expect(&frame).await;
        }
        peer.expect(b"\x81\x05after").await;
    });
    socket.send("after").await.unwrap();
    reading.await.unwrap();
    assert_eq!(socket.writer().queued_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn control_payload_limit() {
    let (socket, mut peer) = server(Config::default());
    socket.writer().ping(&[0; 124]).await.unwrap();
    socket.writer().ping(&[0; 125]).await.unwrap();
    let result = socket.writer().ping(&[0; 126]).await;
    assert_eq!(result, Err(SendError::ControlTooLong { length: 126 }));
    drop(socket);
    assert_eq!(peer.read_to_end().await.unwrap().len(), 126 + 127);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_answer_our_close() {
    let (socket, mut peer) = server(Config::default());
    let start = Instant::now();
    let result = socket.close(CloseCode::GOING_AWAY, "restart").await;
    assert!(matches!(result, Err(RecvError::Timeout)), "{result:?}");
    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_secs(5) && elapsed < Duration::from_secs(6), "{elapsed:?}");
    assert_eq!(peer.read_to_end().await.unwrap(), b"\x88\x09\x03\xe9restart");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_keeps_sending_instead_of_answering_our_close() {
    let (socket, peer) = server(Config::default());
    let (mut read, mut write) = tokio::io::split(peer.into_stream());
    tokio::spawn(async move { tokio::io::copy(&mut read, &mut tokio::io::sink()).await });
    tokio::spawn(async move {
        while write.write_all(&masked(Opcode::Text, b"and another thing")).await.is_ok() {
            sleep(Duration::from_millis(10)).await;
        }
    });
    let start = Instant::now();
    let result = socket.close(CloseCode::NORMAL, "").await;
    assert!(matches!(result, Err(RecvError::Timeout)), "{result:?}");
    assert!(start.elapsed() < Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_our_close_but_keeps_the_transport() {
    let (socket, mut peer) = server(Config::default());
    let start = Instant::now();
    peer.send(&masked(Opcode::Close, b"\x03\xe8")).await;
    let closed = socket.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(closed.code, CloseCode::NORMAL);
    assert!(start.elapsed() >= Duration::from_secs(5));
    assert_eq!(peer.read_to_end().await.unwrap(), b"\x88\x02\x03\xe8");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_keeps_the_transport_after_breaking_the_protocol() {
    let (mut socket, mut peer) = server(Config::default());
    peer.send(&[0xff; 100]).await;
    let start = Instant::now();
    let error = socket.recv().await.unwrap_err();
    assert!(matches!(error, RecvError::Protocol(_)), "{error:?}");
    assert!(start.elapsed() >= Duration::from_secs(5));
    assert_eq!(peer.read_to_end().await.unwrap(), b"\x88\x02\x03\xea");
}

#[tokio::test(start_paused = true)]
async fn a_writer_closes_and_the_peer_is_silent() {
    let (socket, mut peer) = server(Config::default());
    let (mut reader, writer) = socket.split();
    let reading = tokio::spawn(async move {
        let start = Instant::now();
        (reader.recv().await, start.elapsed())
    });
    sleep(Duration::from_secs(1)).await;
    writer.close(CloseCode::NORMAL, "enough");
    writer.close(CloseCode::NORMAL, "twice");
    assert!(!writer.is_open());
    assert_eq!(writer.send("late").await, Err(SendError::Closed));
    let (result, elapsed) = reading.await.unwrap();
    assert!(matches!(result, Err(RecvError::Timeout)), "{result:?}");
    assert!(elapsed >= Duration::from_secs(6) && elapsed < Duration::from_secs(7), "{elapsed:?}");
    assert_eq!(peer.read_to_end().await.unwrap(), b"\x88\x08\x03\xe8enough");
}

#[tokio::test(start_paused = true)]
async fn messages_under_way_arrive_after_our_close() {
    let (socket, mut peer) = server(Config::default());
    let (mut reader, writer) = socket.split();
    writer.close(CloseCode::NORMAL, "");
    peer.expect(b"\x88\x02\x03\xe8").await;
    let wire = [
        masked(Opcode::Text, b"under way"),
        masked(Opcode::Ping, b"not answered"),
        masked(Opcode::Close, b"\x03\xe8"),
    ];
    peer.send(&wire.concat()).await;
    assert_eq!(reader.recv().await.unwrap(), text("under way"));
    assert!(matches!(reader.recv().await.unwrap(), Some(Message::Ping(_))));
    let reading = tokio::spawn(async move {
        assert_eq!(reader.recv().await.unwrap(), None);
        reader.closed().unwrap().code
    });
    // The server ends the transport, and nothing came after its close frame.
    assert_eq!(peer.read_to_end().await.unwrap(), b"");
    drop(peer);
    assert_eq!(reading.await.unwrap(), CloseCode::NORMAL);
}

#[tokio::test(start_paused = true)]
async fn a_handler_closes() {
    let (socket, mut peer) = server(Config::default());
    let mut seen = 0;
    let serving = tokio::spawn(async move {
        let result = socket
            .for_each(|message, out| {
                seen += 1;
                out.send(message);
                out.close(CloseCode::new(4000), "seen");
                out.send("not sent");
            })
            .await;
        (result, seen)
    });
    let wire = [
        masked(Opcode::Text, b"a"),
        masked(Opcode::Text, b"not seen"),
        masked(Opcode::Close, b"\x0f\xa0"),
    ];
    peer.send(&wire.concat()).await;
    assert_eq!(peer.read_to_end().await.unwrap(), b"\x81\x01a\x88\x06\x0f\xa0seen");
    drop(peer);
    let (result, seen) = serving.await.unwrap();
    assert_eq!(result.unwrap().code, CloseCode::new(4000));
    assert_eq!(seen, 1);
}

#[tokio::test(start_paused = true)]
async fn a_handler_closes_and_the_peer_is_silent() {
    let (socket, mut peer) = server(Config::default());
    peer.send(&masked(Opcode::Text, b"a")).await;
    let start = Instant::now();
    let result = socket.for_each(|_, out| out.close(CloseCode::NORMAL, "")).await;
    assert!(matches!(result, Err(RecvError::Timeout)), "{result:?}");
    assert!(start.elapsed() >= Duration::from_secs(5));
}

/// USER_ASKS abuse list: a peer that never reads must not hold memory for ever.
#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_its_echo() {
    let (socket, peer) = server_with_buffer(Config::default(), 1000);
    let (_unread, mut write) = tokio::io::split(peer.into_stream());
    let writer = socket.writer().clone();
    let sending = tokio::spawn(async move {
        let mut sent = 0_usize;
        while write.write_all(&masked(Opcode::Binary, &[0; 4000])).await.is_ok() {
            sent += 4000;
        }
        sent
    });
    let start = Instant::now();
    let serving = tokio::spawn(socket.for_each(|message, out| out.send(message)));
    sleep(Duration::from_secs(1)).await;
    assert!(writer.queued_bytes() < 200_000, "{}", writer.queued_bytes());
    let result = serving.await.unwrap();
    assert!(matches!(result, Err(RecvError::Timeout)), "{result:?}");
    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_secs(30) && elapsed < Duration::from_secs(35), "{elapsed:?}");
    assert!(sending.await.unwrap() < 200_000);
    assert_eq!(writer.queued_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_waits_is_told_when_the_connection_breaks() {
    let (socket, peer) = server_with_buffer(Config::default(), 100);
    let (mut reader, writer) = socket.split();
    let sending = tokio::spawn(async move {
        loop {
            if let Err(error) = writer.send(&[0; 10_000]).await {
                return error;
            }
        }
    });
    let start = Instant::now();
    let error = reader.recv().await.unwrap_err();
    assert!(matches!(error, RecvError::Timeout), "{error:?}");
    assert!(start.elapsed() >= Duration::from_secs(30));
    assert_eq!(sending.await.unwrap(), SendError::Closed);
    drop(peer);
}

/// A ping flood by a peer that does not read: the pongs are bounded.
#[tokio::test(start_paused = true)]
async fn a_ping_flood_without_reading() {
    let config = Config { queued_bytes_max: 100_000, ..Config::default() };
    let (mut socket, peer) = server_with_buffer(config, 1000);
    let (_unread, mut write) = tokio::io::split(peer.into_stream());
    tokio::spawn(async move {
        while write.write_all(&masked(Opcode::Ping, &[0; 125])).await.is_ok() {}
    });
    let error = loop {
        match socket.recv().await {
            Ok(Some(Message::Ping(_))) => assert!(socket.writer().queued_bytes() <= 100_000),
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, RecvError::Overflow), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn the_peer_ends_its_side_and_still_reads() {
    let (mut socket, mut peer) = server_with_buffer(Config::default(), 100);
    socket.send(&[7; 1000]).await.unwrap();
    peer.shutdown().await.unwrap();
    let reading = tokio::spawn(async move { peer.read_to_end().await.unwrap() });
    let error = socket.recv().await.unwrap_err();
    assert!(matches!(error, RecvError::ConnectionLost), "{error:?}");
    assert_eq!(reading.await.unwrap().len(), 1004);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_socket_still_writes_what_is_queued() {
    let (socket, mut peer) = server_with_buffer(Config::default(), 100);
    socket.send(&[7; 1000]).await.unwrap();
    drop(socket);
    assert_eq!(peer.read_to_end().await.unwrap().len(), 1004);
}

#[tokio::test(start_paused = true)]
async fn clients_mask_with_fresh_keys() {
    let (ours, mut peer) = duplex(1024);
    let stream = Stream::from_io(ours);
    let socket = WebSocket::from_stream(stream, Vec::new(), Role::Client, Config::default(), None);
    let mut keys = std::collections::HashSet::new();
    for _ in 0..100 {
        socket.send("hello").await.unwrap();
        let mut frame = [0; 11];
        peer.read_exact(&mut frame).await.unwrap();
        assert_eq!(frame[..2], [0x81, 0x85]);
        let key: [u8; 4] = frame[2..6].try_into().unwrap();
        let payload: Vec<u8> = (0..5).map(|i| frame[6 + i] ^ key[i % 4]).collect();
        assert_eq!(payload, b"hello");
        keys.insert(key);
    }
    assert!(keys.len() > 95);
}

#[tokio::test(start_paused = true)]
async fn a_client_waits_for_the_server_to_end_the_transport() {
    let (ours, theirs) = duplex(1024);
    let mut peer = Peer::new(theirs);
    let stream = Stream::from_io(ours);
    let socket = WebSocket::from_stream(stream, Vec::new(), Role::Client, Config::default(), None);
    let mut closing = pin!(socket.close(CloseCode::NORMAL, ""));
    poll_fn(|cx| {
        assert!(closing.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    peer.send(b"\x88\x02\x03\xe8").await;
    assert!(timeout(Duration::from_secs(1), closing.as_mut()).await.is_err());
    drop(peer);
    assert_eq!(closing.await.unwrap().code, CloseCode::NORMAL);
}

/// Both ends only receive in step with what they send, far more than all buffers hold.
#[tokio::test(start_paused = true)]
async fn two_ends_that_send_much_to_each_other() {
    let (ours, theirs) = duplex(1000);
    let mut ends = Vec::new();
    for (io, role) in [(ours, Role::Server), (theirs, Role::Client)] {
        let stream = Stream::from_io(io);
        let socket = WebSocket::from_stream(stream, Vec::new(), role, Config::default(), None);
        let (mut reader, writer) = socket.split();
        ends.push(tokio::spawn(async move {
            for _ in 0..200 {
                writer.send(&[1; 10_000]).await.unwrap();
            }
            writer.flush().await;
        }));
        ends.push(tokio::spawn(async move {
            for _ in 0..200 {
                assert_eq!(reader.recv().await.unwrap().unwrap().as_bytes().len(), 10_000);
            }
        }));
    }
    for end in ends {
        end.await.unwrap();
    }
}
