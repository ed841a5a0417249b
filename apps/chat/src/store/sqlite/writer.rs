//! The one task that writes. It takes what has queued up while the last transaction was on its way
//! to the disk, stores it in one transaction, and reports in stored order.
//!
//! What fails is refused, and after any failure the next transaction gets a fresh connection:
//! SQLite may have rolled back by itself, and then library and database disagree about where they
//! are. While nothing can be stored, the writer tries by itself, so that the health comes back
//! without a message.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::clock::Clock;
use super::database::Database;
use super::health::Health;
use super::{Fault, StoreError};

/// The most messages in one transaction; bounds how long the first of them waits.
const BATCH_MAX: usize = 256;
/// Rooms known to exist, so that their row need not be looked for; forgotten when there are more.
const KNOWN_ROOMS_MAX: usize = 10_000;
/// How often the writer tries whether messages can be stored again.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How often it looks at the files and the clock while nobody says anything.
const LOOK_INTERVAL: Duration = Duration::from_secs(20);

/// What the store asks of its writer.
pub(super) enum Command {
    /// Do this in a transaction, then report.
    Do(Box<dyn Work>),
    /// Report when everything before is done.
    Barrier(oneshot::Sender<()>),
    /// Take nothing more, do what is queued, and report when the database is closed.
    Close(oneshot::Sender<()>),
}

/// Something that is written: together with what is queued beside it in one transaction.
pub(super) trait Work: Send {
    /// Writes. An error fails the whole transaction; what only this work is refused for, it keeps for itself,
    /// having written nothing.
    fn write<'a>(&'a mut self, within: Within<'a>) -> BoxFuture<'a, Result<(), sqlx::Error>>;

    /// The transaction is on disk, or has failed. Called in the order of the queue; must not block.
    fn done(self: Box<Self>, committed: Result<(), StoreError>);
}

/// Where something is written.
pub(super) struct Within<'a> {
    /// In a transaction that has begun.
    pub(super) connection: &'a mut SqliteConnection,
    /// The time of the transaction; never goes back.
    pub(super) at: i64,
    /// What the writer remembers from one transaction to the next.
    pub(super) known: &'a mut Known,
}

/// What need not be looked up, forgotten when a transaction fails.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Rooms that exist, by the names of the notes' chat.
    pub(super) rooms: HashSet<String>,
}

/// The one who writes.
pub(super) struct Writer {
    database: Arc<Database>,
    health: Arc<Health>,
    /// `None` after a failure.
    connection: Option<SqliteConnection>,
    known: Known,
    clock: Clock,
}

impl Writer {
    /// `newest` is when the newest message was stored.
    pub(super) fn new(
        database: Arc<Database>,
        health: Arc<Health>,
        connection: SqliteConnection,
        newest: i64,
    ) -> Self {
        let clock = Clock::new(newest);
        Writer { database, health, connection: Some(connection), known: Known::default(), clock }
    }

    /// Serves commands until it is told to close, or every sender is gone, and the queue is empty.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        let mut batch = Vec::new();
        let mut closing = Vec::new();
        loop {
            let pause = if self.health.fault().is_some() { PROBE_INTERVAL } else { LOOK_INTERVAL };
            tokio::select! {
                biased;
                taken = queue.recv_many(&mut batch, BATCH_MAX) => if taken == 0 { break },
                () = self.health.suspected() => {}
                () = sleep(pause) => {}
            }
            if batch.is_empty() {
                self.look().await;
                continue;
            }
            let committed = self.store(&mut batch).await;
            for command in batch.drain(..) {
                match command {
                    Command::Do(work) => {
                        let committed = committed.as_ref().map_err(|fault| {
                            self.health.refused(fault);
                            if fault.is_space() { StoreError::Full } else { StoreError::Write }
                        });
                        work.done(committed.copied());
                    }
                    Command::Barrier(reached) => drop(reached.send(())),
                    Command::Close(closed) => {
                        queue.close();
                        closing.push(closed);
                    }
                }
            }
        }
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::error!(%error, "the database did not close cleanly");
        }
        for closed in closing {
            let _ = closed.send(());
        }
    }

    /// Looks at the files and the clock; while messages cannot be stored, tries whether they can.
    async fn look(&mut self) {
        self.clock.look();
        let looked = match self.health.fault() {
            None => match self.ready().await {
                Ok(()) => self.health.check_space(self.database.space()),
                Err(fault) => Err(fault),
            },
            Some(_) => self.transact(None).await,
        };
        self.health.learned(looked);
    }

    /// Does all that is queued or, when the database fails, nothing of it.
    async fn store(&mut self, batch: &mut [Command]) -> Result<(), Fault> {
        if !batch.iter().any(|command| matches!(command, Command::Do(_))) {
            return Ok(());
        }
        let stored = self.transact(Some(batch)).await;
        self.health.learned(stored.clone());
        stored
    }

    /// Works in one transaction; without a batch, tries whether one can. What it did counts only if the
    /// file is still in its place afterwards: what is stored in a file that was taken away is not stored.
    async fn transact(&mut self, batch: Option<&mut [Command]>) -> Result<(), Fault> {
        let _writing = Arc::clone(&self.health).writing();
        self.ready().await?;
        self.health.check_space(self.database.space())?;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.database.connect().await?,
        };
        let at = self.clock.now();
        let worked = match batch {
            Some(batch) => store(&mut connection, batch, at, &mut self.known).await,
            None => probe(&mut connection, at).await,
        };
        match worked {
            Ok(()) => {
                self.connection = Some(connection);
                self.ready().await?;
                self.database.remember_log();
                Ok(())
            }
            Err(error) => {
                // What the failed transaction made is gone with it.
                self.known = Known::default();
                let _ = connection.close().await;
                Err(Fault::write(error))
            }
        }
    }

    /// Makes sure that what is written next can be found again.
    async fn ready(&mut self) -> Result<(), Fault> {
        self.database.check()?;
        if !self.database.has_companions() || self.database.is_log_cut() {
            tracing::warn!("the log of the database was taken away or cut; it is made anew");
            self.database.renew(&mut self.connection).await?;
        }
        Ok(())
    }
}

async fn store(
    connection: &mut SqliteConnection,
    batch: &mut [Command],
    at: i64,
    known: &mut Known,
) -> Result<(), sqlx::Error> {
    if known.rooms.len() > KNOWN_ROOMS_MAX {
        known.rooms.clear();
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for command in batch {
        if let Command::Do(work) = command {
            work.write(Within { connection: &mut transaction, at, known }).await?;
        }
    }
    transaction.commit().await
}

/// Does what storing a message does, and takes it back in the same transaction. No room has an
/// empty name.
async fn probe(connection: &mut SqliteConnection, at: i64) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for statement in [
        "INSERT INTO rooms (name, created_at) VALUES ('', ?1)",
        "INSERT INTO messages (room_id, name, msg, at) SELECT id, '', '', ?1 FROM rooms WHERE name = ''",
        "DELETE FROM messages WHERE room_id = (SELECT id FROM rooms WHERE name = '' AND created_at = ?1)",
        "DELETE FROM rooms WHERE name = '' AND created_at = ?1",
    ] {
        sqlx::query(statement).bind(at).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Command::Do(_) => "Do",
            Command::Barrier(_) => "Barrier",
            Command::Close(_) => "Close",
        })
    }
}
