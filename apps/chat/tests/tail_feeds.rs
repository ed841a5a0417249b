//! `sockeye tail` against the real feeds and streams: all roads give the same.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::net::SocketAddr;
use std::process::Output;
use std::time::Duration;

use common::{PATIENCE, command};
use serde_json::{Value, json};
use sockeye::{Binary, Io, Namespace, RawArgs, Refuse, Server};
use sockeye_feeds::{Access, Feeds, FeedsConfig, History, Reading, Streams, StreamsConfig};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

const ROADS: [&str; 7] =
    ["auto", "sse", "ndjson", "long-poll", "poll", "durable-sse", "durable-long-poll"];

/// A server with feeds of `/news` and streams, as a program would have it.
struct Site {
    server: Server,
    streams: Streams,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Site {
    async fn start() -> Self {
        Site::on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn on(listener: TcpListener) -> Self {
        let secret = Namespace::new("/secret")
            .on_connect(async |auth: Value| match auth["token"].as_str() {
                Some("the-key") => Ok(()),
                _ => Err(Refuse::new("not you")),
            })
            .on_read(async || {});
        let server = Server::builder()
            .namespace(Namespace::new("/news").on_read(async || {}))
            .namespace(secret)
            .build()
            .unwrap();
        let reading = Reading { retry: Duration::from_millis(100), ..Reading::default() };
        let history = History { events_max: 50, ..History::default() };
        let config = FeedsConfig { reading: reading.clone(), history, ..FeedsConfig::default() };
        Feeds::builder().offer("/news").offer("/secret").config(config).mount(&server).unwrap();
        let streams = Streams::new(StreamsConfig { reading, ..StreamsConfig::default() });
        streams.mount(&server, "/streams", Access::read_only()).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = server.serve(listener).with_graceful_shutdown(async {
            let _ = stopped.await;
        });
        let served = tokio::spawn(async {
            serving.await.unwrap();
        });
        Site { server, streams, address, stop, served }
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        timeout(PATIENCE, self.served).await.expect("it ends").unwrap();
    }

    fn news(&self) -> Io {
        self.server.of("/news").unwrap()
    }

    fn url(&self, path: &str) -> String {
        url(self.address, path)
    }
}

fn url(address: SocketAddr, path: &str) -> String {
    format!("http://{address}{path}")
}

async fn tail(url: &str, args: &[&str]) -> Output {
    let output = command(&[&["tail", url], args].concat()).output();
    timeout(PATIENCE, output).await.expect("it ends").unwrap()
}

/// The lines of a run that ended well.
async fn lines(url: &str, args: &[&str]) -> Vec<Value> {
    let output = tail(url, args).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    output
        .stdout
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// Emits events of every kind that a feed has, and gives the lines they are.
fn emit(io: &Io, from: u64, count: u64) -> Vec<Value> {
    let emitted = (from..from + count).map(|number| {
        let (event, args) = match number % 4 {
            0 => ("tick", format!("{number}")),
            1 => ("two\nlines", format!(r#"{number}, "a\r\nb\u2028", {{"deep": [1.5, null]}}"#)),
            2 => ("이벤트", format!(r#"{number},"\u0000""#)),
            _ => ("gap", format!(r#"{number},{{"reason":"too_old"}}"#)),
        };
        io.emit(event, &RawArgs::new(&args, &[])).unwrap();
        let data: Value = serde_json::from_str(&format!("[{args}]")).unwrap();
        json!({ "event": event, "data": data })
    });
    emitted.collect()
}

/// Lines without their cursors, of which polls give fewer, and the last cursor.
fn without_ids(lines: Vec<Value>) -> (Vec<Value>, String) {
    let last =
        lines.last().unwrap()["id"].as_str().expect("the last event has a cursor").to_owned();
    let without = lines.into_iter().map(|mut line| {
        line.as_object_mut().unwrap().remove("id");
        line
    });
    (without.collect(), last)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_road_gives_the_same_events_and_the_same_cursor() {
    let site = Site::start().await;
    let url = site.url("/socket.io/feeds/news");
    let mut emitted = emit(&site.news(), 0, 40);
    site.news().emit("binary", &Binary::from(vec![1, 2, 3])).unwrap();
    emitted.push(json!({ "event": "binary", "data": [{ "base64": "AQID" }] }));
    let mut cursors = Vec::new();
    for road in ROADS {
        let args = ["--road", road, "--since", "beginning", "--max-events", "41"];
        let (events, cursor) = without_ids(lines(&url, &args).await);
        // In EventSource an event's name is one line.
        let is_one_line = matches!(road, "auto" | "sse");
        for (event, emitted) in events.iter().zip(&emitted) {
            if is_one_line && emitted["event"] == "two\nlines" {
                assert_eq!(event["event"], "two\u{fffd}lines", "{road}");
                assert_eq!(event["data"], emitted["data"], "{road}");
            } else {
                assert_eq!(event, emitted, "{road}");
            }
        }
        assert_eq!(events.len(), emitted.len(), "{road}");
        cursors.push(cursor);
    }
    cursors.dedup();
    assert_eq!(cursors.len(), 1, "{cursors:?}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_road_can_be_changed_behind_any_event() {
    let site = Site::start().await;
    let url = site.url("/socket.io/feeds/news");
    let mut since = "beginning".to_owned();
    let mut number = 0;
    for first in ROADS {
        for second in ROADS {
            for road in [first, second] {
                let emitted = emit(&site.news(), number * 4, 1);
                number += 1;
                let args = ["--road", road, "--since", &since, "--max-events", "1"];
                let (events, cursor) = without_ids(lines(&url, &args).await);
                assert_eq!(events, emitted, "{first}, {second}");
                since = cursor;
            }
        }
    }
    site.stop().await;
}

/// Hands on each request to the address and cuts each answer after as many bytes as the list says, the
/// ones behind its end never.
async fn cutting(address: SocketAddr, cuts: Vec<usize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut cuts = cuts.into_iter();
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(address).await.unwrap();
            tokio::spawn(hand_on(client, server, cuts.next().unwrap_or(usize::MAX)));
        }
    });
    own
}

async fn hand_on(client: TcpStream, server: TcpStream, mut left: usize) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async { tokio::io::copy(&mut from_client, &mut to_server).await };
    let down = async {
        let mut bytes = [0; 1024];
        while left > 0 {
            let count = from_server.read(&mut bytes).await.unwrap_or(0);
            if count == 0 || to_client.write_all(&bytes[..count.min(left)]).await.is_err() {
                break;
            }
            left -= count.min(left);
        }
    };
    tokio::select! {
        _ = up => {}
        () = down => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_event_comes_once_though_connections_are_cut() {
    let site = Site::start().await;
    let emitted = emit(&site.news(), 0, 12);
    let follow = async |road: &'static str, cuts: Vec<usize>| {
        // The first answer is whole: who cannot be reached at first is not waited for.
        let address = cutting(site.address, [vec![700], cuts].concat()).await;
        let url = url(address, "/socket.io/feeds/news");
        let args =
            ["--road", road, "--since", "beginning", "--max-events", "12", "--interval", "0.01"];
        let (events, _) = without_ids(lines(&url, &args).await);
        let numbers = |events: &[Value]| -> Vec<_> {
            events.iter().map(|event| event["data"][0].as_u64().unwrap()).collect()
        };
        assert_eq!(numbers(&events), numbers(&emitted), "{road}");
    };
    // The head of an answer has some 400 bytes, an event some 100.
    let streams = (0..24).map(|number| 700 - 7 * number).collect();
    tokio::join!(
        follow("sse", streams),
        follow("ndjson", vec![500, 777]),
        follow("durable-sse", vec![300]),
        follow("long-poll", vec![0]),
        follow("poll", vec![777]),
        follow("durable-long-poll", vec![10]),
    );
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_not_kept_any_more_and_a_restart_are_gaps_on_every_road() {
    let site = Site::start().await;
    let path = "/socket.io/feeds/news";
    emit(&site.news(), 0, 1);
    let args = ["--since", "beginning", "--max-events", "1"];
    let (_, cursor) = without_ids(lines(&site.url(path), &args).await);
    // 50 are kept.
    emit(&site.news(), 4, 60);
    let mut gaps = Vec::new();
    for road in ROADS {
        let args = ["--road", road, "--since", &cursor, "--max-events", "50"];
        let mut lines = lines(&site.url(path), &args).await;
        assert_eq!(lines.len(), 51, "{road}");
        assert_eq!(lines[1]["data"][0], 14, "{road}");
        gaps.push(lines.swap_remove(0));
        let output = tail(&site.url(path), &[&args[..], &["--fail-on-gap"]].concat()).await;
        assert_eq!(output.status.code(), Some(5), "{road}");
    }
    let (oldest, newest) = (gaps[0]["data"]["oldest"].clone(), gaps[0]["data"]["newest"].clone());
    let data = json!({ "reason": "too_old", "oldest": oldest, "newest": newest });
    assert_eq!(gaps[0], json!({ "id": oldest, "event": "gap", "data": data }));
    gaps.dedup();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    for road in ROADS {
        let args = ["--road", road, "--since", "garbage", "--max-events", "50"];
        assert_eq!(lines(&site.url(path), &args).await[0]["data"]["reason"], "malformed", "{road}");
    }

    let address = site.address;
    site.stop().await;
    let site = Site::on(TcpListener::bind(address).await.unwrap());
    let emitted = emit(&site.news(), 100, 1);
    for road in ROADS {
        let args = ["--road", road, "--since", &cursor, "--max-events", "1"];
        let mut lines = lines(&site.url(path), &args).await;
        let gap = lines.remove(0);
        assert_eq!(
            (&gap["event"], &gap["data"]["reason"]),
            (&json!("gap"), &json!("foreign")),
            "{road}"
        );
        assert_eq!(without_ids(lines).0, emitted, "{road}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_restart_under_a_reader_is_a_gap_and_it_goes_on() {
    let site = Site::start().await;
    let url = site.url("/socket.io/feeds/news");
    let mut readers = Vec::new();
    let mut number = 0;
    for road in ROADS {
        let args = ["tail", &url, "--road", road, "--interval", "0.05"];
        let mut reader = command(&args).spawn().unwrap();
        let mut lines = BufReader::new(reader.stdout.take().unwrap()).lines();
        // It follows once it has an event.
        loop {
            emit(&site.news(), number, 1);
            number += 1;
            if let Ok(line) = timeout(Duration::from_millis(50), lines.next_line()).await {
                assert!(line.unwrap().is_some(), "{road}");
                break;
            }
        }
        readers.push((road, reader, lines));
    }
    let address = site.address;
    site.stop().await;
    let site = Site::on(TcpListener::bind(address).await.unwrap());
    let emitted = emit(&site.news(), 1000, 1);
    for (road, reader, mut lines) in readers {
        let mut before = Value::Null;
        loop {
            let line = timeout(PATIENCE, lines.next_line()).await.expect(road).unwrap();
            let line: Value = serde_json::from_str(&line.expect(road)).unwrap();
            if line["data"][0] == 1000 {
                assert_eq!(before["event"], "gap", "{road}: {before}");
                assert_eq!(before["data"]["reason"], "foreign", "{road}: {before}");
                assert_eq!(line["data"], emitted[0]["data"], "{road}");
                break;
            }
            before = line;
        }
        drop(reader);
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_key_is_the_token_of_the_visitor() {
    let site = Site::start().await;
    let url = site.url("/socket.io/feeds/secret");
    for road in ROADS {
        let output = tail(&url, &["--road", road]).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{road}: {errors}");
        assert!(
            errors.starts_with("error: refused: 403 refused: not you. No key was given"),
            "{errors}"
        );
    }
    site.server.of("/secret").unwrap().emit("tick", &1).unwrap();
    let mut tail = command(&["tail", &url, "--once"]);
    let output =
        timeout(PATIENCE, tail.env("SOCKEYE_KEY", "the-key").output()).await.unwrap().unwrap();
    // Nobody had read it, and it is kept since it was offered.
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&line["event"], &line["data"]), (&json!("tick"), &json!([1])));
    let missing = site.url("/socket.io/feeds/none");
    let output = command(&["tail", &missing]).output().await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors.starts_with("error: there is no such feed or stream: 404 unknown_feed: "),
        "{errors}"
    );
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn durable_streams_are_followed_to_their_end() {
    let site = Site::start().await;
    let numbers = site.streams.create("numbers", "application/json").unwrap();
    numbers.append_json(&json!({ "n": 1 })).unwrap();
    numbers.append_json(&json!("two")).unwrap();
    numbers.close();
    let text = site.streams.create("text", "text/plain").unwrap();
    text.append("eins\nzwei").unwrap();
    text.close();
    let bytes = site.streams.create("bytes", "application/octet-stream").unwrap();
    bytes.append([1u8, 2, 3].as_slice()).unwrap();
    bytes.close();
    let mut followed = JoinSet::new();
    for road in ROADS {
        for (name, data) in [
            ("numbers", vec![json!({ "n": 1 }), json!("two")]),
            ("text", vec![json!("eins\nzwei")]),
            ("bytes", vec![json!({ "base64": "AQID" })]),
        ] {
            let url = site.url(&format!("/streams/{name}"));
            followed.spawn(async move {
                // It ends because nothing will follow.
                let lines = lines(&url, &["--road", road, "--since", "beginning"]).await;
                let found: Vec<_> = lines.iter().map(|line| line["data"].clone()).collect();
                assert_eq!(found, data, "{road}, {name}");
            });
        }
    }
    followed.join_all().await;
    site.stop().await;
}

/// Something on the way that gives an answer when it has all of it, and tells of each request.
async fn gathering(address: SocketAddr) -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap();
    let (tells, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let tells = tells.clone();
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    client.read_buf(&mut request).await.unwrap();
                }
                let _ = tells.send(());
                let request = String::from_utf8(request).unwrap();
                let request = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
                let mut server = TcpStream::connect(address).await.unwrap();
                server.write_all(request.as_bytes()).await.unwrap();
                let mut answer = Vec::new();
                server.read_to_end(&mut answer).await.unwrap();
                client.write_all(&answer).await.unwrap();
            });
        }
    });
    (own, told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn behind_something_that_gathers_it_polls_and_misses_nothing_meanwhile() {
    let site = Site::start().await;
    let (address, mut asked) = gathering(site.address).await;
    let url = url(address, "/socket.io/feeds/news");
    let tail = tokio::spawn(async move { tail(&url, &["--max-events", "3"]).await });
    // The first request is for the cursor of now, the second for a stream, which does not come through.
    for _ in 0..2 {
        timeout(PATIENCE, asked.recv()).await.expect("it asks").unwrap();
    }
    let emitted = emit(&site.news(), 0, 3);
    let output = tail.await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let why = "nothing comes through, something on the way may hold it back; long polling instead";
    assert_eq!(errors, format!("sockeye: {why}\n"));
    let found = String::from_utf8_lossy(&output.stdout);
    let found = found.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(without_ids(found).0, emitted);
    site.stop().await;
}
