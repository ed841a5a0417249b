//! Cookies that somebody planted, and sessions that end while something is under way.

use serde_json::{Value, json};

use crate::wire::{Request, Socket, new_address};
use crate::world::{Chat, PASSWORD, Person};

async fn whose(chat: &Chat, cookie: &str, is_secure: bool) -> Value {
    let request = Request::new("GET", "/api/me").header("cookie", cookie);
    let proto = if is_secure { "https" } else { "http" };
    request.header("x-forwarded-proto", proto).send(chat.address).await.json()["me"]["person"]["id"]
        .clone()
}

/// Each way in begins a session with a secret that nobody knew before; whoever planted one is left with nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planted_session_is_not_the_victims() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let victim = chat.sign_up(&owner, "Victim", "member").await;
    let invitation = json!({ "role": "member" });
    let code = chat.invitation(&owner, &invitation).await;
    let reset = format!("/api/admin/people/{}/reset", victim.id);
    let reset = chat.ask(Some(&owner), "POST", &reset, &Value::Null).await.json();
    for (path, body) in [
        ("/api/login", json!({ "name": "Victim", "password": PASSWORD })),
        ("/api/guests", json!({ "name": "Guest of theirs" })),
        ("/api/signup", json!({ "code": code, "name": "Newcomer", "password": PASSWORD })),
        ("/api/reset", json!({ "code": reset["code"], "password": PASSWORD })),
    ] {
        let planted = chat.guest("Mallory").await;
        for secret in [planted.secret.as_str(), &"A".repeat(43), "", "a; sockeye=b", "\"quoted\""] {
            if path != "/api/login" && secret != planted.secret {
                continue;
            }
            let request = Request::json("POST", path, &body).cookie(Some(secret));
            let answer = request.send(chat.address).await;
            let is_in = Person::of(&answer);
            assert_ne!(is_in.secret, secret, "{path}");
            assert_eq!(is_in.secret.len(), 43);
            assert_eq!(
                whose(&chat, &format!("sockeye={}", is_in.secret), false).await,
                is_in.id.as_str()
            );
            assert_ne!(
                whose(&chat, &format!("sockeye={secret}"), false).await,
                is_in.id.as_str(),
                "{path} {secret}"
            );
        }
        let planted = whose(&chat, &format!("sockeye={}", planted.secret), false).await;
        assert_eq!(planted, Value::Null, "{path}: the planted session is over");
    }
}

/// A new password leaves no session from before, not even one's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_password_is_a_new_session() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let thief = chat.log_in("Olga").await;
    let socket = chat.connect(&thief).await;
    let body = json!({ "old": PASSWORD, "new": "another password" });
    let after = Person::of(&chat.ask(Some(&owner), "PUT", "/api/password", &body).await);
    socket.closed().await;
    for before in [&owner, &thief] {
        assert_eq!(whose(&chat, &format!("sockeye={}", before.secret), false).await, Value::Null);
    }
    assert_eq!(whose(&chat, &format!("sockeye={}", after.secret), false).await, owner.id.as_str());
}

/// Under TLS a cookie that a page in the clear can set counts for nothing (RFC 6265bis §4.1.3.2).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_tls_only_the_cookie_of_this_host_counts() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let body = json!({ "name": "Olga", "password": PASSWORD });
    let request = Request::json("POST", "/api/login", &body).header("x-forwarded-proto", "https");
    let answer = request.send(chat.address).await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-sockeye="), "{cookie}");
    for word in ["; Path=/;", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let secret = answer.secret().unwrap();
    let both = format!("sockeye={}; __Host-sockeye={secret}", "A".repeat(43));
    for (cookie, is_secure, expected) in [
        (format!("__Host-sockeye={secret}"), true, true),
        (format!("sockeye={secret}"), true, false),
        (format!("sockeye={}", owner.secret), true, false),
        (both, true, true),
        (format!("__Host-sockeye={secret}"), false, false),
        (format!("__host-sockeye={secret}"), true, false),
        (format!("__Host-sockeye ={secret}x"), true, false),
    ] {
        let id = whose(&chat, &cookie, is_secure).await;
        assert_eq!(id == owner.id.as_str(), expected, "{cookie} {is_secure}: {id}");
        let from = new_address().to_string();
        let proto = if is_secure { "https" } else { "http" };
        let headers =
            [("cookie", cookie.as_str()), ("x-forwarded-for", &from), ("x-forwarded-proto", proto)];
        let socket = Socket::open(chat.address, &headers).await.unwrap();
        assert_eq!(socket.connect("/chat").await.is_ok(), expected, "{cookie} {is_secure}");
    }
}

struct Polling<'a> {
    chat: &'a Chat,
    secret: String,
    path: String,
}

impl<'a> Polling<'a> {
    async fn open(chat: &'a Chat, person: &Person) -> Self {
        let path = "/socket.io/?EIO=4&transport=polling".to_owned();
        let polling = Polling { chat, secret: person.secret.clone(), path };
        let (_, opened) = polling.get().await;
        let open: Value = serde_json::from_str(&opened[1..]).unwrap();
        let path = format!("{}&sid={}", polling.path, open["sid"].as_str().unwrap());
        Polling { path, ..polling }
    }

    async fn get(&self) -> (u16, String) {
        let answer = Request::new("GET", &self.path)
            .cookie(Some(&self.secret))
            .send(self.chat.address)
            .await;
        (answer.status, answer.body)
    }

    async fn post(&self, packets: &str) -> u16 {
        let request = Request::new("POST", &self.path).cookie(Some(&self.secret));
        let request = request.header("content-type", "text/plain;charset=UTF-8");
        request.body(packets.as_bytes().to_vec()).send(self.chat.address).await.status
    }
}

/// Connected by polling, the WebSocket probed, and the session ended before the upgrade.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_in_mid_upgrade_is_over() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let victim = chat.log_in("Olga").await;
    let polling = Polling::open(&chat, &victim).await;
    assert_eq!(polling.post("40/chat,").await, 200);
    let (_, connected) = polling.get().await;
    assert!(connected.contains("40/chat,{\"sid\""), "{connected}");
    let path = polling.path.replace("transport=polling", "transport=websocket");
    let cookie = format!("sockeye={}", victim.secret);
    let socket = Socket::open_at(chat.address, &path, &[("cookie", &cookie)]).await.unwrap();
    socket.send("2probe").await;
    assert!(socket.hears("3probe").await);

    let ended = chat
        .ask(Some(&owner), "DELETE", &format!("/api/sessions/{}", victim.session), &Value::Null)
        .await;
    assert_eq!(ended.status, 204);
    socket.send("5").await;
    // Nothing comes back but an end.
    drop(socket.begin("/chat", "[\"people\",{\"search\":\"\"}]").await);
    socket.closed().await;
    assert!(!socket.heard().contains("43/chat"), "{}", socket.heard());
    let (status, body) = polling.get().await;
    assert!(status == 400 || !body.contains("43/chat"), "{status} {body}");
    let again = Polling::open(&chat, &victim).await;
    assert_eq!(again.post("40/chat,").await, 200);
    let (_, refused) = again.get().await;
    assert_eq!(refused, "44/chat,{\"message\":\"unauthorized\"}");
}

/// The session is asked for when a namespace is connected, and not when the transport was opened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_before_connect_is_over() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let victim = chat.log_in("Olga").await;
    let socket = chat.open(&victim).await;
    chat.ask(Some(&owner), "DELETE", &format!("/api/sessions/{}", victim.session), &Value::Null)
        .await;
    for namespace in ["/rooms", "/chat"] {
        assert_eq!(socket.connect(namespace).await.unwrap_err(), "{\"message\":\"unauthorized\"}");
    }
}
