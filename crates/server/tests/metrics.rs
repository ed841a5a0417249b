//! Every metric of `sockeye::metrics` has the value of its description, under few labels.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::{Client, until};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, LocalRecorderGuard,
    Metadata, Recorder, SharedString, Unit,
};
use parking_lot::Mutex;
use sockeye::metrics::{ALL, MetricKind};
use sockeye::{
    Ack, Config, EventError, Namespace, RecoveryConfig, Refuse, Reliable, Server, Socket,
};
use sockeye_testing::TestServer;
use tokio::sync::Semaphore;

/// A name with its labels, `name{a,b}`, and all values that were recorded: of a counter or gauge their
/// sum is the value.
type Values = BTreeMap<String, Vec<f64>>;

/// The recorded values of one metric.
type Described = (MetricKind, String, Option<Unit>);

#[derive(Clone, Default)]
struct Numbers {
    values: Arc<Mutex<Values>>,
    described: Arc<Mutex<Vec<Described>>>,
}

struct Place(Numbers, String);

impl Place {
    fn add(&self, value: f64) {
        self.0.values.lock().entry(self.1.clone()).or_default().push(value);
    }
}

impl CounterFn for Place {
    fn increment(&self, value: u64) {
        self.add(value as f64);
    }

    fn absolute(&self, _: u64) {
        panic!("nothing is set");
    }
}

impl GaugeFn for Place {
    fn increment(&self, value: f64) {
        self.add(value);
    }

    fn decrement(&self, value: f64) {
        self.add(-value);
    }

    fn set(&self, _: f64) {}
}

impl HistogramFn for Place {
    fn record(&self, value: f64) {
        self.add(value);
    }
}

impl Numbers {
    fn place(&self, key: &Key) -> Arc<Place> {
        let labels: Vec<_> = key.labels().map(|label| label.value()).collect();
        Arc::new(Place(self.clone(), format!("{}{{{}}}", key.name(), labels.join(","))))
    }

    fn describe(&self, kind: MetricKind, name: &KeyName, unit: Option<Unit>) {
        self.described.lock().push((kind, name.as_str().to_owned(), unit));
    }

    fn install(&self) -> LocalRecorderGuard<'static> {
        // All tasks run on a test's own thread.
        metrics::set_default_local_recorder(Box::leak(Box::new(self.clone())))
    }

    fn sum(&self, name: &str) -> f64 {
        self.values.lock().get(name).map_or(0.0, |values| values.iter().sum())
    }

    fn recorded(&self, name: &str) -> Vec<f64> {
        self.values.lock().get(name).cloned().unwrap_or_default()
    }
}

impl Recorder for Numbers {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(MetricKind::Counter, &name, unit);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(MetricKind::Gauge, &name, unit);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(MetricKind::Histogram, &name, unit);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.place(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.place(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.place(key))
    }
}

struct World {
    numbers: Numbers,
    gate: Arc<Semaphore>,
    server: TestServer,
    _recorder: LocalRecorderGuard<'static>,
}

fn start(config: Config) -> World {
    let numbers = Numbers::default();
    let recorder = numbers.install();
    let gate = Arc::new(Semaphore::new(0));
    let waits = Arc::clone(&gate);
    let main = Namespace::new("/")
        .on_connect(async |auth: serde_json::Value| match auth["refuse"].is_null() {
            true => Ok(()),
            false => Err(Refuse::new("no")),
        })
        .on("now", async || {})
        .on("number", async |_: u32| {})
        .on("fail", async |code: String| Err::<(), _>(EventError::new(code, "asked to")))
        .on("panic", async || -> Ack<u32> { panic!("asked to") })
        .on("join", async |socket: Socket, room: String| socket.join(room))
        .on("leave", async |socket: Socket, room: String| socket.leave(room))
        .on("wait", move || {
            let gate = Arc::clone(&waits);
            async move { gate.acquire().await.unwrap().forget() }
        });
    let reliable =
        Namespace::new("/reliable").on("count", async || {}).reliable(Reliable::default());
    let documents = Namespace::new("/doc-{id}").fallback(async || {});
    let any = Namespace::matching(async |name: String| name.starts_with("/any"));
    let builder = Server::builder().config(config).namespace(main).namespace(reliable);
    let server = TestServer::new(builder.namespace(documents).namespace(any).build().unwrap());
    World { numbers, gate, server, _recorder: recorder }
}

impl World {
    async fn client(&self) -> Client {
        Client::connect(&self.server).await
    }

    #[track_caller]
    fn expect(&self, name: &str, value: f64) {
        assert_eq!(self.numbers.sum(name), value, "{name}");
    }

    async fn until(&self, name: &str, value: f64) {
        until(|| self.numbers.sum(name) == value).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_number_is_described_once() {
    let world = start(Config::default());
    let described = world.numbers.described.lock().clone();
    let expected: Vec<_> =
        ALL.iter().map(|metric| (metric.kind, metric.name.to_owned(), Some(metric.unit))).collect();
    assert_eq!(described, expected);
    let mut names: Vec<_> = ALL.iter().map(|metric| metric.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
}

#[tokio::test(start_paused = true)]
async fn sockets_and_rooms_are_counted_up_and_down() {
    let world = start(Config { namespaces_per_session_max: 3, ..Config::default() });
    let mut client = world.client().await;
    for name in ["/doc-1", "/any-1"] {
        client.join(&format!("40{name},")).await;
    }
    world.expect("sockeye_sockets{/}", 1.0);
    world.expect("sockeye_sockets{/doc-{id}}", 1.0);
    world.expect("sockeye_sockets{(dynamic)}", 1.0);
    client.send("40/reliable,").await;
    assert!(client.text().await.contains("Too many namespaces"));
    world.expect("sockeye_sockets_refused_total{session_limit}", 1.0);
    let mut other = Client::open(&world.server).await;
    other.send("40/nowhere,").await;
    assert!(other.text().await.contains("Invalid namespace"));
    world.expect("sockeye_sockets_refused_total{unknown_namespace}", 1.0);
    other.send("40{\"refuse\":1}").await;
    assert!(other.text().await.starts_with("44"));
    world.expect("sockeye_sockets_refused_total{handler}", 1.0);
    world.expect("sockeye_sockets_connected_total{/}", 1.0);

    for request in ["421[\"join\",\"a\"]", "421[\"join\",\"b\"]", "421[\"leave\",\"a\"]"] {
        client.send(request).await;
        client.expect("431[]").await;
    }
    world.expect("sockeye_rooms{/}", 1.0);
    client.hang_up().await;
    world.until("sockeye_sockets{/}", 0.0).await;
    world.until("sockeye_sockets{/doc-{id}}", 0.0).await;
    world.expect("sockeye_rooms{/}", 0.0);
    world.expect("sockeye_sockets_connected_total{/}", 1.0);
}

#[tokio::test(start_paused = true)]
async fn handlers_are_timed_and_their_failures_counted() {
    let world = start(Config::default());
    let mut client = world.client().await;
    client.send("421[\"now\"]").await;
    client.expect("431[]").await;
    client.send("422[\"wait\"]").await;
    world.until("sockeye_handlers_running{/}", 1.0).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.gate.add_permits(1);
    client.expect("432[]").await;
    world.expect("sockeye_handlers_running{/}", 0.0);
    assert_eq!(world.numbers.recorded("sockeye_handler_seconds{/,now}"), [0.0]);
    assert_eq!(world.numbers.recorded("sockeye_handler_seconds{/,wait}"), [3.0]);

    for (request, label) in [
        ("[\"number\",\"text\"]", "/,number,decode"),
        ("[\"fail\",\"refused\"]", "/,fail,refused"),
        ("[\"fail\",\"made-up-17\"]", "/,fail,other"),
    ] {
        client.send(&format!("423{request}")).await;
        client.text().await;
        world.expect(&format!("sockeye_handler_failures_total{{{label}}}"), 1.0);
    }
    client.send("42[\"panic\"]").await;
    client.expect_closed().await;
    world.expect("sockeye_handler_failures_total{/,panic,panic}", 1.0);

    // One that waits when its session ends waits on, and is counted until it is done.
    let mut gone = world.client().await;
    gone.send("42[\"wait\"]").await;
    world.until("sockeye_handlers_running{/}", 1.0).await;
    gone.hang_up().await;
    world.until("sockeye_sockets{/}", 0.0).await;
    world.expect("sockeye_handlers_running{/}", 1.0);
    world.gate.add_permits(1);
    world.until("sockeye_handlers_running{/}", 0.0).await;
}

#[tokio::test(start_paused = true)]
async fn names_of_strangers_are_no_labels() {
    let world = start(Config::default());
    let mut client = world.client().await;
    for number in 0..20 {
        client.send(&format!("42[\"made-up-{number}\"]")).await;
        client.join(&format!("40/doc-{number},")).await;
        client.send(&format!("42/doc-{number},[\"made-up-{number}\"]")).await;
    }
    world.until("sockeye_events_received_total{/doc-{id}}", 20.0).await;
    world.expect("sockeye_events_received_total{/}", 20.0);
    assert_eq!(world.numbers.recorded("sockeye_handler_seconds{/doc-{id},(fallback)}").len(), 20);
    let values = world.numbers.values.lock();
    assert!(values.keys().all(|name| !name.contains("made-up") && !name.contains("doc-1")));
}

#[tokio::test(start_paused = true)]
async fn events_broadcasts_and_acks_are_counted() {
    let world = start(Config::default());
    let io = world.server.server().io();
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = world.client().await;
        client.send("421[\"join\",\"room\"]").await;
        client.expect("431[]").await;
        clients.push(client);
    }
    let socket = io.members_page("room", Default::default(), 1).items.remove(0);
    socket.emit("one", &1).unwrap();
    world.expect("sockeye_events_sent_total{/}", 1.0);
    let mut recipients = 0.0;
    // The third time the room has its cached list, and the sender is left out of it as before.
    for round in 1..=4 {
        io.to("room").emit("many", &round).unwrap();
        socket.to("room").emit("others", &round).unwrap();
        socket.broadcast().emit("others", &round).unwrap();
        recipients += 20.0 + 19.0 + 19.0;
        world.expect("sockeye_broadcasts_total{/}", f64::from(3 * round));
        world.expect("sockeye_broadcast_recipients_total{/}", recipients);
    }
    io.to("nobody's").emit("none", &1).unwrap();
    world.expect("sockeye_broadcast_recipients_total{/}", recipients);

    let id = socket.id();
    let mine = clients.swap_remove(0);
    let mut client = mine;
    let answer = socket.emit_with_ack::<_, u32>("question", &1);
    let packet = loop {
        let text = client.text().await;
        if text.contains("question") {
            break text;
        }
    };
    let ack = packet[2..].split('[').next().unwrap().to_owned();
    client.send(&format!("43{ack}[7]")).await;
    assert_eq!(answer.await.unwrap(), 7);
    world.expect("sockeye_acks_asked_total{/}", 1.0);
    world.expect("sockeye_acks_answered_total{/}", 1.0);
    client.send(&format!("43{ack}[7]")).await;
    world.until("sockeye_acks_late_total{/}", 1.0).await;
    socket.emit_with_ack::<_, u32>("question", &2).await.unwrap_err();
    world.expect("sockeye_acks_timed_out_total{/}", 1.0);
    let asked = io.to(id).emit_with_ack::<_, u32>("question", &3).unwrap().collect().await;
    assert_eq!(asked.failures.len(), 1);
    world.expect("sockeye_acks_asked_total{/}", 3.0);
    world.expect("sockeye_acks_timed_out_total{/}", 2.0);
}

#[tokio::test(start_paused = true)]
async fn recoveries_and_answers_from_memory_are_counted() {
    let config = Config { recovery: Some(RecoveryConfig::default()), ..Config::default() };
    let world = start(config);
    let mut client = Client::open(&world.server).await;
    client.send("40").await;
    let reply = client.text().await;
    let pid = reply.split("\"pid\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    client.hang_up().await;
    world.until("sockeye_sockets{/}", 0.0).await;
    let mut client = Client::open(&world.server).await;
    client.send(&format!("40{{\"pid\":\"{pid}\"}}")).await;
    assert!(client.text().await.contains(&pid));
    world.expect("sockeye_recoveries_total{/,recovered}", 1.0);
    let mut other = Client::open(&world.server).await;
    other.send("40{\"pid\":\"abcdefghijklmnopqrst\"}").await;
    assert!(other.text().await.contains("unknown_session"));
    world.expect("sockeye_recoveries_total{/,unknown_session}", 1.0);
    world.expect("sockeye_sockets{/}", 2.0);

    let outbox = r#"{"_outbox":{"v":1,"id":"abcdefghijklmnopqrstuvwxyz"}}"#;
    client.send(&format!("40/reliable,{outbox}")).await;
    client.text().await;
    for _ in 0..3 {
        client.send(r#"42/reliable,1["count",{"_outbox":[1,1]}]"#).await;
        client.expect("43/reliable,1[]").await;
    }
    world.expect("sockeye_outbox_hits_total{/reliable}", 2.0);
}

/// A server that was built before the recorder was there counts nothing, and works.
#[tokio::test(start_paused = true)]
async fn a_recorder_that_comes_later_hears_nothing() {
    let namespace = Namespace::new("/").on("now", async || {});
    let server = common::in_memory([namespace]);
    let numbers = Numbers::default();
    let _recorder = numbers.install();
    let mut client = Client::connect(&server).await;
    client.send("421[\"now\"]").await;
    client.expect("431[]").await;
    let values = numbers.values.lock();
    assert!(values.keys().all(|name| name.starts_with("sockeye_engine")), "{values:?}");
}
