//! How many bytes wait for clients in the whole server, counted where they are held.
//!
//! What one session holds alone is counted as its own; what many share (a broadcast that several
//! have not taken yet) once, for as long as any of them has it. What goes out at once is never
//! counted, so that it costs nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::metrics;

#[derive(Debug)]
pub(crate) struct QueuedBytes {
    bytes: AtomicUsize,
    bytes_max: usize,
}

impl QueuedBytes {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(QueuedBytes { bytes: AtomicUsize::new(0), bytes_max })
    }

    /// Bytes that wait at this moment.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How many are too many.
    pub(crate) fn excess(&self) -> usize {
        self.bytes().saturating_sub(self.bytes_max)
    }

    pub(crate) const fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Somebody held `before` bytes and holds `now` bytes.
    pub(crate) fn change(&self, before: usize, now: usize) {
        let old = if now >= before {
            self.bytes.fetch_add(now - before, Ordering::Relaxed)
        } else {
            self.bytes.fetch_sub(before - now, Ordering::Relaxed)
        };
        let new = old.wrapping_add(now).wrapping_sub(before);
        // In steps: a recorder is not asked for every message.
        if new == 0 || new / GAUGE_STEP_BYTES != old / GAUGE_STEP_BYTES {
            metrics::queued_bytes(new);
        }
    }

    /// Counts bytes until the charge is dropped.
    pub(crate) fn charge(self: &Arc<Self>, bytes: usize) -> Charge {
        self.change(0, bytes);
        Charge { queued_bytes: Arc::clone(self), bytes }
    }
}

/// Bytes that are counted for as long as this lives.
#[derive(Debug)]
pub(crate) struct Charge {
    queued_bytes: Arc<QueuedBytes>,
    bytes: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.queued_bytes.change(self.bytes, 0);
    }
}

const GAUGE_STEP_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_until_it_is_let_go() {
        let queued_bytes = QueuedBytes::new(100);
        let charge = queued_bytes.charge(70);
        queued_bytes.change(0, 40);
        assert_eq!((queued_bytes.bytes(), queued_bytes.excess()), (110, 10));
        queued_bytes.change(40, 20);
        assert_eq!((queued_bytes.bytes(), queued_bytes.excess()), (90, 0));
        drop(charge);
        queued_bytes.change(20, 0);
        assert_eq!(queued_bytes.bytes(), 0);
    }
}
