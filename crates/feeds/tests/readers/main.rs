//! Everybody who reads gets what is theirs, whatever happens in between: any order of appends, of readers
//! who come at any position, read as slowly as they like and leave, of a close, a deletion, the server's
//! end, with any number of turns for others in between.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod reader;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use proptest::prelude::*;
use serde_json::{Value, json};
use sockeye::{Args, Body, Namespace, Server};
use sockeye_feeds::{Access, Feeds, FeedsConfig, History, Reading, Stream, Streams, StreamsConfig};
use sockeye_net::http::HandOver;
use sockeye_net::stream::Stream as ByteStream;
use tokio::io::duplex;
use tokio::runtime::Builder;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, sleep};
use tower_service::Service as _;

use crate::reader::{Got, Reader, Road, number, position};

#[derive(Clone, Copy, Debug)]
enum From {
    Beginning,
    Now,
    /// A cursor that somebody was given.
    Known(usize),
}

#[derive(Clone, Debug)]
enum Step {
    /// So many, of so many bytes each.
    Append(usize, usize),
    Volatile,
    /// `is_alone`: with a cursor for caches, by which nothing is the same for others.
    Join {
        road: Road,
        from: From,
        buffer: usize,
        is_alone: bool,
    },
    Wait(From),
    Read {
        reader: usize,
        count: usize,
    },
    Leave(usize),
    Turns(usize),
    Time(u64),
    Close,
    Delete,
    Shutdown,
}

fn step() -> impl Strategy<Value = Step> {
    let road = prop_oneof![Just(Road::EventSource), Just(Road::Ndjson), Just(Road::DurableSse)];
    let from =
        prop_oneof![Just(From::Beginning), Just(From::Now), any::<usize>().prop_map(From::Known),];
    let size = prop_oneof![20 => 0..40_usize, 4 => 1_000..20_000_usize, 1 => Just(70_000_usize)];
    let buffer = prop_oneof![Just(64_usize), Just(1_000), Just(64 * 1024), Just(1 << 24)];
    prop_oneof![
        8 => (1..4_usize, size).prop_map(|(count, size)| Step::Append(count, size)),
        1 => (30..80_usize, 0..3_000_usize).prop_map(|(count, size)| Step::Append(count, size)),
        5 => Just(Step::Volatile),
        6 => (road, from.clone(), buffer, prop::bool::weighted(0.2)).prop_map(
            |(road, from, buffer, is_alone)| Step::Join { road, from, buffer, is_alone }
        ),
        3 => from.prop_map(Step::Wait),
        5 => (any::<usize>(), 1..3_000_usize)
            .prop_map(|(reader, count)| Step::Read { reader, count }),
        1 => any::<usize>().prop_map(Step::Leave),
        8 => (1..6_usize).prop_map(Step::Turns),
        1 => (1..20_u64).prop_map(Step::Time),
        1 => prop_oneof![4 => Just(Step::Turns(1)), 1 => Just(Step::Close), 1 => Just(Step::Delete), 1 => Just(Step::Shutdown)],
    ]
}

/// What is read.
enum Subject {
    Feed(Feeds),
    Stream(Streams, Stream),
}

/// How the subject ended, if it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    Deleted,
    Shutdown,
}

struct World {
    server: Server,
    subject: Subject,
    target: &'static str,
    events_max: usize,
    kept: Vec<u64>,
    /// When they were appended.
    times: Vec<Instant>,
    /// The number of a volatile message, and how many were kept before it.
    volatile: Vec<(u64, u64)>,
    /// So many of them have certainly been sent off: whoever comes in the same tick may get the others.
    sent_off: usize,
    next: u64,
    cursors: Vec<String>,
    readers: Vec<Reader>,
    waits: Vec<Wait>,
    end: Option<End>,
}

/// A poll that waits.
struct Wait {
    asked: Instant,
    begin: Option<u64>,
    answer: JoinHandle<Answered>,
}

struct Answered {
    at: Instant,
    status: StatusCode,
    next: Option<String>,
    body: Bytes,
}

const WAIT: Duration = Duration::from_secs(20);

impl World {
    fn new(is_feed: bool, events_max: usize) -> Self {
        let namespace = Namespace::new("/").on_read(async || {});
        let server = Server::builder().namespace(namespace).build().unwrap();
        let history = History { events_max, bytes_max: 1 << 30, age_max: None };
        // Nobody is cut off, however slowly they read.
        let reading = Reading { write_timeout: Duration::from_secs(1 << 30), ..Reading::default() };
        let (subject, target) = if is_feed {
            let config = FeedsConfig { history, reading, ..FeedsConfig::default() };
            let feeds = Feeds::builder().offer("/").config(config).mount(&server).unwrap();
            (Subject::Feed(feeds), "/socket.io/feeds/~")
        } else {
            let streams = Streams::new(StreamsConfig { history, reading, ..Default::default() });
            streams.mount(&server, "/s", Access::read_only()).unwrap();
            let stream = streams.create("a", "application/json").unwrap();
            (Subject::Stream(streams, stream), "/s/a")
        };
        Self {
            server,
            subject,
            target,
            events_max,
            kept: Vec::new(),
            times: Vec::new(),
            volatile: Vec::new(),
            sent_off: 0,
            next: 0,
            cursors: Vec::new(),
            readers: Vec::new(),
            waits: Vec::new(),
            end: None,
        }
    }

    fn append(&mut self, count: usize, size: usize) {
        // A stream that has ended refuses; the server of a feed may still send while it ends.
        if self.end.is_some() {
            return;
        }
        for _ in 0..count {
            let (number, text) = (self.next, "x".repeat(size));
            match &self.subject {
                Subject::Feed(_) => self.server.io().emit("e", &Args((number, text))).unwrap(),
                Subject::Stream(_, stream) => {
                    stream.append_json(&json!([number, text])).unwrap();
                }
            }
            self.kept.push(number);
            self.times.push(Instant::now());
            self.next += 1;
        }
    }

    fn send_volatile(&mut self) {
        if let (Subject::Feed(_), None) = (&self.subject, self.end) {
            self.server.io().volatile().emit("e", &self.next).unwrap();
            self.volatile.push((self.next, self.kept.len() as u64));
            self.next += 1;
        }
    }

    fn offset(&self, from: From) -> String {
        match from {
            From::Beginning => "-1".to_owned(),
            From::Now => "now".to_owned(),
            From::Known(_) if self.cursors.is_empty() => "-1".to_owned(),
            From::Known(at) => self.cursors[at % self.cursors.len()].clone(),
        }
    }

    /// Comes to read.
    async fn join(&mut self, (road, is_alone): (Road, bool), from: From, buffer: usize) {
        let mut target = format!("{}?offset={}", self.target, self.offset(from));
        if road == Road::DurableSse {
            target.push_str("&live=sse");
        }
        if is_alone {
            // Of a time that is not yet.
            target.push_str("&cursor=99999999999");
        }
        let accept = match road {
            Road::EventSource => "text/event-stream",
            Road::Ndjson => "application/x-ndjson",
            Road::DurableSse => "*/*",
        };
        let response = call(&self.server, &target, accept).await;
        let Some(hand_over) = response.extensions().get::<HandOver>() else {
            assert!(self.end.is_some() || response.status() == StatusCode::GONE);
            return;
        };
        let begin = response.headers()["stream-next-offset"].to_str().unwrap().to_owned();
        let (io, far) = duplex(buffer);
        assert!(hand_over.start(ByteStream::from_io(far)));
        let volatile_from = self.sent_off;
        let (begin, read) = (position(&begin), Vec::new());
        self.readers.push(Reader { road, io, read, begin, volatile_from, is_at_end: false });
    }

    async fn wait(&mut self, from: From) {
        let offset = self.offset(from);
        let begin = (offset.len() == 38).then(|| position(&offset));
        let target = format!("{}?offset={offset}&wait={}", self.target, WAIT.as_secs());
        let server = self.server.clone();
        let answer = tokio::spawn(async move {
            let response = call(&server, &target, "*/*").await;
            let (head, body) = response.into_parts();
            let next = head.headers.get("stream-next-offset");
            let next = next.map(|next| next.to_str().unwrap().to_owned());
            let body = body.collect().await.unwrap().to_bytes();
            Answered { at: Instant::now(), status: head.status, next, body }
        });
        self.waits.push(Wait { asked: Instant::now(), begin, answer });
    }

    async fn finish(&mut self, end: End) {
        if self.end.is_some() {
            return;
        }
        match (end, &self.subject) {
            (End::Closed, Subject::Stream(_, stream)) => drop(stream.close()),
            (End::Deleted, Subject::Stream(streams, _)) => assert!(streams.delete("a")),
            (End::Shutdown, _) => self.server.shutdown().await,
            _ => return,
        }
        self.end = Some(end);
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Append(count, size) => self.append(count, size),
            Step::Volatile => self.send_volatile(),
            Step::Join { road, from, buffer, is_alone } => {
                self.join((road, is_alone), from, buffer).await;
            }
            Step::Wait(from) => self.wait(from).await,
            Step::Read { reader, count } if !self.readers.is_empty() => {
                let at = reader % self.readers.len();
                self.readers[at].read(count).await;
                let ids = self.readers[at].cursors();
                self.cursors.extend(ids);
            }
            Step::Leave(reader) if !self.readers.is_empty() => {
                let at = reader % self.readers.len();
                let mut reader = self.readers.swap_remove(at);
                reader.read(1 << 20).await;
                self.judge(&reader, false);
            }
            Step::Turns(turns) => {
                for _ in 0..turns {
                    yield_now().await;
                }
            }
            Step::Time(seconds) => {
                sleep(Duration::from_secs(seconds)).await;
                self.sent_off = self.volatile.len();
            }
            Step::Close => self.finish(End::Closed).await,
            Step::Delete => self.finish(End::Deleted).await,
            Step::Shutdown => self.finish(End::Shutdown).await,
            Step::Read { .. } | Step::Leave(_) => {}
        }
    }

    /// Everybody reads to the end, and has had what is theirs.
    async fn settle(mut self) {
        for mut reader in std::mem::take(&mut self.readers) {
            reader.read(usize::MAX).await;
            self.judge(&reader, true);
        }
        sleep(Duration::from_secs(30)).await;
        for Wait { asked, begin, answer } in std::mem::take(&mut self.waits) {
            self.judge_poll(asked, begin, &answer.await.unwrap());
        }
        sleep(Duration::from_secs(3)).await;
        let left = match &self.subject {
            Subject::Feed(feeds) => feeds.readers(),
            Subject::Stream(_, stream) => stream.listeners(),
        };
        assert_eq!(left, 0, "readers are left");
    }

    fn judge_poll(&self, asked: Instant, begin: Option<u64>, answered: &Answered) {
        let Answered { at, status, next, body } = answered;
        match *status {
            StatusCode::OK => {
                let got: Vec<Value> = serde_json::from_slice(body).unwrap();
                let got: Vec<u64> = got.iter().map(number).collect();
                let end = position(next.as_deref().unwrap());
                let from = end - got.len() as u64;
                assert!(begin.is_none_or(|begin| from == begin), "{begin:?} {from} {end}");
                assert_eq!(got, self.kept[from as usize..end as usize]);
                // It is answered at once when there is something, and not before its time without.
                let due = self
                    .times
                    .get(from as usize)
                    .map_or(asked + WAIT, |next| (*next).clamp(asked, asked + WAIT));
                let is_in_time = *at <= due + Duration::from_millis(2);
                assert!(is_in_time, "{:?} late", *at - due);
                assert!(!got.is_empty() || *at >= asked + WAIT || self.end.is_some());
            }
            StatusCode::GONE => assert!(self.kept.len() > self.events_max || self.end.is_some()),
            status => assert!(self.end.is_some(), "{status}"),
        }
    }

    /// Judges all that a reader got. `is_all`: it read to the end of what there was.
    fn judge(&self, reader: &Reader, is_all: bool) {
        let mut at = reader.begin;
        let mut volatile = reader.volatile_from;
        let (mut gap, mut is_closed) = (None, false);
        for (order, got) in reader.parse().into_iter().enumerate() {
            assert_eq!(gap, None, "{got:?} behind the end");
            match got {
                // The first that it is told; its head said where it goes on.
                Got::Gap(reason) if order == 0 && reason == "too_old" => {
                    assert!(self.kept.len() > self.events_max);
                }
                Got::Kept(numbers, end) => {
                    assert_eq!(end - numbers.len() as u64, at, "{:?}", reader.road);
                    assert_eq!(numbers, self.kept[at as usize..end as usize]);
                    at = end;
                }
                Got::Volatile(number) => {
                    let found = self.volatile[volatile..].iter().position(|it| it.0 == number);
                    volatile += found.expect("it is one of those to come") + 1;
                    assert_eq!(self.volatile[volatile - 1].1, at, "{:?}", reader.road);
                }
                Got::At(end) => assert_eq!(end, at),
                Got::Gap(reason) => gap = Some(reason),
                Got::Closed => is_closed = true,
            }
        }
        match (gap.as_deref(), self.end) {
            (Some("overload"), _) => assert!(self.kept.len() as u64 > at + self.events_max as u64),
            (Some("gone"), Some(End::Deleted)) => {}
            (Some(other), _) => panic!("a gap: {other}"),
            (None, Some(End::Deleted)) if is_all => {
                assert!(reader.road == Road::DurableSse && reader.is_at_end);
            }
            (None, end) if is_all && reader.road == Road::DurableSse && reader.is_at_end => {
                // Its time was over, it was too slow, or there is no more.
                let is_whole = at == self.kept.len() as u64;
                assert_eq!(is_closed, end == Some(End::Closed) && is_whole && is_closed);
            }
            (None, end) if is_all => {
                assert_eq!(at, self.kept.len() as u64, "{:?} misses something", reader.road);
                assert_eq!(reader.is_at_end, end.is_some(), "{:?} {end:?}", reader.road);
            }
            _ => {}
        }
    }
}

async fn call(server: &Server, target: &str, accept: &str) -> Response<Body> {
    let request = Request::get(target).header("host", "localhost").header("accept", accept);
    let request = request.body(Full::new(Bytes::new())).unwrap();
    server.clone().into_service().call(request).await.unwrap()
}

async fn play(steps: Vec<Step>, is_feed: bool, events_max: usize) {
    let mut world = World::new(is_feed, events_max);
    for step in steps {
        world.step(step).await;
    }
    world.settle().await;
}

fn run(future: impl Future<Output = ()>) {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(future);
}

/// Unless `SOCKEYE_READER_HISTORIES` says another number.
const HISTORIES: u32 = 128;

fn histories() -> ProptestConfig {
    let count = std::env::var("SOCKEYE_READER_HISTORIES").ok().and_then(|it| it.parse().ok());
    ProptestConfig::with_cases(count.unwrap_or(HISTORIES))
}

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn every_reader_gets_what_is_theirs(
        steps in prop::collection::vec(step(), 1..80),
        is_feed in any::<bool>(),
        events_max in prop_oneof![3 => Just(1_000_000_usize), 1 => 1..30_usize],
    ) {
        run(play(steps, is_feed, events_max));
    }
}

/// More than is kept ready for one pass: each fetches it.
#[test]
fn more_in_one_tick_than_is_kept_ready() {
    run(async {
        let mut world = World::new(true, 1_000_000);
        for (road, buffer) in
            [(Road::EventSource, 64 * 1024), (Road::Ndjson, 1 << 24), (Road::DurableSse, 1_000)]
        {
            world.join((road, false), From::Now, buffer).await;
        }
        for reader in &mut world.readers {
            reader.read(1 << 20).await;
        }
        world.append(80, 70_000);
        world.send_volatile();
        world.append(1, 0);
        world.settle().await;
    });
}

/// A reader with so little room that the end of an answer does not fit.
const JOIN: Step =
    Step::Join { road: Road::EventSource, from: From::Beginning, buffer: 64, is_alone: false };

#[test]
fn whoever_takes_long_to_read_is_told_why_the_answer_ends() {
    let steps = vec![Step::Append(30, 0), JOIN, Step::Append(1, 0), Step::Time(5)];
    run(play(steps, false, 1));
}

#[test]
fn nothing_comes_behind_the_end_of_an_answer() {
    run(play(vec![JOIN, Step::Append(30, 0)], false, 1));
}
