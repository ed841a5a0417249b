//! The one task that writes. It takes what has queued up while the last transaction was on its way
//! to the disk, stores it in one transaction, and reports in stored order.

use std::collections::HashSet;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::{Connection, SqliteConnection, Transaction, sqlite::Sqlite};
use tokio::sync::{mpsc, oneshot};

use super::{Post, Posted, StoreError, stored_message};

/// The most messages in one transaction; bounds how long the first of them waits.
const BATCH_MAX: usize = 256;
/// Rooms known to exist, so that their row need not be looked for; forgotten when there are more.
const KNOWN_ROOMS_MAX: usize = 10_000;

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

/// Serves commands until it is told to close, or every sender is gone, and the queue is empty.
pub(super) async fn run(connection: SqliteConnection, mut queue: mpsc::Receiver<Command>) {
    let mut writer = Writer { connection, rooms: HashSet::new(), last_at: 0 };
    let mut batch = Vec::new();
    let mut closing = Vec::new();
    while queue.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let posts = batch.iter().filter_map(Command::post).collect::<Vec<_>>();
        let mut outcomes = writer.store(&posts).await.into_iter();
        for command in batch.drain(..) {
            match command {
                Command::Post(_, done) => done(outcomes.next().unwrap_or(Err(StoreError::Write))),
                Command::Barrier(reached) => drop(reached.send(())),
                Command::Close(closed) => {
                    queue.close();
                    closing.push(closed);
                }
            }
        }
    }
    if let Err(error) = writer.connection.close().await {
        tracing::error!(%error, "the database did not close cleanly");
    }
    for closed in closing {
        let _ = closed.send(());
    }
}

struct Writer {
    connection: SqliteConnection,
    rooms: HashSet<String>,
    last_at: i64,
}

impl Writer {
    /// Stores all of `posts` or, when the database fails, none of them; one outcome for each.
    async fn store(&mut self, posts: &[&Post]) -> Vec<Outcome> {
        if posts.is_empty() {
            return Vec::new();
        }
        match self.try_store(posts).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                tracing::error!(%error, messages = posts.len(), "messages could not be stored");
                // What the failed transaction made is gone with it.
                self.rooms.clear();
                posts.iter().map(|_| Err(StoreError::Write)).collect()
            }
        }
    }

    async fn try_store(&mut self, posts: &[&Post]) -> Result<Vec<Outcome>, sqlx::Error> {
        if self.rooms.len() > KNOWN_ROOMS_MAX {
            self.rooms.clear();
        }
        // A clock that was set back must not make a conversation run backwards.
        self.last_at = self.last_at.max(now());
        let mut outcomes = Vec::with_capacity(posts.len());
        let mut touched = HashSet::new();
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        for post in posts {
            if !self.rooms.contains(post.room.as_str()) {
                create_room(&mut transaction, post, self.last_at).await?;
                self.rooms.insert(post.room.as_str().to_owned());
            }
            let outcome = insert(&mut transaction, post, self.last_at).await?;
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
    sqlx::query("INSERT INTO rooms (name, created_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
        .bind(post.room.as_str())
        .bind(at)
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
        "INSERT INTO messages (room_id, name, msg, at, key)
         SELECT id, ?2, ?3, ?4, ?5 FROM rooms WHERE name = ?1
         ON CONFLICT DO NOTHING RETURNING id, name, msg, at",
    )
    .bind(post.room.as_str())
    .bind(post.name.as_str())
    .bind(post.text.as_str())
    .bind(at)
    .bind(post.key.as_ref().map(|key| key.as_str()))
    .fetch_optional(&mut **transaction)
    .await?;
    if let Some(row) = inserted {
        return Ok(Ok(Posted::New(stored_message(&row)?)));
    }
    let row = sqlx::query(
        "SELECT id, name, msg, at FROM messages
         WHERE room_id = (SELECT id FROM rooms WHERE name = ?1) AND key = ?2",
    )
    .bind(post.room.as_str())
    .bind(post.key.as_ref().map(|key| key.as_str()))
    .fetch_one(&mut **transaction)
    .await?;
    let known = stored_message(&row)?;
    if known.name == post.name.as_str() && known.msg == post.text.as_str() {
        Ok(Ok(Posted::Known(known)))
    } else {
        Ok(Err(StoreError::KeyReused))
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
