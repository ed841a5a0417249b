//! How many connections are in each room, for the list of rooms and the notices.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::input::RoomName;

/// Counts by room; an empty room takes no memory. Bounded by the number of connections, since each
/// is in one room at most.
#[derive(Debug, Default)]
pub struct People {
    rooms: Mutex<HashMap<RoomName, u32>>,
}

impl People {
    /// One more in the room; how many that makes.
    pub fn enter(&self, room: &RoomName) -> u32 {
        let mut rooms = self.rooms.lock();
        let people = rooms.entry(room.clone()).or_default();
        *people += 1;
        *people
    }

    /// One less in the room; how many remain.
    pub fn exit(&self, room: &RoomName) -> u32 {
        let mut rooms = self.rooms.lock();
        let Some(people) = rooms.get_mut(room) else {
            debug_assert!(false, "somebody left a room nobody was in");
            return 0;
        };
        *people -= 1;
        let remaining = *people;
        if remaining == 0 {
            rooms.remove(room);
        }
        remaining
    }

    /// How many are in the room.
    pub fn count(&self, room: &RoomName) -> u32 {
        self.rooms.lock().get(room).copied().unwrap_or(0)
    }

    /// The rooms with somebody in them.
    pub fn rooms(&self) -> HashMap<RoomName, u32> {
        self.rooms.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_forgets() {
        let people = People::default();
        let (a, b) = (RoomName::parse("a").unwrap(), RoomName::parse("b").unwrap());
        assert_eq!([people.enter(&a), people.enter(&a), people.enter(&b)], [1, 2, 1]);
        assert_eq!(people.rooms(), HashMap::from([(a.clone(), 2), (b.clone(), 1)]));
        assert_eq!([people.count(&a), people.count(&b)], [2, 1]);
        assert_eq!([people.exit(&a), people.exit(&a), people.exit(&b)], [1, 0, 0]);
        assert!(people.rooms().is_empty());
        assert_eq!(people.count(&a), 0);
    }
}
