//! The targets of a broadcast.

use super::room::Room;
use crate::socket::id::SocketId;

/// The recipients of a broadcast, by rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TargetsRef<'a> {
    /// The sockets in any of these rooms; everybody when there are none. A socket in several of them
    /// is reached once.
    pub rooms: &'a [Room],
    /// The rooms whose sockets are left out.
    pub except: &'a [Room],
    /// The socket that sends it, which is left out.
    pub sender: Option<&'a SocketId>,
}

/// The recipients of an event in the log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Targets {
    /// The rooms that are reached; everybody when empty.
    pub(crate) rooms: Vec<Room>,
    pub(crate) except: Vec<Room>,
}

impl TargetsRef<'_> {
    /// Copies them; the sender's own room becomes one of those left out.
    pub(crate) fn to_targets(self) -> Targets {
        let mut except = Vec::with_capacity(self.except.len() + usize::from(self.sender.is_some()));
        except.extend_from_slice(self.except);
        except.extend(self.sender.map(Room::from));
        Targets { rooms: self.rooms.to_vec(), except }
    }
}

impl Targets {
    /// Whether they include a socket that is in the rooms for which `is_in` is true, its own id
    /// too.
    pub(crate) fn include(&self, is_in: impl Fn(&Room) -> bool) -> bool {
        (self.rooms.is_empty() || self.rooms.iter().any(&is_in)) && !self.except.iter().any(is_in)
    }
}
