//! Joining namespaces: what is admitted, what is refused, and what ends the session.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Client, Received, in_memory, request, serve, until, with_sync};
use serde::Deserialize;
use sockeye::{Io, Namespace, Refuse, Socket};
use sockeye_testing::TestServer;

#[derive(Deserialize)]
struct Auth {
    token: Option<String>,
}

async fn admit(socket: Socket, auth: Auth) -> Result<(), Refuse> {
    socket.join("inside");
    socket.emit("early", &1).unwrap();
    socket.io().to("inside").emit("early", &2).unwrap();
    tokio::task::yield_now().await;
    match auth.token.as_deref() {
        Some("good") => Ok(()),
        Some(_) => Err(Refuse::new("bad token").with_data(&serde_json::json!({ "code": 401 }))),
        None => Err(Refuse::new("no token")),
    }
}

#[tokio::test]
async fn the_reply_holds_a_socket_id_and_nothing_else() {
    let (_server, address) = serve([Namespace::new("/custom")]).await;
    let mut client = Client::open(address).await;
    let main = client.join("40").await;
    let custom = client.join("40/custom,").await;
    let sid = client.open["sid"].as_str().unwrap();
    assert!(main.len() == 20 && custom.len() == 20);
    assert!(main != custom && main != sid && custom != sid);
    let mut other = Client::open(address).await;
    other.send("40").await;
    let reply = other.text().await;
    assert_eq!(reply.len(), r#"40{"sid":"12345678901234567890"}"#.len(), "{reply}");
}

#[tokio::test]
async fn an_unknown_namespace_is_refused_and_the_session_goes_on() {
    let (_server, address) = serve([]).await;
    let mut client = Client::open(address).await;
    client.send("40/random,").await;
    client.expect(r#"44/random,{"message":"Invalid namespace"}"#).await;
    client.join("40").await;
}

#[tokio::test]
async fn a_refusal_carries_its_data_and_undoes_what_was_joined() {
    let (server, address) = serve([Namespace::new("/").on_connect(admit)]).await;
    let mut client = Client::open(address).await;
    client.send("40").await;
    client.expect(r#"44{"message":"no token"}"#).await;
    client.send(r#"40{"token":"bad"}"#).await;
    client.expect(r#"44{"message":"bad token","data":{"code":401}}"#).await;
    assert!(server.io().to("inside").sockets().is_empty());
    client.send(r#"40{"token":1}"#).await;
    assert!(client.text().await.starts_with(r#"44{"message":"the arguments are not"#));
}

#[tokio::test]
async fn what_a_connect_handler_sends_follows_the_reply() {
    let (server, address) = serve([Namespace::new("/").on_connect(admit)]).await;
    let mut client = Client::open(address).await;
    client.join(r#"40{"token":"good"}"#).await;
    client.expect(r#"42["early",1]"#).await;
    client.expect(r#"42["early",2]"#).await;
    assert_eq!(server.io().to("inside").sockets().len(), 1);
}

#[tokio::test]
async fn the_connected_handler_reaches_everybody_its_own_socket_included() {
    let hello = async |socket: Socket, io: Io| io.emit("joined", socket.id().as_str()).unwrap();
    let (_server, address) = serve([Namespace::new("/").on_connected(hello)]).await;
    let mut first = Client::open(address).await;
    let id = first.join("40").await;
    first.expect(&format!(r#"42["joined","{id}"]"#)).await;
    let mut second = Client::open(address).await;
    let id = second.join("40").await;
    second.expect(&format!(r#"42["joined","{id}"]"#)).await;
    first.expect(&format!(r#"42["joined","{id}"]"#)).await;
}

#[tokio::test]
async fn what_breaks_the_rules_ends_its_session_alone() {
    let (server, address) = serve([with_sync(Namespace::new("/"))]).await;
    let mut bystander = Client::connect(address).await;
    let bad = [
        "42[\"before connect\"]",
        "41",
        "431[]",
        "44{\"message\":\"x\"}",
        "4abc",
        "42{}",
        "42abc[\"message\"]",
        "42[1",
        "42[{}]",
        "42[\"disconnect\"]",
        "40[1]",
        "451-[\"x\"]x",
        "450-[\"x\"]",
        "4511-[\"x\",{\"_placeholder\":true,\"num\":0}]",
        "451-[\"x\",{\"_placeholder\":true,\"num\":1}]",
        "47",
        "4",
        "9",
        "",
    ];
    for packet in bad {
        let mut client = Client::open(address).await;
        if !["42[\"before connect\"]", "41", "431[]"].contains(&packet) {
            client.join("40").await;
        }
        client.send(packet).await;
        assert_eq!(client.receive().await, Received::Closed, "after {packet:?}");
    }
    let mut client = Client::connect(address).await;
    client.send("40").await;
    client.expect_closed().await;
    let mut client = Client::connect(address).await;
    client.send_binary(b"no packet announced this").await;
    client.expect_closed().await;
    bystander.expect_nothing().await;
    until(|| server.sessions() == 1).await;
    assert_eq!(server.io().sockets().len(), 1);
}

#[tokio::test]
async fn a_namespace_may_be_left_and_joined_again() {
    let (_server, address) = serve([with_sync(Namespace::new("/"))]).await;
    let mut client = Client::connect(address).await;
    client.send("41").await;
    let again = client.join("40").await;
    assert_eq!(again.len(), 20);
    client.expect_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_without_namespace_is_closed_in_time() {
    let connect_timeout = std::time::Duration::from_millis(50);
    let config = sockeye::Config { connect_timeout, ..sockeye::Config::default() };
    let server = sockeye::Server::builder().config(config).build().unwrap();
    let memory = TestServer::new(server);
    let mut idle = Client::open(&memory).await;
    let mut joined = Client::connect(&memory).await;
    idle.expect_closed().await;
    joined.send("41").await;
    joined.join("40").await;
}

/// What was sent before comes first, and the session ends with the poll behind it: the bytes of the
/// official server.
#[tokio::test]
async fn what_breaks_the_protocol_over_polling_is_told_to_the_next_poll() {
    for (packets, polls) in [
        (&["40", "40"][..], &["40{", "6\x1e1"][..]),
        (&["42[\"some event\"]"], &["6\x1e1"]),
        (&["40", "4abc"], &["40{", "6\x1e1"]),
    ] {
        let memory = in_memory([Namespace::new("/")]);
        let opened = request(&memory, "GET", "", "").await;
        let sid = opened.split("\"sid\":\"").nth(1).unwrap().split('"').next().unwrap();
        let session = format!("&sid={sid}");
        for packet in packets {
            assert_eq!(request(&memory, "POST", &session, packet).await, "ok");
        }
        for poll in polls {
            let body = request(&memory, "GET", &session, "").await;
            assert!(
                body == *poll || *poll == "40{" && body.starts_with(poll),
                "{packets:?}: {body}"
            );
        }
        assert!(request(&memory, "GET", &session, "").await.contains("Session ID unknown"));
    }
}

#[tokio::test]
async fn other_paths_are_not_ours() {
    use tower_service::Service;
    let server = sockeye::Server::builder().build().unwrap();
    for path in ["/", "/nowhere", "/socket.iox/", "/x/socket.io/"] {
        let uri = format!("{path}?EIO=4&transport=polling");
        let request = http::Request::get(uri).body(sockeye::Body::default()).unwrap();
        let response = server.clone().into_service().call(request).await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
    }
    assert_eq!(server.sessions(), 0);
}

#[tokio::test]
async fn connect_handlers_run_one_after_the_other() {
    async fn first(socket: Socket, auth: Auth) -> Result<(), Refuse> {
        tokio::task::yield_now().await;
        socket.emit("step", "first").unwrap();
        socket.set(auth.token.ok_or_else(|| Refuse::new("no token"))?);
        Ok(())
    }
    async fn second(socket: Socket) -> Result<(), Refuse> {
        socket.emit("step", "second").unwrap();
        let token = socket.get::<String>().unwrap();
        if *token == "good" { Ok(()) } else { Err(Refuse::new("second says no")) }
    }
    let namespace = with_sync(Namespace::new("/"))
        .on_connect(first)
        .on_connect(second)
        .on_connect(async |socket: Socket| socket.emit("step", "third").unwrap())
        .on_connected(async |socket: Socket| socket.emit("connected", &1).unwrap())
        .on_connected(async |socket: Socket| socket.emit("connected", &2).unwrap());
    let (server, address) = serve([namespace]).await;
    let mut client = Client::open(address).await;
    client.send("40").await;
    client.expect(r#"44{"message":"no token"}"#).await;
    client.send(r#"40{"token":"other"}"#).await;
    client.expect(r#"44{"message":"second says no"}"#).await;
    assert!(server.io().sockets().is_empty());
    client.join(r#"40{"token":"good"}"#).await;
    for step in ["first", "second", "third"] {
        client.expect(&format!(r#"42["step","{step}"]"#)).await;
    }
    client.expect(r#"42["connected",1]"#).await;
    client.expect(r#"42["connected",2]"#).await;
    client.expect_nothing().await;
}
