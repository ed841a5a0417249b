//! What repetitions of an event under way take. Alone in its file, since the memory is the process's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{Client, in_memory, with_sync};
use sockeye::{Ack, Namespace, Reliable};
use tokio::sync::Semaphore;

#[global_allocator]
static HEAP: dhat::Alloc = dhat::Alloc;

/// Four clients took 437 MB in twelve seconds: each repetition was kept until the handler was done.
#[tokio::test(start_paused = true)]
async fn repetitions_of_an_event_under_way_take_nothing() {
    const REPETITIONS: usize = 20_000;
    let _profiler = dhat::Profiler::builder().testing().build();
    let gate = Arc::new(Semaphore::new(0));
    let waits = Arc::clone(&gate);
    let namespace = with_sync(Namespace::new("/")).on("wait", move || {
        let gate = Arc::clone(&waits);
        async move {
            gate.acquire().await.unwrap().forget();
            Ack("done")
        }
    });
    let server = in_memory([namespace.reliable(Reliable::default())]);
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = Client::open(&server).await;
        client.join(r#"40{"_outbox":{"v":1,"id":"S9m2fQw7Rk1Zt0yPp3Lh"}}"#).await;
        client.send(r#"420["wait",{"_outbox":[1,1]}]"#).await;
        client.expect_nothing().await;
        clients.push(client);
    }
    let before = dhat::HeapStats::get().curr_bytes;
    for client in &mut clients {
        for id in 1..=REPETITIONS {
            client.send(&format!(r#"42{id}["wait",{{"_outbox":[1,1]}}]"#)).await;
        }
        client.expect_nothing().await;
    }
    let grown = dhat::HeapStats::get().curr_bytes.saturating_sub(before);
    assert!(grown < 200_000, "{grown} bytes for {} repetitions", 4 * REPETITIONS);
    gate.add_permits(1);
    for client in &mut clients {
        client.expect(&format!(r#"43{REPETITIONS}["done"]"#)).await;
    }
}
