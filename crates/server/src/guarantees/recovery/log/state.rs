//! The state of a log: its last events, and the sessions that are connected or may come back.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use sockeye_engine::Encoded;
use tokio::time::Instant;

use super::keeping::Keeping;
use crate::cold_state::ColdState;
use crate::guarantees::recovery::absent_sessions::AbsentSessions;
use crate::guarantees::recovery::connection::Connection;
use crate::guarantees::recovery::event::LoggedEvent;
use crate::guarantees::recovery::foreign_offsets::ForeignOffsets;
use crate::guarantees::recovery::session::{Session, SessionState};
use crate::socket::id::SocketId;

/// The state of a log, under its lock.
pub(super) struct LogState<S> {
    /// The number of the next event. They begin with 1: 0 is before the first.
    pub(super) next: u64,
    /// The number of the first event that was not forgotten for being too many.
    pub(super) truncated: u64,
    pub(super) events: VecDeque<LoggedEvent>,
    pub(super) bytes: usize,
    /// The offsets that the cluster assigned.
    pub(super) foreign: ColdState<ForeignOffsets>,
    pub(super) sessions: HashMap<SocketId, Session<S>>,
    /// The private ids of the absent sessions, in the order in which they expire.
    pub(super) absent: BTreeMap<u64, SocketId>,
    /// The number of the next absence.
    pub(super) next_absence: u64,
    /// The absent sessions of this and of other namespaces.
    pub(super) all_absent: Arc<AbsentSessions>,
    /// What the cluster has to write, if it keeps sessions.
    pub(super) keeping: Option<Box<Keeping>>,
}

impl<S: Connection> LogState<S> {
    pub(super) fn new(all_absent: Arc<AbsentSessions>) -> Self {
        let (next, truncated, bytes, next_absence) = (1, 0, 0, 0);
        let (events, foreign) = (VecDeque::new(), ColdState::default());
        let (sessions, absent) = (HashMap::new(), BTreeMap::new());
        let keeping = None;
        Self {
            next,
            truncated,
            events,
            bytes,
            foreign,
            sessions,
            absent,
            next_absence,
            all_absent,
            keeping,
        }
    }

    /// Checks the invariants and returns how many things it looked at.
    pub(super) fn check(&self) -> usize {
        debug_assert!(self.next > self.events.len() as u64, "numbers begin with 1");
        debug_assert!(self.truncated <= self.first(), "what is truncated is not kept");
        debug_assert!(self.events.iter().is_sorted_by_key(|event| event.at), "the oldest is first");
        let bytes: usize = self.events.iter().map(|event| event.bytes).sum();
        debug_assert_eq!(bytes, self.bytes, "bytes are those of the events");
        if let Some(foreign) = self.foreign.get() {
            foreign.check(self.first() - 1, self.next);
        }
        let absent = self.sessions.values().filter(|session| session.absent().is_some());
        debug_assert_eq!(absent.count(), self.absent.len(), "each absent session expires");
        for (absence, pid) in &self.absent {
            let absent = self.sessions.get(pid).and_then(Session::absent);
            debug_assert_eq!(absent.map(|it| it.absence), Some(*absence), "and only once");
            debug_assert!(absent.is_some_and(|it| it.first_missed <= self.next));
        }
        self.events.len() + self.sessions.len()
    }

    /// The number of the event with this offset, if the cluster assigned it and it is known.
    pub(super) fn number_of(&self, text: &str) -> Option<u64> {
        self.foreign.get()?.number_of(text)
    }

    /// The number of the oldest event kept.
    pub(super) fn first(&self) -> u64 {
        self.next - self.events.len() as u64
    }

    /// The number from which on it is known which events were for a session.
    pub(super) fn known_from(&self, session: &Session<S>) -> u64 {
        self.truncated.max(session.known_from())
    }

    /// The events from a number on, which is not before the first.
    pub(super) fn events_from(&self, number: u64) -> impl Iterator<Item = (u64, &LoggedEvent)> {
        let skipped = usize::try_from(number - self.first()).unwrap_or(usize::MAX);
        (number..).zip(self.events.iter().skip(skipped))
    }

    /// Whether a session was sent this offset, as far as that is known: a forgotten event is
    /// accepted, since all that is known to be for the session is sent again. It reads one entry of
    /// the log, so that refused claims cost others nothing.
    pub(super) fn has_sent(&self, session: &Session<S>, number: u64) -> bool {
        let (stamped, first_missed) = match &session.state {
            SessionState::Connected(socket) => (socket.stamped(), self.next),
            SessionState::Absent(absent) => (0, absent.first_missed),
        };
        let stamped = session.details.as_ref().map_or(0, |details| details.stamped).max(stamped);
        if number < self.first().max(self.known_from(session)) || number <= stamped {
            return true;
        }
        let event = self.events_from(number).next().filter(|(number, _)| *number < first_missed);
        event.is_some_and(|(number, event)| session.includes(number, event))
    }

    /// The events that a session missed from this number on, in order, and those among them that it
    /// got in rooms that it joined before it was admitted (`held`, in order).
    pub(super) fn missed(
        &self,
        session: &Session<S>,
        from: u64,
        held: &[u64],
    ) -> (Vec<(u64, Arc<Encoded>)>, Vec<u64>) {
        let (mut missed, mut early) = (Vec::new(), Vec::new());
        for (number, event) in self.events_from(from) {
            let is_member = session.includes(number, event);
            let is_held = !is_member && held.binary_search(&number).is_ok();
            if is_held {
                early.push(number);
            }
            if is_member || is_held {
                missed.push((number, Arc::clone(&event.packet)));
            }
        }
        (missed, early)
    }

    /// Whether an absent session may not come back any more.
    pub(super) fn is_expired(&self, pid: &SocketId, now: Instant) -> bool {
        let absent = self.sessions.get(pid).and_then(Session::absent);
        absent.is_none_or(|absent| absent.until <= now)
    }

    pub(super) fn forget(&mut self, pid: &SocketId) {
        if let Some(keeping) = &mut self.keeping {
            keeping.forget(pid);
        }
        let session = self.sessions.remove(pid);
        if let Some(absent) = session.as_ref().and_then(Session::absent) {
            self.absent.remove(&absent.absence);
            self.all_absent.remove(pid);
        }
    }
}
