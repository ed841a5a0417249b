//! Where a socket stands in its rooms.

use std::collections::HashMap;

use smallvec::SmallVec;

/// Where a socket stands in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) room: usize,
    pub(super) index: usize,
}

impl Place {
    fn is_in(self, room: usize) -> bool {
        #[cfg(test)]
        tests::LOOKS.set(tests::LOOKS.get() + 1);
        self.room == room
    }
}

/// The places of one socket, a room once. Most are in one or two, which is all the memory that
/// they take: what finds one place among many is kept [elsewhere](Indexes).
#[derive(Debug, Default)]
pub(super) struct Places(SmallVec<[Place; 1]>);

/// Of the slots that have many places: which of its places is that in a room.
#[derive(Debug, Default)]
pub(super) struct Indexes(HashMap<usize, HashMap<usize, usize>>);

/// So many are looked through as fast as they are found in a table.
const FEW: usize = 16;

impl Places {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Place> {
        self.0.iter()
    }

    pub(super) fn last(&self) -> Option<Place> {
        self.0.last().copied()
    }

    pub(super) fn push(&mut self, slot: usize, place: Place, indexes: &mut Indexes) {
        self.0.push(place);
        if self.0.len() <= FEW {
            return;
        }
        let index = indexes.0.entry(slot).or_default();
        if index.is_empty() {
            index.extend(self.0.iter().map(|place| place.room).zip(0..));
        } else {
            index.insert(place.room, self.0.len() - 1);
        }
    }

    /// Which of them is in a room.
    pub(super) fn find(&self, slot: usize, room: usize, indexes: &Indexes) -> Option<usize> {
        if self.0.len() > FEW {
            return indexes.0.get(&slot)?.get(&room).copied();
        }
        self.0.iter().position(|place| place.is_in(room))
    }

    /// Another place in the same room.
    pub(super) fn set(&mut self, at: usize, index: usize) {
        self.0[at].index = index;
    }

    /// Takes one out; the last is in its stead then.
    pub(super) fn remove(&mut self, slot: usize, at: usize, indexes: &mut Indexes) -> Place {
        let place = self.0.swap_remove(at);
        if self.0.len() == FEW {
            self.0.shrink_to_fit();
            indexes.0.remove(&slot);
        } else if let Some(index) = indexes.0.get_mut(&slot) {
            index.remove(&place.room);
            if let Some(moved) = self.0.get(at) {
                index.insert(moved.room, at);
            }
        }
        place
    }
}

#[cfg(test)]
impl Indexes {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    thread_local! {
        /// Places that were looked at.
        pub(in crate::adapter) static LOOKS: Cell<usize> = const { Cell::new(0) };
    }

    proptest! {
        /// However many there are, each is found, and what finds it goes with them.
        #[test]
        fn every_place_is_found(steps in proptest::collection::vec((0..60usize, 0..3u8), 1..400)) {
            let (mut places, mut indexes) = (Places::default(), Indexes::default());
            let mut model = BTreeMap::new();
            for (index, (room, step)) in steps.into_iter().enumerate() {
                match (places.find(7, room, &indexes), step) {
                    (None, 0 | 1) => {
                        places.push(7, Place { room, index }, &mut indexes);
                        model.insert(room, index);
                    }
                    (Some(at), 1) => {
                        places.set(at, index);
                        model.insert(room, index);
                    }
                    (Some(at), _) => {
                        let place = places.remove(7, at, &mut indexes);
                        prop_assert_eq!(Some(place.index), model.remove(&room));
                    }
                    (None, _) => {}
                }
                for room in 0..60 {
                    let found = places.find(7, room, &indexes).map(|at| places.0[at].index);
                    prop_assert_eq!(found, model.get(&room).copied());
                }
                prop_assert_eq!(indexes.is_empty(), model.len() <= FEW);
            }
        }
    }

    #[test]
    fn one_place_takes_no_memory_of_its_own() {
        assert_eq!(size_of::<Places>(), size_of::<SmallVec<[Place; 1]>>());
        let (mut places, mut indexes) = (Places::default(), Indexes::default());
        places.push(7, Place { room: 1, index: 2 }, &mut indexes);
        assert!(!places.0.spilled() && indexes.is_empty());
    }
}
