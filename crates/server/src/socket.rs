//! A socket: one client in one namespace.

/// Names of sockets.
pub(crate) mod id;
/// From the reply to the end.
mod life;
/// What is sent to one socket, and whom a socket sends to.
pub(crate) mod emit;
/// What becomes of a request.
pub(crate) mod outcome;
/// Events that ask for an acknowledgement.
pub(crate) mod requests;
/// The values an application keeps with a socket.
pub(crate) mod data;
/// For how long a socket may stay.
pub(crate) mod expiry;
/// Why a socket ended.
pub(crate) mod disconnect_reason;
/// A socket as plain data, for other servers.
pub(crate) mod details;
/// The types of its data that others get.
pub(crate) mod shared;
/// A socket that may be another server's.
pub(crate) mod remote;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use sockeye_engine::{self as engine, Encoded, Handshake};
use sockeye_socket_proto::{PayloadError, decode_args, encode_ack, encode_disconnect};

use self::data::SocketData;
use self::disconnect_reason::DisconnectReason;
use self::expiry::Deadline;
use self::id::SocketId;
use self::requests::Waiter;
use crate::broadcast::encode::with_text;
use crate::cold_state::ColdState;
use crate::guarantees::client_outbox::Outboxes;
use crate::guarantees::recovery::log::Claim;
use crate::guarantees::recovery::offset::LogPosition;
use crate::guarantees::recovery::{Recovery, RecoveryFailure};
use crate::namespace::active::ActiveNamespace;
use crate::rooms::room::{IntoRooms, Room};
use crate::session::link::{Command, SessionLink};
use crate::session::v2::is_v2;

/// One client in one namespace: a handle, cheap to clone, usable from anywhere.
///
/// Emits never wait and never fail because the client is gone.
#[derive(Clone)]
pub struct Socket(Arc<Inner>);

struct Inner {
    id: SocketId,
    recovery: Recovery,
    namespace: Arc<ActiveNamespace>,
    link: Arc<SessionLink>,
    /// Its number among the sockets of its session.
    number: u32,
    phase: AtomicU8,
    /// The packets sent to this socket before the reply that it is connected.
    held: Mutex<ColdState<Vec<Held>>>,
    data: Mutex<SocketData>,
    acks: Mutex<ColdState<BTreeMap<u64, Waiter>>>,
    expiry: Mutex<Option<Box<Deadline>>>,
    rare: OnceLock<Box<Rare>>,
}

/// A packet that is held back until the reply is sent.
struct Held {
    packet: Arc<Encoded>,
    /// Its number in the log, if it is there.
    number: Option<u64>,
}

/// The state that many sockets never have.
#[derive(Default)]
struct Rare {
    /// Its id in the adapter while it claims the id of an earlier connection.
    key: Mutex<Option<SocketId>>,
    claim: Option<Claim>,
    /// The private id under which its state is kept, once it is connected; only with recovery.
    pid: OnceLock<SocketId>,
    /// The highest offset of an event that it received and that is not in the log.
    stamped: AtomicU64,
    /// Whether a packet sent before it was connected was dropped for lack of room.
    has_dropped: AtomicBool,
    /// The client's `auth`; `None` when it sent nothing.
    auth: Mutex<Option<Arc<str>>>,
    /// The key of its client's outbox, if it has one.
    outbox: OnceLock<Arc<str>>,
    /// The rooms it was in when it ended.
    left: OnceLock<Vec<Room>>,
}

/// Whether a socket is new or claims to continue an earlier one.
pub(crate) enum Origin {
    New,
    /// It claims to continue an earlier one.
    Claim(Claim),
    /// It claimed so, and the claim failed.
    Failed(RecoveryFailure),
}

const CONNECTING: u8 = 0;
const CONNECTED: u8 = 1;
const DISCONNECTED: u8 = 2;

impl Socket {
    pub(crate) fn new(
        namespace: Arc<ActiveNamespace>,
        link: Arc<SessionLink>,
        origin: Origin,
        auth: &str,
    ) -> Self {
        let key = if is_v2(&link.session) {
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
            number: link.number_socket(),
            link,
            phase: AtomicU8::new(CONNECTING),
            held: Mutex::default(),
            data: Mutex::default(),
            acks: Mutex::default(),
            expiry: Mutex::new(None),
            rare,
        }))
    }

    pub(crate) fn number(&self) -> u32 {
        self.0.number
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
        self.0.namespace.param(part)
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

    /// The client's `auth` as JSON; `{}` when it sent nothing.
    pub fn auth_json(&self) -> Arc<str> {
        self.kept_auth().unwrap_or_else(|| Arc::from(NO_AUTH))
    }

    /// The Engine.IO session below: its id, transport and protocol revision.
    pub fn session(&self) -> &engine::Session {
        &self.0.link.session
    }

    /// Whether this connection continues an earlier one, and if not, why. In `on_connect` a
    /// recovery is still a claim: it is decided, and rooms and data come back, afterwards.
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

    /// Enters rooms. Does nothing after the socket's end.
    pub fn join(&self, rooms: impl IntoRooms) {
        let (rooms, adapter) = (rooms.into_rooms(), &self.0.namespace.adapter);
        match &self.0.namespace.log {
            Some(log) => log.join(self, |joined| adapter.join(&self.key(), rooms, joined)),
            None => adapter.join(&self.key(), rooms, |_| {}),
        }
        self.0.namespace.tell_of_sessions();
        self.0.namespace.notify_room_changes();
    }

    /// Leaves rooms.
    pub fn leave(&self, rooms: impl IntoRooms) {
        let (rooms, adapter) = (rooms.into_rooms(), &self.0.namespace.adapter);
        match &self.0.namespace.log {
            Some(log) => log.leave(self, |left| adapter.leave(&self.key(), &rooms, left)),
            None => adapter.leave(&self.key(), &rooms, |_| {}),
        }
        self.0.namespace.tell_of_sessions();
        self.0.namespace.notify_room_changes();
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

    /// Keeps a value with the socket, one for each type; a second one replaces the first.
    pub fn set<T: Send + Sync + 'static>(&self, value: T) {
        self.0.data.lock().set(value);
        let namespace = &self.0.namespace;
        if let Some(log) = namespace.log.as_ref().filter(|log| log.keeps_sessions)
            && namespace.handlers.shared.includes::<T>()
            && let Some(pid) = self.pid()
        {
            log.change(pid);
            namespace.tell_of_sessions();
        }
    }

    /// The value of this type. Handlers ask for it with [`Local`](crate::Local).
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.data.lock().get()
    }

    /// Waits until everything sent so far has been handed to the operating system, or the session
    /// has ended.
    pub async fn flushed(&self) {
        self.0.link.session.flushed().await;
    }

    /// Disconnects the client from this namespace; it does not reconnect by itself. Its reason is
    /// `io server disconnect`, ours [`DisconnectReason::ServerDisconnect`](crate::DisconnectReason).
    pub fn disconnect(&self) {
        if self.end(DisconnectReason::ServerDisconnect) {
            // First: a client that knows of it may ask for the namespace again.
            self.0.link.command(Command::Disconnected(self.number()));
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

    /// What the client sent as `auth`; `None` when it sent nothing.
    pub(crate) fn kept_auth(&self) -> Option<Arc<str>> {
        self.0.rare.get().and_then(|rare| rare.auth.lock().clone())
    }

    fn rare(&self) -> &Rare {
        self.0.rare.get_or_init(Box::default)
    }

    /// The private id under which its state is kept.
    pub(crate) fn pid(&self) -> Option<&SocketId> {
        self.0.rare.get()?.pid.get()
    }

    /// Whether its client may still continue it, or does so already on another connection.
    fn is_kept(&self) -> bool {
        let log = self.0.namespace.log.as_ref();
        log.zip(self.pid()).is_some_and(|(log, pid)| log.keeps(pid))
    }

    /// The outbox of its client, if both have agreed to one.
    pub(crate) fn outbox(&self) -> Option<(&Arc<Outboxes>, &Arc<str>)> {
        Some((self.0.namespace.outboxes.as_ref()?, self.0.rare.get()?.outbox.get()?))
    }

    /// The id as it stands in logs.
    pub(crate) fn id_in_logs(&self) -> impl fmt::Display {
        IdInLogs(self)
    }

    pub(crate) fn active_namespace(&self) -> &Arc<ActiveNamespace> {
        &self.0.namespace
    }

    pub(crate) fn link(&self) -> &Arc<SessionLink> {
        &self.0.link
    }

    pub(crate) fn key(&self) -> SocketId {
        let claimant = self.0.rare.get().and_then(|rare| rare.key.lock().clone());
        claimant.unwrap_or_else(|| self.id())
    }

    pub(crate) fn with_data<R>(&self, f: impl FnOnce(&SocketData) -> R) -> R {
        f(&self.0.data.lock())
    }

    /// Whether the client is one of Socket.IO 2, which does not support recovery.
    pub(crate) fn is_v2(&self) -> bool {
        is_v2(&self.0.link.session)
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

    /// Notes that a broadcast reaches it; `place` is the packet's position in the log, if it has an
    /// offset. True: the caller has to push the packet to the session.
    pub(crate) fn takes_broadcast(
        &self,
        packet: &Arc<Encoded>,
        place: Option<LogPosition>,
    ) -> bool {
        let is_taken = match self.0.phase.load(Ordering::Acquire) {
            CONNECTED => true,
            CONNECTING => self.hold(place, || Arc::clone(packet)),
            _ => false,
        };
        if is_taken && let Some(LogPosition::Behind(number)) = place {
            self.rare().stamped.fetch_max(number, Ordering::Relaxed);
        }
        is_taken
    }

    /// Holds a packet back until the client is connected. True: it is connected, nothing was held.
    fn hold(&self, place: Option<LogPosition>, packet: impl FnOnce() -> Arc<Encoded>) -> bool {
        let mut held = self.0.held.lock();
        match self.0.phase.load(Ordering::Acquire) {
            CONNECTING => {
                let limit = self.0.namespace.config.engine.queued_packets_max as usize;
                let held = held.get_or_default();
                if held.len() < limit {
                    let number = match place {
                        Some(LogPosition::Logged(number)) => Some(number),
                        _ => None,
                    };
                    held.push(Held { packet: packet(), number });
                } else {
                    tracing::warn!(socket = %self.id_in_logs(), limit, "too much sent before the connection");
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

/// A socket's id for logs. That of a v2 client contains the id of its session, which is a
/// credential and is shortened here.
struct IdInLogs<'a>(&'a Socket);

impl fmt::Display for IdInLogs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let socket = self.0;
        if !socket.is_v2() {
            return f.write_str(socket.0.id.as_str());
        }
        if socket.namespace() != "/" {
            write!(f, "{}#", socket.namespace())?;
        }
        socket.session().id().shortened().fmt(f)
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
            .field("id", &format_args!("{}", self.id_in_logs()))
            .field("namespace", &self.namespace())
            .finish_non_exhaustive()
    }
}

/// The `auth` to keep: `None`, which takes no memory, for the many clients that send nothing.
fn kept_auth(auth: &str) -> Option<Arc<str>> {
    (auth != NO_AUTH).then(|| auth.into())
}

/// The `auth` of a client that sent nothing.
const NO_AUTH: &str = "{}";
