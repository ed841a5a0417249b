//! Closing, from either side and by shutdown (SOCKETIO_SURFACE A1.8).

mod common;

use std::time::Duration;

use common::{Heard, Host, Received};
use sockeye_engine::{CloseReason, Config, Pushed};
use tokio::time::Instant;

#[tokio::test]
async fn closing_flushes_then_tells_the_parked_poll() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let poll = host.start("GET", &Host::url(&sid), &[], b"").await;
    host.parked(&sid).await;
    let session = host.app.session(&sid);
    session.send("last", &[]);
    session.close(CloseReason::ForcedClose);
    assert_eq!(session.send("too late", &[]), Pushed::Closed);
    assert!(session.is_closed());
    // Official clients act on `1` before on what came with it: it goes with the next poll, which the
    // official server answers with a noop first.
    assert_eq!(poll.response().await.text(), "4last");
    assert_eq!(host.poll(&sid).await.text(), "6\x1e1");
    assert_eq!(host.app.closed(&sid).await, CloseReason::ForcedClose);
    host.assert_gone(&sid).await;
}

#[tokio::test]
async fn closing_waits_for_the_next_poll() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let session = host.app.session(&sid);
    session.send("last", &[]);
    session.close(CloseReason::ForcedServerClose);
    // The handler knows at once; the client when it polls.
    assert_eq!(host.app.closed_reason(&sid).await, CloseReason::ForcedServerClose);
    host.post(&sid, "4ignored").await;
    assert_eq!(host.poll(&sid).await.text(), "4last");
    assert_eq!(host.poll(&sid).await.text(), "6\x1e1");
    host.assert_gone(&sid).await;
    assert!(!host.app.heard(&sid).contains(&Heard::Text("ignored".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn closing_over_polling_ends_after_thirty_seconds() {
    let config = Config { ping_interval: Duration::from_secs(60), ..Config::default() };
    let host = Host::memory(config);
    let sid = host.open().await;
    host.app.session(&sid).close(CloseReason::ForcedClose);
    let start = Instant::now();
    host.app.closed(&sid).await;
    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_secs(30), "{elapsed:?}");
    assert!(elapsed < Duration::from_millis(30_200), "{elapsed:?}");
    assert_eq!(host.engine.sessions(), 0);
}

#[tokio::test]
async fn closing_a_websocket_flushes_then_sends_a_close_frame() {
    let host = Host::tcp(Config::default()).await;
    let mut socket = host.open_websocket().await;
    socket.send_all(&["4one", "4close", "4ignored"]).await;
    assert_eq!(socket.text().await, "4one");
    assert_eq!(socket.receive().await, Received::Close(1005, String::new()));
    assert_eq!(socket.receive().await, Received::End);
    let sid = host.app.sids().remove(0);
    assert_eq!(host.app.closed(&sid).await, CloseReason::ForcedServerClose);
    assert!(!host.app.heard(&sid).contains(&Heard::Text("ignored".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_answer_the_close_frame_is_dropped() {
    let host = Host::memory(Config::default());
    let socket = host.open_websocket().await;
    let sid = host.app.sids().remove(0);
    let start = Instant::now();
    host.app.session(&sid).close(CloseReason::ForcedClose);
    host.app.closed(&sid).await;
    assert_eq!(host.engine.sessions(), 0, "the session is over at once");
    host.engine.shutdown(CloseReason::ServerShutdown).await;
    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_secs(5), "{elapsed:?}");
    assert!(elapsed < Duration::from_millis(5100), "{elapsed:?}");
    drop(socket);
}

#[tokio::test]
async fn a_close_frame_is_answered_and_ends_the_session() {
    let host = Host::tcp(Config::default()).await;
    let mut socket = host.open_websocket().await;
    socket.close().await;
    assert_eq!(socket.receive().await, Received::Close(1000, String::new()));
    assert_eq!(socket.receive().await, Received::End);
    let sid = host.app.sids().remove(0);
    assert_eq!(host.app.closed(&sid).await, CloseReason::TransportClose);
}

#[tokio::test]
async fn the_end_of_the_stream_ends_the_session() {
    let host = Host::tcp(Config::default()).await;
    let socket = host.open_websocket().await;
    drop(socket);
    let sid = host.app.sids().remove(0);
    assert_eq!(host.app.closed(&sid).await, CloseReason::TransportClose);
    assert_eq!(host.engine.sessions(), 0);
}

#[tokio::test]
async fn shutdown_closes_everybody_and_refuses_newcomers() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let poll = host.start("GET", &Host::url(&sid), &[], b"").await;
    host.parked(&sid).await;
    let mut socket = host.open_websocket().await;
    let engine = host.engine.clone();
    let shutdown = tokio::spawn(async move { engine.shutdown(CloseReason::ServerShutdown).await });
    assert_eq!(poll.response().await.text(), "1");
    assert_eq!(socket.close_code().await, 1005);
    drop(socket);
    shutdown.await.unwrap();
    for sid in host.app.sids() {
        assert_eq!(host.app.closed(&sid).await, CloseReason::ServerShutdown);
    }
    host.get("/engine.io/?EIO=4&transport=polling").await.assert_empty(503);
    assert_eq!(host.engine.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_clients_that_cannot_be_told() {
    let host = Host::memory(Config::default());
    let sid = host.open().await;
    host.app.session(&sid).send("nobody fetches this", &[]);
    let start = Instant::now();
    host.engine.shutdown(CloseReason::ServerShutdown).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(host.app.closed(&sid).await, CloseReason::ServerShutdown);
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_long_for_clients_that_do_not_come_back() {
    let host = Host::memory(Config::default());
    let sid = host.open().await;
    let poll = host.start("GET", &Host::url(&sid), &[], b"").await;
    host.parked(&sid).await;
    host.app.session(&sid).send("last", &[]);
    let start = Instant::now();
    host.engine.shutdown(CloseReason::ServerShutdown).await;
    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_secs(5), "{elapsed:?}");
    assert!(elapsed < Duration::from_secs(6), "{elapsed:?}");
    assert_eq!(poll.response().await.text(), "4last");
    assert_eq!(host.app.closed(&sid).await, CloseReason::ServerShutdown);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_has_a_deadline() {
    let host = Host::memory(Config { body_timeout: Duration::from_secs(3), ..Config::default() });
    let sid = host.open().await;
    let length = [("content-length", "10")];
    let post = host.start("POST", &Host::url(&sid), &length, b"4abc").await;
    let start = Instant::now();
    post.response().await.assert_empty(408);
    assert!(start.elapsed() >= Duration::from_secs(3));
    assert_eq!(host.app.closed(&sid).await, CloseReason::TransportError);
}

#[tokio::test(start_paused = true)]
async fn abandoned_sessions_are_reclaimed() {
    let host = Host::memory(Config::default());
    for step in 0..4 {
        let sid = host.open().await;
        let mut kept = Vec::new();
        if step > 0 {
            kept.push(host.probe(&sid).await);
        }
        if step > 1 {
            kept[0].send("2probe").await;
            kept[0].text().await;
        }
        if step > 2 {
            kept[0].send("5").await;
        }
        host.app.closed(&sid).await;
        assert_eq!(host.app.closed_reason(&sid).await, CloseReason::PingTimeout, "step {step}");
    }
    assert_eq!(host.engine.sessions(), 0);
}
