//! What is done with rights that others have not: looked at, done and put into the audit log in one write.

use sqlx::{Row as _, SqliteConnection};

use super::super::accounts::{person, role_name};
use super::super::writer::Within;
use super::lists::kind;
use super::write_entry;
use crate::accounts::contract::{Person, Role};
use crate::admin::Actor;
use crate::admin::store::{Deed, Denied, Done, GoneRoom, NewAuditEntry};
use crate::contract::FIRST_ROOM;
use crate::rooms::contract::RoomKind;

/// The setting that says whether guests are let in; without it they are.
pub(in super::super) const GUESTS: &str = "guests";

/// What was done, and its entry: what, about whom, and further words.
struct Deeded {
    done: Done,
    what: &'static str,
    about: String,
    detail: String,
}

impl Deeded {
    fn about(person: Person, what: &'static str) -> Self {
        let about = person.name.clone();
        Deeded { done: Done::Person(person), what, about, detail: String::new() }
    }
}

/// See [`AdminStore::administer`](crate::admin::store::AdminStore::administer).
pub(super) async fn administer(
    within: Within<'_>,
    by: Actor,
    deed: Deed,
) -> Result<Result<Done, Denied>, sqlx::Error> {
    let Within { connection, at, known } = within;
    // As of now: whoever asked may have lost the role on the way here.
    let by_role = match by.id() {
        None => Role::Owner,
        Some(id) => match find(connection, id).await? {
            Some(person) => person.role,
            None => return Ok(Err(Denied::Forbidden)),
        },
    };
    let deeded = match &deed {
        Deed::ChangeRole { person, .. }
        | Deed::Reset { person, .. }
        | Deed::EndSessions { person }
        | Deed::Close { person } => {
            let about = find(connection, person).await?;
            if let Err(denied) = deed.check(by_role, about.as_ref().map(|person| person.role)) {
                return Ok(Err(denied));
            }
            match about {
                None => Err(Denied::Gone),
                Some(person) => to_person(connection, at, person, deed).await?,
            }
        }
        Deed::DeleteRoom { room } => match deed.check(by_role, None) {
            Err(denied) => Err(denied),
            Ok(()) => delete_room(connection, room).await?,
        },
        Deed::Guests { are_let_in } => match deed.check(by_role, None) {
            Err(denied) => Err(denied),
            Ok(()) => Ok(let_guests_in(connection, *are_let_in).await?),
        },
    };
    let deeded = match deeded {
        Ok(deeded) => deeded,
        Err(denied) => return Ok(Err(denied)),
    };
    if let Done::Room(room) = &deeded.done {
        known.rooms.remove(&room.name);
    }
    let Deeded { done, what, about, detail } = deeded;
    write_entry(connection, at, &NewAuditEntry { by: by.name(), what, about, detail }).await?;
    Ok(Ok(done))
}

async fn to_person(
    connection: &mut SqliteConnection,
    at: i64,
    person: Person,
    deed: Deed,
) -> Result<Result<Deeded, Denied>, sqlx::Error> {
    let takes_owner = match &deed {
        Deed::ChangeRole { role, .. } => *role != Role::Owner,
        Deed::Close { .. } => true,
        _ => false,
    };
    if takes_owner && person.role == Role::Owner && owners(connection).await? < 2 {
        return Ok(Err(Denied::LastOwner));
    }
    let deeded = match deed {
        Deed::ChangeRole { role, .. } => {
            let detail = format!("{} → {}", role_name(person.role), role_name(role));
            sqlx::query("UPDATE people SET role = ?2 WHERE id = ?1")
                .bind(&person.id)
                .bind(role_name(role))
                .execute(connection)
                .await?;
            Deeded { detail, ..Deeded::about(Person { role, ..person }, "person.role") }
        }
        Deed::Reset { secret, lifetime, .. } => {
            let expires_at = at + lifetime;
            sqlx::query("DELETE FROM resets WHERE person = ?1 OR expires_at <= ?2")
                .bind(&person.id)
                .bind(at)
                .execute(&mut *connection)
                .await?;
            sqlx::query("INSERT INTO resets (secret, person, expires_at) VALUES (?1, ?2, ?3)")
                .bind(secret.as_bytes().as_slice())
                .bind(&person.id)
                .bind(expires_at)
                .execute(connection)
                .await?;
            let done = Done::Link { expires_at };
            Deeded { done, ..Deeded::about(person, "person.reset") }
        }
        Deed::Close { .. } => {
            close_person(connection, &person.id, at).await?;
            Deeded::about(person, "person.close")
        }
        _ => {
            let ended = end_sessions(connection, &person.id).await?;
            Deeded {
                detail: ended.to_string(),
                ..Deeded::about(person, "person.end_sessions")
            }
        }
    };
    Ok(Ok(deeded))
}

/// Somebody whose account is not closed.
async fn find(connection: &mut SqliteConnection, id: &str) -> Result<Option<Person>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT id, role, name, colour, picture FROM people WHERE id = ?1 AND closed_at IS NULL",
    )
    .bind(id)
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(person).transpose()
}

/// How many owners there are.
pub(in super::super) async fn owners(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT count(*) FROM people WHERE role = 'owner' AND closed_at IS NULL")
        .fetch_one(connection)
        .await
}

/// Closes an account: its name is free, and nobody gets in by it any more. What was said stays.
async fn close_person(
    connection: &mut SqliteConnection,
    id: &str,
    at: i64,
) -> Result<(), sqlx::Error> {
    // A guest of the notes' chat who comes again is somebody new.
    sqlx::query("UPDATE people SET closed_at = ?2, password = NULL, visitor = NULL WHERE id = ?1")
        .bind(id)
        .bind(at)
        .execute(&mut *connection)
        .await?;
    for statement in [
        "DELETE FROM sessions WHERE person = ?1",
        "DELETE FROM passkeys WHERE person = ?1",
        "DELETE FROM resets WHERE person = ?1",
        "DELETE FROM blocks WHERE person = ?1 OR blocked = ?1",
        "DELETE FROM members WHERE person = ?1 AND role <> 'banned'",
        "UPDATE rooms SET owner = NULL WHERE owner = ?1",
    ] {
        sqlx::query(statement).bind(id).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Ends all sessions of somebody: how many there were.
async fn end_sessions(connection: &mut SqliteConnection, person: &str) -> Result<u64, sqlx::Error> {
    let ended = sqlx::query("DELETE FROM sessions WHERE person = ?1").bind(person);
    Ok(ended.execute(connection).await?.rows_affected())
}

async fn delete_room(
    connection: &mut SqliteConnection,
    id: &str,
) -> Result<Result<Deeded, Denied>, sqlx::Error> {
    let row = sqlx::query("SELECT id, name, title, kind FROM rooms WHERE public_id = ?1")
        .bind(id)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(Err(Denied::Gone)) };
    let (row_id, name): (i64, String) = (row.try_get("id")?, row.try_get("name")?);
    if name == FIRST_ROOM {
        return Ok(Err(Denied::Forbidden));
    }
    let kind = kind(row.try_get("kind")?);
    let members = sqlx::query_scalar("SELECT person FROM members WHERE room = ?1")
        .bind(row_id)
        .fetch_all(&mut *connection)
        .await?;
    // Members and invitations go with the room by themselves.
    for statement in
        ["DELETE FROM messages WHERE room_id = ?1", "DELETE FROM rooms WHERE id = ?1"]
    {
        sqlx::query(statement).bind(row_id).execute(&mut *connection).await?;
    }
    // What only those who are in it may know is not for everybody who reads the log.
    let about = match kind {
        RoomKind::Open | RoomKind::Password => row.try_get("title")?,
        RoomKind::Invited | RoomKind::Direct => id.to_owned(),
    };
    let room = GoneRoom { id: id.to_owned(), name, kind, members };
    let detail = String::new();
    Ok(Ok(Deeded { done: Done::Room(room), what: "room.delete", about, detail }))
}

async fn let_guests_in(
    connection: &mut SqliteConnection,
    are_let_in: bool,
) -> Result<Deeded, sqlx::Error> {
    let value = if are_let_in { "on" } else { "off" };
    sqlx::query(
        "INSERT INTO settings (name, value) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(GUESTS)
    .bind(value)
    .execute(&mut *connection)
    .await?;
    let mut sent_away: Vec<String> = Vec::new();
    if !are_let_in {
        sent_away = sqlx::query_scalar(
            "DELETE FROM sessions WHERE person IN (SELECT id FROM people WHERE role = 'guest')
             RETURNING person",
        )
        .fetch_all(connection)
        .await?;
        sent_away.sort_unstable();
        sent_away.dedup();
    }
    let (about, detail) = (GUESTS.to_owned(), value.to_owned());
    Ok(Deeded { done: Done::Guests(sent_away), what: "settings", about, detail })
}
