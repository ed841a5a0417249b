//! Every limit of feeds and streams, at its edge: docs/limits.md names these tests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{Listener, NDJSON, SSE, code, next, until};
use serde_json::{Value, json};
use sockeye::{Config, Namespace, Server};
use sockeye_feeds::{
    Access, CreateError, Feeds, FeedsConfig, History, Reading, Streams, StreamsConfig, TicketError,
};
use sockeye_testing::raw::{Peer, request};
use sockeye_testing::{TestServer, Wire};
use tokio::net::TcpStream;
use tokio::time::Instant;

const NEWS: &str = "/socket.io/feeds/news";

fn server() -> Server {
    Server::builder().namespace(Namespace::new("/news").on_read(async || {})).build().unwrap()
}

fn feeds(config: FeedsConfig) -> (TestServer, Feeds) {
    let server = server();
    let feeds = Feeds::builder().offer("/news").config(config).mount(&server).unwrap();
    (TestServer::new(server), feeds)
}

fn streams(config: StreamsConfig) -> (TestServer, Streams) {
    let server = server();
    let streams = Streams::new(config);
    streams.mount(&server, "/streams", Access::everything()).unwrap();
    (TestServer::new(server), streams)
}

fn reading(change: impl FnOnce(&mut Reading)) -> FeedsConfig {
    let mut config = FeedsConfig::default();
    change(&mut config.reading);
    config
}

fn emit(server: &TestServer, room: Option<&str>, data: &str) {
    let io = server.server().of("/news").unwrap();
    match room {
        Some(room) => io.to(room).emit("x", data).unwrap(),
        None => io.emit("x", data).unwrap(),
    }
}

/// The data of what is kept.
async fn kept(server: &TestServer, target: &str) -> Vec<String> {
    let events: Vec<Value> = server.get(target).await.json();
    events.iter().map(|event| event["data"][0].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn so_many_events_are_kept() {
    let history = History { events_max: 2, ..History::default() };
    let (server, _feeds) = feeds(FeedsConfig { history, ..FeedsConfig::default() });
    let begin = next(&server.get(NEWS).await);
    emit(&server, None, "1");
    emit(&server, None, "2");
    assert_eq!(server.get(&format!("{NEWS}?offset={begin}")).await.status, 200);
    emit(&server, None, "3");
    assert_eq!(kept(&server, NEWS).await, ["2", "3"]);
    assert_eq!(code(&server.get(&format!("{NEWS}?offset={begin}")).await), "too_old");
}

#[tokio::test(start_paused = true)]
async fn so_many_bytes_are_kept_and_the_newest_event_at_least() {
    let history = History { bytes_max: 3_000, ..History::default() };
    let (server, feeds) = feeds(FeedsConfig { history, ..FeedsConfig::default() });
    for number in 1..=4 {
        emit(&server, None, &format!("{number}{}", "x".repeat(900)));
    }
    assert!(feeds.bytes() <= 3_000);
    assert_eq!(kept(&server, NEWS).await.len(), 3);
    emit(&server, None, &"y".repeat(10_000));
    assert_eq!(kept(&server, NEWS).await, ["y".repeat(10_000)]);
}

#[tokio::test(start_paused = true)]
async fn events_are_kept_for_so_long() {
    let (server, feeds) = feeds(FeedsConfig::default());
    emit(&server, None, "1");
    tokio::time::advance(Duration::from_secs(300)).await;
    assert_eq!(kept(&server, NEWS).await, ["1"]);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(kept(&server, NEWS).await.is_empty());
    assert_eq!(feeds.bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn so_many_bytes_are_kept_of_all_feeds_and_the_largest_gives() {
    let history = History { bytes_max: 100_000, ..History::default() };
    let config = FeedsConfig { history, bytes_max_total: 50_000, ..FeedsConfig::default() };
    let (server, feeds) = feeds(config);
    assert!(kept(&server, &format!("{NEWS}/small")).await.is_empty());
    emit(&server, Some("small"), "kept");
    for _ in 0..60 {
        emit(&server, None, &"x".repeat(1_000));
        assert!(feeds.bytes() <= 50_000);
    }
    assert!(kept(&server, NEWS).await.len() >= 20);
    assert_eq!(kept(&server, &format!("{NEWS}/small")).await, ["kept"]);
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 1))
}

#[tokio::test(start_paused = true)]
async fn so_many_rooms_have_feeds_and_whoever_began_the_most_makes_room() {
    let (server, feeds) = feeds(FeedsConfig { rooms_max: 3, ..FeedsConfig::default() });
    let begin = async |room: &str, last: u8| {
        tokio::time::advance(Duration::from_millis(1)).await;
        server.get(&format!("{NEWS}/{room}")).address(address(last)).await
    };
    let of_other = next(&begin("other", 2).await);
    for room in ["one", "two", "three", "four"] {
        assert_eq!(begin(room, 1).await.status, 200);
        assert!(feeds.len() <= 1 + 3, "with that of the namespace");
    }
    // A stranger who reads many rooms takes the place of his own, not of the one who came first.
    let other = begin(&format!("other?offset={of_other}"), 2).await;
    assert_eq!(other.status, 200, "it is the same feed");
    // Nobody gives way who is being read.
    let mut listeners = Vec::new();
    for room in ["other", "three", "four"] {
        listeners.push(Listener::open(&server, &format!("{NEWS}/{room}"), &[SSE]).await);
    }
    let full = begin("five", 3).await;
    assert_eq!((full.status, &*code(&full)), (503, "overload"));
    let mut full = Listener::open(&server, &format!("{NEWS}/five"), &[SSE]).await;
    assert_eq!(full.event().await.json()["reason"], "overload");
    drop(listeners);
    until("nobody reads", || feeds.readers() == 0).await;
    assert_eq!(begin("five", 3).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn who_fills_all_rooms_gives_up_some_at_once() {
    let (server, feeds) = feeds(FeedsConfig { rooms_max: 640, ..FeedsConfig::default() });
    let begin = async |room: usize, last: u8| {
        tokio::time::advance(Duration::from_millis(1)).await;
        server.get(&format!("{NEWS}/{room}")).address(address(last)).await
    };
    let of_other = next(&begin(0, 2).await);
    for room in 1..640 {
        begin(room, 1).await;
    }
    assert_eq!(feeds.len(), 1 + 640);
    begin(640, 1).await;
    // A sixty-fourth, so that not each request has all of them looked at.
    assert_eq!(feeds.len(), 1 + 640 - 10 + 1);
    let other = server.get(&format!("{NEWS}/0?offset={of_other}")).await;
    assert_eq!(other.status, 200, "none of them another's");
    // The oldest of them: the eleventh is still there, and the first begins anew.
    let before = feeds.len();
    begin(11, 1).await;
    assert_eq!(feeds.len(), before);
    begin(1, 1).await;
    assert_eq!(feeds.len(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_nobody_reads_is_kept_for_so_long() {
    let (server, feeds) = feeds(FeedsConfig::default());
    let room = |room: &str| format!("{NEWS}/{room}");
    kept(&server, &room("one")).await;
    tokio::time::advance(Duration::from_secs(299)).await;
    kept(&server, &room("two")).await;
    assert_eq!(feeds.len(), 3);
    tokio::time::advance(Duration::from_secs(2)).await;
    // It is looked at when another begins.
    kept(&server, &room("three")).await;
    assert_eq!(feeds.len(), 3, "the first is gone");
}

#[tokio::test(start_paused = true)]
async fn the_name_of_a_room_has_so_many_bytes() {
    let (server, feeds) = feeds(FeedsConfig::default());
    for (room, status) in [
        ("x".repeat(1_024), 200),
        ("x".repeat(1_025), 404),
        ("%EB%91%98".repeat(341), 200),
        ("%EB%91%98".repeat(342), 404),
        ("x".repeat(12_000), 404),
    ] {
        let answer = server.get(&format!("{NEWS}/{room}")).await;
        assert_eq!(answer.status, status, "{} bytes", room.len());
    }
    assert_eq!(feeds.len(), 1 + 2);
}

#[tokio::test(start_paused = true)]
async fn feeds_of_namespaces_that_are_gone_do_not_pile_up() {
    let config = Config { child_namespaces_max: 2, ..Config::default() };
    let documents = Namespace::new("/doc-{id}").on_read(async || {});
    let server = Server::builder().config(config).namespace(documents).build().unwrap();
    let feeds = Feeds::builder().offer_all().mount(&server).unwrap();
    let server = TestServer::new(server);
    for number in 0..300 {
        let name = format!("/doc-{number}");
        let client = server.client().namespace(&*name).connect().await.unwrap();
        assert_eq!(server.get(&format!("/socket.io/feeds{name}")).await.status, 200);
        client.disconnect();
        let io = server.server().of(&name).unwrap();
        until("it is empty", || io.sockets().is_empty()).await;
    }
    assert!(feeds.len() <= 2 + 64, "{} of 2 namespaces", feeds.len());
}

#[tokio::test(start_paused = true)]
async fn a_poll_waits_no_longer_than_it_may() {
    let (server, _feeds) = feeds(FeedsConfig::default());
    for (asked, waited) in [(24, 24), (25, 25), (26, 25), (9999, 25)] {
        let before = Instant::now();
        assert_eq!(server.get(&format!("{NEWS}?wait={asked}")).await.text(), "[]");
        assert_eq!(before.elapsed().as_secs(), waited);
    }
    let before = Instant::now();
    let long = server.get(&format!("{NEWS}?offset=now&live=long-poll")).await;
    assert_eq!((long.status, before.elapsed().as_secs()), (204, 20));
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_durable_streams_is_over_after_its_time() {
    let (server, feeds) = feeds(FeedsConfig::default());
    let before = Instant::now();
    let mut durable = Listener::open(&server, &format!("{NEWS}?offset=now&live=sse"), &[]).await;
    let rest = durable.rest().await;
    assert_eq!(before.elapsed().as_secs(), 60);
    assert_eq!(rest.matches(":\n\n").count(), 3, "and heartbeats before: {rest}");
    until("its place is free", || feeds.readers() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_a_poll_has_so_many_bytes() {
    let (server, _feeds) = feeds(reading(|reading| reading.answer_bytes_max = 100));
    for number in 1..=4 {
        emit(&server, None, &format!("{number}{}", "x".repeat(20)));
    }
    emit(&server, None, &"y".repeat(1_000));
    let (mut target, mut counts) = (NEWS.to_owned(), Vec::new());
    loop {
        let answer = server.get(&target).await;
        counts.push(answer.json::<Vec<Value>>().len());
        target = format!("{NEWS}?offset={}", next(&answer));
        if answer.header("stream-up-to-date").is_some() {
            break;
        }
    }
    assert_eq!(counts, [2, 2, 1], "one event however large it is");
}

#[tokio::test(start_paused = true)]
async fn so_many_readers_wait_or_listen() {
    let (server, feeds) = feeds(reading(|reading| reading.readers_max = 2));
    let first = Listener::open(&server, NEWS, &[SSE]).await;
    let second = Listener::open(&server, NEWS, &[NDJSON]).await;
    let third = server.get(&format!("{NEWS}?wait=5")).await;
    assert_eq!((third.status, &*code(&third)), (503, "overload"));
    drop(first);
    until("a place is free", || feeds.readers() == 1).await;
    assert_eq!(server.get(&format!("{NEWS}?wait=5")).await.status, 200);
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_told_so_and_ends_and_the_others_do_not_notice() {
    let history = History { events_max: 10, ..History::default() };
    let (server, feeds) = feeds(FeedsConfig { history, ..FeedsConfig::default() });
    let (mut slow, wire) = Listener::open_with_wire(&server, NEWS, &[SSE]).await;
    let (mut slow_lines, other_wire) = Listener::open_with_wire(&server, NEWS, &[NDJSON]).await;
    slow.block().await;
    [&wire, &other_wire].into_iter().for_each(Wire::stall);
    let mut quick = Listener::open(&server, NEWS, &[SSE]).await;
    for number in 0..1_000 {
        emit(&server, None, &format!("{number}{}", "x".repeat(1_000)));
        assert!(quick.event().await.data.starts_with(&format!("[\"{number}x")));
    }
    [&wire, &other_wire].into_iter().for_each(Wire::restore);
    let told = slow.rest().await;
    let last = told.trim_end().rsplit("\n\n").next().unwrap();
    assert!(last.contains("event: gap\ndata: {\"reason\":\"overload\",\"oldest\":\""), "{last}");
    // Whatever came before that is in order, and complete.
    let numbers = told.lines().filter_map(|line| line.strip_prefix("data: [\""));
    let count =
        numbers.enumerate().map(|(at, text)| assert!(text.starts_with(&format!("{at}x")))).count();
    assert!(count < 990, "{count}");
    let told = slow_lines.rest().await;
    let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["data"]["reason"]), (&json!("gap"), &json!("overload")));
    // And goes on from there when it comes back.
    let at = last["id"].as_str().unwrap();
    let back = server.get(&format!("{NEWS}?offset={at}")).await;
    assert_eq!(back.json::<Vec<Value>>().len(), 10);
    until("they are gone", || feeds.readers() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_cut_off_after_its_time() {
    let history = History { events_max: 10_000, bytes_max: 100_000_000, age_max: None };
    let (server, feeds) = feeds(FeedsConfig { history, ..FeedsConfig::default() });
    let (stuck, wire) = Listener::open_with_wire(&server, NEWS, &[SSE]).await;
    wire.stall();
    for _ in 0..2_000 {
        emit(&server, None, &"x".repeat(1_000));
    }
    tokio::time::sleep(Duration::from_secs(29)).await;
    assert_eq!(feeds.readers(), 1);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(feeds.readers(), 0);
    drop(stuck);
}

#[tokio::test(start_paused = true)]
async fn more_in_one_tick_than_is_kept_ready_comes_from_the_log() {
    let history = History { events_max: 10_000, bytes_max: 100_000_000, age_max: None };
    let (server, _feeds) = feeds(FeedsConfig { history, ..FeedsConfig::default() });
    let mut sse = Listener::open(&server, NEWS, &[SSE]).await;
    let mut ndjson = Listener::open(&server, NEWS, &[NDJSON]).await;
    // More than 64 runs of 64 KiB.
    for number in 0..100 {
        emit(&server, None, &format!("{number}{}", "x".repeat(70_000)));
    }
    for number in 0..100 {
        assert!(sse.event().await.data.starts_with(&format!("[\"{number}x")));
        let line = ndjson.json().await;
        assert!(line["data"][0].as_str().unwrap().starts_with(&format!("{number}x")));
    }
}

#[tokio::test]
async fn a_reader_that_goes_on_sending_is_cut_off() {
    let server = server();
    let feeds = Feeds::builder().offer("/news").mount(&server).unwrap();
    let listeners = sockeye::bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    let serving = tokio::spawn(server.serve(listeners).into_future());
    let mut peer = Peer::new(TcpStream::connect(address).await.unwrap());
    let host = address.to_string();
    peer.send(request("GET", NEWS, &[SSE, ("host", &host)], "")).await;
    assert_eq!(peer.response_head().await.unwrap().status, 200);
    peer.send(vec![b'x'; 16 * 1024]).await;
    peer.read_until("\n\n").await.unwrap();
    server_still_reads(&server, &mut peer).await;
    peer.send("x").await;
    assert!(peer.read_rest().await.is_ok());
    until_free(&feeds).await;
    serving.abort();
}

/// What is emitted still comes.
async fn server_still_reads(server: &Server, peer: &mut Peer<TcpStream>) {
    server.of("/news").unwrap().emit("x", "1").unwrap();
    let event = peer.read_until("\n\n").await.unwrap();
    assert!(String::from_utf8(event).unwrap().ends_with("event: x\ndata: [\"1\"]\n\n"));
}

async fn until_free(feeds: &Feeds) {
    let free = async {
        while feeds.readers() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), free).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_address_has_so_many_tickets_that_are_not_used() {
    let (server, _feeds) = feeds(FeedsConfig::default());
    let ask = || server.post(NEWS).address(address(1));
    for _ in 0..100 {
        assert_eq!(ask().await.status, 200);
    }
    let refused = ask().await;
    assert_eq!((refused.status, &*code(&refused)), (429, "too_many_tickets"));
    assert_eq!(server.post(NEWS).address(address(2)).await.status, 200);
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(ask().await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn so_many_tickets_are_not_used() {
    let (server, feeds) = feeds(FeedsConfig::default());
    for _ in 0..100_000 {
        feeds.ticket("/news", &json!({})).unwrap();
    }
    assert!(matches!(feeds.ticket("/news", &json!({})), Err(TicketError::TooMany)));
    assert_eq!(code(&server.post(NEWS).await), "too_many_tickets");
    tokio::time::advance(Duration::from_secs(31)).await;
    feeds.ticket("/news", &json!({})).unwrap();
}

#[tokio::test(start_paused = true)]
async fn there_are_so_many_streams() {
    let (server, streams) = streams(StreamsConfig { streams_max: 2, ..StreamsConfig::default() });
    streams.create("a", "text/plain").unwrap();
    assert_eq!(server.request("PUT", "/streams/b").await.status, 201);
    assert!(matches!(streams.create("c", "text/plain"), Err(CreateError::Full { max: 2 })));
    let full = server.request("PUT", "/streams/c").await;
    assert_eq!((full.status, &*code(&full)), (507, "full"));
    assert!(streams.delete("a"));
    assert_eq!(server.request("PUT", "/streams/c").await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn an_append_has_so_many_bytes() {
    let (server, streams) = streams(StreamsConfig { append_bytes_max: 10, ..Default::default() });
    streams.create("a", "text/plain").unwrap();
    let post = |length: usize| {
        server.post("/streams/a").header("content-type", "text/plain").body("x".repeat(length))
    };
    assert_eq!(post(10).await.status, 204);
    let refused = post(11).await;
    assert_eq!((refused.status, &*code(&refused)), (413, "too_large"));
    let chunked = "POST /streams/a HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\n\
                   transfer-encoding: chunked\r\n\r\nb\r\nxxxxxxxxxxx\r\n0\r\n\r\n";
    let mut peer = Peer::new(server.open().0);
    peer.send(chunked).await;
    assert_eq!(peer.response().await.unwrap().status, 413);
    assert_eq!(server.get("/streams/a").await.text(), "x".repeat(10));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_has_a_deadline() {
    let (server, streams) = streams(StreamsConfig::default());
    streams.create("a", "text/plain").unwrap();
    let mut peer = Peer::new(server.open().0);
    let head = "POST /streams/a HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\n\
                content-length: 5\r\n\r\nx";
    let before = Instant::now();
    peer.send(head).await;
    let late = peer.response().await.unwrap();
    assert_eq!((late.status, before.elapsed().as_secs()), (408, 30));
}

#[tokio::test(start_paused = true)]
async fn so_many_bytes_are_kept_of_all_streams() {
    let config = StreamsConfig { bytes_max_total: 50_000, ..StreamsConfig::default() };
    let (_server, streams) = streams(config);
    let small = streams.create("small", "text/plain").unwrap();
    let large = streams.create("large", "text/plain").unwrap();
    small.append("kept").unwrap();
    for _ in 0..100 {
        large.append("x".repeat(1_000)).unwrap();
        assert!(streams.bytes() <= 50_000);
    }
    assert!(streams.bytes() >= 20_000);
}

#[tokio::test(start_paused = true)]
async fn names_and_numbers_have_a_length() {
    let (server, streams) = streams(StreamsConfig::default());
    for (length, is_name) in [(0, false), (1, true), (1_024, true), (1_025, false)] {
        let name = "n".repeat(length);
        assert_eq!(streams.create(&name, "text/plain").is_ok(), is_name, "{length}");
    }
    assert!(matches!(streams.create("a\nb", "text/plain"), Err(CreateError::Name)));
    for (length, is_type) in [(256, true), (257, false)] {
        let name = format!("t{length}");
        let content_type = format!("text/{}", "x".repeat(length - 5));
        assert_eq!(streams.create(&name, &content_type).is_ok(), is_type, "{length}");
    }
    streams.create("a", "text/plain").unwrap();
    let post = |headers: [(&str, String); 3]| {
        let request = server.post("/streams/a").header("content-type", "text/plain").body("x");
        headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    };
    let producer = |id: &str, epoch: &str| {
        let [id, epoch, sequence] = [id, epoch, "0"].map(str::to_owned);
        post([("producer-id", id), ("producer-epoch", epoch), ("producer-seq", sequence)])
    };
    assert_eq!(producer(&"p".repeat(256), "0").await.status, 200);
    assert_eq!(producer(&"p".repeat(257), "0").await.status, 400);
    assert_eq!(producer("q", "9007199254740991").await.status, 200);
    assert_eq!(producer("r", "9007199254740992").await.status, 400);
    let sequence = |length: usize| {
        let request = server.post("/streams/a").header("content-type", "text/plain").body("x");
        request.header("stream-seq", &"s".repeat(length))
    };
    assert_eq!(sequence(256).await.status, 204);
    assert_eq!(sequence(257).await.status, 400);
}
