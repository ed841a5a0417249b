//! How far people have read, and what they are told of it.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::time::Duration;

use common::team::{Ear, Still, Team, no_quotas};
use sockeye_chat::messages::contract::{DELETE_MESSAGE, Message, OneMessage};
use sockeye_chat::reading::contract::{
    COUNTS, READ, READERS, READING, Read, UNREAD, UNREAD_COUNTED_MAX,
};
use sockeye_chat::rooms::contract::RoomKind;
use tempfile::TempDir;

fn read(message: &Message) -> Read {
    Read { room: message.room.clone(), message: message.id }
}

fn one(message: &Message) -> OneMessage {
    OneMessage { room: message.room.clone(), message: message.id }
}

/// The next counts with so many unread.
async fn unread(ear: &mut Ear, count: u32) -> i64 {
    ear.until(COUNTS, |counts| counts.unread == count).await.read
}

#[tokio::test]
async fn what_is_read_on_one_device_is_read_on_all() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let ((_, mut ada), (bob_, mut bob)) = (team.join("Ada").await, team.join("Bob").await);
    let (mut phone, mut desk) = (team.rooms(&bob_).await, team.rooms(&bob_).await);
    let room = ada.create("Plans", RoomKind::Open).await;
    ada.open(&room.id).await.unwrap();
    bob.open(&room.id).await.unwrap();
    let first = ada.say(&room.id, "one").await.unwrap();
    let second = ada.say(&room.id, "two").await.unwrap();
    for device in [&mut phone, &mut desk] {
        unread(device, 2).await;
    }
    bob.ask(READ, &read(&first)).await.unwrap();
    for device in [&mut phone, &mut desk] {
        assert_eq!(unread(device, 1).await, first.id);
    }
    bob.ask(READ, &read(&second)).await.unwrap();
    for device in [&mut phone, &mut desk] {
        unread(device, 0).await;
    }
    // Reading something older is no going back, and marking it as unread is.
    bob.ask(READ, &read(&first)).await.unwrap();
    bob.ask(UNREAD, &read(&second)).await.unwrap();
    assert_eq!(unread(&mut phone, 1).await, first.id);
    // A message that is gone is not unread.
    ada.ask(DELETE_MESSAGE, &one(&second)).await.unwrap();
    unread(&mut phone, 0).await;
    let listed = desk.list().await;
    let counts = listed.counts.iter().find(|counts| counts.room == room.id).unwrap();
    assert_eq!((counts.unread, counts.read), (0, first.id));
    team.stop().await;
}

#[tokio::test]
async fn who_has_read_is_told_by_name() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let ((_, mut ada), (_, mut bob)) = (team.join("Ada").await, team.join("Bob").await);
    let (_, mut eve) = team.join("Eve").await;
    let room = ada.create("Plans", RoomKind::Open).await;
    ada.open(&room.id).await.unwrap();
    bob.open(&room.id).await.unwrap();
    eve.open(&room.id).await.unwrap();
    let said = ada.say(&room.id, "one").await.unwrap();
    bob.ask(READ, &read(&said)).await.unwrap();
    // Told to everybody who is in the room: one of the two pointers has moved to it.
    ada.until(READING, |told| told.moved.iter().any(|(id, more)| *id == said.id && *more > 0))
        .await;
    let (_, mut late) = team.join("Late").await;
    late.open(&room.id).await.unwrap();
    let mut readers = ada.ask(READERS, &one(&said)).await.unwrap();
    if readers.read.is_empty() {
        // It was the author's own.
        ada.next(READING).await;
        readers = ada.ask(READERS, &one(&said)).await.unwrap();
    }
    let names = |people: &[sockeye_chat::accounts::contract::Person]| -> Vec<String> {
        people.iter().map(|person| person.name.clone()).collect()
    };
    assert_eq!(names(&readers.read), ["Bob"], "whoever came later has not read it");
    assert_eq!(names(&readers.unread), ["Eve"]);
    assert_eq!((readers.read_count, readers.unread_count), (1, 1));
    ada.ask(DELETE_MESSAGE, &one(&said)).await.unwrap();
    assert_eq!(ada.ask(READERS, &one(&said)).await.unwrap_err(), "message_gone");
    team.stop().await;
}

#[tokio::test]
async fn pointers_are_written_once_a_second() {
    let data = TempDir::new().unwrap();
    let still = Still::new();
    let team = Team::with(data.path(), no_quotas()).await;
    let ((_, mut ada), (bob_, mut bob)) = (team.join("Ada").await, team.join("Bob").await);
    let mut list = team.rooms(&bob_).await;
    let room = ada.create("Plans", RoomKind::Open).await;
    ada.open(&room.id).await.unwrap();
    bob.open(&room.id).await.unwrap();
    let mut said = Vec::new();
    for n in 0..30 {
        said.push(ada.say(&room.id, &n.to_string()).await.unwrap());
    }
    for message in &said {
        bob.ask(READ, &read(message)).await.unwrap();
    }
    // What was asked first is written first, and all the rest together.
    let mut told = vec![unread_any(&mut list).await];
    while told.last() != Some(&0) {
        still.advance(Duration::from_millis(1_000)).await;
        told.push(unread_any(&mut list).await);
    }
    assert!(told.len() <= 6, "{told:?}");
    still.resume();
    team.stop().await;
}

async fn unread_any(ear: &mut Ear) -> u32 {
    ear.next(COUNTS).await.unread
}

#[tokio::test]
async fn a_thousand_are_counted() {
    let data = TempDir::new().unwrap();
    let team = Team::with(data.path(), no_quotas()).await;
    let ((_, mut ada), (_, mut bob)) = (team.join("Ada").await, team.join("Bob").await);
    let room = ada.create("Plans", RoomKind::Open).await;
    ada.open(&room.id).await.unwrap();
    bob.open(&room.id).await.unwrap();
    for n in 0..UNREAD_COUNTED_MAX {
        ada.say(&room.id, "x").await.unwrap();
        if n == UNREAD_COUNTED_MAX - 2 {
            let counts = bob.open(&room.id).await.unwrap().counts;
            assert_eq!(counts.unread, UNREAD_COUNTED_MAX - 1);
        }
    }
    ada.say(&room.id, "one more").await.unwrap();
    assert_eq!(bob.open(&room.id).await.unwrap().counts.unread, UNREAD_COUNTED_MAX);
    team.stop().await;
}

/// The page shows nothing of whom somebody has blocked: it would be unread for ever.
#[tokio::test]
async fn what_is_said_by_whom_one_has_blocked_is_not_unread() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let ((ada_, mut ada), (bob_, mut bob)) = (team.join("Ada").await, team.join("Bob").await);
    let room = ada.create("Plans", RoomKind::Open).await;
    ada.open(&room.id).await.unwrap();
    bob.open(&room.id).await.unwrap();
    let store = &team.app.store;
    assert_eq!(store.block(bob_.id(), ada_.id(), true).await.unwrap(), Some(true));
    ada.say(&room.id, "@everyone").await.unwrap();
    let counts = bob.open(&room.id).await.unwrap().counts;
    assert_eq!((counts.unread, counts.mentions), (0, 0));
    store.block(bob_.id(), ada_.id(), false).await.unwrap();
    let counts = bob.open(&room.id).await.unwrap().counts;
    assert_eq!((counts.unread, counts.mentions), (1, 1));
    team.stop().await;
}

#[tokio::test]
async fn nobody_reads_where_they_do_not_belong() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let ((_, mut ada), (_, mut eve)) = (team.join("Ada").await, team.join("Eve").await);
    let room = ada.create("Plans", RoomKind::Invited).await;
    ada.open(&room.id).await.unwrap();
    let said = ada.say(&room.id, "secret").await.unwrap();
    assert_eq!(eve.ask(READ, &read(&said)).await.unwrap_err(), "gone");
    assert_eq!(eve.ask(READERS, &one(&said)).await.unwrap_err(), "not_opened");
    // What is not there is read up to where something is.
    let far = Read { room: room.id.clone(), message: i64::MAX };
    assert_eq!(ada.ask(READ, &far).await, Ok(()));
    let below = Read { room: room.id.clone(), message: i64::MIN };
    assert_eq!(ada.ask(UNREAD, &below).await, Ok(()));
    team.stop().await;
}
