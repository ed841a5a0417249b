//! What was refused and what ended is counted, under the names that `sockeye_engine::metrics` lists.

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use common::Host;
use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use sockeye_engine::metrics::{
    BODY_TOO_LARGE, MESSAGES_DROPPED, REFUSED, SESSIONS_CLOSED, SESSIONS_OPENED, UPGRADES,
};
use sockeye_engine::{CloseReason, Config, OverflowPolicy, Pushed};

#[derive(Default)]
struct Counts(Mutex<BTreeMap<(String, String), Arc<Count>>>);

#[derive(Default)]
struct Count(AtomicU64);

impl CounterFn for Count {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::SeqCst);
    }

    fn absolute(&self, value: u64) {
        self.0.store(value, Ordering::SeqCst);
    }
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let label = key.labels().map(|label| label.value()).collect();
        let mut counts = self.0.lock().expect("nobody panicked");
        Counter::from_arc(Arc::clone(counts.entry((key.name().to_owned(), label)).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

impl Counts {
    fn get(&self, name: &str, label: &str) -> u64 {
        let counts = self.0.lock().expect("nobody panicked");
        let count = counts.get(&(name.to_owned(), label.to_owned()));
        count.map_or(0, |count| count.0.load(Ordering::SeqCst))
    }
}

#[tokio::test(start_paused = true)]
async fn everything_has_its_counter() {
    // All tasks run on this test's own thread.
    let counts: &'static Counts = Box::leak(Box::default());
    let _installed = metrics::set_default_local_recorder(counts);
    let host = Host::memory(Config {
        payload_bytes_max: 100,
        queued_packets_max: 1,
        overflow: OverflowPolicy::DropNewest,
        ..Config::default()
    });

    host.get("/engine.io/?EIO=4&transport=x").await.assert_refused(0, "Transport unknown");
    host.poll("unknown").await.assert_refused(1, "Session ID unknown");
    let open = "/engine.io/?EIO=4&transport=polling";
    let evil = [("origin", "http://evil.example")];
    host.request("GET", open, &evil, b"").await.assert_refused(4, "Forbidden");
    assert_eq!(counts.get(REFUSED, "unknown_transport"), 1);
    assert_eq!(counts.get(REFUSED, "unknown_session"), 1);
    assert_eq!(counts.get(REFUSED, "origin_denied"), 1);

    let sid = host.open().await;
    assert_eq!(counts.get(SESSIONS_OPENED, "polling"), 1);
    host.post(&sid, &"4".repeat(101)).await.assert_empty(413);
    assert_eq!(counts.get(BODY_TOO_LARGE, ""), 1);
    assert_eq!(host.app.closed(&sid).await, CloseReason::TransportError);
    assert_eq!(counts.get(SESSIONS_CLOSED, "payload_too_large"), 1);
    let known = sid;
    let sid = host.open().await;
    let session = host.app.session(&sid);
    assert_eq!(session.send("kept", &[]), Pushed::Queued);
    assert!(matches!(session.send("dropped", &[]), Pushed::Dropped { .. }));
    assert_eq!(counts.get(MESSAGES_DROPPED, ""), 1);
    let mut probe = host.probe(&sid).await;
    probe.send("2probe").await;
    assert_eq!(probe.text().await, "3probe");
    probe.send("5").await;
    assert_eq!(probe.text().await, "4kept");
    assert_eq!(counts.get(UPGRADES, ""), 1);
    probe.send(&"4".repeat(101)).await;
    assert_eq!(host.app.closed(&sid).await, CloseReason::TransportError);
    assert_eq!(counts.get(SESSIONS_CLOSED, "payload_too_large"), 2);

    let socket = host.open_websocket().await;
    assert_eq!(counts.get(SESSIONS_OPENED, "websocket"), 1);
    drop(socket);
    let sid = host.app.sids().into_iter().find(|other| *other != sid && *other != known);
    let sid = sid.expect("there are three");
    host.app.closed(&sid).await;
    assert_eq!(counts.get(SESSIONS_CLOSED, "connection_lost"), 1);
    host.engine.shutdown(CloseReason::ServerShutdown).await;
    assert_eq!(host.get(open).await.status, 503);
    assert_eq!(counts.get(REFUSED, "shutting_down"), 1);
}
