//! What an idle session holds on the heap over our own listener, and that a message on a
//! WebSocket takes nothing from it. Alone in its file: the count is the process's.

use std::convert::Infallible;
use std::future::{IntoFuture, Pending, pending};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use hyper::body::Incoming;
use sockeye_engine::{Body, Config as EngineConfig};
use sockeye_net::http::{HttpServer, bind};
use sockeye_sockjs::{
    Application, CloseReason, Config, HandlerError, Handshake, Message, Session, SessionHandler,
    SockJs,
};
use sockeye_testing::raw::{Opcode, Peer, frame, request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower_service::Service;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const SESSIONS: usize = 512;
/// 2.2 KiB. On a WebSocket the connection is within it; with HTTP requests it comes on top, since a session
/// has one only while it waits.
const SESSION_BYTES_MAX: usize = 2252;

struct Echo;

struct EchoHandler(Session);

impl Application for Echo {
    type Handler = EchoHandler;

    fn open(&self, session: Session, _: Arc<Handshake>) -> EchoHandler {
        EchoHandler(session)
    }
}

impl SessionHandler for EchoHandler {
    fn message(&mut self, message: Message<'_>) -> Result<(), HandlerError> {
        if let Message::Text(text) = message {
            self.0.send(text, &[]);
        }
        Ok(())
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn close(&mut self, _: CloseReason) {}
}

async fn connect(address: SocketAddr) -> Peer<TcpStream> {
    Peer::new(TcpStream::connect(address).await.expect("it listens"))
}

async fn open_websocket(address: SocketAddr, _: usize) -> TcpStream {
    let opened = connect(address).await.upgrade("/sockjs/000/name/websocket", &[]).await;
    let mut socket = opened.expect("it is let in");
    assert_eq!(socket.text().await, "o");
    socket.peer.into_stream()
}

/// With a poll that waits.
async fn open_poll(address: SocketAddr, number: usize) -> TcpStream {
    let mut peer = connect(address).await;
    let target = format!("/sockjs/000/poll{number}/xhr");
    peer.send(request("POST", &target, PAGE, "")).await;
    assert_eq!(peer.response().await.expect("an answer").text(), "o\n");
    peer.send(request("POST", &target, PAGE, "")).await;
    peer.into_stream()
}

/// With a stream that has said what it begins with, and waits.
async fn open_stream(address: SocketAddr, number: usize) -> TcpStream {
    let mut peer = connect(address).await;
    let target = format!("/sockjs/000/stream{number}/xhr_streaming");
    peer.send(request("POST", &target, PAGE, "")).await;
    peer.read_until("o\n\r\n").await.expect("an open frame");
    peer.into_stream()
}

fn service() -> SockJs<Echo> {
    SockJs::new(Config::default(), EngineConfig::default(), Echo).expect("a valid configuration")
}

async fn listen(sockjs: &SockJs<Echo>) -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let listeners = bind("127.0.0.1:0").await.expect("a free port");
    let address = listeners[0].local_addr().expect("it is bound");
    let server = HttpServer::new(listeners, sockjs.clone().into_service());
    (address, tokio::spawn(async move { drop(server.await) }))
}

/// Heap bytes for each of many that `open` opens.
async fn each(open: impl AsyncFn(SocketAddr, usize) -> TcpStream) -> usize {
    let sockjs = service();
    let engine = sockjs.engine();
    let (address, server) = listen(&sockjs).await;
    let fill = async |from: usize| {
        let mut open_ones = Vec::with_capacity(SESSIONS);
        for number in from..from + SESSIONS {
            open_ones.push(open(address, number).await);
        }
        let all_wait = || engine.all_sessions().iter().all(Session::has_outlet);
        while !all_wait() {
            tokio::task::yield_now().await;
        }
        // Whatever was woken has its turns.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        open_ones
    };
    let base = fill(0).await;
    let before = dhat::HeapStats::get().curr_bytes;
    let more = fill(SESSIONS).await;
    let after = dhat::HeapStats::get().curr_bytes;
    assert_eq!(engine.sessions(), 2 * SESSIONS, "one has ended, or none was opened");
    drop((base, more));
    server.abort();
    while engine.unfinished() > 0 {
        tokio::task::yield_now().await;
    }
    (after - before) / SESSIONS
}

/// A service that never answers, and counts who asks.
#[derive(Clone, Default)]
struct Mute(Arc<AtomicUsize>);

impl Service<http::Request<Incoming>> for Mute {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pending<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Incoming>) -> Self::Future {
        self.0.fetch_add(1, Ordering::Relaxed);
        pending()
    }
}

/// Heap bytes for each of many connections whose request waits, both ends, and no session: what of the
/// others is not the session's.
async fn each_connection() -> usize {
    let mute = Mute::default();
    let listeners = bind("127.0.0.1:0").await.expect("a free port");
    let address = listeners[0].local_addr().expect("it is bound");
    let server = tokio::spawn(HttpServer::new(listeners, mute.clone()).into_future());
    let fill = async |count: usize| {
        let mut open_ones = Vec::with_capacity(SESSIONS);
        for _ in 0..SESSIONS {
            let mut peer = connect(address).await;
            peer.get("/").await;
            open_ones.push(peer.into_stream());
        }
        while mute.0.load(Ordering::Relaxed) < count {
            tokio::task::yield_now().await;
        }
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        open_ones
    };
    let base = fill(SESSIONS).await;
    let before = dhat::HeapStats::get().curr_bytes;
    let more = fill(2 * SESSIONS).await;
    let after = dhat::HeapStats::get().curr_bytes;
    drop((base, more));
    server.abort();
    (after - before) / SESSIONS
}

/// Blocks from the heap that so many messages there and back take.
async fn blocks(stream: &mut TcpStream, messages: usize) -> u64 {
    let message = frame(Opcode::Text, b"[\"hello\"]");
    let mut reply = [0; 12];
    let before = dhat::HeapStats::get().total_blocks;
    for _ in 0..messages {
        stream.write_all(&message).await.expect("it is read");
        stream.read_exact(&mut reply).await.expect("an echo");
        assert_eq!(&reply, b"\x81\x0aa[\"hello\"]");
    }
    dhat::HeapStats::get().total_blocks - before
}

#[tokio::test]
async fn an_idle_session_is_small_and_a_message_takes_nothing_from_the_heap() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let connection = each_connection().await;
    let websocket = each(open_websocket).await;
    let poll = each(open_poll).await;
    let stream = each(open_stream).await;
    eprintln!("connection {connection}, websocket {websocket}, poll {poll}, stream {stream} bytes");

    let sockjs = service();
    let (address, server) = listen(&sockjs).await;
    let mut socket = open_websocket(address, 0).await;
    // Its buffers are as large as they get.
    blocks(&mut socket, 64).await;
    let few = blocks(&mut socket, 16).await;
    let many = blocks(&mut socket, 1024).await;
    eprintln!("16 messages: {few} blocks, 1,024 messages: {many} blocks");
    server.abort();

    assert!(websocket <= SESSION_BYTES_MAX, "{websocket} bytes on a WebSocket");
    let (poll, stream) = (poll - connection, stream - connection);
    assert!(poll <= SESSION_BYTES_MAX, "{poll} bytes with a poll that waits");
    assert!(stream <= SESSION_BYTES_MAX, "{stream} bytes with a stream");
    assert_eq!((few, many), (0, 0), "blocks of 16 and of 1,024 messages");
}

/// Browsers send it with each POST, and with each request to another origin.
const PAGE: &[(&str, &str)] = &[("origin", "http://localhost")];
