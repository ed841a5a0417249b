//! In steady state no message costs an allocation. Alone in its file: the count is the process's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Peer, echo, masked, raw_client, serve};
use sockeye_websocket::Group;
use sockeye_websocket::ws::Opcode;
use tokio::io::AsyncReadExt;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Sends `request` and reads `reply_len` bytes, many times over.
async fn exchange(stream: &mut Peer<tokio::net::TcpStream>, request: &[u8], reply_len: usize) {
    let mut reply = [0; 4096];
    for _ in 0..100 {
        stream.send(request).await;
        stream.read_exact(&mut reply[..reply_len]).await.unwrap();
    }
}

#[tokio::test]
async fn echo_and_broadcast_in_steady_state() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let address = serve(echo).await;
    let group = Group::new();
    let broadcast_address = serve(move |socket| {
        let group = group.clone();
        async move {
            let _membership = group.join(&socket);
            let _ = socket.for_each(|message, _| group.send(message)).await;
        }
    })
    .await;

    let sixteen = masked(Opcode::Text, &[b'x'; 32]).repeat(16);
    for address in [address, broadcast_address] {
        let mut stream = raw_client(address, b"").await;
        exchange(&mut stream, &sixteen, 16 * 34).await;
        let before = dhat::HeapStats::get().total_blocks;
        exchange(&mut stream, &sixteen, 16 * 34).await;
        let blocks = dhat::HeapStats::get().total_blocks - before;
        // 1,600 messages. A broadcast starts one flush pass, a task, for all of a tick's messages.
        let allowed = if address == broadcast_address { 200 } else { 0 };
        assert!(blocks <= allowed, "{blocks} allocations for 1,600 messages");
    }
}
