//! Ending a server without cutting anybody off.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use sockeye_engine::{CloseReason, Session};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The outcome of draining a server: what happened to its sessions, see
/// [`Server::drain`](crate::Server::drain).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Sessions that ended in order: their handlers were done and what was queued for them written.
    pub closed: usize,
    /// Sessions whose handlers, or clients, were not done at the deadline. They were cut off; their
    /// handlers may still run.
    pub cut: usize,
}

/// The most waves in which the sessions of a server are closed.
const WAVES_MAX: usize = 20;
/// The least number of sessions in a wave: so many may connect to the other servers at once.
const WAVE_MIN: usize = 100;

/// The schedule and size of the waves: all begin in the first half of the time.
#[derive(Debug, PartialEq, Eq)]
struct Waves {
    size: usize,
    pause: Duration,
}

impl Waves {
    fn new(sessions: usize, deadline: Duration) -> Self {
        let size = sessions.div_ceil(WAVES_MAX).max(WAVE_MIN);
        let count = sessions.div_ceil(size).max(1);
        let pause = deadline / 2 / u32::try_from(count).unwrap_or(u32::MAX);
        Self { size, pause }
    }
}

/// Waits for a future until the deadline. True: it was done.
///
/// The runtime's timers stop while a handler blocks the thread that drives them, so the deadline
/// also has a thread of its own, which wakes the caller.
pub(crate) async fn until(deadline: Duration, future: impl Future<Output = ()>) -> bool {
    let (over, is_over) = oneshot::channel::<()>();
    let (done, is_done) = mpsc::channel::<()>();
    let clock = move || {
        if is_done.recv_timeout(deadline) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = over.send(());
        }
    };
    let spawned = thread::Builder::new().name("drain deadline".to_owned()).spawn(clock);
    if let Err(error) = spawned {
        tracing::warn!(%error, "only the runtime's timers end the drain");
        return timeout(deadline, future).await.is_ok();
    }
    let is_in_time = tokio::select! {
        in_time = timeout(deadline, future) => in_time.is_ok(),
        _ = is_over => false,
    };
    // Ends the thread.
    drop(done);
    is_in_time
}

/// Ends these sessions in waves. Each ends at the first moment at which none of its handlers is
/// running.
pub(crate) async fn in_waves(sessions: &[Session], deadline: Duration) {
    let waves = Waves::new(sessions.len(), deadline);
    for (number, wave) in sessions.chunks(waves.size).enumerate() {
        if number > 0 {
            tokio::time::sleep(waves.pause).await;
        }
        wave.iter().for_each(Session::drain);
    }
}

/// Gives up sessions that are closing over polling and whose client does not poll any more: it
/// cannot be notified. Runs for as long as it is polled.
pub(crate) async fn forget_silent(sessions: impl Fn() -> Vec<Session>) -> Infallible {
    let mut silent: HashSet<u64> = HashSet::new();
    loop {
        tokio::time::sleep(SILENCE).await;
        let closing = sessions().into_iter().filter(|session| session.is_closed());
        let unreachable: Vec<_> = closing.filter(|session| !session.has_outlet()).collect();
        for session in unreachable.iter().filter(|session| silent.contains(&session.number())) {
            session.discard(CloseReason::ServerShutdown);
        }
        silent = unreachable.iter().map(Session::number).collect();
    }
}

/// A client may take at most twice this between two polls, which is a round trip.
const SILENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_sessions_go_at_once_and_many_in_twenty_waves() {
        let deadline = Duration::from_secs(40);
        let waves = |sessions| Waves::new(sessions, deadline);
        for few in [0, 1, 100] {
            assert_eq!(waves(few), Waves { size: 100, pause: deadline / 2 }, "{few}");
        }
        assert_eq!(waves(101), Waves { size: 100, pause: deadline / 4 });
        assert_eq!(waves(100_000), Waves { size: 5_000, pause: Duration::from_secs(1) });
    }
}
