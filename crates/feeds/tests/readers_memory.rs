//! What those hold who listen to a feed, or wait for something in it, their connections included; and that
//! those who vanish leave nothing behind. Alone in its file: the count is the process's.

#![allow(clippy::print_stderr, reason = "the figures are shown with a failure")]

mod counted;

use tokio::net::TcpStream;

use crate::counted::{Counted, settled};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const READERS: usize = 256;
/// Of one who listens. Half of the goal of 3 KiB, which counts the allocator's own as well.
const LISTENER_BYTES_MAX: usize = 1536;
/// Of one whose poll waits.
const PARKED_BYTES_MAX: usize = 2560;
/// What may be left of all who vanish: less than one byte of each.
const LEFT_BYTES_MAX: usize = READERS - 1;

/// Heap bytes for each of many that `open` opens; those who vanish leave nothing.
async fn each(name: &str, open: impl AsyncFn(&Counted) -> TcpStream) -> usize {
    let counted = Counted::new().await;
    let fill = async |count: usize| {
        let mut readers = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            readers.push(open(&counted).await);
        }
        settled().await;
        assert_eq!(counted.feeds.readers(), count, "{name}");
        (readers, dhat::HeapStats::get().curr_bytes)
    };
    let vanish = async |readers: Vec<TcpStream>, count: usize| {
        drop(readers);
        while counted.feeds.readers() > count {
            tokio::task::yield_now().await;
        }
        settled().await;
        dhat::HeapStats::get().curr_bytes
    };
    let (base, before) = fill(READERS).await;
    let (more, after) = fill(2 * READERS).await;
    let each = (after - before) / READERS;
    // The tables that they have made longer stay.
    let first = vanish(more, READERS).await;
    let (more, _) = fill(2 * READERS).await;
    let second = vanish(more, READERS).await;
    let left = second.saturating_sub(first);
    eprintln!(
        "{name}: {each} bytes each; of {READERS} that vanished tables of {} bytes are left, of as many \
         more {left} bytes",
        first.saturating_sub(before),
    );
    assert!(left <= LEFT_BYTES_MAX, "{name}: {left} bytes are left");
    vanish(base, 0).await;
    each
}

#[tokio::test]
async fn what_a_reader_holds_and_leaves() {
    let _profiler = dhat::Profiler::builder().testing().build();
    for accept in ["text/event-stream", "application/x-ndjson"] {
        let listener = each(accept, async |counted: &Counted| counted.listen(accept).await).await;
        assert!(listener <= LISTENER_BYTES_MAX, "{accept}: {listener} bytes");
    }
    for query in ["?offset=now&wait=3600", "?offset=now&live=long-poll"] {
        let parked = each(query, async |counted: &Counted| counted.wait(query).await).await;
        assert!(parked <= PARKED_BYTES_MAX, "{query}: {parked} bytes");
    }
}
