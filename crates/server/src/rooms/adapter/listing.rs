//! Counts of sockets and rooms, and their lists in pages.
//!
//! A count reads no member. A list is read in slices of [`SLICE`] slots, and the lock is released
//! between them, so that a join, leave or broadcast waits for one slice at most. A page begins at a
//! slot and slots do not move: an entry that exists all the time is on exactly one page, however
//! many are added and removed meanwhile.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::super::members::CHUNK_MEMBERS_MAX;
use super::super::room::Room;
use super::{Adapter, AdapterState, EVERYBODY};

/// Slots that are read under one lock.
const SLICE: usize = 1024;

/// A part of a list, and the slot at which the next part begins; `None`: it is the last part.
pub(crate) type Part<I> = (Vec<I>, Option<usize>);

impl<T: Clone, A> Adapter<T, A> {
    /// How many sockets are connected.
    pub(crate) fn socket_count(&self) -> usize {
        self.state.lock().rooms[EVERYBODY].len()
    }

    /// How many rooms there are, own-id rooms left out.
    pub(crate) fn room_count(&self) -> usize {
        self.state.lock().names.len()
    }

    /// How many sockets are in a room: one in an own-id room.
    pub(crate) fn room_size(&self, room: &Room) -> usize {
        let state = self.state.lock();
        match state.names.get(room) {
            Some(&room) => state.rooms[room].len(),
            None => usize::from(state.own_id(room).is_some()),
        }
    }

    /// Connected sockets, from a slot on.
    pub(crate) fn sockets_from(&self, from: usize, limit: usize) -> Part<T> {
        self.read(
            from,
            limit,
            |state| state.slots.capacity(),
            |state, slot| {
                let entry = state.slots.get(slot)?;
                state.is_member(EVERYBODY, slot).then(|| entry.socket.clone())
            },
        )
    }

    /// Rooms and how many are in each, from a slot on, own-id rooms left out.
    pub(crate) fn rooms_from(&self, from: usize, limit: usize) -> Part<(Room, usize)> {
        self.read(
            from,
            limit,
            |state| state.rooms.capacity(),
            |state, room| {
                let members = state.rooms.get(room)?;
                Some((members.name.clone()?, members.len()))
            },
        )
    }

    /// Members of a room from a position on. When one leaves, the last one moves to its position.
    pub(crate) fn members_from(&self, room: &Room, from: usize, limit: usize) -> Part<T> {
        let state = self.state.lock();
        let Some(&room) = state.names.get(room) else {
            let own = state.own_id(room).filter(|_| from == 0);
            return (own.map(|slot| state.slots[slot].socket.clone()).into_iter().collect(), None);
        };
        // The sockets are cloned without the lock, from the chunks that hold them only.
        let size = state.rooms[room].len();
        let end = from.saturating_add(limit.max(1)).min(size);
        let chunks = state.rooms[room]
            .chunks
            .iter()
            .take(end.div_ceil(CHUNK_MEMBERS_MAX))
            .skip(from / CHUNK_MEMBERS_MAX);
        let chunks: Vec<_> = chunks.cloned().collect();
        drop(state);
        let members = chunks.iter().flat_map(|chunk| chunk.iter());
        let members = members.skip(from % CHUNK_MEMBERS_MAX).take(end.saturating_sub(from));
        (members.map(|member| member.socket.clone()).collect(), Some(end).filter(|end| *end < size))
    }

    /// The rooms with the most members, the largest first, those of one size ordered by name.
    pub(crate) fn largest_rooms(&self, limit: usize) -> Vec<(Room, usize)> {
        let mut largest = BTreeSet::new();
        let mut from = Some(0_usize);
        while let Some(start) = from {
            let state = self.state.lock();
            let end = state.rooms.capacity().min(start.saturating_add(SLICE));
            for members in (start..end).filter_map(|room| state.rooms.get(room)) {
                let Some(name) = &members.name else { continue };
                let is_full = largest.len() >= limit;
                if is_full
                    && largest.first().is_none_or(|(least, Reverse(last))| {
                        (*least, Reverse(last)) >= (members.len(), Reverse(name))
                    })
                {
                    continue;
                }
                largest.insert((members.len(), Reverse(name.clone())));
                if is_full {
                    largest.pop_first();
                }
            }
            from = Some(end).filter(|end| *end < state.rooms.capacity());
        }
        largest.into_iter().rev().map(|(size, Reverse(name))| (name, size)).collect()
    }

    /// Reads up to `limit`, at least one, of what `pick` finds in the slots from one on.
    fn read<I>(
        &self,
        from: usize,
        limit: usize,
        end: impl Fn(&AdapterState<T, A>) -> usize,
        pick: impl Fn(&AdapterState<T, A>, usize) -> Option<I>,
    ) -> Part<I> {
        let (mut found, mut slot) = (Vec::new(), from);
        loop {
            let state = self.state.lock();
            let (slots, slice_end) = (end(&state), slot.saturating_add(SLICE));
            while slot < slice_end.min(slots) {
                if found.len() >= limit.max(1) {
                    return (found, Some(slot));
                }
                found.extend(pick(&state, slot));
                slot += 1;
            }
            if slot >= slots {
                return (found, None);
            }
        }
    }
}

impl<T: Clone, A> AdapterState<T, A> {
    /// The slot of the connected socket whose own-id room it is.
    fn own_id(&self, room: &Room) -> Option<usize> {
        let slot = *self.ids.get(room.as_str().as_bytes())?;
        self.is_member(EVERYBODY, slot).then_some(slot)
    }
}

#[cfg(test)]
mod tests {
    use crate::server::metrics::Gauge;

    use super::*;
    use crate::socket::id::SocketId;

    /// An adapter with so many sockets, each admitted.
    fn filled(sockets: usize) -> (Adapter<usize, ()>, Vec<SocketId>) {
        let adapter = Adapter::new(false, &Gauge::noop());
        let ids: Vec<_> = (0..sockets).map(|_| SocketId::random()).collect();
        for (number, id) in ids.iter().enumerate() {
            adapter.insert(id.clone(), number);
            adapter.admit(id);
        }
        (adapter, ids)
    }

    fn join(adapter: &Adapter<usize, ()>, id: &SocketId, room: &str) {
        adapter.join(id, vec![Room::from(room)], |_| {});
    }

    /// All pages of this size.
    fn pages<I>(mut page: impl FnMut(usize) -> Part<I>) -> Vec<I> {
        let (mut all, mut from) = (Vec::new(), Some(0));
        while let Some(start) = from {
            let (items, next) = page(start);
            all.extend(items);
            assert!(next.is_none_or(|next| next > start));
            from = next;
        }
        all
    }

    #[test]
    fn pages_of_any_size_have_everybody_once() {
        let (adapter, ids) = filled(2_500);
        for id in ids.iter().step_by(2) {
            adapter.remove(id);
        }
        let joining = SocketId::random();
        adapter.insert(joining.clone(), 9_999);
        assert_eq!(adapter.socket_count(), 1_250);
        assert_eq!(adapter.room_size(&Room::from(&joining)), 0);
        for limit in [0, 1, 7, 100, 1_024, 5_000] {
            let mut found = pages(|from| adapter.sockets_from(from, limit));
            found.sort_unstable();
            assert!(found.iter().copied().eq((1..2_500).step_by(2)), "{limit}");
        }
    }

    #[test]
    fn what_stays_is_listed_however_much_comes_and_goes() {
        let (adapter, ids) = filled(300);
        let mut seen = Vec::new();
        let mut from = Some(0);
        while let Some(start) = from {
            let (items, next) = adapter.sockets_from(start, 10);
            seen.extend(items);
            from = next;
            // The one before the page and the one behind it.
            for gone in [start, start + 15] {
                if gone % 2 == 1 && gone < 300 {
                    adapter.remove(&ids[gone]);
                }
            }
        }
        for stays in (0..300).step_by(2) {
            assert_eq!(seen.iter().filter(|it| **it == stays).count(), 1, "{stays}");
        }
    }

    #[test]
    fn rooms_are_counted_and_paged_without_own_ids() {
        let (adapter, ids) = filled(20);
        for room in 0..3_000 {
            join(&adapter, &ids[room % 20], &format!("room {room}"));
        }
        ids.iter().for_each(|id| join(&adapter, id, "everybody"));
        ids[..5].iter().for_each(|id| join(&adapter, id, "five"));
        assert_eq!(adapter.room_count(), 3_002);
        assert_eq!(adapter.room_size(&Room::from("five")), 5);
        assert_eq!(adapter.room_size(&Room::from(&ids[0])), 1);
        assert_eq!(adapter.room_size(&Room::from("nobody's")), 0);
        for limit in [1, 999, 10_000] {
            let mut found = pages(|from| adapter.rooms_from(from, limit));
            assert_eq!(found.iter().map(|(_, size)| size).sum::<usize>(), 3_025, "{limit}");
            found.sort_unstable();
            found.dedup();
            assert_eq!(found.len(), 3_002, "{limit}");
        }
        let largest = |limit| adapter.largest_rooms(limit);
        let named = |name: &str, size| (Room::from(name), size);
        assert_eq!(largest(0), []);
        assert_eq!(largest(2), [named("everybody", 20), named("five", 5)]);
        let third = largest(4);
        assert_eq!(third[2..], [named("room 0", 1), named("room 1", 1)]);
        assert_eq!(largest(usize::MAX).len(), 3_002);
    }

    #[test]
    fn members_of_a_room_in_pages() {
        let (adapter, ids) = filled(700);
        ids.iter().for_each(|id| join(&adapter, id, "room"));
        let room = Room::from("room");
        for limit in [1, 100, 256, 257, 700, 701] {
            let found = pages(|from| adapter.members_from(&room, from, limit));
            assert!(found.iter().copied().eq(0..700), "{limit}");
        }
        assert_eq!(adapter.members_from(&room, 700, 5), (vec![], None));
        assert_eq!(adapter.members_from(&room, 9_000, 5), (vec![], None));
        assert_eq!(adapter.members_from(&Room::from(&ids[3]), 0, 5), (vec![3], None));
        assert_eq!(adapter.members_from(&Room::from("nobody's"), 0, 5), (vec![], None));
    }
}
