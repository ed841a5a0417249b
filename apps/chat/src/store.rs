//! What the chat keeps: each feature says in its own `store` what it needs, and a [`Store`] has all of it.
//!
//! There is one so far, [`Sqlite`](sqlite::Sqlite). No SQL is anywhere else (`cargo xtask check` sees to it).

pub mod sqlite;

use std::fmt::Debug;
use std::io;
use std::path::PathBuf;

use async_trait::async_trait;
use sqlx::migrate::MigrateError;
use thiserror::Error;

use crate::accounts::passkeys::store::PasskeyStore;
use crate::accounts::store::AccountStore;
use crate::admin::store::AdminStore;
use crate::invitations::store::InvitationStore;
use crate::keeping::store::KeepingStore;
use crate::messages::store::MessageStore;
use crate::notes::store::NotesStore;
use crate::pictures::store::PictureStore;
use crate::reading::store::ReadingStore;
use crate::rooms::store::RoomStore;
pub use sqlite::{FILE_NAME, Fault};

/// Everything that is kept.
///
/// What is written is on disk when a method returns, or when its `done` runs. `done` of what was queued runs
/// in the order of the queue.
#[async_trait]
pub trait Store:
    AccountStore
    + AdminStore
    + InvitationStore
    + KeepingStore
    + MessageStore
    + NotesStore
    + PasskeyStore
    + PictureStore
    + ReadingStore
    + RoomStore
    + Debug
    + Send
    + Sync
{
    /// Waits until everything queued before is stored and its `done` has run. Returns at once
    /// when the store is closed.
    async fn settled(&self);

    /// Whether something can be stored: what the last write said, and whether the files are in
    /// their place and can be read.
    async fn health(&self) -> Result<(), Fault>;

    /// How much waits to be stored.
    fn queued(&self) -> usize;

    /// Stores what is queued, then closes the database. What comes later is refused.
    async fn close(&self);
}

/// How a store is kept.
#[derive(Clone, Debug, Default)]
pub struct StoreOptions {
    /// Bytes of the file system that have to be free for a message to be stored; `None`: 64 MiB,
    /// or a twentieth of a smaller one.
    pub free_bytes_min: Option<u64>,
}

/// Why the database could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The data folder does not exist and cannot be made.
    #[error("the data folder cannot be created")]
    Folder(#[source] io::Error),
    /// Another program serves this folder. Each would tell its own clients only what they say.
    #[error("another sockeye uses this folder; stop it, or choose another folder with --data")]
    InUse,
    /// SQLite refuses the file.
    #[error("the database cannot be opened")]
    Database(#[from] sqlx::Error),
    /// The tables cannot be made.
    #[error("the tables of the database cannot be made")]
    Migrate(#[from] MigrateError),
    /// A newer program has written it.
    #[error(
        "the database was written by {}, whose schema is {found}; this is sockeye {own}, which knows schemas up to \
         {known}. Nothing was changed: start that version again, or restore a backup that this one has made \
         (those that were made before upgrades are in the folder `backups`)",
        .by.as_ref().map_or_else(|| "a newer sockeye".to_owned(), |by| format!("sockeye {by}")),
        own = env!("CARGO_PKG_VERSION"),
    )]
    Newer {
        /// The version of its schema.
        found: i64,
        /// The newest one that this program knows.
        known: i64,
        /// Which version of the program that was, where it is known.
        by: Option<String>,
    },
    /// The copy before an upgrade cannot be made; nothing was changed.
    #[error(
        "the database has to be brought up to date, and the copy that is made before cannot be made; nothing was \
         changed"
    )]
    Backup(#[source] sqlx::Error),
    /// It was not brought up to date, and is as it was.
    #[error(
        "the database cannot be brought up to date; it is as it was, and a copy from before is {}",
        .backup.display()
    )]
    Upgrade {
        /// The copy.
        backup: PathBuf,
        /// Why.
        source: MigrateError,
    },
}

/// Why a message was not stored, or not read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Its sender used the key for another message in this room.
    #[error("the key was used for another message")]
    KeyReused,
    /// The disk or the database failed; nothing was stored.
    #[error("the message store failed")]
    Database(#[from] sqlx::Error),
    /// The transaction that held this message failed, nothing of it was stored; the writer has
    /// logged why.
    #[error("the message could not be written")]
    Write,
    /// The disk is full, or nearly so.
    #[error("the disk is full")]
    Full,
    /// The one who says it may say nothing for so long, in milliseconds.
    #[error("the person may say nothing for a while")]
    Muted(i64),
    /// A picture that the message is to have is not there, is another person's or another room's, or was said.
    #[error("a picture is not there")]
    PictureGone,
    /// There is no such room any more.
    #[error("the room is gone")]
    Gone,
    /// The store is being closed.
    #[error("the message store is closed")]
    Closed,
}
