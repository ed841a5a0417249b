//! The store in one SQLite database in the data folder.
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

mod accounts;
mod admin;
#[cfg(test)]
pub(crate) mod by_hand;
mod clock;
mod copy;
mod database;
pub(crate) mod exporter;
mod health;
pub(crate) mod importer;
mod invitations;
mod keeping;
mod lock;
mod messages;
mod notes;
mod passkeys;
mod pictures;
mod reading;
mod room_names;
mod rooms;
pub(crate) mod snapshot;
mod upgrade;
mod writer;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Row, SqlSafeStr};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{OpenError, Store, StoreError, StoreOptions};
use database::Database;
pub use health::Fault;
use health::Health;
use writer::{Command, Within, Work, Writer};

/// The file inside the data folder.
pub const FILE_NAME: &str = "chat.db";

/// What waits for the writer. A sender beyond that waits, and with it its connection.
const QUEUED_COMMANDS_MAX: usize = 1_024;
/// What reading the files told stays true for so long, however many ask for the health.
const READ_VALIDITY: Duration = Duration::from_secs(1);

/// Handle to the database; see the module's description.
#[derive(Debug)]
pub struct Sqlite {
    database: Arc<Database>,
    health: Arc<Health>,
    /// When the files were read to see whether they can be, and what that told.
    last_read: Mutex<Option<(Instant, Option<Fault>)>>,
    commands: mpsc::Sender<Command>,
    writer: JoinHandle<()>,
    /// Keeps other programs out of the folder until the store is closed.
    lock: Option<File>,
}

impl Sqlite {
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
        upgrade::run(&database, &mut connection).await?;
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
        Ok(Sqlite { database, health, last_read: Mutex::default(), commands, writer, lock })
    }

    /// Writes in the next transaction, and returns when that is on disk. What the step returns as a value, it may have
    /// refused to do, having written nothing; its error fails everybody's transaction.
    async fn write<T, F>(&self, step: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(Within<'a>) -> BoxFuture<'a, Result<T, sqlx::Error>> + Send + 'static,
    {
        let (told, outcome) = oneshot::channel();
        self.queue(step, move |outcome| drop(told.send(outcome))).await?;
        outcome.await.map_err(|_| StoreError::Closed)?
    }

    /// Queues a step for the next transaction. `done` runs in the writer, in the order of the queue, after the
    /// transaction is on disk or has failed.
    async fn queue<T, F, D>(&self, step: F, done: D) -> Result<(), StoreError>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(Within<'a>) -> BoxFuture<'a, Result<T, sqlx::Error>> + Send + 'static,
        D: FnOnce(Result<T, StoreError>) + Send + 'static,
    {
        let work = Step { step: Some(step), outcome: None, done };
        self.commands.send(Command::Do(Box::new(work))).await.map_err(|_| StoreError::Closed)
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
}

#[async_trait]
impl Store for Sqlite {
    async fn settled(&self) {
        let (reached, wait) = oneshot::channel();
        if self.commands.send(Command::Barrier(reached)).await.is_ok() {
            let _ = wait.await;
        }
    }

    async fn health(&self) -> Result<(), Fault> {
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

    fn queued(&self) -> usize {
        self.commands.max_capacity() - self.commands.capacity()
    }

    async fn close(&self) {
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

/// A step with what it came to.
struct Step<F, T, D> {
    step: Option<F>,
    outcome: Option<T>,
    done: D,
}

impl<F, T, D> Work for Step<F, T, D>
where
    T: Send + 'static,
    F: for<'a> FnOnce(Within<'a>) -> BoxFuture<'a, Result<T, sqlx::Error>> + Send + 'static,
    D: FnOnce(Result<T, StoreError>) + Send + 'static,
{
    fn write<'a>(&'a mut self, within: Within<'a>) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            if let Some(step) = self.step.take() {
                self.outcome = Some(step(within).await?);
            }
            Ok(())
        })
    }

    fn done(self: Box<Self>, committed: Result<(), StoreError>) {
        let Step { outcome, done, .. } = *self;
        done(committed.and_then(|()| outcome.ok_or(StoreError::Write)));
    }
}

fn migrator() -> Migrator {
    let migrations = [
        ("rooms and messages", include_str!("../../migrations/0001_rooms_and_messages.sql")),
        ("senders and makers", include_str!("../../migrations/0002_senders_and_makers.sql")),
        ("looks", include_str!("../../migrations/0003_looks.sql")),
        ("people", include_str!("../../migrations/0004_people.sql")),
        ("mutes", include_str!("../../migrations/0005_mutes.sql")),
        ("messages and reading", include_str!("../../migrations/0006_messages_and_reading.sql")),
        ("pictures", include_str!("../../migrations/0007_pictures.sql")),
        ("keeping", include_str!("../../migrations/0008_keeping.sql")),
    ];
    let migrations = (1..).zip(migrations).map(|(version, (name, sql))| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests;
