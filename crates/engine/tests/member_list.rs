//! Sessions that get the same messages: everything once, in order, whatever else happens to them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use bytes::Bytes;
use common::{Host, Received, WebSocket};
use sockeye_engine::{CloseReason, Compression, Config, Encoded, MemberList, Pushed, Session};

fn text(text: impl ToString) -> Arc<Encoded> {
    Arc::new(Encoded::new(text.to_string(), Vec::new()))
}

/// Sessions on WebSockets, both ends.
async fn websockets(host: &Host, count: usize) -> (Vec<WebSocket>, Vec<Session>) {
    let (mut sockets, mut sessions) = (Vec::new(), Vec::new());
    let mut known = host.app.sids();
    for _ in 0..count {
        sockets.push(host.open_websocket().await);
        let sids = host.app.sids();
        let sid = sids.iter().find(|sid| !known.contains(sid)).unwrap();
        sessions.push(host.app.session(sid));
        known = sids;
    }
    (sockets, sessions)
}

#[tokio::test]
async fn everybody_gets_everything_once_and_in_order() {
    let host = Host::memory(Config::default());
    // More than the flush pass takes in one step.
    let (mut sockets, sessions) = websockets(&host, 300).await;
    let members = MemberList::new(sessions.iter().cloned());
    assert_eq!((members.len(), members.is_empty()), (300, false));
    let blob = Arc::new(Encoded::new("blob", vec![Bytes::from_static(&[1, 2])]));
    for round in 0..3 {
        members.send(&text(format!("{round}a")), None);
        members.send(&text(format!("{round}b")), Some(&sessions[7]));
        sessions[9].send("own", &[]);
        members.send(&text(format!("{round}c")), None);
        members.send(&blob, Some(&sessions[8]));
        members.send(&text(format!("{round}d")), Some(&sessions[9]));
        // In one flush pass, or in several.
        if round > 0 {
            sessions[299].flushed().await;
        }
    }
    for (number, socket) in sockets.iter_mut().enumerate() {
        for round in 0..3 {
            assert_eq!(socket.text().await, format!("4{round}a"));
            if number != 7 {
                assert_eq!(socket.text().await, format!("4{round}b"));
            }
            if number == 9 {
                assert_eq!(socket.text().await, "4own");
            }
            assert_eq!(socket.text().await, format!("4{round}c"));
            if number != 8 {
                assert_eq!(socket.text().await, "4blob");
                assert_eq!(socket.receive().await, Received::Binary(vec![1, 2]));
            }
            if number != 9 {
                assert_eq!(socket.text().await, format!("4{round}d"));
            }
        }
    }
    sessions[0].send("end", &[]);
    assert_eq!(sockets[0].text().await, "4end");
}

#[tokio::test]
async fn sessions_of_every_kind_are_in_one() {
    let config = Config { allow_eio3: true, compression: Compression::on(), ..Config::default() };
    let host = Host::memory(config);
    let (mut sockets, mut sessions) = websockets(&host, 1).await;
    let polling = host.open().await;
    sessions.push(host.app.session(&polling));
    let known = host.app.sids();
    let mut old = host.websocket("/engine.io/?EIO=3&transport=websocket").await.unwrap();
    let sids = host.app.sids();
    let sid = sids.iter().find(|sid| !known.contains(sid)).unwrap();
    sessions.push(host.app.session(sid));
    assert!(old.text().await.starts_with("0{"));
    let known = host.app.sids();
    let offer = [("sec-websocket-extensions", "permessage-deflate")];
    let path = "/engine.io/?EIO=4&transport=websocket";
    let mut compressed = host.websocket_with(path, &offer).await.unwrap();
    let sids = host.app.sids();
    sessions.push(host.app.session(sids.iter().find(|sid| !known.contains(sid)).unwrap()));
    assert!(compressed.text().await.starts_with("0{"));
    let members = MemberList::new(sessions.iter().cloned());
    members.send(&text(1), None);
    members.send(&Arc::new(Encoded::binary(vec![Bytes::from_static(&[9])])), None);
    members.send(&text(2), Some(&sessions[2]));
    members.send(&text(3), None);
    assert_eq!(sockets[0].text().await, "41");
    assert_eq!(sockets[0].receive().await, Received::Binary(vec![9]));
    assert_eq!(sockets[0].text().await, "42");
    assert_eq!(sockets[0].text().await, "43");
    assert_eq!(host.poll(&polling).await.text(), "41\u{1e}bCQ==\u{1e}42\u{1e}43");
    assert_eq!(old.text().await, "41");
    // The type byte is revision 3's.
    assert_eq!(old.receive().await, Received::Binary(vec![4, 9]));
    assert_eq!(old.text().await, "43");
    assert_eq!(compressed.text().await, "41");
    assert_eq!(compressed.receive().await, Received::Binary(vec![9]));
    assert_eq!(compressed.text().await, "42");
    assert_eq!(compressed.text().await, "43");
}

#[tokio::test]
async fn an_upgrade_in_between_loses_and_reorders_nothing() {
    let host = Host::memory(Config::default());
    let sid = host.open().await;
    let members = MemberList::new([host.app.session(&sid)]);
    members.send(&text(1), None);
    members.send(&text(2), None);
    assert_eq!(host.poll(&sid).await.text(), "41\u{1e}42");
    let mut socket = host.probe(&sid).await;
    members.send(&text(3), None);
    assert_eq!(host.poll(&sid).await.text(), "43");
    socket.send("5").await;
    for number in 4..1000 {
        members.send(&text(number), None);
        if number % 10 == 0 {
            tokio::task::yield_now().await;
        }
    }
    for number in 4..1000 {
        assert_eq!(socket.text().await, format!("4{number}"));
    }
}

#[tokio::test]
async fn a_member_that_does_not_read_overflows_and_delays_nobody() {
    let config = Config { queued_bytes_max: 1024 * 1024, ..Config::default() };
    let host = Host::tcp(config).await;
    let (mut sockets, sessions) = websockets(&host, 3).await;
    let _slow = sockets.remove(1);
    let members = MemberList::new(sessions.iter().cloned());
    let slow = sessions[1].id().as_str();
    let mut sent = 0;
    while !sessions[1].is_closed() {
        // Several batches in one tick, also.
        for _ in 0..20 {
            members.send(&text("x".repeat(8000)), None);
        }
        sent += 20;
        for socket in &mut sockets {
            for _ in 0..20 {
                assert_eq!(socket.text().await.len(), 8001);
            }
        }
        assert!(sent < 10_000, "the kernel cannot hold that much");
    }
    assert_eq!(host.app.closed(slow).await, CloseReason::Overflow);
    assert_eq!(host.engine.sessions(), 2);
    members.send(&text("still"), None);
    for socket in &mut sockets {
        assert_eq!(socket.text().await, "4still");
    }
}

#[tokio::test]
async fn much_in_one_tick_is_bounded_by_the_limit() {
    let config = Config { queued_bytes_max: 1024 * 1024, ..Config::default() };
    let host = Host::tcp(config).await;
    let (_slow, sessions) = websockets(&host, 1).await;
    let members = MemberList::new(sessions.iter().cloned());
    let large = text("x".repeat(10_000));
    let mut sent = 0;
    // Without ever letting the flush pass run.
    while !sessions[0].is_closed() {
        members.send(&large, None);
        sent += 1;
        assert!(sent < 10_000, "the kernel cannot hold that much");
    }
    assert_eq!(sessions[0].send("more", &[]), Pushed::Closed);
    assert_eq!(host.app.closed(sessions[0].id().as_str()).await, CloseReason::Overflow);
}

#[tokio::test]
async fn who_is_closed_gets_what_came_before_and_nothing_after() {
    let host = Host::memory(Config::default());
    let (mut sockets, sessions) = websockets(&host, 2).await;
    let members = MemberList::new(sessions.iter().cloned());
    members.send(&text("before"), None);
    sessions[0].close(CloseReason::ForcedClose);
    members.send(&text("after"), None);
    assert_eq!(sockets[0].text().await, "4before");
    assert!(matches!(sockets[0].receive().await, Received::Close(..)));
    assert_eq!(sockets[1].text().await, "4before");
    assert_eq!(sockets[1].text().await, "4after");
}

#[tokio::test]
async fn what_is_shared_counts_as_unflushed() {
    let host = Host::memory(Config::default());
    let (mut sockets, sessions) = websockets(&host, 1).await;
    let members = MemberList::new(sessions.iter().cloned());
    assert!(sessions[0].is_writable());
    members.send(&text("shared"), None);
    assert!(!sessions[0].is_writable());
    sessions[0].flushed().await;
    assert!(sessions[0].is_writable());
    assert_eq!(sockets[0].text().await, "4shared");
}
