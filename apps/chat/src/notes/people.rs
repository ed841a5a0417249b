//! Who is in each room, for the list of rooms, the notices, and so that nobody is taken for somebody
//! else.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::input::{Nickname, RoomName};
use crate::names::Skeleton;
use crate::quota::Origin;

/// Counts by room; an empty room takes no memory. Bounded by the number of connections, since each
/// is in one room at most.
#[derive(Debug, Default)]
pub struct People {
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    rooms: HashMap<RoomName, Room>,
    /// The rooms by what their names look like.
    looks: HashMap<Skeleton, RoomName>,
}

#[derive(Debug)]
struct Room {
    crowd: Crowd,
    /// The one name that looks like this, and how many connections use it.
    names: HashMap<Skeleton, (Nickname, u32)>,
}

/// How many are in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// How many connections.
    pub people: u32,
    /// Where the first of them came from.
    pub first: Origin,
}

/// Somebody in the room has another name that looks the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameTaken;

impl People {
    /// One more in the room; how many that makes.
    ///
    /// # Errors
    /// The name looks like another one there.
    pub fn enter(
        &self,
        room: &RoomName,
        name: &Nickname,
        origin: Origin,
    ) -> Result<u32, NameTaken> {
        let mut inside = self.inside.lock();
        if !inside.rooms.contains_key(room) {
            inside.looks.entry(room.skeleton()).or_insert_with(|| room.clone());
        }
        let Room { crowd, names } = inside.rooms.entry(room.clone()).or_insert_with(|| Room {
            crowd: Crowd { people: 0, first: origin },
            names: HashMap::new(),
        });
        let (there, connections) =
            names.entry(name.skeleton()).or_insert_with(|| (name.clone(), 0));
        if there != name {
            return Err(NameTaken);
        }
        *connections += 1;
        crowd.people += 1;
        Ok(crowd.people)
    }

    /// One less in the room; how many remain.
    pub fn exit(&self, room: &RoomName, name: &Nickname) -> u32 {
        let mut inside = self.inside.lock();
        let inside = &mut *inside;
        let Some(Room { crowd, names }) = inside.rooms.get_mut(room) else {
            debug_assert!(false, "somebody left a room nobody was in");
            return 0;
        };
        let skeleton = name.skeleton();
        if let Some((_, connections)) = names.get_mut(&skeleton) {
            *connections -= 1;
            if *connections == 0 {
                names.remove(&skeleton);
            }
        }
        crowd.people -= 1;
        let remaining = crowd.people;
        if remaining == 0 {
            inside.rooms.remove(room);
            let look = room.skeleton();
            if inside.looks.get(&look) == Some(room) {
                inside.looks.remove(&look);
            }
        }
        remaining
    }

    /// How many are in the room.
    pub fn count(&self, room: &RoomName) -> u32 {
        self.inside.lock().rooms.get(room).map_or(0, |room| room.crowd.people)
    }

    /// How many are in the room of this name, in its one form.
    pub fn count_in(&self, room: &str) -> u32 {
        self.inside.lock().rooms.get(room).map_or(0, |room| room.crowd.people)
    }

    /// Whether somebody is in another room whose name looks the same.
    pub fn has_twin_of(&self, room: &RoomName) -> bool {
        self.inside.lock().looks.get(&room.skeleton()).is_some_and(|there| there != room)
    }

    /// The rooms with somebody in them.
    pub fn rooms(&self) -> HashMap<RoomName, Crowd> {
        let inside = self.inside.lock();
        inside.rooms.iter().map(|(name, room)| (name.clone(), room.crowd)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> RoomName {
        RoomName::parse(name).unwrap()
    }

    fn name(name: &str) -> Nickname {
        Nickname::parse(name).unwrap()
    }

    #[test]
    fn counts_and_forgets() {
        let people = People::default();
        let (a, b, ada) = (room("a"), room("b"), name("Ada"));
        let [first, second] = [1, 2].map(|n| Origin::of(Some([192, 0, 2, n].into())));
        let entered = [(&a, first), (&a, second), (&b, second)];
        let counts = entered.map(|(room, origin)| people.enter(room, &ada, origin).unwrap());
        assert_eq!(counts, [1, 2, 1]);
        let crowd = |people, first| Crowd { people, first };
        let expected = [(a.clone(), crowd(2, first)), (b.clone(), crowd(1, second))];
        assert_eq!(people.rooms(), HashMap::from(expected));
        assert_eq!([people.count(&a), people.count(&b)], [2, 1]);
        let left = [&a, &a, &b].map(|room| people.exit(room, &ada));
        assert_eq!(left, [1, 0, 0]);
        assert!(people.rooms().is_empty());
        assert_eq!(people.count(&a), 0);
        let inside = people.inside.lock();
        assert!(inside.looks.is_empty());
    }

    #[test]
    fn a_name_that_looks_like_another_one_there_is_taken() {
        let people = People::default();
        let (here, there, origin) = (room("here"), room("there"), Origin::of(None));
        let (ada, twin) = (name("Ada"), name("Аdа"));
        assert_eq!(people.enter(&here, &ada, origin), Ok(1));
        assert_eq!(people.enter(&here, &ada, origin), Ok(2), "the same name is no twin");
        assert_eq!(people.enter(&here, &twin, origin), Err(NameTaken));
        assert_eq!(people.enter(&there, &twin, origin), Ok(1), "elsewhere it is nobody's");
        assert_eq!(people.exit(&here, &ada), 1);
        assert_eq!(people.enter(&here, &twin, origin), Err(NameTaken));
        assert_eq!(people.exit(&here, &ada), 0);
        assert_eq!(people.enter(&here, &twin, origin), Ok(1));
    }

    #[test]
    fn a_room_that_looks_like_another_one_is_its_twin() {
        let people = People::default();
        let (lobby, twin, ada) = (room("lobby"), room("Іobby"), name("Ada"));
        assert!(!people.has_twin_of(&lobby));
        people.enter(&lobby, &ada, Origin::of(None)).unwrap();
        assert!(people.has_twin_of(&twin) && !people.has_twin_of(&lobby));
        people.exit(&lobby, &ada);
        assert!(!people.has_twin_of(&twin));
    }
}
