//! The life cycle of a socket: the reply that it is connected, its recovery, its end.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sockeye_socket_proto::{encode_connect, encode_connected};

use super::Socket;
use super::data::SocketData;
use super::disconnect_reason::DisconnectReason;
use super::id::SocketId;
use super::outcome::NoAnswer;
use super::{CONNECTED, CONNECTING, DISCONNECTED, Held};
use crate::broadcast::encode::encode_with_offset;
use crate::guarantees::recovery::connection::Connection;
use crate::guarantees::recovery::log::{Adoption, Return, Returned};
use crate::guarantees::recovery::{Recovery, RecoveryFailure};
use crate::presence::state::Memberships;
use crate::rooms::room::Room;
use crate::session::link::Command;

impl Socket {
    /// Replies that the client is connected, then sends the packets held back. `Ok(false)`: the
    /// socket has ended meanwhile. `Err`: it cannot continue the session that it claims.
    pub(crate) fn admit(&self) -> Result<bool, RecoveryFailure> {
        let is_admitted = self.admit_quietly();
        if self.recovered()
            && let Some(memberships) = self.get::<Memberships>()
        {
            memberships.come_back(|| self.is_connected());
        }
        self.0.namespace.tell_of_sessions();
        self.0.namespace.notify_room_changes();
        is_admitted
    }

    fn admit_quietly(&self) -> Result<bool, RecoveryFailure> {
        let Some(log) = self.0.namespace.log.as_ref().filter(|_| !self.is_v2()) else {
            return Ok(self.send_connected(None));
        };
        let Some(claim) = self.0.rare.get().and_then(|rare| rare.claim.as_ref()) else {
            return Ok(log.begin(self, |pid| self.send_connected(Some(pid))));
        };
        let is_same_user = |old: &SocketData| match &self.0.namespace.handlers.same_user {
            Some(is_same) => is_same(old, &self.with_data(SocketData::clone)),
            None => true,
        };
        let resume = |returned: Returned<'_>| self.resume(&claim.pid, returned);
        let Some(restored) = &claim.restored else {
            return log.restore(claim, self, is_same_user, resume);
        };
        let adoption = Adoption {
            read_data: &|data| self.0.namespace.handlers.shared.read_all(data),
            is_same_user: &is_same_user,
            encode: &|event, offset, may_compress| {
                let packet = encode_with_offset(self.namespace(), event, offset);
                Arc::new(if may_compress { packet } else { packet.without_compression() })
            },
        };
        log.adopt(claim, restored, self, &adoption, resume)
    }

    /// Sends the reply, then the packets held back. False: the socket has ended meanwhile.
    fn send_connected(&self, pid: Option<&SocketId>) -> bool {
        let mut held = self.0.held.lock();
        if self.0.phase.load(Ordering::Acquire) != CONNECTING {
            return false;
        }
        let (reply, link) = (self.reply(pid), &self.0.link);
        let packets: Vec<_> = held.take().into_iter().map(|held| held.packet).collect();
        // If they do not all fit into the outbox, the session is ended.
        if packets.is_empty() || !link.push_all(&reply, &packets) {
            link.send(&reply, &[]);
            for packet in &packets {
                link.push(packet);
            }
        }
        if let Some(pid) = pid {
            self.rare().pid.get_or_init(|| pid.clone());
        }
        self.begin();
        true
    }

    /// Sends the reply, the missed events and the packets held back: all at once or nothing. The
    /// socket then has its earlier id, rooms and data. The reply comes first and the rest in the
    /// same write, so the client can count what it received: see [`crate::guarantees::recovery`].
    fn resume(&self, pid: &SocketId, returned: Returned<'_>) -> Return {
        let mut held = self.0.held.lock();
        if self.0.phase.load(Ordering::Acquire) != CONNECTING {
            return Return::Ended;
        }
        self.0.data.lock().fill_from(returned.data.clone());
        let missed = &returned.missed;
        let is_missed = |number| missed.binary_search_by_key(&number, |it| it.0).is_ok();
        let is_new = |held: &&Held| held.number.is_none_or(|number| !is_missed(number));
        let rest = held.get().into_iter().flatten().filter(is_new).map(|held| &held.packet);
        let packets: Vec<_> =
            missed.iter().map(|(_, packet)| packet).chain(rest).cloned().collect();
        if !self.0.link.push_all(&self.reply(Some(pid)), &packets) {
            return Return::Full;
        }
        drop(held.take());
        let key = self.key();
        *self.rare().key.lock() = None;
        self.0.namespace.adapter.change_id(&key, self.id());
        self.0.namespace.adapter.join(&self.id(), returned.rooms.to_vec(), |_| {});
        self.rare().pid.get_or_init(|| pid.clone());
        self.begin();
        Return::Admitted
    }

    /// Lets events be sent at once from now on, those for everybody too. (Called with the lock of
    /// the packets held back, so that nothing is sent before them.)
    fn begin(&self) {
        self.0.phase.store(CONNECTED, Ordering::Release);
        self.0.namespace.adapter.admit(&self.0.id);
        self.0.namespace.handlers.metrics.connected();
    }

    /// The packet that says that the client is connected.
    fn reply(&self, pid: Option<&SocketId>) -> String {
        let mut text = String::new();
        if self.is_v2() {
            encode_connect(&mut text, self.namespace(), "");
            return text;
        }
        encode_connected(
            &mut text,
            self.namespace(),
            self.0.id.as_str(),
            pid.map(SocketId::as_str),
        );
        if let Recovery::Failed(failure) = self.0.recovery {
            text.truncate(text.len() - 1);
            text.push_str(",\"recovery\":\"");
            text.push_str(failure.as_str());
            text.push_str("\"}");
        }
        if let Some(outboxes) = &self.0.namespace.outboxes
            && let Some(auth) = self.kept_auth()
            && let Some(key) = self.with_data(|data| outboxes.accept(self.namespace(), &auth, data))
        {
            text.truncate(text.len() - 1);
            text.push(',');
            outboxes.write_reply(self.rare().outbox.get_or_init(|| key), &mut text);
            text.push('}');
        }
        text
    }

    /// Ends the socket: it leaves its rooms, its pending acks fail, nothing is sent any more. True for
    /// the one call that did it.
    pub(crate) fn end(&self, reason: DisconnectReason) -> bool {
        let leave = || self.leave_all();
        let left = match &self.0.namespace.log {
            Some(log) => log.end(self, reason, leave),
            None => leave(),
        };
        let Some(left) = left else {
            return false;
        };
        self.rare().left.get_or_init(|| left);
        for (_, waiter) in self.0.acks.lock().take() {
            waiter.resolve(Err(NoAnswer::Disconnected));
        }
        if let Some(memberships) = self.get::<Memberships>() {
            // If its claim failed, they are not its own; and the client may be connected again.
            let is_elsewhere = || {
                self.key() != self.id()
                    || self.0.namespace.adapter.socket(self.id().as_str()).is_some()
            };
            memberships.end(reason, is_elsewhere);
        }
        self.0.namespace.tell_of_sessions();
        // Last, since it calls user code.
        self.0.namespace.notify_room_changes();
        true
    }

    /// Removes it from its rooms as it ends and returns them, once.
    fn leave_all(&self) -> Option<Vec<Room>> {
        // Under the same lock as `send_connected`, so that the two do not overlap.
        let mut held = self.0.held.lock();
        match self.0.phase.swap(DISCONNECTED, Ordering::AcqRel) {
            CONNECTED => self.0.namespace.handlers.metrics.disconnected(),
            DISCONNECTED => return None,
            _ => {}
        }
        held.take();
        drop(held);
        Some(self.0.namespace.adapter.remove(&self.key()))
    }
}

impl Connection for Socket {
    fn id(&self) -> SocketId {
        Socket::id(self)
    }

    fn pid(&self) -> Option<&SocketId> {
        Socket::pid(self)
    }

    fn address(&self) -> Option<IpAddr> {
        self.handshake().address().map(|address| address.ip())
    }

    fn data(&self) -> SocketData {
        self.with_data(SocketData::clone)
    }

    fn rooms(&self) -> Vec<Room> {
        Socket::rooms(self)
    }

    fn is_in(&self, room: &Room) -> bool {
        self.0.namespace.adapter.is_in(&self.key(), room)
    }

    fn held_numbers(&self) -> Vec<u64> {
        self.0.held.lock().get().into_iter().flatten().filter_map(|held| held.number).collect()
    }

    fn stamped(&self) -> u64 {
        self.0.rare.get().map_or(0, |rare| rare.stamped.load(Ordering::Relaxed))
    }

    fn has_dropped(&self) -> bool {
        let rare = self.0.rare.get();
        rare.is_some_and(|rare| rare.has_dropped.load(Ordering::Relaxed))
            || self.0.link.session.has_dropped()
    }

    fn replace(&self) {
        if self.end(DisconnectReason::TransportClose) {
            self.0.link.command(Command::Replaced(self.number()));
        }
    }
}
