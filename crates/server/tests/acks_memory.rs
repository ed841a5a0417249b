//! What unanswered requests leave behind: nothing. Alone in its file, since the memory is the process's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{Client, Received, serve};
use sockeye::{AckError, Event, Namespace, Socket};

/// One million requests that nobody answers: by dropped futures, by timeouts, by broadcasts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_acks_that_never_come_leave_nothing_behind() {
    const QUESTION: Event<u32, u32> = Event::new("question");
    const ROUND: usize = 1_000;
    let (server, address) = serve([Namespace::new("/")]).await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = Client::connect(address).await;
        let read = async move { while client.receive_whenever().await != Received::Closed {} };
        clients.push(tokio::spawn(read));
    }
    let io = server.io();
    let sockets = io.sockets();
    assert_eq!(sockets.len(), 50);
    let mut asked = 0_usize;
    let mut base = 0;
    while asked < 1_000_000 {
        let socket = &sockets[asked / ROUND % sockets.len()];
        match asked / ROUND % 4 {
            0 => {
                let waiting: Vec<_> = (0..ROUND)
                    .map(|number| {
                        let ack = socket.emit_with_ack(QUESTION, &(number as u32));
                        ack.timeout(Duration::from_millis(1)).into_future()
                    })
                    .collect();
                let full = socket.emit_with_ack(QUESTION, &0).await;
                assert!(matches!(full, Err(AckError::Full { limit: 1_000 })), "{full:?}");
                for outcome in futures_util::future::join_all(waiting).await {
                    assert!(matches!(outcome, Err(AckError::Timeout { .. })), "{outcome:?}");
                }
            }
            1 => drop((0..ROUND).map(|_| socket.emit_with_ack(QUESTION, &1)).collect::<Vec<_>>()),
            2 => (0..ROUND / 50).for_each(|_| drop(io.emit_with_ack(QUESTION, &2).unwrap())),
            _ => {
                for _ in 0..ROUND / 50 {
                    let acks = io.timeout(Duration::ZERO).emit_with_ack(QUESTION, &3).unwrap();
                    assert_eq!(acks.collect().await.failures.len(), 50);
                }
            }
        }
        asked += ROUND;
        futures_util::future::join_all(sockets.iter().map(Socket::flushed)).await;
        if asked == 200_000 {
            base = resident_bytes();
        }
    }
    let grown = resident_bytes().saturating_sub(base);
    assert!(grown < 16 << 20, "{grown} bytes more after 800,000 further requests");
    // The tables are empty: each takes as many requests as ever.
    for socket in &sockets {
        let waiting: Vec<_> = (0..ROUND).map(|_| socket.emit_with_ack(QUESTION, &0)).collect();
        drop(waiting);
    }
    drop(clients);
}

/// Memory of this process, if the system reports it.
fn resident_bytes() -> u64 {
    let Ok(text) = std::fs::read_to_string("/proc/self/statm") else { return 0 };
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
