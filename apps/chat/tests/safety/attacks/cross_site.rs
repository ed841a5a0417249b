//! Pages of other sites in the browser of somebody who is logged in.

use serde_json::{Value, json};

use crate::table::{ENDPOINTS, PUBLIC};
use crate::wire::{Request, Socket, new_address};
use crate::world::{Chat, Person};

/// What a browser adds to a request that a page of another site makes, or leaves out.
const FOREIGN: &[&[(&str, &str)]] = &[
    &[("origin", "https://evil.example")],
    &[("origin", "null")],
    &[("origin", "http://localhost.evil.example")],
    &[("origin", "http://localhost:1")],
    &[("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("sec-fetch-site", "none")],
    &[("sec-fetch-site", "SAME-ORIGIN, cross-site")],
    &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
    &[("origin", "http://localhost"), ("origin", "https://evil.example")],
];

/// What a form can send, or a `fetch` that asks nobody first.
const SIMPLE: &[Option<&str>] = &[
    None,
    Some(""),
    Some("text/plain"),
    Some("text/plain; charset=application/json"),
    Some("application/x-www-form-urlencoded"),
    Some("multipart/form-data; boundary=x"),
    Some("application/jsonx"),
    Some("application/json-patch+json"),
    Some("text/plain, application/json"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_other_site_changes_anything() {
    let chat = Chat::start().await;
    let victim = chat.set_up().await;
    let code = chat.invitation(&victim, &json!({ "role": "member" })).await;
    let mut asked = 0;
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.method != "GET") {
        let path = endpoint.path.replace("{id}", &victim.session).replace("{person}", &victim.id);
        let path = format!("/api{path}");
        let body = endpoint
            .body
            .replace("$password", crate::world::PASSWORD)
            .replace("$invitation", &code)
            .replace("Outsider", "Olga")
            .replace("\"has_guests\":true", "\"has_guests\":false")
            .replace("\"colour\":7", "\"name\":\"Owned\"")
            .replace("$name", "Mallory");
        let request = |kind: Option<&str>| {
            let request = Request::new(endpoint.method, &path).cookie(Some(&victim.secret));
            let request = request.body(body.clone().into_bytes());
            match kind {
                Some(kind) => request.header("content-type", kind),
                None => request,
            }
        };
        let what = format!("{} {path}", endpoint.method);
        for headers in FOREIGN {
            let mut request = request(Some("application/json"));
            for (name, value) in *headers {
                request = request.header(name, value);
            }
            let answer = request.send(chat.address).await;
            assert_eq!((answer.status, &*answer.code()), (403, "forbidden"), "{what} {headers:?}");
            assert_eq!(answer.header("set-cookie"), None, "{what} {headers:?}");
            asked += 1;
        }
        for kind in SIMPLE {
            let answer = request(*kind).send(chat.address).await;
            assert_eq!((answer.status, &*answer.code()), (400, "bad_request"), "{what} {kind:?}");
            asked += 1;
        }
        // Nothing is allowed to others by asking first, and nothing is done by another method.
        let preflight = request(None)
            .with("origin", "https://evil.example")
            .with("access-control-request-method", endpoint.method)
            .with("access-control-request-headers", "content-type");
        let preflight = Request { method: "OPTIONS".to_owned(), body: vec![], ..preflight };
        let answer = preflight.send(chat.address).await;
        assert!(!answer.head.to_lowercase().contains("access-control-allow"), "{}", answer.head);
        asked += 1;
    }
    untouched(&chat, &victim).await;
    assert!(asked > 400, "{asked}");
}

/// By a link or a picture on another site, which brings a lax cookie.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_changed_by_getting() {
    let chat = Chat::start().await;
    let victim = chat.set_up().await;
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.method != "GET") {
        if ENDPOINTS.iter().any(|other| other.method == "GET" && other.path == endpoint.path) {
            continue;
        }
        let path = endpoint.path.replace("{id}", &victim.session).replace("{person}", &victim.id);
        for method in ["GET", "HEAD"] {
            let answer =
                chat.ask(Some(&victim), method, &format!("/api{path}"), &Value::Null).await;
            assert!(matches!(answer.status, 404 | 405), "{method} {path}: {}", answer.status);
        }
    }
    untouched(&chat, &victim).await;
}

async fn untouched(chat: &Chat, victim: &Person) {
    let boot = chat.ask(Some(victim), "GET", "/api/me", &Value::Null).await.json();
    assert_eq!(boot["me"]["session"], victim.session.as_str(), "{boot}");
    assert_eq!(boot["me"]["person"]["name"], victim.name.as_str());
    assert_eq!(boot["has_guests"], true);
    let people = chat.ask(Some(victim), "GET", "/api/admin/people", &Value::Null).await.json();
    assert_eq!(people["people"].as_array().unwrap().len(), 1, "{people}");
    let sessions = chat.ask(Some(victim), "GET", "/api/sessions", &Value::Null).await.json();
    assert_eq!(sessions.as_array().unwrap().len(), 1, "{sessions}");
}

/// A program that is no browser says neither.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_this_server_and_programs_may() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let own = format!("http://{}", chat.address);
    let host = chat.address.to_string();
    for headers in [
        &[][..],
        &[("sec-fetch-site", "same-origin")],
        &[("origin", own.as_str()), ("host", &host)],
        &[("origin", own.as_str()), ("host", &host), ("sec-fetch-site", "same-origin")],
    ] {
        let body = json!({ "colour": 1 });
        let mut request = Request::json("PUT", "/api/profile", &body).cookie(Some(&owner.secret));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.send(chat.address).await;
        assert_eq!(answer.status, 200, "{headers:?} {answer:?}");
    }
}

/// The cookie comes with a WebSocket of any site: the origin is what counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_other_site_connects() {
    let chat = Chat::start().await;
    let victim = chat.set_up().await;
    let cookie = format!("sockeye={}", victim.secret);
    for origin in ["https://evil.example", "null", "http://localhost:1"] {
        let from = new_address().to_string();
        let headers = [("cookie", cookie.as_str()), ("origin", origin), ("x-forwarded-for", &from)];
        let refused = Socket::open(chat.address, &headers).await.map(drop).unwrap_err();
        assert!(matches!(refused, 400 | 403), "{origin}: {refused}");
        for method in ["GET", "POST", "OPTIONS"] {
            let polling = Request::new(method, "/socket.io/?EIO=4&transport=polling")
                .cookie(Some(&victim.secret))
                .header("origin", origin);
            let answer = polling.send(chat.address).await;
            assert!(matches!(answer.status, 400 | 403), "{method} {origin}: {answer:?}");
            assert!(!answer.head.to_lowercase().contains("access-control-allow"), "{answer:?}");
            assert!(!answer.body.contains("\"sid\""), "{answer:?}");
        }
    }
    // A session that the victim's own page has is not written to by others either.
    let opened = Request::new("GET", "/socket.io/?EIO=4&transport=polling");
    let opened = opened.cookie(Some(&victim.secret)).send(chat.address).await;
    let open: Value = serde_json::from_str(&opened.body[1..]).unwrap();
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={}", open["sid"].as_str().unwrap());
    let post = Request::new("POST", &path)
        .cookie(Some(&victim.secret))
        .header("origin", "https://evil.example")
        .header("content-type", "text/plain")
        .body(b"40/chat,".to_vec());
    let answer = post.send(chat.address).await;
    assert!(matches!(answer.status, 400 | 403), "{answer:?}");
}

/// A name of somebody else's that leads to this machine (DNS rebinding).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_other_host_is_answered() {
    let chat = Chat::start().await;
    let victim = chat.set_up().await;
    for host in ["evil.example", "localhost.evil.example", "evil.example:3000"] {
        for path in ["/", "/api/me", "/socket.io/?EIO=4&transport=polling", "/healthz"] {
            let request =
                Request::new("GET", path).cookie(Some(&victim.secret)).header("host", host);
            let answer = request.send(chat.address).await;
            assert_eq!(answer.status, 421, "{host} {path}");
            assert!(!answer.body.contains(&victim.id));
        }
    }
}

/// No answer can be framed, whatever it is; those of the socket's path are no pages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_framed() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let others =
        ["/nothing", "/api/nothing", "/api/me", "/api/v1", "/lab", "/api/sessions", "/favicon.svg"];
    for path in PUBLIC.iter().chain(&others) {
        for who in [None, Some(&owner)] {
            let answer = chat.ask(who, "GET", path, &Value::Null).await;
            let policy = answer.header("content-security-policy").unwrap_or("none");
            assert!(policy.contains("frame-ancestors 'none'"), "{path}: {}", answer.head);
            assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
            for unsafe_ in ["unsafe-inline", "unsafe-eval", " *"] {
                assert!(!policy.contains(unsafe_), "{path}: {policy}");
            }
            assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        }
    }
}
