//! What the arguments of a handler cost, counted in allocations. Alone in its file, since the heap is
//! the process's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::convert::Infallible;
use std::sync::Arc;

use common::Client;
use sockeye::{
    Ack, FromContextAsync, Handshake, HttpExtension, Io, Local, Namespace, OwnedContext, Server,
    Socket, State, Visitor,
};
use sockeye_testing::TestServer;

#[global_allocator]
static HEAP: dhat::Alloc = dhat::Alloc;

/// An extractor that could wait, and need not.
struct Late(u64);

impl<S: Send + Sync + 'static> FromContextAsync<S> for Late {
    type Rejection = Infallible;

    async fn from_context(context: OwnedContext<S>) -> Result<Self, Infallible> {
        Ok(Late(context.handshake().header("host").map_or(0, |host| host.len() as u64)))
    }
}

const EVENTS: u64 = 1_000;

/// The allocations of one event of this name, answer included.
async fn blocks(client: &mut Client, name: &str) -> u64 {
    let packet = format!(r#"421["{name}",7]"#);
    let round = async |client: &mut Client, times: u64| {
        for _ in 0..times {
            client.send(&packet).await;
            client.expect("431[7]").await;
        }
    };
    round(client, EVENTS).await;
    let before = dhat::HeapStats::get().total_blocks;
    round(client, EVENTS).await;
    // Buffers that grow now and then are less than one for an event.
    (dhat::HeapStats::get().total_blocks - before) / EVENTS
}

#[tokio::test(start_paused = true)]
async fn extractors_cost_no_allocation_but_those_that_wait() {
    let plain = async |n: u32| Ack(n);
    let taken = async |_: Socket,
                       _: State<Arc<u32>>,
                       _: Io,
                       _: Visitor,
                       _: Arc<Handshake>,
                       _: Option<Local<u8>>,
                       _: Option<HttpExtension<u8>>,
                       n: u32| Ack(n);
    let waits = async |_: Socket, late: Late, n: u32| {
        assert!(late.0 > 0, "a request has a host");
        Ack(n)
    };
    let namespace = Namespace::new("/").on("plain", plain).on("taken", taken).on("waits", waits);
    let server = Server::builder().state(Arc::new(7_u32)).namespace(namespace).build().unwrap();
    let _profiler = dhat::Profiler::builder().testing().build();
    let server = TestServer::new(server);
    let mut client = Client::open(&server).await;
    client.join("40").await;
    let plain = blocks(&mut client, "plain").await;
    let taken = blocks(&mut client, "taken").await;
    let waits = blocks(&mut client, "waits").await;
    assert_eq!(taken, plain, "what is there is lent or counted, and not made anew");
    assert_eq!(waits, plain + 1, "one future for each extractor that waits");
}
