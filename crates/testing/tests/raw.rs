//! The raw client against bytes that are written out.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use sockeye_testing::raw::{Error, KEY, MASK, Opcode, Peer, Received, WebSocket, frame, handshake};
use sockeye_ws::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

fn pair() -> (Peer<DuplexStream>, Peer<DuplexStream>) {
    let (near, far) = duplex(1 << 16);
    (Peer::new(near), Peer::new(far))
}

/// The raw client, to which this has been said before the other end left.
async fn told(bytes: &str) -> Peer<DuplexStream> {
    let (near, mut far) = pair();
    far.send(bytes).await;
    near
}

#[tokio::test]
async fn bodies_are_as_long_as_their_heads_say() {
    let mut peer = told(
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc\
         HTTP/1.1 204 No Content\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n\
         HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
         3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\ntrailer: x\r\n\r\n\
         HTTP/1.1 404 Not Found\r\nset-cookie: a\r\nSet-Cookie:b\r\n\r\nup to the end",
    )
    .await;
    assert_eq!(peer.response().await.unwrap().text(), "abc");
    assert_eq!(peer.response().await.unwrap().status, 204);
    let to_head = peer.response_head().await.unwrap();
    assert_eq!((to_head.header("content-length"), &*to_head.body), (Some("9"), &b""[..]));
    assert_eq!(peer.response().await.unwrap().text(), "abc0123456789");
    let last = peer.response().await.unwrap();
    assert_eq!((last.status, last.text()), (404, "up to the end"));
    assert!(last.headers("set-cookie").eq(["a", "b"]));
}

#[tokio::test]
async fn nothing_is_read_behind_an_end() {
    for (bytes, end) in [
        ("abc", "c"),
        ("aab", "aab"),
        ("aaab", "aab"),
        ("abcabcabd", "abcabd"),
        ("\r\r\n\r\n", "\r\n\r\n"),
    ] {
        let mut peer = told(&format!("{bytes}rest")).await;
        assert_eq!(peer.read_until(end).await.unwrap(), bytes.as_bytes());
        assert_eq!(peer.read_to_end().await.unwrap(), b"rest");
    }
}

#[tokio::test]
async fn what_is_no_response_is_told() {
    for (bytes, expected) in [
        ("", "behind \"\""),
        ("HTTP/1.1 2", "behind \"HTTP/1.1 2\""),
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", "behind \"ab\""),
        ("HTTP/1.1 200 OK\r\ncontent-length: 3a\r\n\r\nab", "not HTTP/1.1"),
        ("HTTP/1.1 OK\r\n\r\n", "not HTTP/1.1"),
        ("HTTP/1.1 \u{e9}\u{e9}\r\n\r\n", "not HTTP/1.1"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n", "not HTTP/1.1"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc", "not HTTP/1.1"),
    ] {
        let error = told(bytes).await.response().await.unwrap_err();
        assert!(error.to_string().contains(expected), "{bytes}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn limits_are_kept_to_the_byte() {
    let length = |length| {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{}", "x".repeat(length))
    };
    let chunks = |length| {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        format!(
            "{head}40\r\n{}\r\n{length:x}\r\n{}\r\n0\r\n\r\n",
            "x".repeat(64),
            "x".repeat(length)
        )
    };
    for (bytes, fits) in
        [(length(100), true), (length(101), false), (chunks(36), true), (chunks(37), false)]
    {
        let read = told(&bytes).await.bytes_max(100).response().await;
        assert_eq!(read.is_ok(), fits, "{bytes}");
        assert!(fits || matches!(read, Err(Error::TooLong { bytes_max: 100 })));
    }
    for (count, fits) in [(100, true), (101, false)] {
        let bytes = "x".repeat(count);
        assert_eq!(told(&bytes).await.bytes_max(100).read_rest().await.is_ok(), fits);
        assert_eq!(told(&bytes).await.bytes_max(100).read_count(count).await.is_ok(), fits);
        let bytes = format!("{}\n", &bytes[1..]);
        assert_eq!(told(&bytes).await.bytes_max(100).read_until("\n").await.is_ok(), fits);
    }
    let (peer, _other) = pair();
    let late = peer.patience(Duration::from_secs(3)).response().await;
    assert!(matches!(late, Err(Error::Late { patience }) if patience == Duration::from_secs(3)));
}

#[tokio::test]
async fn an_answer_to_a_handshake_is_a_websocket_or_told() {
    let (client, mut server) = pair();
    server.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno").await;
    let Err(Error::Refused(response)) = client.upgrade("/a", &[("host", "b")]).await else {
        panic!("it was let in")
    };
    assert_eq!((response.status, response.text()), (403, "no"));
    let expected = "GET /a HTTP/1.1\r\nConnection: Upgrade\r\n";
    let head = server.head().await.unwrap();
    assert!(head.starts_with(expected) && head.ends_with("\r\nhost: b\r\n\r\n"), "{head}");

    let (client, mut server) = pair();
    server.send("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: x\r\n\r\n").await;
    assert!(matches!(client.upgraded().await, Err(Error::Malformed { .. })));
    let refused = WebSocket::accept(told("GET / HTTP/1.1\r\n\r\n").await).await;
    assert!(matches!(refused, Err(Error::Malformed { .. })));
}

#[tokio::test]
async fn frames_are_read_one_by_one() {
    let (client, mut server) = pair();
    server.send(b"\x01\x02he\x80\x03llo\x89\x01p\x82\x7e\x00\x80").await;
    server.send([7; 128]).await;
    server.send(b"\x88\x05\x03\xe9byeand bytes").await;
    let mut client = WebSocket::new(client, Role::Client, String::new());
    assert_eq!(client.text().await, "hello");
    assert_eq!(client.receive().await, Received::Ping(b"p".to_vec()));
    assert_eq!(client.receive().await, Received::Binary(vec![7; 128]));
    assert_eq!(client.receive().await, Received::Close(1001, "bye".to_owned()));
    client.peer.expect("and bytes").await;
    server.send(b"\xc1\x82keyshi").await;
    assert_eq!(client.peer.frame().await.unwrap(), (0xc1, b"hi".to_vec()));
    let answers = [frame(Opcode::Pong, b"p"), frame(Opcode::Close, b"\x03\xe9bye")].concat();
    server.expect(answers).await;
    drop(server);
    assert_eq!(client.receive().await, Received::End);
}

#[tokio::test]
async fn a_quiet_one_answers_nothing() {
    let (client, mut server) = pair();
    server.send(b"\x89\x01p\x88\x00").await;
    let mut client = WebSocket::new(client, Role::Client, String::new()).quiet();
    assert_eq!(client.receive().await, Received::Ping(b"p".to_vec()));
    assert_eq!(client.close_code().await, 1005);
    // It does not keep to what it has heard, either.
    client.send_frame(Opcode::Text, b"").await;
    server.expect([&[0x81, 0x80][..], &MASK].concat()).await;
}

#[tokio::test(start_paused = true)]
async fn a_read_that_is_given_up_goes_on() {
    let (client, mut server) = pair();
    let mut client = WebSocket::new(client, Role::Client, String::new());
    for byte in b"\x82\x7e\x00\x80".iter().chain(&[7; 127]) {
        server.send([*byte]).await;
        timeout(Duration::from_millis(1), client.receive()).await.unwrap_err();
    }
    server.send([7]).await;
    assert_eq!(client.receive().await, Received::Binary(vec![7; 128]));
}

#[tokio::test]
async fn rules_and_limits_broken_are_told() {
    for bytes in
        [&b"\x83\x00"[..], b"\x81\x80\x01\x02\x03\x04", b"\x82\x65", b"\x82\x7f\xff\0\0\0\0\0\0\0"]
    {
        let (client, mut server) = pair();
        server.send(bytes).await;
        let client = client.bytes_max(100);
        let mut client = WebSocket::new(client, Role::Client, String::new());
        assert!(matches!(client.receive().await, Received::Broken(_)), "{bytes:x?}");
        drop(server);
        assert_eq!(client.close_code().await, 1006);
    }
}

#[tokio::test]
async fn the_stream_is_there_as_it_is() {
    let (mut peer, mut other) = pair();
    other
        .send(
            ["HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: ", "\r\n\r\n\x01"].concat(),
        )
        .await;
    peer.head().await.unwrap();
    assert_eq!(peer.read_u8().await.unwrap(), 1);
    assert!(handshake("/", &[]).contains(KEY));
    peer.shutdown().await.unwrap();
    assert_eq!(other.read_rest().await.unwrap(), b"");
    let stream: DuplexStream = peer.into_stream();
    drop(stream);
}

#[tokio::test]
async fn a_reset_is_told_from_an_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for resets in [false, true] {
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut peer, mut other) =
            (Peer::new(stream), Peer::new(listener.accept().await.unwrap().0));
        other.send("abc").await;
        peer.expect("a").await;
        if resets {
            other.set_zero_linger().unwrap();
        }
        drop(other);
        let error = peer.read_until("x").await.unwrap_err();
        let Error::Ended { error, .. } = error else { panic!("{error}") };
        assert_eq!(error.is_some(), resets);
        assert_eq!(peer.read_rest().await.unwrap(), b"");
    }
}
