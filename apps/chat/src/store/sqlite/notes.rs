//! The notes' chat: messages by the names of rooms and people.

use async_trait::async_trait;
use sqlx::Row as _;

use super::accounts::{NewPersonRow, insert_person};
use super::messages::{NewRow, insert};
use super::rooms::{NewRoomRow, insert_room};
use super::writer::Within;
use super::{Sqlite, StoreError};
use crate::accounts::contract::Role;
use crate::accounts::hue_of;
use crate::contract::FIRST_ROOM;
use crate::id::new_id;
use crate::input::RoomName;
use crate::messages::contract::{Author, Message};
use crate::messages::store::Said;
use crate::names::Skeleton;
use crate::notes::contract::{HISTORY_BYTES_MAX, HISTORY_MESSAGES_MAX, PICTURE, StoredMessage};
use crate::notes::store::{Found, NotesStore, Post, PostDone};
use crate::rooms::contract::RoomKind;

#[async_trait]
impl NotesStore for Sqlite {
    async fn post(&self, post: Post, done: PostDone) -> Result<(), StoreError> {
        self.queue(
            move |within| Box::pin(store(within, post)),
            |posted| done(posted.and_then(|posted| posted)),
        )
        .await
    }

    async fn history(&self, room: &RoomName) -> Result<Vec<StoredMessage>, StoreError> {
        let rows = sqlx::query(
            "SELECT m.id, m.name, m.msg, m.at, (SELECT count(*) FROM pictures WHERE message = m.id) AS pictures
             FROM messages m
             WHERE m.room_id = (SELECT id FROM rooms WHERE name = ?1 AND kind = 'open')
             AND m.deleted_at IS NULL
             ORDER BY m.id DESC LIMIT ?2",
        )
        .bind(room.as_str())
        .bind(HISTORY_MESSAGES_MAX)
        .fetch_all(&self.database.reads())
        .await?;
        let mut bytes = 0;
        let mut messages = Vec::with_capacity(rows.len());
        for row in &rows {
            let name: String = row.try_get("name")?;
            let msg = with_pictures(row.try_get("msg")?, row.try_get("pictures")?);
            bytes += name.len() + msg.len();
            if bytes > HISTORY_BYTES_MAX {
                break;
            }
            messages.push(StoredMessage {
                id: row.try_get("id")?,
                name,
                msg,
                at: row.try_get("at")?,
            });
        }
        messages.reverse();
        Ok(messages)
    }

    async fn find(&self, room: &RoomName) -> Result<Found, StoreError> {
        let rows = sqlx::query(
            "SELECT name = ?1 AS is_same, kind, public_id FROM rooms WHERE skeleton = ?2",
        )
        .bind(room.as_str())
        .bind(room.skeleton().as_str())
        .fetch_all(&self.database.reads())
        .await?;
        for row in &rows {
            if row.try_get("is_same")? {
                let kind: &str = row.try_get("kind")?;
                return Ok(match kind {
                    "open" => Found::Room(row.try_get("public_id")?),
                    _ => Found::Closed,
                });
            }
        }
        Ok(match rows.is_empty() {
            false => Found::Twin,
            true if room.skeleton() == Skeleton::of(FIRST_ROOM) => Found::Twin,
            true => Found::Nothing,
        })
    }
}

/// Stores a message with the room and the guest it needs.
async fn store(within: Within<'_>, post: Post) -> Result<Result<Said, StoreError>, sqlx::Error> {
    let Within { connection, at, known } = within;
    if post.room_id.is_none() && !known.rooms.contains(post.room.as_str()) {
        let name = post.room.as_str();
        let maker = post.origin.to_string();
        let room = NewRoomRow {
            name,
            skeleton: Some(post.room.skeleton()),
            title: name,
            kind: RoomKind::Open,
            maker: Some(&maker),
        };
        insert_room(connection, &room, at).await?;
        known.rooms.insert(name.to_owned());
    }
    let room = match &post.room_id {
        Some(id) => sqlx::query(
            "SELECT id, public_id, name FROM rooms WHERE public_id = ?1 AND public_id <> '' AND kind = 'open'",
        )
        .bind(id),
        None => {
            sqlx::query("SELECT id, public_id, name FROM rooms WHERE name = ?1 AND kind = 'open'")
                .bind(post.room.as_str())
        }
    };
    let room = room.fetch_optional(&mut *connection).await?;
    // Its owner has closed it meanwhile.
    let Some(room) = room else { return Ok(Err(StoreError::Gone)) };
    let guest = NewPersonRow {
        id: &new_id(),
        role: Role::Guest,
        name: post.name.as_str(),
        skeleton: Some(post.name.skeleton()),
        colour: hue_of(post.name.as_str()),
        visitor: Some(post.sender.as_str()),
        ..NewPersonRow::default()
    };
    insert_person(connection, &guest, at).await?;
    let guest = sqlx::query("SELECT id, colour FROM people WHERE visitor = ?1 AND name = ?2")
        .bind(post.sender.as_str())
        .bind(post.name.as_str())
        .fetch_one(&mut *connection)
        .await?;
    let by = Author {
        id: guest.try_get("id")?,
        name: post.name.as_str().to_owned(),
        colour: guest.try_get("colour")?,
        picture: None,
    };
    let open_name = room.try_get("name")?;
    let new = NewRow {
        room: room.try_get("id")?,
        room_id: room.try_get("public_id")?,
        by,
        text: post.text.as_str(),
        sender: post.sender.as_str(),
        key: post.key.as_ref().map(|key| key.as_str()),
        ..NewRow::default()
    };
    let posted = insert(connection, new, at).await?;
    Ok(posted.map(|posted| Said {
        posted,
        open_name: Some(open_name),
        returned: Vec::new(),
        read_before: None,
    }))
}

impl From<&Message> for StoredMessage {
    fn from(message: &Message) -> Self {
        StoredMessage {
            id: message.id,
            name: message.by.name.clone(),
            msg: with_pictures(&message.text, message.pictures.len() as u32),
            at: message.at,
        }
    }
}

/// The text of a message for who sees no pictures.
fn with_pictures(text: &str, pictures: u32) -> String {
    let mut parts = vec![text; usize::from(!text.is_empty())];
    parts.resize(parts.len() + pictures as usize, PICTURE);
    parts.join(" ")
}
