//! Connection state recovery: a client that comes back after a lost connection keeps its id, rooms
//! and locals, and gets what it missed.
//!
//! Each namespace keeps a log of its events. Whoever sends takes the log's lock, gives the event
//! its offset (the last argument on the wire), and queues it with every recipient before letting
//! go, so that offsets arrive in order. A client that returns says the last offset it saw; what
//! follows in the log and was for it is sent again, before the reply that it is connected.
//!
//! Better than the official server where that is weak: a client that had received nothing yet
//! recovers too (from where it connected), an old connection that nobody has noticed to be dead is
//! taken over, a session can be recovered any number of times, and the reason of a failure is told.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use sockeye_engine::Encoded;
use tokio::time::Instant;

use crate::{DisconnectReason, Room, Socket, SocketId, adapter::Targets, locals::Locals};

/// How much is kept for clients that come back, for each namespace.
#[derive(Debug, Clone)]
pub struct RecoveryConfig {
    /// How long a client may stay away. Default 2 minutes.
    pub max_disconnection: Duration,
    /// Events kept. Default 10,000.
    pub log_events_max: usize,
    /// Bytes of the events kept. Default 16 MiB.
    pub log_bytes_max: usize,
    /// Sessions kept of clients that are away. Default 10,000; the oldest make room.
    pub sessions_max: usize,
}

impl Default for RecoveryConfig {
    fn default() -> Self {
        Self {
            max_disconnection: Duration::from_secs(120),
            log_events_max: 10_000,
            log_bytes_max: 16 * 1024 * 1024,
            sessions_max: 10_000,
        }
    }
}

/// Whether a connection continues an earlier one, see [`Socket::recovery`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// The client did not ask for it.
    New,
    /// Id, rooms and locals are those of before, and nothing was missed.
    Recovered,
    /// The client asked for it in vain.
    Failed(RecoveryFailure),
}

/// Why a client that wanted to continue has a new session instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryFailure {
    /// The private id is unknown: never given out, from before a restart, or away for too long.
    #[error("unknown or expired session")]
    UnknownSession,
    /// The offset is not one of this namespace, for example from before a restart.
    #[error("unknown offset")]
    UnknownOffset,
    /// More was sent meanwhile than is kept.
    #[error("more was missed than is kept")]
    LogTruncated,
    /// The private id belongs to another user, says
    /// [`Namespace::same_user`](crate::Namespace::same_user).
    #[error("the session is another user's")]
    OtherUser,
}

impl RecoveryFailure {
    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownSession => "unknown_session",
            Self::UnknownOffset => "unknown_offset",
            Self::LogTruncated => "log_truncated",
            Self::OtherUser => "other_user",
        }
    }
}

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
}

#[derive(Default)]
struct State {
    /// The number of the next event.
    next: u64,
    /// The number of the first event that was not forgotten for being too many.
    truncated: u64,
    events: VecDeque<Logged>,
    bytes: usize,
    sessions: HashMap<SocketId, Session>,
    /// The absent sessions in the order in which they expire; an entry whose session is present
    /// again, or left anew, is void.
    away: VecDeque<(Instant, SocketId)>,
}

struct Logged {
    at: Instant,
    packet: Arc<Encoded>,
    bytes: usize,
    targets: Targets,
}

/// What is kept under a private id.
struct Session {
    id: SocketId,
    /// The number of the first event it could receive.
    start: u64,
    /// The rooms it joined or left since then: an event is for those who were in its rooms when it
    /// was sent.
    stays: VecDeque<Stay>,
    presence: Presence,
}

/// For which events a session was in a room.
struct Stay {
    room: Room,
    /// The number of the first.
    since: u64,
    /// The number of the first behind the last; `None`: it is in the room still.
    until: Option<u64>,
}

impl Stay {
    fn covers(&self, room: &Room, number: u64) -> bool {
        self.room == *room && self.since <= number && self.until.is_none_or(|until| number < until)
    }
}

impl Session {
    /// Whether it was in a room when an event was sent, given the rooms it is in now.
    fn was_in(&self, rooms: &[Room], room: &Room, number: u64) -> bool {
        let mut stays = self.stays.iter().filter(|stay| stay.room == *room);
        let is_noted = stays.clone().any(|stay| stay.until.is_none());
        // It was in those from the start of which nothing is noted.
        stays.any(|stay| stay.covers(room, number)) || (!is_noted && rooms.contains(room))
    }
}

enum Presence {
    Here(Socket),
    Away { until: Instant, rooms: Vec<Room>, locals: Locals },
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

impl Log {
    pub(crate) fn new(config: RecoveryConfig, unnoticed_max: Duration) -> Self {
        let event_age_max = config.max_disconnection + unnoticed_max;
        Self { config, event_age_max, epoch: SocketId::random(), state: Mutex::default() }
    }

    /// Gives an event its offset and keeps the packet that `deliver` has made with it and sent.
    pub(crate) fn record(&self, targets: Targets, deliver: impl FnOnce(&str) -> Arc<Encoded>) {
        let mut state = self.state.lock();
        let number = state.next;
        let packet = deliver(&format!("{}.{number}", self.epoch));
        state.next += 1;
        let attachments: usize = packet.attachments().iter().map(bytes::Bytes::len).sum();
        let bytes = packet.text().map_or(0, str::len) + attachments + std::mem::size_of::<Logged>();
        state.bytes += bytes;
        state.events.push_back(Logged { at: Instant::now(), packet, bytes, targets });
        self.prune(&mut state);
    }

    /// What a client may claim that says this private id and this last offset.
    pub(crate) fn claim(&self, pid: &str, offset: Option<&str>) -> Result<Claim, RecoveryFailure> {
        let mut state = self.state.lock();
        self.prune(&mut state);
        let pid = SocketId::parse(pid).ok_or(RecoveryFailure::UnknownSession)?;
        let session = state.sessions.get(&pid).ok_or(RecoveryFailure::UnknownSession)?;
        let from = match offset {
            None => session.start,
            Some(offset) => {
                let number = self.number(offset).filter(|number| *number < state.next);
                number.ok_or(RecoveryFailure::UnknownOffset)? + 1
            }
        };
        if from < state.truncated.max(session.start) {
            return Err(RecoveryFailure::LogTruncated);
        }
        Ok(Claim { id: session.id.clone(), pid, from })
    }

    /// Lets `restore` carry a claim out, without any event in between: what was kept, and the
    /// events to send again. The session is here from then on.
    pub(crate) fn restore(
        &self,
        claim: &Claim,
        socket: &Socket,
        is_same_user: impl FnOnce(&Locals) -> bool,
        restore: impl FnOnce(Vec<Room>, Locals, &[&Arc<Encoded>]),
    ) -> Result<(), RecoveryFailure> {
        let Some(old) = self.here(&claim.pid) else {
            return self.restore_away(claim, socket, is_same_user, restore);
        };
        // Whoever is still here ends first. That saves the session, which takes the lock.
        if !old.with_locals(|locals| is_same_user(locals)) {
            return Err(RecoveryFailure::OtherUser);
        }
        old.replace();
        self.restore_away(claim, socket, |_| true, restore)
    }

    /// The socket of a session whose connection has not ended, as far as anybody noticed.
    fn here(&self, pid: &SocketId) -> Option<Socket> {
        match &self.state.lock().sessions.get(pid)?.presence {
            Presence::Here(socket) => Some(socket.clone()),
            Presence::Away { .. } => None,
        }
    }

    fn restore_away(
        &self,
        claim: &Claim,
        socket: &Socket,
        is_same_user: impl FnOnce(&Locals) -> bool,
        restore: impl FnOnce(Vec<Room>, Locals, &[&Arc<Encoded>]),
    ) -> Result<(), RecoveryFailure> {
        let state = &mut *self.state.lock();
        let first = state.first();
        if claim.from < state.truncated {
            return Err(RecoveryFailure::LogTruncated);
        }
        // What is forgotten for its age alone it has received, see `event_age_max`.
        let from = claim.from.max(first);
        let session = state.sessions.get_mut(&claim.pid).ok_or(RecoveryFailure::UnknownSession)?;
        let Presence::Away { locals, .. } = &session.presence else {
            // Another connection was faster.
            return Err(RecoveryFailure::UnknownSession);
        };
        if !is_same_user(locals) {
            return Err(RecoveryFailure::OtherUser);
        }
        let here = Presence::Here(socket.clone());
        let away = std::mem::replace(&mut session.presence, here);
        let Presence::Away { rooms, locals, .. } = away else {
            return Ok(());
        };
        let skipped = usize::try_from(from - first).unwrap_or(usize::MAX);
        let session = &*session;
        // What came for rooms that it joined again before it was admitted is held by the socket: it
        // belongs among the others, in its order.
        let held = socket.held_packets();
        let events = (from..).zip(state.events.iter().skip(skipped));
        let is_missed = |number: u64, event: &Logged| {
            held.contains(&Arc::as_ptr(&event.packet))
                || event.targets.include(|room| session.was_in(&rooms, room, number))
        };
        let missed = events.filter(|(number, event)| is_missed(*number, event));
        let missed: Vec<_> = missed.map(|(_, event)| &event.packet).collect();
        restore(rooms.clone(), locals, &missed);
        Ok(())
    }

    /// A new session is here if `admit` says so, which runs without any event in between.
    pub(crate) fn begin(&self, socket: &Socket, admit: impl FnOnce(&SocketId) -> bool) -> bool {
        let mut state = self.state.lock();
        let pid = SocketId::random();
        let is_admitted = admit(&pid);
        if is_admitted {
            let (id, start) = (socket.id(), state.next);
            let presence = Presence::Here(socket.clone());
            let stays = VecDeque::new();
            state.sessions.insert(pid, Session { id, start, stays, presence });
        }
        is_admitted
    }

    /// A session that is here joins rooms it was not in.
    pub(crate) fn note_join(&self, pid: &SocketId, rooms: impl Iterator<Item = Room>) {
        let state = &mut *self.state.lock();
        let since = state.next;
        if let Some(session) = state.sessions.get_mut(pid) {
            session.stays.extend(rooms.map(|room| Stay { room, since, until: None }));
        }
    }

    /// A session that is here leaves rooms it was in.
    pub(crate) fn note_leave(&self, pid: &SocketId, rooms: impl Iterator<Item = Room>) {
        let state = &mut *self.state.lock();
        let (first, now) = (state.first(), state.next);
        let Some(session) = state.sessions.get_mut(pid) else { return };
        for room in rooms {
            let is_open = |stay: &Stay| stay.until.is_none() && stay.room == room;
            match session.stays.iter_mut().find(|stay| is_open(stay)) {
                Some(stay) => stay.until = Some(now),
                None => session.stays.push_back(Stay { room, since: 0, until: Some(now) }),
            }
        }
        // Only what may have to be sent again matters.
        session.stays.retain(|stay| stay.until.is_none_or(|until| until > first.max(stay.since)));
        let mut past = session.stays.iter().filter(|stay| stay.until.is_some()).count();
        while past > STAYS_MAX
            && let Some(at) = session.stays.iter().position(|stay| stay.until.is_some())
            && let Some(stay) = session.stays.remove(at)
        {
            session.start = session.start.max(stay.until.unwrap_or(0));
            past -= 1;
        }
    }

    /// A session ends: kept for a while if its reason is one to come back from.
    pub(crate) fn end(
        &self,
        pid: &SocketId,
        reason: DisconnectReason,
        rooms: Vec<Room>,
        locals: Locals,
    ) {
        let mut state = self.state.lock();
        if !is_recoverable(reason) {
            state.sessions.remove(pid);
            return;
        }
        let until = Instant::now() + self.config.max_disconnection;
        if let Some(session) = state.sessions.get_mut(pid) {
            session.presence = Presence::Away { until, rooms, locals };
            state.away.push_back((until, pid.clone()));
        }
        self.prune(&mut state);
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
        while let Some((until, pid)) = state.away.front().cloned() {
            if until > now && state.away.len() <= self.config.sessions_max {
                break;
            }
            state.away.pop_front();
            let is_it = |session: &Session| matches!(session.presence, Presence::Away { until: is, .. } if is == until);
            if state.sessions.get(&pid).is_some_and(is_it) {
                state.sessions.remove(&pid);
            }
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

    fn number(&self, offset: &str) -> Option<u64> {
        let (epoch, number) = offset.split_once('.')?;
        (self.epoch == *epoch).then(|| number.parse().ok())?
    }
}

impl State {
    /// The number of the oldest event kept.
    fn first(&self) -> u64 {
        self.next - self.events.len() as u64
    }
}

/// Rooms left that are remembered for a session, as long as events to them are.
const STAYS_MAX: usize = 256;

/// Whether a client may come back after this, as in the official server; an overflow too, since
/// what did not fit its outbox is in the log.
fn is_recoverable(reason: DisconnectReason) -> bool {
    use DisconnectReason as Reason;
    !matches!(
        reason,
        Reason::ServerDisconnect | Reason::ClientDisconnect | Reason::ParseError | Reason::Expired
    )
}
