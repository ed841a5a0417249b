//! The flush pass: what was queued on many connections in one tick is written once per connection.

use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::yield_now;

/// After this many connections the pass lets other tasks run.
const CONNECTIONS_PER_YIELD: usize = 256;

/// A connection with something queued, or several of them.
pub trait Flush: Send + Sync {
    /// Writes what is queued, as far as the kernel takes it. From here on the connection has to be
    /// scheduled again for what is queued later.
    fn flush(self: Arc<Self>);

    /// How many connections it is.
    fn connections(&self) -> usize {
        1
    }
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
    pub fn new(runtime: Handle) -> Self {
        Self { shared: Arc::new(Shared { runtime, pending: Mutex::default() }) }
    }

    /// Has a connection flushed by the next pass. The caller sees to it that a connection is
    /// scheduled once, until it is flushed.
    pub fn schedule(&self, item: Arc<dyn Flush>) {
        self.add(|items| items.push(item));
    }

    /// [`schedule`](Self::schedule) for many, which `items` gives up; its memory stays with the caller.
    pub fn schedule_all(&self, items: &mut Vec<Arc<dyn Flush>>) {
        if !items.is_empty() {
            self.add(|pending| pending.append(items));
        }
    }

    fn add(&self, add: impl FnOnce(&mut Vec<Arc<dyn Flush>>)) {
        let mut pending = self.shared.pending.lock();
        add(&mut pending.items);
        let start = !mem::replace(&mut pending.running, true);
        drop(pending);
        if start {
            let shared = Arc::clone(&self.shared);
            self.spawn(async move { shared.run().await });
        }
    }

    /// Runs something else where the passes run.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.shared.runtime.spawn(task);
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
            let mut done = 0;
            for item in batch.drain(..) {
                if done >= CONNECTIONS_PER_YIELD {
                    yield_now().await;
                    done = 0;
                }
                done += item.connections();
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Counter {
        flushes: AtomicUsize,
    }

    impl Flush for Counter {
        fn flush(self: Arc<Self>) {
            self.flushes.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Counter {
        fn count(&self) -> usize {
            self.flushes.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn a_pass_waits_for_whatever_else_is_ready() {
        let flusher = Flusher::new(Handle::current());
        let (first, second) = (Arc::new(Counter::default()), Arc::new(Counter::default()));
        flusher.schedule(Arc::clone(&first) as Arc<dyn Flush>);
        let late = {
            let (flusher, second) = (flusher.clone(), Arc::clone(&second));
            tokio::spawn(async move { flusher.schedule(second) })
        };
        assert_eq!(first.count(), 0);
        late.await.unwrap();
        // Scheduled by a task that ran after the first was scheduled, and still in the same pass.
        while first.count() == 0 {
            assert_eq!(second.count(), 0);
            yield_now().await;
        }
        assert_eq!((first.count(), second.count()), (1, 1));
    }

    #[tokio::test]
    async fn passes_follow_each_other() {
        let flusher = Flusher::new(Handle::current());
        let counter = Arc::new(Counter::default());
        for round in 1..=5 {
            flusher.schedule(Arc::clone(&counter) as Arc<dyn Flush>);
            while counter.count() < round {
                yield_now().await;
            }
        }
        // Idle: no pass is left running.
        for _ in 0..5 {
            yield_now().await;
        }
        assert!(!flusher.shared.pending.lock().running);
        assert_eq!(counter.count(), 5);
    }

    #[tokio::test]
    async fn a_long_pass_lets_others_run() {
        let flusher = Flusher::new(Handle::current());
        let counter = Arc::new(Counter::default());
        let mut items: Vec<_> = (0..1000).map(|_| Arc::clone(&counter) as Arc<dyn Flush>).collect();
        flusher.schedule_all(&mut items);
        assert!(items.is_empty());
        let mut seen = Vec::new();
        while counter.count() < 1000 {
            seen.push(counter.count());
            yield_now().await;
        }
        seen.dedup();
        assert_eq!(seen, [0, 256, 512, 768]);
    }

    #[tokio::test]
    async fn nothing_to_flush_starts_nothing() {
        let flusher = Flusher::new(Handle::current());
        flusher.schedule_all(&mut Vec::new());
        assert!(!flusher.shared.pending.lock().running);
    }
}
