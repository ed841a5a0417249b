//! Deadlines, on a clock that is paused while any task runs.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::request;
use sockeye::{Binary, Config, Expiry, Namespace, RecoveryConfig, Server, Socket, idempotent};
use sockeye_testing::TestServer;
use tokio::time::sleep;

/// A session that waits for its client to ask why it was closed does nothing meanwhile: the clock
/// would stand still otherwise.
async fn attachments_never_come_over_polling() {
    let config = Config { attachments_timeout: Duration::from_secs(5), ..Config::default() };
    let server = Server::builder().config(config).namespace(Namespace::new("/")).build().unwrap();
    let server = TestServer::new(server);
    let opened = request(&server, "GET", "", "").await;
    let sid = opened.split("\"sid\":\"").nth(1).unwrap().split('"').next().unwrap();
    let query = format!("&sid={sid}");
    assert!(request(&server, "POST", &query, "40").await == "ok");
    let event = r#"451-["x",{"_placeholder":true,"num":0}]"#;
    assert!(request(&server, "POST", &query, event).await == "ok");
    sleep(Duration::from_secs(4)).await;
    assert!(request(&server, "POST", &query, "3").await == "ok", "it is open");
    sleep(Duration::from_secs(32)).await;
    assert_eq!(server.server().sessions(), 0);
}

/// Nobody can add the longest duration to a moment.
#[tokio::test]
async fn times_without_an_end_never_pass() {
    let key = |order: &String| Some(order.clone());
    let config = Config {
        connect_timeout: Duration::MAX,
        attachments_timeout: Duration::MAX,
        recovery: Some(RecoveryConfig {
            max_disconnection: Duration::MAX,
            ..RecoveryConfig::default()
        }),
        ..Config::default()
    };
    let root = Namespace::new("/")
        .on_connected(async |socket: Socket| socket.set_expiry(Some(Expiry::after(Duration::MAX))))
        .on("order", idempotent(key, async |_: String| {}).remember(10, Duration::MAX))
        .on("x", async |_: Binary| {});
    let server = TestServer::new(Server::builder().config(config).namespace(root).build().unwrap());
    let opened = request(&server, "GET", "", "").await;
    let sid = opened.split("\"sid\":\"").nth(1).unwrap().split('"').next().unwrap();
    let query = format!("&sid={sid}");
    assert_eq!(request(&server, "POST", &query, "40").await, "ok");
    assert!(request(&server, "GET", &query, "").await.starts_with("40{"));
    let event = r#"451-7["x",{"_placeholder":true,"num":0}]"#;
    assert_eq!(request(&server, "POST", &query, event).await, "ok");
    assert_eq!(request(&server, "POST", &query, "bAAEC").await, "ok");
    assert_eq!(request(&server, "GET", &query, "").await, "437[]");
    assert_eq!(request(&server, "POST", &query, r#"428["order","a"]"#).await, "ok");
    assert_eq!(request(&server, "GET", &query, "").await, "438[]");
    let asked = server.server().io().server_side_emit_with_ack::<_, ()>("nothing", &());
    assert!(asked.unwrap().timeout(Duration::MAX).await.is_empty());
    assert_eq!(request(&server, "POST", &query, "1").await, "ok");
    assert_eq!(server.server().sessions(), 0);
}

#[test]
fn a_deadline_that_has_passed_does_not_keep_its_session_busy() {
    let (done, ended) = mpsc::channel();
    let worker = thread::spawn(move || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(attachments_never_come_over_polling());
        done.send(()).unwrap();
    });
    let outcome = ended.recv_timeout(Duration::from_secs(30));
    assert_ne!(outcome, Err(mpsc::RecvTimeoutError::Timeout), "the clock stands still");
    worker.join().unwrap();
}
