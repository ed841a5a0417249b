//! What presence keeps is what it counts, and nothing when nobody is present. Alone in its file: the
//! count is the process's.

use std::time::Duration;

use sockeye::{Namespace, PresenceRules, Server, Socket};
use sockeye_testing::TestServer;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const PEOPLE: usize = 2_000;
/// What each counts for beside its texts: `PresenceRules::bytes_max` says so.
const SEAT_BYTES: usize = 1024;
/// What a socket holds that was present once.
const LEFT_BYTES_MAX: usize = 256;

fn bytes_since(before: usize) -> usize {
    dhat::HeapStats::get().curr_bytes.saturating_sub(before)
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_no_more_than_what_is_counted() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let rules = PresenceRules::default().silent();
    let namespace = Namespace::new("/").presence(rules);
    let server = TestServer::new(Server::builder().namespace(namespace).build().expect("a server"));
    let mut clients = Vec::new();
    for _ in 0..PEOPLE {
        clients.push(server.connect().await);
    }
    let io = server.server().io();
    let sockets = io.sockets();
    let presence = io.presence("lobby");
    let metadata = "x".repeat(100);
    let texts = metadata.len() + "user 1234".len() + "lobby".len();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = dhat::HeapStats::get().curr_bytes;
    for (n, socket) in sockets.iter().enumerate() {
        presence.join(socket, format!("user {n}"), &metadata).expect("within limits");
    }
    let waiting = bytes_since(before) / PEOPLE;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let published = bytes_since(before) / PEOPLE;
    // Other metadata, beside those that are known until the change is sent.
    for socket in &sockets {
        presence.update(socket, &format!("{metadata}!")).expect("it is present");
    }
    let changed = bytes_since(before) / PEOPLE;
    tokio::time::sleep(Duration::from_secs(1)).await;
    for socket in &sockets {
        assert!(presence.leave(socket));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let left = bytes_since(before) / PEOPLE;
    eprintln!("{waiting} bytes, {published} published, {changed} changed, {left} having left");
    assert!(waiting <= SEAT_BYTES + texts && published <= waiting, "{waiting}, {published}");
    assert!(changed <= 2 * (SEAT_BYTES + texts), "{changed}: both are counted");
    assert!(left <= LEFT_BYTES_MAX, "{left} bytes");
    sockets.iter().for_each(Socket::disconnect);
    drop(sockets);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(presence.count().await, 0);
}
