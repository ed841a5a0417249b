//! Namespaces that are made when a client asks for them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{Client, listen, serve, until, with_sync};
use parking_lot::Mutex;
use serde::Deserialize;
use sockeye::{Ack, Config, Namespace, PathParam, Refuse, Server, Socket};

#[derive(Deserialize)]
struct Auth {
    key: u32,
}

#[tokio::test]
async fn a_pattern_makes_a_namespace_for_each_name() {
    let room = Namespace::new("/room-{id}")
        .on("id", async |PathParam(id): PathParam<u32>| Ack(id))
        .on("part", async |socket: Socket| Ack(socket.param("id").map(str::to_owned)))
        .on("all", async |socket: Socket| socket.io().emit("all", &()));
    let (server, address) = serve([room, Namespace::new("/room-7-fixed")]).await;
    let mut a = Client::open(address).await;
    let mut b = Client::open(address).await;
    a.join("40/room-7,").await;
    b.join("40/room-8,").await;
    a.send(r#"42/room-7,1["id"]"#).await;
    a.expect("43/room-7,1[7]").await;
    b.send(r#"42/room-8,1["part"]"#).await;
    b.expect(r#"43/room-8,1["8"]"#).await;
    a.send(r#"42/room-7,["all"]"#).await;
    a.expect(r#"42/room-7,["all"]"#).await;
    b.send(r#"42/room-8,2["id"]"#).await;
    b.expect("43/room-8,2[8]").await;
    a.join("40/room-7-fixed,").await;
    a.send("40/rooms,").await;
    a.expect(r#"44/rooms,{"message":"Invalid namespace"}"#).await;
    assert_eq!(server.of("/room-7").unwrap().sockets().len(), 1);
    assert!(server.of("/room-9").is_none());
    assert_eq!(server.namespaces().len(), 4);
}

#[tokio::test]
async fn matchers_are_asked_in_order_and_may_take_their_time() {
    let which = |name: &'static str| move || std::future::ready(Ack(name));
    let never = async |_: String| {
        tokio::task::yield_now().await;
        false
    };
    let keyed = async |name: String, auth: Auth| {
        tokio::task::yield_now().await;
        name == "/keyed" && auth.key == 1
    };
    let (server, address) = serve([
        Namespace::matching(never).on("which", which("never")),
        Namespace::matching(keyed).on("which", which("keyed")),
        Namespace::matching(regex::Regex::new("^/k.*$").unwrap()).on("which", which("regex")),
    ])
    .await;
    let mut client = Client::open(address).await;
    for (path, auth, expected) in
        [("/keyed", r#"{"key":1}"#, "keyed"), ("/k", r#"{"key":1}"#, "regex"), ("/kk", "", "regex")]
    {
        client.join(&format!("40{path},{auth}")).await;
        client.send(&format!(r#"42{path},0["which"]"#)).await;
        client.expect(&format!(r#"43{path},0["{expected}"]"#)).await;
    }
    client.send("40/other,").await;
    client.expect(r#"44/other,{"message":"Invalid namespace"}"#).await;
    assert_eq!(server.namespaces().len(), 4);
}

/// As with the official server; a client that leaves meanwhile is in no namespace.
#[tokio::test]
async fn a_second_connect_while_it_is_decided_is_decided_too() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let waits = Arc::clone(&gate);
    let slow = move |_: String| {
        let gate = Arc::clone(&waits);
        async move {
            gate.acquire().await.unwrap().forget();
            true
        }
    };
    let root = with_sync(Namespace::new("/"));
    let (server, address) = serve([root, Namespace::matching(slow)]).await;
    let mut client = Client::connect(address).await;
    client.send("40/x,").await;
    client.send("40/x,").await;
    client.expect_nothing().await;
    gate.add_permits(2);
    let (first, second) = (client.text().await, client.text().await);
    assert!(first.starts_with("40/x,{") && second.starts_with("40/x,{"), "{first} {second}");
    assert_ne!(first, second);
    let members = server.of("/x").unwrap().sockets();
    assert_eq!(members.len(), 1, "the first has ended");
    assert!(second.contains(members[0].id().as_str()));
    // No socket was in `/y` when its maker was gone.
    client.send("40/y,").await;
    client.send("41/y,").await;
    client.expect_nothing().await;
    gate.add_permits(1);
    client.expect_nothing().await;
    assert!(server.of("/y").is_none());
    client.send("41/never,").await;
    client.expect_closed().await;
}

#[tokio::test]
async fn empty_children_are_cleaned_up_when_asked_for() {
    let config = Config { cleanup_empty_child_namespaces: true, ..Config::default() };
    let refusing = Namespace::new("/closed-{x}").on_connect(async || Err(Refuse::new("no")));
    let server = Server::builder()
        .config(config)
        .namespace(with_sync(Namespace::new("/")))
        .namespace(Namespace::new("/open-{x}"))
        .namespace(refusing)
        .build()
        .unwrap();
    let address = listen(&server).await;
    let mut client = Client::connect(address).await;
    client.join("40/open-1,").await;
    let mut other = Client::open(address).await;
    other.join("40/open-1,").await;
    client.send("41/open-1,").await;
    client.expect_nothing().await;
    assert!(server.of("/open-1").is_some());
    drop(other);
    until(|| server.of("/open-1").is_none()).await;
    client.send("40/closed-1,").await;
    client.expect(r#"44/closed-1,{"message":"no"}"#).await;
    assert!(server.of("/closed-1").is_none());
    client.join("40/open-1,").await;
    assert!(server.of("/open-1").is_some());
}

/// By default the server keeps what it made; with cleanup, what another socket is in.
#[tokio::test]
async fn children_stay_unless_they_are_to_go_and_are_empty() {
    let child = || {
        Namespace::new("/child-{x}").on_connect(async |auth: serde_json::Value| {
            if auth["refuse"] == true { Err(Refuse::new("no")) } else { Ok(()) }
        })
    };
    for cleanup_empty_child_namespaces in [false, true] {
        let config = Config { cleanup_empty_child_namespaces, ..Config::default() };
        let declared = Namespace::new("/declared");
        let builder = Server::builder().config(config).namespace(with_sync(Namespace::new("/")));
        let server = builder.namespace(child()).namespace(declared).build().unwrap();
        let address = listen(&server).await;
        let mut client = Client::connect(address).await;
        let mut other = Client::connect(address).await;
        other.join("40/child-1,").await;
        client.send(r#"40/child-1,{"refuse":true}"#).await;
        client.expect(r#"44/child-1,{"message":"no"}"#).await;
        assert_eq!(server.of("/child-1").unwrap().sockets().len(), 1, "somebody else is in it");
        client.send(r#"40/child-2,{"refuse":true}"#).await;
        client.expect(r#"44/child-2,{"message":"no"}"#).await;
        assert_eq!(server.of("/child-2").is_none(), cleanup_empty_child_namespaces);
        other.send("41/child-1,").await;
        other.expect_nothing().await;
        assert_eq!(server.of("/child-1").is_none(), cleanup_empty_child_namespaces);
        client.join("40/declared,").await;
        client.send("41/declared,").await;
        client.expect_nothing().await;
        assert!(server.of("/declared").unwrap().sockets().is_empty(), "it was declared");
    }
}

#[tokio::test]
async fn a_family_is_reached_as_one() {
    let made = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&made);
    let fixed = with_sync(Namespace::new("/"));
    let server = Server::builder()
        .namespace(fixed)
        .namespace(Namespace::new("/room-{id}").on_connect(async |socket: Socket| {
            socket.join("inside");
        }))
        .namespace(Namespace::matching(regex::Regex::new("^/r.x$").unwrap()))
        .namespace(Namespace::matching(async |name: String| name == "/asked").called("asked"))
        .on_new_namespace(move |io| {
            assert!(io.sockets().is_empty(), "nobody is in it yet");
            assert!(io.of(io.namespace()).is_some(), "but it is there");
            hears.lock().push(io.namespace().to_owned());
        })
        .build()
        .unwrap();
    let address = listen(&server).await;
    let mut client = Client::open(address).await;
    client.join("40").await;
    for name in ["/room-1", "/room-2", "/rex", "/asked"] {
        client.join(&format!("40{name},")).await;
    }
    let mut other = Client::open(address).await;
    other.join("40/room-1,").await;
    assert_eq!(*made.lock(), ["/room-1", "/room-2", "/rex", "/asked"], "each is told once");

    let rooms = || server.parent_namespace("/room-{id}").unwrap();
    rooms().emit("all", &1).unwrap();
    let mut got = [client.text().await, client.text().await];
    got.sort();
    assert_eq!(got, [r#"42/room-1,["all",1]"#, r#"42/room-2,["all",1]"#]);
    other.expect(r#"42/room-1,["all",1]"#).await;
    client.expect_nothing().await;

    rooms().join("new");
    rooms().to("new").except("inside").emit("nobody", &()).unwrap();
    let mut sizes: Vec<_> = rooms().to("new").each().map(|child| child.sockets().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 2]);
    rooms().to("inside").leave("new");
    assert!(rooms().to("new").sockets().is_empty());
    server.io().parent_namespace("^/r.x$").unwrap().emit("e", "rex").unwrap();
    client.expect(r#"42/rex,["e","rex"]"#).await;
    server.parent_namespace("asked").unwrap().volatile().local().emit("e", "asked").unwrap();
    client.expect(r#"42/asked,["e","asked"]"#).await;
    assert!(server.parent_namespace("/room-1").is_none(), "a child is no family");
    rooms().disconnect();
    let mut got = [client.text().await, client.text().await];
    got.sort();
    assert_eq!(got, ["41/room-1,", "41/room-2,"]);
    assert_eq!(server.io().sockets().len(), 1);
}
