use std::collections::BTreeMap;

use serde_json::{Value, json};
use sockeye::AckError;

use super::*;
use crate::accounts::contract::Me;
use crate::admin::{Actor, Admin};
use crate::api::tests::{Browser, House, PASSWORD};

async fn invite(browser: &Browser, wanted: Value) -> Invited {
    browser.post("/api/invitations", &wanted).await.read()
}

fn sign_up(code: &str, name: &str) -> Value {
    json!({ "code": code, "name": name, "password": PASSWORD })
}

async fn look(browser: &Browser, code: &str) -> Option<Value> {
    let answer = browser.post("/api/invitations/look", &json!({ "code": code })).await;
    match answer.response.status {
        200 => Some(answer.ok()),
        _ => {
            assert_eq!(answer.refused(), (404, "invitation_over".to_owned()));
            None
        }
    }
}

#[tokio::test]
async fn an_invitation_makes_an_account_as_often_as_it_says() {
    let house = House::new().await;
    let owner = house.account("Olga", Role::Owner).await;
    let wanted = json!({ "role": "moderator", "uses": 2 });
    let Invited { invitation, code, .. } = invite(&owner, wanted).await;
    assert_eq!((invitation.uses_left, invitation.used), (Some(2), 0));
    let browser = house.browser();
    let told = look(&browser, &code).await.unwrap();
    let expected =
        json!({ "role": "moderator", "by": "Olga", "room": null, "makes_account": true });
    assert_eq!(told, expected);
    let answer = browser.post("/api/signup", &sign_up(&code, "Olga")).await;
    assert_eq!(answer.refused(), (409, "name_taken".to_owned()));
    let me: Me = browser.post("/api/signup", &sign_up(&code, "Ann")).await.read();
    assert_eq!((me.person.role, &*me.person.name), (Role::Moderator, "Ann"));
    assert_eq!(browser.me().await.unwrap(), me);
    // Two at once for the last use: one of them gets in.
    let (ben, cid) = (house.browser(), house.browser());
    let (one, other) = (sign_up(&code, "Ben"), sign_up(&code, "Cid"));
    let (one, other) = tokio::join!(ben.post("/api/signup", &one), cid.post("/api/signup", &other));
    let mut told = [one.response.status, other.response.status];
    told.sort_unstable();
    assert_eq!(told, [200, 404], "{one:?} {other:?}");
    assert_eq!(look(&browser, &code).await, None);
    let all: Vec<Invitation> = owner.get("/api/invitations").await.read();
    assert_eq!((all[0].uses_left, all[0].used), (Some(0), 2));
}

#[tokio::test]
async fn a_guest_becomes_the_account_and_stays_who_they_are() {
    let house = House::new().await;
    let owner = house.account("Olga", Role::Owner).await;
    let Invited { code, .. } = invite(&owner, json!({ "role": "member" })).await;
    let guest = house.guest("Ann").await;
    let before = guest.me().await.unwrap();
    let secret = guest.cookie().unwrap();
    let mut socket = guest.socket("/chat").await.unwrap();
    let mut others = owner.socket("/chat").await.unwrap();
    let me: Me = guest.post("/api/signup", &sign_up(&code, "Anna")).await.read();
    assert_eq!(me.person.id, before.person.id);
    assert_eq!((me.person.role, &*me.person.name), (Role::Member, "Anna"));
    socket.expect_end().await;
    let person = others.expect_event(crate::accounts::contract::PERSON).await;
    assert_eq!(person, me.person);
    guest.inner.set_cookie("sockeye", &secret);
    assert_eq!(guest.me().await, None, "the guest's session is over");
    // Whoever has an account and signs up has two.
    guest.log_in("Anna").await;
    let second: Me = guest.post("/api/signup", &sign_up(&code, "Second")).await.read();
    assert_ne!(second.person.id, me.person.id);
}

#[tokio::test]
async fn an_invitation_ends_with_its_time_its_maker_and_their_powers() {
    let house = House::new().await;
    let owner = house.account("Olga", Role::Owner).await;
    let nobody = house.browser();
    let maker = house.account("Moritz", Role::Moderator).await;
    let id = maker.me().await.unwrap().person.id;
    let Invited { code, .. } = invite(&maker, json!({ "role": "moderator" })).await;
    let Invited { code: plain, .. } = invite(&maker, json!({ "role": "member" })).await;
    assert!(look(&nobody, &code).await.is_some());
    let admin = Admin::new(house.app.clone());
    admin.change_role(Actor::CommandLine, id.clone(), Role::Member).await.unwrap();
    assert_eq!(look(&nobody, &code).await, None);
    assert_eq!(look(&nobody, &plain).await, None);
    let answer = nobody.post("/api/signup", &sign_up(&plain, "Ann")).await;
    assert_eq!(answer.refused(), (404, "invitation_over".to_owned()));
    admin.change_role(Actor::CommandLine, id.clone(), Role::Moderator).await.unwrap();
    assert!(look(&nobody, &code).await.is_some());
    house.app.accounts.close(&id).await.unwrap();
    assert_eq!(look(&nobody, &code).await, None);
    let Invited { invitation, code, .. } = invite(&owner, json!({ "role": "member" })).await;
    owner.delete(&format!("/api/invitations/{}", invitation.id)).await.ok();
    assert_eq!(look(&nobody, &code).await, None);
    let now = now();
    let Invited { invitation, code, .. } = invite(&owner, json!({ "role": "member" })).await;
    assert!((invitation.expires_at - now - i64::from(SECONDS_DEFAULT) * 1_000).abs() < 60_000);
    let (digest, store) = (Digest::of(&code).unwrap(), &house.app.store);
    let at = async |at| store.look_at_invitation(&digest, at).await.unwrap().is_some();
    assert!(at(invitation.expires_at - 1).await && !at(invitation.expires_at).await);
}

#[tokio::test]
async fn what_is_no_invitation_is_refused() {
    let house = House::new().await;
    let owner = house.account("Olga", Role::Owner).await;
    let moderator = house.account("Moritz", Role::Moderator).await;
    for (browser, wanted, expected) in [
        (&owner, json!({ "role": "owner" }), (400, "bad_request")),
        (&owner, json!({ "role": "guest" }), (400, "bad_request")),
        (&owner, json!({ "role": "member", "uses": 0 }), (400, "bad_request")),
        (&owner, json!({ "role": "member", "uses": 10_001 }), (400, "bad_request")),
        (&owner, json!({ "role": "member", "seconds": 0 }), (400, "bad_request")),
        (&owner, json!({ "role": "member", "seconds": SECONDS_MAX + 1 }), (400, "bad_request")),
        (&owner, json!({ "role": "member", "room": "nothing" }), (404, "gone")),
        (&moderator, json!({ "role": "owner" }), (400, "bad_request")),
    ] {
        let answer = browser.post("/api/invitations", &wanted).await;
        let (status, code) = answer.refused();
        assert_eq!((status, &*code), expected, "{wanted}");
    }
    for wanted in [
        json!({ "role": "moderator", "uses": 10_000, "seconds": SECONDS_MAX }),
        json!({ "role": "member", "uses": 1, "seconds": 1 }),
    ] {
        invite(&moderator, wanted).await;
    }
}

#[tokio::test]
async fn links_lead_to_where_others_reach_the_server() {
    for (options, host, expected) in [
        ("", "localhost:3000", &["http://localhost:3000"][..]),
        ("", "127.0.0.1:3000", &["http://127.0.0.1:3000"]),
        ("--host 192.0.2.7", "192.0.2.7:3000", &["http://192.0.2.7:3000"]),
        ("--host 192.0.2.7", "localhost:3000", &["http://192.0.2.7:3000"]),
        (
            "--host 192.0.2.7 --public-url https://chat.example",
            "other.example:3000",
            &["https://chat.example", "http://other.example:3000", "http://192.0.2.7:3000"],
        ),
        ("--host chat.example", "localhost:3000", &["http://chat.example:3000"]),
        // What is no host is no part of a link.
        ("", "evil.example/x#", &["http://localhost"]),
        ("", "a@evil.example", &["http://localhost"]),
    ] {
        let house = House::with(options).await;
        let owner = house.account("Olga", Role::Owner).await;
        let request = owner.inner.post("/api/invitations").header("host", host);
        let response = request.json(&json!({ "role": "member" })).await;
        let invited: Invited = serde_json::from_str(response.text()).unwrap();
        assert_eq!(invited.addresses, expected, "{options} {host}");
        assert!(
            invited.qr.starts_with("<svg ") && invited.qr.ends_with("</svg>"),
            "{}",
            invited.qr
        );
        assert!(!invited.qr.contains("style"), "the page's policy forbids it");
    }
}

/// Nobody but its own moderators invites into a room that is not for everybody; who comes in lists it at once.
#[tokio::test]
async fn an_invitation_into_a_room_leads_there_on_every_device() {
    let house = House::whole().await;
    let owner = house.account("Olga", Role::Owner).await;
    let maker = house.account("Mia", Role::Member).await;
    let mut makers = maker.socket("/chat").await.unwrap();
    let wanted = json!({ "title": "Secret", "kind": "invited" });
    let room: Value = makers.emit_with_ack("create", &wanted).await.unwrap();
    let id = room["id"].as_str().unwrap();
    let into = json!({ "role": "member", "room": id });
    let answer = owner.post("/api/invitations", &into).await;
    assert_eq!(answer.refused(), (404, "gone".to_owned()), "who governs the server is not in it");
    let Invited { invitation, code, .. } = invite(&maker, into).await;
    assert_eq!(invitation.room, Some((id.to_owned(), "Secret".to_owned())));
    let all: Vec<Invitation> = owner.get("/api/invitations").await.read();
    assert_eq!(all[0].room, Some((id.to_owned(), String::new())), "its title is not for her");
    assert_eq!(look(&house.browser(), &code).await.unwrap()["makes_account"], false);
    let answer = house.browser().post("/api/signup", &sign_up(&code, "Neu")).await;
    assert_eq!(answer.refused(), (403, "invitation_no_account".to_owned()));
    let nobody = house.browser();
    let accept = json!({ "code": code });
    let answer = nobody.post("/api/invitations/accept", &accept).await;
    assert_eq!(answer.refused(), (401, "unauthorized".to_owned()));
    let guest = house.guest("Gast").await;
    let mut chat = guest.socket("/chat").await.unwrap();
    let mut list = guest.socket("/rooms").await.unwrap();
    let open = json!({ "room": id });
    let refused = chat.emit_with_ack::<_, Value>("open", &open).await.unwrap_err();
    assert!(matches!(&refused, AckError::Remote(error) if error.code == "gone"), "{refused:?}");
    assert_eq!(guest.post("/api/invitations/accept", &accept).await.ok(), json!({ "room": id }));
    let membership = list.expect_event(crate::rooms::contract::MEMBERSHIP).await;
    assert_eq!(membership.room, id);
    // The room and what is unread in it come from different places, in any order.
    let mut heard = BTreeMap::new();
    for _ in 0..2 {
        let event = list.next_event().await.unwrap();
        heard.insert(event.name, event.args.decode::<Value>().unwrap());
    }
    assert_eq!(heard["counts"]["room"], json!(id));
    assert_eq!(heard["counts"]["unread"], json!(0));
    assert_eq!(heard["rooms"]["changed"][0]["title"], json!("Secret"));
    let opened: Value = chat.emit_with_ack("open", &open).await.unwrap();
    assert_eq!(opened["room"]["title"], json!("Secret"), "{opened}");
    // What its maker may do when it is used counts.
    let admin = Admin::new(house.app.clone());
    let makers = maker.me().await.unwrap().person.id;
    admin.change_role(Actor::CommandLine, makers, Role::Moderator).await.unwrap();
    let me: Me = house.browser().post("/api/signup", &sign_up(&code, "Neu")).await.read();
    assert_eq!(me.person.role, Role::Member);
}
