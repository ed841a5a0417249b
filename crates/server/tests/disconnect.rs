//! Disconnection: by server and client, the packets that are sent, and the reasons reported.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Client, in_memory, listen, until, with_sync};
use sockeye::{
    Ack, BuildError, DisconnectReason, Expiry, Local, Namespace, Refuse, Server, Socket,
};
use sockeye_testing::TestServer;

type Reasons = Arc<Mutex<Vec<(String, &'static str)>>>;

fn namespace(path: &'static str, reasons: &Reasons) -> Namespace {
    let reasons = Arc::clone(reasons);
    with_sync(Namespace::new(path))
        .on("kick me", async |socket: Socket| socket.disconnect())
        .on("expire", async |socket: Socket, (after, warning): (u64, u64)| {
            let [after, warning] = [after, warning].map(Duration::from_millis);
            socket.set_expiry((!after.is_zero()).then_some(Expiry { after, warning }));
        })
        .on("close me", async |socket: Socket| socket.close_session())
        .on_disconnect(move |socket: Socket, reason: DisconnectReason| {
            let reasons = Arc::clone(&reasons);
            async move {
                tokio::task::yield_now().await;
                assert!(!socket.is_connected());
                reasons.lock().unwrap().push((socket.namespace().to_owned(), reason.as_str()));
            }
        })
}

fn declare() -> (Server, Reasons) {
    let reasons = Reasons::default();
    let server = Server::builder()
        .namespace(namespace("/", &reasons))
        .namespace(namespace("/b", &reasons))
        .build()
        .unwrap();
    (server, reasons)
}

async fn start() -> (Server, std::net::SocketAddr, Reasons) {
    let (server, reasons) = declare();
    let address = listen(&server).await;
    (server, address, reasons)
}

async fn told(reasons: &Reasons, expected: &[(&str, &str)]) {
    until(|| reasons.lock().unwrap().len() >= expected.len()).await;
    let mut reasons = std::mem::take(&mut *reasons.lock().unwrap());
    reasons.sort();
    let reasons: Vec<_> = reasons.iter().map(|(path, reason)| (path.as_str(), *reason)).collect();
    assert_eq!(reasons, expected);
}

#[tokio::test]
async fn a_client_leaves_one_namespace_and_keeps_the_other() {
    let (server, address, reasons) = start().await;
    let mut client = Client::connect(address).await;
    client.join("40/b,").await;
    client.send("41/b,").await;
    client.expect_nothing().await;
    told(&reasons, &[("/b", "client namespace disconnect")]).await;
    assert!(server.of("/b").unwrap().sockets().is_empty());
    drop(client);
    told(&reasons, &[("/", "transport close")]).await;
}

#[tokio::test]
async fn the_server_disconnects_a_socket_or_the_whole_session() {
    let (_server, address, reasons) = start().await;
    let mut client = Client::connect(address).await;
    client.join("40/b,").await;
    client.send(r#"42/b,["kick me"]"#).await;
    client.expect("41/b,").await;
    told(&reasons, &[("/b", "server namespace disconnect")]).await;
    client.join("40/b,").await;
    client.send(r#"42["close me"]"#).await;
    let mut ends = [client.text().await, client.text().await];
    ends.sort();
    assert_eq!(ends, ["41", "41/b,"]);
    client.expect_closed().await;
    let reason = "server namespace disconnect";
    told(&reasons, &[("/", reason), ("/b", reason)]).await;
}

#[tokio::test]
async fn a_disconnected_socket_is_silent_from_then_on() {
    let (server, address, reasons) = start().await;
    let mut client = Client::connect(address).await;
    client.join("40/b,").await;
    let socket = server.io().sockets().pop().unwrap();
    socket.disconnect();
    socket.disconnect();
    socket.emit("late", &1).unwrap();
    server.io().emit("late", &2).unwrap();
    client.expect("41").await;
    client.send(r#"42/b,7["sync"]"#).await;
    client.expect("43/b,7[]").await;
    told(&reasons, &[("/", "server namespace disconnect")]).await;
}

#[tokio::test]
async fn a_shutdown_tells_everybody_and_waits_for_the_handlers() {
    let (server, address, reasons) = start().await;
    let mut clients = [Client::connect(address).await, Client::connect(address).await];
    let stopping = server.clone();
    let stopped = tokio::spawn(async move { stopping.shutdown().await });
    for client in &mut clients {
        client.expect_closed().await;
    }
    drop(clients);
    stopped.await.unwrap();
    assert_eq!(server.sessions(), 0);
    let reason = "server shutting down";
    assert_eq!(reasons.lock().unwrap().len(), 2, "the handlers have run");
    told(&reasons, &[("/", reason), ("/", reason)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_socket_expires_after_a_warning_unless_it_is_renewed() {
    let (server, reasons) = declare();
    let memory = TestServer::new(server);
    let server = memory.server();
    let mut client = Client::connect(&memory).await;
    client.join("40/b,").await;
    client.send(r#"42["expire",[60000,59999]]"#).await;
    client.expect(r#"42["expiring",60]"#).await;
    client.send(r#"42["expire",[0,0]]"#).await;
    client.send(r#"42["expire",[5,0]]"#).await;
    client.expect("41").await;
    told(&reasons, &[("/", "expired")]).await;
    client.send(r#"42/b,1["sync"]"#).await;
    client.expect("43/b,1[]").await;
    assert!(server.io().sockets().is_empty());
}

#[derive(serde::Deserialize)]
struct Token {
    token: String,
}

/// Tokens begin with the user's name; `old` ones are about to expire.
async fn admit(socket: Socket, auth: Token) -> Result<(), Refuse> {
    tokio::task::yield_now().await;
    let user = auth.token.split('-').next().unwrap_or_default().to_owned();
    if user == "nobody" {
        return Err(Refuse::new("unknown token"));
    }
    let (after, warning) = if auth.token.ends_with("old") { (60, 59) } else { (3600, 30) };
    let [after, warning] = [after, warning].map(Duration::from_secs);
    socket.set_expiry(Some(Expiry { after, warning }));
    socket.set(user);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_shows_new_credentials_in_place() {
    let namespace = with_sync(Namespace::new("/"))
        .on_connect(admit)
        .reauthenticate_on("renew")
        .on("who", async |Local(user): Local<String>, socket: Socket| {
            let auth: Token = socket.auth().unwrap();
            Ack((user.to_string(), auth.token))
        })
        .on("expiring in", async |socket: Socket| {
            Ack(socket.expires_in().map(|left| left.as_secs_f32().round()))
        });
    let memory = in_memory([namespace]);
    let mut client = Client::open(&memory).await;
    let id = client.join(r#"40{"token":"ann-old"}"#).await;
    client.send(r#"420["expiring in"]"#).await;
    client.expect("430[60.0]").await;
    client.send(r#"421["renew",{"token":"nobody-new"}]"#).await;
    client.expect(r#"431[{"error":{"code":"refused","message":"unknown token"}}]"#).await;
    client.send(r#"422["who"]"#).await;
    client.expect(r#"432[["ann","ann-old"]]"#).await;
    client.send(r#"423["renew",{"token":"bob-new"}]"#).await;
    client.expect("433[]").await;
    client.send(r#"424["who"]"#).await;
    client.expect(r#"434[["bob","bob-new"]]"#).await;
    client.send(r#"425["expiring in"]"#).await;
    client.expect("435[3600.0]").await;
    client.send(r#"426["renew",7]"#).await;
    assert!(client.text().await.contains("refused"));
    assert_eq!(id.len(), 20, "it is the same socket all the time");
}

#[test]
fn the_event_of_new_credentials_is_one_of_its_own() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _guard = runtime.enter();
    let build = |namespace: Namespace| Server::builder().namespace(namespace).build();
    let twice = Namespace::new("/").on("renew", async || {}).reauthenticate_on("renew");
    assert!(matches!(build(twice), Err(BuildError::DuplicateEvent { .. })));
    let reserved = Namespace::new("/").reauthenticate_on("connect");
    assert!(matches!(build(reserved), Err(BuildError::ReservedEvent(_))));
}
