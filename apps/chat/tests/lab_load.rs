//! The lab under load: its numbers stay right, what it holds is bounded, and the end of a visit gives
//! everything back.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dhat::{HeapStats, Profiler};
use serde_json::json;
use sockeye_chat::lab::contract::{Phase, Road, RoadNumbers};
use sockeye_net::pool::give_back;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use common::PATIENCE;
use common::lab::{Client, Page, lab, listeners, marks, polling_session, streams};

mod common;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const VISITS: usize = 8;
/// Events of a test of numbers: four seconds of the feed.
const EVENTS: u64 = 200;

/// One test after the other: the heap is counted for the whole process.
static ALONE: Mutex<()> = Mutex::const_new(());

/// The value of a header of the newest answer.
fn header(client: &Client, name: &str) -> String {
    let received = client.received.lock();
    let text = String::from_utf8_lossy(&received.bytes);
    let name = format!("\r\n{name}: ");
    let begin = text.to_ascii_lowercase().rfind(&name).unwrap() + name.len();
    text[begin..].lines().next().unwrap().to_owned()
}

/// Asks a feed again and again until `goal` events are there.
async fn poll_feed(feed: (Client, String), wait: &str, goal: &AtomicUsize) -> Client {
    let (mut client, path) = feed;
    while client.marks().len() < goal.load(Ordering::Relaxed) {
        let offset = header(&client, "stream-next-offset");
        client.ask("GET", &format!("{path}?offset={offset}{wait}"), "", "").await;
        if wait.is_empty() {
            // As often as this client looks.
            sleep(Duration::from_millis(100)).await;
        }
    }
    client
}

async fn poll_socket(session: (Client, String), goal: &AtomicUsize) -> Client {
    let (mut client, path) = session;
    while client.marks().len() < goal.load(Ordering::Relaxed) {
        client.ask("GET", &path, "", "").await;
    }
    client
}

/// A client of a feed that knows where it begins.
async fn feed_client(page: &Page, road: Road) -> (Client, String) {
    let (mut client, path) = (page.client(road).await, page.path(road).to_owned());
    client.ask("GET", &format!("{path}?offset=now"), "", "").await;
    (client, path)
}

/// Has the feed run, and one more event sent, which those have that wait for one: how many there were.
async fn run(page: &mut Page, goal: &AtomicUsize) -> u64 {
    page.say(&json!({ "type": "set", "running": true, "rate": 50, "size": 300 })).await;
    page.numbers(|sent, _, _| sent.events >= EVENTS).await;
    page.say(&json!({ "type": "set", "running": false })).await;
    let (sent, _) = page.numbers(|_, settings, _| !settings.running).await;
    goal.store(usize::try_from(sent.events).unwrap() + 1, Ordering::Relaxed);
    page.say(&json!({ "type": "race" })).await;
    page.numbers(|now, _, _| now.events > sent.events).await;
    sent.events + 1
}

#[tokio::test]
async fn eight_roads_at_fifty_events_a_second_are_counted_right() {
    let _alone = ALONE.lock().await;
    let mut page = Page::open(&lab().await).await;
    let mut clients = streams(&page).await;
    let polling = feed_client(&page, Road::Polling).await;
    let long_polling = feed_client(&page, Road::LongPolling).await;
    let socket_io = polling_session(&page).await;
    let goal = AtomicUsize::new(usize::MAX);
    let all = async {
        tokio::join!(
            run(&mut page, &goal),
            poll_feed(polling, "", &goal),
            poll_feed(long_polling, "&wait=25", &goal),
            poll_socket(socket_io, &goal),
        )
    };
    let (sent, polling, long_polling, socket_io) = timeout(PATIENCE, all).await.unwrap();
    clients.insert(Road::Polling, polling);
    clients.insert(Road::LongPolling, long_polling);
    clients.insert(Road::SocketIoPolling, socket_io);
    assert_eq!(clients.len(), Road::ALL.len());
    for client in clients.values() {
        client.until(|received| marks(&received.bytes).len() as u64 >= sent).await;
    }
    let agree = |roads: &BTreeMap<Road, RoadNumbers>| {
        clients.iter().all(|(road, client)| {
            let numbers = &roads[road];
            numbers.downstream_bytes == client.received.lock().bytes.len() as u64
                && numbers.upstream_bytes == client.sent
        })
    };
    // Numbers that stay the same are told once: with another setting they are told again.
    page.say(&json!({ "type": "set", "size": 301 })).await;
    let (_, roads) = page.numbers(|_, _, roads| agree(roads)).await;
    for (road, numbers) in roads {
        let (name, seen) = (road.as_str(), clients[&road].marks().len() as u64);
        assert_eq!((numbers.events, seen), (sent, sent), "{name}");
        assert_eq!((numbers.connections, numbers.phase), (1, Phase::Open), "{name}");
        assert_eq!(
            numbers.header_bytes + numbers.payload_bytes + numbers.framing_bytes,
            numbers.upstream_bytes + numbers.downstream_bytes,
            "{name}"
        );
        let delay = numbers.delay_ms.unwrap();
        assert!(delay.p50 <= delay.p95 && delay.p95 <= delay.max, "{name}: {delay:?}");
    }
}

/// What a road may hold that has one connection: what its tap holds each way with its buffer and the places
/// of its pieces, what its decoder keeps, what its session has waiting, and what HTTP reads ahead, twice.
const ROAD_BYTES_MAX: usize = 2 * (64 + 16 + 64) * KIB + 256 * KIB + MIB + 2 * 64 * KIB;
/// What a visit may hold beside its roads: the history of its feed, when its events were sent, and itself.
const VISIT_BYTES_MAX: usize = 8 * MIB + 256 * KIB + MIB;

/// A visit whose eight roads are slower than anything, and what they are connected with.
async fn slow_visit(lab: &str) -> (Page, BTreeMap<Road, Client>) {
    let mut page = Page::open(lab).await;
    let mut clients = listeners(&page).await;
    clients.insert(Road::Polling, feed_client(&page, Road::Polling).await.0);
    let (mut polling, path) = polling_session(&page).await;
    polling.get(&path, "").await;
    clients.insert(Road::SocketIoPolling, polling);
    let line = json!({ "type": "line", "road": "all", "delay_ms": 5000, "bytes_per_second": 100 });
    page.say(&line).await;
    page.say(&json!({ "type": "set", "running": true, "rate": 20, "size": 65_000 })).await;
    page.numbers(|_, settings, _| settings.running).await;
    (page, clients)
}

/// The thread keeps so many bytes of buffers for all its connections, in buffers of this size at most.
const POOL_BYTES: usize = MIB;
const POOLED_BYTES: usize = 64 * KIB;

/// Until neither a task nor a block of the heap comes or goes any more: how many there are, and bytes.
async fn settled() -> (usize, usize) {
    // What it keeps depends on what came when: here all that it may.
    for _ in 0..POOL_BYTES / POOLED_BYTES {
        give_back(Vec::with_capacity(POOLED_BYTES));
    }
    let (mut before, mut same) = ((0, 0), 0);
    while same < 20 {
        let tasks = Handle::current().metrics().num_alive_tasks();
        let now = (tasks, HeapStats::get().curr_bytes);
        same = if now == before { same + 1 } else { 0 };
        before = now;
        sleep(Duration::from_millis(20)).await;
    }
    before
}

/// Eight visits, until more was sent to each than a session may have waiting: the most bytes of the heap,
/// those of their clients among them. Then they end, and everything is waited for that they had.
async fn eight_visits(lab: &str, tasks_before: usize) -> usize {
    let mut visits = Vec::new();
    for _ in 0..VISITS {
        visits.push(slow_visit(lab).await);
    }
    let mut bytes_most = 0;
    for (page, _) in &mut visits {
        let is_enough = page.numbers(|sent, _, _| {
            bytes_most = bytes_most.max(HeapStats::get().curr_bytes);
            sent.bytes > 2 * MIB as u64
        });
        is_enough.await;
    }
    let ports = |(page, _): &(Page, _)| Road::ALL.map(|road| page.address(road));
    let addresses: Vec<_> = visits.iter().flat_map(ports).collect();
    drop(visits);
    let given_back = async {
        for address in addresses {
            while TcpStream::connect(&address).await.is_ok() {}
        }
        while Handle::current().metrics().num_alive_tasks() > tasks_before {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, given_back).await.expect("ports are closed, and tasks are gone");
    bytes_most
}

#[tokio::test]
async fn eight_visits_on_slow_lines_hold_little_and_give_it_back() {
    let _alone = ALONE.lock().await;
    let _profiler = Profiler::builder().testing().build();
    let lab = lab().await;
    let (tasks_before, _) = timeout(PATIENCE, settled()).await.expect("it settles");
    // What is made once is made, and what grows once has grown.
    eight_visits(&lab, tasks_before).await;
    let (_, bytes_before) = timeout(PATIENCE, settled()).await.expect("it settles");
    let bytes = eight_visits(&lab, tasks_before).await - bytes_before;
    let bytes_max = VISITS * (Road::ALL.len() * ROAD_BYTES_MAX + VISIT_BYTES_MAX);
    let (_, bytes_after) = timeout(PATIENCE, settled()).await.expect("it settles");
    let left = bytes_after.saturating_sub(bytes_before);
    eprintln!("{VISITS} visits hold {bytes} bytes of at most {bytes_max}, and leave {left}");
    assert!(bytes <= bytes_max, "{bytes} of {bytes_max} bytes");
    assert!(left <= POOLED_BYTES + 16 * KIB, "{left} bytes are left");
}
