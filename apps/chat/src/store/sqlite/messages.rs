//! Messages.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::rooms::insert_member;
use super::writer::Within;
use super::{Sqlite, StoreError};
use crate::messages::contract::{Author, HISTORY_BYTES_MAX, HISTORY_MESSAGES_MAX, Message};
use crate::messages::store::{MessageStore, NewMessage, Said, SaidDone};
use crate::notes::store::Posted;
use crate::rooms::contract::RoomRole;

/// A message that is to be written.
pub(super) struct NewRow<'a> {
    /// The row of the room.
    pub(super) room: i64,
    /// The room's id for people.
    pub(super) room_id: String,
    pub(super) by: Author,
    pub(super) text: &'a str,
    /// Whose key it is.
    pub(super) sender: &'a str,
    pub(super) key: Option<&'a str>,
}

#[async_trait]
impl MessageStore for Sqlite {
    async fn say(&self, message: NewMessage, done: SaidDone) -> Result<(), StoreError> {
        self.queue(
            move |within| Box::pin(say(within, message)),
            |said| done(said.and_then(|said| said)),
        )
        .await
    }

    async fn newest(&self, room: &str) -> Result<(Vec<Message>, bool), StoreError> {
        let rows = sqlx::query(
            "SELECT m.id, r.public_id, m.person, m.name, p.colour, p.picture, m.msg, m.at
             FROM rooms r JOIN messages m ON m.room_id = r.id
             LEFT JOIN people p ON p.id = m.person
             WHERE r.public_id = ?1 AND r.public_id <> '' ORDER BY m.id DESC LIMIT ?2",
        )
        .bind(room)
        .bind(HISTORY_MESSAGES_MAX + 1)
        .fetch_all(&self.database.reads())
        .await?;
        let mut bytes = 0;
        let mut messages = Vec::with_capacity(rows.len());
        for row in &rows {
            let message = message(row)?;
            bytes += message.by.name.len() + message.text.len();
            if bytes > HISTORY_BYTES_MAX || messages.len() == HISTORY_MESSAGES_MAX as usize {
                break;
            }
            messages.push(message);
        }
        let has_more = messages.len() < rows.len();
        messages.reverse();
        Ok((messages, has_more))
    }
}

async fn say(
    within: Within<'_>,
    message: NewMessage,
) -> Result<Result<Said, StoreError>, sqlx::Error> {
    let Within { connection, at, .. } = within;
    // Whoever is banned or was removed is as one who never was there.
    let room = sqlx::query(
        "SELECT r.id, r.kind, r.name, me.muted_until FROM rooms r
         JOIN members me ON me.room = r.id AND me.person = ?2 AND me.role <> 'banned'
         WHERE r.public_id = ?1 AND r.public_id <> ''",
    )
    .bind(&message.room)
    .bind(&message.by.id)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(room) = room else { return Ok(Err(StoreError::Gone)) };
    let (row, kind): (i64, &str) = (room.try_get("id")?, room.try_get("kind")?);
    if let Some(until) = room.try_get::<Option<i64>, _>("muted_until")?
        && until > at
    {
        return Ok(Err(StoreError::Muted(until - at)));
    }
    let open_name = if kind == "open" { Some(room.try_get("name")?) } else { None };
    let returned = match kind {
        "direct" => match bring_back(connection, row, &message.by.id, at).await? {
            Some(returned) => returned,
            None => return Ok(Err(StoreError::Gone)),
        },
        _ => Vec::new(),
    };
    let sender = format!("person {}", message.by.id);
    let new = NewRow {
        room: row,
        room_id: message.room,
        by: message.by,
        text: message.text.as_str(),
        sender: &sender,
        key: Some(message.key.as_str()),
    };
    let posted = insert(connection, new, at).await?;
    Ok(posted.map(|posted| Said { posted, open_name, returned }))
}

/// Of two people who write to each other, the one who has left is a member again; who is. `None`: the other one has
/// blocked the one who writes, or is no account any more.
async fn bring_back(
    connection: &mut SqliteConnection,
    room: i64,
    by: &str,
    at: i64,
) -> Result<Option<Vec<String>>, sqlx::Error> {
    let others: Vec<(String, bool)> = sqlx::query_as(
        "SELECT p.id, p.closed_at IS NULL AND NOT EXISTS
            (SELECT 1 FROM blocks WHERE person = p.id AND blocked = ?2)
         FROM people p, rooms r WHERE r.id = ?1 AND p.id <> ?2
         AND p.id IN (SELECT value FROM json_each(r.direct_key))",
    )
    .bind(room)
    .bind(by)
    .fetch_all(&mut *connection)
    .await?;
    let [(other, is_reached)] = &*others else { return Ok(Some(Vec::new())) };
    if !is_reached {
        return Ok(None);
    }
    let is_back = insert_member(connection, room, other, Some(RoomRole::Member), at).await?;
    Ok(Some(if is_back { vec![other.clone()] } else { Vec::new() }))
}

/// The outer error fails the transaction, the inner one only this message.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    new: NewRow<'_>,
    at: i64,
) -> Result<Result<Posted, StoreError>, sqlx::Error> {
    let inserted: Option<i64> = sqlx::query_scalar(
        "INSERT INTO messages (room_id, person, name, msg, at, key, sender)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind(new.room)
    .bind(&new.by.id)
    .bind(&new.by.name)
    .bind(new.text)
    .bind(at)
    .bind(new.key)
    .bind(new.sender)
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(id) = inserted {
        sqlx::query("UPDATE rooms SET last_message_id = ?1, active_at = ?2 WHERE id = ?3")
            .bind(id)
            .bind(at)
            .bind(new.room)
            .execute(connection)
            .await?;
        let message = Message {
            id,
            room: new.room_id,
            by: new.by,
            text: new.text.to_owned(),
            at,
            reply: None,
            mentions: Vec::new(),
            is_for_all: false,
            pictures: Vec::new(),
            reactions: Vec::new(),
            edited_at: None,
            is_deleted: false,
            change: 0,
        };
        return Ok(Ok(Posted::New(message)));
    }
    let row = sqlx::query(
        "SELECT m.id, ?4 AS public_id, m.person, m.name, p.colour, p.picture, m.msg, m.at
         FROM messages m LEFT JOIN people p ON p.id = m.person
         WHERE m.room_id = ?1 AND m.key = ?2 AND m.sender = ?3",
    )
    .bind(new.room)
    .bind(new.key)
    .bind(new.sender)
    .bind(&new.room_id)
    .fetch_one(connection)
    .await?;
    let known = message(&row)?;
    let is_same = known.by.id == new.by.id && known.text == new.text;
    Ok(if is_same { Ok(Posted::Known(known)) } else { Err(StoreError::KeyReused) })
}

/// A row of `id, public_id, person, name, colour, picture, msg, at`.
pub(super) fn message(row: &SqliteRow) -> Result<Message, sqlx::Error> {
    Ok(Message {
        reply: None,
        mentions: Vec::new(),
        is_for_all: false,
        pictures: Vec::new(),
        reactions: Vec::new(),
        edited_at: None,
        is_deleted: false,
        change: 0,
        id: row.try_get("id")?,
        room: row.try_get("public_id")?,
        by: Author {
            id: row.try_get::<Option<_>, _>("person")?.unwrap_or_default(),
            name: row.try_get("name")?,
            colour: row.try_get::<Option<_>, _>("colour")?.unwrap_or_default(),
            picture: row.try_get("picture")?,
        },
        text: row.try_get("msg")?,
        at: row.try_get("at")?,
    })
}
