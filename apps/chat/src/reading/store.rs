//! What reading needs of a store.

use async_trait::async_trait;

use super::contract::{Behind, Counts, Readers};
use crate::store::StoreError;

/// Runs in the writer, in stored order, after pointers are on disk or were refused; it must not block.
pub type MovedDone = Box<dyn FnOnce(Result<Vec<Moved>, StoreError>) + Send>;
/// Runs in the writer, in stored order: what is told is how it is after everything stored before.
pub type PointersDone = Box<dyn FnOnce(Result<Pointers, StoreError>) + Send>;

/// Where somebody's pointer is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The room's id.
    pub room: String,
    /// The person's id.
    pub person: String,
    /// At the newest message of the room up to this id.
    pub to: i64,
    /// Whether it may go back.
    pub is_back: bool,
}

/// Where somebody's pointer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The room's id.
    pub room: String,
    /// The person's id.
    pub person: String,
    /// Where it was.
    pub from: i64,
    /// Where it is.
    pub to: i64,
    /// Behind this id they have said nothing.
    pub own: i64,
}

/// How far the members of a room have read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointers {
    /// Pointers, each with how many members have it.
    pub pointers: Vec<(i64, u32)>,
    /// Members whose pointers may be before messages of their own.
    pub behind: Vec<Behind>,
}

/// How far people have read in rooms.
#[async_trait]
pub trait ReadingStore {
    /// Queues pointers. `done` hears of those of members, whether they moved or not.
    ///
    /// # Errors
    /// [`StoreError::Closed`]; `done` is dropped without being run.
    async fn read(&self, moves: Vec<Move>, done: MovedDone) -> Result<(), StoreError>;

    /// Asks in the writer's queue how far everybody has read in a room.
    ///
    /// # Errors
    /// [`StoreError::Closed`]; `done` is dropped without being run.
    async fn pointers(&self, room: &str, done: PointersDone) -> Result<(), StoreError>;

    /// What these people have not read in a room, with their ids; of those who are members.
    ///
    /// # Errors
    /// The database failed.
    async fn counts(
        &self,
        room: &str,
        people: &[String],
    ) -> Result<Vec<(String, Counts)>, StoreError>;

    /// What a person has not read in these rooms, or in all, as far as they are a member.
    ///
    /// # Errors
    /// The database failed.
    async fn counts_of(
        &self,
        person: &str,
        rooms: Option<&[String]>,
    ) -> Result<Vec<Counts>, StoreError>;

    /// Who has read a message that is not deleted, and who has not.
    ///
    /// # Errors
    /// The database failed.
    async fn readers(&self, room: &str, message: i64) -> Result<Option<Readers>, StoreError>;
}
