//! What is done with rights that others have not: looked at, done and put into the audit log in one write.

use sqlx::SqliteConnection;

use super::super::accounts::{changes, person, role_name, sessions};
use super::super::rooms::{room_by_id, unlink};
use super::super::writer::{Known, Within};
use super::write_entry;
use crate::accounts::contract::{Person, Role};
use crate::accounts::store::Changed;
use crate::admin::Actor;
use crate::admin::store::{Deed, Denied, Done, NewAuditEntry};
use crate::contract::FIRST_ROOM;

/// What was done, and its entry: what, about whom, and further words.
struct Deeded {
    done: Done,
    what: &'static str,
    about: String,
    detail: String,
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
                Some(person) => {
                    let within = Within { connection: &mut *connection, at, known: &mut *known };
                    to_person(within, person, deed).await?
                }
            }
        }
        Deed::DeleteRoom { room } => match deed.check(by_role, None) {
            Err(denied) => Err(denied),
            Ok(()) => delete_room(connection, known, room).await?,
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
    let Deeded { done, what, about, detail } = deeded;
    write_entry(connection, at, &NewAuditEntry { by: by.name(), what, about, detail }).await?;
    Ok(Ok(done))
}

async fn to_person(
    within: Within<'_>,
    person: Person,
    deed: Deed,
) -> Result<Result<Deeded, Denied>, sqlx::Error> {
    let id = person.id.clone();
    let deeded = match deed {
        Deed::ChangeRole { role, .. } => {
            let detail = format!("{} → {}", role_name(person.role), role_name(role));
            changed(changes::role(within, id, role).await?, "person.role", detail)
        }
        Deed::Close { .. } => {
            changed(changes::close(within, id).await?, "person.close", String::new())
        }
        Deed::Reset { secret, lifetime, .. } => {
            let made = changes::make_reset(within, id, secret, lifetime).await?;
            made.map(|expires_at| Deeded {
                done: Done::Link { expires_at },
                what: "person.reset",
                about: person.name,
                detail: String::new(),
            })
            .ok_or(Denied::Gone)
        }
        _ => {
            let ended = sessions::end_all(within.connection, &id).await?;
            let detail = ended.len().to_string();
            changed(Changed::Done(person, ended), "person.end_sessions", detail)
        }
    };
    Ok(deeded)
}

fn changed(changed: Changed, what: &'static str, detail: String) -> Result<Deeded, Denied> {
    match changed {
        Changed::Done(person, ended) => {
            let about = person.name.clone();
            Ok(Deeded { done: Done::Person { person, ended }, what, about, detail })
        }
        Changed::LastOwner => Err(Denied::LastOwner),
        Changed::Gone | Changed::NameTaken => Err(Denied::Gone),
    }
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

async fn delete_room(
    connection: &mut SqliteConnection,
    known: &mut Known,
    id: &str,
) -> Result<Result<Deeded, Denied>, sqlx::Error> {
    let Some((row, of)) = room_by_id(connection, id, "").await? else {
        return Ok(Err(Denied::Gone));
    };
    let room = of.room;
    if room.name == FIRST_ROOM {
        return Ok(Err(Denied::Forbidden));
    }
    let members = unlink(connection, known, row, &room).await?;
    // What only those who are in it may know is not for everybody who reads the log.
    let about = if room.is_public() { room.title.clone() } else { room.id.clone() };
    let (what, detail) = ("room.delete", String::new());
    let room = Box::new(room);
    Ok(Ok(Deeded { done: Done::Room { room, members }, what, about, detail }))
}

async fn let_guests_in(
    connection: &mut SqliteConnection,
    are_let_in: bool,
) -> Result<Deeded, sqlx::Error> {
    let ended = changes::guests(connection, are_let_in).await?;
    Ok(Deeded {
        done: Done::Guests { ended },
        what: "settings",
        about: "guests".to_owned(),
        detail: if are_let_in { "on" } else { "off" }.to_owned(),
    })
}
