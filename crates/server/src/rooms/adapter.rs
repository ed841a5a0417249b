//! The adapter: the members of rooms, and the selection of a broadcast's recipients.
//!
//! Every connected socket has a slot with its memberships; a room has its [members](Members) in
//! chunks. So neither a join nor a leave searches the room, nor the memberships when they are many.
//! A broadcast clones the chunks' `Arc`s under a short lock and walks them without one. A socket's
//! own-id room is the id map itself.
//!
//! A room that is sent to again, while nobody joins or leaves, keeps a member cache `A` made of its
//! members, so that they need not be walked for each message.

mod listing;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use slab::Slab;

use super::members::{Member, Members};
use super::memberships::{Membership, MembershipIndexes, Memberships};
use super::room::{Room, RoomChange};
use super::selection::{Picked, Selection};
use super::targets::TargetsRef;
use crate::checks;
use crate::server::metrics::Gauge;
use crate::socket::id::SocketId;

/// With fewer members than this a member cache costs more than it saves.
const CACHE_MIN: usize = 16;
/// The room of everybody in the namespace; it has no name.
const EVERYBODY: usize = 0;

/// The rooms of one namespace on this server. `T` is a handle of a socket.
pub(crate) struct Adapter<T, A> {
    state: Mutex<AdapterState<T, A>>,
}

struct AdapterState<T, A> {
    slots: Slab<Slot<T>>,
    /// The indexes of the slots that are in many rooms.
    indexes: MembershipIndexes,
    ids: HashMap<SocketId, usize>,
    rooms: Slab<Members<T, A>>,
    names: HashMap<Room, usize>,
    count: Gauge,
    /// The changes that were not taken yet; `None` if no listener is registered.
    changes: Option<Vec<RoomChange>>,
}

struct Slot<T> {
    id: SocketId,
    socket: T,
    memberships: Memberships,
}

impl<T: Clone, A> Adapter<T, A> {
    /// An adapter without sockets. `is_watched`: keeps changes for [`Self::take_changes`]. `count`:
    /// how many rooms there are, own-id rooms left out.
    pub(crate) fn new(is_watched: bool, count: &Gauge) -> Self {
        let mut rooms = Slab::new();
        rooms.insert(Members::new(None));
        let (slots, ids, names) = (Slab::new(), HashMap::new(), HashMap::new());
        let changes = is_watched.then(Vec::new);
        let indexes = MembershipIndexes::default();
        let count = count.clone();
        Self {
            state: Mutex::new(AdapterState { slots, indexes, ids, rooms, names, count, changes }),
        }
    }

    /// The changes since the last call, in order.
    pub(crate) fn take_changes(&self) -> Vec<RoomChange> {
        self.state.lock().changes.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(crate) fn has_changes(&self) -> bool {
        self.state.lock().changes.as_ref().is_some_and(|changes| !changes.is_empty())
    }

    /// Adds a socket, in a slot. Broadcasts to everybody reach it only after
    /// [`admit`](Adapter::admit).
    pub(crate) fn insert(&self, id: SocketId, socket: T) {
        let mut state = self.state.lock();
        let slot = state.slots.insert(Slot {
            id: id.clone(),
            socket,
            memberships: Memberships::default(),
        });
        state.ids.insert(id, slot);
        checks::now_and_then(|| state.check());
    }

    /// Adds a socket to the room of everybody.
    pub(crate) fn admit(&self, id: &SocketId) {
        let mut state = self.state.lock();
        if let Some(&slot) = state.ids.get(id) {
            state.enter(EVERYBODY, slot);
            let room = Room::from(id);
            state.report(|| RoomChange::Created { room: room.clone() });
            state.report(|| RoomChange::Joined { room, id: id.clone() });
        }
        checks::now_and_then(|| state.check());
    }

    /// Changes a socket's id, and its own room with it.
    pub(crate) fn change_id(&self, from: &SocketId, to: SocketId) {
        let mut state = self.state.lock();
        if let Some(slot) = state.ids.remove(from) {
            state.slots[slot].id = to.clone();
            state.ids.insert(to, slot);
        }
        checks::now_and_then(|| state.check());
    }

    /// Removes a socket from all rooms and returns those it was in.
    pub(crate) fn remove(&self, id: &SocketId) -> Vec<Room> {
        let mut state = self.state.lock();
        let Some(slot) = state.ids.remove(id) else {
            return Vec::new();
        };
        let mut left = vec![Room::from(id)];
        let mut was_admitted = false;
        while let Some(Membership { room, .. }) = state.slots[slot].memberships.last() {
            was_admitted |= room == EVERYBODY;
            left.extend(state.rooms[room].name.clone());
            state.exit(room, slot);
        }
        if was_admitted {
            let room = Room::from(id);
            state.report(|| RoomChange::Left { room: room.clone(), id: id.clone() });
            state.report(|| RoomChange::Deleted { room });
        }
        state.slots.remove(slot);
        checks::now_and_then(|| state.check());
        left
    }

    /// Adds a socket to rooms, and calls back for each that it was not in before.
    pub(crate) fn join(&self, id: &SocketId, rooms: Vec<Room>, mut entered: impl FnMut(&Room)) {
        let mut state = self.state.lock();
        let Some(&slot) = state.ids.get(id) else {
            return;
        };
        for name in rooms {
            if name.as_str() == id.as_str() {
                continue;
            }
            let room = state.room_or_new(name.clone());
            if state.enter(room, slot) {
                entered(&name);
            }
        }
        checks::now_and_then(|| state.check());
    }

    /// Removes a socket from rooms, and calls back for each that it was in.
    pub(crate) fn leave(&self, id: &SocketId, rooms: &[Room], mut left: impl FnMut(&Room)) {
        let mut state = self.state.lock();
        let Some(&slot) = state.ids.get(id) else {
            return;
        };
        for name in rooms {
            if let Some(&room) = state.names.get(name)
                && state.exit(room, slot)
            {
                left(name);
            }
        }
        checks::now_and_then(|| state.check());
    }

    /// Whether a socket is in a room; not to be called with its own.
    pub(crate) fn is_in(&self, id: &SocketId, room: &Room) -> bool {
        let state = self.state.lock();
        let (slot, room) = (state.ids.get(id), state.names.get(room));
        slot.zip(room).is_some_and(|(&slot, &room)| state.is_member(room, slot))
    }

    /// The rooms of a socket, its own id first; empty when it has no slot.
    pub(crate) fn rooms(&self, id: &SocketId) -> Vec<Room> {
        let state = self.state.lock();
        let Some(&slot) = state.ids.get(id) else {
            return Vec::new();
        };
        let named = state.slots[slot].memberships.iter();
        let named = named.filter_map(|it| state.rooms[it.room].name.clone());
        std::iter::once(Room::from(id)).chain(named).collect()
    }

    /// Whether no socket has a slot.
    pub(crate) fn is_empty(&self) -> bool {
        self.state.lock().slots.is_empty()
    }

    /// The socket of an id, if it is connected here.
    pub(crate) fn socket(&self, id: &str) -> Option<T> {
        let state = self.state.lock();
        let slot = *state.ids.get(id.as_bytes())?;
        Some(state.slots[slot].socket.clone())
    }

    /// Whether a room has members, or a socket has this id.
    pub(crate) fn has_room(&self, room: &str) -> bool {
        let state = self.state.lock();
        state.names.contains_key(room) || state.ids.contains_key(room.as_bytes())
    }

    /// The names of all rooms, and the ids of all sockets.
    pub(crate) fn room_names(&self) -> Vec<Room> {
        let state = self.state.lock();
        state.names.keys().cloned().chain(state.ids.keys().map(Room::from)).collect()
    }

    /// The member cache of a room, or of everybody, if it has one: from the second broadcast on
    /// since somebody joined or left. `make` makes it, without a lock.
    pub(crate) fn member_cache(
        &self,
        room: Option<&Room>,
        make: impl FnOnce(&mut dyn Iterator<Item = &T>) -> A,
    ) -> Option<Arc<A>> {
        let mut state = self.state.lock();
        let room = match room {
            Some(name) => *state.names.get(name)?,
            None => EVERYBODY,
        };
        let members = &mut state.rooms[room];
        if members.member_cache.is_some() {
            return members.member_cache.clone();
        }
        let was_sent_to = std::mem::replace(&mut members.is_sent_to, true);
        if !was_sent_to || members.len() < CACHE_MIN {
            return None;
        }
        let chunks = members.chunks.clone();
        drop(state);
        let mut sockets = chunks.iter().flat_map(|chunk| chunk.iter()).map(|it| &it.socket);
        let member_cache = Arc::new(make(&mut sockets));
        let mut state = self.state.lock();
        if let Some(members) = state.rooms.get_mut(room) {
            members.keep_cache(&chunks, &member_cache);
        }
        checks::now_and_then(|| state.check());
        Some(member_cache)
    }

    /// Selects the sockets that a broadcast reaches; `also_except` is not one of them.
    pub(crate) fn select(
        &self,
        targets: TargetsRef<'_>,
        also_except: Option<&SocketId>,
    ) -> Selection<T> {
        let state = self.state.lock();
        let mut include = Vec::new();
        if targets.rooms.is_empty() {
            include.push(Picked::Room(state.rooms[EVERYBODY].chunks.clone()));
        }
        include.extend(targets.rooms.iter().filter_map(|room| state.pick(room.as_str())));
        let rooms = targets.except.iter().map(Room::as_str);
        let sockets = targets.sender.into_iter().chain(also_except).map(SocketId::as_str);
        let exclude = rooms.chain(sockets).filter_map(|room| state.pick(room)).collect();
        Selection { include, exclude, slots: state.slots.capacity() }
    }
}

impl<T: Clone, A> AdapterState<T, A> {
    /// Keeps a change for the listeners, if there are any.
    fn report(&mut self, change: impl FnOnce() -> RoomChange) {
        if let Some(changes) = &mut self.changes {
            changes.push(change());
        }
    }

    fn room_or_new(&mut self, name: Room) -> usize {
        if let Some(&room) = self.names.get(&name) {
            return room;
        }
        let room = self.rooms.insert(Members::new(Some(name.clone())));
        self.names.insert(name.clone(), room);
        self.count.increment(1);
        self.report(|| RoomChange::Created { room: name });
        room
    }

    fn is_member(&self, room: usize, slot: usize) -> bool {
        self.slots[slot].memberships.find(slot, room, &self.indexes).is_some()
    }

    /// Adds a slot to a room. True: it was not in it.
    fn enter(&mut self, room: usize, slot: usize) -> bool {
        if self.is_member(room, slot) {
            return false;
        }
        let entry = &mut self.slots[slot];
        let index = self.rooms[room].push(Member { socket: entry.socket.clone(), slot });
        entry.memberships.push(slot, Membership { room, index }, &mut self.indexes);
        if let (Some(room), Some(changes)) = (&self.rooms[room].name, &mut self.changes) {
            let (room, id) = (room.clone(), entry.id.clone());
            changes.push(RoomChange::Joined { room, id });
        }
        true
    }

    /// Removes a slot from a room. True: it was in it.
    fn exit(&mut self, room: usize, slot: usize) -> bool {
        let memberships = &mut self.slots[slot].memberships;
        let Some(at) = memberships.find(slot, room, &self.indexes) else {
            return false;
        };
        let gap = memberships.remove(slot, at, &mut self.indexes).index;
        if let Some(moved) = self.rooms[room].swap_remove(gap) {
            let memberships = &mut self.slots[moved].memberships;
            if let Some(at) = memberships.find(moved, room, &self.indexes) {
                memberships.set(at, gap);
            }
        }
        let id = &self.slots[slot].id;
        let Some(name) = self.rooms[room].name.clone() else {
            return true;
        };
        if let Some(changes) = &mut self.changes {
            changes.push(RoomChange::Left { room: name.clone(), id: id.clone() });
        }
        if self.rooms[room].chunks.is_empty() {
            self.rooms.remove(room);
            self.names.remove(&name);
            self.count.decrement(1);
            self.report(|| RoomChange::Deleted { room: name });
        }
        true
    }

    /// A named room, or the one socket whose own-id room it is.
    fn pick(&self, name: &str) -> Option<Picked<T>> {
        if let Some(&room) = self.names.get(name) {
            return Some(Picked::Room(self.rooms[room].chunks.clone()));
        }
        let slot = *self.ids.get(name.as_bytes())?;
        Some(Picked::One(Member { socket: self.slots[slot].socket.clone(), slot }))
    }
}

impl<T, A> AdapterState<T, A> {
    /// Checks the invariants and returns how many things it looked at.
    fn check(&self) -> usize {
        debug_assert_eq!(self.ids.len(), self.slots.len(), "a slot has one id");
        for (id, slot) in &self.ids {
            debug_assert!(self.slots.get(*slot).is_some_and(|slot| slot.id == *id), "its own");
        }
        debug_assert_eq!(self.names.len() + 1, self.rooms.len(), "one room has no name");
        for (name, room) in &self.names {
            let named = self.rooms.get(*room).and_then(|room| room.name.as_ref());
            debug_assert_eq!(named, Some(name), "a room is found by its name");
        }
        for (room, members) in &self.rooms {
            debug_assert!(room == EVERYBODY || members.len() > 0, "an empty room is removed");
            members.check();
        }
        let mut memberships = 0;
        for (slot, entry) in &self.slots {
            for (at, Membership { room, index }) in entry.memberships.iter().enumerate() {
                let member = self.rooms.get(*room).and_then(|members| members.get(*index));
                debug_assert!(member.is_some_and(|member| member.slot == slot), "it points back");
                let found = entry.memberships.find(slot, *room, &self.indexes);
                debug_assert_eq!(found, Some(at), "a membership is found by its room");
                memberships += 1;
            }
        }
        let members: usize = self.rooms.iter().map(|(_, members)| members.len()).sum();
        debug_assert_eq!(memberships, members, "every member has a membership");
        self.slots.len() + self.rooms.len() + memberships
    }
}

#[cfg(test)]
mod tests;
