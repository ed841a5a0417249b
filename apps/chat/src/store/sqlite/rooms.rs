//! Rooms, their members, and the list.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::Sqlite;
use crate::accounts::now;
use crate::contract::FIRST_ROOM;
use crate::id::new_id;
use crate::names::Skeleton;
use crate::rooms::contract::RoomKind;
use crate::rooms::store::RoomStore;

/// A room that is to be written.
pub(super) struct NewRoomRow<'a> {
    /// Under which it is told apart, and the notes' chat enters; empty for rooms that are not listed.
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

#[async_trait]
impl RoomStore for Sqlite {}

/// Writes a room; one that is there already under the name stays.
pub(super) async fn insert_room(
    connection: &mut SqliteConnection,
    new: &NewRoomRow<'_>,
    at: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO rooms (public_id, name, skeleton, title, kind, maker, created_at, active_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7) ON CONFLICT (name) DO NOTHING",
    )
    .bind(new_id())
    .bind(new.name)
    .bind(new.skeleton.as_ref().map(Skeleton::as_str))
    .bind(new.title)
    .bind(kind_name(new.kind))
    .bind(new.maker)
    .bind(at)
    .execute(connection)
    .await
    .map(drop)
}

/// The first room is always there, open and without an owner.
pub(super) async fn make_first_room(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let skeleton = Some(Skeleton::of(FIRST_ROOM));
    let room =
        NewRoomRow { name: FIRST_ROOM, skeleton, title: FIRST_ROOM, ..NewRoomRow::default() };
    insert_room(connection, &room, now()).await
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
