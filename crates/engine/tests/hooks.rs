//! What applications can change about requests: hooks, cookie, cross-origin headers, ids, the
//! first message, the path (SOCKETIO_SURFACE A1.3–A1.5, A1.9).

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use common::{Heard, Host, Received};
use http::{HeaderMap, HeaderValue};
use sockeye_engine::{
    Config, Cookie, Cors, Encoded, Hooks, KeptExtensions, Origins, Refusal, Rejection,
};

const OPEN: &str = "/engine.io/?EIO=4&transport=polling";
const OPEN_WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";

fn hooks(hooks: Hooks) -> Config {
    Config { hooks, ..Config::default() }
}

/// Lets in those whose query has the right token.
fn with_token() -> Hooks {
    Hooks::new().allow_request(async |handshake| {
        tokio::task::yield_now().await;
        match handshake.query("token").as_deref() {
            Some("right") => Ok(()),
            Some(_) => Err(Rejection::new("wrong \"token\"")),
            None => Err(Rejection::default()),
        }
    })
}

#[tokio::test]
async fn a_session_is_opened_only_if_that_is_allowed() {
    let host = Host::tcp(hooks(with_token())).await;
    host.get(OPEN).await.assert_refused(4, "Forbidden");
    host.get(&format!("{OPEN}&token=x")).await.assert_refused(4, "wrong \\\"token\\\"");
    let refused = host.websocket(OPEN_WEBSOCKET).await.err().unwrap();
    assert_eq!((refused.status, refused.text()), (400, "Forbidden"));
    assert_eq!(refused.header("connection"), Some("close"));
    assert!(host.app.sids().is_empty());

    let response = host.get(&format!("{OPEN}&token=right")).await;
    let sid = common::sid(response.text());
    // Nobody is asked about requests of sessions that exist.
    host.assert_echoes(&sid).await;
    host.probe(&sid).await;
    let mut socket = host.websocket(&format!("{OPEN_WEBSOCKET}&token=right")).await.unwrap();
    assert!(socket.text().await.starts_with("0{"));
    // Other checks come first.
    host.get("/engine.io/?EIO=3&transport=polling").await.assert_refused(4, "Forbidden");
    host.request("POST", OPEN, &[], b"").await.assert_refused(2, "Bad handshake method");
}

#[tokio::test]
async fn ids_can_be_made_elsewhere() {
    let count = AtomicUsize::new(0);
    let next = move |_| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        async move { (number != 1).then(|| format!("id-{}", number.min(2))) }
    };
    let host = Host::tcp(hooks(Hooks::new().generate_id(next))).await;
    assert_eq!(host.open().await, "id-0");
    host.get(OPEN).await.assert_refused(3, "Bad request");
    let mut socket = host.open_websocket().await;
    socket.send("4x").await;
    assert_eq!(socket.text().await, "4x");
    assert!(host.app.heard("id-2").contains(&Heard::Text("x".to_owned())));
    // It is in use already.
    host.get(OPEN).await.assert_refused(3, "Bad request");
    host.assert_echoes("id-0").await;

    for id in ["", "a b", "é", &"x".repeat(257)] {
        let id = id.to_owned();
        let made = Hooks::new().generate_id(move |_| std::future::ready(Some(id.clone())));
        let host = Host::tcp(hooks(made)).await;
        host.get(OPEN).await.assert_refused(3, "Bad request");
    }
}

#[tokio::test]
async fn headers_can_be_added() {
    let change = |name: &'static str| {
        move |headers: &mut HeaderMap, request: &http::request::Parts| {
            headers.insert(name, HeaderValue::from_str(request.method.as_str()).unwrap());
            headers.append("set-cookie", HeaderValue::from_static(name));
        }
    };
    let hooks = hooks(Hooks::new().initial_headers(change("x-first")).headers(change("x-all")));
    let host = Host::tcp(hooks).await;
    let response = host.get(OPEN).await;
    assert_eq!(response.header("x-first"), Some("GET"));
    assert_eq!(response.header("x-all"), Some("GET"));
    assert_eq!(response.headers("set-cookie").count(), 2);
    let sid = common::sid(response.text());
    let response = host.post(&sid, "4x").await;
    assert_eq!((response.header("x-first"), response.header("x-all")), (None, Some("POST")));
    assert_eq!(host.poll(&sid).await.header("x-all"), Some("GET"));
    let probe = host.probe(&sid).await;
    assert_eq!((probe.header("x-first"), probe.header("x-all")), (None, Some("GET")));
    let socket = host.open_websocket().await;
    assert_eq!((socket.header("x-first"), socket.header("x-all")), (Some("GET"), Some("GET")));
    assert_eq!(host.poll("unknown").await.header("x-all"), None);
}

#[tokio::test]
async fn refusals_are_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&told);
    let hooks = with_token().connection_error(move |error| {
        let path = error.request.uri.path().to_owned();
        let told = (path, error.code, error.message.to_owned(), error.refusal.clone());
        notes.lock().unwrap().push(told);
    });
    let host = Host::tcp(Config { hooks, ..Config::default() }).await;
    host.get("/engine.io/a?transport=x").await;
    host.poll("unknown").await;
    host.get(OPEN).await;
    assert!(host.websocket(&format!("{OPEN_WEBSOCKET}&sid=unknown")).await.is_err());
    let told = told.lock().unwrap();
    let told: Vec<_> =
        told.iter().map(|(a, b, c, d)| (a.as_str(), *b, c.as_str(), d.clone())).collect();
    let transport = Some("x".to_owned());
    let unknown = Refusal::UnknownSession { sid: "unknown".to_owned() };
    let rejected = Refusal::Rejected { message: "Forbidden".to_owned() };
    assert_eq!(
        told,
        [
            ("/engine.io/a", 0, "Transport unknown", Refusal::UnknownTransport { transport }),
            ("/engine.io/", 1, "Session ID unknown", unknown.clone()),
            ("/engine.io/", 4, "Forbidden", rejected),
            ("/engine.io/", 1, "Session ID unknown", unknown),
        ]
    );
}

/// Refusals that share a code are told apart.
#[tokio::test]
async fn a_refusal_says_which_rule_it_is() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&told);
    let hooks = Hooks::new()
        .connection_error(move |error| notes.lock().unwrap().push(error.refusal.as_str()));
    let host = Host::tcp(Config { hooks, ..Config::default() }).await;
    let sid = host.open().await;
    host.request("DELETE", OPEN, &[], b"").await.assert_refused(2, "Bad handshake method");
    host.get(OPEN_WEBSOCKET).await.assert_refused(3, "Bad request");
    host.get(&format!("{OPEN_WEBSOCKET}&sid={sid}")).await.assert_refused(3, "Bad request");
    let other = format!("/engine.io/?EIO=3&transport=polling&sid={sid}");
    host.get(&other).await.assert_refused(3, "Bad request");
    let evil = [("origin", "http://evil.example")];
    host.request("GET", OPEN, &evil, b"").await.assert_refused(4, "Forbidden");
    let version = [("sec-websocket-version", "8")];
    assert!(host.websocket_with(OPEN_WEBSOCKET, &version).await.is_err());
    host.get("/engine.io/?transport=polling")
        .await
        .assert_refused(5, "Unsupported protocol version");
    assert_eq!(
        *told.lock().unwrap(),
        [
            "handshake_method",
            "transport_mismatch",
            "transport_mismatch",
            "revision_mismatch",
            "origin_denied",
            "bad_upgrade",
            "unsupported_revision",
        ]
    );
}

#[tokio::test]
async fn the_cookie_comes_with_the_polling_handshake_alone() {
    let config = Config { cookie: Some(Cookie::default()), ..Config::default() };
    let host = Host::tcp(config).await;
    let response = host.get(OPEN).await;
    let sid = common::sid(response.text());
    let cookie = format!("io={sid}; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(response.header("set-cookie"), Some(cookie.as_str()));
    assert_eq!(host.post(&sid, "4x").await.header("set-cookie"), None);
    assert_eq!(host.poll(&sid).await.header("set-cookie"), None);
    assert_eq!(host.open_websocket().await.header("set-cookie"), None);
    assert_eq!(Host::tcp(Config::default()).await.get(OPEN).await.header("set-cookie"), None);
}

#[tokio::test]
async fn pages_of_listed_origins_may_read_answers() {
    let origins = Origins::SameOriginOr(vec!["https://app.example.com".parse().unwrap()]);
    let cors = Cors { credentials: true, max_age_s: Some(600), ..Cors::default() };
    let host = Host::tcp(Config { origins, cors: Some(cors), ..Config::default() }).await;
    let listed = ("origin", "https://app.example.com");
    let response = host.request("GET", OPEN, &[listed], b"").await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("access-control-allow-origin"), Some(listed.1));
    assert_eq!(response.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(response.header("vary"), Some("Origin"));
    // Also on refusals and upgrades: a script is to see why.
    let unknown = host.request("GET", &Host::url("unknown"), &[listed], b"").await;
    unknown.assert_refused(1, "Session ID unknown");
    assert_eq!(unknown.header("access-control-allow-origin"), Some(listed.1));
    let socket = host.websocket_with(OPEN_WEBSOCKET, &[listed]).await.unwrap();
    assert_eq!(socket.header("access-control-allow-origin"), Some(listed.1));

    let foreign = ("origin", "https://example.com");
    let response = host.request("GET", OPEN, &[foreign], b"").await;
    response.assert_refused(4, "Forbidden");
    assert_eq!(response.header("access-control-allow-origin"), None);
    assert_eq!(response.header("vary"), Some("Origin"));

    let asked = ("access-control-request-headers", "content-type,x-own");
    let response = host.request("OPTIONS", "/engine.io/", &[listed, asked], b"").await;
    response.assert_empty(204);
    assert_eq!(response.header("access-control-allow-origin"), Some(listed.1));
    assert_eq!(response.header("access-control-allow-methods"), Some("GET,POST"));
    assert_eq!(response.header("access-control-allow-headers"), Some(asked.1));
    assert_eq!(response.header("access-control-max-age"), Some("600"));
    let response = host.request("OPTIONS", OPEN, &[foreign], b"").await;
    response.assert_empty(204);
    assert_eq!(response.header("access-control-allow-origin"), None);
}

/// Or the first poll of such a page, which has to come before its WebSocket, could not be read.
#[tokio::test]
async fn to_list_an_origin_is_enough() {
    let origins = Origins::SameOriginOr(vec!["https://app.example.com".parse().unwrap()]);
    let host = Host::tcp(Config { origins, ..Config::default() }).await;
    let listed = ("origin", "https://app.example.com");
    for (method, url, status) in [("GET", OPEN, 200), ("OPTIONS", OPEN, 204)] {
        let response = host.request(method, url, &[listed], b"").await;
        assert_eq!(response.status, status, "{method}");
        assert_eq!(response.header("access-control-allow-origin"), Some(listed.1), "{method}");
        assert_eq!(response.header("access-control-allow-credentials"), None, "{method}");
    }
    let foreign = host.request("GET", OPEN, &[("origin", "https://example.com")], b"").await;
    foreign.assert_refused(4, "Forbidden");
    assert_eq!(foreign.header("access-control-allow-origin"), None);
    // Where nobody is listed nothing is said.
    for origins in [Origins::SameOrigin, Origins::SameOriginOr(Vec::new())] {
        let host = Host::tcp(Config { origins, ..Config::default() }).await;
        let response = host.get(OPEN).await;
        assert_eq!(response.header("access-control-allow-origin"), None);
        assert_eq!(response.header("vary"), None);
    }
}

#[tokio::test]
async fn any_origin_is_a_star() {
    let host = Host::tcp(Config { origins: Origins::Any, ..Config::default() }).await;
    let response = host.get(OPEN).await;
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    assert_eq!(response.header("access-control-allow-credentials"), None);
}

#[tokio::test]
async fn the_first_message_is_for_everybody() {
    let packet = Arc::new(Encoded::new("welcome", vec![Bytes::from_static(&[1, 2, 3, 4])]));
    let config = Config { initial_packet: Some(packet), allow_eio3: true, ..Config::default() };
    let host = Host::tcp(config).await;
    let response = host.get(OPEN).await;
    let (open, rest) = response.text().split_once('\u{1e}').unwrap();
    assert!(open.starts_with("0{"));
    assert_eq!(rest, "4welcome\u{1e}bAQIDBA==");
    let mut socket = host.open_websocket().await;
    assert_eq!(socket.text().await, "4welcome");
    assert_eq!(socket.receive().await, Received::Binary(vec![1, 2, 3, 4]));
    let response = host.get("/engine.io/?EIO=3&transport=polling&b64=1").await;
    assert!(response.text().ends_with("8:4welcome10:b4AQIDBA=="), "{}", response.text());
}

#[tokio::test]
async fn the_slash_behind_the_path_can_be_left_out() {
    let without = OPEN.replace("/engine.io/", "/engine.io");
    let host = Host::tcp(Config::default()).await;
    host.get(&without).await.assert_empty(404);
    let host = Host::tcp(Config { add_trailing_slash: false, ..Config::default() }).await;
    assert_eq!(host.get(&without).await.status, 200);
    assert_eq!(host.get(OPEN).await.status, 200);
    host.get(&without.replace("/engine.io", "/engine.iox")).await.assert_empty(404);
}

#[tokio::test(start_paused = true)]
async fn what_is_served_beside_the_engine_is_judged_as_a_handshake() {
    let refused = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refused);
    let hooks = with_token().connection_error(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let kept_extensions = KeptExtensions::new().with::<u8>();
    let host = Host::memory(Config { hooks, kept_extensions, ..Config::default() });
    let head = |method: &str, token: &str, origin: &str| {
        let uri = format!("/beside?token={token}");
        let request = http::Request::builder().method(method).uri(uri).header("host", "a.test");
        let request = request.header("origin", origin).extension(7_u8).extension(8_u16);
        request.body(()).unwrap().into_parts().0
    };
    let admit = async |head| host.engine.admit(&head).await;
    let handshake = admit(head("GET", "right", "http://a.test")).await.unwrap();
    assert_eq!(handshake.query("token").as_deref(), Some("right"));
    assert_eq!((handshake.extension(), handshake.extensions().len()), (Some(&7_u8), 1));
    let rejected = admit(head("GET", "x", "http://a.test")).await.unwrap_err();
    assert_eq!((rejected.code(), rejected.message()), (4, "wrong \"token\""));
    let elsewhere = admit(head("GET", "right", "http://b.test")).await.unwrap_err();
    assert!(matches!(elsewhere, Refusal::OriginDenied), "{elsewhere:?}");
    let post = admit(head("POST", "right", "http://a.test")).await;
    assert!(post.is_ok(), "the method is for whoever serves it");
    assert_eq!(refused.load(Ordering::Relaxed), 2);
    assert_eq!(host.engine.sessions(), 0);

    let endless = Hooks::new().allow_request(async |_| std::future::pending().await);
    let host = Host::memory(self::hooks(endless));
    let late = host.engine.admit(&head("GET", "right", "http://a.test")).await.unwrap_err();
    assert!(matches!(late, Refusal::HookTimeout), "{late:?}");
}
