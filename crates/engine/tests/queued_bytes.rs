//! What waits for clients is counted, bounded for all together, and goes when its clients go.

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::Host;
use sockeye_engine::{
    CloseDetail, CloseReason, Config, Encoded, OverflowPolicy, Pushed, Session, broadcast,
};
use tokio::io::AsyncReadExt;
use tokio::time::sleep;

const KIB: usize = 1024;
/// More than the buffers in between hold.
const LARGE: usize = 1024 * KIB;

/// Opens polling sessions.
async fn open(host: &Host, count: usize) -> Vec<Session> {
    let mut sessions = Vec::new();
    for _ in 0..count {
        sessions.push(host.app.session(&host.open().await));
    }
    sessions
}

fn is_overflow(session: &Session) -> bool {
    matches!(session.close_detail(), Some(CloseDetail::Overflow { .. }))
}

/// Waits until nothing is counted any more. Clocks that stand still are wound on.
async fn nothing_waits(host: &Host) {
    while host.engine.queued_bytes() > 0 {
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_polling_sessions_bytes_count_until_it_has_them() {
    let host = Host::memory(Config::default());
    let session = &open(&host, 1).await[0];
    assert_eq!(host.engine.queued_bytes(), 0);
    session.send(&"x".repeat(100), &[]);
    session.send_binary(&Bytes::from(vec![1; 1000]));
    assert_eq!(host.engine.queued_bytes(), 1100);
    host.poll(session.id().as_str()).await;
    assert_eq!(host.engine.queued_bytes(), 0);
    session.send(&"x".repeat(100), &[]);
    session.discard(CloseReason::ForcedClose);
    nothing_waits(&host).await;
}

/// What the kernel takes at once never counts; what it refuses does, until it is taken.
#[tokio::test(start_paused = true)]
async fn a_websockets_bytes_count_once_they_have_to_wait() {
    let host = Host::memory(Config::default());
    let mut socket = host.open_websocket().await;
    let session = host.app.session(&host.app.sids()[0]);
    session.send("hello", &[]);
    assert_eq!(socket.text().await, "4hello");
    assert_eq!(host.engine.queued_bytes(), 0);
    session.send_binary(&Bytes::from(vec![1; LARGE]));
    while host.engine.queued_bytes() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(host.engine.queued_bytes() <= LARGE + 10);
    let mut some = vec![0; LARGE + 10];
    socket.peer.read_exact(&mut some).await.unwrap();
    nothing_waits(&host).await;
    assert!(session.close_detail().is_none());
}

#[tokio::test(start_paused = true)]
async fn what_many_wait_for_counts_once() {
    let config = Config { queued_bytes_max_total: 600 * KIB, ..Config::default() };
    let host = Host::memory(config);
    let sessions = open(&host, 20).await;
    let mut sockets = Vec::new();
    let polling = host.app.sids();
    for _ in 0..20 {
        sockets.push(host.open_websocket().await);
    }
    let sockets: Vec<_> = (host.app.sids().iter().filter(|sid| !polling.contains(sid)))
        .map(|sid| (host.app.session(sid), sockets.pop().unwrap()))
        .collect();
    let packet = Arc::new(Encoded::new("", vec![Bytes::from(vec![7; 500 * KIB])]));
    let everybody = || sessions.iter().chain(sockets.iter().map(|(session, _)| session));
    broadcast(everybody(), &packet);
    drop(packet);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(host.engine.queued_bytes(), 500 * KIB);
    assert!(everybody().all(|session| session.close_detail().is_none()));
    // Counted for as long as any of them has it.
    everybody().skip(1).for_each(|session| session.discard(CloseReason::ForcedClose));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(host.engine.queued_bytes(), 500 * KIB);
    sessions[0].discard(CloseReason::ForcedClose);
    nothing_waits(&host).await;
}

/// Answers that are not read are counted also when their sessions are over, and end.
#[tokio::test(start_paused = true)]
async fn polls_that_are_never_read() {
    let host = Host::memory(Config::default());
    let sessions = open(&host, 20).await;
    let mut unread = Vec::new();
    for session in &sessions {
        session.send(&"x".repeat(LARGE), &[]);
        unread.push(host.start("GET", &Host::url(session.id().as_str()), &[], b"").await);
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(host.engine.queued_bytes(), 20 * (LARGE + 1));
    // One session ends at once, with its answer; one when it had its time.
    sessions[0].discard(CloseReason::ForcedClose);
    sessions[1].close(CloseReason::ForcedClose);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(host.engine.queued_bytes(), 19 * (LARGE + 1));
    sleep(Config::default().write_timeout + Duration::from_secs(2)).await;
    assert_eq!(host.engine.queued_bytes(), 0);
    for session in &sessions[2..] {
        assert_eq!(session.close_detail(), Some(CloseDetail::WriteTimeout));
    }
    // Under any server the connections are gone.
    for mut pending in unread {
        assert!(pending.peer.read_rest().await.unwrap().len() < LARGE);
    }
}

/// A client that has answers without end and reads none of them is one that does not read.
#[tokio::test(start_paused = true)]
async fn unread_answers_count_against_their_session() {
    let config = Config { queued_bytes_max: 3 * LARGE, ..Config::default() };
    let host = Host::memory(config);
    let session = &open(&host, 1).await[0];
    let mut unread = Vec::new();
    for _ in 0..2 {
        session.send(&"x".repeat(LARGE), &[]);
        unread.push(host.start("GET", &Host::url(session.id().as_str()), &[], b"").await);
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(session.send(&"x".repeat(LARGE / 2), &[]), Pushed::Queued);
    assert!(matches!(session.send(&"x".repeat(LARGE), &[]), Pushed::Overflow { .. }));
}

/// A slow reader has an answer as long as it takes something of it, and all of it in the end.
#[tokio::test(start_paused = true)]
async fn a_poll_that_is_read_slowly() {
    let host =
        Host::memory(Config { ping_timeout: Duration::from_secs(3600), ..Config::default() });
    let session = &open(&host, 1).await[0];
    session.send(&"x".repeat(LARGE), &[]);
    let mut pending = host.start("GET", &Host::url(session.id().as_str()), &[], b"").await;
    let mut received = vec![0; 600 * KIB];
    for piece in received.chunks_mut(60 * KIB) {
        sleep(Duration::from_secs(28)).await;
        pending.peer.read_exact(piece).await.unwrap();
    }
    let mut byte = [0];
    while host.engine.queued_bytes() > 0 {
        pending.peer.read_exact(&mut byte).await.unwrap();
        received.push(byte[0]);
    }
    assert_eq!(session.close_detail(), None);
    host.post(session.id().as_str(), "4still here").await;
    let echo = host.poll(session.id().as_str()).await;
    assert!(echo.text().contains("4still here"), "{echo:?}");
}

/// Up to the limit nobody has to go; then it is who holds most, and only they.
#[tokio::test(start_paused = true)]
async fn beyond_the_limit_of_all_the_largest_go() {
    for overflow in [OverflowPolicy::Disconnect, OverflowPolicy::DropNewest] {
        let limit = 1000 * KIB;
        let host =
            Host::memory(Config { queued_bytes_max_total: limit, overflow, ..Config::default() });
        let sessions = open(&host, 6).await;
        for (session, share) in sessions.iter().zip([400, 300, 200, 50, 49, 1]) {
            assert_eq!(session.send(&"x".repeat(share * KIB), &[]), Pushed::Queued);
        }
        sleep(Duration::from_secs(1)).await;
        assert_eq!(host.engine.queued_bytes(), limit);
        assert!(sessions.iter().all(|session| session.close_detail().is_none()));
        assert_eq!(sessions[5].send("x", &[]), Pushed::Queued);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(host.engine.queued_bytes(), 600 * KIB + 1);
        assert!(is_overflow(&sessions[0]));
        assert!(sessions[1..].iter().all(|session| session.close_detail().is_none()));
    }
}

/// In between each may have its even share, so that the limit holds also before anybody looks.
#[tokio::test(start_paused = true)]
async fn beyond_the_limit_of_all_an_even_share_is_left() {
    let host = Host::memory(Config { queued_bytes_max_total: 1000 * KIB, ..Config::default() });
    let sessions = open(&host, 10).await;
    // Without a break for anybody else.
    let mut total = 0;
    for _ in 0..100 {
        for session in &sessions {
            total += usize::from(session.send(&"x".repeat(10 * KIB), &[]) == Pushed::Queued);
        }
    }
    assert!((100..=200).contains(&total), "{total} of 10 KiB");
    nothing_waits_but(&host, 1000 * KIB).await;
}

async fn nothing_waits_but(host: &Host, bytes: usize) {
    sleep(Duration::from_secs(1)).await;
    assert!(host.engine.queued_bytes() <= bytes, "{}", host.engine.queued_bytes());
}

/// Where the largest hold unread answers, those go as well.
#[tokio::test(start_paused = true)]
async fn beyond_the_limit_of_all_unread_answers_go() {
    let host = Host::memory(Config { queued_bytes_max_total: 3 * LARGE, ..Config::default() });
    let sessions = open(&host, 3).await;
    let mut unread = Vec::new();
    for session in &sessions[..2] {
        session.send(&"x".repeat(LARGE), &[]);
        unread.push(host.start("GET", &Host::url(session.id().as_str()), &[], b"").await);
    }
    sleep(Duration::from_secs(1)).await;
    for _ in 0..12 {
        sessions[2].send(&"x".repeat(80 * KIB), &[]);
    }
    assert!(sessions[2].close_detail().is_none());
    sessions[2].send(&"x".repeat(80 * KIB), &[]);
    sleep(Duration::from_secs(4)).await;
    assert!(is_overflow(&sessions[0]) || is_overflow(&sessions[1]) || is_overflow(&sessions[2]));
    assert!(host.engine.queued_bytes() <= 3 * LARGE, "{}", host.engine.queued_bytes());
}

/// While the attackers stay connected, the count is back at 0.
#[tokio::test(start_paused = true)]
async fn websockets_that_are_never_read() {
    let host = Host::memory(Config::default());
    let mut sockets = Vec::new();
    for _ in 0..20 {
        sockets.push(host.open_websocket().await);
    }
    for sid in host.app.sids() {
        host.app.session(&sid).send(&"x".repeat(LARGE), &[]);
    }
    sleep(Duration::from_secs(1)).await;
    assert!(host.engine.queued_bytes() > 15 * LARGE);
    for _ in 0..40 {
        sleep(Duration::from_secs(1)).await;
        for socket in &mut sockets {
            let pong = b"\x81\x81\x01\x02\x03\x04\x32";
            socket.peer.send(pong).await;
        }
    }
    assert_eq!(host.engine.queued_bytes(), 0);
    assert_eq!(host.engine.sessions(), 0);
}
