//! The table of presence: by room, a map from user to connections, without IO and without a clock.
//!
//! A connection is identified by its server and its socket, and nothing here depends on which
//! server it is: connections of other servers take the same calls with those servers' keys.
//!
//! **Published** is the state that all recipients of differences have. A change makes its user one
//! of the room's changed users; what was published of them is kept until
//! [`take_difference`](Table::take_difference) publishes what they are then.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::rules::{PresenceError, PresenceLimit};
use crate::rooms::room::Room;
use crate::session::deadlines::after;
use crate::socket::id::SocketId;

/// The key of a connection among those of all servers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnectionKey {
    pub(super) server: u64,
    pub(super) socket: SocketId,
}

/// One presence in a room: a user and one of their connections.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seat {
    pub(super) room: Room,
    pub(super) user: Arc<str>,
    pub(super) key: ConnectionKey,
}

/// Since when a connection is there, and its user: milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since {
    pub(super) user: u64,
    pub(super) connection: u64,
}

impl From<u64> for Since {
    fn from(now: u64) -> Self {
        Self { user: now, connection: now }
    }
}

/// The limits of the table, each at least 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableLimits {
    pub(super) rooms_max: usize,
    pub(super) users_max: usize,
    pub(super) connections_max: usize,
}

/// The table of presence. `M` are the metadata.
#[derive(Debug)]
pub(super) struct Table<M> {
    limits: TableLimits,
    /// The time from a change until its difference may be taken.
    interval: Duration,
    rooms: HashMap<Room, RoomTable<M>>,
    /// The number of rooms with users; the others only have differences to be taken.
    occupied: usize,
    /// The ends of the graces of lost connections.
    graces: BTreeSet<(Instant, Seat)>,
    /// The times from which the differences of rooms may be taken.
    due: BTreeSet<(Instant, Room)>,
}

#[derive(Debug)]
struct RoomTable<M> {
    users: BTreeMap<Arc<str>, User<M>>,
    /// The published state of the changed users; `None`: published as not present.
    changed: HashMap<Arc<str>, Option<Person<M>>>,
    /// The changed users in the order of their first change.
    order: VecDeque<Arc<str>>,
    /// Whether a list, or a part of it, was read that is ahead of what is published.
    is_read_ahead: bool,
    /// When its difference may be taken, while there are changed users.
    due: Option<Instant>,
}

#[derive(Debug)]
struct User<M> {
    since: u64,
    /// The connections in the order in which they joined; never empty.
    connections: Vec<Connection<M>>,
}

#[derive(Debug)]
struct Connection<M> {
    key: ConnectionKey,
    since: u64,
    metadata: M,
    /// Until when its client may come back; `None`: it is not lost.
    lost_until: Option<Instant>,
}

/// A user as published. A lost connection is published like any other.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Person<M> {
    pub(super) user: Arc<str>,
    pub(super) since: u64,
    /// Since when, and the metadata.
    pub(super) connections: Vec<(u64, M)>,
}

/// The changes since the last difference.
#[derive(Debug, PartialEq)]
pub(super) struct Difference<M> {
    pub(super) joined: Vec<Person<M>>,
    pub(super) left: Vec<Person<M>>,
    pub(super) changed: Vec<Person<M>>,
    /// Users who are again as published, after a change that a list may have shown. Irrelevant to a
    /// recipient who has never had a list.
    pub(super) unchanged: Vec<Person<M>>,
}

impl<M: Clone + PartialEq> Table<M> {
    pub(super) fn new(limits: TableLimits, interval: Duration) -> Self {
        Self {
            limits,
            interval,
            rooms: HashMap::new(),
            occupied: 0,
            graces: BTreeSet::new(),
            due: BTreeSet::new(),
        }
    }

    /// Adds a connection, or changes its metadata. It replaces a lost one of its user, if there is
    /// one: first one with the same metadata, else the oldest. `since` is the wall-clock time. Returns
    /// the other connection that it has replaced.
    pub(super) fn join(
        &mut self,
        now: Instant,
        since: impl Into<Since>,
        seat: &Seat,
        metadata: M,
    ) -> Result<Option<ConnectionKey>, PresenceError> {
        let Some(place) = self.place(seat, &metadata)? else {
            self.add(now, since.into(), seat, metadata);
            return Ok(None);
        };
        // Replacing one with the same metadata is not visible, so it is not published.
        if self.user(seat).is_some_and(|user| user.connections[place].metadata != metadata) {
            self.note_change(now, seat);
        }
        let user = self.user(seat).expect("it has that place");
        let connection = &mut user.connections[place];
        let key = std::mem::replace(&mut connection.key, seat.key.clone());
        connection.metadata = metadata;
        if let Some(until) = connection.lost_until.take() {
            self.graces.remove(&(until, Seat { key: key.clone(), ..seat.clone() }));
        }
        self.check(&seat.room);
        Ok((key != seat.key).then_some(key))
    }

    /// Adds a connection to the others of its user.
    fn add(&mut self, now: Instant, since: Since, seat: &Seat, metadata: M) {
        self.note_change(now, seat);
        let room = self.rooms.get_mut(&seat.room).expect("its change is noted");
        if room.users.is_empty() {
            self.occupied += 1;
        }
        let user = room.users.entry(Arc::clone(&seat.user));
        let user =
            user.or_insert_with(|| User { since: since.user, connections: Vec::with_capacity(1) });
        user.since = user.since.min(since.user);
        let (key, since) = (seat.key.clone(), since.connection);
        user.connections.push(Connection { key, since, metadata, lost_until: None });
        self.check(&seat.room);
    }

    /// The position of the connection of its user that it is or replaces; `None`: it is added.
    fn place(&self, seat: &Seat, metadata: &M) -> Result<Option<usize>, PresenceError> {
        let TableLimits { rooms_max, users_max, connections_max } = self.limits;
        let users = self.rooms.get(&seat.room).map(|room| &room.users);
        let Some(users) = users.filter(|users| !users.is_empty()) else {
            return match self.occupied < rooms_max {
                true => Ok(None),
                false => Err(PresenceLimit::Rooms.exceeded(rooms_max)),
            };
        };
        let Some(user) = users.get(&seat.user) else {
            return match users.len() < users_max {
                true => Ok(None),
                false => Err(PresenceLimit::Users.exceeded(users_max)),
            };
        };
        let place =
            |is_it: &dyn Fn(&Connection<M>) -> bool| user.connections.iter().position(is_it);
        let place = place(&|it| it.key == seat.key)
            .or_else(|| place(&|it| it.lost_until.is_some() && it.metadata == *metadata))
            .or_else(|| place(&|it| it.lost_until.is_some()));
        if place.is_none() && user.connections.len() >= connections_max {
            return Err(PresenceLimit::Connections.exceeded(connections_max));
        }
        Ok(place)
    }

    /// Removes a connection. False: it was not there.
    pub(super) fn leave(&mut self, now: Instant, seat: &Seat) -> bool {
        let Some(until) = self.connection(seat).map(|connection| connection.lost_until) else {
            return false;
        };
        if let Some(until) = until {
            self.graces.remove(&(until, seat.clone()));
        }
        self.note_change(now, seat);
        let room = self.rooms.get_mut(&seat.room).expect("it is there");
        let user = room.users.get_mut(&seat.user).expect("it is there");
        user.connections.retain(|connection| connection.key != seat.key);
        if user.connections.is_empty() {
            room.users.remove(&seat.user);
            if room.users.is_empty() {
                self.occupied -= 1;
            }
        }
        self.check(&seat.room);
        true
    }

    /// Marks a connection as lost: it leaves at `until`, unless it comes back or is replaced.
    pub(super) fn lose(&mut self, seat: &Seat, until: Instant) {
        if let Some(connection) = self.connection(seat)
            && connection.lost_until.is_none()
        {
            connection.lost_until = Some(until);
            self.graces.insert((until, seat.clone()));
        }
        self.check(&seat.room);
    }

    /// Removes the lost connections whose grace has ended, and returns them.
    pub(super) fn advance(&mut self, now: Instant) -> Vec<Seat> {
        let mut gone = Vec::new();
        while let Some((until, seat)) = self.graces.first().cloned()
            && until <= now
        {
            self.leave(now, &seat);
            gone.push(seat);
        }
        gone
    }

    /// Calls a function with each connection of a server: its room, its user and since when that one
    /// is there, the connection's id, since when it is there, its metadata, and whether it is lost.
    pub(super) fn each_of(
        &self,
        server: u64,
        mut f: impl FnMut(&Room, &Arc<str>, Since, &SocketId, &M, bool),
    ) {
        for (room, of_room) in &self.rooms {
            for (name, user) in &of_room.users {
                let own = user.connections.iter().filter(|it| it.key.server == server);
                for Connection { key, since, metadata, lost_until } in own {
                    let since = Since { user: user.since, connection: *since };
                    f(room, name, since, &key.socket, metadata, lost_until.is_some());
                }
            }
        }
    }

    /// Since when a user is present in a room.
    pub(super) fn since(&self, room: &Room, user: &str) -> Option<u64> {
        Some(self.rooms.get(room)?.users.get(user)?.since)
    }

    /// The connection of a seat: since when it is there.
    pub(super) fn connection_since(&mut self, seat: &Seat) -> Option<u64> {
        self.connection(seat).map(|connection| connection.since)
    }

    /// When [`advance`](Table::advance) or [`take_difference`](Table::take_difference) has
    /// something to do.
    pub(super) fn next(&self) -> Option<Instant> {
        let grace = self.graces.first().map(|(until, _)| *until);
        grace.into_iter().chain(self.due.first().map(|(due, _)| *due)).min()
    }

    /// A room whose difference may be taken.
    pub(super) fn due_room(&self, now: Instant) -> Option<Room> {
        self.due.first().filter(|(due, _)| *due <= now).map(|(_, room)| room.clone())
    }

    /// Takes the changes of a room, which are published by it. At most so many bytes, or one user;
    /// the rest may be taken an interval later.
    pub(super) fn take_difference(
        &mut self,
        now: Instant,
        room_name: &Room,
        bytes_max: usize,
        bytes_of: impl Fn(&Person<M>) -> usize,
    ) -> Difference<M> {
        let mut difference = Difference::default();
        let Some(room) = self.rooms.get_mut(room_name) else { return difference };
        let mut bytes = 0;
        while let Some(user) = room.order.front().cloned() {
            let (published, current) = (room.changed[&user].clone(), room.person(&user));
            let heaviest = published.iter().chain(&current).map(&bytes_of).max();
            let heaviest = heaviest.unwrap_or_default();
            if bytes > 0 && bytes + heaviest > bytes_max {
                break;
            }
            bytes += heaviest;
            room.order.pop_front();
            room.changed.remove(&user);
            let gone = || Person { user, since: 0, connections: Vec::new() };
            match (published, current) {
                (published, current) if published == current => {
                    if room.is_read_ahead {
                        difference.unchanged.push(current.unwrap_or_else(gone));
                    }
                }
                (None, Some(current)) => difference.joined.push(current),
                (Some(published), None) => difference.left.push(published),
                (_, current) => difference.changed.extend(current),
            }
        }
        if let Some(due) = room.due.take() {
            self.due.remove(&(due, room_name.clone()));
        }
        if !room.order.is_empty() {
            let due = after(now, self.interval);
            room.due = Some(due);
            self.due.insert((due, room_name.clone()));
        } else {
            room.is_read_ahead = false;
            if room.users.is_empty() {
                self.rooms.remove(room_name);
            }
        }
        self.check(room_name);
        difference
    }

    /// Everybody who is present in a room, in the order of their keys, for a recipient of the
    /// differences that follow.
    pub(super) fn list(&mut self, room: &Room) -> Vec<Person<M>> {
        let Some(room) = self.rooms.get_mut(room) else { return Vec::new() };
        room.is_read_ahead |= !room.order.is_empty();
        room.users.iter().map(|(user, it)| it.person(user)).collect()
    }

    /// As [`list`](Table::list), for one user.
    pub(super) fn get(&mut self, room: &Room, user: &str) -> Option<Person<M>> {
        let room = self.rooms.get_mut(room)?;
        room.is_read_ahead |= !room.order.is_empty();
        room.person(user)
    }

    /// How many users are present.
    pub(super) fn count(&self, room: &Room) -> usize {
        self.rooms.get(room).map_or(0, |room| room.users.len())
    }

    /// The sockets of a user's connections to this server that are not lost.
    pub(super) fn sockets(&self, server: u64, room: &Room, user: &str) -> Vec<SocketId> {
        let user = self.rooms.get(room).and_then(|room| room.users.get(user));
        let here = user.into_iter().flat_map(|user| &user.connections);
        let here = here.filter(|it| it.key.server == server && it.lost_until.is_none());
        here.map(|it| it.key.socket.clone()).collect()
    }

    /// The published state of a room, to which the next difference applies.
    pub(super) fn published(&self, room: &Room) -> Vec<Person<M>> {
        let Some(room) = self.rooms.get(room) else { return Vec::new() };
        let unchanged = room.users.iter().filter(|(user, _)| !room.changed.contains_key(*user));
        let unchanged = unchanged.map(|(user, it)| it.person(user));
        let mut all: Vec<_> = unchanged.chain(room.changed.values().flatten().cloned()).collect();
        all.sort_unstable_by(|a, b| a.user.cmp(&b.user));
        all
    }

    fn user(&mut self, seat: &Seat) -> Option<&mut User<M>> {
        self.rooms.get_mut(&seat.room)?.users.get_mut(&seat.user)
    }

    fn connection(&mut self, seat: &Seat) -> Option<&mut Connection<M>> {
        self.user(seat)?.connections.iter_mut().find(|connection| connection.key == seat.key)
    }

    /// Keeps the published state of a user who is about to change.
    fn note_change(&mut self, now: Instant, seat: &Seat) {
        let room = self.rooms.entry(seat.room.clone()).or_insert_with(RoomTable::new);
        if room.changed.contains_key(&seat.user) {
            return;
        }
        room.changed.insert(Arc::clone(&seat.user), room.person(&seat.user));
        room.order.push_back(Arc::clone(&seat.user));
        if room.due.is_none() {
            let due = after(now, self.interval);
            room.due = Some(due);
            self.due.insert((due, seat.room.clone()));
        }
    }

    /// Checks the invariants of the room that was changed.
    fn check(&self, room_name: &Room) {
        if !cfg!(debug_assertions) {
            return;
        }
        assert!(self.occupied <= self.limits.rooms_max && self.occupied <= self.rooms.len());
        assert!(self.due.len() <= self.rooms.len());
        let Some(room) = self.rooms.get(room_name) else { return };
        assert!(!room.users.is_empty() || !room.order.is_empty(), "nothing is kept for nothing");
        assert_eq!(room.order.len(), room.changed.len());
        assert!(room.order.iter().all(|user| room.changed.contains_key(user)));
        assert_eq!(room.due.is_some(), !room.order.is_empty());
        if let Some(due) = room.due {
            assert!(self.due.contains(&(due, room_name.clone())));
        }
        assert!(room.users.len() <= self.limits.users_max);
        assert!(!room.is_read_ahead || !room.order.is_empty());
        for (name, user) in &room.users {
            assert!((1..=self.limits.connections_max).contains(&user.connections.len()));
            for connection in &user.connections {
                if let Some(until) = connection.lost_until {
                    let (user, key) = (Arc::clone(name), connection.key.clone());
                    let seat = Seat { room: room_name.clone(), user, key };
                    assert!(self.graces.contains(&(until, seat)), "a lost one is given up");
                }
            }
        }
    }
}

impl<M: Clone> RoomTable<M> {
    fn new() -> Self {
        Self {
            users: BTreeMap::new(),
            changed: HashMap::new(),
            order: VecDeque::new(),
            is_read_ahead: false,
            due: None,
        }
    }

    fn person(&self, user: &str) -> Option<Person<M>> {
        self.users.get_key_value(user).map(|(name, user)| user.person(name))
    }
}

impl<M: Clone> User<M> {
    fn person(&self, user: &Arc<str>) -> Person<M> {
        let connections = self.connections.iter().map(|it| (it.since, it.metadata.clone()));
        Person { user: Arc::clone(user), since: self.since, connections: connections.collect() }
    }
}

impl<M> Default for Difference<M> {
    fn default() -> Self {
        Self { joined: Vec::new(), left: Vec::new(), changed: Vec::new(), unchanged: Vec::new() }
    }
}

#[cfg(test)]
mod tests;
