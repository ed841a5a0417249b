//! What was sent, received and refused.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sockeye_cluster_proto::node::Skipped;

/// What a server has sent to its cluster and received from it, since it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Messages that were given to the bus, answers among them.
    pub sent: u64,
    /// Messages that came, its own among them where they come back.
    pub received: u64,
    /// What came and was no message.
    pub refused: u64,
    /// Requests of others beyond the limit of a second.
    pub too_many: u64,
    /// Answers that nobody waited for: late, doubled, or not asked for.
    pub unasked: u64,
    /// Messages that could not be sent, or were missed, as far as the bus knows.
    pub lost: u64,
    /// Times in which nothing came, because the connection to the bus was lost.
    pub gaps: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    sent: AtomicU64,
    received: AtomicU64,
    refused: AtomicU64,
    too_many: AtomicU64,
    unasked: AtomicU64,
    lost: AtomicU64,
    gaps: AtomicU64,
    /// When something was told in the log.
    told: Mutex<Option<Instant>>,
}

impl Counters {
    pub(crate) fn read(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            sent: read(&self.sent),
            received: read(&self.received),
            refused: read(&self.refused),
            too_many: read(&self.too_many),
            unasked: read(&self.unasked),
            lost: read(&self.lost),
            gaps: read(&self.gaps),
        }
    }

    pub(crate) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn lost(&self, messages: u64) {
        self.lost.fetch_add(messages, Ordering::Relaxed);
    }

    pub(crate) fn gap(&self) {
        self.gaps.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn skipped(&self, why: Skipped) {
        match why {
            Skipped::TooMany => self.too_many.fetch_add(1, Ordering::Relaxed),
            Skipped::Unasked => self.unasked.fetch_add(1, Ordering::Relaxed),
            _ => return,
        };
    }

    /// Whether something that may come a thousand times a second is to be told in the log now.
    pub(crate) fn may_tell(&self) -> bool {
        const PAUSE: Duration = Duration::from_secs(10);
        let (mut told, now) = (self.told.lock(), Instant::now());
        if told.is_some_and(|told| now.duration_since(told) < PAUSE) {
            return false;
        }
        *told = Some(now);
        true
    }
}
