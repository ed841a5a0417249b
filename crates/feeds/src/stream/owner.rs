//! What all streams of one owner share: the flush pass, and the bound on what they hold together.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sockeye_net::flush::Flusher;

use super::Shared;

/// A handle, cheap to clone.
#[derive(Clone)]
pub(crate) struct Owner {
    inner: Arc<Inner>,
}

struct Inner {
    flusher: Flusher,
    bytes: AtomicUsize,
    bytes_max: usize,
    is_relieving: AtomicBool,
    relieve: Box<dyn Fn() + Send + Sync>,
}

impl Owner {
    /// `relieve` is called when more than `bytes_max` are held, one call at a time, until there are less.
    pub(crate) fn new(
        flusher: Flusher,
        bytes_max: usize,
        relieve: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let (bytes, is_relieving) = (AtomicUsize::new(0), AtomicBool::new(false));
        let relieve = Box::new(relieve);
        Self { inner: Arc::new(Inner { flusher, bytes, bytes_max, is_relieving, relieve }) }
    }

    pub(crate) fn flusher(&self) -> &Flusher {
        &self.inner.flusher
    }

    /// Bytes that are held.
    pub(crate) fn bytes(&self) -> usize {
        self.inner.bytes.load(Ordering::Relaxed)
    }

    /// Notes that one of them held `before` bytes, and holds `now`.
    pub(super) fn note_bytes(&self, before: usize, now: usize) {
        if now > before {
            self.inner.bytes.fetch_add(now - before, Ordering::Relaxed);
        } else if before > now {
            self.inner.bytes.fetch_sub(before - now, Ordering::Relaxed);
        }
    }

    /// To be called without a lock, of a stream or of all.
    pub(crate) fn relieve_if_too_much(&self) {
        let Inner { bytes_max, is_relieving, relieve, .. } = &*self.inner;
        if self.bytes() <= *bytes_max || is_relieving.swap(true, Ordering::Acquire) {
            return;
        }
        let mut before = usize::MAX;
        // Each call gives something up, or there is nothing left to give.
        while self.bytes() > *bytes_max && self.bytes() < before {
            before = self.bytes();
            relieve();
        }
        is_relieving.store(false, Ordering::Release);
    }
}

/// The one that holds the most gives something up.
pub(crate) fn relieve<'a>(streams: impl Iterator<Item = &'a Arc<Shared>>) {
    if let Some(largest) = streams.max_by_key(|stream| stream.bytes()) {
        tracing::debug!(feed = &*largest.name, "too much is kept: it gives something up");
        largest.give_up_some();
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owner").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}
