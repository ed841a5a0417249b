//! Pictures.

use std::collections::HashSet;

use async_trait::async_trait;
use sqlx::{Row as _, SqliteConnection};

use super::messages::NewRow;
use super::writer::Within;
use super::{Sqlite, StoreError};
use crate::messages::contract::Picture;
use crate::pictures::store::{NewPicture, PictureFiles, PictureStore};

/// Pictures that are forgotten in one step, while others wait.
const FORGOTTEN_AT_ONCE: u32 = 200;

#[async_trait]
impl PictureStore for Sqlite {
    async fn add_picture(&self, picture: NewPicture) -> Result<(), StoreError> {
        self.write(move |within| Box::pin(add(within, picture))).await?
    }

    async fn picture(
        &self,
        room: &str,
        id: &str,
        person: &str,
    ) -> Result<Option<PictureFiles>, StoreError> {
        let row = sqlx::query(
            "SELECT p.file, p.thumbnail FROM pictures p JOIN rooms r ON r.id = p.room
             WHERE p.id = ?2 AND r.public_id = ?1 AND r.public_id <> ''
             AND (p.message IS NOT NULL OR p.person = ?3)",
        )
        .bind(room)
        .bind(id)
        .bind(person)
        .fetch_optional(&self.database.reads())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let files =
            PictureFiles { file: row.try_get("file")?, thumbnail: row.try_get("thumbnail")? };
        Ok(Some(files))
    }

    async fn forget_pictures(&self, before: i64) -> Result<bool, StoreError> {
        self.write(move |within| {
            Box::pin(async move {
                let done = sqlx::query(
                    "DELETE FROM pictures WHERE id IN
                     (SELECT id FROM pictures WHERE message IS NULL AND created_at < ?1 LIMIT ?2)",
                )
                .bind(before)
                .bind(FORGOTTEN_AT_ONCE)
                .execute(within.connection)
                .await?;
                Ok(done.rows_affected() == u64::from(FORGOTTEN_AT_ONCE))
            })
        })
        .await
    }

    async fn files_in_use(&self, names: Vec<String>) -> Result<HashSet<String>, StoreError> {
        let used: Vec<String> = sqlx::query_scalar(
            "SELECT value FROM json_each(?1)
             WHERE EXISTS (SELECT 1 FROM pictures WHERE file = value)
             OR EXISTS (SELECT 1 FROM pictures WHERE thumbnail = value)",
        )
        .bind(serde_json::to_string(&names).unwrap_or_default())
        .fetch_all(&self.database.reads())
        .await?;
        Ok(used.into_iter().collect())
    }

    fn check_room_for_pictures(&self) -> Result<(), StoreError> {
        self.health.check_space_for_pictures(self.database.space()).map_err(|fault| {
            self.health.refused(&fault);
            StoreError::Full
        })
    }
}

/// The pictures of a message `m`, as [`listed`] reads them.
macro_rules! pictures_of_message {
    () => {
        "(SELECT json_group_array(json_object('id', id, 'width', width, 'height', height, 'bytes', bytes,
                                              'is_animated', json(iif(is_animated, 'true', 'false'))) ORDER BY place)
          FROM pictures WHERE message = m.id) AS pictures"
    };
}
pub(super) use pictures_of_message;

/// What [`pictures_of_message`] selects.
pub(super) fn listed(pictures: &str) -> Result<Vec<Picture>, sqlx::Error> {
    // Nearly all messages have none.
    if pictures == "[]" {
        return Ok(Vec::new());
    }
    serde_json::from_str(pictures).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Whether a message may have its pictures: each of them was sent to the room by whoever says it, and was not said yet.
/// Of a message that is stored under its key it is seen later whether it has them.
pub(super) async fn are_usable(
    connection: &mut SqliteConnection,
    message: &NewRow<'_>,
) -> Result<bool, sqlx::Error> {
    let ids = &message.pictures;
    if ids.is_empty() {
        return Ok(true);
    }
    let (count, is_known): (i64, bool) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM pictures WHERE id IN (SELECT value FROM json_each(?1))
                 AND room = ?2 AND person = ?3 AND message IS NULL),
                EXISTS (SELECT 1 FROM messages WHERE room_id = ?2 AND sender = ?4 AND key = ?5)",
    )
    .bind(serde_json::to_string(ids).unwrap_or_default())
    .bind(message.room)
    .bind(&message.by.id)
    .bind(message.sender)
    .bind(message.key)
    .fetch_one(connection)
    .await?;
    // The same one twice is one too few.
    Ok(is_known || usize::try_from(count) == Ok(ids.len()))
}

/// The message that was just written has these pictures, in this order.
pub(super) async fn attach(
    connection: &mut SqliteConnection,
    message: i64,
    ids: &[String],
) -> Result<(), sqlx::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE pictures SET message = ?2, place = one.key FROM json_each(?1) AS one
         WHERE pictures.id = one.value AND message IS NULL",
    )
    .bind(serde_json::to_string(ids).unwrap_or_default())
    .bind(message)
    .execute(connection)
    .await
    .map(drop)
}

async fn add(within: Within<'_>, new: NewPicture) -> Result<Result<(), StoreError>, sqlx::Error> {
    let Within { connection, at, .. } = within;
    let place: Option<(i64, Option<i64>)> = sqlx::query_as(
        "SELECT r.id, me.muted_until FROM rooms r
         JOIN members me ON me.room = r.id AND me.person = ?2 AND me.role <> 'banned'
         WHERE r.public_id = ?1 AND r.public_id <> ''",
    )
    .bind(&new.room)
    .bind(&new.person)
    .fetch_optional(&mut *connection)
    .await?;
    let Some((room, muted_until)) = place else { return Ok(Err(StoreError::Gone)) };
    if let Some(until) = muted_until.filter(|until| *until > at) {
        return Ok(Err(StoreError::Muted(until - at)));
    }
    let NewPicture { person, picture, file, thumbnail, .. } = new;
    sqlx::query(
        "INSERT INTO pictures (id, room, person, file, thumbnail, width, height, bytes, is_animated, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )
    .bind(picture.id)
    .bind(room)
    .bind(person)
    .bind(file)
    .bind(thumbnail)
    .bind(picture.width)
    .bind(picture.height)
    .bind(i64::try_from(picture.bytes).unwrap_or(i64::MAX))
    .bind(picture.is_animated)
    .bind(at)
    .execute(connection)
    .await?;
    Ok(Ok(()))
}
