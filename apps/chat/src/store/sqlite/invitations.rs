//! Invitations.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::accounts::{person, role, role_name};
use super::writer::Within;
use super::{Sqlite, StoreError};
use crate::accounts::contract::Role;
use crate::id::Digest;
use crate::invitations::contract::{Invitation, InvitationView};
use crate::invitations::store::{Accepted, InvitationMade, InvitationStore, NewInvitation};
use crate::invitations::{INVITATIONS_MAX, INVITATIONS_OF_MEMBER_MAX};

/// Whether an invitation `i` is of use at `?2`: see the trait. Whoever made it may invite so as long as their role is
/// at least as high, and they are a moderator: of the room, or of the server where the room is for everybody anyway.
macro_rules! is_of_use {
    () => {
        "i.expires_at > ?2 AND coalesce(i.uses_left, 1) > 0 AND (i.made_by IS NULL OR EXISTS
         (SELECT 1 FROM people m WHERE m.id = i.made_by AND m.closed_at IS NULL
          AND (m.role = 'owner' OR i.role = 'member' OR m.role = i.role)
          AND ((m.role IN ('moderator', 'owner')
                AND (i.room IS NULL OR EXISTS (SELECT 1 FROM rooms WHERE id = i.room AND kind = 'open')))
               OR EXISTS (SELECT 1 FROM members b WHERE b.room = i.room AND b.person = m.id
                          AND b.role IN ('moderator', 'owner')))))"
    };
}

/// Whether an account is made by an invitation `i`.
macro_rules! makes_account {
    () => {
        "(i.made_by IS NULL OR EXISTS
         (SELECT 1 FROM people a WHERE a.id = i.made_by AND a.role IN ('moderator', 'owner')))"
    };
}

#[async_trait]
impl InvitationStore for Sqlite {
    async fn make_invitation(
        &self,
        invitation: NewInvitation,
    ) -> Result<InvitationMade, StoreError> {
        self.write(move |within| Box::pin(make(within, invitation))).await
    }

    async fn look_at_invitation(
        &self,
        code: &Digest,
        now: i64,
    ) -> Result<Option<InvitationView>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT i.role, p.name, r.title, ",
            makes_account!(),
            " AS makes_account FROM invitations i
             LEFT JOIN people p ON p.id = i.made_by LEFT JOIN rooms r ON r.id = i.room
             WHERE i.secret = ?1 AND ",
            is_of_use!()
        ))
        .bind(code.as_bytes().as_slice())
        .bind(now)
        .fetch_optional(&self.database.reads())
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(InvitationView {
            role: role(row.try_get("role")?),
            by: row.try_get("name")?,
            room: row.try_get("title")?,
            makes_account: row.try_get("makes_account")?,
        }))
    }

    async fn invitations(&self, viewer: Option<&str>) -> Result<Vec<Invitation>, StoreError> {
        let mut connection = self.database.reads().acquire().await?;
        Ok(list(&mut connection, viewer, None).await?)
    }

    async fn revoke_invitation(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.write(move |within| {
            Box::pin(async move {
                let revoke = sqlx::query("DELETE FROM invitations WHERE id = ?1").bind(id);
                Ok(revoke.execute(within.connection).await?.rows_affected() > 0)
            })
        })
        .await
    }

    async fn accept_invitation(&self, code: Digest, person: &str) -> Result<Accepted, StoreError> {
        let person = person.to_owned();
        self.write(move |within| Box::pin(accept(within, code, person))).await
    }
}

async fn make(within: Within<'_>, new: NewInvitation) -> Result<InvitationMade, sqlx::Error> {
    let Within { connection, at, .. } = within;
    let room = match &new.room {
        None => None,
        Some(id) => match room_for(connection, id, new.by.as_deref()).await? {
            Some(room) => Some(room),
            None => return Ok(InvitationMade::Gone),
        },
    };
    let there: i64 = sqlx::query_scalar("SELECT count(*) FROM invitations WHERE expires_at > ?1")
        .bind(at)
        .fetch_one(&mut *connection)
        .await?;
    if there >= INVITATIONS_MAX {
        return Ok(InvitationMade::Full);
    }
    let own: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM invitations i JOIN people p ON p.id = i.made_by
         WHERE i.made_by = ?1 AND i.expires_at > ?2 AND p.role = 'member'",
    )
    .bind(&new.by)
    .bind(at)
    .fetch_one(&mut *connection)
    .await?;
    if own >= INVITATIONS_OF_MEMBER_MAX {
        return Ok(InvitationMade::Full);
    }
    sqlx::query(
        "INSERT INTO invitations (id, secret, role, room, uses_left, made_by, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .bind(&new.id)
    .bind(new.code.as_bytes().as_slice())
    .bind(role_name(new.role))
    .bind(room)
    .bind(new.uses)
    .bind(&new.by)
    .bind(at)
    .bind(at + new.lifetime)
    .execute(&mut *connection)
    .await?;
    // One rule for making and for using: what could not be used is not made.
    if find(connection, &new.code, at).await?.is_none() {
        let undo = sqlx::query("DELETE FROM invitations WHERE id = ?1").bind(&new.id);
        undo.execute(connection).await?;
        return Ok(InvitationMade::Forbidden);
    }
    let made = list(connection, new.by.as_deref(), Some(&new.id)).await?;
    made.into_iter().next().map(InvitationMade::Done).ok_or(sqlx::Error::RowNotFound)
}

/// The row of a room that somebody may know of; not of direct messages.
async fn room_for(
    connection: &mut SqliteConnection,
    id: &str,
    by: Option<&str>,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT r.id FROM rooms r WHERE r.public_id = ?1 AND r.kind <> 'direct'
         AND (?2 IS NULL OR r.kind IN ('open', 'password') OR EXISTS
              (SELECT 1 FROM members WHERE room = r.id AND person = ?2 AND role <> 'banned'))",
    )
    .bind(id)
    .bind(by)
    .fetch_optional(connection)
    .await
}

async fn list(
    connection: &mut SqliteConnection,
    viewer: Option<&str>,
    only: Option<&str>,
) -> Result<Vec<Invitation>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT i.id AS invitation, i.role AS given, i.uses_left, i.used, i.created_at, i.expires_at,
                r.public_id, iif(?1 IS NULL OR r.kind IN ('open', 'password') OR EXISTS
                     (SELECT 1 FROM members WHERE room = r.id AND person = ?1 AND role <> 'banned'),
                     r.title, '') AS title,
                p.id, p.role, p.name, p.colour, p.picture
         FROM invitations i LEFT JOIN people p ON p.id = i.made_by LEFT JOIN rooms r ON r.id = i.room
         WHERE ?2 IS NULL OR i.id = ?2 ORDER BY i.created_at DESC, i.rowid DESC LIMIT ?3",
    )
    .bind(viewer)
    .bind(only)
    .bind(INVITATIONS_MAX)
    .fetch_all(connection)
    .await?;
    rows.iter().map(invitation).collect()
}

fn invitation(row: &SqliteRow) -> Result<Invitation, sqlx::Error> {
    let room: Option<String> = row.try_get("public_id")?;
    let by: Option<String> = row.try_get("id")?;
    Ok(Invitation {
        id: row.try_get("invitation")?,
        role: role(row.try_get("given")?),
        uses_left: row.try_get("uses_left")?,
        used: row.try_get("used")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
        by: by.map(|_| person(row)).transpose()?,
        room: room.map(|id| Ok::<_, sqlx::Error>((id, row.try_get("title")?))).transpose()?,
    })
}

/// An invitation that is of use.
pub(super) struct Found {
    id: String,
    pub(super) role: Role,
    /// The row of its room.
    pub(super) room: Option<i64>,
    pub(super) makes_account: bool,
}

pub(super) async fn find(
    connection: &mut SqliteConnection,
    code: &Digest,
    at: i64,
) -> Result<Option<Found>, sqlx::Error> {
    let row = sqlx::query(concat!(
        "SELECT i.id, i.role, i.room, ",
        makes_account!(),
        " AS makes_account FROM invitations i WHERE i.secret = ?1 AND ",
        is_of_use!()
    ))
    .bind(code.as_bytes().as_slice())
    .bind(at)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Found {
        id: row.try_get("id")?,
        role: role(row.try_get("role")?),
        room: row.try_get("room")?,
        makes_account: row.try_get("makes_account")?,
    }))
}

/// Counts a use of an invitation that was found in the same transaction.
pub(super) async fn count_use(
    connection: &mut SqliteConnection,
    found: &Found,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE invitations SET uses_left = uses_left - 1, used = used + 1 WHERE id = ?1")
        .bind(&found.id)
        .execute(connection)
        .await
        .map(drop)
}

/// Makes somebody a member of a room; whoever is one stays what they are.
pub(super) async fn enter(
    connection: &mut SqliteConnection,
    room: i64,
    person: &str,
    at: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO members (room, person, role, joined_at) VALUES (?1, ?2, 'member', ?3)
         ON CONFLICT (room, person) DO NOTHING",
    )
    .bind(room)
    .bind(person)
    .bind(at)
    .execute(connection)
    .await
    .map(drop)
}

async fn accept(within: Within<'_>, code: Digest, person: String) -> Result<Accepted, sqlx::Error> {
    let Within { connection, at, .. } = within;
    // Whoever is in the room already is led there by an invitation that is used up, too.
    let row = sqlx::query(
        "SELECT r.public_id, b.role FROM invitations i JOIN rooms r ON r.id = i.room
         LEFT JOIN members b ON b.room = r.id AND b.person = ?2 WHERE i.secret = ?1",
    )
    .bind(code.as_bytes().as_slice())
    .bind(&person)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(Accepted::Over) };
    let room: String = row.try_get("public_id")?;
    match row.try_get::<Option<String>, _>("role")?.as_deref() {
        Some("banned") => {
            let is_of_use = find(connection, &code, at).await?.is_some();
            return Ok(if is_of_use { Accepted::Banned } else { Accepted::Over });
        }
        Some(_) => return Ok(Accepted::Room(room, false)),
        None => {}
    }
    let Some(found) = find(connection, &code, at).await? else { return Ok(Accepted::Over) };
    let Some(row) = found.room else { return Ok(Accepted::Over) };
    count_use(connection, &found).await?;
    enter(connection, row, &person, at).await?;
    Ok(Accepted::Room(room, true))
}
