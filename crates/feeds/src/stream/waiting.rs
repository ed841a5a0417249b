//! Those who poll, and wait for what comes next.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::{Phase, Shared};
use crate::metrics;

/// Waits until there is something behind a position, until the stream is over, or until its time is.
pub(crate) struct Waiting {
    stream: Arc<Shared>,
    from: u64,
    number: u64,
    timer: Pin<Box<Sleep>>,
}

impl Shared {
    pub(crate) fn wait(self: &Arc<Self>, from: u64, time: Duration) -> Waiting {
        let timer = Box::pin(sleep_until(Instant::now() + time));
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        metrics::waiting(true);
        Waiting { stream: Arc::clone(self), from, number, timer }
    }
}

impl Future for Waiting {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut state = this.stream.state.lock();
        if state.log.end() > this.from || state.phase != Phase::Open {
            return Poll::Ready(());
        }
        state.waiting.insert(this.number, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        metrics::waiting(false);
        let mut state = self.stream.state.lock();
        state.read_at = Instant::now();
        state.waiting.remove(&self.number);
    }
}
