//! The axum application as a whole, in memory: its routes, its cookie and its sockets.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[allow(dead_code, reason = "its `main` is for the example")]
#[path = "../axum_app.rs"]
mod axum_app;

use std::time::Duration;

use serde_json::{Value, json};
use sockeye::{Binary, Event};
use sockeye_testing::{ConnectError, Ended, TestBrowser, TestClient, TestServer};
use tokio::time::timeout;

// As a client of another language knows them.
const SAY: Event<String, usize> = Event::new("say");
const LINE: Event<Value> = Event::new("line");
const CLEAR: Event<(), bool> = Event::new("clear");
const CONFIRM: Event<String, bool> = Event::new("confirm");
const CURSOR: Event<(f64, f64)> = Event::new("cursor");

fn start() -> TestServer {
    let (server, router) = axum_app::application().unwrap();
    TestServer::with_service(server, router)
}

async fn log_in(server: &TestServer, name: &str) -> TestBrowser {
    let browser = server.browser();
    assert_eq!(browser.post(&format!("/login/{name}")).await.status, 200);
    browser
}

async fn connect(browser: &TestBrowser, namespace: &str) -> TestClient {
    browser.client().namespace(namespace).connect().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn lines_are_said_kept_and_cleared() {
    let server = start();
    let (ann, bob) = (log_in(&server, "ann").await, log_in(&server, "bob").await);
    let (mut ann, mut bob) = (connect(&ann, "/chat").await, connect(&bob, "/chat").await);
    let line = |from: &str, text: &str| json!({ "from": from, "text": text });
    assert_eq!(ann.emit_with_ack(SAY, "hello").await.unwrap(), 1);
    assert_eq!(bob.expect_event(LINE).await, line("ann", "hello"));
    assert_eq!(bob.emit_with_ack(SAY, "hi").await.unwrap(), 2);
    assert_eq!(ann.expect_event(LINE).await, line("bob", "hi"));
    let lines: Value = server.get("/lines").await.json();
    assert_eq!(lines, json!([line("bob", "hi"), line("ann", "hello")]));

    for is_sure in [false, true] {
        let cleared = ann.emit_with_ack(CLEAR, &());
        let (question, answerer) = ann.expect_request(CONFIRM).await;
        assert_eq!(question, "all lines?");
        answerer.answer(&is_sure);
        assert_eq!(cleared.await.unwrap(), is_sure);
        let lines: Vec<Value> = server.get("/lines").await.json();
        assert_eq!(lines.len(), if is_sure { 0 } else { 2 });
    }
    for _ in 0..101 {
        ann.emit_with_ack(SAY, "again").await.unwrap();
    }
    assert_eq!(server.get("/lines").await.json::<Vec<Value>>().len(), 100, "there is a bound");
}

#[tokio::test(start_paused = true)]
async fn bytes_in_an_object_reach_the_others() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct File {
        name: String,
        data: Binary,
    }
    const UPLOAD: Event<File, usize> = Event::new("upload");
    let server = start();
    let (ann, bob) = (log_in(&server, "ann").await, log_in(&server, "bob").await);
    let (mut ann, mut bob) = (connect(&ann, "/chat").await, connect(&bob, "/chat").await);
    let file = File { name: "a.bin".to_owned(), data: Binary(vec![0, 159, 146].into()) };
    assert_eq!(ann.emit_with_ack(UPLOAD, &file).await.unwrap(), 3);
    let File { name, data } = bob.expect_event(UPLOAD).await;
    assert_eq!((name.as_str(), &data.0[..]), ("a.bin", &[0, 159, 146][..]));
}

#[tokio::test(start_paused = true)]
async fn cursors_stay_in_their_document() {
    let server = start();
    let ann = log_in(&server, "ann").await;
    let (writer, mut reader) = (connect(&ann, "/doc-7").await, connect(&ann, "/doc-7").await);
    let mut elsewhere = connect(&ann, "/doc-8").await;
    writer.emit(CURSOR, &(0.5, 2.0));
    assert_eq!(reader.expect_event(CURSOR).await, (0.5, 2.0));
    elsewhere.expect_no_event().await;
    // What is not read is not kept for later.
    const STEPS: u32 = 20_000;
    reader.wire().stall();
    for step in 0..STEPS {
        writer.emit(CURSOR, &(f64::from(step), 0.0));
    }
    elsewhere.expect_no_event().await;
    reader.wire().restore();
    let mut seen = 0;
    while timeout(Duration::from_secs(1), reader.next_event()).await.is_ok() {
        seen += 1;
    }
    assert!((1..STEPS).contains(&seen), "{seen} of {STEPS}");
}

#[tokio::test(start_paused = true)]
async fn a_stranger_is_refused_everywhere_and_a_kicked_one_becomes_a_stranger() {
    let server = start();
    let stranger = server.browser();
    for namespace in ["/chat", "/doc-7"] {
        let refused = stranger.client().namespace(namespace).connect().await;
        let is_refused = matches!(&refused, Err(ConnectError::Refused { message, .. }) if message == "log in first");
        assert!(is_refused, "{namespace}: {refused:?}");
    }
    let (ann, bob) = (log_in(&server, "ann").await, log_in(&server, "bob").await);
    let mut hers = [connect(&ann, "/chat").await, connect(&ann, "/doc-7").await];
    let mut his = connect(&bob, "/chat").await;
    assert_eq!(server.post("/kick/ann").await.status, 200);
    for socket in &mut hers {
        assert_eq!(socket.expect_end().await, Ended::ByServer);
        assert_eq!(socket.expect_end().await, Ended::Closed, "the whole session ends");
    }
    his.expect_no_event().await;
    assert!(
        ann.client().namespace("/chat").connect().await.is_err(),
        "the cookie is worth nothing"
    );
}
