//! How missed events are sent: right after the reply and with it, all or none.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::recovering::{Setup, cut, events};
use common::{Client, request, until, with_sync};
use sockeye::engine::OverflowPolicy;
use sockeye::{Args, Binary, Config, Namespace, RecoveryConfig, Server, Socket};
use sockeye_testing::TestServer;
use sockeye_testing::raw::Peer;
use tokio::io::AsyncReadExt;
use tokio::sync::{Barrier, Semaphore};
use tokio::time::sleep;

fn recovering() -> Config {
    Config { recovery: Some(RecoveryConfig::default()), ..Config::default() }
}

fn in_memory(config: Config) -> TestServer {
    TestServer::new(Server::builder().config(config).build().unwrap())
}

/// A session over polling that has joined `/` with this `auth`: the answer to its first poll after
/// that, and its id.
async fn join_by_polling(server: &TestServer, auth: &str) -> (String, String) {
    let open = request(server, "GET", "", "").await;
    let open: serde_json::Value = serde_json::from_str(&open[1..]).unwrap();
    let sid = format!("&sid={}", open["sid"].as_str().unwrap());
    assert_eq!(request(server, "POST", &sid, &format!("40{auth}")).await, "ok");
    (request(server, "GET", &sid, "").await, sid)
}

/// The private id in a reply, and the claim of it.
fn claim(reply: &str) -> String {
    let pid = reply.split("\"pid\":\"").nth(1).unwrap()[..20].to_owned();
    format!(r#"{{"pid":"{pid}"}}"#)
}

/// Ends a session over polling as a lost connection does.
async fn lose_poll(server: &TestServer, sid: &str) {
    let (stream, wire) = server.open();
    let mut peer = Peer::new(stream);
    peer.get(&format!("/socket.io/?EIO=4&transport=polling{sid}")).await;
    sleep(Duration::from_millis(1)).await;
    wire.cut();
    until(|| server.server().sessions() == 0).await;
}

#[tokio::test]
async fn the_reply_and_what_was_missed_are_one_write() {
    let setup = Setup::new(recovering(), [with_sync(Namespace::new("/"))]).await;
    let (client, _) = setup.connect("").await;
    let auth = client.auth("");
    setup.lose(client).await;
    for n in 0..50 {
        setup.io().emit("n", &n).unwrap();
    }
    let peer = Peer::new(tokio::net::TcpStream::connect(setup.address).await.unwrap());
    let opened = peer.upgrade("/socket.io/?EIO=4&transport=websocket", &[]).await;
    let mut socket = opened.unwrap();
    assert!(socket.text().await.starts_with("0{"));
    socket.send(&format!("40{auth}")).await;
    let mut buffer = vec![0; 1 << 16];
    let read = socket.peer.read(&mut buffer).await.unwrap();
    let text = String::from_utf8_lossy(&buffer[..read]);
    let packets: Vec<_> = text.match_indices("42[\"n\",").collect();
    assert_eq!(packets.len(), 50, "{text}");
    assert!(text.find("40{\"sid\"").unwrap() < packets[0].0, "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_reply_and_what_was_missed_are_one_poll() {
    let server = in_memory(recovering());
    let (reply, sid) = join_by_polling(&server, "").await;
    lose_poll(&server, &sid).await;
    let io = server.server().io();
    io.emit("n", &1).unwrap();
    io.emit("n", &Args((2, Binary(vec![2].into())))).unwrap();
    io.emit("n", &3).unwrap();
    let (payload, _) = join_by_polling(&server, &claim(&reply)).await;
    let packets: Vec<_> = payload.split('\x1e').collect();
    assert_eq!(packets[0], reply, "the same ids");
    assert_eq!(cut(packets[1]).0, r#"42["n",1]"#);
    assert!(packets[2].starts_with(r#"451-["n",2,{"#), "{}", packets[2]);
    assert_eq!(packets[3], "bAg==");
    assert_eq!(cut(packets[4]).0, r#"42["n",3]"#);
    assert_eq!(packets.len(), 5);
}

/// How a return ends after so many missed events of so many bytes, with the limits of the queue.
async fn outcome(
    (packets_max, bytes_max): (u32, usize),
    overflow: OverflowPolicy,
    missed: impl Fn(&Socketless),
) -> [Option<String>; 2] {
    let mut config = recovering();
    config.engine.queued_packets_max = packets_max;
    config.engine.queued_bytes_max = bytes_max;
    config.engine.overflow = overflow;
    let server = in_memory(config);
    let io = Socketless(server.server().clone());
    // Over polling.
    let (reply, sid) = join_by_polling(&server, "").await;
    lose_poll(&server, &sid).await;
    missed(&io);
    let (payload, sid) = join_by_polling(&server, &claim(&reply)).await;
    let by_polling = failure(&payload);
    assert_eq!(server.server().sessions(), 1, "it lives");
    lose_poll(&server, &sid).await;
    // On a WebSocket.
    let mut client = server.connect().await;
    client.wire().cut();
    sleep(Duration::from_millis(1)).await;
    missed(&io);
    client.reconnect().await.unwrap();
    let by_websocket = client.recovery_failure().map(str::to_owned);
    assert_eq!(client.recovered(), by_websocket.is_none());
    sleep(Duration::from_millis(1)).await;
    assert_eq!(server.server().sessions(), 1, "it lives");
    if by_websocket.is_some() {
        client.expect_no_event().await;
    }
    // A new session is as good as any other.
    io.0.io().emit("after", &1).unwrap();
    while client.next_event().await.unwrap().name != "after" {}
    [by_polling, by_websocket]
}

/// A server whose clients are away.
struct Socketless(Server);

fn failure(payload: &str) -> Option<String> {
    let reply = payload.split('\x1e').next().unwrap();
    let reply: serde_json::Value = serde_json::from_str(&reply[2..]).unwrap();
    reply["recovery"].as_str().map(str::to_owned)
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_the_queue_is_a_new_session_that_is_told_so() {
    let truncated = || [Some("log_truncated".to_owned()), Some("log_truncated".to_owned())];
    for overflow in [OverflowPolicy::Disconnect, OverflowPolicy::DropNewest] {
        for missed in 3..8_u32 {
            let emit = |io: &Socketless| {
                (0..missed).for_each(|n| io.0.io().emit("n", &n).unwrap());
            };
            let expected = if missed <= 5 { [None, None] } else { truncated() };
            assert_eq!(outcome((5, 1 << 20), overflow, emit).await, expected, "{missed} missed");
        }
        // Attachments are packets.
        for attachments in 1..5 {
            let emit = |io: &Socketless| {
                let data = vec![Binary(vec![1].into()); attachments];
                io.0.io().emit("n", &0).unwrap();
                io.0.io().emit("n", &Args((data, 1))).unwrap();
            };
            let expected = if attachments <= 3 { [None, None] } else { truncated() };
            assert_eq!(outcome((5, 1 << 20), overflow, emit).await, expected, "{attachments}");
        }
        // `2["n","xxx…","<epoch>.<n>"]`
        let bytes = 2 * (r#"2["n","","12345678901234567890.1"]"#.len() + 1_000);
        for (more, fits) in [(0, true), (1, false), (1_000, false)] {
            let emit = |io: &Socketless| {
                io.0.io().emit("n", &"x".repeat(1_000)).unwrap();
                io.0.io().emit("n", &"x".repeat(1_000 + more)).unwrap();
            };
            let expected = if fits { [None, None] } else { truncated() };
            assert_eq!(outcome((100, bytes), overflow, emit).await, expected, "{more} more");
        }
    }
}

/// The limits as they are by default: as many as the log keeps.
#[tokio::test(start_paused = true)]
async fn ten_thousand_missed_events_come_over_polling() {
    let server = in_memory(recovering());
    let (reply, sid) = join_by_polling(&server, "").await;
    lose_poll(&server, &sid).await;
    for n in 0..10_000 {
        server.server().io().emit("n", &n).unwrap();
    }
    let (payload, sid) = join_by_polling(&server, &claim(&reply)).await;
    assert_eq!(failure(&payload), None);
    let missed = payload.split('\x1e').skip(1).map(str::to_owned).collect::<Vec<_>>();
    let expected = (0..10_000).map(|n| format!(r#"42["n",{n}]"#)).collect::<Vec<_>>();
    assert!(events(&missed) == expected, "{} came", missed.len());
    lose_poll(&server, &sid).await;
    server.server().io().emit("n", &10_000).unwrap();
    let (payload, _) = join_by_polling(&server, &claim(&reply)).await;
    assert_eq!(failure(&payload).as_deref(), Some("log_truncated"), "it said no offset");
    assert_eq!(payload.split('\x1e').count(), 1);
}

/// What the connect handler sends is not to end a session over polling either.
#[tokio::test(start_paused = true)]
async fn what_is_held_back_has_room_behind_the_reply() {
    for recovery in [None, Some(RecoveryConfig::default())] {
        let mut config = Config { recovery, ..Config::default() };
        config.engine.queued_packets_max = 3;
        let root = Namespace::new("/").on_connect(async |socket: Socket| {
            (1..=3).for_each(|n| socket.emit("n", &n).unwrap());
        });
        let server = Server::builder().config(config).namespace(root).build().unwrap();
        let server = TestServer::new(server);
        let (payload, _) = join_by_polling(&server, "").await;
        let packets: Vec<_> = payload.split('\x1e').collect();
        assert!(packets[0].starts_with("40{"), "{payload}");
        let is_right = (1..=3).all(|n| packets[n].starts_with(&format!(r#"42["n",{n}"#)));
        assert!(packets.len() == 4 && is_right, "{payload}");
    }
}

/// A connection that is lost again while the connect handler runs costs the session nothing.
#[tokio::test]
async fn who_is_lost_again_before_the_reply_can_come_back() {
    let gate = Arc::new(Semaphore::new(1));
    let (waits, let_in) = (Arc::clone(&gate), Arc::clone(&gate));
    let admit = move |_: Socket| {
        let gate = Arc::clone(&waits);
        async move { gate.acquire().await.unwrap().forget() }
    };
    let setup = Setup::new(recovering(), [with_sync(Namespace::new("/").on_connect(admit))]).await;
    let (client, _) = setup.connect("").await;
    let (auth, sid) = (client.auth(""), client.sid.clone());
    setup.lose(client).await;
    setup.io().emit("n", &1).unwrap();
    for _ in 0..3 {
        let mut lost = common::Client::open(setup.address).await;
        lost.send(&format!("40{auth}")).await;
        until(|| setup.server.sessions() == 1).await;
        drop(lost);
        setup.gone().await;
    }
    let_in.add_permits(10);
    let (client, missed) = setup.connect(&auth).await;
    assert_eq!((client.failure.as_str(), &client.sid), ("", &sid));
    assert_eq!(events(&missed), [r#"42["n",1]"#]);
}

/// On several threads, with connections that are lost unnoticed and noticed: whoever returns at any
/// moment gets every event once.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn returns_at_any_moment_miss_nothing() {
    const RETURNS: u64 = 40;
    const CLIENTS: usize = 6;
    let setup = Arc::new(Setup::new(recovering(), [with_sync(Namespace::new("/"))]).await);
    // How far each client is; the sender is not far ahead of the slowest.
    let progress: Arc<[AtomicU64; CLIENTS]> = Arc::default();
    let are_all_here = Arc::new(Barrier::new(CLIENTS + 1));
    let returning = |id: usize| {
        let (setup, progress) = (Arc::clone(&setup), Arc::clone(&progress));
        let are_all_here = Arc::clone(&are_all_here);
        async move {
            let (mut client, mut last) = (Client::open(setup.address).await, None);
            let mut auth = String::new();
            for round in 0..RETURNS {
                client.send(&format!("40{auth}")).await;
                let reply = client.text().await;
                let failed = reply.contains("\"recovery\"");
                assert!(!failed && reply.starts_with("40{"), "{reply} in round {round}");
                if round == 0 {
                    are_all_here.wait().await;
                }
                for _ in 0..1 + (id as u64 * 7 + round * 13) % 23 {
                    let text = client.text().await;
                    let (event, offset) = cut(&text);
                    if let Some(number) = event.strip_prefix(r#"42["n","#) {
                        let number: u64 = number.trim_end_matches(']').parse().unwrap();
                        assert!(last.is_none_or(|last| last + 1 == number), "{number} {last:?}");
                        last = Some(number);
                        progress[id].store(number, Ordering::Relaxed);
                    }
                    let pid = &claim(&reply);
                    auth = format!(r#"{},"offset":"{offset}"}}"#, pid.trim_end_matches('}'));
                }
                if round % 2 == 0 {
                    client.hang_up().await;
                }
                let before = std::mem::replace(&mut client, Client::open(setup.address).await);
                drop(before);
            }
            progress[id].store(u64::MAX, Ordering::Relaxed);
        }
    };
    let clients: Vec<_> = (0..CLIENTS).map(|id| tokio::spawn(returning(id))).collect();
    are_all_here.wait().await;
    let sender = std::thread::spawn({
        let (io, progress) = (setup.io(), Arc::clone(&progress));
        move || {
            for n in 1_u64.. {
                let slowest =
                    || progress.iter().map(|it| it.load(Ordering::Relaxed)).min().unwrap();
                while n > slowest().saturating_add(300) {
                    std::thread::yield_now();
                }
                if slowest() == u64::MAX {
                    return;
                }
                io.emit("n", &n).unwrap();
                io.volatile().emit("now", &n).unwrap();
            }
        }
    });
    for client in clients {
        client.await.unwrap();
    }
    sender.join().unwrap();
}
