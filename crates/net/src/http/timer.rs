//! How long a connection waits for a request, with one timer for all its requests.
//!
//! hyper asks for a timer whenever it waits for a head and drops it when the head is there. With
//! polling that is twice for every message, and each time the runtime's wheel would be locked to
//! let it in and out. So what hyper gets is but a note of its deadline. The connection's task has
//! the one timer that runs; set earlier than needed it fires without need, once per `header_timeout`.
//!
//! hyper knows one time for a head and for the idle time before it. Here they are two: before the
//! first byte of a second request a connection is idle, from its first byte on a head is slow.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use tokio::time;

/// hyper's timer for connections that are polled by [`ConnectionTimer::poll`], and only there.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadTimer {
    /// For a head, and for the first one from when the connection is there.
    pub(super) header_timeout: Duration,
    /// Until the next head begins.
    pub(super) idle_timeout: Duration,
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Wait { timer: *self, deadline })
    }

    fn now(&self) -> Instant {
        now()
    }
}

/// A deadline as hyper waits for it: `header_timeout` from when it began to wait.
struct Wait {
    timer: HeadTimer,
    deadline: Instant,
}

impl Wait {
    fn deadline(&self, turn: Turn) -> Instant {
        let since = self.deadline.checked_sub(self.timer.header_timeout).unwrap_or(self.deadline);
        match turn.head {
            Head::First => self.deadline,
            Head::None => since + self.timer.idle_timeout,
            Head::Begun(at) => at.max(since) + self.timer.header_timeout,
        }
    }
}

impl Sleep for Wait {}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if has_passed(self.deadline(TURN.get())) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// What a connection and its deadlines tell each other while it is polled.
#[derive(Clone, Copy, Default)]
struct Turn {
    /// Deadlines up to this one have passed.
    passed: Option<Instant>,
    /// The earliest one that is waited for.
    wanted: Option<Instant>,
    head: Head,
    writes: Writes,
}

/// Whether the peer takes what it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Writes {
    #[default]
    Free,
    /// The kernel refused some of it.
    Blocked,
    /// And a request waits for the answers before it to leave.
    Awaited,
}

/// How far the head is that is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Head {
    /// There was no request yet.
    #[default]
    First,
    /// Nothing came since the last request.
    None,
    /// Something of it came, at first at this time.
    Begun(Instant),
}

thread_local! {
    static TURN: Cell<Turn> = const {
        Cell::new(Turn { passed: None, wanted: None, head: Head::First, writes: Writes::Free })
    };
}

/// The time of this poll of a connection: a clock is not free, and is asked more than once for a head.
#[derive(Clone, Copy)]
enum Now {
    /// No connection is being polled.
    NoPoll,
    Unread,
    At(Instant),
}

thread_local! {
    static NOW: Cell<Now> = const { Cell::new(Now::NoPoll) };
}

/// Tokio's time, which may stand still in tests; read once while a connection is polled.
pub(super) fn now() -> Instant {
    let read = || time::Instant::now().into_std();
    match NOW.get() {
        Now::NoPoll => read(),
        Now::At(now) => now,
        Now::Unread => {
            let now = read();
            NOW.set(Now::At(now));
            now
        }
    }
}

/// Bytes came on the connection that is being polled.
pub(crate) fn note_read() {
    let turn = TURN.get();
    if turn.head == Head::None {
        let head = Head::Begun(now());
        TURN.set(Turn { head, ..turn });
    }
}

/// The kernel takes no more of the connection that is being polled.
pub(crate) fn note_blocked() {
    let turn = TURN.get();
    if turn.writes == Writes::Free {
        TURN.set(Turn { writes: Writes::Blocked, ..turn });
    }
}

/// Everything was written on the connection that is being polled.
pub(crate) fn note_flushed(cx: &Context<'_>) {
    let turn = TURN.get();
    if turn.writes == Writes::Awaited {
        // hyper has asked for the answer already.
        cx.waker().wake_by_ref();
    }
    TURN.set(Turn { writes: Writes::Free, ..turn });
}

/// Whether a request has to wait: what is answered before it has not left. Whoever asks is polled
/// again when it has.
pub(super) fn has_to_wait() -> bool {
    let turn = TURN.get();
    if turn.writes == Writes::Free {
        return false;
    }
    TURN.set(Turn { writes: Writes::Awaited, ..turn });
    true
}

/// Whether this moment has passed, as the timer of the connection that is being polled knows; if not,
/// it is polled again when it has.
pub(super) fn has_passed(deadline: Instant) -> bool {
    let turn = TURN.get();
    if turn.passed.is_some_and(|passed| passed >= deadline) {
        return true;
    }
    let wanted = Some(turn.wanted.map_or(deadline, |earlier| earlier.min(deadline)));
    TURN.set(Turn { wanted, ..turn });
    false
}

/// Whether everything was written on the connection that is being polled.
pub(super) fn is_flushed() -> bool {
    TURN.get().writes == Writes::Free
}

/// The connection that is being polled has the whole head of a request.
pub(super) fn note_request() {
    TURN.set(Turn { head: Head::None, ..TURN.get() });
}

/// The timer of one connection.
#[derive(Default)]
pub(super) struct ConnectionTimer {
    /// Nothing while no deadline is near: most connections that wait for long wait for an answer.
    sleep: Option<Pin<Box<time::Sleep>>>,
    head: Head,
    writes: Writes,
}

impl ConnectionTimer {
    /// Polls the connection and has it woken when a deadline passes that it waits for.
    pub(super) fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        connection: impl FnOnce(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let passed = self.sleep.take_if(|sleep| sleep.is_elapsed());
        let passed = passed.map(|sleep| sleep.deadline().into_std());
        let (head, writes) = (self.head, self.writes);
        let outer = TURN.replace(Turn { passed, wanted: None, head, writes });
        let outer_now = NOW.replace(Now::Unread);
        let result = connection(cx);
        NOW.set(outer_now);
        let Turn { wanted, head, writes, .. } = TURN.replace(outer);
        (self.head, self.writes) = (head, writes);
        if result.is_pending()
            && let Some(wanted) = wanted
        {
            self.wait_until(wanted.into(), cx);
        }
        result
    }

    /// Whether nothing came since the last request.
    pub(super) fn is_idle(&self) -> bool {
        self.head == Head::None
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
    const TIMER: HeadTimer =
        HeadTimer { header_timeout: TIMEOUT, idle_timeout: Duration::from_secs(25) };

    /// A connection that gets a request after each of the waits, then none; how long it lived.
    async fn life(waits: &[u64]) -> Duration {
        let start = time::Instant::now();
        let mut timer = ConnectionTimer::default();
        let mut waits = waits.iter().copied();
        let mut request = waits.next().map(|wait| Box::pin(time::sleep(Duration::from_secs(wait))));
        let mut head = TIMER.sleep(TIMEOUT);
        poll_fn(|cx| {
            timer.poll(cx, |cx| {
                while let Some(arriving) = &mut request
                    && arriving.as_mut().poll(cx).is_ready()
                {
                    let wait = waits.next();
                    request = wait.map(|wait| Box::pin(time::sleep(Duration::from_secs(wait))));
                    head = TIMER.sleep(TIMEOUT);
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

    /// The whole time from the last request; from its first byte on a head has its own.
    #[tokio::test(start_paused = true)]
    async fn idle_time_is_another_one() {
        for (first_byte, seconds) in [(None, 25), (Some(1), 11), (Some(24), 34)] {
            let start = time::Instant::now();
            let mut timer = ConnectionTimer::default();
            let request = |_: &mut Context<'_>| {
                note_request();
                Poll::Ready(())
            };
            poll_fn(|cx| timer.poll(cx, request)).await;
            assert!(timer.is_idle());
            let mut head = TIMER.sleep(TIMEOUT);
            let arrival = first_byte.unwrap_or(1000);
            let mut arriving = Box::pin(time::sleep(Duration::from_secs(arrival)));
            let mut is_there = false;
            poll_fn(|cx| {
                timer.poll(cx, |cx| {
                    if !is_there && arriving.as_mut().poll(cx).is_ready() {
                        is_there = true;
                        note_read();
                    }
                    head.as_mut().poll(cx)
                })
            })
            .await;
            assert_eq!(start.elapsed().as_secs(), seconds, "{first_byte:?}");
            assert_eq!(timer.is_idle(), first_byte.is_none());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_has_passed_already_is_seen_at_once() {
        let mut head = TIMER.sleep(Duration::ZERO);
        let mut timer = ConnectionTimer::default();
        poll_fn(|cx| timer.poll(cx, |cx| head.as_mut().poll(cx))).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_earlier_deadline_counts() {
        let start = time::Instant::now();
        let mut timer = ConnectionTimer::default();
        let mut late = TIMER.sleep(TIMEOUT);
        let once = poll_fn(|cx| Poll::Ready(timer.poll(cx, |cx| late.as_mut().poll(cx)))).await;
        assert!(once.is_pending());
        let mut early = TIMER.sleep(TIMEOUT / 2);
        poll_fn(|cx| timer.poll(cx, |cx| early.as_mut().poll(cx))).await;
        assert_eq!(start.elapsed().as_secs(), 5);
    }
}
