//! What is kept under a private id.

use tokio::time::Instant;

use super::log::Logged;
use super::room_history::RoomHistory;
use crate::rooms::room::Room;
use crate::socket::Socket;
use crate::socket::data::SocketData;
use crate::socket::id::SocketId;

/// A session that is here, or may come back.
pub(super) struct Session {
    pub(super) id: SocketId,
    /// The number of the first event it could receive.
    pub(super) start: u64,
    /// From this event on everything is for it that is for its rooms.
    pub(super) admitted: u64,
    pub(super) state: SessionState,
    notes: Option<Box<Notes>>,
}

/// What many sessions never have.
#[derive(Default)]
pub(super) struct Notes {
    /// Of the events before this one it is not known any more which were for it.
    pub(super) forgotten: u64,
    /// What is for it beside what is for its rooms, in order: sent to it while it was admitted.
    pub(super) early: Vec<u64>,
    /// The highest offset that came to it with an event that is not in the log.
    pub(super) stamped: u64,
    /// Something was dropped that was for it, so that its last offset says nothing.
    pub(super) has_dropped: bool,
    pub(super) history: RoomHistory,
}

pub(super) enum SessionState {
    Connected(Socket),
    Absent(Box<Absence>),
}

pub(super) struct Absence {
    /// When it is forgotten.
    pub(super) until: Instant,
    /// Its place among those that are away, in their order.
    pub(super) place: u64,
    /// The number of the first event that was not sent to it.
    pub(super) left: u64,
    /// In their order, to be searched.
    pub(super) rooms: Box<[Room]>,
    pub(super) data: SocketData,
}

impl Session {
    /// Of a socket that is admitted before the event with the number `admitted`; what it was sent
    /// before.
    pub(super) fn new(socket: &Socket, admitted: u64, early: Vec<u64>) -> Self {
        let start = early.first().copied().unwrap_or(admitted);
        let (id, state) = (socket.id(), SessionState::Connected(socket.clone()));
        let mut session = Self { id, start, admitted, state, notes: None };
        session.note_early(early);
        session
    }

    pub(super) fn notes(&self) -> Option<&Notes> {
        self.notes.as_deref()
    }

    /// What is noted, to note more.
    pub(super) fn notes_mut(&mut self) -> &mut Notes {
        self.notes.get_or_insert_default()
    }

    pub(super) fn note_early(&mut self, early: Vec<u64>) {
        if !early.is_empty() {
            self.notes_mut().early.extend(early);
        }
    }

    /// From which number on it is known what was for it.
    pub(super) fn known_from(&self) -> u64 {
        self.start.max(self.notes().map_or(0, |notes| notes.forgotten))
    }

    /// Whether it is in a room now.
    pub(super) fn is_in(&self, room: &Room) -> bool {
        match &self.state {
            SessionState::Connected(socket) => {
                room.as_str() == self.id.as_str() || socket.is_in(room)
            }
            SessionState::Absent(away) => away.rooms.binary_search(room).is_ok(),
        }
    }

    /// Whether an event was, or is, for it.
    pub(super) fn includes(&self, number: u64, event: &Logged) -> bool {
        let is_in = |room: &Room| self.is_in(room);
        let is_for_rooms = number >= self.admitted;
        let Some(notes) = self.notes() else {
            return is_for_rooms && event.targets.include(is_in);
        };
        let was_in = |room: &Room| notes.history.include(room, number, || is_in(room));
        notes.early.binary_search(&number).is_ok()
            || (is_for_rooms && event.targets.include(was_in))
    }

    /// Forgets what only matters to events before this one.
    pub(super) fn forget_before(&mut self, number: u64) {
        let Some(notes) = &mut self.notes else { return };
        notes.history.forget_before(number);
        while notes.history.past() > STAYS_MAX
            && let Some(until) = notes.history.forget_oldest()
        {
            notes.forgotten = notes.forgotten.max(until);
        }
        let forgotten = notes.early.partition_point(|early| *early < number);
        notes.early.drain(..forgotten);
    }

    /// What it takes while it is away, data aside: they are the application's.
    pub(super) fn bytes(&self) -> usize {
        let rooms = match &self.state {
            SessionState::Connected(_) => &[][..],
            SessionState::Absent(away) => &away.rooms,
        };
        let bytes = |room: &Room| ROOM_BYTES + room.as_str().len();
        let noted = self.notes().map_or(0, |notes| {
            let rooms: usize = notes.history.rooms().map(bytes).sum();
            size_of::<Notes>() + rooms + notes.early.len() * size_of::<u64>()
        });
        SESSION_BYTES + rooms.iter().map(bytes).sum::<usize>() + noted
    }
}

/// Rooms left that are remembered for a session, as long as events to them are.
const STAYS_MAX: usize = 256;
/// A room in a list or a table beside its name.
pub(super) const ROOM_BYTES: usize = 64;
/// A session, its entries in tables, its place among those that are away.
const SESSION_BYTES: usize = size_of::<Session>() + size_of::<Absence>() + 320;
