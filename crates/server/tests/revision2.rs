//! Clients of Socket.IO 2 beside those of today, on one server (SOCKETIO_SURFACE A3 "EIO3 era").

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::SocketAddr;

use common::{Client, Received, listen, until, with_sync};
use serde_json::{Value, json};
use sockeye::{
    Ack, Args, Binary, Config, Io, Namespace, RawArgs, RecoveryConfig, Refuse, Server, Socket,
};
use sockeye_testing::raw::Peer;

fn config() -> Config {
    let mut config = Config::default();
    config.engine.allow_eio3 = true;
    config
}

async fn serve(config: Config, namespaces: Vec<Namespace>) -> (Server, SocketAddr) {
    let builder = Server::builder().config(config);
    let server = namespaces.into_iter().fold(builder, |b, n| b.namespace(n)).build().unwrap();
    let address = listen(&server).await;
    (server, address)
}

async fn open_old(address: SocketAddr) -> Client {
    Client::open_with(address, "&EIO=3").await
}

fn sid(client: &Client) -> &str {
    client.open["sid"].as_str().unwrap()
}

#[tokio::test]
async fn old_clients_are_refused_unless_they_are_allowed() {
    let (_server, address) = serve(Config::default(), vec![]).await;
    let mut peer = Peer::new(tokio::net::TcpStream::connect(address).await.unwrap());
    peer.get("/socket.io/?EIO=3&transport=polling").await;
    let answer = peer.response().await.unwrap();
    assert_eq!(answer.status, 400);
    assert_eq!(answer.text(), r#"{"code":5,"message":"Unsupported protocol version"}"#);
}

#[tokio::test]
async fn the_main_namespace_is_joined_without_asking_under_the_sessions_id() {
    let root = Namespace::new("/").on("id", async |s: Socket| Ack(s.id()));
    let (server, address) = serve(config(), vec![root]).await;
    let mut old = open_old(address).await;
    old.expect("40").await;
    old.send(r#"421["id"]"#).await;
    let id = sid(&old).to_owned();
    old.expect(&format!(r#"431["{id}"]"#)).await;
    assert_eq!(server.io().sockets().len(), 1);
    server.io().to(id.as_str()).emit("for you", &1).unwrap();
    old.expect(r#"42["for you",1]"#).await;
    // Which it may not ask for as well.
    old.send("40").await;
    old.expect_closed().await;
}

#[tokio::test]
async fn other_namespaces_have_their_query_as_auth_and_their_name_in_the_id() {
    async fn admit(socket: Socket, auth: Value) {
        socket.set(auth);
    }
    let auth = async |socket: Socket| Ack(json!([socket.get::<Value>().as_deref(), socket.id()]));
    let foo = Namespace::new("/foo").on_connect(admit).on("auth", auth);
    let (server, address) = serve(config(), vec![foo]).await;
    let mut old = open_old(address).await;
    old.expect("40").await;
    old.send("40/foo?token=abc&list=1&list=2,").await;
    old.expect("40/foo,").await;
    old.send(r#"42/foo,7["auth"]"#).await;
    let id = format!("/foo#{}", sid(&old));
    old.expect(&format!(r#"43/foo,7[[{{"list":["1","2"],"token":"abc"}},"{id}"]]"#)).await;
    let foo = server.of("/foo").unwrap();
    assert!(foo.socket(&id).is_some());
    foo.to(id.as_str()).emit("for you", &()).unwrap();
    old.expect(r#"42/foo,["for you"]"#).await;
    // Leaves, and comes back with another query and the same id.
    old.send("41/foo,").await;
    until(|| foo.sockets().is_empty()).await;
    old.send("40/foo").await;
    old.expect("40/foo,").await;
    old.send(r#"42/foo,8["auth"]"#).await;
    old.expect(&format!(r#"43/foo,8[[{{}},"{id}"]]"#)).await;
}

#[tokio::test]
async fn refusals_are_data_or_a_text_and_the_connection_stays() {
    async fn text() -> Result<(), Refuse> {
        Err(Refuse::new("not you"))
    }
    async fn data() -> Result<(), Refuse> {
        Err(Refuse::new("not you").with_data(&json!({ "code": 401 })))
    }
    let root = Namespace::new("/").on_connect(text);
    let foo = Namespace::new("/foo").on_connect(data);
    let bar = with_sync(Namespace::new("/bar"));
    let (server, address) = serve(config(), vec![root, foo, bar]).await;
    let mut old = open_old(address).await;
    old.expect(r#"44"not you""#).await;
    old.send("40/foo,").await;
    old.expect(r#"44/foo,{"code":401}"#).await;
    old.send("40/nope,").await;
    old.expect(r#"44/nope,{"message":"Invalid namespace"}"#).await;
    old.send("40/bar,").await;
    old.expect("40/bar,").await;
    assert!(server.io().sockets().is_empty());
    // A packet for the namespace that refused it ends the session, as always.
    old.send(r#"42["a"]"#).await;
    old.expect_closed().await;
}

#[tokio::test]
async fn events_acks_and_attachments_go_both_ways_with_the_marked_frames_of_engine_io_3() {
    async fn echo(args: RawArgs) -> Ack<RawArgs> {
        Ack(args)
    }
    async fn ask(socket: Socket) -> Ack<Binary> {
        let question = Args((1, Binary(vec![5].into())));
        let event = sockeye::Event::<Args<(u8, Binary)>, Binary>::new("question");
        let answer = socket.emit_with_ack(event, &question);
        Ack(answer.await.unwrap())
    }
    let root = Namespace::new("/").on("echo", echo).on("ask", ask);
    let (_server, address) = serve(config(), vec![root]).await;
    let mut old = open_old(address).await;
    old.expect("40").await;
    old.send(r#"423["echo",1,"two",{"three":null}]"#).await;
    old.expect(r#"433[1,"two",{"three":null}]"#).await;
    old.send(r#"451-4["echo",{"_placeholder":true,"num":0}]"#).await;
    // The packet's type is a byte of its own in revision 3.
    old.send_binary(&[4, 1, 2, 3]).await;
    old.expect(r#"461-4[{"_placeholder":true,"num":0}]"#).await;
    old.expect_binary(&[4, 1, 2, 3]).await;
    old.send(r#"429["ask"]"#).await;
    old.expect(r#"451-0["question",1,{"_placeholder":true,"num":0}]"#).await;
    old.expect_binary(&[4, 5]).await;
    old.send(r#"461-0[{"_placeholder":true,"num":0}]"#).await;
    old.send_binary(&[4, 6]).await;
    old.expect(r#"461-9[{"_placeholder":true,"num":0}]"#).await;
    old.expect_binary(&[4, 6]).await;
}

#[tokio::test]
async fn one_broadcast_reaches_clients_of_both_revisions() {
    let root = with_sync(Namespace::new("/").on_connect(async |s: Socket| s.join("both")));
    let (server, address) = serve(config(), vec![root]).await;
    let mut old = open_old(address).await;
    old.expect("40").await;
    let mut new = Client::connect(address).await;
    let picture = Args(("picture", Binary(vec![1, 2].into())));
    server.io().to("both").emit("look", &picture).unwrap();
    for (client, frame) in [(&mut old, &[4, 1, 2][..]), (&mut new, &[1, 2])] {
        client.expect(r#"451-["look","picture",{"_placeholder":true,"num":0}]"#).await;
        client.expect_binary(frame).await;
    }
    old.send("41").await;
    until(|| server.io().sockets().len() == 1).await;
    server.io().to("both").emit("look", &0).unwrap();
    new.expect(r#"42["look",0]"#).await;
}

#[tokio::test]
async fn the_server_disconnects_an_old_client() {
    let kick = async |socket: Socket| socket.disconnect();
    let close = async |socket: Socket| socket.close_session();
    let root = Namespace::new("/").on("close", close);
    let (_server, address) =
        serve(config(), vec![root, Namespace::new("/foo").on("kick", kick)]).await;
    let mut old = open_old(address).await;
    old.expect("40").await;
    old.send("40/foo,").await;
    old.expect("40/foo,").await;
    old.send(r#"42/foo,["kick"]"#).await;
    old.expect("41/foo,").await;
    old.send(r#"42["close"]"#).await;
    old.expect("41").await;
    old.expect_closed().await;
}

#[tokio::test]
async fn with_recovery_old_clients_see_neither_private_ids_nor_offsets() {
    let recovery = Some(RecoveryConfig::default());
    let root = Namespace::new("/").on_connected(async |s: Socket| s.emit("hello", &1).unwrap());
    let (server, address) = serve(Config { recovery, ..config() }, vec![root]).await;
    let mut old = open_old(address).await;
    old.expect("40").await;
    old.expect(r#"42["hello",1]"#).await;
    let mut new = Client::connect(address).await;
    assert!(
        matches!(new.receive().await, Received::Text(text) if text.starts_with(r#"42["hello",1,""#))
    );
    server.io().emit("all", &()).unwrap();
    old.expect(r#"42["all"]"#).await;
    let text = new.text().await;
    assert!(text.starts_with(r#"42["all",""#), "{text}");
    for socket in server.io().sockets() {
        until(|| socket.session().is_writable()).await;
    }
    server.io().volatile().emit("now", &()).unwrap();
    old.expect(r#"42["now"]"#).await;
    let text = new.text().await;
    assert!(text.starts_with(r#"42["now",""#), "{text}");
}

#[tokio::test]
async fn what_is_sent_while_an_old_client_is_admitted_follows_the_reply() {
    async fn admit(socket: Socket, io: Io) {
        socket.join("early");
        socket.emit("first", &1).unwrap();
        io.to("early").emit("second", &2).unwrap();
        tokio::task::yield_now().await;
    }
    for recovery in [None, Some(RecoveryConfig::default())] {
        let root = Namespace::new("/").on_connect(admit);
        let (_server, address) = serve(Config { recovery, ..config() }, vec![root]).await;
        let mut old = open_old(address).await;
        old.expect("40").await;
        old.expect(r#"42["first",1]"#).await;
        old.expect(r#"42["second",2]"#).await;
    }
}

#[tokio::test]
async fn a_namespace_the_server_ended_can_be_asked_for_at_once() {
    let kick = async |socket: Socket| socket.disconnect();
    let root = Namespace::new("/").on("kick", kick);
    let (_server, address) = serve(config(), vec![root]).await;
    let mut new = Client::connect(address).await;
    for _ in 0..50 {
        new.send(r#"42["kick"]"#).await;
        new.expect("41").await;
        new.join("40").await;
    }
}
