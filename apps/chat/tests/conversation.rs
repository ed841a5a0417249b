//! What people in rooms see of each other, through the program and our own client.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use common::{PATIENCE, Person, Program, next, refusal};
use serde_json::{Value, json};
use sockeye_chat::input::{MESSAGE_CHARS_MAX, NICKNAME_CHARS_MAX, ROOM_CHARS_MAX};
use sockeye_chat::notes::contract::{
    CHAT, HISTORY_MESSAGES_MAX, JOIN, Join, LEAVE, NewMessage, Presence, StoredMessage,
};
use sockeye_client::{AckError, Args, Client, ConnectionState, Event, Reconnect};
use tempfile::TempDir;
use tokio::time::timeout;

#[tokio::test]
async fn what_is_said_reaches_everybody_in_the_room_in_stored_order() {
    let data = TempDir::new().unwrap();
    let program = Program::serve(data.path()).await;
    let mut a = Person::enter(&program, "정민", "방").await;
    let mut b = Person::enter(&program, "지우", "방").await;
    let mut elsewhere = Person::enter(&program, "x", "다른 방").await;

    let stored = a.say("안녕하세요").await.unwrap();
    assert_eq!((stored.name.as_str(), stored.msg.as_str()), ("정민", "안녕하세요"));
    assert_eq!(next(&mut a.posted).await, stored, "the sender hears it too");
    assert_eq!(next(&mut b.posted).await, stored);

    // Both talk at once without waiting for answers.
    let mut answers = Vec::new();
    for n in 0..100 {
        for person in [&a, &b] {
            answers.push(person.client.emit_with_ack(CHAT, &person.message(&n.to_string())));
        }
    }
    let mut ids = Vec::new();
    for answer in answers {
        ids.push(answer.await.unwrap().id);
    }
    let mut heard = Vec::new();
    for _ in 0..200 {
        heard.push(next(&mut a.posted).await);
    }
    for message in &heard {
        assert_eq!(&next(&mut b.posted).await, message, "everybody hears the same order");
    }
    assert!(heard.is_sorted_by(|a, b| a.id < b.id && a.at <= b.at));
    ids.sort_unstable();
    assert!(heard.iter().map(|message| message.id).eq(ids), "what is answered is what is told");
    for name in ["정민", "지우"] {
        let said = heard.iter().filter(|message| message.name == name);
        assert!(said.map(|message| message.msg.clone()).eq((0..100).map(|n| n.to_string())));
    }

    let other = elsewhere.say("여기는 다른 방").await.unwrap();
    assert_eq!(next(&mut elsewhere.posted).await, other, "and nothing of the first room before");
    program.stop().await;
}

#[tokio::test]
async fn history_is_the_newest_messages_in_order_and_survives_a_restart() {
    let data = TempDir::new().unwrap();
    let folder = data.path().join("made/by/the/program");
    let program = Program::serve(&folder).await;
    let a = Person::enter(&program, "a", "방").await;
    assert!(a.join("방").await.unwrap().is_empty());
    let mut said = Vec::new();
    for n in 0..=HISTORY_MESSAGES_MAX {
        said.push(a.say(&n.to_string()).await.unwrap());
    }
    program.stop().await;

    let program = Program::serve(&folder).await;
    let b = Person::connect(&program, "b").await;
    assert_eq!(b.join("방").await.unwrap(), said[1..]);
    let next = b.say("after the restart").await.unwrap();
    assert!(next.id > said.last().unwrap().id);
    program.stop().await;
}

#[tokio::test]
async fn an_answered_message_survives_the_death_of_the_program() {
    let data = TempDir::new().unwrap();
    let mut program = Program::serve(data.path()).await;
    let a = Person::enter(&program, "a", "방").await;
    let stored = a.say("durable").await.unwrap();
    program.signal("KILL").await;
    program.ended().await;
    let program = Program::serve(data.path()).await;
    let a = Person::connect(&program, "a").await;
    assert_eq!(a.join("방").await.unwrap(), [stored]);
}

#[tokio::test]
async fn people_are_announced_when_they_come_and_go() {
    let data = TempDir::new().unwrap();
    let program = Program::serve(data.path()).await;
    let presence = |name: &str, people| Presence { room: "방".into(), name: name.into(), people };

    let mut a = Person::connect(&program, "a").await;
    a.join("방").await.unwrap();
    assert_eq!(next(&mut a.joined).await, presence("a", 1));
    let mut b = Person::connect(&program, "b").await;
    b.join("방").await.unwrap();
    assert_eq!(next(&mut a.joined).await, presence("b", 2));
    assert_eq!(next(&mut b.joined).await, presence("b", 2), "nobody hears of earlier arrivals");

    // Joining again changes nothing.
    assert!(b.join(" 방 ").await.unwrap().is_empty());
    // Another room leaves the first one.
    b.join("둘째 방").await.unwrap();
    assert_eq!(next(&mut a.left).await, presence("b", 1));
    assert_eq!(next(&mut b.joined).await, Presence { room: "둘째 방".into(), ..presence("b", 1) });
    b.say("only here").await.unwrap();
    // Another name is another person.
    b.join("방").await.unwrap();
    assert_eq!(next(&mut a.joined).await, presence("b", 2));
    b.name = "c".into();
    b.join("방").await.unwrap();
    assert_eq!(next(&mut a.left).await, presence("b", 1));
    assert_eq!(next(&mut a.joined).await, presence("c", 2));
    // A lost connection counts as leaving.
    b.client.close().await;
    assert_eq!(next(&mut a.left).await, presence("c", 1));
    assert_eq!(a.say("alone").await.unwrap(), next(&mut a.posted).await, "nothing came before");
    program.stop().await;
}

#[tokio::test]
async fn after_leaving_nothing_is_sent_or_received() {
    let data = TempDir::new().unwrap();
    let mut program = Program::serve(data.path()).await;
    let mut a = Person::enter(&program, "a", "방").await;
    let mut b = Person::enter(&program, "b", "방").await;
    let mut state = b.client.state();

    // Said just before, without waiting: it is stored and told before the leaving.
    b.client.emit(CHAT, &b.message("last words")).unwrap();
    b.client.emit(LEAVE, &()).unwrap();
    assert_eq!(next(&mut a.posted).await.msg, "last words");
    assert_eq!(next(&mut a.left).await.name, "b");
    timeout(PATIENCE, state.wait_for(|state| *state == ConnectionState::Closed))
        .await
        .unwrap()
        .unwrap();
    program.logged("server namespace disconnect").await;

    a.say("after").await.unwrap();
    assert!(b.say("from outside").await.is_err());
    while let Some(message) = timeout(PATIENCE, b.posted.next()).await.unwrap() {
        assert_ne!(message.msg, "after");
    }
    assert_eq!(next(&mut a.posted).await.msg, "after");
    program.stop().await;
}

#[tokio::test]
async fn the_notes_clients_leave_with_a_name() {
    let data = TempDir::new().unwrap();
    let program = Program::serve(data.path()).await;
    let mut a = Person::enter(&program, "a", "방").await;
    let b = Person::enter(&program, "b", "방").await;
    b.client.emit(Event::<String>::new("leave"), "b").unwrap();
    assert_eq!(next(&mut a.left).await.name, "b");
    program.stop().await;
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_a_reason() {
    let data = TempDir::new().unwrap();
    let program = Program::serve(data.path()).await;
    let mut a = Person::connect(&program, "a").await;
    assert_eq!(refusal(a.say("too early").await), "not_joined");

    let long = "가".repeat(ROOM_CHARS_MAX + 1);
    for (room, code) in [("", "room_empty"), (&long, "room_too_long"), ("a\nb", "room_character")] {
        assert_eq!(refusal(a.join(room).await), code);
    }
    let long = "가".repeat(NICKNAME_CHARS_MAX + 1);
    for (name, code) in [("\u{3164}", "name_empty"), (&long, "name_too_long")] {
        let request = Join { room: "방".into(), name: name.to_owned(), sender: None };
        assert_eq!(refusal(a.client.emit_with_ack(JOIN, &request).await), code);
    }
    a.join("방").await.unwrap();
    let long = "가".repeat(MESSAGE_CHARS_MAX + 1);
    for (text, code) in [(" \n ", "message_empty"), (&long, "message_too_long")] {
        assert_eq!(refusal(a.say(text).await), code);
    }
    let stranger = NewMessage { name: "b".into(), ..a.message("x") };
    assert_eq!(refusal(a.client.emit_with_ack(CHAT, &stranger).await), "name_mismatch");
    let keyed = NewMessage { key: Some("k".repeat(65)), ..a.message("x") };
    assert_eq!(refusal(a.client.emit_with_ack(CHAT, &keyed).await), "key_too_long");
    let not_an_object = Event::<u32, u32>::new("chat");
    assert_eq!(refusal(a.client.emit_with_ack(not_an_object, &7).await), "decode");

    let longest = "가".repeat(MESSAGE_CHARS_MAX);
    let stored = a.say(&longest).await.expect("the connection is still good");
    assert_eq!(next(&mut a.posted).await, stored, "and nothing else was stored");
    program.stop().await;
}

#[tokio::test]
async fn a_message_sent_twice_under_one_key_is_stored_and_told_once() {
    let data = TempDir::new().unwrap();
    let program = Program::serve(data.path()).await;
    let mut a = Person::enter(&program, "a", "방").await;
    let keyed = NewMessage { key: Some("k1".into()), ..a.message("once") };
    let first = a.client.emit_with_ack(CHAT, &keyed).await.unwrap();
    let again = a.client.emit_with_ack(CHAT, &keyed).await.unwrap();
    assert_eq!(first, again);
    let other = NewMessage { key: Some("k1".into()), ..a.message("something else") };
    assert_eq!(refusal(a.client.emit_with_ack(CHAT, &other).await), "key_reused");
    let last = a.say("last").await.unwrap();
    assert_eq!(next(&mut a.posted).await, first);
    assert_eq!(next(&mut a.posted).await, last);
    assert_eq!(a.join("방").await.unwrap(), [first, last]);
    program.stop().await;
}

/// Somebody in a room whose events have numbers of an outbox.
async fn enter_with_outbox(program: &Program) -> Client {
    let builder = Client::builder(&program.url).unwrap().reconnect(Reconnect::Never);
    let offer = json!({ "_outbox": { "v": 1, "id": "an-outbox-of-this-test" } });
    let client = timeout(PATIENCE, builder.auth(&offer).connect()).await.unwrap().unwrap();
    let join = Join { room: "방".into(), name: "a".into(), sender: Some("a-secret".into()) };
    client.emit_with_ack(JOIN, &join).await.unwrap();
    client
}

async fn say_as_number(
    client: &Client,
    number: u32,
    message: &NewMessage,
) -> Result<StoredMessage, AckError> {
    const NUMBERED: Event<Args<(NewMessage, Value)>, StoredMessage> = Event::new(CHAT.name());
    let ticket = json!({ "_outbox": [number, number] });
    client.emit_with_ack(NUMBERED, &Args((message.clone(), ticket))).await
}

#[tokio::test]
async fn an_event_of_an_outbox_that_comes_again_is_stored_and_counted_once() {
    let data = TempDir::new().unwrap();
    let program = Program::serve_with(data.path(), &["--messages-per-second", "1"]).await;
    let mut other = Person::enter(&program, "b", "방").await;
    let client = enter_with_outbox(&program).await;
    let message = NewMessage { name: "a".into(), msg: "once".into(), key: None };
    let first = say_as_number(&client, 1, &message).await.unwrap();
    // More often than an address may say anything at once.
    for _ in 0..30 {
        assert_eq!(say_as_number(&client, 1, &message).await.unwrap(), first);
    }
    client.close().await;
    let client = enter_with_outbox(&program).await;
    assert_eq!(say_as_number(&client, 1, &message).await.unwrap(), first, "another connection");
    let second = say_as_number(&client, 2, &message).await.unwrap();
    assert_eq!(next(&mut other.posted).await, first);
    assert_eq!(next(&mut other.posted).await, second, "another event is another message");
    program.stop().await;
}

#[tokio::test]
async fn a_message_of_an_outbox_that_comes_again_after_a_restart_is_stored_once() {
    let data = TempDir::new().unwrap();
    let mut program = Program::serve(data.path()).await;
    let keyed = NewMessage { name: "a".into(), msg: "once".into(), key: Some("k1".into()) };
    let client = enter_with_outbox(&program).await;
    let first = say_as_number(&client, 1, &keyed).await.unwrap();
    program.signal("KILL").await;
    program.ended().await;

    let program = Program::serve(data.path()).await;
    let other = Person::enter(&program, "b", "방").await;
    let client = enter_with_outbox(&program).await;
    assert_eq!(say_as_number(&client, 1, &keyed).await.unwrap(), first);
    assert_eq!(say_as_number(&client, 2, &keyed).await.unwrap(), first, "nor as another event");
    assert_eq!(other.join("방").await.unwrap(), [first]);
    program.stop().await;
}

/// Somebody else's key is no obstacle, and tells nothing.
#[tokio::test]
async fn keys_belong_to_their_sender() {
    let data = TempDir::new().unwrap();
    let program = Program::serve(data.path()).await;
    let mut ids = Vec::new();
    for (name, sender) in [("a", Some("secret of a")), ("b", Some("secret of b")), ("a", None)] {
        let sender = sender.map(|sender| sender.replace(' ', "-"));
        let person = Person::connect(&program, name).await;
        let join = Join { room: "방".into(), name: name.into(), sender };
        person.client.emit_with_ack(JOIN, &join).await.unwrap();
        let keyed = NewMessage { key: Some("k1".into()), ..person.message("mine") };
        let stored = person.client.emit_with_ack(CHAT, &keyed).await.unwrap();
        assert_eq!(person.client.emit_with_ack(CHAT, &keyed).await.unwrap(), stored);
        ids.push(stored.id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
    // The same sender on another connection.
    let person = Person::connect(&program, "a").await;
    let sender = Some("secret-of-a".to_owned());
    let join = Join { room: "방".into(), name: "a".into(), sender };
    person.client.emit_with_ack(JOIN, &join).await.unwrap();
    let keyed = NewMessage { key: Some("k1".into()), ..person.message("mine") };
    assert_eq!(person.client.emit_with_ack(CHAT, &keyed).await.unwrap().id, ids[0]);
    let join = Join { sender: Some("s".repeat(65)), ..join };
    assert_eq!(refusal(person.client.emit_with_ack(JOIN, &join).await), "key_too_long");
    program.stop().await;
}

#[tokio::test]
async fn names_that_look_alike_are_refused() {
    let data = TempDir::new().unwrap();
    let program = Program::serve(data.path()).await;
    let a = Person::enter(&program, "Ada", "방").await;
    a.say("hello").await.unwrap();
    let twin = Person::connect(&program, "Аdа").await;
    assert_eq!(refusal(twin.join("방").await), "name_lookalike");
    assert_eq!(refusal(twin.say("I am Ada").await), "not_joined");
    twin.join("elsewhere").await.unwrap();
    let same = Person::enter(&program, "Ada", "방").await;
    // Rooms: composed and decomposed are one, and those that only look like one another are not made.
    let decomposed = "\u{1107}\u{1161}\u{11BC}";
    assert_eq!(same.join(decomposed).await.unwrap().len(), 1);
    let silent = Person::enter(&program, "b", "team1").await;
    let other = Person::connect(&program, "c").await;
    assert_eq!(refusal(other.join("teaml").await), "room_lookalike", "somebody is in there");
    silent.say("exists").await.unwrap();
    silent.join("방").await.unwrap();
    assert_eq!(refusal(other.join("teaml").await), "room_lookalike", "it is stored");
    other.join("team1").await.unwrap();
    program.stop().await;
}

#[tokio::test]
async fn a_flood_is_refused_with_when_to_try_again() {
    let data = TempDir::new().unwrap();
    let args = ["--messages-per-second", "10", "--rooms-per-hour", "6", "--joins-per-second", "1"];
    let program = Program::serve_with(data.path(), &args).await;
    let a = Person::enter(&program, "a", "방").await;
    let mut refused = Vec::new();
    let answers: Vec<_> =
        (0..300).map(|n| a.client.emit_with_ack(CHAT, &a.message(&n.to_string()))).collect();
    for answer in answers {
        if let Err(AckError::Remote(error)) = answer.await {
            refused.push(error);
        }
    }
    // 100 at once, and more if it took a while.
    assert!((1..=200).contains(&refused.len()), "{} of 300", refused.len());
    assert!(refused.iter().all(|error| error.code == "too_fast"));
    assert_eq!(refused[0].message, "too much at once; try again in 1 s");

    // Two rooms, the first one included.
    let b = Person::enter(&program, "b", "second").await;
    let mut second = b.say("made").await;
    while common::refusal_code(&second) == Some("too_fast") {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        second = b.say("made").await;
    }
    second.unwrap();
    b.join("third").await.unwrap();
    assert_eq!(refusal(b.say("one too many").await), "too_many_rooms");
    b.join("second").await.unwrap();
    let refused = loop {
        if let Err(AckError::Remote(error)) = b.join("second").await {
            break error;
        }
    };
    assert_eq!(refused.code, "too_fast");
    program.stop().await;
}

#[tokio::test]
async fn an_address_has_so_many_connections() {
    let data = TempDir::new().unwrap();
    let program = Program::serve_with(data.path(), &["--connections-max", "2"]).await;
    let _a = Person::connect(&program, "a").await;
    let _b = Person::connect(&program, "b").await;
    let builder = Client::builder(&program.url).unwrap().reconnect(Reconnect::Never);
    assert!(timeout(PATIENCE, builder.connect()).await.unwrap().is_err());
    program.stop().await;
}

/// Behind a trusted proxy it is the client's address that counts, and nobody can choose it.
#[tokio::test]
async fn behind_a_proxy_every_client_has_its_own_share() {
    let data = TempDir::new().unwrap();
    let told = ["--trusted-proxies", "127.0.0.1", "--rooms-per-hour", "3"];
    let not_told = ["--rooms-per-hour", "3"];
    for (args, own_share) in [(&told[..], true), (&not_told, false)] {
        let folder = data.path().join(own_share.to_string());
        let program = Program::serve_with(&folder, args).await;
        for (n, address) in ["192.0.2.1", "192.0.2.2"].into_iter().enumerate() {
            let builder = Client::builder(&program.url).unwrap().reconnect(Reconnect::Never);
            let builder = builder.header("x-forwarded-for", address);
            let client = timeout(PATIENCE, builder.connect()).await.unwrap().unwrap();
            let room = format!("room of {n}x");
            let join = Join { room, name: "a".into(), sender: None };
            client.emit_with_ack(JOIN, &join).await.unwrap();
            let message = NewMessage { name: "a".into(), msg: "first".into(), key: None };
            let made = client.emit_with_ack(CHAT, &message).await;
            assert_eq!(made.is_ok(), n == 0 || own_share, "{address} {own_share}");
        }
        program.stop().await;
    }
}
