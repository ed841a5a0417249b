//! Inspecting a server: counts, lists in pages, and all of it as plain data.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Client, in_memory, request, until};
use parking_lot::Mutex;
use sockeye::{
    Config, Cursor, Io, Namespace, Page, RecoveryConfig, Reliable, Server, ServerSnapshot, Socket,
};
use sockeye_testing::TestServer;

fn rooms() -> Namespace {
    Namespace::new("/").on("join", async |socket: Socket, rooms: Vec<String>| socket.join(rooms))
}

/// Sockets in rooms: the first in one, the second in two …
async fn filled(server: &TestServer, sockets: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for number in 0..sockets {
        let mut client = Client::connect(server).await;
        let rooms: Vec<_> = (0..=number).map(|room| format!("\"room {room}\"")).collect();
        client.send(&format!("421[\"join\",[{}]]", rooms.join(","))).await;
        client.expect("431[]").await;
        clients.push(client);
    }
    clients
}

fn pages<T>(mut page: impl FnMut(Cursor) -> Page<T>) -> Vec<T> {
    let (mut all, mut from) = (Vec::new(), Some(Cursor::default()));
    while let Some(cursor) = from {
        let Page { items, next, .. } = page(cursor);
        all.extend(items);
        from = next;
    }
    all
}

fn largest(io: &Io, limit: usize) -> Vec<(String, usize)> {
    let rooms = io.largest_rooms(limit).into_iter();
    rooms.map(|info| (info.room.to_string(), info.sockets)).collect()
}

#[tokio::test(start_paused = true)]
async fn rooms_and_sockets_are_counted_and_listed() {
    let server = in_memory([rooms()]);
    let io = server.server().io();
    assert_eq!((io.socket_count(), io.room_count()), (0, 0));
    let mut clients = filled(&server, 5).await;
    assert_eq!((io.socket_count(), io.room_count()), (5, 5));
    assert_eq!((io.room_size("room 0"), io.room_size("room 4"), io.room_size("none")), (5, 1, 0));
    let ids: Vec<_> = io.sockets().iter().map(|socket| socket.id().to_string()).collect();
    assert_eq!(io.room_size(ids[0].as_str()), 1, "its own");
    let named = |name: &str, sockets| (name.to_owned(), sockets);
    assert_eq!(largest(&io, 2), [named("room 0", 5), named("room 1", 4)]);

    for limit in [1, 2, 100] {
        let mut found = pages(|from| io.rooms_page(from, limit));
        found.sort_by(|a, b| a.room.cmp(&b.room));
        let sizes: Vec<_> = found.iter().map(|info| info.sockets).collect();
        assert_eq!(sizes, [5, 4, 3, 2, 1], "{limit}");
        let mut sockets = pages(|from| io.sockets_page(from, limit));
        assert_eq!(sockets.len(), 5, "{limit}");
        sockets.dedup();
        assert_eq!(sockets.len(), 5, "{limit}");
        assert_eq!(pages(|from| io.members_page("room 2", from, limit)).len(), 3, "{limit}");
    }
    let page = io.rooms_page(Cursor::default(), 2);
    let json = serde_json::to_value(&page).unwrap();
    assert_eq!(json["items"][0]["sockets"], 5);
    // A cursor is as good after a way through JSON.
    let next: Cursor = serde_json::from_value(json["next"].clone()).unwrap();
    assert_eq!(Some(next), page.next);

    let mut last = clients.pop().unwrap();
    last.send("41").await;
    until(|| io.socket_count() == 4).await;
    assert_eq!((io.room_count(), io.room_size("room 4")), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn who_is_not_admitted_yet_is_not_there() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let waits = Arc::clone(&gate);
    let namespace = Namespace::new("/").on_connect(move |socket: Socket| {
        let gate = Arc::clone(&waits);
        async move {
            socket.join("early");
            gate.acquire().await.unwrap().forget();
        }
    });
    let server = in_memory([namespace]);
    let io = server.server().io();
    let mut client = Client::open(&server).await;
    client.send("40").await;
    until(|| io.room_size("early") == 1).await;
    assert_eq!(io.socket_count(), 0);
    assert!(pages(|from| io.sockets_page(from, 10)).is_empty());
    assert!(
        server.server().sessions_page(Cursor::default(), 10).await.items[0]
            .details
            .as_ref()
            .is_some_and(|details| details.namespaces.is_empty())
    );
    gate.add_permits(1);
    client.text().await;
    assert_eq!(io.socket_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn sessions_are_listed_in_the_order_they_were_opened() {
    let server = in_memory([Namespace::new("/"), Namespace::new("/chat")]);
    let mut clients = Vec::new();
    for _ in 0..6 {
        clients.push(Client::connect(&server).await);
    }
    clients[4].join("40/chat,").await;
    let open = request(&server, "GET", "", "").await;
    let list = async |from, limit| server.server().sessions_page(from, limit).await;
    let all = list(Cursor::default(), 100).await;
    assert_eq!((all.items.len(), all.next), (7, None));
    let ids: Vec<_> = clients.iter().map(|client| client.open["sid"].as_str().unwrap()).collect();
    for (info, id) in all.items.iter().zip(&ids) {
        assert_eq!(info.sid, format!("{}…", &id[..8]));
        assert_eq!((info.transport, info.revision), ("websocket", 4));
    }
    let mut namespaces = all.items[4].details.clone().unwrap().namespaces;
    namespaces.sort();
    assert_eq!(namespaces, ["/", "/chat"]);
    assert_eq!(all.items[5].details.as_ref().unwrap().namespaces, ["/"]);
    assert_eq!(all.items[6].transport, "polling");
    assert!(all.items[6].details.as_ref().unwrap().namespaces.is_empty());
    let json = serde_json::to_string(&all).unwrap();
    assert!(ids.iter().all(|id| !json.contains(id)), "{json}");
    assert!(open.contains("sid"));

    let (mut numbers, mut from) = (Vec::new(), Some(Cursor::default()));
    while let Some(cursor) = from {
        let page = list(cursor, 3).await;
        assert!(page.items.len() <= 3);
        numbers.extend(page.items.iter().map(|info| info.number));
        from = page.next;
    }
    assert!(numbers.iter().copied().eq(all.items.iter().map(|info| info.number)));
    assert!(numbers.is_sorted());
}

/// A handler that blocks its thread cannot be asked anything: the list says so and does not wait. (The
/// server has a thread of its own, so that nothing else of this test is blocked.)
#[tokio::test]
async fn a_session_that_is_blocked_is_listed_without_its_details() {
    let (let_go, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = Arc::new(Mutex::new(blocked));
    let (served, serving) = tokio::sync::oneshot::channel();
    let (_stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let entered = Arc::new(tokio::sync::Notify::new());
    let entering = Arc::clone(&entered);
    std::thread::spawn(move || {
        let namespace = Namespace::new("/").on("block", move || {
            entering.notify_one();
            let _ = blocked.lock().recv();
            async {}
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            served.send(common::serve([namespace]).await).unwrap();
            let _ = stopped.await;
        });
    });
    let (server, address) = serving.await.unwrap();
    let mut client = Client::connect(address).await;
    client.send("421[\"block\"]").await;
    entered.notified().await;
    // More questions than there is room for beside the client's own requests: it is listed all the same.
    let asking = (0..10).map(|_| server.sessions_page(Cursor::default(), 10));
    for page in futures_util::future::join_all(asking).await {
        assert_eq!(page.items.len(), 1);
        assert_eq!(page.items[0].details, None);
    }
    let_go.send(()).unwrap();
    client.expect("431[]").await;
    // It takes the questions of before out of the way first.
    let details = loop {
        let page = server.sessions_page(Cursor::default(), 10).await;
        if let Some(details) = &page.items[0].details {
            break details.clone();
        }
    };
    assert_eq!(details.namespaces, ["/"]);
}

const OUTBOX: &str = r#"{"_outbox":{"v":1,"id":"abcdefghijklmnopqrstuvwxyz"}}"#;

async fn everything() -> (TestServer, Client) {
    let mut config = Config {
        recovery: Some(RecoveryConfig { log_events_max: 7, ..RecoveryConfig::default() }),
        child_namespaces_max: 5,
        ..Config::default()
    };
    config.engine.sessions_per_address_max = Some(9);
    let reliable = Namespace::new("/reliable")
        .on("count", async || {})
        .reliable(Reliable::default().outboxes_max(11));
    let builder = Server::builder().config(config);
    let builder = builder.namespace(rooms()).namespace(reliable);
    let server = TestServer::new(builder.namespace(Namespace::new("/doc-{id}")).build().unwrap());
    let mut client = Client::connect(&server).await;
    client.send(&format!("40/reliable,{OUTBOX}")).await;
    client.text().await;
    client.send(r#"42/reliable,1["count",{"_outbox":[1,1]}]"#).await;
    client.expect("43/reliable,1[]").await;
    client.join("40/doc-7,").await;
    (server, client)
}

fn namespace<'a>(snapshot: &'a ServerSnapshot, name: &str) -> &'a sockeye::NamespaceSnapshot {
    snapshot.namespaces.iter().find(|namespace| namespace.name == name).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_has_everything_that_is_bounded() {
    let (server, mut client) = everything().await;
    client.send("421[\"join\",[\"a\",\"b\"]]").await;
    client.expect("431[]").await;
    for number in 0..9 {
        server.server().io().to("a").emit("news", &number).unwrap();
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let snapshot = server.server().snapshot();
    assert_eq!((snapshot.uptime_seconds, snapshot.sessions), (3, 1));
    assert_eq!(snapshot.session_kinds.len(), 1);
    let kind = snapshot.session_kinds[0];
    assert_eq!((kind.transport, kind.revision, kind.sessions), ("websocket", 4, 1));
    assert_eq!(snapshot.sessions_per_address_max, Some(9));
    assert_eq!(snapshot.queued_bytes.max, 256 * 1024 * 1024);
    assert_eq!((snapshot.child_namespaces.used, snapshot.child_namespaces.max), (1, 5));
    let names: Vec<_> = snapshot.namespaces.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["/", "/doc-7", "/reliable"]);
    assert_eq!(namespace(&snapshot, "/doc-7").parent.as_deref(), Some("/doc-{id}"));
    let main = namespace(&snapshot, "/");
    assert_eq!((main.parent.as_ref(), main.sockets, main.rooms), (None, 1, 2));
    assert_eq!(main.outboxes, None);
    let recovery = main.recovery.unwrap();
    assert_eq!((recovery.log_events.used, recovery.log_events.max), (7, 7));
    assert!((1..=recovery.log_bytes.max).contains(&recovery.log_bytes.used));
    assert_eq!((recovery.absent_sessions, recovery.declaration_sessions.used), (0, 0));
    let outboxes = namespace(&snapshot, "/reliable").outboxes.unwrap();
    assert_eq!((outboxes.outboxes.used, outboxes.outboxes.max), (1, 11));
    assert_eq!(outboxes.answers, 1);
    assert!((1..=outboxes.bytes.max).contains(&outboxes.bytes.used));

    // Absent sessions are counted, with what is kept of them.
    let clone = snapshot.clone();
    client.hang_up().await;
    until(|| server.server().sessions() == 0).await;
    let snapshot = server.server().snapshot();
    assert_ne!(snapshot, clone);
    let away = namespace(&snapshot, "/").recovery.unwrap();
    assert_eq!((away.absent_sessions, away.declaration_sessions.used), (1, 1));
    assert!((1..=away.declaration_bytes.max).contains(&away.declaration_bytes.used));
    assert_eq!(namespace(&snapshot, "/").sockets, 0);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_has_no_credentials_and_is_json() {
    let (server, client) = everything().await;
    let snapshot = server.server().snapshot();
    let (json, debug) = (serde_json::to_string(&snapshot).unwrap(), format!("{snapshot:?}"));
    let sid = client.open["sid"].as_str().unwrap();
    for secret in [sid, "abcdefghijklmnopqrstuvwxyz"] {
        assert!(!json.contains(secret) && !debug.contains(secret), "{json}");
    }
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["queued_bytes"]["used"], 0);
    assert_eq!(value["namespaces"][0]["name"], "/");
}
