//! The events of the namespace `/`; see [`contract`] for what they carry.
//!
//! Handlers of one socket run one after the other, so what a client says is queued in the order it
//! said it. Answers and notices of stored messages come from the store's writer, in stored order:
//! the answer first, so that the sender knows its message when it arrives as an event.
//!
//! The page sends messages from the client's outbox, and the namespace is reliable: an event that
//! comes again because its answer got lost is answered as it was the first time, and neither counted
//! nor stored once more. Such answers are remembered in memory, which ends with the server. The key
//! of a message is in the database for what they do not cover: the message comes again after a
//! restart, as another event, or from another page of the same sender.

use parking_lot::Mutex;
use serde::Deserialize;
use sockeye::{
    Acker, Deferred, DisconnectReason, Event, Failure, Io, Local, Namespace, Refuse, Reliable,
    Socket, State, Visitor,
};
use sockeye_feeds::publish::{Verb, verify};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};

use super::PATH;
use super::contract::{self, JOINED, Join, LEAVE, LEFT, NewMessage, Presence, StoredMessage};
use super::store::{Found, Post, Sender};
use crate::app::App;
use crate::input::{MessageKey, MessageText, Nickname, RoomName};
use crate::messages::delivery::deliver;
use crate::messages::store::Said;
use crate::quota::Origin;
use crate::refusal::{Refused, Reply, answer, settle};
use crate::store::StoreError;

/// The namespace with its handlers.
pub fn namespace() -> Namespace<App> {
    Namespace::new(PATH)
        .on_connect(connected)
        .on_read(read)
        .on(JOIN, join)
        .on(CHAT, chat)
        .on(LEAVE, leave)
        .on_disconnect(gone)
        .on_error(report)
        .reliable(Reliable::default())
        .concurrent_handlers_max(NonZeroU32::MIN)
}

/// The events as they are answered here: with what they carry, or with why not.
const JOIN: Event<Join, Reply<Vec<StoredMessage>>> = Event::new(contract::JOIN.name());
const CHAT: Event<NewMessage, Reply<StoredMessage>> = Event::new(contract::CHAT.name());

/// Where a socket is, and where it came from.
#[derive(Debug)]
struct Seat {
    place: Mutex<Place>,
    origin: Origin,
    /// Whether something was said since the last entry: then there is the room.
    has_said: AtomicBool,
}

#[derive(Debug, Default)]
enum Place {
    #[default]
    Outside,
    In(Member),
    /// Disconnected: nothing seats it again.
    Gone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    room: RoomName,
    name: Nickname,
    sender: Sender,
    /// The id of the room; `None` while it is one that nobody has written in.
    room_id: Option<String>,
}

/// What a reader over plain HTTP brings: `Authorization: Bearer`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Credentials {
    token: Option<String>,
}

/// Rooms are read from outside with a key whose verbs have `read`: people in a room see each other, and
/// nobody else listens unseen.
async fn read(visitor: Visitor, State(app): State<App>) -> Result<(), Refuse> {
    let Credentials { token } = visitor.auth().unwrap_or_default();
    let needs_key =
        || Refuse::new("reading needs a key: make one by `sockeye key create NAME --verb read`");
    let key = verify(&app.keys, &token.ok_or_else(needs_key)?).await;
    let key = key.map_err(|refused| Refuse::new(refused.to_string()))?;
    match key.may(Verb::Read, visitor.namespace()) {
        true => Ok(()),
        false => Err(Refuse::new(
            "this key does not read: its verbs have no `read`, or not for this namespace",
        )),
    }
}

async fn connected(visitor: Visitor) {
    // A reader over plain HTTP has no seat.
    let Some(socket) = visitor.socket() else { return };
    let address = socket.handshake().address();
    let origin = Origin::of(address.map(|address| address.ip()));
    socket.set(Seat { place: Mutex::default(), origin, has_said: AtomicBool::new(false) });
    let address = address.map(tracing::field::display);
    tracing::info!(socket = %socket.id(), address, "connected");
}

async fn join(
    socket: Socket,
    Local(seat): Local<Seat>,
    State(app): State<App>,
    acker: Acker<Reply<Vec<StoredMessage>>>,
    request: Join,
) -> Deferred<Reply<Vec<StoredMessage>>> {
    let deferred = acker.defer();
    match app.enter(&socket, &seat, request).await {
        Ok((history, presence)) => {
            // The history first, then one's own arrival.
            answer(acker, Ok(history));
            if let Some(presence) = presence {
                settle(socket.emit(JOINED, &presence));
            }
        }
        Err(refused) => answer(acker, Err(refused)),
    }
    deferred
}

async fn chat(
    socket: Socket,
    Local(seat): Local<Seat>,
    State(app): State<App>,
    acker: Acker<Reply<StoredMessage>>,
    request: NewMessage,
) -> Deferred<Reply<StoredMessage>> {
    let deferred = acker.defer();
    match app.take(&seat, request) {
        Ok(post) => {
            let (io, there) = (socket.io(), app.clone());
            let done = Box::new(move |said: Result<Said, StoreError>| {
                if let Ok(said) = &said {
                    seat.learn(said);
                }
                tell_said(&there, &io, said, acker);
            });
            // Closed: the client gets no answer, comes back when the server does, and tries again.
            let _ = app.store.post(post, done).await;
        }
        Err(refused) => answer(acker, Err(refused)),
    }
    deferred
}

async fn leave(socket: Socket, Local(seat): Local<Seat>, State(app): State<App>) {
    if let Some(member) = seat.replace(Place::Outside) {
        app.exit(&socket, &member).await;
    }
    socket.close_session();
}

async fn gone(
    socket: Socket,
    Local(seat): Local<Seat>,
    State(app): State<App>,
    reason: DisconnectReason,
) {
    tracing::info!(socket = %socket.id(), reason = reason.as_str(), "disconnected");
    if let Some(member) = seat.replace(Place::Gone) {
        app.exit(&socket, &member).await;
    }
}

/// What a client may cause is for those who debug it; the rest is for the operator.
fn report(socket: &Socket, failure: &Failure) {
    let Failure { event, error, .. } = failure;
    if matches!(error.code(), "internal" | "panic") {
        tracing::error!(socket = %socket.id(), event, %error, "handler failed");
    } else {
        tracing::debug!(socket = %socket.id(), event, %error, "event refused");
    }
}

/// Runs in the store's writer, in stored order.
fn tell_said(
    app: &App,
    io: &Io,
    said: Result<Said, StoreError>,
    acker: Acker<Reply<StoredMessage>>,
) {
    match said {
        Ok(said) => {
            answer(acker, Ok(StoredMessage::from(said.posted.message())));
            deliver(app, io, &said);
        }
        Err(error) => answer(acker, Err(error.into())),
    }
}

/// The open room of this name is called otherwise from now on, or is none any more: whoever was in it comes along,
/// or hears that they have left.
pub(crate) fn follow(app: &App, io: &Io, from: &str, to: Option<&str>) {
    let Some(notes) = io.of(PATH) else { return };
    let to = to.and_then(|to| RoomName::parse(to).ok());
    for socket in notes.to(from).sockets() {
        let Some(seat) = socket.get::<Seat>() else { continue };
        let Some(member) = seat.move_to(from, to.as_ref()) else { continue };
        app.people.exit(&member.room, &member.name);
        let is_along = to.as_ref().is_some_and(|to| {
            let entered = app.people.enter(to, &member.name);
            entered.inspect_err(|_| drop(seat.replace(Place::Outside))).is_ok()
        });
        socket.leave(from);
        match &to {
            Some(to) if is_along => socket.join(to.as_str()),
            _ => settle(socket.emit(LEFT, &app.presence(&member))),
        }
    }
}

impl App {
    /// Seats the socket in the room it asks for and reads the room's history. Tells the others;
    /// what is to be told to the socket itself comes back, unless it was there already.
    async fn enter(
        &self,
        socket: &Socket,
        seat: &Seat,
        request: Join,
    ) -> Result<(Vec<StoredMessage>, Option<Presence>), Refused> {
        if !self.accounts.has_guests() {
            return Err(Refused::GuestsOff);
        }
        self.usage.join(seat.origin)?;
        let (room, name) = (RoomName::parse(&request.room)?, Nickname::parse(&request.name)?);
        let sender = match request.sender {
            Some(id) => Sender::known_by(&MessageKey::parse(id)?),
            None => Sender::from(seat.origin),
        };
        if self.store.is_name_taken(&name.skeleton()).await? {
            return Err(Refused::NameLookalike);
        }
        let room_id = self.find(&room).await?;
        let member = Member { room, name, sender, room_id };
        if seat.member().is_some_and(|before| before.is_same(&member)) {
            return Ok((self.store.history(&member.room).await?, None));
        }
        if let Some(before) = seat.replace(Place::Outside) {
            self.exit(socket, &before).await;
        }
        let room = match &member.room_id {
            Some(id) => self.store.room(id, "").await?.map(|of| of.room),
            None => None,
        };
        if !seat.take(&member) {
            return Err(Refused::Gone);
        }
        // In the room before the history is read, so that no message falls in between.
        let enter = || {
            let entered = self.people.enter(&member.room, &member.name);
            entered.map_err(|_| Refused::NameLookalike)
        };
        let entered = match &room {
            Some(room) => self.rooms.admit(self, &socket.io(), room, enter),
            None => enter(),
        };
        if let Err(refused) = entered {
            seat.replace(Place::Outside);
            return Err(refused);
        }
        socket.join(member.room.as_str());
        settle(socket.to(member.room.as_str()).emit(JOINED, &self.presence(&member)));
        self.changed(socket, &member);
        match self.look(&member).await {
            Ok(history) => Ok((history, Some(self.presence(&member)))),
            Err(refused) => {
                if let Some(member) = seat.replace(Place::Outside) {
                    self.exit(socket, &member).await;
                }
                Err(refused)
            }
        }
    }

    /// The id of the open room of this name; `None`: there is none, and there may be one.
    async fn find(&self, room: &RoomName) -> Result<Option<String>, Refused> {
        match self.store.find(room).await? {
            Found::Room(id) => Ok(Some(id)),
            Found::Closed => Err(Refused::RoomGone),
            Found::Nothing if !self.people.has_twin_of(room) => Ok(None),
            Found::Nothing | Found::Twin => Err(Refused::RoomLookalike),
        }
    }

    /// What was said in the room that somebody has entered, if it is still the one that they asked for: it may have been
    /// renamed or closed before they were in it.
    async fn look(&self, member: &Member) -> Result<Vec<StoredMessage>, Refused> {
        let is_same = match self.store.find(&member.room).await? {
            Found::Room(id) => member.room_id.as_ref().is_none_or(|before| *before == id),
            Found::Nothing => member.room_id.is_none(),
            Found::Closed | Found::Twin => false,
        };
        if !is_same {
            return Err(Refused::RoomGone);
        }
        Ok(self.store.history(&member.room).await?)
    }

    /// Whoever looks at the list sees how many are in the room.
    fn changed(&self, socket: &Socket, member: &Member) {
        if let Some(room) = &member.room_id {
            self.rooms.changed(self, &socket.io(), room);
        }
    }

    /// Takes out of the room whoever was seated there, and tells those who remain; not before
    /// what the leaving one said has been stored and told.
    async fn exit(&self, socket: &Socket, member: &Member) {
        socket.leave(member.room.as_str());
        self.store.settled().await;
        self.people.exit(&member.room, &member.name);
        settle(socket.io().to(member.room.as_str()).emit(LEFT, &self.presence(member)));
        self.changed(socket, member);
        self.rooms.left_by_name(self, &socket.io(), member.room.as_str());
    }

    /// The message as it is to be stored, counted.
    fn take(&self, seat: &Seat, request: NewMessage) -> Result<Post, Refused> {
        let member = seat.member().ok_or(Refused::NotJoined)?;
        if !self.accounts.has_guests() {
            return Err(Refused::GuestsOff);
        }
        let is_same = request.name == member.name.as_str();
        if !is_same && Nickname::parse(&request.name)? != member.name {
            return Err(Refused::NameMismatch);
        }
        let text = MessageText::parse(request.msg)?;
        let key = request.key.map(MessageKey::parse).transpose()?;
        let is_new = member.room_id.is_none() && !seat.has_said.load(Ordering::Relaxed);
        self.usage.message(seat.origin, text.as_str().len(), is_new)?;
        seat.has_said.store(true, Ordering::Relaxed);
        let Member { room, name, sender, room_id } = member;
        Ok(Post { room, room_id, name, text, key, sender, origin: seat.origin })
    }

    fn presence(&self, member: &Member) -> Presence {
        Presence {
            room: member.room.as_str().to_owned(),
            name: member.name.as_str().to_owned(),
            people: self.people.count(&member.room),
        }
    }
}

impl Seat {
    fn member(&self) -> Option<Member> {
        match &*self.place.lock() {
            Place::In(member) => Some(member.clone()),
            Place::Outside | Place::Gone => None,
        }
    }

    /// Seats a member; false when the socket is gone meanwhile.
    fn take(&self, member: &Member) -> bool {
        let mut place = self.place.lock();
        let is_here = !matches!(*place, Place::Gone);
        if is_here {
            self.has_said.store(false, Ordering::Relaxed);
            *place = Place::In(member.clone());
        }
        is_here
    }

    /// Changes the place to `Outside` or `Gone` and says who was seated, to the first who asks.
    fn replace(&self, by: Place) -> Option<Member> {
        let mut place = self.place.lock();
        if matches!(*place, Place::Gone) {
            return None;
        }
        match std::mem::replace(&mut *place, by) {
            Place::In(member) => Some(member),
            Place::Outside | Place::Gone => None,
        }
    }

    /// Whoever has said the first thing in a room knows it from then on.
    fn learn(&self, said: &Said) {
        if let Place::In(member) = &mut *self.place.lock()
            && member.room_id.is_none()
            && said.open_name.as_deref() == Some(member.room.as_str())
        {
            member.room_id = Some(said.posted.message().room.clone());
        }
    }

    /// Takes whoever is seated in the room of this name to another one, or out of it; who that was.
    fn move_to(&self, from: &str, to: Option<&RoomName>) -> Option<Member> {
        let mut place = self.place.lock();
        let Place::In(member) = &mut *place else { return None };
        if member.room.as_str() != from {
            return None;
        }
        let before = member.clone();
        match to {
            Some(to) => member.room = to.clone(),
            None => *place = Place::Outside,
        }
        Some(before)
    }
}

impl Member {
    /// Whether it is the same person at the same place.
    fn is_same(&self, other: &Self) -> bool {
        (&self.room, &self.name, &self.sender) == (&other.room, &other.name, &other.sender)
    }
}
