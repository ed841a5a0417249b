//! One rule for peers that take nothing any more: while something waits to be written, the peer has
//! to take some of it within the write timeout.
//!
//! A kernel calls a socket writable only when a good part of its buffer is free, so that alone does
//! not tell a slow reader from one that has stopped. Sixteen times within the time it is therefore
//! asked by a write, past what the reactor knows; taking a single byte is progress.
//!
//! | state     | then                                                                       |
//! |-----------|----------------------------------------------------------------------------|
//! | no wait   | nothing waits, and nothing is held                                         |
//! | `Moving`  | bytes were taken since the last refusal                                    |
//! | `Waiting` | nothing was taken since `since`; the timer runs until the kernel is asked   |
//! | `Asking`  | writes are attempted until one is refused                                  |
//! | `Over`    | nothing was taken for the whole time                                       |

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// What every `write_timeout` is unless it is set.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The wait of one connection's writes.
#[derive(Debug, Default)]
pub(crate) struct Stall {
    wait: Option<Pin<Box<Wait>>>,
}

pin_project! {
    #[derive(Debug)]
    struct Wait {
        #[pin]
        timer: Sleep,
        since: Instant,
        timeout: Duration,
        state: StallState,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StallState {
    Moving,
    Waiting,
    Asking { moved: bool },
    Over,
}

impl Stall {
    /// A write was refused and has to wait. Ready with `Ok` when it is to be attempted whatever the
    /// reactor knows; an error of the kind `TimedOut` when the time is over.
    pub(crate) fn poll_wait(
        &mut self,
        timeout: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let now = Instant::now();
        let interval = timeout / ASKED_PER_TIMEOUT;
        // So far ahead that it never comes.
        let Some(next) = now.checked_add(interval) else { return Poll::Pending };
        let wait = self.wait.get_or_insert_with(|| {
            let state = StallState::Waiting;
            Box::pin(Wait { timer: sleep_until(next), since: now, timeout, state })
        });
        let mut wait = wait.as_mut().project();
        match *wait.state {
            StallState::Moving => {
                (*wait.since, *wait.state) = (now, StallState::Waiting);
                wait.timer.as_mut().reset(next);
            }
            StallState::Waiting => {}
            StallState::Asking { .. } => return Poll::Ready(Ok(())),
            StallState::Over => return Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        }
        ready!(wait.timer.as_mut().poll(cx));
        *wait.state = StallState::Asking { moved: false };
        Poll::Ready(Ok(()))
    }

    /// Whether writes are to be attempted whatever the reactor knows.
    pub(crate) fn is_asking(&self) -> bool {
        self.wait.as_ref().is_some_and(|wait| matches!(wait.state, StallState::Asking { .. }))
    }

    /// Bytes were taken.
    pub(crate) fn note_progress(&mut self) {
        if let Some(wait) = &mut self.wait {
            let state = wait.as_mut().project().state;
            *state = match *state {
                StallState::Asking { .. } => StallState::Asking { moved: true },
                _ => StallState::Moving,
            };
        }
    }

    /// A write was refused.
    pub(crate) fn note_refused(&mut self) {
        let Some(wait) = &mut self.wait else { return };
        let mut wait = wait.as_mut().project();
        if let StallState::Asking { moved } = *wait.state {
            let now = Instant::now();
            wait.timer.as_mut().reset(now + *wait.timeout / ASKED_PER_TIMEOUT);
            if moved {
                *wait.since = now;
            }
            let is_over = now.duration_since(*wait.since) >= *wait.timeout;
            *wait.state = if is_over { StallState::Over } else { StallState::Waiting };
        }
    }

    /// Nothing waits any more; nothing is held.
    pub(crate) fn clear(&mut self) {
        self.wait = None;
    }
}

/// What a connection tells whoever measures the time of its writes in its place.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    bytes: AtomicU64,
    asking: AtomicBool,
}

impl Watched {
    /// Bytes the kernel has taken since the watch began.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// So many more.
    pub(crate) fn note_written(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Has writes attempted whatever the reactor knows, until one is refused.
    pub(crate) fn ask_kernel(&self) {
        self.asking.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_asking(&self) -> bool {
        self.asking.load(Ordering::Relaxed)
    }

    pub(crate) fn note_refused(&self) {
        self.asking.store(false, Ordering::Relaxed);
    }
}

/// Has the kernel forget what it still holds for the peer: it would offer it for minutes more.
pub(crate) fn give_up(tcp: &TcpStream) {
    // An error says that the connection is gone already.
    let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
}

/// How often the kernel is asked within the write timeout.
const ASKED_PER_TIMEOUT: u32 = 16;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::sleep;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    /// Waits as a connection does that is refused each time, and returns when it is given up.
    async fn refused_always(stall: &mut Stall) {
        loop {
            match poll_fn(|cx| stall.poll_wait(TIMEOUT, cx)).await {
                Ok(()) => {
                    assert!(stall.is_asking());
                    stall.note_refused();
                }
                Err(error) => return assert_eq!(error.kind(), io::ErrorKind::TimedOut),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_given_up_after_the_time() {
        let start = Instant::now();
        refused_always(&mut Stall::default()).await;
        assert_eq!(start.elapsed().as_secs(), 30);
    }

    /// Lets time go by, in which each write is refused.
    async fn refused_for(stall: &mut Stall, seconds: u64) {
        tokio::select! {
            biased;
            () = refused_always(stall) => panic!("too early"),
            () = sleep(Duration::from_secs(seconds)) => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_byte_gives_the_whole_time_again() {
        let start = Instant::now();
        let mut stall = Stall::default();
        for _ in 0..10 {
            refused_for(&mut stall, 29).await;
            stall.note_progress();
        }
        refused_always(&mut stall).await;
        assert_eq!(start.elapsed().as_secs(), 10 * 29 + 30);
    }

    /// What the kernel takes when it is asked counts as any other.
    #[tokio::test(start_paused = true)]
    async fn asking_goes_on_until_a_write_is_refused() {
        let start = Instant::now();
        let mut stall = Stall::default();
        refused_for(&mut stall, 25).await;
        poll_fn(|cx| stall.poll_wait(TIMEOUT, cx)).await.unwrap();
        let asked = start.elapsed();
        for _ in 0..3 {
            stall.note_progress();
            assert!(stall.is_asking());
        }
        refused_always(&mut stall).await;
        assert_eq!((start.elapsed() - asked).as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn time_without_anything_to_write_does_not_count() {
        let mut stall = Stall::default();
        let waits = poll_fn(|cx| Poll::Ready(stall.poll_wait(TIMEOUT, cx))).await;
        assert!(waits.is_pending());
        stall.note_progress();
        sleep(Duration::from_secs(100)).await;
        let start = Instant::now();
        refused_always(&mut stall).await;
        assert_eq!(start.elapsed().as_secs(), 30);
        stall.clear();
        assert!(stall.wait.is_none());
    }
}
