//! Whom a broadcast is for.

use super::room::Room;
use crate::socket::id::SocketId;

/// The recipients of a broadcast, by rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TargetsRef<'a> {
    /// The sockets in any of these rooms; everybody when there are none. A socket in several of them
    /// is reached once.
    pub rooms: &'a [Room],
    /// But not the sockets in any of these.
    pub except: &'a [Room],
    /// Nor the socket that sends it.
    pub sender: Option<&'a SocketId>,
}

/// The recipients of an event that is kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Targets {
    /// Everybody when empty.
    pub(crate) rooms: Vec<Room>,
    pub(crate) except: Vec<Room>,
}

impl TargetsRef<'_> {
    /// Copies them; the sender is one of the rooms left out.
    pub(crate) fn to_targets(self) -> Targets {
        let mut except = Vec::with_capacity(self.except.len() + usize::from(self.sender.is_some()));
        except.extend_from_slice(self.except);
        except.extend(self.sender.map(Room::from));
        Targets { rooms: self.rooms.to_vec(), except }
    }
}

impl Targets {
    /// Whether a socket is reached that is in the rooms of which `is_in` says so, its own id among
    /// them.
    pub(crate) fn include(&self, is_in: impl Fn(&Room) -> bool) -> bool {
        (self.rooms.is_empty() || self.rooms.iter().any(&is_in)) && !self.except.iter().any(is_in)
    }
}
