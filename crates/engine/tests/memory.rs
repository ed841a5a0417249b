//! What an idle session holds on the heap: counted, not measured.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sockeye_engine::{
    Application, CloseReason, Config, Engine, HandlerError, Handshake, Message, Session,
    SessionHandler,
};
use sockeye_testing::raw::{Peer, request};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

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

/// Opens a session over a connection that ends right behind the answer.
async fn open(engine: &Engine<Silent>) {
    let (client, server) = tokio::io::duplex(4096);
    let answering = engine.clone();
    let service = service_fn(move |request| {
        let engine = answering.clone();
        async move { Ok::<_, Infallible>(engine.handle(request).await) }
    });
    tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(server), service));
    let mut peer = Peer::new(client);
    peer.send(request(
        "GET",
        "/engine.io/?EIO=4&transport=polling",
        &[("connection", "close")],
        "",
    ))
    .await;
    assert!(peer.read_rest().await.expect("the server answers").starts_with(b"HTTP/1.1 200"));
}

/// A polling session between two polls, its HTTP connection closed: at most 2 KiB.
#[tokio::test]
async fn a_polling_session_without_a_connection_is_small() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let engine = Engine::new(Config::default(), Silent).expect("a valid configuration");
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let fill = async |sessions: usize| {
        while engine.sessions() < sessions {
            open(&engine).await;
        }
        while alive() > sessions {
            tokio::task::yield_now().await;
        }
        dhat::HeapStats::get().curr_bytes
    };
    let base = fill(SESSIONS).await;
    let full = fill(2 * SESSIONS).await;
    let each = (full - base) / SESSIONS;
    // Allocators round up, to 16 bytes and a header of 8.
    assert!(each <= 1600, "{each} bytes");
}

/// A power of two: the tables of both halves are filled alike.
const SESSIONS: usize = 1024;
