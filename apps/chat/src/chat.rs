//! The events of the namespace `/`; see [`contract`](crate::contract) for what they carry.
//!
//! Handlers of one socket run one after the other, so what a client says is queued in the order it
//! said it. Answers and notices of stored messages come from the store's writer, in stored order:
//! the answer first, so that the sender knows its message when it arrives as an event.

use std::num::NonZeroU32;
use std::sync::Arc;

use parking_lot::Mutex;
use sockeye::{
    Acker, Deferred, DisconnectReason, EmitError, EventError, Failure, Io, Local, Namespace,
    Socket, State,
};
use thiserror::Error;

use crate::contract::{
    CHAT, JOIN, JOINED, Join, LEAVE, LEFT, NewMessage, POSTED, Presence, StoredMessage,
};
use crate::input::{InvalidText, MessageKey, MessageText, Nickname, RoomName};
use crate::people::People;
use crate::store::{Post, Posted, Store, StoreError};

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct Chat {
    /// The messages.
    pub store: Arc<Store>,
    /// Who is where.
    pub people: Arc<People>,
}

/// The namespace `/` with its handlers.
pub fn namespace() -> Namespace<Chat> {
    Namespace::new("/")
        .on_connect(connected)
        .on(JOIN, join)
        .on(CHAT, chat)
        .on(LEAVE, leave)
        .on_disconnect(gone)
        .on_error(report)
        .concurrent_handlers_max(NonZeroU32::MIN)
}

/// Why an event was refused; the client is told the code and the sentence.
#[derive(Debug, Error)]
enum Refused {
    #[error(transparent)]
    Invalid(#[from] InvalidText),
    #[error("join a room first")]
    NotJoined,
    #[error("the name is not the one used to join")]
    NameMismatch,
    #[error("the key was used for another message")]
    KeyReused,
    #[error("the server could not reach its message store")]
    Storage,
    #[error("the server's disk is full")]
    DiskFull,
    #[error("the client is gone")]
    Gone,
}

/// Where a socket is.
#[derive(Debug, Default)]
struct Seat(Mutex<Place>);

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
}

async fn connected(socket: Socket) {
    socket.set(Seat::default());
    let address = socket.handshake().address().map(tracing::field::display);
    tracing::info!(socket = %socket.id(), address, "connected");
}

async fn join(
    socket: Socket,
    Local(seat): Local<Seat>,
    State(chat): State<Chat>,
    acker: Acker<Vec<StoredMessage>>,
    request: Join,
) -> Deferred<Vec<StoredMessage>> {
    let deferred = acker.defer();
    match chat.enter(&socket, &seat, request).await {
        Ok((history, presence)) => {
            // The history first, then one's own arrival.
            settle(acker.answer(&history).map_err(EmitError::from));
            if let Some(presence) = presence {
                settle(socket.emit(JOINED, &presence));
            }
        }
        Err(refused) => acker.fail(&refused.answer()),
    }
    deferred
}

async fn chat(
    socket: Socket,
    Local(seat): Local<Seat>,
    State(chat): State<Chat>,
    acker: Acker<StoredMessage>,
    request: NewMessage,
) -> Deferred<StoredMessage> {
    let deferred = acker.defer();
    match seat.post(request) {
        Ok(post) => {
            let (io, room) = (socket.io(), post.room.clone());
            // Closed: the client gets no answer, comes back when the server does, and tries again.
            let _ = chat.store.post(post, move |posted| deliver(posted, &io, &room, acker)).await;
        }
        Err(refused) => acker.fail(&refused.answer()),
    }
    deferred
}

async fn leave(socket: Socket, Local(seat): Local<Seat>, State(chat): State<Chat>) {
    if let Some(member) = seat.replace(Place::Outside) {
        chat.exit(&socket, &member).await;
    }
    socket.close_session();
}

async fn gone(
    socket: Socket,
    Local(seat): Local<Seat>,
    State(chat): State<Chat>,
    reason: DisconnectReason,
) {
    tracing::info!(socket = %socket.id(), reason = reason.as_str(), "disconnected");
    if let Some(member) = seat.replace(Place::Gone) {
        chat.exit(&socket, &member).await;
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
    acker: Acker<StoredMessage>,
) {
    match posted {
        Ok(Posted::New(message)) => {
            settle(acker.answer(&message).map_err(EmitError::from));
            settle(io.to(room.as_str()).emit(POSTED, &message));
        }
        // Sent again after a lost connection: the room has it already.
        Ok(Posted::Known(message)) => settle(acker.answer(&message).map_err(EmitError::from)),
        Err(error) => acker.fail(&Refused::from(error).answer()),
    }
}

impl Chat {
    /// Seats the socket in the room it asks for and reads the room's history. Tells the others;
    /// what is to be told to the socket itself comes back, unless it was there already.
    async fn enter(
        &self,
        socket: &Socket,
        seat: &Seat,
        request: Join,
    ) -> Result<(Vec<StoredMessage>, Option<Presence>), Refused> {
        let member =
            Member { room: RoomName::parse(&request.room)?, name: Nickname::parse(&request.name)? };
        if seat.member().as_ref() == Some(&member) {
            return Ok((self.store.history(&member.room).await?, None));
        }
        if let Some(before) = seat.replace(Place::Outside) {
            self.exit(socket, &before).await;
        }
        if !seat.take(&member) {
            return Err(Refused::Gone);
        }
        // In the room before the history is read, so that no message falls in between.
        self.people.enter(&member.room);
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
        self.people.exit(&member.room);
        settle(socket.io().to(member.room.as_str()).emit(LEFT, &self.presence(member)));
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
        match &*self.0.lock() {
            Place::In(member) => Some(member.clone()),
            Place::Outside | Place::Gone => None,
        }
    }

    /// Seats a member; false when the socket is gone meanwhile.
    fn take(&self, member: &Member) -> bool {
        let mut place = self.0.lock();
        let is_here = !matches!(*place, Place::Gone);
        if is_here {
            *place = Place::In(member.clone());
        }
        is_here
    }

    /// Changes the place to `Outside` or `Gone` and says who was seated, to the first who asks.
    fn replace(&self, by: Place) -> Option<Member> {
        let mut place = self.0.lock();
        if matches!(*place, Place::Gone) {
            return None;
        }
        match std::mem::replace(&mut *place, by) {
            Place::In(member) => Some(member),
            Place::Outside | Place::Gone => None,
        }
    }

    /// The message as it is to be stored.
    fn post(&self, request: NewMessage) -> Result<Post, Refused> {
        let member = self.member().ok_or(Refused::NotJoined)?;
        if Nickname::parse(&request.name)? != member.name {
            return Err(Refused::NameMismatch);
        }
        let text = MessageText::parse(request.msg)?;
        let key = request.key.map(MessageKey::parse).transpose()?;
        Ok(Post { room: member.room, name: member.name, text, key })
    }
}

impl Refused {
    fn code(&self) -> &'static str {
        match self {
            Refused::Invalid(invalid) => invalid.code(),
            Refused::NotJoined => "not_joined",
            Refused::NameMismatch => "name_mismatch",
            Refused::KeyReused => "key_reused",
            Refused::Storage => "storage",
            Refused::DiskFull => "disk_full",
            Refused::Gone => "gone",
        }
    }

    fn answer(&self) -> EventError {
        EventError::new(self.code(), self.to_string())
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::KeyReused => Refused::KeyReused,
            StoreError::Write => Refused::Storage,
            StoreError::Full => Refused::DiskFull,
            StoreError::Closed | StoreError::Database(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "message store");
                Refused::Storage
            }
        }
    }
}

/// What the chat sends is always encodable, and a client that reads too slowly is disconnected by
/// the library, so there is nothing to do but to note it.
fn settle(sent: Result<(), EmitError>) {
    if let Err(error) = sent {
        tracing::debug!(%error, "not sent");
    }
}
