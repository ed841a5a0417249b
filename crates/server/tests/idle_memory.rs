//! What an idle session costs over our own listener, its connection included: a polling session with
//! its parked poll hardly more than one on a WebSocket. Alone in its file: the count is the process's.

use std::net::SocketAddr;

use sockeye::{Namespace, Server};
use sockeye_net::http::{HttpServer, bind};
use sockeye_testing::raw::{Peer, request};
use tokio::net::TcpStream;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const SESSIONS: usize = 512;
/// How much more a polling session may hold.
const MORE_BYTES_MAX: usize = 2048;

async fn connect(address: SocketAddr) -> Peer<TcpStream> {
    Peer::new(TcpStream::connect(address).await.expect("it listens"))
}

async fn open_websocket(address: SocketAddr) -> TcpStream {
    let peer = connect(address).await;
    let opened = peer.upgrade("/socket.io/?EIO=4&transport=websocket", &[]).await;
    let mut socket = opened.expect("it is let in");
    assert!(socket.text().await.starts_with("0{"));
    socket.send("40").await;
    assert!(socket.text().await.starts_with("40{"));
    socket.peer.into_stream()
}

/// With a poll that waits.
async fn open_polling(address: SocketAddr) -> TcpStream {
    let mut peer = connect(address).await;
    let target = "/socket.io/?EIO=4&transport=polling";
    peer.get(target).await;
    let open = peer.response().await.expect("an answer");
    let (_, rest) = open.text().split_once("\"sid\":\"").expect("an OPEN");
    let target = format!("{target}&sid={}", &rest[..20]);
    peer.send(request("POST", &target, &[], "40")).await;
    assert_eq!(peer.response().await.expect("an answer").text(), "ok");
    peer.get(&target).await;
    assert!(peer.response().await.expect("an answer").text().starts_with("40{"));
    peer.get(&target).await;
    peer.into_stream()
}

/// Waits until the last polls were read and wait: then nothing is allocated or freed any more.
async fn settled() {
    let mut before = 0;
    while std::mem::replace(&mut before, dhat::HeapStats::get().total_bytes) != before {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
}

/// Heap bytes for each of many that `open` opens.
async fn each(open: impl AsyncFn(SocketAddr) -> TcpStream) -> usize {
    let server = Server::builder().namespace(Namespace::new("/")).build().expect("a server");
    let listeners = bind("127.0.0.1:0").await.expect("a free port");
    let address = listeners[0].local_addr().expect("it is bound");
    let serving = HttpServer::new(listeners, server.into_service());
    let serving = tokio::spawn(serving.into_future());
    let fill = async || {
        let mut open_ones = Vec::with_capacity(SESSIONS);
        for _ in 0..SESSIONS {
            open_ones.push(open(address).await);
        }
        settled().await;
        open_ones
    };
    let base = fill().await;
    let before = dhat::HeapStats::get().curr_bytes;
    let more = fill().await;
    let after = dhat::HeapStats::get().curr_bytes;
    drop((base, more));
    serving.abort();
    (after - before) / SESSIONS
}

#[tokio::test]
async fn a_parked_poll_costs_little_more_than_a_websocket() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let websocket = each(open_websocket).await;
    let polling = each(open_polling).await;
    eprintln!("websocket {websocket} bytes, polling {polling} bytes");
    assert!(polling <= websocket + MORE_BYTES_MAX, "{polling} bytes, a WebSocket {websocket}");
}
