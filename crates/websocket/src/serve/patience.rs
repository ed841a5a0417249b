//! How long a connection waits for a request, with one timer for all its requests.
//!
//! hyper asks for a timer whenever it waits for a head and drops it when the head is there. With
//! polling that is twice for every message, and each time the runtime's wheel would be locked to
//! let it in and out. So what hyper gets is but a note of its deadline. The connection's task has
//! the one timer that runs; set earlier than needed it fires in vain, once per `header_timeout`.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use tokio::time;

/// hyper's timer for connections that are polled by [`Patience::poll`], and only there.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadTimer;

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Wait(deadline))
    }

    /// Tokio's time, which may stand still in tests.
    fn now(&self) -> Instant {
        time::Instant::now().into_std()
    }
}

/// A deadline as hyper waits for it.
struct Wait(Instant);

impl Sleep for Wait {}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let turn = TURN.get();
        if turn.passed.is_some_and(|passed| passed >= self.0) {
            return Poll::Ready(());
        }
        let wanted = Some(turn.wanted.map_or(self.0, |earlier| earlier.min(self.0)));
        TURN.set(Turn { wanted, ..turn });
        Poll::Pending
    }
}

/// What a connection and its deadlines tell each other while it is polled.
#[derive(Clone, Copy, Default)]
struct Turn {
    /// Deadlines up to this one have passed.
    passed: Option<Instant>,
    /// The earliest one that is waited for.
    wanted: Option<Instant>,
}

thread_local! {
    static TURN: Cell<Turn> = const { Cell::new(Turn { passed: None, wanted: None }) };
}

/// The timer of one connection.
#[derive(Default)]
pub(super) struct Patience {
    /// Nothing while no deadline is near: most connections that wait for long wait for an answer.
    sleep: Option<Pin<Box<time::Sleep>>>,
}

impl Patience {
    /// Polls the connection and has it woken when a deadline passes that it waits for.
    pub(super) fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        connection: impl FnOnce(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let passed = self.sleep.take_if(|sleep| sleep.is_elapsed());
        let passed = passed.map(|sleep| sleep.deadline().into_std());
        let outer = TURN.replace(Turn { passed, wanted: None });
        let result = connection(cx);
        let wanted = TURN.replace(outer).wanted;
        if result.is_pending()
            && let Some(wanted) = wanted
        {
            self.wait_until(wanted.into(), cx);
        }
        result
    }

    fn wait_until(&mut self, deadline: time::Instant, cx: &mut Context<'_>) {
        let sleep = match &mut self.sleep {
            Some(sleep) if sleep.deadline() <= deadline => return,
            Some(sleep) => {
                sleep.as_mut().reset(deadline);
                sleep
            }
            none => none.insert(Box::pin(time::sleep_until(deadline))),
        };
        if sleep.as_mut().poll(cx).is_ready() {
            // It passed just now: the connection is to see it.
            cx.waker().wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    /// A connection that gets a request after each of the waits, then none; how long it lived.
    async fn life(waits: &[u64]) -> Duration {
        let start = time::Instant::now();
        let mut patience = Patience::default();
        let mut waits = waits.iter().copied();
        let mut request = waits.next().map(|wait| Box::pin(time::sleep(Duration::from_secs(wait))));
        let mut head = HeadTimer.sleep(TIMEOUT);
        poll_fn(|cx| {
            patience.poll(cx, |cx| {
                while let Some(arriving) = &mut request
                    && arriving.as_mut().poll(cx).is_ready()
                {
                    let wait = waits.next();
                    request = wait.map(|wait| Box::pin(time::sleep(Duration::from_secs(wait))));
                    head = HeadTimer.sleep(TIMEOUT);
                }
                head.as_mut().poll(cx)
            })
        })
        .await;
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_its_own_time() {
        for (waits, seconds) in [(&[][..], 10), (&[9], 19), (&[1, 1, 1], 13), (&[9, 9, 9, 9], 46)] {
            let life = life(waits).await;
            assert_eq!(life.as_secs(), seconds, "{waits:?} {life:?}");
        }
        assert_eq!(life(&[1, 11]).await.as_secs(), 11);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_has_passed_already_is_seen_at_once() {
        let mut head = HeadTimer.sleep(Duration::ZERO);
        let mut patience = Patience::default();
        poll_fn(|cx| patience.poll(cx, |cx| head.as_mut().poll(cx))).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_earlier_deadline_counts() {
        let start = time::Instant::now();
        let mut patience = Patience::default();
        let mut late = HeadTimer.sleep(TIMEOUT);
        let once = poll_fn(|cx| Poll::Ready(patience.poll(cx, |cx| late.as_mut().poll(cx)))).await;
        assert!(once.is_pending());
        let mut early = HeadTimer.sleep(TIMEOUT / 2);
        poll_fn(|cx| patience.poll(cx, |cx| early.as_mut().poll(cx))).await;
        assert_eq!(start.elapsed().as_secs(), 5);
    }
}
