//! What is done and refused over HTTP is counted, under labels that nobody chooses.

#![cfg(all(feature = "publishing", feature = "metrics"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod publish_common;

use std::collections::BTreeMap;
use std::sync::Arc;

use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use parking_lot::Mutex;
use publish_common::api;
use sockeye_feeds::metrics::{PUBLISH_OPERATIONS, PUBLISH_REFUSED};

/// Counters by their name and labels.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<BTreeMap<String, u64>>>);

struct Place(Counts, String);

impl CounterFn for Place {
    fn increment(&self, value: u64) {
        *self.0.0.lock().entry(self.1.clone()).or_default() += value;
    }

    fn absolute(&self, _: u64) {
        panic!("nothing is set");
    }
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<_> = key.labels().map(|label| label.value()).collect();
        let name = format!("{} {}", key.name(), labels.join(","));
        Counter::from_arc(Arc::new(Place(self.clone(), name)))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test(start_paused = true)]
async fn operations_and_refusals_are_counted_once_each() {
    let counts = Counts::default();
    // All tasks run on the test's own thread.
    let _recording = metrics::set_default_local_recorder(&counts);
    let api = api();
    let publish = r#"{"event":"e"}"#;
    api.done("publish", publish).await;
    api.done("join", r#"{"room":"a","to":"b"}"#).await;
    let batch = r#"{"operations":[{"verb":"publish","event":"e"},{"verb":"leave","room":"a","from":"b"},{"verb":"fly"}]}"#;
    api.done("batch", batch).await;
    assert_eq!(api.get("rooms").await.status, 200);
    assert_eq!(api.get("sockets?limit=x").await.status, 400);
    assert_eq!(api.post_with("sk_a_b", "publish", publish).await.status, 401);
    assert_eq!(api.post("none", publish).await.status, 404);
    let idempotent = api.memory.post("/api/v1/publish").json(&serde_json::json!({"event": "e"}));
    let authorization = format!("Bearer {}", publish_common::KEY);
    let idempotent =
        idempotent.header("authorization", &authorization).header("idempotency-key", "1");
    assert_eq!(idempotent.await.status, 200);
    let counted = counts.0.lock().clone();
    let ours: BTreeMap<_, _> =
        counted.iter().filter(|(name, _)| name.starts_with("sockeye_publish_")).collect();
    let expected = [
        (PUBLISH_OPERATIONS, "publish", 3),
        (PUBLISH_OPERATIONS, "join", 1),
        (PUBLISH_OPERATIONS, "leave", 1),
        (PUBLISH_OPERATIONS, "read", 1),
        (PUBLISH_REFUSED, "bad_request", 2),
        (PUBLISH_REFUSED, "key_unknown", 1),
        (PUBLISH_REFUSED, "unknown_route", 1),
    ];
    let expected: BTreeMap<_, _> =
        expected.iter().map(|(name, label, count)| (format!("{name} {label}"), *count)).collect();
    assert_eq!(ours, expected.iter().collect());
}
