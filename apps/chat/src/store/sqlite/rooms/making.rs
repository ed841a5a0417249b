//! Rooms that are made, and direct messages that are found again.

use sqlx::SqliteConnection;

use super::{folded, kind_name, room_by_id, room_role_name};
use crate::id::new_id;
use crate::names::Skeleton;
use crate::rooms::contract::RoomRole;
use crate::rooms::store::{NewRoom, ROOMS_OWNED_MAX, RoomError, RoomOf, stored_name};
use crate::store::sqlite::writer::Within;

/// The outer error fails the transaction, the inner one only this.
type Outcome<T> = Result<Result<T, RoomError>, sqlx::Error>;

pub(super) async fn create(within: Within<'_>, new: NewRoom) -> Outcome<RoomOf> {
    let Within { connection, at, .. } = within;
    let owned: u32 = sqlx::query_scalar("SELECT count(*) FROM rooms WHERE owner = ?1")
        .bind(&new.owner)
        .fetch_one(&mut *connection)
        .await?;
    if owned >= ROOMS_OWNED_MAX {
        return Ok(Err(RoomError::TooMany));
    }
    let id = new_id();
    let (name, look) = match stored_name(new.kind, &new.title) {
        Some((name, look)) => {
            if let Err(taken) = check_name(connection, &name, &look, None).await? {
                return Ok(Err(taken));
            }
            (name, Some(look))
        }
        None => (hidden_name(&id), None),
    };
    let row: i64 = sqlx::query_scalar(
        "INSERT INTO rooms (public_id, name, skeleton, title, description, kind, password, owner, maker,
                            capacity, keep_days, is_passing, created_at, active_at, folded)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13, ?14) RETURNING id",
    )
    .bind(&id)
    .bind(name)
    .bind(look.as_ref().map(Skeleton::as_str))
    .bind(new.title.as_str())
    .bind(new.description)
    .bind(kind_name(new.kind))
    .bind(new.password)
    .bind(&new.owner)
    .bind(new.maker)
    .bind(new.capacity)
    .bind(new.keep_days)
    .bind(new.is_passing)
    .bind(at)
    .bind(folded(new.title.as_str()))
    .fetch_one(&mut *connection)
    .await?;
    insert_member(connection, row, &new.owner, Some(RoomRole::Owner), at).await?;
    let made = room_by_id(connection, &id, &new.owner).await?;
    Ok(made.map(|(_, room)| room).ok_or(RoomError::Gone))
}

pub(super) async fn direct(
    within: Within<'_>,
    mut people: Vec<String>,
) -> Outcome<(RoomOf, Vec<String>)> {
    let Within { connection, at, .. } = within;
    let Some(asking) = people.first().cloned() else { return Ok(Err(RoomError::Gone)) };
    people.sort_unstable();
    people.dedup();
    let key = serde_json::to_string(&people).unwrap_or_default();
    if !may_talk(connection, &asking, &key, people.len()).await? {
        return Ok(Err(RoomError::Gone));
    }
    let found: Option<(i64, String)> =
        sqlx::query_as("SELECT id, public_id FROM rooms WHERE direct_key = ?1")
            .bind(&key)
            .fetch_optional(&mut *connection)
            .await?;
    let (row, id, members) = match found {
        Some((row, id)) => (row, id, vec![asking.clone()]),
        None => {
            let id = new_id();
            let row = sqlx::query_scalar(
                "INSERT INTO rooms (public_id, name, kind, direct_key, created_at, active_at)
                 VALUES (?1, ?2, 'direct', ?3, ?4, ?4) RETURNING id",
            )
            .bind(&id)
            .bind(hidden_name(&id))
            .bind(&key)
            .bind(at)
            .fetch_one(&mut *connection)
            .await?;
            (row, id, people)
        }
    };
    let mut new = Vec::new();
    for person in members {
        if insert_member(connection, row, &person, Some(RoomRole::Member), at).await? {
            new.push(person);
        }
    }
    let room = room_by_id(connection, &id, &asking).await?;
    Ok(room.map(|(_, room)| (room, new)).ok_or(RoomError::Gone))
}

/// Whether all of these people have accounts, and nobody has blocked the one who asks.
async fn may_talk(
    connection: &mut SqliteConnection,
    asking: &str,
    people: &str,
    count: usize,
) -> Result<bool, sqlx::Error> {
    let reached: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM people WHERE id IN (SELECT value FROM json_each(?1))
         AND role <> 'guest' AND closed_at IS NULL
         AND NOT EXISTS (SELECT 1 FROM blocks WHERE person = people.id AND blocked = ?2)",
    )
    .bind(people)
    .bind(asking)
    .fetch_one(connection)
    .await?;
    Ok(usize::try_from(reached) == Ok(count))
}

/// Whether a name is free, or only that of this room.
pub(super) async fn check_name(
    connection: &mut SqliteConnection,
    name: &str,
    look: &Skeleton,
    own: Option<i64>,
) -> Outcome<()> {
    let others: Vec<(bool,)> = sqlx::query_as(
        "SELECT name = ?1 FROM rooms WHERE (skeleton = ?2 OR name = ?1) AND id IS NOT ?3",
    )
    .bind(name)
    .bind(look.as_str())
    .bind(own)
    .fetch_all(connection)
    .await?;
    Ok(match others.iter().find(|other| other.0) {
        Some(_) => Err(RoomError::NameTaken),
        None if others.is_empty() => Ok(()),
        None => Err(RoomError::Lookalike),
    })
}

/// What no room can be called.
pub(in crate::store::sqlite) fn hidden_name(id: &str) -> String {
    format!("\u{1}{id}")
}

/// Writes a member, or a ban; whether there was no place before.
pub(in crate::store::sqlite) async fn insert_member(
    connection: &mut SqliteConnection,
    room: i64,
    person: &str,
    role: Option<RoomRole>,
    at: i64,
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query(
        "INSERT INTO members (room, person, role, joined_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING",
    )
    .bind(room)
    .bind(person)
    .bind(room_role_name(role))
    .bind(at)
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() > 0)
}
