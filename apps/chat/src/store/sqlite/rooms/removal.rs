//! Rooms that are gone: at once for everybody, on the disk in steps.

use sqlx::SqliteConnection;

use super::making::hidden_name;
use super::room_by_id;
use crate::rooms::store::{StillEmpty, StoredRoom};
use crate::store::sqlite::writer::{Known, Within};

/// Messages that are deleted in one step, while others wait.
const MESSAGES_AT_ONCE: u32 = 2_000;

pub(super) async fn vanish(
    within: Within<'_>,
    id: String,
    is_empty: StillEmpty,
) -> Result<Option<(StoredRoom, Vec<String>)>, sqlx::Error> {
    let Within { connection, known, .. } = within;
    let Some((row, of)) = room_by_id(connection, &id, "").await? else { return Ok(None) };
    if !of.room.is_passing || !is_empty() {
        return Ok(None);
    }
    let members = unlink(connection, known, row, &of.room).await?;
    Ok(Some((of.room, members)))
}

/// Takes a room from everybody; [`sweep`] deletes what was said in it. Its members' ids.
pub(in crate::store::sqlite) async fn unlink(
    connection: &mut SqliteConnection,
    known: &mut Known,
    row: i64,
    room: &StoredRoom,
) -> Result<Vec<String>, sqlx::Error> {
    known.rooms.remove(&room.name);
    sqlx::query(
        "UPDATE rooms SET public_id = '', name = ?2, skeleton = NULL, title = '', folded = '', description = '', kind = 'invited',
                password = NULL, owner = NULL, is_passing = 0, direct_key = NULL, last_message_id = NULL
         WHERE id = ?1",
    )
    .bind(row)
    .bind(hidden_name(&room.id))
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM invitations WHERE room = ?1")
        .bind(row)
        .execute(&mut *connection)
        .await?;
    let members = sqlx::query_scalar("DELETE FROM members WHERE room = ?1 RETURNING person")
        .bind(row)
        .fetch_all(connection)
        .await?;
    Ok(members)
}

pub(super) async fn sweep(within: Within<'_>) -> Result<bool, sqlx::Error> {
    let Within { connection, .. } = within;
    let row: Option<i64> = sqlx::query_scalar("SELECT id FROM rooms WHERE public_id = '' LIMIT 1")
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(false) };
    let deleted = sqlx::query(
        "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE room_id = ?1 LIMIT ?2)",
    )
    .bind(row)
    .bind(MESSAGES_AT_ONCE)
    .execute(&mut *connection)
    .await?;
    if deleted.rows_affected() < u64::from(MESSAGES_AT_ONCE) {
        sqlx::query("DELETE FROM rooms WHERE id = ?1").bind(row).execute(connection).await?;
    }
    Ok(true)
}
