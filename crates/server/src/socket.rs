mod expiry;
mod life;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sockeye_engine::{self as engine, Encoded, Handshake, Pushed};
use sockeye_socket_proto::{
    Event, EventName, PayloadError, RawArgs, Request, decode_args, encode_ack, encode_disconnect,
    event_name, with_encoded_args,
};
use tokio::sync::oneshot;

use self::expiry::Deadline;
pub(crate) use self::expiry::Expired;
pub use self::expiry::Expiry;

use crate::ack::{AckFuture, Pending, Waiter};
use crate::adapter::Targets;
use crate::broadcast::{Broadcast, Io};
use crate::directory::Live;
use crate::encode::{encode_with_offset, with_event, with_text};
use crate::error::{AckError, EmitError};
use crate::id::SocketId;
use crate::link::{Command, Link};
use crate::locals::Locals;
use crate::rarely::Rarely;
use crate::reason::DisconnectReason;
use crate::recovery::{self, Claim, Log, Place, Recovery, RecoveryFailure};
use crate::reliable::Outboxes;
use crate::revision::is_old;
use crate::room::{IntoRooms, Room};

/// One client in one namespace: a handle, cheap to clone, usable from anywhere.
///
/// Emits never wait and never fail because the client is gone.
#[derive(Clone)]
pub struct Socket(Arc<Inner>);

struct Inner {
    id: SocketId,
    recovery: Recovery,
    namespace: Arc<Live>,
    link: Arc<Link>,
    phase: AtomicU8,
    /// What was sent to this socket before it was told that it is connected.
    held: Mutex<Rarely<Vec<Held>>>,
    locals: Mutex<Locals>,
    acks: Mutex<Rarely<BTreeMap<u64, Waiter>>>,
    expiry: Mutex<Option<Box<Deadline>>>,
    rare: OnceLock<Box<Rare>>,
}

/// A packet that waits for the reply before it.
struct Held {
    packet: Arc<Encoded>,
    /// Its number in the log, if it is there.
    number: Option<u64>,
}

/// What many sockets never have.
#[derive(Default)]
struct Rare {
    /// What the adapter knows it by while it claims the id of an earlier connection.
    key: Mutex<Option<SocketId>>,
    claim: Option<Claim>,
    /// Under which its state is kept, once it is connected; only with recovery.
    pid: OnceLock<SocketId>,
    /// The highest offset that came to it with an event that is not in the log.
    stamped: AtomicU64,
    /// Something was sent to it before it was connected for which there was no room.
    has_dropped: AtomicBool,
    /// `None` when the client sent nothing.
    auth: Mutex<Option<Arc<str>>>,
    /// The key of its client's outbox, if it has one.
    outbox: OnceLock<Arc<str>>,
    /// The rooms at the end of its life.
    left: OnceLock<Vec<Room>>,
}

/// The event of [`Socket::send`].
pub(crate) const MESSAGE: Event = Event::new("message");

/// Where a socket comes from.
pub(crate) enum Origin {
    New,
    /// It says that it is an earlier one.
    Claim(Claim),
    /// It said so in vain.
    Failed(RecoveryFailure),
}

const CONNECTING: u8 = 0;
const CONNECTED: u8 = 1;
const DISCONNECTED: u8 = 2;

impl Socket {
    pub(crate) fn new(namespace: Arc<Live>, link: Arc<Link>, origin: Origin, auth: &str) -> Self {
        let key = if is_old(&link.session) {
            SocketId::of_session(link.session.id().as_str(), &namespace.path)
        } else {
            SocketId::random()
        };
        let (id, claim, recovery) = match origin {
            Origin::New => (key.clone(), None, Recovery::New),
            Origin::Failed(failure) => (key.clone(), None, Recovery::Failed(failure)),
            Origin::Claim(claim) => (claim.id.clone(), Some(claim), Recovery::Recovered),
        };
        let rare = OnceLock::new();
        if claim.is_some() || auth != NO_AUTH {
            let auth = Mutex::new(kept_auth(auth));
            let key = Mutex::new(claim.is_some().then_some(key));
            rare.get_or_init(|| Box::new(Rare { key, claim, auth, ..Rare::default() }));
        }
        Self(Arc::new(Inner {
            id,
            recovery,
            namespace,
            link,
            phase: AtomicU8::new(CONNECTING),
            held: Mutex::default(),
            locals: Mutex::default(),
            acks: Mutex::default(),
            expiry: Mutex::new(None),
            rare,
        }))
    }

    /// The id: random, different in each namespace. Of a client of Socket.IO 2 it is the session's
    /// id, with the namespace before it unless that is `/`.
    pub fn id(&self) -> SocketId {
        self.0.id.clone()
    }

    /// The namespace's name, with its slash.
    pub fn namespace(&self) -> &str {
        &self.0.namespace.path
    }

    /// A part of a dynamic namespace's name: `id` of `/room-{id}`.
    pub fn param(&self, part: &str) -> Option<&str> {
        let params = &self.0.namespace.params;
        params.iter().find(|(name, _)| **name == *part).map(|(_, value)| &**value)
    }

    /// The request that opened the session: headers, address, query, time. What the client sent
    /// with its connection to the namespace is [`auth`](Socket::auth).
    pub fn handshake(&self) -> &Arc<Handshake> {
        &self.0.link.handshake
    }

    /// What the client sent as `auth`, with what recovery and the outbox added to it; after
    /// [`reauthenticate_on`](crate::Namespace::reauthenticate_on) the newest it was let in with.
    ///
    /// # Errors
    /// [`PayloadError`] when it is not a `T`.
    pub fn auth<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        decode_args(&self.auth_json(), &[])
    }

    /// The same as JSON; `{}` when it sent nothing.
    pub fn auth_json(&self) -> Arc<str> {
        self.kept_auth().unwrap_or_else(|| Arc::from(NO_AUTH))
    }

    /// The Engine.IO session below: its id, transport and protocol revision.
    pub fn session(&self) -> &engine::Session {
        &self.0.link.session
    }

    /// The namespace as a whole, to reach other sockets.
    pub fn io(&self) -> Io {
        Io::new(self.0.namespace.clone())
    }

    /// Whether this connection continues an earlier one, and if not, why. In `on_connect` a
    /// recovery is still a claim: rooms and locals come back, and the claim is settled, after it.
    pub fn recovery(&self) -> Recovery {
        self.0.recovery
    }

    /// Whether this connection continues an earlier one.
    pub fn recovered(&self) -> bool {
        self.0.recovery == Recovery::Recovered
    }

    /// Whether the client is connected to the namespace.
    pub fn is_connected(&self) -> bool {
        self.0.phase.load(Ordering::Acquire) == CONNECTED
    }

    /// Sends an event to this client. After the socket's end nothing is sent; but with
    /// [recovery](crate::Config::recovery) an event that asks for no answer is for the client that
    /// comes back, as long as it may, and for the socket that it has then.
    ///
    /// # Errors
    /// [`EmitError::Encode`] or [`EmitError::Reserved`] when it cannot be sent to anybody,
    /// [`EmitError::Overflow`] when the client reads too slowly. A client that is gone is no error.
    pub fn emit<P: Serialize + ?Sized>(
        &self,
        event: impl EventName<P>,
        payload: &P,
    ) -> Result<(), EmitError> {
        let name = event_name(&event)?;
        with_encoded_args(payload, |args, attachments| self.send_event(name, args, &attachments))?
    }

    /// Sends the event `message`, which some programs live on.
    ///
    /// # Errors
    /// As [`emit`](Socket::emit).
    pub fn send<P: Serialize + ?Sized>(&self, payload: &P) -> Result<(), EmitError> {
        self.emit(MESSAGE.name(), payload)
    }

    /// Sends an event and asks for its acknowledgement. The event is sent at once; await the
    /// result for the answer.
    pub fn emit_with_ack<P: Serialize + ?Sized, A>(
        &self,
        event: impl Request<P, A>,
        payload: &P,
    ) -> AckFuture<A> {
        let pending = event_name(&event)
            .map_err(|error| AckError::Emit(error.into()))
            .and_then(|name| self.request(name, payload));
        AckFuture::new(pending, self.0.namespace.config.ack_timeout)
    }

    /// Enters rooms. Does nothing after the socket's end.
    pub fn join(&self, rooms: impl IntoRooms) {
        let (rooms, adapter) = (rooms.into_rooms(), &self.0.namespace.adapter);
        match &self.0.namespace.log {
            Some(log) => log.join(self, |joined| adapter.join(&self.key(), rooms, joined)),
            None => adapter.join(&self.key(), rooms, |_| {}),
        }
        self.0.namespace.tell_room_changes();
    }

    /// Leaves rooms.
    pub fn leave(&self, rooms: impl IntoRooms) {
        let (rooms, adapter) = (rooms.into_rooms(), &self.0.namespace.adapter);
        match &self.0.namespace.log {
            Some(log) => log.leave(self, |left| adapter.leave(&self.key(), &rooms, left)),
            None => adapter.leave(&self.key(), &rooms, |_| {}),
        }
        self.0.namespace.tell_room_changes();
    }

    /// The rooms it is in, its own id first; after its end, those it was in.
    pub fn rooms(&self) -> Vec<Room> {
        match self.0.rare.get().and_then(|rare| rare.left.get()) {
            Some(left) => left.clone(),
            None => self.0.namespace.adapter.rooms(&self.key()),
        }
    }

    /// Whether the socket has ended.
    pub fn is_disconnected(&self) -> bool {
        self.0.phase.load(Ordering::Acquire) == DISCONNECTED
    }

    /// Everybody else on this server.
    pub fn local(&self) -> Broadcast {
        self.broadcast().local()
    }

    /// Everybody in these rooms but this socket.
    pub fn to(&self, rooms: impl IntoRooms) -> Broadcast {
        self.broadcast().to(rooms)
    }

    /// Everybody but this socket and those in these rooms.
    pub fn except(&self, rooms: impl IntoRooms) -> Broadcast {
        self.broadcast().except(rooms)
    }

    /// Everybody in the namespace but this socket.
    pub fn broadcast(&self) -> Broadcast {
        Broadcast::from_socket(self)
    }

    /// This socket alone, if it can take the message right now.
    pub fn volatile(&self) -> Broadcast {
        Broadcast::to_socket(self).volatile()
    }

    /// This socket alone, with or without compression on the way: see [`Broadcast::compress`].
    pub fn compress(&self, compress: bool) -> Broadcast {
        Broadcast::to_socket(self).compress(compress)
    }

    /// Keeps a value with the socket, one for each type; a second one replaces the first.
    pub fn set<T: Send + Sync + 'static>(&self, value: T) {
        self.0.locals.lock().set(value);
    }

    /// The value of this type. Handlers ask for it with [`Local`](crate::Local).
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.locals.lock().get()
    }

    /// Waits until everything sent so far has been handed to the operating system, or the session
    /// has ended.
    pub async fn flushed(&self) {
        self.0.link.session.flushed().await;
    }

    /// Disconnects the client from this namespace; it does not come back by itself. Its reason is
    /// `io server disconnect`, ours [`DisconnectReason::ServerDisconnect`](crate::DisconnectReason).
    pub fn disconnect(&self) {
        if self.end(DisconnectReason::ServerDisconnect) {
            // First: a client that knows of it may ask for the namespace again.
            self.0.link.command(Command::Disconnected(self.clone()));
            self.send_disconnect();
        }
    }

    /// Disconnects the client from all namespaces and closes its connection.
    pub fn close_session(&self) {
        self.0.link.command(Command::CloseSession);
    }

    pub(crate) fn set_auth(&self, auth: &str) {
        if auth != NO_AUTH || self.0.rare.get().is_some() {
            *self.rare().auth.lock() = kept_auth(auth);
        }
    }

    fn kept_auth(&self) -> Option<Arc<str>> {
        self.0.rare.get().and_then(|rare| rare.auth.lock().clone())
    }

    fn rare(&self) -> &Rare {
        self.0.rare.get_or_init(Box::default)
    }

    /// Under which its state is kept.
    pub(crate) fn pid(&self) -> Option<&SocketId> {
        self.0.rare.get()?.pid.get()
    }

    /// Whether its client may still continue where it was, or does so already on another connection.
    fn is_kept(&self) -> bool {
        let log = self.0.namespace.log.as_ref();
        log.zip(self.pid()).is_some_and(|(log, pid)| log.keeps(pid))
    }

    /// Whether it is in a room that is not its own.
    pub(crate) fn is_in(&self, room: &Room) -> bool {
        self.0.namespace.adapter.is_in(&self.key(), room)
    }

    /// The highest offset that came to it with an event that is not in the log.
    pub(crate) fn stamped(&self) -> u64 {
        self.0.rare.get().map_or(0, |rare| rare.stamped.load(Ordering::Relaxed))
    }

    /// Whether something that was for it was dropped.
    pub(crate) fn has_dropped(&self) -> bool {
        let rare = self.0.rare.get();
        rare.is_some_and(|rare| rare.has_dropped.load(Ordering::Relaxed))
            || self.0.link.session.has_dropped()
    }

    /// The outbox of its client, if both have agreed to one.
    pub(crate) fn outbox(&self) -> Option<(&Arc<Outboxes>, &Arc<str>)> {
        Some((self.0.namespace.outboxes.as_ref()?, self.0.rare.get()?.outbox.get()?))
    }

    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.0.namespace
    }

    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.0.link
    }

    pub(crate) fn key(&self) -> SocketId {
        let claimant = self.0.rare.get().and_then(|rare| rare.key.lock().clone());
        claimant.unwrap_or_else(|| self.id())
    }

    pub(crate) fn with_locals<R>(&self, f: impl FnOnce(&Locals) -> R) -> R {
        f(&self.0.locals.lock())
    }

    /// Whether the client is one of Socket.IO 2, which cannot come back as who it was.
    pub(crate) fn is_old(&self) -> bool {
        is_old(&self.0.link.session)
    }

    pub(crate) fn send_disconnect(&self) {
        let mut text = String::new();
        encode_disconnect(&mut text, self.namespace());
        self.0.link.send(&text, &[]);
    }

    pub(crate) fn send_ack(&self, id: u64, args: &str, attachments: &[Bytes]) {
        if self.is_connected() {
            with_text(|text| {
                let count = u32::try_from(attachments.len()).unwrap_or(u32::MAX);
                encode_ack(text, self.namespace(), id, count, args);
                self.0.link.send(text, attachments);
            });
        }
    }

    /// Takes part in a broadcast, of a packet that stands there in the log if it has an offset.
    /// True: the session is to be pushed to by the caller.
    pub(crate) fn takes_broadcast(&self, packet: &Arc<Encoded>, place: Option<Place>) -> bool {
        let is_taken = match self.0.phase.load(Ordering::Acquire) {
            CONNECTED => true,
            CONNECTING => self.hold(place, || packet.clone()),
            _ => false,
        };
        if is_taken && let Some(Place::Behind(number)) = place {
            self.rare().stamped.fetch_max(number, Ordering::Relaxed);
        }
        is_taken
    }

    /// Resolves a request the client has answered.
    pub(crate) fn resolve_ack(&self, id: u64, args: &str, attachments: &[Bytes]) {
        match self.remove_ack(id) {
            Some(waiter) => waiter.resolve(Ok(RawArgs::new(args, attachments))),
            None => tracing::debug!(socket = %self.id(), id, "an ack nobody waits for"),
        }
    }

    pub(crate) fn await_ack(&self, id: u64, waiter: Waiter) -> Result<(), AckError> {
        let limit = self.0.namespace.config.pending_acks_max;
        let mut acks = self.0.acks.lock();
        if self.0.phase.load(Ordering::Acquire) == DISCONNECTED {
            return Err(AckError::Disconnected);
        }
        if acks.get().map_or(0, BTreeMap::len) >= limit {
            return Err(AckError::Full { limit });
        }
        acks.filled().insert(id, waiter);
        Ok(())
    }

    pub(crate) fn forget_ack(&self, id: u64) {
        self.remove_ack(id);
    }

    fn remove_ack(&self, id: u64) -> Option<Waiter> {
        let mut acks = self.0.acks.lock();
        let waiting = acks.get_mut()?;
        let waiter = waiting.remove(&id);
        if waiting.is_empty() {
            acks.take();
        }
        waiter
    }

    fn request<P: Serialize + ?Sized>(&self, name: &str, payload: &P) -> Result<Pending, AckError> {
        let id = self.0.namespace.next_ack.fetch_add(1, Ordering::Relaxed);
        let (sender, outcome) = oneshot::channel();
        self.await_ack(id, Waiter::One(sender))?;
        let pending = Pending { socket: self.clone(), id, outcome };
        with_encoded_args(payload, |args, attachments| {
            self.look_outgoing(name, args, &attachments);
            with_event(self.namespace(), name, Some(id), args, &attachments, |text| {
                self.transmit(text, &attachments)
            })
        })
        .map_err(EmitError::from)??;
        Ok(pending)
    }

    fn look_outgoing(&self, name: &str, args: &str, attachments: &[Bytes]) {
        let behaviour = &self.0.namespace.behaviour;
        if let Some(event) = behaviour.outgoing(name, args, attachments) {
            behaviour.look_outgoing(self, &event);
        }
    }

    fn send_event(&self, name: &str, args: &str, attachments: &[Bytes]) -> Result<(), EmitError> {
        if self.0.namespace.log.is_some() && recovery::is_inside() {
            let (socket, name, args) = (self.clone(), name.to_owned(), args.to_owned());
            let attachments = attachments.to_vec();
            recovery::put_off(move || drop(socket.send_event(&name, &args, &attachments)));
            return Ok(());
        }
        if self.is_disconnected() && self.is_kept() {
            // Its client may come back, or has.
            self.io().to(self.id()).send_event(name, args, attachments);
            return Ok(());
        }
        self.look_outgoing(name, args, attachments);
        match &self.0.namespace.log {
            Some(log) if !self.is_disconnected() && !self.is_old() => {
                self.send_logged(log, name, args, attachments)
            }
            _ => with_event(self.namespace(), name, None, args, attachments, |text| {
                self.transmit(text, attachments)
            }),
        }
    }

    /// Sends an event with its offset and keeps it for a client that comes back.
    fn send_logged(
        &self,
        log: &Log,
        name: &str,
        args: &str,
        attachments: &[Bytes],
    ) -> Result<(), EmitError> {
        let mut sent = Ok(());
        log.record(|offset| {
            let packet = encode_with_offset(self.namespace(), name, args, attachments, offset);
            let packet = Arc::new(packet);
            if self.takes_broadcast(&packet, Some(offset.logged())) {
                sent = queued(self.0.link.push(&packet));
            }
            // Not by the id that it only claims to have.
            let targets = Targets { rooms: vec![Room::from(self.key())], except: Vec::new() };
            (targets, packet)
        });
        sent
    }

    fn transmit(&self, text: &str, attachments: &[Bytes]) -> Result<(), EmitError> {
        match self.0.phase.load(Ordering::Acquire) {
            CONNECTED => queued(self.0.link.send(text, attachments)),
            CONNECTING => {
                let encode = || Arc::new(Encoded::new(text.to_owned(), attachments.to_vec()));
                if self.hold(None, encode) {
                    return queued(self.0.link.send(text, attachments));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Holds a packet back until the client is connected. True: it is by now.
    fn hold(&self, place: Option<Place>, packet: impl FnOnce() -> Arc<Encoded>) -> bool {
        let mut held = self.0.held.lock();
        match self.0.phase.load(Ordering::Acquire) {
            CONNECTING => {
                let limit = self.0.namespace.config.engine.queued_packets_max as usize;
                let held = held.filled();
                if held.len() < limit {
                    let number = match place {
                        Some(Place::Logged(number)) => Some(number),
                        _ => None,
                    };
                    held.push(Held { packet: packet(), number });
                } else {
                    tracing::warn!(socket = %self.id(), limit, "too much sent before the connection");
                    if self.0.namespace.log.is_some() {
                        self.rare().has_dropped.store(true, Ordering::Relaxed);
                    }
                }
                false
            }
            phase => phase == CONNECTED,
        }
    }
}

impl PartialEq for Socket {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Socket {}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("id", &self.id())
            .field("namespace", &self.namespace())
            .finish_non_exhaustive()
    }
}

/// Most clients send nothing, which takes no memory.
fn kept_auth(auth: &str) -> Option<Arc<str>> {
    (auth != NO_AUTH).then(|| auth.into())
}

/// What a client sent that sent nothing.
const NO_AUTH: &str = "{}";

fn queued(pushed: Pushed) -> Result<(), EmitError> {
    match pushed {
        Pushed::Overflow { queued_packets, limit } | Pushed::Dropped { queued_packets, limit } => {
            Err(EmitError::Overflow { queued_packets, limit })
        }
        _ => Ok(()),
    }
}
