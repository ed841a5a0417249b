//! Who is there, and rooms that vanish when nobody is, on a clock that the test moves.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::time::Duration;

use common::team::{Ear, Somebody, Still, Team, id, new_room};
use sockeye::{Event, RoomPresenceDifference};
use sockeye_chat::accounts::contract::{Person, Role};
use sockeye_chat::contract::FIRST_ROOM;
use sockeye_chat::presence::contract::{Here, ONLINE, ONLINE_ROOM, TYPING, Typing};
use sockeye_chat::rooms::contract::{
    CLOSE, CREATE, CreateRoom, MEMBERS, OPEN, OpenRoom, REMOVED, Room, RoomKind,
};
use tempfile::TempDir;

const PRESENCE: Event<RoomPresenceDifference<Here>> = Event::new("presence");
const SECOND: Duration = Duration::from_secs(1);

async fn passing(ear: &mut Ear, title: &str) -> Room {
    let room = CreateRoom { is_passing: true, ..new_room(title, RoomKind::Open) };
    ear.ask(CREATE, &room).await.unwrap()
}

/// Whether there is the room, when everything that is due has been done.
async fn exists(team: &Team, room: &Room) -> bool {
    for _ in 0..10 {
        tokio::task::yield_now().await;
        team.app.store.settled().await;
    }
    team.app.store.room(&room.id, "").await.unwrap().is_some()
}

#[track_caller]
fn patient(tries: &mut u32) {
    *tries += 1;
    assert!(*tries < 100_000, "it does not happen");
}

async fn vanishes(team: &Team, room: &Room) {
    let mut tries = 0;
    while exists(team, room).await {
        patient(&mut tries);
    }
}

/// Cuts the connection, and returns when the server knows.
async fn lose(team: &Team, ear: &Ear) {
    ear.socket.wire().cut();
    ended(team, ear).await;
}

/// Disconnects, and returns when the server knows.
async fn disconnect(team: &Team, ear: &Ear) {
    ear.socket.disconnect();
    ended(team, ear).await;
}

async fn ended(team: &Team, ear: &Ear) {
    let chat = team.server.server().of("/chat").unwrap();
    let mut tries = 0;
    while chat.socket(ear.socket.id()).is_some() {
        patient(&mut tries);
        tokio::task::yield_now().await;
    }
    // Its last handler runs after that.
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_passing_room_vanishes_two_seconds_after_the_last_one_left() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (_, mut ada) = team.join("Ada").await;
    let (bob_, mut bob) = team.join("Bob").await;
    let kept = ada.create("Kept", RoomKind::Open).await;
    let room = passing(&mut ada, "Passing").await;
    for ear in [&mut ada, &mut bob] {
        ear.open(&kept.id).await.unwrap();
        ear.open(&room.id).await.unwrap();
    }
    ada.say(&room.id, "soon gone").await.unwrap();
    let clock = Still::new();
    ada.ask(CLOSE, &id(&room.id)).await.unwrap();
    clock.advance(5 * SECOND).await;
    assert!(exists(&team, &room).await, "Bob is there");
    bob.ask(CLOSE, &id(&room.id)).await.unwrap();
    clock.advance(SECOND).await;
    assert!(exists(&team, &room).await);
    // Somebody was there meanwhile.
    ada.open(&room.id).await.unwrap();
    clock.advance(SECOND / 2).await;
    ada.ask(CLOSE, &id(&room.id)).await.unwrap();
    clock.advance(SECOND * 3 / 2).await;
    assert!(exists(&team, &room).await);
    clock.advance(SECOND * 3 / 5).await;
    vanishes(&team, &room).await;
    assert_eq!(ada.open(&room.id).await.unwrap_err(), "gone");
    assert_eq!(ada.open("Passing").await.unwrap_err(), "gone");
    assert!(exists(&team, &kept).await);

    // A client that disconnects has left by choice.
    let room = passing(&mut ada, "Passing").await;
    let mut phone = team.chat(&bob_).await;
    phone.open(&room.id).await.unwrap();
    disconnect(&team, &phone).await;
    clock.advance(SECOND * 5 / 2).await;
    vanishes(&team, &room).await;
    // So has whoever leaves for good.
    let room = passing(&mut ada, "Passing").await;
    ada.open(&room.id).await.unwrap();
    ada.ask(sockeye_chat::rooms::contract::LEAVE, &id(&room.id)).await.unwrap();
    ada.next(REMOVED).await;
    clock.advance(SECOND * 5 / 2).await;
    vanishes(&team, &room).await;
    // Nobody ever came.
    let room = passing(&mut ada, "Passing").await;
    clock.advance(SECOND * 9).await;
    assert!(exists(&team, &room).await);
    clock.advance(SECOND * 2).await;
    vanishes(&team, &room).await;
    clock.resume();
    team.stop().await;
}

#[tokio::test]
async fn a_lost_connection_keeps_a_passing_room_for_its_grace() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (ada_, mut ada) = team.join("Ada").await;
    let room =
        CreateRoom { is_passing: true, capacity: Some(2), ..new_room("Passing", RoomKind::Open) };
    let room = ada.ask(CREATE, &room).await.unwrap();
    ada.open(&room.id).await.unwrap();
    let (_, mut bob) = team.join("Bob").await;
    let (_, mut eve) = team.join("Eve").await;
    bob.open(&room.id).await.unwrap();
    let clock = Still::new();
    lose(&team, &ada).await;
    bob.ask(CLOSE, &id(&room.id)).await.unwrap();
    clock.advance(SECOND * 9).await;
    assert!(exists(&team, &room).await, "Ada may come back");
    // Her place is kept.
    bob.open(&room.id).await.unwrap();
    assert_eq!(eve.open(&room.id).await.unwrap_err(), "full");
    bob.ask(CLOSE, &id(&room.id)).await.unwrap();
    let mut ada = team.chat(&ada_).await;
    ada.open(&room.id).await.unwrap();
    clock.advance(SECOND * 5).await;
    assert!(exists(&team, &room).await, "she has");
    lose(&team, &ada).await;
    clock.advance(SECOND * 9).await;
    assert!(exists(&team, &room).await);
    clock.advance(SECOND * 2).await;
    vanishes(&team, &room).await;
    clock.resume();
    team.stop().await;
}

#[tokio::test]
async fn after_a_restart_a_passing_room_waits_for_its_people() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (ada_, mut ada) = team.join("Ada").await;
    let (left, right) = (passing(&mut ada, "Left").await, passing(&mut ada, "Right").await);
    ada.open(&left.id).await.unwrap();
    ada.open(&right.id).await.unwrap();
    drop(ada);
    team.stop().await;

    let team = Team::new(data.path()).await;
    assert!(exists(&team, &left).await && exists(&team, &right).await);
    let mut ada = team.chat(&ada_).await;
    ada.open(&right.id).await.unwrap();
    let clock = Still::new();
    clock.advance(SECOND * 9).await;
    assert!(exists(&team, &left).await && exists(&team, &right).await);
    clock.advance(SECOND * 2).await;
    vanishes(&team, &left).await;
    assert!(exists(&team, &right).await);
    clock.resume();
    team.stop().await;
}

fn typing(room: &str, is_typing: bool) -> Typing {
    Typing { room: room.to_owned(), is_typing }
}

#[tokio::test]
async fn people_are_there_and_not_connections() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (ada_, mut ada) = team.join("Ada").await;
    let (bob_, mut bob) = team.join("Bob").await;
    let room = ada.open(FIRST_ROOM).await.unwrap().room;
    let key = format!("room {}", room.id);
    let here = |it: &RoomPresenceDifference<Here>| it.room == key;
    bob.open(&room.id).await.unwrap();
    let joined = ada.until(PRESENCE, |it| here(it) && !it.joined.is_empty()).await;
    assert!(joined.joined.iter().any(|it| it.user == bob_.id()));
    // Bob's phone is Bob.
    let mut phone = team.chat(&bob_).await;
    let opened = phone.open(&room.id).await.unwrap();
    assert_eq!((opened.present.len(), opened.room.people), (2, 2));
    let bobs = opened.present.iter().find(|it| it.user == bob_.id()).unwrap();
    assert_eq!(bobs.connections.len(), 2);
    phone.ask(CLOSE, &id(&room.id)).await.unwrap();
    bob.socket.emit(TYPING, &typing(&room.id, true));
    let is_typing = |it: &RoomPresenceDifference<Here>| {
        here(it)
            && it
                .changed
                .iter()
                .flat_map(|it| &it.connections)
                .any(|it| it.metadata.typing_at.is_some())
    };
    ada.until(PRESENCE, is_typing).await;
    // Whoever has not opened a room types nothing there.
    phone.socket.emit(TYPING, &typing(&room.id, true));
    let again = ada.open(&room.id).await.unwrap();
    assert_eq!(again.present.iter().map(|it| it.connections.len()).sum::<usize>(), 2);
    bob.ask(CLOSE, &id(&room.id)).await.unwrap();
    let left = ada.until(PRESENCE, |it| here(it) && !it.left.is_empty()).await;
    assert_eq!(left.left[0].user, bob_.id());

    // Somebody is otherwise: everybody sees it.
    let green = Person { colour: 120, name: "Bobby".into(), ..bob_.person.clone() };
    let io = team.server.server().of("/chat").unwrap();
    team.app.accounts.changed(&io, &green);
    let is_green = |it: &RoomPresenceDifference<Here>| {
        let connections = it.changed.iter().flat_map(|it| &it.connections);
        it.room == ONLINE_ROOM && connections.filter(|it| it.metadata.person == green).count() == 2
    };
    ada.until(PRESENCE, is_green).await;
    assert_eq!(ada.ask(ONLINE, &()).await.unwrap().len(), 2);

    // Guests are there and do not hear of others.
    let guest_ = team.person("Guest", Role::Guest).await;
    let mut guest = team.chat(&guest_).await;
    assert_eq!(guest.ask(ONLINE, &()).await.unwrap_err(), "forbidden");
    let joined = |it: &RoomPresenceDifference<Here>| {
        it.room == ONLINE_ROOM && it.joined.iter().any(|it| it.user == guest_.id())
    };
    ada.until(PRESENCE, joined).await;
    guest.open(&room.id).await.unwrap();
    assert!(guest.all(PRESENCE).await.iter().all(|it| it.room != ONLINE_ROOM));
    let _ = ada_;
    team.stop().await;
}

async fn seen(team: &Team, room: &Room, who: &Somebody) -> Option<i64> {
    let members = team.app.store.members(&room.id).await.unwrap();
    members.into_iter().find(|it| it.person.id == who.id()).unwrap().seen_at
}

#[tokio::test]
async fn when_somebody_was_last_seen_is_kept() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (ada_, mut ada) = team.join("Ada").await;
    let (bob_, mut bob) = team.join("Bob").await;
    let room = ada.open(FIRST_ROOM).await.unwrap().room;
    bob.open(&room.id).await.unwrap();
    assert_eq!(seen(&team, &room, &bob_).await, None);
    let members = ada.ask(MEMBERS, &id(&room.id)).await.unwrap();
    assert!(members.iter().all(|it| it.is_online && it.seen_at.is_none()));
    disconnect(&team, &bob).await;
    let stored = async {
        while seen(&team, &room, &bob_).await.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(common::PATIENCE, stored)
        .await
        .expect("it is stored when Bob was last seen");
    let members = ada.ask(MEMBERS, &id(&room.id)).await.unwrap();
    let bobs = members.iter().find(|it| it.person.id == bob_.id()).unwrap();
    assert!(!bobs.is_online && bobs.seen_at.is_some());
    // Should the program die, it is known of those who are here to the minute.
    let clock = Still::new();
    assert_eq!(seen(&team, &room, &ada_).await, None);
    clock.advance(SECOND * 61).await;
    while seen(&team, &room, &ada_).await.is_none() {
        tokio::task::yield_now().await;
    }
    clock.resume();
    let before = seen(&team, &room, &ada_).await;
    team.stop().await;
    // And of those who were here to the end.
    let team = Team::new(data.path()).await;
    assert!(seen(&team, &room, &ada_).await >= before);
    let mut ada = team.chat(&ada_).await;
    let open = OpenRoom { room: room.id.clone(), password: None, ..OpenRoom::default() };
    assert_eq!(ada.ask(OPEN, &open).await.unwrap().present.len(), 1);
    team.stop().await;
}
