//! Stands for `metrics` in builds without that feature: nothing is counted, and no clock is read.

pub(super) const fn describe() {}

/// A value that nobody records.
#[derive(Clone)]
pub(crate) struct Gauge;

impl Gauge {
    #[cfg(test)]
    pub(crate) const fn noop() -> Self {
        Self
    }

    pub(crate) const fn increment(&self, _: u32) {}

    pub(crate) const fn decrement(&self, _: u32) {}
}

pub(crate) struct NamespaceMetrics {
    pub(crate) rooms: Gauge,
}

impl NamespaceMetrics {
    pub(crate) const fn noop() -> Self {
        Self { rooms: Gauge }
    }

    pub(super) const fn new(_: &str) -> Self {
        Self::noop()
    }

    pub(super) const fn handler(&self, _: &str) -> HandlerMetrics {
        HandlerMetrics
    }

    pub(crate) const fn connected(&self) {}

    pub(crate) const fn disconnected(&self) {}

    pub(crate) const fn event_received(&self) {}

    pub(crate) const fn event_sent(&self) {}

    pub(crate) fn broadcast(&self, _: impl FnOnce() -> usize) {}

    pub(crate) const fn ack_asked(&self) {}

    pub(crate) const fn ack_answered(&self) {}

    pub(crate) const fn ack_timed_out(&self) {}

    pub(crate) const fn ack_late(&self) {}

    pub(crate) const fn outbox_hit(&self) {}

    pub(crate) const fn recovery(&self, _: &'static str) {}

    pub(crate) const fn handler_failed(&self, _: &str, _: bool, _: &str) {}
}

pub(crate) const fn refused(_: &'static str) {}

#[derive(Clone)]
pub(crate) struct HandlerMetrics;

impl HandlerMetrics {
    pub(crate) const fn noop() -> Self {
        Self
    }

    pub(crate) const fn start(&self) -> Stopwatch {
        Stopwatch
    }

    pub(crate) const fn done(&self, _: &Stopwatch) {}

    pub(crate) const fn wait(&self) -> Waits {
        Waits
    }
}

pub(crate) struct Stopwatch;

pub(crate) struct Waits;
