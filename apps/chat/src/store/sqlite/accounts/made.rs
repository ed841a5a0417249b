//! How guests and accounts come to be.

use sqlx::{Row as _, SqliteConnection};

use super::super::invitations;
use super::super::writer::Within;
use super::{
    NewPersonRow, has_guests, has_owner, insert_person, is_name_taken, person, role_name, sessions,
};
use crate::accounts::contract::{Person, Role};
use crate::accounts::store::{Begun, GuestMade, Made, NewPerson, NewSession, Right};
use crate::names::Skeleton;

pub(super) async fn insert(
    connection: &mut SqliteConnection,
    new: &NewPerson,
    at: i64,
) -> Result<(), sqlx::Error> {
    let row = NewPersonRow {
        id: &new.id,
        role: new.role,
        name: &new.name,
        skeleton: Some(new.skeleton.clone()),
        colour: new.colour,
        password: new.password.as_deref(),
        visitor: None,
    };
    insert_person(connection, &row, at).await
}

pub(super) async fn guest(
    within: Within<'_>,
    new: NewPerson,
    session: NewSession,
) -> Result<GuestMade, sqlx::Error> {
    let Within { connection, at, .. } = within;
    if !has_guests(connection).await? {
        return Ok(GuestMade::Off);
    }
    if is_name_taken(connection, &new.skeleton).await? {
        return Ok(GuestMade::NameTaken);
    }
    insert(connection, &new, at).await?;
    sessions::begin(connection, session, at, Vec::new()).await.map(GuestMade::Done)
}

pub(super) async fn account(
    within: Within<'_>,
    mut new: NewPerson,
    right: Right,
    session: Option<NewSession>,
) -> Result<Made, sqlx::Error> {
    let Within { connection, at, .. } = within;
    if is_name_taken(connection, &new.skeleton).await? {
        return Ok(Made::NameTaken);
    }
    let mut room = None;
    let mut guest = None;
    match right {
        Right::First if has_owner(connection, "").await? => return Ok(Made::NoRight),
        Right::First => new.role = Role::Owner,
        Right::Power => {}
        Right::Invited { code, guest: id } => {
            let Some(invitation) = invitations::find(connection, &code, at).await? else {
                return Ok(Made::NoRight);
            };
            if !invitation.makes_account {
                return Ok(Made::NoAccount);
            }
            invitations::count_use(connection, &invitation).await?;
            new.role = invitation.role;
            room = invitation.room;
            if let Some(id) = id
                && become_account(connection, &id, &new).await?
            {
                guest = Some(id);
            }
        }
    }
    let mut ended = Vec::new();
    match guest {
        Some(id) => {
            ended = sessions::end_all(connection, &id).await?;
            new.id = id;
        }
        None => insert(connection, &new, at).await?,
    }
    if let Some(room) = room {
        invitations::enter(connection, room, &new.id, at).await?;
    }
    ended.extend(end_alike(connection, &new.skeleton).await?);
    let begun = match session {
        Some(session) => {
            let session = NewSession { person: new.id.clone(), ..session };
            sessions::begin(connection, session, at, ended).await?
        }
        None => Begun { expires_at: at, ended },
    };
    let person = by_id(connection, &new.id).await?;
    Ok(Made::Done { person, begun })
}

/// Turns a guest into the account; `false`: it is none any more.
async fn become_account(
    connection: &mut SqliteConnection,
    guest: &str,
    new: &NewPerson,
) -> Result<bool, sqlx::Error> {
    let turned = sqlx::query(
        "UPDATE people SET role = ?2, name = ?3, skeleton = ?4, colour = ?5, password = ?6
         WHERE id = ?1 AND role = 'guest' AND closed_at IS NULL",
    )
    .bind(guest)
    .bind(role_name(new.role))
    .bind(&new.name)
    .bind(new.skeleton.as_str())
    .bind(new.colour)
    .bind(new.password.as_deref())
    .execute(connection)
    .await?;
    Ok(turned.rows_affected() > 0)
}

/// Ends the sessions of guests who are called like an account now: they may come in again under another name.
pub(super) async fn end_alike(
    connection: &mut SqliteConnection,
    look: &Skeleton,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "DELETE FROM sessions WHERE person IN
         (SELECT p.id FROM people p JOIN sessions s ON s.person = p.id
          WHERE p.role = 'guest' AND p.skeleton = ?1) RETURNING id",
    )
    .bind(look.as_str())
    .fetch_all(connection)
    .await
}

pub(super) async fn by_id(
    connection: &mut SqliteConnection,
    id: &str,
) -> Result<Person, sqlx::Error> {
    let row = sqlx::query("SELECT id, role, name, colour, picture FROM people WHERE id = ?1")
        .bind(id)
        .fetch_one(connection)
        .await?;
    debug_assert!(row.try_get::<String, _>("id").is_ok());
    person(&row)
}
