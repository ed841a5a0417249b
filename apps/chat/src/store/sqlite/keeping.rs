//! Messages whose time is over.

use std::path::Path;

use async_trait::async_trait;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::writer::Within;
use super::{Sqlite, StoreError, snapshot};
use crate::keeping::store::{Expired, Gone, KeepingStore, PrunedDone};

const DAY: i64 = 24 * 3_600 * 1_000;

/// For how many days a room `r` keeps messages, `?1` being those of all rooms; NULL: for ever.
macro_rules! days {
    () => {
        "CASE WHEN r.keep_days IS NULL THEN ?1 WHEN ?1 IS NULL THEN r.keep_days ELSE min(r.keep_days, ?1) END"
    };
}

#[async_trait]
impl KeepingStore for Sqlite {
    async fn expired(&self, now: i64, days: Option<u32>) -> Result<Vec<Expired>, StoreError> {
        let mut connection = self.database.reads().acquire().await?;
        Ok(expired(&mut connection, now, days).await?)
    }

    async fn prune(
        &self,
        room: &str,
        days: Option<u32>,
        messages_max: u32,
        done: PrunedDone,
    ) -> Result<(), StoreError> {
        let room = room.to_owned();
        self.queue(move |within| Box::pin(prune(within, room, days, messages_max)), done).await
    }
}

impl Sqlite {
    /// The same of a data folder, beside the server that may run there.
    ///
    /// # Errors
    /// The database failed, or a newer version of this program is needed.
    pub(crate) async fn expired_beside(
        folder: &Path,
        now: i64,
        days: Option<u32>,
    ) -> Result<Vec<Expired>, sqlx::Error> {
        let mut connection = snapshot::beside(folder).await?;
        let expired = expired(&mut connection, now, days).await;
        connection.close().await?;
        expired
    }
}

async fn expired(
    connection: &mut SqliteConnection,
    now: i64,
    days: Option<u32>,
) -> Result<Vec<Expired>, sqlx::Error> {
    let rooms = sqlx::query(concat!(
        "SELECT r.id, r.public_id, r.title, ",
        days!(),
        " AS days FROM rooms r WHERE r.public_id <> '' AND ",
        days!(),
        " IS NOT NULL ORDER BY r.id"
    ))
    .bind(days)
    .fetch_all(&mut *connection)
    .await?;
    let mut expired = Vec::new();
    for room in rooms {
        let (row, days): (i64, u32) = (room.try_get("id")?, room.try_get("days")?);
        let Some(first) = first_that_stays(connection, row, now, days).await? else {
            continue;
        };
        let messages: i64 =
            sqlx::query_scalar("SELECT count(*) FROM messages WHERE room_id = ?1 AND id < ?2")
                .bind(row)
                .bind(first)
                .fetch_one(&mut *connection)
                .await?;
        expired.push(Expired {
            room: room.try_get("public_id")?,
            title: room.try_get("title")?,
            days,
            messages: messages.unsigned_abs(),
        });
    }
    Ok(expired)
}

/// The id before which all messages are too old; `None`: the oldest one is not.
async fn first_that_stays(
    connection: &mut SqliteConnection,
    row: i64,
    now: i64,
    days: u32,
) -> Result<Option<i64>, sqlx::Error> {
    let since = now - i64::from(days) * DAY;
    // Cheap where nothing is to be done: times of a room are in the order of ids, but for imported ones.
    let oldest: Option<i64> =
        sqlx::query_scalar("SELECT at FROM messages WHERE room_id = ?1 ORDER BY id LIMIT 1")
            .bind(row)
            .fetch_optional(&mut *connection)
            .await?;
    if oldest.is_none_or(|oldest| oldest >= since) {
        return Ok(None);
    }
    let first: Option<i64> =
        sqlx::query_scalar("SELECT min(id) FROM messages WHERE room_id = ?1 AND at >= ?2")
            .bind(row)
            .bind(since)
            .fetch_one(connection)
            .await?;
    Ok(Some(first.unwrap_or(i64::MAX)))
}

async fn prune(
    within: Within<'_>,
    room: String,
    days: Option<u32>,
    messages_max: u32,
) -> Result<Option<Gone>, sqlx::Error> {
    let Within { connection, at, .. } = within;
    let found: Option<(i64, Option<u32>)> = sqlx::query_as(concat!(
        "SELECT r.id, ",
        days!(),
        " FROM rooms r WHERE r.public_id = ?2 AND r.public_id <> ''"
    ))
    .bind(days)
    .bind(&room)
    .fetch_optional(&mut *connection)
    .await?;
    let Some((row, Some(days))) = found else { return Ok(None) };
    let Some(first) = first_that_stays(connection, row, at, days).await? else { return Ok(None) };
    let (to, messages): (Option<i64>, i64) = sqlx::query_as(
        "SELECT max(id), count(*) FROM
            (SELECT id FROM messages WHERE room_id = ?1 AND id < ?2 ORDER BY id LIMIT ?3)",
    )
    .bind(row)
    .bind(first)
    .bind(messages_max)
    .fetch_one(&mut *connection)
    .await?;
    let Some(to) = to else { return Ok(None) };
    // What was done to them goes with them, by foreign keys.
    sqlx::query("DELETE FROM messages WHERE room_id = ?1 AND id <= ?2")
        .bind(row)
        .bind(to)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "UPDATE rooms SET pruned = max(pruned, ?2), last_message_id = CASE WHEN last_message_id > ?2
            THEN last_message_id ELSE
            (SELECT max(id) FROM messages WHERE room_id = ?1 AND deleted_at IS NULL) END
         WHERE id = ?1",
    )
    .bind(row)
    .bind(to)
    .execute(connection)
    .await?;
    Ok(Some(Gone { room, to, messages: messages.unsigned_abs() }))
}
