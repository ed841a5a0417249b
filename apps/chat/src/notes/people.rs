//! Who is in each room, for how many there are, the notices, and so that nobody is taken for somebody
//! else.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::input::{Nickname, RoomName};
use crate::names::Skeleton;

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

#[derive(Debug, Default)]
struct Room {
    /// How many connections.
    people: u32,
    /// The one name that looks like this, and how many connections use it.
    names: HashMap<Skeleton, (Nickname, u32)>,
}

/// Somebody in the room has another name that looks the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameTaken;

impl People {
    /// One more in the room; how many that makes.
    ///
    /// # Errors
    /// The name looks like another one there.
    pub fn enter(&self, room: &RoomName, name: &Nickname) -> Result<u32, NameTaken> {
        let mut inside = self.inside.lock();
        if !inside.rooms.contains_key(room) {
            inside.looks.entry(room.skeleton()).or_insert_with(|| room.clone());
        }
        let Room { people, names } = inside.rooms.entry(room.clone()).or_default();
        let (there, connections) =
            names.entry(name.skeleton()).or_insert_with(|| (name.clone(), 0));
        if there != name {
            return Err(NameTaken);
        }
        *connections += 1;
        *people += 1;
        Ok(*people)
    }

    /// One less in the room; how many remain.
    pub fn exit(&self, room: &RoomName, name: &Nickname) -> u32 {
        let mut inside = self.inside.lock();
        let inside = &mut *inside;
        let Some(Room { people, names }) = inside.rooms.get_mut(room) else {
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
        *people -= 1;
        let remaining = *people;
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
        self.inside.lock().rooms.get(room).map_or(0, |room| room.people)
    }

    /// How many are in the room of this name, in its one form.
    pub fn count_in(&self, room: &str) -> u32 {
        self.inside.lock().rooms.get(room).map_or(0, |room| room.people)
    }

    /// Whether somebody is in another room whose name looks the same.
    pub fn has_twin_of(&self, room: &RoomName) -> bool {
        self.inside.lock().looks.get(&room.skeleton()).is_some_and(|there| there != room)
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
        let entered = [&a, &a, &b];
        let counts = entered.map(|room| people.enter(room, &ada).unwrap());
        assert_eq!(counts, [1, 2, 1]);
        assert_eq!([people.count(&a), people.count(&b)], [2, 1]);
        let left = [&a, &a, &b].map(|room| people.exit(room, &ada));
        assert_eq!(left, [1, 0, 0]);
        assert_eq!(people.count(&a), 0);
        let inside = people.inside.lock();
        assert!(inside.looks.is_empty() && inside.rooms.is_empty());
    }

    #[test]
    fn a_name_that_looks_like_another_one_there_is_taken() {
        let people = People::default();
        let (here, there) = (room("here"), room("there"));
        let (ada, twin) = (name("Ada"), name("Аdа"));
        assert_eq!(people.enter(&here, &ada), Ok(1));
        assert_eq!(people.enter(&here, &ada), Ok(2), "the same name is no twin");
        assert_eq!(people.enter(&here, &twin), Err(NameTaken));
        assert_eq!(people.enter(&there, &twin), Ok(1), "elsewhere it is nobody's");
        assert_eq!(people.exit(&here, &ada), 1);
        assert_eq!(people.enter(&here, &twin), Err(NameTaken));
        assert_eq!(people.exit(&here, &ada), 0);
        assert_eq!(people.enter(&here, &twin), Ok(1));
    }

    #[test]
    fn a_room_that_looks_like_another_one_is_its_twin() {
        let people = People::default();
        let (lobby, twin, ada) = (room("lobby"), room("Іobby"), name("Ada"));
        assert!(!people.has_twin_of(&lobby));
        people.enter(&lobby, &ada).unwrap();
        assert!(people.has_twin_of(&twin) && !people.has_twin_of(&lobby));
        people.exit(&lobby, &ada);
        assert!(!people.has_twin_of(&twin));
    }
}
