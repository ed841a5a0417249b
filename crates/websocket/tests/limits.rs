//! The listener's limits on peers that nobody knows yet, at their edges, and that they are counted.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
#[path = "common/counters.rs"]
mod counters;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use common::{FnService, Peer, accept_all, dial, handshake, masked, raw_client, wound_on};
use counters::Counters;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use sockeye_net::metrics::HTTP_REFUSED;
use sockeye_websocket::metrics::{WEBSOCKET_ENDED, WEBSOCKET_REFUSED};
use sockeye_websocket::ws::{Opcode, Role};
use sockeye_websocket::{Config, Connections, Group, HttpServer, Stream, WebSocket, bind};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};

async fn answer(request: Request<Incoming>) -> Response<Full<Bytes>> {
    match request.uri().path() {
        "/" => Response::new("hello".into()),
        _ => accept_all(request, common::echo).await,
    }
}

type Server<F> = HttpServer<FnService<F>>;

async fn serve<F>(service: F, configure: impl FnOnce(Server<F>) -> Server<F>) -> SocketAddr
where
    Server<F>: IntoFuture<Output = std::io::Result<()>, IntoFuture: Send + 'static>,
{
    let listeners = bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    let server = configure(HttpServer::new(listeners, FnService(service))).into_future();
    tokio::spawn(async move { server.await.unwrap() });
    address
}

async fn ask(stream: &mut Peer<TcpStream>) -> String {
    stream.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    stream.head().await.unwrap()
}

async fn refused(address: SocketAddr) {
    let mut stream = dial(address).await;
    let answer = String::from_utf8(stream.read_to_end().await.unwrap()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

/// Nobody can add the longest duration to a moment.
#[tokio::test]
async fn a_shutdown_without_an_end() {
    Connections::new().shutdown(Duration::MAX).await;
}

#[tokio::test]
async fn connections_at_the_limit() {
    let counters = Counters::install();
    let address = serve(answer, |server| server.connections_max(3)).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut stream = dial(address).await;
        assert!(ask(&mut stream).await.starts_with("HTTP/1.1 200 "));
        open.push(stream);
    }
    refused(address).await;
    refused(address).await;
    counters.wait_for(HTTP_REFUSED, "connections", 2).await;
    // One that becomes a WebSocket is no longer the server's.
    open.pop();
    let request = handshake("/", &[]).replace("GET /", "GET /ws");
    let (_websocket, head) = ask_until_accepted(address, &request).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let (_third, head) = ask_until_accepted(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    refused(address).await;
}

/// The server may take a moment to notice that a connection has gone.
async fn ask_until_accepted(address: SocketAddr, request: &str) -> (Peer<TcpStream>, String) {
    loop {
        let mut stream = dial(address).await;
        stream.send(request).await;
        // What is refused may be reset before it is read.
        if let Ok(head) = stream.head().await
            && !head.starts_with("HTTP/1.1 503 ")
        {
            return (stream, head);
        }
    }
}

#[tokio::test]
async fn handshakes_at_the_limit() {
    let counters = Counters::install();
    let address = serve(answer, |server| server.handshakes_max(2)).await;
    let mut silent = Vec::new();
    for _ in 0..2 {
        silent.push(dial(address).await);
    }
    // Whoever has asked once does not count, but stays.
    assert!(ask(&mut silent[0]).await.starts_with("HTTP/1.1 200 "));
    silent.push(dial(address).await);
    // A newcomer is let in for the oldest that is silent.
    let mut newcomer = dial(address).await;
    assert!(ask(&mut newcomer).await.starts_with("HTTP/1.1 200 "));
    counters.wait_for(HTTP_REFUSED, "displaced", 1).await;
    assert!(silent[1].read_to_end().await.unwrap().is_empty());
    assert!(ask(&mut silent[2]).await.starts_with("HTTP/1.1 200 "));
}

/// Silent connections of one host do not lock another one out, and one that is busy stays.
#[tokio::test]
async fn a_host_with_many_connections_makes_room_for_another() {
    let counters = Counters::install();
    let limits = |server: Server<_>| server.connections_max(20).handshakes_max(10);
    let address = serve(answer, limits).await;
    let connect = async |from: &str| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from.parse::<Ipv4Addr>().unwrap(), 0).into()).unwrap();
        Peer::new(socket.connect(address).await.unwrap())
    };
    let mut honest = connect("127.0.0.2").await;
    assert!(ask(&mut honest).await.starts_with("HTTP/1.1 200 "));
    let mut many = Vec::new();
    for _ in 0..30 {
        many.push(connect("127.0.0.6").await);
    }
    counters.wait_for(HTTP_REFUSED, "displaced", 20).await;
    for newcomer in ["127.0.0.3", "127.0.0.4", "127.0.0.3"] {
        let mut newcomer = connect(newcomer).await;
        assert!(ask(&mut newcomer).await.starts_with("HTTP/1.1 200 "));
    }
    honest.read_exact(&mut [0; 5]).await.unwrap();
    assert!(ask(&mut honest).await.starts_with("HTTP/1.1 200 "));
    // Those that are full of its requests make room as well.
    let mut busy = Vec::new();
    for _ in 0..20 {
        let mut connection = connect("127.0.0.6").await;
        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        busy.push(connection);
    }
    let mut newcomer = connect("127.0.0.5").await;
    assert!(ask(&mut newcomer).await.starts_with("HTTP/1.1 200 "));
}

/// Each refusal has its counter.
#[tokio::test]
async fn heads_are_counted() {
    let counters = Counters::install();
    let patient = serve(answer, |server| server).await;
    let timeout = Duration::from_secs(7);
    let impatient = serve(answer, |server| server.header_timeout(timeout)).await;
    let send = async |address: SocketAddr, bytes: &[u8]| {
        let mut stream = dial(address).await;
        stream.send(bytes).await;
        String::from_utf8(stream.read_to_end().await.unwrap()).unwrap()
    };
    assert!(
        send(patient, &[b"GET / HTTP/1.1\r\n", &b"X: y\r\n".repeat(101)[..], b"\r\n"].concat())
            .await
            .starts_with("HTTP/1.1 431 ")
    );
    counters.wait_for(HTTP_REFUSED, "head_too_large", 1).await;
    assert!(send(patient, b"hello\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
    counters.wait_for(HTTP_REFUSED, "head_malformed", 1).await;
    let answer = wound_on(send(impatient, b"GET / HTTP/1.1\r\nHost")).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    counters.wait_for(HTTP_REFUSED, "head_timeout", 1).await;
}

/// A connection that is kept alive and does nothing more ends after the same time.
#[tokio::test]
async fn idle_keep_alive() {
    let address = serve(answer, |server| server).await;
    let mut stream = dial(address).await;
    ask(&mut stream).await;
    assert!(wound_on(stream.read_to_end()).await.unwrap().starts_with(b"hello"));
}

/// Everything `curl` may be refused with, to the byte that matters.
#[tokio::test]
async fn refused_handshakes() {
    let counters = Counters::install();
    let address = serve(answer, |server| server).await;
    let good = handshake("/", &[]).replace("GET /", "GET /ws");
    let version = "sec-websocket-version: 13\r\n";
    let cases = [
        ("GET /ws HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "426 Upgrade Required", version),
        (good.replace("Upgrade: websocket", "Upgrade: h2c"), "426 Upgrade Required", version),
        (good.replace("Connection: Upgrade", "Connection: close"), "426 Upgrade Required", version),
        (good.replace("Version: 13", "Version: 8"), "426 Upgrade Required", version),
        (good.replace("Sec-WebSocket-Version: 13\r\n", ""), "426 Upgrade Required", version),
        (good.replace("GET /", "POST /"), "405 Method Not Allowed", "allow: GET\r\n"),
        (good.replace("GET /", "HEAD /"), "405 Method Not Allowed", "allow: GET\r\n"),
        (good.replace("HTTP/1.1", "HTTP/1.0"), "505 HTTP Version Not Supported", ""),
        (good.replace("ZQ==", "ZQ="), "400 Bad Request", ""),
        (good.replace("Sec-WebSocket-Key", "X-Key"), "400 Bad Request", ""),
    ];
    for (request, status, header) in &cases {
        let mut stream = dial(address).await;
        stream.send(request).await;
        let head = stream.head().await.unwrap();
        let line = head.lines().next().unwrap();
        assert_eq!(line.split_once(' ').unwrap().1, *status, "{request}");
        assert!(head.contains(header), "{head}");
        assert!(head.contains("content-type: text/plain; charset=utf-8\r\n"), "{head}");
    }
    assert_eq!(counters.get(WEBSOCKET_REFUSED, "426"), 5);
    assert_eq!(counters.get(WEBSOCKET_REFUSED, "400"), 2);
    assert_eq!(counters.get(WEBSOCKET_REFUSED, "505"), 1);
}

/// Pings cost an answer each: so many within a second, and no more.
#[tokio::test(start_paused = true)]
async fn pings_at_the_limit() {
    let counters = Counters::install();
    let open = || {
        let (ours, theirs) = tokio::io::duplex(4096);
        let config = Config { pings_per_second_max: 3, ..Config::default() };
        let stream = Stream::from_io(ours);
        let socket = WebSocket::from_stream(stream, Vec::new(), Role::Server, config, None);
        tokio::spawn(common::echo(socket));
        Peer::new(theirs)
    };
    let ping = masked(Opcode::Ping, b"");
    let mut peer = open();
    // Those of another second count anew, and other frames not at all.
    for _ in 0..3 {
        peer.send(&ping.repeat(3)).await;
        peer.send(&masked(Opcode::Text, b"and others")).await;
        peer.expect(b"\x8a\0\x8a\0\x8a\0\x81\x0aand others").await;
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(counters.get(WEBSOCKET_ENDED, "ping_flood"), 0);

    let mut peer = open();
    peer.send(&ping.repeat(4)).await;
    let bytes = peer.read_to_end().await.unwrap();
    assert_eq!(bytes[..6], *b"\x8a\0\x8a\0\x8a\0");
    assert_eq!(bytes[6..], *b"\x88\x10\x03\xf0too many pings");
    assert_eq!(counters.get(WEBSOCKET_ENDED, "ping_flood"), 1);
}

/// A peer that reads too slowly for what may wait, and one that reads nothing for too long.
#[tokio::test(start_paused = true)]
async fn slow_readers_are_counted() {
    for (config, reason) in [
        (Config { queued_bytes_max: 1000, ..Config::default() }, "overflow"),
        (Config { write_timeout: Duration::from_millis(50), ..Config::default() }, "timeout"),
    ] {
        let counters = Counters::install();
        let (ours, _theirs) = tokio::io::duplex(100);
        let stream = Stream::from_io(ours);
        let socket = WebSocket::from_stream(stream, Vec::new(), Role::Server, config, None);
        socket.send(&[7; 64 * 1024][..]).await.unwrap();
        let group = Group::new();
        let _membership = group.join(&socket);
        if reason == "overflow" {
            group.send("one more");
        }
        counters.wait_for(WEBSOCKET_ENDED, reason, 1).await;
        assert!(!socket.writer().is_open());
    }
}

#[tokio::test]
async fn violations_are_counted() {
    let counters = Counters::install();
    let address = serve(|request| accept_all(request, common::echo), |server| server).await;
    for (frame, code) in [
        (&[0x83, 0x80, 0, 0, 0, 0][..], "1002"),
        (&[0x81, 0x81, 0, 0, 0, 0, 0xff], "1007"),
        (&[0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1, 0, 0, 0, 0], "1009"),
    ] {
        let mut stream = raw_client(address, frame).await;
        stream.read_to_end().await.unwrap();
        counters.wait_for(WEBSOCKET_ENDED, code, 1).await;
    }
    // Whoever closes in good order is not counted.
    let mut stream = raw_client(address, &masked(Opcode::Close, b"\x03\xe8")).await;
    stream.read_to_end().await.unwrap();
    for reason in ["1000", "timeout", "overflow"] {
        assert_eq!(counters.get(WEBSOCKET_ENDED, reason), 0);
    }
}
