//! Sessions: how they begin, last and end.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection, SqlitePool};

use super::super::writer::Within;
use super::person;
use crate::accounts::SESSIONS_MAX;
use crate::accounts::contract::SessionView;
use crate::accounts::store::{Begun, NewSession, StoredSession};
use crate::id::Digest;

/// How many rows of each kind are forgotten in one step, so that nobody who writes waits long.
const FORGOTTEN_AT_ONCE: i64 = 500;

/// Begins a session. `ended` are those that ended for it so far.
pub(in super::super) async fn begin(
    connection: &mut SqliteConnection,
    session: NewSession,
    at: i64,
    mut ended: Vec<String>,
) -> Result<Begun, sqlx::Error> {
    let expires_at = at + session.lifetime;
    sqlx::query(
        "INSERT INTO sessions (id, secret, person, created_at, used_at, expires_at, agent, address)
         VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7)",
    )
    .bind(session.id)
    .bind(session.secret.as_bytes().as_slice())
    .bind(&session.person)
    .bind(at)
    .bind(expires_at)
    .bind(session.agent)
    .bind(session.address)
    .execute(&mut *connection)
    .await?;
    let oldest: Vec<String> = sqlx::query_scalar(
        "DELETE FROM sessions WHERE id IN
         (SELECT id FROM sessions WHERE person = ?1
          ORDER BY used_at DESC, rowid DESC LIMIT -1 OFFSET ?2) RETURNING id",
    )
    .bind(session.person)
    .bind(SESSIONS_MAX)
    .fetch_all(connection)
    .await?;
    ended.extend(oldest);
    Ok(Begun { expires_at, ended })
}

/// Begins a session of an account whose password is still kept as this.
pub(super) async fn log_in(
    within: Within<'_>,
    session: NewSession,
    password: String,
) -> Result<Option<Begun>, sqlx::Error> {
    let is_right: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM people
         WHERE id = ?1 AND password = ?2 AND role <> 'guest' AND closed_at IS NULL)",
    )
    .bind(&session.person)
    .bind(password)
    .fetch_one(&mut *within.connection)
    .await?;
    if !is_right {
        return Ok(None);
    }
    begin(within.connection, session, within.at, Vec::new()).await.map(Some)
}

pub(super) async fn by_secret(
    reads: &SqlitePool,
    secret: &Digest,
    now: i64,
) -> Result<Option<StoredSession>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT s.id AS session, s.used_at, s.expires_at, p.id, p.role, p.name, p.colour, p.picture
         FROM sessions s JOIN people p ON p.id = s.person
         WHERE s.secret = ?1 AND s.expires_at > ?2 AND p.closed_at IS NULL",
    )
    .bind(secret.as_bytes().as_slice())
    .bind(now)
    .fetch_optional(reads)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(StoredSession {
        id: row.try_get("session")?,
        person: person(&row)?,
        used_at: row.try_get("used_at")?,
        expires_at: row.try_get("expires_at")?,
    }))
}

pub(super) async fn touch(
    within: Within<'_>,
    id: String,
    address: String,
    lifetime: Option<i64>,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "UPDATE sessions SET used_at = ?2, address = ?3, expires_at = coalesce(?2 + ?4, expires_at)
         WHERE id = ?1 AND expires_at > ?2 RETURNING expires_at",
    )
    .bind(id)
    .bind(within.at)
    .bind(address)
    .bind(lifetime)
    .fetch_optional(within.connection)
    .await
}

pub(super) async fn of_person(
    reads: &SqlitePool,
    person: &str,
    now: i64,
) -> Result<Vec<(SessionView, i64)>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT id, agent, address, created_at, used_at, expires_at FROM sessions
         WHERE person = ?1 AND expires_at > ?2 ORDER BY used_at DESC, rowid DESC",
    )
    .bind(person)
    .bind(now)
    .fetch_all(reads)
    .await?;
    let view = |row: &SqliteRow| {
        let view = SessionView {
            id: row.try_get("id")?,
            agent: row.try_get("agent")?,
            address: row.try_get("address")?,
            created_at: row.try_get("created_at")?,
            used_at: row.try_get("used_at")?,
            is_this: false,
        };
        Ok((view, row.try_get("expires_at")?))
    };
    rows.iter().map(view).collect()
}

/// Ends all sessions of somebody; their ids.
pub(in super::super) async fn end_all(
    connection: &mut SqliteConnection,
    person: &str,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("DELETE FROM sessions WHERE person = ?1 RETURNING id")
        .bind(person)
        .fetch_all(connection)
        .await
}

/// Forgets some of what is over at `at`.
pub(super) async fn forget(
    connection: &mut SqliteConnection,
    at: i64,
) -> Result<bool, sqlx::Error> {
    let mut forgotten = 0;
    for step in [
        "DELETE FROM sessions WHERE id IN
         (SELECT id FROM sessions WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
        "DELETE FROM resets WHERE secret IN
         (SELECT secret FROM resets WHERE expires_at <= ?1 LIMIT ?2)",
        "DELETE FROM invitations WHERE id IN
         (SELECT id FROM invitations WHERE expires_at <= ?1 - 2592000000 LIMIT ?2)",
        // Of whoever said something, or is known otherwise, the name is still wanted.
        "DELETE FROM people WHERE id IN
         (SELECT id FROM people p WHERE role = 'guest' AND visitor IS NULL AND created_at < ?1
          AND NOT EXISTS (SELECT 1 FROM sessions WHERE person = p.id)
          AND NOT EXISTS (SELECT 1 FROM messages WHERE person = p.id)
          AND NOT EXISTS (SELECT 1 FROM members WHERE person = p.id)
          AND NOT EXISTS (SELECT 1 FROM blocks WHERE person = p.id)
          AND id NOT IN (SELECT blocked FROM blocks)
          LIMIT ?2)",
    ] {
        let done = sqlx::query(step).bind(at).bind(FORGOTTEN_AT_ONCE).execute(&mut *connection);
        forgotten += done.await?.rows_affected();
    }
    Ok(forgotten > 0)
}
