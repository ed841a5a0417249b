//! Rooms from before their names had the one form of this version.

use sqlx::sqlite::Sqlite;
use sqlx::{Connection as _, Row as _, SqliteConnection, Transaction};

use crate::input::RoomName;

/// Gives the rooms their names in one form, and puts rooms together that were two for one name
/// (composed and decomposed). Those whose name nobody may have stay as they are and are not listed.
pub(super) async fn bring_into_one_form(
    connection: &mut SqliteConnection,
) -> Result<(), sqlx::Error> {
    let rooms = sqlx::query("SELECT id, name FROM rooms WHERE skeleton IS NULL AND kind IN ('open', 'password') ORDER BY id")
        .fetch_all(&mut *connection)
        .await?;
    if rooms.is_empty() {
        return Ok(());
    }
    let mut unnameable = 0;
    let mut transaction = connection.begin().await?;
    for room in &rooms {
        let (id, name): (i64, String) = (room.try_get("id")?, room.try_get("name")?);
        match RoomName::parse(&name) {
            Ok(formed) => rename(&mut transaction, id, &formed).await?,
            Err(_) => unnameable += 1,
        }
    }
    transaction.commit().await?;
    if unnameable > 0 {
        tracing::warn!(rooms = unnameable, "rooms with names that cannot be seen are not listed");
    }
    Ok(())
}

async fn rename(
    transaction: &mut Transaction<'_, Sqlite>,
    id: i64,
    name: &RoomName,
) -> Result<(), sqlx::Error> {
    let other = sqlx::query("SELECT id FROM rooms WHERE name = ?1 AND id <> ?2")
        .bind(name.as_str())
        .bind(id)
        .fetch_optional(&mut **transaction)
        .await?;
    let Some(other) = other else {
        return sqlx::query(
            "UPDATE rooms SET name = ?1, skeleton = ?2, title = ?1, folded = '' WHERE id = ?3",
        )
        .bind(name.as_str())
        .bind(name.skeleton().as_str())
        .bind(id)
        .execute(&mut **transaction)
        .await
        .map(drop);
    };
    let other: i64 = other.try_get("id")?;
    for statement in [
        // Of two messages under one key the key is of no more use.
        "UPDATE OR IGNORE messages SET room_id = ?1 WHERE room_id = ?2",
        "UPDATE messages SET room_id = ?1, key = NULL WHERE room_id = ?2",
        "UPDATE rooms SET last_message_id = (SELECT max(id) FROM messages WHERE room_id = ?1)
         WHERE id = ?1",
        "DELETE FROM rooms WHERE id = ?2",
    ] {
        sqlx::query(statement).bind(other).bind(id).execute(&mut **transaction).await?;
    }
    Ok(())
}
