//! What a connection costs while nothing happens on it. Alone in its file: the count is the process's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::{SocketAddr, TcpStream};

use common::{echo, masked, raw_client, serve};
use sockeye_websocket::ws::Opcode;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const CONNECTIONS: usize = 400;
/// Heap for one: the write side (176), the socket (56) and the task with the read side and the protocol
/// (384); and what tokio keeps for its readiness (640). Measured 1,260.
const BYTES_MAX: usize = 1300;

/// Clients that need no heap: no runtime knows them any more.
async fn open(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::with_capacity(CONNECTIONS);
    for _ in 0..count {
        let mut peer = raw_client(address, &masked(Opcode::Text, b"hi")).await;
        peer.expect(b"\x81\x02hi").await;
        streams.push(peer.into_stream().into_std().unwrap());
    }
    streams
}

#[tokio::test]
async fn heap_of_an_idle_connection() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let address = serve(echo).await;
    // What is made at the first use is nobody's.
    let warm = open(address, CONNECTIONS).await;
    let before = dhat::HeapStats::get();
    let more = open(address, CONNECTIONS).await;
    let after = dhat::HeapStats::get();
    let bytes = (after.curr_bytes - before.curr_bytes) / CONNECTIONS;
    let blocks = (after.curr_blocks - before.curr_blocks) as f64 / CONNECTIONS as f64;
    assert!(bytes <= BYTES_MAX, "{bytes} bytes in {blocks} blocks for each");
    drop((warm, more));
}
