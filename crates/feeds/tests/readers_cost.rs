//! What an event takes from the heap is counted, not timed: the same, however many listen.
//! Alone in its file: the count is the process's.

#![allow(clippy::print_stderr, reason = "the figures are shown with a failure")]

mod counted;

use std::io::ErrorKind;

use tokio::net::TcpStream;
use tokio::task::yield_now;

use crate::counted::{Counted, settled};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const FEW: usize = 16;
/// Below the number for which the flush pass makes a second part.
const MANY: usize = 240;
const EVENTS: usize = 8;
const TEXT_BYTES: usize = 1000;
/// Blocks more that many may take than few: a list that has to be made longer.
const MORE_BLOCKS_MAX: u64 = 2;

/// Blocks and bytes that sending some events takes, until everybody has them.
async fn taken(counted: &Counted, readers: &[TcpStream]) -> (u64, u64) {
    let io = counted.server.io();
    let text = "#".repeat(TEXT_BYTES);
    let mut taken = (0, 0);
    // The first rounds make the buffers that stay.
    for _ in 0..3 {
        settled().await;
        let before = dhat::HeapStats::get();
        for _ in 0..EVENTS {
            io.to("room").emit("news", &*text).expect("it is sent");
        }
        for reader in readers {
            read_events(reader).await;
        }
        let after = dhat::HeapStats::get();
        taken = (after.total_blocks - before.total_blocks, after.total_bytes - before.total_bytes);
    }
    taken
}

/// Reads until the texts of all events are there, taking nothing from the heap for it.
async fn read_events(reader: &TcpStream) {
    let mut buffer = [0; 4096];
    let mut missing = EVENTS * TEXT_BYTES;
    while missing > 0 {
        match reader.try_read(&mut buffer) {
            Ok(0) => panic!("the answer ended"),
            Ok(count) => missing -= buffer[..count].iter().filter(|&&byte| byte == b'#').count(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn listen(counted: &Counted, accept: &str, count: usize) -> Vec<TcpStream> {
    let mut readers = Vec::with_capacity(count);
    for _ in 0..count {
        readers.push(counted.listen(accept).await);
    }
    readers
}

#[tokio::test]
async fn an_event_costs_the_same_however_many_listen() {
    let _profiler = dhat::Profiler::builder().testing().build();
    for accept in ["text/event-stream", "application/x-ndjson"] {
        let counted = Counted::new().await;
        let mut readers = listen(&counted, accept, FEW).await;
        let few = taken(&counted, &readers).await;
        readers.append(&mut listen(&counted, accept, MANY - FEW).await);
        let many = taken(&counted, &readers).await;
        eprintln!(
            "{accept}: {EVENTS} events to {FEW} take {few:?} blocks and bytes, to {MANY} {many:?}"
        );
        assert!(many.0 <= few.0 + MORE_BLOCKS_MAX, "{accept}: {many:?}, to few {few:?}");
        // No copy of 8 KB for each of 224 more.
        assert!(many.1 <= few.1 + 16 * 1024, "{accept}: {many:?}, to few {few:?}");
    }
}
