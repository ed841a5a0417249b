//! The log of one namespace: its last events, and the sessions that may come back.

mod adoption;
mod claim;
mod keeping;
mod state;

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use sockeye_engine::Encoded;
use tokio::time::Instant;

pub(crate) use self::adoption::Adoption;
pub(crate) use self::claim::{Claim, Return, Returned};
use self::keeping::Keeping;
pub(crate) use self::keeping::{Taken, Unwritten};
use self::state::LogState;
use super::absent_sessions::{AbsentSessions, SessionKeeper};
use super::connection::Connection;
use super::event::{LoggedEvent, held_bytes};
use super::foreign_offsets::ForeignOffsets;
use super::offset::Offset;
use super::room_history::RoomHistory;
use super::section::section;
use super::session::{AbsentSession, Session, SessionState};
use super::{RecoveryConfig, RecoveryFailure};
use crate::checks;
use crate::guarantees::shares::Group;
use crate::rooms::room::Room;
use crate::rooms::targets::Targets;
use crate::server::snapshot::{RecoverySnapshot, Usage};
use crate::session::deadlines::after;
use crate::socket::data::SocketData;
use crate::socket::disconnect_reason::DisconnectReason;
use crate::socket::id::SocketId;

/// The events and the sessions of one namespace. `S` is a handle of a socket.
pub(crate) struct Log<S> {
    config: RecoveryConfig,
    /// How long an event may be missed: the longest absence, and before it the longest time in
    /// which a dead connection was not noticed. A pong proves that everything sent before its ping
    /// has arrived, so a client that comes back in time has received older events.
    event_age_max: Duration,
    /// Distinguishes the offsets of this log from those of others.
    epoch: SocketId,
    /// Whether the cluster keeps the sessions.
    pub(crate) keeps_sessions: bool,
    state: Mutex<LogState<S>>,
    this: Weak<Self>,
}

impl<S: Connection> Log<S> {
    pub(crate) fn new(
        config: RecoveryConfig,
        unnoticed_max: Duration,
        all_absent: Arc<AbsentSessions>,
        keeps_sessions: bool,
    ) -> Arc<Self> {
        let event_age_max = config.max_disconnection.saturating_add(unnoticed_max);
        Arc::new_cyclic(|this| {
            let mut state = LogState::new(all_absent);
            state.keeping = keeps_sessions.then(Box::default);
            let (epoch, state) = (SocketId::random(), Mutex::new(state));
            Self { config, event_age_max, epoch, keeps_sessions, state, this: Weak::clone(this) }
        })
    }

    /// Gives an event its offset, and keeps the packet that `deliver` made with it and sent, with
    /// its targets. `assigned`: the offset from the cluster, a text that no other event has, in the
    /// order of the events. An event whose text is known was received twice, and is not delivered.
    pub(crate) fn record(
        &self,
        assigned: Option<&str>,
        deliver: impl FnOnce(Offset<'_>, Option<&Unwritten>) -> (Targets, Arc<Encoded>),
    ) {
        section(|| {
            let state = &mut *self.state.lock();
            if assigned.is_some_and(|text| state.number_of(text).is_some()) {
                tracing::debug!(offset = assigned, "an event has come twice and is ignored");
                return;
            }
            let (number, text) = (state.next, assigned);
            let unwritten = state.keeping.as_ref().and_then(|keeping| keeping.unwritten());
            let (targets, packet) = deliver(Offset { epoch: &self.epoch, number, text }, unwritten);
            state.next += 1;
            let bytes = held_bytes(&packet, &targets) + text.map_or(0, ForeignOffsets::bytes);
            state.bytes += bytes;
            state.events.push_back(LoggedEvent { at: Instant::now(), packet, bytes, targets });
            if let Some(text) = text {
                state.foreign.get_or_default().push(number, text);
            }
            self.prune(state);
        });
    }

    /// Lets `deliver` send an event that is not kept, with the newest offset and without another
    /// event in between.
    pub(crate) fn stamp(&self, deliver: impl FnOnce(Offset<'_>)) {
        section(|| {
            let state = self.state.lock();
            let number = state.next - 1;
            let text = state.foreign.get().and_then(|foreign| match &state.keeping {
                Some(_) => foreign.latest().map(|text| &**text),
                None => foreign.newest(number),
            });
            deliver(Offset { epoch: &self.epoch, number, text });
        });
    }

    /// The claim of a client that sends this private id and this last offset, if it is valid.
    pub(crate) fn claim(&self, pid: &str, offset: Option<&str>) -> Result<Claim, RecoveryFailure> {
        let mut state = self.state.lock();
        self.prune(&mut state);
        let pid = SocketId::parse(pid).ok_or(RecoveryFailure::UnknownSession)?;
        let session = state.sessions.get(&pid).ok_or(RecoveryFailure::UnknownSession)?;
        let last = match offset.and_then(|offset| self.number_in(offset)) {
            None => offset.and_then(|text| state.number_of(text)),
            Some(number) => {
                let number = number.parse().ok().filter(|number| *number < state.next);
                Some(number.ok_or(RecoveryFailure::UnknownOffset)?)
            }
        };
        // The official client keeps the last offset it saw, also when it gets a new session. Every
        // event of this one has an offset that this log knows, so a client that sends another, or
        // one from before it began, has received nothing of it. (Or it sends a text of the
        // cluster that is older than all that is kept: then it has received nothing of that.)
        let last = last.filter(|last| *last >= session.start);
        let from = last.map_or(session.start, |last| last + 1);
        if from < state.known_from(session) {
            return Err(RecoveryFailure::LogTruncated);
        }
        if last.is_some_and(|last| !state.has_sent(session, last)) {
            return Err(RecoveryFailure::UnknownOffset);
        }
        Ok(Claim { id: session.id.clone(), pid, from, restored: None })
    }

    /// Lets `admit` carry a claim out, without any event in between. The session is connected from
    /// then on, unless its client has left again: then the result is false.
    pub(crate) fn restore(
        &self,
        claim: &Claim,
        socket: &S,
        is_same_user: impl FnOnce(&SocketData) -> bool,
        admit: impl FnOnce(Returned<'_>) -> Return,
    ) -> Result<bool, RecoveryFailure> {
        let (old, data) = self.kept(&claim.pid).ok_or(RecoveryFailure::UnknownSession)?;
        // User code, so it is called without a lock.
        if !is_same_user(&data) {
            return Err(RecoveryFailure::OtherUser);
        }
        // A socket that is still connected ends first. That keeps the session, which takes the lock.
        if let Some(old) = old {
            old.replace();
        }
        section(|| self.restore_absent(claim, socket, admit))
    }

    /// The values of a session, and its socket if the server has not noticed its end.
    fn kept(&self, pid: &SocketId) -> Option<(Option<S>, SocketData)> {
        let connected = match &self.state.lock().sessions.get(pid)?.state {
            SessionState::Connected(socket) => socket.clone(),
            SessionState::Absent(absent) => return Some((None, absent.data.clone())),
        };
        let data = connected.data();
        Some((Some(connected), data))
    }

    fn restore_absent(
        &self,
        claim: &Claim,
        socket: &S,
        admit: impl FnOnce(Returned<'_>) -> Return,
    ) -> Result<bool, RecoveryFailure> {
        let state = &mut *self.state.lock();
        let (first, next) = (state.first(), state.next);
        let session = state.sessions.get(&claim.pid).ok_or(RecoveryFailure::UnknownSession)?;
        let Some(absent) = session.absent() else {
            // Another connection was faster.
            return Err(RecoveryFailure::UnknownSession);
        };
        let has_dropped = session.details.as_ref().is_some_and(|details| details.has_dropped);
        let has_all = claim.from >= state.known_from(session) && !has_dropped;
        let entered = socket.rooms();
        let mut early = Vec::new();
        let admit = || {
            let missed;
            let held = socket.held_numbers();
            (missed, early) = state.missed(session, claim.from.max(first), &held);
            admit(Returned { rooms: &absent.rooms, data: &absent.data, missed })
        };
        match if has_all { admit() } else { Return::Full } {
            Return::Ended => return Ok(false),
            Return::Full => {
                // There will not be room the next time either.
                state.forget(&claim.pid);
                return Err(RecoveryFailure::LogTruncated);
            }
            Return::Admitted => {}
        }
        let absence = absent.absence;
        state.absent.remove(&absence);
        state.all_absent.remove(&claim.pid);
        if let Some(session) = state.sessions.get_mut(&claim.pid) {
            // Its own room, under the key it had while it claimed its id, is left out.
            for room in entered.into_iter().skip(1) {
                if !session.is_in(&room) {
                    session.details_mut().history.join(&room, next);
                }
            }
            session.add_early(early);
            session.state = SessionState::Connected(socket.clone());
            session.forget_before(first);
        }
        checks::now_and_then(|| state.check());
        Ok(true)
    }

    /// How long a session may be absent.
    pub(crate) fn max_disconnection(&self) -> Duration {
        self.config.max_disconnection
    }

    /// Whether a session is connected or may come back.
    pub(crate) fn keeps(&self, pid: &SocketId) -> bool {
        self.state.lock().sessions.contains_key(pid)
    }

    /// Begins a session if `admit`, which runs without any event in between, returns true.
    pub(crate) fn begin(&self, socket: &S, admit: impl FnOnce(&SocketId) -> bool) -> bool {
        section(|| {
            let state = &mut *self.state.lock();
            let pid = SocketId::random();
            let early = socket.held_numbers();
            let is_admitted = admit(&pid);
            if is_admitted {
                let mut session = Session::new(socket, state.next, early);
                if let Some(keeping) = &mut state.keeping {
                    keeping.begin(&pid);
                    let latest = state.foreign.get().and_then(ForeignOffsets::latest);
                    if latest.is_some() {
                        session.details_mut().since = latest.cloned();
                    }
                }
                state.sessions.insert(pid, session);
                checks::now_and_then(|| state.check());
            }
            is_admitted
        })
    }

    /// Lets a socket join rooms: `join` calls back for each that it was not in, without any event
    /// in between.
    pub(crate) fn join(&self, socket: &S, join: impl FnOnce(&mut dyn FnMut(&Room))) {
        self.change_rooms(socket, join, RoomHistory::join, Keeping::join);
    }

    /// Lets a socket leave rooms: `leave` calls back for each it was in, with no event in between.
    pub(crate) fn leave(&self, socket: &S, leave: impl FnOnce(&mut dyn FnMut(&Room))) {
        self.change_rooms(socket, leave, RoomHistory::leave, Keeping::leave);
    }

    fn change_rooms(
        &self,
        socket: &S,
        change: impl FnOnce(&mut dyn FnMut(&Room)),
        add: fn(&mut RoomHistory, &Room, u64),
        note: fn(&mut Keeping, &SocketId, &SocketId, &Room),
    ) {
        let state = &mut *self.state.lock();
        let (first, next) = (state.first(), state.next);
        let LogState { sessions, keeping, .. } = state;
        let mut session = socket.pid().and_then(|pid| Some((pid, sessions.get_mut(pid)?)));
        change(&mut |room| match (&mut session, &mut *keeping) {
            // What it was in when is asked of the cluster.
            (Some((pid, _)), Some(keeping)) => note(keeping, pid, &socket.id(), room),
            (Some((_, session)), None) => add(&mut session.details_mut().history, room, next),
            (None, _) => {}
        });
        let session = session.map(|(_, session)| session);
        if let Some(session) = session {
            session.forget_before(first);
        }
    }

    /// Ends a session, which is kept for a while if the reason allows recovery. `leave` ends the
    /// socket and takes it out of its rooms, without any event in between; `None`: it has ended
    /// before.
    pub(crate) fn end(
        &self,
        socket: &S,
        reason: DisconnectReason,
        leave: impl FnOnce() -> Option<Vec<Room>>,
    ) -> Option<Vec<Room>> {
        let data = socket.data();
        let mut state = self.state.lock();
        let rooms = leave()?;
        let Some(pid) = socket.pid() else { return Some(rooms) };
        let may_return = is_recoverable(reason);
        if let Some(keeping) = &mut state.keeping {
            // What the client has is not known if something for it was dropped.
            if may_return && !socket.has_dropped() {
                keeping.change(pid);
            } else {
                keeping.end(pid);
            }
        }
        if !may_return {
            state.forget(pid);
            return Some(rooms);
        }
        let (first, first_missed) = (state.first(), state.next);
        let LogState { sessions, absent, all_absent, next_absence, .. } = &mut *state;
        if let Some(session) = sessions.get_mut(pid) {
            let until = after(Instant::now(), self.config.max_disconnection);
            let (absence, mut rooms) = (*next_absence, rooms.clone());
            rooms.sort_unstable();
            let rooms = rooms.into_boxed_slice();
            *next_absence += 1;
            let kept = AbsentSession { until, absence, first_missed, rooms, data };
            session.state = SessionState::Absent(Box::new(kept));
            let (stamped, has_dropped) = (socket.stamped(), socket.has_dropped());
            if stamped > 0 || has_dropped {
                let details = session.details_mut();
                details.stamped = details.stamped.max(stamped);
                details.has_dropped |= has_dropped;
            }
            session.forget_before(first);
            absent.insert(absence, pid.clone());
            let (group, bytes) = (Group::of(socket.address()), session.bytes());
            all_absent.insert(group, pid.clone(), Weak::<Self>::clone(&self.this), bytes);
        }
        self.prune(&mut state);
        let all_absent = Arc::clone(&state.all_absent);
        drop(state);
        all_absent.evict();
        Some(rooms)
    }

    /// Forgets what is too old or too much. Called at every change, and by the server's sweep.
    fn prune(&self, state: &mut LogState<S>) {
        let now = Instant::now();
        while let Some(event) = state.events.front() {
            let is_old = now.duration_since(event.at) > self.event_age_max;
            let is_much = state.events.len() > self.config.log_events_max
                || state.bytes > self.config.log_bytes_max;
            if !is_old && !is_much {
                break;
            }
            state.bytes -= event.bytes;
            state.events.pop_front();
            if !is_old {
                state.truncated = state.first();
            }
        }
        let first = state.first();
        if let Some(foreign) = state.foreign.get_mut() {
            // The one before the first is the offset of a client that has missed all the others.
            foreign.forget_before(first - 1);
        }
        while let Some((_, pid)) = state.absent.first_key_value()
            && state.is_expired(pid, now)
        {
            let pid = pid.clone();
            state.forget(&pid);
        }
        checks::now_and_then(|| state.check());
    }

    /// Forgets what is too old. True: nothing is left.
    pub(crate) fn sweep(&self) -> bool {
        let mut state = self.state.lock();
        self.prune(&mut state);
        if state.events.is_empty() {
            state.events.shrink_to_fit();
            state.foreign.get_mut().map(ForeignOffsets::shrink_to_fit);
        }
        state.events.is_empty() && state.absent.is_empty()
    }

    /// Counts of what is kept.
    pub(crate) fn snapshot(&self) -> RecoverySnapshot {
        let state = self.state.lock();
        let (sessions, bytes) = state.all_absent.usage();
        RecoverySnapshot {
            log_events: Usage::new(state.events.len(), self.config.log_events_max),
            log_bytes: Usage::new(state.bytes, self.config.log_bytes_max),
            absent_sessions: state.absent.len(),
            declaration_sessions: sessions,
            declaration_bytes: bytes,
        }
    }

    /// The text of the number in an offset of this log; `None`: it is not one of this log.
    fn number_in<'a>(&self, offset: &'a str) -> Option<&'a str> {
        let (epoch, number) = offset.split_once('.')?;
        (self.epoch == *epoch).then_some(number)
    }
}

impl<S: Connection> SessionKeeper for Log<S> {
    /// Forgets the session unless it has come back meanwhile, even if it is absent again.
    fn evicted(&self, pid: &SocketId) {
        let mut state = self.state.lock();
        let is_absent = state.sessions.get(pid).is_some_and(|session| session.absent().is_some());
        if is_absent && !state.all_absent.contains(pid) {
            state.forget(pid);
        }
        checks::now_and_then(|| state.check());
    }
}

impl<S> Drop for Log<S> {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        state.absent.values().for_each(|pid| state.all_absent.remove(pid));
    }
}

/// Whether a client may come back after this, as in the official server; an overflow too, since
/// what did not fit its outbox is in the log.
fn is_recoverable(reason: DisconnectReason) -> bool {
    use DisconnectReason as Reason;
    !matches!(
        reason,
        Reason::ServerDisconnect | Reason::ClientDisconnect | Reason::ParseError | Reason::Expired
    )
}

#[cfg(test)]
mod tests;
