//! What the server does with sockets from outside: fetch them, move them, send them away, and talk
//! to other servers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Client, in_memory, serve, until, with_sync};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sockeye::{Ack, AckError, DataError, Event, EventError, Io, Namespace, RemoteSocket, Socket};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
}

async fn admit(socket: Socket, user: User) {
    socket.join(["users", user.name.as_str()]);
    socket.set(user);
}

fn namespace() -> Namespace {
    with_sync(Namespace::new("/")).on_connect(admit).share::<User>()
}

fn of<'a>(fetched: &'a [RemoteSocket], id: &str) -> &'a RemoteSocket {
    fetched.iter().find(|socket| socket.id().as_str() == id).unwrap()
}

#[tokio::test]
async fn fetched_sockets_tell_who_they_are() {
    let (server, address) = serve([namespace()]).await;
    let mut client = Client::open_with(address, "&color=red").await;
    let id = client.join(r#"40{"name":"ann"}"#).await;
    let fetched = server.io().to("users").fetch().await.unwrap();
    let [socket] = &fetched[..] else { panic!("one socket: {fetched:?}") };
    assert_eq!(socket.id().as_str(), id);
    let rooms: Vec<_> = socket.rooms().iter().map(ToString::to_string).collect();
    assert_eq!(rooms, [id.as_str(), "users", "ann"]);
    assert_eq!(socket.data().unwrap(), Some(User { name: "ann".to_owned() }));
    assert_eq!(socket.shared_data().json(), Some(r#"{"name":"ann"}"#));
    let not_shared = socket.data::<u32>().unwrap_err();
    assert!(matches!(&not_shared, DataError::NotShared { namespace, .. } if namespace == "/"));
    assert!(not_shared.to_string().contains(".share::<T>()"), "{not_shared}");
    let handshake = socket.handshake();
    assert!(handshake.uri.query().unwrap().contains("color=red"));
    assert!(handshake.headers.contains_key("sec-websocket-key"));
    assert!(handshake.address.unwrap().ip().is_loopback());
    assert!(!handshake.is_secure);
    assert_eq!(&*handshake.auth, r#"{"name":"ann"}"#);
    let shown = format!("{socket:?} {handshake:?}");
    assert!(!shown.contains("name") && !shown.contains("key"), "credentials stay hidden: {shown}");
    assert!(server.io().to("nobody").fetch().await.unwrap().is_empty());
    assert_eq!(server.io().fetch().await.unwrap().len(), 1);
}

#[tokio::test]
async fn several_types_are_shared_as_members() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Seat(u32);

    let namespace = with_sync(Namespace::new("/"))
        .share_as::<User>("user")
        .share_as::<Seat>("seat".to_owned())
        .on("sit", async |socket: Socket, seat: u32| socket.set(Seat(seat)));
    let (server, address) = serve([namespace.on_connect(admit)]).await;
    let mut client = Client::open_with(address, "").await;
    client.join(r#"40{"name":"ann"}"#).await;
    let fetch = async || server.io().fetch().await.unwrap().pop().unwrap();
    let standing = fetch().await;
    assert_eq!(standing.shared_data().json(), Some(r#"{"user":{"name":"ann"}}"#));
    assert_eq!(standing.data().unwrap(), Some(User { name: "ann".to_owned() }));
    assert_eq!(standing.data::<Seat>().unwrap(), None, "shared, but not set");
    assert!(matches!(standing.data::<u32>(), Err(DataError::NotShared { .. })));
    client.send(r#"42["sit",7]"#).await;
    client.expect_nothing().await;
    let sitting = fetch().await;
    assert_eq!(sitting.shared_data().json(), Some(r#"{"user":{"name":"ann"},"seat":7}"#));
    assert_eq!(sitting.data::<Seat>().unwrap(), Some(Seat(7)));
}

#[tokio::test]
async fn fetched_sockets_are_reached() {
    const QUESTION: Event<String, u32> = Event::new("question");
    let (server, address) = serve([namespace()]).await;
    let mut ann = Client::open(address).await;
    let ann_id = ann.join(r#"40{"name":"ann"}"#).await;
    let mut bob = Client::open(address).await;
    bob.join(r#"40{"name":"bob"}"#).await;
    let fetched = server.io().fetch().await.unwrap();
    let socket = of(&fetched, &ann_id);
    socket.emit("hello", "ann").unwrap();
    ann.expect(r#"42["hello","ann"]"#).await;
    socket.join(["x", "y"]);
    socket.leave("y");
    server.io().to("x").emit("x", &1).unwrap();
    server.io().to("y").emit("y", &1).unwrap();
    ann.expect(r#"42["x",1]"#).await;
    ann.expect_nothing().await;
    let (answer, ()) = tokio::join!(socket.emit_with_ack(QUESTION, "how many?"), async {
        ann.expect(r#"420["question","how many?"]"#).await;
        ann.send("430[3]").await;
    });
    assert_eq!(answer.unwrap(), 3);
    let late = socket.broadcast().timeout(Duration::from_millis(1));
    let late = late.emit_with_ack(QUESTION, "too late?").unwrap().collect().await;
    assert!(matches!(late.failures[..], [(_, AckError::Timeout { .. })]));
    ann.expect(r#"421["question","too late?"]"#).await;
    socket.disconnect();
    ann.expect("41").await;
    assert!(matches!(
        socket.emit_with_ack(QUESTION, "?").await,
        Err(AckError::Disconnected { .. })
    ));
    socket.emit("hello", "nobody").unwrap();
    bob.expect_nothing().await;
}

#[tokio::test]
async fn sockets_are_moved_and_sent_away_together() {
    let other = Namespace::new("/other");
    let (server, address) = serve([namespace(), other]).await;
    let mut clients = Vec::new();
    for name in ["ann", "bob", "cleo"] {
        let mut client = Client::open(address).await;
        client.join(&format!(r#"40{{"name":"{name}"}}"#)).await;
        client.join("40/other,").await;
        clients.push(client);
    }
    let io = server.io();
    io.join("all");
    assert_eq!(io.to("all").sockets().len(), 3);
    io.except("cleo").leave("all");
    assert_eq!(io.to("all").sockets().len(), 1);
    io.to("ann").disconnect();
    clients[0].expect("41").await;
    assert_eq!(server.of("/other").unwrap().sockets().len(), 3, "only this namespace");
    io.to("bob").close_sessions();
    clients[1].expect("41").await;
    clients[1].expect("41/other,").await;
    clients[1].expect_closed().await;
    until(|| server.sessions() == 2).await;
    clients[2].expect_nothing().await;
    io.close_sessions();
    clients[2].expect("41").await;
    clients[2].expect("41/other,").await;
    clients[2].expect_closed().await;
    until(|| io.sockets().is_empty()).await;
    server.of("/other").unwrap().disconnect();
    clients[0].expect("41/other,").await;
}

#[tokio::test]
async fn send_is_the_event_message() {
    let (server, address) = serve([namespace()]).await;
    let mut client = Client::open(address).await;
    let id = client.join(r#"40{"name":"ann"}"#).await;
    server.io().send("to all").unwrap();
    client.expect(r#"42["message","to all"]"#).await;
    server.io().socket(&id).unwrap().send(&[1, 2]).unwrap();
    client.expect(r#"42["message",[1,2]]"#).await;
    server.io().to("users").send(&()).unwrap();
    client.expect(r#"42["message"]"#).await;
}

const RELOAD: Event<String, u32> = Event::new("reload");

#[tokio::test]
async fn servers_talk_to_servers() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let reload = move |io: Io, what: String| {
        let heard = Arc::clone(&hears);
        async move {
            if what == "panic" {
                panic!("as asked");
            }
            if what == "fail" {
                return Err(EventError::new("nothing", "nothing to reload"));
            }
            heard.lock().push(format!("{} {what}", io.namespace()));
            Ok(Ack(7))
        }
    };
    let namespace = namespace()
        .on_server_side(RELOAD, reload)
        .on_server_side("nothing", async || {})
        .on_server_side("never", async |_: Io| std::future::pending::<()>().await);
    let (server, _) = serve([namespace]).await;
    let io = server.io();
    // A server alone has no others.
    io.server_side_emit(RELOAD, "users").unwrap();
    assert!(io.server_side_emit_with_ack(RELOAD, "users").unwrap().await.is_empty());
    assert!(heard.lock().is_empty());
    let ask = |what: &str| io.everybody().local().server_side_emit_with_ack(RELOAD, what).unwrap();
    assert!(matches!(ask("users").await[..], [Ok(7)]));
    assert_eq!(*heard.lock(), ["/ users"]);
    let remote = |answers: Vec<Result<u32, AckError>>| match &answers[..] {
        [Err(AckError::Remote(error))] => error.code.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(remote(ask("fail").await), "nothing");
    assert_eq!(remote(ask("panic").await), "panic");
    let wrong = io.local().server_side_emit_with_ack("reload", &1).unwrap().await;
    assert_eq!(remote(wrong), "decode");
    let nothing = io.local().server_side_emit_with_ack::<_, ()>("nothing", &()).unwrap().await;
    assert!(matches!(nothing[..], [Ok(())]));
    let never = io.local().timeout(Duration::from_millis(1));
    let never = never.server_side_emit_with_ack::<_, ()>("never", &()).unwrap().await;
    assert!(matches!(never[..], [Err(AckError::Timeout { .. })]));
    assert!(io.server_side_emit("disconnect", &()).is_err(), "reserved");
    assert!(
        io.local().server_side_emit_with_ack::<_, ()>("unknown", &()).unwrap().await.is_empty()
    );
}

#[tokio::test]
async fn what_a_client_said_stays_known() {
    #[derive(Deserialize)]
    struct Token {
        token: String,
    }
    let namespace = Namespace::new("/").on("who", async |socket: Socket| {
        let auth: Token = socket.auth().unwrap();
        Ack(auth.token)
    });
    let (server, address) = serve([namespace]).await;
    let mut client = Client::open(address).await;
    client.join(r#"40{"token":"abc"}"#).await;
    client.send(r#"420["who"]"#).await;
    client.expect(r#"430["abc"]"#).await;
    let _second = Client::connect(address).await;
    let mut auths: Vec<_> =
        server.io().sockets().iter().map(|socket| socket.auth_json().to_string()).collect();
    auths.sort_unstable();
    assert_eq!(auths, [r#"{"token":"abc"}"#, "{}"]);
}

#[tokio::test(start_paused = true)]
async fn everything_a_broadcast_got_is_collected() {
    let memory = in_memory([with_sync(Namespace::new("/"))]);
    let server = memory.server();
    let mut clients = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..4 {
        let mut client = Client::open(&memory).await;
        ids.push(client.join("40").await);
        clients.push(client);
    }
    let asked = server.io().timeout(Duration::from_millis(200));
    let asked = asked.emit_with_ack::<_, u32>("question", &()).unwrap();
    for client in &mut clients {
        client.expect(r#"420["question"]"#).await;
    }
    clients[0].send("430[10]").await;
    clients[1].send(r#"430["no number"]"#).await;
    clients[3].send("41").await;
    let answers = asked.collect().await;
    assert!(!answers.is_complete());
    let [(Some(id), 10)] = &answers.values[..] else { panic!("{answers:?}") };
    assert_eq!(id.as_str(), ids[0]);
    let mut failures: Vec<_> = answers
        .failures
        .iter()
        .map(|(id, e)| (id.clone().unwrap().to_string(), e.to_string()))
        .collect();
    let mut expected = vec![
        (ids[1].clone(), r#"the answer to "question" cannot be decoded"#.to_owned()),
        (ids[2].clone(), r#"no answer to "question" in time"#.to_owned()),
        (
            ids[3].clone(),
            r#"the socket was disconnected before "question" was answered"#.to_owned(),
        ),
    ];
    failures.sort();
    expected.sort();
    assert_eq!(failures, expected);
    // What arrives late is dropped.
    clients[2].send("430[1]").await;
    clients[2].expect_nothing().await;
    let nobody = server.io().to("nobody").emit_with_ack::<_, u32>("question", &()).unwrap();
    let nobody = nobody.collect().await;
    assert!(nobody.is_complete() && nobody.values.is_empty());
}
