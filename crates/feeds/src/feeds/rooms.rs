//! Which feeds there are: of namespaces, and of the rooms that somebody reads.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;
use sockeye::{Io, Operation, Server, TargetsRef};
use sockeye_net::network;
use tokio::time::Instant;

use super::Inner;
use crate::stream::Shared;

/// The feeds of all namespaces.
#[derive(Default)]
pub(super) struct Spaces {
    by_namespace: HashMap<Box<str>, Space>,
    /// When all of them were looked at last.
    swept: Option<Instant>,
    /// At so many namespaces those are looked for that are no more.
    namespaces_swept_at: usize,
    /// How many feeds of rooms there are that may make room for others.
    passing: usize,
}

/// Below this many, nobody minds.
const NAMESPACES_SWEPT_AT_MIN: usize = 64;

/// The feeds of one namespace.
#[derive(Default)]
pub(super) struct Space {
    whole: Option<Arc<Shared>>,
    rooms: HashMap<Box<str>, RoomFeed>,
}

struct RoomFeed {
    stream: Arc<Shared>,
    /// It was offered by its name.
    is_kept: bool,
    /// Who read it first: a stranger who reads many rooms takes the place of his own.
    group: Option<IpAddr>,
}

impl Spaces {
    /// The feeds that an event is for. They are pushed to without a lock on what there is: they may have to
    /// give something up.
    pub(super) fn of(&self, operation: &Operation<'_>) -> SmallVec<[Arc<Shared>; 2]> {
        let space = self.by_namespace.get(operation.namespace);
        space.map(|space| space.feeds(&operation.targets)).unwrap_or_default()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Shared>> {
        self.by_namespace.values().flat_map(|space| {
            space.whole.iter().chain(space.rooms.values().map(|room| &room.stream))
        })
    }

    fn find(&self, namespace: &str, room: Option<&str>) -> Option<Arc<Shared>> {
        let space = self.by_namespace.get(namespace)?;
        match room {
            None => space.whole.clone(),
            Some(room) => space.rooms.get(room).map(|room| Arc::clone(&room.stream)),
        }
    }

    /// Gives up what nobody has read for long, and namespaces that are no more.
    fn sweep(&mut self, now: Instant, idle_max: Duration) {
        if self.swept.is_some_and(|swept| now.duration_since(swept) < SWEEP_INTERVAL) {
            return;
        }
        self.swept = Some(now);
        let is_in_use = |stream: &Arc<Shared>| {
            idle_since(stream).is_none_or(|since| now.duration_since(since) < idle_max)
        };
        for space in self.by_namespace.values_mut() {
            space.rooms.retain(|_, room| room.is_kept || is_in_use(&room.stream));
            space.whole.take_if(|whole| !whole.is_alive() && !is_in_use(whole));
        }
        self.by_namespace.retain(|_, space| space.whole.is_some() || !space.rooms.is_empty());
        self.count();
    }

    /// Keeps the feed of a whole namespace. There are as many as namespaces that are there, and at most as
    /// many again of those that are no more: clients may come up with one name after the other.
    fn add_whole(&mut self, namespace: String, stream: Arc<Shared>) {
        if self.by_namespace.len() >= self.namespaces_swept_at.max(NAMESPACES_SWEPT_AT_MIN) {
            for space in self.by_namespace.values_mut() {
                space.whole.take_if(|whole| !whole.is_alive() && idle_since(whole).is_some());
            }
            self.by_namespace.retain(|_, space| space.whole.is_some() || !space.rooms.is_empty());
            self.namespaces_swept_at = 2 * self.by_namespace.len();
        }
        self.by_namespace.entry(namespace.into()).or_default().whole = Some(stream);
    }

    fn count(&mut self) {
        let rooms = self.by_namespace.values().flat_map(|space| space.rooms.values());
        self.passing = rooms.filter(|room| !room.is_kept).count();
    }

    /// Gives up the feeds that nobody has read for longest, first those of the address that has begun the most:
    /// several at once, for looking at all of them takes time in which nothing is heard. False: all are being
    /// read.
    fn make_place(&mut self, rooms_max: usize) -> bool {
        let mut begun: HashMap<Option<IpAddr>, usize> = HashMap::new();
        let mut idle = Vec::new();
        for (namespace, space) in &self.by_namespace {
            for (name, room) in space.rooms.iter().filter(|(_, room)| !room.is_kept) {
                *begun.entry(room.group).or_default() += 1;
                if let Some(since) = idle_since(&room.stream) {
                    idle.push((room.group, since, &**namespace, &**name));
                }
            }
        }
        if idle.is_empty() {
            return false;
        }
        let count = (rooms_max / PLACES_AT_ONCE).clamp(1, idle.len());
        idle.select_nth_unstable_by_key(count - 1, |(group, since, ..)| {
            (Reverse(begun.get(group).copied()), *since)
        });
        idle.truncate(count);
        let names = idle.into_iter().map(|(.., namespace, name)| (namespace.into(), name.into()));
        for (namespace, name) in names.collect::<Vec<(Box<str>, Box<str>)>>() {
            if let Some(space) = self.by_namespace.get_mut(&namespace) {
                space.rooms.remove(&name);
            }
        }
        self.count();
        true
    }
}

/// One of so many rooms is given up when there is no place for another.
const PLACES_AT_ONCE: usize = 64;
/// All of them are looked at no more often.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

impl Space {
    /// Of all of it what is for everybody, of a room what is for that room, once.
    fn feeds(&self, targets: &TargetsRef<'_>) -> SmallVec<[Arc<Shared>; 2]> {
        if targets.rooms.is_empty() {
            return self.whole.iter().cloned().collect();
        }
        let rooms = targets.rooms.iter().enumerate().filter(|(at, room)| {
            !targets.except.contains(room) && !targets.rooms[..*at].contains(room)
        });
        let feeds = rooms.filter_map(|(_, room)| self.rooms.get(room.as_str()));
        feeds.map(|feed| Arc::clone(&feed.stream)).collect()
    }
}

impl Inner {
    /// Begins what was offered by name.
    pub(super) fn begin(&self, server: &Server) {
        let spaces = &mut *self.spaces.write();
        for io in server.namespaces() {
            let namespace = io.namespace().to_owned();
            if self.offers.has(&namespace, None) {
                let whole = self.new_feed(&namespace, io);
                spaces.by_namespace.entry(namespace.into()).or_default().whole = Some(whole);
            }
        }
        for (namespace, room) in self.offers.rooms() {
            let Some(io) = server.of(namespace) else { continue };
            let stream = self.new_feed(&feed_name(namespace, Some(room)), io);
            let feed = RoomFeed { stream, is_kept: true, group: None };
            spaces
                .by_namespace
                .entry(namespace.into())
                .or_default()
                .rooms
                .insert(room.into(), feed);
        }
    }

    /// The feed of a namespace or a room, which begins now if nobody has read it before. `None`: there are
    /// too many that somebody reads.
    pub(super) fn feed(
        &self,
        io: Io,
        room: Option<&str>,
        address: Option<IpAddr>,
    ) -> Option<Arc<Shared>> {
        let namespace = io.namespace().to_owned();
        if let Some(feed) = self.spaces.read().find(&namespace, room) {
            return Some(feed);
        }
        let spaces = &mut *self.spaces.write();
        if let Some(feed) = spaces.find(&namespace, room) {
            return Some(feed);
        }
        let stream = self.new_feed(&feed_name(&namespace, room), io);
        let Some(room) = room else {
            spaces.add_whole(namespace, Arc::clone(&stream));
            return Some(stream);
        };
        let is_kept = self.offers.has_room(&namespace, room);
        if !is_kept {
            let is_full = |spaces: &Spaces| spaces.passing >= self.config.rooms_max;
            if is_full(spaces) || spaces.passing.is_power_of_two() {
                spaces.sweep(Instant::now(), self.config.room_idle_max);
            }
            if is_full(spaces) && !spaces.make_place(self.config.rooms_max) {
                return None;
            }
            spaces.passing += 1;
        }
        let feed = RoomFeed { stream: Arc::clone(&stream), is_kept, group: address.map(network) };
        let space = spaces.by_namespace.entry(namespace.into()).or_default();
        space.rooms.insert(room.into(), feed);
        Some(stream)
    }
}

/// Since when nobody reads a feed; `None` while somebody does, or is about to: whoever holds it counts on
/// what is sent being pushed to it, also before it is among those who listen.
fn idle_since(stream: &Arc<Shared>) -> Option<Instant> {
    let is_ours_alone = Arc::strong_count(stream) == 1;
    is_ours_alone.then(|| stream.idle_since()).flatten()
}

/// So much of a room's name is in logs.
const LOGGED_CHARS_MAX: usize = 100;

/// The name of a feed in logs.
fn feed_name(namespace: &str, room: Option<&str>) -> String {
    match room {
        None => namespace.to_owned(),
        Some(room) => {
            let begin: String = room.chars().take(LOGGED_CHARS_MAX).collect();
            format!("{namespace} {}", begin.escape_debug())
        }
    }
}
