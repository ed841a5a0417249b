//! Broadcasts: one event for many sockets.

pub(crate) mod acks;
pub(crate) mod delivery;
pub(crate) mod encode;
pub(crate) mod io;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use sockeye_engine::Encoded;
use sockeye_socket_proto::{EventName, Request, event_name, with_encoded_args};
use tokio::sync::mpsc;

use self::acks::Acks;
use self::delivery::Delivery;
use self::encode::{encode_shared, encode_with_offset};
use self::io::Io;
use crate::cluster::server_side::{self, ServerAcks};
use crate::error::{ClusterError, EmitError};
use crate::guarantees::recovery::offset::Offset;
use crate::guarantees::recovery::section;
use crate::namespace::active::ActiveNamespace;
use crate::rooms::member_cache::MemberCache;
use crate::rooms::room::{IntoRooms, Room};
use crate::rooms::selection::Selection;
use crate::rooms::targets::Targets;
use crate::socket::Socket;
use crate::socket::emit::MESSAGE;
use crate::socket::remote::RemoteSocket;
use crate::socket::requests::Waiter;

/// The broadcast operator: says whom to reach, then what to do with them. A socket in several of
/// the rooms is reached once.
#[must_use = "a broadcast does nothing until it ends in a verb such as `emit`"]
#[derive(Clone)]
pub struct Broadcast {
    namespace: Arc<ActiveNamespace>,
    targets: Targets,
    /// Who says it; left out unless it is the only target.
    origin: Option<Socket>,
    /// Only the origin itself.
    is_direct: bool,
    is_volatile: bool,
    /// Only on this server.
    is_local: bool,
    may_compress: bool,
    timeout: Duration,
}

impl Broadcast {
    fn new(namespace: Arc<ActiveNamespace>) -> Self {
        let timeout = namespace.config.ack_timeout;
        Self {
            namespace,
            targets: Targets::default(),
            origin: None,
            is_direct: false,
            is_volatile: false,
            is_local: false,
            may_compress: true,
            timeout,
        }
    }

    pub(crate) fn from_socket(socket: &Socket) -> Self {
        Self { origin: Some(socket.clone()), ..Self::new(socket.active_namespace().clone()) }
    }

    pub(crate) fn to_socket(socket: &Socket) -> Self {
        Self { is_direct: true, ..Self::from_socket(socket) }
    }

    /// Adds rooms; without any, everybody is reached.
    pub fn to(mut self, rooms: impl IntoRooms) -> Self {
        self.targets.rooms.extend(rooms.into_rooms());
        self.is_direct = false;
        self
    }

    /// Leaves out the sockets in these rooms, even if they are in others that are reached.
    pub fn except(mut self, rooms: impl IntoRooms) -> Self {
        self.targets.except.extend(rooms.into_rooms());
        self.is_direct = false;
        self
    }

    /// Only to those who can take it right now: nothing queued, transport writable.
    pub fn volatile(mut self) -> Self {
        self.is_volatile = true;
        self
    }

    /// Only on this server. (Without a cluster that makes a difference to
    /// [`server_side_emit`](Broadcast::server_side_emit) alone.)
    pub fn local(mut self) -> Self {
        self.is_local = true;
        self
    }

    /// Whether what is sent may be compressed on its way, where the server and the client compress
    /// at all. Default true. Say false for what cannot get shorter, and for a secret beside
    /// something that a stranger chose.
    pub fn compress(mut self, compress: bool) -> Self {
        self.may_compress = compress;
        self
    }

    /// How long acknowledgements are awaited. Default
    /// [`Config::ack_timeout`](crate::Config::ack_timeout).
    pub fn timeout(mut self, after: Duration) -> Self {
        self.timeout = after;
        self
    }

    /// Sends an event. It is encoded once for all. A recipient that reads too slowly is the
    /// business of the overflow policy, not an error here.
    ///
    /// # Errors
    /// When it cannot be encoded, or its name is reserved.
    pub fn emit<P: Serialize + ?Sized>(
        self,
        event: impl EventName<P>,
        payload: &P,
    ) -> Result<(), EmitError> {
        let name = event_name(&event)?;
        with_encoded_args(payload, |args, attachments| self.send_event(name, args, &attachments))?;
        Ok(())
    }

    pub(crate) fn send_event(self, name: &str, args: &str, attachments: &[Bytes]) {
        if self.namespace.log.is_some() && section::is_inside() {
            let (name, args) = (name.to_owned(), args.to_owned());
            let attachments = attachments.to_vec();
            return section::put_off(move || self.send_event(&name, &args, &attachments));
        }
        self.show(name, args, attachments);
        let path = &self.namespace.path;
        let plain = || self.as_wished(encode_shared(path, name, None, args, attachments));
        let Some(log) = &self.namespace.log else {
            return self.deliver(self.delivery(&plain()));
        };
        let send = |offset: Offset<'_>, place| {
            let packet = encode_with_offset(path, name, args, attachments, offset);
            let packet = self.as_wished(packet);
            self.deliver(self.delivery(&packet).with_offset(place, &plain));
            packet
        };
        if self.is_volatile {
            log.stamp(|offset| drop(send(offset, offset.behind())));
        } else {
            log.record(|offset| {
                let packet = send(offset, offset.logged());
                (self.targets(), packet)
            });
        }
    }

    /// Sends the event `message`.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn send<P: Serialize + ?Sized>(self, payload: &P) -> Result<(), EmitError> {
        self.emit(MESSAGE.name(), payload)
    }

    /// Sends an event to servers instead of sockets: to the others of the cluster, or with
    /// [`local`](Broadcast::local) to this one alone. Rooms say nothing here.
    ///
    /// # Errors
    /// When it cannot be encoded, or its name is reserved.
    pub fn server_side_emit<P: Serialize + ?Sized>(
        self,
        event: impl EventName<P>,
        payload: &P,
    ) -> Result<(), EmitError> {
        self.ask_servers(event_name(&event)?, payload).map(drop)
    }

    /// As [`server_side_emit`](Broadcast::server_side_emit), and asks for the handlers' answers.
    ///
    /// # Errors
    /// As [`server_side_emit`](Broadcast::server_side_emit).
    pub fn server_side_emit_with_ack<P: Serialize + ?Sized, A>(
        self,
        event: impl Request<P, A>,
        payload: &P,
    ) -> Result<ServerAcks<A>, EmitError> {
        let timeout = self.timeout;
        Ok(ServerAcks::new(self.ask_servers(event_name(&event)?, payload)?, timeout))
    }

    fn ask_servers<P: Serialize + ?Sized>(
        self,
        name: &str,
        payload: &P,
    ) -> Result<Vec<server_side::Handling>, EmitError> {
        let io = Io::new(self.namespace.clone());
        let here = with_encoded_args(payload, |args, attachments| {
            let here = self.is_local.then(|| server_side::handle(&io, name, args, &attachments));
            here.flatten().into_iter().collect()
        })?;
        Ok(here)
    }

    /// Sends an event and asks every recipient for an acknowledgement.
    ///
    /// # Errors
    /// As [`emit`](Broadcast::emit).
    pub fn emit_with_ack<P: Serialize + ?Sized, A>(
        self,
        event: impl Request<P, A>,
        payload: &P,
    ) -> Result<Acks<A>, EmitError> {
        let id = self.namespace.next_ack.fetch_add(1, Ordering::Relaxed);
        let name = event_name(&event)?;
        let packet = with_encoded_args(payload, |args, attachments| {
            self.show(name, args, &attachments);
            let path = &self.namespace.path;
            self.as_wished(encode_shared(path, name, Some(id), args, &attachments))
        })?;
        let (sender, outcomes) = mpsc::unbounded_channel();
        let mut waiting = HashMap::new();
        let mut delivery = self.delivery(&packet);
        self.selection().for_each(|socket| {
            let waiter = Waiter::OfMany(socket.id(), sender.clone());
            match socket.await_ack(id, waiter) {
                Ok(()) if self.is_for(socket) => delivery.add(socket),
                Ok(()) => {}
                // It is listed with its error: the channel cannot be closed, we hold its end.
                Err(error) => drop(sender.send((socket.id(), Err(error)))),
            }
            waiting.insert(socket.id(), socket.clone());
        });
        self.namespace.handlers.metrics.broadcast(|| delivery.len());
        delivery.send();
        Ok(Acks::new(outcomes, waiting, id, self.timeout))
    }

    /// Makes the sockets enter rooms.
    pub fn join(self, rooms: impl IntoRooms) {
        let rooms: Vec<Room> = rooms.into_rooms();
        for socket in self.sockets() {
            socket.join(&rooms);
        }
    }

    /// Makes the sockets leave rooms.
    pub fn leave(self, rooms: impl IntoRooms) {
        let rooms: Vec<Room> = rooms.into_rooms();
        for socket in self.sockets() {
            socket.leave(&rooms);
        }
    }

    /// Disconnects the sockets from the namespace.
    pub fn disconnect(self) {
        for socket in self.sockets() {
            socket.disconnect();
        }
    }

    /// Disconnects the clients of the sockets from all their namespaces and closes their
    /// connections: `disconnectSockets(true)` of the official server.
    pub fn close_sessions(self) {
        for socket in self.sockets() {
            socket.close_session();
        }
    }

    /// The sockets that would be reached, whichever server they are on.
    ///
    /// # Errors
    /// [`ClusterError`] when other servers do not answer. A server alone always has an answer.
    pub async fn fetch(self) -> Result<Vec<RemoteSocket>, ClusterError> {
        Ok(self.sockets().iter().map(RemoteSocket::of).collect())
    }

    /// The sockets on this server that would be reached.
    pub fn sockets(self) -> Vec<Socket> {
        self.selection().sockets()
    }

    /// The packet for many, not to be compressed if that was said.
    fn as_wished(&self, packet: Encoded) -> Arc<Encoded> {
        Arc::new(if self.may_compress { packet } else { packet.without_compression() })
    }

    /// Lets the looks at outgoing events see it. (Not while it is delivered: they are user code,
    /// and may emit.)
    fn show(&self, name: &str, args: &str, attachments: &[Bytes]) {
        let handlers = &self.namespace.handlers;
        if let Some(event) = handlers.outgoing(name, args, attachments) {
            self.selection().for_each(|socket| handlers.look_outgoing(socket, &event));
        }
    }

    fn deliver(&self, mut delivery: Delivery<'_>) {
        if let Some(audience) = self.audience() {
            audience.send(delivery, self.origin.as_ref());
            let recipients = || audience.len().saturating_sub(self.is_origin_among().into());
            return self.namespace.handlers.metrics.broadcast(recipients);
        }
        self.selection().for_each(|socket| {
            if self.is_for(socket) {
                delivery.add(socket);
            }
        });
        self.namespace.handlers.metrics.broadcast(|| delivery.len());
        delivery.send();
    }

    /// Whether the origin is in the audience, of which it is left out.
    fn is_origin_among(&self) -> bool {
        let is_in = |origin: &Socket| self.targets.rooms.iter().all(|room| origin.is_in(room));
        self.origin.as_ref().is_some_and(is_in)
    }

    fn delivery<'a>(&self, packet: &'a Arc<Encoded>) -> Delivery<'a> {
        Delivery::new(packet, self.namespace.config.parser.is_some())
    }

    /// Whom it is for, the origin considered.
    fn targets(&self) -> Targets {
        let mut targets = self.targets.clone();
        match &self.origin {
            // Not by the id that it only claims to have.
            Some(origin) if self.is_direct => targets.rooms.push(Room::from(origin.key())),
            Some(origin) => targets.except.push(Room::from(origin.id())),
            None => {}
        }
        targets
    }

    /// Who is reached, if it is a room as a whole, or all of it but the origin.
    fn audience(&self) -> Option<Arc<MemberCache>> {
        let Targets { rooms, except } = &self.targets;
        let is_itself = |origin: &Socket| origin.is_connected() && origin.key() == origin.id();
        let is_whole = rooms.len() <= 1 && except.is_empty() && !self.is_volatile;
        if !is_whole || self.is_direct || !self.origin.as_ref().is_none_or(is_itself) {
            return None;
        }
        self.namespace.adapter.member_cache(rooms.first(), MemberCache::new)
    }

    fn selection(&self) -> Selection<Socket> {
        let mut targets = self.targets();
        if let Some(origin) = &self.origin
            && !self.is_direct
            && origin.key() != origin.id()
        {
            targets.except.push(Room::from(origin.key()));
        }
        self.namespace.adapter.select(&targets)
    }

    /// Whether the flags let a socket have it.
    fn is_for(&self, socket: &Socket) -> bool {
        !self.is_volatile || (socket.is_connected() && socket.session().is_writable())
    }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast").field("targets", &self.targets).finish_non_exhaustive()
    }
}
