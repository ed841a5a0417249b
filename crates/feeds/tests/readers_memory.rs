//! What those hold who listen to a feed, or wait for something in it, their connections included; and that
//! those who vanish leave nothing behind. Alone in its file: the count is the process's.

mod counted;

use tokio::net::TcpStream;

use crate::counted::{Counted, settled};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const READERS: usize = 512;
/// Of one who listens. Half of the goal of 3 KiB, which counts the allocator's own as well.
const LISTENER_BYTES_MAX: usize = 1536;
/// Of one whose poll waits.
const PARKED_BYTES_MAX: usize = 3584;
/// What may be left of so many: tables that were made longer.
const LEFT_BYTES_MAX: usize = 64 * 1024;

/// Heap bytes for each of many that `open` opens, and what is left when they have vanished.
async fn each(name: &str, open: impl AsyncFn(&Counted) -> TcpStream) -> usize {
    let counted = Counted::new().await;
    let fill = async || {
        let mut readers = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            readers.push(open(&counted).await);
        }
        settled().await;
        readers
    };
    // The first make the tables that stay.
    let base = fill().await;
    assert_eq!(counted.feeds.readers(), READERS, "{name}");
    let before = dhat::HeapStats::get().curr_bytes;
    let more = fill().await;
    let after = dhat::HeapStats::get().curr_bytes;
    assert_eq!(counted.feeds.readers(), 2 * READERS, "{name}");
    drop(more);
    while counted.feeds.readers() > READERS {
        tokio::task::yield_now().await;
    }
    settled().await;
    let left = dhat::HeapStats::get().curr_bytes.saturating_sub(before);
    let each = (after - before) / READERS;
    eprintln!("{name}: {each} bytes each, {left} left of {READERS} that vanished");
    assert!(left <= LEFT_BYTES_MAX, "{name}: {left} bytes are left");
    drop(base);
    while counted.feeds.readers() > 0 {
        tokio::task::yield_now().await;
    }
    each
}

#[tokio::test]
async fn what_a_reader_holds_and_leaves() {
    let _profiler = dhat::Profiler::builder().testing().build();
    for accept in ["text/event-stream", "application/x-ndjson"] {
        let listener = each(accept, async |counted: &Counted| counted.listen(accept).await).await;
        assert!(listener <= LISTENER_BYTES_MAX, "{accept}: {listener} bytes");
    }
    for query in ["?offset=now&wait=25", "?offset=now&live=long-poll"] {
        let parked = each(query, async |counted: &Counted| counted.wait(query).await).await;
        assert!(parked <= PARKED_BYTES_MAX, "{query}: {parked} bytes");
    }
}
