//! More rights than one has: by fields that nobody asks for, by ids of others, by steps in another order.

use serde_json::{Value, json};

use crate::wire::Request;
use crate::world::{Chat, PASSWORD, Person, code, done};

async fn role(chat: &Chat, person: &Person) -> Value {
    chat.ask(Some(person), "GET", "/api/me", &Value::Null).await.json()["me"]["person"]["role"]
        .clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_that_nobody_asks_for_give_nothing() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let invitation = chat.invitation(&owner, &json!({ "role": "member" })).await;
    let extra = json!({
        "role": "owner", "id": owner.id, "person": { "role": "owner", "id": owner.id }, "is_owner": true, "session": owner.session,
        "guest": owner.id, "skeleton": "x", "__proto__": { "role": "owner" }, "made_by": owner.id, "lifetime": 1,
    });
    let with = |body: Value| {
        let mut all = extra.clone();
        all.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        all
    };
    let guest = chat.ask(None, "POST", "/api/guests", &with(json!({ "name": "Gwen" }))).await;
    let guest = Person::of(&guest);
    assert_eq!(role(&chat, &guest).await, "guest");
    assert_ne!(guest.id, owner.id);
    let body = json!({ "code": invitation, "name": "Mallory", "password": PASSWORD });
    let member = Person::of(&chat.ask(None, "POST", "/api/signup", &with(body)).await);
    assert_eq!(role(&chat, &member).await, "member");
    for who in [&guest, &member] {
        let before = role(&chat, who).await;
        let answer =
            chat.ask(Some(who), "PUT", "/api/profile", &with(json!({ "colour": 5 }))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(
            (role(&chat, who).await, answer.json()["person"]["id"].clone()),
            (before, who.id.clone().into())
        );
    }
    let socket = chat.connect(&member).await;
    let room = with(
        json!({ "title": "mine", "kind": "open", "owner": owner.id, "active_at": 9_999_999_999_999_i64 }),
    );
    let room = done(&socket, "create", &room).await;
    assert_eq!(room["owner"]["id"], member.id.as_str());
    assert_ne!(room["id"], owner.id.as_str());
    done(&socket, "open", &with(json!({ "room": room["id"] }))).await;
    let say = json!({ "room": room["id"], "text": "x", "key": "k", "by": { "id": owner.id, "name": "Olga" }, "at": 1, "name": "Olga" });
    let said = done(&socket, "say", &say).await;
    assert_eq!(said["by"]["id"], member.id.as_str());
    assert!(said["at"].as_i64().unwrap() > 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gives_more_than_they_have() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let moderator = chat.sign_up(&owner, "Serena", "moderator").await;
    let member = chat.sign_up(&owner, "Member", "member").await;
    let guest = chat.guest("Gwen").await;
    let invite = async |who: &Person, body: Value| {
        chat.ask(Some(who), "POST", "/api/invitations", &body).await.code()
    };
    for role in ["owner", "guest", "root", ""] {
        for who in [&owner, &moderator, &member] {
            let told = invite(who, json!({ "role": role })).await;
            assert!(matches!(&*told, "bad_request" | "forbidden"), "{} {role}: {told}", who.name);
        }
    }
    let socket = chat.connect(&member).await;
    let room = json!({ "title": "theirs", "kind": "invited" });
    let room = done(&socket, "create", &room).await["id"].clone();
    assert_eq!(invite(&member, json!({ "role": "moderator", "room": room })).await, "forbidden");
    assert_eq!(invite(&member, json!({ "role": "member" })).await, "forbidden");
    // Whoever only moderates a room invites into it, and makes no accounts by that.
    let into = chat.invitation(&member, &json!({ "role": "member", "room": room })).await;
    let look = chat.ask(None, "POST", "/api/invitations/look", &json!({ "code": into })).await;
    assert_eq!(look.json()["makes_account"], false);
    let sign_up = json!({ "code": into, "name": "Mallory", "password": PASSWORD });
    for who in [None, Some(&guest)] {
        let told = chat.ask(who, "POST", "/api/signup", &sign_up).await;
        assert_eq!((told.status, &*told.code()), (403, "invitation_no_account"));
    }
    let accept = json!({ "code": into });
    assert_eq!(
        chat.ask(Some(&guest), "POST", "/api/invitations/accept", &accept).await.status,
        200
    );
    // What was theirs to give is so only as long as they have it.
    let made = chat.invitation(&moderator, &json!({ "role": "moderator" })).await;
    let path = format!("/api/admin/people/{}", moderator.id);
    assert_eq!(
        chat.ask(Some(&owner), "PUT", &path, &json!({ "role": "member" })).await.status,
        200
    );
    let look = chat.ask(None, "POST", "/api/invitations/look", &json!({ "code": made })).await;
    assert_eq!(look.code(), "invitation_over");
    assert_eq!(
        chat.ask(Some(&moderator), "GET", "/api/admin/overview", &Value::Null).await.code(),
        "forbidden"
    );
    // A guest stays one, whoever wants it otherwise.
    let path = format!("/api/admin/people/{}", guest.id);
    for to in ["member", "owner", "guest"] {
        assert_eq!(
            chat.ask(Some(&owner), "PUT", &path, &json!({ "role": to })).await.code(),
            "forbidden"
        );
    }
    assert_eq!(role(&chat, &guest).await, "guest");
    for (event, asked) in [
        ("promote", json!({ "room": room, "person": guest.id, "role": "moderator" })),
        ("promote", json!({ "room": room, "person": owner.id, "role": "owner" })),
        ("hand_over", json!({ "room": room, "person": guest.id })),
        ("hand_over", json!({ "room": room, "person": "AAAAAAAAAAAAAAAA" })),
    ] {
        assert_ne!(code(&socket, event, &asked).await, "ok", "{event} {asked}");
    }
}

/// A guest who has come into an invited room is a member of it, and still makes nobody anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_moderates_nothing() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let socket = chat.connect(&owner).await;
    let room =
        done(&socket, "create", &json!({ "title": "open", "kind": "open" })).await["id"].clone();
    let guest = chat.guest("Gwen").await;
    let ears = chat.connect(&guest).await;
    done(&ears, "open", &json!({ "room": room })).await;
    for (event, asked) in [
        ("promote", json!({ "room": room, "person": guest.id, "role": "moderator" })),
        ("hand_over", json!({ "room": room, "person": guest.id })),
    ] {
        assert_ne!(code(&socket, event, &asked).await, "ok", "{event}");
    }
    let invite = json!({ "role": "member", "room": room });
    assert_eq!(
        chat.ask(Some(&guest), "POST", "/api/invitations", &invite).await.code(),
        "guest_owns_nothing"
    );
    for event in ["create", "direct", "people"] {
        let asked = json!({ "title": "x", "kind": "open", "people": [owner.id], "search": "" });
        assert_eq!(code(&ears, event, &asked).await, "guest_owns_nothing", "{event}");
    }
}

/// What belongs to somebody is reached by their session only, whatever id is asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_of_others_lead_nowhere() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let other = chat.sign_up(&owner, "Other", "moderator").await;
    for id in [&*owner.session, "..", "%2e%2e", "' OR 1=1 --", "%00", "*"] {
        let path = format!("/api/sessions/{}", id.replace(' ', "%20"));
        let request = Request::json("DELETE", &path, &Value::Null).cookie(Some(&other.secret));
        let answer = request.send(chat.address).await;
        assert_eq!(answer.status, 404, "{id}: {answer:?}");
    }
    assert_eq!(role(&chat, &owner).await, "owner");
    for path in ["end-sessions", "close", "reset"] {
        let path = format!("/api/admin/people/{}/{path}", owner.id);
        assert_eq!(
            chat.ask(Some(&other), "POST", &path, &Value::Null).await.code(),
            "forbidden",
            "{path}"
        );
    }
    let close = json!({ "password": "wrong password" });
    assert_eq!(
        chat.ask(Some(&owner), "POST", "/api/account/close", &close).await.code(),
        "wrong_password"
    );
    let close = json!({ "password": PASSWORD });
    assert_eq!(
        chat.ask(Some(&owner), "POST", "/api/account/close", &close).await.code(),
        "last_owner"
    );
    assert_eq!(role(&chat, &owner).await, "owner");
}

/// Keys are of whoever uses them: by somebody else's nothing is found out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_messages_are_ones_own() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let [keeper, stranger] =
        [chat.connect(&owner).await, chat.connect(&chat.guest("Gwen").await).await];
    let hidden =
        done(&keeper, "create", &json!({ "title": "hidden", "kind": "invited" })).await["id"]
            .clone();
    let open =
        done(&keeper, "create", &json!({ "title": "open", "kind": "open" })).await["id"].clone();
    for room in [&hidden, &open] {
        done(&keeper, "open", &json!({ "room": room })).await;
    }
    let first =
        done(&keeper, "say", &json!({ "room": hidden, "text": "secret", "key": "key" })).await;
    done(&stranger, "open", &json!({ "room": open })).await;
    let same =
        done(&stranger, "say", &json!({ "room": open, "text": "secret", "key": "key" })).await;
    assert_ne!(same["id"], first["id"]);
    assert_eq!(same["room"], open);
    // One's own in another room is not answered with what was said there.
    let other = keeper
        .ask("/chat", "say", &json!({ "room": open, "text": "secret", "key": "key" }))
        .await
        .unwrap();
    assert!(!other.contains(hidden.as_str().unwrap()), "{other}");
}

/// Leaving and coming again is no way around a mute or a ban, nor is an invitation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_muted_stays_so() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let keeper = chat.connect(&owner).await;
    for kind in ["open", "invited"] {
        let title = format!("muted in {kind}");
        let room =
            done(&keeper, "create", &json!({ "title": title, "kind": "open" })).await["id"].clone();
        let muted = chat.sign_up(&owner, &format!("Muted {kind}"), "member").await;
        let socket = chat.connect(&muted).await;
        done(&socket, "open", &json!({ "room": room })).await;
        done(&keeper, "mute", &json!({ "room": room, "person": muted.id, "seconds": 600 })).await;
        done(&keeper, "change", &json!({ "room": room, "kind": kind })).await;
        let invitation = chat.invitation(&owner, &json!({ "role": "member", "room": room })).await;
        let say = json!({ "room": room, "text": "x", "key": "k" });
        assert_eq!(code(&socket, "say", &say).await, "muted", "{kind}");
        done(&socket, "close", &json!({ "room": room })).await;
        done(&socket, "open", &json!({ "room": room })).await;
        assert_eq!(code(&socket, "say", &say).await, "muted", "{kind}: closed and opened");
        done(&socket, "leave", &json!({ "room": room })).await;
        let accept = json!({ "code": invitation });
        let accepted = chat.ask(Some(&muted), "POST", "/api/invitations/accept", &accept).await;
        assert_eq!(accepted.code(), "ok", "{kind}");
        done(&socket, "open", &json!({ "room": room })).await;
        assert_eq!(code(&socket, "say", &say).await, "muted", "{kind}: left and came again");
        // Whoever may, lets them speak again.
        done(&keeper, "mute", &json!({ "room": room, "person": muted.id, "seconds": 0 })).await;
        assert_eq!(code(&socket, "say", &say).await, "ok", "{kind}");
        // Banned, they are out by every way.
        done(&keeper, "remove", &json!({ "room": room, "person": muted.id, "is_ban": true })).await;
        let accepted = chat.ask(Some(&muted), "POST", "/api/invitations/accept", &accept).await;
        assert_eq!(accepted.code(), "banned", "{kind}");
        let expected = if kind == "open" { "banned" } else { "gone" };
        assert_eq!(code(&socket, "open", &json!({ "room": room })).await, expected);
        assert_ne!(code(&socket, "leave", &json!({ "room": room })).await, "ok");
        assert_eq!(code(&socket, "open", &json!({ "room": room })).await, expected);
    }
}
