//! What keeping messages for a while needs of a store.

use async_trait::async_trait;

use crate::store::StoreError;

/// Runs in the writer, in stored order, after the messages are gone; it must not block.
pub type PrunedDone = Box<dyn FnOnce(Result<Option<Gone>, StoreError>) + Send>;

/// Messages of a room whose time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// The room's id.
    pub room: String,
    /// What it is called; empty for direct messages.
    pub title: String,
    /// For how many days its messages are kept.
    pub days: u32,
    /// How many are older.
    pub messages: u64,
}

/// Messages that are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The room's id.
    pub room: String,
    /// The id of the newest of them.
    pub to: i64,
    /// How many were deleted in this step.
    pub messages: u64,
}

/// Messages that are kept for a while.
#[async_trait]
pub trait KeepingStore {
    /// The rooms that have messages whose time is over, by their own days and by those of all rooms; of both the
    /// shorter counts. Of messages in a room, those are meant that have none before them whose time is not over.
    ///
    /// # Errors
    /// The database failed.
    async fn expired(&self, now: i64, days: Option<u32>) -> Result<Vec<Expired>, StoreError>;

    /// Queues a step: at most so many of the oldest messages of a room are deleted, with what was done to them. `done`
    /// hears of `None` when there are none whose time is over.
    ///
    /// # Errors
    /// [`StoreError::Closed`]; `done` is dropped without being run.
    async fn prune(
        &self,
        room: &str,
        days: Option<u32>,
        messages_max: u32,
        done: PrunedDone,
    ) -> Result<(), StoreError>;
}
