use serde_json::{Value, json};

use super::super::contract::{BLOCKS_MAX, Blocked, SessionView};
use super::*;
use crate::accounts::SESSIONS_MAX;
use crate::admin::contract::Settings;
use crate::admin::{Actor, Admin};
use crate::api::tests::{Answer, Browser, House, PASSWORD};
use crate::names::Skeleton;

fn refused(answer: &Answer) -> String {
    answer.refused().1
}

async fn try_login(browser: &Browser, name: &str, password: &str) -> Answer {
    browser.post("/api/login", &json!({ "name": name, "password": password })).await
}

#[tokio::test]
async fn the_first_account_is_made_once_and_by_the_code() {
    let house = House::new().await;
    let ann = house.browser();
    assert_eq!(ann.get("/api/me").await.ok()["needs_setup"], json!(true));
    let code = house.app.accounts.setup_code().unwrap();
    let set_up =
        |code: &str, name: &str| json!({ "code": code, "name": name, "password": PASSWORD });
    let answer = ann.post("/api/setup", &set_up("wrong", "Ann")).await;
    assert_eq!(answer.refused(), (403, "forbidden".to_owned()));
    let short = json!({ "code": code.as_str(), "name": "Ann", "password": "1234567" });
    assert_eq!(refused(&ann.post("/api/setup", &short).await), "password_short");
    assert_eq!(refused(&ann.post("/api/setup", &set_up(code.as_str(), " ")).await), "name_empty");
    // Two at once: one of them is the owner.
    let bob = house.browser();
    let (one, other) = (set_up(code.as_str(), "Ann"), set_up(code.as_str(), "Bob"));
    let (one, other) = tokio::join!(ann.post("/api/setup", &one), bob.post("/api/setup", &other));
    let mut told = [one.response.status, other.response.status];
    told.sort_unstable();
    assert_eq!(told, [200, 404], "{one:?} {other:?}");
    let owner = if one.response.status == 200 { &ann } else { &bob };
    assert_eq!(owner.me().await.unwrap().person.role, Role::Owner);
    let answer = bob.post("/api/setup", &set_up(code.as_str(), "Eve")).await;
    assert_eq!(answer.refused(), (404, "gone".to_owned()));
    assert_eq!(ann.get("/api/me").await.ok()["needs_setup"], json!(false));
    assert!(house.app.accounts.setup_code().is_none());
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_are_answered_alike() {
    let house = House::new().await;
    house.account("Ann", Role::Member).await;
    house.guest("Gast").await;
    let browser = house.browser();
    let mut answers = Vec::new();
    for (name, password) in [
        ("Ann", "wrong horse"),
        ("Ben", PASSWORD),
        ("Gast", PASSWORD),
        ("", PASSWORD),
        ("Ann", ""),
        ("x", &*"x".repeat(1_000)),
    ] {
        let answer = try_login(&browser, name, password).await;
        assert_eq!(answer.set_cookie(), None);
        answers.push((answer.response.status, answer.response.text().to_owned()));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(browser.me().await, None);
    assert_eq!(try_login(&browser, "Аnn", PASSWORD).await.read::<Me>().person.name, "Ann");
}

#[tokio::test]
async fn guessing_is_slow_and_the_account_s_own_person_gets_in_meanwhile() {
    let house = House::new().await;
    house.app.accounts.create("Ann", PASSWORD, Role::Member).await.unwrap();
    let eve = house.browser();
    for _ in 0..5 {
        assert_eq!(refused(&try_login(&eve, "Ann", "a guess at it").await), "wrong_login");
    }
    let answer = try_login(&eve, "Ann", PASSWORD).await;
    assert_eq!(answer.refused(), (429, "too_fast".to_owned()));
    let seconds: u64 = answer.response.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=10).contains(&seconds), "{seconds}");
    // Names that nobody has are no quicker.
    for _ in 0..5 {
        assert_eq!(refused(&try_login(&eve, "Nobody", "a guess at it").await), "wrong_login");
    }
    assert_eq!(refused(&try_login(&eve, "Nobody", "a guess at it").await), "too_fast");
    house.browser().log_in("Ann").await;
}

#[tokio::test]
async fn every_way_in_begins_a_session_of_its_own() {
    let house = House::new().await;
    let ann = house.account("Ann", Role::Member).await;
    let first = ann.cookie().unwrap();
    let answer = try_login(&ann, "Ann", PASSWORD).await;
    let cookie = answer.set_cookie().unwrap();
    let secret = cookie.strip_prefix("sockeye=").unwrap().split(';').next().unwrap();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000"), "{cookie}");
    assert_ne!(secret, first);
    assert!(!answer.response.text().contains(secret), "scripts never see it");
    let thief = house.browser();
    thief.inner.set_cookie("sockeye", &first);
    assert_eq!(thief.me().await, None, "the session that the cookie had is over");
    // A session that somebody else planted becomes nobody's.
    let victim = house.browser();
    let planted = house.guest("Eve").await.cookie().unwrap();
    victim.inner.set_cookie("sockeye", &planted);
    victim.log_in("Ann").await;
    assert_ne!(victim.cookie().unwrap(), planted);
    thief.inner.set_cookie("sockeye", &planted);
    assert_eq!(thief.me().await, None);
    assert_eq!(victim.me().await.unwrap().person.name, "Ann");
}

#[tokio::test]
async fn under_tls_the_cookie_is_for_tls_only() {
    let house =
        House::with("--trusted-proxies 192.0.2.0/24 --public-url https://chat.example").await;
    house.app.accounts.create("Ann", PASSWORD, Role::Member).await.unwrap();
    let ann = house.browser();
    let request = json!({ "name": "Ann", "password": PASSWORD });
    let secure = ann.inner.post("/api/login").header("x-forwarded-proto", "https");
    let answer = Answer { response: secure.json(&request).await };
    answer.ok();
    let cookie = answer.set_cookie().unwrap();
    assert!(cookie.starts_with("__Host-sockeye="), "{cookie}");
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    assert_eq!(ann.me().await, None, "in the clear it does not count");
    let me = ann.inner.get("/api/me").header("x-forwarded-proto", "https").await;
    assert!(me.text().contains(r#""name":"Ann""#), "{}", me.text());
    // Whoever is no proxy says what they like.
    let house = House::new().await;
    let guest = house.browser();
    let said = guest.inner.post("/api/guests").header("x-forwarded-proto", "https");
    let answer = Answer { response: said.json(&json!({ "name": "x" })).await };
    assert!(answer.set_cookie().unwrap().starts_with("sockeye="));
}

#[tokio::test]
async fn guests_come_in_with_a_name_that_no_account_has() {
    let house = House::new().await;
    house.account("Ann", Role::Member).await;
    let guest = house.browser();
    for name in ["Ann", "Аnn", " Ann "] {
        let answer = guest.post("/api/guests", &json!({ "name": name })).await;
        assert_eq!(answer.refused(), (409, "name_taken".to_owned()), "{name}");
    }
    let colour = json!({ "name": "Gast", "colour": 360 });
    assert_eq!(refused(&guest.post("/api/guests", &colour).await), "bad_request");
    let colour = json!({ "name": "Gast", "colour": 359 });
    let me: Me = guest.post("/api/guests", &colour).await.read();
    assert_eq!((me.person.role, me.person.colour), (Role::Guest, 359));
    assert_eq!(guest.me().await.unwrap().person, me.person);
    let answer = guest.put("/api/profile", &json!({ "name": "Аnn" })).await;
    assert_eq!(refused(&answer), "name_taken");
    // Guests may be called alike: they are told apart by their ids.
    assert_ne!(house.guest("Gast").await.me().await.unwrap().person.id, me.person.id);
}

#[tokio::test]
async fn guests_are_out_when_they_are_shut_off() {
    let house = House::new().await;
    let (ann, guest) = (house.account("Ann", Role::Owner).await, house.guest("Gast").await);
    let mut socket = guest.socket("/chat").await.unwrap();
    let mut list = guest.socket("/rooms").await.unwrap();
    let mut notes = house.server.connect().await;
    let mut anns = ann.socket("/chat").await.unwrap();
    let settings = Settings { has_guests: false };
    Admin::new(house.app.clone()).set(Actor::CommandLine, settings).await.unwrap();
    socket.expect_end().await;
    list.expect_end().await;
    notes.expect_end().await;
    anns.expect_no_event_for(std::time::Duration::from_millis(50)).await;
    assert_eq!(guest.me().await, None);
    assert!(guest.socket("/chat").await.is_none());
    let answer = house.browser().post("/api/guests", &json!({ "name": "x" })).await;
    assert_eq!(answer.refused(), (403, "guests_off".to_owned()));
    assert_eq!(ann.get("/api/me").await.ok()["has_guests"], json!(false));
    assert!(!house.app.store.has_guests().await.unwrap());
    let settings = Settings { has_guests: true };
    Admin::new(house.app.clone()).set(Actor::CommandLine, settings).await.unwrap();
    house.guest("Gast").await;
}

#[tokio::test]
async fn a_guest_who_is_called_like_a_new_account_is_out() {
    let house = House::new().await;
    let guest = house.guest("Ann").await;
    let mut socket = guest.socket("/chat").await.unwrap();
    let ann = house.account("Аnn", Role::Member).await;
    socket.expect_end().await;
    assert_eq!(guest.me().await, None);
    let guest = house.guest("Ben").await;
    ann.put("/api/profile", &json!({ "name": "Ben" })).await.ok();
    assert_eq!(guest.me().await, None);
    assert!(ann.me().await.is_some());
}

#[tokio::test]
async fn a_profile_at_its_edges() {
    let house = House::new().await;
    let ann = house.account("Ann", Role::Member).await;
    house.account("Ben", Role::Member).await;
    let put = async |body: Value| ann.put("/api/profile", &body).await;
    assert_eq!(refused(&put(json!({ "name": "Веn" })).await), "name_taken");
    assert_eq!(refused(&put(json!({ "name": "x".repeat(33) })).await), "name_too_long");
    assert_eq!(refused(&put(json!({ "colour": 360 })).await), "bad_request");
    assert_eq!(refused(&put(json!({ "picture": "ab" })).await), "picture_character");
    assert_eq!(refused(&put(json!({ "picture": "<img>" })).await), "picture_character");
    let before = ann.me().await.unwrap().person;
    let me: Me = put(json!({})).await.read();
    assert_eq!(me.person, before, "what is left out stays");
    let all = json!({ "name": "Аnn", "colour": 0, "picture": "🐟" });
    let me: Me = put(all).await.read();
    assert_eq!((&*me.person.name, me.person.colour), ("Аnn", 0), "her own name may look the same");
    assert_eq!(me.person.picture.as_deref(), Some("🐟"));
    let me: Me = put(json!({ "picture": "" })).await.read();
    assert_eq!(me.person.picture, None);
    assert_eq!(ann.me().await.unwrap(), me);
}

#[tokio::test]
async fn everybody_and_one_s_own_pages_hear_of_a_new_name() {
    let house = House::new().await;
    let ann = house.account("Ann", Role::Member).await;
    let phone = house.browser();
    phone.log_in("Ann").await;
    let ben = house.guest("Ben").await;
    let (mut phones, mut bens) =
        (phone.socket("/chat").await.unwrap(), ben.socket("/rooms").await.unwrap());
    ann.put("/api/profile", &json!({ "name": "Anna" })).await.ok();
    assert_eq!(bens.expect_event(super::super::contract::PERSON).await.name, "Anna");
    assert_eq!(phones.expect_event(super::super::contract::PERSON).await.name, "Anna");
    let me = phones.expect_event(super::super::contract::ME).await;
    assert_eq!(me, phone.me().await.unwrap());
}

#[tokio::test]
async fn a_new_password_ends_every_session_so_far() {
    let house = House::new().await;
    let ann = house.account("Ann", Role::Member).await;
    let phone = house.browser();
    phone.log_in("Ann").await;
    let mut socket = phone.socket("/chat").await.unwrap();
    let mut own = ann.socket("/chat").await.unwrap();
    let wrong = json!({ "old": "wrong horse", "new": "battery staple" });
    assert_eq!(refused(&ann.put("/api/password", &wrong).await), "wrong_password");
    let short = json!({ "old": PASSWORD, "new": "battery" });
    assert_eq!(refused(&ann.put("/api/password", &short).await), "password_short");
    let long = json!({ "old": PASSWORD, "new": "x".repeat(257) });
    assert_eq!(refused(&ann.put("/api/password", &long).await), "password_long");
    let before = ann.cookie();
    let right = json!({ "old": PASSWORD, "new": "battery staple" });
    let me: Me = ann.put("/api/password", &right).await.read();
    socket.expect_end().await;
    own.expect_end().await;
    assert_ne!(ann.cookie(), before);
    assert_eq!(ann.me().await.unwrap(), me);
    assert_eq!(phone.me().await, None);
    assert!(ann.socket("/chat").await.is_some());
    assert_eq!(refused(&try_login(&phone, "Ann", PASSWORD).await), "wrong_login");
    try_login(&phone, "Ann", "battery staple").await.ok();
}

#[tokio::test]
async fn a_reset_works_once_and_only_the_newest_one() {
    let house = House::new().await;
    let ann = house.account("Ann", Role::Member).await;
    let id = ann.me().await.unwrap().person.id;
    let admin = Admin::new(house.app.clone());
    let reset = async |id: &str| admin.reset(Actor::CommandLine, id.to_owned()).await;
    let (older, newer) = (reset(&id).await.unwrap().code, reset(&id).await.unwrap().code);
    let browser = house.browser();
    let given = |code: &str, password: &str| json!({ "code": code, "password": password });
    let answer = browser.post("/api/reset", &given(&older, "battery staple")).await;
    assert_eq!(answer.refused(), (404, "gone".to_owned()));
    let answer = browser.post("/api/reset", &given(&newer, "short")).await;
    assert_eq!(refused(&answer), "password_short");
    let (one, other) = (given(&newer, "battery staple"), given(&newer, "horse battery"));
    let (one, other) =
        tokio::join!(browser.post("/api/reset", &one), browser.post("/api/reset", &other));
    let mut told = [one.response.status, other.response.status];
    told.sort_unstable();
    assert_eq!(told, [200, 404], "{one:?} {other:?}");
    assert_eq!(ann.me().await, None);
    assert_eq!(browser.me().await.unwrap().person.id, id);
    let guest = house.guest("Gast").await.me().await.unwrap().person.id;
    assert!(reset(&guest).await.is_err(), "guests have no password");
}

#[tokio::test]
async fn an_account_is_closed_by_its_password_and_its_name_is_free() {
    let house = House::new().await;
    let (ann, ben) =
        (house.account("Ann", Role::Owner).await, house.account("Ben", Role::Member).await);
    let close = json!({ "password": PASSWORD });
    let answer = ann.post("/api/account/close", &close).await;
    assert_eq!(answer.refused(), (409, "last_owner".to_owned()));
    assert!(ann.me().await.is_some());
    let id = ben.me().await.unwrap().person.id;
    let answer = ben.post("/api/account/close", &json!({ "password": "wrong horse" })).await;
    assert_eq!(refused(&answer), "wrong_password");
    let mut socket = ben.socket("/chat").await.unwrap();
    let answer = ben.post("/api/account/close", &close).await;
    assert_eq!(answer.response.status, 204);
    assert!(answer.set_cookie().unwrap().contains("Max-Age=0"), "{answer:?}");
    socket.expect_end().await;
    assert_eq!(refused(&try_login(&ben, "Ben", PASSWORD).await), "wrong_login");
    let new = house.account("Ben", Role::Member).await;
    assert_ne!(new.me().await.unwrap().person.id, id, "and somebody else is somebody else");
    assert_eq!(house.app.store.person(&id).await.unwrap().unwrap().name, "Ben");
    // With two owners one may go, and a guest needs no password.
    house.account("Cid", Role::Owner).await;
    ann.post("/api/account/close", &close).await.ok();
    let guest = house.guest("Gast").await;
    guest.post("/api/account/close", &json!({})).await.ok();
    assert_eq!(guest.me().await, None);
}

#[tokio::test]
async fn one_session_or_all_are_ended_at_once() {
    let house = House::new().await;
    let ann = house.account("Ann", Role::Member).await;
    let phone = house.browser();
    phone.log_in("Ann").await;
    let request = phone.inner.get("/api/me").header("user-agent", "a phone");
    assert_eq!(request.await.status, 200);
    let sessions: Vec<SessionView> = ann.get("/api/sessions").await.read();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions.iter().filter(|session| session.is_this).count(), 1);
    assert!(sessions.iter().all(|session| session.address.starts_with("192.0.2.")));
    let other = sessions.iter().find(|session| !session.is_this).unwrap();
    let (mut phones, mut anns) =
        (phone.socket("/chat").await.unwrap(), ann.socket("/chat").await.unwrap());
    ann.delete(&format!("/api/sessions/{}", other.id)).await.ok();
    phones.expect_end().await;
    assert_eq!(phone.me().await, None);
    assert!(phone.socket("/rooms").await.is_none());
    phone.log_in("Ann").await;
    let answer = phone.post("/api/logout-everywhere", &Value::Null).await;
    assert!(answer.set_cookie().unwrap().starts_with("sockeye=; "));
    anns.expect_end().await;
    assert_eq!((ann.me().await, phone.me().await), (None, None));
}

#[tokio::test]
async fn the_session_used_the_longest_ago_makes_room() {
    let house = House::new().await;
    let ann = house.account("Ann", Role::Member).await;
    let id = ann.me().await.unwrap().person.id;
    let mut socket = ann.socket("/chat").await.unwrap();
    let whence = Whence { address: String::new(), agent: String::new() };
    let mut ended = Vec::new();
    for _ in 0..SESSIONS_MAX {
        let (session, _) = Accounts::new_session(&id, whence.clone());
        ended.extend(house.app.store.begin_session(session).await.unwrap().ended);
    }
    assert_eq!(ended.len(), 1);
    assert_eq!(ann.me().await, None);
    house.app.accounts.cut(&ended);
    socket.expect_end().await;
    let sessions = house.app.store.sessions(&id, 0).await.unwrap();
    assert_eq!(sessions.len() as i64, SESSIONS_MAX);
}

#[tokio::test]
async fn whoever_is_blocked_is_known_to_oneself_alone() {
    let house = House::new().await;
    let (ann, ben) =
        (house.account("Ann", Role::Member).await, house.account("Ben", Role::Member).await);
    let mut socket = ann.socket("/chat").await.unwrap();
    let (anns, bens) = (ann.me().await.unwrap().person.id, ben.me().await.unwrap().person.id);
    let path = format!("/api/blocks/{bens}");
    ann.put(&path, &Value::Null).await.ok();
    ann.put(&path, &Value::Null).await.ok();
    let me = socket.expect_event(super::super::contract::ME).await;
    // Their names too: on another device nobody has met them.
    let ben_as = |name: &str| vec![Blocked { id: bens.clone(), name: name.to_owned() }];
    assert_eq!(me.blocked, ben_as("Ben"));
    assert_eq!(ann.me().await.unwrap().blocked, ben_as("Ben"));
    assert_eq!(ben.me().await.unwrap().blocked, []);
    ben.put("/api/profile", &json!({ "name": "Benjamin" })).await.ok();
    assert_eq!(ann.me().await.unwrap().blocked, ben_as("Benjamin"));
    let store = &house.app.store;
    assert!(store.is_blocked(&anns, &bens).await.unwrap());
    assert!(!store.is_blocked(&bens, &anns).await.unwrap());
    let answer = ann.put(&format!("/api/blocks/{anns}"), &Value::Null).await;
    assert_eq!(refused(&answer), "bad_request");
    ann.delete(&path).await.ok();
    assert!(!store.is_blocked(&anns, &bens).await.unwrap());
    for n in 0..BLOCKS_MAX {
        let name = format!("guest {n}");
        let (id, skeleton) = (new_id(), Skeleton::of(&name));
        let role = Role::Guest;
        let guest = NewPerson { id: id.clone(), role, name, skeleton, colour: 0, password: None };
        assert!(store.create_person(guest).await.unwrap());
        assert_eq!(store.block(&anns, &id, true).await.unwrap(), Some(true));
    }
    assert_eq!(ann.put(&path, &Value::Null).await.refused(), (409, "blocks_full".to_owned()));
}

#[tokio::test]
async fn the_page_knows_who_is_logged_in() {
    let house = House::new().await;
    let ann = house.account("Ann", Role::Member).await;
    let boot = ann.get("/api/me").await.ok();
    assert_eq!(boot["me"]["person"]["name"], json!("Ann"));
    assert_eq!((&boot["is_local"], &boot["has_passkeys"]), (&json!(true), &json!(true)));
    let at = async |host: &str| {
        let response = ann.inner.get("/api/me").header("host", host).await;
        serde_json::from_str::<Value>(response.text()).unwrap()["has_passkeys"].clone()
    };
    assert_eq!(at("127.0.0.1:3000").await, json!(false), "passkeys want a name");
    assert_eq!(at("chat.example").await, json!(false), "and TLS");
}

/// A page at `localhost` has the address for others, and whoever is nobody here is not told of this machine's.
#[tokio::test]
async fn the_page_knows_the_address_for_others() {
    for (options, host, stranger, known) in [
        ("", "localhost:3000", "http://localhost:3000", "http://localhost:3000"),
        ("--host 192.0.2.7", "localhost:3000", "http://localhost:3000", "http://192.0.2.7:3000"),
        ("--host 192.0.2.7", "b.example", "http://b.example", "http://b.example"),
        (
            "--host 192.0.2.7 --public-url https://chat.example",
            "localhost:3000",
            "https://chat.example",
            "https://chat.example",
        ),
    ] {
        let house = House::with(options).await;
        let ann = house.account("Ann", Role::Member).await;
        for (browser, expected) in [(&house.browser(), stranger), (&ann, known)] {
            let response = browser.inner.get("/api/me").header("host", host).await;
            let boot: Value = serde_json::from_str(response.text()).unwrap();
            assert_eq!(boot["address"], json!(expected), "{options} {host}");
        }
    }
}
