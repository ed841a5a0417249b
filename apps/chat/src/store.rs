//! The message store: one SQLite database in the data folder.
//!
//! Everything is written by one task (`writer`), which gathers what has piled up into one
//! transaction: under load many messages share one wait for the disk. Reads go through a small
//! pool of read-only connections and never wait for the writer, since the database keeps a
//! write-ahead log.
//!
//! A message counts as stored only while the file it went into is still in its place; see `health`.
//!
//! `synchronous = FULL`: the log is on disk before a commit returns. `NORMAL` would be faster and
//! just as consistent, but a message answered as stored could vanish with the power.

mod clock;
mod database;
mod health;
mod lock;
mod rooms;
mod writer;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqlSafeStr};
use thiserror::Error;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::contract::{
    FIRST_ROOM, HISTORY_BYTES_MAX, HISTORY_MESSAGES_MAX, RoomSummary, StoredMessage,
};
use crate::input::{MessageKey, MessageText, Nickname, RoomName};
use crate::names::Skeleton;
use crate::quota::Origin;
use database::Database;
pub use health::Fault;
use health::Health;
use writer::{Command, Writer};

/// The file inside the data folder.
pub const FILE_NAME: &str = "chat.db";
/// The most rooms listed. Of those that are left out the makers have most of the others.
pub const ROOMS_LISTED_MAX: u32 = 100;

/// Messages waiting for the writer. A sender beyond that waits, and with it its connection.
const QUEUED_COMMANDS_MAX: usize = 1_024;
/// What reading the files told stays true for so long, however many ask for the health.
const READ_VALIDITY: Duration = Duration::from_secs(1);
/// Characters of the newest message shown in the list of rooms.
const EXCERPT_CHARS_MAX: u32 = 200;

/// Handle to the database; see the module's description.
#[derive(Debug)]
pub struct Store {
    database: Arc<Database>,
    health: Arc<Health>,
    /// When the files were read to see whether they can be, and what that told.
    last_read: Mutex<Option<(Instant, Option<Fault>)>>,
    listed: Mutex<Option<Listed>>,
    commands: mpsc::Sender<Command>,
    writer: JoinHandle<()>,
    /// Keeps other programs out of the folder until the store is closed.
    lock: Option<File>,
}

/// How a store is kept.
#[derive(Clone, Debug, Default)]
pub struct StoreOptions {
    /// Bytes of the file system that have to be free for a message to be stored; `None`: 64 MiB,
    /// or a twentieth of a smaller one.
    pub free_bytes_min: Option<u64>,
}

/// A message to be stored.
#[derive(Clone, Debug)]
pub struct Post {
    /// Where it was said.
    pub room: RoomName,
    /// Who said it.
    pub name: Nickname,
    /// What was said.
    pub text: MessageText,
    /// What the sender calls it, if it may send it again.
    pub key: Option<MessageKey>,
    /// Whose key it is.
    pub sender: Sender,
    /// Where it came from; the maker of the room, if it is the first in there.
    pub origin: Origin,
}

/// Whom the keys of messages belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender(String);

/// What there is under a room's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The room, with messages in it.
    Room,
    /// Not this one, but another one that looks the same.
    Twin,
    /// Neither.
    Nothing,
}

/// What became of a [`Post`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It is on disk.
    New(StoredMessage),
    /// It had been stored under its key before; nothing was written.
    Known(StoredMessage),
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
    /// The tables cannot be brought up to date.
    #[error("the database cannot be migrated")]
    Migrate(#[from] MigrateError),
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
    /// The store is being closed.
    #[error("the message store is closed")]
    Closed,
}

/// A room in the list, with who made it, as far as that is known.
pub type MadeRoom = (Option<String>, RoomSummary);

/// A list of rooms, and when it was made.
#[derive(Debug)]
struct Listed {
    start: Instant,
    end: Instant,
    rooms: Vec<MadeRoom>,
}

impl Listed {
    /// Whether it is too early to make another one.
    fn is_fresh(&self, now: Instant) -> bool {
        now - self.end < (self.end - self.start) * 9
    }
}

impl Store {
    /// Opens the database in `folder`, making both where they are missing, and starts its writer.
    ///
    /// A folder it makes is readable by its owner only.
    ///
    /// # Errors
    /// The folder cannot be made or is in use, or the file is not a database this version
    /// understands.
    pub async fn open(folder: &Path, options: StoreOptions) -> Result<Self, OpenError> {
        create_folder(folder).map_err(OpenError::Folder)?;
        let path = database::path(folder);
        let lock = lock::take(path.parent().unwrap_or(folder))?;
        let (database, mut connection) = Database::open(&path).await?;
        migrator().run(&mut connection).await?;
        rooms::bring_into_one_form(&mut connection).await?;
        // So that nobody who copies the file alone has a database without tables.
        database.checkpoint(&mut connection).await;
        let newest = sqlx::query("SELECT at FROM messages ORDER BY id DESC LIMIT 1")
            .fetch_optional(&mut connection)
            .await?;
        let newest = newest.map_or(Ok(0), |row| row.try_get("at"))?;
        let (database, health) =
            (Arc::new(database), Arc::new(Health::new(options.free_bytes_min)));
        let (commands, queue) = mpsc::channel(QUEUED_COMMANDS_MAX);
        let writer = Writer::new(Arc::clone(&database), Arc::clone(&health), connection, newest);
        let writer = tokio::spawn(writer.run(queue));
        Ok(Store {
            database,
            health,
            last_read: Mutex::default(),
            listed: Mutex::default(),
            commands,
            writer,
            lock,
        })
    }

    /// Queues a message. `done` runs in the writer, in stored order, after the transaction with
    /// this message is on disk or has failed; it must not block.
    ///
    /// Waits while the queue is full.
    ///
    /// # Errors
    /// [`StoreError::Closed`]; `done` is dropped without being run.
    ///
    /// # Cancel safety
    /// Cancelled before it returns, nothing was queued.
    pub async fn post(
        &self,
        post: Post,
        done: impl FnOnce(Result<Posted, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        let command = Command::Post(Box::new(post), Box::new(done));
        self.commands.send(command).await.map_err(|_| StoreError::Closed)
    }

    /// Waits until everything queued before is stored and its `done` has run. Returns at once
    /// when the store is closed.
    pub async fn settled(&self) {
        let (reached, wait) = oneshot::channel();
        if self.commands.send(Command::Barrier(reached)).await.is_ok() {
            let _ = wait.await;
        }
    }

    /// The newest messages of a room, oldest first: at most [`HISTORY_MESSAGES_MAX`], and no more
    /// than [`HISTORY_BYTES_MAX`] of text. A room nobody has written in has none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn history(&self, room: &RoomName) -> Result<Vec<StoredMessage>, StoreError> {
        let rows = sqlx::query(
            "SELECT m.id, m.name, m.msg, m.at FROM messages m
             WHERE m.room_id = (SELECT id FROM rooms WHERE name = ?1)
             ORDER BY m.id DESC LIMIT ?2",
        )
        .bind(room.as_str())
        .bind(HISTORY_MESSAGES_MAX)
        .fetch_all(&self.database.reads())
        .await?;
        let mut bytes = 0;
        let mut messages = Vec::with_capacity(rows.len());
        for row in &rows {
            let message = stored_message(row)?;
            bytes += message.name.len() + message.msg.len();
            if bytes > HISTORY_BYTES_MAX {
                break;
            }
            messages.push(message);
        }
        messages.reverse();
        Ok(messages)
    }

    /// What there is under this name. The first room always exists, so that nobody can make a twin
    /// of it before anybody has said something there.
    ///
    /// # Errors
    /// The database failed.
    pub async fn find(&self, room: &RoomName) -> Result<Found, StoreError> {
        if room.as_str() == FIRST_ROOM {
            return Ok(Found::Room);
        }
        let row = sqlx::query("SELECT max(name = ?1) AS is_same FROM rooms WHERE skeleton = ?2")
            .bind(room.as_str())
            .bind(room.skeleton().as_str())
            .fetch_one(&self.database.reads())
            .await?;
        Ok(match row.try_get("is_same")? {
            Some(true) => Found::Room,
            Some(false) => Found::Twin,
            None if room.skeleton() == Skeleton::of(FIRST_ROOM) => Found::Twin,
            None => Found::Nothing,
        })
    }

    /// Rooms that have messages, at most [`ROOMS_LISTED_MAX`], each with its maker and the beginning
    /// of its newest message. `people` is 0: the store does not know.
    ///
    /// When there are more, every maker has the same share: first the newest room of each, then the
    /// second newest, and so on. The first room is always among them.
    ///
    /// However many ask, no more than a tenth of the time goes into making the list: with very many
    /// rooms it may be a second old.
    ///
    /// # Errors
    /// The database failed.
    pub async fn rooms(&self) -> Result<Vec<MadeRoom>, StoreError> {
        let mut listed = self.listed.lock().await;
        if let Some(listed) = &*listed
            && listed.is_fresh(Instant::now())
        {
            return Ok(listed.rooms.clone());
        }
        let start = Instant::now();
        let rooms = self.read_rooms().await?;
        *listed = Some(Listed { start, end: Instant::now(), rooms: rooms.clone() });
        Ok(rooms)
    }

    async fn read_rooms(&self) -> Result<Vec<MadeRoom>, StoreError> {
        let rows = sqlx::query(
            "SELECT r.name AS room, r.maker, m.id, m.name, substr(m.msg, 1, ?2) AS msg, m.at
             FROM (SELECT name, maker, last_message_id, row_number() OVER
                     (PARTITION BY maker ORDER BY last_message_id DESC) AS nth
                   FROM rooms WHERE skeleton IS NOT NULL) AS r
             JOIN messages m ON m.id = r.last_message_id
             ORDER BY r.name = ?3 DESC, r.nth, r.last_message_id DESC LIMIT ?1",
        )
        .bind(ROOMS_LISTED_MAX)
        .bind(EXCERPT_CHARS_MAX)
        .bind(FIRST_ROOM)
        .fetch_all(&self.database.reads())
        .await?;
        rows.iter()
            .map(|row| {
                let last = Some(stored_message(row)?);
                let summary = RoomSummary { name: row.try_get("room")?, people: 0, last };
                Ok((row.try_get("maker")?, summary))
            })
            .collect()
    }

    /// Whether messages can be stored: what the last write said, and whether the files are in
    /// their place and can be read.
    ///
    /// # Errors
    /// Why they cannot.
    pub async fn health(&self) -> Result<(), Fault> {
        if self.writer.is_finished() {
            return Err(Fault::Closed);
        }
        if let Some(fault) = self.health.fault() {
            return Err(fault);
        }
        self.health.check_progress()?;
        let seen = match self.look() {
            Ok(()) => self.read().await,
            Err(fault) => Err(fault),
        };
        if seen.is_err() {
            // It repairs what it can, and tells when that is over.
            self.health.suspect();
        }
        seen
    }

    fn look(&self) -> Result<(), Fault> {
        self.database.check()?;
        self.health.check_space(self.database.space())
    }

    /// Whether what was stored can be read, as of a moment ago.
    async fn read(&self) -> Result<(), Fault> {
        let mut last = self.last_read.lock().await;
        let told = match &*last {
            Some((at, told)) if at.elapsed() < READ_VALIDITY => told.clone(),
            Some(_) | None => {
                let told = self.database.read().await.err().map(Fault::read);
                *last = Some((Instant::now(), told.clone()));
                told
            }
        };
        told.map_or(Ok(()), Err)
    }

    /// Stores what is queued, then closes the database. What comes later is refused.
    pub async fn close(&self) {
        self.database.reads().close().await;
        let (closed, wait) = oneshot::channel();
        if self.commands.send(Command::Close(closed)).await.is_ok() && wait.await.is_err() {
            tracing::error!("the writer of the message store ended early");
        }
        if let Some(lock) = &self.lock
            && let Err(error) = lock.unlock()
        {
            tracing::warn!(%error, "the data folder stays claimed until the end");
        }
    }
}

impl Sender {
    /// Somebody who says who it is, by something nobody else knows.
    pub fn known_by(id: &MessageKey) -> Self {
        Sender(format!("id {}", id.as_str()))
    }

    fn as_str(&self) -> &str {
        &self.0
    }
}

/// Somebody who does not say who it is.
impl From<Origin> for Sender {
    fn from(origin: Origin) -> Self {
        Sender(format!("address {origin}"))
    }
}

impl Posted {
    /// The message as it is stored.
    pub fn message(&self) -> &StoredMessage {
        match self {
            Posted::New(message) | Posted::Known(message) => message,
        }
    }

    /// The same, to keep.
    pub fn into_message(self) -> StoredMessage {
        match self {
            Posted::New(message) | Posted::Known(message) => message,
        }
    }
}

fn stored_message(row: &SqliteRow) -> Result<StoredMessage, sqlx::Error> {
    Ok(StoredMessage {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        msg: row.try_get("msg")?,
        at: row.try_get("at")?,
    })
}

fn migrator() -> Migrator {
    let migrations = [
        ("rooms and messages", include_str!("../migrations/0001_rooms_and_messages.sql")),
        ("senders and makers", include_str!("../migrations/0002_senders_and_makers.sql")),
        ("looks", include_str!("../migrations/0003_looks.sql")),
    ];
    let migrations = (1..).zip(migrations).map(|(version, (name, sql))| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests;
