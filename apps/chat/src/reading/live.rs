//! Pointers on their way to the disk, and what is told of them.
//!
//! Whoever reads says so as they go; it is written at most once a second for each person and room, together with what
//! else is written then. Of how far the people of a room have read, those who have opened it are told the differences,
//! at most once a second; everybody is told their own counts.
//!
//! What is told of a room begins with what the store's writer says at one point of the stored order; what is moved
//! later comes from the writer in that order, so nothing is counted twice or left out.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use parking_lot::Mutex;
use sockeye::Io;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::INTERVAL;
use super::contract::{READING, Reading as Told, ReadingMoved};
use super::counts::{tell_members, tell_person, tell_room};
use super::followed::Followed;
use super::store::{Move, Moved, Pointers};
use crate::app::App;
use crate::conversation::{self, room_key};
use crate::refusal::settle;
use crate::rooms::contract::Membership;
use crate::rooms::list;
use crate::rooms::live::present;
use crate::store::StoreError;

/// How long what has happened is gathered before it is written or told.
const GATHERED_FOR: Duration = Duration::from_millis(100);

/// How far people have read, beside the store.
#[derive(Debug, Default)]
pub struct Reading {
    state: Mutex<State>,
}

/// Somebody in a room.
type Member = (String, String);

#[derive(Debug, Default)]
struct State {
    /// Rooms that somebody has opened, by their ids.
    rooms: HashMap<String, Followed>,
    /// How often something was told of any room.
    turns: u64,
    /// Pointers that are to be written.
    moves: HashMap<Member, Move>,
    /// When pointers were written last; only of the last second.
    written: HashMap<Member, Instant>,
    /// Rooms whose members' counts are to be told, and whether those of who has nothing unread are as well.
    dirty_rooms: HashMap<String, bool>,
    /// When they were told last; only of the last second.
    counted: HashMap<String, Instant>,
    /// Members whose counts are to be told.
    dirty_members: HashSet<Member>,
    /// People whose counts are to be told in all their rooms.
    dirty_people: HashSet<String>,
    /// Whether a task is there that does it.
    is_running: bool,
}

/// What is to be done now.
#[derive(Debug, Default)]
struct Due {
    moves: Vec<Move>,
    stale: Vec<String>,
    rooms: Vec<(String, bool)>,
    members: Vec<Member>,
    people: Vec<String>,
}

impl Reading {
    /// Somebody's pointer is to be moved.
    pub(super) fn move_pointer(&self, app: &App, io: &Io, to: Move) {
        let mut state = self.state.lock();
        let member = (to.room.clone(), to.person.clone());
        let to = match state.moves.remove(&member) {
            // Reading on after going back: where they are is where they have read to since.
            Some(before) if !to.is_back => {
                Move { to: to.to.max(before.to), is_back: before.is_back, ..to }
            }
            Some(_) | None => to,
        };
        state.moves.insert(member, to);
        state.run(app, io);
    }

    /// Somebody has said something and so has read what was said before. Called in stored order.
    pub(crate) fn said(&self, app: &App, io: &Io, by: &str, room: &str, moved: Option<(i64, i64)>) {
        let mut state = self.state.lock();
        let member = (room.to_owned(), by.to_owned());
        if let Some((from, to)) = moved {
            state.moves.remove(&member);
            if let Some(open) = state.rooms.get_mut(room) {
                open.move_pointer(by, from, to, to);
            }
            state.dirty_members.insert(member);
        }
        state.dirty_rooms.entry(room.to_owned()).or_default();
        state.run(app, io);
    }

    /// Messages of a room are counted otherwise than before.
    pub(crate) fn recount(&self, app: &App, io: &Io, room: &str) {
        let mut state = self.state.lock();
        // Somebody may have nothing unread by it.
        state.dirty_rooms.insert(room.to_owned(), true);
        state.run(app, io);
    }

    /// Somebody is about to say something: what they said before of how far they have read is written first.
    pub(crate) async fn before_saying(&self, app: &App, room: &str, by: &str) {
        let member = (room.to_owned(), by.to_owned());
        let to = self.state.lock().moves.remove(&member);
        write(app, to.into_iter().collect(), false).await;
    }

    /// Writes what was not written yet. To be called when all are disconnected.
    pub(crate) async fn stop(&self, app: &App) {
        let moves = std::mem::take(&mut self.state.lock().moves);
        write(app, moves.into_values().collect(), true).await;
    }

    /// Somebody has become a member of a room, or is none any more. Called in stored order.
    pub(crate) fn members_changed(&self, app: &App, io: &Io, about: &Membership, person: &str) {
        let mut state = self.state.lock();
        let room = &about.room;
        if about.role.is_none() {
            state.moves.remove(&(room.clone(), person.to_owned()));
        }
        if let Some(open) = state.rooms.get_mut(room) {
            open.is_stale = true;
        }
        state.dirty_members.insert((room.clone(), person.to_owned()));
        state.run(app, io);
    }

    /// Somebody's messages are counted otherwise than before in all rooms of this person.
    pub(crate) fn recount_all_of(&self, app: &App, io: &Io, person: &str) {
        let mut state = self.state.lock();
        state.dirty_people.insert(person.to_owned());
        state.run(app, io);
    }

    /// People are gone who may have been members of any room.
    pub(crate) fn people_gone(&self, app: &App, io: &Io) {
        let mut state = self.state.lock();
        state.rooms.values_mut().for_each(|open| open.is_stale = true);
        state.run(app, io);
    }

    /// How far everybody has read in a room that somebody opens; from then on they hear of differences. `None`: the
    /// store does not say.
    pub(crate) async fn opened(&self, app: &App, room: &str) -> Option<Told> {
        if !self.state.lock().rooms.contains_key(room) {
            self.load(app, room).await;
        }
        self.state.lock().rooms.get(room).map(Followed::as_told)
    }

    /// Reads from the store how far everybody has read, in stored order.
    async fn load(&self, app: &App, room: &str) {
        let (loaded, wait) = oneshot::channel();
        let (there, id) = (app.clone(), room.to_owned());
        let done = Box::new(move |pointers: Result<Pointers, StoreError>| {
            if let Ok(pointers) = pointers {
                there.reading.state.lock().loaded(id, pointers);
            }
            let _ = loaded.send(());
        });
        if app.store.pointers(room, done).await.is_ok() {
            let _ = wait.await;
        }
    }
}

impl State {
    /// Has a task do what is to be done, unless one is there.
    fn run(&mut self, app: &App, io: &Io) {
        if !self.is_running {
            self.is_running = true;
            tokio::spawn(run(app.clone(), io.clone()));
        }
    }

    fn loaded(&mut self, room: String, pointers: Pointers) {
        match self.rooms.entry(room) {
            Entry::Vacant(place) => drop(place.insert(Followed::new(self.turns, pointers))),
            Entry::Occupied(mut open) => open.get_mut().loaded(pointers),
        }
    }

    /// What has waited long enough. `None`: there is nothing to wait for.
    fn due(&mut self, now: Instant) -> Option<Due> {
        self.written.retain(|_, at| now - *at < INTERVAL);
        self.counted.retain(|_, at| now - *at < INTERVAL);
        let State {
            rooms, moves, written, counted, dirty_rooms, dirty_members, dirty_people, ..
        } = self;
        let is_idle = moves.is_empty()
            && dirty_rooms.is_empty()
            && dirty_members.is_empty()
            && dirty_people.is_empty()
            && rooms.values().all(|open| !open.is_stale && open.has_told());
        if is_idle {
            return None;
        }
        let ready: Vec<_> =
            moves.keys().filter(|one| !written.contains_key(*one)).cloned().collect();
        let moves = ready.into_iter().filter_map(|member| {
            let to = moves.remove(&member);
            written.insert(member, now);
            to
        });
        let moves = moves.collect();
        let stale = rooms.iter().filter(|(_, open)| open.is_stale && open.is_due(now));
        let stale = stale.map(|(room, _)| room.clone()).collect();
        let ready: Vec<_> = dirty_rooms.extract_if(|room, _| !counted.contains_key(room)).collect();
        counted.extend(ready.iter().map(|(room, _)| (room.clone(), now)));
        Some(Due {
            moves,
            stale,
            rooms: ready,
            members: dirty_members.drain().collect(),
            people: dirty_people.drain().collect(),
        })
    }

    /// Tells of rooms in which people have read on. Under the lock, so that whoever opens a room knows of which turn
    /// they are told.
    fn tell(&mut self, chat: &Io, now: Instant) {
        for (room, open) in &mut self.rooms {
            // Of a room that is stale, what has moved may be somebody's who is not known yet.
            if open.is_stale || open.has_told() || !open.is_due(now) {
                continue;
            }
            self.turns += 1;
            let moved = open.take(self.turns, now);
            let event = ReadingMoved {
                room: room.clone(),
                turn: self.turns,
                moved,
                behind: open.behind_told(),
            };
            settle(chat.to(room_key(room)).emit(READING, &event));
        }
    }
}

/// Writes and tells until there is nothing to do for a while. There is one such task, so that nobody hears older
/// counts after newer ones.
async fn run(app: App, io: Io) {
    loop {
        sleep(GATHERED_FOR).await;
        let now = Instant::now();
        let due = {
            let mut state = app.reading.state.lock();
            match state.due(now) {
                Some(due) => due,
                None => {
                    state.is_running = false;
                    // Of rooms that nobody looks at nothing is kept.
                    state.rooms.retain(|room, _| present(&io, room) > 0);
                    return;
                }
            }
        };
        let Some((chat, rooms)) = io.of(conversation::PATH).zip(io.of(list::PATH)) else { return };
        write(&app, due.moves, true).await;
        for room in due.stale {
            app.reading.load(&app, &room).await;
        }
        app.reading.state.lock().tell(&chat, now);
        for (room, is_whole) in due.rooms {
            tell_room(&app, &rooms, &room, is_whole).await;
        }
        tell_members(&app, &rooms, due.members).await;
        for person in due.people {
            tell_person(&app, &rooms, &person, None).await;
        }
    }
}

/// Queues pointers, and may wait until they are on disk. Those that could not be written are tried again, unless newer
/// ones have come.
async fn write(app: &App, moves: Vec<Move>, is_waiting: bool) {
    if moves.is_empty() {
        return;
    }
    let (written, wait) = oneshot::channel();
    let (there, kept) = (app.clone(), moves.clone());
    let done = Box::new(move |moved: Result<Vec<Moved>, StoreError>| {
        let mut state = there.reading.state.lock();
        match moved {
            Ok(moved) => moved.into_iter().for_each(|moved| state.moved(moved)),
            Err(_) => {
                for one in kept {
                    state.moves.entry((one.room.clone(), one.person.clone())).or_insert(one);
                }
            }
        }
        let _ = written.send(());
    });
    if app.store.read(moves, done).await.is_ok() && is_waiting {
        let _ = wait.await;
    }
}

impl State {
    fn moved(&mut self, moved: Moved) {
        let Moved { room, person, from, to, own } = moved;
        if from == to {
            return;
        }
        if let Some(open) = self.rooms.get_mut(&room) {
            open.move_pointer(&person, from, to, own);
        }
        self.dirty_members.insert((room, person));
    }
}
