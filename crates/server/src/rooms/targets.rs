//! Whom a broadcast is for.

use super::room::Room;

/// The recipients of a broadcast, by rooms.
#[derive(Debug, Clone, Default)]
pub(crate) struct Targets {
    /// Everybody when empty.
    pub(crate) rooms: Vec<Room>,
    pub(crate) except: Vec<Room>,
}

impl Targets {
    /// Whether a socket is reached that is in the rooms of which `is_in` says so, its own id among
    /// them.
    pub(crate) fn include(&self, is_in: impl Fn(&Room) -> bool) -> bool {
        (self.rooms.is_empty() || self.rooms.iter().any(&is_in)) && !self.except.iter().any(is_in)
    }
}
