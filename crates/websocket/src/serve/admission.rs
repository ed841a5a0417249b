//! How many connections there may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::metrics;

/// Counts the connections of one server.
#[derive(Debug)]
pub(super) struct Admission {
    connections: AtomicUsize,
    handshakes: AtomicUsize,
    connections_max: usize,
    handshakes_max: usize,
}

impl Admission {
    pub(super) fn new(connections_max: usize, handshakes_max: usize) -> Arc<Self> {
        let (connections, handshakes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { connections, handshakes, connections_max, handshakes_max })
    }

    /// A place for one more connection; `None`, counted, when there is none.
    pub(super) fn admit(self: &Arc<Self>) -> Option<Arc<Admitted>> {
        if !enter(&self.connections, self.connections_max) {
            metrics::http_refused("connections");
            return None;
        }
        if !enter(&self.handshakes, self.handshakes_max) {
            self.connections.fetch_sub(1, Ordering::Relaxed);
            metrics::http_refused("handshakes");
            return None;
        }
        let admission = Arc::clone(self);
        Some(Arc::new(Admitted {
            admission,
            handshaking: AtomicBool::new(true),
            #[cfg(feature = "tls")]
            busy: AtomicBool::new(false),
        }))
    }
}

fn enter(count: &AtomicUsize, max: usize) -> bool {
    let before = count.fetch_add(1, Ordering::Relaxed);
    if before >= max {
        count.fetch_sub(1, Ordering::Relaxed);
    }
    before < max
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    admission: Arc<Admission>,
    handshaking: AtomicBool,
    /// It has sent a request since somebody asked.
    #[cfg(feature = "tls")]
    busy: AtomicBool,
}

impl Admitted {
    /// It has sent a request.
    pub(super) fn note_request(&self) {
        #[cfg(feature = "tls")]
        self.busy.store(true, Ordering::Relaxed);
        if self.handshaking.load(Ordering::Relaxed)
            && self.handshaking.swap(false, Ordering::Relaxed)
        {
            self.admission.handshakes.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether it has not sent a request yet.
    #[cfg(feature = "tls")]
    pub(super) fn is_handshaking(&self) -> bool {
        self.handshaking.load(Ordering::Relaxed)
    }

    /// Whether it has sent no request since the last time this was asked.
    #[cfg(feature = "tls")]
    pub(super) fn is_idle(&self) -> bool {
        !self.busy.swap(false, Ordering::Relaxed)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.note_request();
        self.admission.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let admission = Admission::new(3, 2);
        let first = admission.admit().unwrap();
        let second = admission.admit().unwrap();
        assert!(admission.admit().is_none(), "two handshakes");
        first.note_request();
        first.note_request();
        let third = admission.admit().unwrap();
        second.note_request();
        assert!(admission.admit().is_none(), "three connections");
        drop(third);
        let third = admission.admit().unwrap();
        drop((first, second, third));
        assert_eq!(admission.connections.load(Ordering::Relaxed), 0);
        assert_eq!(admission.handshakes.load(Ordering::Relaxed), 0);
    }
}
