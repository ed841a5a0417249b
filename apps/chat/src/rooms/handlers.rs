//! What people do with rooms in `/chat`: make them, come in, look away, leave, and change them.

use std::slice;
use std::sync::Arc;

use futures_util::FutureExt as _;
use serde::Serialize;
use sockeye::{Ack, Event, Io, Namespace, PresenceError, Present, Socket};
use tokio::sync::oneshot;

use super::access::{Access, check};
use super::contract::{
    self, CAPACITY_MAX, CAPACITY_MIN, ChangeRoom, CreateRoom, DESCRIPTION_CHARS_MAX,
    DIRECT_PEOPLE_MAX, Direct, KEEP_DAYS_MAX, KeepRoom, Known, Membership, OpenRoom, Room, RoomId,
    RoomKind,
};
use super::live::membership_of;
use super::moderation;
use super::store::{
    Act, ActDone, Acted, Actor, Changes, Deed, NewRoom, RoomError, RoomOf, StoredRoom,
};
use crate::accounts::Caller;
use crate::accounts::contract::{PASSWORD_BYTES_MAX, Role};
use crate::app::App;
use crate::conversation::{Asking, OPEN_MAX, Open, room_key};
use crate::input::RoomName;
use crate::messages::contract::{HISTORY_MESSAGES_MAX, Message};
use crate::messages::store::Page;
use crate::names;
use crate::notes::handlers as notes;
use crate::presence::handlers::here;
use crate::reading::contract::{Counts, Reading};
use crate::refusal::{Refused, Reply};

const CREATE: Event<CreateRoom, Reply<Room>> = Event::new(contract::CREATE.name());
const DIRECT: Event<Direct, Reply<Room>> = Event::new(contract::DIRECT.name());
const OPEN: Event<OpenRoom, Reply<OpenedNow>> = Event::new(contract::OPEN.name());
const CLOSE: Event<RoomId, Reply<()>> = Event::new(contract::CLOSE.name());
const LEAVE: Event<RoomId, Reply<()>> = Event::new(contract::LEAVE.name());
const KEEP: Event<KeepRoom, Reply<Membership>> = Event::new(contract::KEEP.name());
const CHANGE: Event<ChangeRoom, Reply<Room>> = Event::new(contract::CHANGE.name());
const DELETE: Event<RoomId, Reply<()>> = Event::new(contract::DELETE.name());

/// Adds the events of rooms.
pub(crate) fn on(chat: Namespace<App>) -> Namespace<App> {
    let chat = chat
        .on(CREATE, create)
        .on(DIRECT, direct)
        .on(OPEN, open)
        .on(CLOSE, close)
        .on(LEAVE, leave)
        .on(KEEP, keep)
        .on(CHANGE, change)
        .on(DELETE, delete);
    moderation::on(chat)
}

/// [`Opened`](super::contract::Opened), with presence as the library has it.
#[derive(Debug, Serialize)]
struct OpenedNow {
    room: Room,
    membership: Membership,
    counts: Counts,
    reading: Option<Reading>,
    messages: Vec<Message>,
    has_before: bool,
    has_after: bool,
    change: i64,
    changed: Option<Vec<Message>>,
    pruned: i64,
    present: Vec<Present>,
}

async fn create(asking: Asking, asked: CreateRoom) -> Ack<Reply<Room>> {
    Ack(asking.create(asked).await.into())
}

async fn direct(asking: Asking, asked: Direct) -> Ack<Reply<Room>> {
    Ack(asking.direct(asked).await.into())
}

async fn open(asking: Asking, asked: OpenRoom) -> Ack<Reply<OpenedNow>> {
    Ack(asking.open(asked).await.into())
}

async fn close(asking: Asking, asked: RoomId) -> Ack<Reply<()>> {
    let closed = if asking.open.remove(&asked.room) {
        asking.look_away(&asked.room);
        Ok(())
    } else {
        Err(Refused::NotOpened)
    };
    Ack(closed.into())
}

async fn leave(asking: Asking, asked: RoomId) -> Ack<Reply<()>> {
    let left = asking.act(asked.room, Deed::Leave).await;
    Ack(left.map(drop).into())
}

async fn keep(asking: Asking, asked: KeepRoom) -> Ack<Reply<Membership>> {
    let KeepRoom { room, is_pinned, is_silenced } = asked;
    let deed = Deed::Keep { is_pinned, is_silenced };
    let kept = asking.act(room, deed).await;
    let told = |acted: Acted| membership_of(&acted.before.id, acted.after.place.as_ref());
    Ack(kept.map(told).into())
}

async fn change(asking: Asking, asked: ChangeRoom) -> Ack<Reply<Room>> {
    Ack(asking.change(asked).await.into())
}

async fn delete(asking: Asking, asked: RoomId) -> Ack<Reply<()>> {
    let deleted = asking.act(asked.room, Deed::Delete).await;
    asking.app.rooms.sweep(&asking.app);
    Ack(deleted.map(drop).into())
}

impl Asking {
    /// Does something with a room and tells whom it concerns, in stored order. Each costs a write, and mostly others
    /// something, so it counts as coming in does.
    pub(super) async fn act(&self, room: String, deed: Deed) -> Result<Acted, Refused> {
        self.app.usage.enter(&self.caller.id, self.open.origin)?;
        self.act_uncounted(room, deed).await
    }

    async fn act_uncounted(&self, room: String, deed: Deed) -> Result<Acted, Refused> {
        let (app, io) = (self.app.clone(), self.io());
        let about = deed.about().unwrap_or(&self.caller.id).to_owned();
        let done = deed.clone();
        self.queue(room, deed, move |acted| {
            if let Ok(acted) = &acted {
                app.rooms.tell(&app, &io, &about, &done, acted);
            }
            acted.map_err(Refused::from)
        })
        .await
    }

    /// Queues something, and what is done with its outcome in the writer.
    async fn queue(
        &self,
        room: String,
        deed: Deed,
        then: impl FnOnce(Result<Acted, RoomError>) -> Result<Acted, Refused> + Send + 'static,
    ) -> Result<Acted, Refused> {
        let (told, outcome) = oneshot::channel();
        let done: ActDone = Box::new(move |acted| drop(told.send(then(acted))));
        let by = Actor { id: self.caller.id.clone(), role: self.caller.person().role };
        self.app.store.act(Act { room, by, deed }, done).await?;
        outcome.await.unwrap_or(Err(Refused::Storage))
    }

    pub(super) fn shown(&self, room: &StoredRoom) -> Room {
        self.app.rooms.shown(&self.app, &self.io(), room)
    }

    /// Guests own nothing.
    pub(super) fn check_account(&self) -> Result<(), Refused> {
        match self.caller.person().role {
            Role::Guest => Err(Refused::GuestOwnsNothing),
            Role::Member | Role::Moderator | Role::Owner => Ok(()),
        }
    }

    async fn create(&self, asked: CreateRoom) -> Result<Room, Refused> {
        self.check_account()?;
        let title = RoomName::parse(&asked.title)?;
        check_description(&asked.description)?;
        check_capacity(asked.capacity)?;
        let keep_days = days_of(asked.keep_days)?.flatten();
        let password = asked.password.filter(|_| asked.kind == RoomKind::Password);
        match asked.kind {
            RoomKind::Direct => return Err(Refused::Forbidden),
            RoomKind::Password if password.is_none() => return Err(Refused::RoomPasswordMissing),
            RoomKind::Open | RoomKind::Password if self.app.people.has_twin_of(&title) => {
                return Err(Refused::RoomLookalike);
            }
            RoomKind::Open | RoomKind::Password | RoomKind::Invited => {}
        }
        self.app.usage.make(&self.caller.id, self.open.origin)?;
        let made = self
            .app
            .store
            .create_room(NewRoom {
                password: self.hash(password).await?,
                description: asked.description,
                kind: asked.kind,
                owner: self.caller.id.clone(),
                maker: self.open.origin.to_string(),
                capacity: asked.capacity,
                keep_days,
                is_passing: asked.is_passing,
                title: title.clone(),
            })
            .await?;
        let io = self.io();
        if made.room.kind == RoomKind::Password {
            // Whoever waited there for a first message has no place in it.
            notes::follow(&self.app, &io, title.as_str(), None);
        }
        self.app.rooms.made(&self.app, &io, &made.room);
        self.joined(&made, slice::from_ref(&self.caller.id));
        Ok(self.shown(&made.room))
    }

    async fn direct(&self, asked: Direct) -> Result<Room, Refused> {
        self.check_account()?;
        let mut people = vec![self.caller.id.clone()];
        for person in asked.people {
            if people.len() > DIRECT_PEOPLE_MAX {
                break;
            }
            if !people.contains(&person) {
                people.push(person);
            }
        }
        if !(2..=DIRECT_PEOPLE_MAX).contains(&people.len()) {
            return Err(Refused::DirectRange);
        }
        let (usage, origin) = (&self.app.usage, self.open.origin);
        usage.enter(&self.caller.id, origin)?;
        // Each set of people is a room of its own, in the list of each of them.
        usage.make(&self.caller.id, origin)?;
        let found = self.app.store.direct(people).await;
        if !found.as_ref().is_ok_and(|(_, joined)| joined.len() > 1) {
            usage.made_none(&self.caller.id, origin);
        }
        let (found, joined) = found?;
        self.joined(&found, &joined);
        Ok(self.shown(&found.room))
    }

    /// Tells people that they are members of a room now.
    fn joined(&self, of: &RoomOf, people: &[String]) {
        let io = self.io();
        for person in people {
            let membership = membership_of(&of.room.id, of.place.as_ref());
            self.app.rooms.tell_membership(&self.app, &io, person, &membership);
        }
        self.app.rooms.changed(&self.app, &io, &of.room.id);
    }

    async fn open(&self, asked: OpenRoom) -> Result<OpenedNow, Refused> {
        self.app.usage.enter(&self.caller.id, self.open.origin)?;
        let found = self.find(&asked.room).await?.ok_or(Refused::RoomGone)?;
        let OpenRoom { password, known, around, .. } = asked;
        let verified = self.check_entry(&found, password).await?;
        let id = found.room.id.clone();
        if !self.open.has(&id) && self.open.count() >= OPEN_MAX {
            return Err(Refused::TooManyOpen);
        }
        let acted = {
            let _entering = self.app.rooms.entering(&self.app, &id);
            self.enter(&found, verified).await?
        };
        let opened = self.opened(&acted, known, around).await;
        if opened.is_err() {
            self.look_away(&id);
        }
        opened
    }

    /// A room by its id, or by the name of one that everybody sees.
    async fn find(&self, room: &str) -> Result<Option<RoomOf>, Refused> {
        if let Some(found) = self.app.store.room(room, &self.caller.id).await? {
            return Ok(Some(found));
        }
        match RoomName::parse(room) {
            Ok(name) => Ok(self.app.store.room_named(&name, &self.caller.id).await?),
            Err(_) => Ok(None),
        }
    }

    /// Whether one may come in; with the password that was found right, as it is kept.
    async fn check_entry(
        &self,
        of: &RoomOf,
        password: Option<String>,
    ) -> Result<Option<String>, Refused> {
        match of.access() {
            Access::Nothing => return Err(Refused::RoomGone),
            Access::Banned => return Err(Refused::Banned),
            Access::Member(_) | Access::MayEnter => return Ok(None),
            Access::NeedsPassword => {}
        }
        let password = password.ok_or(Refused::WrongPassword)?;
        let (usage, origin) = (&self.app.usage, self.open.origin);
        usage.guess(&self.caller.id, origin)?;
        let kept = of.room.password.as_deref();
        if !self.app.passwords.verify(&password, kept).await? {
            return Err(Refused::WrongPassword);
        }
        usage.guessed_right(&self.caller.id, origin);
        Ok(of.room.password.clone())
    }

    /// Comes in: a member and present, unless the room is full.
    async fn enter(&self, found: &RoomOf, verified: Option<String>) -> Result<Acted, Refused> {
        let id = found.room.id.clone();
        // Nobody becomes a member of a room that is full; it is asked again at the door.
        if !is_there(&self.io(), &found.room, &self.caller.id) {
            self.app.rooms.check_room(&self.app, &self.io(), &found.room)?;
        }
        let (app, io, socket) = (self.app.clone(), self.io(), self.socket.clone());
        let (caller, open) = (Arc::clone(&self.caller), Arc::clone(&self.open));
        let entered = self.queue(id.clone(), Deed::Enter { verified }, move |acted| {
            let acted = acted?;
            sit(&app, &socket, &caller, &open, &acted.after.room)?;
            let deed = Deed::Enter { verified: None };
            app.rooms.tell(&app, &io, &caller.id, &deed, &acted);
            Ok(acted)
        });
        match entered.await {
            Err(Refused::RoomFull) if found.place.is_none() => {
                // Somebody else was faster, and one is no member of what one has never seen.
                let _ = self.act_uncounted(id, Deed::Leave).await;
                Err(Refused::RoomFull)
            }
            Err(Refused::DiskFull | Refused::Storage) if found.place.is_some() => {
                self.enter_unwritten(found).await
            }
            entered => entered,
        }
    }

    /// While nothing can be written, nobody can be removed either: members come in as they are.
    async fn enter_unwritten(&self, found: &RoomOf) -> Result<Acted, Refused> {
        sit(&self.app, &self.socket, &self.caller, &self.open, &found.room)?;
        let now = self.app.store.room(&found.room.id, &self.caller.id).await;
        match now {
            Ok(Some(after)) if matches!(after.access(), Access::Member(_)) => Ok(Acted {
                before: after.room.clone(),
                place_before: after.place,
                after,
                members: Vec::new(),
            }),
            now => {
                self.look_away(&found.room.id);
                now?;
                Err(Refused::RoomGone)
            }
        }
    }

    /// What one is told of a room that one is in. Read after one came in, so that nothing falls in between.
    async fn opened(
        &self,
        acted: &Acted,
        known: Option<Known>,
        around: Option<i64>,
    ) -> Result<OpenedNow, Refused> {
        let (app, room, person) = (&self.app, &acted.after.room, &self.caller.id);
        let page = match (known, around) {
            (Some(_), _) => Page::Newest,
            (None, Some(id)) => Page::Around(id),
            (None, None) => Page::Unread,
        };
        // What is changed between the two is in both, or comes as an event as well.
        let changes = app.store.changes(&room.id, person, known).await?;
        let history = app.store.page(&room.id, person, page, HISTORY_MESSAGES_MAX).await?;
        let counts = app.store.counts_of(person, Some(slice::from_ref(&room.id))).await?;
        let nothing = || Counts { room: room.id.clone(), ..Counts::default() };
        Ok(OpenedNow {
            room: self.shown(room),
            membership: membership_of(&room.id, acted.after.place.as_ref()),
            counts: counts.into_iter().next().unwrap_or_else(nothing),
            reading: app.reading.opened(app, &room.id).await,
            messages: history.messages,
            has_before: history.has_before,
            has_after: history.has_after,
            change: changes.change,
            changed: changes.changed,
            pruned: changes.pruned,
            present: self.io().presence(room_key(&room.id)).list().await,
        })
    }

    /// Undoes coming in.
    fn look_away(&self, room: &str) {
        let key = room_key(room);
        self.open.remove(room);
        self.io().presence(&*key).leave(&self.socket);
        self.socket.leave(&*key);
        self.app.rooms.left(&self.app, &self.io(), room);
    }

    async fn change(&self, asked: ChangeRoom) -> Result<Room, Refused> {
        self.app.usage.enter(&self.caller.id, self.open.origin)?;
        if let Some(description) = &asked.description {
            check_description(description)?;
        }
        let capacity = asked.capacity.map(|capacity| (capacity != 0).then_some(capacity));
        check_capacity(capacity.flatten())?;
        let keep_days = days_of(asked.keep_days)?;
        let title = asked.title.as_deref().map(RoomName::parse).transpose()?;
        // Work on a password is only for whoever may change it.
        let found = self.app.store.room(&asked.room, &self.caller.id).await?;
        let found = found.ok_or(Refused::RoomGone)?;
        let changes = Changes {
            title,
            description: asked.description,
            kind: asked.kind,
            password: None,
            capacity,
            keep_days,
            is_passing: asked.is_passing,
        };
        let deed = Deed::Change(changes.clone());
        check(&found, self.caller.person().role, &deed, None)?;
        if asked.password.is_some() {
            // It takes a core for a while, as that of a new room does, and those who log in wait for it.
            self.app.usage.make(&self.caller.id, self.open.origin)?;
        }
        let password = self.hash(asked.password).await?;
        let deed = Deed::Change(Changes { password, ..changes });
        let acted = self.act_uncounted(asked.room, deed).await?;
        self.app.rooms.made(&self.app, &self.io(), &acted.after.room);
        let shown = self.shown(&acted.after.room);
        // Moderators of the server change rooms that they do not read.
        let reads = matches!(acted.after.access(), Access::Member(_) | Access::MayEnter);
        Ok(if reads { shown } else { Room { last: None, ..shown } })
    }

    async fn hash(&self, password: Option<String>) -> Result<Option<String>, Refused> {
        match password {
            None => Ok(None),
            Some(password) if password.is_empty() => Err(Refused::RoomPasswordMissing),
            Some(password) if password.len() > PASSWORD_BYTES_MAX => Err(Refused::PasswordLong),
            Some(password) => Ok(Some(self.app.passwords.hash(&password).await?)),
        }
    }
}

/// Whether somebody is in the room already, perhaps on another device.
fn is_there(io: &Io, room: &StoredRoom, person: &str) -> bool {
    io.presence(room_key(&room.id)).get(person).now_or_never().flatten().is_some()
}

/// Lets somebody in who may come in, unless the room is full.
fn sit(
    app: &App,
    socket: &Socket,
    caller: &Caller,
    open: &Open,
    room: &StoredRoom,
) -> Result<(), Refused> {
    let (io, key) = (socket.io(), room_key(&room.id));
    let enter = || {
        // In the room first: from then on it hears the differences.
        socket.join(&*key);
        let present = io.presence(&*key).join(socket, &*caller.id, &here(&caller.person()));
        present.map(|()| open.add(&room.id)).map_err(|error| {
            socket.leave(&*key);
            tracing::debug!(%error, "not present");
            match error {
                PresenceError::Limit { .. } => Refused::RoomFull,
                _ => Refused::Gone,
            }
        })
    };
    if is_there(&io, room, &caller.id) { enter() } else { app.rooms.admit(app, &io, room, enter) }
}

fn check_description(description: &str) -> Result<(), Refused> {
    match description.chars().nth(DESCRIPTION_CHARS_MAX) {
        Some(_) => Err(Refused::DescriptionLong),
        None if !names::is_tidy(description) => Err(Refused::DescriptionCharacter),
        None => Ok(()),
    }
}

/// What is asked for of a room's `keep_days`, of which 0 is none.
fn days_of(asked: Option<u32>) -> Result<Option<Option<u32>>, Refused> {
    match asked {
        Some(days) if days > KEEP_DAYS_MAX => Err(Refused::KeepDaysRange),
        _ => Ok(asked.map(|days| (days != 0).then_some(days))),
    }
}

fn check_capacity(capacity: Option<u32>) -> Result<(), Refused> {
    match capacity {
        Some(capacity) if !(CAPACITY_MIN..=CAPACITY_MAX).contains(&capacity) => {
            Err(Refused::CapacityRange)
        }
        _ => Ok(()),
    }
}
