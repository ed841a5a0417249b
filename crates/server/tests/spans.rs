//! Tracing: a span for each session, one for each handler, and no id of a session as a whole.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use common::log::{Log, listen_with};
use common::{Client, ask, in_memory, until};
use parking_lot::Mutex;
use sockeye::{Ack, Config, Namespace, Server, Socket};
use sockeye_testing::TestServer;
use sockeye_testing::raw::Peer;
use tokio::sync::Semaphore;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Fields by name, the message among them.
#[derive(Clone, Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl Fields {
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

/// An event with the spans it is in, the outermost first.
#[derive(Clone)]
struct Seen {
    fields: Fields,
    spans: Vec<(&'static str, Fields)>,
}

#[derive(Clone, Default)]
struct Trace(Arc<Mutex<Seens>>);

#[derive(Default)]
struct Seens {
    events: Vec<Seen>,
    /// Names of spans that were opened, and how many of each are not closed.
    open: BTreeMap<&'static str, i32>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Trace {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
        *self.0.lock().open.entry(span.name()).or_default() += 1;
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        record.record(span.extensions_mut().get_mut::<Fields>().unwrap());
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let scope = context.event_scope(event).into_iter().flat_map(|scope| scope.from_root());
        let spans = scope.map(|span| (span.name(), span.extensions().get().cloned().unwrap()));
        self.0.lock().events.push(Seen { fields, spans: spans.collect() });
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        *self.0.lock().open.entry(context.span(&id).unwrap().name()).or_default() -= 1;
    }
}

impl Trace {
    /// From now on, at most at this level.
    fn begin(level: Level) -> (Self, DefaultGuard) {
        let trace = Self::default();
        let filter = tracing_subscriber::filter::LevelFilter::from_level(level);
        let subscriber = tracing_subscriber::registry().with(trace.clone().with_filter(filter));
        (trace, listen_with(subscriber))
    }

    /// The first event with this message.
    fn event(&self, message: &str) -> Seen {
        let seen = self.0.lock();
        let found = seen.events.iter().find(|seen| seen.fields.get("message") == message);
        found.unwrap_or_else(|| panic!("{message}")).clone()
    }

    fn open(&self, name: &str) -> Option<i32> {
        self.0.lock().open.get(name).copied()
    }
}

fn namespace(gate: &Arc<Semaphore>) -> Namespace {
    let waits = Arc::clone(gate);
    Namespace::new("/")
        .on_connect(async || tracing::info!("admitted"))
        .on_connected(async || tracing::info!("welcomed"))
        .on("now", async || tracing::info!("handled at once"))
        .on("wait", move || {
            let gate = Arc::clone(&waits);
            async move {
                gate.acquire().await.unwrap().forget();
                tracing::info!("handled later");
                Ack(1)
            }
        })
        .fallback(async || tracing::info!("fallen back"))
        .on_disconnect(async || tracing::info!("parted"))
}

#[tokio::test(start_paused = true)]
async fn a_session_and_its_handlers_have_their_spans() {
    let (trace, _guard) = Trace::begin(Level::DEBUG);
    let gate = Arc::new(Semaphore::new(0));
    let server = in_memory([namespace(&gate)]);
    let mut client = Client::open(&server).await;
    let id = client.join("40").await;
    client.send("421[\"now\"]").await;
    client.expect("431[]").await;
    client.send("422[\"wait\"]").await;
    gate.add_permits(1);
    client.expect("432[1]").await;
    client.send("42[\"made-up\"]").await;
    client.send("41").await;
    until(|| server.server().io().socket_count() == 0).await;
    client.hang_up().await;
    until(|| server.server().sessions() == 0).await;

    let sid = format!("{}…", &client.open["sid"].as_str().unwrap()[..8]);
    for message in ["session opened", "session closed"] {
        let spans = trace.event(message).spans;
        assert_eq!(spans.len(), 1, "{message}");
        let (name, fields) = &spans[0];
        assert_eq!((*name, fields.get("sid")), ("session", sid.as_str()), "{message}");
        assert_eq!(fields.get("transport"), "websocket", "{message}");
    }
    for (message, event) in [
        ("admitted", "(connect)"),
        ("welcomed", "(connected)"),
        ("handled at once", "now"),
        ("handled later", "wait"),
        ("fallen back", "(fallback)"),
        ("parted", "(disconnect)"),
    ] {
        let spans = trace.event(message).spans;
        assert_eq!(spans.iter().map(|span| span.0).collect::<Vec<_>>(), ["session", "handler"]);
        let fields = &spans[1].1;
        let found = (fields.get("nsp"), fields.get("event"), fields.get("socket"));
        assert_eq!(found, ("/", event, id.as_str()), "{message}");
    }
    // Nothing stays of them.
    until(|| trace.open("session") == Some(0) && trace.open("handler") == Some(0)).await;
}

#[tokio::test(start_paused = true)]
async fn a_span_says_where_its_client_is_and_whether_it_was_upgraded() {
    let (trace, _guard) = Trace::begin(Level::DEBUG);
    let server = in_memory([Namespace::new("/").on("now", async || tracing::info!("handled"))]);
    let opened = ask(&server, "GET", "", "").await;
    let sid = opened.text().split("\"sid\":\"").nth(1).unwrap()[..20].to_owned();
    let upgrade = format!("/socket.io/?EIO=4&transport=websocket&sid={sid}");
    let mut socket = Peer::new(server.open().0).upgrade(&upgrade, &[]).await.unwrap();
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    socket.send("5").await;
    for packet in ["40", "421[\"now\"]"] {
        socket.send(packet).await;
        socket.text().await;
    }
    let fields = &trace.event("handled").spans[0].1;
    assert_eq!((fields.get("transport"), fields.get("upgraded")), ("polling", "websocket"));
    assert!(!fields.get("peer").is_empty());
}

/// Without a subscriber there are no spans, and the handlers run all the same.
#[tokio::test(start_paused = true)]
async fn spans_are_for_debugging_only() {
    let (trace, _guard) = Trace::begin(Level::INFO);
    let gate = Arc::new(Semaphore::new(0));
    let server = in_memory([namespace(&gate)]);
    let mut client = Client::connect(&server).await;
    client.send("422[\"wait\"]").await;
    gate.add_permits(1);
    client.expect("432[1]").await;
    assert!(trace.event("handled later").spans.is_empty());
    assert_eq!((trace.open("session"), trace.open("handler")), (None, None));
}

/// What is logged from here on, spans included.
fn begin_log() -> (Log, DefaultGuard) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_writer(log.clone())
        .finish();
    (log, listen_with(subscriber))
}

#[track_caller]
fn expect_without(log: &Log, said: &str, secret: &str) {
    let log = log.text();
    assert!(log.contains(said), "{said} in {log}");
    assert!(!log.contains(secret), "{secret} in {log}");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_has_no_room_names_no_session() {
    let (log, _guard) = begin_log();
    let config = Config { child_namespaces_max: 1, ..Config::default() };
    let builder = Server::builder().config(config).namespace(Namespace::new("/doc-{id}"));
    let server = TestServer::new(builder.build().unwrap());
    let mut client = Client::open(&server).await;
    client.join("40/doc-1,").await;
    client.send("40/doc-2,").await;
    assert!(client.text().await.starts_with("44/doc-2,"));
    expect_without(&log, "visitor refused", client.open["sid"].as_str().unwrap());
}

/// The ids of sockets of Socket.IO 2 are made from the id of their session.
#[tokio::test(start_paused = true)]
async fn sockets_of_old_clients_name_no_session() {
    let (log, _guard) = begin_log();
    let mut config = Config::default();
    config.engine.allow_eio3 = true;
    let fails = async |_: u32| Err::<(), _>(std::io::Error::other("asked to"));
    let shows = async |socket: Socket| tracing::info!(?socket, "shown");
    let main = Namespace::new("/").on("fail", fails).on("show", shows);
    let server = Server::builder().config(config).namespace(main).namespace(Namespace::new("/a"));
    let server = TestServer::new(server.build().unwrap());
    let target = "/socket.io/?EIO=3&transport=websocket";
    let mut socket = Peer::new(server.open().0).upgrade(target, &[]).await.unwrap();
    let open = socket.text().await;
    let sid = open.split("\"sid\":\"").nth(1).unwrap()[..20].to_owned();
    assert_eq!(socket.text().await, "40");
    for packet in ["40/a,", "420[\"fail\",\"x\"]", "421[\"fail\",1]", "422[\"show\"]"] {
        socket.send(packet).await;
        socket.text().await;
    }
    for packet in ["437[]", "41/a,"] {
        socket.send(packet).await;
    }
    until(|| server.server().of("/a").unwrap().socket_count() == 0).await;
    for said in ["connected", "event failed", "event refused", "nobody waits", "shown"] {
        expect_without(&log, said, &sid);
    }
    expect_without(&log, "disconnected", &sid);
}
