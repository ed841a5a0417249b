//! The lab as its page meets it: the control WebSocket, and clients of each road that count for themselves.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::time::Duration;

use axum::http::HeaderValue;
use axum::http::header::ORIGIN;
use serde_json::json;
use sockeye_chat::lab::contract::{
    CLOSE_FULL, CONTROL_PATH, Direction, FromServer, Phase, RecordKind, Road, RoadNumbers,
    Settings, Slowness,
};
use sockeye_websocket::{Connector, connect};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use common::lab::{Client, KEY, Page, lab, listeners, marks, polling_session};
use common::{PATIENCE, Program, command};

mod common;

#[tokio::test]
async fn the_numbers_of_each_road_are_those_of_its_client() {
    let mut page = Page::open(&lab().await).await;
    let mut clients = listeners(&page).await;
    // Not before the others are there: the request of the long poll has to wait already.
    page.numbers(|_, _, roads| roads[&Road::LongPolling].requests == 1).await;
    let (mut polling, path) = polling_session(&page).await;

    page.say(&json!({ "type": "set", "running": true, "rate": 50, "size": 300 })).await;
    page.numbers(|sent, _, _| sent.events >= 5).await;
    page.say(&json!({ "type": "set", "running": false })).await;
    let (sent, _) = page.numbers(|_, settings, _| !settings.running).await;
    assert_eq!(sent.bytes, sent.events * 300);
    // Once more, since what was sent until the clients were there is none of theirs.
    while polling.marks().len() < sent.events as usize {
        polling.ask("GET", &path, "", "").await;
    }
    clients.insert(Road::SocketIoPolling, polling);
    let mut polling = page.client(Road::Polling).await;
    let path = format!("{}?offset=-1", page.path(Road::Polling));
    polling.ask("GET", &path, "", "").await;
    clients.insert(Road::Polling, polling);

    for (road, client) in &clients {
        let expected = if *road == Road::LongPolling { 1 } else { sent.events as usize };
        client.until(|received| marks(&received.bytes).len() >= expected).await;
    }
    let agree = |roads: &BTreeMap<Road, RoadNumbers>| {
        clients.iter().all(|(road, client)| {
            let numbers = &roads[road];
            numbers.downstream_bytes == client.received.lock().bytes.len() as u64
                && numbers.upstream_bytes == client.sent
                && numbers.events == client.marks().len() as u64
        })
    };
    let (_, roads) = page.numbers(|_, _, roads| agree(roads)).await;
    for (road, numbers) in roads {
        let name = road.as_str();
        assert_eq!(
            numbers.header_bytes + numbers.payload_bytes + numbers.framing_bytes,
            numbers.upstream_bytes + numbers.downstream_bytes,
            "{name}"
        );
        assert_eq!((numbers.connections, numbers.connections_open), (1, 1), "{name}");
        assert_eq!((numbers.phase, numbers.is_cut), (Phase::Open, false), "{name}");
        let requests = if road == Road::SocketIoPolling { numbers.requests.max(4) } else { 1 };
        assert_eq!(numbers.requests, requests, "{name}");
        let delay = numbers.delay_ms.unwrap();
        assert!(delay.p50 <= delay.p95 && delay.p95 <= delay.max, "{name}: {delay:?}");
    }
}

#[tokio::test]
async fn a_slow_line_loses_a_race() {
    let mut page = Page::open(&lab().await).await;
    page.say(&json!({ "type": "line", "road": "websocket", "delay_ms": 300 })).await;
    let clients = listeners(&page).await;
    page.say(&json!({ "type": "race" })).await;
    let (n, order) = page
        .until(|message| match message {
            FromServer::Raced { n, order, done: true } => Some((n, order)),
            _ => None,
        })
        .await;
    let raced: BTreeSet<Road> = order.iter().map(|(road, _)| *road).collect();
    assert_eq!(raced, clients.keys().copied().collect());
    let (last, delay) = order[order.len() - 1];
    assert!(last == Road::Websocket && delay >= 300.0, "{order:?}");
    assert!(order[..order.len() - 1].iter().all(|(_, faster)| *faster < delay), "{order:?}");
    assert_eq!(clients[&Road::Websocket].marks(), BTreeSet::from([n]));
}

#[tokio::test]
async fn a_narrow_line_takes_its_time() {
    let page = Page::open(&lab().await).await;
    let mut client = page.client(Road::Websocket).await;
    client.upgrade(page.path(Road::Websocket)).await;
    let line = json!({ "type": "line", "road": "all", "bytes_per_second": 20_000 });
    page.say(&line).await;
    page.say(&json!({ "type": "set", "size": 10_000 })).await;
    let begun = Instant::now();
    page.say(&json!({ "type": "race" })).await;
    client.until(|received| received.bytes.len() > 10_000).await;
    assert!(begun.elapsed() > Duration::from_millis(450), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_cut_resets_and_keeps_off() {
    let mut page = Page::open(&lab().await).await;
    let mut client = page.client(Road::Ndjson).await;
    client.get(page.path(Road::Ndjson), "Accept: application/x-ndjson\r\n").await;
    client.until(|received| !received.bytes.is_empty()).await;
    page.say(&json!({ "type": "cut", "road": "ndjson", "for_ms": 60_000 })).await;
    client.until(|received| received.end == Some(ErrorKind::ConnectionReset)).await;
    let is_cut = |roads: &BTreeMap<Road, RoadNumbers>, road| {
        let numbers: &RoadNumbers = &roads[&road];
        (numbers.is_cut, numbers.phase, numbers.connections_open)
    };
    page.numbers(|_, _, roads| {
        is_cut(roads, Road::Ndjson) == (true, Phase::Cut, 0)
            && is_cut(roads, Road::Sse) == (false, Phase::Closed, 0)
    })
    .await;
    let kept_off = page.client(Road::Ndjson).await;
    kept_off.until(|received| received.is_closed && received.bytes.is_empty()).await;

    // A cut for no time takes the place of the long one.
    page.say(&json!({ "type": "cut", "road": "all", "for_ms": 0 })).await;
    page.numbers(|_, _, roads| !is_cut(roads, Road::Ndjson).0).await;
    let mut client = page.client(Road::Ndjson).await;
    client.get(page.path(Road::Ndjson), "Accept: application/x-ndjson\r\n").await;
    client.until(|received| !received.bytes.is_empty()).await;
}

#[tokio::test]
async fn a_road_has_so_many_connections() {
    let mut page = Page::open(&lab().await).await;
    let mut clients = Vec::new();
    for _ in 0..16 {
        clients.push(page.client(Road::Sse).await);
    }
    page.numbers(|_, _, roads| roads[&Road::Sse].connections_open == 16).await;
    let one_more = page.client(Road::Sse).await;
    one_more.until(|received| received.is_closed && received.bytes.is_empty()).await;
    clients.pop();
    page.numbers(|_, _, roads| roads[&Road::Sse].connections_open == 15).await;
    let mut client = page.client(Road::Sse).await;
    client.get(page.path(Road::Sse), "Accept: text/event-stream\r\n").await;
    client.until(|received| received.bytes.starts_with(b"HTTP/1.1 200 ")).await;
}

#[tokio::test]
async fn a_ping_or_a_pong_is_no_message_of_the_page() {
    let mut page = Page::open(&lab().await).await;
    page.socket.writer().ping(b"are you there").await.unwrap();
    page.say(&json!({ "type": "set", "burst": 2 })).await;
    page.until(|message| match message {
        FromServer::Refused { of, message } => panic!("{of:?} was refused: {message}"),
        FromServer::Numbers { settings, .. } => (settings.burst == 2).then_some(()),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn the_page_is_told_which_lines_hold() {
    let mut page = Page::open(&lab().await).await;
    page.say(&json!({ "type": "line", "road": "all", "delay_ms": 40 })).await;
    page.say(&json!({ "type": "line", "road": "sse", "bytes_per_second": 5_000 })).await;
    page.say(&json!({ "type": "line", "road": "sse", "delay_ms": 70, "bytes_per_second": 9 }))
        .await;
    page.until(|message| matches!(message, FromServer::Refused { .. }).then_some(())).await;
    page.numbers(|_, _, roads| {
        Road::ALL.into_iter().all(|road| {
            let bytes_per_second = if road == Road::Sse { 5_000 } else { 0 };
            roads[&road].line == Slowness { delay_ms: 40, bytes_per_second }
        })
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut page = Page::open(&lab().await).await;
    for (message, of) in [
        (json!({ "type": "set", "rate": 0, "size": 500 }), "set"),
        (json!({ "type": "line", "road": "all", "delay_ms": 5_001 }), "line"),
        (json!({ "type": "cut", "road": "all", "for_ms": 60_001 }), "cut"),
        (json!({ "type": "watch", "road": "moon" }), "watch"),
        (json!({ "type": "race" }), "race"),
        (json!("x"), ""),
    ] {
        page.say(&message).await;
        let refused = page.until(|message| match message {
            FromServer::Refused { of, message } => Some((of, message)),
            _ => None,
        });
        let (refused, why) = refused.await;
        assert_eq!(refused, of, "{why}");
        assert!(!why.is_empty());
    }
    let before = page.settings;
    page.say(&json!({ "type": "set", "burst": 2 })).await;
    page.numbers(|_, now, _| now == Settings { burst: 2, running: false, ..before }).await;
}

#[tokio::test]
async fn the_watched_road_shows_its_handshake_and_its_frames() {
    let mut page = Page::open(&lab().await).await;
    page.say(&json!({ "type": "watch", "road": "socketio" })).await;
    // Answers come in the order of messages, so it is watched once this is refused.
    page.say(&json!("x")).await;
    page.until(|message| matches!(message, FromServer::Refused { .. }).then_some(())).await;
    let mut client = page.client(Road::SocketIo).await;
    client.upgrade(&format!("{}?EIO=4&transport=websocket", page.path(Road::SocketIo))).await;
    client.frame("40/lab,").await;
    let (mut steps, mut frame) = (None, None);
    page.until(|message| {
        match message {
            FromServer::Handshake { road, key, accept, accept_computed_from, .. } => {
                assert_eq!((road, &*key), (Road::SocketIo, KEY));
                steps = Some((accept, accept_computed_from.base64));
            }
            FromServer::Wire { road, records, .. } => {
                assert_eq!(road, Road::SocketIo);
                frame = frame.take().or(records
                    .into_iter()
                    .find(|it| it.kind == RecordKind::Frame && it.direction == Direction::Up));
            }
            _ => {}
        }
        (steps.is_some() && frame.is_some()).then_some(())
    })
    .await;
    let (accept, computed) = steps.unwrap();
    assert_eq!(accept, computed);
    let frame = frame.unwrap();
    assert_eq!((&*frame.text, frame.bytes), ("40/lab,", 13));
    assert_eq!(
        frame.packets.iter().map(|it| &*it.name).collect::<Vec<_>>(),
        ["message", "CONNECT"]
    );
}

#[tokio::test]
async fn there_are_eight_visits_and_the_end_of_one_frees_its_place_and_ports() {
    let lab = lab().await;
    let mut pages = Vec::new();
    for _ in 0..8 {
        pages.push(Page::open(&lab).await);
    }
    let control = format!("ws://{lab}{CONTROL_PATH}");
    let mut ninth = connect(&control).await.unwrap();
    assert!(timeout(PATIENCE, ninth.recv()).await.unwrap().unwrap().is_none());
    let closed = format!("{:?}", ninth.closed().unwrap());
    assert!(closed.contains(&CLOSE_FULL.to_string()) && closed.contains("visits"), "{closed}");

    let gone = pages.pop().unwrap();
    let addresses: Vec<_> = Road::ALL.map(|road| gone.address(road)).into();
    drop(gone);
    let freed = async {
        for address in addresses {
            while TcpStream::connect(&address).await.is_ok() {}
        }
        loop {
            let mut socket = connect(&control).await.unwrap();
            if socket.recv().await.unwrap().is_some() {
                return;
            }
        }
    };
    timeout(PATIENCE, freed).await.expect("its ports and its place are free");
}

#[tokio::test]
async fn pages_of_other_origins_are_let_in_nowhere() {
    let lab = lab().await;
    let control = format!("ws://{lab}{CONTROL_PATH}");
    let stranger = Connector::new().header(ORIGIN, HeaderValue::from_static("http://evil.example"));
    assert!(stranger.connect(&control).await.is_err());

    let page = Page::open(&lab).await;
    let path = format!("{}?offset=now", page.path(Road::Polling));
    for (origin, is_own) in [(format!("http://{lab}"), true), ("http://evil.example".into(), false)]
    {
        let mut client = page.client(Road::Polling).await;
        client.ask("GET", &path, &format!("Origin: {origin}\r\n"), "").await;
        let allowed = format!("access-control-allow-origin: {origin}\r\n");
        assert_eq!(client.has(&allowed), is_own, "{origin}");
        assert_eq!(client.has("Stream-Next-Offset"), is_own, "{origin}");
    }
    let mut client = page.client(Road::Polling).await;
    let path = page.path(Road::Polling).to_owned();
    client.write(format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n").as_bytes()).await;
    client.until(|received| received.bytes.starts_with(b"HTTP/1.1 421 ")).await;
}

#[tokio::test]
async fn the_program_serves_the_page_and_ends_with_a_visit_open() {
    let args = ["lab", "--host", "127.0.0.1", "--port", "0"];
    let program = Program::start(&mut command(&args)).await;
    let address = program.url.strip_prefix("http://").unwrap().to_owned();
    let mut browser = Client::connect(&address).await;
    browser.ask("GET", "/", "", "").await;
    assert!(browser.has("HTTP/1.1 307 ") && browser.has("location: /lab\r\n"));
    browser.ask("GET", "/lab", "", "").await;
    assert!(browser.has("connect-src 'self' http://127.0.0.1:* ws://127.0.0.1:*;"));
    assert!(browser.has("x-content-type-options: nosniff"));
    browser.ask("GET", "/assets/none.js", "", "").await;
    assert!(browser.has("HTTP/1.1 404 "));
    let mut page = Page::open(&address).await;
    let _clients = listeners(&page).await;
    program.stop().await;
    let ended = timeout(PATIENCE, async { while let Ok(Some(_)) = page.socket.recv().await {} });
    ended.await.expect("the visit has ended");
}

#[tokio::test]
async fn the_chat_has_the_lab_where_it_may() {
    let data = tempfile::TempDir::new().unwrap();
    let program = Program::serve(data.path()).await;
    let address = program.url.strip_prefix("http://").unwrap().to_owned();
    let mut browser = Client::connect(&address).await;
    browser.ask("GET", "/lab", "", "").await;
    assert!(browser.has("connect-src 'self' http://127.0.0.1:* ws://127.0.0.1:*;"));
    browser.ask("GET", "/room", "", "").await;
    assert!(browser.has("connect-src 'self';"));
    let page = Page::open(&address).await;
    let _clients = listeners(&page).await;
    program.stop().await;
}
