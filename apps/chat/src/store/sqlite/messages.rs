//! Messages.

mod pages;
mod rows;
mod touch;

use async_trait::async_trait;
use sqlx::{Row as _, SqliteConnection};

use super::accounts::person;
use super::pictures;
use super::rooms::insert_member;
use super::writer::Within;
use super::{Sqlite, StoreError};
use crate::accounts::contract::Person;
use crate::input::{Emoji, MessageText};
use crate::messages::contract::{Author, Edit, History, Message, REACTORS_MAX};
use crate::messages::mentions::{is_for_all, is_mentioned};
use crate::messages::store::{
    Changes, EditedMessage, MessageStore, NewMessage, Page, ReactedMessage, Said, SaidDone, Touch,
    TouchDone, TouchError,
};
use crate::notes::store::Posted;
use crate::rooms::contract::{Known, RoomRole};
use rows::message_by_id;

/// A message that is to be written.
#[derive(Default)]
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
    /// The ids of pictures that were sent to the room by whoever says it.
    pub(super) pictures: &'a [String],
    /// The id of the message that it answers.
    pub(super) reply_to: Option<i64>,
    /// The ids of people who are mentioned if they are members and their names stand in the text.
    pub(super) mentions: Vec<String>,
}

/// The outer error is that of the transaction.
fn flat<T>(touched: Result<Result<T, TouchError>, StoreError>) -> Result<T, TouchError> {
    touched.map_err(TouchError::from).and_then(|touched| touched)
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

    async fn edit(
        &self,
        touch: Touch,
        text: MessageText,
        mentions: Vec<String>,
        done: TouchDone<EditedMessage>,
    ) -> Result<(), StoreError> {
        self.queue(
            move |within| Box::pin(touch::edit(within, touch, text, mentions)),
            |edited| done(flat(edited)),
        )
        .await
    }

    async fn delete(&self, touch: Touch, done: TouchDone<EditedMessage>) -> Result<(), StoreError> {
        self.queue(
            move |within| Box::pin(touch::delete(within, touch)),
            |deleted| done(flat(deleted)),
        )
        .await
    }

    async fn react(
        &self,
        touch: Touch,
        emoji: Emoji,
        is_on: bool,
        done: TouchDone<ReactedMessage>,
    ) -> Result<(), StoreError> {
        self.queue(
            move |within| Box::pin(touch::react(within, touch, emoji, is_on)),
            |reaction| done(flat(reaction)),
        )
        .await
    }

    async fn page(
        &self,
        room: &str,
        person: &str,
        page: Page,
        limit: u32,
    ) -> Result<History, StoreError> {
        let mut connection = self.database.reads().acquire().await?;
        Ok(pages::page(&mut connection, room, person, page, limit).await?)
    }

    async fn changes(
        &self,
        room: &str,
        person: &str,
        known: Option<Known>,
    ) -> Result<Changes, StoreError> {
        let mut connection = self.database.reads().acquire().await?;
        Ok(pages::changes(&mut connection, room, person, known).await?)
    }

    async fn edits(&self, room: &str, message: i64) -> Result<Vec<Edit>, StoreError> {
        let edits: Vec<(String, i64)> = sqlx::query_as(
            "SELECT e.msg, e.until FROM edits e JOIN messages m ON m.id = e.message
             JOIN rooms r ON r.id = m.room_id
             WHERE r.public_id = ?1 AND r.public_id <> '' AND m.id = ?2 ORDER BY e.id",
        )
        .bind(room)
        .bind(message)
        .fetch_all(&self.database.reads())
        .await?;
        Ok(edits.into_iter().map(|(text, until)| Edit { text, until }).collect())
    }

    async fn reactors(
        &self,
        room: &str,
        message: i64,
        emoji: &str,
    ) -> Result<Vec<Person>, StoreError> {
        let rows = sqlx::query(
            "SELECT p.id, p.role, p.name, p.colour, p.picture FROM reactions x
             JOIN people p ON p.id = x.person JOIN messages m ON m.id = x.message
             JOIN rooms r ON r.id = m.room_id
             WHERE r.public_id = ?1 AND r.public_id <> '' AND m.id = ?2 AND x.emoji = ?3
             ORDER BY x.at, p.id LIMIT ?4",
        )
        .bind(room)
        .bind(message)
        .bind(emoji)
        .bind(REACTORS_MAX)
        .fetch_all(&self.database.reads())
        .await?;
        Ok(rows.iter().map(person).collect::<Result<_, _>>()?)
    }
}

async fn say(
    within: Within<'_>,
    message: NewMessage,
) -> Result<Result<Said, StoreError>, sqlx::Error> {
    let Within { connection, at, .. } = within;
    // Whoever is banned or was removed is as one who never was there.
    let room = sqlx::query(
        "SELECT r.id, r.kind, r.name, me.muted_until, me.read FROM rooms r
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
    let read_before = room.try_get("read")?;
    let sender = format!("person {}", message.by.id);
    let new = NewRow {
        room: row,
        room_id: message.room,
        by: message.by,
        text: message.text.as_str(),
        sender: &sender,
        key: Some(message.key.as_str()),
        pictures: &message.pictures,
        reply_to: message.reply_to,
        mentions: message.mentions,
    };
    let posted = insert(connection, new, at).await?;
    Ok(posted.map(|posted| Said { posted, open_name, returned, read_before }))
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
    let is_for_all = is_for_all(new.text);
    let inserted: Option<i64> = sqlx::query_scalar(
        "INSERT INTO messages (room_id, person, name, msg, at, key, sender, reply_to, is_for_all)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind(new.room)
    .bind(&new.by.id)
    .bind(&new.by.name)
    .bind(new.text)
    .bind(at)
    .bind(new.key)
    .bind(new.sender)
    .bind(new.reply_to)
    .bind(is_for_all)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(id) = inserted else { return known(connection, &new).await };
    if !pictures::attach(connection, &new, id).await? {
        sqlx::query("DELETE FROM messages WHERE id = ?1").bind(id).execute(connection).await?;
        return Ok(Err(StoreError::PictureGone));
    }
    sqlx::query("UPDATE rooms SET last_message_id = ?1, active_at = ?2 WHERE id = ?3")
        .bind(id)
        .bind(at)
        .bind(new.room)
        .execute(&mut *connection)
        .await?;
    // Whoever says something has read what was said before.
    sqlx::query("UPDATE members SET read = ?1, own = ?1 WHERE room = ?2 AND person = ?3")
        .bind(id)
        .bind(new.room)
        .bind(&new.by.id)
        .execute(&mut *connection)
        .await?;
    let about = About { room: new.room, message: id, by: &new.by.id };
    let mentions = &new.mentions;
    let has_more = mention(connection, about, new.text, mentions, is_for_all).await?;
    if has_more || new.reply_to.is_some() || !new.pictures.is_empty() {
        let stored = message_by_id(connection, id, &new.by.id).await?;
        return Ok(Ok(Posted::New(stored.ok_or(sqlx::Error::RowNotFound)?)));
    }
    let (by, text) = (new.by, new.text.to_owned());
    Ok(Ok(Posted::New(Message { id, room: new.room_id, by, text, at, ..Message::default() })))
}

/// What was stored under the key before.
async fn known(
    connection: &mut SqliteConnection,
    new: &NewRow<'_>,
) -> Result<Result<Posted, StoreError>, sqlx::Error> {
    let id = sqlx::query_scalar(
        "SELECT id FROM messages WHERE room_id = ?1 AND key = ?2 AND sender = ?3",
    )
    .bind(new.room)
    .bind(new.key)
    .bind(new.sender)
    .fetch_one(&mut *connection)
    .await?;
    let stored = message_by_id(connection, id, &new.by.id).await?;
    let stored = stored.ok_or(sqlx::Error::RowNotFound)?;
    // Perhaps it says something else meanwhile.
    let is_text = stored.change > 0 || stored.text == new.text;
    let has_pictures =
        stored.is_deleted || stored.pictures.iter().map(|picture| &picture.id).eq(new.pictures);
    let is_same = is_text && has_pictures && stored.by.id == new.by.id;
    Ok(if is_same { Ok(Posted::Known(stored)) } else { Err(StoreError::KeyReused) })
}

/// A message, in its room, and its author.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) room: i64,
    pub(super) message: i64,
    pub(super) by: &'a str,
}

/// Notes whom a text mentions; whether it mentions somebody. Its author is not among them.
pub(super) async fn mention(
    connection: &mut SqliteConnection,
    about: About<'_>,
    text: &str,
    people: &[String],
    is_for_all: bool,
) -> Result<bool, sqlx::Error> {
    let mut mentioned: Vec<(String, String)> = Vec::new();
    if !people.is_empty() {
        let members: Vec<(String, String)> = sqlx::query_as(
            "SELECT p.id, p.name FROM people p
             JOIN members m ON m.person = p.id AND m.room = ?1 AND m.role <> 'banned'
             WHERE p.id <> ?2 AND p.id IN (SELECT value FROM json_each(?3)) ORDER BY p.name, p.id",
        )
        .bind(about.room)
        .bind(about.by)
        .bind(serde_json::to_string(people).unwrap_or_default())
        .fetch_all(&mut *connection)
        .await?;
        mentioned.extend(members.into_iter().filter(|(_, name)| is_mentioned(text, name)));
    }
    if is_for_all {
        mentioned.push(("*".to_owned(), String::new()));
    }
    for (person, name) in &mentioned {
        sqlx::query("INSERT INTO mentions (message, person, room, name) VALUES (?1, ?2, ?3, ?4)")
            .bind(about.message)
            .bind(person)
            .bind(about.room)
            .bind(name)
            .execute(&mut *connection)
            .await?;
    }
    Ok(!mentioned.is_empty())
}
