//! Limits on what one client may have and do. Those of the outbox are in `outbox.rs`.

mod common;

use std::time::Duration;

use common::{Host, Received};
use sockeye_engine::{CloseDetail, CloseReason, Config, Hooks, OverflowPolicy, Pushed, Rejection};
use tokio::time::Instant;

const OPEN: &str = "/engine.io/?EIO=4&transport=polling";

#[tokio::test]
async fn an_address_has_so_many_sessions() {
    let host = Host::tcp(Config {
        sessions_per_address_max: Some(2),
        trusted_proxies: "127.0.0.0/8".parse().unwrap(),
        ..Config::default()
    })
    .await;
    let open =
        async |address: &str| host.request("GET", OPEN, &[("x-forwarded-for", address)], b"").await;
    let first = open("2001:db8::1").await;
    assert_eq!(first.status, 200);
    let headers = [("x-forwarded-for", "2001:db8::2")];
    let websocket = "/engine.io/?EIO=4&transport=websocket";
    let second = host.websocket_with(websocket, &headers).await.unwrap();
    open("2001:db8::3").await.assert_refused(4, "Too many sessions");
    let refused = host.websocket_with(websocket, &headers).await.err().unwrap();
    refused.assert_upgrade_refused("Too many sessions");
    // Others do not notice.
    assert_eq!(open("2001:db8:0:1::1").await.status, 200);
    assert_eq!(open("203.0.113.1").await.status, 200);

    // A place is free as soon as its session is over.
    let sid = common::sid(&first.text()[1..]);
    assert_eq!(host.post(&sid, "1").await.status, 200);
    host.app.closed(&sid).await;
    let third = loop {
        // The task that holds it may end a moment after its handler.
        let response = open("2001:db8::4").await;
        if response.status == 200 {
            break response;
        }
        tokio::task::yield_now().await;
    };
    open("2001:db8::5").await.assert_refused(4, "Too many sessions");
    drop((second, third));
}

#[tokio::test(start_paused = true)]
async fn a_session_may_bring_so_many_packets_in_a_second() {
    let config = || Config { packets_per_second_max: Some(3), ..Config::default() };
    let host = Host::memory(config());
    let sid = host.open().await;
    for _ in 0..2 {
        assert_eq!(host.post(&sid, "4a\x1e4b\x1e4c").await.status, 200);
        assert_eq!(host.poll(&sid).await.text(), "4a\x1e4b\x1e4c");
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(host.post(&sid, "4a\x1e4b\x1e4c\x1e4d").await.status, 200);
    assert_eq!(host.app.closed(&sid).await, CloseReason::TransportError);
    let rate = CloseDetail::PacketRate { limit: 3 };
    assert_eq!(host.app.session(&sid).close_detail(), Some(rate));
    host.assert_gone(&sid).await;

    // On a WebSocket pings count as well, and the peer is told which rule it broke.
    let host = Host::memory(config());
    let mut socket = host.open_websocket().await;
    socket.send_all(&["4a", "4b"]).await;
    socket.peer.send(b"\x89\x80\x01\x02\x03\x04").await;
    assert_eq!(socket.text().await, "4a");
    assert_eq!(socket.text().await, "4b");
    assert_eq!(socket.receive().await, Received::Pong(Vec::new()));
    socket.send("4c").await;
    assert_eq!(socket.close_code().await, 1008);
    let sid = host.app.sids().remove(0);
    host.app.closed(&sid).await;
    assert_eq!(host.app.session(&sid).close_detail(), Some(rate));
}

#[tokio::test]
async fn what_goes_beyond_may_be_dropped_instead() {
    let host = Host::memory(Config {
        overflow: OverflowPolicy::DropNewest,
        queued_packets_max: 2,
        ..Config::default()
    });
    let sid = host.open().await;
    let session = host.app.session(&sid);
    assert_eq!(session.send("a", &[]), Pushed::Queued);
    assert_eq!(session.send("b", &[]), Pushed::Queued);
    assert!(!session.has_dropped());
    let dropped = Pushed::Dropped { queued_packets: 2, queued_bytes: 2 };
    assert_eq!(session.send("c", &[]), dropped);
    assert!(session.has_dropped());
    assert_eq!(host.poll(&sid).await.text(), "4a\x1e4b");
    assert_eq!(session.send("d", &[]), Pushed::Queued);
    assert_eq!(host.poll(&sid).await.text(), "4d");
    assert!(!session.is_closed());
}

/// A client that reads nothing: its messages are dropped, its heartbeat goes on.
#[tokio::test(start_paused = true)]
async fn the_heartbeat_is_never_dropped() {
    let host = Host::memory(Config {
        overflow: OverflowPolicy::DropNewest,
        queued_bytes_max: 1000,
        ..Config::default()
    });
    let mut socket = host.open_websocket().await;
    let sid = host.app.sids().remove(0);
    let session = host.app.session(&sid);
    let message = "x".repeat(999);
    let mut sent = 0;
    while session.send(&message, &[]) == Pushed::Queued {
        sent += 1;
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_secs(26)).await;
    for _ in 0..sent {
        assert_eq!(socket.text().await.len(), 1000);
    }
    assert_eq!(socket.text().await, "2");
    socket.send("3").await;
    socket.send("4back").await;
    assert_eq!(socket.text().await, "4back");
}

#[tokio::test(start_paused = true)]
async fn hooks_that_never_answer_have_a_deadline() {
    let hooks = Hooks::new().allow_request(async |_| {
        std::future::pending::<()>().await;
        Err(Rejection::default())
    });
    let config = Config { hooks, hook_timeout: Duration::from_secs(5), ..Config::default() };
    let host = Host::memory(config);
    let start = Instant::now();
    host.get(OPEN).await.assert_refused(3, "Bad request");
    assert!(start.elapsed() >= Duration::from_secs(5));
    assert!(start.elapsed() < Duration::from_secs(6));
    let websocket = host.websocket("/engine.io/?EIO=4&transport=websocket").await;
    websocket.err().unwrap().assert_upgrade_refused("Bad request");
    assert_eq!(host.engine.sessions(), 0);
}
