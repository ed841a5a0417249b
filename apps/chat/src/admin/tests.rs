use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower_service::Service as _;

use super::*;
use crate::accounts::contract::{ME, PERSON};
use crate::accounts::store::{NewPerson, NewSession};
use crate::api;
use crate::api::tests::House;
use crate::app::tests::app;
use crate::id::new_id;
use crate::input::Nickname;
use crate::rooms::contract::{REMOVED, ROOMS, RemovedReason};
use crate::store::sqlite::by_hand;

struct Fixture {
    app: App,
    router: Router,
    data: TempDir,
}

/// Somebody who is logged in.
struct Visitor {
    person: Person,
    cookie: String,
}

impl Fixture {
    async fn new() -> Self {
        let data = TempDir::new().unwrap();
        let app = app(data.path()).await;
        let router = Router::new().nest("/api", api::router(app.clone()));
        Fixture { app, router, data }
    }

    async fn visitor(&self, name: &str, role: Role) -> Visitor {
        let new = NewPerson {
            id: new_id(),
            role,
            name: name.to_owned(),
            skeleton: Nickname::parse(name).unwrap().skeleton(),
            colour: 1,
            password: None,
        };
        let person = new.id.clone();
        assert!(self.app.store.create_person(new).await.unwrap());
        let secret = Secret::new();
        let session = NewSession {
            id: new_id(),
            secret: secret.digest(),
            person: person.clone(),
            lifetime: 60_000,
            agent: String::new(),
            address: String::new(),
        };
        self.app.store.begin_session(session).await.unwrap();
        let person = self.app.store.person(&person).await.unwrap().unwrap();
        Visitor { person, cookie: format!("sockeye={}", secret.as_str()) }
    }

    async fn sql(&self, sql: &'static str) {
        by_hand::run(self.data.path(), sql).await;
    }

    async fn ask(
        &mut self,
        by: Option<&Visitor>,
        method: Method,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(format!("/api/{path}"));
        request = request.header(header::CONTENT_TYPE, "application/json");
        if let Some(by) = by {
            request = request.header(header::COOKIE, &by.cookie);
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = self.router.call(request).await.unwrap();
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let (status, body) = (response.status(), response.into_body());
        let body = body.collect().await.unwrap().to_bytes();
        let body =
            if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        (status, body)
    }

    async fn get(&mut self, by: &Visitor, path: &str) -> Value {
        let (status, body) = self.ask(Some(by), Method::GET, path, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }
}

/// A room with a message.
const ROOM: &str = "INSERT INTO rooms (id, name, public_id, title, created_at, active_at)
     VALUES (7, 'tea', 'room-id', 'Tea', 0, 0);
     INSERT INTO messages (room_id, name, msg, at) VALUES (7, 'x', 'secret', 0);";

/// Each request of the contract, with the lowest role that may make it about a guest, a member, a moderator and an
/// owner who is not the last one; of those that are about nobody only the first one counts.
fn requests() -> Vec<(Method, &'static str, Value, [Option<Role>; 4])> {
    use Role::{Moderator, Owner};
    let (get, post, put) = (Method::GET, Method::POST, Method::PUT);
    let moderators = [Some(Moderator); 4];
    let owners = [Some(Owner); 4];
    let of_accounts = [None, Some(Owner), Some(Owner), Some(Owner)];
    vec![
        (get.clone(), "admin/overview", Value::Null, moderators),
        (get.clone(), "admin/people", Value::Null, moderators),
        (get.clone(), "admin/people?search=x", Value::Null, moderators),
        (get.clone(), "admin/rooms", Value::Null, moderators),
        (get, "admin/audit", Value::Null, moderators),
        (Method::DELETE, "admin/rooms/{room}", Value::Null, moderators),
        (put.clone(), "admin/settings", json!({ "has_guests": true }), owners),
        (put.clone(), "admin/people/{id}", json!({ "role": "owner" }), of_accounts),
        (put.clone(), "admin/people/{id}", json!({ "role": "moderator" }), of_accounts),
        (put.clone(), "admin/people/{id}", json!({ "role": "member" }), of_accounts),
        (put, "admin/people/{id}", json!({ "role": "guest" }), [None; 4]),
        (post.clone(), "admin/people/{id}/reset", Value::Null, of_accounts),
        (
            post.clone(),
            "admin/people/{id}/end-sessions",
            Value::Null,
            [Some(Moderator), Some(Moderator), Some(Owner), Some(Owner)],
        ),
        (
            post,
            "admin/people/{id}/close",
            Value::Null,
            [Some(Moderator), Some(Owner), Some(Owner), Some(Owner)],
        ),
    ]
}

/// What each of nobody, a guest, a member, a moderator and an owner is answered to each request about each of those.
#[tokio::test]
async fn every_role_asks_for_everything() {
    use Role::{Guest, Member, Moderator, Owner};
    let roles = [Guest, Member, Moderator, Owner];
    let mut asked = 0;
    for (method, path, body, lowest) in requests() {
        let abouts = if path.contains("{id}") { &roles[..] } else { &roles[..1] };
        for (about, lowest) in abouts.iter().zip(lowest) {
            let mut fixture: Option<(Fixture, Visitor)> = None;
            for by in [None, Some(Guest), Some(Member), Some(Moderator), Some(Owner)] {
                let (mut f, about) = match fixture.take() {
                    Some(unchanged) => unchanged,
                    None => {
                        let f = Fixture::new().await;
                        f.visitor("always there", Owner).await;
                        f.sql(ROOM).await;
                        let about = f.visitor("about", *about).await;
                        (f, about)
                    }
                };
                let name = format!("asking {by:?}").replace(['(', ')'], " ");
                let asking = match by {
                    Some(role) => Some(f.visitor(name.trim(), role).await),
                    None => None,
                };
                let path = path.replace("{id}", &about.person.id).replace("{room}", "room-id");
                let (status, answer) =
                    f.ask(asking.as_ref(), method.clone(), &path, body.clone()).await;
                let context = format!(
                    "{by:?} {method} {path} {body} about {:?}: {answer}",
                    about.person.role
                );
                let log = f.app.store.audit_page(None).await.unwrap();
                match (by, lowest) {
                    (None, _) => {
                        assert_eq!(status, StatusCode::UNAUTHORIZED, "{context}");
                        assert_eq!(answer["error"]["code"], "unauthorized", "{context}");
                    }
                    (Some(by), Some(lowest)) if by >= lowest => {
                        assert!(status.is_success(), "{context}");
                        assert_eq!(log.len(), usize::from(method != Method::GET), "{context}");
                        assert!(log.iter().all(|entry| entry.by == name.trim()), "{context}");
                        asked += 1;
                        if method == Method::GET {
                            fixture = Some((f, about));
                        }
                        continue;
                    }
                    (Some(_), _) => {
                        assert_eq!(status, StatusCode::FORBIDDEN, "{context}");
                        assert_eq!(answer["error"]["code"], "forbidden", "{context}");
                    }
                }
                // Nothing is told, and nothing has happened.
                assert_eq!(answer.as_object().unwrap().len(), 1, "{context}");
                assert!(log.is_empty(), "{context}");
                let now = f.app.store.person_row(&about.person.id, 0).await.unwrap().unwrap();
                assert_eq!(now.person, about.person, "{context}");
                asked += 1;
                fixture = Some((f, about));
            }
        }
    }
    assert_eq!(asked, 5 * (7 + 7 * 4));
}

#[tokio::test]
async fn the_overview_counts_and_names_limits() {
    let mut f = Fixture::new().await;
    let ada = f.visitor("Ada", Role::Moderator).await;
    f.visitor("Eve", Role::Guest).await;
    f.sql(ROOM).await;
    let overview = f.get(&ada, "admin/overview").await;
    let overview: Overview = serde_json::from_value(overview).unwrap();
    assert_eq!((overview.accounts, overview.guests, overview.online), (1, 1, 0));
    assert_eq!((overview.sessions, overview.rooms, overview.messages), (2, 2, 1));
    assert_eq!(overview.version, env!("CARGO_PKG_VERSION"));
    assert!(overview.settings.has_guests && (now() - overview.started_at) < 600_000);
}

#[tokio::test]
async fn people_are_searched_and_their_rows_follow_a_change() {
    let mut f = Fixture::new().await;
    let ada = f.visitor("Ada", Role::Owner).await;
    let elan = f.visitor("Élan", Role::Member).await;
    let page = f.get(&ada, "admin/people?search=%C3%A9l").await;
    assert_eq!(page["people"].as_array().unwrap().len(), 1);
    assert_eq!(page["people"][0]["person"]["name"], "Élan");
    assert_eq!(page["people"][0]["sessions"], 1);
    assert_eq!(page["next"], Value::Null);
    let path = format!("admin/people/{}", elan.person.id);
    let asked = f.ask(Some(&ada), Method::PUT, &path, json!({ "role": "moderator" })).await;
    assert_eq!(asked.0, StatusCode::OK);
    assert_eq!(asked.1["person"]["role"], "moderator");
    // And may look at once.
    f.get(&elan, "admin/people").await;
    let (status, _) =
        f.ask(Some(&ada), Method::GET, "admin/people?after=nobody", Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_link_for_a_new_password_is_told_once() {
    let mut f = Fixture::new().await;
    let ada = f.visitor("Ada", Role::Owner).await;
    let ben = f.visitor("Ben", Role::Member).await;
    let path = format!("admin/people/{}/reset", ben.person.id);
    let (status, link) = f.ask(Some(&ada), Method::POST, &path, Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    let code = link["code"].as_str().unwrap().to_owned();
    let log = f.get(&ada, "admin/audit").await;
    assert!(!log.to_string().contains(&code), "{log}");
    assert_eq!((&log[0]["by"], &log[0]["about"]), (&json!("Ada"), &json!("Ben")));
    assert_eq!(log[0]["what"], "person.reset");
    let body = json!({ "code": code, "password": "a new password" });
    for expected in [StatusCode::OK, StatusCode::NOT_FOUND] {
        assert_eq!(f.ask(None, Method::POST, "reset", body.clone()).await.0, expected);
    }
    // What Ben was logged in with is over.
    let (status, _) = f.ask(Some(&ben), Method::GET, "sessions", Value::Null).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn sessions_and_accounts_end_at_once() {
    let mut f = Fixture::new().await;
    let ada = f.visitor("Ada", Role::Owner).await;
    let ben = f.visitor("Ben", Role::Member).await;
    let eve = f.visitor("Eve", Role::Member).await;
    for (about, what) in [(&ben, "end-sessions"), (&eve, "close")] {
        f.get(about, "sessions").await;
        let path = format!("admin/people/{}/{what}", about.person.id);
        let (status, _) = f.ask(Some(&ada), Method::POST, &path, Value::Null).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        let (status, _) = f.ask(Some(about), Method::GET, "sessions", Value::Null).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{what}");
    }
    let people = f.get(&ada, "admin/people").await;
    assert_eq!(people["people"].as_array().unwrap().len(), 2, "whoever is closed is no one");
    // The last owner cannot.
    let path = format!("admin/people/{}/close", ada.person.id);
    let (status, answer) = f.ask(Some(&ada), Method::POST, &path, Value::Null).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::CONFLICT, &json!("last_owner")));
}

#[tokio::test]
async fn guests_are_shut_off_and_let_in_again() {
    let mut f = Fixture::new().await;
    let ada = f.visitor("Ada", Role::Owner).await;
    let eve = f.visitor("Eve", Role::Guest).await;
    for has_guests in [false, true] {
        let body = json!({ "has_guests": has_guests });
        let (status, set) = f.ask(Some(&ada), Method::PUT, "admin/settings", body.clone()).await;
        assert_eq!((status, &set), (StatusCode::OK, &body));
        assert_eq!(f.app.accounts.has_guests(), has_guests);
        assert_eq!(f.get(&ada, "admin/overview").await["settings"], body);
        let (status, _) = f.ask(Some(&eve), Method::GET, "sessions", Value::Null).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        let (status, _) = f.ask(None, Method::POST, "guests", json!({ "name": "Kim" })).await;
        assert_eq!(status.is_success(), has_guests, "{status}");
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_is_said_and_haste_is_slowed() {
    let mut f = Fixture::new().await;
    let ada = f.visitor("Ada", Role::Moderator).await;
    let (status, answer) =
        f.ask(Some(&ada), Method::GET, "admin/audit?before=x", Value::Null).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["error"]["message"].as_str().unwrap().contains("a number"), "{answer}");
    assert_eq!(f.get(&ada, "admin/audit?before=7").await, json!([]));
    let path = format!("admin/people/{}", ada.person.id);
    for body in [json!({ "role": "king" }), json!({}), json!([])] {
        let (status, answer) = f.ask(Some(&ada), Method::PUT, &path, body).await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (StatusCode::BAD_REQUEST, &json!("bad_request"))
        );
    }
    let mut asked = 0;
    let slowed = loop {
        let (status, answer) =
            f.ask(Some(&ada), Method::DELETE, "admin/rooms/none", Value::Null).await;
        if status != StatusCode::NOT_FOUND {
            break (status, answer);
        }
        asked += 1;
        assert!(asked < 1_000, "there is a limit");
    };
    assert_eq!(slowed.0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(slowed.1["error"]["code"], "too_fast");
    assert!(asked >= 60, "{asked}");
}

/// Pages that are open hear of it, or are closed, at once.
#[tokio::test]
async fn what_is_done_reaches_those_who_are_connected() {
    let house = House::new().await;
    let olga = house.account("Olga", Role::Owner).await;
    let ben = house.account("Ben", Role::Member).await;
    let eve = house.guest("Eve").await;
    let id = ben.me().await.unwrap().person.id;
    let mut bens = ben.socket("/chat").await.unwrap();
    let mut list = ben.socket("/rooms").await.unwrap();
    let mut eves = eve.socket("/chat").await.unwrap();

    let row = olga.put(&format!("/api/admin/people/{id}"), &json!({ "role": "moderator" })).await;
    assert_eq!(row.ok()["person"]["role"], "moderator");
    for socket in [&mut bens, &mut list, &mut eves] {
        assert_eq!(socket.expect_event(PERSON).await.role, Role::Moderator);
    }
    assert_eq!(bens.expect_event(ME).await.person.role, Role::Moderator);
    assert_eq!(list.expect_event(ME).await.person.role, Role::Moderator);

    // A room that Ben is in, and everybody sees.
    by_hand::run(house.data.path(), ROOM).await;
    let io = house.app.accounts.io().unwrap();
    io.of("/chat").unwrap().to(format!("person {id}")).join("room room-id");
    io.of("/rooms").unwrap().join("public");
    // Moderators do it.
    ben.delete("/api/admin/rooms/room-id").await.ok();
    let removed = bens.expect_event(REMOVED).await;
    assert_eq!((&*removed.room, removed.reason), ("room-id", RemovedReason::Gone));
    assert_eq!(list.expect_event(ROOMS).await.removed, ["room-id"]);

    olga.post(&format!("/api/admin/people/{id}/end-sessions"), &Value::Null).await.ok();
    bens.expect_end().await;
    list.expect_end().await;
    let id = eve.me().await.unwrap().person.id;
    olga.post(&format!("/api/admin/people/{id}/close"), &Value::Null).await.ok();
    eves.expect_end().await;
    assert_eq!((ben.me().await, eve.me().await), (None, None));
}
