//! What is refused, on every path: each code of an error, each limit at its edge, input of every bad kind.

#![cfg(feature = "publishing")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod publish_common;

use std::collections::HashSet;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use publish_common::{Api, GETS, KEY, POSTS, api, api_on, api_with, assert_error, server};
use serde_json::{Value, json};
use sockeye::Config;
use sockeye::engine::Origins;
use sockeye_feeds::publish::{
    ErrorCode, Found, KeyStore, MemoryKeys, NewKey, Publishing, PublishingConfig, Verb,
};
use sockeye_testing::TestServer;
use sockeye_testing::raw::{Peer, Response, request};

fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

/// A request byte by byte: its headers beside those that it needs.
async fn raw(
    api: &Api,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let mut peer = Peer::new(api.memory.open().0).patience(Duration::from_secs(60));
    peer.send(request(method, path, headers, body)).await;
    peer.response().await.unwrap()
}

/// A `POST` with the key and these headers.
async fn post(api: &Api, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let authorization = bearer(KEY);
    let own = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let is_given = |name: &str| headers.iter().any(|(other, _)| *other == name);
    let own: Vec<_> = own.into_iter().filter(|(name, _)| !is_given(name)).collect();
    raw(api, "POST", path, &[&own, headers].concat(), body).await
}

#[tokio::test(start_paused = true)]
async fn every_path_needs_a_key_that_is_known() {
    let api = api();
    let expired = NewKey::for_everything("old").expires(SystemTime::now() - Duration::from_secs(1));
    let expired = api.keys.create(expired).unwrap();
    let revoked = api.keys.create(NewKey::for_everything("gone")).unwrap();
    assert!(api.keys.revoke(revoked.key().id()));
    let paths = POSTS.iter().map(|(path, body)| ("POST", *path, *body));
    for (method, path, body) in paths.chain(GETS.map(|path| ("GET", path, ""))) {
        for (authorization, code) in [
            (None, ErrorCode::KeyMissing),
            (Some(""), ErrorCode::KeyMissing),
            (Some("Bearer"), ErrorCode::KeyMissing),
            (Some("Basic c2tfdGVzdA=="), ErrorCode::KeyMissing),
            (Some(KEY), ErrorCode::KeyMissing),
            (Some("Bearer sk_test_stand_i"), ErrorCode::KeyUnknown),
            (Some("Bearer sk_test_stand_in2"), ErrorCode::KeyUnknown),
            (Some("Bearer sk_other_stand_in"), ErrorCode::KeyUnknown),
            (Some("Bearer nonsense"), ErrorCode::KeyUnknown),
            (Some("Bearer sk_test_stand_in, Bearer x"), ErrorCode::KeyUnknown),
            (Some(&*bearer(expired.secret())), ErrorCode::KeyExpired),
            (Some(&*bearer(revoked.secret())), ErrorCode::KeyUnknown),
        ] {
            let mut headers = vec![("content-type", "application/json")];
            headers.extend(authorization.map(|value| ("authorization", value)));
            let response = raw(&api, method, path, &headers, body.as_bytes()).await;
            assert_error(&response, code);
            let challenge = response.header("www-authenticate").unwrap();
            assert!(challenge.starts_with("Bearer realm="), "{authorization:?}");
        }
        let twice = bearer(KEY);
        let headers = [("authorization", &*twice), ("authorization", &*twice)];
        assert_error(&raw(&api, method, path, &headers, b"").await, ErrorCode::KeyMissing);
        let headers =
            [("authorization", &*format!("bEARER  {KEY}")), ("content-type", "application/json")];
        assert_eq!(raw(&api, method, path, &headers, body.as_bytes()).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_is_for_its_verbs_in_its_namespaces() {
    let api = api();
    for verb in Verb::ALL {
        let key = NewKey::named("one").namespace("/news").verb(verb);
        let key = api.keys.create(key).unwrap().secret().to_owned();
        for namespace in ["/news", "/"] {
            for other in Verb::ALL {
                let may = verb == other && namespace == "/news";
                let responses = match other {
                    Verb::Read => {
                        let list = |list| format!("/api/v1/{list}?namespace={namespace}");
                        vec![
                            api.request("GET", &list("sockets"), &key, "").await,
                            api.request("GET", &list("rooms"), &key, "").await,
                        ]
                    }
                    other => {
                        let mut body = json!({"namespace": namespace, "room": "none"});
                        match other {
                            Verb::Publish => body["event"] = "e".into(),
                            Verb::Join => body["to"] = "a".into(),
                            Verb::Leave => body["from"] = "a".into(),
                            _ => {}
                        }
                        vec![api.post_with(&key, other.as_str(), &body.to_string()).await]
                    }
                };
                for response in responses {
                    match may {
                        true => assert_eq!(response.status, 200, "{verb} {other} {response:?}"),
                        false => assert_error(&response, ErrorCode::OutOfScope),
                    }
                }
            }
        }
        let batch = r#"{"operations":[{"verb":"publish","namespace":"/news","event":"e"}]}"#;
        let answer: Value = api.post_with(&key, "batch", batch).await.json();
        let code = &answer["results"][0]["error"]["code"];
        assert_eq!(code, &if verb == Verb::Publish { Value::Null } else { "out_of_scope".into() });
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_key_may_not_see_it_does_not_learn_of() {
    let api = api();
    let key = NewKey::named("one").namespace("/news").verbs(Verb::ALL);
    let key = api.keys.create(key).unwrap().secret().to_owned();
    for namespace in ["/", "/none"] {
        let body = json!({"namespace": namespace, "event": "e"}).to_string();
        assert_error(&api.post_with(&key, "publish", &body).await, ErrorCode::OutOfScope);
    }
}

#[tokio::test(start_paused = true)]
async fn other_paths_and_methods_are_answered_with_what_there_is() {
    let api = api();
    for path in
        ["/api/v1/none", "/api/v1/publish/", "/api/v1/publish/x", "/api/v1//", "/api/v1/PUBLISH"]
    {
        for method in ["GET", "POST", "OPTIONS", "DELETE"] {
            assert_error(&api.request(method, path, KEY, "").await, ErrorCode::UnknownRoute);
        }
    }
    let posts = POSTS.map(|(path, _)| (path, "POST, OPTIONS", ["GET", "HEAD", "PUT", "DELETE"]));
    let gets = GETS.map(|path| (path, "GET, HEAD, OPTIONS", ["POST", "PUT", "PATCH", "DELETE"]));
    for (path, allow, methods) in posts.into_iter().chain(gets) {
        for method in methods {
            let response = api.request(method, path, KEY, "{}").await;
            assert_eq!(
                (response.status, response.header("allow")),
                (405, Some(allow)),
                "{method} {path}"
            );
            if method != "HEAD" {
                assert_error(&response, ErrorCode::MethodNotAllowed);
            }
        }
        let response = api.request("OPTIONS", path, "", "").await;
        assert_eq!((response.status, response.header("allow")), (204, Some(allow)), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_of_other_origins_are_refused_unless_they_are_allowed() {
    let mut config = Config::default();
    config.engine.origins = Origins::SameOriginOr(vec!["https://shop.example".parse().unwrap()]);
    let api = api_on(server(config), PublishingConfig::default());
    for (path, body) in POSTS {
        for (origin, is_allowed) in [
            ("http://localhost", true),
            ("https://shop.example", true),
            ("https://evil.example", false),
            ("null", false),
            ("nonsense", false),
        ] {
            let response = post(&api, path, &[("origin", origin)], body.as_bytes()).await;
            let allowed = response.header("access-control-allow-origin");
            if is_allowed {
                assert_eq!((response.status, allowed), (200, Some(origin)), "{path}");
            } else {
                assert_error(&response, ErrorCode::WrongOrigin);
                assert_eq!(allowed, None);
            }
            let asked = [
                ("origin", origin),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "authorization,content-type,idempotency-key"),
            ];
            let preflight = raw(&api, "OPTIONS", path, &asked, b"").await;
            assert_eq!(preflight.status, 204);
            let allowed = preflight.header("access-control-allow-origin");
            assert_eq!(allowed, is_allowed.then_some(origin), "{path}");
            if is_allowed {
                let headers = preflight.header("access-control-allow-headers");
                assert_eq!(headers, Some("authorization,content-type,idempotency-key"));
                assert!(preflight.header("access-control-allow-methods").unwrap().contains("POST"));
            }
        }
        let cross = post(&api, path, &[("sec-fetch-site", "cross-site")], body.as_bytes()).await;
        assert_error(&cross, ErrorCode::WrongOrigin);
    }
    for path in GETS {
        let response = raw(&api, "GET", path, &[("origin", "https://evil.example")], b"").await;
        assert_error(&response, ErrorCode::WrongOrigin);
    }
    // An error may be read by a page that is allowed.
    let error = raw(&api, "POST", POSTS[0].0, &[("origin", "https://shop.example")], b"").await;
    assert_error(&error, ErrorCode::KeyMissing);
    assert_eq!(error.header("access-control-allow-origin"), Some("https://shop.example"));
}

#[tokio::test(start_paused = true)]
async fn a_body_is_bounded_before_the_key_is_looked_at() {
    let asked = Arc::new(AtomicUsize::new(0));
    let server = server(Config::default());
    Publishing::new(Counted(Arc::clone(&asked), MemoryKeys::new())).mount(&server).unwrap();
    let api = Api { memory: TestServer::new(server), keys: MemoryKeys::new() };
    let max = PublishingConfig::default().body_bytes_max;
    assert_eq!(max, 65_536);
    for (path, _) in POSTS {
        // Somewhat too long it is read to its end, so that the answer arrives.
        for len in [max + 1, 16 * max] {
            let response = post(&api, path, &[], &vec![b' '; len]).await;
            assert_error(&response, ErrorCode::TooLarge);
            assert_eq!(response.header("connection"), None);
        }
        // Far too long, and only said: nobody waits for it.
        let far = (16 * max + 1).to_string();
        let response = post(&api, path, &[("content-length", &far)], b"").await;
        assert_error(&response, ErrorCode::TooLarge);
        assert_eq!(response.header("connection"), Some("close"));
        let response = post(&api, path, &[("content-length", "99999999999")], b"").await;
        assert_error(&response, ErrorCode::TooLarge);
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        let response = post(&api, path, &[], &vec![b' '; max]).await;
        assert_error(&response, ErrorCode::KeyUnknown);
        assert_eq!(asked.swap(0, Ordering::Relaxed), 1);
    }
}

/// A store that counts how often it is asked.
struct Counted(Arc<AtomicUsize>, MemoryKeys);

impl KeyStore for Counted {
    fn find<'a>(&'a self, id: &'a str) -> Found<'a> {
        self.0.fetch_add(1, Ordering::Relaxed);
        self.1.find(id)
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_of_unknown_length_is_bounded_as_it_comes() {
    let api = api();
    let max = PublishingConfig::default().body_bytes_max;
    for (path, body) in POSTS {
        let chunked = |len: usize| {
            let padded = format!("{body}{}", " ".repeat(len - body.len()));
            let half = len / 2;
            let (first, second) = (&padded[..half], &padded[half..]);
            format!("{half:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", second.len())
        };
        let header = [("transfer-encoding", "chunked")];
        let response = post(&api, path, &header, chunked(max).as_bytes()).await;
        assert_eq!(response.status, 200, "{path}");
        let response = post(&api, path, &header, chunked(max + 1).as_bytes()).await;
        assert_error(&response, ErrorCode::TooLarge);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_waited_for_so_long() {
    let api =
        api_with(PublishingConfig { body_timeout: Duration::from_secs(3), ..Default::default() });
    for (path, body) in POSTS {
        let started = tokio::time::Instant::now();
        let length = (body.len() + 1).to_string();
        let response = post(&api, path, &[("content-length", &length)], body.as_bytes()).await;
        assert_error(&response, ErrorCode::BodyTimeout);
        assert_eq!(response.header("connection"), Some("close"));
        assert_eq!(started.elapsed().as_secs(), 3);
        // Without a key it is not kept for longer either.
        let headers = [("content-length", &*length), ("authorization", "Bearer sk_x_y")];
        let response = post(&api, path, &headers, body.as_bytes()).await;
        assert_error(&response, ErrorCode::KeyUnknown);
        assert_eq!(started.elapsed().as_secs(), 6);
    }
    // A body in time, byte by byte.
    let mut peer = Peer::new(api.memory.open().0);
    let body = POSTS[0].1;
    let length = body.len().to_string();
    let authorization = bearer(KEY);
    let headers = [
        ("content-length", &*length),
        ("authorization", &*authorization),
        ("content-type", "application/json"),
    ];
    peer.send(request("POST", POSTS[0].0, &headers, "")).await;
    for byte in body.bytes() {
        peer.send([byte]).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(peer.response().await.unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn only_json_that_says_so_is_read() {
    let api = api();
    for (path, body) in POSTS {
        for (content_type, is_json) in [
            ("application/json", true),
            ("application/json; charset=utf-8", true),
            ("Application/JSON", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("multipart/form-data; boundary=x", false),
            ("application/jsonp", false),
            ("", false),
        ] {
            let response =
                post(&api, path, &[("content-type", content_type)], body.as_bytes()).await;
            match is_json {
                true => assert_eq!(response.status, 200, "{content_type}"),
                false => assert_error(&response, ErrorCode::ContentType),
            }
        }
        let authorization = bearer(KEY);
        let without =
            raw(&api, "POST", path, &[("authorization", &authorization)], body.as_bytes()).await;
        assert_error(&without, ErrorCode::ContentType);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_json_object_is_refused_everywhere() {
    let api = api();
    let deep = format!(r#"{{"event":"e","data":{}"#, "[".repeat(60_000));
    let deeper = format!(r#"{{"event":"e","data":{}{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
    let bodies: [&[u8]; 10] = [
        b"",
        b" ",
        b"{",
        b"[]",
        b"null",
        b"\"{}\"",
        b"{}{}",
        b"\xff\xfe",
        b"{\"event\":\"\xff\"}",
        deep.as_bytes(),
    ];
    for (path, _) in POSTS {
        for body in bodies {
            assert_error(&post(&api, path, &[], body).await, ErrorCode::BadJson);
        }
        assert_error(&post(&api, path, &[], b"{}").await, ErrorCode::BadRequest);
        assert_error(&post(&api, path, &[], b"{\"a\":1}").await, ErrorCode::BadRequest);
        assert_error(&post(&api, path, &[], deeper.as_bytes()).await, ErrorCode::BadRequest);
    }
}

/// Every member of every operation, of a wrong type, too often, beside others, and at its limit.
#[tokio::test(start_paused = true)]
async fn members_that_are_not_what_they_have_to_be_are_named() {
    let config =
        PublishingConfig { rooms_max: 3, attachments_max: 1, depth_max: 2, ..Default::default() };
    let api = api_with(config);
    for (verb, body, named) in [
        ("publish", r#"{}"#, "`event`"),
        ("publish", r#"{"event":1}"#, "`event`"),
        ("publish", r#"{"event":null}"#, "`event`"),
        ("publish", r#"{"event":"\ud800"}"#, "`event`"),
        ("publish", r#"{"event":"e","data":{}}"#, "`data`"),
        ("publish", r#"{"event":"e","data":null}"#, "`data`"),
        ("publish", r#"{"event":"e","data":[[[[]]]]}"#, "`data`"),
        ("publish", r#"{"event":"e","data":[{"base64":"?"}]}"#, "`base64`"),
        ("publish", r#"{"event":"e","data":[{"base64":""},{"base64":""}]}"#, "`data`"),
        (
            "publish",
            r#"{"event":"e","data":[{"base64":""},{"_placeholder":true,"num":0}]}"#,
            "`data`",
        ),
        ("publish", r#"{"event":"e","volatile":1}"#, "`volatile`"),
        ("publish", r#"{"event":"e","namespace":"news"}"#, "`namespace`"),
        ("publish", r#"{"event":"e","namespace":null}"#, "`namespace`"),
        ("publish", r#"{"event":"e","room":["a"]}"#, "`room`"),
        ("publish", r#"{"event":"e","rooms":{}}"#, "`rooms`"),
        ("publish", r#"{"event":"e","rooms":["a",1]}"#, "`rooms`"),
        ("publish", r#"{"event":"e","rooms":["a","b","c","d"]}"#, "rooms"),
        ("publish", r#"{"event":"e","except":["a","b","c","d"]}"#, "rooms"),
        ("publish", r#"{"event":"e","except":7}"#, "`except`"),
        ("publish", r#"{"event":"e","socket":7}"#, "`socket`"),
        ("publish", r#"{"event":"e","everybody":"yes"}"#, "`everybody`"),
        ("publish", r#"{"event":"e","room":"a","rooms":["b"]}"#, "Only one"),
        ("publish", r#"{"event":"e","room":"a","everybody":true}"#, "Only one"),
        ("publish", r#"{"event":"e","to":"a"}"#, "publish takes"),
        ("publish", r#"{"event":"e","verb":"publish"}"#, "publish takes"),
        ("publish", r#"{"event":"e","event":"e"}"#, "twice"),
        ("join", r#"{"room":"a"}"#, "`to`"),
        ("join", r#"{"room":"a","to":[]}"#, "`to`"),
        ("join", r#"{"room":"a","to":7}"#, "`to`"),
        ("join", r#"{"room":"a","to":"b","event":"e"}"#, "join takes"),
        ("leave", r#"{"room":"a"}"#, "`from`"),
        ("leave", r#"{"room":"a","from":[[]]}"#, "`from`"),
        ("leave", r#"{"room":"a","from":"b","to":"b"}"#, "leave takes"),
        ("disconnect", r#"{}"#, "whom"),
        ("disconnect", r#"{"room":"a","close":"now"}"#, "`close`"),
        ("disconnect", r#"{"room":"a","reason":"x"}"#, "disconnect takes"),
        ("batch", r#"{}"#, "`operations`"),
        ("batch", r#"{"operations":{}}"#, "`operations`"),
        ("batch", r#"{"operations":[]}"#, "`operations`"),
        ("batch", r#"{"operations":[],"atomic":true}"#, "batch takes"),
    ] {
        let response = api.post(verb, body).await;
        assert_error(&response, ErrorCode::BadRequest);
        assert!(response.text().contains(named), "{verb} {body}: {}", response.text());
    }
    for body in [
        r#"{"event":"e","rooms":["a","b","c"]}"#,
        r#"{"event":"e","data":[[[1]],{"base64":""}]}"#,
        r#"{"event":"","room":""}"#,
    ] {
        assert_eq!(api.post("publish", body).await.status, 200, "{body}");
    }
    for event in
        ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        let response = api.post("publish", &json!({"event": event}).to_string()).await;
        assert_error(&response, ErrorCode::ReservedEvent);
    }
}

#[tokio::test(start_paused = true)]
async fn parameters_that_are_not_what_they_have_to_be_are_named() {
    let api = api_with(PublishingConfig { page_items_max: 7, ..Default::default() });
    for (query, named) in [
        ("sockets?limit=0", "`limit`"),
        ("sockets?limit=8", "`limit`"),
        ("sockets?limit=-1", "`limit`"),
        ("sockets?limit=x", "`limit`"),
        ("sockets?limit=", "`limit`"),
        ("sockets?limit=99999999999999999999999999", "`limit`"),
        ("sockets?from=x", "`from`"),
        ("sockets?from=-1", "`from`"),
        ("sockets?from=99999999999999999999999999", "`from`"),
        ("sockets?namespace=news", "`namespace`"),
        ("sockets?namespace=", "`namespace`"),
        ("sockets?room=a&room=b", "twice"),
        ("sockets?other=1", "sockets takes"),
        ("sockets?room=%ff", "UTF-8"),
        ("rooms?room=a", "rooms takes"),
        ("rooms?limit=8", "`limit`"),
        ("rooms?limit=1&%6cimit=1", "twice"),
    ] {
        let response = api.get(query).await;
        assert_error(&response, ErrorCode::BadRequest);
        assert!(response.text().contains(named), "{query}: {}", response.text());
    }
    for query in [
        "sockets?limit=7",
        "rooms?limit=1&",
        "sockets",
        "sockets?from=18446744073709551615",
        "sockets?room=a%00b",
    ] {
        assert_eq!(api.get(query).await.status, 200, "{query}");
    }
    for list in ["sockets", "rooms"] {
        let response = api.get(&format!("{list}?namespace=/none")).await;
        assert_error(&response, ErrorCode::UnknownNamespace);
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_does_not_exist_is_made_by_nobody() {
    let api = api();
    for (path, body) in &POSTS[..4] {
        let body = format!(r#"{{"namespace":"/none",{}"#, &body[1..]);
        let response = post(&api, path, &[], body.as_bytes()).await;
        assert_error(&response, ErrorCode::UnknownNamespace);
        assert!(response.text().contains("begins with a slash"));
    }
    assert!(api.memory.server().of("/none").is_none());
}

/// Whatever is sent, an answer has no part of it, in its body or its head.
#[tokio::test(start_paused = true)]
async fn nothing_that_was_sent_is_echoed() {
    const MARK: &str = "xq7Zk";
    let api = api();
    let mut answers = Vec::new();
    let bodies = [
        format!(r#"{{"{MARK}":1}}"#),
        format!(r#"{{"event":"{MARK}","room":{{"{MARK}":1}}}}"#),
        format!(r#"{{"event":"{MARK}","namespace":"/{MARK}"}}"#),
        format!(r#"{{"event":"{MARK}","socket":"{MARK}"}}"#),
        format!(r#"{{"room":"{MARK}","to":"{MARK}","from":"{MARK}"}}"#),
        format!(r#"{{"operations":[{{"verb":"{MARK}"}},{{"verb":"publish","{MARK}":1}}]}}"#),
        format!(r#"{{"event":"{MARK}\r\nset-cookie: {MARK}=1"}}"#),
        MARK.to_owned(),
    ];
    for (path, _) in POSTS {
        for body in &bodies {
            answers.push(post(&api, path, &[], body.as_bytes()).await);
        }
        for header in [
            ("authorization", MARK),
            ("content-type", MARK),
            ("idempotency-key", "xq7Zk \u{1}"),
            ("origin", "http://xq7Zk.example"),
        ] {
            let authorization = format!("Bearer sk_{MARK}_{MARK}");
            answers
                .push(post(&api, path, &[header, ("authorization", &authorization)], b"{}").await);
            answers.push(post(&api, path, &[header], b"{}").await);
        }
        answers.push(api.request(MARK, path, KEY, "").await);
        answers.push(api.request("POST", &format!("{path}/{MARK}?{MARK}"), KEY, "").await);
    }
    for path in GETS {
        for query in ["limit", "from", "namespace", "room", MARK] {
            answers.push(api.request("GET", &format!("{path}?{query}={MARK}"), KEY, "").await);
            answers.push(
                api.request("GET", &format!("{path}?{query}=/{MARK}%0d%0aa:b"), KEY, "").await,
            );
        }
    }
    assert!(answers.len() > 100);
    for answer in answers {
        assert!(!format!("{answer:?}").contains(MARK), "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idempotency_key_is_one_of_visible_characters() {
    let api = api();
    let longest = "k".repeat(255);
    for (path, body) in POSTS {
        for (key, is_one) in [
            ("a", true),
            ("\"quoted\"", true),
            (&*longest, true),
            ("", false),
            ("a b", false),
            (&*format!("{longest}k"), false),
            ("\u{e9}", false),
        ] {
            let key = (*key).to_owned();
            let response = post(&api, path, &[("idempotency-key", &key)], body.as_bytes()).await;
            match is_one {
                true if response.status == 422 => {
                    assert_error(&response, ErrorCode::IdempotencyMismatch)
                }
                true => assert_eq!(response.status, 200, "{path} {key}"),
                false => assert_error(&response, ErrorCode::BadIdempotencyKey),
            }
        }
        let twice = [("idempotency-key", "a"), ("idempotency-key", "a")];
        assert_error(
            &post(&api, path, &twice, body.as_bytes()).await,
            ErrorCode::BadIdempotencyKey,
        );
    }
}

#[tokio::test(start_paused = true)]
async fn idempotency_keys_are_bounded_and_a_full_memory_does_nothing() {
    let api = api_with(PublishingConfig { idempotency_keys_max: 2, ..Default::default() });
    let mut ann = api.memory.connect().await;
    let body = br#"{"event":"e"}"#;
    for key in ["1", "2"] {
        assert_eq!(post(&api, POSTS[0].0, &[("idempotency-key", key)], body).await.status, 200);
        ann.expect_event::<()>("e").await;
    }
    let response = post(&api, POSTS[0].0, &[("idempotency-key", "3")], body).await;
    assert_error(&response, ErrorCode::IdempotencyFull);
    assert_eq!(response.header("retry-after"), Some("300"));
    ann.expect_no_event().await;
    // Repeats, and requests without a key, are as before.
    assert_eq!(post(&api, POSTS[0].0, &[("idempotency-key", "1")], body).await.status, 200);
    ann.expect_no_event().await;
    assert_eq!(post(&api, POSTS[0].0, &[], body).await.status, 200);
    ann.expect_event::<()>("e").await;
    // Another API key has its part.
    let other = api.keys.create(NewKey::for_everything("other")).unwrap();
    let authorization = bearer(other.secret());
    let headers = [("idempotency-key", "1"), ("authorization", &*authorization)];
    assert_eq!(post(&api, POSTS[0].0, &headers, body).await.status, 200);
    ann.expect_event::<()>("e").await;
}

#[tokio::test(start_paused = true)]
async fn each_key_may_come_so_often() {
    let config = PublishingConfig { requests_per_second: 1, burst: 3, ..Default::default() };
    let api = api_with(config);
    let other = api.keys.create(NewKey::for_everything("other")).unwrap();
    for (path, body) in POSTS {
        if path.ends_with("batch") {
            continue;
        }
        for _ in 0..3 {
            assert_eq!(post(&api, path, &[], body.as_bytes()).await.status, 200);
        }
        let response = post(&api, path, &[], body.as_bytes()).await;
        assert_error(&response, ErrorCode::RateLimited);
        assert_eq!(response.header("retry-after"), Some("1"));
        assert_error(&api.get("sockets").await, ErrorCode::RateLimited);
        assert_eq!(api.request("GET", GETS[1], other.secret(), "").await.status, 200);
        tokio::time::advance(Duration::from_millis(999)).await;
        assert_error(&post(&api, path, &[], body.as_bytes()).await, ErrorCode::RateLimited);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(post(&api, path, &[], body.as_bytes()).await.status, 200);
        tokio::time::advance(Duration::from_secs(3)).await;
    }
    // Whoever has no key is not counted against those who have.
    for _ in 0..10 {
        assert_error(&api.post_with("sk_test_guess", "publish", "{}").await, ErrorCode::KeyUnknown);
    }
    let batch = |count: usize| {
        let operations = vec![json!({"verb": "publish", "event": "e"}); count];
        json!({"operations": operations}).to_string()
    };
    let mut ann = api.memory.connect().await;
    assert_eq!(api.post("batch", &batch(2)).await.status, 200);
    for _ in 0..2 {
        ann.expect_event::<()>("e").await;
    }
    let response = api.post("batch", &batch(2)).await;
    assert_error(&response, ErrorCode::RateLimited);
    ann.expect_no_event().await;
}

#[tokio::test(start_paused = true)]
async fn each_key_may_have_so_many_requests_answered_at_once() {
    let api = api_with(PublishingConfig { concurrent_requests_max: 2, ..Default::default() });
    let authorization = bearer(KEY);
    let headers = [
        ("authorization", &*authorization),
        ("content-type", "application/json"),
        ("content-length", "13"),
    ];
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut peer = Peer::new(api.memory.open().0);
        peer.send(request("POST", POSTS[0].0, &headers, "")).await;
        waiting.push(peer);
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_error(&api.get("rooms").await, ErrorCode::TooManyAtOnce);
    assert_eq!(api.get("rooms").await.header("retry-after"), Some("1"));
    waiting[0].send(r#"{"event":"e"}"#).await;
    assert_eq!(waiting[0].response().await.unwrap().status, 200);
    assert_eq!(api.get("rooms").await.status, 200);
    // Whoever goes away half-way is not counted any more.
    waiting.clear();
    tokio::time::sleep(Duration::from_millis(1)).await;
    for _ in 0..3 {
        assert_eq!(api.get("rooms").await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_refuses_for_now() {
    struct Broken;

    impl KeyStore for Broken {
        fn find<'a>(&'a self, _: &'a str) -> Found<'a> {
            Box::pin(ready(Err("the database is away".into())))
        }
    }

    let server = server(Config::default());
    Publishing::new(Broken).path("/shop/api").mount(&server).unwrap();
    let api = Api { memory: TestServer::new(server), keys: MemoryKeys::new() };
    let response = post(&api, "/shop/api/publish", &[], POSTS[0].1.as_bytes()).await;
    assert_error(&response, ErrorCode::KeysUnavailable);
    assert!(!response.text().contains("database"));
    let response = post(&api, "/shop/api/publish", &[("authorization", "Bearer x")], b"").await;
    assert_error(&response, ErrorCode::KeyUnknown);
}

/// All that are left are shown by the tests above; a code that nothing answers would not be one.
#[test]
fn every_code_is_shown_by_a_test() {
    let here = include_str!("publish_refused.rs").to_owned()
        + include_str!("publish.rs")
        + include_str!("publish_cluster.rs");
    let shown: HashSet<_> = ErrorCode::ALL
        .iter()
        .filter(|code| here.contains(&format!("ErrorCode::{code:?}")))
        .collect();
    let missing: Vec<_> = ErrorCode::ALL.iter().filter(|code| !shown.contains(code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
