//! What a connection costs while nothing happens on it. Alone in its file: the count is the process's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use common::{echo, request_with, serve};
use tokio::task::spawn_blocking;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const CONNECTIONS: usize = 400;
/// Heap for one: the write side (176), the socket (56) and the task with the read side and the protocol
/// (384); and what tokio keeps for its readiness (640). Measured 1,260.
const BYTES_MAX: usize = 1300;

/// Clients that need no heap.
fn open(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::with_capacity(CONNECTIONS);
    for _ in 0..count {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(&request_with(b"\x81\x82\0\0\0\0hi")).unwrap();
        let mut answer = [0; 1024];
        let mut count = 0;
        while !answer[..count].ends_with(b"\x81\x02hi") {
            count += stream.read(&mut answer[count..]).unwrap();
        }
        streams.push(stream);
    }
    streams
}

#[tokio::test]
async fn heap_of_an_idle_connection() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let address = serve(echo).await;
    // What is made at the first use is nobody's.
    let warm = spawn_blocking(move || open(address, CONNECTIONS)).await.unwrap();
    let before = dhat::HeapStats::get();
    let more = spawn_blocking(move || open(address, CONNECTIONS)).await.unwrap();
    let after = dhat::HeapStats::get();
    let bytes = (after.curr_bytes - before.curr_bytes) / CONNECTIONS;
    let blocks = (after.curr_blocks - before.curr_blocks) as f64 / CONNECTIONS as f64;
    assert!(bytes <= BYTES_MAX, "{bytes} bytes in {blocks} blocks for each");
    drop((warm, more));
}
