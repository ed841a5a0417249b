//! Rooms as they are at the moment: how many people are in them, and what has changed for those who see the list.
//!
//! Changes are gathered and told together. What everybody may see goes to the library's room `public` of `/rooms`,
//! the rest to the people whom it concerns.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::FutureExt as _;
use parking_lot::Mutex;
use sockeye::Io;
use tokio::time::sleep;

use super::contract::{
    MEMBERSHIP, Membership, REMOVED, ROOM, ROOMS, Removed, RemovedReason, Room, RoomKind,
    RoomsChanged,
};
use super::list::{PATH, PUBLIC};
use super::passing::Passing;
use super::store::{Acted, Deed, Place, StoredRoom};
use crate::app::App;
use crate::conversation::{self, Open, person_key, room_key};
use crate::notes::handlers as notes;
use crate::refusal::{Refused, settle};
use crate::store::StoreError;

/// How long changes of the list are gathered.
const GATHERED_FOR: Duration = Duration::from_millis(100);
/// The most rooms in one event.
const ROOMS_AT_ONCE: usize = 100;

/// What is known of rooms beside the store.
#[derive(Debug, Default)]
pub struct Rooms {
    changes: Mutex<Changes>,
    pub(super) passing: Mutex<Passing>,
    /// Held while somebody comes in: nobody else does between the count and the entry.
    door: Mutex<()>,
}

/// What is to be told of the list.
#[derive(Debug, Default)]
struct Changes {
    /// Rooms that are otherwise than before.
    rooms: HashSet<String>,
    /// Rooms that everybody saw and now only these people see, or nobody.
    hidden: Vec<(String, Vec<String>)>,
    /// Rooms that these people do not see any more.
    removed: HashMap<String, Vec<String>>,
    /// Whether a task is there that tells it.
    is_told: bool,
}

impl Rooms {
    /// How many people are in a room now, those of the notes' chat among them.
    pub fn people(&self, app: &App, io: &Io, room: &StoredRoom) -> u32 {
        self.people_in(app, io, &room.id, room.open_name())
    }

    /// The same by a room's id, and the name under which the notes' chat enters.
    pub fn people_in(&self, app: &App, io: &Io, id: &str, open_name: Option<&str>) -> u32 {
        let notes = open_name.map_or(0, |name| app.people.count_in(name));
        present(io, id).saturating_add(notes)
    }

    /// A room was taken from everybody in the store: they are told, and the rest of it is deleted.
    pub fn deleted(&self, app: &App, io: &Io, room: &StoredRoom, members: &[String]) {
        self.tell_gone(app, io, room, members);
        self.sweep(app);
    }

    /// A room as whoever may read it sees it.
    pub fn shown(&self, app: &App, io: &Io, room: &StoredRoom) -> Room {
        Room {
            id: room.id.clone(),
            title: room.title.clone(),
            description: room.description.clone(),
            kind: room.kind,
            owner: room.owner.clone(),
            capacity: room.capacity,
            keep_days: room.keep_days,
            is_passing: room.is_passing,
            people: self.people(app, io, room),
            with: room.with.clone(),
            last: room.last.clone(),
            created_at: room.created_at,
            active_at: room.active_at,
        }
    }

    /// Somebody has become a member of a room by other means than coming in, such as an invitation: they are told, and
    /// see it on their list.
    ///
    /// # Errors
    /// The database failed.
    pub async fn joined(
        &self,
        app: &App,
        io: &Io,
        room: &str,
        person: &str,
    ) -> Result<(), StoreError> {
        if let Some(of) = app.store.room(room, person).await? {
            self.tell_membership(app, io, person, &membership_of(room, of.place.as_ref()));
            self.changed(app, io, room);
        }
        Ok(())
    }

    /// Asks whether there is room for one more, and lets them in, as one: nobody else comes in meanwhile.
    ///
    /// # Errors
    /// The room is full, or what `enter` says.
    pub(crate) fn admit<T>(
        &self,
        app: &App,
        io: &Io,
        room: &StoredRoom,
        enter: impl FnOnce() -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let _door = self.door.lock();
        self.check_room(app, io, room)?;
        enter()
    }

    /// Whether there is room for one more.
    pub(super) fn check_room(&self, app: &App, io: &Io, room: &StoredRoom) -> Result<(), Refused> {
        match room.capacity {
            Some(capacity) if self.people(app, io, room) >= capacity => Err(Refused::RoomFull),
            _ => Ok(()),
        }
    }

    /// Something about a room is otherwise than before: whoever sees it is told soon.
    pub fn changed(&self, app: &App, io: &Io, room: &str) {
        let mut changes = self.changes.lock();
        if !changes.rooms.contains(room) {
            changes.rooms.insert(room.to_owned());
        }
        tell_soon(&mut changes, app, io);
    }

    /// Tells somebody of their own place in a room, on all their devices.
    pub fn tell_membership(&self, app: &App, io: &Io, person: &str, membership: &Membership) {
        if let Some(rooms) = io.of(PATH) {
            settle(rooms.to(person_key(person)).emit(MEMBERSHIP, membership));
        }
        app.reading.members_changed(app, io, membership, person);
    }

    /// Tells what somebody has done with a room. Runs in the store's writer, in stored order: whoever was taken out
    /// hears nothing of what was stored later.
    pub(super) fn tell(&self, app: &App, io: &Io, about: &str, deed: &Deed, acted: &Acted) {
        let (before, after) = (&acted.before, &acted.after);
        let place = after.place.as_ref();
        if let Deed::Delete = deed {
            return self.tell_gone(app, io, before, &acted.members);
        }
        if acted.place_before != after.place {
            self.tell_membership(app, io, about, &membership_of(&before.id, place));
        }
        let was_member = acted.place_before.is_some_and(|place| place.role.is_some());
        if was_member && place.is_none_or(|place| place.role.is_none()) {
            let reason = match deed {
                Deed::Leave => RemovedReason::Left,
                Deed::Remove { is_ban: true, .. } => RemovedReason::Banned,
                _ => RemovedReason::Removed,
            };
            self.take_out(app, io, &before.id, about, reason);
            if !before.is_public() {
                self.removed(app, io, &before.id, about);
            }
        }
        if let Deed::Change(_) | Deed::HandOver { .. } = deed {
            self.tell_room(app, io, before, &after.room, &acted.members);
        }
        // Silencing it or being muted in it changes nothing for others.
        if !matches!(deed, Deed::Keep { .. } | Deed::Mute { .. } | Deed::Promote { .. }) {
            self.changed(app, io, &before.id);
        }
    }

    /// A room is otherwise: those in it are told, those who do not see it any more, and the notes' chat follows.
    fn tell_room(
        &self,
        app: &App,
        io: &Io,
        before: &StoredRoom,
        after: &StoredRoom,
        members: &[String],
    ) {
        self.passing.lock().update(after);
        if before.is_public() && !after.is_public() {
            let mut changes = self.changes.lock();
            changes.hidden.push((after.id.clone(), members.to_vec()));
            tell_soon(&mut changes, app, io);
        }
        if let Some(name) = before.open_name()
            && after.open_name() != Some(name)
        {
            notes::follow(app, io, name, after.open_name());
        }
        if let Some(chat) = io.of(conversation::PATH) {
            let shown = self.shown(app, io, after);
            settle(chat.to(room_key(&after.id)).emit(ROOM, &shown));
        }
    }

    /// A room is gone: nobody is in it any more, and nobody sees it.
    pub(super) fn tell_gone(&self, app: &App, io: &Io, room: &StoredRoom, members: &[String]) {
        self.passing.lock().forget(&room.id);
        if let Some(chat) = io.of(conversation::PATH) {
            let key = room_key(&room.id);
            let inside = chat.to(&*key);
            let removed = Removed { room: room.id.clone(), reason: RemovedReason::Gone };
            settle(inside.emit(REMOVED, &removed));
            for socket in inside.sockets() {
                if let Some(open) = socket.get::<Open>() {
                    open.remove(&room.id);
                }
                chat.presence(&*key).leave(&socket);
                socket.leave(&*key);
            }
        }
        if let Some(name) = room.open_name() {
            notes::follow(app, io, name, None);
        }
        for person in members {
            self.tell_membership(app, io, person, &membership_of(&room.id, None));
        }
        let mut changes = self.changes.lock();
        changes.rooms.remove(&room.id);
        if room.is_public() {
            changes.hidden.push((room.id.clone(), Vec::new()));
        } else {
            for person in members {
                changes.removed.entry(person.clone()).or_default().push(room.id.clone());
            }
        }
        tell_soon(&mut changes, app, io);
    }

    /// Takes somebody out of a room on all their devices.
    fn take_out(&self, app: &App, io: &Io, room: &str, person: &str, reason: RemovedReason) {
        let Some(chat) = io.of(conversation::PATH) else { return };
        let everywhere = chat.to(person_key(person));
        let key = room_key(room);
        for socket in everywhere.sockets() {
            let was_open = socket.get::<Open>().is_some_and(|open| open.remove(room));
            if was_open {
                chat.presence(&*key).leave(&socket);
                socket.leave(&*key);
            }
        }
        settle(everywhere.emit(REMOVED, &Removed { room: room.to_owned(), reason }));
        self.left(app, io, room);
    }

    /// Somebody does not see a room any more.
    fn removed(&self, app: &App, io: &Io, room: &str, person: &str) {
        let mut changes = self.changes.lock();
        changes.removed.entry(person.to_owned()).or_default().push(room.to_owned());
        tell_soon(&mut changes, app, io);
    }
}

/// How many people are present in a room.
pub(crate) fn present(io: &Io, room: &str) -> u32 {
    let Some(chat) = io.of(conversation::PATH) else { return 0 };
    let count = chat.presence(room_key(room)).count().now_or_never().unwrap_or_default();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Somebody's place, as they are told.
pub(crate) fn membership_of(room: &str, place: Option<&Place>) -> Membership {
    let member = place.filter(|place| place.role.is_some());
    Membership {
        room: room.to_owned(),
        role: member.and_then(|place| place.role),
        is_pinned: member.is_some_and(|place| place.is_pinned),
        is_silenced: member.is_some_and(|place| place.is_silenced),
        muted_until: member.and_then(|place| place.muted_until),
    }
}

/// Has a task tell what has changed, unless one is there.
fn tell_soon(changes: &mut Changes, app: &App, io: &Io) {
    if !changes.is_told {
        changes.is_told = true;
        tokio::spawn(tell(app.clone(), io.clone()));
    }
}

/// Tells what has changed until nothing has for a while. There is one such task, so that nobody hears older news
/// after newer ones.
async fn tell(app: App, io: Io) {
    loop {
        sleep(GATHERED_FOR).await;
        let mut changes = {
            let mut changes = app.rooms.changes.lock();
            if changes.rooms.is_empty() && changes.hidden.is_empty() && changes.removed.is_empty() {
                *changes = Changes::default();
                return;
            }
            std::mem::replace(&mut *changes, Changes { is_told: true, ..Changes::default() })
        };
        let Some(rooms) = io.of(PATH) else { return };
        let ids: Vec<_> = changes.rooms.drain().collect();
        tell_removed(&rooms, changes);
        for ids in ids.chunks(ROOMS_AT_ONCE) {
            tell_changed(&app, &rooms, ids).await;
        }
    }
}

fn tell_removed(rooms: &Io, changes: Changes) {
    let event = |removed| RoomsChanged { changed: Vec::new(), removed };
    for (room, members) in changes.hidden {
        let members: Vec<_> = members.iter().map(|person| person_key(person)).collect();
        settle(rooms.to(PUBLIC).except(members).emit(ROOMS, &event(vec![room])));
    }
    for (person, removed) in changes.removed {
        settle(rooms.to(person_key(&person)).emit(ROOMS, &event(removed)));
    }
}

async fn tell_changed(app: &App, rooms: &Io, ids: &[String]) {
    let (stored, bans) = match (app.store.rooms(ids.to_vec()).await, app.store.bans(ids).await) {
        (Ok(stored), Ok(bans)) => (stored, bans),
        (Err(error), _) | (_, Err(error)) => {
            tracing::warn!(%error, "the list of rooms is not told of changes");
            return;
        }
    };
    let mut public = Vec::new();
    for room in &stored {
        let shown = app.rooms.shown(app, rooms, room);
        let is_banned = |(from, _): &&(String, String)| *from == room.id;
        let banned: Vec<_> =
            bans.iter().filter(is_banned).map(|(_, person)| person_key(person)).collect();
        if room.kind == RoomKind::Open && banned.is_empty() {
            public.push(shown);
            continue;
        }
        if let Err(error) = tell_each(app, rooms, shown, banned).await {
            tracing::warn!(%error, "members are not told of changes of their room");
        }
    }
    if !public.is_empty() {
        settle(rooms.to(PUBLIC).emit(ROOMS, &changed(public)));
    }
}

/// Tells of a room that not everybody sees alike.
async fn tell_each(
    app: &App,
    rooms: &Io,
    shown: Room,
    banned: Vec<String>,
) -> Result<(), StoreError> {
    let from_outside = Room { last: None, ..shown.clone() };
    if shown.kind == RoomKind::Open {
        settle(rooms.to(banned.clone()).emit(ROOMS, &changed(vec![from_outside])));
        settle(rooms.to(PUBLIC).except(banned).emit(ROOMS, &changed(vec![shown])));
        return Ok(());
    }
    let members = app.store.member_ids(&shown.id).await?;
    let members: Vec<_> = members.iter().map(|person| person_key(person)).collect();
    if shown.kind == RoomKind::Password {
        let others = rooms.to(PUBLIC).except(members.clone());
        settle(others.emit(ROOMS, &changed(vec![from_outside])));
    }
    // To no room at all would be to everybody.
    if !members.is_empty() {
        settle(rooms.to(members).emit(ROOMS, &changed(vec![shown])));
    }
    Ok(())
}

fn changed(rooms: Vec<Room>) -> RoomsChanged {
    RoomsChanged { changed: rooms, removed: Vec::new() }
}
