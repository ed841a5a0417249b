//! What hostile peers send (`USER_ASKS`, abuse list 7, 8 and 10): the process survives, others
//! notice nothing, and what was held for the peer is freed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{Client, PATIENCE, Received, listen, serve, until, with_sync};
use futures_util::FutureExt;
use sockeye::{
    Ack, Acker, Config, Deferred, Event, Namespace, RawArgs, RecoveryConfig, Server, Socket,
};
use sockeye_testing::raw::Peer;
use tokio::net::TcpStream;
use tokio::time::timeout;

fn namespace() -> Namespace {
    with_sync(Namespace::new("/")).on("echo", async |args: RawArgs| Ack(args))
}

/// The state of a session after a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    Ends,
    Lives,
}

/// Abuse 7: packets of every kind with too little, too much or the wrong thing in them. (Names that
/// are no text, CVE-2023-30591, and those of internal events, CVE-2024-38355, among them.)
#[tokio::test]
async fn a_bad_packet_ends_its_session_and_no_other() {
    use Then::{Ends, Lives};
    let (server, address) = serve([namespace(), Namespace::new("/other")]).await;
    let mut neighbour = Client::connect(address).await;
    let deep = format!("42[\"echo\",{}{}]", "[".repeat(10_000), "]".repeat(10_000));
    let deep_open = format!("42[\"echo\",{}", "[".repeat(10_000));
    let huge = format!("42[\"echo\",{}]", "9".repeat(10_000));
    let long_name = format!("40/{},", "n".repeat(900_000));
    let long_event = format!("42[\"{}\"]", "n".repeat(900_000));
    let placeholder = |num: &str| format!(r#"451-["echo",{{"_placeholder":true,"num":{num}}}]"#);
    let placeholders = ["-1", "1", "0.5", "1e9", "\"0\"", "null", "{}"].map(placeholder);
    let names = ["null", "true", "{}", "[]", "{\"toString\":1}"].map(|name| format!("42[{name}]"));
    let reserved = ["connect", "connect_error", "disconnect", "disconnecting", "newListener"]
        .map(|name| format!("42[\"{name}\"]"));
    let mut cases: Vec<(&str, Then)> = vec![
        ("4", Ends),
        ("47", Ends),
        ("4abc", Ends),
        ("40", Ends),
        ("40[]", Ends),
        ("40/other,\"text\"", Ends),
        ("40/other,{\"a\":}", Ends),
        ("41{}", Ends),
        ("41/never,", Ends),
        ("42", Lives),
        ("42[]", Ends),
        ("42{}", Ends),
        ("42[\"echo\"", Ends),
        ("42/never,[\"a\"]", Ends),
        ("42[1]", Lives),
        ("4299999999999999999999[\"echo\"]", Ends),
        ("43", Lives),
        ("43[]", Lives),
        ("431{}", Ends),
        ("44{\"message\":\"no\"}", Ends),
        ("45", Ends),
        ("45-[\"echo\"]", Ends),
        ("450-[\"echo\"]", Ends),
        ("45-1-[\"echo\"]", Ends),
        ("451.5-[\"echo\"]", Ends),
        ("4511-[\"echo\"]", Ends),
        ("4599999999999999999999-[\"echo\"]", Ends),
        ("460-1[]", Ends),
        // Two keys of one name, and numbers that fit no type: an echo is none the worse.
        ("42[\"echo\",{\"a\":1,\"a\":2,\"__proto__\":3}]", Lives),
        (&deep, Lives),
        (&deep_open, Ends),
        (&huge, Lives),
        (&long_name, Ends),
        (&long_event, Ends),
    ];
    cases.extend(placeholders.iter().chain(&names).chain(&reserved).map(|text| (&**text, Ends)));
    for (packet, then) in cases {
        let shown = &packet[..packet.len().min(60)];
        let mut client = Client::connect(address).await;
        client.send(packet).await;
        match then {
            Ends => assert_eq!(client.receive().await, Received::Closed, "{shown}"),
            Lives => client.expect_nothing().await,
        }
        neighbour.expect_nothing().await;
    }
    until(|| server.sessions() == 1).await;
    assert_eq!(server.io().sockets().len(), 1);
}

/// Abuse 7: text among attachments, attachments without a packet, in every order.
#[tokio::test]
async fn attachments_out_of_place_end_the_session() {
    let (server, address) = serve([namespace()]).await;
    let mut neighbour = Client::connect(address).await;
    let announced = r#"451-["echo",{"_placeholder":true,"num":0}]"#;
    for text in [announced, "42[\"echo\"]", "41", "40/other,"] {
        let mut client = Client::connect(address).await;
        client.send(announced).await;
        client.send(text).await;
        client.expect_closed().await;
    }
    let mut client = Client::connect(address).await;
    client.send_binary(&[1]).await;
    client.expect_closed().await;
    let mut client = Client::connect(address).await;
    client.send(announced).await;
    client.send_binary(&[1]).await;
    client.send_binary(&[2]).await;
    client.expect_closed().await;
    neighbour.expect_nothing().await;
    until(|| server.sessions() == 1).await;
}

/// GHSA-55mf-67qm-4wpg, CVE-2026-33151: before it is let in, a peer may hold a packet's worth of
/// attachments, and that not for ever.
#[tokio::test]
async fn attachments_that_never_come_are_waited_for_in_vain_only_so_long() {
    let config = Config { attachments_timeout: Duration::from_millis(700), ..Config::default() };
    let server = Server::builder().config(config).namespace(namespace()).build().unwrap();
    let address = listen(&server).await;
    let mut slow = Client::connect(address).await;
    let mut quick = Client::connect(address).await;
    slow.send(r#"4510-["echo"]"#).await;
    slow.send_binary(&[0; 1000]).await;
    // A client that completes each of its packets has the full time for the next.
    let ended = async {
        loop {
            quick.send(r#"451-7["echo",{"_placeholder":true,"num":0}]"#).await;
            quick.send_binary(&[1]).await;
            quick.expect(r#"461-7[{"_placeholder":true,"num":0}]"#).await;
            quick.expect_binary(&[1]).await;
            if let Some(received) = slow.receive_whenever().now_or_never() {
                return received;
            }
        }
    };
    assert_eq!(timeout(PATIENCE, ended).await.unwrap(), Received::Closed);
    quick.expect_nothing().await;
    until(|| server.sessions() == 1).await;
}

/// Abuse 7: namespaces that are not there, many of them, and more than a session may have.
#[tokio::test]
async fn namespaces_of_a_session_are_bounded() {
    let any = Namespace::new("/room-{id}");
    let config = Config {
        namespaces_per_session_max: 3,
        cleanup_empty_child_namespaces: true,
        ..Config::default()
    };
    let server =
        Server::builder().config(config).namespace(namespace()).namespace(any).build().unwrap();
    let address = listen(&server).await;
    let mut client = Client::connect(address).await;
    for number in 0..2_000 {
        client.send(&format!("40/none-{number},")).await;
        client.expect(&format!(r#"44/none-{number},{{"message":"Invalid namespace"}}"#)).await;
    }
    client.join("40/room-1,").await;
    client.join("40/room-2,").await;
    for number in 3..100 {
        client.send(&format!("40/room-{number},")).await;
        client.expect(&format!(r#"44/room-{number},{{"message":"Too many namespaces"}}"#)).await;
    }
    assert_eq!(server.namespaces().len(), 3, "what is refused is not made");
    drop(client);
    until(|| server.namespaces().len() == 1 && server.sessions() == 0).await;
}

/// Abuse 8: acks that were not asked for.
#[tokio::test]
async fn acks_to_unknown_ids_and_second_acks_are_ignored() {
    const QUESTION: Event<(), u32> = Event::new("question");
    let (server, address) = serve([namespace()]).await;
    let mut client = Client::connect(address).await;
    for id in ["0", "7", "9007199254740993", "18446744073709551615"] {
        client.send(&format!("43{id}[1]")).await;
    }
    client.expect_nothing().await;
    let socket = server.io().sockets().pop().unwrap();
    let asked = tokio::spawn(async move { socket.emit_with_ack(QUESTION, &()).await });
    client.expect(r#"420["question"]"#).await;
    client.send_together(&["430[1]", "430[2]", "430[\"three\"]"]).await;
    assert_eq!(asked.await.unwrap().unwrap(), 1);
    client.expect_nothing().await;
    // An id that JavaScript cannot represent is returned as it was.
    client.send("4218446744073709551615[\"echo\"]").await;
    client.expect("4318446744073709551615[]").await;
}

/// Abuse 8: a client that asks and whose handlers never answer, and one that floods rooms.
#[tokio::test]
async fn floods_through_events_are_given_back_when_the_client_goes() {
    async fn never(acker: Acker<u8>) -> Deferred<u8> {
        acker.defer()
    }
    async fn join(socket: Socket, room: String) {
        socket.join(room);
    }
    let root = namespace().on("never", never).on("join", join);
    let (server, address) = serve([root]).await;
    let mut neighbour = Client::connect(address).await;
    let mut client = Client::connect(address).await;
    for number in 0..5_000 {
        client.send(&format!("42{number}[\"never\"]")).await;
        client.send(&format!("42[\"join\",\"room {number}\"]")).await;
    }
    client.expect_nothing().await;
    assert_eq!(server.io().to("room 4999").sockets().len(), 1);
    neighbour.expect_nothing().await;
    drop(client);
    until(|| server.sessions() == 1).await;
    assert!(server.io().to("room 4999").sockets().is_empty(), "rooms end with their members");
}

/// The first line of the answer to a request, and its body.
async fn request(address: SocketAddr, target: &str, headers: &str) -> String {
    let mut peer = Peer::new(TcpStream::connect(address).await.unwrap());
    peer.send(format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n")).await;
    let response = peer.response().await.unwrap();
    response.head.clone() + response.text()
}

/// Abuse 10, CVE-2020-28481, CVE-2019-13611: any page, any transport, an upgrade or a return.
#[tokio::test]
async fn pages_from_elsewhere_get_in_by_no_way() {
    const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let config = Config { recovery: Some(RecoveryConfig::default()), ..Config::default() };
    let server = Server::builder().config(config).namespace(namespace()).build().unwrap();
    let address = listen(&server).await;
    let own = format!("Origin: http://{address}\r\n");
    for (origin, is_own) in [
        ("", true),
        (&*own, true),
        ("Origin: http://elsewhere.example\r\n", false),
        ("Origin: null\r\n", false),
        ("Origin: http://127.0.0.1.elsewhere.example\r\n", false),
        ("Origin: http://127.0.0.1:1\r\n", false),
    ] {
        for cookie in ["", "Cookie: session=of-the-victim\r\n", "Authorization: Bearer x\r\n"] {
            let headers = format!("{origin}{cookie}");
            let polling = "/socket.io/?EIO=4&transport=polling";
            let opened = request(address, polling, &headers).await;
            assert_eq!(opened.starts_with("HTTP/1.1 200"), is_own, "{headers}{opened}");
            assert_eq!(opened.starts_with("HTTP/1.1 403"), !is_own, "{headers}{opened}");
            let websocket = "/socket.io/?EIO=4&transport=websocket";
            let opened = request(address, websocket, &format!("{UPGRADE}{headers}")).await;
            assert_eq!(opened.starts_with("HTTP/1.1 101"), is_own, "{headers}{opened}");
            // Another client's session, whose id has leaked.
            let victim = request(address, polling, "").await;
            let sid = victim.split("\"sid\":\"").nth(1).unwrap().split('"').next().unwrap();
            for (target, more, taken) in [
                (format!("{websocket}&sid={sid}"), UPGRADE, "HTTP/1.1 101"),
                (format!("{polling}&sid={sid}"), "", "HTTP/1.1 200"),
            ] {
                if !is_own {
                    let answer = request(address, &target, &format!("{more}{headers}")).await;
                    assert!(!answer.starts_with(taken), "{target} {headers}{answer}");
                }
            }
        }
    }
    assert!(server.io().sockets().is_empty());
}
