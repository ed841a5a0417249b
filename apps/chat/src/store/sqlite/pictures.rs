//! Pictures.

use std::collections::HashSet;

use async_trait::async_trait;
use sqlx::{Row as _, SqliteConnection};

use super::messages::NewRow;
use super::writer::Within;
use super::{Sqlite, StoreError};
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

/// Gives a message that was just written its pictures, in their order. False, and nothing is done: one of them was not
/// sent to the room by whoever says it, or was said before.
pub(super) async fn attach(
    connection: &mut SqliteConnection,
    new: &NewRow<'_>,
    message: i64,
) -> Result<bool, sqlx::Error> {
    if new.pictures.is_empty() {
        return Ok(true);
    }
    let ids = serde_json::to_string(new.pictures).unwrap_or_default();
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pictures WHERE id IN (SELECT value FROM json_each(?1))
         AND room = ?2 AND person = ?3 AND message IS NULL",
    )
    .bind(&ids)
    .bind(new.room)
    .bind(&new.by.id)
    .fetch_one(&mut *connection)
    .await?;
    // The same one twice is one too few.
    if usize::try_from(count) != Ok(new.pictures.len()) {
        return Ok(false);
    }
    sqlx::query(
        "UPDATE pictures SET message = ?2, place = one.key FROM json_each(?1) AS one
         WHERE pictures.id = one.value",
    )
    .bind(ids)
    .bind(message)
    .execute(connection)
    .await?;
    Ok(true)
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
