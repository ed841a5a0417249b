//! Publishing on one server of several: whom it reaches, and what is said when the others are silent.

#![cfg(feature = "publishing")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod publish_common;

use std::time::Duration;

use publish_common::{Api, KEY, api_on, assert_error};
use serde_json::{Value, json};
use sockeye::Server;
use sockeye_feeds::publish::{ErrorCode, PublishingConfig};
use sockeye_testing::raw::{Peer, request};
use sockeye_testing::{Ended, TestCluster, TestServer};

fn two(cluster: &TestCluster) -> (Api, TestServer) {
    let server = |name| Server::builder().cluster(cluster.member(name)).build().unwrap();
    (api_on(server("here"), PublishingConfig::default()), TestServer::new(server("there")))
}

#[tokio::test(start_paused = true)]
async fn sockets_of_other_servers_are_reached() {
    let (api, there) = two(&TestCluster::new(1));
    let mut ann = there.connect().await;
    api.done("publish", r#"{"event":"to all"}"#).await;
    ann.expect_event::<()>("to all").await;
    let id = ann.id().to_owned();
    api.done("join", &json!({"socket": id, "to": "red"}).to_string()).await;
    api.done("publish", r#"{"event":"to red","room":"red"}"#).await;
    ann.expect_event::<()>("to red").await;
    api.done("publish", &json!({"event": "to you", "socket": id}).to_string()).await;
    ann.expect_event::<()>("to you").await;
    api.done("disconnect", &json!({"socket": id}).to_string()).await;
    assert_eq!(ann.expect_end().await, Ended::ByServer);
    let response = api.post("disconnect", &json!({"socket": id}).to_string()).await;
    assert_error(&response, ErrorCode::UnknownSocket);
}

/// Nobody knows then whether there is such a socket, so nobody says that there is none.
#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_told_and_nothing_is_done() {
    let cluster = TestCluster::new(1);
    let (api, there) = two(&cluster);
    let mut ann = there.connect().await;
    let mut here = api.memory.connect().await;
    cluster.cut_off("there");
    let body = json!({"event": "e", "socket": ann.id()}).to_string();
    assert_error(&api.post("publish", &body).await, ErrorCode::ClusterUnavailable);
    ann.expect_no_event().await;
    // Who is here needs nobody else.
    api.done("publish", &json!({"event": "e", "socket": here.id()}).to_string()).await;
    here.expect_event::<()>("e").await;
}

/// A batch that has to ask the other server in its middle, which takes a while.
fn slow_batch(socket: &str) -> Vec<u8> {
    let operations = json!([
        {"verb": "publish", "event": "first"},
        {"verb": "publish", "event": "second", "socket": socket},
        {"verb": "publish", "event": "third"},
    ]);
    let authorization = format!("Bearer {KEY}");
    let headers = [
        ("authorization", &*authorization),
        ("content-type", "application/json"),
        ("idempotency-key", "once"),
    ];
    request("POST", "/api/v1/batch", &headers, json!({"operations": operations}).to_string())
}

const SLOW: Duration = Duration::from_millis(100);

#[tokio::test(start_paused = true)]
async fn a_repeat_that_comes_while_the_first_is_done_waits_for_it() {
    let cluster = TestCluster::new(1).delay(SLOW..SLOW);
    let (api, there) = two(&cluster);
    let mut ann = there.connect().await;
    let mut bob = api.memory.connect().await;
    let batch = slow_batch(ann.id());
    let mut peers = [(); 3].map(|()| Peer::new(api.memory.open().0));
    for peer in &mut peers {
        peer.send(&batch).await;
    }
    let done = json!({"results": [{"published": true}, {"published": true}, {"published": true}]});
    for peer in &mut peers {
        let response = peer.response().await.unwrap();
        assert_eq!((response.status, response.json::<Value>()), (200, done.clone()));
    }
    for event in ["first", "third"] {
        bob.expect_event::<()>(event).await;
    }
    bob.expect_no_event().await;
    for event in ["first", "second", "third"] {
        ann.expect_event::<()>(event).await;
    }
    ann.expect_no_event().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_is_finished_for_a_client_that_goes_away() {
    let cluster = TestCluster::new(1).delay(SLOW..SLOW);
    let (api, there) = two(&cluster);
    let ann = there.connect().await;
    let mut bob = api.memory.connect().await;
    let batch = slow_batch(ann.id());
    let mut peer = Peer::new(api.memory.open().0);
    peer.send(&batch).await;
    bob.expect_event::<()>("first").await;
    drop(peer);
    bob.expect_event::<()>("third").await;
    let mut peer = Peer::new(api.memory.open().0);
    peer.send(&batch).await;
    assert_eq!(peer.response().await.unwrap().status, 200);
    bob.expect_no_event().await;
}
