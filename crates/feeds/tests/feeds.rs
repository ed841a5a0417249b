//! Feeds of namespaces and rooms: what comes on which road. (Who may read: `admission.rs`.)

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use common::{Listener, NDJSON, NEWS, SSE, code, emit, emit_to, news, next, offered, open, until};
use serde_json::{Value, json};
use sockeye::{Ack, Binary, Config, Event, MountError, Namespace, Server, Socket};
use sockeye_feeds::{Feeds, FeedsConfig, History, Reading};
use sockeye_testing::raw::{Peer, request};
use sockeye_testing::{TestCluster, TestServer};

#[tokio::test(start_paused = true)]
async fn one_cursor_on_every_road() {
    let (server, _feeds) = news();
    for number in 1..=3 {
        emit(&server, "tick", &json!(number));
    }
    let all = server.get(NEWS).await;
    assert_eq!(all.status, 200);
    assert_eq!(all.header("content-type"), Some("application/json"));
    assert_eq!(all.header("stream-up-to-date"), Some("true"));
    let event = |number: u32| json!({ "event": "tick", "data": [number] });
    assert_eq!(all.json::<Value>(), json!([event(1), event(2), event(3)]));

    // The first two by `EventSource`, cut off there, the third on each other road.
    let mut sse = Listener::open(&server, &format!("{NEWS}?offset=-1"), &[SSE]).await;
    let first = sse.event().await;
    assert_eq!((&*first.name, &*first.data), ("tick", "[1]"));
    let at = sse.event().await.id.unwrap();
    drop(sse);
    let polled = server.get(&format!("{NEWS}?offset={at}")).await;
    assert_eq!(polled.json::<Value>(), json!([event(3)]));
    assert_eq!(next(&polled), next(&all));
    let long = server.get(&format!("{NEWS}?offset={at}&live=long-poll")).await;
    assert_eq!((long.status, long.json::<Value>()), (200, json!([event(3)])));
    let mut ndjson = Listener::open(&server, &format!("{NEWS}?offset={at}"), &[NDJSON]).await;
    let line = json!({ "id": next(&all), "event": "tick", "data": [3] });
    assert_eq!(ndjson.json().await, line);
    let mut durable = Listener::open(&server, &format!("{NEWS}?offset={at}&live=sse"), &[]).await;
    assert_eq!(durable.event().await.json(), json!([event(3)]));
    assert_eq!(durable.event().await.json()["streamNextOffset"], next(&all));
    let mut again = Listener::open(&server, NEWS, &[SSE, ("last-event-id", &at)]).await;
    let third = again.event().await;
    assert_eq!((third.id, &*third.data), (Some(next(&all)), "[3]"));
    // And all of them hear the next.
    emit(&server, "tick", &json!(4));
    assert_eq!(again.event().await.data, "[4]");
    assert_eq!(ndjson.json().await["data"], json!([4]));
    assert_eq!(durable.event().await.json(), json!([event(4)]));
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_hears_what_comes() {
    let (server, _feeds) = news();
    emit(&server, "tick", &json!(1));
    let mut sse = Listener::open(&server, NEWS, &[SSE]).await;
    let mut ndjson = Listener::open(&server, NEWS, &[NDJSON]).await;
    assert_eq!(ndjson.line().await, "\n", "the head leaves at once");
    let tail = sse.head.header("stream-next-offset").unwrap().to_owned();
    assert_eq!(sse.block().await, format!(":\nretry: 2000\nid: {tail}\n\n"));
    emit(&server, "tick", &json!(2));
    assert_eq!(sse.event().await.data, "[2]");
    assert_eq!(ndjson.json().await["data"], json!([2]));
}

#[tokio::test(start_paused = true)]
async fn every_event_stream_has_the_same_head() {
    let (server, _feeds) = news();
    for (target, header, content_type) in [
        (NEWS.to_owned(), SSE, "text/event-stream"),
        (NEWS.to_owned(), NDJSON, "application/x-ndjson"),
        (format!("{NEWS}?offset=now&live=sse"), ("accept", "*/*"), "text/event-stream"),
    ] {
        let listener = Listener::open(&server, &target, &[header]).await;
        let head = &listener.head;
        assert_eq!(head.status, 200);
        assert_eq!(head.header("content-type"), Some(content_type));
        assert_eq!(head.header("cache-control"), Some("no-cache, no-store, no-transform"));
        assert_eq!(head.header("x-accel-buffering"), Some("no"));
        assert_eq!(head.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(head.header("cross-origin-resource-policy"), Some("same-origin"));
        assert!(head.header("stream-next-offset").is_some());
        assert_eq!(head.header("content-length"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_by_what_nobody_takes_for_an_event() {
    let (server, _feeds) = news();
    let mut sse = Listener::open(&server, NEWS, &[SSE]).await;
    sse.block().await;
    let mut ndjson = Listener::open(&server, NEWS, &[NDJSON]).await;
    ndjson.line().await;
    let before = tokio::time::Instant::now();
    assert_eq!(sse.block().await, ":\n\n");
    assert_eq!(ndjson.line().await, "\n");
    assert_eq!(before.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn addresses_name_a_namespace_and_a_room() {
    let server = Server::builder().namespace(open("/")).namespace(open("/a/b")).build().unwrap();
    let _feeds = Feeds::builder().offer_all().mount(&server).unwrap();
    let server = TestServer::new(server);
    let feed = |address: &str| format!("/socket.io/feeds{address}");
    for address in ["/~", "/~/room", "/a%2Fb", "/a%2fb/r%2F1", "/~/%EB%91%98"] {
        assert_eq!(server.get(&feed(address)).await.status, 200, "{address}");
    }
    for address in ["", "/", "/~/", "/~/a/b", "/a/b", "/%ff", "/~/%ff", "/nobody", "/%7E"] {
        let answer = server.get(&feed(address)).await;
        assert_eq!((answer.status, &*code(&answer)), (404, "unknown_feed"), "{address}");
    }
    let io = server.server().io();
    io.emit("all", "1").unwrap();
    io.to("둘").emit("some", "2").unwrap();
    let whole: Value = server.get(&feed("/~")).await.json();
    assert_eq!(whole, json!([{ "event": "all", "data": ["1"] }]));
    let room: Value = server.get(&feed("/~/%EB%91%98")).await.json();
    assert_eq!(room, json!([{ "event": "some", "data": ["2"] }]));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_offered_is_not_there() {
    let server = Server::builder().namespace(open("/news")).namespace(open("/other"));
    let server = server.build().unwrap();
    let _feeds = Feeds::builder().offer_room("/news", "sport").mount(&server).unwrap();
    let server = TestServer::new(server);
    assert_eq!(server.get(&format!("{NEWS}/sport")).await.status, 200);
    for target in [NEWS, "/socket.io/feeds/news/weather", "/socket.io/feeds/other"] {
        let answer = server.get(target).await;
        assert_eq!((answer.status, &*code(&answer)), (404, "unknown_feed"), "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_gone_is_said_to_whoever_was_there() {
    let namespace = Namespace::new("/doc-{id}");
    let config = Config { child_namespaces_max: 1, ..Config::default() };
    let server = Server::builder().config(config).namespace(namespace.on_read(async || {}));
    let server = server.build().unwrap();
    let _feeds = Feeds::builder().offer_where(|name| name.starts_with("/doc-")).mount(&server);
    let server = TestServer::new(server);
    const DOC: &str = "/socket.io/feeds/doc-1";
    assert_eq!(server.get(DOC).await.status, 404, "nobody is in it yet");
    let client = server.client().namespace("/doc-1").connect().await.unwrap();
    let at = next(&server.get(DOC).await);
    let mut listener = Listener::open(&server, DOC, &[SSE]).await;
    listener.block().await;
    client.disconnect();
    until("nobody is in it", || server.server().of("/doc-1").unwrap().sockets().is_empty()).await;
    // Whoever comes next takes its place.
    let _other = server.client().namespace("/doc-2").connect().await.unwrap();
    assert!(server.server().of("/doc-1").is_none());
    // The one that listens is told at its next heartbeat.
    let gap = json!({ "reason": "gone", "oldest": null, "newest": null });
    let told = listener.event().await;
    assert_eq!((&*told.name, told.json()), ("gap", gap.clone()));
    assert_eq!(listener.rest().await, "");
    // One that comes back is told, and shall come back.
    let mut sse = Listener::open(&server, DOC, &[SSE, ("last-event-id", &at)]).await;
    assert_eq!(sse.head.status, 200);
    let retry = sse.block().await;
    let retry: u64 = retry.strip_prefix("retry: ").unwrap().trim_end().parse().unwrap();
    assert!((10_000..20_000).contains(&retry), "{retry}");
    assert_eq!(sse.event().await.json(), gap);
    assert_eq!(sse.rest().await, "");
    let mut ndjson = Listener::open(&server, &format!("{DOC}?offset={at}"), &[NDJSON]).await;
    assert_eq!(ndjson.json().await, json!({ "event": "gap", "data": gap }));
    for road in ["", "&live=long-poll", "&live=sse"] {
        let answer = server.get(&format!("{DOC}?offset={at}{road}")).await;
        assert_eq!((answer.status, &*code(&answer)), (410, "gone"), "{road}");
    }
    assert_eq!(server.get(DOC).header(SSE.0, SSE.1).await.status, 404, "it was never there");
}

#[tokio::test(start_paused = true)]
async fn methods_and_head() {
    let (server, _feeds) = news();
    emit(&server, "tick", &json!(1));
    for method in ["PUT", "DELETE", "PATCH"] {
        let answer = server.request(method, NEWS).await;
        assert_eq!((answer.status, &*code(&answer)), (405, "method_not_allowed"));
        assert_eq!(answer.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
    }
    let head = server.request("HEAD", NEWS).await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("application/json")));
    assert_eq!(next(&head), next(&server.get(NEWS).await));
    assert_eq!(head.header("cache-control"), Some("no-store"));
    // Also where an answer would go on and on.
    let head = server.request("HEAD", NEWS).header(SSE.0, SSE.1).await;
    assert_eq!(head.header("content-type"), Some("application/json"));
    assert_eq!(server.request("HEAD", "/socket.io/feeds/other").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_whole_namespace_and_its_rooms_are_different_feeds() {
    let (server, _feeds) = news();
    let of = async |address: &str| -> Vec<String> {
        let events: Vec<Value> = server.get(&format!("{NEWS}{address}")).await.json();
        events.iter().map(|event| event["data"][0].as_str().unwrap().to_owned()).collect()
    };
    // They begin.
    for address in ["", "/a", "/b"] {
        assert!(of(address).await.is_empty());
    }
    let io = server.server().of("/news").unwrap();
    io.emit("x", "all").unwrap();
    io.to("a").emit("x", "a").unwrap();
    io.to(["a", "b", "a"]).emit("x", "a and b").unwrap();
    // Some of the namespace: those who are in no room `b`. Readers are in no room.
    io.except("b").emit("x", "all but b").unwrap();
    io.to(["a", "b"]).except("a").emit("x", "b but not a").unwrap();
    assert_eq!(of("").await, ["all", "all but b"]);
    assert_eq!(of("/a").await, ["a", "a and b"]);
    assert_eq!(of("/b").await, ["a and b", "b but not a"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_socket_sends_to_others_is_read() {
    let namespace = open("/news")
        .on("say", async |socket: Socket, text: String| {
            socket.to("hall").emit("said", &text)?;
            socket.broadcast().emit("said", &text)?;
            // To itself: nobody reads that.
            socket.emit("said", "only you")
        })
        .on("ask", async |socket: Socket| -> Ack<()> {
            socket.join("hall");
            Ack(())
        });
    let (server, _feeds) = offered(Feeds::builder().offer("/news"), namespace);
    assert_eq!(server.get(&format!("{NEWS}/hall")).await.text(), "[]");
    let mut client = server.client().namespace("/news").connect().await.unwrap();
    client.emit("say", "hello");
    assert_eq!(client.expect_event(Event::<String>::new("said")).await, "only you");
    let said = json!([{ "event": "said", "data": ["hello"] }]);
    assert_eq!(server.get(&format!("{NEWS}/hall")).await.json::<Value>(), said);
    assert_eq!(server.get(NEWS).await.json::<Value>(), said);
    // Nobody reads what is for one client.
    let refused = server.get(&format!("{NEWS}/{}", client.id())).await;
    assert_eq!((refused.status, &*code(&refused)), (403, "refused"));
}

#[tokio::test(start_paused = true)]
async fn bytes_travel_as_base64() {
    const PICTURE: Event<(String, Binary)> = Event::new("picture");
    let (server, _feeds) = news();
    let mut sse = Listener::open(&server, NEWS, &[SSE]).await;
    let io = server.server().of("/news").unwrap();
    io.emit(PICTURE, &("cat".to_owned(), Binary::from(vec![1, 2, 3]))).unwrap();
    let args = json!([["cat", { "base64": "AQID" }]]);
    assert_eq!(sse.event().await.json(), args);
    assert_eq!(server.get(NEWS).await.json::<Value>()[0]["data"], args);
}

#[tokio::test(start_paused = true)]
async fn volatile_events_have_no_cursor_and_are_not_kept() {
    let (server, _feeds) = news();
    let mut sse = Listener::open(&server, NEWS, &[SSE]).await;
    let mut ndjson = Listener::open(&server, NEWS, &[NDJSON]).await;
    let mut durable = Listener::open(&server, &format!("{NEWS}?offset=now&live=sse"), &[]).await;
    let at = durable.event().await.json()["streamNextOffset"].clone();
    let io = server.server().of("/news").unwrap();
    io.volatile().emit("pointer", &7).unwrap();
    io.emit("tick", &1).unwrap();
    sse.block().await;
    assert_eq!(sse.block().await, "event: pointer\ndata: [7]\n\n");
    assert_eq!(sse.event().await.data, "[1]");
    assert_eq!(ndjson.json().await, json!({ "event": "pointer", "data": [7] }));
    assert_eq!(ndjson.json().await["event"], "tick");
    // On these roads there is no place for what has no cursor.
    assert_eq!(durable.event().await.data, r#"[{"event":"tick","data":[1]}]"#);
    assert_eq!(server.get(NEWS).await.text(), r#"[{"event":"tick","data":[1]}]"#);
    let behind = at.as_str().unwrap();
    assert_eq!(
        server.get(&format!("{NEWS}?offset={behind}")).await.text().matches("tick").count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn questions_are_not_for_readers() {
    let (server, _feeds) = news();
    let mut client = server.client().namespace("/news").connect().await.unwrap();
    const ASK: Event<u32, u32> = Event::new("ask");
    let io = server.server().of("/news").unwrap();
    let _answers = io.emit_with_ack(ASK, &1).unwrap();
    let (question, answerer) = client.expect_request(ASK).await;
    answerer.answer(&(question + 1));
    assert_eq!(server.get(NEWS).await.text(), "[]");
}

#[tokio::test(start_paused = true)]
async fn what_other_servers_of_a_cluster_send_is_read_with_a_cursor_of_ones_own() {
    let cluster = TestCluster::new(1);
    let mut members = Vec::new();
    for name in ["one", "two"] {
        let server = Server::builder().namespace(open("/news")).cluster(cluster.member(name));
        let server = server.build().unwrap();
        drop(Feeds::builder().offer("/news").mount(&server).unwrap());
        members.push(TestServer::new(server));
    }
    let (one, two) = (&members[0], &members[1]);
    let mut at_two = Listener::open(two, NEWS, &[SSE]).await;
    emit(one, "tick", &json!(1));
    cluster.all_arrived().await;
    assert_eq!(at_two.event().await.data, "[1]");
    let (of_one, of_two) = (one.get(NEWS).await, two.get(NEWS).await);
    assert_eq!(of_one.text(), of_two.text());
    assert_ne!(next(&of_one), next(&of_two));
    // A reader that comes to the other server is told, and goes on from the oldest.
    let mut moved = Listener::open(two, NEWS, &[SSE, ("last-event-id", &next(&of_one))]).await;
    let gap = moved.event().await;
    assert_eq!((&*gap.name, gap.json()["reason"].as_str()), ("gap", Some("foreign")));
    assert_eq!(gap.id.as_deref(), gap.json()["oldest"].as_str());
    assert_eq!(moved.event().await.data, "[1]");
}

#[tokio::test(start_paused = true)]
async fn a_room_is_kept_from_its_first_reader_on_unless_it_is_offered_by_name() {
    let builder = Feeds::builder().offer("/news").offer_room("/news", "named");
    let (server, feeds) = offered(builder, open("/news"));
    assert_eq!(feeds.len(), 2);
    for room in ["named", "passing"] {
        emit_to(&server, room, "tick", &json!(1));
    }
    let kept = async |room: &str| -> usize {
        server.get(&format!("{NEWS}/{room}")).await.json::<Vec<Value>>().len()
    };
    assert_eq!((kept("named").await, kept("passing").await), (1, 0));
    emit_to(&server, "passing", "tick", &json!(2));
    assert_eq!(kept("passing").await, 1);
    assert_eq!(feeds.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn loss_is_said_on_every_road() {
    let history = History { events_max: 2, ..History::default() };
    let config = FeedsConfig { history, ..FeedsConfig::default() };
    let (server, _feeds) = offered(Feeds::builder().offer("/news").config(config), open("/news"));
    let first = next(&server.get(NEWS).await);
    for number in 1..=3 {
        emit(&server, "tick", &json!(number));
    }
    let all = server.get(NEWS).await;
    assert_eq!(all.text().matches("tick").count(), 2);
    let foreign = next(&server.get(&format!("{NEWS}/other")).await);
    for (cursor, reason, status) in
        [(&*first, "too_old", 410), (&foreign, "foreign", 410), ("1", "malformed", 400)]
    {
        let target = format!("{NEWS}?offset={cursor}");
        for road in ["", "&wait=5", "&live=long-poll", "&live=sse"] {
            let answer = server.get(&format!("{target}{road}")).await;
            assert_eq!((answer.status, &*code(&answer)), (status, reason), "{road}");
            let body: Value = answer.json();
            assert_eq!(body["reason"], reason);
            assert_eq!(body["newest"], next(&all));
            assert_eq!(body["oldest"], next(&answer));
            let rest = server.get(&format!("{NEWS}?offset={}", next(&answer))).await;
            assert_eq!(rest.text(), all.text(), "it goes on from there");
        }
        let mut sse = Listener::open(&server, &target, &[SSE]).await;
        assert_eq!(sse.head.status, 200);
        assert_eq!(sse.block().await, ":\nretry: 2000\n\n");
        let gap = sse.event().await;
        assert_eq!((&*gap.name, gap.json()["reason"].as_str()), ("gap", Some(reason)));
        assert_eq!(gap.id.as_deref(), gap.json()["oldest"].as_str());
        assert_eq!(sse.event().await.data, "[2]");
        let mut ndjson = Listener::open(&server, &target, &[NDJSON]).await;
        let gap = ndjson.json().await;
        assert_eq!((&gap["event"], &gap["data"]["reason"]), (&json!("gap"), &json!(reason)));
        assert_eq!(gap["id"], gap["data"]["oldest"]);
        assert_eq!(ndjson.json().await["data"], json!([2]));
    }
}

#[tokio::test(start_paused = true)]
async fn polls_wait() {
    let (server, feeds) = news();
    let before = tokio::time::Instant::now();
    let nothing = server.get(&format!("{NEWS}?wait=7")).await;
    assert_eq!((nothing.status, nothing.text(), before.elapsed().as_secs()), (200, "[]", 7));
    let at = next(&nothing);
    let before = tokio::time::Instant::now();
    let long = server.get(&format!("{NEWS}?offset={at}&live=long-poll")).await;
    assert_eq!((long.status, long.header("stream-up-to-date")), (204, Some("true")));
    assert_eq!((next(&long), before.elapsed().as_secs()), (at.clone(), 20));
    for target in
        [format!("{NEWS}?offset={at}&wait=25"), format!("{NEWS}?offset=now&live=long-poll")]
    {
        let asking = tokio::spawn(server.get(&target).into_future());
        until("it waits", || feeds.readers() == 1).await;
        emit(&server, "tick", &json!(1));
        let answer = asking.await.unwrap();
        assert_eq!((answer.status, answer.text()), (200, r#"[{"event":"tick","data":[1]}]"#));
        assert_eq!(feeds.readers(), 0);
        // What is there is not waited for.
        let at = tokio::time::Instant::now();
        assert!(server.get(&format!("{NEWS}?wait=25")).await.text().len() > 2);
        assert_eq!(at.elapsed().as_secs(), 0);
        if target.contains("now") {
            break;
        }
    }
    for bad in ["wait=x", "wait=", "wait=-1", "wait=99999", "wait=1&wait=2", "live=x", "live=sse"] {
        let answer = server.get(&format!("{NEWS}?{bad}")).await;
        assert_eq!((answer.status, &*code(&answer)), (400, "bad_request"), "{bad}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_known_is_not_sent_again() {
    let (server, _feeds) = news();
    emit(&server, "tick", &json!(1));
    let all = server.get(NEWS).await;
    assert_eq!(all.header("cache-control"), Some("private, no-cache"));
    let etag = all.header("etag").unwrap().to_owned();
    for known in [&*etag, "*", &format!("W/{etag}"), &format!("\"x\", {etag}")] {
        let same = server.get(NEWS).header("if-none-match", known).await;
        assert_eq!((same.status, same.body.len(), next(&same)), (304, 0, next(&all)), "{known}");
        assert_eq!(same.header("etag"), Some(&*etag));
    }
    assert_eq!(server.get(NEWS).header("if-none-match", "\"x\"").await.status, 200);
    emit(&server, "tick", &json!(2));
    let more = server.get(NEWS).header("if-none-match", &etag).await;
    assert_eq!(more.status, 200);
    assert_ne!(more.header("etag"), Some(&*etag));
    // What depends on when it was asked has no tag.
    let now = server.get(&format!("{NEWS}?offset=now")).await;
    assert_eq!((now.text(), now.header("etag")), ("[]", None));
    assert_eq!(now.header("cache-control"), Some("no-store"));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_answers_who_waits_and_ends_who_listens() {
    let (server, feeds) = news();
    let mut sse = Listener::open(&server, NEWS, &[SSE]).await;
    let mut ndjson = Listener::open(&server, NEWS, &[NDJSON]).await;
    let poll = tokio::spawn(server.get(&format!("{NEWS}?wait=25")).into_future());
    let long = format!("{NEWS}?offset=now&live=long-poll");
    let long = tokio::spawn(server.get(&long).into_future());
    until("all of them are there", || feeds.readers() == 4).await;
    sse.block().await;
    emit(&server, "tick", &json!("the last"));
    let before = tokio::time::Instant::now();
    let ending = tokio::spawn({
        let server = server.server().clone();
        async move { server.shutdown().await }
    });
    assert_eq!(poll.await.unwrap().status, 200);
    assert_eq!(long.await.unwrap().status, 200);
    assert_eq!(sse.event().await.data, r#"["the last"]"#);
    let retry = sse.rest().await;
    let retry: u64 = retry.strip_prefix("retry: ").unwrap().trim_end().parse().unwrap();
    assert!((1_000..5_000).contains(&retry), "not all of them at once: {retry}");
    assert_eq!(ndjson.json().await["data"], json!(["the last"]));
    assert_eq!(ndjson.rest().await, "");
    ending.await.unwrap();
    assert!(before.elapsed() < Duration::from_secs(3), "nobody is waited for");
    until("nobody is left", || feeds.readers() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_sends_away_who_waits_for_nothing() {
    let (server, feeds) = news();
    let polls: Vec<_> = ["wait=25", "offset=now&live=long-poll"]
        .map(|road| tokio::spawn(server.get(&format!("{NEWS}?{road}")).into_future()))
        .into();
    until("they wait", || feeds.readers() == 2).await;
    server.server().clone().shutdown().await;
    for poll in polls {
        let answer = poll.await.unwrap();
        assert_eq!((answer.status, &*code(&answer)), (503, "ending"));
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}

#[tokio::test(start_paused = true)]
async fn pages_of_other_origins() {
    let server = Server::builder().allow_origin("https://shop.example").namespace(open("/news"));
    let server = server.build().unwrap();
    let _feeds = Feeds::builder().offer("/news").mount(&server).unwrap();
    let server = TestServer::new(server);
    let from = |origin| [("origin", origin), SSE];
    let shop = Listener::open(&server, NEWS, &from("https://shop.example")).await.head;
    assert_eq!(shop.header("access-control-allow-origin"), Some("https://shop.example"));
    let exposed = shop.header("access-control-expose-headers").unwrap();
    for name in ["Stream-Next-Offset", "Stream-Up-To-Date", "Stream-Cursor", "ETag", "Retry-After"]
    {
        assert!(exposed.contains(name), "{name} in {exposed}");
    }
    assert_eq!(shop.header("vary"), Some("Origin"));
    let poll = server.get(NEWS).header("origin", "https://shop.example").await;
    assert_eq!(poll.headers("access-control-allow-origin").count(), 1);
    let stranger = server.get(NEWS).header("origin", "https://evil.example").await;
    assert_eq!((stranger.status, &*code(&stranger)), (403, "refused"));
    assert_eq!(stranger.header("access-control-allow-origin"), None);
    assert_eq!(server.get(NEWS).header("origin", "http://localhost").await.status, 200);

    let ask = |origin| {
        server
            .request("OPTIONS", NEWS)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization")
    };
    let preflight = ask("https://shop.example").await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("https://shop.example"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("authorization"));
    let methods = preflight.header("access-control-allow-methods").unwrap();
    assert!(methods.contains("POST") && methods.contains("HEAD"), "{methods}");
    assert_eq!(ask("https://evil.example").await.header("access-control-allow-origin"), None);
}

#[tokio::test(start_paused = true)]
async fn mounted_alone_in_a_router_and_as_a_layer() {
    let mount = || {
        let server = Server::builder().namespace(open("/news")).build().unwrap();
        drop(Feeds::builder().offer("/news").mount(&server).unwrap());
        server
    };
    let hello = || Router::new().route("/hello", get(async || "hello"));
    let server = mount();
    let router = hello().merge(server.clone().into_router());
    let merged = TestServer::with_service(server, router);
    let server = mount();
    let layered = TestServer::with_service(server.clone(), hello().layer(server.into_layer()));
    for server in [&TestServer::new(mount()), &merged, &layered] {
        emit(server, "tick", &json!(1));
        assert_eq!(server.get(NEWS).await.text(), r#"[{"event":"tick","data":[1]}]"#);
        let mut sse = Listener::open(server, &format!("{NEWS}?offset=-1"), &[SSE]).await;
        assert_eq!(sse.event().await.data, "[1]");
        assert!(server.get("/socket.io/?EIO=4&transport=polling").await.text().starts_with("0{"));
    }
    for server in [&merged, &layered] {
        assert_eq!(server.get("/hello").await.text(), "hello");
    }
}

#[tokio::test]
async fn a_path_is_taken_once() {
    let server = Server::builder().namespace(open("/news")).build().unwrap();
    let mount = |path: Option<&str>| {
        let feeds = Feeds::builder().offer("/news");
        let feeds = path.into_iter().fold(feeds, |feeds, path| feeds.path(path));
        feeds.mount(&server)
    };
    let _first = mount(None).unwrap();
    assert!(matches!(mount(None), Err(MountError::Overlap { .. })));
    assert!(matches!(mount(Some("/socket.io/feeds/below")), Err(MountError::Overlap { .. })));
    assert!(matches!(mount(Some("/socket.io")), Err(MountError::ServerPath(_))));
    assert!(matches!(mount(Some("feeds")), Err(MountError::Path(_))));
    let _second = mount(Some("/feeds")).unwrap();
    let server = TestServer::new(server.clone());
    emit(&server, "tick", &json!(1));
    let answers = [server.get(NEWS).await, server.get("/feeds/news").await];
    assert_eq!(answers[0].text(), answers[1].text());
    assert_ne!(next(&answers[0]), next(&answers[1]), "each has its own");
}

#[tokio::test(start_paused = true)]
async fn under_the_path_of_the_server() {
    let mut config = Config::default();
    config.engine.path = Some("/sockets".to_owned());
    let server = Server::builder().config(config).namespace(open("/news")).build().unwrap();
    let _feeds = Feeds::builder().offer("news").mount(&server).unwrap();
    let server = TestServer::new(server);
    assert_eq!(server.get("/sockets/feeds/news").await.status, 200);
    assert_eq!(server.get(NEWS).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_name_is_one_line_whatever_is_in_it() {
    let (server, _feeds) = news();
    let mut sse = Listener::open(&server, NEWS, &[SSE]).await;
    sse.block().await;
    emit(&server, "a\r\ndata: x\n\nid: 1\0", &json!("b\n\nid: 2"));
    let block = sse.block().await;
    let event = block.split_once('\n').unwrap().1;
    assert_eq!(
        event,
        "event: a\u{fffd}\u{fffd}data: x\u{fffd}\u{fffd}id: 1\u{fffd}\ndata: [\"b\\n\\nid: 2\"]\n\n"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_request_is_echoed() {
    let (server, _feeds) = news();
    let word = "%3Cscript%3E%0d%0aX:1";
    for (method, target) in [
        ("GET", format!("{NEWS}?offset={word}")),
        ("GET", format!("{NEWS}?live={word}&offset=-1")),
        ("GET", format!("{NEWS}?wait={word}")),
        ("GET", format!("{NEWS}?ticket={word}")),
        ("GET", format!("/socket.io/feeds/{word}/x/y")),
        ("GET", format!("/socket.io/feeds/{word}")),
        ("PUT", format!("{NEWS}?{word}")),
    ] {
        let answer = server.request(method, &target).await;
        assert!((400..500).contains(&answer.status), "{target}: {}", answer.status);
        let said = format!("{}{}", answer.head, answer.text());
        assert!(!said.contains("script"), "{said}");
        assert!(answer.json::<Value>()["error"]["message"].as_str().unwrap().len() > 5);
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_a_reader_shows_as_where_it_was_is_answered() {
    let (server, _feeds) = news();
    emit(&server, "tick", &json!(1));
    let long = "x".repeat(8_000);
    for shown in ["x", "\u{fffd}", "0", "-1,", &long] {
        let mut sse = Listener::open(&server, NEWS, &[SSE, ("last-event-id", shown)]).await;
        assert_eq!(sse.event().await.json()["reason"], "malformed");
    }
    // Spaces around the value of a header are no part of it (RFC 9112, 5).
    let mut sse = Listener::open(&server, NEWS, &[SSE, ("last-event-id", " -1 ")]).await;
    assert_eq!(sse.event().await.name, "tick");
    for (offset, code_of) in [("", "malformed"), ("%00", "malformed"), ("-1%20", "malformed")] {
        let answer = server.get(&format!("{NEWS}?offset={offset}")).await;
        assert_eq!((answer.status, &*code(&answer)), (400, code_of), "{offset:?}");
    }
    let twice = server.get(&format!("{NEWS}?offset=-1&offset=-1")).await;
    assert_eq!((twice.status, &*code(&twice)), (400, "bad_request"));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_gives_the_place_back() {
    let (server, feeds) = news();
    let mut held = Vec::new();
    for target in [format!("{NEWS}?wait=25"), format!("{NEWS}?offset=now&live=long-poll")] {
        let (stream, wire) = server.open();
        let mut peer = Peer::new(stream);
        peer.send(request("GET", &target, &[], "")).await;
        held.push((peer, wire));
    }
    until("they wait", || feeds.readers() == 2).await;
    let listening = Listener::open(&server, NEWS, &[NDJSON]).await;
    assert_eq!(feeds.readers(), 3);
    drop((held, listening));
    until("nobody is left", || feeds.readers() == 0).await;
}

/// Somebody at another address.
fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 1))
}

#[tokio::test(start_paused = true)]
async fn no_place_for_one_more_reader_is_said_on_every_road() {
    let reading = Reading { readers_per_address_max: Some(1), ..Reading::default() };
    let config = FeedsConfig { reading, ..FeedsConfig::default() };
    let (server, feeds) = offered(Feeds::builder().offer("/news").config(config), open("/news"));
    let first = Listener::open_from(&server, address(1), NEWS, &[SSE]).await;
    let gap = json!({ "reason": "overload", "oldest": null, "newest": null });
    let mut sse = Listener::open_from(&server, address(1), NEWS, &[SSE]).await;
    assert_eq!(sse.head.status, 200, "it shall come back");
    let retry = sse.block().await;
    let retry: u64 = retry.strip_prefix("retry: ").unwrap().trim_end().parse().unwrap();
    assert!((10_000..20_000).contains(&retry), "{retry}");
    assert_eq!(sse.event().await.json(), gap);
    assert_eq!(sse.rest().await, "");
    let mut ndjson = Listener::open_from(&server, address(1), NEWS, &[NDJSON]).await;
    assert_eq!(ndjson.json().await, json!({ "event": "gap", "data": gap }));
    for road in ["wait=25", "offset=now&live=long-poll", "offset=-1&live=sse"] {
        let answer = server.get(&format!("{NEWS}?{road}")).address(address(1)).await;
        assert_eq!((answer.status, &*code(&answer)), (503, "overload"), "{road}");
        assert_eq!(answer.header("retry-after"), Some("10"));
    }
    // Whoever does not stay needs no place, and other addresses have their own.
    assert_eq!(server.get(NEWS).address(address(1)).await.status, 200);
    let second = Listener::open_from(&server, address(2), NEWS, &[SSE]).await;
    assert_eq!(feeds.readers(), 2);
    drop((first, second));
    until("nobody is left", || feeds.readers() == 0).await;
}
