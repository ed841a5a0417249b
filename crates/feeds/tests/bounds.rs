//! What many streams, feeds and readers share is bounded, and whoever meets a bound is told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use sockeye::{Body, Namespace, Server};
use sockeye_feeds::{Access, Feeds, FeedsConfig, History, Streams, StreamsConfig};
use sockeye_net::http::HandOver;
use sockeye_net::stream::Stream as ByteStream;
use sockeye_testing::TestServer;
use tokio::io::{AsyncReadExt, duplex};
use tokio::runtime::Builder;
use tower_service::Service;

/// An answer that has not begun to be read.
async fn answered(server: &Server, target: &str) -> http::Response<Body> {
    let request = Request::get(target).header("host", "localhost");
    let request = request.header("accept", "text/event-stream");
    let request = request.body(Full::new(Bytes::new())).unwrap();
    server.clone().into_service().call(request).await.unwrap()
}

#[test]
fn a_stream_that_is_made_with_too_much_has_others_give_something_up() {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::builder().build().unwrap();
            let config = StreamsConfig { bytes_max_total: 3_000, ..StreamsConfig::default() };
            let streams = Streams::new(config);
            streams.mount(&server, "/s", Access::everything()).unwrap();
            let server = TestServer::new(server);
            for name in ["/s/a", "/s/b", "/s/c"] {
                let put = server.request("PUT", name).header("content-type", "text/plain");
                assert_eq!(put.body("x".repeat(2_000)).await.status, 201);
                assert!(streams.bytes() <= 3_000, "{}", streams.bytes());
            }
        });
        done.send(()).unwrap();
    });
    // Real time: what is tested for is a lock that its holder waits for.
    assert_eq!(is_done.recv_timeout(Duration::from_secs(30)), Ok(()));
}

/// The answer to a poll is kept for the next that asks for the same: as memory that counts, and no longer
/// than what it is made of.
#[tokio::test(start_paused = true)]
async fn the_answers_that_are_kept_count_with_what_they_are_made_of() {
    let server = Server::builder().build().unwrap();
    let history = History { bytes_max: 10_000, ..History::default() };
    let config = StreamsConfig { history, bytes_max_total: 40_000, ..StreamsConfig::default() };
    let streams = Streams::new(config);
    streams.mount(&server, "/s", Access::read_only()).unwrap();
    let server = TestServer::new(server);
    for number in 0..20 {
        let before = streams.bytes();
        let stream = streams.create(&number.to_string(), "text/plain").unwrap();
        stream.append("x".repeat(8_000)).unwrap();
        assert_eq!(server.request("GET", &format!("/s/{number}")).await.status, 200);
        if number == 0 {
            assert!(streams.bytes() > before + 16_000, "{}", streams.bytes());
            stream.append("y".repeat(8_000)).unwrap();
            assert!(streams.bytes() < before + 9_000, "{}", streams.bytes());
        }
        assert!(streams.bytes() <= 40_000, "{}", streams.bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn the_feed_of_somebody_who_is_about_to_listen_makes_room_for_nobody() {
    let namespace = Namespace::new("/").on_read(async || {});
    let server = Server::builder().namespace(namespace).build().unwrap();
    let config = FeedsConfig { rooms_max: 1, ..FeedsConfig::default() };
    Feeds::builder().offer("/").config(config).mount(&server).unwrap();
    // The head of the answer is on its way, and nobody listens yet.
    let response = answered(&server, "/socket.io/feeds/~/a").await;
    let _other = answered(&server, "/socket.io/feeds/~/b").await;
    let (mut near, far) = duplex(4096);
    let hand_over = response.extensions().get::<HandOver>().unwrap();
    assert!(hand_over.start(ByteStream::from_io(far)));
    server.io().to("a").emit("tick", &1).unwrap();
    let mut read = String::new();
    let mut buffer = [0; 512];
    while !read.contains("event: tick\ndata: [1]\n\n") {
        let count = tokio::time::timeout(Duration::from_secs(10), near.read(&mut buffer)).await;
        let count = count.expect("the event comes").unwrap();
        assert!(count > 0, "{read}");
        read.push_str(str::from_utf8(&buffer[..count]).unwrap());
    }
}

/// Readers come while so much is appended that everything is dropped at once: what they are not sent they
/// are told of.
#[test]
fn nothing_is_left_out_for_whoever_comes_while_much_is_dropped() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Server::builder().build().unwrap();
        let history = History { events_max: 2, ..History::default() };
        let streams = Streams::new(StreamsConfig { history, ..StreamsConfig::default() });
        streams.mount(&server, "/s", Access::read_only()).unwrap();
        let stream = streams.create("a", "application/json").unwrap();
        let (stop, is_stopped) = mpsc::channel::<()>();
        let appending = thread::spawn(move || {
            while is_stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                stream.append("1").unwrap();
            }
        });
        for _ in 0..100 {
            let response = answered(&server, "/s/a?offset=-1").await;
            let (mut near, far) = duplex(64 * 1024);
            let hand_over = response.extensions().get::<HandOver>().unwrap();
            assert!(hand_over.start(ByteStream::from_io(far)));
            let mut read = Vec::new();
            while read.len() < 300 && near.read_buf(&mut read).await.unwrap() > 0 {}
            let read = String::from_utf8(read).unwrap();
            assert_contiguous(&read);
        }
        stop.send(()).unwrap();
        appending.join().unwrap();
    });
}

/// Each event follows the one before, or what a gap says is the oldest.
fn assert_contiguous(read: &str) {
    let mut position: Option<u64> = None;
    for event in read.split_inclusive("\n\n").filter(|event| event.ends_with("\n\n")) {
        let Some((_, id)) = event.split_once("id: ") else { continue };
        let next = u64::from_str_radix(&id[..16], 16).unwrap();
        if event.contains("data: 1\n") {
            let position = position.expect("an opening comes first");
            assert_eq!(next, position + 1, "{read}");
        }
        position = Some(next);
    }
}
