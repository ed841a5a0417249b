//! The log of one namespace: its last events, and the sessions that may come back.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use sockeye_engine::Encoded;
use tokio::time::Instant;

use super::absent_sessions::AbsentSessions;
use super::offset::Offset;
use super::section::section;
use super::session::{Absence, ROOM_BYTES, Session, SessionState};
use super::{RecoveryConfig, RecoveryFailure};
use crate::guarantees::tiered_shares::Group;
use crate::rooms::room::Room;
use crate::rooms::targets::Targets;
use crate::session::deadlines::after;
use crate::socket::Socket;
use crate::socket::data::SocketData;
use crate::socket::disconnect_reason::DisconnectReason;
use crate::socket::id::SocketId;

/// The log and the absent sessions of one namespace.
pub(crate) struct Log {
    config: RecoveryConfig,
    /// How long an event may be missed: the longest absence, and before it the longest time in which
    /// a dead connection was not noticed. A pong says that everything sent before its ping has
    /// arrived, so what is older was received by whoever comes back in time.
    event_age_max: Duration,
    /// Tells offsets of this log from those of others.
    epoch: SocketId,
    state: Mutex<State>,
    this: Weak<Log>,
}

struct State {
    /// The number of the next event. They begin with 1: 0 is before the first.
    next: u64,
    /// The number of the first event that was not forgotten for being too many.
    truncated: u64,
    events: VecDeque<Logged>,
    bytes: usize,
    sessions: HashMap<SocketId, Session>,
    /// The private ids of those that are away, in the order in which they expire.
    away: BTreeMap<u64, SocketId>,
    /// The same, with those of other namespaces.
    absences: Arc<AbsentSessions>,
    /// Of whoever goes away next.
    next_place: u64,
}

/// An event that is kept.
pub(super) struct Logged {
    at: Instant,
    packet: Arc<Encoded>,
    bytes: usize,
    pub(super) targets: Targets,
}

/// What a returning client says.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    /// The id it will have.
    pub(crate) id: SocketId,
    pub(crate) pid: SocketId,
    /// The number of the first event it missed.
    from: u64,
}

/// What was kept for a client that returns.
pub(crate) struct Returned<'a> {
    pub(crate) rooms: &'a [Room],
    pub(crate) data: &'a SocketData,
    /// What it missed, in order, with the numbers.
    pub(crate) missed: Vec<(u64, Arc<Encoded>)>,
}

/// What became of a returning client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Return {
    Admitted,
    /// It has left again meanwhile.
    Ended,
    /// There is no room for what it missed.
    Full,
}

impl Log {
    pub(crate) fn new(
        config: RecoveryConfig,
        unnoticed_max: Duration,
        absences: Arc<AbsentSessions>,
    ) -> Arc<Self> {
        let event_age_max = config.max_disconnection.saturating_add(unnoticed_max);
        Arc::new_cyclic(|this| {
            let (epoch, state) = (SocketId::random(), Mutex::new(State::new(absences)));
            Self { config, event_age_max, epoch, state, this: this.clone() }
        })
    }

    /// Gives an event its offset, and keeps the packet that `deliver` has made with it and sent, for
    /// those whom it was for.
    pub(crate) fn record(
        &self,
        _assigned: Option<&str>,
        deliver: impl FnOnce(Offset<'_>) -> (Targets, Arc<Encoded>),
    ) {
        section(|| self.record_now(deliver));
    }

    fn record_now(&self, deliver: impl FnOnce(Offset<'_>) -> (Targets, Arc<Encoded>)) {
        let mut state = self.state.lock();
        let (targets, packet) = deliver(Offset { epoch: &self.epoch, number: state.next });
        state.next += 1;
        let bytes = held_bytes(&packet, &targets);
        state.bytes += bytes;
        state.events.push_back(Logged { at: Instant::now(), packet, bytes, targets });
        self.prune(&mut state);
    }

    /// Lets `deliver` send an event that is not kept, with the newest offset and without another
    /// event in between.
    pub(crate) fn stamp(&self, deliver: impl FnOnce(Offset<'_>)) {
        section(|| {
            let state = self.state.lock();
            deliver(Offset { epoch: &self.epoch, number: state.next - 1 });
        });
    }

    /// What a client may claim that says this private id and this last offset.
    pub(crate) fn claim(&self, pid: &str, offset: Option<&str>) -> Result<Claim, RecoveryFailure> {
        let mut state = self.state.lock();
        self.prune(&mut state);
        let pid = SocketId::parse(pid).ok_or(RecoveryFailure::UnknownSession)?;
        let session = state.sessions.get(&pid).ok_or(RecoveryFailure::UnknownSession)?;
        let last = match offset.and_then(|offset| self.number_in(offset)) {
            None => None,
            Some(number) => {
                let number = number.parse().ok().filter(|number| *number < state.next);
                Some(number.ok_or(RecoveryFailure::UnknownOffset)?)
            }
        };
        // The official client keeps the last offset it saw, also when it gets a new session. Every
        // event of this one has an offset of this log, so who shows another, or one of before it
        // began, has received nothing of it.
        let last = last.filter(|last| *last >= session.start);
        let from = last.map_or(session.start, |last| last + 1);
        if from < state.known_from(session) {
            return Err(RecoveryFailure::LogTruncated);
        }
        if last.is_some_and(|last| !state.has_sent(session, last)) {
            return Err(RecoveryFailure::UnknownOffset);
        }
        Ok(Claim { id: session.id.clone(), pid, from })
    }

    /// Lets `admit` carry a claim out, without any event in between. The session is here from then
    /// on, unless its client has left again: then the result is false.
    pub(crate) fn restore(
        &self,
        claim: &Claim,
        socket: &Socket,
        is_same_user: impl FnOnce(&SocketData) -> bool,
        admit: impl FnOnce(Returned<'_>) -> Return,
    ) -> Result<bool, RecoveryFailure> {
        let (old, data) = self.kept(&claim.pid).ok_or(RecoveryFailure::UnknownSession)?;
        // User code, so without a lock.
        if !is_same_user(&data) {
            return Err(RecoveryFailure::OtherUser);
        }
        // Whoever is still here ends first. That saves the session, which takes the lock.
        if let Some(old) = old {
            old.replace();
        }
        section(|| self.restore_away(claim, socket, admit))
    }

    /// The values of a session, and its socket if its connection has not ended, as far as anybody
    /// noticed.
    fn kept(&self, pid: &SocketId) -> Option<(Option<Socket>, SocketData)> {
        let here = match &self.state.lock().sessions.get(pid)?.state {
            SessionState::Connected(socket) => socket.clone(),
            SessionState::Absent(away) => return Some((None, away.data.clone())),
        };
        let data = here.with_data(SocketData::clone);
        Some((Some(here), data))
    }

    fn restore_away(
        &self,
        claim: &Claim,
        socket: &Socket,
        admit: impl FnOnce(Returned<'_>) -> Return,
    ) -> Result<bool, RecoveryFailure> {
        let state = &mut *self.state.lock();
        let (first, next) = (state.first(), state.next);
        let session = state.sessions.get(&claim.pid).ok_or(RecoveryFailure::UnknownSession)?;
        let SessionState::Absent(away) = &session.state else {
            // Another connection was faster.
            return Err(RecoveryFailure::UnknownSession);
        };
        let has_dropped = session.notes().is_some_and(|notes| notes.has_dropped);
        let has_all = claim.from >= state.known_from(session) && !has_dropped;
        let entered = socket.rooms();
        let mut early = Vec::new();
        let admit = || {
            let missed;
            let held = socket.held_numbers();
            (missed, early) = state.missed(session, claim.from.max(first), &held);
            admit(Returned { rooms: &away.rooms, data: &away.data, missed })
        };
        match if has_all { admit() } else { Return::Full } {
            Return::Ended => return Ok(false),
            Return::Full => {
                // Nor will there be room the next time.
                state.forget(&claim.pid);
                return Err(RecoveryFailure::LogTruncated);
            }
            Return::Admitted => {}
        }
        let place = away.place;
        state.away.remove(&place);
        state.absences.remove(&claim.pid);
        if let Some(session) = state.sessions.get_mut(&claim.pid) {
            // Its own room, under the key it had while it claimed its id, is none of them.
            for room in entered.into_iter().skip(1) {
                if !session.is_in(&room) {
                    session.notes_mut().history.join(room, next);
                }
            }
            session.note_early(early);
            session.state = SessionState::Connected(socket.clone());
            session.forget_before(first);
        }
        Ok(true)
    }

    /// Whether a session is here or may come back.
    pub(crate) fn keeps(&self, pid: &SocketId) -> bool {
        self.state.lock().sessions.contains_key(pid)
    }

    /// A new session is here if `admit` says so, which runs without any event in between.
    pub(crate) fn begin(&self, socket: &Socket, admit: impl FnOnce(&SocketId) -> bool) -> bool {
        section(|| {
            let mut state = self.state.lock();
            let pid = SocketId::random();
            let early = socket.held_numbers();
            let is_admitted = admit(&pid);
            if is_admitted {
                let session = Session::new(socket, state.next, early);
                state.sessions.insert(pid, session);
            }
            is_admitted
        })
    }

    /// A socket joins rooms: `join` tells each that it was not in, without any event in between.
    pub(crate) fn join(&self, socket: &Socket, join: impl FnOnce(&mut dyn FnMut(&Room))) {
        let state = &mut *self.state.lock();
        let next = state.next;
        let mut session = socket.pid().and_then(|pid| state.sessions.get_mut(pid));
        join(&mut |room| {
            if let Some(session) = &mut session {
                session.notes_mut().history.join(room.clone(), next);
            }
        });
    }

    /// A socket leaves rooms: `leave` tells each that it was in, without any event in between.
    pub(crate) fn leave(&self, socket: &Socket, leave: impl FnOnce(&mut dyn FnMut(&Room))) {
        let state = &mut *self.state.lock();
        let (first, next) = (state.first(), state.next);
        let mut session = socket.pid().and_then(|pid| state.sessions.get_mut(pid));
        leave(&mut |room| {
            if let Some(session) = &mut session {
                session.notes_mut().history.leave(room, next);
            }
        });
        if let Some(session) = session {
            session.forget_before(first);
        }
    }

    /// A session ends: kept for a while if its reason is one to come back from. `leave` ends the
    /// socket and takes it out of its rooms, without any event in between; `None`: it has ended
    /// before.
    pub(crate) fn end(
        &self,
        socket: &Socket,
        reason: DisconnectReason,
        leave: impl FnOnce() -> Option<Vec<Room>>,
    ) -> Option<Vec<Room>> {
        let data = socket.with_data(SocketData::clone);
        let mut state = self.state.lock();
        let rooms = leave()?;
        let Some(pid) = socket.pid() else { return Some(rooms) };
        if !is_recoverable(reason) {
            state.forget(pid);
            return Some(rooms);
        }
        let (first, left) = (state.first(), state.next);
        let State { sessions, away, absences, next_place, .. } = &mut *state;
        if let Some(session) = sessions.get_mut(pid) {
            let until = after(Instant::now(), self.config.max_disconnection);
            let place = *next_place;
            *next_place += 1;
            let kept = Absence { until, place, left, rooms: sorted(rooms.clone()), data };
            session.state = SessionState::Absent(Box::new(kept));
            let (stamped, has_dropped) = (socket.stamped(), socket.has_dropped());
            if stamped > 0 || has_dropped {
                let notes = session.notes_mut();
                notes.stamped = notes.stamped.max(stamped);
                notes.has_dropped |= has_dropped;
            }
            session.forget_before(first);
            away.insert(place, pid.clone());
            let (group, log) = (Group::by_address(socket), self.this.clone());
            absences.insert(group, pid.clone(), log, session.bytes());
        }
        self.prune(&mut state);
        let absences = state.absences.clone();
        drop(state);
        absences.make_room();
        Some(rooms)
    }

    /// A session had to make room, unless it came back in the meantime, be it that it is away anew.
    pub(super) fn give_way(&self, pid: &SocketId) {
        let mut state = self.state.lock();
        let is_away = |session: &Session| matches!(session.state, SessionState::Absent(_));
        if state.sessions.get(pid).is_some_and(is_away) && !state.absences.contains(pid) {
            state.forget(pid);
        }
    }

    /// Forgets what is too old or too much. Called with every change, and by the server's sweep.
    fn prune(&self, state: &mut State) {
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
        while let Some((_, pid)) = state.away.first_key_value()
            && state.is_over(pid, now)
        {
            let pid = pid.clone();
            state.forget(&pid);
        }
    }

    /// Forgets what is too old. True: nothing is kept any more.
    pub(crate) fn sweep(&self) -> bool {
        let mut state = self.state.lock();
        self.prune(&mut state);
        if state.events.is_empty() {
            state.events.shrink_to_fit();
        }
        state.events.is_empty() && state.away.is_empty()
    }

    /// What stands for the number in an offset of this log; `None`: it is none.
    fn number_in<'a>(&self, offset: &'a str) -> Option<&'a str> {
        let (epoch, number) = offset.split_once('.')?;
        (self.epoch == *epoch).then_some(number)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        state.away.values().for_each(|pid| state.absences.remove(pid));
    }
}

impl State {
    fn new(absences: Arc<AbsentSessions>) -> Self {
        let (events, sessions, away) = (VecDeque::new(), HashMap::new(), BTreeMap::new());
        let (next, truncated, bytes, next_place) = (1, 0, 0, 0);
        Self { next, truncated, events, bytes, sessions, away, absences, next_place }
    }

    /// The number of the oldest event kept.
    fn first(&self) -> u64 {
        self.next - self.events.len() as u64
    }

    /// From which number on it is known what was for a session.
    fn known_from(&self, session: &Session) -> u64 {
        self.truncated.max(session.known_from())
    }

    /// The events from a number on, which is not before the first.
    fn events_from(&self, number: u64) -> impl Iterator<Item = (u64, &Logged)> {
        let skipped = usize::try_from(number - self.first()).unwrap_or(usize::MAX);
        (number..).zip(self.events.iter().skip(skipped))
    }

    /// Whether a session was sent this offset, as far as that is known: an event that was forgotten
    /// is believed, since all that is known to be for the session is sent again. One look at the log
    /// is enough, so that claims which are refused cost the others nothing.
    fn has_sent(&self, session: &Session, number: u64) -> bool {
        let (stamped, left) = match &session.state {
            SessionState::Connected(socket) => (socket.stamped(), self.next),
            SessionState::Absent(away) => (0, away.left),
        };
        let stamped = session.notes().map_or(0, |notes| notes.stamped).max(stamped);
        if number < self.first().max(self.known_from(session)) || number <= stamped {
            return true;
        }
        let event = self.events_from(number).next().filter(|(number, _)| *number < left);
        event.is_some_and(|(number, event)| session.includes(number, event))
    }

    /// What a session missed from this number on, in order, and which of it came to rooms that it
    /// joined before it was admitted (`held`, in order): that belongs among the rest.
    fn missed(
        &self,
        session: &Session,
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
                missed.push((number, event.packet.clone()));
            }
        }
        (missed, early)
    }

    /// Whether an absent session's time is over.
    fn is_over(&self, pid: &SocketId, now: Instant) -> bool {
        let session = self.sessions.get(pid);
        let until = session.and_then(|session| match &session.state {
            SessionState::Connected(_) => None,
            SessionState::Absent(away) => Some(away.until),
        });
        until.is_none_or(|until| until <= now)
    }

    fn forget(&mut self, pid: &SocketId) {
        let session = self.sessions.remove(pid);
        if let Some(Session { state: SessionState::Absent(away), .. }) = session {
            self.away.remove(&away.place);
            self.absences.remove(pid);
        }
    }
}

/// What an event takes while it is kept: the text and the form in which it went to clients, which its
/// packet keeps, and whom it was for.
fn held_bytes(packet: &Encoded, targets: &Targets) -> usize {
    let text = packet.text().map_or(0, str::len);
    let attachments = packet.attachments().iter().map(|attachment| {
        let times = if attachment.len() > COPIED_BYTES_MAX { 1 } else { 2 };
        times * attachment.len() + ATTACHMENT_BYTES
    });
    let rooms = targets.rooms.iter().chain(&targets.except);
    let rooms: usize = rooms.map(|room| room.as_str().len() + ROOM_BYTES).sum();
    2 * text + attachments.sum::<usize>() + rooms + EVENT_BYTES
}

/// An event beside its text: its entry in the log, its packet, and what the allocator adds.
const EVENT_BYTES: usize = size_of::<Logged>() + size_of::<Encoded>() + 128;
/// An attachment beside its content.
const ATTACHMENT_BYTES: usize = 128;
/// Longer attachments are shared with the form that clients are sent, not copied.
const COPIED_BYTES_MAX: usize = 4096;

/// In an order in which one is found fast.
fn sorted(mut rooms: Vec<Room>) -> Box<[Room]> {
    rooms.sort_unstable();
    rooms.into_boxed_slice()
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
