//! What is done to messages after they were said, decided and done in the writer.

use sqlx::{Row as _, SqliteConnection};

use super::rows::message_by_id;
use super::{About, mention};
use crate::input::{Emoji, MessageText};
use crate::messages::contract::{EDITS_MAX, Edited, REACTIONS_MAX, Reacted};
use crate::messages::mentions::is_for_all;
use crate::messages::store::{EditedMessage, ReactedMessage, Touch, TouchError};
use crate::rooms::access::{Access, may_delete};
use crate::store::StoreError;
use crate::store::sqlite::rooms::room_by_id;
use crate::store::sqlite::writer::Within;

/// The outer error fails the transaction, the inner one only this.
type Outcome<T> = Result<Result<T, TouchError>, sqlx::Error>;

/// A message that something is done to.
struct Here<'a> {
    connection: &'a mut SqliteConnection,
    at: i64,
    /// The row of its room.
    row: i64,
    /// The id of its room.
    room: String,
    message: i64,
    /// Whose message it is.
    author: String,
    /// Who does it.
    by: String,
}

/// What somebody does to a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Edit,
    Delete,
    React,
}

pub(super) async fn edit(
    within: Within<'_>,
    touch: Touch,
    text: MessageText,
    mentions: Vec<String>,
) -> Outcome<EditedMessage> {
    match Here::find(within, touch, Deed::Edit).await? {
        Ok(mut here) => here.edit(text.as_str(), &mentions).await,
        Err(error) => Ok(Err(error)),
    }
}

pub(super) async fn delete(within: Within<'_>, touch: Touch) -> Outcome<EditedMessage> {
    match Here::find(within, touch, Deed::Delete).await? {
        Ok(mut here) => here.delete().await.map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

pub(super) async fn react(
    within: Within<'_>,
    touch: Touch,
    emoji: Emoji,
    is_on: bool,
) -> Outcome<ReactedMessage> {
    match Here::find(within, touch, Deed::React).await? {
        Ok(mut here) => here.react(emoji.as_str(), is_on).await,
        Err(error) => Ok(Err(error)),
    }
}

impl<'a> Here<'a> {
    /// The message, if it is there and the person may do that to it now.
    async fn find(within: Within<'a>, touch: Touch, deed: Deed) -> Outcome<Self> {
        let Within { connection, at, .. } = within;
        let Touch { room, message, by } = touch;
        let Some((row, of)) = room_by_id(connection, &room, &by.id).await? else {
            return Ok(Err(StoreError::Gone.into()));
        };
        let Access::Member(_) = of.access() else { return Ok(Err(StoreError::Gone.into())) };
        let found = sqlx::query(
            "SELECT person, deleted_at IS NOT NULL AS is_deleted FROM messages WHERE id = ?1 AND room_id = ?2",
        )
        .bind(message)
        .bind(row)
        .fetch_optional(&mut *connection)
        .await?;
        let Some(found) = found else { return Ok(Err(TouchError::Gone)) };
        if found.try_get("is_deleted")? {
            return Ok(Err(TouchError::Gone));
        }
        let author = found.try_get::<Option<String>, _>("person")?.unwrap_or_default();
        let is_own = author == by.id;
        let may = match deed {
            Deed::Edit => is_own,
            Deed::Delete => is_own || may_delete(&of, by.role),
            Deed::React => true,
        };
        if !may {
            return Ok(Err(TouchError::Forbidden));
        }
        let muted_until = of.place.and_then(|place| place.muted_until);
        if let Some(until) = muted_until.filter(|until| *until > at)
            && deed != Deed::Delete
        {
            return Ok(Err(StoreError::Muted(until - at).into()));
        }
        Ok(Ok(Here { connection, at, row, room, message, author, by: by.id }))
    }
}

impl Here<'_> {
    async fn edit(&mut self, text: &str, people: &[String]) -> Outcome<EditedMessage> {
        if text.is_empty() && !self.has_pictures().await? {
            return Ok(Err(TouchError::Empty));
        }
        let edits: u32 = sqlx::query_scalar("SELECT count(*) FROM edits WHERE message = ?1")
            .bind(self.message)
            .fetch_one(&mut *self.connection)
            .await?;
        if edits >= EDITS_MAX {
            return Ok(Err(TouchError::TooMany));
        }
        sqlx::query("INSERT INTO edits (message, msg, until) SELECT id, msg, ?2 FROM messages WHERE id = ?1")
            .bind(self.message)
            .bind(self.at)
            .execute(&mut *self.connection)
            .await?;
        let is_for_all = is_for_all(text);
        sqlx::query("UPDATE messages SET msg = ?2, edited_at = ?3, is_for_all = ?4 WHERE id = ?1")
            .bind(self.message)
            .bind(text)
            .bind(self.at)
            .bind(is_for_all)
            .execute(&mut *self.connection)
            .await?;
        self.run("DELETE FROM mentions WHERE message = ?1").await?;
        let about = About { room: self.row, message: self.message, by: &self.author };
        mention(self.connection, about, text, people, is_for_all).await?;
        self.edited().await.map(Ok)
    }

    async fn delete(&mut self) -> Result<EditedMessage, sqlx::Error> {
        sqlx::query(
            "UPDATE messages SET msg = '', edited_at = NULL, is_for_all = 0, deleted_at = ?2 WHERE id = ?1",
        )
        .bind(self.message)
        .bind(self.at)
        .execute(&mut *self.connection)
        .await?;
        self.run("DELETE FROM edits WHERE message = ?1").await?;
        self.run("DELETE FROM mentions WHERE message = ?1").await?;
        self.run("DELETE FROM pictures WHERE message = ?1").await?;
        self.run("DELETE FROM reactions WHERE message = ?1").await?;
        let changed = self.edited().await?;
        sqlx::query(
            "UPDATE rooms SET last_message_id =
                (SELECT max(id) FROM messages WHERE room_id = ?1 AND deleted_at IS NULL)
             WHERE id = ?1 AND last_message_id = ?2",
        )
        .bind(self.row)
        .bind(self.message)
        .execute(&mut *self.connection)
        .await?;
        Ok(changed)
    }

    async fn react(&mut self, emoji: &str, is_on: bool) -> Outcome<ReactedMessage> {
        let changed = if is_on {
            let others: u32 = sqlx::query_scalar(
                "SELECT count(DISTINCT emoji) FROM reactions WHERE message = ?1 AND emoji <> ?2",
            )
            .bind(self.message)
            .bind(emoji)
            .fetch_one(&mut *self.connection)
            .await?;
            if others >= REACTIONS_MAX {
                return Ok(Err(TouchError::TooMany));
            }
            sqlx::query(
                "INSERT INTO reactions (message, emoji, person, at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO NOTHING",
            )
            .bind(self.message)
            .bind(emoji)
            .bind(&self.by)
            .bind(self.at)
            .execute(&mut *self.connection)
            .await?
        } else {
            sqlx::query("DELETE FROM reactions WHERE message = ?1 AND emoji = ?2 AND person = ?3")
                .bind(self.message)
                .bind(emoji)
                .bind(&self.by)
                .execute(&mut *self.connection)
                .await?
        };
        let is_changed = changed.rows_affected() > 0;
        let count =
            sqlx::query_scalar("SELECT count(*) FROM reactions WHERE message = ?1 AND emoji = ?2")
                .bind(self.message)
                .bind(emoji)
                .fetch_one(&mut *self.connection)
                .await?;
        let change = if is_changed { self.change().await? } else { 0 };
        let reacted = Reacted {
            room: self.room.clone(),
            message: self.message,
            emoji: emoji.to_owned(),
            count,
            person: self.by.clone(),
            is_on,
            change,
        };
        Ok(Ok(ReactedMessage { reacted, is_changed }))
    }

    /// Whether the message has pictures.
    async fn has_pictures(&mut self) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pictures WHERE message = ?1)")
            .bind(self.message)
            .fetch_one(&mut *self.connection)
            .await
    }

    /// What everybody is told of the message, which is otherwise now.
    async fn edited(&mut self) -> Result<EditedMessage, sqlx::Error> {
        let change = self.change().await?;
        let now = message_by_id(self.connection, self.message, &self.by).await?;
        let now = now.ok_or(sqlx::Error::RowNotFound)?;
        let newest: Option<i64> =
            sqlx::query_scalar("SELECT last_message_id FROM rooms WHERE id = ?1")
                .bind(self.row)
                .fetch_one(&mut *self.connection)
                .await?;
        let edited = Edited {
            room: now.room,
            message: now.id,
            text: now.text,
            mentions: now.mentions,
            is_for_all: now.is_for_all,
            edited_at: now.edited_at,
            change,
        };
        Ok(EditedMessage { edited, is_newest: newest == Some(self.message) })
    }

    /// Counts the change in the room.
    async fn change(&mut self) -> Result<i64, sqlx::Error> {
        let change = sqlx::query_scalar(
            "UPDATE rooms SET change = change + 1 WHERE id = ?1 RETURNING change",
        )
        .bind(self.row)
        .fetch_one(&mut *self.connection)
        .await?;
        sqlx::query("UPDATE messages SET change = ?2 WHERE id = ?1")
            .bind(self.message)
            .bind(change)
            .execute(&mut *self.connection)
            .await?;
        Ok(change)
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        sqlx::query(statement).bind(self.message).execute(&mut *self.connection).await.map(drop)
    }
}
