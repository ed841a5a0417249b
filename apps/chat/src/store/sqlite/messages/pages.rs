//! Pages of a room's messages.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::rows::{message, message_columns, message_tables};
use crate::messages::contract::{
    CHANGED_MAX, HISTORY_BYTES_MAX, HISTORY_MESSAGES_MAX, History, Message,
};
use crate::messages::store::{Changes, Page};
use crate::rooms::contract::Known;

/// Of the messages about one, so many parts of ten are those before it.
const BEFORE_PARTS: u32 = 3;

/// A part of a history, the nearest message first, and whether there are more.
struct Part {
    messages: Vec<Message>,
    has_more: bool,
}

pub(super) async fn page(
    connection: &mut SqliteConnection,
    room: &str,
    person: &str,
    page: Page,
    limit: u32,
) -> Result<History, sqlx::Error> {
    let limit = limit.clamp(1, HISTORY_MESSAGES_MAX);
    let Some((row, read)) = room_and_pointer(connection, room, person).await? else {
        return Ok(History::default());
    };
    let mut of = Of { connection, room: row, person };
    let page = match page {
        Page::Unread => match first_unread(of.connection, row, person, read).await? {
            Some(id) => Page::Around(id),
            None => Page::Newest,
        },
        page => page,
    };
    match page {
        Page::Newest | Page::Unread => {
            let part = of.before(i64::MAX, limit, HISTORY_BYTES_MAX).await?;
            Ok(joined(part, Part { messages: Vec::new(), has_more: false }))
        }
        Page::Before(id) => {
            let part = of.before(id, limit, HISTORY_BYTES_MAX).await?;
            let has_more = of.has_from(id).await?;
            Ok(joined(part, Part { messages: Vec::new(), has_more }))
        }
        Page::After(id) => {
            let part = of.after(id, limit, HISTORY_BYTES_MAX).await?;
            let has_more = of.has_to(id).await?;
            Ok(joined(Part { messages: Vec::new(), has_more }, part))
        }
        Page::Around(id) => {
            // What is not there before it is not made up for: the newest ones come anyway.
            let share = limit * BEFORE_PARTS / 10;
            let before = of.before(id, share, HISTORY_BYTES_MAX / 2).await?;
            let rest = limit - u32::try_from(before.messages.len()).unwrap_or(limit);
            let after = of.after(id - 1, rest, HISTORY_BYTES_MAX / 2).await?;
            if after.has_more || after.messages.len() as u32 >= rest || !before.has_more {
                return Ok(joined(before, after));
            }
            // Near to the end, the page is filled from before.
            let rest = limit - u32::try_from(after.messages.len()).unwrap_or(limit);
            let before = of.before(id, rest, HISTORY_BYTES_MAX / 2).await?;
            Ok(joined(before, after))
        }
    }
}

pub(super) async fn changes(
    connection: &mut SqliteConnection,
    room: &str,
    person: &str,
    known: Option<Known>,
) -> Result<Changes, sqlx::Error> {
    let found: Option<(i64, i64, i64)> = sqlx::query_as(
        "SELECT id, change, pruned FROM rooms WHERE public_id = ?1 AND public_id <> ''",
    )
    .bind(room)
    .fetch_optional(&mut *connection)
    .await?;
    let Some((row, change, pruned)) = found else { return Ok(Changes::default()) };
    let Some(known) = known else {
        return Ok(Changes { change, pruned, changed: Some(Vec::new()) });
    };
    let rows = sqlx::query(concat!(
        "SELECT ",
        message_columns!(),
        " FROM ",
        message_tables!(),
        " WHERE m.room_id = ?2 AND m.change > ?3 AND m.id <= ?4 ORDER BY m.change LIMIT ?5"
    ))
    .bind(person)
    .bind(row)
    .bind(known.change)
    .bind(known.newest)
    .bind(CHANGED_MAX + 1)
    .fetch_all(connection)
    .await?;
    let is_too_many = rows.len() > CHANGED_MAX as usize || known.change > change;
    let changed =
        if is_too_many { None } else { Some(rows.iter().map(message).collect::<Result<_, _>>()?) };
    Ok(Changes { change, pruned, changed })
}

/// The row of a room, and how far somebody has read in it.
async fn room_and_pointer(
    connection: &mut SqliteConnection,
    room: &str,
    person: &str,
) -> Result<Option<(i64, Option<i64>)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT r.id, me.read FROM rooms r
         LEFT JOIN members me ON me.room = r.id AND me.person = ?2
         WHERE r.public_id = ?1 AND r.public_id <> ''",
    )
    .bind(room)
    .bind(person)
    .fetch_optional(connection)
    .await
}

/// The oldest message behind somebody's pointer by others whom they have not blocked.
async fn first_unread(
    connection: &mut SqliteConnection,
    room: i64,
    person: &str,
    read: Option<i64>,
) -> Result<Option<i64>, sqlx::Error> {
    let Some(read) = read else { return Ok(None) };
    sqlx::query_scalar(
        "SELECT id FROM messages WHERE room_id = ?1 AND id > ?2 AND deleted_at IS NULL
         AND person IS NOT ?3
         AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.person = ?3 AND b.blocked = messages.person)
         ORDER BY id LIMIT 1",
    )
    .bind(room)
    .bind(read)
    .bind(person)
    .fetch_optional(connection)
    .await
}

/// The messages of a room, as a person sees them.
struct Of<'a> {
    connection: &'a mut SqliteConnection,
    room: i64,
    person: &'a str,
}

impl Of<'_> {
    /// Those before an id, the newest first.
    async fn before(&mut self, id: i64, limit: u32, bytes: usize) -> Result<Part, sqlx::Error> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            message_columns!(),
            " FROM ",
            message_tables!(),
            " WHERE m.room_id = ?2 AND m.id < ?3 ORDER BY m.id DESC LIMIT ?4"
        ))
        .bind(self.person)
        .bind(self.room)
        .bind(id)
        .bind(limit + 1)
        .fetch_all(&mut *self.connection)
        .await?;
        part(&rows, limit, bytes)
    }

    /// Those behind an id, the oldest first.
    async fn after(&mut self, id: i64, limit: u32, bytes: usize) -> Result<Part, sqlx::Error> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            message_columns!(),
            " FROM ",
            message_tables!(),
            " WHERE m.room_id = ?2 AND m.id > ?3 ORDER BY m.id LIMIT ?4"
        ))
        .bind(self.person)
        .bind(self.room)
        .bind(id)
        .bind(limit + 1)
        .fetch_all(&mut *self.connection)
        .await?;
        part(&rows, limit, bytes)
    }

    /// Whether there are messages from this id on.
    async fn has_from(&mut self, id: i64) -> Result<bool, sqlx::Error> {
        self.exists("SELECT EXISTS (SELECT 1 FROM messages WHERE room_id = ?1 AND id >= ?2)", id)
            .await
    }

    /// Whether there are messages up to this id.
    async fn has_to(&mut self, id: i64) -> Result<bool, sqlx::Error> {
        self.exists("SELECT EXISTS (SELECT 1 FROM messages WHERE room_id = ?1 AND id <= ?2)", id)
            .await
    }

    async fn exists(&mut self, query: &'static str, id: i64) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(query).bind(self.room).bind(id).fetch_one(&mut *self.connection).await
    }
}

/// As many as there may be, but one at least where there is one.
fn part(rows: &[SqliteRow], limit: u32, bytes_max: usize) -> Result<Part, sqlx::Error> {
    let mut bytes = 0;
    let mut messages = Vec::with_capacity(rows.len());
    for row in rows.iter().take(limit as usize) {
        let text: &str = row.try_get("msg")?;
        bytes += text.len() + row.try_get::<&str, _>("name")?.len();
        if bytes > bytes_max && !messages.is_empty() {
            break;
        }
        messages.push(message(row)?);
    }
    let has_more = messages.len() < rows.len();
    Ok(Part { messages, has_more })
}

fn joined(before: Part, after: Part) -> History {
    let Part { mut messages, has_more } = before;
    messages.reverse();
    messages.extend(after.messages);
    History { messages, has_before: has_more, has_after: after.has_more }
}
