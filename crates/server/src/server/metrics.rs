//! The metrics of a server, through the `metrics` facade. [`ALL`] lists each with its unit; the
//! engine's are in [`sockeye_engine::metrics`]. `docs/operations.md` has a table of all.
//!
//! A server uses the recorder that is installed when it is built, so install that first:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sockeye::BuildError> {
//! # let recorder = metrics::NoopRecorder;
//! metrics::set_global_recorder(recorder).expect("nobody has installed one before");
//! let server = sockeye::Server::builder().build()?;
//! # drop(server);
//! # Ok(())
//! # }
//! ```
//!
//! Without one nothing is counted and no clock is read. Labels have few values, whatever clients send:
//! `namespace` is a declaration's name (`/chat`, `/doc-{id}`, of a function without a name `(dynamic)`),
//! `event` an event that was declared, `(fallback)` for all others, or `(none)` for handlers of
//! connections.

pub(crate) use metrics::Gauge;
use metrics::{
    Counter, Histogram, SharedString, Unit, counter, describe_counter, describe_gauge,
    describe_histogram, gauge, histogram, with_recorder,
};
use tokio::time::Instant;

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricKind {
    /// A value that only grows.
    Counter,
    /// A value that grows and falls.
    Gauge,
    /// Values whose distribution is recorded.
    Histogram,
}

/// The description of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name at the recorder.
    pub name: &'static str,
    /// Its kind.
    pub kind: MetricKind,
    /// The unit of its values.
    pub unit: Unit,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// Its meaning, in words.
    pub description: &'static str,
}

const NAMESPACE: &str = "namespace";
const EVENT: &str = "event";
const CODE: &str = "code";
const OUTCOME: &str = "outcome";
const REASON: &str = "reason";

macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:ident, $unit:ident, [$($label:ident),*], $description:literal;)*) => {
        $(#[doc = $description] pub const $constant: &str = $name;)*

        /// Every metric of a server.
        pub const ALL: &[Metric] = &[$(Metric {
            name: $constant,
            kind: MetricKind::$kind,
            unit: Unit::$unit,
            labels: &[$($label),*],
            description: $description,
        },)*];
    };
}

metrics! {
    SOCKETS = "sockeye_sockets", Gauge, Count, [NAMESPACE],
        "sockets that are connected";
    SOCKETS_CONNECTED = "sockeye_sockets_connected_total", Counter, Count, [NAMESPACE],
        "sockets that were let into a namespace";
    SOCKETS_REFUSED = "sockeye_sockets_refused_total", Counter, Count, [REASON],
        "clients that were not let into a namespace: `handler`, `unknown_namespace`, `session_limit`, `server_limit`";
    ROOMS = "sockeye_rooms", Gauge, Count, [NAMESPACE],
        "rooms, own-id rooms left out";
    EVENTS_RECEIVED = "sockeye_events_received_total", Counter, Count, [NAMESPACE],
        "events from clients, with a handler or without";
    EVENTS_SENT = "sockeye_events_sent_total", Counter, Count, [NAMESPACE],
        "events to one socket each, requests included";
    BROADCASTS = "sockeye_broadcasts_total", Counter, Count, [NAMESPACE],
        "events to many";
    BROADCAST_RECIPIENTS = "sockeye_broadcast_recipients_total", Counter, Count, [NAMESPACE],
        "sockets that broadcasts were sent to";
    HANDLER_SECONDS = "sockeye_handler_seconds", Histogram, Seconds, [NAMESPACE, EVENT],
        "how long a handler took, guards before it included";
    HANDLER_FAILURES = "sockeye_handler_failures_total", Counter, Count, [NAMESPACE, EVENT, CODE],
        "handlers that failed: `decode`, `internal`, `panic`, `refused`, `retry`, or `other` for the codes of the application";
    HANDLERS_RUNNING = "sockeye_handlers_running", Gauge, Count, [NAMESPACE],
        "handlers that wait for something, also those of sockets that have ended";
    ACKS_ASKED = "sockeye_acks_asked_total", Counter, Count, [NAMESPACE],
        "acknowledgements that clients were asked for, of each socket one";
    ACKS_ANSWERED = "sockeye_acks_answered_total", Counter, Count, [NAMESPACE],
        "acknowledgements that came in time";
    ACKS_TIMED_OUT = "sockeye_acks_timed_out_total", Counter, Count, [NAMESPACE],
        "acknowledgements that did not come in time";
    ACKS_LATE = "sockeye_acks_late_total", Counter, Count, [NAMESPACE],
        "acknowledgements that nobody waited for: too late, given up, or never asked for";
    RECOVERIES = "sockeye_recoveries_total", Counter, Count, [NAMESPACE, OUTCOME],
        "clients that wanted to continue an earlier connection: `recovered`, or the name of a `RecoveryFailure`";
    OUTBOX_HITS = "sockeye_outbox_hits_total", Counter, Count, [NAMESPACE],
        "events of client outboxes that came again and were not handled again: their answer is remembered, or on its way";
}

/// Gives the recorder the description of each metric.
pub(super) fn describe() {
    for Metric { name, kind, unit, description, .. } in ALL.iter().copied() {
        match kind {
            MetricKind::Counter => describe_counter!(name, unit, description),
            MetricKind::Gauge => describe_gauge!(name, unit, description),
            MetricKind::Histogram => describe_histogram!(name, unit, description),
        }
    }
}

/// Whether there is a recorder. (A recorder of size zero is the facade's own, which does nothing;
/// there is no other way to find out.)
fn is_recorded() -> bool {
    with_recorder(|recorder| size_of_val(recorder) > 0)
}

/// The metrics of one declaration. Its counters at the recorder are looked up once, so that an
/// event costs one addition each, and nothing without a recorder.
pub(crate) struct NamespaceMetrics {
    namespace: SharedString,
    is_recorded: bool,
    sockets: Gauge,
    sockets_connected: Counter,
    pub(crate) rooms: Gauge,
    events_received: Counter,
    events_sent: Counter,
    broadcasts: Counter,
    broadcast_recipients: Counter,
    handlers_running: Gauge,
    acks_asked: Counter,
    acks_answered: Counter,
    acks_timed_out: Counter,
    acks_late: Counter,
    outbox_hits: Counter,
}

impl NamespaceMetrics {
    /// The metrics without a recorder.
    pub(crate) const fn noop() -> Self {
        Self {
            namespace: SharedString::const_str(""),
            is_recorded: false,
            sockets: Gauge::noop(),
            sockets_connected: Counter::noop(),
            rooms: Gauge::noop(),
            events_received: Counter::noop(),
            events_sent: Counter::noop(),
            broadcasts: Counter::noop(),
            broadcast_recipients: Counter::noop(),
            handlers_running: Gauge::noop(),
            acks_asked: Counter::noop(),
            acks_answered: Counter::noop(),
            acks_timed_out: Counter::noop(),
            acks_late: Counter::noop(),
            outbox_hits: Counter::noop(),
        }
    }

    /// The metrics of the declaration of this name, with the recorder that is installed now.
    pub(super) fn new(declaration: &str) -> Self {
        if !is_recorded() {
            return Self::noop();
        }
        let name = if declaration.is_empty() { "(dynamic)" } else { declaration };
        let namespace: SharedString = name.to_owned().into();
        let count = |name: &'static str| counter!(name, NAMESPACE => namespace.clone());
        let level = |name: &'static str| gauge!(name, NAMESPACE => namespace.clone());
        Self {
            is_recorded: true,
            sockets: level(SOCKETS),
            sockets_connected: count(SOCKETS_CONNECTED),
            rooms: level(ROOMS),
            events_received: count(EVENTS_RECEIVED),
            events_sent: count(EVENTS_SENT),
            broadcasts: count(BROADCASTS),
            broadcast_recipients: count(BROADCAST_RECIPIENTS),
            handlers_running: level(HANDLERS_RUNNING),
            acks_asked: count(ACKS_ASKED),
            acks_answered: count(ACKS_ANSWERED),
            acks_timed_out: count(ACKS_TIMED_OUT),
            acks_late: count(ACKS_LATE),
            outbox_hits: count(OUTBOX_HITS),
            namespace,
        }
    }

    /// The metrics of the handlers of one event, or of the fallback if the name is empty.
    pub(super) fn handler(&self, event: &str) -> HandlerMetrics {
        if !self.is_recorded {
            return HandlerMetrics::noop();
        }
        let event = if event.is_empty() { "(fallback)" } else { event }.to_owned();
        let namespace = self.namespace.clone();
        let seconds = histogram!(HANDLER_SECONDS, NAMESPACE => namespace, EVENT => event);
        HandlerMetrics { seconds: Some(seconds), running: self.handlers_running.clone() }
    }

    pub(crate) fn connected(&self) {
        self.sockets.increment(1);
        self.sockets_connected.increment(1);
    }

    pub(crate) fn disconnected(&self) {
        self.sockets.decrement(1);
    }

    pub(crate) fn event_received(&self) {
        self.events_received.increment(1);
    }

    pub(crate) fn event_sent(&self) {
        self.events_sent.increment(1);
    }

    /// Records a broadcast; its recipients are counted only if there is a recorder.
    pub(crate) fn broadcast(&self, recipients: impl FnOnce() -> usize) {
        if self.is_recorded {
            self.broadcasts.increment(1);
            self.broadcast_recipients.increment(recipients() as u64);
        }
    }

    pub(crate) fn ack_asked(&self) {
        self.acks_asked.increment(1);
    }

    pub(crate) fn ack_answered(&self) {
        self.acks_answered.increment(1);
    }

    pub(crate) fn ack_timed_out(&self) {
        self.acks_timed_out.increment(1);
    }

    pub(crate) fn ack_late(&self) {
        self.acks_late.increment(1);
    }

    pub(crate) fn outbox_hit(&self) {
        self.outbox_hits.increment(1);
    }

    /// Records the outcome of a recovery claim.
    pub(crate) fn recovery(&self, outcome: &'static str) {
        if self.is_recorded {
            let namespace = self.namespace.clone();
            counter!(RECOVERIES, NAMESPACE => namespace, OUTCOME => outcome).increment(1);
        }
    }

    /// Records that a handler failed, of this event if it is declared, with this error code.
    pub(crate) fn handler_failed(&self, event: &str, is_declared: bool, code: &str) {
        if !self.is_recorded {
            return;
        }
        let event: SharedString = match event {
            event if is_declared => event.to_owned().into(),
            _ => "(fallback)".into(),
        };
        // The application may make codes from any text.
        let code = ["decode", "internal", "panic", "refused", "retry"]
            .into_iter()
            .find(|known| *known == code)
            .unwrap_or("other");
        let namespace = self.namespace.clone();
        counter!(HANDLER_FAILURES, NAMESPACE => namespace, EVENT => event, CODE => code)
            .increment(1);
    }
}

/// Records that a client was refused by a namespace, without the name, which clients may choose.
pub(crate) fn refused(reason: &'static str) {
    counter!(SOCKETS_REFUSED, REASON => reason).increment(1);
}

/// The metrics of the handlers of one event.
#[derive(Clone)]
pub(crate) struct HandlerMetrics {
    /// `None`: there is no recorder.
    seconds: Option<Histogram>,
    running: Gauge,
}

impl HandlerMetrics {
    pub(crate) const fn noop() -> Self {
        Self { seconds: None, running: Gauge::noop() }
    }

    /// Called before a handler starts.
    pub(crate) fn start(&self) -> Stopwatch {
        Stopwatch(self.seconds.is_some().then(Instant::now))
    }

    /// Called when a handler is done.
    pub(crate) fn done(&self, since: &Stopwatch) {
        if let (Some(seconds), Some(since)) = (&self.seconds, since.0) {
            seconds.record(since.elapsed());
        }
    }

    /// Counts a waiting handler, until the result is dropped.
    pub(crate) fn wait(&self) -> Waits {
        self.running.increment(1);
        Waits(self.running.clone())
    }
}

/// The start time of a handler, if there is a recorder.
pub(crate) struct Stopwatch(Option<Instant>);

/// The count of one waiting handler, undone when dropped.
pub(crate) struct Waits(Gauge);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}
