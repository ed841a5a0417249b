//! Four people do anything with three rooms: nobody ever reads what they may not.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::collections::{HashMap, HashSet};

use common::team::{Ear, Somebody, Team, id, new_room, no_quotas, of_json};
use serde_json::json;
use sockeye_chat::messages::contract::MESSAGE;
use sockeye_chat::rooms::contract::{
    CHANGE, CLOSE, CREATE, ChangeRoom, DELETE, LEAVE, OPEN, OneInRoom, OpenRoom, REMOVE,
    RemoveMember, RoomKind, UNBAN,
};
use tempfile::TempDir;

const PEOPLE: usize = 4;
const ROOMS: usize = 3;
const STEPS: usize = 400;

/// Rooms as somebody would draw them on paper.
#[derive(Debug)]
struct Model {
    kind: RoomKind,
    members: HashSet<usize>,
    banned: HashSet<usize>,
    open: HashSet<usize>,
    exists: bool,
}

/// The same numbers each time for a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

struct Play {
    people: Vec<(Somebody, Ear)>,
    rooms: Vec<String>,
    models: Vec<Model>,
    /// Who is to hear which message.
    expected: HashMap<i64, HashSet<usize>>,
    done: HashMap<&'static str, u32>,
}

impl Play {
    async fn create(&mut self, room: usize, kind: RoomKind) {
        let title = format!("Room {room}");
        let made = self.people[0].1.ask(CREATE, &new_room(&title, kind)).await.unwrap();
        let model = Model {
            kind,
            members: HashSet::from([0]),
            banned: HashSet::new(),
            open: HashSet::new(),
            exists: true,
        };
        if room == self.rooms.len() {
            self.rooms.push(made.id);
            self.models.push(model);
        } else {
            (self.rooms[room], self.models[room]) = (made.id, model);
        }
    }

    async fn step(&mut self, dice: &mut Dice) {
        let (room, who, other) = (dice.roll(ROOMS), dice.roll(PEOPLE), dice.roll(PEOPLE - 1) + 1);
        let what = dice.roll(20);
        let room_id = self.rooms[room].clone();
        let other_id = self.people[other].0.id().to_owned();
        let model = &mut self.models[room];
        let ear = &mut self.people[who].1;
        let may_enter = model.exists
            && (model.members.contains(&who)
                || !model.banned.contains(&who)
                    && matches!(model.kind, RoomKind::Open | RoomKind::Password));
        let (name, is_right) = match what {
            0..=4 => {
                let open = OpenRoom {
                    room: room_id,
                    password: Some("sesame".into()),
                    ..OpenRoom::default()
                };
                let opened = ear.ask(OPEN, &open).await.is_ok();
                if may_enter {
                    model.members.insert(who);
                    model.open.insert(who);
                }
                ("open", opened == may_enter)
            }
            5..=11 => {
                let said = ear.say(&room_id, "x").await;
                let may_say = model.open.contains(&who);
                if let Ok(said) = &said {
                    self.expected.insert(said.id, model.open.clone());
                }
                ("say", said.is_ok() == may_say)
            }
            12 => ("close", ear.ask(CLOSE, &id(&room_id)).await.is_ok() == model.open.remove(&who)),
            13 => {
                let left = ear.ask(LEAVE, &id(&room_id)).await.is_ok();
                let may_leave = who != 0 && model.members.remove(&who);
                if may_leave {
                    model.open.remove(&who);
                }
                ("leave", left == may_leave)
            }
            14 | 15 => {
                let is_ban = what == 15;
                let remove = RemoveMember { room: room_id, person: other_id, is_ban };
                let removed = ear.ask(REMOVE, &remove).await.is_ok();
                let was_member = model.members.contains(&other);
                let may_remove = model.exists && who == 0 && (is_ban || was_member);
                if may_remove {
                    model.members.remove(&other);
                    model.open.remove(&other);
                }
                if may_remove && is_ban {
                    model.banned.insert(other);
                }
                ("remove", removed == may_remove || !is_ban && !was_member)
            }
            16 | 17 => {
                let unban = OneInRoom { room: room_id, person: other_id };
                let unbanned = ear.ask(UNBAN, &unban).await.is_ok();
                let may_unban = model.exists && who == 0 && model.banned.remove(&other);
                ("unban", unbanned == may_unban || who == 0)
            }
            18 => {
                let kind = [RoomKind::Open, RoomKind::Password, RoomKind::Invited][dice.roll(3)];
                let change: ChangeRoom =
                    of_json(json!({ "room": room_id, "kind": kind, "password": "sesame" }));
                let changed = ear.ask(CHANGE, &change).await.is_ok();
                let may_change = model.exists && who == 0;
                if may_change {
                    model.kind = kind;
                }
                ("change", changed == may_change)
            }
            _ if dice.roll(4) == 0 && who == 0 => {
                ear.ask(DELETE, &id(&room_id)).await.unwrap();
                model.exists = false;
                self.create(room, RoomKind::Open).await;
                ("delete", true)
            }
            _ => ("delete", who == 0 || ear.ask(DELETE, &id(&room_id)).await.is_err()),
        };
        *self.done.entry(name).or_default() += 1;
        assert!(is_right, "{name} by {who} upon {other} in {room}: {:?}", self.models[room]);
    }
}

#[tokio::test]
async fn nobody_reads_what_they_may_not() {
    for seed in 1..=3 {
        let data = TempDir::new().unwrap();
        let none = no_quotas();
        let team = Team::with(data.path(), none).await;
        let mut play = Play {
            people: Vec::new(),
            rooms: Vec::new(),
            models: Vec::new(),
            expected: HashMap::new(),
            done: HashMap::new(),
        };
        for name in ["Ada", "Bob", "Eve", "Dan"] {
            play.people.push(team.join(name).await);
        }
        for room in 0..ROOMS {
            play.create(room, [RoomKind::Open, RoomKind::Open, RoomKind::Invited][room]).await;
        }
        let mut dice = Dice(seed);
        for _ in 0..STEPS {
            play.step(&mut dice).await;
        }
        // What was sent before an answer has come with it.
        for who in 0..PEOPLE {
            let ear = &mut play.people[who].1;
            let _ = ear.open("no such room").await;
            let heard: HashSet<i64> = ear.all(MESSAGE).await.iter().map(|it| it.id).collect();
            let expected = play.expected.iter().filter(|(_, ears)| ears.contains(&who));
            let expected: HashSet<i64> = expected.map(|(id, _)| *id).collect();
            assert_eq!(heard, expected, "seed {seed}, person {who}");
        }
        assert!(play.expected.len() > 20 && play.done.len() == 8, "{:?}", play.done);
        team.stop().await;
    }
}
