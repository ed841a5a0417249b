//! What people do with rooms, decided and done in the writer.

use sqlx::{Row as _, SqliteConnection};

use super::making::{check_name, hidden_name, insert_member};
use super::removal::unlink;
use super::{folded, kind_name, place, room_by_id, room_role_name};
use crate::accounts::contract::Role;
use crate::input::RoomName;
use crate::names::Skeleton;
use crate::rooms::access::check;
use crate::rooms::contract::{RoomKind, RoomRole};
use crate::rooms::store::{
    Act, Acted, Changes, Deed, Place, ROOMS_OWNED_MAX, ROOMS_PINNED_MAX, RoomError, RoomOf,
    StoredRoom, stored_name,
};
use crate::store::sqlite::accounts::role;
use crate::store::sqlite::writer::{Known, Within};

/// The outer error fails the transaction, the inner one only this.
type Outcome<T> = Result<Result<T, RoomError>, sqlx::Error>;

/// Where something is done.
struct Here<'a> {
    connection: &'a mut SqliteConnection,
    known: &'a mut Known,
    at: i64,
    row: i64,
}

/// Somebody whom it is about.
struct Target {
    id: String,
    place: Option<Place>,
    is_guest: bool,
}

pub(super) async fn act(within: Within<'_>, act: Act) -> Outcome<Acted> {
    let Within { connection, at, known } = within;
    let Act { room, by, deed } = act;
    let Some((row, of)) = room_by_id(connection, &room, &by.id).await? else {
        return Ok(Err(RoomError::Gone));
    };
    let target = match deed.about() {
        Some(person) => Some(target(connection, row, person).await?),
        None => None,
    };
    let about = target.as_ref().map(|target| target.as_ref().and_then(|it| it.place.as_ref()));
    if let Err(refused) = check(&of, by.role, &deed, about) {
        return Ok(Err(refused));
    }
    // Only who may do it learns whether there is such a person.
    let target = match target {
        Some(None) => return Ok(Err(RoomError::NotMember)),
        Some(Some(target)) => target,
        None => Target { id: by.id, place: of.place, is_guest: by.role == Role::Guest },
    };
    let mut here = Here { connection, known, at, row };
    let members = match here.act(&of.room, &deed, &target).await? {
        Ok(members) => members,
        Err(refused) => return Ok(Err(refused)),
    };
    let after = room_by_id(here.connection, &room, &target.id).await?;
    let after = match after {
        Some((_, after)) => after,
        None => RoomOf { room: of.room.clone(), place: None },
    };
    Ok(Ok(Acted { before: of.room, after, place_before: target.place, members }))
}

async fn target(
    connection: &mut SqliteConnection,
    room: i64,
    id: &str,
) -> Result<Option<Target>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT p.role, m.role AS my_role, m.is_pinned, m.is_silenced, m.muted_until
         FROM people p LEFT JOIN members m ON m.person = p.id AND m.room = ?2
         WHERE p.id = ?1 AND p.closed_at IS NULL",
    )
    .bind(id)
    .bind(room)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let is_guest = role(row.try_get("role")?) == Role::Guest;
    Ok(Some(Target { id: id.to_owned(), place: place(&row)?, is_guest }))
}

impl Here<'_> {
    /// Does it; whose list of rooms changes by it beyond the one it is about.
    async fn act(&mut self, room: &StoredRoom, deed: &Deed, on: &Target) -> Outcome<Vec<String>> {
        let role = on.place.and_then(|place| place.role);
        match deed {
            Deed::Enter { .. } => {
                if on.place.is_none() {
                    let role = Some(RoomRole::Member);
                    insert_member(self.connection, self.row, &on.id, role, self.at).await?;
                }
            }
            Deed::Leave if role == Some(RoomRole::Owner) && !room.is_passing => {
                return Ok(Err(RoomError::LastOwner));
            }
            Deed::Leave => {
                if role == Some(RoomRole::Owner) {
                    self.own(None).await?;
                }
                self.remove(&on.id).await?;
            }
            Deed::Keep { is_pinned, is_silenced } => {
                return self.keep(&on.id, *is_pinned, *is_silenced).await;
            }
            Deed::Change(changes) => return self.change(room, changes).await,
            Deed::Delete => {
                return Ok(Ok(unlink(self.connection, self.known, self.row, room).await?));
            }
            Deed::Unban { .. } if on.place.is_some() && role.is_none() => {
                self.remove(&on.id).await?;
            }
            Deed::Remove { is_ban: true, .. } => {
                self.remove(&on.id).await?;
                insert_member(self.connection, self.row, &on.id, None, self.at).await?;
            }
            Deed::Remove { is_ban: false, .. } if role.is_some() => self.remove(&on.id).await?,
            // What follows is for members.
            _ if role.is_none() => return Ok(Err(RoomError::NotMember)),
            Deed::HandOver { .. } | Deed::Promote { .. } if on.is_guest => {
                return Ok(Err(RoomError::Guest));
            }
            Deed::HandOver { .. } => return self.hand_over(&on.id).await,
            Deed::Promote { role, .. } => self.set_role(&on.id, *role).await?,
            Deed::Mute { duration, .. } => {
                let until = (*duration > 0).then(|| self.at + duration);
                self.mute(&on.id, until).await?;
            }
            Deed::Unban { .. } | Deed::Remove { .. } => {}
        }
        Ok(Ok(Vec::new()))
    }

    async fn hand_over(&mut self, to: &str) -> Outcome<Vec<String>> {
        let owned: u32 = sqlx::query_scalar("SELECT count(*) FROM rooms WHERE owner = ?1")
            .bind(to)
            .fetch_one(&mut *self.connection)
            .await?;
        if owned >= ROOMS_OWNED_MAX {
            return Ok(Err(RoomError::TooMany));
        }
        // Whoever owned it keeps order in it from now on.
        sqlx::query("UPDATE members SET role = 'moderator' WHERE room = ?1 AND role = 'owner'")
            .bind(self.row)
            .execute(&mut *self.connection)
            .await?;
        self.set_role(to, RoomRole::Owner).await?;
        self.own(Some(to)).await?;
        Ok(Ok(Vec::new()))
    }

    async fn own(&mut self, owner: Option<&str>) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE rooms SET owner = ?2 WHERE id = ?1")
            .bind(self.row)
            .bind(owner)
            .execute(&mut *self.connection)
            .await
            .map(drop)
    }

    async fn remove(&mut self, person: &str) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM members WHERE room = ?1 AND person = ?2")
            .bind(self.row)
            .bind(person)
            .execute(&mut *self.connection)
            .await
            .map(drop)
    }

    async fn set_role(&mut self, person: &str, role: RoomRole) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE members SET role = ?3 WHERE room = ?1 AND person = ?2")
            .bind(self.row)
            .bind(person)
            .bind(room_role_name(Some(role)))
            .execute(&mut *self.connection)
            .await
            .map(drop)
    }

    async fn mute(&mut self, person: &str, until: Option<i64>) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE members SET muted_until = ?3 WHERE room = ?1 AND person = ?2")
            .bind(self.row)
            .bind(person)
            .bind(until)
            .execute(&mut *self.connection)
            .await
            .map(drop)
    }

    async fn keep(
        &mut self,
        person: &str,
        is_pinned: Option<bool>,
        is_silenced: Option<bool>,
    ) -> Outcome<Vec<String>> {
        if is_pinned == Some(true) {
            let others: u32 = sqlx::query_scalar(
                "SELECT count(*) FROM members WHERE person = ?1 AND is_pinned = 1 AND room <> ?2",
            )
            .bind(person)
            .bind(self.row)
            .fetch_one(&mut *self.connection)
            .await?;
            if others >= ROOMS_PINNED_MAX {
                return Ok(Err(RoomError::TooManyPinned));
            }
        }
        sqlx::query(
            "UPDATE members SET is_pinned = coalesce(?3, is_pinned), is_silenced = coalesce(?4, is_silenced)
             WHERE room = ?1 AND person = ?2",
        )
        .bind(self.row)
        .bind(person)
        .bind(is_pinned)
        .bind(is_silenced)
        .execute(&mut *self.connection)
        .await?;
        Ok(Ok(Vec::new()))
    }

    async fn change(&mut self, room: &StoredRoom, changes: &Changes) -> Outcome<Vec<String>> {
        let kind = changes.kind.unwrap_or(room.kind);
        if kind == RoomKind::Direct {
            return Ok(Err(RoomError::Forbidden));
        }
        let password = changes.password.as_ref().or(room.password.as_ref());
        let password = password.filter(|_| kind == RoomKind::Password);
        if kind == RoomKind::Password && password.is_none() {
            return Ok(Err(RoomError::PasswordMissing));
        }
        let title = changes.title.as_ref().map_or(&*room.title, |title| title.as_str());
        let is_renamed = title != room.title || kind != room.kind;
        let (name, look) = match self.name_of(room, title, kind, is_renamed).await? {
            Ok(name) => name,
            Err(refused) => return Ok(Err(refused)),
        };
        if is_renamed {
            self.known.rooms.remove(&room.name);
        }
        sqlx::query(
            "UPDATE rooms SET title = ?2, description = coalesce(?3, description), kind = ?4, password = ?5,
                    capacity = ?6, is_passing = coalesce(?7, is_passing), name = ?8,
                    skeleton = CASE WHEN ?9 THEN ?10 ELSE skeleton END,
                    folded = ?11, keep_days = ?12
             WHERE id = ?1",
        )
        .bind(self.row)
        .bind(title)
        .bind(changes.description.as_deref())
        .bind(kind_name(kind))
        .bind(password)
        .bind(changes.capacity.unwrap_or(room.capacity))
        .bind(changes.is_passing)
        .bind(name)
        .bind(is_renamed)
        .bind(look.as_ref().map(Skeleton::as_str))
        .bind(folded(title))
        .bind(changes.keep_days.unwrap_or(room.keep_days))
        .execute(&mut *self.connection)
        .await?;
        if kind == room.kind {
            return Ok(Ok(Vec::new()));
        }
        let members =
            sqlx::query_scalar("SELECT person FROM members WHERE room = ?1 AND role <> 'banned'")
                .bind(self.row)
                .fetch_all(&mut *self.connection)
                .await?;
        Ok(Ok(members))
    }

    /// The name under which the room is stored, with what it looks like.
    async fn name_of(
        &mut self,
        room: &StoredRoom,
        title: &str,
        kind: RoomKind,
        is_renamed: bool,
    ) -> Outcome<(String, Option<Skeleton>)> {
        if !is_renamed {
            return Ok(Ok((room.name.clone(), None)));
        }
        let named = RoomName::parse(title).ok();
        let Some((name, look)) = named.and_then(|title| stored_name(kind, &title)) else {
            return Ok(Ok((hidden_name(&room.id), None)));
        };
        Ok(match check_name(self.connection, &name, &look, Some(self.row)).await? {
            Ok(()) => Ok((name, Some(look))),
            Err(taken) => Err(taken),
        })
    }
}
