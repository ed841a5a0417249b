//! Rooms: who may enter, and what their owners do.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::path::Path;

use common::team::{Ear, Somebody, Team, id, new_room, of_json};
use serde_json::{Value, json};
use sockeye::{Args, Event};
use sockeye_chat::accounts::contract::Role;
use sockeye_chat::contract::FIRST_ROOM;
use sockeye_chat::conversation::OPEN_MAX;
use sockeye_chat::messages::contract::{MESSAGE, SAY, Say};
use sockeye_chat::messages::store::Page;
use sockeye_chat::notes::contract::{JOIN, Join};
use sockeye_chat::quota::Quotas;
use sockeye_chat::rooms::contract::{
    CAPACITY_MAX, CHANGE, CLOSE, CREATE, ChangeRoom, CreateRoom, DELETE, DIRECT, Direct, HAND_OVER,
    KEEP, KEEP_DAYS_MAX, KeepRoom, LEAVE, MEMBERS, MEMBERSHIP, MUTE, MuteMember, OPEN, OneInRoom,
    OpenRoom, PEOPLE, PROMOTE, Promote, REMOVE, REMOVED, ROOM, ROOMS, RemoveMember, Removed,
    RemovedReason, Room, RoomId, RoomKind, RoomMember, RoomRole, UNBAN,
};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

async fn with_password(ear: &mut Ear, room: &str, password: &str) -> Result<(), String> {
    let open = OpenRoom {
        room: room.to_owned(),
        password: Some(password.to_owned()),
        ..OpenRoom::default()
    };
    ear.ask(OPEN, &open).await.map(drop)
}

fn change(room: &Room) -> ChangeRoom {
    of_json(json!({ "room": room.id }))
}

fn remove(room: &Room, who: &Somebody, is_ban: bool) -> RemoveMember {
    RemoveMember { room: room.id.clone(), person: who.id().to_owned(), is_ban }
}

fn one(room: &Room, who: &Somebody) -> OneInRoom {
    OneInRoom { room: room.id.clone(), person: who.id().to_owned() }
}

fn mute(room: &Room, who: &Somebody, seconds: u32) -> MuteMember {
    MuteMember { room: room.id.clone(), person: who.id().to_owned(), seconds }
}

fn promote(room: &Room, who: &Somebody, role: RoomRole) -> Promote {
    Promote { room: room.id.clone(), person: who.id().to_owned(), role }
}

#[tokio::test]
async fn people_talk_in_a_room() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (ada_, mut ada) = team.join("Ada").await;
    let (_, mut bob) = team.join("Bob").await;
    let room = ada.create("Plans", RoomKind::Open).await;
    assert_eq!(room.owner.as_ref(), Some(&ada_.person));
    let opened = ada.open(&room.id).await.unwrap();
    assert_eq!(opened.membership.role, Some(RoomRole::Owner));
    let by_title = bob.open("Plans").await.unwrap();
    assert_eq!((&by_title.room.id, by_title.room.people), (&room.id, 2));
    assert_eq!(by_title.membership.role, Some(RoomRole::Member));
    assert_eq!(by_title.present.len(), 2);
    let said = ada.say(&room.id, "안녕").await.unwrap();
    assert_eq!(said.by.name, "Ada");
    assert_eq!(ada.next(MESSAGE).await, said, "the sender hears it too");
    assert_eq!(bob.next(MESSAGE).await, said);
    let again = bob.open(&room.id).await.unwrap();
    assert_eq!((again.messages, again.has_before), (vec![said.clone()], false));
    // Under one key it is stored once.
    let say = Say { room: room.id.clone(), text: "once".into(), key: "k".into(), ..Say::default() };
    let first = bob.ask(SAY, &say).await.unwrap();
    assert_eq!(bob.ask(SAY, &say).await.unwrap(), first);
    let other = Say { text: "twice".into(), ..say };
    assert_eq!(bob.ask(SAY, &other).await.unwrap_err(), "key_reused");
    assert_eq!(ada.next(MESSAGE).await, first);
    ada.say(&room.id, "end").await.unwrap();
    assert_eq!(ada.all(MESSAGE).await.len(), 1, "nothing was told twice");
    // Whoever has not opened it says nothing there, and whoever looks away hears nothing.
    bob.ask(CLOSE, &id(&room.id)).await.unwrap();
    assert_eq!(bob.say(&room.id, "?").await.unwrap_err(), "not_opened");
    assert_eq!(bob.ask(CLOSE, &id(&room.id)).await.unwrap_err(), "not_opened");
    bob.all(MESSAGE).await;
    ada.say(&room.id, "unheard").await.unwrap();
    assert_eq!(bob.say(FIRST_ROOM, "?").await.unwrap_err(), "not_opened");
    assert!(bob.all(MESSAGE).await.is_empty());
    team.stop().await;
}

#[tokio::test]
async fn rooms_have_their_own_names() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (_, mut ada) = team.join("Ada").await;
    let code = async |ada: &mut Ear, room: CreateRoom| ada.ask(CREATE, &room).await.unwrap_err();
    ada.create("Plans", RoomKind::Open).await;
    let open = |title: &str| new_room(title, RoomKind::Open);
    assert_eq!(code(&mut ada, open(" Plans ")).await, "name_taken");
    assert_eq!(code(&mut ada, new_room("Plans", RoomKind::Password)).await, "name_taken");
    assert_eq!(code(&mut ada, open("Рlans")).await, "room_lookalike", "a Cyrillic letter");
    assert_eq!(code(&mut ada, open("Іobby")).await, "room_lookalike");
    assert_eq!(code(&mut ada, open("")).await, "room_empty");
    assert_eq!(code(&mut ada, open(&"x".repeat(51))).await, "room_too_long");
    // Nobody learns which names rooms have that they may not know of.
    ada.create("Plans", RoomKind::Invited).await;
    ada.create("Plans", RoomKind::Invited).await;
    let secret = CreateRoom { password: None, ..new_room("a", RoomKind::Password) };
    assert_eq!(code(&mut ada, secret.clone()).await, "password_short");
    let with = |password: String| CreateRoom { password: Some(password), ..secret.clone() };
    assert_eq!(code(&mut ada, with(String::new())).await, "password_short");
    assert_eq!(code(&mut ada, with("x".repeat(257))).await, "password_long");
    assert_eq!(code(&mut ada, new_room("a", RoomKind::Direct)).await, "forbidden");
    for capacity in [0, 1, CAPACITY_MAX + 1] {
        let room = CreateRoom { capacity: Some(capacity), ..open("a") };
        assert_eq!(code(&mut ada, room).await, "capacity_range");
    }
    let ages = CreateRoom { keep_days: Some(KEEP_DAYS_MAX + 1), ..open("a") };
    assert_eq!(code(&mut ada, ages).await, "keep_days_range");
    let long = CreateRoom { description: "가".repeat(501), ..open("a") };
    assert_eq!(code(&mut ada, long).await, "description_too_long");
    let fits = CreateRoom { description: "가".repeat(500), ..open("a") };
    ada.ask(CREATE, &fits).await.unwrap();
    let guest = team.person("Guest", Role::Guest).await;
    let mut guest = team.chat(&guest).await;
    assert_eq!(code(&mut guest, open("b")).await, "guest_owns_nothing");
    assert!(guest.open("a").await.is_ok(), "but guests come into open rooms");
    team.stop().await;
}

#[tokio::test]
async fn a_password_lets_in_and_guessing_costs() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (_, mut ada) = team.join("Ada").await;
    let (bob_, mut bob) = team.join("Bob").await;
    let room = ada.create("Secret", RoomKind::Password).await;
    ada.open(&room.id).await.unwrap();
    assert_eq!(bob.open(&room.id).await.unwrap_err(), "wrong_password");
    assert_eq!(with_password(&mut bob, "Secret", "Sesame").await.unwrap_err(), "wrong_password");
    with_password(&mut bob, &room.id, "sesame").await.unwrap();
    bob.open(&room.id).await.expect("no member is asked");
    bob.ask(LEAVE, &id(&room.id)).await.unwrap();
    for _ in 0..4 {
        let refused = with_password(&mut bob, &room.id, "guess").await;
        assert_eq!(refused.unwrap_err(), "wrong_password");
    }
    assert_eq!(with_password(&mut bob, &room.id, "sesame").await.unwrap_err(), "too_fast");
    ada.ask(REMOVE, &remove(&room, &bob_, true)).await.unwrap();
    assert_eq!(with_password(&mut bob, &room.id, "sesame").await.unwrap_err(), "banned");
    // Another password is for those who come later.
    let (_, mut eve) = team.join("Eve").await;
    let other = ChangeRoom { password: Some("other".into()), ..change(&room) };
    ada.ask(CHANGE, &other).await.unwrap();
    assert_eq!(with_password(&mut eve, &room.id, "sesame").await.unwrap_err(), "wrong_password");
    with_password(&mut eve, &room.id, "other").await.unwrap();
    team.stop().await;
}

#[tokio::test]
async fn nobody_learns_of_a_room_that_is_not_for_them() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (ada_, mut ada) = team.join("Ada").await;
    let (bob_, mut bob) = team.join("Bob").await;
    let (_, mut moderator) = {
        let it = team.person("Moderator", Role::Moderator).await;
        let ear = team.chat(&it).await;
        (it, ear)
    };
    let room = ada.create("Hidden", RoomKind::Invited).await;
    let nothing = Room { id: "AAAAAAAAAAAAAAAA".into(), ..room.clone() };
    for somebody in [&mut bob, &mut moderator] {
        for room in [&room, &nothing] {
            let one = |who: &Somebody| one(room, who);
            let codes = [
                somebody.open(&room.id).await.unwrap_err(),
                somebody.ask(LEAVE, &id(&room.id)).await.unwrap_err(),
                somebody
                    .ask(KEEP, &of_json::<KeepRoom>(json!({ "room": room.id, "is_pinned": true })))
                    .await
                    .unwrap_err(),
                somebody.ask(CHANGE, &change(room)).await.unwrap_err(),
                somebody.ask(DELETE, &id(&room.id)).await.unwrap_err(),
                somebody.ask(HAND_OVER, &one(&bob_)).await.unwrap_err(),
                somebody.ask(PROMOTE, &promote(room, &ada_, RoomRole::Member)).await.unwrap_err(),
                somebody.ask(REMOVE, &remove(room, &ada_, true)).await.unwrap_err(),
                somebody.ask(UNBAN, &one(&ada_)).await.unwrap_err(),
                somebody.ask(MUTE, &mute(room, &ada_, 1)).await.unwrap_err(),
                somebody.ask(MEMBERS, &id(&room.id)).await.unwrap_err(),
            ];
            assert!(codes.iter().all(|code| code == "gone"), "{codes:?}");
            assert_eq!(somebody.say(&room.id, "?").await.unwrap_err(), "not_opened");
            assert_eq!(somebody.ask(CLOSE, &id(&room.id)).await.unwrap_err(), "not_opened");
        }
        assert_eq!(somebody.open("Hidden").await.unwrap_err(), "gone");
        assert_eq!(somebody.open("").await.unwrap_err(), "gone");
    }
    // Neither does whoever is banned from it.
    ada.ask(REMOVE, &remove(&room, &bob_, true)).await.unwrap();
    assert_eq!(bob.open(&room.id).await.unwrap_err(), "gone");
    assert_eq!(bob.ask(MEMBERS, &id(&room.id)).await.unwrap_err(), "gone");
    let nobody = team.server.client().namespace("/chat").connect().await;
    assert!(nobody.unwrap_err().to_string().contains("unauthorized"));
    team.stop().await;
}

#[tokio::test]
async fn whoever_is_removed_hears_nothing_more() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (ada_, mut ada) = team.join("Ada").await;
    let (bob_, mut bob) = team.join("Bob").await;
    let mut phone = team.chat(&bob_).await;
    let room = ada.create("Plans", RoomKind::Open).await;
    for ear in [&mut ada, &mut bob, &mut phone] {
        ear.open(&room.id).await.unwrap();
    }
    let removed = |reason| Removed { room: room.id.clone(), reason };
    ada.ask(REMOVE, &remove(&room, &bob_, false)).await.unwrap();
    ada.say(&room.id, "without Bob").await.unwrap();
    for ear in [&mut bob, &mut phone] {
        assert_eq!(ear.next(REMOVED).await, removed(RemovedReason::Removed));
        assert_eq!(ear.say(&room.id, "?").await.unwrap_err(), "not_opened");
        assert!(ear.all(MESSAGE).await.is_empty());
    }
    let opened = ada.open(&room.id).await.unwrap();
    assert_eq!(opened.present.len(), 1, "nor are they present");
    bob.open(&room.id).await.expect("it is open");
    ada.ask(REMOVE, &remove(&room, &bob_, true)).await.unwrap();
    assert_eq!(bob.next(REMOVED).await, removed(RemovedReason::Banned));
    assert_eq!(bob.open(&room.id).await.unwrap_err(), "banned");
    assert_eq!(bob.ask(MEMBERS, &id(&room.id)).await.unwrap_err(), "banned");
    let banned = ada.ask(MEMBERS, &id(&room.id)).await.unwrap();
    assert_eq!(banned.iter().map(|it| it.is_banned).collect::<Vec<_>>(), [false, true]);
    ada.ask(UNBAN, &one(&room, &bob_)).await.unwrap();
    bob.open(&room.id).await.unwrap();
    // Nobody acts upon an owner, and plain members upon nobody.
    assert_eq!(bob.ask(REMOVE, &remove(&room, &ada_, false)).await.unwrap_err(), "forbidden");
    assert_eq!(ada.ask(REMOVE, &remove(&room, &ada_, false)).await.unwrap_err(), "forbidden");
    // Who leaves does so on all devices.
    phone.open(&room.id).await.unwrap();
    bob.ask(LEAVE, &id(&room.id)).await.unwrap();
    assert_eq!(phone.until(REMOVED, |it| it.reason == RemovedReason::Left).await.room, room.id);
    assert_eq!(phone.say(&room.id, "?").await.unwrap_err(), "not_opened");
    assert_eq!(ada.ask(LEAVE, &id(&room.id)).await.unwrap_err(), "last_owner");
    // A room that is gone is gone for everybody.
    bob.open(&room.id).await.unwrap();
    ada.ask(DELETE, &id(&room.id)).await.unwrap();
    assert_eq!(bob.until(REMOVED, |it| it.reason == RemovedReason::Gone).await.room, room.id);
    for ear in [&mut ada, &mut bob] {
        assert_eq!(ear.say(&room.id, "?").await.unwrap_err(), "not_opened");
        assert_eq!(ear.open(&room.id).await.unwrap_err(), "gone");
    }
    ada.create("Plans", RoomKind::Open).await;
    team.stop().await;
}

#[tokio::test]
async fn moderators_keep_order() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (ada_, mut ada) = team.join("Ada").await;
    let (bob_, mut bob) = team.join("Bob").await;
    let (eve_, mut eve) = team.join("Eve").await;
    let room = ada.create("Plans", RoomKind::Open).await;
    for ear in [&mut ada, &mut bob, &mut eve] {
        ear.open(&room.id).await.unwrap();
    }
    assert_eq!(bob.ask(MUTE, &mute(&room, &eve_, 60)).await.unwrap_err(), "forbidden");
    let promoted = ada.ask(PROMOTE, &promote(&room, &bob_, RoomRole::Moderator)).await.unwrap();
    assert_eq!((promoted.role, promoted.is_online), (RoomRole::Moderator, true));
    assert_eq!(
        bob.ask(PROMOTE, &promote(&room, &eve_, RoomRole::Moderator)).await.unwrap_err(),
        "forbidden"
    );
    assert_eq!(
        ada.ask(PROMOTE, &promote(&room, &eve_, RoomRole::Owner)).await.unwrap_err(),
        "forbidden"
    );
    let muted = bob.ask(MUTE, &mute(&room, &eve_, 60)).await.unwrap();
    assert!(muted.muted_until.is_some());
    assert_eq!(eve.say(&room.id, "?").await.unwrap_err(), "muted");
    bob.say(&room.id, "others speak").await.unwrap();
    assert!(bob.ask(MUTE, &mute(&room, &eve_, 0)).await.unwrap().muted_until.is_none());
    eve.say(&room.id, "!").await.unwrap();
    assert_eq!(bob.ask(MUTE, &mute(&room, &ada_, 60)).await.unwrap_err(), "forbidden");
    ada.ask(PROMOTE, &promote(&room, &eve_, RoomRole::Moderator)).await.unwrap();
    assert_eq!(bob.ask(REMOVE, &remove(&room, &eve_, false)).await.unwrap_err(), "forbidden");
    let handed = ada.ask(HAND_OVER, &one(&room, &bob_)).await.unwrap();
    assert_eq!(handed.owner.as_ref().map(|it| &*it.id), Some(bob_.id()));
    assert_eq!(eve.until(ROOM, |it| it.owner.is_some()).await.id, room.id);
    assert_eq!(ada.ask(CHANGE, &change(&room)).await.unwrap_err(), "forbidden");
    let roles = bob.ask(MEMBERS, &id(&room.id)).await.unwrap();
    let roles: Vec<_> = roles.iter().map(|it| (&*it.person.name, it.role)).collect();
    use RoomRole::{Moderator, Owner};
    assert_eq!(roles, [("Bob", Owner), ("Ada", Moderator), ("Eve", Moderator)]);
    let guest_ = team.person("Guest", Role::Guest).await;
    let mut guest = team.chat(&guest_).await;
    assert_eq!(bob.ask(HAND_OVER, &one(&room, &guest_)).await.unwrap_err(), "not_member");
    guest.open(&room.id).await.unwrap();
    for refused in [
        bob.ask(HAND_OVER, &one(&room, &guest_)).await.map(drop),
        bob.ask(PROMOTE, &promote(&room, &guest_, RoomRole::Moderator)).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err(), "guest_owns_nothing");
    }
    // Whoever keeps order on the server does so in rooms that everybody sees.
    let moderator_ = team.person("Moderator", Role::Moderator).await;
    let mut moderator = team.chat(&moderator_).await;
    moderator.ask(MUTE, &mute(&room, &guest_, 60)).await.unwrap();
    assert_eq!(moderator.ask(REMOVE, &remove(&room, &bob_, true)).await.unwrap_err(), "forbidden");
    let first = moderator.open(FIRST_ROOM).await.unwrap().room;
    assert_eq!(moderator.ask(DELETE, &id(&first.id)).await.unwrap_err(), "forbidden");
    let closed = ChangeRoom { kind: Some(RoomKind::Invited), ..change(&first) };
    assert_eq!(moderator.ask(CHANGE, &closed).await.unwrap_err(), "forbidden");
    let described = ChangeRoom { description: Some("hello".into()), ..change(&first) };
    moderator.ask(CHANGE, &described).await.unwrap();
    moderator.ask(DELETE, &id(&room.id)).await.unwrap();
    team.stop().await;
}

#[tokio::test]
async fn a_room_is_for_so_many_people_and_not_connections() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (ada_, mut ada) = team.join("Ada").await;
    let room = CreateRoom { capacity: Some(2), ..new_room("Two", RoomKind::Open) };
    let room = ada.ask(CREATE, &room).await.unwrap();
    ada.open(&room.id).await.unwrap();
    team.chat(&ada_).await.open(&room.id).await.expect("a second device is no second person");
    // Many at the same moment: one of them comes in.
    let mut others = Vec::new();
    for n in 0..8 {
        others.push(team.join(&format!("Person {n}")).await.1);
    }
    let opened = futures_util::future::join_all(others.iter_mut().map(|it| it.open(&room.id)));
    let (entered, full): (Vec<_>, Vec<_>) = opened.await.into_iter().partition(Result::is_ok);
    assert_eq!((entered.len(), full.len()), (1, 7));
    assert!(full.into_iter().all(|it| it.unwrap_err() == "full"));
    let members = ada.ask(MEMBERS, &id(&room.id)).await.unwrap();
    assert_eq!(members.len(), 2, "nobody is a member of what they have not seen");
    let more = ChangeRoom { capacity: Some(3), ..change(&room) };
    assert_eq!(ada.ask(CHANGE, &more).await.unwrap().capacity, Some(3));
    let (_, mut third) = team.join("Third").await;
    third.open(&room.id).await.unwrap();
    let none = ChangeRoom { capacity: Some(0), ..change(&room) };
    assert_eq!(ada.ask(CHANGE, &none).await.unwrap().capacity, None);
    // Those of the notes' chat are people too.
    let four = ChangeRoom { capacity: Some(4), ..change(&room) };
    ada.ask(CHANGE, &four).await.unwrap();
    let join = |name: &str| Join { room: "Two".into(), name: name.into(), sender: None };
    let (mut note, mut over) = (team.notes().await, team.notes().await);
    note.ask(JOIN, &join("note")).await.unwrap();
    assert_eq!(over.ask(JOIN, &join("over")).await.unwrap_err(), "full");
    let (_, mut fifth) = team.join("Fifth").await;
    assert_eq!(fifth.open(&room.id).await.unwrap_err(), "full");
    let one = ChangeRoom { capacity: Some(1), ..change(&room) };
    assert_eq!(ada.ask(CHANGE, &one).await.unwrap_err(), "capacity_range");
    team.stop().await;
}

#[tokio::test]
async fn a_room_keeps_its_messages_for_some_days() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (_, mut ada) = team.join("Ada").await;
    let month = CreateRoom { keep_days: Some(30), ..new_room("Month", RoomKind::Open) };
    let room = ada.ask(CREATE, &month).await.unwrap();
    assert_eq!(room.keep_days, Some(30));
    let as_server = CreateRoom { keep_days: Some(0), ..new_room("Ages", RoomKind::Open) };
    assert_eq!(ada.ask(CREATE, &as_server).await.unwrap().keep_days, None);
    let keep = |days: u32| ChangeRoom { keep_days: Some(days), ..change(&room) };
    assert_eq!(ada.ask(CHANGE, &keep(KEEP_DAYS_MAX)).await.unwrap().keep_days, Some(KEEP_DAYS_MAX));
    assert_eq!(ada.ask(CHANGE, &keep(KEEP_DAYS_MAX + 1)).await.unwrap_err(), "keep_days_range");
    let other = ada.ask(CHANGE, &change(&room)).await.unwrap();
    assert_eq!(other.keep_days, Some(KEEP_DAYS_MAX), "what is not named stays");
    assert_eq!(ada.ask(CHANGE, &keep(0)).await.unwrap().keep_days, None);
    team.stop().await;
}

#[tokio::test]
async fn direct_messages_are_found_again() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (ada_, mut ada) = team.join("Ada").await;
    let (bob_, mut bob) = team.join("Bob").await;
    let with = |people: &[&Somebody]| Direct {
        people: people.iter().map(|it| it.id().to_owned()).collect(),
    };
    let room = ada.ask(DIRECT, &with(&[&bob_])).await.unwrap();
    assert_eq!((room.kind, &*room.title, room.with.len()), (RoomKind::Direct, "", 2));
    assert_eq!(bob.ask(DIRECT, &with(&[&ada_, &ada_, &bob_])).await.unwrap().id, room.id);
    ada.open(&room.id).await.unwrap();
    bob.open(&room.id).await.unwrap();
    let said = ada.say(&room.id, "hello").await.unwrap();
    assert_eq!(bob.next(MESSAGE).await, said);
    // Whoever has left it is back with the next message.
    bob.ask(LEAVE, &id(&room.id)).await.unwrap();
    assert_eq!(bob.open(&room.id).await.unwrap_err(), "gone");
    ada.say(&room.id, "are you there?").await.unwrap();
    assert_eq!(bob.open(&room.id).await.unwrap().messages.len(), 2);
    for refused in [
        ada.ask(CHANGE, &change(&room)).await.map(drop),
        ada.ask(DELETE, &id(&room.id)).await,
        ada.ask(REMOVE, &remove(&room, &bob_, true)).await,
    ] {
        assert_eq!(refused.unwrap_err(), "forbidden");
    }
    let guest = team.person("Guest", Role::Guest).await;
    assert_eq!(ada.ask(DIRECT, &with(&[&guest])).await.unwrap_err(), "gone");
    let nobody = Direct { people: vec!["nobody".into()] };
    assert_eq!(ada.ask(DIRECT, &nobody).await.unwrap_err(), "gone");
    assert_eq!(ada.ask(DIRECT, &with(&[&ada_])).await.unwrap_err(), "direct_range");
    let mut guest = team.chat(&guest).await;
    assert_eq!(guest.ask(DIRECT, &with(&[&ada_])).await.unwrap_err(), "guest_owns_nothing");
    let mut people = Vec::new();
    for n in 0..10 {
        people.push(team.member(&format!("Person {n}")).await);
    }
    let people: Vec<_> = people.iter().collect();
    assert_eq!(ada.ask(DIRECT, &with(&people)).await.unwrap_err(), "direct_range");
    assert_eq!(ada.ask(DIRECT, &with(&people[..9])).await.unwrap().with.len(), 10);
    let found = of_json(json!({ "search": "pers" }));
    assert_eq!(ada.ask(PEOPLE, &found).await.unwrap().len(), 10);
    let found = of_json(json!({ "search": "%" }));
    assert!(ada.ask(PEOPLE, &found).await.unwrap().is_empty());
    assert_eq!(
        guest.ask(PEOPLE, &of_json(json!({ "search": "" }))).await.unwrap_err(),
        "guest_owns_nothing"
    );
    team.stop().await;
}

#[tokio::test]
async fn a_room_that_is_deleted_is_gone_with_all_that_was_said() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (_, mut ada) = team.join("Ada").await;
    let room = ada.create("Hidden", RoomKind::Invited).await;
    let first = ada.open(FIRST_ROOM).await.unwrap().room;
    ada.open(&room.id).await.unwrap();
    for n in 0..5 {
        ada.say(&room.id, &n.to_string()).await.unwrap();
    }
    ada.ask(DELETE, &id(&room.id)).await.unwrap();
    assert_eq!(ada.next(REMOVED).await.reason, RemovedReason::Gone);
    assert_eq!(ada.open(&room.id).await.unwrap_err(), "gone");
    assert_eq!(ada.ask(DELETE, &id(&room.id)).await.unwrap_err(), "gone");
    assert_eq!(ada.ask(DELETE, &id(&first.id)).await.unwrap_err(), "forbidden");
    while team.app.store.sweep().await.unwrap() {}
    assert!(team.app.store.page(&room.id, "", Page::Newest, 1).await.unwrap().messages.is_empty());
    team.stop().await;
}

/// Whoever is invited sees the room at once.
#[tokio::test]
async fn an_invitation_shows_the_room() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (_, mut ada) = team.join("Ada").await;
    let (bob_, mut bob) = team.join("Bob").await;
    let mut bobs = team.rooms(&bob_).await;
    let room = ada.create("Hidden", RoomKind::Invited).await;
    sql(data.path(), "INSERT INTO members (room, person, role, joined_at)
         SELECT r.id, p.id, 'member', 0 FROM rooms r, people p WHERE r.title = 'Hidden' AND p.name = 'Bob'").await;
    let io = team.server.server().io();
    team.app.rooms.joined(&team.app, &io, &room.id, bob_.id()).await.unwrap();
    assert_eq!(bobs.next(MEMBERSHIP).await.role, Some(RoomRole::Member));
    bobs.until(ROOMS, |it| it.changed.iter().any(|it| it.id == room.id)).await;
    bob.open(&room.id).await.unwrap();
    team.stop().await;
}

#[tokio::test]
async fn whoever_is_blocked_writes_nothing() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (_, mut ada) = team.join("Ada").await;
    let (bob_, mut bob) = team.join("Bob").await;
    let direct = Direct { people: vec![bob_.id().to_owned()] };
    let room = ada.ask(DIRECT, &direct).await.unwrap();
    ada.open(&room.id).await.unwrap();
    bob.open(&room.id).await.unwrap();
    ada.say(&room.id, "1").await.unwrap();
    sql(
        data.path(),
        "INSERT INTO blocks (person, blocked) SELECT b.id, a.id FROM people a, people b
         WHERE a.name = 'Ada' AND b.name = 'Bob'",
    )
    .await;
    assert_eq!(ada.say(&room.id, "2").await.unwrap_err(), "gone");
    assert_eq!(ada.ask(DIRECT, &direct).await.unwrap_err(), "gone");
    bob.say(&room.id, "3").await.expect("whoever blocks may write");
    team.stop().await;
}

#[tokio::test]
async fn a_connection_has_so_many_rooms_open() {
    let data = TempDir::new().unwrap();
    let quotas = Quotas { rooms_per_hour: 0, ..Quotas::default() };
    let team = Team::with(data.path(), quotas).await;
    let (_, mut ada) = team.join("Ada").await;
    let first = ada.open(FIRST_ROOM).await.unwrap().room;
    for n in 1..OPEN_MAX {
        let room = ada.create(&format!("Room {n}"), RoomKind::Open).await;
        ada.open(&room.id).await.unwrap();
    }
    let room = ada.create("One more", RoomKind::Open).await;
    assert_eq!(ada.open(&room.id).await.unwrap_err(), "too_many_open");
    ada.open(&first.id).await.expect("it is open already");
    ada.ask(CLOSE, &id(&first.id)).await.unwrap();
    ada.open(&room.id).await.unwrap();
    team.stop().await;
}

/// Answers are remembered for whoever sends an event again, and for nobody else.
#[tokio::test]
async fn nobody_is_answered_what_somebody_else_was() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (ada_, mut ada) = team.join("Ada").await;
    let bob_ = team.member("Bob").await;
    let room = ada.create("Hidden", RoomKind::Invited).await;
    let outbox = "S9m2fQw7Rk1Zt0yPp3Lh";
    let event: Event<Args<(RoomId, Value)>, Vec<RoomMember>> = Event::new("members");
    let first = Args((id(&room.id), json!({ "_outbox": [1, 1] })));
    for _ in 0..2 {
        let mut ada = team.chat_with_outbox(&ada_, outbox).await;
        assert_eq!(ada.ask(event, &first).await.unwrap().len(), 1);
        ada.socket.disconnect();
    }
    let mut bob = team.chat_with_outbox(&bob_, outbox).await;
    assert_eq!(bob.ask(event, &first).await.unwrap_err(), "gone");
    team.stop().await;
}

/// What another part of the program writes.
async fn sql(data: &Path, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(data.join("chat.db"));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
