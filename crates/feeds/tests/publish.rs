//! What a program without a socket does over HTTP: whom it reaches, and what it sees.

#![cfg(feature = "publishing")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod publish_common;

use std::collections::BTreeSet;

use bytes::Bytes;
use publish_common::{Api, KEY, api, api_with, assert_error};
use serde_json::{Value, json};
use sockeye::{Args, Binary, RawArgs};
use sockeye_feeds::publish::{ErrorCode, PublishingConfig};
use sockeye_testing::{Ended, TestClient};

async fn client(api: &Api, rooms: &[&str]) -> TestClient {
    let client = api.memory.connect().await;
    let socket = api.memory.server().io().socket(client.id()).unwrap();
    socket.join(rooms);
    client
}

#[tokio::test(start_paused = true)]
async fn an_event_reaches_whom_it_is_for() {
    let api = api();
    let mut red = client(&api, &["red"]).await;
    let mut blue = client(&api, &["blue", "quiet"]).await;
    let mut both = client(&api, &["red", "blue"]).await;
    let mut other = api.memory.client().namespace("/news").connect().await.unwrap();
    let id = red.id().to_owned();
    for (body, reaches) in [
        (json!({}), [true, true, true, false]),
        (json!({"everybody": true}), [true, true, true, false]),
        (json!({"namespace": "/"}), [true, true, true, false]),
        (json!({"namespace": "/news"}), [false, false, false, true]),
        (json!({"room": "red"}), [true, false, true, false]),
        (json!({"rooms": ["red", "blue"]}), [true, true, true, false]),
        (json!({"rooms": "blue"}), [false, true, true, false]),
        (json!({"room": "nobody"}), [false; 4]),
        (json!({"socket": id}), [true, false, false, false]),
        (json!({"except": "quiet"}), [true, false, true, false]),
        (json!({"room": "blue", "except": ["red"]}), [false, true, false, false]),
    ] {
        let mut request = body.clone();
        request["event"] = "tick".into();
        request["data"] = json!([1, {"two": 2}]);
        assert_eq!(api.done("publish", &request.to_string()).await, json!({"published": true}));
        let clients = [&mut red, &mut blue, &mut both, &mut other];
        for (client, reaches) in clients.into_iter().zip(reaches) {
            if reaches {
                let Args(args): Args<(u8, Value)> = client.expect_event("tick").await;
                assert_eq!(args, (1, json!({"two": 2})), "{body}");
            } else {
                client.expect_no_event().await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn arguments_arrive_as_they_were_written() {
    let api = api();
    let mut ann = client(&api, &[]).await;
    for (data, args) in [
        ("", ""),
        (r#","data":[]"#, ""),
        (r#","data":[[1,2]]"#, "[1,2]"),
        (
            r#","data":[1.0, 12345678901234567890123, "\u00e9\n"]"#,
            r#"1.0,12345678901234567890123,"\u00e9\n""#,
        ),
        (r#","data":[null,{"a":[]}],"volatile":true"#, r#"null,{"a":[]}"#),
    ] {
        api.done("publish", &format!(r#"{{"event":"e"{data}}}"#)).await;
        let got: RawArgs = ann.expect_event("e").await;
        assert_eq!((got.json(), got.attachments()), (args, &[][..]), "{data}");
    }
    // Any text is a name of an event, and of a room.
    let name = "a \"b\"\r\n\u{1f600}: x";
    let body = json!({"event": name, "everybody": true, "data": ["x"], "except": "\r\n"});
    api.done("publish", &body.to_string()).await;
    assert_eq!(ann.expect_event::<String>(name).await, "x");
}

#[tokio::test(start_paused = true)]
async fn base64_arrives_as_bytes() {
    let api = api();
    let mut ann = client(&api, &[]).await;
    let body =
        r#"{"event":"image","data":["cat",{"base64":"iVBORw=="},{"thumb":{"base64":"AA"}}]}"#;
    api.done("publish", body).await;
    let Args((name, image, thumb)): Args<(
        String,
        Binary,
        std::collections::BTreeMap<String, Binary>,
    )> = ann.expect_event("image").await;
    assert_eq!((name.as_str(), &*image), ("cat", &b"\x89PNG"[..]));
    assert_eq!(thumb["thumb"].0, Bytes::from_static(b"\0"));
}

#[tokio::test(start_paused = true)]
async fn sockets_join_and_leave_rooms_and_are_disconnected() {
    let api = api();
    let mut red = client(&api, &["red"]).await;
    let mut blue = client(&api, &["blue"]).await;
    let rooms = |client: &TestClient| {
        let socket = api.memory.server().io().socket(client.id()).unwrap();
        let rooms = socket.rooms().into_iter().map(|room| room.to_string());
        rooms
            .filter(|room| *room != client.id())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    };
    let body = r#"{"room":"red","to":["x","y"]}"#;
    assert_eq!(api.done("join", body).await, json!({"joined": true}));
    assert_eq!(rooms(&red), ["red", "x", "y"]);
    assert_eq!(rooms(&blue), ["blue"]);
    let body = json!({"socket": blue.id(), "to": "x"}).to_string();
    api.done("join", &body).await;
    assert_eq!(rooms(&blue), ["blue", "x"]);
    let body = r#"{"rooms":["x"],"except":"blue","from":["x","red"]}"#;
    assert_eq!(api.done("leave", body).await, json!({"left": true}));
    assert_eq!(
        (rooms(&red), rooms(&blue)),
        (vec!["y".to_owned()], vec!["blue".into(), "x".into()])
    );
    api.done("leave", r#"{"everybody":true,"from":"y"}"#).await;
    assert!(rooms(&red).is_empty());

    let mut two = api.memory.connect().await;
    assert_eq!(api.done("disconnect", r#"{"room":"blue"}"#).await, json!({"disconnected": true}));
    assert_eq!(blue.expect_end().await, Ended::ByServer);
    let body = json!({"socket": two.id(), "close": true}).to_string();
    api.done("disconnect", &body).await;
    assert_eq!(two.expect_end().await, Ended::ByServer);
    red.expect_no_event().await;
    // Whoever is gone is not found any more.
    let response = api.post("disconnect", &body).await;
    assert_error(&response, ErrorCode::UnknownSocket);
}

#[tokio::test(start_paused = true)]
async fn to_reach_everybody_by_mistake_is_not_possible() {
    let api = api();
    let mut ann = client(&api, &["a"]).await;
    for (verb, own) in [("join", r#""to":"x""#), ("leave", r#""from":"a""#), ("disconnect", "")] {
        let comma = if own.is_empty() { "" } else { "," };
        for whom in [
            None,
            Some(r#""rooms":[]"#),
            Some(r#""room":null"#),
            Some(r#""socket":null"#),
            Some(r#""everybody":false"#),
            Some(r#""everybody":null"#),
            Some(r#""socket":"""#),
        ] {
            let body = match whom {
                None => format!("{{{own}}}"),
                Some(whom) => format!("{{{whom}{comma}{own}}}"),
            };
            let response = api.post(verb, &body).await;
            assert_error(&response, ErrorCode::BadRequest);
        }
    }
    for whom in [r#""room":null"#, r#""rooms":[]"#, r#""socket":null"#, r#""rooms":null"#] {
        let response = api.post("publish", &format!(r#"{{"event":"e",{whom}}}"#)).await;
        assert_error(&response, ErrorCode::BadRequest);
    }
    ann.expect_no_event().await;
    let socket = api.memory.server().io().socket(ann.id()).unwrap();
    assert!(socket.rooms().iter().any(|room| *room == "a"));
}

/// A room can have any name, also the one of a socket that is elsewhere.
#[tokio::test(start_paused = true)]
async fn a_socket_is_found_in_its_namespace_only_and_a_room_is_none() {
    let api = api();
    let ann = client(&api, &["lobby"]).await;
    let news = api.memory.client().namespace("/news").connect().await.unwrap();
    for (namespace, id) in [("/", "lobby"), ("/", news.id()), ("/news", ann.id()), ("/", "x")] {
        let body = json!({"namespace": namespace, "socket": id, "event": "e"}).to_string();
        let response = api.post("publish", &body).await;
        assert_error(&response, ErrorCode::UnknownSocket);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_done_in_order_and_each_part_answered() {
    let api = api();
    let mut ann = client(&api, &["a"]).await;
    let operations = json!([
        {"verb": "publish", "room": "b", "event": "too early"},
        {"verb": "join", "room": "a", "to": "b"},
        {"verb": "publish", "room": "b", "event": "tick", "data": [1]},
        {"verb": "publish", "event": "connect"},
        {"verb": "publish", "namespace": "/none", "event": "tick"},
        {"verb": "read"},
        {"verb": "leave", "room": "b", "from": "b", "extra": 1},
        7,
        {"verb": "leave", "room": "b", "from": "b"},
        {"verb": "publish", "room": "b", "event": "too late"},
        {"verb": "disconnect", "room": "a"},
    ]);
    let answer = api.done("batch", &json!({"operations": operations}).to_string()).await;
    let results: Vec<_> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| {
            result["error"]["code"].as_str().map_or_else(|| result.to_string(), str::to_owned)
        })
        .collect();
    let (published, bad) = (r#"{"published":true}"#, "bad_request");
    assert_eq!(
        results,
        [
            published,
            r#"{"joined":true}"#,
            published,
            "reserved_event",
            "unknown_namespace",
            bad,
            bad,
            bad,
            r#"{"left":true}"#,
            published,
            r#"{"disconnected":true}"#,
        ]
    );
    assert_eq!(ann.expect_event::<u8>("tick").await, 1);
    assert_eq!(ann.expect_end().await, Ended::ByServer);
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_a_bound() {
    let api = api_with(PublishingConfig { operations_max: 2, ..Default::default() });
    let of = |count| {
        let operations = vec![json!({"verb": "publish", "event": "e"}); count];
        json!({"operations": operations}).to_string()
    };
    let mut ann = client(&api, &[]).await;
    for (count, fits) in [(0, false), (1, true), (2, true), (3, false)] {
        let response = api.post("batch", &of(count)).await;
        if fits {
            assert_eq!(response.status, 200);
            for _ in 0..count {
                ann.expect_event::<()>("e").await;
            }
        } else {
            assert_error(&response, ErrorCode::BadRequest);
            ann.expect_no_event().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn sockets_and_rooms_are_listed_in_pages() {
    let api = api();
    let mut clients = Vec::new();
    for n in 0..5 {
        let own = format!("own-{n}");
        clients.push(client(&api, &["all", &own]).await);
    }
    let _news = api.memory.client().namespace("/news").connect().await.unwrap();
    let (mut ids, mut from, mut pages) = (BTreeSet::new(), String::new(), 0);
    loop {
        let page: Value = api.get(&format!("sockets?limit=2{from}")).await.json();
        let sockets = page["sockets"].as_array().unwrap();
        assert!(sockets.len() <= 2);
        pages += 1;
        for socket in sockets {
            assert!(ids.insert(socket["id"].as_str().unwrap().to_owned()));
            let rooms: Vec<_> = socket["rooms"].as_array().unwrap().iter().collect();
            assert_eq!((rooms.len(), &socket["rooms_count"]), (2, &json!(2)));
            assert_eq!(rooms[0], "all");
        }
        let Some(next) = page["next"].as_str() else { break };
        from = format!("&from={next}");
    }
    assert!(pages >= 3);
    assert_eq!(ids, clients.iter().map(|client| client.id().to_owned()).collect());

    let page: Value = api.get("sockets?room=own-3&namespace=/").await.json();
    assert_eq!(page["sockets"][0]["id"], clients[3].id());
    assert_eq!((page["sockets"].as_array().unwrap().len(), &page["next"]), (1, &Value::Null));
    let page: Value = api.get("sockets?room=nobody").await.json();
    assert_eq!(page, json!({"sockets": [], "next": null}));
    let page: Value = api.get("sockets?namespace=%2Fnews").await.json();
    assert_eq!(page["sockets"].as_array().unwrap().len(), 1);

    let page: Value = api.get("rooms").await.json();
    let rooms = page["rooms"].as_array().unwrap();
    assert_eq!(rooms.len(), 6);
    assert!(rooms.contains(&json!({"room": "all", "sockets": 5})));
    let page: Value = api.get("rooms?limit=4").await.json();
    assert_eq!(page["rooms"].as_array().unwrap().len(), 4);
    let next = page["next"].as_str().unwrap();
    let page: Value = api.get(&format!("rooms?limit=4&from={next}")).await.json();
    assert_eq!(page["rooms"].as_array().unwrap().len(), 2);

    let head = api.request("HEAD", "/api/v1/rooms", KEY, "").await;
    assert_eq!(head.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_socket_in_very_many_rooms_is_listed_with_some_of_them() {
    let api = api();
    let rooms: Vec<_> = (0..150).map(|n| format!("{n:03}")).collect();
    let rooms: Vec<_> = rooms.iter().map(String::as_str).collect();
    let _ann = client(&api, &rooms).await;
    let page: Value = api.get("sockets").await.json();
    assert_eq!(page["sockets"][0]["rooms_count"], 150);
    assert_eq!(page["sockets"][0]["rooms"], json!(rooms[..100]));
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_not_done_again() {
    let api = api();
    let mut ann = client(&api, &[]).await;
    let send = async |key: &str, verb: &str, body: &str| {
        let request = api.memory.post(&format!("/api/v1/{verb}")).body(body);
        let request = request.header("authorization", &format!("Bearer {KEY}"));
        let request = request.header("content-type", "application/json");
        request.header("idempotency-key", key).await
    };
    let body = r#"{"event":"paid","data":[7]}"#;
    for _ in 0..3 {
        let response = send("order-7", "publish", body).await;
        assert_eq!((response.status, response.text()), (200, r#"{"published":true}"#));
    }
    assert_eq!(ann.expect_event::<u8>("paid").await, 7);
    ann.expect_no_event().await;
    let other = send("order-7", "publish", r#"{"event":"paid","data":[8]}"#).await;
    assert_error(&other, ErrorCode::IdempotencyMismatch);
    // The same body for something else is another request.
    let batch = r#"{"operations":[{"verb":"publish","event":"paid","data":[1]}]}"#;
    assert_error(&send("order-7", "batch", batch).await, ErrorCode::IdempotencyMismatch);
    for _ in 0..2 {
        assert_eq!(send("order-8", "batch", batch).await.status, 200);
    }
    assert_eq!(ann.expect_event::<u8>("paid").await, 1);
    ann.expect_no_event().await;

    // What was refused was not done, so it can be sent again.
    let body = r#"{"namespace":"/late","event":"e"}"#;
    for _ in 0..2 {
        assert_error(&send("order-9", "publish", body).await, ErrorCode::UnknownNamespace);
    }
    assert_eq!(send("order-9", "publish", r#"{"event":"paid","data":[9]}"#).await.status, 200);
    assert_eq!(ann.expect_event::<u8>("paid").await, 9);

    tokio::time::advance(PublishingConfig::default().idempotency_window).await;
    let mut ann = client(&api, &[]).await;
    assert_eq!(send("order-8", "batch", batch).await.status, 200);
    assert_eq!(ann.expect_event::<u8>("paid").await, 1);
}
