//! Guessing: passwords, codes, and who or what there is.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::wire::{Request, new_address};
use crate::world::{Chat, PASSWORD, ROOM_PASSWORD, code, done};

async fn log_in(chat: &Chat, from: Ipv4Addr, name: &str, password: &str) -> String {
    let body = json!({ "name": name, "password": password });
    Request::json("POST", "/api/login", &body).from(from).send(chat.address).await.code()
}

/// From one place an account is tried a few times; its own person is at another place, and gets in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_are_not_guessed_and_nobody_is_locked_out_by_a_stranger() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    chat.sign_up(&owner, "Other", "member").await;
    let attacker = new_address();
    let mut told = Vec::new();
    for n in 0..12 {
        told.push(log_in(&chat, attacker, "Olga", &format!("wrong guess {n}")).await);
    }
    let wrong = told.iter().take_while(|code| *code == "wrong_login").count();
    assert!((5..=7).contains(&wrong), "{told:?}");
    assert!(
        told[wrong..].iter().all(|code| code == "too_fast" || code == "wrong_login"),
        "{told:?}"
    );
    assert!(told[wrong..].iter().filter(|code| *code == "too_fast").count() >= 4, "{told:?}");
    // Not even by the right one.
    assert_eq!(log_in(&chat, attacker, "Olga", PASSWORD).await, "too_fast");
    // A name that looks the same is the same name.
    assert_eq!(log_in(&chat, attacker, "\u{39f}lga", PASSWORD).await, "too_fast");
    assert_eq!(log_in(&chat, attacker, "Other", PASSWORD).await, "ok");
    assert_eq!(log_in(&chat, new_address(), "Olga", PASSWORD).await, "ok");
}

/// Nobody chooses where they come from: what a client says itself of it does not count, nor the rest of its network.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_not_chosen() {
    let chat = Chat::start().await;
    chat.set_up().await;
    let mut told = Vec::new();
    for n in 0..12 {
        let body = json!({ "name": "Olga", "password": format!("wrong guess {n}") });
        let chain = format!("192.0.2.{n}, 2001:db8::{n:x}");
        let request = Request::json("POST", "/api/login", &body).with("x-forwarded-for", &chain);
        told.push(request.send(chat.address).await.code());
    }
    assert!(told.iter().filter(|code| *code == "too_fast").count() >= 4, "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_are_not_guessed() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let invitation = chat.invitation(&owner, &json!({ "role": "member" })).await;
    let guess = "A".repeat(43);
    for (path, body, right) in [
        ("/api/invitations/look", json!({ "code": guess }), json!({ "code": invitation })),
        (
            "/api/signup",
            json!({ "code": guess, "name": "Mallory", "password": PASSWORD }),
            json!({ "code": invitation, "name": "Mallory", "password": PASSWORD }),
        ),
        (
            "/api/reset",
            json!({ "code": guess, "password": PASSWORD }),
            json!({ "code": guess, "password": PASSWORD }),
        ),
        ("/api/invitations/accept", json!({ "code": guess }), json!({ "code": invitation })),
    ] {
        let attacker = new_address();
        let ask = async |body: &Value| {
            let request =
                Request::json("POST", path, body).from(attacker).cookie(Some(&owner.secret));
            request.send(chat.address).await.code()
        };
        let mut told = Vec::new();
        for _ in 0..30 {
            told.push(ask(&body).await);
        }
        let too_fast = told.iter().filter(|code| *code == "too_fast").count();
        assert!((5..=10).contains(&too_fast), "{path}: {told:?}");
        assert_eq!(ask(&right).await, "too_fast", "{path}");
        // One share for all kinds of codes.
        let look = Request::json("POST", "/api/invitations/look", &json!({ "code": invitation }));
        assert_eq!(look.from(attacker).send(chat.address).await.code(), "too_fast", "{path}");
    }
}

/// The code of the first account, while there is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_account_is_not_guessed() {
    let chat = Chat::start().await;
    let attacker = new_address();
    let mut told = Vec::new();
    for n in 0..30 {
        let body = json!({ "code": format!("{n:A>43}"), "name": "Mallory", "password": PASSWORD });
        told.push(
            Request::json("POST", "/api/setup", &body)
                .from(attacker)
                .send(chat.address)
                .await
                .code(),
        );
    }
    assert!(told.iter().take(20).all(|code| code == "forbidden"), "{told:?}");
    assert!(told.iter().filter(|code| *code == "too_fast").count() >= 5, "{told:?}");
    chat.set_up().await;
}

/// The password of a room, by a person from many addresses and by many people from one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_of_rooms_are_not_guessed() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let keeper = chat.connect(&owner).await;
    let room = json!({ "title": "locked", "kind": "password", "password": ROOM_PASSWORD });
    let room = done(&keeper, "create", &room).await["id"].clone();
    let guest = chat.guest("Mallory").await;
    let mut told = Vec::new();
    for n in 0..12 {
        // Each from an address of its own.
        let socket = chat.connect(&guest).await;
        let guess = json!({ "room": room, "password": format!("guess {n}") });
        told.push(code(&socket, "open", &guess).await);
    }
    let wrong = told.iter().filter(|code| *code == "wrong_password").count();
    assert!((5..=7).contains(&wrong), "{told:?}");
    let other = chat.connect(&chat.guest("Honest").await).await;
    let right = json!({ "room": room, "password": ROOM_PASSWORD });
    assert_eq!(code(&other, "open", &right).await, "ok");
}

/// Who has an account is not told to whoever may not come in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_learns_who_there_is() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let ask = async |path: &str, body: Value| {
        Request::json("POST", path, &body).send(chat.address).await.fixed()
    };
    let known = ask("/api/login", json!({ "name": "Olga", "password": "wrong password" })).await;
    for (name, password) in [
        ("Nobody", "wrong password"),
        ("Nobody", ""),
        ("Olga", ""),
        ("Olga", &*"x".repeat(5_000)),
        ("", PASSWORD),
        ("\u{202e}", PASSWORD),
        (&"x".repeat(500), PASSWORD),
    ] {
        let unknown = ask("/api/login", json!({ "name": name, "password": password })).await;
        assert_eq!(unknown, known, "{name:.40} {password:.40}");
    }
    // Whether a name is taken is told to whoever holds an invitation.
    let over = ask(
        "/api/signup",
        json!({ "code": "A".repeat(43), "name": "Nobody", "password": PASSWORD }),
    )
    .await;
    for (name, password) in [("Olga", PASSWORD), ("Nobody", "short"), ("", PASSWORD)] {
        let body = json!({ "code": "A".repeat(43), "name": name, "password": password });
        assert_eq!(ask("/api/signup", body).await, over, "{name}");
    }
    let code = chat.invitation(&owner, &json!({ "role": "member", "uses": 1 })).await;
    let taken = json!({ "code": code, "name": "Olga", "password": PASSWORD });
    assert!(ask("/api/signup", taken).await.contains("name_taken"));
    // It is not used up by that.
    let free = json!({ "code": code, "name": "Free", "password": PASSWORD });
    assert!(ask("/api/signup", free).await.contains("\"person\""));
    // Codes that were used, have ended or never were.
    let used = ask("/api/invitations/look", json!({ "code": code })).await;
    assert_eq!(ask("/api/invitations/look", json!({ "code": "A".repeat(43) })).await, used);
    assert_eq!(ask("/api/invitations/look", json!({ "code": "" })).await, used);
    let gone = ask("/api/reset", json!({ "code": "A".repeat(43), "password": PASSWORD })).await;
    assert_eq!(
        ask("/api/reset", json!({ "code": "A".repeat(43), "password": "short" })).await,
        gone
    );
    let member = chat.log_in("Free").await;
    let path = format!("/api/admin/people/{}/reset", member.id);
    let reset = chat.ask(Some(&owner), "POST", &path, &Value::Null).await.json()["code"].clone();
    assert!(
        ask("/api/reset", json!({ "code": reset, "password": PASSWORD }))
            .await
            .contains("\"person\"")
    );
    assert_eq!(ask("/api/reset", json!({ "code": reset, "password": PASSWORD })).await, gone);
}

/// Whoever blocks, is a guest, is closed, or does not exist is one and the same to whoever writes to them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_learns_who_blocks_them() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let [blocked, blocker, closed] = [
        chat.sign_up(&owner, "Blocked", "member").await,
        chat.sign_up(&owner, "Blocker", "member").await,
        chat.sign_up(&owner, "Closed", "member").await,
    ];
    let guest = chat.guest("Gwen").await;
    let path = format!("/api/blocks/{}", blocked.id);
    assert_eq!(chat.ask(Some(&blocker), "PUT", &path, &Value::Null).await.status, 204);
    let close = json!({ "password": PASSWORD });
    assert_eq!(chat.ask(Some(&closed), "POST", "/api/account/close", &close).await.status, 204);
    let socket = chat.connect(&blocked).await;
    let before = socket.heard();
    let mut told = Vec::new();
    for id in [&blocker.id, &guest.id, &closed.id, "AAAAAAAAAAAAAAAA", "", "'"] {
        told.push(socket.ask("/chat", "direct", &json!({ "people": [id] })).await.unwrap());
    }
    assert!(told[0].contains("\"gone\""), "{told:?}");
    assert!(told.iter().all(|answer| *answer == told[0]), "{told:?}");
    assert!(!socket.heard()[before.len()..].contains(&blocker.id), "{}", socket.heard());
    // The list of blocked people is in nobody's answers but their own.
    for path in ["/api/me", "/api/sessions"] {
        let answer = chat.ask(Some(&blocked), "GET", path, &Value::Null).await;
        assert!(!answer.body.contains(&blocker.id), "{answer:?}");
    }
    let people = socket.ask("/chat", "people", &json!({ "search": "" })).await.unwrap();
    assert!(!people.contains("Closed") && !people.contains("Gwen"), "{people}");
}

/// The middle ones of how long two things take, in turn, so that a busy machine slows both.
async fn medians(
    mut one: impl AsyncFnMut(usize),
    mut other: impl AsyncFnMut(usize),
) -> [Duration; 2] {
    let mut all = [Vec::new(), Vec::new()];
    for n in 0..25 {
        let began = Instant::now();
        one(n).await;
        all[0].push(began.elapsed());
        let began = Instant::now();
        other(n).await;
        all[1].push(began.elapsed());
    }
    all.map(|mut all| {
        all.sort_unstable();
        all[all.len() / 2]
    })
}

/// In the time that it takes nothing is told apart that the words do not tell apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_tells_nothing() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let alike = |what: &str, [one, other]: [Duration; 2]| {
        let (short, long) = (one.min(other), one.max(other));
        assert!(long < short * 3 + Duration::from_millis(3), "{what}: {one:?} and {other:?}");
    };
    let log_in = async |name: String| {
        let told = log_in(&chat, new_address(), &name, "wrong password").await;
        assert_eq!(told, "wrong_login");
    };
    let known = async |_| log_in("Olga".to_owned()).await;
    let unknown = async |n| log_in(format!("Nobody {n}")).await;
    let both = medians(known, unknown).await;
    alike("log in", both);
    assert!(both[1] > Duration::from_millis(3), "a password is worked on: {both:?}");

    let keeper = chat.connect(&owner).await;
    let room = json!({ "title": "hidden", "kind": "invited" });
    let room = done(&keeper, "create", &room).await["id"].as_str().unwrap().to_owned();
    let stranger = chat.connect(&chat.guest("Gwen").await).await;
    let ask = async |room: &str, event: &str| {
        let asked = json!({ "room": room, "capacity": 4 });
        assert_eq!(code(&stranger, event, &asked).await, "gone");
    };
    for event in ["open", "members", "change", "leave"] {
        let hidden = async |_| ask(&room, event).await;
        let none = async |_| ask("AAAAAAAAAAAAAAAA", event).await;
        alike(event, medians(hidden, none).await);
    }
}
