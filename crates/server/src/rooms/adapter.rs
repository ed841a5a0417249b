//! Who is in which room, and whom a broadcast reaches.
//!
//! Every connected socket has a slot. A room is a list of chunks of up to 256 members, each behind
//! its `Arc`: a broadcast clones the `Arc`s under a short lock and walks them without one, so joins
//! never wait for sends, and an edit meanwhile copies one chunk only. Leaving swaps the last member
//! into the gap; each slot knows its memberships, so nothing is searched in the room, nor among the
//! memberships when they are many.
//! A socket's own-id room is the id map itself.
//!
//! A room that is sent to again while nobody comes or goes keeps a member cache `A` made of its members,
//! so that they need not be walked for each message.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use slab::Slab;

use super::memberships::{Membership, MembershipIndexes, Memberships};
use super::room::{Room, RoomChange};
use super::selection::{Chunk, Member, Picked, Selection};
use super::targets::TargetsRef;
use crate::socket::id::SocketId;

const CHUNK: usize = 256;
/// With fewer members than this a member cache costs more than it saves.
const CACHE_MIN: usize = 16;
/// The room of everybody in the namespace; it has no name.
const EVERYBODY: usize = 0;

/// The rooms of one namespace on this server. `T` is a handle of a socket.
pub(crate) struct Adapter<T, A> {
    state: Mutex<State<T, A>>,
}

struct State<T, A> {
    slots: Slab<Slot<T>>,
    /// Of the slots that are in many rooms.
    indexes: MembershipIndexes,
    ids: HashMap<SocketId, usize>,
    rooms: Slab<Members<T, A>>,
    names: HashMap<Room, usize>,
    /// What changed and was not told yet; only when somebody wants to know.
    changes: Option<Vec<RoomChange>>,
}

struct Slot<T> {
    id: SocketId,
    socket: T,
    memberships: Memberships,
}

struct Members<T, A> {
    name: Option<Room>,
    chunks: Vec<Chunk<T>>,
    member_cache: Option<Arc<A>>,
    /// Whether it was sent to since somebody came or went.
    is_sent_to: bool,
}

impl<T: Clone, A> Adapter<T, A> {
    /// Without sockets. `is_watched`: changes are kept for [`take_changes`](Adapter::take_changes).
    pub(crate) fn new(is_watched: bool) -> Self {
        let mut rooms = Slab::new();
        rooms.insert(Members::new(None));
        let (slots, ids, names) = (Slab::new(), HashMap::new(), HashMap::new());
        let changes = is_watched.then(Vec::new);
        let indexes = MembershipIndexes::default();
        Self { state: Mutex::new(State { slots, indexes, ids, rooms, names, changes }) }
    }

    /// What changed since the last call, in its order.
    pub(crate) fn take_changes(&self) -> Vec<RoomChange> {
        self.state.lock().changes.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(crate) fn has_changes(&self) -> bool {
        self.state.lock().changes.as_ref().is_some_and(|changes| !changes.is_empty())
    }

    /// Gives a socket its slot. Broadcasts to everybody reach it only after
    /// [`admit`](Adapter::admit).
    pub(crate) fn insert(&self, id: SocketId, socket: T) {
        let mut state = self.state.lock();
        let slot = state.slots.insert(Slot {
            id: id.clone(),
            socket,
            memberships: Memberships::default(),
        });
        state.ids.insert(id, slot);
    }

    /// Puts a socket among everybody.
    pub(crate) fn admit(&self, id: &SocketId) {
        let mut state = self.state.lock();
        if let Some(&slot) = state.ids.get(id) {
            state.enter(EVERYBODY, slot);
            let room = Room::from(id);
            state.note(|| RoomChange::Created { room: room.clone() });
            state.note(|| RoomChange::Joined { room, id: id.clone() });
        }
    }

    /// Gives a socket another id, and its own room with it.
    pub(crate) fn rename(&self, from: &SocketId, to: SocketId) {
        let mut state = self.state.lock();
        if let Some(slot) = state.ids.remove(from) {
            state.slots[slot].id = to.clone();
            state.ids.insert(to, slot);
        }
    }

    /// Takes a socket out of all rooms and returns those it was in.
    pub(crate) fn remove(&self, id: &SocketId) -> Vec<Room> {
        let mut state = self.state.lock();
        let Some(slot) = state.ids.remove(id) else {
            return Vec::new();
        };
        let mut left = vec![Room::from(id)];
        let mut was_admitted = false;
        while let Some(place) = state.slots[slot].memberships.last() {
            was_admitted |= place.room == EVERYBODY;
            left.extend(state.rooms[place.room].name.clone());
            state.exit(place.room, slot);
        }
        if was_admitted {
            let room = Room::from(id);
            state.note(|| RoomChange::Left { room: room.clone(), id: id.clone() });
            state.note(|| RoomChange::Deleted { room });
        }
        state.slots.remove(slot);
        left
    }

    /// Puts a socket into rooms, and says of which it was not in before.
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
    }

    /// Takes a socket out of rooms, and says of which it was in.
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
    }

    /// Whether a socket is in a room; its own is not asked for.
    pub(crate) fn is_in(&self, id: &SocketId, room: &Room) -> bool {
        let state = self.state.lock();
        let (slot, room) = (state.ids.get(id), state.names.get(room));
        slot.zip(room).is_some_and(|(&slot, &room)| state.is_member(room, slot))
    }

    /// The rooms of a socket, its own id first; empty when it is not here.
    pub(crate) fn rooms(&self, id: &SocketId) -> Vec<Room> {
        let state = self.state.lock();
        let Some(&slot) = state.ids.get(id) else {
            return Vec::new();
        };
        let named = state.slots[slot].memberships.iter();
        let named = named.filter_map(|place| state.rooms[place.room].name.clone());
        std::iter::once(Room::from(id)).chain(named).collect()
    }

    /// Whether no socket has a slot.
    pub(crate) fn is_empty(&self) -> bool {
        self.state.lock().slots.is_empty()
    }

    /// Every socket that has a slot, whether it is admitted or not.
    pub(crate) fn all(&self) -> Vec<T> {
        self.state.lock().slots.iter().map(|(_, slot)| slot.socket.clone()).collect()
    }

    /// The socket of an id, if it is connected here.
    pub(crate) fn socket(&self, id: &str) -> Option<T> {
        let state = self.state.lock();
        let slot = *state.ids.get(id.as_bytes())?;
        Some(state.slots[slot].socket.clone())
    }

    /// The member_cache of a room, or of everybody, if there is one or it is time that there be one: at
    /// the second broadcast since somebody came or went, made by `make` without a lock.
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
        // Whoever came or went has copied a chunk or changed their number.
        if let Some(members) = state.rooms.get_mut(room)
            && members.chunks.len() == chunks.len()
            && members.chunks.iter().zip(&chunks).all(|(now, then)| Arc::ptr_eq(now, then))
        {
            members.member_cache = Some(Arc::clone(&member_cache));
        }
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

impl<T: Clone, A> State<T, A> {
    fn note(&mut self, change: impl FnOnce() -> RoomChange) {
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
        self.note(|| RoomChange::Created { room: name });
        room
    }

    fn is_member(&self, room: usize, slot: usize) -> bool {
        self.slots[slot].memberships.find(slot, room, &self.indexes).is_some()
    }

    /// True: it was not in the room.
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

    /// True: it was in the room.
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
            self.note(|| RoomChange::Deleted { room: name });
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

impl<T, A> Members<T, A> {
    const fn new(name: Option<Room>) -> Self {
        Members { name, chunks: Vec::new(), member_cache: None, is_sent_to: false }
    }

    fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Somebody comes or goes.
    fn change(&mut self) {
        self.member_cache = None;
        self.is_sent_to = false;
    }
}

impl<T: Clone, A> Members<T, A> {
    /// Adds a member and says where.
    fn push(&mut self, member: Member<T>) -> usize {
        self.change();
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => Arc::make_mut(chunk).push(member),
            _ => self.chunks.push(Arc::new(vec![member])),
        }
        let last = self.chunks.len() - 1;
        last * CHUNK + self.chunks[last].len() - 1
    }

    /// Fills the gap at `index` with the last member and returns that one's slot, if it moved.
    fn swap_remove(&mut self, index: usize) -> Option<usize> {
        self.change();
        let last = Arc::make_mut(self.chunks.last_mut()?).pop()?;
        if self.chunks.last().is_some_and(|chunk| chunk.is_empty()) {
            self.chunks.pop();
        }
        let gap = self.chunks.get_mut(index / CHUNK).filter(|chunk| index % CHUNK < chunk.len())?;
        let slot = last.slot;
        Arc::make_mut(gap)[index % CHUNK] = last;
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::super::memberships::tests::LOOKS;
    use super::super::targets::Targets;
    use super::*;

    const SOCKETS: usize = 600;

    #[derive(Debug, Clone)]
    enum Step {
        Insert(usize),
        Remove(usize),
        Join(usize, u8),
        Leave(usize, u8),
        Send { rooms: Vec<u8>, except: Vec<u8>, to: Option<usize>, from: Option<usize> },
    }

    fn step() -> impl Strategy<Value = Step> {
        let socket = || 0..SOCKETS;
        let rooms = || proptest::collection::vec(0..6u8, 0..3);
        prop_oneof![
            4 => socket().prop_map(Step::Insert),
            1 => socket().prop_map(Step::Remove),
            4 => (socket(), 0..6u8).prop_map(|(s, r)| Step::Join(s, r)),
            2 => (socket(), 0..6u8).prop_map(|(s, r)| Step::Leave(s, r)),
            2 => (rooms(), rooms(), proptest::option::of(socket()), proptest::option::of(socket()))
                .prop_map(|(rooms, except, to, from)| Step::Send { rooms, except, to, from }),
        ]
    }

    fn room(number: u8) -> Room {
        Room::from(format!("room {number}"))
    }

    fn lent(targets: &Targets) -> TargetsRef<'_> {
        TargetsRef { rooms: &targets.rooms, except: &targets.except, sender: None }
    }

    fn targets(ids: &[SocketId], step: &Step) -> Targets {
        let Step::Send { rooms, except, to, from } = step else {
            return Targets::default();
        };
        let own = |socket: &Option<usize>| socket.map(|socket| Room::from(&ids[socket]));
        Targets {
            rooms: rooms.iter().copied().map(room).chain(own(to)).collect(),
            except: except.iter().copied().map(room).chain(own(from)).collect(),
        }
    }

    /// What a broadcast has to reach, by the plainest means.
    fn expected(model: &BTreeMap<usize, BTreeSet<Room>>, targets: &Targets) -> Vec<usize> {
        let is_in = |rooms: &BTreeSet<Room>, any: &[Room]| any.iter().any(|r| rooms.contains(r));
        let reached = model.iter().filter(|(_, rooms)| {
            (targets.rooms.is_empty() || is_in(rooms, &targets.rooms))
                && !is_in(rooms, &targets.except)
        });
        reached.map(|(socket, _)| *socket).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn broadcasts_reach_whom_a_naive_model_says(steps in proptest::collection::vec(step(), 1..1500)) {
            let ids: Vec<_> = (0..SOCKETS).map(|_| SocketId::random()).collect();
            let adapter = Adapter::<usize, Vec<usize>>::new(false);
            let mut model: BTreeMap<usize, BTreeSet<Room>> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Insert(socket) if !model.contains_key(&socket) => {
                        adapter.insert(ids[socket].clone(), socket);
                        adapter.admit(&ids[socket]);
                        model.insert(socket, BTreeSet::from([Room::from(&ids[socket])]));
                    }
                    Step::Remove(socket) => {
                        let left: BTreeSet<_> = adapter.remove(&ids[socket]).into_iter().collect();
                        prop_assert_eq!(left, model.remove(&socket).unwrap_or_default());
                    }
                    Step::Join(socket, number) => {
                        let mut entered = Vec::new();
                        adapter.join(&ids[socket], vec![room(number)], |room| entered.push(room.clone()));
                        if let Some(rooms) = model.get_mut(&socket) {
                            prop_assert_eq!(!entered.is_empty(), rooms.insert(room(number)));
                        }
                        let is_in = model.get(&socket).is_some_and(|rooms| rooms.contains(&room(number)));
                        prop_assert_eq!(adapter.is_in(&ids[socket], &room(number)), is_in);
                    }
                    Step::Leave(socket, number) => {
                        let mut left = Vec::new();
                        adapter.leave(&ids[socket], &[room(number)], |room| left.push(room.clone()));
                        if let Some(rooms) = model.get_mut(&socket) {
                            prop_assert_eq!(!left.is_empty(), rooms.remove(&room(number)));
                        }
                    }
                    Step::Send { .. } => {
                        let targets = targets(&ids, &step);
                        let mut reached = adapter.select(lent(&targets), None).sockets();
                        reached.sort_unstable();
                        let expected = expected(&model, &targets);
                        prop_assert_eq!(&reached, &expected);
                        if targets.rooms.len() < 2 && targets.except.is_empty() {
                            // Made now, or kept from a broadcast before.
                            let copied = |members: &mut dyn Iterator<Item = &usize>| members.copied().collect();
                            if let Some(member_cache) = adapter.member_cache(targets.rooms.first(), copied) {
                                let mut reached = member_cache.to_vec();
                                reached.sort_unstable();
                                prop_assert_eq!(reached, expected);
                            }
                        }
                    }
                    Step::Insert(_) => {}
                }
            }
            for id in ids {
                adapter.remove(&id);
            }
            let state = adapter.state.lock();
            prop_assert!(state.indexes.is_empty());
            prop_assert!(state.slots.is_empty() && state.ids.is_empty() && state.names.is_empty());
            prop_assert_eq!(state.rooms.len(), 1, "only the room of everybody stays");
            prop_assert!(state.rooms[EVERYBODY].chunks.is_empty());
        }
    }

    #[test]
    fn an_member_cache_is_kept_until_somebody_comes_or_goes() {
        let adapter = Adapter::<usize, usize>::new(false);
        let ids: Vec<_> = (0..CACHE_MIN + 1).map(|_| SocketId::random()).collect();
        let room = Room::from("a");
        let enter = |number: usize| {
            adapter.insert(ids[number].clone(), number);
            adapter.join(&ids[number], vec![room.clone()], |_| {});
        };
        let made = std::cell::Cell::new(0);
        let send = || {
            let make = |members: &mut dyn Iterator<Item = &usize>| {
                made.set(made.get() + 1);
                members.count()
            };
            adapter.member_cache(Some(&room), make).map(|member_cache| *member_cache)
        };
        assert_eq!(send(), None, "no such room");
        (1..CACHE_MIN).for_each(enter);
        assert_eq!([send(), send()], [None, None], "too few");
        enter(0);
        let all = Some(CACHE_MIN);
        assert_eq!([send(), send(), send()], [None, all, all], "not for one message");
        enter(CACHE_MIN);
        assert_eq!([send(), send()], [None, Some(CACHE_MIN + 1)]);
        adapter.leave(&ids[3], std::slice::from_ref(&room), |_| {});
        assert_eq!([send(), send(), send()], [None, all, all]);
        adapter.remove(&ids[5]);
        assert_eq!([send(), send()], [None, None], "too few");
        assert_eq!(made.get(), 3);
    }

    #[test]
    fn before_it_is_admitted_a_socket_is_reached_through_its_rooms_only() {
        let adapter = Adapter::<_, ()>::new(false);
        let id = SocketId::random();
        adapter.insert(id.clone(), 1);
        adapter.join(&id, vec![Room::from("a")], |_| {});
        assert!(adapter.select(TargetsRef::default(), None).sockets().is_empty());
        let to = |room| Targets { rooms: vec![room], except: Vec::new() };
        assert_eq!(adapter.select(lent(&to(Room::from("a"))), None).sockets(), [1]);
        assert_eq!(adapter.select(lent(&to(Room::from(id))), None).sockets(), [1]);
    }

    /// One left the oldest of its rooms, and each time all of them were looked through; so were those
    /// of whoever took its place in the room.
    #[test]
    fn leaving_costs_the_same_however_many_rooms_a_socket_is_in() {
        const ROOMS: usize = 10_000;
        let adapter = Adapter::<usize, ()>::new(false);
        let rooms: Vec<_> = (0..ROOMS).map(|number| Room::from(number.to_string())).collect();
        let ids = [(); 2].map(|()| SocketId::random());
        for (socket, id) in ids.iter().enumerate() {
            adapter.insert(id.clone(), socket);
            adapter.join(id, rooms.clone(), |_| {});
        }
        LOOKS.set(0);
        for room in &rooms {
            adapter.leave(&ids[0], std::slice::from_ref(room), |_| {});
        }
        assert!(LOOKS.get() < 1_000, "{} memberships looked at for {ROOMS} rooms", LOOKS.get());
        assert_eq!(adapter.rooms(&ids[0]).len(), 1);
        adapter.leave(&ids[1], &rooms, |_| {});
        assert!(adapter.state.lock().indexes.is_empty());
    }

    /// A handle that counts how often it is copied.
    struct Counted<'a>(&'a std::cell::Cell<usize>);

    impl Clone for Counted<'_> {
        fn clone(&self) -> Self {
            self.0.set(self.0.get() + 1);
            Self(self.0)
        }
    }

    /// What a broadcast to fifty members costs, with so many others in the namespace: handles
    /// copied, and members looked at.
    fn cost(others: usize, targets: impl Fn(SocketId) -> Targets) -> (usize, usize) {
        let copies = std::cell::Cell::new(0);
        let adapter = Adapter::<_, ()>::new(false);
        let mut first = None;
        for number in 0..others + 50 {
            let id = SocketId::random();
            adapter.insert(id.clone(), Counted(&copies));
            adapter.admit(&id);
            let rooms = if number % (others / 50 + 1) == 0 { ["a", "b"] } else { ["x", "y"] };
            if number / (others / 50 + 1) < 50 {
                adapter.join(&id, rooms.map(Room::from).to_vec(), |_| {});
            }
            first.get_or_insert(id);
        }
        let targets = targets(first.expect("there is one"));
        copies.set(0);
        let mut reached = 0;
        adapter.select(lent(&targets), None).for_each(|_| reached += 1);
        (copies.get(), reached)
    }

    #[test]
    fn a_room_costs_the_same_however_many_others_there_are() {
        let to = |rooms: &[&str], except: Vec<Room>| Targets {
            rooms: rooms.iter().copied().map(Room::from).collect(),
            except,
        };
        for others in [100, 100_000] {
            assert_eq!(cost(others, |_| to(&["a"], Vec::new())), (0, 50), "{others}");
            assert_eq!(cost(others, |_| to(&["a", "b"], Vec::new())), (0, 50), "{others}");
            let but_sender = cost(others, |id| to(&["a"], vec![Room::from(&id)]));
            // The sender's own-id room is its handle.
            assert_eq!(but_sender, (1, 49), "{others}");
        }
    }
}
