//! How far people have read.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::accounts::person;
use super::{Sqlite, StoreError};
use crate::reading::contract::{Behind, Counts, READERS_MAX, Readers, UNREAD_COUNTED_MAX};
use crate::reading::store::{Move, Moved, MovedDone, Pointers, PointersDone, ReadingStore};

/// What a member `me` of the room `r` has not read; `?3` is [`UNREAD_COUNTED_MAX`]. The page shows nothing of those whom
/// they have blocked, so nothing of it is unread.
macro_rules! count_columns {
    () => {
        "me.person, r.public_id, me.read,
         (SELECT count(*) FROM (SELECT 1 FROM messages m WHERE m.room_id = me.room AND m.id > me.read
            AND m.deleted_at IS NULL AND m.person IS NOT me.person
            AND NOT EXISTS (SELECT 1 FROM blocks WHERE person = me.person AND blocked = m.person)
            LIMIT ?3)) AS unread,
         (SELECT count(DISTINCT n.message) FROM mentions n JOIN messages m ON m.id = n.message
            WHERE n.person IN (me.person, '*') AND n.room = me.room AND n.message > me.read
            AND m.person IS NOT me.person
            AND NOT EXISTS (SELECT 1 FROM blocks WHERE person = me.person AND blocked = m.person)) AS mentions"
    };
}

#[async_trait]
impl ReadingStore for Sqlite {
    async fn read(&self, moves: Vec<Move>, done: MovedDone) -> Result<(), StoreError> {
        self.queue(
            move |within| {
                Box::pin(async move {
                    let mut moved = Vec::with_capacity(moves.len());
                    for one in moves {
                        moved.extend(move_pointer(within.connection, one).await?);
                    }
                    Ok(moved)
                })
            },
            done,
        )
        .await
    }

    async fn pointers(&self, room: &str, done: PointersDone) -> Result<(), StoreError> {
        let room = room.to_owned();
        self.queue(move |within| Box::pin(pointers(within.connection, room)), done).await
    }

    async fn counts(
        &self,
        room: &str,
        people: &[String],
    ) -> Result<Vec<(String, Counts)>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            count_columns!(),
            " FROM members me JOIN rooms r ON r.id = me.room
              WHERE r.public_id = ?1 AND r.public_id <> '' AND me.role <> 'banned'
              AND me.person IN (SELECT value FROM json_each(?2))"
        ))
        .bind(room)
        .bind(serde_json::to_string(people).unwrap_or_default())
        .bind(UNREAD_COUNTED_MAX)
        .fetch_all(&self.database.reads())
        .await?;
        let counts = |row| Ok((SqliteRow::try_get(row, "person")?, counts_in(row)?));
        Ok(rows.iter().map(counts).collect::<Result<_, sqlx::Error>>()?)
    }

    async fn counts_of(
        &self,
        person: &str,
        rooms: Option<&[String]>,
    ) -> Result<Vec<Counts>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            count_columns!(),
            " FROM members me JOIN rooms r ON r.id = me.room
              WHERE me.person = ?1 AND me.role <> 'banned' AND r.public_id <> ''
              AND (?2 IS NULL OR r.public_id IN (SELECT value FROM json_each(?2)))"
        ))
        .bind(person)
        .bind(rooms.map(|rooms| serde_json::to_string(rooms).unwrap_or_default()))
        .bind(UNREAD_COUNTED_MAX)
        .fetch_all(&self.database.reads())
        .await?;
        Ok(rows.iter().map(counts_in).collect::<Result<_, _>>()?)
    }

    async fn readers(&self, room: &str, message: i64) -> Result<Option<Readers>, StoreError> {
        let mut connection = self.database.reads().acquire().await?;
        Ok(readers(&mut connection, room, message).await?)
    }
}

/// Of whom is no member there is nothing to move.
async fn move_pointer(
    connection: &mut SqliteConnection,
    one: Move,
) -> Result<Option<Moved>, sqlx::Error> {
    let Move { room, person, to, is_back } = one;
    let found: Option<(i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT me.room, me.read, me.own,
                coalesce((SELECT max(id) FROM messages WHERE room_id = me.room AND id <= ?3), 0)
         FROM members me JOIN rooms r ON r.id = me.room
         WHERE r.public_id = ?1 AND r.public_id <> '' AND me.person = ?2 AND me.role <> 'banned'",
    )
    .bind(&room)
    .bind(&person)
    .bind(to)
    .fetch_optional(&mut *connection)
    .await?;
    let Some((row, from, own, to)) = found else { return Ok(None) };
    let to = if is_back { to } else { to.max(from) };
    if to != from {
        sqlx::query("UPDATE members SET read = ?3 WHERE room = ?1 AND person = ?2")
            .bind(row)
            .bind(&person)
            .bind(to)
            .execute(connection)
            .await?;
    }
    Ok(Some(Moved { room, person, from, to, own }))
}

async fn pointers(
    connection: &mut SqliteConnection,
    room: String,
) -> Result<Pointers, sqlx::Error> {
    let pointers = sqlx::query_as(
        "SELECT me.read, count(*) FROM members me JOIN rooms r ON r.id = me.room
         JOIN people p ON p.id = me.person AND p.closed_at IS NULL
         WHERE r.public_id = ?1 AND r.public_id <> '' AND me.role <> 'banned' GROUP BY me.read",
    )
    .bind(&room)
    .fetch_all(&mut *connection)
    .await?;
    let behind: Vec<(String, i64)> = sqlx::query_as(
        "SELECT me.person, me.read FROM members me JOIN rooms r ON r.id = me.room
         JOIN people p ON p.id = me.person AND p.closed_at IS NULL
         WHERE r.public_id = ?1 AND r.public_id <> '' AND me.role <> 'banned' AND me.read < me.own",
    )
    .bind(&room)
    .fetch_all(connection)
    .await?;
    let behind = behind.into_iter().map(|(person, read)| Behind { person, read }).collect();
    Ok(Pointers { pointers, behind })
}

/// A row of [`count_columns`].
fn counts_in(row: &SqliteRow) -> Result<Counts, sqlx::Error> {
    Ok(Counts {
        room: row.try_get("public_id")?,
        read: row.try_get("read")?,
        unread: row.try_get("unread")?,
        mentions: row.try_get::<u32, _>("mentions")?.min(UNREAD_COUNTED_MAX),
    })
}

async fn readers(
    connection: &mut SqliteConnection,
    room: &str,
    message: i64,
) -> Result<Option<Readers>, sqlx::Error> {
    let found: Option<(i64, Option<String>, i64)> = sqlx::query_as(
        "SELECT m.room_id, m.person, m.at FROM messages m JOIN rooms r ON r.id = m.room_id
         WHERE m.id = ?2 AND r.public_id = ?1 AND r.public_id <> '' AND m.deleted_at IS NULL",
    )
    .bind(room)
    .bind(message)
    .fetch_optional(&mut *connection)
    .await?;
    let Some((row, author, at)) = found else { return Ok(None) };
    // Whoever came later has not read it because they had a look at it.
    let rows = sqlx::query(
        "SELECT p.id, p.role, p.name, p.colour, p.picture, me.read >= ?2 AS has_read
         FROM members me JOIN people p ON p.id = me.person AND p.closed_at IS NULL
         WHERE me.room = ?1 AND me.role <> 'banned' AND me.person IS NOT ?3
         AND (me.read < ?2 OR me.joined_at <= ?4) ORDER BY p.name, p.id",
    )
    .bind(row)
    .bind(message)
    .bind(author)
    .bind(at)
    .fetch_all(connection)
    .await?;
    let mut readers = Readers::default();
    for row in &rows {
        let (people, count) = match row.try_get("has_read")? {
            true => (&mut readers.read, &mut readers.read_count),
            false => (&mut readers.unread, &mut readers.unread_count),
        };
        *count += 1;
        if *count <= READERS_MAX {
            people.push(person(row)?);
        }
    }
    Ok(Some(readers))
}
