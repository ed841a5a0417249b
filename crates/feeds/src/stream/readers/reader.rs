//! One reader: the answer that goes on and on, and the task of its connection.

use std::future::{Future, poll_fn};
use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use sockeye_net::stream::{ReadHalf, WriteHalf};
use sockeye_net::with_scratch;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Fetched, ReadyRun, Shared};
use crate::gap::{Gap, GapReason};
use crate::metrics;
use crate::places::Place;
use crate::road::{Road, push_parting};

/// How an answer begins, and how long it goes on.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) road: Road,
    /// What is sent at once.
    pub(crate) bytes: Bytes,
    /// The position behind that.
    pub(crate) next: u64,
    /// It is over behind the opening.
    pub(crate) is_all: bool,
    pub(crate) heartbeat: Duration,
    pub(crate) write_timeout: Duration,
    /// On the road of Durable Streams: what `streamCursor` is at least. Such a reader is written to alone.
    pub(crate) interval_min: Option<u64>,
    /// How long the answer goes on; `None`: as long as the client likes.
    pub(crate) duration: Option<Duration>,
}

/// The side of a reader that the flush pass and its own task share.
pub(super) struct Reader {
    out: Mutex<Out>,
    /// Nothing that is the same for others is for it.
    is_alone: bool,
}

struct Out {
    write: WriteHalf,
    /// What was begun, and not taken yet.
    rest: Bytes,
    /// The position behind everything that was written or lies in `rest`.
    next: u64,
    written_at: Instant,
    /// What comes behind `rest` is the end: nothing that is appended now is for this reader.
    is_last: bool,
    /// Nothing can be written any more.
    is_broken: bool,
    /// Its own task.
    driver: Option<Waker>,
}

impl Reader {
    pub(super) fn new(write: WriteHalf, opening: &Opening) -> Self {
        Self {
            is_alone: opening.interval_min.is_some(),
            out: Mutex::new(Out {
                write,
                rest: opening.bytes.clone(),
                next: opening.next,
                written_at: Instant::now(),
                is_last: opening.is_all,
                is_broken: false,
                driver: None,
            }),
        }
    }

    /// Writes what came, if this reader has everything before that. If not its own task looks after it.
    pub(super) fn hand(&self, runs: &[ReadyRun], wakes: bool, at: Instant) {
        let out = &mut *self.out.lock();
        let mut is_for_driver = wakes || self.is_alone;
        if !self.is_alone && out.rest.is_empty() && !out.is_last && !out.is_broken {
            is_for_driver |= !runs.iter().all(|run| out.take(run, at));
        }
        if is_for_driver && let Some(driver) = &out.driver {
            driver.wake_by_ref();
        }
    }
}

impl Out {
    /// Writes a run. False: the driver has to do the rest.
    fn take(&mut self, run: &ReadyRun, at: Instant) -> bool {
        if self.next != run.from {
            return self.next >= run.to;
        }
        match self.write.try_write(&run.bytes) {
            Ok(count) => {
                self.written_at = at;
                self.next = run.to;
                if count < run.bytes.len() {
                    self.rest = run.bytes.slice(count..);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // Nothing but what is volatile: there is no more of it for this reader.
                if run.from == run.to {
                    return true;
                }
                self.next = run.to;
                self.rest = run.bytes.clone();
            }
            Err(_) => self.is_broken = true,
        }
        self.rest.is_empty() && !self.is_broken
    }
}

impl Out {
    /// Waits until the client takes more.
    fn poll_writable(&self, cx: &mut Context<'_>, timeout: Duration) -> Poll<Result<(), End>> {
        self.write.poll_writable(cx, timeout).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => End::TooSlow,
            _ => End::Left,
        })
    }
}

/// What a connection's task does for its reader: it writes what could not be written at once, notices that
/// the client is gone, and breaks a long silence.
pub(super) struct Driver {
    stream: Arc<Shared>,
    reader: Arc<Reader>,
    read: ReadHalf,
    key: usize,
    road: Road,
    heartbeat: Duration,
    write_timeout: Duration,
    until: Option<Instant>,
    interval_min: Option<u64>,
    /// Bytes that the client sent, and nobody needs.
    ignored: usize,
    place: Place,
}

/// A client that goes on sending is cut off after so much.
const IGNORED_BYTES_MAX: usize = 16 * 1024;
/// Behind the end of an answer the client has so long to close its side.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client left.
    Left,
    /// Its end was sent.
    Over,
    /// The client took nothing any more.
    TooSlow,
    /// The client goes on sending.
    Talks,
}

impl End {
    const fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Over => "over",
            Self::TooSlow => "too_slow",
            Self::Talks => "talks",
        }
    }
}

impl Driver {
    pub(super) fn new(
        stream: Arc<Shared>,
        reader: Arc<Reader>,
        read: ReadHalf,
        key: usize,
        opening: Opening,
        place: Place,
    ) -> Self {
        metrics::listening(opening.road, true);
        Self {
            stream,
            reader,
            read,
            key,
            road: opening.road,
            heartbeat: opening.heartbeat,
            write_timeout: opening.write_timeout,
            until: opening.duration.map(|duration| Instant::now() + duration),
            interval_min: opening.interval_min,
            ignored: 0,
            place,
        }
    }

    #[expect(
        clippy::manual_async_fn,
        reason = "an `async fn` holds its argument twice, as long as it is idle"
    )]
    pub(super) fn run(mut self) -> impl Future<Output = ()> + Send {
        async move {
            // The one timer of all of it, held here and not in a box: there is one for each idle reader.
            let mut timer = pin!(sleep_until(Instant::now() + self.heartbeat));
            let end = poll_fn(|cx| self.poll(cx, timer.as_mut())).await;
            self.note(end);
            if end == End::Over {
                // What was written last would be lost if the connection were reset.
                timer.as_mut().reset(Instant::now() + END_TIMEOUT);
                poll_fn(|cx| match self.poll_closed(cx) {
                    Poll::Ready(()) => Poll::Ready(()),
                    Poll::Pending => timer.as_mut().poll(cx),
                })
                .await;
            } else {
                self.reader.out.lock().write.abort();
            }
        }
    }

    fn note(&self, end: End) {
        let name = &*self.stream.name;
        tracing::debug!(feed = name, road = self.road.name(), reason = end.name(), "reader gone");
        metrics::ended(end.name());
    }

    fn poll(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<End> {
        loop {
            if let Poll::Ready(end) = self.poll_read(cx) {
                return Poll::Ready(end);
            }
            if self.place.poll_displaced(cx).is_ready() {
                self.make_way();
            }
            match self.poll_write(cx) {
                Poll::Ready(Some(end)) => return Poll::Ready(end),
                Poll::Ready(None) => {}
                Poll::Pending => return Poll::Pending,
            }
            // Everything was written.
            let now = Instant::now();
            let out = &mut *self.reader.out.lock();
            if self.until.is_some_and(|until| until <= now) {
                out.is_last = true;
                continue;
            }
            let silent_until = out.written_at + self.heartbeat;
            if silent_until <= now && out.rest.is_empty() {
                out.rest = if self.stream.is_alive() {
                    Bytes::from_static(self.road.heartbeat())
                } else {
                    out.is_last = true;
                    let mut gone = Vec::new();
                    let gap = self.stream.gap(GapReason::Gone);
                    self.road.push_gap(&Gap { oldest: None, newest: None, ..gap }, &mut gone);
                    gone.into()
                };
                continue;
            }
            let next = self.until.map_or(silent_until, |until| until.min(silent_until));
            if timer.deadline() != next {
                timer.as_mut().reset(next);
            }
            if !out.rest.is_empty() {
                continue;
            }
            // The flush pass has what it needs: the waker, in `out`.
            match timer.as_mut().poll(cx) {
                Poll::Ready(()) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Somebody else has this place: the client is sent away, and nothing is lost for it.
    fn make_way(&mut self) {
        let out = &mut *self.reader.out.lock();
        if mem::replace(&mut out.is_last, true) {
            return;
        }
        let mut farewell = out.rest.to_vec();
        let gap = Gap { reason: GapReason::Overload, oldest: None, newest: None };
        push_parting(self.road, &gap, &mut farewell);
        out.rest = farewell.into();
    }

    /// Reads what nobody needs, and its end.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            match with_scratch(|scratch| self.read.poll_read(cx, scratch)) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(End::Left),
                Poll::Ready(Ok(count)) => self.ignored += count,
            }
            if self.ignored > IGNORED_BYTES_MAX {
                return Poll::Ready(End::Talks);
            }
        }
    }

    /// Writes until there is nothing to write; `Some`: the answer is over.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Option<End>> {
        let out = &mut *self.reader.out.lock();
        if !out.driver.as_ref().is_some_and(|driver| driver.will_wake(cx.waker())) {
            out.driver = Some(cx.waker().clone());
        }
        loop {
            if out.is_broken {
                return Poll::Ready(Some(End::Left));
            }
            while !out.rest.is_empty() {
                match out.write.try_write(&out.rest) {
                    Ok(count) => {
                        bytes::Buf::advance(&mut out.rest, count);
                        out.written_at = Instant::now();
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        if let Err(end) = ready!(out.poll_writable(cx, self.write_timeout)) {
                            return Poll::Ready(Some(end));
                        }
                    }
                    Err(_) => return Poll::Ready(Some(End::Left)),
                }
            }
            let has_left = out.write.note_written();
            out.rest = Bytes::new();
            if out.is_last {
                // What this process still has would end with the connection.
                if !has_left && let Err(end) = ready!(out.poll_writable(cx, self.write_timeout)) {
                    return Poll::Ready(Some(end));
                }
                return Poll::Ready(Some(End::Over));
            }
            match self.stream.fetch(self.road, out.next, self.interval_min) {
                Fetched::Nothing => return Poll::Ready(None),
                Fetched::Some(bytes, next) => (out.rest, out.next) = (bytes, next),
                Fetched::Last(bytes) => {
                    out.rest = bytes;
                    out.is_last = true;
                }
            }
        }
    }

    /// Ends the side that is written to, and waits for the client to end its own.
    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let shut = self.reader.out.lock().write.poll_shutdown(cx);
        match shut {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(_)) => return Poll::Ready(()),
            Poll::Ready(Ok(())) => {}
        }
        self.poll_read(cx).map(|_| ())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        metrics::listening(self.road, false);
        self.stream.leave(self.road, self.key);
        let driver = mem::take(&mut self.reader.out.lock().driver);
        drop(driver);
    }
}
