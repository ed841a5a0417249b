//! Clients that take nothing any more are given up, whatever else they send; slow ones live.

mod common;

use std::time::Duration;

use common::{Echo, Heard, Host};
use sockeye_engine::{CloseDetail, CloseReason, Config, Session};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep};

/// More than the buffers in between hold.
const LARGE: usize = 1024 * 1024;

fn only_session(app: &Echo) -> Session {
    let sids = app.sids();
    assert_eq!(sids.len(), 1);
    app.session(&sids[0])
}

/// The clock is wound on whenever everybody waits, and a write that was refused waits at first until
/// the kernel is asked.
#[track_caller]
fn assert_elapsed(since: Instant, timeout: Duration) {
    let elapsed = since.elapsed();
    assert!(elapsed >= timeout && elapsed <= timeout + timeout / 8, "{elapsed:?}");
}

/// Pongs are no sign of life while the ping they pretend to answer waits in the queue.
#[tokio::test(start_paused = true)]
async fn a_websocket_that_sends_blind_pongs_and_reads_nothing() {
    let host = Host::memory(Config::default());
    let mut socket = host.open_websocket().await;
    let session = only_session(&host.app);
    session.send(&"x".repeat(LARGE), &[]);
    let start = Instant::now();
    let pongs = async {
        loop {
            sleep(Duration::from_secs(1)).await;
            socket.send("3").await;
        }
    };
    let sid = session.id().to_string();
    let reason = tokio::select! {
        reason = host.app.closed(&sid) => reason,
        () = pongs => unreachable!("without an end"),
    };
    assert_elapsed(start, Config::default().write_timeout);
    assert_eq!(reason, CloseReason::TransportError);
    assert_eq!(session.close_detail(), Some(CloseDetail::WriteTimeout));
}

/// The same while only the heartbeat waits, which goes on for as long as the kernels take it.
#[tokio::test(start_paused = true)]
async fn the_time_is_the_one_that_was_set() {
    let timeout = Duration::from_secs(7);
    let host = Host::memory(Config { write_timeout: timeout, ..Config::default() });
    let socket = host.open_websocket().await;
    let session = only_session(&host.app);
    session.send(&"x".repeat(LARGE), &[]);
    let start = Instant::now();
    host.app.closed(session.id().as_str()).await;
    assert_elapsed(start, timeout);
    drop(socket);
}

/// It reads a little each time before it would be given up: for minutes, in which the heartbeat
/// waits behind what it reads, and it gets everything.
#[tokio::test(start_paused = true)]
async fn a_slow_reader_lives() {
    let host = Host::memory(Config::default());
    let mut socket = host.open_websocket().await;
    let session = only_session(&host.app);
    let text = "x".repeat(LARGE);
    session.send(&text, &[]);
    let mut received = Vec::new();
    for _ in 0..10 {
        sleep(Duration::from_secs(29)).await;
        let mut some = [0; 100];
        socket.peer.read_exact(&mut some).await.unwrap();
        received.extend_from_slice(&some);
    }
    assert_eq!(session.close_detail(), None);
    let mut rest = vec![0; LARGE + 1 + 10 - received.len()];
    socket.peer.read_exact(&mut rest).await.unwrap();
    received.extend_from_slice(&rest);
    assert!(received[11..].iter().all(|byte| *byte == b'x'), "behind the header and the `4`");
    // The ping was behind it, and its pong counts.
    assert_eq!(socket.text().await, "2");
    socket.send("3").await;
    socket.send("4still here").await;
    assert_eq!(socket.text().await, "4still here");
    assert!(!host.app.heard(session.id().as_str()).contains(&Heard::Dropped));
}

/// From when the ping has left, its pong has the usual time.
#[tokio::test(start_paused = true)]
async fn a_late_ping_wants_its_pong_as_well() {
    let host = Host::memory(Config::default());
    let mut socket = host.open_websocket().await;
    let session = only_session(&host.app);
    session.send(&"x".repeat(LARGE), &[]);
    sleep(Duration::from_secs(20)).await;
    let mut some = vec![0; 512 * 1024];
    socket.peer.read_exact(&mut some).await.unwrap();
    sleep(Duration::from_secs(20)).await;
    let mut rest = vec![0; LARGE + 11 - some.len()];
    socket.peer.read_exact(&mut rest).await.unwrap();
    assert_eq!(socket.text().await, "2");
    let start = Instant::now();
    assert_eq!(host.app.closed(session.id().as_str()).await, CloseReason::PingTimeout);
    assert_elapsed(start, Config::default().ping_timeout);
}

/// The same over real sockets, where the kernel is asked.
#[tokio::test]
async fn over_tcp() {
    let timeout = Duration::from_secs(9);
    let host = Host::tcp(Config { write_timeout: timeout, ..Config::default() }).await;
    let socket = host.open_websocket().await;
    let session = only_session(&host.app);
    session.send(&"x".repeat(15 * LARGE), &[]);
    tokio::time::pause();
    let start = Instant::now();
    let reason = host.app.closed(session.id().as_str()).await;
    let elapsed = start.elapsed();
    assert!(elapsed >= timeout / 2 && elapsed < timeout * 2, "{elapsed:?}");
    assert_eq!(reason, CloseReason::TransportError);
    assert_eq!(session.close_detail(), Some(CloseDetail::WriteTimeout));
    drop(socket);
}
