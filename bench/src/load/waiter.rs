//! What every pool waits with: one `Poll`, and since when nothing has come.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Events, Poll, Registry};

use super::{LoadError, Options};

/// Handshakes in progress while many connections are opened; below the listen queue of any peer.
pub(crate) const OPENING_MAX: usize = 100;
/// How long is waited for at most before it is looked at the clock.
const TICK: Duration = Duration::from_millis(100);

/// A `Poll`, what it found, and when it last found progress.
#[derive(Debug)]
pub(crate) struct Waiter {
    poll: Poll,
    events: Events,
    last_progress: Instant,
    /// How long it is asked again and again before anybody sleeps.
    awake: Duration,
    /// How long nothing may come although something is missing.
    stall: Duration,
}

impl Waiter {
    pub(crate) fn new(options: &Options) -> Result<Self, LoadError> {
        let Options { awake, stall, .. } = *options;
        let (poll, events) = (Poll::new()?, Events::with_capacity(1024));
        Ok(Self { poll, events, last_progress: Instant::now(), awake, stall })
    }

    pub(crate) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Waits until something happens, or for one tick, and gives what did.
    pub(crate) fn wait(&mut self) -> Result<impl Iterator<Item = &Event>, LoadError> {
        let started = Instant::now();
        loop {
            let is_awake = started.elapsed() < self.awake;
            let timeout = if is_awake { Duration::ZERO } else { TICK };
            match self.poll.poll(&mut self.events, Some(timeout)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    self.events.clear();
                    break;
                }
                result => result?,
            }
            if !is_awake || !self.events.is_empty() {
                break;
            }
        }
        Ok(self.events.iter())
    }

    /// Something that was missing has come.
    pub(crate) fn note_progress(&mut self) {
        self.last_progress = Instant::now();
    }

    /// Fails when nothing has come for long although something is `missing`.
    pub(crate) fn check_stall(&mut self, missing: u64) -> Result<(), LoadError> {
        if missing == 0 {
            self.note_progress();
        } else if self.last_progress.elapsed() > self.stall {
            return Err(LoadError::Stalled { waited: self.stall, missing });
        }
        Ok(())
    }
}
