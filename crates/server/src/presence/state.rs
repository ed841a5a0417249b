//! The presence of a namespace at run time: the table behind a lock, its timer, the memberships of
//! sockets, and the recipients of differences.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;
use std::time::SystemTime;

use parking_lot::{Mutex, MutexGuard};
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use super::change::{PresenceChange, PresenceChangeKind};
use super::present::{PresenceDifference, PresenceMetadata, Present, PresentConnection};
use super::rules::{DeclaredRules, PresenceError, PresenceLimit, PresenceRules, Share};
use super::servers::Servers;
use super::table::{ConnectionKey, Difference, Person, Seat, Table, TableLimits};
use super::watchers::Watched;
use crate::rooms::room::Room;
use crate::session::deadlines::after;
use crate::socket::disconnect_reason::DisconnectReason;
use crate::socket::id::SocketId;

/// The presence of a namespace; made when it is first asked for.
#[derive(Default)]
pub(crate) struct PresenceSlot(OnceLock<Arc<PresenceState>>);

impl PresenceSlot {
    pub(super) fn get_or_init(
        &self,
        make: impl FnOnce() -> Arc<PresenceState>,
    ) -> &Arc<PresenceState> {
        self.0.get_or_init(make)
    }

    /// `None`: nobody has asked for it yet.
    pub(crate) fn get(&self) -> Option<&Arc<PresenceState>> {
        self.0.get()
    }
}

impl Drop for PresenceSlot {
    fn drop(&mut self) {
        if let Some(presence) = self.0.get() {
            presence.close();
        }
    }
}

/// Sends the differences of a room to the sockets in it.
pub(super) trait Announce: Send + Sync {
    fn announce(&self, room: &Room, rules: &PresenceRules, difference: &PresenceDifference);

    /// Whether there may be other servers.
    fn has_cluster(&self) -> bool {
        false
    }

    /// Tells the other servers of changes. `from`: how many were told before.
    fn tell_servers(&self, from: u64, changes: &[PresenceChange]) {
        let _ = (from, changes);
    }
}

/// The presence of a namespace, see [`PresenceSlot`].
pub(crate) struct PresenceState {
    declared: DeclaredRules,
    inner: Mutex<Inner>,
    /// Wakes the timer before its time.
    wake: Arc<Notify>,
    announcer: Box<dyn Announce>,
    /// The runtime of the timer if it is started by a thread without one.
    runtime: Option<Handle>,
    this: Weak<PresenceState>,
}

pub(super) struct Inner {
    pub(super) table: Table<Kept>,
    pub(super) servers: Servers,
    watches: HashMap<Room, Watched>,
    timer: Timer,
    /// Whether the namespace is gone.
    is_closed: bool,
}

/// The state of the timer, the one task for all graces and differences.
#[derive(Clone, Copy, PartialEq)]
enum Timer {
    /// There is no task.
    Absent,
    /// It reads the table before it sleeps.
    Busy,
    SleepsUntil(Instant),
}

/// The metadata of a connection and the bytes that they take.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) metadata: PresenceMetadata,
    _share: Arc<Share>,
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.metadata == other.metadata
    }
}

/// The rooms in which a socket is present. Kept among the socket's values, so that recovery
/// restores it with them.
pub(crate) struct Memberships {
    presence: Arc<PresenceState>,
    socket: SocketId,
    /// Few rooms. Changed under the lock of the table only.
    rooms: Mutex<Vec<Membership>>,
}

struct Membership {
    room: Room,
    user: Arc<str>,
    kept: Kept,
}

/// The number of this server.
pub(super) const THIS_SERVER: u64 = 0;

/// Bytes of an event. What does not fit is sent in the next one.
const EVENT_BYTES_MAX: usize = 256 * 1024;

/// The bytes of a connection in a room without its texts: its entries in tables, among them those
/// of differences and graces, and what the allocator adds.
const SEAT_BYTES: usize = 1024;

impl PresenceState {
    pub(super) fn new(declared: DeclaredRules, announcer: impl Announce + 'static) -> Arc<Self> {
        let PresenceRules { rooms_max, users_max, connections_max, interval, .. } = *declared.rules;
        let limits = TableLimits { rooms_max, users_max, connections_max };
        let inner = Inner {
            table: Table::new(limits, interval),
            servers: Servers::new(announcer.has_cluster()),
            watches: HashMap::new(),
            timer: Timer::Absent,
            is_closed: false,
        };
        Arc::new_cyclic(|this| Self {
            declared,
            inner: Mutex::new(inner),
            wake: Arc::default(),
            announcer: Box::new(announcer),
            runtime: Handle::try_current().ok(),
            this: Weak::clone(this),
        })
    }

    pub(super) fn rules(&self) -> &PresenceRules {
        &self.declared.rules
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// The memberships of a socket that is not present yet.
    pub(super) fn memberships(self: &Arc<Self>, socket: SocketId) -> Memberships {
        Memberships { presence: Arc::clone(self), socket, rooms: Mutex::default() }
    }

    /// Makes a socket present. `memberships` are read and made under the lock, `is_connected` is
    /// checked after that: either the socket's end finds them, or it is noticed here.
    pub(super) fn join(
        &self,
        room: &Room,
        user: Arc<str>,
        json: Box<RawValue>,
        memberships: impl FnOnce() -> Arc<Memberships>,
        is_connected: impl FnOnce() -> bool,
    ) -> Result<(), PresenceError> {
        let user_bytes_max = self.rules().user_bytes_max;
        if user.len() > user_bytes_max {
            return Err(PresenceLimit::UserBytes.exceeded(user_bytes_max));
        }
        let kept = self.keep(room, &user, json)?;
        let mut inner = self.inner.lock();
        let memberships = memberships();
        if !is_connected() {
            return Err(PresenceError::NotConnected);
        }
        let mut rooms = memberships.rooms.lock();
        let place = rooms.iter().position(|membership| membership.room == *room);
        let rooms_max = self.rules().connection_rooms_max;
        if place.is_none() && rooms.len() >= rooms_max {
            return Err(PresenceLimit::ConnectionRooms.exceeded(rooms_max));
        }
        let now = Instant::now();
        let membership = Membership { room: room.clone(), user, kept };
        let seat = memberships.seat(&membership);
        let replaced = inner.table.join(now, unix_millis(), &seat, membership.kept.clone())?;
        inner.joined_here(now, &seat, &membership.kept, replaced);
        if let Some(place) = place {
            let before = std::mem::replace(&mut rooms[place], membership);
            if before.user != rooms[place].user {
                inner.table.leave(now, &memberships.seat(&before));
            }
        } else {
            if rooms.is_empty() {
                // Most sockets are present in one room.
                rooms.reserve_exact(1);
            }
            rooms.push(membership);
        }
        self.start_timer(inner);
        Ok(())
    }

    /// Changes the metadata of a socket that is present.
    pub(super) fn update(
        &self,
        room: &Room,
        json: Box<RawValue>,
        memberships: &Memberships,
        is_connected: impl FnOnce() -> bool,
    ) -> Result<(), PresenceError> {
        let mut inner = self.inner.lock();
        let mut rooms = memberships.rooms.lock();
        let membership = rooms.iter_mut().find(|membership| membership.room == *room);
        let membership = membership.ok_or(PresenceError::NotPresent)?;
        if !is_connected() {
            return Err(PresenceError::NotConnected);
        }
        let kept = self.keep(room, &membership.user, json)?;
        let (now, seat) = (Instant::now(), memberships.seat(membership));
        let replaced = inner.table.join(now, unix_millis(), &seat, kept.clone())?;
        inner.joined_here(now, &seat, &kept, replaced);
        membership.kept = kept;
        self.start_timer(inner);
        Ok(())
    }

    /// Makes a socket leave. False: it was not present in the room.
    pub(super) fn leave(&self, room: &Room, memberships: &Memberships) -> bool {
        let mut inner = self.inner.lock();
        let mut rooms = memberships.rooms.lock();
        let place = rooms.iter().position(|membership| membership.room == *room);
        let Some(place) = place else { return false };
        let membership = rooms.remove(place);
        if rooms.is_empty() {
            *rooms = Vec::new();
        }
        let (now, seat) = (Instant::now(), memberships.seat(&membership));
        inner.table.leave(now, &seat);
        inner.tell(now, &seat, PresenceChangeKind::Left);
        self.start_timer(inner);
        true
    }

    pub(super) fn list(&self, room: &Room) -> Vec<Present> {
        self.inner.lock().table.list(room).into_iter().map(present).collect()
    }

    pub(super) fn get(&self, room: &Room, user: &str) -> Option<Present> {
        self.inner.lock().table.get(room, user).map(present)
    }

    pub(super) fn count(&self, room: &Room) -> usize {
        self.inner.lock().table.count(room)
    }

    pub(super) fn sockets(&self, room: &Room, user: &str) -> Vec<SocketId> {
        self.inner.lock().table.sockets(THIS_SERVER, room, user)
    }

    /// Adds a watch of a room and returns its number there.
    pub(super) fn watch(&self, room: &Room) -> u64 {
        let mut inner = self.inner.lock();
        inner.watches.entry(room.clone()).or_default().add()
    }

    pub(super) fn unwatch(&self, room: &Room, watch: u64) {
        let mut inner = self.inner.lock();
        if let Some(watched) = inner.watches.get_mut(room)
            && watched.remove(watch)
        {
            inner.watches.remove(room);
        }
    }

    /// Calls a function with a room's watches, and what is published of the room. `None`: the
    /// namespace is gone.
    pub(super) fn with_watched<R>(
        &self,
        room: &Room,
        f: impl FnOnce(&mut Watched, &dyn Fn() -> Vec<Present>) -> R,
    ) -> Option<R> {
        let mut inner = self.inner.lock();
        let Inner { table, watches, is_closed, .. } = &mut *inner;
        let published = || table.published(room).into_iter().map(present).collect();
        let watched = watches.get_mut(room).filter(|_| !*is_closed)?;
        Some(f(watched, &published))
    }

    /// Wakes the watches, which end.
    fn close(&self) {
        let mut inner = self.inner.lock();
        inner.is_closed = true;
        let wakers: Vec<_> = inner.watches.values_mut().flat_map(Watched::take_wakers).collect();
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn keep(&self, room: &Room, user: &str, json: Box<RawValue>) -> Result<Kept, PresenceError> {
        self.keep_metadata(room, user, PresenceMetadata::new(json))
    }

    pub(super) fn keep_metadata(
        &self,
        room: &Room,
        user: &str,
        metadata: PresenceMetadata,
    ) -> Result<Kept, PresenceError> {
        let (bytes, max) = (metadata.json().len(), self.rules().metadata_bytes_max);
        if bytes > max {
            return Err(PresenceLimit::MetadataBytes.exceeded(max));
        }
        let all = SEAT_BYTES + room.as_str().len() + user.len() + bytes;
        let share = self.declared.reserve(all)?;
        Ok(Kept { metadata, _share: share })
    }

    /// Starts or wakes the timer, so that it runs when the next thing is due.
    pub(super) fn start_timer(&self, mut inner: MutexGuard<'_, Inner>) {
        let Some(next) = inner.next() else { return };
        match inner.timer {
            Timer::SleepsUntil(until) if next < until => self.wake.notify_one(),
            Timer::SleepsUntil(_) | Timer::Busy => {}
            Timer::Absent => {
                let here = Handle::try_current().ok();
                let Some(runtime) = here.as_ref().or(self.runtime.as_ref()) else { return };
                inner.timer = Timer::Busy;
                // A runtime that shuts down drops the task here and now, which takes the lock.
                drop(inner);
                let running = Running(Weak::clone(&self.this));
                runtime.spawn(running.run(Arc::clone(&self.wake)));
            }
        }
    }

    /// Removes connections whose grace has ended, and publishes the changes of one room. Returns
    /// when more is due, perhaps now; `None`: nothing is left, and the timer ends.
    fn tick(&self) -> Option<Instant> {
        let mut inner = self.inner.lock();
        let now = Instant::now();
        let gone = inner.table.advance(now);
        inner.gave_up(now, &gone);
        self.tell_servers(&mut inner, Some(now));
        let Some(room) = inner.table.due_room(now) else {
            let next = inner.next();
            inner.timer = next.map_or(Timer::Absent, Timer::SleepsUntil);
            return next;
        };
        inner.timer = Timer::Busy;
        let difference = inner.table.take_difference(now, &room, EVENT_BYTES_MAX, person_bytes);
        let (exact, repeating) = differences(difference);
        let mut wakers = Vec::new();
        if let Some(watched) = inner.watches.get_mut(&room)
            && !exact.is_empty()
        {
            watched.push(&exact, self.rules().waiting_differences_max);
            wakers.extend(watched.take_wakers());
        }
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
        self.announce(&room, repeating.as_ref().unwrap_or(&exact));
        Some(now)
    }

    /// Tells the other servers what waits to be told; at a time, if that has come. Under the lock: they hear of changes in
    /// their order.
    pub(super) fn tell_servers(&self, inner: &mut Inner, at: Option<Instant>) {
        let at = at.or(inner.servers.due);
        if let Some((from, changes)) = at.and_then(|at| inner.servers.take(at)) {
            self.announcer.tell_servers(from, &changes);
        }
    }

    /// Sends a difference to clients, without a lock: watchers of outgoing events are user code.
    fn announce(&self, room: &Room, difference: &PresenceDifference) {
        let rules = self.rules();
        if rules.event.is_some() && !difference.is_empty() {
            self.announcer.announce(room, rules, difference);
        }
    }
}

impl Memberships {
    fn seat(&self, Membership { room, user, .. }: &Membership) -> Seat {
        let key = ConnectionKey { server: THIS_SERVER, socket: self.socket.clone() };
        Seat { room: room.clone(), user: Arc::clone(user), key }
    }

    /// Ends them with their socket. Nothing is done if the client has come back and they are
    /// another socket's by now, which is checked under the lock.
    pub(crate) fn end(&self, reason: DisconnectReason, is_elsewhere: impl FnOnce() -> bool) {
        let mut inner = self.presence.inner.lock();
        if is_elsewhere() {
            return;
        }
        let now = Instant::now();
        let until = is_lost(reason).then(|| after(now, self.presence.rules().grace));
        for membership in &*self.rooms.lock() {
            let seat = self.seat(membership);
            match until {
                Some(until) => {
                    inner.table.lose(&seat, until);
                    inner.tell(now, &seat, PresenceChangeKind::Lost);
                }
                None => {
                    inner.table.leave(now, &seat);
                    inner.tell(now, &seat, PresenceChangeKind::Left);
                }
            }
        }
        self.presence.start_timer(inner);
    }

    /// Makes the client that has come back present where it was, except in rooms that are full.
    pub(crate) fn come_back(&self, is_connected: impl FnOnce() -> bool) {
        let mut inner = self.presence.inner.lock();
        if !is_connected() {
            return;
        }
        let (now, since) = (Instant::now(), unix_millis());
        self.rooms.lock().retain(|membership| {
            let seat = self.seat(membership);
            let joined = inner.table.join(now, since, &seat, membership.kept.clone());
            let joined =
                joined.map(|replaced| inner.joined_here(now, &seat, &membership.kept, replaced));
            let (socket, room) = (&self.socket, &seat.room);
            joined
                .inspect_err(
                    |error| tracing::debug!(%socket, %room, %error, "is not present again"),
                )
                .is_ok()
        });
        self.presence.start_timer(inner);
    }
}

impl Inner {
    /// When something is due.
    fn next(&self) -> Option<Instant> {
        self.table.next().into_iter().chain(self.servers.due).min()
    }
}

/// The guard of the running timer. Dropped by a panic or with the runtime, it marks it absent.
struct Running(Weak<PresenceState>);

impl Running {
    async fn run(mut self, wake: Arc<Notify>) {
        while let Some(next) = self.0.upgrade().and_then(|presence| presence.tick()) {
            if next <= Instant::now() {
                // Other tasks run between two rooms.
                yield_now().await;
                continue;
            }
            tokio::select! {
                () = sleep_until(next) => {}
                () = wake.notified() => {}
            }
        }
        // It is marked absent already, and another one may have been started.
        self.0 = Weak::new();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(presence) = self.0.upgrade() {
            presence.inner.lock().timer = Timer::Absent;
        }
    }
}

/// Whether a connection that ended for this reason was lost, so that its client may come back. The
/// others have left.
fn is_lost(reason: DisconnectReason) -> bool {
    use DisconnectReason as Reason;
    !matches!(reason, Reason::ServerDisconnect | Reason::ClientDisconnect | Reason::Expired)
}

fn present(person: Person<Kept>) -> Present {
    let connections = person.connections.into_iter();
    let connections = connections
        .map(|(since, kept)| PresentConnection { since, metadata: kept.metadata })
        .collect();
    Present { user: person.user.to_string(), since: person.since, connections }
}

/// The approximate bytes of a user in an event.
fn person_bytes(person: &Person<Kept>) -> usize {
    const NAMES: usize = 64;
    let connections = person.connections.iter();
    let bytes = connections.map(|(_, kept)| kept.metadata.json().len() + NAMES);
    person.user.len() + NAMES + bytes.sum::<usize>()
}

/// The difference for watches; and the one for clients, if it is another: they may have had a list
/// ahead of the differences they received, so some changes are sent to them once more.
fn differences(
    difference: Difference<Kept>,
) -> (Arc<PresenceDifference>, Option<PresenceDifference>) {
    let all = |people: Vec<Person<Kept>>| people.into_iter().map(present).collect();
    let (here, gone): (Vec<_>, Vec<_>) =
        difference.unchanged.into_iter().partition(|person| !person.connections.is_empty());
    let exact = PresenceDifference {
        joined: all(difference.joined),
        left: all(difference.left),
        changed: all(difference.changed),
    };
    let repeating = (!here.is_empty() || !gone.is_empty()).then(|| {
        let mut repeating = exact.clone();
        repeating.changed.extend(here.into_iter().map(present));
        repeating.left.extend(gone.into_iter().map(present));
        repeating
    });
    (Arc::new(exact), repeating)
}

fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
