//! Presence: joining, leaving, being lost and coming back, and who gets the differences.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sockeye::{
    Ack, BuildError, Config, Event, EventError, Local, Namespace, Presence, PresenceDifference,
    PresenceError, PresenceLimit, PresenceRules, PresenceUpdate, PresenceWatch, Present,
    RecoveryConfig, RoomPresenceDifference, Server, Socket,
};
use sockeye_testing::{Ended, TestClient, TestCluster, TestServer};
use tokio::time::{Instant, sleep};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Status {
    device: String,
    #[serde(default)]
    typing: bool,
}

fn status(device: &str) -> Status {
    Status { device: device.to_owned(), typing: false }
}

const PRESENCE: Event<PresenceDifference<Status>> = Event::new("presence");
const ENTER: Event<Status, Vec<Present<Status>>> = Event::new("enter");
const LIST: Event<(), Vec<Present<Status>>> = Event::new("list");
const GRACE: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_millis(50);

#[derive(Deserialize)]
struct User {
    user: String,
}

/// A code that says which error it was.
fn code(error: PresenceError) -> EventError {
    match error {
        PresenceError::Limit { limit, max } => {
            EventError::new(format!("{limit:?}"), max.to_string())
        }
        other => EventError::new(format!("{other:?}"), "no limit"),
    }
}

fn lobby(socket: &Socket) -> Presence {
    socket.io().presence("lobby")
}

async fn enter(
    socket: Socket,
    user: Local<User>,
    status: sockeye::RawArgs,
) -> Result<Ack<Vec<Present>>, EventError> {
    socket.join("lobby");
    let status: serde_json::Value = status.decode()?;
    lobby(&socket).join(&socket, user.user.as_str(), &status).map_err(code)?;
    Ok(Ack(lobby(&socket).list().await))
}

/// Clients send their user as `auth`.
fn namespace() -> Namespace {
    Namespace::new("/")
        .on_connect(async |socket: Socket, user: User| socket.set(user))
        .on("enter", enter)
        .on("list", async |socket: Socket| {
            socket.join("lobby");
            Ack(lobby(&socket).list().await)
        })
        .on("update", async |socket: Socket, status: Status| {
            lobby(&socket).update(&socket, &status).map_err(code)
        })
        .on("leave", async |socket: Socket| Ack(lobby(&socket).leave(&socket)))
        .on("kick", async |socket: Socket, user: String| {
            let sockets = lobby(&socket).sockets(&user);
            sockets.iter().for_each(Socket::disconnect);
            Ack(sockets.len())
        })
}

fn start_with(config: Config, namespaces: impl IntoIterator<Item = Namespace>) -> TestServer {
    let builder = Server::builder().config(config);
    let builder = namespaces.into_iter().fold(builder, |b, n| b.namespace(n));
    TestServer::new(builder.build().unwrap())
}

fn start() -> TestServer {
    start_with(Config::default(), [namespace()])
}

fn recovering() -> TestServer {
    let config = Config { recovery: Some(RecoveryConfig::default()), ..Config::default() };
    start_with(config, [namespace()])
}

fn presence(server: &TestServer) -> Presence {
    server.server().io().presence("lobby")
}

async fn connect(server: &TestServer, user: &str) -> TestClient {
    server.client().auth(&json!({ "user": user })).connect().await.unwrap()
}

/// Connects and is present.
async fn come(server: &TestServer, user: &str, device: &str) -> TestClient {
    let mut client = connect(server, user).await;
    client.emit_with_ack(ENTER, &status(device)).await.unwrap();
    client
}

/// Loses the connection, which is noticed at once.
async fn lose(client: &TestClient) {
    client.wire().cut();
    sleep(Duration::from_millis(1)).await;
}

/// Longer than an interval, after which everything was sent.
async fn pause() {
    sleep(2 * INTERVAL).await;
}

/// `user: device device` of each.
fn names<M: Serialize>(people: &[Present<M>]) -> Vec<String> {
    let name = |person: &Present<M>| {
        let devices = person.connections.iter().map(|connection| {
            let metadata = serde_json::to_value(&connection.metadata).unwrap();
            let typing = if metadata["typing"] == json!(true) { "!" } else { "" };
            format!(" {}{typing}", metadata["device"].as_str().unwrap_or("?"))
        });
        format!("{}:{}", person.user, devices.collect::<String>())
    };
    people.iter().map(name).collect()
}

/// Joined, left, changed.
fn parts<M: Serialize>(difference: &PresenceDifference<M>) -> [Vec<String>; 3] {
    [names(&difference.joined), names(&difference.left), names(&difference.changed)]
}

async fn hear(client: &mut TestClient) -> [Vec<String>; 3] {
    parts(&client.expect_event(PRESENCE).await)
}

fn owned<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

fn joined<const N: usize>(texts: [&str; N]) -> [Vec<String>; 3] {
    [owned(texts), vec![], vec![]]
}

fn left<const N: usize>(texts: [&str; N]) -> [Vec<String>; 3] {
    [vec![], owned(texts), vec![]]
}

fn changed<const N: usize>(texts: [&str; N]) -> [Vec<String>; 3] {
    [vec![], vec![], owned(texts)]
}

async fn here(server: &TestServer) -> Vec<String> {
    names(&presence(server).list().await)
}

#[tokio::test(start_paused = true)]
async fn who_joins_gets_the_list_and_the_others_the_difference() {
    let server = start();
    let mut looker = connect(&server, "nobody").await;
    assert_eq!(looker.emit_with_ack(LIST, &()).await.unwrap(), []);
    let mut ada = connect(&server, "ada").await;
    let list = ada.emit_with_ack(ENTER, &status("phone")).await.unwrap();
    assert_eq!(names(&list), ["ada: phone"], "the list has its reader");
    assert!(list[0].since > 1_600_000_000_000, "milliseconds since 1970");
    assert_eq!(list[0].since, list[0].connections[0].since);
    for client in [&mut looker, &mut ada] {
        assert_eq!(hear(client).await, joined(["ada: phone"]));
    }
    let mut bob = connect(&server, "bob").await;
    let list = bob.emit_with_ack(ENTER, &status("desk")).await.unwrap();
    assert_eq!(names(&list), ["ada: phone", "bob: desk"]);
    assert_eq!(hear(&mut ada).await, joined(["bob: desk"]));
    let lobby = presence(&server);
    assert_eq!((lobby.count().await, lobby.room().as_str()), (2, "lobby"));
    assert_eq!(lobby.get("bob").await.unwrap().connections[0].metadata.json(), {
        r#"{"device":"desk","typing":false}"#
    });
    assert_eq!(
        lobby.get("bob").await.unwrap().connections[0].metadata.decode::<Status>().unwrap(),
        { status("desk") }
    );
    assert_eq!(lobby.get("cleo").await, None);
    assert_eq!(lobby.sockets("bob")[0].id().as_str(), bob.id());
    assert!(bob.emit_with_ack::<_, bool>("leave", &()).await.unwrap());
    assert!(!bob.emit_with_ack::<_, bool>("leave", &()).await.unwrap(), "it has left");
    assert_eq!(hear(&mut looker).await, joined(["bob: desk"]));
    for client in [&mut looker, &mut ada] {
        assert_eq!(hear(client).await, left(["bob: desk"]));
        client.expect_no_event().await;
    }
    assert_eq!(here(&server).await, ["ada: phone"]);
    assert_eq!(server.server().io().presence("elsewhere").count().await, 0);
}

#[tokio::test(start_paused = true)]
async fn two_tabs_are_one_person() {
    let server = start();
    let mut looker = connect(&server, "nobody").await;
    looker.emit_with_ack(LIST, &()).await.unwrap();
    let first = come(&server, "ada", "one").await;
    assert_eq!(hear(&mut looker).await, joined(["ada: one"]));
    let since = presence(&server).get("ada").await.unwrap().since;
    let second = come(&server, "ada", "two").await;
    assert_eq!(hear(&mut looker).await, changed(["ada: one two"]), "a change and no joining");
    let ids: Vec<_> =
        presence(&server).sockets("ada").iter().map(|it| it.id().to_string()).collect();
    assert_eq!(ids, [first.id(), second.id()]);
    first.disconnect();
    assert_eq!(hear(&mut looker).await, changed(["ada: two"]));
    assert_eq!(presence(&server).get("ada").await.unwrap().since, since, "without a break");
    second.disconnect();
    assert_eq!(hear(&mut looker).await, left(["ada: two"]), "as she was");
    assert_eq!(presence(&server).count().await, 0);
}

#[tokio::test(start_paused = true)]
async fn metadata_change() {
    let server = start();
    let mut looker = connect(&server, "nobody").await;
    looker.emit_with_ack(LIST, &()).await.unwrap();
    let typing = Status { typing: true, ..status("phone") };
    let mut ada = connect(&server, "ada").await;
    let early = ada.emit_with_ack::<_, ()>("update", &typing).await;
    assert!(early.unwrap_err().to_string().contains("NotPresent"));
    ada.emit_with_ack(ENTER, &status("phone")).await.unwrap();
    assert_eq!(hear(&mut looker).await, joined(["ada: phone"]));
    ada.emit_with_ack::<_, ()>("update", &typing).await.unwrap();
    assert_eq!(hear(&mut looker).await, changed(["ada: phone!"]));
    // To something else and back within an interval is nothing, and so is the same once more.
    for typing in [false, true, true] {
        ada.emit_with_ack::<_, ()>("update", &Status { typing, ..status("phone") }).await.unwrap();
    }
    looker.expect_no_event().await;
    // Joining again is an update, too.
    ada.emit_with_ack(ENTER, &status("phone")).await.unwrap();
    assert_eq!(hear(&mut looker).await, changed(["ada: phone"]));
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_joins_as_somebody_else_is_that_one() {
    let server = start();
    let ada = come(&server, "ada", "phone").await;
    let socket = server.server().io().socket(ada.id()).unwrap();
    presence(&server).join(&socket, "eve", &status("phone")).unwrap();
    assert_eq!(here(&server).await, ["eve: phone"]);
    ada.disconnect();
    pause().await;
    assert_eq!(presence(&server).count().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_present_for_the_grace() {
    let server = start();
    let mut looker = connect(&server, "nobody").await;
    looker.emit_with_ack(LIST, &()).await.unwrap();
    let ada = come(&server, "ada", "phone").await;
    hear(&mut looker).await;
    lose(&ada).await;
    let lost = Instant::now();
    assert_eq!(here(&server).await, ["ada: phone"]);
    assert!(presence(&server).sockets("ada").is_empty(), "there is none to speak to");
    assert_eq!(hear(&mut looker).await, left(["ada: phone"]));
    let after = lost.elapsed() + Duration::from_millis(1);
    assert!(after >= GRACE && after <= GRACE + 2 * INTERVAL, "{after:?}");
    assert_eq!(presence(&server).count().await, 0);
}

#[tokio::test(start_paused = true)]
async fn who_reloads_the_page_has_neither_left_nor_joined() {
    let server = start();
    let mut looker = connect(&server, "nobody").await;
    looker.emit_with_ack(LIST, &()).await.unwrap();
    let ada = come(&server, "ada", "phone").await;
    hear(&mut looker).await;
    lose(&ada).await;
    sleep(GRACE - Duration::from_millis(10)).await;
    let mut ada = come(&server, "ada", "phone").await;
    ada.expect_no_event_for(2 * GRACE).await;
    looker.expect_no_event().await;
    assert_eq!(here(&server).await, ["ada: phone"]);
    // With other metadata it has changed; what it was in place of is gone with it.
    lose(&ada).await;
    let ada = come(&server, "ada", "tablet").await;
    assert_eq!(hear(&mut looker).await, changed(["ada: tablet"]));
    ada.disconnect();
    assert_eq!(hear(&mut looker).await, left(["ada: tablet"]), "at once");
}

#[tokio::test(start_paused = true)]
async fn a_tab_that_is_lost_beside_another_one() {
    let server = start();
    let mut looker = connect(&server, "nobody").await;
    looker.emit_with_ack(LIST, &()).await.unwrap();
    let (one, two) = (come(&server, "ada", "one").await, come(&server, "ada", "two").await);
    assert_eq!(hear(&mut looker).await, joined(["ada: one two"]));
    lose(&one).await;
    looker.expect_no_event_for(GRACE - INTERVAL).await;
    assert_eq!(hear(&mut looker).await, changed(["ada: two"]));
    drop(two);
    assert_eq!(hear(&mut looker).await, left(["ada: two"]));
}

#[tokio::test(start_paused = true)]
async fn a_recovered_connection_is_where_it_was() {
    let server = recovering();
    let mut watch = presence(&server).watch();
    watch.next().await;
    let mut ada = come(&server, "ada", "phone").await;
    assert_eq!(next(&mut watch).await, joined(["ada: phone"]));
    // Lost and noticed, lost and not noticed: neither has left.
    lose(&ada).await;
    ada.reconnect().await.unwrap();
    assert!(ada.recovered());
    ada.wire().go_half_open();
    ada.reconnect().await.unwrap();
    assert!(ada.recovered());
    sleep(2 * GRACE).await;
    assert_eq!(here(&server).await, ["ada: phone"]);
    assert_eq!(presence(&server).sockets("ada")[0].id().as_str(), ada.id());
    // Its end is still noticed.
    lose(&ada).await;
    assert_eq!(next(&mut watch).await, left(["ada: phone"]), "and nothing before that");
    // Recovered after the grace it joins again.
    ada.reconnect().await.unwrap();
    assert!(ada.recovered());
    assert_eq!(next(&mut watch).await, joined(["ada: phone"]));
    ada.disconnect();
    assert_eq!(next(&mut watch).await, left(["ada: phone"]));
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_fails_leaves_the_grace_to_who_was_lost() {
    // Too much was missed for the queue: the same client comes as a new one.
    let mut config = Config { recovery: Some(RecoveryConfig::default()), ..Config::default() };
    config.engine.queued_packets_max = 50;
    let server = start_with(config, [namespace()]);
    let mut watch = presence(&server).watch();
    watch.next().await;
    let mut ada = come(&server, "ada", "phone").await;
    next(&mut watch).await;
    lose(&ada).await;
    for n in 0..100 {
        server.server().io().emit("n", &n).unwrap();
    }
    ada.reconnect().await.unwrap();
    assert_eq!((ada.recovered(), ada.recovery_failure()), (false, Some("log_truncated")));
    sleep(GRACE / 2).await;
    assert_eq!(here(&server).await, ["ada: phone"], "it may still say so itself");
    ada.emit_with_ack(ENTER, &status("phone")).await.unwrap();
    sleep(2 * GRACE).await;
    ada.disconnect();
    assert_eq!(next(&mut watch).await, left(["ada: phone"]), "and nothing before that");
}

#[tokio::test(start_paused = true)]
async fn who_is_kicked_or_leaves_has_no_grace() {
    let server = recovering();
    let mut watch = presence(&server).watch();
    watch.next().await;
    let (mut ada, mut bob) = (come(&server, "ada", "one").await, connect(&server, "bob").await);
    let mut tab = come(&server, "ada", "two").await;
    assert_eq!(next(&mut watch).await, joined(["ada: one two"]));
    assert_eq!(bob.emit_with_ack::<_, usize>("kick", "ada").await.unwrap(), 2);
    assert_eq!(next(&mut watch).await, left(["ada: one two"]));
    while let Some(event) = ada.next_event().await {
        assert_eq!(event.name, "presence");
    }
    while tab.next_event().await.is_some() {}
    // In `on_disconnect` a lost one may be made to leave.
    let hasty = Namespace::new("/").on_connected(async |socket: Socket| {
        lobby(&socket).join(&socket, "ada", &status("phone")).unwrap();
    });
    let hasty = hasty.on_disconnect(async |socket: Socket| assert!(lobby(&socket).leave(&socket)));
    let server = start_with(Config::default(), [hasty]);
    let ada = server.connect().await;
    sleep(Duration::from_millis(1)).await;
    assert_eq!(presence(&server).count().await, 1);
    lose(&ada).await;
    assert_eq!(presence(&server).count().await, 0);
}

#[tokio::test(start_paused = true)]
async fn only_who_is_connected_can_be_present() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let (early, late) = (Arc::clone(&seen), Arc::clone(&seen));
    let join = |socket: &Socket| format!("{:?}", lobby(socket).join(socket, "ada", &()));
    let root = Namespace::new("/")
        .on_connect(move |socket: Socket| {
            early.lock().unwrap().push(join(&socket));
            async {}
        })
        .on_disconnect(move |socket: Socket| {
            late.lock().unwrap().push(join(&socket));
            async {}
        });
    let server = start_with(Config::default(), [root, Namespace::new("/other")]);
    let client = server.connect().await;
    let socket = server.server().io().socket(client.id()).unwrap();
    let other = server.server().io().of("/other").unwrap().presence("lobby");
    let foreign = other.join(&socket, "ada", &()).unwrap_err();
    assert!(matches!(foreign, PresenceError::OtherNamespace));
    assert!(!other.leave(&socket));
    client.disconnect();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(*seen.lock().unwrap(), ["Err(NotConnected)", "Err(NotConnected)"]);
    assert_eq!(presence(&server).count().await, 0);
    let unusable = presence(&server).join(&socket, "ada", &f64::NAN).unwrap_err();
    assert!(matches!(unusable, PresenceError::NotConnected), "{unusable}");
}

#[tokio::test(start_paused = true)]
async fn metadata_are_json() {
    struct Broken;
    impl Serialize for Broken {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("broken"))
        }
    }
    let server = start();
    let ada = connect(&server, "ada").await;
    let socket = server.server().io().socket(ada.id()).unwrap();
    let broken = presence(&server).join(&socket, "ada", &Broken).unwrap_err();
    assert!(matches!(broken, PresenceError::Encode(_)));
    for (value, text) in
        [(json!(null), "null"), (json!([1, {"둘": "\"\\"}]), r#"[1,{"둘":"\"\\"}]"#)]
    {
        presence(&server).join(&socket, "ada", &value).unwrap();
        let ada = presence(&server).get("ada").await.unwrap();
        assert_eq!(ada.connections[0].metadata.json(), text);
        let there_and_back: Present =
            serde_json::from_str(&serde_json::to_string(&ada).unwrap()).unwrap();
        assert_eq!(there_and_back, ada);
    }
}

/// The next update of a watch, which has to be a difference.
async fn next(watch: &mut PresenceWatch) -> [Vec<String>; 3] {
    match watch.next().await.unwrap() {
        PresenceUpdate::Difference(difference) => parts(&difference),
        list => panic!("a difference was expected, not {list:?}"),
    }
}

/// The next update of a watch, which has to be a list, and how much was missed.
async fn next_list(watch: &mut PresenceWatch) -> (Vec<String>, u64) {
    match watch.next().await.unwrap() {
        PresenceUpdate::List { present, missed } => (names(&present), missed),
        difference => panic!("a list was expected, not {difference:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_begins_with_a_list_that_the_differences_follow() {
    let server = start();
    let ada = come(&server, "ada", "one").await;
    pause().await;
    let bob = come(&server, "bob", "two").await;
    // Amid an interval: what is about to be sent is not in the list.
    let mut watch = presence(&server).watch();
    assert_eq!(next_list(&mut watch).await, (owned(["ada: one"]), 0));
    assert_eq!(next(&mut watch).await, joined(["bob: two"]));
    // A watch that is not polled for a while has the list of when it is polled.
    let mut slow = presence(&server).watch();
    ada.disconnect();
    assert_eq!(next(&mut watch).await, left(["ada: one"]));
    bob.disconnect();
    assert_eq!(next(&mut watch).await, left(["bob: two"]));
    assert_eq!(next_list(&mut slow).await, (vec![], 0), "nothing was missed");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_not_polled_misses_some_and_gets_a_list() {
    for (waiting_max, misses) in [(10, 0), (9, 10), (0, 10)] {
        let rules = PresenceRules::default().waiting_differences_max(waiting_max);
        let server = start_with(Config::default(), [namespace().presence(rules)]);
        let mut watch = presence(&server).watch();
        next_list(&mut watch).await;
        for n in 0..10 {
            let client = come(&server, "ada", &format!("{n}")).await;
            pause().await;
            // So that there is nobody but the last one.
            if n < 9 {
                presence(&server).leave(&server.server().io().socket(client.id()).unwrap());
            }
            std::mem::forget(client);
        }
        pause().await;
        if misses > 0 {
            let (list, missed) = next_list(&mut watch).await;
            assert_eq!(list, ["ada: 9"]);
            assert!(missed >= misses, "{missed}");
        } else {
            for n in 0..10 {
                let [joined, _, changed] = next(&mut watch).await;
                let heard = joined.into_iter().chain(changed).next().unwrap();
                assert_eq!(heard, format!("ada: {n}"));
            }
        }
        server.server().io().sockets().iter().for_each(Socket::disconnect);
        assert_eq!(next(&mut watch).await, left(["ada: 9"]), "and goes on from there");
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_panics_or_ends_is_no_matter_to_others() {
    let server = start();
    let mut panicking = presence(&server).watch();
    let panicking = tokio::spawn(async move {
        next_list(&mut panicking).await;
        panicking.next().await;
        panic!("on purpose");
    });
    let mut watch = presence(&server).watch();
    next_list(&mut watch).await;
    let ada = come(&server, "ada", "one").await;
    assert!(panicking.await.is_err());
    assert_eq!(next(&mut watch).await, joined(["ada: one"]));
    ada.disconnect();
    assert_eq!(next(&mut watch).await, left(["ada: one"]));
    // The server's end is the end of the watch.
    let waiting = tokio::spawn(async move { watch.next().await });
    tokio::task::yield_now().await;
    drop((server, ada));
    assert_eq!(waiting.await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_panics_does_not_end_the_differences() {
    let panicking = namespace().on_any_outgoing(|_, event| {
        assert!(event.name != "presence" || !event.args.json().contains("first"), "on purpose");
    });
    let server = start_with(Config::default(), [panicking]);
    let first = come(&server, "first", "one").await;
    pause().await;
    let mut second = come(&server, "second", "two").await;
    assert_eq!(hear(&mut second).await, joined(["second: two"]));
    lose(&first).await;
    sleep(2 * GRACE).await;
    assert_eq!(here(&server).await, ["second: two"], "the timer still runs");
}

/// Each limit at its edge: so much, and no more; with the message of the error.
#[tokio::test(start_paused = true)]
async fn limits_at_the_edge() {
    let rules = PresenceRules::default()
        .users_max(3)
        .connections_max(2)
        .rooms_max(4)
        .connection_rooms_max(3)
        .user_bytes_max(4)
        .metadata_bytes_max(12);
    let server = start_with(Config::default(), [namespace().presence(rules)]);
    let mut sockets = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..6 {
        let client = connect(&server, "").await;
        sockets.push(server.server().io().socket(client.id()).unwrap());
        clients.push(client);
    }
    let io = server.server().io();
    let join = |room: &str, n: usize, user: &str, metadata: &str| match io.presence(room).join(
        &sockets[n],
        user,
        metadata,
    ) {
        Ok(()) => None,
        Err(PresenceError::Limit { limit, max }) => Some((limit, max)),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(join("a", 0, "adam", "0123456789"), None);
    assert_eq!(join("a", 0, "adams", ""), Some((PresenceLimit::UserBytes, 4)));
    assert_eq!(join("a", 0, "adam", "0123456789a"), Some((PresenceLimit::MetadataBytes, 12)));
    let update = io.presence("a").update(&sockets[0], "0123456789a").unwrap_err();
    assert!(matches!(update, PresenceError::Limit { limit: PresenceLimit::MetadataBytes, .. }));
    assert_eq!(update.to_string(), "too much presence: bytes of the metadata, at most 12");
    assert_eq!(io.presence("a").get("adam").await.unwrap().connections[0].metadata.json(), {
        r#""0123456789""#
    });
    assert_eq!(join("a", 1, "adam", ""), None);
    assert_eq!(join("a", 2, "adam", ""), Some((PresenceLimit::Connections, 2)));
    assert_eq!(join("a", 2, "bob", ""), None);
    assert_eq!(join("a", 3, "cleo", ""), None);
    assert_eq!(join("a", 4, "dan", ""), Some((PresenceLimit::Users, 3)));
    assert_eq!(join("b", 0, "adam", ""), None);
    assert_eq!(join("c", 0, "adam", ""), None);
    assert_eq!(join("d", 0, "adam", ""), Some((PresenceLimit::ConnectionRooms, 3)));
    assert_eq!(join("d", 5, "eve", ""), None);
    assert_eq!(join("e", 5, "eve", ""), Some((PresenceLimit::Rooms, 4)));
    // What was refused is not kept, and one that leaves does not count any more.
    assert!(!io.presence("e").leave(&sockets[5]));
    assert!(io.presence("d").leave(&sockets[5]));
    assert_eq!(join("e", 5, "eve", ""), None);
    assert!(io.presence("b").leave(&sockets[0]));
    assert_eq!(join("b", 0, "adam", ""), None);
}

/// What is kept is counted, until nobody keeps it: neither the table nor recovery.
#[tokio::test(start_paused = true)]
async fn all_bytes_together_are_bounded() {
    let metadata = "x".repeat(1000);
    // Each takes its texts and 1 KiB: "lobby", "ada", 1,002 bytes of JSON.
    for (bytes_max, fits) in [(2 * 2034, 2), (2 * 2034 - 1, 1)] {
        let rules = PresenceRules::default().bytes_max(bytes_max);
        let server = start_with(
            Config { recovery: Some(RecoveryConfig::default()), ..Config::default() },
            [namespace().presence(rules)],
        );
        let mut clients = Vec::new();
        let join = async || {
            let client = connect(&server, "ada").await;
            let socket = server.server().io().socket(client.id()).unwrap();
            let joined = presence(&server).join(&socket, "ada", &metadata);
            let is_full = |error: PresenceError| {
                let is_it = |limit| limit == PresenceLimit::Bytes;
                matches!(error, PresenceError::Limit { limit, max } if is_it(limit) && max == bytes_max)
            };
            (client, joined.map_err(is_full))
        };
        for n in 0..3 {
            let (client, joined) = join().await;
            assert_eq!(joined, if n < fits { Ok(()) } else { Err(true) });
            clients.push(client);
        }
        // Lost and gone from the list, but recovery keeps it.
        for client in &clients {
            lose(client).await;
        }
        sleep(2 * GRACE).await;
        assert_eq!(presence(&server).count().await, 0);
        if fits == 2 {
            assert_eq!(join().await.1, Err(true));
        }
        sleep(Duration::from_secs(600)).await;
        assert_eq!(join().await.1, Ok(()), "nothing is kept any more");
    }
}

#[tokio::test(start_paused = true)]
async fn the_namespaces_of_a_declaration_share_their_bytes() {
    let rules = PresenceRules::default().bytes_max(2 * 1040);
    let server = start_with(Config::default(), [Namespace::new("/team-{id}").presence(rules)]);
    let mut clients = Vec::new();
    let mut joined = Vec::new();
    for n in 0..3 {
        let name = format!("/team-{n}");
        clients.push(server.client().namespace(&name).connect().await.unwrap());
        let io = server.server().io().of(&name).unwrap();
        joined.push(io.presence("lobby").join(&io.sockets()[0], "ada", &()).is_ok());
    }
    assert_eq!(joined, [true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_returns_is_few_messages() {
    const PEOPLE: usize = 300;
    let server = start();
    let mut looker = connect(&server, "nobody").await;
    looker.emit_with_ack(LIST, &()).await.unwrap();
    let everybody = async || {
        let mut clients = Vec::new();
        for n in 0..PEOPLE {
            // Each reads the list, which is ahead of what was sent.
            clients.push(come(&server, &format!("user {n}"), "phone").await);
        }
        clients
    };
    let begun = Instant::now();
    let clients = everybody().await;
    pause().await;
    let messages_max = 1 + begun.elapsed().as_millis() / INTERVAL.as_millis();
    let (mut joined, mut messages) = (0, 0);
    while joined < PEOPLE {
        joined += looker.expect_event(PRESENCE).await.joined.len();
        messages += 1;
    }
    assert!(messages <= messages_max && messages_max < 20, "{messages} of {messages_max}");
    looker.expect_no_event().await;
    // All are lost and come back: nothing to say at all.
    clients.iter().for_each(|client| client.wire().cut());
    sleep(Duration::from_secs(1)).await;
    assert_eq!(server.server().sessions(), 1);
    let mut clients = everybody().await;
    looker.expect_no_event_for(2 * GRACE).await;
    clients[0].expect_no_event().await;
    // All leave at once.
    clients.iter().for_each(TestClient::disconnect);
    assert_eq!(looker.expect_event(PRESENCE).await.left.len(), PEOPLE);
    looker.expect_no_event().await;
}

/// What does not fit into one event is sent with the next one.
#[tokio::test(start_paused = true)]
async fn an_event_has_so_many_bytes() {
    const EVENT_BYTES_MAX: usize = 256 * 1024;
    let server = start();
    let mut looker = connect(&server, "nobody").await;
    looker.emit_with_ack(LIST, &()).await.unwrap();
    let mut clients = Vec::new();
    for n in 0..200 {
        let client = connect(&server, "").await;
        let socket = server.server().io().socket(client.id()).unwrap();
        let metadata = json!({ "device": "x".repeat(4000) });
        presence(&server).join(&socket, format!("{n}"), &metadata).unwrap();
        clients.push(client);
    }
    let mut joined = Vec::new();
    let mut events = 0;
    while joined.len() < 200 {
        let event = looker.next_event().await.unwrap();
        assert!(event.args.json().len() <= EVENT_BYTES_MAX, "{}", event.args.json().len());
        let difference: PresenceDifference<Status> = event.args.decode().unwrap();
        joined.extend(difference.joined.into_iter().map(|it| it.user));
        events += 1;
    }
    assert_eq!(joined, (0..200).map(|n| n.to_string()).collect::<Vec<_>>(), "in their order");
    assert_eq!(events, 4, "200 of 4 kB");
    looker.expect_no_event().await;
}

/// A list that is ahead of the differences, and what follows it.
#[tokio::test(start_paused = true)]
async fn a_list_amid_an_interval_and_what_follows_it_agree() {
    let server = start();
    let ada = come(&server, "ada", "phone").await;
    let mut looker = connect(&server, "nobody").await;
    assert_eq!(names(&looker.emit_with_ack(LIST, &()).await.unwrap()), ["ada: phone"]);
    ada.disconnect();
    let difference = looker.expect_event(PRESENCE).await;
    let gone = Present { user: "ada".to_owned(), since: 0, connections: vec![] };
    assert_eq!(difference.left, [gone], "whoever had the list hears that she has left");
    assert!(difference.joined.is_empty() && difference.changed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_event_has_the_name_that_was_set_or_there_is_none() {
    let named = namespace().presence(PresenceRules::default().event("who"));
    let server = start_with(Config::default(), [named]);
    let mut ada = come(&server, "ada", "phone").await;
    assert_eq!(ada.next_event().await.unwrap().name, "who");
    let of_room = namespace().presence(PresenceRules::default().named());
    let server = start_with(Config::default(), [of_room]);
    let mut ada = come(&server, "ada", "phone").await;
    const OF_ROOM: Event<RoomPresenceDifference<Status>> = Event::new("presence");
    let told = ada.expect_event(OF_ROOM).await;
    assert_eq!((told.room.as_str(), told.joined[0].user.as_str()), ("lobby", "ada"));
    assert!(told.left.is_empty() && told.changed.is_empty());
    let silent = namespace().presence(PresenceRules::default().silent());
    let server = start_with(Config::default(), [silent]);
    let mut watch = presence(&server).watch();
    next_list(&mut watch).await;
    let mut ada = come(&server, "ada", "phone").await;
    assert_eq!(next(&mut watch).await, joined(["ada: phone"]));
    ada.expect_no_event().await;
    let reserved = namespace().presence(PresenceRules::default().event("disconnect"));
    let built = Server::builder().namespace(reserved).build();
    assert!(matches!(built, Err(BuildError::ReservedEvent(_))));
}

/// Each server of a cluster sends its own sockets what it knows: only its own users so far.
#[tokio::test(start_paused = true)]
async fn servers_of_a_cluster_speak_of_their_own_people() {
    let cluster = TestCluster::new(7);
    let [red, blue] = ["red", "blue"].map(|name| {
        let builder = Server::builder().cluster(cluster.member(name)).namespace(namespace());
        TestServer::new(builder.build().unwrap())
    });
    let mut lookers = [connect(&red, "nobody").await, connect(&blue, "nobody").await];
    for looker in &mut lookers {
        assert_eq!(looker.emit_with_ack(LIST, &()).await.unwrap(), []);
    }
    let _ada = come(&red, "ada", "phone").await;
    assert_eq!(hear(&mut lookers[0]).await, joined(["ada: phone"]));
    lookers[1].expect_no_event().await;
    assert_eq!((here(&red).await.len(), here(&blue).await.len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn without_grace_who_is_lost_has_left() {
    let rules = PresenceRules::default().grace(Duration::ZERO).interval(Duration::ZERO);
    let server = start_with(Config::default(), [namespace().presence(rules)]);
    let mut looker = connect(&server, "nobody").await;
    looker.emit_with_ack(LIST, &()).await.unwrap();
    let ada = come(&server, "ada", "phone").await;
    assert_eq!(hear(&mut looker).await, joined(["ada: phone"]));
    ada.wire().cut();
    let lost = Instant::now();
    assert_eq!(hear(&mut looker).await, left(["ada: phone"]));
    assert!(lost.elapsed() < Duration::from_millis(100));
}

/// Sockets are used from any thread, also one that has no runtime.
#[tokio::test]
async fn a_thread_without_a_runtime_disconnects_somebody() {
    let server = start();
    let mut looker = connect(&server, "nobody").await;
    looker.emit_with_ack(LIST, &()).await.unwrap();
    let mut ada = come(&server, "ada", "phone").await;
    hear(&mut looker).await;
    hear(&mut ada).await;
    let socket = server.server().io().socket(ada.id()).unwrap();
    std::thread::spawn(move || socket.disconnect()).join().unwrap();
    assert_eq!(ada.expect_end().await, Ended::ByServer);
    assert_eq!(hear(&mut looker).await, left(["ada: phone"]));
}

#[tokio::test(start_paused = true)]
async fn namespaces_and_rooms_are_not_each_others() {
    let join = async |socket: Socket, room: String| {
        socket.io().presence(room).join(&socket, "ada", &status("phone")).unwrap();
    };
    let team = Namespace::new("/team-{id}").on("join", join);
    let server = start_with(Config::default(), [team]);
    let mut one = server.client().namespace("/team-1").connect().await.unwrap();
    let mut two = server.client().namespace("/team-2").connect().await.unwrap();
    one.emit_with_ack::<_, ()>("join", "a").await.unwrap();
    one.emit_with_ack::<_, ()>("join", "b").await.unwrap();
    two.emit_with_ack::<_, ()>("join", "a").await.unwrap();
    let count = async |namespace, room| {
        server.server().io().of(namespace).unwrap().presence(room).count().await
    };
    assert_eq!((count("/team-1", "a").await, count("/team-1", "b").await), (1, 1));
    assert_eq!((count("/team-2", "a").await, count("/team-2", "b").await), (1, 0));
    one.disconnect();
    sleep(Duration::from_millis(1)).await;
    assert_eq!((count("/team-1", "a").await, count("/team-1", "b").await), (0, 0));
    assert_eq!(count("/team-2", "a").await, 1);
}

/// From many threads at once: no user stays present who has left, in any order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_ends_while_joining_is_not_present() {
    const ROUNDS: usize = 200;
    let rules = PresenceRules::default().interval(Duration::ZERO).grace(Duration::ZERO);
    let server = start_with(Config::default(), [namespace().presence(rules)]);
    let watching = tokio::spawn(until_the_last(presence(&server).watch()));
    let mut clients = Vec::new();
    for round in 0..ROUNDS {
        let client = connect(&server, "ada").await;
        let socket = server.server().io().socket(client.id()).unwrap();
        let lobby = presence(&server);
        let joining = socket.clone();
        let join = tokio::task::spawn_blocking(move || {
            lobby.join(&joining, format!("{}", round % 3), &round).is_ok()
        });
        match round % 2 {
            0 => socket.disconnect(),
            _ => client.wire().cut(),
        }
        join.await.unwrap();
        clients.push(client);
    }
    let gone = async {
        while server.server().sessions() > 0 || presence(&server).count().await > 0 {
            clients.iter().for_each(|client| client.wire().cut());
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.expect("all of them go");
    let _last = come(&server, "last", "phone").await;
    let heard = tokio::time::timeout(Duration::from_secs(60), watching).await;
    assert_eq!(heard.expect("they hear of it").unwrap(), ["last"]);
}

/// The users present according to a watch, when one called `last` is.
async fn until_the_last(mut watch: PresenceWatch) -> Vec<String> {
    let mut here = BTreeSet::new();
    while !here.contains("last") {
        match watch.next().await.unwrap() {
            PresenceUpdate::List { present, .. } => {
                here = present.into_iter().map(|it| it.user).collect();
            }
            PresenceUpdate::Difference(difference) => {
                difference
                    .left
                    .iter()
                    .for_each(|it| assert!(here.remove(&it.user), "it was there"));
                difference.joined.iter().for_each(|it| assert!(here.insert(it.user.clone())));
                difference.changed.iter().for_each(|it| assert!(here.contains(&it.user)));
            }
        }
    }
    here.into_iter().collect()
}
