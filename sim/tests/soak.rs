//! Many clients in turn that give up at a random step, against the real driver behind a real
//! listener. Afterwards nothing of them is left: no session, no task, no memory.
//!
//! `SOCKEYE_SOAK_CLIENTS=50000 cargo test --release -p sockeye-sim --test soak -- --nocapture` is the
//! long one. Connections are dropped in the middle of whatever their client does at that moment;
//! the scripts are those of the driver's worlds, a hundred times as fast.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use sockeye_engine::Config;
use sockeye_sim::Random;
use sockeye_sim::driver::{Client, Host, request};
use sockeye_websocket::{HttpServer, bind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

#[test]
fn nothing_is_left_of_clients_that_gave_up() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let clients = std::env::var("SOCKEYE_SOAK_CLIENTS").ok().and_then(|text| text.parse().ok());
    let clients = clients.unwrap_or(CLIENTS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(soak(clients));
}

async fn soak(clients: u64) {
    let config = Config {
        allow_eio3: true,
        ping_interval: Duration::from_millis(250),
        ping_timeout: Duration::from_millis(200),
        upgrade_timeout: Duration::from_millis(100),
        body_timeout: Duration::from_millis(300),
        polling_close_timeout: Duration::from_millis(300),
        websocket_close_timeout: Duration::from_millis(50),
        payload_bytes_max: 10_000,
        queued_packets_max: 50,
        ..Config::default()
    };
    let listeners = bind("127.0.0.1:0").await.expect("a free port");
    let address = listeners[0].local_addr().expect("it is bound");
    let host = Host::tcp(config, address);
    let service = host.engine.clone().into_service();
    let http = HttpServer::new(listeners, service)
        .header_timeout(Duration::from_millis(400))
        .keep_alive_timeout(Duration::ZERO);
    tokio::spawn(async move { http.await });
    // What is kept for good, such as buffers for the next connections, is there after the first
    // clients.
    let tasks = listening(&host).await;
    play(&host, tasks, 0, CLIENTS_AT_ONCE * 3).await;
    let base = dhat::HeapStats::get().curr_bytes;
    let start = Instant::now();
    play(&host, tasks, CLIENTS_AT_ONCE * 3, clients).await;
    let left = dhat::HeapStats::get().curr_bytes;
    report(clients, start.elapsed(), &host, base, left);
    assert!(left <= base + SLACK_BYTES, "{base} bytes before, {left} after");
}

/// The tasks of the listener alone: it has answered, and its connection is over.
async fn listening(host: &Host) -> usize {
    let mut io = host.connect(0).await.expect("it listens");
    let request = request("GET", "/elsewhere", "connection: close\r\n", b"");
    io.write_all(&request).await.expect("it reads");
    io.read_to_end(&mut Vec::new()).await.expect("it answers");
    let metrics = tokio::runtime::Handle::current().metrics();
    let mut tasks = metrics.num_alive_tasks();
    for _ in 0..100 {
        tokio::task::yield_now().await;
        tasks = tasks.min(metrics.num_alive_tasks());
    }
    tasks
}

/// Lets clients play and give up, some at a time, and waits until the server has forgotten them,
/// down to the tasks there were before.
async fn play(host: &Host, tasks: usize, first: u64, count: u64) {
    let mut random = Random::new(first + 1);
    let mut playing = JoinSet::new();
    for number in first..first + count {
        if playing.len() as u64 >= CLIENTS_AT_ONCE {
            playing.join_next().await.expect("there are some").expect("clients do not panic");
        }
        let client = Client::new(host.clone(), number, Random::new(random.number()));
        let life = Duration::from_millis(1 + random.below(600));
        let client = client.at_pace(Duration::from_micros(10));
        playing.spawn(async move { drop(tokio::time::timeout(life, client.play()).await) });
    }
    while let Some(done) = playing.join_next().await {
        done.expect("clients do not panic");
    }
    for _ in 0..DEADLINE_TICKS {
        if host.engine.sessions() == 0 && host.handlers() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(host.engine.sessions(), 0, "sessions outlive their deadline");
    assert_eq!(host.handlers(), 0, "handlers outlive their session");
    host.quiet(tasks).await;
    host.forget();
}

#[allow(clippy::print_stderr)]
fn report(clients: u64, time: Duration, host: &Host, base: usize, left: usize) {
    eprintln!("{clients} clients in {time:?}: {:?}", host.ends());
    eprintln!("heap: {base} bytes before, {left} after");
}

/// In CI.
const CLIENTS: u64 = 1500;
const CLIENTS_AT_ONCE: u64 = 100;
/// Far more than any deadline above, for slow machines; what is waited for comes sooner.
const DEADLINE_TICKS: u32 = 3000;
/// Maps and pools that keep their room for the next ones: a buffer of 64 KiB may be among them at one
/// time and not at another.
const SLACK_BYTES: usize = 128 * 1024;
