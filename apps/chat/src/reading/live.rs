//! Pointers on their way to the disk, and what is told of them.
//!
//! Whoever reads says so as they go; it is written at most once a second for each person and room, together with what
//! else is written then. Of how far the people of a room have read, those who have opened it are told the differences,
//! at most once a second; everybody is told their own counts.
//!
//! What is told of a room begins with what the store's writer says at one point of the stored order; what is moved
//! later comes from the writer in that order, so nothing is counted twice or left out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use parking_lot::Mutex;
use sockeye::Io;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::contract::{Behind, COUNTS, Counts, READING, Reading as Told, ReadingMoved};
use super::store::{Move, Moved, Pointers};
use crate::app::App;
use crate::conversation::{self, person_key, room_key};
use crate::refusal::settle;
use crate::rooms::contract::Membership;
use crate::rooms::list;
use crate::rooms::live::present;
use crate::store::StoreError;

/// How long what has happened is gathered before it is written or told.
const GATHERED_FOR: Duration = Duration::from_millis(100);
/// How often a pointer is written, and a room is told of, at most.
const INTERVAL: Duration = Duration::from_secs(1);

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

/// How far the members of a room have read.
#[derive(Debug, Default)]
struct Followed {
    /// Of what was told last.
    turn: u64,
    told_at: Option<Instant>,
    /// As it was told: pointers with how many have them.
    told: BTreeMap<i64, u32>,
    /// What has changed since.
    moved: BTreeMap<i64, i32>,
    /// Members whose pointers may be before messages of their own.
    behind: BTreeMap<String, i64>,
    is_behind_told: bool,
    /// Somebody came or went: it is to be read from the store again.
    is_stale: bool,
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
        let turn = self.turns;
        let open = self.rooms.entry(room);
        let is_new = matches!(open, std::collections::hash_map::Entry::Vacant(_));
        let open = open.or_default();
        open.is_stale = false;
        open.moved.clear();
        if is_new {
            open.turn = turn;
            open.is_behind_told = true;
            open.told = pointers.pointers.into_iter().collect();
        } else {
            for (&id, &count) in &open.told {
                open.moved.insert(id, -signed(count));
            }
            for (id, count) in pointers.pointers {
                add(&mut open.moved, id, signed(count));
            }
        }
        let behind = pointers.behind.into_iter().map(|Behind { person, read }| (person, read));
        let behind: BTreeMap<_, _> = behind.collect();
        if !is_new && behind != open.behind {
            open.is_behind_told = false;
        }
        open.behind = behind;
        open.check();
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

impl Followed {
    fn move_pointer(&mut self, person: &str, from: i64, to: i64, own: i64) {
        if from != to {
            add(&mut self.moved, from, -1);
            add(&mut self.moved, to, 1);
        }
        let before = self.behind.remove(person);
        let after = (to < own).then_some(to);
        if let Some(read) = after {
            self.behind.insert(person.to_owned(), read);
        }
        if before != after {
            self.is_behind_told = false;
        }
        if !self.is_stale {
            self.check();
        }
    }

    fn has_told(&self) -> bool {
        self.moved.is_empty() && self.is_behind_told
    }

    fn is_due(&self, now: Instant) -> bool {
        self.told_at.is_none_or(|at| now - at >= INTERVAL)
    }

    /// What has changed, which counts as told from now on.
    fn take(&mut self, turn: u64, now: Instant) -> Vec<(i64, i32)> {
        let moved: Vec<_> = std::mem::take(&mut self.moved).into_iter().collect();
        for &(id, difference) in &moved {
            let count = self.told.entry(id).or_default();
            *count = count.saturating_add_signed(difference);
            if *count == 0 {
                self.told.remove(&id);
            }
        }
        self.turn = turn;
        self.told_at = Some(now);
        self.is_behind_told = true;
        moved
    }

    fn as_told(&self) -> Told {
        let pointers = self.told.iter().map(|(&id, &count)| (id, count)).collect();
        Told { turn: self.turn, pointers, behind: self.behind_told() }
    }

    fn behind_told(&self) -> Vec<Behind> {
        let behind = |(person, &read): (&String, &i64)| Behind { person: person.clone(), read };
        self.behind.iter().map(behind).collect()
    }

    /// Nobody is taken away from where nobody is. While it is stale, somebody may have come whom it does not know.
    fn check(&self) {
        if cfg!(debug_assertions) {
            for (id, &difference) in &self.moved {
                let count = self.told.get(id).copied().unwrap_or_default();
                assert!(difference != 0 && signed(count) + difference >= 0, "{id}: {self:?}");
            }
        }
    }
}

fn add(moved: &mut BTreeMap<i64, i32>, id: i64, difference: i32) {
    let sum = moved.entry(id).or_default();
    *sum += difference;
    if *sum == 0 {
        moved.remove(&id);
    }
}

fn signed(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
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

/// Tells the members of a room who are there what they have not read. Whoever has read everything knows it, unless
/// messages are gone that they had not read.
async fn tell_room(app: &App, rooms: &Io, room: &str, is_whole: bool) {
    let Ok(members) = app.store.member_ids(room).await else { return };
    let here: Vec<_> = members.into_iter().filter(|person| is_here(rooms, person)).collect();
    if here.is_empty() {
        return;
    }
    match app.store.counts(room, &here).await {
        Ok(counts) => {
            for (person, counts) in counts.iter().filter(|(_, it)| is_whole || it.unread > 0) {
                tell_counts(rooms, person, counts);
            }
        }
        Err(error) => tracing::warn!(%error, "members are not told what they have not read"),
    }
}

/// Tells people what they have not read in rooms.
async fn tell_members(app: &App, rooms: &Io, members: Vec<Member>) {
    let mut by_person: HashMap<String, Vec<String>> = HashMap::new();
    for (room, person) in members {
        if is_here(rooms, &person) {
            by_person.entry(person).or_default().push(room);
        }
    }
    for (person, of) in by_person {
        tell_person(app, rooms, &person, Some(&of)).await;
    }
}

/// Tells somebody what they have not read in these rooms, or in all of theirs.
async fn tell_person(app: &App, rooms: &Io, person: &str, of: Option<&[String]>) {
    match app.store.counts_of(person, of).await {
        Ok(counts) => counts.iter().for_each(|counts| tell_counts(rooms, person, counts)),
        Err(error) => tracing::warn!(%error, "somebody is not told what they have not read"),
    }
}

fn tell_counts(rooms: &Io, person: &str, counts: &Counts) {
    settle(rooms.to(person_key(person)).emit(COUNTS, counts));
}

/// Whether somebody has a page open that sees the list.
fn is_here(rooms: &Io, person: &str) -> bool {
    !rooms.to(person_key(person)).sockets().is_empty()
}
