//! Pictures: sent over HTTP, made anew from their pixels, kept by their content, and served to the members of a room.
//!
//! What becomes of an upload: it is written to a file as it comes (`http`), a process with limits makes a picture and
//! a thumbnail of it ([`worker`], `pipeline`), these are put in their place ([`files`]), and a row of the database
//! names them, until the message is gone that they were said with ([`store`]). So the memory that pictures take is that
//! of one process, however many are on their way.

pub mod contract;
pub mod files;
pub(crate) mod http;
mod pipeline;
pub mod store;
pub mod worker;

use std::collections::HashMap;
use std::hash::Hash;
use std::io;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use self::contract::PICTURE_BYTES_MAX;
use self::files::{Files, Incoming};
use self::pipeline::{Converted, Unfit};
use self::worker::Worker;
use crate::accounts::now;
use crate::app::App;
use crate::quota::Origin;
use crate::refusal::Refused;

/// How many uploads come in at the same time.
const COMING_MAX: usize = 48;
/// How many of them from one address.
const COMING_OF_ORIGIN_MAX: usize = 24;
/// How many of them by one person: as many as a message has pictures.
const COMING_OF_PERSON_MAX: usize = 10;
/// How long somebody waits until an upload is let in, and then until it is its turn to be converted.
const WAITING_MAX: Duration = Duration::from_secs(60);
/// When whoever waited for nothing is to try again.
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// How long a picture is kept that is not said, in milliseconds: a day.
const UNSAID_LIFETIME: i64 = 24 * 3_600 * 1_000;

/// What is at work for pictures.
#[derive(Debug)]
pub struct Pictures {
    /// The most bytes of a file that is sent.
    pub(crate) bytes_max: u64,
    pub(crate) files: Files,
    worker: Worker,
    coming: Arc<Semaphore>,
    coming_of_origins: Lanes<Origin>,
    coming_of_people: Lanes<String>,
    /// Of each person one at a time waits to be converted, so that nobody takes all the turns.
    turns_of_people: Lanes<String>,
    turn: Arc<Semaphore>,
}

impl Pictures {
    /// Those of a data folder, in which nobody else is at work.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(data: &Path) -> io::Result<Self> {
        Ok(Pictures {
            bytes_max: PICTURE_BYTES_MAX,
            files: Files::open(data)?,
            worker: Worker::Thread,
            coming: Arc::new(Semaphore::new(COMING_MAX)),
            coming_of_origins: Lanes::new(COMING_OF_ORIGIN_MAX),
            coming_of_people: Lanes::new(COMING_OF_PERSON_MAX),
            turns_of_people: Lanes::new(1),
            turn: Arc::new(Semaphore::new(1)),
        })
    }

    /// Converts in processes of this program.
    pub fn in_processes(self) -> Self {
        Pictures { worker: Worker::of_this_program(), ..self }
    }

    /// Takes files of so many bytes.
    pub fn bytes_max(self, bytes_max: u64) -> Self {
        Pictures { bytes_max, ..self }
    }

    /// Lets an upload in, as long as this is held.
    async fn let_in(
        &self,
        person: &str,
        origin: Origin,
    ) -> Result<[OwnedSemaphorePermit; 3], Refused> {
        let places = async {
            // The own share first, so that nobody waits for it with one of others in hand.
            let of_person = self.coming_of_people.enter(person.to_owned()).await?;
            let of_origin = self.coming_of_origins.enter(origin).await?;
            Ok([of_person, of_origin, entered(&self.coming).await?])
        };
        timeout(WAITING_MAX, places).await.unwrap_or(Err(Refused::Busy(RETRY_AFTER)))
    }

    /// Converts what has come, when it is its turn.
    async fn convert(&self, person: &str, incoming: &Incoming) -> Result<Converted, Refused> {
        let _turn = self.take_turn(person).await?;
        Ok(self.worker.convert(incoming).await?)
    }

    /// Waits until it is somebody's turn, which ends when this is dropped.
    async fn take_turn(&self, person: &str) -> Result<[OwnedSemaphorePermit; 2], Refused> {
        let turn = async {
            let of_person = self.turns_of_people.enter(person.to_owned()).await?;
            Ok([of_person, entered(&self.turn).await?])
        };
        timeout(WAITING_MAX, turn).await.unwrap_or(Err(Refused::Busy(RETRY_AFTER)))
    }

    /// Forgets pictures that are not said, and deletes the files of those that are gone.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn sweep(&self, app: &App) -> Result<(), Refused> {
        while app.store.forget_pictures(now() - UNSAID_LIFETIME).await? {}
        let files = self.files.clone();
        for folder in blocking(move || files.folders()).await? {
            let files = self.files.clone();
            let old = blocking(move || files.old_ones(&folder)).await?;
            if old.is_empty() {
                continue;
            }
            let used = app.store.files_in_use(old.clone()).await?;
            let files = self.files.clone();
            blocking(move || {
                for name in old.iter().filter(|name| !used.contains(*name)) {
                    if files.delete(name)? {
                        tracing::debug!(name, "the file of pictures that are gone was deleted");
                    }
                }
                Ok(())
            })
            .await?;
        }
        Ok(())
    }
}

/// So many places for each key, as long as somebody is in one of them.
#[derive(Debug)]
struct Lanes<K> {
    places: usize,
    lanes: Mutex<HashMap<K, Weak<Semaphore>>>,
}

impl<K: Eq + Hash> Lanes<K> {
    fn new(places: usize) -> Self {
        Lanes { places, lanes: Mutex::default() }
    }

    async fn enter(&self, key: K) -> Result<OwnedSemaphorePermit, Refused> {
        let lane = self.lane(key);
        entered(&lane).await
    }

    fn lane(&self, key: K) -> Arc<Semaphore> {
        let mut lanes = self.lanes.lock();
        if let Some(lane) = lanes.get(&key).and_then(Weak::upgrade) {
            return lane;
        }
        lanes.retain(|_, lane| lane.strong_count() > 0);
        let lane = Arc::new(Semaphore::new(self.places));
        lanes.insert(key, Arc::downgrade(&lane));
        lane
    }
}

/// In the order in which it is asked for.
async fn entered(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Refused> {
    Arc::clone(places).acquire_owned().await.map_err(|_| Refused::Storage)
}

/// Does what waits for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Refused> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|error| failed(&error))
}

/// The disk refused.
fn failed(error: &io::Error) -> Refused {
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return Refused::DiskFull;
    }
    tracing::error!(%error, "the files of pictures");
    Refused::Storage
}

impl From<Unfit> for Refused {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::NotAPicture => Refused::NotAPicture,
            Unfit::TooLarge => Refused::PictureLarge,
            Unfit::TooLong => Refused::AnimationLong,
            Unfit::Cancelled => Refused::Gone,
            Unfit::Io(error) => failed(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tempfile::TempDir;

    use super::*;

    fn address(last: u8) -> Origin {
        Origin::of(Some([192, 0, 2, last].into()))
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_come_in_at_once_and_others_wait() {
        let data = TempDir::new().unwrap();
        let pictures = Pictures::open(data.path()).unwrap();
        let mut of_ann = Vec::new();
        for _ in 0..COMING_OF_PERSON_MAX {
            of_ann.push(pictures.let_in("ann", address(1)).await.unwrap());
        }
        let began = tokio::time::Instant::now();
        let refused = pictures.let_in("ann", address(9)).await.unwrap_err();
        assert!(matches!(refused, Refused::Busy(RETRY_AFTER)));
        assert_eq!(began.elapsed(), WAITING_MAX);
        let mut others = Vec::new();
        for n in COMING_OF_PERSON_MAX..COMING_OF_ORIGIN_MAX {
            others.push(pictures.let_in(&format!("guest {n}"), address(1)).await.unwrap());
        }
        pictures.let_in("another guest", address(1)).await.unwrap_err();
        for n in COMING_OF_ORIGIN_MAX..COMING_MAX {
            others.push(pictures.let_in(&format!("guest {n}"), address(2)).await.unwrap());
        }
        let mut ben = Box::pin(pictures.let_in("ben", address(3)));
        assert!(ben.as_mut().now_or_never().is_none());
        drop(of_ann.pop());
        drop(ben.await.unwrap());
        drop((of_ann, others));
        assert_eq!(pictures.coming.available_permits(), COMING_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_takes_all_the_turns() {
        let data = TempDir::new().unwrap();
        let pictures = Pictures::open(data.path()).unwrap();
        let first = pictures.take_turn("ann").await.unwrap();
        let mut second = Box::pin(pictures.take_turn("ann"));
        let mut third = Box::pin(pictures.take_turn("ann"));
        let mut of_ben = Box::pin(pictures.take_turn("ben"));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(third.as_mut().now_or_never().is_none());
        assert!(of_ben.as_mut().now_or_never().is_none());
        drop(first);
        assert!(second.as_mut().now_or_never().is_none(), "Ben came later, and it is his turn");
        let of_ben = of_ben.as_mut().now_or_never().unwrap();
        drop(of_ben.unwrap());
        let second = second.as_mut().now_or_never().unwrap();
        assert!(third.as_mut().now_or_never().is_none());
        drop(second.unwrap());
        drop(third.await.unwrap());
        assert!(pictures.turns_of_people.lanes.lock().len() <= 2);
    }
}
