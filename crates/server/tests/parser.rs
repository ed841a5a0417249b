//! MessagePack beside JSON on one server, and a parser of an application's own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;

use common::{Client, Received, listen, until, with_sync};
use serde_json::json;
use sockeye::{
    Ack, Args, Binary, Config, DecodeError, Event, Incoming, Messages, MsgpackParser, Namespace,
    Outgoing, PacketDecoder, PacketLimits, Parser, RawArgs, RecoveryConfig, Refuse, Server, Socket,
};

async fn serve(config: Config, namespaces: Vec<Namespace>) -> (Server, SocketAddr) {
    let builder = Server::builder().config(config);
    let server = namespaces.into_iter().fold(builder, |b, n| b.namespace(n)).build().unwrap();
    let address = listen(&server).await;
    (server, address)
}

fn msgpack() -> Config {
    Config { parser: Some(Arc::new(MsgpackParser)), ..Config::default() }
}

/// A packet of a client, given as JSON would have it.
fn packed(json: &str, attachments: &[&'static [u8]]) -> Vec<u8> {
    let attachments: Vec<_> = attachments.iter().map(|a| bytes::Bytes::from_static(a)).collect();
    let messages = sockeye_socket_proto::transcode(&MsgpackParser, json, &attachments).unwrap();
    messages.binary[0].to_vec()
}

async fn expect_packed(client: &mut Client, json: &str, attachments: &[&'static [u8]]) {
    client.expect_binary(&packed(json, attachments)).await;
}

/// A client that is connected to `/`, and its id.
async fn connect(address: SocketAddr) -> (Client, String) {
    let mut client = Client::open(address).await;
    client.send_binary(&packed("0", &[])).await;
    let Received::Binary(reply) = client.receive().await else { panic!("no reply") };
    let id = String::from_utf8(reply[reply.len() - 20..].to_vec()).unwrap();
    assert_eq!(reply, packed(&format!(r#"0{{"sid":"{id}"}}"#), &[]));
    (client, id)
}

/// Null is an argument, half a surrogate pair is U+FFFD, and what looks like a placeholder is not sent
/// beside bytes: as in JSON.
#[tokio::test]
async fn odd_values_are_treated_as_in_json() {
    let root = Namespace::new("/")
        .on("json", async |value: serde_json::Value| Ack(value))
        .on("halves", async || Ack(RawArgs::new(r#""\ud83c",{"\udf89":1}"#, &[])))
        .on("beside", async || {
            Ack(Args((json!({ "_placeholder": true, "num": 0 }), Binary("x".into()))))
        });
    let (_server, address) = serve(msgpack(), vec![root]).await;
    let (mut client, _) = connect(address).await;
    client.send_binary(&packed(r#"21["json",null]"#, &[])).await;
    expect_packed(&mut client, "31[null]", &[]).await;
    client.send_binary(&packed(r#"22["json",{"\ud83c":"\udf89"}]"#, &[])).await;
    expect_packed(&mut client, "32[{\"\u{fffd}\":\"\u{fffd}\"}]", &[]).await;
    client.send_binary(&packed(r#"23["halves"]"#, &[])).await;
    expect_packed(&mut client, "33[\"\u{fffd}\",{\"\u{fffd}\":1}]", &[]).await;
    client.send_binary(&packed(r#"24["beside"]"#, &[])).await;
    let Received::Binary(answer) = client.receive().await else { panic!("no answer") };
    assert!(String::from_utf8_lossy(&answer).contains("internal"));
}

#[tokio::test]
async fn events_and_acks_go_both_ways_as_messagepack() {
    async fn echo(args: RawArgs) -> Ack<RawArgs> {
        Ack(args)
    }
    async fn ask(socket: Socket, Args((number, data)): Args<(u8, Binary)>) -> Ack<Binary> {
        let event = Event::<Args<(u8, Binary)>, Binary>::new("question");
        Ack(socket.emit_with_ack(event, &Args((number, data))).await.unwrap())
    }
    let root = Namespace::new("/").on("echo", echo).on("ask", ask);
    let (server, address) = serve(msgpack(), vec![root]).await;
    let (mut client, id) = connect(address).await;
    assert!(server.io().socket(&id).is_some());
    client.send_binary(&packed(r#"27["echo",1,{"a":[null,"é"]},-1.5]"#, &[])).await;
    expect_packed(&mut client, r#"37[1,{"a":[null,"é"]},-1.5]"#, &[]).await;
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    client.send_binary(&packed(&format!(r#"51-8["ask",9,{placeholder}]"#), &[&[1, 2]])).await;
    expect_packed(&mut client, &format!(r#"51-0["question",9,{placeholder}]"#), &[&[1, 2]]).await;
    client.send_binary(&packed(&format!("61-0[{placeholder}]"), &[&[3]])).await;
    expect_packed(&mut client, &format!("61-8[{placeholder}]"), &[&[3]]).await;
    client.send_binary(&packed("1", &[])).await;
    until(|| server.io().sockets().is_empty()).await;
}

#[tokio::test]
async fn refusals_and_namespaces_are_messagepack_too() {
    async fn refuse() -> Result<(), Refuse> {
        Err(Refuse::new("no").with_data(&json!({ "code": 7 })))
    }
    let kick = Namespace::new("/kick").on("kick", async |socket: Socket| socket.disconnect());
    let no = Namespace::new("/no").on_connect(refuse);
    let (_server, address) = serve(msgpack(), vec![no, kick]).await;
    let mut client = Client::open(address).await;
    client.send_binary(&packed(r#"0/no,{"token":"x"}"#, &[])).await;
    expect_packed(&mut client, r#"4/no,{"message":"no","data":{"code":7}}"#, &[]).await;
    client.send_binary(&packed("0/nope,", &[])).await;
    expect_packed(&mut client, r#"4/nope,{"message":"Invalid namespace"}"#, &[]).await;
    client.send_binary(&packed("0/kick,", &[])).await;
    assert!(matches!(client.receive().await, Received::Binary(_)));
    client.send_binary(&packed(r#"2/kick,["kick"]"#, &[])).await;
    expect_packed(&mut client, "1/kick,", &[]).await;
}

#[tokio::test]
async fn one_broadcast_reaches_messagepack_json_and_old_clients() {
    let admit = async |socket: Socket| {
        socket.join("all");
        socket.emit("early", &1).unwrap();
    };
    for recovery in [None, Some(RecoveryConfig::default())] {
        let mut config = Config { recovery: recovery.clone(), ..msgpack() };
        config.engine.allow_eio3 = true;
        let (server, address) =
            serve(config, vec![with_sync(Namespace::new("/").on_connect(admit))]).await;
        let mut new = Client::connect(address).await;
        let early = new.text().await;
        // With recovery, an offset follows.
        let epoch = early.strip_prefix(r#"42["early",1"#).unwrap().trim_end_matches("1\"]");
        assert_eq!(epoch.len() > 1, recovery.is_some(), "{early}");
        let with_offset = |json: &str, number: u8| match recovery {
            Some(_) => format!("{json}{epoch}{number}\"]"),
            None => format!("{json}]"),
        };
        let mut packing = Client::open(address).await;
        packing.send_binary(&packed("0", &[])).await;
        assert!(matches!(packing.receive().await, Received::Binary(_)), "the reply");
        expect_packed(&mut packing, &with_offset(r#"2["early",1"#, 2), &[]).await;
        let mut old = Client::open_with(address, "&EIO=3").await;
        old.expect("40").await;
        old.expect(r#"42["early",1]"#).await;

        server.io().to("all").emit("look", &Args((1, Binary(vec![5].into())))).unwrap();
        let json = r#"51-["look",1,{"_placeholder":true,"num":0}"#;
        old.expect(&format!("4{json}]")).await;
        old.expect_binary(&[4, 5]).await;
        new.expect(&with_offset(&format!("4{json}"), 3)).await;
        new.expect_binary(&[5]).await;
        expect_packed(&mut packing, &with_offset(json, 3), &[&[5]]).await;
        for socket in server.io().sockets() {
            until(|| socket.session().is_writable()).await;
        }
        server.io().volatile().emit("now", "text").unwrap();
        let json = r#"2["now","text""#;
        old.expect(&format!("4{json}]")).await;
        new.expect(&with_offset(&format!("4{json}"), 3)).await;
        expect_packed(&mut packing, &with_offset(json, 3), &[]).await;
    }
}

#[tokio::test]
async fn what_messagepack_clients_missed_comes_right_behind_the_reply() {
    let config = Config { recovery: Some(RecoveryConfig::default()), ..msgpack() };
    let (server, address) = serve(config, vec![]).await;
    let mut first = Client::open(address).await;
    first.send_binary(&packed("0", &[])).await;
    let Received::Binary(reply) = first.receive().await else { panic!("no reply") };
    // The private id is the last member.
    let pid = std::str::from_utf8(&reply[reply.len() - 20..]).unwrap();
    drop(first);
    until(|| server.io().sockets().is_empty()).await;
    server.io().emit("missed", &json!({ "a": 1 })).unwrap();
    let mut second = Client::open(address).await;
    second.send_binary(&packed(&format!(r#"0{{"pid":"{pid}"}}"#), &[])).await;
    let Received::Binary(again) = second.receive().await else { panic!("no reply") };
    assert_eq!(again, reply, "the same id and the same private id");
    let Received::Binary(missed) = second.receive().await else { panic!("nothing") };
    let start = packed(r#"2["missed",{"a":1},""]"#, &[]);
    assert_eq!(missed[..start.len() - 1], start[..start.len() - 1]);
}

#[tokio::test]
async fn what_is_no_packet_ends_its_session_alone() {
    let (_server, address) = serve(msgpack(), vec![with_sync(Namespace::new("/"))]).await;
    let mut neighbour = Client::connect(address).await;
    for message in [
        &b"\xc1"[..],
        b"\xdf\xff\xff\xff\xff",
        b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\xdd\xff\xff\xff\xff",
        &packed(r#"2["connect"]"#, &[]),
        &packed("0", &[]),
    ] {
        let (mut client, _) = connect(address).await;
        client.send_binary(message).await;
        client.expect_closed().await;
    }
    let (mut client, _) = connect(address).await;
    client.send("42[\"text\"]").await;
    client.expect_closed().await;
    neighbour.expect_nothing().await;
}

/// Packets as plain words: `event args` with the arguments as JSON.
#[derive(Debug)]
struct Words;

impl Parser for Words {
    fn encode(&self, packet: &Outgoing<'_>) -> Messages {
        match packet {
            Outgoing::Connect { namespace, .. } => format!("welcome {namespace}"),
            Outgoing::Event { name, args, .. } => format!("{name} {args}"),
            Outgoing::Ack { id, args, .. } => format!("answer {id} {args}"),
            other => format!("{other:?}"),
        }
        .into()
    }

    fn decoder(&self, _: PacketLimits) -> Box<dyn PacketDecoder> {
        Box::new(Words)
    }
}

impl PacketDecoder for Words {
    fn handle_text<'a>(&'a mut self, text: &'a str) -> Result<Option<Incoming<'a>>, DecodeError> {
        let namespace = "/";
        Ok(Some(match text.split_once(' ') {
            None if text == "hello" => Incoming::Connect { namespace, auth: "" },
            None => return Err(DecodeError::Parser("one word alone")),
            Some((name, args)) => {
                let (name, attachments) = (name.into(), Vec::new());
                Incoming::Event { namespace, id: Some(1), name, args, attachments }
            }
        }))
    }

    fn handle_binary<'a>(&'a mut self, _: &'a [u8]) -> Result<Option<Incoming<'a>>, DecodeError> {
        Err(DecodeError::UnexpectedBinary)
    }
}

#[tokio::test]
async fn a_parser_of_the_applications_own_serves_everybody() {
    let root = Namespace::new("/").on("add", async |(a, b): (u32, u32)| Ack(a + b));
    let config = Config { parser: Some(Arc::new(Words)), ..Config::default() };
    let (server, address) =
        serve(config, vec![root.on("all", async |s: Socket| s.io().emit("all", &()))]).await;
    let mut client = Client::open(address).await;
    client.send("4hello").await;
    client.expect("4welcome /").await;
    client.send("4add [2,3]").await;
    client.expect("4answer 1 5").await;
    server.io().emit("news", &Args((1, "two"))).unwrap();
    client.expect(r#"4news 1,"two""#).await;
    client.send("4nonsense").await;
    client.expect_closed().await;
}

#[tokio::test]
async fn an_outbox_is_the_same_as_messagepack() {
    let counted = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&counted);
    let root = Namespace::new("/")
        .on("store", move |text: RawArgs| {
            let n = 1 + count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            std::future::ready(Ack(Args((n, text.json().to_owned()))))
        })
        .reliable(sockeye::Reliable::default());
    let (_server, address) = serve(msgpack(), vec![root]).await;
    let offer = r#"0{"_outbox":{"v":1,"id":"S9m2fQw7Rk1Zt0yPp3Lh"}}"#;
    // Here as MessagePack, and again from a connection that speaks JSON.
    let mut client = Client::open(address).await;
    client.send_binary(&packed(offer, &[])).await;
    let Received::Binary(reply) = client.receive().await else { panic!("no reply") };
    assert!(reply.windows(7).any(|bytes| bytes == b"_outbox"));
    client.send_binary(&packed(r#"24["store","a",{"_outbox":[300,2]}]"#, &[])).await;
    expect_packed(&mut client, r#"34[1,"\"a\""]"#, &[]).await;
    let mut client = Client::open(address).await;
    client.send(&format!("4{offer}")).await;
    assert!(client.text().await.contains(r#""last":300"#));
    client.send(r#"427["store","a",{"_outbox":[300,2]}]"#).await;
    client.expect(r#"437[1,"\"a\""]"#).await;
    assert_eq!(counted.load(std::sync::atomic::Ordering::Relaxed), 1);
}
