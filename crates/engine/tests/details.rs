//! What exactly ended a session, in the words of logs and counters.

mod common;

use common::{Echo, Host};
use sockeye_engine::{CloseDetail, CloseReason, Config};
use sockeye_ws::CloseCode;

/// The reason and the detail of a session's end.
async fn ended(app: &Echo, sid: &str) -> (CloseReason, CloseDetail) {
    let reason = app.closed(sid).await;
    (reason, app.session(sid).close_detail().expect("it is over"))
}

#[tokio::test]
async fn polling() {
    let host = Host::memory(Config::default());
    let sid = host.open().await;
    assert_eq!(host.app.session(&sid).close_detail(), None);
    let poll = host.start("GET", &Host::url(&sid), &[], b"").await;
    host.parked(&sid).await;
    drop(poll);
    let aborted = (CloseReason::TransportError, CloseDetail::PollAborted);
    assert_eq!(ended(&host.app, &sid).await, aborted);

    let sid = host.open().await;
    let poll = host.start("GET", &Host::url(&sid), &[], b"").await;
    host.parked(&sid).await;
    host.poll(&sid).await.assert_empty(400);
    assert_eq!(poll.response().await.text(), "1");
    let overlap = (CloseReason::TransportError, CloseDetail::PollOverlap);
    assert_eq!(ended(&host.app, &sid).await, overlap);

    let sid = host.open().await;
    let post = host.start("POST", &Host::url(&sid), &[("content-length", "10")], b"4").await;
    while host.post(&sid, "4x").await.status == 200 {}
    drop(post);
    let overlap = (CloseReason::TransportError, CloseDetail::PostOverlap);
    assert_eq!(ended(&host.app, &sid).await, overlap);

    let sid = host.open().await;
    let binary = [("content-type", "application/octet-stream")];
    host.request("POST", &Host::url(&sid), &binary, b"4x").await.assert_empty(400);
    let wrong = (CloseReason::TransportError, CloseDetail::ContentType);
    assert_eq!(ended(&host.app, &sid).await, wrong);

    let sid = host.open().await;
    let declared = [("content-length", "1000001")];
    host.request("POST", &Host::url(&sid), &declared, b"4x").await.assert_empty(413);
    let large = CloseDetail::PayloadTooLarge { limit: 1_000_000, size: 1_000_001 };
    assert_eq!(ended(&host.app, &sid).await, (CloseReason::TransportError, large));

    for (body, reason, detail) in [
        ("1", CloseReason::TransportClose, "close_packet"),
        ("2", CloseReason::TransportError, "heartbeat_direction"),
        ("9", CloseReason::ParseError, "bad_packet"),
        ("4refuse", CloseReason::ForcedServerClose, "refused"),
        ("4close", CloseReason::ForcedServerClose, "closed"),
    ] {
        let sid = host.open().await;
        assert_eq!(host.post(&sid, body).await.status, 200);
        let _ = host.poll(&sid).await;
        let (ended, what) = ended(&host.app, &sid).await;
        assert_eq!((ended, what.as_str()), (reason, detail), "{body}");
    }
}

#[tokio::test]
async fn websocket() {
    let host = Host::memory(Config { payload_bytes_max: 100, ..Config::default() });
    let mut known = Vec::new();
    for (name, reason, detail) in [
        ("lost", CloseReason::TransportClose, CloseDetail::ConnectionLost),
        ("close", CloseReason::TransportClose, CloseDetail::CloseFrame(Some(CloseCode::NORMAL))),
        (
            "large",
            CloseReason::TransportError,
            CloseDetail::PayloadTooLarge { limit: 100, size: 101 },
        ),
        ("ping", CloseReason::TransportError, CloseDetail::HeartbeatDirection),
    ] {
        let mut opened = host.open_websocket().await;
        let sid = host.app.sids().into_iter().find(|sid| !known.contains(sid)).unwrap();
        known.push(sid.clone());
        match name {
            "lost" => drop(opened),
            "close" => opened.close().await,
            "large" => opened.send(&"4".repeat(101)).await,
            _ => opened.send("2").await,
        }
        assert_eq!(ended(&host.app, &sid).await, (reason, detail), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn deadlines() {
    let host = Host::memory(Config::default());
    let sid = host.open().await;
    assert_eq!(ended(&host.app, &sid).await, (CloseReason::PingTimeout, CloseDetail::Silent));

    let sid = host.open().await;
    let post = host.start("POST", &Host::url(&sid), &[("content-length", "10")], b"4").await;
    post.response().await.assert_empty(408);
    let late = (CloseReason::TransportError, CloseDetail::BodyTimeout);
    assert_eq!(ended(&host.app, &sid).await, late);
}

/// Every detail has a name of its own and a sentence.
#[test]
fn names_are_distinct() {
    let details = [
        CloseDetail::PollAborted,
        CloseDetail::PostAborted,
        CloseDetail::PollOverlap,
        CloseDetail::PostOverlap,
        CloseDetail::ContentType,
        CloseDetail::BodyTimeout,
        CloseDetail::PayloadTooLarge { limit: 1, size: 2 },
        CloseDetail::BodyChunks { limit: 1 },
        CloseDetail::HeartbeatDirection,
        CloseDetail::PacketRate { limit: 3 },
        CloseDetail::ClosePacket,
        CloseDetail::CloseFrame(None),
        CloseDetail::ConnectionLost,
        CloseDetail::Silent,
        CloseDetail::Overflow { queued_packets: 4, queued_bytes: 5 },
        CloseDetail::Refused,
        CloseDetail::Closed,
        CloseDetail::Shutdown,
    ];
    let mut names: Vec<_> = details.iter().map(|detail| detail.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), details.len());
    let too_large = CloseDetail::PayloadTooLarge { limit: 1, size: 2 };
    assert_eq!(too_large.to_string(), "message of 2 bytes or more, the limit is 1");
}
