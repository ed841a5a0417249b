//! Counters of the `metrics` facade, for one test.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses its own part")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder};
use metrics::{LocalRecorderGuard, SharedString, Unit};
use tokio::sync::Notify;

/// The counters of one test, by name and label. Each test has its own, so that tests at the same time
/// may count the same things: its server runs on the test's own thread.
pub(crate) struct Counters {
    counts: &'static Counts,
    _installed: LocalRecorderGuard<'static>,
}

#[derive(Default)]
struct Counts {
    by_name: Mutex<HashMap<String, Arc<Count>>>,
    changed: Arc<Notify>,
}

struct Count {
    value: AtomicU64,
    changed: Arc<Notify>,
}

impl CounterFn for Count {
    fn increment(&self, value: u64) {
        self.value.fetch_add(value, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    fn absolute(&self, value: u64) {
        self.value.store(value, Ordering::Relaxed);
        self.changed.notify_waiters();
    }
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<_> = key.labels().map(|label| label.value()).collect();
        let name = format!("{} {}", key.name(), labels.join(","));
        let count = || Count { value: AtomicU64::new(0), changed: Arc::clone(&self.changed) };
        let mut by_name = self.by_name.lock().unwrap();
        Counter::from_arc(Arc::clone(by_name.entry(name).or_insert_with(|| Arc::new(count()))))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

impl Counters {
    pub(crate) fn install() -> Self {
        let counts: &'static Counts = Box::leak(Box::default());
        Self { counts, _installed: metrics::set_default_local_recorder(counts) }
    }

    pub(crate) fn get(&self, name: &str, label: &str) -> u64 {
        let counts = self.counts.by_name.lock().unwrap();
        counts
            .get(&format!("{name} {label}"))
            .map_or(0, |count| count.value.load(Ordering::Relaxed))
    }

    pub(crate) async fn wait_for(&self, name: &str, label: &str, count: u64) {
        loop {
            let changed = self.counts.changed.notified();
            if self.get(name, label) >= count {
                break;
            }
            changed.await;
        }
        assert_eq!(self.get(name, label), count);
    }
}
