//! Every request and every event, asked by everybody. See [`table`](crate::table).

use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::{Value, json};

use crate::cast::{Cast, HUSH, Place};
use crate::table::{
    ENDPOINTS, Endpoint, Kind, LOCAL, Level, OTHER_EVENTS, PICTURE_REQUESTS, PUBLIC, ROOM_EVENTS,
    RoomEvent, Who,
};
use crate::wire::{ASKED, Answer, Request, Socket, code_of, new_address};
use crate::world::{Chat, PASSWORD, Person, done, picture_request};

/// As long as an id, and nobody's.
const NOBODYS_ID: &str = "AAAAAAAAAAAAAAAA";

/// What did not go as the table says: all of it is told at the end.
#[derive(Debug, Default)]
struct Found {
    cells: usize,
    wrong: Vec<String>,
}

impl Found {
    fn cell(&mut self, what: &str, expected: &str, told: &str) {
        self.cells += 1;
        if expected != told {
            self.wrong.push(format!("{what}: {told}, not {expected}"));
        }
    }

    fn equal(&mut self, what: &str, one: &str, other: &str) {
        self.cells += 1;
        if one != other {
            self.wrong.push(format!("{what}: told apart: {one:?} and {other:?}"));
        }
    }

    fn silent(&mut self, what: &str, text: &str) {
        self.cells += 1;
        if let Some(at) = text.find(HUSH) {
            let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
            let line: String = text[start..].lines().next().unwrap().chars().take(600).collect();
            self.wrong.push(format!("{what} heard of it: {line}"));
        }
    }

    #[allow(clippy::print_stderr, reason = "how much was asked is to be seen")]
    fn end(self, name: &str, began: Instant) {
        let asked = ASKED.load(Ordering::Relaxed);
        eprintln!(
            "{name}: {} cells, {asked} asked, {:.1} s",
            self.cells,
            began.elapsed().as_secs_f64()
        );
        assert!(
            self.wrong.is_empty(),
            "{} are wrong:\n{}",
            self.wrong.len(),
            self.wrong.join("\n")
        );
    }
}

/// The answer to an event, and its word in the table.
async fn told(socket: &Socket, namespace: &str, event: &str, payload: &str) -> (String, String) {
    let payload: Value = serde_json::from_str(payload).unwrap();
    match socket.ask(namespace, event, &payload).await {
        Err(_) => ("closed".to_owned(), "closed".to_owned()),
        Ok(answer) => {
            let json = serde_json::from_str(&answer).unwrap_or(Value::Null);
            let code = code_of(&json);
            (answer, code)
        }
    }
}

impl RoomEvent {
    fn payload(&self, cast: &Cast, place: &Place, kind: Kind) -> String {
        // What is said in an open room stands in everybody's list.
        let text = if kind == Kind::Open { "hello" } else { HUSH };
        self.payload
            .replace("$text", text)
            .replace("$room", &place.id)
            .replace("$message", &place.message.to_string())
            .replace("$person", &cast.bystander.0.id)
            .replace("$banned", &cast.person(Who::Banned).id)
            .replace("$key", &format!("key-{}", cast.number()))
    }

    /// Asks as everybody, in this kind of room.
    async fn ask(&self, cast: &Cast, found: &mut Found, kind: Kind, words: &str) {
        let mut place = cast.room(kind).await;
        for (who, expected) in Who::ALL.into_iter().zip(words.split_whitespace()) {
            let what = format!("{} in a room ({kind:?}) by {who:?}", self.name);
            let socket = cast.socket(who);
            let (answer, code) =
                told(socket, "/chat", self.name, &self.payload(cast, &place, kind)).await;
            found.cell(&what, expected, &code);
            if self.name == "members" && code == "ok" && kind != Kind::Direct {
                let banned = answer.contains(&cast.person(Who::Banned).id);
                let keeps_order = matches!(who, Who::Moderator | Who::Owner).to_string();
                found.cell(&format!("{what}: the banned one"), &keeps_order, &banned.to_string());
            }
            if kind.is_hidden() && !who.is_inside() {
                let nobodys = Place { id: NOBODYS_ID.to_owned(), ..place };
                let nobodys = self.payload(cast, &nobodys, kind);
                let (none, _) = told(socket, "/chat", self.name, &nobodys).await;
                found.equal(&what, &answer.replace(&place.id, NOBODYS_ID), &none);
            }
            if self.changes && code == "ok" {
                cast.remove(&place).await;
                place = cast.room(kind).await;
            }
        }
        cast.remove(&place).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_by_everybody() {
    let began = Instant::now();
    let cast = Cast::assemble().await;
    let mut found = Found::default();
    for event in ROOM_EVENTS {
        for (kind, words) in event.told {
            event.ask(&cast, &mut found, kind, words).await;
        }
    }
    let closed = [Kind::Password, Kind::Invited, Kind::Direct];
    let mut places = Vec::new();
    for kind in closed {
        places.push(cast.room(kind).await);
    }
    other_events(&cast, &mut found).await;
    let mut hidden = titles(&cast, &mut found).await;
    hidden.push(places[2].id.clone());
    nobody(&cast, &mut found, &places).await;
    ended(&cast, &mut found, &places).await;
    heard(&cast, &mut found, &hidden).await;
    found.end("events", began);
}

async fn other_events(cast: &Cast, found: &mut Found) {
    for (namespace, event, payload, [guest, account]) in OTHER_EVENTS {
        for who in Who::ALL {
            let payload = payload
                .replace("$title", &format!("{HUSH} of {who:?}"))
                .replace("$person", &cast.bystander.0.id);
            let (_, code) = told(cast.socket(who), namespace, event, &payload).await;
            let expected = if who == Who::Guest { guest } else { account };
            found.cell(&format!("{event} by {who:?}"), expected, &code);
        }
    }
}

/// A title that is taken by a room that one may not know of is as free as any other, and leads nowhere.
/// The ids of such rooms.
async fn titles(cast: &Cast, found: &mut Found) -> Vec<String> {
    let title = format!("Secret meeting {}", cast.number());
    let owner = cast.socket(Who::Owner);
    let taken = done(owner, "create", &json!({ "title": title, "kind": "invited" })).await;
    for who in [Who::Guest, Who::Outsider, Who::ServerModerator, Who::ServerOwner] {
        let socket = cast.socket(who);
        let open = |title: &str| json!({ "room": title }).to_string();
        let (answer, code) = told(socket, "/chat", "open", &open(&title)).await;
        let (none, _) = told(socket, "/chat", "open", &open("Nobody's meeting")).await;
        found.cell(&format!("open by a hidden title by {who:?}"), "gone", &code);
        found.equal(&format!("open by a hidden title by {who:?}"), &answer, &none);
    }
    let create = json!({ "title": title, "kind": "open" }).to_string();
    let (made, code) = told(cast.socket(Who::Outsider), "/chat", "create", &create).await;
    found.cell("an open room by a hidden title", "ok", &code);
    found.cell(
        "it is another one",
        "true",
        &(!made.contains(taken["id"].as_str().unwrap())).to_string(),
    );
    // The notes' chat comes into the open one, and not into the other.
    let notes = cast.chat.open(cast.person(Who::Guest)).await;
    notes.connect("/").await.unwrap();
    let title = format!("Secret notes {}", cast.number());
    let other = done(owner, "create", &json!({ "title": title, "kind": "invited" })).await;
    let join = json!({ "room": title, "name": "Noah" });
    let answer = notes.ask("/", "join", &join).await.unwrap();
    found.equal("a hidden title in the notes' chat", &answer, "[]");
    let name = format!("\u{1}{}", taken["id"].as_str().unwrap());
    let answer = notes.ask("/", "join", &json!({ "room": name, "name": "Noah" })).await.unwrap();
    let code = code_of(&serde_json::from_str(&answer).unwrap());
    found.cell("the name of a hidden room in the notes' chat", "room_character", &code);
    [taken, other].map(|room| room["id"].as_str().unwrap().to_owned()).into()
}

/// Whoever has no session is let into neither namespace, and what they send there all the same is not heeded.
async fn nobody(cast: &Cast, found: &mut Found, places: &[Place]) {
    let chat = &cast.chat;
    let expired = chat.log_in("Outsider").await;
    expire(chat, &expired).await;
    let ended = chat.log_in("Outsider").await;
    chat.ask(Some(&ended), "POST", "/api/logout", &Value::Null).await;
    let wrong = "A".repeat(43);
    for (who, secret) in [
        ("nobody", None),
        ("a wrong cookie", Some(wrong.as_str())),
        ("an expired session", Some(&expired.secret)),
        ("an ended session", Some(&ended.secret)),
    ] {
        let cookie = format!("sockeye={}", secret.unwrap_or_default());
        let from = new_address().to_string();
        let headers = [("x-forwarded-for", from.as_str()), ("cookie", &cookie)];
        let headers = &headers[..if secret.is_some() { 2 } else { 1 }];
        for namespace in ["/rooms", "/chat"] {
            let socket = Socket::open(chat.address, headers).await.unwrap();
            let refused = socket.connect(namespace).await.unwrap_err();
            found.cell(
                &format!("{namespace} by {who}"),
                "{\"message\":\"unauthorized\"}",
                &refused,
            );
            for event in ROOM_EVENTS {
                let payload: Value =
                    serde_json::from_str(&event.payload(cast, &places[1], Kind::Invited)).unwrap();
                let args = format!("[\"{}\",{payload}]", event.name);
                drop(socket.begin(namespace, &args).await);
            }
            drop(socket.begin(namespace, "[\"list\",{}]").await);
            // Whether it is closed by then or not: an answer to this comes after those to all before.
            if socket.connect("/").await.is_ok() {
                let _ =
                    socket.ask("/", "join", &json!({ "room": "lobby", "name": "Nobody" })).await;
            }
            let answers = socket.heard().matches("\n43/").count();
            found.cell(&format!("events in {namespace} by {who}"), "0", &answers.to_string());
            found.silent(who, &socket.heard());
        }
    }
}

/// Makes a session one of long ago.
async fn expire(chat: &Chat, person: &Person) {
    crate::common::database::run(
        chat.data.path(),
        &format!("UPDATE sessions SET expires_at = 1 WHERE id = '{}'", person.session),
    )
    .await;
}

/// A session that ends while it is connected takes its connection with it; what was under way is not heeded.
async fn ended(cast: &Cast, found: &mut Found, places: &[Place]) {
    let chat = &cast.chat;
    let ways: [(&str, &str, Value); 2] =
        [("POST", "/api/logout", Value::Null), ("POST", "/api/logout-everywhere", Value::Null)];
    for (method, path, body) in ways {
        let person = chat
            .sign_up(cast.person(Who::ServerOwner), &format!("Ender {}", cast.number()), "member")
            .await;
        let socket = chat.connect(&person).await;
        let other = chat.log_in(&person.name).await;
        let other_socket = chat.connect(&other).await;
        let answer = chat.ask(Some(&person), method, path, &body).await;
        found.cell(path, "204", &answer.status.to_string());
        socket.closed().await;
        for event in ROOM_EVENTS {
            let payload: Value =
                serde_json::from_str(&event.payload(cast, &places[1], Kind::Invited)).unwrap();
            let closed = socket.ask("/chat", event.name, &payload).await.is_err();
            found.cell(&format!("{} after {path}", event.name), "true", &closed.to_string());
        }
        if path == "/api/logout-everywhere" {
            other_socket.closed().await;
        } else {
            let (_, code) = told(&other_socket, "/rooms", "list", "{}").await;
            found.cell("another session of the same person", "ok", &code);
        }
    }
}

/// What everybody has heard in the end.
async fn heard(cast: &Cast, found: &mut Found, hidden: &[String]) {
    let owner = cast.socket(Who::ServerOwner);
    let last = done(owner, "create", &json!({ "title": "the end", "kind": "open" })).await;
    let last = last["id"].as_str().unwrap();
    let colour = json!({ "colour": 3 });
    cast.chat.ask(Some(cast.person(Who::Member)), "PUT", "/api/profile", &colour).await;
    for (who, (_, socket)) in &cast.people {
        // What was told before is there, too: it is in order.
        assert!(socket.hears(last).await, "{who:?}");
        let (listed, _) = told(socket, "/rooms", "list", r#"{"limit":100}"#).await;
        let (found_, _) =
            told(socket, "/rooms", "list", &json!({ "search": HUSH }).to_string()).await;
        let heard = socket.heard();
        // Nobody else ever heard so much as the id of a room that was hidden from its beginning.
        if !who.is_inside() {
            let ids = hidden.iter().filter(|id| heard.contains(*id)).count();
            found.cell(&format!("{who:?} hears of hidden rooms"), "0", &ids.to_string());
        }
        let own = heard.replace(&format!("{HUSH} of {who:?}"), "");
        match who {
            Who::Guest | Who::Outsider | Who::ServerModerator | Who::ServerOwner => {
                found.silent(&format!("{who:?}"), &own);
            }
            // They were inside before anything was kept there.
            Who::Removed | Who::Banned => found.silent(&format!("{who:?}"), &own),
            Who::Member | Who::Muted | Who::Moderator | Who::Owner => {
                for text in [&*listed, &found_, &heard] {
                    found.cell(
                        &format!("{who:?} hears it"),
                        "true",
                        &text.contains(HUSH).to_string(),
                    );
                }
            }
        }
    }
    let online = cast.socket(Who::Guest).heard().contains("\"room\":\"online\"");
    found.cell("a guest hears who is online", "false", &online.to_string());
    let member = cast.socket(Who::Member);
    for event in crate::table::TOLD {
        let is_heard = member.hears(&format!("[\"{event}\",")).await;
        found.cell(&format!("{event} is told"), "true", &is_heard.to_string());
    }
}

/// Who asks over HTTP, and a new one whenever a session is over.
struct Askers {
    chat: Chat,
    owner: Person,
    standing: [Option<Person>; 5],
    /// A room that none of them is in.
    hidden: String,
    /// A picture that was said there.
    picture: String,
    keeper: (Person, Socket),
}

impl Askers {
    async fn new(number: &mut u32) -> Self {
        let chat = Chat::start().await;
        let owner = chat.set_up().await;
        chat.sign_up(&owner, "Outsider", "member").await;
        let keeper = chat.sign_up(&owner, "Keeper", "member").await;
        let socket = chat.connect(&keeper).await;
        let hidden = json!({ "title": format!("{HUSH} title"), "kind": "invited" });
        let hidden = done(&socket, "create", &hidden).await["id"].as_str().unwrap().to_owned();
        done(&socket, "open", &json!({ "room": hidden })).await;
        done(&socket, "say", &json!({ "room": hidden, "text": HUSH, "key": "k" })).await;
        let picture = chat.send_picture(&keeper, &hidden).await.json();
        let picture = picture["id"].as_str().unwrap().to_owned();
        let say = json!({ "room": hidden, "text": "", "key": "p", "pictures": [picture] });
        done(&socket, "say", &say).await;
        let keeper = (keeper, socket);
        let mut askers =
            Askers { chat, owner, standing: Default::default(), hidden, picture, keeper };
        for level in Level::ALL {
            askers.standing[level as usize] = askers.fresh(level, number).await;
        }
        askers
    }

    /// Somebody new of this level.
    async fn fresh(&self, level: Level, number: &mut u32) -> Option<Person> {
        *number += 1;
        let name = format!("Asker {number}");
        match level {
            Level::Nobody => None,
            Level::Guest => Some(self.chat.guest(&name).await),
            Level::Member => Some(self.chat.sign_up(&self.owner, &name, "member").await),
            Level::Moderator => Some(self.chat.sign_up(&self.owner, &name, "moderator").await),
            Level::Owner => {
                let person = self.chat.sign_up(&self.owner, &name, "member").await;
                let path = format!("/api/admin/people/{}", person.id);
                let role = json!({ "role": "owner" });
                let answer = self.chat.ask(Some(&self.owner), "PUT", &path, &role).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                Some(person)
            }
        }
    }

    /// The request with everything in it that it asks for.
    async fn request(&self, endpoint: &Endpoint, number: &mut u32) -> (Request, String) {
        *number += 1;
        let chat = &self.chat;
        let mut body =
            endpoint.body.replace("$password", PASSWORD).replace("$name", &format!("New {number}"));
        if body.contains("$setup") {
            body = body.replace("$setup", &chat.setup);
        }
        if body.contains("$invitation") {
            let code = chat.standing(&self.owner, "member").await;
            body = body.replace("$invitation", &code);
        }
        if body.contains("$into") {
            let invite = json!({ "role": "member", "room": self.hidden });
            body = body.replace("$into", &chat.invitation(&self.keeper.0, &invite).await);
        }
        if body.contains("$reset") {
            let target = chat.sign_up(&self.owner, &format!("Reset {number}"), "member").await;
            let path = format!("/api/admin/people/{}/reset", target.id);
            let answer = chat.ask(Some(&self.owner), "POST", &path, &Value::Null).await;
            body = body.replace("$reset", answer.json()["code"].as_str().unwrap());
        }
        let id = if endpoint.path.contains('{') {
            self.subject(endpoint, *number).await
        } else {
            String::new()
        };
        let path = endpoint.path.replace("{id}", &id).replace("{person}", &id);
        let path = format!("/api{}", path.replace("{room}", &self.hidden));
        if endpoint.path.ends_with("/pictures") {
            return (picture_request(&path), id);
        }
        (Request::json(endpoint.method, &path, &serde_json::from_str(&body).unwrap()), id)
    }

    /// The id of something of this kind that is there, and not the asker's own.
    async fn subject(&self, endpoint: &Endpoint, number: u32) -> String {
        let chat = &self.chat;
        match endpoint.path {
            "/rooms/{room}/pictures" => self.hidden.clone(),
            "/rooms/{room}/pictures/{id}" | "/rooms/{room}/pictures/{id}/thumbnail" => {
                self.picture.clone()
            }
            "/sessions/{id}" => self.keeper.0.session.clone(),
            "/invitations/{id}" => {
                let invite = json!({ "role": "member" });
                let made = chat.ask(Some(&self.owner), "POST", "/api/invitations", &invite).await;
                made.json()["invitation"]["id"].as_str().unwrap().to_owned()
            }
            "/passkeys/{id}" => "c29tZWJvZHk".to_owned(),
            "/admin/rooms/{id}" => {
                let room = json!({ "title": format!("{HUSH} {number}"), "kind": "invited" });
                done(&self.keeper.1, "create", &room).await["id"].as_str().unwrap().to_owned()
            }
            "/admin/people/{id}/close" => chat.guest(&format!("Target {number}")).await.id,
            _ => chat.sign_up(&self.owner, &format!("Target {number}"), "member").await.id,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_picture_by_everybody() {
    let began = Instant::now();
    let cast = Cast::assemble().await;
    let mut found = Found::default();
    for kind in [Kind::Open, Kind::Password, Kind::Invited, Kind::Direct] {
        let place = cast.room(kind).await;
        let member = cast.person(Who::Member);
        let said = cast.chat.send_picture(member, &place.id).await.json();
        let picture = said["id"].as_str().unwrap();
        let key = format!("picture-{}", cast.number());
        let say = json!({ "room": place.id, "text": "", "key": key, "pictures": [picture] });
        done(cast.socket(Who::Member), "say", &say).await;
        // Before it is said, it is its sender's alone.
        let unsaid = cast.chat.send_picture(member, &place.id).await.json();
        let unsaid = format!("/{}", unsaid["id"].as_str().unwrap());
        for request in PICTURE_REQUESTS {
            let (_, words) = request.told.into_iter().find(|(of, _)| *of == kind).unwrap();
            let path = request.path.replace("$picture", picture);
            for (who, expected) in Who::ALL.into_iter().zip(words.split_whitespace()) {
                let what = format!("{} {} ({kind:?}) by {who:?}", request.method, request.path);
                let ask = async |room: &str, path: &str| {
                    let path = format!("/api/rooms/{room}/pictures{path}");
                    let asked = match request.method {
                        "POST" => picture_request(&path),
                        method => Request::new(method, &path),
                    };
                    asked.cookie(Some(&cast.person(who).secret)).send(cast.chat.address).await
                };
                let answer = ask(&place.id, &path).await;
                found.cell(&what, expected, &answer.code());
                if expected == "gone" {
                    let none = ask(NOBODYS_ID, &path).await;
                    found.equal(&what, &answer.fixed(), &none.fixed());
                }
                if request.method == "GET" {
                    let expected = if who == Who::Member { "ok" } else { "gone" };
                    let path = path.replace(&format!("/{picture}"), &unsaid);
                    let answer = ask(&place.id, &path).await;
                    found.cell(&format!("{what}, not said"), expected, &answer.code());
                }
            }
        }
        cast.remove(&place).await;
    }
    found.end("pictures", began);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_by_everybody() {
    let began = Instant::now();
    let mut number = 0;
    let mut askers = Askers::new(&mut number).await;
    let mut found = Found::default();
    for endpoint in ENDPOINTS {
        for (level, expected) in Level::ALL.into_iter().zip(endpoint.told.split_whitespace()) {
            let what = format!("{} {} by {level:?}", endpoint.method, endpoint.path);
            let mut who = askers.standing[level as usize].clone();
            if endpoint.ends_session {
                who = askers.fresh(level, &mut number).await;
            }
            let (request, id) = askers.request(endpoint, &mut number).await;
            let request = request.cookie(who.as_ref().map(|person| person.secret.as_str()));
            let answer = request.send(askers.chat.address).await;
            found.cell(&what, expected, &answer.code());
            found.silent(&what, &answer.fixed());
            safe(&mut found, &what, &answer);
            if !id.is_empty() && expected != "ok" {
                let mut nobodys = request.clone().from(new_address());
                nobodys.path = nobodys.path.replace(&id, NOBODYS_ID);
                let none = nobodys.send(askers.chat.address).await.fixed();
                found.equal(&what, &answer.fixed().replace(&id, NOBODYS_ID), &none);
            }
            if level == Level::Nobody {
                askers.as_nobody(&mut found, &what, (&request, &answer), &mut number).await;
            }
            if endpoint.path == "/invitations/accept" && answer.status == 200 {
                // They are in the room now, and others are wanted for what follows.
                askers.standing[level as usize] = askers.fresh(level, &mut number).await;
            }
        }
    }
    public(&mut askers, &mut found).await;
    found.end("requests", began);
}

impl Askers {
    /// With a session that is over one is nobody, to the byte; but for what can be asked once.
    async fn as_nobody(
        &self,
        found: &mut Found,
        what: &str,
        (request, answer): (&Request, &Answer),
        number: &mut u32,
    ) {
        if answer.status < 400 {
            return;
        }
        let chat = &self.chat;
        *number += 1;
        let expired = chat.guest(&format!("Expired {number}")).await;
        expire(chat, &expired).await;
        let ended = chat.guest(&format!("Ended {number}")).await;
        chat.ask(Some(&ended), "POST", "/api/logout", &Value::Null).await;
        for (why, person) in [("expired", expired), ("ended", ended)] {
            let request = request.clone().from(new_address()).cookie(Some(&person.secret));
            let same = request.send(chat.address).await;
            found.equal(&format!("{what}, {why}"), &answer.fixed(), &same.fixed());
        }
    }
}

/// No page of others may frame it, guess its type, or keep it.
fn safe(found: &mut Found, what: &str, answer: &Answer) {
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        found.cell(&format!("{what}: {name}"), value, answer.header(name).unwrap_or("none"));
    }
    let policy = answer.header("content-security-policy").unwrap_or("none");
    let frames = policy.contains("frame-ancestors 'none'");
    found.cell(&format!("{what}: frame-ancestors"), "true", &frames.to_string());
}

/// The pages are the same for everybody but for who one is, whatever room is in the address.
async fn public(askers: &mut Askers, found: &mut Found) {
    let chat = &askers.chat;
    for level in Level::ALL {
        let who = askers.standing[level as usize].as_ref();
        for path in PUBLIC {
            let asked = path.replace("{name}", &askers.hidden).replace("{message}", "1");
            let answer = chat.ask(who, "GET", &asked, &Value::Null).await;
            let what = format!("GET {path} by {level:?}");
            found.cell(&what, "ok", &answer.code());
            found.silent(&what, &answer.fixed());
            // Who is logged in stands in it, so that no cache of others may keep it.
            let kept = answer.header("cache-control").unwrap_or("none");
            let is_page = answer.body.contains("id=\"boot\"");
            let is_own = !is_page || kept == "private, no-cache";
            found.cell(&format!("{what}: {kept}"), "true", &is_own.to_string());
            if *path == "/room/{name}" {
                let none = chat.ask(who, "GET", &format!("/room/{NOBODYS_ID}"), &Value::Null).await;
                found.equal(
                    &what,
                    &answer.fixed().replace(&askers.hidden, NOBODYS_ID),
                    &none.fixed(),
                );
            }
        }
        for path in LOCAL {
            let answer = chat.ask(who, "GET", path, &Value::Null).await;
            found.cell(&format!("GET {path} by {level:?}"), "403", &answer.status.to_string());
        }
        for path in ["/api/v1", "/api/v1/rooms", "/api/nothing", "/nothing", "/api/admin"] {
            let answer = chat.ask(who, "GET", path, &Value::Null).await;
            found.cell(&format!("GET {path} by {level:?}"), "404", &answer.status.to_string());
        }
    }
}
