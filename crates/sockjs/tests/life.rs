//! The life of a session: overlap, leaving, closing, heartbeats, silence. Time is virtual.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Host, any_origin, chunk, open_doors};
use sockeye_engine::{CloseReason, Config as EngineConfig};
use sockeye_testing::raw::{self, Received};
use tokio::time::Instant;

fn host() -> Host {
    Host::memory(open_doors(), any_origin())
}

/// Whether a poll of the newest session waits.
async fn parked(host: &Host) {
    while !host.app.session().is_writable() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_receiver_is_told_of_the_first() {
    let host = host();
    let mut first = host.connect().await;
    first.send(raw::request("POST", "/echo/000/a/xhr_streaming", &[], "")).await;
    first.response_head().await.unwrap();
    assert_eq!(chunk(&mut first).await.unwrap().len(), 2049);
    assert_eq!(chunk(&mut first).await.unwrap(), "o\n");
    parked(&host).await;
    assert_eq!(host.poll("a").await, "c[2010,\"Another connection still open\"]\n");
    // The first one goes on.
    assert_eq!(host.send("a", "[\"x\"]").await.status, 204);
    assert_eq!(chunk(&mut first).await.unwrap(), "a[\"x\"]\n");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_left_is_told_nothing_of_itself() {
    let host = host();
    let mut first = host.connect().await;
    first.send(raw::request("POST", "/echo/000/a/xhr_streaming", &[], "")).await;
    first.response_head().await.unwrap();
    chunk(&mut first).await;
    chunk(&mut first).await;
    drop(first);
    host.app.closed().await;
    let next = host.poll("a").await;
    assert!(["o\n", "c[1002,\"Connection interrupted\"]\n"].contains(&next.as_str()), "{next}");
}

#[tokio::test(start_paused = true)]
async fn a_closed_session_says_so_as_often_as_it_is_asked() {
    let host = host();
    assert_eq!(host.poll("a").await, "o\n");
    assert_eq!(host.send("a", "[\"x\",\"close\"]").await.status, 204);
    assert_eq!(host.poll("a").await, "a[\"x\"]\n");
    assert_eq!(host.app.closed().await, CloseReason::ForcedServerClose);
    for _ in 0..3 {
        assert_eq!(host.poll("a").await, "c[3000,\"Go away!\"]\n");
    }
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(host.sockjs.engine().unfinished(), 0);
    assert_eq!(host.poll("a").await, "o\n");
}

#[tokio::test(start_paused = true)]
async fn without_a_receiver_it_ends_in_five_seconds() {
    let host = host();
    assert_eq!(host.poll("a").await, "o\n");
    let begin = Instant::now();
    assert_eq!(host.app.closed().await, CloseReason::PingTimeout);
    let waited = begin.elapsed();
    assert!((Duration::from_secs(5)..Duration::from_millis(5_100)).contains(&waited), "{waited:?}");
    assert_eq!(host.send("a", "[\"x\"]").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_hears_a_heartbeat() {
    let host = host();
    assert_eq!(host.poll("a").await, "o\n");
    let begin = Instant::now();
    assert_eq!(host.poll("a").await, "h\n");
    let waited = begin.elapsed();
    assert!(
        (Duration::from_secs(25)..Duration::from_millis(25_200)).contains(&waited),
        "{waited:?}"
    );
    assert_eq!(host.send("a", "[\"x\"]").await.status, 204);
    assert_eq!(host.poll("a").await, "a[\"x\"]\n");
}

#[tokio::test(start_paused = true)]
async fn a_websocket_answers_its_ping_or_ends() {
    let host = host();
    let mut alive = host.websocket("/echo/000/a/websocket").await;
    assert_eq!(alive.text().await, "o");
    for _ in 0..3 {
        assert_eq!(alive.receive().await, Received::Text("h".to_owned()));
        assert_eq!(alive.receive().await, Received::Ping(Vec::new()));
    }
    let mut silent = host.websocket("/echo/000/b/websocket").await.quiet();
    assert_eq!(silent.text().await, "o");
    assert_eq!(silent.text().await, "h");
    assert_eq!(silent.receive().await, Received::Ping(Vec::new()));
    // The other one reads on meanwhile.
    let ended = async {
        assert_eq!(silent.text().await, "c[3000,\"No response from heartbeat\"]");
    };
    tokio::select! {
        () = ended => {}
        () = async { loop { alive.receive().await; } } => {}
    }
    assert_eq!(host.app.closed().await, CloseReason::PingTimeout);
    assert_eq!(host.sockjs.engine().sessions(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_is_told_and_waits_for_nobody() {
    let host = host();
    let mut websocket = host.websocket("/echo/000/a/websocket").await;
    assert_eq!(websocket.text().await, "o");
    assert_eq!(host.poll("b").await, "o\n");
    let begin = Instant::now();
    let (polled, (), ()) = tokio::join!(
        host.poll("b"),
        async {
            parked(&host).await;
            host.sockjs.engine().shutdown(CloseReason::ServerShutdown).await;
        },
        async {
            assert_eq!(websocket.text().await, "c[1001,\"Going away\"]");
            assert_eq!(
                websocket.receive().await,
                Received::Close(1000, "Normal closure".to_owned())
            );
        }
    );
    assert_eq!(polled, "c[1001,\"Going away\"]\n");
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert_eq!(host.post("/echo/000/c/xhr", "").await.status, 503);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_reads_ends() {
    let limits = EngineConfig { write_timeout: Duration::from_secs(3), ..any_origin() };
    let config = sockeye_sockjs::Config { response_bytes_max: 1 << 30, ..open_doors() };
    let host = Host::memory(config, limits);
    let mut stream = host.connect().await;
    stream.send(raw::request("POST", "/echo/000/a/xhr_streaming", &[], "")).await;
    stream.response_head().await.unwrap();
    chunk(&mut stream).await;
    chunk(&mut stream).await;
    // More than the connection holds, in three frames.
    let session = host.app.session();
    for _ in 0..3 {
        parked(&host).await;
        session.send(&"x".repeat(100_000), &[]);
        if host.app.session().is_closed() || !session.is_writable() {
            break;
        }
    }
    host.app.closed().await;
    assert!(
        session.close_detail().is_some_and(|it| it.as_str() == "write_timeout"),
        "{:?}",
        session.close_detail()
    );
}
