//! The recipients of an operation on this server, and the actions on them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sockeye_engine::{Encoded, MemberList};
use sockeye_socket_proto::EventRef;
use tokio::sync::mpsc;

use super::delivery::Delivery;
use super::encode::{encode_shared, encode_with_offset};
use crate::cluster::operation::{Action, Flags, Operation};
use crate::cluster::replies::Arrival;
use crate::guarantees::recovery::log::Unwritten;
use crate::guarantees::recovery::offset::Offset;
use crate::namespace::active::ActiveNamespace;
use crate::rooms::member_cache::MemberCache;
use crate::rooms::room::Room;
use crate::rooms::selection::Selection;
use crate::rooms::targets::TargetsRef;
use crate::socket::Socket;
use crate::socket::id::SocketId;
use crate::socket::requests::Waiter;

/// The sockets of this server that an operation is for.
#[derive(Clone, Copy)]
pub(crate) struct Recipients<'a> {
    pub(crate) namespace: &'a Arc<ActiveNamespace>,
    pub(crate) targets: TargetsRef<'a>,
    pub(crate) flags: Flags,
    /// The sender, if it is one of this server's.
    pub(crate) sender: Option<&'a Socket>,
}

/// The sockets that were asked, with the ids of the requests.
pub(crate) type Asked = HashMap<SocketId, (Socket, u64)>;

impl Recipients<'_> {
    /// The operation for the other servers.
    pub(crate) fn operation<'o>(&'o self, action: Action<'o>) -> Operation<'o> {
        let Self { namespace, targets, flags, .. } = *self;
        Operation { namespace: &namespace.path, targets, flags, action }
    }

    /// Sends an event, encoded once for all. `offset`: the one that the cluster assigned to it.
    pub(crate) fn emit(&self, event: EventRef<'_>, offset: Option<&str>) {
        self.show(event);
        self.namespace.listeners.call(|| self.operation(Action::Emit { event, offset }));
        let path = &self.namespace.path;
        let plain = || self.packet(encode_shared(path, None, event));
        let Some(log) = &self.namespace.log else {
            return self.deliver(self.delivery(&plain()), None);
        };
        let send = |offset: Offset<'_>, position, unwritten: Option<&Unwritten>| {
            let packet = self.packet(encode_with_offset(path, event, offset));
            let delivery = self.delivery(&packet).with_offset(position, &plain);
            self.deliver(delivery, unwritten.filter(|it| it.concerns(self.targets.rooms)));
            packet
        };
        // Where the cluster keeps events, one that it does not have cannot be recovered.
        if self.flags.is_volatile || (log.keeps_sessions && offset.is_none()) {
            return log.stamp(|offset| drop(send(offset, offset.behind(), None)));
        }
        log.record(offset, |offset, unwritten| {
            let packet = send(offset, offset.logged(), unwritten);
            (self.targets.to_targets(), packet)
        });
    }

    /// Sends an event; each recipient's answer is put into `arrivals`.
    pub(crate) fn ask(
        &self,
        event: EventRef<'_>,
        arrivals: &mpsc::UnboundedSender<Arrival>,
    ) -> Asked {
        self.show(event);
        let request = self.namespace.next_ack.fetch_add(1, Ordering::Relaxed);
        let packet = self.packet(encode_shared(&self.namespace.path, Some(request), event));
        let mut asked = Asked::new();
        let mut delivery = self.delivery(&packet);
        self.selection().for_each(|socket| {
            let id = socket.id();
            match socket.await_ack(request, Waiter::OfMany(id.clone(), arrivals.clone())) {
                Ok(()) if self.is_for(socket) => delivery.add(socket),
                Ok(()) => {}
                // Its error is its answer.
                Err(error) => drop(arrivals.send(Arrival::Local(id.clone(), Err(error)))),
            }
            asked.insert(id, (socket.clone(), request));
        });
        self.namespace.handlers.metrics.broadcast(|| delivery.len());
        delivery.send();
        asked
    }

    pub(crate) fn sockets(&self) -> Vec<Socket> {
        self.selection().sockets()
    }

    /// A packet for many recipients, marked not to be compressed if the flags say so.
    fn packet(&self, packet: Encoded) -> Arc<Encoded> {
        let packet = if self.flags.may_compress { packet } else { packet.without_compression() };
        Arc::new(packet)
    }

    /// Calls the watchers of outgoing events, before delivery: they are user code, and may emit.
    fn show(&self, event: EventRef<'_>) {
        let handlers = &self.namespace.handlers;
        if let Some(event) = handlers.outgoing(event) {
            self.selection().for_each(|socket| handlers.look_outgoing(socket, &event));
        }
    }

    /// `unwritten`: the sockets that may have to be left out.
    fn deliver(&self, mut delivery: Delivery<'_>, unwritten: Option<&Unwritten>) {
        if let Some(unwritten) = unwritten {
            return self.deliver_to_written(delivery, unwritten);
        }
        if let Some(members) = self.member_cache() {
            members.sessions.send(delivery.packet(), self.sender.map(Socket::session));
            let others = members.others.iter().filter(|socket| Some(*socket) != self.sender);
            others.for_each(|socket| delivery.add(socket));
            let count = || members.len().saturating_sub(self.is_sender_among().into());
            self.namespace.handlers.metrics.broadcast(count);
            return delivery.send();
        }
        self.selection().for_each(|socket| {
            if self.is_for(socket) {
                delivery.add(socket);
            }
        });
        self.namespace.handlers.metrics.broadcast(|| delivery.len());
        delivery.send();
    }

    fn deliver_to_written(&self, mut delivery: Delivery<'_>, unwritten: &Unwritten) {
        let (rooms, adapter) = (self.targets.rooms, &self.namespace.adapter);
        self.selection().for_each(|socket| {
            let key = socket.key();
            let is_in = |room: &Room| adapter.is_in(&key, room);
            if self.is_for(socket) && !unwritten.leaves_out(&key, rooms, is_in) {
                delivery.add(socket);
            }
        });
        self.namespace.handlers.metrics.broadcast(|| delivery.len());
        delivery.send();
    }

    /// Whether the sender is in the room, so that it has to be left out.
    fn is_sender_among(&self) -> bool {
        let (rooms, adapter) = (self.targets.rooms, &self.namespace.adapter);
        self.sender.is_some_and(|it| rooms.iter().all(|room| adapter.is_in(&it.key(), room)))
    }

    fn delivery<'p>(&self, packet: &'p Arc<Encoded>) -> Delivery<'p> {
        Delivery::new(packet, self.namespace.config.parser.is_some())
    }

    /// The cached member list, if a room as a whole is reached, or all of it but the sender.
    fn member_cache(&self) -> Option<Arc<MemberCache<Socket>>> {
        let TargetsRef { rooms, except, .. } = self.targets;
        let is_itself = |sender: &Socket| sender.is_connected() && sender.key() == sender.id();
        let is_whole = rooms.len() <= 1 && except.is_empty() && !self.flags.is_volatile;
        if !is_whole || !self.sender.is_none_or(is_itself) {
            return None;
        }
        self.namespace.adapter.member_cache(rooms.first(), member_cache)
    }

    fn selection(&self) -> Selection<Socket> {
        // While it claims the id of an earlier connection, the adapter has it under another id.
        let claimant = self.sender.map(Socket::key).filter(|key| Some(key) != self.targets.sender);
        self.namespace.adapter.select(self.targets, claimant.as_ref())
    }

    /// Whether the flags allow delivery to a socket.
    fn is_for(&self, socket: &Socket) -> bool {
        !self.flags.is_volatile || (socket.is_connected() && socket.session().is_writable())
    }
}

/// Makes the cache of the members of a room, or of everybody.
fn member_cache(members: &mut dyn Iterator<Item = &Socket>) -> MemberCache<Socket> {
    let mut others = Vec::new();
    let sessions = members.filter_map(|socket| {
        let takes_any =
            socket.is_connected() && !socket.is_v2() && socket.link().parser().is_none();
        if !takes_any {
            others.push(socket.clone());
        }
        takes_any.then(|| socket.session().clone())
    });
    MemberCache { sessions: MemberList::new(sessions), others }
}
