//! Who may read a feed: rules, credentials, tickets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Listener, NEWS, SSE, code, emit, offered, open};
use serde::Deserialize;
use serde_json::{Value, json};
use sockeye::{Namespace, Refuse, Room, Server, Visitor};
use sockeye_feeds::Feeds;
use sockeye_testing::TestServer;

#[tokio::test(start_paused = true)]
async fn without_on_read_nobody_reads() {
    let (server, _feeds) = offered(Feeds::builder().offer("/news"), Namespace::new("/news"));
    for target in [NEWS.to_owned(), format!("{NEWS}/sport")] {
        let answer = server.get(&target).await;
        assert_eq!((answer.status, &*code(&answer)), (403, "refused"));
        let answer = server.get(&target).header(SSE.0, SSE.1).await;
        assert_eq!(answer.status, 403, "an error that ends EventSource: it would never be let in");
    }
}

#[tokio::test(start_paused = true)]
async fn admission_is_asked_with_every_request() {
    let (asked, read) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let count = |counter: &Arc<AtomicUsize>| {
        let counter = Arc::clone(counter);
        move || counter.fetch_add(1, Ordering::Relaxed)
    };
    let (connects, reads) = (count(&asked), count(&read));
    let namespace = Namespace::new("/news")
        .on_connect(move |_: Visitor| {
            connects();
            ready(())
        })
        .on_read(move |room: Option<Room>| {
            reads();
            ready(match room.as_deref() {
                Some("sport") | None => Ok(()),
                Some(_) => Err(Refuse::new("not this one")),
            })
        });
    let (server, _feeds) = offered(Feeds::builder().offer("/news"), namespace);
    for number in 1..=3 {
        assert_eq!(server.get(NEWS).await.status, 200);
        assert_eq!(asked.load(Ordering::Relaxed), number);
        assert_eq!(read.load(Ordering::Relaxed), number);
    }
    assert_eq!(server.get(&format!("{NEWS}/sport")).await.status, 200);
    let refused = server.get(&format!("{NEWS}/secret")).await;
    assert_eq!((refused.status, &*code(&refused)), (403, "refused"));
    assert!(refused.text().contains("not this one"));
    assert_eq!(asked.load(Ordering::Relaxed), 5);
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
}

/// Lets in whoever knows the word, by a cookie or as `auth.token`.
fn club() -> Namespace {
    async fn admit(visitor: Visitor, auth: Token) -> Result<(), Refuse> {
        let cookie = visitor.handshake().cookie("session").map(str::to_owned);
        match auth.token.or(cookie).as_deref() {
            Some("sesame") => Ok(()),
            _ => Err(Refuse::new("who are you?")),
        }
    }
    open("/news").on_connect(admit)
}

#[tokio::test(start_paused = true)]
async fn bearer_tokens_and_cookies_are_credentials() {
    let (server, _feeds) = offered(Feeds::builder().offer("/news"), club());
    assert_eq!(server.get(NEWS).await.status, 403);
    assert_eq!(server.get(NEWS).cookie("session", "sesame").await.status, 200);
    for (value, status) in [
        ("Bearer sesame", 200),
        ("bearer  sesame", 200),
        ("Bearer wrong", 403),
        ("Basic c2VzYW1l", 401),
        ("sesame", 401),
    ] {
        let answer = server.get(NEWS).header("authorization", value).await;
        assert_eq!(answer.status, status, "{value}");
    }
    // Never in a query, where logs keep it.
    assert_eq!(server.get(&format!("{NEWS}?token=sesame")).await.status, 403);
}

async fn ticket(server: &TestServer, target: &str) -> String {
    let answer = server.post(target).header("authorization", "Bearer sesame").await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    let answer: Value = answer.json();
    assert_eq!(answer["expires_in"], 30);
    answer["ticket"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_ticket_is_good_once() {
    let (server, feeds) = offered(Feeds::builder().offer("/news"), club());
    let refused = server.post(NEWS).await;
    assert_eq!((refused.status, &*code(&refused)), (403, "refused"), "nobody gets one for nothing");
    let ticket = ticket(&server, NEWS).await;
    let target = format!("{NEWS}?ticket={ticket}");
    let mut sse = Listener::open(&server, &target, &[SSE]).await;
    emit(&server, "tick", &json!(1));
    assert_eq!(sse.event().await.data, "[1]");
    // What `EventSource` does by itself when it is cut off.
    let again = server.get(&target).header(SSE.0, SSE.1).await;
    assert_eq!((again.status, &*code(&again)), (401, "bad_credentials"));
    assert_eq!(again.header("www-authenticate"), Some("Bearer"));
    // One that the application gave is judged as what it stands for.
    for (token, status) in [("sesame", 200), ("wrong", 403)] {
        let ticket = feeds.ticket("/news", &json!({ "token": token })).unwrap();
        assert_eq!(server.get(&format!("{NEWS}?ticket={ticket}")).await.status, status);
    }
    assert!(feeds.ticket("/news", "no object").is_err());
    // Named with its slash or without, as where it was offered.
    let ticket = feeds.ticket("news", &json!({ "token": "sesame" })).unwrap();
    assert_eq!(server.get(&format!("{NEWS}?ticket={ticket}")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_ticket_is_good_for_a_short_time_and_one_namespace() {
    let server = Server::builder().namespace(club()).namespace(open("/other")).build().unwrap();
    let _feeds = Feeds::builder().offer_all().mount(&server).unwrap();
    let server = TestServer::new(server);
    let late = ticket(&server, NEWS).await;
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(server.get(&format!("{NEWS}?ticket={late}")).await.status, 401);
    let other = ticket(&server, &format!("{NEWS}/sport")).await;
    assert_eq!(server.get(&format!("/socket.io/feeds/other?ticket={other}")).await.status, 401);
    assert_eq!(server.get(&format!("{NEWS}?ticket={other}")).await.status, 200, "it was not used");
    assert_eq!(server.get(&format!("{NEWS}?ticket=")).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn a_ticket_buys_no_other_ticket() {
    let (server, _feeds) = offered(Feeds::builder().offer("/news"), club());
    let ticket = ticket(&server, NEWS).await;
    let another = server.post(&format!("{NEWS}?ticket={ticket}")).await;
    assert_eq!((another.status, &*code(&another)), (401, "bad_credentials"));
    assert_eq!(server.get(&format!("{NEWS}?ticket={ticket}")).await.status, 200);
}
