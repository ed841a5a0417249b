//! Random histories of people with several devices: what each device is told of unread messages, of mentions, and of
//! how many people have not read a message, is what a naive model says.
//!
//! A history is a room. Those of one world have their steps mixed, share people, devices and a restart, and are
//! compared with the model when nothing happens any more. `SOCKEYE_READING_HISTORIES` is how many are played, in
//! worlds of [`ROOMS`]; `SOCKEYE_READING_SEED` the first seed.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use common::database;
use common::team::{Ear, Somebody, Still, Team, id, no_quotas};
use sockeye_chat::id::new_id;
use sockeye_chat::keeping::retention;
use sockeye_chat::messages::contract::{
    DELETE_MESSAGE, EDIT, EditMessage, OneMessage, PRUNED, SAY, Say,
};
use sockeye_chat::reading::contract::{COUNTS, Counts, READ, READING, Read, Reading, UNREAD};
use sockeye_chat::rooms::contract::{LEAVE, OPEN, OpenRoom, REMOVE, RemoveMember, RoomKind};
use tempfile::TempDir;

/// How many histories run when nobody says.
const HISTORIES: usize = 50;
const ROOMS: usize = 25;
const PEOPLE: usize = 5;
/// Steps of a history.
const STEPS: usize = 40;
const NAMES: [&str; PEOPLE] = ["Ada", "Bob", "Eve", "Dan", "Mia"];

/// The same numbers each time for a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// A message as one would note it on paper.
#[derive(Clone, Debug)]
struct Noted {
    id: i64,
    by: usize,
    is_deleted: bool,
    mentions: BTreeSet<usize>,
    is_for_all: bool,
}

/// A room as one would note it on paper: its messages, and how far each member has read.
#[derive(Debug, Default)]
struct Model {
    messages: Vec<Noted>,
    read: BTreeMap<usize, i64>,
    /// The newest message that was said.
    newest: i64,
    /// Messages up to this one are gone, since their time was over.
    pruned: i64,
}

impl Model {
    fn unread(&self, who: usize) -> impl Iterator<Item = &Noted> {
        let read = self.read[&who];
        self.messages.iter().filter(move |it| !it.is_deleted && it.id > read && it.by != who)
    }

    fn counts(&self, who: usize, room: &str) -> Counts {
        let mentions = |it: &&Noted| it.is_for_all || it.mentions.contains(&who);
        Counts {
            room: room.to_owned(),
            read: self.place(self.read[&who]),
            unread: u32::try_from(self.unread(who).count()).unwrap(),
            mentions: u32::try_from(self.unread(who).filter(mentions).count()).unwrap(),
        }
    }

    /// Where a pointer is: one before all that is left is as good as another.
    fn place(&self, pointer: i64) -> i64 {
        pointer.max(self.pruned)
    }

    /// How many people have not read a message.
    fn unread_people(&self, message: &Noted) -> i64 {
        let has_not = |(who, read): &(&usize, &i64)| **who != message.by && **read < message.id;
        i64::try_from(self.read.iter().filter(has_not).count()).unwrap()
    }
}

/// What a page knows of how far people have read.
#[derive(Debug)]
struct Page {
    turn: u64,
    pruned: i64,
    pointers: BTreeMap<i64, i64>,
    behind: HashMap<String, i64>,
}

impl Page {
    fn new(reading: Reading, pruned: i64) -> Self {
        let pointers = reading.pointers.into_iter().map(|(id, count)| (id, count.into()));
        let behind = reading.behind.into_iter().map(|it| (it.person, it.read));
        let (pointers, behind) = (pointers.collect(), behind.collect());
        Page { turn: reading.turn, pruned, pointers, behind }
    }

    fn unread_people(&self, message: i64, by: &str) -> i64 {
        let behind: i64 = self.pointers.range(..message).map(|(_, count)| count).sum();
        behind - i64::from(self.behind.get(by).is_some_and(|read| *read < message))
    }
}

/// A device of somebody, with what it was told last.
struct Device {
    chat: Ear,
    rooms: Ear,
    pages: HashMap<String, Page>,
    counts: HashMap<String, Counts>,
}

struct World {
    data: PathBuf,
    /// `None` while it begins anew.
    team: Option<Team>,
    people: Vec<Somebody>,
    /// Two of each person.
    devices: Vec<[Device; 2]>,
    rooms: Vec<String>,
    models: Vec<Model>,
}

async fn device(team: &Team, who: &Somebody) -> Device {
    let (chat, mut rooms) = (team.chat(who).await, team.rooms(who).await);
    let counts = rooms.list().await.counts.into_iter().map(|counts| (counts.room.clone(), counts));
    Device { chat, rooms, pages: HashMap::new(), counts: counts.collect() }
}

async fn devices(team: &Team, people: &[Somebody]) -> Vec<[Device; 2]> {
    let mut devices = Vec::new();
    for who in people {
        devices.push([device(team, who).await, device(team, who).await]);
    }
    devices
}

impl World {
    async fn new(data: &TempDir) -> Self {
        let team = Team::with(data.path(), no_quotas()).await;
        let mut people = Vec::new();
        for name in NAMES {
            people.push(team.member(name).await);
        }
        let devices = devices(&team, &people).await;
        let mut world = World {
            data: data.path().to_owned(),
            team: Some(team),
            people,
            devices,
            rooms: Vec::new(),
            models: Vec::new(),
        };
        for room in 0..ROOMS {
            let made = world.devices[0][0].chat.create(&format!("R{room}"), RoomKind::Open).await;
            world.rooms.push(made.id);
            let read = BTreeMap::from([(0, 0)]);
            world.models.push(Model { read, ..Model::default() });
            world.open(room, 0, 0).await;
        }
        world
    }

    /// Everybody is cut off, the server begins anew, and they come back.
    async fn restart(&mut self) {
        let open: Vec<Vec<_>> = (0..PEOPLE)
            .map(|who| {
                self.devices[who].iter().map(|it| it.pages.keys().cloned().collect::<Vec<_>>())
            })
            .map(Iterator::collect)
            .collect();
        self.team.take().unwrap().stop().await;
        let team = Team::with(&self.data, no_quotas()).await;
        self.devices = devices(&team, &self.people).await;
        self.team = Some(team);
        for (who, open) in open.into_iter().enumerate() {
            for (device, rooms) in open.into_iter().enumerate() {
                for room in rooms {
                    let at = self.rooms.iter().position(|id| *id == room).unwrap();
                    if self.models[at].read.contains_key(&who) {
                        self.open(at, who, device).await;
                    }
                }
            }
        }
    }

    async fn open(&mut self, room: usize, who: usize, device: usize) {
        let id = self.rooms[room].clone();
        let open = OpenRoom { room: id.clone(), ..OpenRoom::default() };
        let device = &mut self.devices[who][device];
        let opened = device.chat.ask(OPEN, &open).await.unwrap();
        let model = &mut self.models[room];
        model.read.entry(who).or_insert(model.newest);
        assert!(opened.counts.unread <= u32::try_from(model.messages.len()).unwrap());
        device.pages.insert(id.clone(), Page::new(opened.reading.unwrap(), opened.pruned));
        device.counts.insert(id, opened.counts);
    }

    async fn step(&mut self, dice: &mut Dice, room: usize) {
        let (who, device) = (dice.roll(PEOPLE), dice.roll(2));
        let id_ = self.rooms[room].clone();
        let is_member = self.models[room].read.contains_key(&who);
        if !is_member || !self.devices[who][device].pages.contains_key(&id_) {
            if dice.roll(3) > 0 {
                self.open(room, who, device).await;
            }
            return;
        }
        match dice.roll(21) {
            0..=6 => self.say(dice, room, who, device).await,
            7..=12 => self.read(dice, room, who, device, false).await,
            13 => self.read(dice, room, who, device, true).await,
            14 | 15 => self.edit(dice, room, who, device).await,
            16 | 17 => self.delete(dice, room, who, device).await,
            18 if who > 0 => {
                self.devices[who][device].chat.ask(LEAVE, &id(&id_)).await.unwrap();
                self.gone(room, who);
            }
            19 if who > 0 => {
                let person = self.people[who].id().to_owned();
                let remove = RemoveMember { room: id_.clone(), person, is_ban: false };
                self.devices[0][0].chat.ask(REMOVE, &remove).await.unwrap();
                self.gone(room, who);
            }
            20 => self.prune(dice, room).await,
            _ => {}
        }
    }

    fn gone(&mut self, room: usize, who: usize) {
        self.models[room].read.remove(&who);
        for device in &mut self.devices[who] {
            device.pages.remove(&self.rooms[room]);
        }
    }

    /// A text with mentions, and whom of the members it mentions.
    fn text(&self, dice: &mut Dice, room: usize, by: usize) -> (String, BTreeSet<usize>, bool) {
        let is_for_all = dice.roll(8) == 0;
        let mut text = if is_for_all { "@everyone ".to_owned() } else { "x ".to_owned() };
        let mut mentions = BTreeSet::new();
        if dice.roll(3) == 0 {
            let who = dice.roll(PEOPLE);
            text.push_str(&format!("@{}", NAMES[who]));
            if who != by && self.models[room].read.contains_key(&who) {
                mentions.insert(who);
            }
        }
        (text, mentions, is_for_all)
    }

    fn everybody(&self) -> Vec<String> {
        self.people.iter().map(|it| it.id().to_owned()).collect()
    }

    async fn say(&mut self, dice: &mut Dice, room: usize, by: usize, device: usize) {
        let (text, mentions, is_for_all) = self.text(dice, room, by);
        let say = Say {
            room: self.rooms[room].clone(),
            text,
            key: new_id(),
            mentions: self.everybody(),
            ..Say::default()
        };
        let said = self.devices[by][device].chat.ask(SAY, &say).await.unwrap();
        let model = &mut self.models[room];
        let noted = Noted { id: said.id, by, is_deleted: false, mentions, is_for_all };
        model.messages.push(noted);
        model.newest = said.id;
        model.read.insert(by, said.id);
    }

    async fn read(&mut self, dice: &mut Dice, room: usize, who: usize, device: usize, back: bool) {
        let model = &mut self.models[room];
        if model.messages.is_empty() {
            return;
        }
        let at = dice.roll(model.messages.len());
        // Mostly the newest.
        let at = if back || dice.roll(3) == 0 { at } else { model.messages.len() - 1 };
        let read = Read { room: self.rooms[room].clone(), message: model.messages[at].id };
        let event = if back { UNREAD } else { READ };
        self.devices[who][device].chat.ask(event, &read).await.unwrap();
        let before = at.checked_sub(1).map_or(0, |at| model.messages[at].id);
        let pointer = model.read.get_mut(&who).unwrap();
        *pointer = if back { before } else { (*pointer).max(read.message) };
    }

    /// A message that somebody may change.
    fn own(&self, dice: &mut Dice, room: usize, by: usize) -> Option<usize> {
        let messages = &self.models[room].messages;
        let own = messages.iter().enumerate().filter(|(_, it)| it.by == by && !it.is_deleted);
        let own: Vec<_> = own.map(|(at, _)| at).collect();
        (!own.is_empty()).then(|| own[dice.roll(own.len())])
    }

    async fn edit(&mut self, dice: &mut Dice, room: usize, by: usize, device: usize) {
        let Some(at) = self.own(dice, room, by) else { return };
        let (text, mentions, is_for_all) = self.text(dice, room, by);
        let message = self.models[room].messages[at].id;
        let edit = EditMessage {
            room: self.rooms[room].clone(),
            message,
            text,
            mentions: self.everybody(),
        };
        self.devices[by][device].chat.ask(EDIT, &edit).await.unwrap();
        let noted = &mut self.models[room].messages[at];
        (noted.mentions, noted.is_for_all) = (mentions, is_for_all);
    }

    async fn delete(&mut self, dice: &mut Dice, room: usize, by: usize, device: usize) {
        let Some(at) = self.own(dice, room, by) else { return };
        let message = self.models[room].messages[at].id;
        let one = OneMessage { room: self.rooms[room].clone(), message };
        self.devices[by][device].chat.ask(DELETE_MESSAGE, &one).await.unwrap();
        self.models[room].messages[at].is_deleted = true;
    }

    /// The time of some of the oldest messages of a room is over.
    async fn prune(&mut self, dice: &mut Dice, room: usize) {
        let model = &mut self.models[room];
        if model.messages.is_empty() {
            return;
        }
        let to = model.messages[dice.roll(model.messages.len())].id;
        let age = format!(
            "UPDATE messages SET at = 0 WHERE id <= {to} AND room_id =
                (SELECT id FROM rooms WHERE public_id = '{}')",
            self.rooms[room]
        );
        database::run(&self.data, &age).await;
        retention::delete_expired(&self.team.as_ref().unwrap().app, Some(1)).await.unwrap();
        model.messages.retain(|message| message.id > to);
        model.pruned = to;
    }

    /// Takes in what devices were told.
    async fn hear(&mut self) {
        for device in self.devices.iter_mut().flatten() {
            for counts in device.rooms.all(COUNTS).await {
                device.counts.insert(counts.room.clone(), counts);
            }
            for pruned in device.chat.all(PRUNED).await {
                if let Some(page) = device.pages.get_mut(&pruned.room) {
                    page.pruned = page.pruned.max(pruned.to);
                }
            }
            for moved in device.chat.all(READING).await {
                let Some(page) = device.pages.get_mut(&moved.room) else { continue };
                if moved.turn <= page.turn {
                    continue;
                }
                page.turn = moved.turn;
                for (id, difference) in moved.moved {
                    *page.pointers.entry(id).or_default() += i64::from(difference);
                }
                page.behind = moved.behind.into_iter().map(|it| (it.person, it.read)).collect();
            }
        }
    }

    /// Whether everything that everybody was told is what the model says, or what is not.
    fn compare(&self, seed: u64) -> Result<(), String> {
        for (room, model) in self.models.iter().enumerate() {
            let id = &self.rooms[room];
            for &who in model.read.keys() {
                let expected = model.counts(who, id);
                for (number, device) in self.devices[who].iter().enumerate() {
                    let told = device.counts.get(id).cloned();
                    let told = told.map(|told| Counts { read: model.place(told.read), ..told });
                    // Who has opened it on another device alone was told with whatever has changed since.
                    if told.as_ref() != Some(&expected) && (told.is_some() || expected.unread > 0) {
                        return Err(format!(
                            "seed {seed}, room {room}, {} on {number}: told {told:?}, expected {expected:?}",
                            NAMES[who],
                        ));
                    }
                    let Some(page) = device.pages.get(id) else { continue };
                    if page.pruned != model.pruned {
                        return Err(format!("seed {seed}, room {room}: {page:?}, {model:?}"));
                    }
                    for message in &model.messages {
                        let shown = page.unread_people(message.id, self.people[message.by].id());
                        let expected = model.unread_people(message);
                        if shown != expected {
                            return Err(format!(
                                "seed {seed}, room {room}, shown {shown}, expected {expected} of {message:?}: \
                                 {page:?}, {model:?}"
                            ));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

async fn play(seed: u64) {
    let data = TempDir::new().unwrap();
    let still = Still::new();
    let mut world = World::new(&data).await;
    let mut dice = Dice(seed);
    for step in 0..STEPS * ROOMS {
        let room = dice.roll(ROOMS);
        world.step(&mut dice, room).await;
        if step % 100 == 0 {
            still.advance(Duration::from_millis(300)).await;
        }
        if step == STEPS * ROOMS / 2 {
            world.restart().await;
        }
    }
    // What is told in the end, however long the disk takes.
    let mut told = Err(String::new());
    for _ in 0..200 {
        still.advance(Duration::from_millis(1_100)).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        world.hear().await;
        told = world.compare(seed);
        if told.is_ok() {
            break;
        }
    }
    told.unwrap();
    still.resume();
    world.team.unwrap().stop().await;
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().map_or(default, |value| value.parse().unwrap())
}

#[tokio::test]
#[allow(clippy::print_stderr, reason = "how much was played is to be seen")]
async fn what_devices_are_told_is_what_a_naive_model_says() {
    let histories = number("SOCKEYE_READING_HISTORIES", HISTORIES);
    let first = number("SOCKEYE_READING_SEED", 1);
    for world in 0..histories.div_ceil(ROOMS) {
        play(u64::try_from(first + world).unwrap()).await;
        if (world + 1) % 20 == 0 {
            eprintln!("{} histories", (world + 1) * ROOMS);
        }
    }
}
