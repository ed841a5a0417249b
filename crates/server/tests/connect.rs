//! Joining namespaces: what is admitted, what is refused, and what ends the session.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{Client, Received, in_memory, request, serve, until, with_sync};
use serde::Deserialize;
use sockeye::{Ack, DisconnectReason, Io, Namespace, Refuse, Socket};
use sockeye_testing::TestServer;
use tokio::sync::Semaphore;

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
    client.expect(r#"44{"message":"the `auth` is not what this namespace expects"}"#).await;
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
        let request =
            http::Request::get(uri).header("host", "a").body(sockeye::Body::default()).unwrap();
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

#[derive(Clone, Deserialize)]
struct Who {
    n: usize,
    #[serde(default)]
    refuse: bool,
}

/// The outcomes of the sockets of `/b`, whose admissions wait for their gates: their names are what
/// the client sends as `auth`.
struct Slow {
    server: sockeye::Server,
    gates: [Arc<Semaphore>; 3],
    log: Arc<parking_lot::Mutex<Vec<String>>>,
    client: Client,
}

impl Slow {
    async fn start() -> Self {
        let gates: [Arc<Semaphore>; 3] = std::array::from_fn(|_| Arc::new(Semaphore::new(0)));
        let log = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let (waits, joined, left) = (gates.clone(), Arc::clone(&log), Arc::clone(&log));
        let slow = with_sync(Namespace::new("/b"))
            .on_connect(move |socket: Socket, who: Who| {
                let gate = Arc::clone(&waits[who.n]);
                async move {
                    socket.join("inside");
                    gate.acquire().await.unwrap().forget();
                    socket.join("behind the gate");
                    socket.set(who.clone());
                    if who.refuse { Err(Refuse::new("no")) } else { Ok(()) }
                }
            })
            .on_connected(move |socket: Socket| {
                joined.lock().push(format!("{} joined", socket.get::<Who>().unwrap().n));
                std::future::ready(())
            })
            .on_disconnect(move |socket: Socket, reason: DisconnectReason| {
                let n = socket.get::<Who>().unwrap().n;
                left.lock().push(format!("{n} left: {reason}"));
                std::future::ready(())
            })
            .on("who", async |socket: Socket| Ack(socket.get::<Who>().unwrap().n));
        let (server, address) = serve([with_sync(Namespace::new("/")), slow]).await;
        let client = Client::connect(address).await;
        Slow { server, gates, log, client }
    }

    async fn send(&mut self, packets: &[&str]) {
        self.client.send_together(packets).await;
        self.client.expect_nothing().await;
    }

    /// Lets one of them pass; its answer is expected.
    async fn pass(&mut self, n: usize) -> String {
        self.gates[n].add_permits(1);
        self.client.text().await
    }

    fn members(&self) -> usize {
        self.server.of("/b").unwrap().sockets().len()
    }

    async fn expect_one_member(&mut self, who: usize) {
        assert_eq!(self.members(), 1);
        assert_eq!(self.server.of("/b").unwrap().to("inside").sockets().len(), 1);
        self.client.send(r#"42/b,7["who"]"#).await;
        self.client.expect(&format!("43/b,7[{who}]")).await;
        self.server.of("/b").unwrap().emit("all", &1).unwrap();
        self.client.expect(r#"42/b,["all",1]"#).await;
        self.client.expect_nothing().await;
    }
}

/// With the official server both are answered, and the one before the last gets what is sent to
/// everybody as well. Here it ends when the last is admitted.
#[tokio::test]
async fn who_connects_twice_before_the_answer_is_answered_twice_and_is_one() {
    for order in [[0, 1], [1, 0]] {
        let mut slow = Slow::start().await;
        slow.send(&[r#"40/b,{"n":0}"#, r#"40/b,{"n":1}"#]).await;
        let mut answers = Vec::new();
        for n in order {
            answers.push(slow.pass(n).await);
        }
        assert!(answers.iter().all(|answer| answer.starts_with(r#"40/b,{"sid":"#)), "{answers:?}");
        assert_ne!(answers[0], answers[1]);
        slow.expect_one_member(order[1]).await;
        let [first, last] = order;
        let log = [
            format!("{first} joined"),
            format!("{first} left: client namespace disconnect"),
            format!("{last} joined"),
        ];
        assert_eq!(*slow.log.lock(), log);
        // Once connected, a second connect breaks the rules.
        slow.client.send(r#"40/b,{"n":2}"#).await;
        slow.client.expect_closed().await;
    }
}

/// Also when the first is decided at once: the client has not received the reply.
#[tokio::test]
async fn who_connects_twice_in_one_burst_is_answered_twice_and_is_one() {
    let other = with_sync(Namespace::new("/other"));
    let made = with_sync(Namespace::new("/made-{name}"));
    let (server, address) = serve([with_sync(Namespace::new("/")), other, made]).await;
    for namespace in ["/other", "/made-up"] {
        let mut client = Client::connect(address).await;
        let connect = format!("40{namespace},");
        client.send_together(&[&connect, &connect, &connect]).await;
        let mut answers = Vec::new();
        for _ in 0..3 {
            answers.push(client.text().await);
        }
        let reply = format!("40{namespace},{{\"sid\":");
        assert!(answers.iter().all(|answer| answer.starts_with(&reply)), "{answers:?}");
        let sockets = server.of(namespace).unwrap().sockets();
        assert_eq!(sockets.len(), 1);
        assert!(answers[2].contains(sockets[0].id().as_str()), "the last is the one");
        client.send(&format!("42{namespace},0[\"sync\"]")).await;
        client.expect(&format!("43{namespace},0[]")).await;
        // Once it was answered, a second connect breaks the rules.
        client.send(&connect).await;
        client.expect_closed().await;
    }
}

#[tokio::test]
async fn a_second_connect_that_is_refused_leaves_the_first_alone() {
    for order in [[0, 1], [1, 0]] {
        let mut slow = Slow::start().await;
        slow.send(&[r#"40/b,{"n":0}"#, r#"40/b,{"n":1,"refuse":true}"#]).await;
        for n in order {
            let answer = slow.pass(n).await;
            let expected = [r#"40/b,{"sid":"#, r#"44/b,{"message":"no"}"#][n];
            assert!(answer.starts_with(expected), "{answer}");
        }
        slow.expect_one_member(0).await;
    }
}

/// `connect(); disconnect(); connect()`, and leaving for good. A socket that was never connected is
/// in no room, and no handler is called with its end.
#[tokio::test]
async fn who_leaves_before_the_answer_is_never_a_member() {
    let mut slow = Slow::start().await;
    slow.send(&[r#"40/b,{"n":0}"#, "41/b,", r#"40/b,{"n":1}"#]).await;
    slow.gates[0].add_permits(1);
    slow.client.expect_nothing().await;
    assert_eq!(slow.members(), 0, "the second waits for its decision");
    assert!(slow.pass(1).await.starts_with(r#"40/b,{"sid":"#));
    slow.expect_one_member(1).await;
    assert_eq!(*slow.log.lock(), ["1 joined"]);

    let mut slow = Slow::start().await;
    slow.send(&[r#"40/b,{"n":0}"#, r#"40/b,{"n":1}"#, "41/b,"]).await;
    slow.gates.iter().for_each(|gate| gate.add_permits(1));
    slow.client.expect_nothing().await;
    assert_eq!(slow.members(), 0);
    for room in ["inside", "behind the gate"] {
        assert!(slow.server.of("/b").unwrap().to(room).sockets().is_empty(), "{room}");
    }
    assert!(slow.log.lock().is_empty());
    slow.client.join(r#"40/b,{"n":2}"#).await;
    slow.expect_one_member(2).await;
}

/// The client leaves while a refusal, or that it is disconnected, is being sent to it.
#[tokio::test]
async fn who_leaves_before_it_hears_the_answer_keeps_its_session() {
    let mut slow = Slow::start().await;
    slow.gates[0].add_permits(1);
    slow.client.send_together(&[r#"40/b,{"n":0,"refuse":true}"#, "41/b,"]).await;
    slow.client.expect(r#"44/b,{"message":"no"}"#).await;
    slow.client.expect_nothing().await;
    slow.client.send("40/nowhere,").await;
    slow.client.expect(r#"44/nowhere,{"message":"Invalid namespace"}"#).await;
    slow.client.send("41/nowhere,").await;
    slow.client.expect_nothing().await;
    slow.gates[1].add_permits(1);
    slow.client.join(r#"40/b,{"n":1}"#).await;
    slow.server.of("/b").unwrap().disconnect();
    slow.client.send("41/b,").await;
    slow.client.expect("41/b,").await;
    slow.client.expect_nothing().await;
    // Once is enough.
    slow.client.send("41/b,").await;
    slow.client.expect_closed().await;
}

/// Handlers of namespaces that were left still run, and count.
#[tokio::test]
async fn who_comes_and_goes_has_so_many_decisions_under_way() {
    let mut slow = Slow::start().await;
    let refused = r#"44/b,{"message":"Too many namespaces"}"#;
    // Beside `/`, in which it is.
    for _ in 0..99 {
        slow.client.send_together(&[r#"40/b,{"n":0}"#, "41/b,"]).await;
    }
    slow.client.expect_nothing().await;
    for _ in 0..2 {
        slow.client.send_together(&[r#"40/b,{"n":0}"#, "41/b,"]).await;
        slow.client.expect(refused).await;
    }
    slow.client.expect_nothing().await;
    slow.gates[0].add_permits(50);
    slow.gates[1].add_permits(1);
    until(|| slow.gates[0].available_permits() == 0).await;
    slow.client.expect_nothing().await;
    slow.client.join(r#"40/b,{"n":1}"#).await;
    slow.expect_one_member(1).await;
}
