//! Rooms, their members, and the list.

mod acts;
mod list;
mod making;
mod removal;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use serde::de::DeserializeOwned;
use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _, SqliteConnection};
use unicode_normalization::UnicodeNormalization as _;

use super::accounts::person;
use super::{Sqlite, StoreError};
use crate::accounts::contract::Person;
use crate::accounts::now;
use crate::contract::FIRST_ROOM;
use crate::id::new_id;
use crate::input::RoomName;
use crate::messages::contract::Excerpt;
use crate::names::Skeleton;
use crate::rooms::contract::{ListRooms, RoomKind, RoomMember, RoomRole};
use crate::rooms::store::{
    Act, ActDone, Listed, MEMBERS_MAX, NewRoom, PEOPLE_MAX, Place, RoomError, RoomOf, RoomStore,
    StillEmpty, StoredRoom,
};

/// A room that is to be written.
pub(super) struct NewRoomRow<'a> {
    /// Under which it is told apart, and the notes' chat enters.
    pub(super) name: &'a str,
    pub(super) skeleton: Option<Skeleton>,
    pub(super) title: &'a str,
    pub(super) kind: RoomKind,
    /// The address it came from.
    pub(super) maker: Option<&'a str>,
}

impl Default for NewRoomRow<'_> {
    fn default() -> Self {
        NewRoomRow { name: "", skeleton: None, title: "", kind: RoomKind::Open, maker: None }
    }
}

/// What is selected of a room `r` for the person `?1`.
macro_rules! room_columns {
    () => {
        "r.id AS row, r.public_id, r.name AS stored_name, r.title, r.description, r.kind, r.password,
         r.capacity, r.keep_days, r.is_passing, r.created_at, r.active_at,
         (SELECT json_object('id', o.id, 'name', o.name, 'role', o.role, 'colour', o.colour, 'picture', o.picture)
          FROM people o WHERE o.id = r.owner) AS owner,
         CASE WHEN r.kind = 'direct' THEN
            (SELECT json_group_array(json_object('id', w.id, 'name', w.name, 'role', w.role,
                                                 'colour', w.colour, 'picture', w.picture))
             FROM people w WHERE w.id IN (SELECT value FROM json_each(r.direct_key))) END AS people,
         l.id AS last_id, l.person AS last_person, l.name AS last_name, substr(l.msg, 1, 200) AS last_text,
         (SELECT count(*) FROM pictures WHERE message = l.id) AS last_pictures,
         l.at AS last_at,
         me.role AS my_role, me.is_pinned, me.is_silenced, me.muted_until"
    };
}
/// Where it is selected from.
macro_rules! room_tables {
    () => {
        "rooms r LEFT JOIN messages l ON l.id = r.last_message_id
         LEFT JOIN members me ON me.room = r.id AND me.person = ?1"
    };
}
pub(super) use making::{hidden_name, insert_member};
pub(super) use removal::unlink;
use {room_columns, room_tables};

#[async_trait]
impl RoomStore for Sqlite {
    async fn room(&self, id: &str, person: &str) -> Result<Option<RoomOf>, StoreError> {
        let mut connection = self.database.reads().acquire().await?;
        Ok(room_by_id(&mut connection, id, person).await?.map(|(_, room)| room))
    }

    async fn room_named(
        &self,
        name: &RoomName,
        person: &str,
    ) -> Result<Option<RoomOf>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT ",
            room_columns!(),
            " FROM ",
            room_tables!(),
            " WHERE r.name = ?2 AND r.kind IN ('open', 'password')"
        ))
        .bind(person)
        .bind(name.as_str())
        .fetch_optional(&self.database.reads())
        .await?;
        Ok(row.as_ref().map(room_of).transpose()?)
    }

    async fn rooms(&self, ids: Vec<String>) -> Result<Vec<StoredRoom>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            room_columns!(),
            " FROM ",
            room_tables!(),
            " WHERE r.public_id IN (SELECT value FROM json_each(?2)) AND r.public_id <> ''"
        ))
        .bind("")
        .bind(serde_json::to_string(&ids).unwrap_or_default())
        .fetch_all(&self.database.reads())
        .await?;
        Ok(rows.iter().map(stored_room).collect::<Result<_, _>>()?)
    }

    async fn list(&self, person: &str, asked: &ListRooms) -> Result<Listed, StoreError> {
        let mut connection = self.database.reads().acquire().await?;
        Ok(list::list(&mut connection, person, asked).await?)
    }

    async fn create_room(&self, room: NewRoom) -> Result<RoomOf, RoomError> {
        self.write(move |within| Box::pin(making::create(within, room))).await?
    }

    async fn direct(&self, people: Vec<String>) -> Result<(RoomOf, Vec<String>), RoomError> {
        self.write(move |within| Box::pin(making::direct(within, people))).await?
    }

    async fn act(&self, act: Act, done: ActDone) -> Result<(), StoreError> {
        self.queue(
            move |within| Box::pin(acts::act(within, act)),
            |acted| done(acted.map_err(RoomError::from).and_then(|acted| acted)),
        )
        .await
    }

    async fn member_ids(&self, room: &str) -> Result<Vec<String>, StoreError> {
        let ids = sqlx::query_scalar(
            "SELECT m.person FROM members m JOIN rooms r ON r.id = m.room
             WHERE r.public_id = ?1 AND r.public_id <> '' AND m.role <> 'banned'",
        )
        .bind(room)
        .fetch_all(&self.database.reads())
        .await?;
        Ok(ids)
    }

    async fn bans(&self, rooms: &[String]) -> Result<Vec<(String, String)>, StoreError> {
        let bans = sqlx::query_as(
            "SELECT r.public_id, m.person FROM rooms r JOIN members m ON m.room = r.id
             WHERE m.role = 'banned' AND r.public_id <> ''
             AND r.public_id IN (SELECT value FROM json_each(?1))",
        )
        .bind(serde_json::to_string(rooms).unwrap_or_default())
        .fetch_all(&self.database.reads())
        .await?;
        Ok(bans)
    }

    async fn members(&self, room: &str) -> Result<Vec<RoomMember>, StoreError> {
        let rows = sqlx::query(
            "SELECT m.role AS my_role, m.is_pinned, m.is_silenced, m.muted_until,
                    p.id, p.role, p.name, p.colour, p.picture, p.seen_at
             FROM members m JOIN rooms r ON r.id = m.room JOIN people p ON p.id = m.person
             WHERE r.public_id = ?1 AND r.public_id <> '' AND p.closed_at IS NULL
             ORDER BY m.role = 'banned', m.role = 'member', m.role = 'moderator', p.name, p.id LIMIT ?2",
        )
        .bind(room)
        .bind(MEMBERS_MAX)
        .fetch_all(&self.database.reads())
        .await?;
        Ok(rows.iter().map(room_member).collect::<Result<_, _>>()?)
    }

    async fn find_people(&self, by: &str, search: &str) -> Result<Vec<Person>, StoreError> {
        let (search, reads) = (folded(search), self.database.reads());
        let mut rows = sqlx::query(
            "SELECT id, role, name, colour, picture FROM people
             WHERE role <> 'guest' AND closed_at IS NULL AND id <> ?1 ORDER BY name, id",
        )
        .bind(by)
        .fetch(&reads);
        let mut found = Vec::new();
        while let Some(row) = rows.try_next().await? {
            let person = person(&row)?;
            if folded(&person.name).starts_with(&search) {
                found.push(person);
            }
            if found.len() == PEOPLE_MAX {
                break;
            }
        }
        Ok(found)
    }

    async fn passing_rooms(&self) -> Result<Vec<StoredRoom>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            room_columns!(),
            " FROM ",
            room_tables!(),
            " WHERE r.is_passing = 1 AND r.public_id <> ''"
        ))
        .bind("")
        .fetch_all(&self.database.reads())
        .await?;
        Ok(rows.iter().map(stored_room).collect::<Result<_, _>>()?)
    }

    async fn vanish(
        &self,
        room: &str,
        is_empty: StillEmpty,
    ) -> Result<Option<(StoredRoom, Vec<String>)>, StoreError> {
        let room = room.to_owned();
        self.write(move |within| Box::pin(removal::vanish(within, room, is_empty))).await
    }

    async fn sweep(&self) -> Result<bool, StoreError> {
        self.write(|within| Box::pin(removal::sweep(within))).await
    }

    async fn seen(&self, people: Vec<String>) -> Result<(), StoreError> {
        self.write(move |within| {
            Box::pin(async move {
                let people = serde_json::to_string(&people).unwrap_or_default();
                sqlx::query(
                    "UPDATE people SET seen_at = ?1 WHERE id IN (SELECT value FROM json_each(?2))",
                )
                .bind(within.at)
                .bind(people)
                .execute(within.connection)
                .await
                .map(drop)
            })
        })
        .await
    }
}

/// A room with its row, and a person's place in it.
pub(super) async fn room_by_id(
    connection: &mut SqliteConnection,
    id: &str,
    person: &str,
) -> Result<Option<(i64, RoomOf)>, sqlx::Error> {
    // What is left of a room that is gone has no id.
    if id.is_empty() {
        return Ok(None);
    }
    let row = sqlx::query(concat!(
        "SELECT ",
        room_columns!(),
        " FROM ",
        room_tables!(),
        " WHERE r.public_id = ?2 AND r.public_id <> ''"
    ))
    .bind(person)
    .bind(id)
    .fetch_optional(connection)
    .await?;
    row.map(|row| Ok((row.try_get("row")?, room_of(&row)?))).transpose()
}

/// Writes a room; one that is there already under the name stays.
pub(super) async fn insert_room(
    connection: &mut SqliteConnection,
    new: &NewRoomRow<'_>,
    at: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO rooms (public_id, name, skeleton, title, folded, kind, maker, created_at, active_at)
         VALUES (?1, ?2, ?3, ?4, ?8, ?5, ?6, ?7, ?7) ON CONFLICT (name) DO NOTHING",
    )
    .bind(new_id())
    .bind(new.name)
    .bind(new.skeleton.as_ref().map(Skeleton::as_str))
    .bind(new.title)
    .bind(kind_name(new.kind))
    .bind(new.maker)
    .bind(at)
    .bind(folded(new.title))
    .execute(connection)
    .await
    .map(drop)
}

/// A title as it is searched for: in small letters.
pub(super) fn folded(title: &str) -> String {
    title.to_lowercase().nfc().collect()
}

/// Titles that were stored before they could be searched for in any case.
pub(super) async fn fold_titles(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let rooms: Vec<(i64, String)> =
        sqlx::query_as("SELECT id, title FROM rooms WHERE folded = '' AND title <> ''")
            .fetch_all(&mut *connection)
            .await?;
    let mut transaction = connection.begin().await?;
    for (id, title) in rooms {
        sqlx::query("UPDATE rooms SET folded = ?2 WHERE id = ?1")
            .bind(id)
            .bind(folded(&title))
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

/// The first room is always there, open and without an owner.
pub(super) async fn make_first_room(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let skeleton = Some(Skeleton::of(FIRST_ROOM));
    let room =
        NewRoomRow { name: FIRST_ROOM, skeleton, title: FIRST_ROOM, ..NewRoomRow::default() };
    insert_room(connection, &room, now()).await
}

/// A row of [`room_columns`].
fn room_of(row: &SqliteRow) -> Result<RoomOf, sqlx::Error> {
    Ok(RoomOf { room: stored_room(row)?, place: place(row)? })
}

fn stored_room(row: &SqliteRow) -> Result<StoredRoom, sqlx::Error> {
    let last = row.try_get::<Option<i64>, _>("last_id")?.map(|id| excerpt(row, id)).transpose()?;
    Ok(StoredRoom {
        id: row.try_get("public_id")?,
        name: row.try_get("stored_name")?,
        title: row.try_get("title")?,
        description: row.try_get("description")?,
        kind: kind(row.try_get("kind")?),
        password: row.try_get("password")?,
        owner: json(row.try_get("owner")?)?,
        capacity: row.try_get("capacity")?,
        keep_days: row.try_get("keep_days")?,
        is_passing: row.try_get("is_passing")?,
        with: json(row.try_get("people")?)?.unwrap_or_default(),
        last,
        created_at: row.try_get("created_at")?,
        active_at: row.try_get("active_at")?,
    })
}

fn excerpt(row: &SqliteRow, id: i64) -> Result<Excerpt, sqlx::Error> {
    Ok(Excerpt {
        id,
        person: row.try_get::<Option<_>, _>("last_person")?.unwrap_or_default(),
        name: row.try_get("last_name")?,
        text: row.try_get("last_text")?,
        pictures: row.try_get("last_pictures")?,
        at: row.try_get("last_at")?,
    })
}

/// A row of `my_role, is_pinned, is_silenced, muted_until`, if there is a place.
fn place(row: &SqliteRow) -> Result<Option<Place>, sqlx::Error> {
    let Some(role) = row.try_get::<Option<&str>, _>("my_role")? else { return Ok(None) };
    Ok(Some(Place {
        role: room_role(role),
        is_pinned: row.try_get("is_pinned")?,
        is_silenced: row.try_get("is_silenced")?,
        muted_until: row.try_get("muted_until")?,
    }))
}

fn room_member(row: &SqliteRow) -> Result<RoomMember, sqlx::Error> {
    let role = room_role(row.try_get("my_role")?);
    Ok(RoomMember {
        person: person(row)?,
        role: role.unwrap_or(RoomRole::Member),
        muted_until: row.try_get("muted_until")?,
        is_banned: role.is_none(),
        seen_at: row.try_get("seen_at")?,
        is_online: false,
    })
}

pub(super) fn json<T: DeserializeOwned>(text: Option<&str>) -> Result<Option<T>, sqlx::Error> {
    let value = text.map(serde_json::from_str).transpose();
    value.map_err(|error| sqlx::Error::Decode(BoxDynError::from(error)))
}

/// `None`: banned.
fn room_role(name: &str) -> Option<RoomRole> {
    match name {
        "owner" => Some(RoomRole::Owner),
        "moderator" => Some(RoomRole::Moderator),
        "member" => Some(RoomRole::Member),
        _ => None,
    }
}

/// A role as it is stored; `None`: banned.
fn room_role_name(role: Option<RoomRole>) -> &'static str {
    match role {
        Some(RoomRole::Owner) => "owner",
        Some(RoomRole::Moderator) => "moderator",
        Some(RoomRole::Member) => "member",
        None => "banned",
    }
}

/// A kind as it is stored.
pub(super) fn kind_name(kind: RoomKind) -> &'static str {
    match kind {
        RoomKind::Open => "open",
        RoomKind::Password => "password",
        RoomKind::Invited => "invited",
        RoomKind::Direct => "direct",
    }
}

/// The database checks that it is one of them.
fn kind(name: &str) -> RoomKind {
    match name {
        "open" => RoomKind::Open,
        "password" => RoomKind::Password,
        "invited" => RoomKind::Invited,
        _ => RoomKind::Direct,
    }
}
