//! Streams of their own: made, appended to, closed and deleted by the application and by requests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Listener, NDJSON, SSE, code, next, until};
use http::Method;
use serde_json::{Value, json};
use sockeye::{MountError, Refuse, Server};
use sockeye_feeds::{Access, AppendError, CreateError, Streams, StreamsConfig, Verb};
use sockeye_testing::TestServer;

fn mounted(access: Access) -> (TestServer, Streams) {
    let server = Server::builder().build().unwrap();
    let streams = Streams::new(StreamsConfig::default());
    streams.mount(&server, "/streams", access).unwrap();
    (TestServer::new(server), streams)
}

fn open() -> (TestServer, Streams) {
    mounted(Access::everything())
}

#[tokio::test(start_paused = true)]
async fn the_application_appends_and_everybody_reads() {
    let (server, streams) = open();
    let prices = streams.create("prices", "application/json").unwrap();
    let begin = prices.tail();
    prices.append_json(&json!({ "tea": 3 })).unwrap();
    let second = prices.append_json(&[1, 2]).unwrap();
    assert_eq!(prices.append("[3,[4]]").unwrap(), prices.tail());
    let all = server.get("/streams/prices").await;
    assert_eq!(all.json::<Value>(), json!([{ "tea": 3 }, [1, 2], 3, [4]]));
    assert_eq!(next(&all), prices.tail().to_string());
    let rest = server.get(&format!("/streams/prices?offset={second}")).await;
    assert_eq!(rest.json::<Value>(), json!([3, [4]]));
    // On the plain roads a message is its value, without a name.
    let target = format!("/streams/prices?offset={begin}");
    let mut sse = Listener::open(&server, &target, &[SSE]).await;
    sse.block().await;
    assert!(sse.block().await.ends_with("\ndata: {\"tea\":3}\n\n"));
    assert_eq!(sse.event().await.id, Some(second.to_string()));
    let mut ndjson = Listener::open(&server, &target, &[NDJSON]).await;
    assert_eq!(ndjson.json().await["data"], json!({ "tea": 3 }));
    assert_eq!(ndjson.json().await, json!({ "id": second.to_string(), "data": [1, 2] }));
    assert_eq!(prices.listeners(), 2);
    assert!(begin < second && streams.get("prices").unwrap().tail() == prices.tail());
}

#[tokio::test(start_paused = true)]
async fn requests_make_append_and_delete() {
    let (server, streams) = open();
    let put = async |content_type: &str| {
        server.request("PUT", "/streams/orders/1").header("content-type", content_type).await
    };
    let made = put("application/json").await;
    assert_eq!(made.status, 201);
    assert_eq!(made.header("location"), Some("http://localhost/streams/orders/1"));
    assert_eq!(put("Application/JSON; charset=utf-8").await.status, 200);
    let other = put("text/plain").await;
    assert_eq!((other.status, &*code(&other)), (409, "exists"));
    let post = |body: &str| {
        let request = server.post("/streams/orders/1").header("content-type", "application/json");
        request.body(body)
    };
    let appended = post("{\"n\":1}").await;
    assert_eq!(appended.status, 204);
    assert_eq!(next(&appended), streams.get("orders/1").unwrap().tail().to_string());
    for (body, expected) in [("", "empty"), ("[]", "empty"), ("{", "bad_json")] {
        let refused = post(body).await;
        assert_eq!((refused.status, &*code(&refused)), (400, expected));
    }
    let wrong = server.post("/streams/orders/1").header("content-type", "text/plain").body("x");
    assert_eq!(code(&wrong.await), "content_type");
    assert_eq!(code(&server.post("/streams/orders/1").body("x").await), "bad_request");
    assert_eq!(server.get("/streams/orders/1").await.text(), "[{\"n\":1}]");
    assert_eq!(server.request("DELETE", "/streams/orders/1").await.status, 204);
    for method in ["GET", "HEAD", "DELETE", "POST"] {
        assert_eq!(server.request(method, "/streams/orders/1").await.status, 404, "{method}");
    }
    assert!(streams.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_served_is_refused() {
    let (server, streams) = open();
    for name in ["stream-ttl", "stream-expires-at", "stream-forked-from"] {
        let refused = server.request("PUT", "/streams/a").header(name, "60").await;
        assert_eq!((refused.status, &*code(&refused)), (400, "bad_request"));
        assert!(refused.text().contains(name), "{}", refused.text());
    }
    assert!(streams.is_empty());
    let wrong = server.request("PATCH", "/streams/a").await;
    assert_eq!((wrong.status, &*code(&wrong)), (405, "method_not_allowed"));
    assert_eq!(wrong.header("allow"), Some("GET, HEAD, PUT, POST, DELETE, OPTIONS"));
}

#[tokio::test(start_paused = true)]
async fn a_producer_may_repeat_itself() {
    let (server, _streams) = open();
    server.request("PUT", "/streams/a").header("content-type", "text/plain").await;
    let post = async |epoch: &str, sequence: &str, body: &str| {
        server
            .post("/streams/a")
            .header("content-type", "text/plain")
            .header("producer-id", "p")
            .header("producer-epoch", epoch)
            .header("producer-seq", sequence)
            .body(body)
            .await
    };
    assert_eq!(post("0", "0", "a").await.status, 200);
    let repeat = post("0", "0", "a").await;
    assert_eq!((repeat.status, repeat.header("producer-seq")), (204, Some("0")));
    let missing = post("0", "2", "c").await;
    assert_eq!((missing.status, &*code(&missing)), (409, "missing"));
    assert_eq!(missing.header("producer-expected-seq"), Some("1"));
    assert_eq!(missing.header("producer-received-seq"), Some("2"));
    assert_eq!(code(&post("1", "1", "b").await), "epoch_start");
    assert_eq!(post("1", "0", "b").await.status, 200);
    let fenced = post("0", "1", "b").await;
    assert_eq!((fenced.status, fenced.header("producer-epoch")), (403, Some("1")));
    assert_eq!(server.get("/streams/a").await.text(), "ab");
    let half = server.post("/streams/a").header("producer-id", "p").body("x").await;
    assert_eq!((half.status, &*code(&half)), (400, "bad_request"));
}

#[tokio::test(start_paused = true)]
async fn a_closed_stream_says_that_it_is_the_end() {
    let (server, streams) = open();
    let stream = streams.create("a", "application/json").unwrap();
    let at = stream.append_json(&1).unwrap();
    let mut sse = Listener::open(&server, "/streams/a?offset=-1", &[SSE]).await;
    let mut durable = Listener::open(&server, "/streams/a?offset=-1&live=sse", &[]).await;
    assert_eq!(sse.event().await.data, "1");
    assert_eq!(durable.event().await.data, "[1]");
    durable.event().await;
    let end = stream.close();
    assert!(stream.is_closed() && at == end);
    assert!(matches!(stream.append_json(&2), Err(AppendError::Closed { tail }) if tail == end));
    assert!(matches!(streams.create("a", "application/json"), Err(CreateError::Exists)));
    assert_eq!(sse.rest().await, "");
    let control = durable.event().await.json();
    let told = json!({ "streamNextOffset": end.as_str(), "streamClosed": true, "upToDate": true });
    assert_eq!(control, told);
    assert_eq!(durable.rest().await, "");
    // `EventSource` comes back, and is told by the one status that ends it for good.
    let back = server.get("/streams/a").header(SSE.0, SSE.1);
    assert_eq!(back.header("last-event-id", end.as_str()).await.status, 204);
    let poll = server.get("/streams/a").await;
    assert_eq!((poll.status, poll.header("stream-closed")), (200, Some("true")));
    let long = server.get(&format!("/streams/a?offset={end}&live=long-poll")).await;
    assert_eq!((long.status, long.header("stream-closed")), (204, Some("true")));
    let refused = server.post("/streams/a").header("content-type", "application/json").body("1");
    let refused = refused.await;
    assert_eq!(
        (refused.status, &*code(&refused), next(&refused)),
        (409, "closed", end.to_string())
    );
}

#[tokio::test(start_paused = true)]
async fn a_deleted_stream_is_gone_for_who_reads_it() {
    let (server, streams) = open();
    let stream = streams.create("a", "application/json").unwrap();
    let at = stream.append_json(&1).unwrap();
    let mut sse = Listener::open(&server, "/streams/a", &[SSE]).await;
    let mut ndjson = Listener::open(&server, "/streams/a", &[NDJSON]).await;
    sse.block().await;
    let long = server.get("/streams/a?offset=now&live=long-poll");
    let long = tokio::spawn(long.into_future());
    until("they read", || stream.listeners() == 2).await;
    tokio::task::yield_now().await;
    assert!(streams.delete("a") && !streams.delete("a"));
    let gap = json!({ "reason": "gone", "oldest": null, "newest": null });
    assert_eq!(sse.event().await.json(), gap);
    assert_eq!(sse.rest().await, "");
    assert_eq!(ndjson.json().await, json!({ "event": "gap", "data": gap }));
    assert_eq!(long.await.unwrap().status, 404);
    assert!(matches!(stream.append_json(&2), Err(AppendError::Deleted)));
    // Who comes back to a plain road is told the same, and not by a status that ends it for good.
    let back = [SSE, ("last-event-id", at.as_str())];
    let mut back = Listener::open(&server, "/streams/a", &back).await;
    assert_eq!((back.head.status, back.event().await.json()), (200, gap.clone()));
    let target = format!("/streams/a?offset={at}");
    let mut back = Listener::open(&server, &target, &[NDJSON]).await;
    assert_eq!(back.json().await, json!({ "event": "gap", "data": gap }));
    // Durable Streams has a status for it.
    assert_eq!(server.get(&target).await.status, 404);
    // A new one of that name has nothing of it.
    streams.create("a", "application/json").unwrap();
    let foreign = server.get(&target).await;
    assert_eq!((foreign.status, &*code(&foreign)), (410, "foreign"));
}

#[tokio::test(start_paused = true)]
async fn text_and_bytes_on_each_road() {
    let (server, streams) = open();
    let text = streams.create("text", "text/plain").unwrap();
    text.append("one\r\n two").unwrap();
    text.append("three").unwrap();
    let bytes = streams.create("bytes", "application/octet-stream").unwrap();
    bytes.append(&[0_u8, 255][..]).unwrap();
    assert_eq!(server.get("/streams/text").await.text(), "one\r\n twothree");
    assert_eq!(server.get("/streams/bytes").await.body, [0, 255]);
    let mut sse = Listener::open(&server, "/streams/text?offset=-1", &[SSE]).await;
    assert_eq!(sse.event().await.data, "one\n two");
    assert_eq!(sse.head.header("stream-sse-data-encoding"), None);
    let mut sse = Listener::open(&server, "/streams/bytes?offset=-1", &[SSE]).await;
    assert_eq!(sse.event().await.data, "AP8=");
    assert_eq!(sse.head.header("stream-sse-data-encoding"), Some("base64"));
    let mut lines = Listener::open(&server, "/streams/bytes?offset=-1", &[NDJSON]).await;
    assert_eq!(lines.json().await["data"], json!({ "base64": "AP8=" }));
    let mut durable = Listener::open(&server, "/streams/text?offset=-1&live=sse", &[]).await;
    assert_eq!(durable.block().await, "event: data\ndata:one\ndata:  twothree\n\n");
    assert!(matches!(text.append_json(&1), Err(AppendError::ContentType)));
    assert!(matches!(streams.create("text", "text/html"), Err(CreateError::Exists)));
}

#[tokio::test(start_paused = true)]
async fn access_is_asked_with_every_request() {
    let access = Access::new(async |head, verb| {
        let is_known = head.headers.get("authorization").is_some_and(|it| it == "Bearer sesame");
        match (verb, is_known) {
            (Verb::Read, _) => Ok(()),
            (Verb::Create | Verb::Append | Verb::Delete, true) if head.method != Method::GET => {
                Ok(())
            }
            _ => Err(Refuse::new("this needs the key")),
        }
    });
    let (server, _streams) = mounted(access);
    for (method, status) in [("PUT", 201), ("GET", 200), ("POST", 204), ("DELETE", 204)] {
        let ask = || {
            let request = server.request(method, "/streams/a");
            request.header("content-type", "text/plain").body(if method == "POST" {
                "x"
            } else {
                ""
            })
        };
        if method != "GET" {
            let refused = ask().await;
            assert_eq!((refused.status, &*code(&refused)), (403, "refused"), "{method}");
        }
        assert_eq!(ask().header("authorization", "Bearer sesame").await.status, status, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn read_only_streams_are_the_applications() {
    let (server, streams) = mounted(Access::read_only());
    streams.create("a", "text/plain").unwrap().append("x").unwrap();
    assert_eq!(server.get("/streams/a").await.text(), "x");
    for method in ["PUT", "POST", "DELETE"] {
        let refused = server.request(method, "/streams/a").await;
        assert_eq!((refused.status, &*code(&refused)), (403, "refused"), "{method}");
    }
    let page = server.get("/streams/a").header("origin", "https://evil.example").await;
    assert_eq!(page.status, 403, "pages are judged as a client's is");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_who_reads_and_a_path_is_taken_once() {
    let (server, streams) = open();
    let again = streams.mount(server.server(), "/streams/below", Access::everything());
    assert!(matches!(again, Err(MountError::Overlap { .. })));
    streams.create("a", "text/plain").unwrap();
    let mut durable = Listener::open(&server, "/streams/a?offset=now&live=sse", &[]).await;
    durable.block().await;
    let poll = tokio::spawn(server.get("/streams/a?wait=25").into_future());
    tokio::task::yield_now().await;
    server.server().clone().shutdown().await;
    let poll = poll.await.unwrap();
    assert_eq!((poll.status, &*code(&poll)), (503, "ending"), "or it would ask again at once");
    assert_eq!(poll.header("retry-after"), Some("1"));
    let rest = durable.rest().await;
    assert!(rest.starts_with("event: control\ndata:{\"streamNextOffset\":"), "{rest}");
}

/// Behind a proxy that ends TLS the address is the one that the client asked for.
#[tokio::test(start_paused = true)]
async fn a_proxy_that_is_trusted_says_where_a_stream_is() {
    for (trusted, expected) in [
        ("127.0.0.1", "https://streams.example/streams/a"),
        ("10.0.0.1", "http://localhost/streams/a"),
    ] {
        let server = Server::builder().trusted_proxies(trusted).build().unwrap();
        let streams = Streams::new(StreamsConfig::default());
        streams.mount(&server, "/streams", Access::everything()).unwrap();
        let put = TestServer::new(server).request("PUT", "/streams/a");
        let put =
            put.header("x-forwarded-proto", "https").header("x-forwarded-host", "streams.example");
        assert_eq!(put.await.header("location"), Some(expected));
    }
}
