//! Presence across the servers of a cluster: what this server tells of its own connections, and the connections of the
//! others.
//!
//! Each server tells of its own connections only, so two servers never say different things of one. The table is the
//! union: a user with connections to two servers is present once. What is told:
//!
//! | here | told |
//! |---|---|
//! | a socket joins, its metadata change, its client comes back | it is present |
//! | a socket is lost | it is lost |
//! | a socket leaves, or its grace ends | it has left |
//! | a lost connection of this server is replaced by one of its user, to whichever server | it has left |
//!
//! A lost connection of another server is given up here too, later than there: usually that server says so before.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::change::{PresenceChange, PresenceChangeKind, PresencePiece, PresentHere};
use super::rules::PresenceError;
use super::state::{Inner, Kept, PresenceState, THIS_SERVER};
use super::table::{ConnectionKey, Seat, Since};
use crate::rooms::room::Room;
use crate::session::deadlines::after;
use crate::socket::id::SocketId;

/// How much longer than its own server a lost connection is waited for.
const LATER: Duration = Duration::from_secs(2);

impl Inner {
    /// A connection of this server is there, or has changed. `replaced`: the one that it has replaced.
    pub(super) fn joined_here(
        &mut self,
        now: Instant,
        seat: &Seat,
        kept: &Kept,
        replaced: Option<ConnectionKey>,
    ) {
        if !self.servers.are_told {
            return;
        }
        self.replaced(now, seat, replaced);
        let user_since = self.table.since(&seat.room, &seat.user).unwrap_or_default();
        let since = self.table.connection_since(seat).unwrap_or_default();
        let present = PresentHere {
            user: Arc::clone(&seat.user),
            user_since,
            since,
            metadata: kept.metadata.clone(),
            is_lost: false,
        };
        self.tell(now, seat, PresenceChangeKind::Present(present));
    }

    /// Something else has become of a connection of this server.
    pub(super) fn tell(&mut self, now: Instant, seat: &Seat, kind: PresenceChangeKind) {
        let (room, socket) = (seat.room.clone(), seat.key.socket.clone());
        self.servers.note(now, PresenceChange { room, socket, kind });
    }

    /// A connection has taken the place of a lost one.
    fn replaced(&mut self, now: Instant, seat: &Seat, replaced: Option<ConnectionKey>) {
        let Some(key) = replaced else { return };
        if key.server == THIS_SERVER {
            self.tell(now, &Seat { key, ..seat.clone() }, PresenceChangeKind::Left);
        } else {
            self.forget(key.server, &seat.room, &key.socket);
        }
    }

    /// Lost connections were given up.
    pub(super) fn gave_up(&mut self, now: Instant, seats: &[Seat]) {
        for seat in seats {
            match seat.key.server {
                THIS_SERVER => self.tell(now, seat, PresenceChangeKind::Left),
                server => self.forget(server, &seat.room, &seat.key.socket),
            }
        }
    }

    /// Forgets a connection of another server, which is not in the table any more.
    fn forget(&mut self, server: u64, room: &Room, socket: &SocketId) {
        let others = &mut self.servers.others;
        let Some((name, other)) = others.iter_mut().find(|(_, other)| other.number == server)
        else {
            return;
        };
        other.connections.remove(&(room.clone(), socket.clone()));
        if other.is_gone && other.connections.is_empty() {
            let name = Arc::clone(name);
            others.remove(&name);
        }
    }

    /// Removes a connection of another server.
    fn remove(&mut self, now: Instant, server: &Arc<str>, room: &Room, socket: &SocketId) {
        let other = self.servers.other(server);
        let Some(user) = other.connections.remove(&(room.clone(), socket.clone())) else { return };
        let key = ConnectionKey { server: other.number, socket: socket.clone() };
        self.table.leave(now, &Seat { room: room.clone(), user, key });
    }
}

impl PresenceState {
    /// All connections of this server, and how many changes were told before: none of them is among those told later.
    pub(crate) fn part(&self) -> (u64, Vec<PresenceChange>) {
        let mut inner = self.lock();
        // What waits is told first.
        self.tell_servers(&mut inner, None);
        let mut part = Vec::new();
        inner.table.each_of(THIS_SERVER, |room, user, since, socket, kept, is_lost| {
            let present = PresentHere {
                user: Arc::clone(user),
                user_since: since.user,
                since: since.connection,
                metadata: kept.metadata.clone(),
                is_lost,
            };
            let (room, socket) = (room.clone(), socket.clone());
            part.push(PresenceChange { room, socket, kind: PresenceChangeKind::Present(present) });
        });
        (inner.servers.version, part)
    }

    /// Takes what another server tells of its connections.
    pub(crate) fn apply(&self, server: &Arc<str>, changes: Vec<PresenceChange>) {
        let mut inner = self.lock();
        for change in changes {
            self.apply_one(&mut inner, server, change);
        }
        self.start_timer(inner);
    }

    /// Takes a piece of all connections of another server.
    pub(crate) fn replace(
        &self,
        server: &Arc<str>,
        connections: Vec<PresenceChange>,
        piece: PresencePiece,
    ) {
        let mut inner = self.lock();
        let other = inner.servers.other(server);
        if piece.is_first {
            other.unconfirmed = Some(other.connections.keys().cloned().collect());
        }
        let mut unconfirmed = other.unconfirmed.take().unwrap_or_default();
        for change in connections {
            unconfirmed.remove(&(change.room.clone(), change.socket.clone()));
            self.apply_one(&mut inner, server, change);
        }
        if piece.is_last {
            let now = Instant::now();
            for (room, socket) in unconfirmed {
                inner.remove(now, server, &room, &socket);
            }
        } else {
            inner.servers.other(server).unconfirmed = Some(unconfirmed);
        }
        self.start_timer(inner);
    }

    /// Another server is gone. Its connections leave: at once, or, if it said so before, when their clients have had the
    /// time to come to another server.
    pub(crate) fn forget_server(&self, server: &str, has_said_so: bool) {
        let mut inner = self.lock();
        let Some((name, mut other)) = inner.servers.others.remove_entry(server) else { return };
        let now = Instant::now();
        let until = after(now, self.rules().grace);
        for ((room, socket), user) in &other.connections {
            let key = ConnectionKey { server: other.number, socket: socket.clone() };
            let seat = Seat { room: room.clone(), user: Arc::clone(user), key };
            match has_said_so {
                true => inner.table.lose(&seat, until),
                false => _ = inner.table.leave(now, &seat),
            }
        }
        // Those that are lost are forgotten as they are given up, or replaced.
        if has_said_so && !other.connections.is_empty() {
            other.is_gone = true;
            inner.servers.others.insert(name, other);
        }
        self.start_timer(inner);
    }

    fn apply_one(&self, inner: &mut Inner, server: &Arc<str>, change: PresenceChange) {
        let now = Instant::now();
        let PresenceChange { room, socket, kind } = change;
        let id = (room.clone(), socket.clone());
        match kind {
            PresenceChangeKind::Left => inner.remove(now, server, &room, &socket),
            PresenceChangeKind::Lost => {
                let other = inner.servers.other(server);
                let Some(user) = other.connections.get(&id).cloned() else { return };
                let key = ConnectionKey { server: other.number, socket };
                inner.table.lose(&Seat { room, user, key }, self.given_up(now));
            }
            PresenceChangeKind::Present(present) => {
                let other = inner.servers.other(server);
                let key = ConnectionKey { server: other.number, socket };
                let before = other.connections.get(&id).cloned();
                let seat = Seat { room, user: Arc::clone(&present.user), key };
                if let Err(error) = self.join_elsewhere(inner, now, &seat, &present) {
                    let (room, user) = (&seat.room, &*seat.user);
                    tracing::warn!(%error, %room, user, %server, "somebody present on another server is not here");
                    return;
                }
                inner.servers.other(server).connections.insert(id, Arc::clone(&present.user));
                if let Some(user) = before.filter(|user| *user != present.user) {
                    inner.table.leave(now, &Seat { user, ..seat });
                }
            }
        }
    }

    fn join_elsewhere(
        &self,
        inner: &mut Inner,
        now: Instant,
        seat: &Seat,
        present: &PresentHere,
    ) -> Result<(), PresenceError> {
        let kept = self.keep_metadata(&seat.room, &seat.user, present.metadata.clone())?;
        let since = Since { user: present.user_since, connection: present.since };
        let replaced = inner.table.join(now, since, seat, kept)?;
        inner.replaced(now, seat, replaced);
        if present.is_lost {
            inner.table.lose(seat, self.given_up(now));
        }
        Ok(())
    }

    /// When a connection that another server has lost is given up here.
    fn given_up(&self, now: Instant) -> Instant {
        after(now, self.rules().grace.saturating_add(LATER))
    }
}
