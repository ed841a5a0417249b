//! What is done to messages after they were said, and pages of them.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use common::team::{Ear, Team, id, no_quotas};
use sockeye_chat::id::new_id;
use sockeye_chat::messages::contract::{
    AskHistory, AskReactors, DELETE_MESSAGE, EDIT, EDITED, EDITS, EDITS_MAX, EditMessage, HISTORY,
    HISTORY_MESSAGES_MAX, Message, OneMessage, REACT, REACTED, REACTIONS_MAX, REACTORS, React, SAY,
    Say,
};
use sockeye_chat::rooms::contract::{
    Known, LEAVE, MUTE, MuteMember, OPEN, OpenRoom, Opened, ROOMS, RoomKind,
};
use tempfile::TempDir;

fn say(room: &str, text: &str) -> Say {
    Say { room: room.to_owned(), text: text.to_owned(), key: new_id(), ..Say::default() }
}

fn one(message: &Message) -> OneMessage {
    OneMessage { room: message.room.clone(), message: message.id }
}

fn edit(message: &Message, text: &str) -> EditMessage {
    let OneMessage { room, message } = one(message);
    EditMessage { room, message, text: text.to_owned(), mentions: Vec::new() }
}

fn react(message: &Message, emoji: &str, is_on: bool) -> React {
    let OneMessage { room, message } = one(message);
    React { room, message, emoji: emoji.to_owned(), is_on }
}

async fn open(ear: &mut Ear, room: &str, known: Option<Known>, around: Option<i64>) -> Opened {
    let open = OpenRoom { room: room.to_owned(), known, around, ..OpenRoom::default() };
    ear.ask(OPEN, &open).await.unwrap()
}

async fn newest(ear: &mut Ear, room: &str) -> Vec<Message> {
    let ask = AskHistory { room: room.to_owned(), ..AskHistory::default() };
    ear.ask(HISTORY, &ask).await.unwrap().messages
}

#[tokio::test]
async fn a_message_answers_another_one() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let ((_, mut ada), (_, mut bob)) = (team.join("Ada").await, team.join("Bob").await);
    let room = ada.create("Plans", RoomKind::Open).await;
    let other = ada.create("Other", RoomKind::Open).await;
    for ear in [&mut ada, &mut bob] {
        ear.open(&room.id).await.unwrap();
        ear.open(&other.id).await.unwrap();
    }
    let asked = ada.say(&room.id, "언제 만나요?").await.unwrap();
    let answer = Say { reply_to: Some(asked.id), ..say(&room.id, "내일") };
    let answered = bob.ask(SAY, &answer).await.unwrap();
    let quote = answered.reply.as_ref().unwrap();
    assert_eq!((quote.id, &*quote.name, &*quote.text), (asked.id, "Ada", "언제 만나요?"));
    assert_eq!(bob.ask(SAY, &answer).await.unwrap(), answered, "once under one key");
    assert_eq!(newest(&mut ada, &room.id).await[1], answered);
    // What is deleted is not quoted any more.
    ada.ask(DELETE_MESSAGE, &one(&asked)).await.unwrap();
    let quote = newest(&mut ada, &room.id).await[1].reply.clone().unwrap();
    assert!(quote.is_deleted && quote.text.is_empty(), "{quote:?}");
    // Nothing of another room is shown by answering it.
    let elsewhere = Say { reply_to: Some(asked.id), ..say(&other.id, "?") };
    let quote = bob.ask(SAY, &elsewhere).await.unwrap().reply.unwrap();
    assert!(quote.is_deleted && quote.name.is_empty(), "{quote:?}");
    team.stop().await;
}

#[tokio::test]
async fn who_wrote_a_message_edits_it_and_everybody_sees_what_it_said() {
    let data = TempDir::new().unwrap();
    let team = Team::with(data.path(), no_quotas()).await;
    let ((_, mut ada), (_, mut bob)) = (team.join("Ada").await, team.join("Bob").await);
    let room = ada.create("Plans", RoomKind::Open).await;
    ada.open(&room.id).await.unwrap();
    bob.open(&room.id).await.unwrap();
    let sent = say(&room.id, "one");
    let said = ada.ask(SAY, &sent).await.unwrap();
    assert_eq!(bob.ask(EDIT, &edit(&said, "mine")).await.unwrap_err(), "forbidden");
    assert_eq!(ada.ask(EDIT, &edit(&said, " ")).await.unwrap_err(), "message_empty");
    let long = "x".repeat(4_001);
    assert_eq!(ada.ask(EDIT, &edit(&said, &long)).await.unwrap_err(), "message_too_long");
    let edited = ada.ask(EDIT, &edit(&said, "two")).await.unwrap();
    assert_eq!((&*edited.text, edited.change), ("two", 1));
    assert_eq!(bob.next(EDITED).await, edited);
    assert_eq!(ada.next(EDITED).await, edited);
    let now = newest(&mut bob, &room.id).await.remove(0);
    assert_eq!((&*now.text, now.edited_at, now.change), ("two", edited.edited_at, 1));
    // Sent again after a lost answer, it is what it was, and not another one.
    assert_eq!(ada.ask(SAY, &sent).await.unwrap().id, said.id);
    let before = bob.ask(EDITS, &one(&said)).await.unwrap();
    assert_eq!(before.iter().map(|edit| &*edit.text).collect::<Vec<_>>(), ["one"]);
    for n in 1..EDITS_MAX {
        ada.ask(EDIT, &edit(&said, &n.to_string())).await.unwrap();
    }
    assert_eq!(ada.ask(EDIT, &edit(&said, "more")).await.unwrap_err(), "touched_too_often");
    team.stop().await;
}

#[tokio::test]
async fn nothing_is_left_of_a_deleted_message_but_that_it_was_there() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let ((ada_, mut ada), (_, mut bob)) = (team.join("Ada").await, team.join("Bob").await);
    let room = ada.create("Plans", RoomKind::Open).await;
    ada.open(&room.id).await.unwrap();
    bob.open(&room.id).await.unwrap();
    let first = bob.say(&room.id, "first").await.unwrap();
    let said = bob.say(&room.id, "secret").await.unwrap();
    bob.ask(EDIT, &edit(&said, "secrets")).await.unwrap();
    ada.ask(REACT, &react(&said, "👍", true)).await.unwrap();
    let mut list = team.rooms(&ada_).await;
    // Whoever owns the room may, too.
    ada.ask(DELETE_MESSAGE, &one(&said)).await.unwrap();
    let edited = bob.until(EDITED, |edited| edited.edited_at.is_none()).await;
    assert_eq!((edited.message, &*edited.text, edited.change), (said.id, "", 3));
    let now = newest(&mut ada, &room.id).await.remove(1);
    assert!(now.is_deleted && now.text.is_empty() && now.reactions.is_empty(), "{now:?}");
    assert!(ada.ask(EDITS, &one(&said)).await.unwrap().is_empty());
    // In the list stands what was said before it.
    let is_it = |room: &sockeye_chat::rooms::contract::RoomsChanged| {
        room.changed.iter().any(|room| room.last.as_ref().is_some_and(|last| last.id == first.id))
    };
    list.until(ROOMS, is_it).await;
    for refused in [
        bob.ask(EDIT, &edit(&said, "again")).await.map(drop),
        bob.ask(DELETE_MESSAGE, &one(&said)).await,
        bob.ask(REACT, &react(&said, "👍", true)).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err(), "message_gone");
    }
    assert_eq!(bob.ask(DELETE_MESSAGE, &one(&first)).await, Ok(()));
    team.stop().await;
}

#[tokio::test]
async fn reactions_are_counted_and_each_is_somebody_s_once() {
    let data = TempDir::new().unwrap();
    let team = Team::with(data.path(), no_quotas()).await;
    let ((ada_, mut ada), (bob_, mut bob)) = (team.join("Ada").await, team.join("Bob").await);
    let room = ada.create("Plans", RoomKind::Open).await;
    ada.open(&room.id).await.unwrap();
    bob.open(&room.id).await.unwrap();
    let said = ada.say(&room.id, "hello").await.unwrap();
    let reacted = bob.ask(REACT, &react(&said, "👍", true)).await.unwrap();
    assert_eq!((reacted.count, &*reacted.person, reacted.change), (1, bob_.id(), 1));
    assert_eq!(ada.next(REACTED).await, reacted);
    let again = bob.ask(REACT, &react(&said, "👍", true)).await.unwrap();
    assert_eq!((again.count, again.change), (1, 0), "nothing was changed");
    ada.ask(REACT, &react(&said, "👍", true)).await.unwrap();
    ada.ask(REACT, &react(&said, "👨‍👩‍👧", true)).await.unwrap();
    let shown = newest(&mut bob, &room.id).await.remove(0).reactions;
    let shown: Vec<_> = shown.iter().map(|it| (&*it.emoji, it.count, it.is_mine)).collect();
    assert_eq!(shown, [("👍", 2, true), ("👨‍👩‍👧", 1, false)]);
    let OneMessage { room: id, message } = one(&said);
    let ask = AskReactors { room: id, message, emoji: "👍".into() };
    let who = ada.ask(REACTORS, &ask).await.unwrap();
    assert_eq!(who.iter().map(|one| &*one.id).collect::<Vec<_>>(), [bob_.id(), ada_.id()]);
    let gone = bob.ask(REACT, &react(&said, "👍", false)).await.unwrap();
    assert_eq!((gone.count, gone.is_on), (1, false));
    for wrong in ["", "a", "👍👍", "<b>"] {
        let refused = bob.ask(REACT, &react(&said, wrong, true)).await.unwrap_err();
        assert_eq!(refused, "reaction_character", "{wrong}");
    }
    let mut refused = 0;
    for n in 0..REACTIONS_MAX {
        let emoji = char::from_u32(0x1f600 + n).unwrap().to_string();
        refused += u32::from(bob.ask(REACT, &react(&said, &emoji, true)).await.is_err());
    }
    assert_eq!(refused, 2, "two were there");
    team.stop().await;
}

#[tokio::test]
async fn a_text_mentions_members_whose_names_stand_in_it_and_everybody() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let ((ada_, mut ada), (bob_, mut bob)) = (team.join("Ada").await, team.join("Bob").await);
    let (eve_, _eve) = team.join("Eve").await;
    let room = ada.create("Plans", RoomKind::Open).await;
    ada.open(&room.id).await.unwrap();
    bob.open(&room.id).await.unwrap();
    let people = [&ada_, &bob_, &eve_].map(|it| it.id().to_owned());
    let mention = |text: &str| Say { mentions: people.to_vec(), ..say(&room.id, text) };
    let said = ada.ask(SAY, &mention("@Bob, @Eve and @Ada")).await.unwrap();
    let ids =
        |message: &Message| -> Vec<_> { message.mentions.iter().map(|it| it.id.clone()).collect() };
    assert_eq!(ids(&said), [bob_.id()], "Eve is no member, and Ada says it");
    assert_eq!(bob.next(sockeye_chat::messages::contract::MESSAGE).await, said);
    let said = ada.ask(SAY, &mention("Bob")).await.unwrap();
    assert!(ids(&said).is_empty() && !said.is_for_all);
    let said = ada.ask(SAY, &mention("@모두 오세요")).await.unwrap();
    assert!(ids(&said).is_empty() && said.is_for_all);
    let OneMessage { room: id, message } = one(&said);
    let edit = EditMessage { room: id, message, text: "@Bob".into(), mentions: people.to_vec() };
    let edited = ada.ask(EDIT, &edit).await.unwrap();
    assert_eq!((edited.mentions.len(), edited.is_for_all), (1, false));
    team.stop().await;
}

/// All pages of a room, asked for from one end.
async fn pages(ear: &mut Ear, room: &str, limit: u32, is_back: bool) -> Vec<i64> {
    let mut ids: Vec<i64> = Vec::new();
    loop {
        let ask = AskHistory {
            room: room.to_owned(),
            before: is_back.then(|| ids.first().copied().unwrap_or(i64::MAX)),
            after: (!is_back).then(|| ids.last().copied().unwrap_or(0)),
            limit: Some(limit),
            ..AskHistory::default()
        };
        let page = ear.ask(HISTORY, &ask).await.unwrap();
        let (more, other) = if is_back {
            (page.has_before, page.has_after)
        } else {
            (page.has_after, page.has_before)
        };
        assert_eq!(other, !ids.is_empty(), "what it was asked from is there");
        let page: Vec<_> = page.messages.iter().map(|message| message.id).collect();
        if is_back {
            ids.splice(0..0, page);
        } else {
            ids.extend(page);
        }
        if !more {
            return ids;
        }
    }
}

#[tokio::test]
async fn pages_lead_through_a_room_from_either_end_and_about_any_message() {
    let data = TempDir::new().unwrap();
    let team = Team::with(data.path(), no_quotas()).await;
    let (_, mut ada) = team.join("Ada").await;
    let room = ada.create("Plans", RoomKind::Open).await;
    let other = ada.create("Other", RoomKind::Open).await;
    ada.open(&room.id).await.unwrap();
    ada.open(&other.id).await.unwrap();
    assert!(newest(&mut ada, &room.id).await.is_empty());
    let mut ids = Vec::new();
    for n in 0..250 {
        ids.push(ada.say(&room.id, &n.to_string()).await.unwrap().id);
        if n % 7 == 0 {
            ada.say(&other.id, "between").await.unwrap();
        }
    }
    for limit in [1, 33, 100, 1_000] {
        if limit > 1 {
            assert_eq!(pages(&mut ada, &room.id, limit, true).await, ids, "{limit}");
        }
        if limit > 30 {
            assert_eq!(pages(&mut ada, &room.id, limit, false).await, ids, "{limit}");
        }
    }
    let around =
        |id: i64| AskHistory { room: room.id.clone(), around: Some(id), ..AskHistory::default() };
    for at in [0, 5, 29, 30, 31, 125, 200, 248, 249] {
        let page = ada.ask(HISTORY, &around(ids[at])).await.unwrap();
        let found: Vec<_> = page.messages.iter().map(|message| message.id).collect();
        assert_eq!(found.len(), HISTORY_MESSAGES_MAX as usize, "{at}");
        let from = ids.iter().position(|id| *id == found[0]).unwrap();
        assert_eq!(found, ids[from..from + found.len()], "{at}: none is missing between");
        assert!(found.contains(&ids[at]), "{at}");
        assert_eq!(page.has_before, from > 0, "{at}");
        assert_eq!(page.has_after, from + found.len() < ids.len(), "{at}");
    }
    // One that is in another room is not there, and what is near to it is.
    let page = ada.ask(HISTORY, &around(ids[7] + 1)).await.unwrap();
    assert!(page.messages.iter().all(|message| message.room == room.id));
    ada.ask(sockeye_chat::rooms::contract::CLOSE, &id(&other.id)).await.unwrap();
    let ask = AskHistory { room: other.id.clone(), ..AskHistory::default() };
    assert_eq!(ada.ask(HISTORY, &ask).await.unwrap_err(), "not_opened");
    team.stop().await;
}

#[tokio::test]
async fn a_room_opens_at_the_first_message_that_is_unread() {
    let data = TempDir::new().unwrap();
    let team = Team::with(data.path(), no_quotas()).await;
    let ((_, mut ada), (bob_, mut bob)) = (team.join("Ada").await, team.join("Bob").await);
    let room = ada.create("Plans", RoomKind::Open).await;
    ada.open(&room.id).await.unwrap();
    bob.open(&room.id).await.unwrap();
    let mut ids = Vec::new();
    for n in 0..50 {
        ids.push(bob.say(&room.id, &n.to_string()).await.unwrap().id);
    }
    for n in 50..200 {
        ids.push(ada.say(&room.id, &n.to_string()).await.unwrap().id);
    }
    let opened = open(&mut bob, &room.id, None, None).await;
    assert_eq!((opened.counts.read, opened.counts.unread), (ids[49], 150));
    assert_eq!(opened.messages[0].id, ids[20], "thirty before it");
    assert_eq!(opened.messages[99].id, ids[119]);
    assert!(opened.has_before && opened.has_after);
    // Whoever comes back has the newest ones.
    let known = Some(Known { newest: ids[10], change: 0 });
    let opened = open(&mut bob, &room.id, known, None).await;
    assert_eq!((opened.messages[99].id, opened.has_after), (ids[199], false));
    let opened = open(&mut bob, &room.id, None, Some(ids[3])).await;
    assert_eq!((opened.messages[0].id, opened.has_before), (ids[0], false));
    // Saying something is reading what was said before.
    bob.say(&room.id, "200").await.unwrap();
    let opened = open(&mut bob, &room.id, None, None).await;
    assert_eq!((opened.counts.unread, opened.has_after), (0, false));
    assert_eq!(opened.reading.unwrap().pointers.iter().map(|it| it.1).sum::<u32>(), 2);
    // Who leaves and comes again has read everything.
    bob.ask(LEAVE, &id(&room.id)).await.unwrap();
    ada.say(&room.id, "201").await.unwrap();
    let opened = open(&mut bob, &room.id, None, None).await;
    assert_eq!(opened.counts.unread, 0, "{bob_:?}");
    team.stop().await;
}

#[tokio::test]
async fn who_was_away_is_told_what_was_changed_meanwhile() {
    let data = TempDir::new().unwrap();
    let team = Team::with(data.path(), no_quotas()).await;
    let ((_, mut ada), (_, mut bob)) = (team.join("Ada").await, team.join("Bob").await);
    let room = ada.create("Plans", RoomKind::Open).await;
    ada.open(&room.id).await.unwrap();
    bob.open(&room.id).await.unwrap();
    let mut said = Vec::new();
    for n in 0..10 {
        said.push(ada.say(&room.id, &n.to_string()).await.unwrap());
    }
    let known = open(&mut bob, &room.id, None, None).await.change;
    assert_eq!(known, 0);
    ada.ask(EDIT, &edit(&said[1], "one")).await.unwrap();
    ada.ask(DELETE_MESSAGE, &one(&said[2])).await.unwrap();
    bob.ask(REACT, &react(&said[3], "👍", true)).await.unwrap();
    ada.ask(EDIT, &edit(&said[8], "eight")).await.unwrap();
    let known = Known { newest: said[5].id, change: 0 };
    let opened = open(&mut bob, &room.id, Some(known), None).await;
    let changed = opened.changed.unwrap();
    let ids: Vec<_> = changed.iter().map(|message| message.id).collect();
    assert_eq!(ids, [said[1].id, said[2].id, said[3].id], "the rest it does not know");
    assert_eq!(&*changed[0].text, "one");
    assert!(changed[1].is_deleted && changed[2].reactions[0].is_mine);
    assert_eq!(opened.change, 4);
    let known = Known { newest: said[9].id, change: 3 };
    let opened = open(&mut bob, &room.id, Some(known), None).await;
    assert_eq!(opened.changed.unwrap().len(), 1);
    for n in 0..300 {
        bob.ask(REACT, &react(&said[n % 10], "🎉", n / 10 % 2 == 0)).await.ok();
    }
    for n in 0..250 {
        let said = ada.say(&room.id, "x").await.unwrap();
        ada.ask(EDIT, &edit(&said, &n.to_string())).await.unwrap();
    }
    let known = Known { newest: i64::MAX, change: 0 };
    assert_eq!(open(&mut bob, &room.id, Some(known), None).await.changed, None, "too many");
    // Of another server, or of a database from before: nothing that is known counts.
    let known = Known { newest: said[9].id, change: 1 << 40 };
    assert_eq!(open(&mut bob, &room.id, Some(known), None).await.changed, None);
    team.stop().await;
}

#[tokio::test]
async fn who_is_muted_changes_nothing_but_may_take_back_what_they_said() {
    let data = TempDir::new().unwrap();
    let team = Team::new(data.path()).await;
    let ((_, mut ada), (bob_, mut bob)) = (team.join("Ada").await, team.join("Bob").await);
    let room = ada.create("Plans", RoomKind::Open).await;
    ada.open(&room.id).await.unwrap();
    bob.open(&room.id).await.unwrap();
    let said = bob.say(&room.id, "oh").await.unwrap();
    let mute = MuteMember { room: room.id.clone(), person: bob_.id().into(), seconds: 60 };
    ada.ask(MUTE, &mute).await.unwrap();
    assert_eq!(bob.ask(EDIT, &edit(&said, "no")).await.unwrap_err(), "muted");
    assert_eq!(bob.ask(REACT, &react(&said, "👍", true)).await.unwrap_err(), "muted");
    assert_eq!(bob.ask(DELETE_MESSAGE, &one(&said)).await, Ok(()));
    team.stop().await;
}
