//! People and rooms, for whoever administers.

use futures_util::TryStreamExt as _;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::super::accounts::person;
use crate::accounts::contract::Person;
use crate::admin::contract::{PeoplePage, PersonRow, RoomRow};
use crate::admin::store::{ListedRoom, PAGE_MAX};
use crate::input::Nickname;
use crate::rooms::contract::RoomKind;

/// See [`AdminStore::people_page`](crate::admin::store::AdminStore::people_page).
pub(super) async fn people(
    connection: &mut SqliteConnection,
    after: Option<&str>,
    search: &str,
    now: i64,
) -> Result<Option<PeoplePage>, sqlx::Error> {
    // Behind everybody's: nobody's name is empty.
    let mut behind = (false, String::new());
    if let Some(id) = after {
        let row = sqlx::query("SELECT role = 'guest' AS is_guest, name FROM people WHERE id = ?1")
            .bind(id)
            .fetch_optional(&mut *connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        behind = (row.try_get("is_guest")?, row.try_get("name")?);
    }
    let mut rows = sqlx::query(
        "SELECT id, role, name, colour, picture, created_at, seen_at,
                (SELECT count(*) FROM sessions WHERE person = people.id AND expires_at > ?1) AS sessions
         FROM people WHERE closed_at IS NULL AND visitor IS NULL AND (role = 'guest', name, id) > (?2, ?3, ?4)
         ORDER BY role = 'guest', name, id",
    )
    .bind(now)
    .bind(behind.0)
    .bind(behind.1)
    .bind(after.unwrap_or_default())
    .fetch(connection);
    // The database knows the case of ASCII alone.
    let search = search.trim().to_lowercase();
    let mut people: Vec<PersonRow> = Vec::new();
    while let Some(row) = rows.try_next().await? {
        if !search.is_empty() && !row.try_get::<&str, _>("name")?.to_lowercase().contains(&search) {
            continue;
        }
        if people.len() == PAGE_MAX {
            let next = people.last().map(|last| last.person.id.clone());
            return Ok(Some(PeoplePage { people, next }));
        }
        people.push(read_person(&row)?);
    }
    Ok(Some(PeoplePage { people, next: None }))
}

/// See [`AdminStore::person_row`](crate::admin::store::AdminStore::person_row).
pub(super) async fn person_row(
    connection: &mut SqliteConnection,
    id: &str,
    now: i64,
) -> Result<Option<PersonRow>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT id, role, name, colour, picture, created_at, seen_at,
                (SELECT count(*) FROM sessions WHERE person = people.id AND expires_at > ?1) AS sessions
         FROM people WHERE closed_at IS NULL AND id = ?2",
    )
    .bind(now)
    .bind(id)
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(read_person).transpose()
}

/// See [`AdminStore::find_people`](crate::admin::store::AdminStore::find_people).
pub(super) async fn find_people(
    connection: &mut SqliteConnection,
    id_or_name: &str,
) -> Result<Vec<Person>, sqlx::Error> {
    let name =
        Nickname::parse(id_or_name).map_or_else(|_| String::new(), |name| name.as_str().to_owned());
    let rows = sqlx::query(
        "SELECT id, role, name, colour, picture FROM people
         WHERE closed_at IS NULL AND (id = ?1 OR name = ?2 AND role <> 'guest')",
    )
    .bind(id_or_name)
    .bind(name)
    .fetch_all(connection)
    .await?;
    rows.iter().map(person).collect()
}

/// See [`AdminStore::room_rows`](crate::admin::store::AdminStore::room_rows).
pub(super) async fn rooms(
    connection: &mut SqliteConnection,
    after: Option<&str>,
    viewer: Option<&str>,
) -> Result<Option<Vec<ListedRoom>>, sqlx::Error> {
    let mut behind = (i64::MAX, i64::MAX);
    if let Some(id) = after {
        let row =
            sqlx::query("SELECT active_at, id FROM rooms WHERE public_id = ?1 AND public_id <> ''")
                .bind(id)
                .fetch_optional(&mut *connection)
                .await?;
        let Some(row) = row else { return Ok(None) };
        behind = (row.try_get("active_at")?, row.try_get("id")?);
    }
    let rows = sqlx::query(
        "SELECT r.public_id, r.name AS open_name, r.kind, r.active_at,
                CASE WHEN r.kind IN ('open', 'password') OR EXISTS
                    (SELECT 1 FROM members WHERE room = r.id AND person = ?3 AND role <> 'banned')
                THEN r.title ELSE '' END AS title,
                (SELECT count(*) FROM members WHERE room = r.id AND role <> 'banned') AS members,
                (SELECT count(*) FROM messages WHERE room_id = r.id) AS messages,
                p.id, p.role, p.name, p.colour, p.picture
         FROM rooms r LEFT JOIN people p ON p.id = r.owner
         WHERE (r.active_at, r.id) < (?1, ?2) AND r.public_id <> ''
         ORDER BY r.active_at DESC, r.id DESC LIMIT ?4",
    )
    .bind(behind.0)
    .bind(behind.1)
    .bind(viewer)
    .bind(PAGE_MAX as i64)
    .fetch_all(connection)
    .await?;
    rows.iter().map(read_room).collect::<Result<_, _>>().map(Some)
}

fn read_person(row: &SqliteRow) -> Result<PersonRow, sqlx::Error> {
    Ok(PersonRow {
        person: person(row)?,
        created_at: row.try_get("created_at")?,
        seen_at: row.try_get("seen_at")?,
        is_online: false,
        sessions: row.try_get("sessions")?,
    })
}

fn read_room(row: &SqliteRow) -> Result<ListedRoom, sqlx::Error> {
    let has_owner = row.try_get::<Option<&str>, _>("id")?.is_some();
    let kind = kind(row.try_get("kind")?);
    let name: String = row.try_get("open_name")?;
    let row = RoomRow {
        id: row.try_get("public_id")?,
        title: row.try_get("title")?,
        kind,
        owner: has_owner.then(|| person(row)).transpose()?,
        members: row.try_get("members")?,
        people: 0,
        messages: row.try_get("messages")?,
        active_at: row.try_get("active_at")?,
    };
    Ok(ListedRoom { row, open_name: (kind == RoomKind::Open).then_some(name) })
}

/// A kind as it is stored; the database checks that it is one of them.
fn kind(name: &str) -> RoomKind {
    match name {
        "direct" => RoomKind::Direct,
        "invited" => RoomKind::Invited,
        "password" => RoomKind::Password,
        _ => RoomKind::Open,
    }
}
