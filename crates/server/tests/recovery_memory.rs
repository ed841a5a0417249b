//! What is kept for clients that come back takes no more than documented. Alone in its file, since
//! the heap is the process's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Client, Received, request};
use sockeye::{Args, Binary, Config, RecoveryConfig, Server};
use sockeye_testing::TestServer;

#[global_allocator]
static HEAP: dhat::Alloc = dhat::Alloc;

const LOG_BYTES_MAX: usize = 256 * 1024;

#[derive(Debug, Clone, Copy)]
struct Kind {
    text: usize,
    attachment: Option<usize>,
    rooms: usize,
    is_polling: bool,
}

/// The growth of the heap when the log is full of such events, which a client has received.
async fn bytes_of_a_full_log(kind: Kind) -> usize {
    let recovery = RecoveryConfig {
        log_bytes_max: LOG_BYTES_MAX,
        log_events_max: 1_000_000,
        ..RecoveryConfig::default()
    };
    let config = Config { recovery: Some(recovery), ..Config::default() };
    let server = TestServer::new(Server::builder().config(config).build().unwrap());
    let io = server.server().io();
    let mut receiver = Receiver::new(&server, kind.is_polling).await;
    let socket = io.sockets().pop().unwrap();
    let rooms: Vec<_> = (0..kind.rooms).map(|n| format!("room {n:0>100}")).collect();
    socket.join(rooms.clone());
    let text = "x".repeat(kind.text);
    let before = dhat::HeapStats::get().curr_bytes;
    let event = kind.text + kind.attachment.unwrap_or(0) + kind.rooms * 100 + 50;
    for _ in 0..2 * LOG_BYTES_MAX / event {
        let to = if rooms.is_empty() { io.except("nobody") } else { io.to(rooms.clone()) };
        match kind.attachment {
            Some(bytes) => {
                to.emit("n", &Args((text.as_str(), Binary(vec![1; bytes].into())))).unwrap();
                receiver.receive(2).await;
            }
            None => {
                to.emit("n", &text).unwrap();
                receiver.receive(1).await;
            }
        }
    }
    dhat::HeapStats::get().curr_bytes - before
}

enum Receiver<'a> {
    WebSocket(Client),
    Polling(&'a TestServer, String),
}

impl<'a> Receiver<'a> {
    async fn new(server: &'a TestServer, is_polling: bool) -> Self {
        if !is_polling {
            return Self::WebSocket(Client::connect(server).await);
        }
        let query = "EIO=4&transport=polling".to_owned();
        let open = request(server, "GET", &query, "").await;
        let sid = open.split("\"sid\":\"").nth(1).unwrap().split('"').next().unwrap();
        let query = format!("{query}&sid={sid}");
        request(server, "POST", &query, "40").await;
        request(server, "GET", &query, "").await;
        Self::Polling(server, query)
    }

    async fn receive(&mut self, packets: usize) {
        match self {
            Self::Polling(server, query) => {
                request(server, "GET", query, "").await;
            }
            Self::WebSocket(client) => {
                for _ in 0..packets {
                    assert_ne!(client.receive().await, Received::Closed);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_log_takes_what_it_may() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let plain = Kind { text: 200, attachment: None, rooms: 0, is_polling: false };
    for kind in [
        plain,
        Kind { text: 0, ..plain },
        Kind { text: 4_000, ..plain },
        Kind { text: 4_000, is_polling: true, ..plain },
        Kind { attachment: Some(100), ..plain },
        Kind { attachment: Some(10_000), ..plain },
        Kind { rooms: 20, ..plain },
    ] {
        let bytes = bytes_of_a_full_log(kind).await;
        // The list of events grows by doubling.
        assert!(bytes < LOG_BYTES_MAX * 6 / 5, "{bytes} bytes of {kind:?}");
    }
}
