//! The session that is kept under a private id.

use std::sync::Arc;

use tokio::time::Instant;

use super::connection::Connection;
use super::event::{LoggedEvent, room_bytes};
use super::room_history::RoomHistory;
use crate::rooms::room::Room;
use crate::socket::data::SocketData;
use crate::socket::id::SocketId;

/// A session that is connected, or may come back.
pub(super) struct Session<S> {
    pub(super) id: SocketId,
    /// The number of the first event it could receive.
    pub(super) start: u64,
    /// The first event from which on it gets everything that is for its rooms.
    pub(super) admitted: u64,
    pub(super) state: SessionState<S>,
    pub(super) details: Option<Box<SessionDetails>>,
}

/// The details that few sessions have.
#[derive(Default)]
pub(super) struct SessionDetails {
    /// Before this event it is not known any more which events were for it.
    pub(super) forgotten: u64,
    /// The events for it besides those of its rooms, in order: sent to it before it was admitted.
    pub(super) early: Vec<u64>,
    /// The highest number that it received in the offset of an event that is not kept.
    pub(super) stamped: u64,
    /// Whether a packet for it was dropped, so that its last offset proves nothing.
    pub(super) has_dropped: bool,
    pub(super) history: RoomHistory,
    /// The offset of the last event before it began, for a cluster that keeps sessions.
    pub(super) since: Option<Arc<str>>,
}

pub(super) enum SessionState<S> {
    Connected(S),
    Absent(Box<AbsentSession>),
}

/// The state of a session while it is absent.
pub(super) struct AbsentSession {
    /// When it is forgotten.
    pub(super) until: Instant,
    /// Its number among the absent sessions of its log, in the order of their absence.
    pub(super) absence: u64,
    /// The number of the first event that was not sent to it.
    pub(super) first_missed: u64,
    /// Its rooms, sorted, for binary search.
    pub(super) rooms: Box<[Room]>,
    pub(super) data: SocketData,
}

impl<S: Connection> Session<S> {
    /// The session of a socket that is admitted before the event with the number `admitted`;
    /// `early`: the events that it was sent before.
    pub(super) fn new(socket: &S, admitted: u64, early: Vec<u64>) -> Self {
        let start = early.first().copied().unwrap_or(admitted);
        let (id, state) = (socket.id(), SessionState::Connected(socket.clone()));
        let mut session = Self { id, start, admitted, state, details: None };
        session.add_early(early);
        session
    }

    /// The details, to add to them.
    pub(super) fn details_mut(&mut self) -> &mut SessionDetails {
        self.details.get_or_insert_default()
    }

    pub(super) fn absent(&self) -> Option<&AbsentSession> {
        match &self.state {
            SessionState::Connected(_) => None,
            SessionState::Absent(absent) => Some(absent),
        }
    }

    pub(super) fn add_early(&mut self, early: Vec<u64>) {
        if !early.is_empty() {
            self.details_mut().early.extend(early);
        }
    }

    /// The number from which on it is known which events were for it.
    pub(super) fn known_from(&self) -> u64 {
        self.start.max(self.details.as_ref().map_or(0, |details| details.forgotten))
    }

    /// Whether it is in a room now.
    pub(super) fn is_in(&self, room: &Room) -> bool {
        match &self.state {
            SessionState::Connected(socket) => {
                room.as_str() == self.id.as_str() || socket.is_in(room)
            }
            SessionState::Absent(absent) => absent.rooms.binary_search(room).is_ok(),
        }
    }

    /// Whether an event was, or is, for it.
    pub(super) fn includes(&self, number: u64, event: &LoggedEvent) -> bool {
        let is_in = |room: &Room| self.is_in(room);
        let is_for_rooms = number >= self.admitted;
        let Some(details) = &self.details else {
            return is_for_rooms && event.targets.include(is_in);
        };
        let was_in = |room: &Room| details.history.include(room, number, || is_in(room));
        details.early.binary_search(&number).is_ok()
            || (is_for_rooms && event.targets.include(was_in))
    }

    /// Forgets what only matters to events before this one.
    pub(super) fn forget_before(&mut self, number: u64) {
        let Some(details) = &mut self.details else { return };
        details.history.forget_before(number);
        while details.history.past() > LEFT_ROOMS_MAX
            && let Some(until) = details.history.forget_oldest()
        {
            details.forgotten = details.forgotten.max(until);
        }
        let forgotten = details.early.partition_point(|early| *early < number);
        details.early.drain(..forgotten);
    }

    /// The bytes that it takes while it is absent, without the data, which are the application's.
    pub(super) fn bytes(&self) -> usize {
        let rooms = self.absent().map_or(&[][..], |absent| &absent.rooms);
        let details = self.details.as_ref().map_or(0, |details| {
            let rooms: usize = details.history.rooms().map(room_bytes).sum();
            size_of::<SessionDetails>() + rooms + details.early.len() * size_of::<u64>()
        });
        let session = size_of::<Self>() + size_of::<AbsentSession>() + TABLES_BYTES;
        session + rooms.iter().map(room_bytes).sum::<usize>() + details
    }
}

/// Rooms left that are remembered for a session, as long as events to them are.
const LEFT_ROOMS_MAX: usize = 256;
/// The bytes of a session's entries in tables.
const TABLES_BYTES: usize = 320;
