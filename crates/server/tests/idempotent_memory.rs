//! What an `idempotent` handler keeps of keys and answers. Alone in its file, since the memory is the
//! process's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use serde_json::{Value, json};
use sockeye::{Ack, Namespace, Server, idempotent};
use sockeye_testing::TestServer;
use tokio::time::sleep;

#[global_allocator]
static HEAP: dhat::Alloc = dhat::Alloc;

fn heap_bytes() -> usize {
    dhat::HeapStats::get().curr_bytes
}

/// 300 keys of 950 kB took 554 MB, which stayed when the client had left.
#[tokio::test(start_paused = true)]
async fn long_keys_take_little_and_all_is_free_after_its_time() {
    const KEYS: usize = 40;
    let _profiler = dhat::Profiler::builder().testing().build();
    let order = async |order: Value| Ack(order["answer"].clone());
    let once = idempotent(|order: &Value| Some(order["key"].as_str()?.to_owned()), order)
        .by_user(|socket| socket.handshake().query("user").unwrap_or_default().repeat(1_000));
    let server = Server::builder().namespace(Namespace::new("/").on("order", once));
    let server = TestServer::new(server.build().unwrap());
    let round = async |bytes: usize, answer_bytes: usize| {
        let mut client = server.client().query("user=somebody").connect().await.unwrap();
        for n in 0..KEYS {
            let key = format!("{n:09}{}", "k".repeat(bytes - 9));
            let order = json!({ "key": key, "answer": "x".repeat(answer_bytes) });
            let answer = client.emit_with_ack::<_, String>("order", &order).await.unwrap();
            assert_eq!(answer.len(), answer_bytes);
        }
        drop(client);
        sleep(Duration::from_secs(30)).await;
    };
    round(10, 10).await;
    let base = heap_bytes();
    round(950_000, 10).await;
    let grown = heap_bytes().saturating_sub(base);
    assert!(grown < 100_000, "{grown} bytes for {KEYS} long keys");
    // Answers are kept for ten minutes, and no longer than that.
    round(20, 20_000).await;
    let grown = heap_bytes().saturating_sub(base);
    assert!(grown > KEYS * 20_000, "{grown} bytes for the answers");
    sleep(Duration::from_secs(540)).await;
    assert!(heap_bytes().saturating_sub(base) > KEYS * 20_000, "not yet over");
    sleep(Duration::from_secs(40)).await;
    let grown = heap_bytes().saturating_sub(base);
    assert!(grown < 100_000, "{grown} bytes stay when the time is over");
}
