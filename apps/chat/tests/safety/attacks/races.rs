//! Being fast: what may happen once happens once, however many ask at the same moment.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::wire::{Request, Socket, code_of};
use crate::world::{Chat, PASSWORD, Person, code, done};

/// Asks all of it at once, and counts the answers with this word.
async fn at_once(chat: &Chat, requests: Vec<Request>) -> Vec<String> {
    let mut asking = JoinSet::new();
    for request in requests {
        let address = chat.address;
        asking.spawn(async move { request.send(address).await.code() });
    }
    asking.join_all().await
}

fn count(told: &[String], word: &str) -> usize {
    told.iter().filter(|told| *told == word).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_of_one_use_is_used_once() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let code = chat.invitation(&owner, &json!({ "role": "member", "uses": 1 })).await;
    let sign_up = |n: usize| {
        let body = json!({ "code": code, "name": format!("Racer {n}"), "password": PASSWORD });
        Request::json("POST", "/api/signup", &body)
    };
    let told = at_once(&chat, (0..50).map(sign_up).collect()).await;
    assert_eq!(count(&told, "ok"), 1, "{told:?}");
    assert_eq!(count(&told, "invitation_over") + count(&told, "too_fast"), 49, "{told:?}");

    let socket = chat.connect(&owner).await;
    let room =
        done(&socket, "create", &json!({ "title": "one more", "kind": "invited" })).await["id"]
            .clone();
    let code = chat.invitation(&owner, &json!({ "role": "member", "uses": 1, "room": room })).await;
    let mut requests = Vec::new();
    for n in 0..50 {
        let guest = chat.guest(&format!("Guest {n}")).await;
        let accept = Request::json("POST", "/api/invitations/accept", &json!({ "code": code }));
        requests.push(accept.cookie(Some(&guest.secret)));
    }
    let told = at_once(&chat, requests).await;
    assert_eq!((count(&told, "ok"), count(&told, "invitation_over")), (1, 49), "{told:?}");
    let members = done(&socket, "members", &json!({ "room": room })).await;
    assert_eq!(members.as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_account_is_made_once() {
    let chat = Chat::start().await;
    let set_up = |n: usize| {
        let body =
            json!({ "code": chat.setup, "name": format!("Racer {n}"), "password": PASSWORD });
        Request::json("POST", "/api/setup", &body)
    };
    let told = at_once(&chat, (0..20).map(set_up).collect()).await;
    assert_eq!((count(&told, "ok"), count(&told, "gone")), (1, 19), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_is_used_once_and_a_name_given_once() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let member = chat.sign_up(&owner, "Member", "member").await;
    let path = format!("/api/admin/people/{}/reset", member.id);
    let reset = chat.ask(Some(&owner), "POST", &path, &Value::Null).await.json()["code"].clone();
    let body = json!({ "code": reset, "password": PASSWORD });
    let requests = (0..20).map(|_| Request::json("POST", "/api/reset", &body)).collect();
    let told = at_once(&chat, requests).await;
    assert_eq!((count(&told, "ok"), count(&told, "gone")), (1, 19), "{told:?}");

    let code = chat.invitation(&owner, &json!({ "role": "member" })).await;
    let body = json!({ "code": code, "name": "Highlander", "password": PASSWORD });
    let requests = (0..20).map(|_| Request::json("POST", "/api/signup", &body)).collect();
    let told = at_once(&chat, requests).await;
    assert_eq!((count(&told, "ok"), count(&told, "name_taken")), (1, 19), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_for_two_has_two() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let keeper = chat.connect(&owner).await;
    let room = json!({ "title": "for two", "kind": "open", "capacity": 2 });
    let room = done(&keeper, "create", &room).await["id"].clone();
    let mut sockets = Vec::new();
    for n in 0..50 {
        let guest = chat.guest(&format!("Guest {n}")).await;
        sockets.push(Arc::new(chat.connect(&guest).await));
    }
    let mut asking = JoinSet::new();
    for socket in &sockets {
        let (socket, room) = (Arc::clone(socket), room.clone());
        asking.spawn(async move { code(&socket, "open", &json!({ "room": room })).await });
    }
    let told = asking.join_all().await;
    assert_eq!((count(&told, "ok"), count(&told, "full")), (2, 48), "{told:?}");
    // Whoever was not let in is no member, and hears nothing.
    let members = done(&keeper, "members", &json!({ "room": room })).await;
    assert_eq!(members.as_array().unwrap().len(), 3, "{members}");
    let inside: Vec<_> =
        sockets.iter().filter(|socket| socket.heard().contains("\"messages\":")).collect();
    assert_eq!(inside.len(), 2);
    done(inside[0], "say", &json!({ "room": room, "text": "among us", "key": "k" })).await;
    assert!(inside[1].hears("among us").await);
    for socket in &sockets {
        let is_inside = inside.iter().any(|other| Arc::ptr_eq(other, socket));
        code(socket, "close", &json!({ "room": "x" })).await;
        assert!(is_inside || !socket.heard().contains("[\"message\""), "{}", socket.heard());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_always_an_owner() {
    let chat = Chat::start().await;
    let mut owners: [Person; 2] = [chat.set_up().await, chat.guest("x").await];
    for round in 0..8 {
        let other = chat.sign_up(&owners[0], &format!("Second {round}"), "member").await;
        let path = format!("/api/admin/people/{}", other.id);
        let raised = chat.ask(Some(&owners[0]), "PUT", &path, &json!({ "role": "owner" })).await;
        assert_eq!(raised.status, 200);
        owners[1] = other;
        let [one, two] = &owners;
        let demote = |by: &Person, whom: &Person| {
            let path = format!("/api/admin/people/{}", whom.id);
            Request::json("PUT", &path, &json!({ "role": "member" })).cookie(Some(&by.secret))
        };
        let close = |who: &Person| {
            let body = json!({ "password": PASSWORD });
            Request::json("POST", "/api/account/close", &body).cookie(Some(&who.secret))
        };
        let requests = match round % 3 {
            0 => vec![demote(one, two), demote(two, one)],
            1 => vec![demote(one, one), demote(two, two)],
            _ => vec![close(one), close(two)],
        };
        let told = at_once(&chat, requests).await;
        assert_eq!(count(&told, "ok"), 1, "{round}: {told:?}");
        let mut left = Vec::new();
        for owner in &owners {
            if chat.ask(Some(owner), "GET", "/api/admin/overview", &Value::Null).await.status == 200
            {
                left.push(owner.clone());
            }
        }
        assert_eq!(left.len(), 1, "{round}");
        owners[0] = left.remove(0);
    }
}

/// What is under way when somebody is removed is stored before, and told, or refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_removed_says_nothing_more_and_hears_nothing_more() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let keeper = Arc::new(chat.connect(&owner).await);
    let room =
        done(&keeper, "create", &json!({ "title": "busy", "kind": "open" })).await["id"].clone();
    done(&keeper, "open", &json!({ "room": room })).await;
    for (round, event) in ["remove", "mute", "ban", "delete"].into_iter().enumerate() {
        let guest = chat.guest(&format!("Talker {round}")).await;
        let talker = chat.connect(&guest).await;
        done(&talker, "open", &json!({ "room": room })).await;
        let mut answers = Vec::new();
        let acting =
            tokio::spawn(act(Arc::clone(&keeper), event, room.clone(), guest.id.clone(), round));
        for n in 0..200 {
            let say = json!({ "room": room, "text": format!("{event} {n}"), "key": n.to_string() });
            answers.push(talker.begin("/chat", &format!("[\"say\",{say}]")).await);
        }
        acting.await.unwrap();
        let after =
            code(&talker, "say", &json!({ "room": room, "text": "after", "key": "after" })).await;
        assert_ne!(after, "ok", "{event}");
        let mut stored = 0;
        let mut is_over = false;
        for answer in answers {
            let answer: Value = serde_json::from_str(&answer.await.unwrap()).unwrap();
            let is_ok = code_of(&answer) == "ok";
            assert!(!(is_over && is_ok), "{event}: said after it was refused");
            is_over |= !is_ok;
            stored += usize::from(is_ok);
        }
        if event != "delete" {
            // Everybody else heard just what was stored.
            done(
                &keeper,
                "say",
                &json!({ "room": room, "text": format!("end of {event}"), "key": event }),
            )
            .await;
            assert!(keeper.hears("[\"message\",{\"id\":").await);
            assert!(keeper.hears(&format!("\"end of {event}\"")).await);
            let told = heard(&keeper, &format!("\"{event} "));
            assert_eq!(told, stored, "{event}");
        }
        if event == "mute" {
            continue;
        }
        assert!(talker.hears("[\"removed\",").await, "{event}");
        code(&talker, "close", &json!({ "room": "x" })).await;
        let all = talker.heard();
        let (_, after) = all.split_once("[\"removed\",").unwrap();
        assert!(!after.contains("[\"message\","), "{event}: {after}");
        assert!(!after.contains("end of"), "{event}: {after}");
    }
}

/// How many messages with this at the beginning somebody heard.
fn heard(socket: &Socket, text: &str) -> usize {
    let heard = socket.heard();
    heard
        .lines()
        .filter(|line| line.contains("[\"message\",") && line.contains(&format!("\"text\":{text}")))
        .count()
}

async fn act(keeper: Arc<Socket>, event: &str, room: Value, person: String, round: usize) {
    // So that it comes amid of what is said.
    for _ in 0..=round {
        code(&keeper, "members", &json!({ "room": room })).await;
    }
    let about = json!({ "room": room, "person": person, "is_ban": event == "ban", "seconds": 600 });
    match event {
        "ban" | "remove" => done(&keeper, "remove", &about).await,
        "mute" => done(&keeper, "mute", &about).await,
        "delete" => done(&keeper, "delete", &about).await,
        _ => done(&keeper, "remove", &about).await,
    };
}
