//! The history of a session's rooms: for which events it was in which.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use smallvec::SmallVec;

use crate::rooms::room::Room;

/// The rooms that a session joined or left: an event is for those who were in its rooms when it was
/// sent. Nothing is kept of a room that the session was in from its start, until it leaves.
///
/// Every operation is about one room, at a cost that does not depend on their number.
pub(super) struct RoomHistory<R = Room> {
    /// The rooms, each once.
    by_room: Vec<(R, Intervals)>,
    /// The positions in `by_room`; empty while the rooms are few, so a linear search is used.
    index: HashMap<R, usize>,
    /// The rooms it left, in that order, with the number of the first event after each.
    left: VecDeque<(R, u64)>,
}

/// The intervals in which a session was in one room.
#[derive(Default)]
struct Intervals {
    /// The first event since it joined, if it is in the room.
    open: Option<u64>,
    /// Earlier intervals: the number of the first event, and of the first after the last.
    past: SmallVec<[(u64, u64); 1]>,
}

impl<R> Default for RoomHistory<R> {
    fn default() -> Self {
        Self { by_room: Vec::new(), index: HashMap::new(), left: VecDeque::new() }
    }
}

impl<R: Clone + Eq + Hash> RoomHistory<R> {
    /// Notes that it is in a room from the event with this number on.
    pub(super) fn join(&mut self, room: &R, number: u64) {
        self.intervals_or_new(room.clone()).open = Some(number);
    }

    /// Notes that it is not in a room any more from the event with this number on.
    pub(super) fn leave(&mut self, room: &R, number: u64) {
        let intervals = self.intervals_or_new(room.clone());
        let since = intervals.open.take().unwrap_or(0);
        if since < number {
            intervals.past.push((since, number));
            self.left.push_back((room.clone(), number));
        } else {
            self.remove_if_empty(room);
        }
    }

    /// Whether it was in a room when an event was sent. `is_in`: it is in the room now.
    pub(super) fn include(&self, room: &R, number: u64, is_in: impl FnOnce() -> bool) -> bool {
        let Some(at) = self.find(room) else { return is_in() };
        let (_, intervals) = &self.by_room[at];
        let was_in = intervals.past.iter().any(|(since, until)| (*since..*until).contains(&number));
        was_in || intervals.open.map_or_else(is_in, |since| since <= number)
    }

    /// Forgets the events before this one, which are not asked for any more.
    pub(super) fn forget_before(&mut self, number: u64) {
        while self.left.front().is_some_and(|(_, until)| *until <= number) {
            self.forget_oldest();
        }
    }

    /// Forgets the oldest stay in a room; returns the number of the first event after it.
    pub(super) fn forget_oldest(&mut self) -> Option<u64> {
        let (room, until) = self.left.pop_front()?;
        if let Some(at) = self.find(&room) {
            self.by_room[at].1.past.remove(0);
            self.remove_if_empty(&room);
        }
        Some(until)
    }

    /// The number of rooms it was in and left.
    pub(super) fn past(&self) -> usize {
        self.left.len()
    }

    /// The rooms of which something is kept, to estimate what they take.
    pub(super) fn rooms(&self) -> impl Iterator<Item = &R> {
        self.by_room.iter().map(|(room, _)| room)
    }

    fn find(&self, room: &R) -> Option<usize> {
        if self.index.is_empty() {
            return self.by_room.iter().position(|(other, _)| other == room);
        }
        self.index.get(room).copied()
    }

    fn intervals_or_new(&mut self, room: R) -> &mut Intervals {
        let at = self.find(&room).unwrap_or_else(|| self.add(room));
        &mut self.by_room[at].1
    }

    fn add(&mut self, room: R) -> usize {
        let at = self.by_room.len();
        if at < FEW {
            // Most sessions are in one or two.
            self.by_room.reserve_exact(1);
        }
        self.by_room.push((room.clone(), Intervals::default()));
        if !self.index.is_empty() {
            self.index.insert(room, at);
        } else if at >= FEW {
            self.index = self.by_room.iter().map(|(room, _)| room.clone()).zip(0..).collect();
        }
        at
    }

    /// Forgets a room of which nothing is kept any more.
    fn remove_if_empty(&mut self, room: &R) {
        let is_empty =
            |intervals: &Intervals| intervals.past.is_empty() && intervals.open.is_none();
        let Some(at) = self.find(room).filter(|at| is_empty(&self.by_room[*at].1)) else { return };
        self.by_room.swap_remove(at);
        if self.index.is_empty() {
            return;
        }
        self.index.remove(room);
        if let Some((moved, _)) = self.by_room.get(at)
            && let Some(position) = self.index.get_mut(moved)
        {
            *position = at;
        }
    }
}

/// Up to so many, a linear search is as fast as a table.
const FEW: usize = 8;

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeSet;
    use std::hash::Hasher;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The result agrees with a plain list of joins and leaves.
        #[test]
        fn a_session_was_where_it_was(
            before in proptest::collection::btree_set(0..14u8, 0..14),
            steps in proptest::collection::vec((0..14u8, 0..4u8), 1..200),
        ) {
            let mut history = RoomHistory::default();
            let mut now = before.clone();
            let mut diary: Vec<BTreeSet<u8>> = Vec::new();
            let mut first = 0;
            for (room, step) in steps {
                let number = diary.len() as u64;
                match step {
                    0 => diary.push(now.clone()),
                    1 if now.insert(room) => history.join(&room, number),
                    2 if now.remove(&room) => history.leave(&room, number),
                    _ => {
                        first = number / 2;
                        history.forget_before(first);
                    }
                }
                for (number, rooms) in (0..).zip(&diary).skip(usize::try_from(first).unwrap()) {
                    for room in 0..14u8 {
                        let was_in = history.include(&room, number, || now.contains(&room));
                        prop_assert_eq!(was_in, rooms.contains(&room), "{} in {}", number, room);
                    }
                }
            }
            history.forget_before(diary.len() as u64);
            prop_assert_eq!(history.past(), 0);
            let open: BTreeSet<_> = history.rooms().copied().collect();
            prop_assert!(open.is_subset(&now), "only of rooms it is in");
        }
    }

    thread_local! {
        static LOOKS: Cell<usize> = const { Cell::new(0) };
    }

    /// A room that counts how often it is looked at.
    #[derive(Clone)]
    struct Counted(usize);

    impl PartialEq for Counted {
        fn eq(&self, other: &Self) -> bool {
            LOOKS.set(LOOKS.get() + 1);
            self.0 == other.0
        }
    }

    impl Eq for Counted {}

    impl Hash for Counted {
        fn hash<H: Hasher>(&self, state: &mut H) {
            LOOKS.set(LOOKS.get() + 1);
            self.0.hash(state);
        }
    }

    #[test]
    fn a_room_costs_the_same_however_many_others_there_are() {
        let mut cost = Vec::new();
        for rooms in [100, 20_000] {
            let mut history = RoomHistory::default();
            LOOKS.set(0);
            for room in 0..rooms {
                history.join(&Counted(room), room as u64);
            }
            for room in 0..rooms {
                assert!(history.include(&Counted(room), rooms as u64, || false));
                history.leave(&Counted(room), rooms as u64 + 1);
            }
            history.forget_before(rooms as u64 + 1);
            // Growing the table hashes everything once more, now and then.
            cost.push(LOOKS.get() / rooms);
        }
        assert!(cost[0] < 20 && cost[1] < 20, "{cost:?} looks for a room");
    }
}
