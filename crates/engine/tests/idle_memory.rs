//! What an idle session costs over our own listener, its connection included: a polling session with
//! its parked poll hardly more than one on a WebSocket. Alone in its file: the count is the process's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use sockeye_engine::{
    Application, CloseReason, Config, Engine, HandlerError, Handshake, Message, Session,
    SessionHandler,
};
use sockeye_net::http::{HttpServer, bind};
use sockeye_testing::raw::Peer;
use tokio::net::TcpStream;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const SESSIONS: usize = 512;
/// How much more a polling session may hold.
const MORE_BYTES_MAX: usize = 2048;

struct Silent;

impl Application for Silent {
    type Handler = Silent;

    fn open(&self, _: Session, _: Arc<Handshake>) -> Silent {
        Silent
    }
}

impl SessionHandler for Silent {
    fn message(&mut self, _: Message<'_>) -> Result<(), HandlerError> {
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

async fn open_websocket(address: SocketAddr) -> TcpStream {
    let peer = connect(address).await;
    let opened = peer.upgrade("/engine.io/?EIO=4&transport=websocket", &[]).await;
    let mut socket = opened.expect("it is let in");
    assert!(socket.text().await.starts_with("0{"));
    socket.peer.into_stream()
}

/// With a poll that waits.
async fn open_polling(address: SocketAddr) -> TcpStream {
    let mut peer = connect(address).await;
    let target = "/engine.io/?EIO=4&transport=polling";
    peer.get(target).await;
    let open = peer.response().await.expect("an answer");
    let (_, rest) = open.text().split_once("\"sid\":\"").expect("an OPEN");
    peer.get(&format!("{target}&sid={}", &rest[..20])).await;
    peer.into_stream()
}

/// Heap bytes for each of many that `open` opens.
async fn each(engine: &Engine<Silent>, open: impl AsyncFn(SocketAddr) -> TcpStream) -> usize {
    let listeners = bind("127.0.0.1:0").await.expect("a free port");
    let address = listeners[0].local_addr().expect("it is bound");
    let service = engine.clone().into_service();
    let server = tokio::spawn(HttpServer::new(listeners, service).into_future());
    let fill = async || {
        let mut open_ones = Vec::with_capacity(SESSIONS);
        for _ in 0..SESSIONS {
            open_ones.push(open(address).await);
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
    let base = fill().await;
    let before = dhat::HeapStats::get().curr_bytes;
    let more = fill().await;
    let after = dhat::HeapStats::get().curr_bytes;
    drop((base, more));
    server.abort();
    while engine.unfinished() > 0 {
        tokio::task::yield_now().await;
    }
    (after - before) / SESSIONS
}

#[tokio::test]
async fn a_parked_poll_costs_little_more_than_a_websocket() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let engine = Engine::new(Config::default(), Silent).expect("a valid configuration");
    let websocket = each(&engine, open_websocket).await;
    let polling = each(&engine, open_polling).await;
    eprintln!("websocket {websocket} bytes, polling {polling} bytes");
    assert!(polling <= websocket + MORE_BYTES_MAX, "{polling} bytes, a WebSocket {websocket}");
}
