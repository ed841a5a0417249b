//! The list of rooms.

use std::collections::HashSet;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{folded, room_columns, room_of, room_tables};
use crate::rooms::contract::{ListRooms, ROOMS_PAGE_MAX};
use crate::rooms::store::{Listed, ROOMS_PINNED_MAX, ROOMS_UNREAD_MAX};

/// How many rooms are told of when nobody says how many.
const PAGE: u32 = 50;

/// Which rooms somebody may see: those that are public and can be named, and one's own.
macro_rules! is_seen {
    () => {
        "r.public_id <> '' AND r.folded LIKE ?2 ESCAPE '\\' AND
         ((r.kind IN ('open', 'password') AND r.skeleton IS NOT NULL)
          OR me.role IN ('member', 'moderator', 'owner'))"
    };
}

/// Which of one's own rooms come first: those that are pinned, and those that may have unread messages. What was said
/// last may be one's own, and is then read, unless one has gone back.
macro_rules! is_first {
    () => {
        "(coalesce(me.is_pinned, 0) = 1
          OR (coalesce(me.role, 'banned') <> 'banned' AND coalesce(r.last_message_id > me.read, 0)))"
    };
}

pub(super) async fn list(
    connection: &mut SqliteConnection,
    person: &str,
    asked: &ListRooms,
) -> Result<Listed, sqlx::Error> {
    let limit = asked.limit.unwrap_or(PAGE).clamp(1, ROOMS_PAGE_MAX);
    let title = match &asked.search {
        Some(search) => format!("%{}%", escaped(search.trim())),
        None => "%".to_owned(),
    };
    let after = asked.after.as_deref().and_then(cursor);
    let mut rows = match after {
        None => first(connection, person, &title).await?,
        Some(_) => Vec::new(),
    };
    let (at, id) = after.unwrap_or((i64::MAX, i64::MAX));
    let mut others = sqlx::query(concat!(
        "SELECT ",
        room_columns!(),
        " FROM ",
        room_tables!(),
        " WHERE (r.active_at, r.id) < (?3, ?4) AND coalesce(me.is_pinned, 0) = 0 AND ",
        is_seen!(),
        " ORDER BY r.active_at DESC, r.id DESC LIMIT ?5"
    ))
    .bind(person)
    .bind(&title)
    .bind(at)
    .bind(id)
    .bind(limit + 1)
    .fetch_all(connection)
    .await?;
    let next = if others.len() > limit as usize {
        others.truncate(limit as usize);
        others.last().map(cursor_of).transpose()?
    } else {
        None
    };
    // Those with unread messages have their place among the others, too.
    let known = rows.iter().map(|row| row.try_get("row")).collect::<Result<HashSet<i64>, _>>()?;
    for row in others {
        if !known.contains(&row.try_get("row")?) {
            rows.push(row);
        }
    }
    Ok(Listed { rooms: rows.iter().map(room_of).collect::<Result<_, _>>()?, next })
}

/// The rooms of the first page that come before the others.
async fn first(
    connection: &mut SqliteConnection,
    person: &str,
    title: &str,
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    sqlx::query(concat!(
        "SELECT ",
        room_columns!(),
        " FROM ",
        room_tables!(),
        " WHERE r.id IN (SELECT room FROM members WHERE person = ?1) AND ",
        is_first!(),
        " AND ",
        is_seen!(),
        " ORDER BY coalesce(me.is_pinned, 0) DESC, r.active_at DESC, r.id DESC LIMIT ?3"
    ))
    .bind(person)
    .bind(title)
    .bind(ROOMS_PINNED_MAX + ROOMS_UNREAD_MAX)
    .fetch_all(connection)
    .await
}

/// What is searched for, for `LIKE … ESCAPE '\'`, in the form that titles have.
fn escaped(search: &str) -> String {
    let mut pattern = String::with_capacity(search.len());
    for c in folded(search).chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

fn cursor_of(row: &SqliteRow) -> Result<String, sqlx::Error> {
    let (at, id): (i64, i64) = (row.try_get("active_at")?, row.try_get("row")?);
    Ok(format!("{at}.{id}"))
}

/// What is no cursor of ours begins at the beginning.
fn cursor(text: &str) -> Option<(i64, i64)> {
    let (at, id) = text.split_once('.')?;
    Some((at.parse().ok()?, id.parse().ok()?))
}
