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
use serde::{Deserialize, Serialize};
use sockeye::{
    Acker, Deferred, DisconnectReason, Event, Failure, Io, Local, Namespace, Refuse, Reliable,
    Socket, State, Visitor,
};
use sockeye_feeds::publish::{Verb, verify};
use std::num::NonZeroU32;

use super::contract::{
    self, JOINED, Join, LEAVE, LEFT, NewMessage, POSTED, Presence, StoredMessage,
};
use super::store::{Found, Post, Posted, Sender};
use crate::app::App;
use crate::input::{MessageKey, MessageText, Nickname, RoomName};
use crate::quota::Origin;
use crate::refusal::{Refused, Reply};
use crate::store::StoreError;

/// The namespace `/` with its handlers.
pub fn namespace() -> Namespace<App> {
    Namespace::new("/")
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
    /// Whether the room is one that nobody had written in.
    is_new: bool,
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
    socket.set(Seat { place: Mutex::default(), origin });
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
            tell(acker, &Reply::Done(history));
            if let Some(presence) = presence {
                settle(socket.emit(JOINED, &presence));
            }
        }
        Err(refused) => tell(acker, &Reply::from(Err(refused))),
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
            let (io, room) = (socket.io(), post.room.clone());
            let done = Box::new(move |posted| deliver(posted, &io, &room, acker));
            // Closed: the client gets no answer, comes back when the server does, and tries again.
            let _ = app.store.post(post, done).await;
        }
        Err(refused) => tell(acker, &Reply::from(Err(refused))),
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
fn deliver(
    posted: Result<Posted, StoreError>,
    io: &Io,
    room: &RoomName,
    acker: Acker<Reply<StoredMessage>>,
) {
    let is_new = matches!(posted, Ok(Posted::New(_)));
    let posted = posted.map(|posted| StoredMessage::from(posted.message()));
    let reply = Reply::from(posted.map_err(Refused::from));
    tell(acker, &reply);
    // Sent again after a lost connection, the room has it already.
    if let Reply::Done(message) = &reply
        && is_new
    {
        settle(io.to(room.as_str()).emit(POSTED, message));
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
        self.usage.join(seat.origin)?;
        let (room, name) = (RoomName::parse(&request.room)?, Nickname::parse(&request.name)?);
        let sender = match request.sender {
            Some(id) => Sender::known_by(&MessageKey::parse(id)?),
            None => Sender::from(seat.origin),
        };
        let is_new = match self.store.find(&room).await? {
            Found::Room => false,
            Found::Closed => return Err(Refused::RoomGone),
            Found::Nothing if !self.people.has_twin_of(&room) => true,
            Found::Nothing | Found::Twin => return Err(Refused::RoomLookalike),
        };
        let member = Member { room, name, sender, is_new };
        if seat.member().is_some_and(|before| before.is_same(&member)) {
            return Ok((self.store.history(&member.room).await?, None));
        }
        if let Some(before) = seat.replace(Place::Outside) {
            self.exit(socket, &before).await;
        }
        if !seat.take(&member) {
            return Err(Refused::Gone);
        }
        // In the room before the history is read, so that no message falls in between.
        if self.people.enter(&member.room, &member.name, seat.origin).is_err() {
            seat.replace(Place::Outside);
            return Err(Refused::NameLookalike);
        }
        socket.join(member.room.as_str());
        settle(socket.to(member.room.as_str()).emit(JOINED, &self.presence(&member)));
        match self.store.history(&member.room).await {
            Ok(history) => Ok((history, Some(self.presence(&member)))),
            Err(error) => {
                if let Some(member) = seat.replace(Place::Outside) {
                    self.exit(socket, &member).await;
                }
                Err(error.into())
            }
        }
    }

    /// Takes out of the room whoever was seated there, and tells those who remain; not before
    /// what the leaving one said has been stored and told.
    async fn exit(&self, socket: &Socket, member: &Member) {
        socket.leave(member.room.as_str());
        self.store.settled().await;
        self.people.exit(&member.room, &member.name);
        settle(socket.io().to(member.room.as_str()).emit(LEFT, &self.presence(member)));
    }

    /// The message as it is to be stored, counted.
    fn take(&self, seat: &Seat, request: NewMessage) -> Result<Post, Refused> {
        let member = seat.member().ok_or(Refused::NotJoined)?;
        let is_same = request.name == member.name.as_str();
        if !is_same && Nickname::parse(&request.name)? != member.name {
            return Err(Refused::NameMismatch);
        }
        let text = MessageText::parse(request.msg)?;
        let key = request.key.map(MessageKey::parse).transpose()?;
        self.usage.message(seat.origin, text.as_str().len(), member.is_new)?;
        if member.is_new {
            seat.room_exists();
        }
        let Member { room, name, sender, .. } = member;
        Ok(Post { room, name, text, key, sender, origin: seat.origin })
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

    /// Whoever has said the first thing in a room has made it.
    fn room_exists(&self) {
        if let Place::In(member) = &mut *self.place.lock() {
            member.is_new = false;
        }
    }
}

impl Member {
    /// Whether it is the same person at the same place.
    fn is_same(&self, other: &Self) -> bool {
        (&self.room, &self.name, &self.sender) == (&other.room, &other.name, &other.sender)
    }
}

fn tell<T: Serialize>(acker: Acker<Reply<T>>, reply: &Reply<T>) {
    if let Reply::Refused { error } = reply {
        tracing::debug!(code = error.code, "event refused");
    }
    settle(acker.answer(reply));
}

/// What the chat sends is always encodable, and a client that reads too slowly is disconnected by
/// the library, so there is nothing to do but to note it.
fn settle<E: std::error::Error>(sent: Result<(), E>) {
    if let Err(error) = sent {
        tracing::debug!(%error, "not sent");
    }
}
