//! The connections of a server, to be closed together.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use sockeye_ws::CloseCode;
use tokio::time::{Instant, sleep_until};

use crate::outbox::{Failure, Outbox};
use crate::writer::Writer;

/// Below this many, those that are gone are not worth a search.
const KEPT_MIN: usize = 64;
/// How often it is looked whether the last one is gone.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// The connections accepted by one or several [`Acceptor`](crate::Acceptor)s, for closing them when the
/// server stops.
///
/// ```no_run
/// # use sockeye_websocket::{Acceptor, Connections, HttpServer};
/// # use std::time::Duration;
/// # async fn example(server: HttpServer<axum::Router>, signal: impl Future<Output = ()> + Send + 'static)
/// # -> std::io::Result<()> {
/// let connections = Connections::new();
/// let acceptor = Acceptor::new().connections(&connections);
/// // ... handlers that accept with `acceptor` ...
/// server
///     .with_graceful_shutdown(async move {
///         signal.await;
///         connections.shutdown(Duration::from_secs(10)).await;
///     })
///     .await
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Connections {
    state: Arc<Mutex<ConnectionsState>>,
}

#[derive(Debug, Default)]
struct ConnectionsState {
    outboxes: Vec<Weak<Outbox>>,
    /// With this many, those that are gone are looked for.
    search_at: usize,
    closing: bool,
}

impl Connections {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many there are, those included that are closing.
    pub fn len(&self) -> usize {
        self.state.lock().outboxes.iter().filter(|outbox| outbox.strong_count() > 0).count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses further handshakes with 503, closes all connections with 1001 (RFC 6455 §7.4.1, "going
    /// away"), and waits until every one is gone: closed, and dropped by whoever has it. What is left
    /// after `timeout` is cut off. (A handler that blocks its thread instead of awaiting may hold up the
    /// timers of its runtime, and with them this one.)
    pub async fn shutdown(&self, timeout: Duration) {
        // Without one if no clock can add it.
        let deadline = Instant::now().checked_add(timeout);
        self.state.lock().closing = true;
        self.for_each(|outbox| outbox.close(CloseCode::GOING_AWAY, "", true));
        while !self.is_empty() {
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                self.for_each(|outbox| outbox.abort(Failure::Timeout));
                return;
            }
            let next = now + LOOK_INTERVAL;
            sleep_until(deadline.map_or(next, |deadline| deadline.min(next))).await;
        }
    }

    /// Whether [`shutdown`](Self::shutdown) was called.
    pub(crate) fn is_closing(&self) -> bool {
        self.state.lock().closing
    }

    /// One more.
    pub(crate) fn add(&self, writer: &Writer) {
        let outbox = &writer.outbox;
        let mut state = self.state.lock();
        if state.outboxes.len() >= state.search_at {
            state.outboxes.retain(|outbox| outbox.strong_count() > 0);
            state.search_at = (state.outboxes.len() * 2).max(KEPT_MIN);
        }
        state.outboxes.push(Arc::downgrade(outbox));
        let closing = state.closing;
        drop(state);
        if closing {
            // Its handshake was answered just before.
            outbox.close(CloseCode::GOING_AWAY, "", true);
        }
    }

    /// Without holding the lock.
    fn for_each(&self, mut act: impl FnMut(Arc<Outbox>)) {
        let outboxes: Vec<_> =
            self.state.lock().outboxes.iter().filter_map(Weak::upgrade).collect();
        for outbox in outboxes {
            act(outbox);
        }
    }
}
