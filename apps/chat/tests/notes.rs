//! The chat of the notes, and how it leads into the same rooms as the page.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use common::team::{Ear, Team, id, of_json};
use serde_json::json;
use sockeye::Event;
use sockeye_chat::contract::FIRST_ROOM;
use sockeye_chat::messages::contract::MESSAGE;
use sockeye_chat::notes::contract::{
    CHAT, JOIN, JOINED, Join, LEFT, NewMessage, POSTED, StoredMessage,
};
use sockeye_chat::rooms::contract::{
    CHANGE, CREATE, ChangeRoom, CreateRoom, DELETE, ROOMS, Room, RoomKind,
};
use tempfile::TempDir;

async fn join(ear: &mut Ear, room: &str, name: &str) -> Result<Vec<StoredMessage>, String> {
    let join = Join { room: room.to_owned(), name: name.to_owned(), sender: None };
    ear.ask(JOIN, &join).await
}

async fn chat(ear: &mut Ear, name: &str, text: &str) -> Result<StoredMessage, String> {
    let message = NewMessage { name: name.to_owned(), msg: text.to_owned(), key: None };
    ear.ask(CHAT, &message).await
}

fn change(room: &Room, what: serde_json::Value) -> ChangeRoom {
    let mut change = json!({ "room": room.id });
    change.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
    of_json(change)
}

/// As the page of the notes does it: a nickname alone, no answers.
#[tokio::test]
async fn a_nickname_alone_enters_the_first_room() {
    const BARE: Event<String> = Event::new("join");
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (mut jm, mut other) = (team.notes().await, team.notes().await);
    jm.socket.emit(BARE, &"정민".to_owned());
    let joined = jm.next(JOINED).await;
    assert_eq!((&*joined.room, &*joined.name, joined.people), (FIRST_ROOM, "정민", 1));
    let history: Vec<StoredMessage> =
        other.ask(Event::new("join"), &"지우".to_owned()).await.unwrap();
    assert!(history.is_empty());
    assert_eq!(jm.next(JOINED).await.name, "지우");
    jm.socket.emit("chat", &json!({ "name": "정민", "msg": "안녕" }));
    assert_eq!(other.next(POSTED).await.msg, "안녕");
    jm.socket.emit("leave", &"정민".to_owned());
    assert_eq!(other.next(LEFT).await.name, "정민");
    let refused: Result<Vec<StoredMessage>, _> =
        other.ask(Event::new("join"), &"\u{200B}".to_owned()).await;
    assert_eq!(refused.unwrap_err(), "name_empty");
    team.stop().await;
}

#[tokio::test]
async fn an_open_room_is_one_for_both() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (ada_, mut ada) = team.join("Ada").await;
    let mut adas = team.rooms(&ada_).await;
    let room = ada.create("Plans", RoomKind::Open).await;
    ada.open(&room.id).await.unwrap();
    let mut guest = team.notes().await;
    assert_eq!(join(&mut guest, "Plans", "Ada").await.unwrap_err(), "name_lookalike");
    assert_eq!(join(&mut guest, "Plans", "Аdа").await.unwrap_err(), "name_lookalike");
    join(&mut guest, "Plans", "guest").await.unwrap();
    let is_counted = |room: &Room| room.title == "Plans" && room.people == 2;
    adas.until(ROOMS, |it| it.changed.iter().any(is_counted)).await;
    let said = ada.say(&room.id, "from the page").await.unwrap();
    let heard = guest.next(POSTED).await;
    assert_eq!((heard.id, &*heard.name, &*heard.msg), (said.id, "Ada", "from the page"));
    let said = chat(&mut guest, "guest", "from the notes").await.unwrap();
    ada.until(MESSAGE, |it| it.id == said.id && it.by.name == "guest").await;
    let is_news = |room: &Room| room.last.as_ref().is_some_and(|last| last.id == said.id);
    adas.until(ROOMS, |it| it.changed.iter().any(is_news)).await;
    // A room that the first message makes is on the list.
    join(&mut guest, "New", "guest").await.unwrap();
    chat(&mut guest, "guest", "first").await.unwrap();
    adas.until(ROOMS, |it| it.changed.iter().any(|room| room.title == "New")).await;
    team.stop().await;
}

#[tokio::test]
async fn whoever_is_in_a_room_follows_it() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (_, mut ada) = team.join("Ada").await;
    let room = ada.create("Plans", RoomKind::Open).await;
    ada.open(&room.id).await.unwrap();
    let mut guest = team.notes().await;
    join(&mut guest, "Plans", "guest").await.unwrap();
    chat(&mut guest, "guest", "1").await.unwrap();
    ada.ask(CHANGE, &change(&room, json!({ "title": "New plans" }))).await.unwrap();
    // Under its new name, and no second room is made under the old one.
    let said = chat(&mut guest, "guest", "2").await.unwrap();
    ada.until(MESSAGE, |it| it.id == said.id).await;
    ada.say(&room.id, "3").await.unwrap();
    guest.until(POSTED, |it| it.msg == "3").await;
    let mut other = team.notes().await;
    assert_eq!(join(&mut other, "New plans", "other").await.unwrap().len(), 3);
    assert_eq!(guest.until(JOINED, |it| it.name == "other").await.people, 2);
    assert!(join(&mut other, "Plans", "other").await.unwrap().is_empty());
    join(&mut other, "New plans", "other").await.unwrap();

    for (kind, password) in [("password", Some("sesame")), ("invited", None)] {
        let mut closed = json!({ "kind": kind });
        if let Some(password) = password {
            closed["password"] = password.into();
        }
        ada.ask(CHANGE, &change(&room, closed)).await.unwrap();
        let left = guest.until(LEFT, |it| it.name == "guest").await;
        assert_eq!(left.room, "New plans");
        assert_eq!(chat(&mut guest, "guest", "?").await.unwrap_err(), "not_joined");
        ada.say(&room.id, "among ourselves").await.unwrap();
        assert!(guest.all(POSTED).await.iter().all(|it| it.msg != "among ourselves"));
        if kind == "password" {
            assert_eq!(join(&mut guest, "New plans", "guest").await.unwrap_err(), "gone");
        }
        ada.ask(CHANGE, &change(&room, json!({ "kind": "open" }))).await.unwrap();
        join(&mut guest, "New plans", "guest").await.unwrap();
    }
    ada.ask(DELETE, &id(&room.id)).await.unwrap();
    guest.until(LEFT, |it| it.name == "guest").await;
    assert_eq!(chat(&mut guest, "guest", "?").await.unwrap_err(), "not_joined");
    assert!(join(&mut guest, "New plans", "guest").await.unwrap().is_empty(), "another room");
    // Whoever waits in a room that nobody has made is not in one that is made with a password.
    let secret: CreateRoom =
        of_json(json!({ "title": "New plans", "kind": "password", "password": "sesame" }));
    ada.ask(CREATE, &secret).await.unwrap();
    guest.until(LEFT, |it| it.name == "guest").await;
    assert_eq!(chat(&mut guest, "guest", "?").await.unwrap_err(), "not_joined");
    team.stop().await;
}
