//! The live list of rooms: who sees what, and when they are told.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::time::{Duration, Instant};

use common::team::{Ear, Team, id, new_room, of_json};
use futures_util::future::join_all;
use serde_json::json;
use sockeye_chat::accounts::contract::Role;
use sockeye_chat::contract::FIRST_ROOM;
use sockeye_chat::input::RoomName;
use sockeye_chat::quota::Quotas;
use sockeye_chat::rooms::contract::{
    CHANGE, CREATE, ChangeRoom, DELETE, DIRECT, Direct, KEEP, KeepRoom, LEAVE, LIST, ListRooms,
    MEMBERSHIP, OPEN, OpenRoom, REMOVE, ROOMS, RemoveMember, Room, RoomKind, RoomPage, RoomRole,
};
use sockeye_chat::rooms::store::{NewRoom, ROOMS_OWNED_MAX, ROOMS_PINNED_MAX};
use tempfile::TempDir;

fn titles(page: &RoomPage) -> Vec<&str> {
    page.rooms.iter().map(|room| room.title.as_str()).collect()
}

/// The next change of this room with something in it.
async fn told(ear: &mut Ear, room: &Room, mut is_it: impl FnMut(&Room) -> bool) -> Room {
    let event =
        ear.until(ROOMS, |it| it.changed.iter().any(|it| it.id == room.id && is_it(it))).await;
    event.changed.into_iter().find(|it| it.id == room.id).unwrap()
}

async fn gone(ear: &mut Ear, room: &Room) {
    ear.until(ROOMS, |it| it.removed.contains(&room.id)).await;
}

#[tokio::test]
async fn everybody_sees_what_they_may() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (ada_, mut ada) = team.join("Ada").await;
    let (bob_, mut bob) = team.join("Bob").await;
    let (mut adas, mut bobs) = (team.rooms(&ada_).await, team.rooms(&bob_).await);
    let open = ada.create("Open", RoomKind::Open).await;
    let secret = ada.create("Secret", RoomKind::Password).await;
    let invited = ada.create("Invited", RoomKind::Invited).await;
    let direct = Direct { people: vec![bob_.id().to_owned()] };
    let direct = ada.ask(DIRECT, &direct).await.unwrap();
    for room in [&open, &secret, &invited, &direct] {
        ada.open(&room.id).await.unwrap();
        ada.say(&room.id, "psst").await.unwrap();
    }
    let page = adas.list().await;
    assert_eq!(titles(&page), ["", "Invited", "Secret", "Open", FIRST_ROOM], "the newest first");
    assert!(page.rooms[..4].iter().all(|room| room.last.as_ref().unwrap().text == "psst"));
    assert_eq!(page.memberships.len(), 4);
    let page = bobs.list().await;
    assert_eq!(titles(&page), ["", "Secret", "Open", FIRST_ROOM]);
    assert_eq!(page.rooms[1].last, None, "whoever is outside does not read it");
    assert_eq!(page.rooms[2].last.as_ref().unwrap().text, "psst");
    assert_eq!(page.memberships.len(), 1);
    let guest = team.person("Guest", Role::Guest).await;
    let page = team.rooms(&guest).await.list().await;
    assert_eq!(titles(&page), ["Secret", "Open", FIRST_ROOM]);

    // News reach those who may see them.
    ada.say(&secret.id, "news").await.unwrap();
    ada.say(&invited.id, "news").await.unwrap();
    ada.say(&direct.id, "news").await.unwrap();
    let is_news = |room: &Room| room.last.as_ref().is_some_and(|last| last.text == "news");
    for room in [&secret, &invited, &direct] {
        told(&mut adas, room, is_news).await;
    }
    told(&mut bobs, &direct, is_news).await;
    told(&mut bobs, &secret, |room| room.last.is_none()).await;
    let heard = bobs.all(ROOMS).await;
    let mut rooms = heard.iter().flat_map(|it| &it.changed);
    assert!(rooms.all(|it| it.id != invited.id && (it.id != secret.id || it.last.is_none())));

    // Coming in, and being told what one could not see.
    let enter = OpenRoom {
        room: secret.id.clone(),
        password: Some("sesame".into()),
        ..OpenRoom::default()
    };
    bob.ask(OPEN, &enter).await.unwrap();
    let membership = bobs.until(MEMBERSHIP, |it| it.room == secret.id).await;
    assert_eq!(membership.role, Some(RoomRole::Member));
    assert_eq!(told(&mut bobs, &secret, is_news).await.people, 2);
    let remove =
        RemoveMember { room: secret.id.clone(), person: bob_.id().to_owned(), is_ban: false };
    ada.ask(REMOVE, &remove).await.unwrap();
    assert_eq!(bobs.until(MEMBERSHIP, |it| it.role.is_none()).await.room, secret.id);
    bobs.all(ROOMS).await;
    ada.say(&secret.id, "without Bob").await.unwrap();
    told(&mut bobs, &secret, |room| room.last.is_none() && room.people == 1).await;

    // A room that is closed is gone for others, and there again when it is opened.
    let change = |kind| ChangeRoom { kind: Some(kind), ..of_json(json!({ "room": open.id })) };
    ada.ask(CHANGE, &change(RoomKind::Invited)).await.unwrap();
    gone(&mut bobs, &open).await;
    told(&mut adas, &open, |room| room.kind == RoomKind::Invited).await;
    assert!(!titles(&bobs.list().await).contains(&"Open"));
    ada.ask(CHANGE, &change(RoomKind::Open)).await.unwrap();
    told(&mut bobs, &open, |room| room.kind == RoomKind::Open).await;
    bob.ask(LEAVE, &id(&direct.id)).await.unwrap();
    gone(&mut bobs, &direct).await;
    ada.ask(DELETE, &id(&invited.id)).await.unwrap();
    gone(&mut adas, &invited).await;
    ada.ask(DELETE, &id(&open.id)).await.unwrap();
    gone(&mut adas, &open).await;
    gone(&mut bobs, &open).await;
    assert_eq!(titles(&adas.list().await), ["Secret", "", FIRST_ROOM]);
    team.stop().await;
}

/// Whoever is banned sees that there is the room, and not what is said in it.
#[tokio::test]
async fn whoever_is_banned_reads_nothing_on_the_list() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (ada_, mut ada) = team.join("Ada").await;
    let bob_ = team.member("Bob").await;
    let (mut adas, mut bobs) = (team.rooms(&ada_).await, team.rooms(&bob_).await);
    let room = ada.create("Open", RoomKind::Open).await;
    ada.open(&room.id).await.unwrap();
    let ban = RemoveMember { room: room.id.clone(), person: bob_.id().to_owned(), is_ban: true };
    ada.ask(REMOVE, &ban).await.unwrap();
    ada.say(&room.id, "without Bob").await.unwrap();
    told(&mut adas, &room, |room| room.last.is_some()).await;
    let listed = bobs.list().await.rooms.into_iter().find(|it| it.id == room.id).unwrap();
    assert_eq!(listed.last, None);
    let heard = bobs.all(ROOMS).await;
    let heard: Vec<_> =
        heard.iter().flat_map(|it| &it.changed).filter(|it| it.id == room.id).collect();
    assert!(!heard.is_empty() && heard.iter().all(|it| it.last.is_none()), "{heard:?}");
    team.stop().await;
}

#[tokio::test]
async fn changes_are_told_together() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (ada_, mut ada) = team.join("Ada").await;
    let mut adas = team.rooms(&ada_).await;
    let room = ada.create("Busy", RoomKind::Open).await;
    ada.open(&room.id).await.unwrap();
    let started = Instant::now();
    for n in 0..500 {
        ada.say(&room.id, &n.to_string()).await.unwrap();
    }
    told(&mut adas, &room, |room| room.last.as_ref().is_some_and(|last| last.text == "499")).await;
    let most = started.elapsed().as_millis() / 100 + 2;
    let heard = adas.all(ROOMS).await.len();
    assert!(heard as u128 <= most, "{heard} events, at most {most}");
    team.stop().await;
}

#[tokio::test]
async fn pages_pins_and_searches() {
    let data = TempDir::new().unwrap();
    let quotas = Quotas { rooms_per_hour: 0, ..Quotas::default() };
    let team = Team::with(data.path(), quotas).await;
    let (ada_, mut ada) = team.join("Ada").await;
    let mut adas = team.rooms(&ada_).await;
    let mut rooms = Vec::new();
    for n in 0..ROOMS_OWNED_MAX {
        rooms.push(ada.create(&format!("Room {n}"), RoomKind::Open).await);
    }
    let over = ada.ask(CREATE, &new_room("One more", RoomKind::Open)).await;
    assert_eq!(over.unwrap_err(), "too_many_rooms");
    let keep = |room: &Room, is_pinned| KeepRoom {
        room: room.id.clone(),
        is_pinned: Some(is_pinned),
        is_silenced: None,
    };
    ada.ask(KEEP, &keep(&rooms[3], true)).await.unwrap();
    let silenced: KeepRoom = of_json(json!({ "room": rooms[3].id, "is_silenced": true }));
    let kept = ada.ask(KEEP, &silenced).await.unwrap();
    assert!(kept.is_pinned && kept.is_silenced, "what is left out stays");
    adas.until(MEMBERSHIP, |it| it.is_pinned && it.is_silenced).await;

    let mut seen = Vec::new();
    let mut asked = ListRooms { limit: Some(30), ..ListRooms::default() };
    loop {
        let page = adas.ask(LIST, &asked).await.unwrap();
        seen.extend(page.rooms.into_iter().map(|room| room.title));
        match page.next {
            Some(next) => asked.after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen[..2], ["Room 3", "Room 99"]);
    assert_eq!(seen.len(), 101);
    let mut once = seen.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), 101, "each once");

    let mut find = async |text: &str| {
        let asked = ListRooms { search: Some(text.to_owned()), ..ListRooms::default() };
        let page = adas.ask(LIST, &asked).await.unwrap();
        titles(&page).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(find("ROOM 7").await.len(), 11);
    assert_eq!(find("room 3").await[0], "Room 3", "the pinned one first");
    assert!(
        find("%").await.is_empty() && find("_").await.is_empty() && find("\\").await.is_empty()
    );
    assert_eq!(find(" lob ").await, [FIRST_ROOM]);

    for room in &rooms[4..3 + ROOMS_PINNED_MAX as usize] {
        ada.ask(KEEP, &keep(room, true)).await.unwrap();
    }
    let over = ada.ask(KEEP, &keep(&rooms[0], true)).await;
    assert_eq!(over.unwrap_err(), "too_many_pinned");
    ada.ask(KEEP, &keep(&rooms[3], false)).await.unwrap();
    ada.ask(KEEP, &keep(&rooms[0], true)).await.unwrap();
    let most = ListRooms { limit: Some(1_000), ..ListRooms::default() };
    let page = adas.ask(LIST, &most).await.unwrap();
    assert_eq!((page.rooms.len(), page.next), (101, None));
    team.stop().await;
}

#[tokio::test]
async fn titles_are_found_in_any_case_and_form() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let (ada_, mut ada) = team.join("Ada").await;
    let mut adas = team.rooms(&ada_).await;
    ada.create("100% Äpfel_방", RoomKind::Open).await;
    for text in ["100%", "_", "%", "äPFEL", "ÄPFEL", "방", "\u{1107}\u{1161}\u{11BC}", "fel_"] {
        let asked = ListRooms { search: Some(text.to_owned()), ..ListRooms::default() };
        let page = adas.ask(LIST, &asked).await.unwrap();
        assert_eq!(titles(&page), ["100% Äpfel_방"], "{text:?}");
    }
    team.stop().await;
}

/// What the list costs; the figures are in the program's output.
#[tokio::test]
async fn the_list_is_quick() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let ada_ = team.member("Ada").await;
    let mut adas = team.rooms(&ada_).await;
    let names: Vec<_> = (0..50).map(|n| format!("Owner {n}")).collect();
    let owners = join_all(names.iter().map(|name| team.member(name))).await;
    let mut made = 0;
    for rooms in [500, 5_000] {
        let new = (made..rooms).map(|n| {
            let store = &team.app.store;
            store.create_room(NewRoom {
                title: RoomName::parse(&format!("Room {n}")).unwrap(),
                description: "What it is for".into(),
                kind: [RoomKind::Open, RoomKind::Password, RoomKind::Invited][n % 3],
                password: None,
                owner: owners[n / 100].id().to_owned(),
                maker: String::new(),
                capacity: None,
                keep_days: None,
                is_passing: false,
            })
        });
        assert!(join_all(new).await.iter().all(Result::is_ok));
        made = rooms;
        let started = Instant::now();
        adas.list().await;
        let first = started.elapsed();
        let searched = ListRooms { search: Some("no such".into()), ..ListRooms::default() };
        let started = Instant::now();
        adas.ask(LIST, &searched).await.unwrap();
        let all = started.elapsed();
        eprintln!("{rooms} rooms: first page {first:?}, through all {all:?}");
        assert!(first < Duration::from_millis(300) && all < Duration::from_millis(300));
    }
    team.stop().await;
}
