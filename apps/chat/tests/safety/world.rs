//! A running chat, and somebody in every place that one can have in it.

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::Program;
use crate::wire::{Answer, Request, Socket, code_of, new_address};

/// As much of a page as the program needs.
const PAGE: &str = "<!doctype html><html><head><!--boot--></head><body></body></html>";
/// Of everybody.
pub(crate) const PASSWORD: &str = "correct horse";
/// Of rooms with one.
pub(crate) const ROOM_PASSWORD: &str = "battery staple";
/// Limits would be in the way; they have tests of their own.
const NO_LIMITS: [&str; 18] = [
    "--trusted-proxies",
    "127.0.0.1",
    "--messages-per-second",
    "0",
    "--kib-per-second",
    "0",
    "--mib-per-day",
    "0",
    "--pictures-per-minute",
    "0",
    "--picture-mib-per-day",
    "0",
    "--rooms-per-hour",
    "0",
    "--joins-per-second",
    "0",
    "--connections-max",
    "0",
];

/// The program with nothing in it, and the code for the first account.
pub(crate) struct Chat {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    pub(crate) setup: String,
    pub(crate) data: TempDir,
    /// Invitations that can be used again and again, by who made them and for which role.
    standing: Mutex<HashMap<(String, String), String>>,
}

impl Chat {
    pub(crate) async fn start() -> Self {
        Chat::start_with(&NO_LIMITS).await
    }

    pub(crate) async fn start_with(args: &[&str]) -> Self {
        let data = TempDir::new().unwrap();
        // The program may be built without its page.
        let ui = data.path().join("page");
        fs::create_dir(&ui).unwrap();
        fs::write(ui.join("index.html"), PAGE).unwrap();
        let args = [&["--ui", ui.to_str().unwrap()], args].concat();
        let mut program = Program::serve_with(data.path(), &args).await;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, program.port()));
        let line = program.said().await;
        let code = line.split_once("/setup#").expect(&line).1;
        let setup = code.split_whitespace().next().unwrap().to_owned();
        Chat { program, address, setup, data, standing: Mutex::default() }
    }

    /// Asks as somebody, from an address of its own.
    pub(crate) async fn ask(
        &self,
        who: Option<&Person>,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Answer {
        let secret = who.map(|person| person.secret.as_str());
        Request::json(method, path, body).cookie(secret).send(self.address).await
    }

    /// The first account.
    pub(crate) async fn set_up(&self) -> Person {
        let body = json!({ "code": self.setup, "name": "Olga", "password": PASSWORD });
        Person::of(&self.ask(None, "POST", "/api/setup", &body).await)
    }

    /// An account of this name, by an invitation of somebody who may.
    pub(crate) async fn sign_up(&self, by: &Person, name: &str, role: &str) -> Person {
        let code = self.standing(by, role).await;
        let body = json!({ "code": code, "name": name, "password": PASSWORD });
        Person::of(&self.ask(None, "POST", "/api/signup", &body).await)
    }

    /// The code of an invitation that is used again and again: nobody makes that many in so short a time.
    pub(crate) async fn standing(&self, by: &Person, role: &str) -> String {
        let key = (by.id.clone(), role.to_owned());
        let known = self.standing.lock().get(&key).cloned();
        if let Some(known) = known {
            return known;
        }
        let code = self.invitation(by, &json!({ "role": role })).await;
        self.standing.lock().insert(key, code.clone());
        code
    }

    /// The code of a new invitation.
    pub(crate) async fn invitation(&self, by: &Person, invite: &Value) -> String {
        let answer = self.ask(Some(by), "POST", "/api/invitations", invite).await;
        answer.json()["code"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    /// Sends a small picture to a room.
    pub(crate) async fn send_picture(&self, who: &Person, room: &str) -> Answer {
        let request = picture_request(&format!("/api/rooms/{room}/pictures"));
        request.cookie(Some(&who.secret)).send(self.address).await
    }

    pub(crate) async fn guest(&self, name: &str) -> Person {
        Person::of(&self.ask(None, "POST", "/api/guests", &json!({ "name": name })).await)
    }

    pub(crate) async fn log_in(&self, name: &str) -> Person {
        let body = json!({ "name": name, "password": PASSWORD });
        Person::of(&self.ask(None, "POST", "/api/login", &body).await)
    }

    /// A connection with this person's cookie, in both namespaces.
    pub(crate) async fn connect(&self, person: &Person) -> Socket {
        let socket = self.open(person).await;
        for namespace in ["/rooms", "/chat"] {
            socket.connect(namespace).await.unwrap();
        }
        socket
    }

    /// A connection with this person's cookie.
    pub(crate) async fn open(&self, person: &Person) -> Socket {
        let cookie = format!("sockeye={}", person.secret);
        let from = new_address().to_string();
        let headers = [("cookie", cookie.as_str()), ("x-forwarded-for", &from)];
        Socket::open(self.address, &headers).await.unwrap()
    }
}

/// Somebody with a session.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) session: String,
    /// What is in the cookie.
    pub(crate) secret: String,
}

impl Person {
    /// Whoever an answer says one is, by the cookie that it sets.
    pub(crate) fn of(answer: &Answer) -> Self {
        let me = answer.json();
        let text =
            |value: &Value| value.as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned();
        Person {
            id: text(&me["person"]["id"]),
            name: text(&me["person"]["name"]),
            session: text(&me["session"]),
            secret: answer.secret().unwrap_or_else(|| panic!("{answer:?}")),
        }
    }
}

/// A PNG of one pixel, to be sent there.
pub(crate) fn picture_request(path: &str) -> Request {
    let mut file = Vec::new();
    let encoder = png::Encoder::new(&mut file, 1, 1);
    encoder.write_header().unwrap().write_image_data(&[7]).unwrap();
    Request::new("POST", path).header("content-type", "application/octet-stream").body(file)
}

/// Does something in `/chat` that has to succeed.
pub(crate) async fn done(socket: &Socket, event: &str, payload: &Value) -> Value {
    let answer = socket.ask("/chat", event, payload).await;
    let answer = answer.unwrap_or_else(|_| panic!("{event} {payload}: closed"));
    let answer: Value =
        serde_json::from_str(if answer.is_empty() { "null" } else { &answer }).unwrap();
    assert_eq!(code_of(&answer), "ok", "{event} {payload}: {answer}");
    answer
}

/// The code with which something in `/chat` is refused, or `ok`.
pub(crate) async fn code(socket: &Socket, event: &str, payload: &Value) -> String {
    match socket.ask("/chat", event, payload).await {
        Ok(answer) if answer.is_empty() => "ok".to_owned(),
        Ok(answer) => code_of(&serde_json::from_str(&answer).unwrap()),
        Err(_) => "closed".to_owned(),
    }
}
