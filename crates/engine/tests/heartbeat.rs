//! Pings, pongs and their deadlines (SOCKETIO_SURFACE A1.6), on a paused clock.

mod common;

use std::time::Duration;

use common::{Host, WebSocket};
use sockeye_engine::{CloseReason, Config};
use tokio::time::{Instant, advance, sleep};

fn config() -> Config {
    Config {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        ..Config::default()
    }
}

/// That the time since `start` is this, but for the few milliseconds timers may be late.
#[track_caller]
fn assert_elapsed(start: Instant, milliseconds: u64) {
    let elapsed = start.elapsed();
    let expected = Duration::from_millis(milliseconds);
    assert!(elapsed >= expected, "{elapsed:?}");
    assert!(elapsed <= expected + Duration::from_millis(5), "{elapsed:?}");
}

async fn ping(socket: &mut WebSocket) {
    assert_eq!(socket.text().await, "2");
}

#[tokio::test(start_paused = true)]
async fn pings_come_an_interval_after_the_opening_and_after_each_pong() {
    let host = Host::memory(config());
    let mut socket = host.open_websocket().await;
    let mut start = Instant::now();
    for _ in 0..3 {
        ping(&mut socket).await;
        assert_elapsed(start, 300);
        sleep(Duration::from_millis(50)).await;
        socket.send("3").await;
        start = Instant::now();
    }
}

#[tokio::test(start_paused = true)]
async fn a_parked_poll_carries_the_ping() {
    let host = Host::memory(config());
    let sid = host.open().await;
    let mut start = Instant::now();
    for _ in 0..3 {
        assert_eq!(host.poll(&sid).await.text(), "2");
        assert_elapsed(start, 300);
        assert_eq!(host.post(&sid, "3").await.text(), "ok");
        start = Instant::now();
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_pong_ends_a_websocket_session() {
    let host = Host::memory(config());
    let mut socket = host.open_websocket().await;
    let start = Instant::now();
    ping(&mut socket).await;
    assert_eq!(socket.close_code().await, 1005);
    assert_elapsed(start, 500);
    let sid = host.app.sids().remove(0);
    assert_eq!(host.app.closed(&sid).await, CloseReason::PingTimeout);
    assert_eq!(host.engine.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_missing_pong_ends_a_polling_session_and_the_poll_is_told() {
    let host = Host::memory(config());
    let sid = host.open().await;
    let start = Instant::now();
    assert_eq!(host.poll(&sid).await.text(), "2");
    assert_eq!(host.poll(&sid).await.text(), "1");
    assert_elapsed(start, 500);
    assert_eq!(host.app.closed(&sid).await, CloseReason::PingTimeout);
    host.assert_gone(&sid).await;
}

#[tokio::test(start_paused = true)]
async fn a_poll_after_exactly_interval_and_timeout_is_too_late() {
    let host = Host::memory(config());
    let sid = host.open().await;
    advance(Duration::from_millis(499)).await;
    assert_eq!(host.poll(&sid).await.text(), "2");

    // The timer has not fired yet when this request is looked at: time is judged by the clock.
    let sid = host.open().await;
    advance(Duration::from_millis(500)).await;
    host.assert_gone(&sid).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_after_the_ping_extends_the_deadline_once() {
    let host = Host::memory(config());
    let mut socket = host.open_websocket().await;
    let start = Instant::now();
    ping(&mut socket).await;
    sleep(Duration::from_millis(150)).await;
    socket.send("4quiet:a").await;
    sleep(Duration::from_millis(150)).await;
    socket.send("4quiet:b").await;
    assert_eq!(socket.close_code().await, 1005);
    assert_elapsed(start, 650);
}

#[tokio::test(start_paused = true)]
async fn a_busy_handler_does_not_cost_its_client_the_session() {
    let host = Host::memory(config());
    let mut socket = host.open_websocket().await;
    let sid = host.app.sids().remove(0);
    socket.send_all(&["4hold", "4behind"]).await;
    ping(&mut socket).await;
    socket.send("3").await;
    sleep(Duration::from_secs(5)).await;
    host.app.release(&sid);
    assert_eq!(socket.text().await, "4behind");
    let start = Instant::now();
    // The pong was there all the time; the next ping counts from when it was read.
    ping(&mut socket).await;
    assert_elapsed(start, 300);
    // Without a pong the session ends as ever.
    assert_eq!(socket.close_code().await, 1005);
    assert_elapsed(start, 500);
}

#[tokio::test(start_paused = true)]
async fn unasked_pongs_do_no_harm() {
    let host = Host::memory(config());
    let mut socket = host.open_websocket().await;
    for _ in 0..1000 {
        socket.send("3").await;
    }
    sleep(Duration::from_millis(100)).await;
    socket.send("3").await;
    let start = Instant::now();
    ping(&mut socket).await;
    assert_elapsed(start, 300);
    socket.send("3").await;
    socket.send("4x").await;
    assert_eq!(socket.text().await, "4x");
}

#[tokio::test(start_paused = true)]
async fn the_heartbeat_survives_an_upgrade() {
    let host = Host::memory(config());
    let sid = host.open().await;
    let start = Instant::now();
    sleep(Duration::from_millis(250)).await;
    let mut socket = host.probe(&sid).await;
    socket.send_all(&["2probe", "5"]).await;
    assert_eq!(socket.text().await, "3probe");
    ping(&mut socket).await;
    assert_elapsed(start, 300);
    socket.send("3").await;
    ping(&mut socket).await;
    assert_elapsed(start, 600);
}

#[tokio::test(start_paused = true)]
async fn long_timers_are_late_by_a_256th_at_most() {
    let host = Host::memory(Config::default());
    sleep(Duration::from_millis(1234)).await;
    let mut socket = host.open_websocket().await;
    let start = Instant::now();
    ping(&mut socket).await;
    let late = start.elapsed() - Duration::from_secs(25);
    assert!(late <= Duration::from_millis(25_000 / 256 + 1), "{late:?}");
}

#[tokio::test]
async fn websocket_pings_are_answered_and_are_no_heartbeat() {
    let host = Host::tcp(config()).await;
    let mut socket = host.open_websocket().await;
    // An empty ping, then one with data, masked with zeros.
    socket.peer.send(&[0x89, 0x80, 0, 0, 0, 0]).await;
    assert_eq!(socket.receive().await, common::Received::Pong(vec![]));
    socket.peer.send(&[0x89, 0x82, 0, 0, 0, 0, b'h', b'i']).await;
    assert_eq!(socket.receive().await, common::Received::Pong(b"hi".to_vec()));
    ping(&mut socket).await;
}
