//! What becomes of people: looks, passwords, roles, blocks, and the end.

use sqlx::SqliteConnection;

use super::super::writer::Within;
use super::made::{by_id, end_alike};
use super::{has_owner, person, role_name, sessions};
use crate::accounts::contract::{BLOCKS_MAX, Role};
use crate::accounts::store::{Begun, Changed, NewLooks, NewSession};
use crate::id::Digest;

pub(super) async fn password(
    within: Within<'_>,
    password: String,
    old: String,
    session: NewSession,
) -> Result<Option<Begun>, sqlx::Error> {
    let set = sqlx::query(
        "UPDATE people SET password = ?2
         WHERE id = ?1 AND password = ?3 AND role <> 'guest' AND closed_at IS NULL",
    )
    .bind(&session.person)
    .bind(password)
    .bind(old)
    .execute(&mut *within.connection)
    .await?;
    if set.rows_affected() == 0 {
        return Ok(None);
    }
    begin_anew(within, session).await.map(Some)
}

pub(super) async fn use_reset(
    within: Within<'_>,
    code: Digest,
    password: String,
    session: NewSession,
) -> Result<Option<Begun>, sqlx::Error> {
    let set = sqlx::query(
        "UPDATE people SET password = ?2
         WHERE id = ?1 AND role <> 'guest' AND closed_at IS NULL AND EXISTS
         (SELECT 1 FROM resets WHERE secret = ?3 AND person = ?1 AND expires_at > ?4)",
    )
    .bind(&session.person)
    .bind(password)
    .bind(code.as_bytes().as_slice())
    .bind(within.at)
    .execute(&mut *within.connection)
    .await?;
    if set.rows_affected() == 0 {
        return Ok(None);
    }
    begin_anew(within, session).await.map(Some)
}

/// Ends what somebody had by the password so far, and begins a session.
async fn begin_anew(within: Within<'_>, session: NewSession) -> Result<Begun, sqlx::Error> {
    let Within { connection, at, .. } = within;
    forget_resets(connection, &session.person).await?;
    let ended = sessions::end_all(connection, &session.person).await?;
    sessions::begin(connection, session, at, ended).await
}

async fn forget_resets(connection: &mut SqliteConnection, person: &str) -> Result<(), sqlx::Error> {
    let forget = sqlx::query("DELETE FROM resets WHERE person = ?1").bind(person);
    forget.execute(connection).await.map(drop)
}

pub(in super::super) async fn make_reset(
    within: Within<'_>,
    person: String,
    code: Digest,
    lifetime: i64,
) -> Result<Option<i64>, sqlx::Error> {
    let Within { connection, at, .. } = within;
    let is_account: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM people
         WHERE id = ?1 AND role <> 'guest' AND closed_at IS NULL)",
    )
    .bind(&person)
    .fetch_one(&mut *connection)
    .await?;
    if !is_account {
        return Ok(None);
    }
    forget_resets(connection, &person).await?;
    let expires_at = at + lifetime;
    sqlx::query("INSERT INTO resets (secret, person, expires_at) VALUES (?1, ?2, ?3)")
        .bind(code.as_bytes().as_slice())
        .bind(person)
        .bind(expires_at)
        .execute(connection)
        .await?;
    Ok(Some(expires_at))
}

pub(super) async fn looks(
    within: Within<'_>,
    id: String,
    looks: NewLooks,
) -> Result<Changed, sqlx::Error> {
    let connection = within.connection;
    let NewLooks { name, colour, picture } = looks;
    let mut ended = Vec::new();
    let row = sqlx::query(
        "SELECT id, role, name, colour, picture FROM people WHERE id = ?1 AND closed_at IS NULL",
    )
    .bind(&id)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(Changed::Gone) };
    let before = person(&row)?;
    if let Some((name, look)) = name {
        // One's own name may change its looks a little.
        let is_taken: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM people
             WHERE skeleton = ?1 AND role <> 'guest' AND closed_at IS NULL AND id <> ?2)",
        )
        .bind(look.as_str())
        .bind(&id)
        .fetch_one(&mut *connection)
        .await?;
        if is_taken {
            return Ok(Changed::NameTaken);
        }
        sqlx::query("UPDATE people SET name = ?2, skeleton = ?3 WHERE id = ?1")
            .bind(&id)
            .bind(name)
            .bind(look.as_str())
            .execute(&mut *connection)
            .await?;
        if before.role != Role::Guest {
            ended = end_alike(connection, &look).await?;
        }
    }
    sqlx::query("UPDATE people SET colour = ?2, picture = ?3 WHERE id = ?1")
        .bind(&id)
        .bind(colour.unwrap_or(before.colour))
        .bind(picture.unwrap_or(before.picture))
        .execute(&mut *connection)
        .await?;
    Ok(Changed::Done(by_id(connection, &id).await?, ended))
}

pub(in super::super) async fn role(
    within: Within<'_>,
    id: String,
    role: Role,
) -> Result<Changed, sqlx::Error> {
    let connection = within.connection;
    if role == Role::Guest {
        return Ok(Changed::Gone);
    }
    if role != Role::Owner && is_last_owner(connection, &id).await? {
        return Ok(Changed::LastOwner);
    }
    let set = sqlx::query(
        "UPDATE people SET role = ?2 WHERE id = ?1 AND role <> 'guest' AND closed_at IS NULL",
    )
    .bind(&id)
    .bind(role_name(role))
    .execute(&mut *connection)
    .await?;
    if set.rows_affected() == 0 {
        return Ok(Changed::Gone);
    }
    Ok(Changed::Done(by_id(connection, &id).await?, Vec::new()))
}

pub(in super::super) async fn close(
    within: Within<'_>,
    id: String,
) -> Result<Changed, sqlx::Error> {
    let Within { connection, at, .. } = within;
    if is_last_owner(connection, &id).await? {
        return Ok(Changed::LastOwner);
    }
    let closed = sqlx::query(
        "UPDATE people SET closed_at = ?2, seen_at = coalesce(seen_at, ?2), password = NULL
         WHERE id = ?1 AND closed_at IS NULL AND visitor IS NULL",
    )
    .bind(&id)
    .bind(at)
    .execute(&mut *connection)
    .await?;
    if closed.rows_affected() == 0 {
        return Ok(Changed::Gone);
    }
    let ended = sessions::end_all(connection, &id).await?;
    for step in [
        "DELETE FROM passkeys WHERE person = ?1",
        "DELETE FROM resets WHERE person = ?1",
        "DELETE FROM blocks WHERE person = ?1",
        "DELETE FROM invitations WHERE made_by = ?1",
        "UPDATE rooms SET owner = NULL WHERE owner = ?1",
        // Whom one talked with still sees with whom that was.
        "DELETE FROM members WHERE person = ?1 AND role <> 'banned'
         AND room NOT IN (SELECT id FROM rooms WHERE kind = 'direct')",
    ] {
        sqlx::query(step).bind(&id).execute(&mut *connection).await?;
    }
    Ok(Changed::Done(by_id(connection, &id).await?, ended))
}

async fn is_last_owner(connection: &mut SqliteConnection, id: &str) -> Result<bool, sqlx::Error> {
    let is_owner: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM people
         WHERE id = ?1 AND role = 'owner' AND closed_at IS NULL)",
    )
    .bind(id)
    .fetch_one(&mut *connection)
    .await?;
    Ok(is_owner && !has_owner(connection, id).await?)
}

pub(super) async fn block(
    connection: &mut SqliteConnection,
    by: String,
    person: String,
    is_blocked: bool,
) -> Result<Option<bool>, sqlx::Error> {
    if !is_blocked {
        sqlx::query("DELETE FROM blocks WHERE person = ?1 AND blocked = ?2")
            .bind(by)
            .bind(person)
            .execute(connection)
            .await?;
        return Ok(Some(true));
    }
    let is_there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM people WHERE id = ?1)")
        .bind(&person)
        .fetch_one(&mut *connection)
        .await?;
    if !is_there {
        return Ok(Some(false));
    }
    let others: u32 =
        sqlx::query_scalar("SELECT count(*) FROM blocks WHERE person = ?1 AND blocked <> ?2")
            .bind(&by)
            .bind(&person)
            .fetch_one(&mut *connection)
            .await?;
    if others >= BLOCKS_MAX {
        return Ok(None);
    }
    sqlx::query("INSERT INTO blocks (person, blocked) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
        .bind(by)
        .bind(person)
        .execute(connection)
        .await?;
    Ok(Some(true))
}

pub(in super::super) async fn guests(
    connection: &mut SqliteConnection,
    is_on: bool,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query(
        "INSERT INTO settings (name, value) VALUES ('has_guests', ?1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(if is_on { "true" } else { "false" })
    .execute(&mut *connection)
    .await?;
    if is_on {
        return Ok(Vec::new());
    }
    sqlx::query_scalar(
        "DELETE FROM sessions WHERE person IN (SELECT id FROM people WHERE role = 'guest')
         RETURNING id",
    )
    .fetch_all(connection)
    .await
}
