//! A reader who stalls within a long frame of a stream is bounded, and told, as one within the answer to
//! a poll is.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Host, Peer, any_origin, chunk, open_doors};
use sockeye_engine::{CloseDetail, Config as EngineConfig, Pushed};
use sockeye_sockjs::{Config, Session};
use sockeye_testing::raw;
use tokio::time::sleep;

/// More than the buffers in between hold.
const LARGE: usize = 1024 * 1024;

/// A way to receive, by its request.
type Way = (&'static str, &'static str);

const POLL: Way = ("POST", "xhr");
const STREAMS: [Way; 3] =
    [("POST", "xhr_streaming"), ("GET", "eventsource"), ("GET", "htmlfile?c=x")];

fn endless() -> Config {
    // A session that nobody asks for ends sooner than the answer to a poll that is not read.
    let disconnect_delay = Duration::from_secs(60);
    Config { response_bytes_max: 1 << 30, disconnect_delay, ..open_doors() }
}

/// A session, and a connection that will have what is sent to it next.
async fn receiver(host: &Host, key: &str, (method, action): Way) -> (Session, Peer) {
    assert_eq!(host.poll(key).await, "o\n");
    let mut peer = host.connect().await;
    peer.send(raw::request(method, &format!("/echo/000/{key}/{action}"), &[], "")).await;
    let session = host.app.session();
    while !session.has_outlet() {
        sleep(Duration::from_millis(1)).await;
    }
    (session, peer)
}

/// Waits until so much or more is counted, and nothing moves any more.
async fn counted(host: &Host, least: usize) -> usize {
    while host.sockjs.engine().queued_bytes() < least {
        sleep(Duration::from_millis(1)).await;
    }
    host.sockjs.engine().queued_bytes()
}

async fn nothing_waits(host: &Host) {
    while host.sockjs.engine().queued_bytes() > 0 {
        sleep(Duration::from_millis(1)).await;
    }
}

/// With each its own bytes around the frame.
#[tokio::test(start_paused = true)]
async fn a_long_frame_counts_until_it_was_read() {
    for way in [POLL, STREAMS[0], STREAMS[1], STREAMS[2]] {
        let host = Host::memory(endless(), any_origin());
        let (session, mut peer) = receiver(&host, "a", way).await;
        // A short one goes out at once and is not counted, read or not.
        session.send(&"x".repeat(1000), &[]);
        if way == POLL {
            peer.response().await.unwrap();
            peer.send(raw::request("POST", "/echo/000/a/xhr", &[], "")).await;
        } else {
            peer.response_head().await.unwrap();
            chunk(&mut peer).await.unwrap();
            chunk(&mut peer).await.unwrap();
        }
        assert_eq!(host.sockjs.engine().queued_bytes(), 0, "{way:?}");
        session.send(&"x".repeat(LARGE), &[]);
        sleep(Duration::from_secs(1)).await;
        let waits = host.sockjs.engine().queued_bytes();
        assert!((LARGE..LARGE + 100).contains(&waits), "{way:?}: {waits}");
        if way == POLL {
            peer.response().await.unwrap();
        } else {
            let mut bytes = 0;
            while bytes <= LARGE {
                bytes += chunk(&mut peer).await.unwrap().len();
            }
        }
        nothing_waits(&host).await;
        assert_eq!(session.close_detail(), None, "{way:?}");
    }
}

#[tokio::test]
async fn on_a_listener_of_our_own_as_well() {
    // More than the kernel takes of it.
    let large = 15 * LARGE;
    let host = Host::tcp(endless(), any_origin()).await;
    let (session, mut peer) = receiver(&host, "a", STREAMS[0]).await;
    peer.response_head().await.unwrap();
    chunk(&mut peer).await.unwrap();
    assert_eq!(session.send(&"x".repeat(large), &[]), Pushed::Queued);
    counted(&host, large).await;
    // While it is written there is so much room less for others.
    let more = session.send(&"x".repeat(2 * LARGE), &[]);
    assert!(matches!(more, Pushed::Overflow { .. }), "{more:?}");
    drop(peer);
    nothing_waits(&host).await;
}

/// What is being written leaves less room for what comes behind it, on a stream as on a poll.
#[tokio::test(start_paused = true)]
async fn a_reader_who_stalls_is_ended_by_the_next_message_too_many() {
    for way in [POLL, STREAMS[0], STREAMS[1], STREAMS[2]] {
        let limits = EngineConfig { queued_bytes_max: 3 * LARGE / 2, ..any_origin() };
        let host = Host::memory(endless(), limits);
        let (session, _peer) = receiver(&host, "a", way).await;
        assert_eq!(session.send(&"x".repeat(LARGE), &[]), Pushed::Queued);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(session.send(&"x".repeat(LARGE / 4), &[]), Pushed::Queued, "{way:?}");
        let more = session.send(&"x".repeat(LARGE / 2), &[]);
        assert!(matches!(more, Pushed::Overflow { .. }), "{way:?}: {more:?}");
        let detail = session.close_detail();
        assert!(matches!(detail, Some(CloseDetail::Overflow { .. })), "{way:?}: {detail:?}");
        // Its connection ends with its time.
        nothing_waits(&host).await;
        assert_eq!(host.sockjs.engine().sessions(), 0, "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_stalls_is_let_go_with_what_waits_for_it() {
    for way in [POLL, STREAMS[0], STREAMS[1], STREAMS[2]] {
        let host = Host::memory(endless(), any_origin());
        let (session, _peer) = receiver(&host, "a", way).await;
        session.send(&"x".repeat(LARGE), &[]);
        counted(&host, LARGE).await;
        nothing_waits(&host).await;
        assert_eq!(session.close_detail(), Some(CloseDetail::WriteTimeout), "{way:?}");
    }
}

/// Where many stall, those who hold most are ended, whatever they hold it in.
#[tokio::test(start_paused = true)]
async fn beyond_the_limit_of_all_the_largest_go() {
    let limits = EngineConfig { queued_bytes_max_total: 3 * LARGE, ..any_origin() };
    let host = Host::memory(endless(), limits);
    let mut readers = Vec::new();
    for (number, way) in STREAMS.into_iter().enumerate() {
        let reader = receiver(&host, &number.to_string(), way).await;
        reader.0.send(&"x".repeat(LARGE - 1000 - number), &[]);
        readers.push(reader);
    }
    sleep(Duration::from_secs(1)).await;
    assert!(readers.iter().all(|(session, _)| session.close_detail().is_none()));
    assert_eq!(host.poll("small").await, "o\n");
    let small = host.app.session();
    small.send(&"x".repeat(8000), &[]);
    sleep(Duration::from_secs(4)).await;
    assert!(host.sockjs.engine().queued_bytes() <= 3 * LARGE - 3 * LARGE / 8);
    let ended = |(session, _): &&(Session, Peer)| {
        matches!(session.close_detail(), Some(CloseDetail::Overflow { .. }))
    };
    assert_eq!(readers.iter().filter(ended).count(), 1);
    assert_eq!(small.close_detail(), None);
}

/// What a stream begins with goes before the frame, which is there already and waits for it.
#[tokio::test(start_paused = true)]
async fn a_frame_behind_a_beginning_that_is_not_read_counts() {
    for (method, action) in STREAMS {
        let host = Host::memory(endless(), any_origin());
        assert_eq!(host.poll("a").await, "o\n");
        let session = host.app.session();
        session.send(&"x".repeat(LARGE), &[]);
        // Less than the head of the answer.
        let mut peer = host.connect_of(128).await;
        let target = format!("/echo/000/a/{action}");
        peer.send(raw::request(method, &target, &[], "")).await;
        sleep(Duration::from_secs(1)).await;
        let waits = host.sockjs.engine().queued_bytes();
        assert!((LARGE..LARGE + 100).contains(&waits), "{action}: {waits}");
        assert_eq!(session.send(&"x".repeat(8 * LARGE), &[]), Pushed::Queued);
        assert!(matches!(session.send(&"x".repeat(8 * LARGE), &[]), Pushed::Overflow { .. }));
        nothing_waits(&host).await;
    }
}
