//! What a log notes for a cluster that keeps sessions: which have changed, and which joins are not written yet.
//!
//! A client that comes back to another server has the rooms that were written. So that it never has got anything from a
//! room that it is not put back into, **what a room sends reaches a socket only after its join is written**:
//!
//! - The cluster has all changes written before it hands events on that it has read. An event that was sent after a join is
//!   read after it, so it finds the join written.
//! - Who joins between these two steps is left out of that event ([`Unwritten`]): it joined while the event was on its way
//!   here, and the event counts as sent before. It waits for no later one, as the order of events and joins is one for all
//!   that it gets from that room.
//! - A session that was never written needs no such care: there is nothing to come back to.
//!
//! Volatile events and those of this server alone are no part of what recovers, and do not wait.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::connection::Connection;
use super::super::session::{Session, SessionState};
use crate::rooms::room::Room;
use crate::socket::data::SocketData;
use crate::socket::id::SocketId;

/// The sessions of one log, as far as the cluster has to write them.
#[derive(Default)]
pub(super) struct Keeping {
    sessions: HashMap<SocketId, Kept>,
    /// The private ids of those that have changed, each once.
    changed: Vec<SocketId>,
    next_change: u64,
    unwritten: Unwritten,
}

#[derive(Default)]
struct Kept {
    /// The number of the last change.
    change: u64,
    is_changed: bool,
    /// Whether the cluster has been given it: before, there is nothing that could be out of date.
    is_taken: bool,
    is_over: bool,
    /// The joins that are not written: the id of the socket among those of the room, and the change.
    joins: Vec<(Room, SocketId, u64)>,
}

/// The sockets whose joins are not written, by room.
#[derive(Default)]
pub(crate) struct Unwritten(HashMap<Room, HashSet<SocketId>>);

/// A session that has changed.
pub(crate) struct Taken {
    pub(crate) pid: SocketId,
    pub(crate) change: u64,
    pub(crate) is_new: bool,
    /// `None`: it is over.
    pub(crate) state: Option<TakenState>,
}

pub(crate) struct TakenState {
    pub(crate) id: SocketId,
    pub(crate) rooms: Vec<Room>,
    pub(crate) data: SocketData,
    pub(crate) since: Option<Arc<str>>,
    pub(crate) is_connected: bool,
}

impl Keeping {
    /// A session begins here, or goes on here.
    pub(super) fn begin(&mut self, pid: &SocketId) {
        self.remove(pid);
        self.sessions.insert(pid.clone(), Kept::default());
        self.change(pid);
    }

    /// Notes that a session has changed, if it is one that the cluster is to keep.
    pub(super) fn change(&mut self, pid: &SocketId) {
        let Some(kept) = self.sessions.get_mut(pid) else { return };
        self.next_change += 1;
        kept.change = self.next_change;
        if !std::mem::replace(&mut kept.is_changed, true) {
            self.changed.push(pid.clone());
        }
    }

    pub(super) fn join(&mut self, pid: &SocketId, key: &SocketId, room: &Room) {
        self.change(pid);
        let Some(kept) = self.sessions.get_mut(pid).filter(|kept| kept.is_taken) else { return };
        kept.joins.push((room.clone(), key.clone(), kept.change));
        self.unwritten.0.entry(room.clone()).or_default().insert(key.clone());
    }

    pub(super) fn leave(&mut self, pid: &SocketId, _: &SocketId, room: &Room) {
        self.change(pid);
        self.written_where(pid, |joined, _| joined == room);
    }

    /// Nobody may come back to a session.
    pub(super) fn end(&mut self, pid: &SocketId) {
        self.change(pid);
        self.written_where(pid, |_, _| true);
        if let Some(kept) = self.sessions.get_mut(pid) {
            kept.is_over = true;
        }
    }

    /// Forgets a session that this server forgets. What the cluster has kept of it stays as long as it lasts; one that is
    /// over is to be deleted there first.
    pub(super) fn forget(&mut self, pid: &SocketId) {
        if self.sessions.get(pid).is_some_and(|kept| !kept.is_over) {
            self.remove(pid);
        }
    }

    /// Forgets a session that is another server's.
    pub(super) fn remove(&mut self, pid: &SocketId) {
        self.written_where(pid, |_, _| true);
        if let Some(kept) = self.sessions.remove(pid)
            && kept.is_changed
        {
            self.changed.retain(|changed| changed != pid);
        }
    }

    /// Takes up to so many sessions that have changed.
    pub(super) fn take<S: Connection>(
        &mut self,
        sessions: &HashMap<SocketId, Session<S>>,
        max: usize,
    ) -> Vec<Taken> {
        let count = self.changed.len().min(max);
        let mut taken = Vec::with_capacity(count);
        for pid in self.changed.drain(..count) {
            let Some(kept) = self.sessions.get_mut(&pid) else { continue };
            kept.is_changed = false;
            let is_new = !std::mem::replace(&mut kept.is_taken, true);
            let change = kept.change;
            let state = sessions.get(&pid).filter(|_| !kept.is_over).map(TakenState::of);
            if state.is_none() {
                self.sessions.remove(&pid);
            }
            taken.push(Taken { pid, change, is_new, state });
        }
        taken
    }

    /// A session is written as it was at a change.
    pub(super) fn written(&mut self, pid: &SocketId, change: u64) {
        self.written_where(pid, |_, joined_at| joined_at <= change);
    }

    /// A session could not be written, and nobody knows what is there. It is written later; its joins do not wait for that,
    /// or a server without its cluster would reach nobody.
    pub(super) fn unknown(&mut self, pid: &SocketId) {
        self.change(pid);
        self.written_where(pid, |_, _| true);
    }

    /// Notes that all of these have changed, so that they are written again.
    pub(super) fn change_all(&mut self, pids: impl Iterator<Item = SocketId>) {
        pids.for_each(|pid| self.change(&pid));
    }

    pub(super) fn unwritten(&self) -> Option<&Unwritten> {
        (!self.unwritten.0.is_empty()).then_some(&self.unwritten)
    }

    fn written_where(&mut self, pid: &SocketId, is_it: impl Fn(&Room, u64) -> bool) {
        let Some(kept) = self.sessions.get_mut(pid) else { return };
        let unwritten = &mut self.unwritten.0;
        kept.joins.retain(|(room, key, change)| {
            let is_written = is_it(room, *change);
            if is_written && let Some(keys) = unwritten.get_mut(room) {
                keys.remove(key);
                if keys.is_empty() {
                    unwritten.remove(room);
                }
            }
            !is_written
        });
    }
}

impl Unwritten {
    /// Whether some socket may have to be left out of what is sent to these rooms.
    pub(crate) fn concerns(&self, rooms: &[Room]) -> bool {
        rooms.iter().any(|room| self.0.contains_key(room))
    }

    /// Whether a socket is in these rooms only by joins that are not written. `is_in`: it is in a room.
    pub(crate) fn leaves_out(
        &self,
        key: &SocketId,
        rooms: &[Room],
        is_in: impl Fn(&Room) -> bool,
    ) -> bool {
        let is_unwritten = |room: &Room| self.0.get(room).is_some_and(|keys| keys.contains(key));
        rooms.iter().any(is_unwritten)
            && rooms.iter().all(|room| is_unwritten(room) || !is_in(room))
    }
}

impl TakenState {
    fn of<S: Connection>(session: &Session<S>) -> Self {
        let (rooms, data) = match &session.state {
            SessionState::Connected(socket) => (socket.rooms(), socket.data()),
            SessionState::Absent(absent) => (absent.rooms.to_vec(), absent.data.clone()),
        };
        let since = session.details.as_ref().and_then(|details| details.since.clone());
        let is_connected = session.absent().is_none();
        Self { id: session.id.clone(), rooms, data, since, is_connected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> (SocketId, SocketId, Room) {
        (SocketId::random(), SocketId::random(), Room::from("a"))
    }

    fn take(keeping: &mut Keeping) -> Vec<u64> {
        let sessions: HashMap<SocketId, Session<crate::socket::Socket>> = HashMap::new();
        keeping.take(&sessions, 10).into_iter().map(|taken| taken.change).collect()
    }

    #[test]
    fn a_join_waits_until_what_was_taken_after_it_is_written() {
        let (pid, key, room) = names();
        let mut keeping = Keeping::default();
        keeping.begin(&pid);
        keeping.join(&pid, &key, &room);
        assert!(keeping.unwritten().is_none(), "nothing is written that could be out of date");
        // As if it had been taken.
        keeping.sessions.get_mut(&pid).unwrap().is_taken = true;
        let other = Room::from("b");
        keeping.join(&pid, &key, &other);
        let change = keeping.sessions[&pid].change;
        let unwritten = keeping.unwritten().unwrap();
        let both = [room.clone(), other.clone()];
        assert!(unwritten.concerns(&both) && !unwritten.concerns(&both[..1]));
        assert!(unwritten.leaves_out(&key, &both[1..], |_| true));
        assert!(!unwritten.leaves_out(&key, &both, |_| true), "it is in the other room as well");
        assert!(unwritten.leaves_out(&key, &both, |it| *it == other));
        keeping.written(&pid, change - 1);
        assert!(keeping.unwritten().is_some());
        keeping.written(&pid, change);
        assert!(keeping.unwritten().is_none());
    }

    #[test]
    fn a_session_that_is_over_is_taken_once_and_forgotten() {
        let (pid, key, room) = names();
        let mut keeping = Keeping::default();
        keeping.begin(&pid);
        keeping.sessions.get_mut(&pid).unwrap().is_taken = true;
        keeping.join(&pid, &key, &room);
        keeping.end(&pid);
        assert!(keeping.unwritten().is_none());
        assert_eq!(take(&mut keeping).len(), 1);
        assert!(keeping.sessions.is_empty() && take(&mut keeping).is_empty());
        keeping.written(&pid, 9);
        keeping.unknown(&pid);
        assert!(take(&mut keeping).is_empty());
    }
}
