//! What the namespaces take that one session makes and leaves. Alone in its file, since the memory is
//! the process's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Client, in_memory};
use sockeye::Namespace;

#[global_allocator]
static HEAP: dhat::Alloc = dhat::Alloc;

#[tokio::test(start_paused = true)]
async fn namespaces_that_are_made_and_left_take_little() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let server = in_memory([Namespace::new("/{name}")]);
    let mut client = Client::open(&server).await;
    let mut enter_and_leave = async |n: u32| {
        let name = format!("/{n:06}{}", "x".repeat(1_000));
        client.join(&format!("40{name},")).await;
        client.send(&format!("41{name},")).await;
    };
    let base = dhat::HeapStats::get().curr_bytes;
    for n in 0..1_000 {
        enter_and_leave(n).await;
    }
    let full = dhat::HeapStats::get().curr_bytes - base;
    assert!(full < 1_000 * 5_000, "{full} bytes for a thousand names of 1 kB");
    for n in 1_000..5_000 {
        enter_and_leave(n).await;
    }
    let later = dhat::HeapStats::get().curr_bytes - base;
    assert!(later < full + full / 4, "{later} bytes, {full} before");
    assert_eq!(server.server().namespaces().len(), 1_001, "with `/`");
}
