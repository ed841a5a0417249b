//! What is kept under a private id.

use std::{collections::HashSet, net::IpAddr};

use tokio::time::Instant;

use super::{Logged, stays::Stays};
use crate::{Room, Socket, SocketId, locals::Locals};

/// A session that is here, or may come back.
pub(super) struct Session {
    pub(super) id: SocketId,
    /// The number of the first event it could receive.
    pub(super) start: u64,
    /// Of the events before this one it is not known any more which were for it.
    pub(super) forgotten: u64,
    /// From this event on everything is for it that is for its rooms.
    pub(super) admitted: u64,
    /// What is for it beside that, in order: sent to it while it was being admitted.
    pub(super) early: Vec<u64>,
    /// The highest offset that came to it with an event that is not in the log.
    pub(super) stamped: u64,
    /// Something was dropped that was for it, so that its last offset says nothing.
    pub(super) has_dropped: bool,
    pub(super) stays: Stays,
    pub(super) presence: Presence,
}

pub(super) enum Presence {
    Here(Socket),
    Away(Box<Away>),
}

pub(super) struct Away {
    /// When it is forgotten.
    pub(super) until: Instant,
    /// The number of the first event that was not sent to it.
    pub(super) left: u64,
    pub(super) rooms: Vec<Room>,
    pub(super) locals: Locals,
}

/// Who shares the bounds of absent sessions: an address, as far as it is known.
pub(super) type Maker = Option<IpAddr>;

impl Session {
    /// Whether an event was, or is, for it. `is_in`: whether it is in a room now.
    pub(super) fn includes(
        &self,
        number: u64,
        event: &Logged,
        is_in: impl Fn(&Room) -> bool,
    ) -> bool {
        let was_in = |room: &Room| self.stays.include(room, number, || is_in(room));
        self.early.binary_search(&number).is_ok()
            || (number >= self.admitted && event.targets.include(was_in))
    }

    /// Forgets what only matters to events before this one.
    pub(super) fn forget_before(&mut self, number: u64) {
        self.stays.forget_before(number);
        while self.stays.past() > STAYS_MAX
            && let Some(until) = self.stays.forget_oldest()
        {
            self.forgotten = self.forgotten.max(until);
        }
        let forgotten = self.early.partition_point(|early| *early < number);
        self.early.drain(..forgotten);
    }

    /// What it takes while it is away, locals aside: they are the application's.
    pub(super) fn bytes(&self) -> usize {
        let rooms = match &self.presence {
            Presence::Here(_) => &[][..],
            Presence::Away(away) => &away.rooms,
        };
        let names = rooms.iter().chain(self.stays.rooms());
        let names: usize = names.map(|room| ROOM_BYTES + room.as_str().len()).sum();
        SESSION_BYTES + names + self.early.len() * size_of::<u64>()
    }
}

impl Presence {
    /// Whether it is in a room.
    pub(super) fn is_in<'a>(&'a self, id: &'a SocketId) -> Box<dyn Fn(&Room) -> bool + 'a> {
        match self {
            Presence::Here(socket) => {
                Box::new(move |room| room.as_str() == id.as_str() || socket.is_in(room))
            }
            Presence::Away(away) => {
                let rooms: HashSet<&Room> = away.rooms.iter().collect();
                Box::new(move |room| rooms.contains(room))
            }
        }
    }
}

/// Rooms left that are remembered for a session, as long as events to them are.
const STAYS_MAX: usize = 256;
/// A room in a list or a table beside its name.
const ROOM_BYTES: usize = 64;
/// A session, its entries in tables, its place among those that are away.
const SESSION_BYTES: usize = size_of::<Session>() + size_of::<Away>() + 256;
