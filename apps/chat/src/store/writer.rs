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

use sqlx::sqlite::Sqlite;
use sqlx::{Connection, SqliteConnection, Transaction};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::clock::Clock;
use super::database::Database;
use super::health::Health;
use super::{Fault, Post, Posted, StoreError, stored_message};

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
    /// Store a message, then report.
    Post(Box<Post>, Done),
    /// Report when everything before is done.
    Barrier(oneshot::Sender<()>),
    /// Take nothing more, do what is queued, and report when the database is closed.
    Close(oneshot::Sender<()>),
}

type Done = Box<dyn FnOnce(Result<Posted, StoreError>) + Send>;
type Outcome = Result<Posted, StoreError>;

/// The one who writes.
pub(super) struct Writer {
    database: Arc<Database>,
    health: Arc<Health>,
    /// `None` after a failure.
    connection: Option<SqliteConnection>,
    rooms: HashSet<String>,
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
        Writer { database, health, connection: Some(connection), rooms: HashSet::new(), clock }
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
            let posts = batch.iter().filter_map(Command::post).collect::<Vec<_>>();
            let mut outcomes = self.store(&posts).await.into_iter();
            for command in batch.drain(..) {
                match command {
                    Command::Post(_, done) => {
                        done(outcomes.next().unwrap_or(Err(StoreError::Write)))
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
            Some(_) => self.transact(Work::Probe).await.map(drop),
        };
        self.health.learned(looked);
    }

    /// Stores all of `posts` or, when the database fails, none of them; one outcome for each.
    async fn store(&mut self, posts: &[&Post]) -> Vec<Outcome> {
        if posts.is_empty() {
            return Vec::new();
        }
        let stored = self.transact(Work::Posts(posts)).await;
        let (outcomes, said) = match stored {
            Ok(outcomes) => (outcomes, Ok(())),
            Err(fault) => {
                let refused =
                    || if fault.is_space() { StoreError::Full } else { StoreError::Write };
                (posts.iter().map(|_| Err(refused())).collect(), Err(fault))
            }
        };
        self.health.learned(said);
        outcomes
    }

    /// Works in one transaction. What it did counts only if the file is still in its place
    /// afterwards: what is stored in a file that was taken away is not stored.
    async fn transact(&mut self, work: Work<'_>) -> Result<Vec<Outcome>, Fault> {
        let _writing = Arc::clone(&self.health).writing();
        self.ready().await?;
        self.health.check_space(self.database.space())?;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.database.connect().await?,
        };
        let at = self.clock.now();
        let worked = match work {
            Work::Posts(posts) => store(&mut connection, posts, at, &mut self.rooms).await,
            Work::Probe => probe(&mut connection, at).await.map(|()| Vec::new()),
        };
        match worked {
            Ok(outcomes) => {
                self.connection = Some(connection);
                self.ready().await?;
                self.database.remember_log();
                Ok(outcomes)
            }
            Err(error) => {
                // What the failed transaction made is gone with it.
                self.rooms.clear();
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

/// What is done in a transaction.
enum Work<'a> {
    Posts(&'a [&'a Post]),
    /// A message comes and goes, to see whether one could.
    Probe,
}

async fn store(
    connection: &mut SqliteConnection,
    posts: &[&Post],
    at: i64,
    rooms: &mut HashSet<String>,
) -> Result<Vec<Outcome>, sqlx::Error> {
    if rooms.len() > KNOWN_ROOMS_MAX {
        rooms.clear();
    }
    let mut outcomes = Vec::with_capacity(posts.len());
    let mut touched = HashSet::new();
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for post in posts {
        if !rooms.contains(post.room.as_str()) {
            create_room(&mut transaction, post, at).await?;
            rooms.insert(post.room.as_str().to_owned());
        }
        let outcome = insert(&mut transaction, post, at).await?;
        if matches!(outcome, Ok(Posted::New(_))) {
            touched.insert(post.room.as_str());
        }
        outcomes.push(outcome);
    }
    for room in touched {
        sqlx::query(
            "UPDATE rooms SET last_message_id =
             (SELECT max(id) FROM messages WHERE room_id = rooms.id) WHERE name = ?1",
        )
        .bind(room)
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(outcomes)
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

impl Command {
    fn post(&self) -> Option<&Post> {
        match self {
            Command::Post(post, _) => Some(post),
            Command::Barrier(_) | Command::Close(_) => None,
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Command::Post(..) => "Post",
            Command::Barrier(_) => "Barrier",
            Command::Close(_) => "Close",
        })
    }
}

async fn create_room(
    transaction: &mut Transaction<'_, Sqlite>,
    post: &Post,
    at: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO rooms (name, created_at, maker, skeleton) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING",
    )
    .bind(post.room.as_str())
    .bind(at)
    .bind(post.origin.to_string())
    .bind(post.room.skeleton().as_str())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// The outer error fails the transaction, the inner one only this message.
async fn insert(
    transaction: &mut Transaction<'_, Sqlite>,
    post: &Post,
    at: i64,
) -> Result<Outcome, sqlx::Error> {
    let inserted = sqlx::query(
        "INSERT INTO messages (room_id, name, msg, at, key, sender)
         SELECT id, ?2, ?3, ?4, ?5, ?6 FROM rooms WHERE name = ?1
         ON CONFLICT DO NOTHING RETURNING id, name, msg, at",
    )
    .bind(post.room.as_str())
    .bind(post.name.as_str())
    .bind(post.text.as_str())
    .bind(at)
    .bind(post.key.as_ref().map(|key| key.as_str()))
    .bind(post.sender.as_str())
    .fetch_optional(&mut **transaction)
    .await?;
    if let Some(row) = inserted {
        return Ok(Ok(Posted::New(stored_message(&row)?)));
    }
    let row = sqlx::query(
        "SELECT id, name, msg, at FROM messages
         WHERE room_id = (SELECT id FROM rooms WHERE name = ?1)
         AND key = ?2 AND sender = ?3",
    )
    .bind(post.room.as_str())
    .bind(post.key.as_ref().map(|key| key.as_str()))
    .bind(post.sender.as_str())
    .fetch_one(&mut **transaction)
    .await?;
    let known = stored_message(&row)?;
    if known.name == post.name.as_str() && known.msg == post.text.as_str() {
        Ok(Ok(Posted::Known(known)))
    } else {
        Ok(Err(StoreError::KeyReused))
    }
}
