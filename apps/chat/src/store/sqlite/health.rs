//! Whether messages can be stored: what the last write said, and whether the files are in place.

use std::error::Error;
use std::mem::discriminant;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::database::Space;

/// Why messages cannot be stored now.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The path names no file, or another one than that which is served.
    #[error("the database is not in its place any more")]
    Moved,
    /// The file that is served does not begin as a database does.
    #[error("the database was overwritten")]
    Overwritten,
    /// The last write failed. Another one is tried every second.
    #[error("the last write failed")]
    Write(#[source] Arc<sqlx::Error>),
    /// A write takes so long that it may never end.
    #[error("a write has not ended for {} s", .0.as_secs())]
    Stalled(Duration),
    /// The log was taken away, and what is in it could not be saved yet. It is tried every second.
    #[error("the log of the database was taken away")]
    Log,
    /// What was stored cannot be read.
    #[error("the database cannot be read")]
    Read(#[source] Arc<sqlx::Error>),
    /// The file system is nearly full.
    #[error("only {free_bytes} bytes are free, {min_bytes} are wanted")]
    Space {
        /// What may still be written.
        free_bytes: u64,
        /// What has to be left.
        min_bytes: u64,
    },
    /// The store was closed, or its writer ended.
    #[error("the message store is closed")]
    Closed,
}

impl Fault {
    pub(super) fn write(error: sqlx::Error) -> Self {
        Fault::Write(Arc::new(error))
    }

    pub(super) fn read(error: sqlx::Error) -> Self {
        Fault::Read(Arc::new(error))
    }

    /// Whether it is the same trouble, whatever the numbers.
    fn is_like(&self, other: &Self) -> bool {
        let cause = |fault: &Self| fault.source().map(ToString::to_string);
        discriminant(self) == discriminant(other) && cause(self) == cause(other)
    }

    /// Whether somebody has to make room.
    pub(super) fn is_space(&self) -> bool {
        const SQLITE_FULL: &str = "13";
        match self {
            Fault::Space { .. } => true,
            Fault::Write(error) => error
                .as_database_error()
                .and_then(|error| error.code())
                .is_some_and(|code| code == SQLITE_FULL),
            _ => false,
        }
    }
}

/// How much of the file system has to stay free, unless it is told: the smaller one of the two.
const FREE_BYTES_MIN: u64 = 64 * 1024 * 1024;
const FREE_FRACTION_MIN: u64 = 20;
/// How many times that has to be free for pictures, and unless it is told how much at least: the smaller one of the two.
const PICTURES_TIMES: u64 = 4;
const PICTURES_BYTES_MIN: u64 = 512 * 1024 * 1024;
const PICTURES_FRACTION_MIN: u64 = 5;

/// Longer than a write takes that waits for another program wherever it can.
const WRITE_TIME_MAX: Duration = Duration::from_secs(30);

/// A write under way.
#[derive(Debug)]
pub(super) struct Writing(Arc<Health>);

impl Drop for Writing {
    fn drop(&mut self) {
        *self.0.writing_since.lock() = None;
    }
}

/// What the writer has learned, for those who ask.
#[derive(Debug)]
pub(super) struct Health {
    fault: Mutex<Option<Fault>>,
    /// Since when the writer is at work.
    writing_since: Mutex<Option<Instant>>,
    suspected: Notify,
    free_bytes_min: Option<u64>,
    /// How often something was not stored because less was free.
    refused_for_space: AtomicU64,
}

impl Health {
    /// Messages are stored while so much of the file system is free; `None`: 64 MiB, or a
    /// twentieth of a smaller one.
    pub(super) fn new(free_bytes_min: Option<u64>) -> Self {
        Health {
            fault: Mutex::default(),
            writing_since: Mutex::default(),
            suspected: Notify::new(),
            free_bytes_min,
            refused_for_space: AtomicU64::new(0),
        }
    }

    /// What the last write said.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault.lock().clone()
    }

    /// Whether the write under way goes on as it should.
    pub(super) fn check_progress(&self) -> Result<(), Fault> {
        let since = *self.writing_since.lock();
        match since.map(|since| since.elapsed()) {
            Some(elapsed) if elapsed >= WRITE_TIME_MAX => Err(Fault::Stalled(elapsed)),
            Some(_) | None => Ok(()),
        }
    }

    /// The writer is at work until this is dropped.
    pub(super) fn writing(self: Arc<Self>) -> Writing {
        *self.writing_since.lock() = Some(Instant::now());
        Writing(self)
    }

    /// The writer was told something by the database or the file system.
    pub(super) fn learned(&self, said: Result<(), Fault>) {
        let mut fault = self.fault.lock();
        match (&*fault, said.as_ref().err()) {
            // Once for each reason, not once a second.
            (Some(before), Some(now)) if before.is_like(now) => {}
            (_, Some(now)) => {
                tracing::error!(error = now as &dyn Error, "messages cannot be stored");
            }
            (Some(_), None) => tracing::info!("messages can be stored again"),
            (None, None) => {}
        }
        *fault = said.err();
    }

    /// Something was not stored.
    pub(super) fn refused(&self, fault: &Fault) {
        if matches!(fault, Fault::Space { .. }) {
            self.refused_for_space.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often something was not stored because too little was free.
    pub(super) fn refused_for_space(&self) -> u64 {
        self.refused_for_space.load(Ordering::Relaxed)
    }

    /// Asks the writer to look for itself.
    pub(super) fn suspect(&self) {
        self.suspected.notify_one();
    }

    /// Waits for somebody who asks the writer to look.
    pub(super) async fn suspected(&self) {
        self.suspected.notified().await;
    }

    /// Bytes of the file system that have to be free.
    pub(super) fn free_bytes_min(&self, space: Option<Space>) -> u64 {
        let part = |space: Space| FREE_BYTES_MIN.min(space.total_bytes / FREE_FRACTION_MIN);
        self.free_bytes_min.unwrap_or_else(|| space.map_or(FREE_BYTES_MIN, part))
    }

    /// Whether so much is free that there is room for pictures: while there is not, messages go on.
    pub(super) fn check_space_for_pictures(&self, space: Option<Space>) -> Result<(), Fault> {
        let Some(Space { free_bytes, total_bytes }) = space else { return Ok(()) };
        let of_messages = self.free_bytes_min(space) * PICTURES_TIMES;
        let min_bytes = match self.free_bytes_min {
            Some(_) => of_messages,
            None => of_messages.max(PICTURES_BYTES_MIN.min(total_bytes / PICTURES_FRACTION_MIN)),
        };
        if free_bytes >= min_bytes { Ok(()) } else { Err(Fault::Space { free_bytes, min_bytes }) }
    }

    /// Whether enough of the file system is free; it is where that is not known.
    pub(super) fn check_space(&self, space: Option<Space>) -> Result<(), Fault> {
        let Some(Space { free_bytes, .. }) = space else {
            return Ok(());
        };
        let min_bytes = self.free_bytes_min(space);
        if free_bytes >= min_bytes { Ok(()) } else { Err(Fault::Space { free_bytes, min_bytes }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_much_stays_free() {
        let check = |min, free_bytes, total_bytes| {
            Health::new(min).check_space(Some(Space { free_bytes, total_bytes })).is_ok()
        };
        let large = 1 << 40;
        assert!(check(None, FREE_BYTES_MIN, large) && !check(None, FREE_BYTES_MIN - 1, large));
        assert!(check(None, 50, 1_000) && !check(None, 49, 1_000), "a small one");
        assert!(check(Some(0), 0, large));
        assert!(check(Some(7), 7, 8) && !check(Some(7), 6, 8));
        assert!(Health::new(None).check_space(None).is_ok());
        let for_pictures = |min, free_bytes, total_bytes| {
            let space = Some(Space { free_bytes, total_bytes });
            Health::new(min).check_space_for_pictures(space).is_ok()
        };
        let least = PICTURES_BYTES_MIN;
        assert!(for_pictures(None, least, large) && !for_pictures(None, least - 1, large));
        assert!(for_pictures(None, 200, 1_000) && !for_pictures(None, 199, 1_000), "a small one");
        assert!(for_pictures(Some(7), 28, large) && !for_pictures(Some(7), 27, large));
        assert!(for_pictures(Some(0), 0, large));
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_does_not_end_is_told() {
        let health = Arc::new(Health::new(None));
        let writing = Arc::clone(&health).writing();
        tokio::time::advance(WRITE_TIME_MAX - Duration::from_millis(1)).await;
        assert!(health.check_progress().is_ok());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(matches!(health.check_progress(), Err(Fault::Stalled(WRITE_TIME_MAX))));
        drop(writing);
        assert!(health.check_progress().is_ok());
    }
}
