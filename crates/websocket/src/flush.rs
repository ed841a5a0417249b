//! The flush pass: what was queued on many connections in one tick is written once per connection.

use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::yield_now;

/// After this many connections the pass lets other tasks run.
const CONNECTIONS_PER_YIELD: usize = 256;

/// A connection with something queued.
pub trait Flush: Send + Sync {
    /// Writes what is queued, as far as the kernel takes it. From here on the connection has to be
    /// scheduled again for what is queued later.
    fn flush(self: Arc<Self>);
}

/// Writes connections outside their own tasks, each once per tick.
///
/// The first connection scheduled starts a task which yields once, so that everything else that is
/// ready to run can queue its share, and then flushes all that were scheduled. It ends when nothing
/// is left.
#[derive(Clone)]
pub struct Flusher {
    shared: Arc<Shared>,
}

struct Shared {
    runtime: Handle,
    pending: Mutex<Pending>,
}

#[derive(Default)]
struct Pending {
    items: Vec<Arc<dyn Flush>>,
    /// A pass was started and has not seen `items` empty since.
    running: bool,
}

impl Flusher {
    /// A flusher whose passes run on `runtime`.
    #[must_use]
    pub fn new(runtime: Handle) -> Self {
        Self {
            shared: Arc::new(Shared {
                runtime,
                pending: Mutex::default(),
            }),
        }
    }

    /// Has a connection flushed by the next pass. The caller sees to it that a connection is
    /// scheduled once, until it is flushed.
    pub fn schedule(&self, item: Arc<dyn Flush>) {
        let mut pending = self.shared.pending.lock();
        pending.items.push(item);
        let start = !mem::replace(&mut pending.running, true);
        drop(pending);
        if start {
            self.start();
        }
    }

    /// [`schedule`](Self::schedule) for many, which `items` gives up; its memory stays with the caller.
    pub fn schedule_all(&self, items: &mut Vec<Arc<dyn Flush>>) {
        if items.is_empty() {
            return;
        }
        let mut pending = self.shared.pending.lock();
        pending.items.append(items);
        let start = !mem::replace(&mut pending.running, true);
        drop(pending);
        if start {
            self.start();
        }
    }

    fn start(&self) {
        let shared = Arc::clone(&self.shared);
        self.shared.runtime.spawn(async move { shared.run().await });
    }
}

impl Shared {
    async fn run(&self) {
        let mut batch = Vec::new();
        loop {
            yield_now().await;
            {
                let mut pending = self.pending.lock();
                if pending.items.is_empty() {
                    pending.running = false;
                    return;
                }
                mem::swap(&mut batch, &mut pending.items);
            }
            for (done, item) in batch.drain(..).enumerate() {
                if done > 0 && done % CONNECTIONS_PER_YIELD == 0 {
                    yield_now().await;
                }
                item.flush();
            }
        }
    }
}

impl std::fmt::Debug for Flusher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flusher").finish_non_exhaustive()
    }
}
