//! The memberships of a socket: its rooms, and its index among the members of each.

use std::collections::HashMap;

use smallvec::SmallVec;

/// One membership: a room, and the index among its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) room: usize,
    pub(super) index: usize,
}

impl Membership {
    fn is_in(self, room: usize) -> bool {
        #[cfg(test)]
        tests::LOOKS.set(tests::LOOKS.get() + 1);
        self.room == room
    }
}

/// The memberships of one socket, a room once. Most sockets are in one or two rooms: the index to
/// find one among many is [elsewhere](MembershipIndexes), so that these take no memory for it.
#[derive(Debug, Default)]
pub(super) struct Memberships(SmallVec<[Membership; 1]>);

/// The indexes of slots with many memberships: by room, the position of its membership.
#[derive(Debug, Default)]
pub(super) struct MembershipIndexes(HashMap<usize, HashMap<usize, usize>>);

/// Up to so many, a linear search is as fast as a table.
const FEW: usize = 16;

impl Memberships {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Membership> {
        self.0.iter()
    }

    pub(super) fn last(&self) -> Option<Membership> {
        self.0.last().copied()
    }

    pub(super) fn push(
        &mut self,
        slot: usize,
        membership: Membership,
        indexes: &mut MembershipIndexes,
    ) {
        self.0.push(membership);
        if self.0.len() <= FEW {
            return;
        }
        let index = indexes.0.entry(slot).or_default();
        if index.is_empty() {
            index.extend(self.0.iter().map(|membership| membership.room).zip(0..));
        } else {
            index.insert(membership.room, self.0.len() - 1);
        }
    }

    /// The position of the membership in a room.
    pub(super) fn find(
        &self,
        slot: usize,
        room: usize,
        indexes: &MembershipIndexes,
    ) -> Option<usize> {
        if self.0.len() > FEW {
            return indexes.0.get(&slot)?.get(&room).copied();
        }
        self.0.iter().position(|membership| membership.is_in(room))
    }

    /// Changes the index of the membership at a position.
    pub(super) fn set(&mut self, at: usize, index: usize) {
        self.0[at].index = index;
    }

    /// Removes the one at a position, to which the last one moves.
    pub(super) fn remove(
        &mut self,
        slot: usize,
        at: usize,
        indexes: &mut MembershipIndexes,
    ) -> Membership {
        let membership = self.0.swap_remove(at);
        if self.0.len() == FEW {
            self.0.shrink_to_fit();
            indexes.0.remove(&slot);
        } else if let Some(index) = indexes.0.get_mut(&slot) {
            index.remove(&membership.room);
            if let Some(moved) = self.0.get(at) {
                index.insert(moved.room, at);
            }
        }
        membership
    }
}

#[cfg(test)]
impl MembershipIndexes {
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
        /// How many memberships were looked at.
        pub(in crate::rooms) static LOOKS: Cell<usize> = const { Cell::new(0) };
    }

    proptest! {
        /// However many there are, each is found; the index is removed when they are few.
        #[test]
        fn every_membership_is_found(steps in proptest::collection::vec((0..60usize, 0..3u8), 1..400)) {
            let (mut memberships, mut indexes) = (Memberships::default(), MembershipIndexes::default());
            let mut model = BTreeMap::new();
            for (index, (room, step)) in steps.into_iter().enumerate() {
                match (memberships.find(7, room, &indexes), step) {
                    (None, 0 | 1) => {
                        memberships.push(7, Membership { room, index }, &mut indexes);
                        model.insert(room, index);
                    }
                    (Some(at), 1) => {
                        memberships.set(at, index);
                        model.insert(room, index);
                    }
                    (Some(at), _) => {
                        let membership = memberships.remove(7, at, &mut indexes);
                        prop_assert_eq!(Some(membership.index), model.remove(&room));
                    }
                    (None, _) => {}
                }
                for room in 0..60 {
                    let found = memberships.find(7, room, &indexes).map(|at| memberships.0[at].index);
                    prop_assert_eq!(found, model.get(&room).copied());
                }
                prop_assert_eq!(indexes.is_empty(), model.len() <= FEW);
            }
        }
    }

    #[test]
    fn one_membership_takes_no_memory_of_its_own() {
        assert_eq!(size_of::<Memberships>(), size_of::<SmallVec<[Membership; 1]>>());
        let (mut memberships, mut indexes) = (Memberships::default(), MembershipIndexes::default());
        memberships.push(7, Membership { room: 1, index: 2 }, &mut indexes);
        assert!(!memberships.0.spilled() && indexes.is_empty());
    }
}
