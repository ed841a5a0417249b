//! Rooms, and the recipients of broadcasts.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{Client, serve, until, with_sync};
use parking_lot::Mutex;
use sockeye::{Namespace, Refuse, RoomChange, Server, Socket};

fn namespace() -> Namespace {
    with_sync(Namespace::new("/"))
        .on("join", async |socket: Socket, room: String| {
            socket.join(room);
        })
        .on("leave", async |socket: Socket, room: String| {
            socket.leave(room);
        })
        .on("others", async |socket: Socket| socket.broadcast().emit("e", "others"))
        .on("room", async |socket: Socket, room: String| socket.to(room).emit("e", "room"))
}

struct Clients {
    server: Server,
    clients: Vec<Client>,
    ids: Vec<String>,
}

/// Three clients: `a` in rooms 1 and 2, `b` in room 1, `c` in none.
async fn three() -> Clients {
    let (server, address) = serve([namespace()]).await;
    let (mut clients, mut ids) = (Vec::new(), Vec::new());
    for rooms in [&["1", "2"][..], &["1"], &[]] {
        let mut client = Client::open(address).await;
        ids.push(client.join("40").await);
        for room in rooms {
            client.send(&format!(r#"42["join","{room}"]"#)).await;
        }
        client.expect_nothing().await;
        clients.push(client);
    }
    Clients { server, clients, ids }
}

impl Clients {
    /// The clients of these numbers get `text` once, the others nothing.
    async fn expect(&mut self, text: &str, reached: &[usize]) {
        for (n, client) in self.clients.iter_mut().enumerate() {
            if reached.contains(&n) {
                client.expect(&format!(r#"42["e","{text}"]"#)).await;
            }
            client.expect_nothing().await;
        }
    }
}

#[tokio::test]
async fn a_socket_in_several_rooms_hears_it_once() {
    let mut all = three().await;
    let io = all.server.io();
    io.emit("e", "all").unwrap();
    all.expect("all", &[0, 1, 2]).await;
    io.to("1").emit("e", "one").unwrap();
    all.expect("one", &[0, 1]).await;
    io.to(["1", "2"]).emit("e", "both").unwrap();
    all.expect("both", &[0, 1]).await;
    io.to("1").except("2").emit("e", "but").unwrap();
    all.expect("but", &[1]).await;
    io.except(["1", "2"]).emit("e", "rest").unwrap();
    all.expect("rest", &[2]).await;
    io.to(all.ids[2].as_str()).to("2").emit("e", "own").unwrap();
    all.expect("own", &[0, 2]).await;
    io.to("nobody").emit("e", "none").unwrap();
    all.expect("none", &[]).await;
}

#[tokio::test]
async fn a_sender_is_left_out() {
    let mut all = three().await;
    all.clients[0].send(r#"42["others"]"#).await;
    all.clients[0].expect_nothing().await;
    all.expect("others", &[1, 2]).await;
    all.clients[0].send(r#"42["room","1"]"#).await;
    all.clients[0].expect_nothing().await;
    all.expect("room", &[1]).await;
    let socket = all.server.io().socket(&all.ids[0]).unwrap();
    socket.volatile().emit("e", "volatile").unwrap();
    all.expect("volatile", &[0]).await;
}

#[tokio::test]
async fn rooms_end_with_their_members() {
    let mut all = three().await;
    let io = all.server.io();
    let socket = io.socket(&all.ids[0]).unwrap();
    let rooms =
        |socket: &Socket| socket.rooms().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(rooms(&socket), [all.ids[0].as_str(), "1", "2"]);
    all.clients[0].send(r#"42["leave","1"]"#).await;
    all.clients[0].expect_nothing().await;
    assert_eq!(rooms(&socket), [all.ids[0].as_str(), "2"]);
    io.to("1").join("3");
    io.to("3").emit("e", "moved").unwrap();
    all.expect("moved", &[1]).await;
    io.to("3").leave("3");
    io.to("3").emit("e", "gone").unwrap();
    all.expect("gone", &[]).await;
    drop(all.clients.remove(0));
    until(|| io.sockets().len() == 2).await;
    assert!(io.to("2").sockets().is_empty());
    assert!(rooms(&socket).contains(&"2".to_owned()), "it still tells where it was");
    socket.join("2");
    assert!(io.to("2").sockets().is_empty(), "after its end it joins nothing");
}

fn told(change: &RoomChange) -> String {
    match change {
        RoomChange::Created { room } => format!("create {room}"),
        RoomChange::Joined { room, id } => format!("join {room} {id}"),
        RoomChange::Left { room, id } => format!("leave {room} {id}"),
        RoomChange::Deleted { room } => format!("delete {room}"),
    }
}

#[tokio::test]
async fn changes_of_rooms_are_told_in_order() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let namespace = namespace()
        .on_connect(async |socket: Socket, auth: serde_json::Value| {
            socket.join("lobby");
            if auth["refuse"] == true { Err(Refuse::new("no")) } else { Ok(()) }
        })
        .on_room_change(move |io, change| {
            hears.lock().push(told(change));
            // A listener may change rooms too: that is reported afterwards.
            if let RoomChange::Joined { room, id } = change
                && room.as_str() == "trigger"
            {
                io.socket(id.as_str()).unwrap().leave("trigger");
            }
        });
    let (server, address) = serve([namespace]).await;
    // One thread at a time reports them, one after the other.
    let take = async |count: usize| {
        until(|| heard.lock().len() == count).await;
        std::mem::take(&mut *heard.lock())
    };
    let mut first = Client::open(address).await;
    let a = first.join("40").await;
    assert_eq!(
        take(4).await,
        [
            "create lobby".to_owned(),
            format!("join lobby {a}"),
            format!("create {a}"),
            format!("join {a} {a}"),
        ]
    );
    let mut second = Client::open(address).await;
    let b = second.join("40").await;
    assert_eq!(
        take(3).await,
        [format!("join lobby {b}"), format!("create {b}"), format!("join {b} {b}")]
    );
    let socket = server.io().socket(&a).unwrap();
    socket.join(["lobby", "trigger"]);
    assert_eq!(
        take(4).await,
        [
            "create trigger".to_owned(),
            format!("join trigger {a}"),
            format!("leave trigger {a}"),
            "delete trigger".to_owned(),
        ]
    );
    socket.disconnect();
    let mut ended = take(3).await;
    ended.sort();
    let mut expected =
        [format!("delete {a}"), format!("leave {a} {a}"), format!("leave lobby {a}")];
    expected.sort();
    assert_eq!(ended, expected);
    drop(second);
    assert!(take(4).await.contains(&"delete lobby".to_owned()));
    // What a refused client joined is undone; it never had a room of its own.
    let mut refused = Client::open(address).await;
    refused.send(r#"40{"refuse":true}"#).await;
    refused.expect(r#"44{"message":"no"}"#).await;
    let undone = take(4).await;
    let words: Vec<_> = undone.iter().map(|told| told.split(' ').next().unwrap()).collect();
    assert_eq!(words, ["create", "join", "leave", "delete"]);
    assert!(undone.iter().all(|told| told.contains("lobby")));
}
