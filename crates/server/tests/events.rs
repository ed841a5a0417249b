//! Events in and out: arguments, binary, order, errors.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use common::{Client, serve, until, with_sync};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sockeye::{
    Ack, AckError, Args, Binary, EmitError, EncodeError, EventError, Local, Namespace, RawArgs,
    RawEvent, Refuse, Server, Socket,
};
use tokio::sync::Semaphore;

#[derive(Serialize, Deserialize)]
struct Picture {
    name: String,
    data: Binary,
}

fn echo() -> Namespace {
    with_sync(Namespace::new("/"))
        .on("echo", async |socket: Socket, args: RawArgs| socket.emit("echo", &args))
        .on("picture", async |socket: Socket, picture: Picture| socket.emit("picture", &picture))
        .on("two", async |socket: Socket, Args((a, b)): Args<(u8, String)>| {
            socket.emit("two", &Args((b, a)))
        })
        .on("none", async |socket: Socket| socket.emit("none", &()))
}

#[tokio::test]
async fn raw_arguments_come_back_byte_for_byte() {
    let (_server, address) = serve([echo()]).await;
    let mut client = Client::connect(address).await;
    for args in [
        "",
        ",1",
        r#",{"b":1,"a":[1.0,1e3,-0]}"#,
        r#","spaced" ,  null"#,
        r#",12345678901234567890123,"한글 \u00e9 😀""#,
        r#",{"_placeholder":true,"num":7}"#,
        r#",{"a":1,"a":2}"#,
    ] {
        let packet = format!(r#"42["echo"{args}]"#);
        client.send(&packet).await;
        client.expect(&packet).await;
    }
    let deep = format!(r#"42["echo",{}{}]"#, "[".repeat(10_000), "]".repeat(10_000));
    client.send(&deep).await;
    client.expect(&deep).await;
}

#[tokio::test]
async fn typed_arguments_and_none() {
    let (_server, address) = serve([echo()]).await;
    let mut client = Client::connect(address).await;
    client.send(r#"42["two",7,"x","ignored"]"#).await;
    client.expect(r#"42["two","x",7]"#).await;
    client.send(r#"42["none",1,2]"#).await;
    client.expect(r#"42["none"]"#).await;
    client.send("42").await;
    client.send(r#"42["nobody listens"]"#).await;
    client.send(r#"42[17,"a number is a name"]"#).await;
    client.expect_nothing().await;
}

#[tokio::test]
async fn attachments_travel_beside_their_packet() {
    let (_server, address) = serve([echo()]).await;
    let mut client = Client::connect(address).await;
    let packet = r#"451-["picture",{"name":"p","data":{"_placeholder":true,"num":0}}]"#;
    client.send(packet).await;
    client.send_binary(&[1, 2, 3]).await;
    client.expect(packet).await;
    client.expect_binary(&[1, 2, 3]).await;
    let packet = r#"452-["echo",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#;
    client.send(packet).await;
    client.send_binary(b"zero").await;
    client.send_binary(&vec![7; 100_000]).await;
    client.expect(packet).await;
    client.expect_binary(b"zero").await;
    client.expect_binary(&vec![7; 100_000]).await;
}

#[tokio::test]
async fn what_does_not_decode_answers_the_ack_and_is_reported() {
    let failures = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&failures);
    let namespace = echo()
        .on("fails", async || Err::<(), _>(EventError::new("full", "no room left")))
        .on("io", async || Err::<(), _>(std::io::Error::other("secret")))
        .on_error(move |_, failure| {
            seen.lock().unwrap().push((failure.event.clone(), failure.error.code().to_owned()));
        });
    let (_server, address) = serve([namespace]).await;
    let mut client = Client::connect(address).await;
    client.send(r#"421["two","not a number"]"#).await;
    client
        .expect(r#"431[{"error":{"code":"decode","message":"the arguments are not what this event expects"}}]"#)
        .await;
    client.send(r#"422["fails"]"#).await;
    client.expect(r#"432[{"error":{"code":"full","message":"no room left"}}]"#).await;
    client.send(r#"42["fails"]"#).await;
    client.send(r#"423["io"]"#).await;
    client
        .expect(r#"433[{"error":{"code":"internal","message":"this event could not be handled"}}]"#)
        .await;
    let failures: Vec<_> = failures.lock().unwrap().clone();
    let expected = [("two", "decode"), ("fails", "full"), ("fails", "full"), ("io", "internal")];
    assert_eq!(failures, expected.map(|(event, code)| (event.to_owned(), code.to_owned())));
}

#[tokio::test]
async fn one_place_hears_of_the_failures_of_all_namespaces() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (everywhere, special) = (Arc::clone(&heard), Arc::clone(&heard));
    let failing = |path: &'static str| {
        Namespace::new(path)
            .on("fail", async || Err::<(), _>(EventError::new("failed", "as asked")))
            .on("number", async |_: u32| {})
    };
    let server = Server::builder()
        .on_error(move |socket, failure| {
            let told = format!("{} {} {}", socket.namespace(), failure.event, failure.error.code());
            everywhere.lock().unwrap().push(told);
        })
        .namespace(failing("/"))
        .namespace(failing("/own").on_error(move |_, failure| {
            special.lock().unwrap().push(format!("its own: {}", failure.event));
        }))
        .namespace(failing("/room-{id}"))
        .build()
        .unwrap();
    let address = common::listen(&server).await;
    let mut client = Client::connect(address).await;
    client.join("40/own,").await;
    client.join("40/room-7,").await;
    for (packet, answer) in [
        (r#"420["fail"]"#, "430["),
        (r#"42/own,1["fail"]"#, "43/own,1["),
        (r#"42/room-7,2["number","text"]"#, "43/room-7,2["),
    ] {
        client.send(packet).await;
        assert!(client.text().await.starts_with(answer));
    }
    assert_eq!(*heard.lock().unwrap(), ["/ fail failed", "its own: fail", "/room-7 number decode"]);
}

#[tokio::test]
async fn a_panic_ends_its_session_alone_and_is_reported() {
    let codes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&codes);
    let namespace = echo()
        .on("panic", async |now: bool| {
            if !now {
                tokio::task::yield_now().await;
            }
            assert_eq!(Some(now), None, "on purpose");
        })
        .on_error(move |_, failure| {
            assert!(failure.error.message().contains("on purpose"));
            seen.lock().unwrap().push(failure.error.code().to_owned());
        });
    let (server, address) = serve([namespace]).await;
    let mut bystander = Client::connect(address).await;
    for now in [true, false] {
        let mut client = Client::connect(address).await;
        client.send(&format!(r#"42["panic",{now}]"#)).await;
        client.expect_closed().await;
    }
    bystander.expect_nothing().await;
    until(|| server.sessions() == 1).await;
    assert_eq!(server.io().sockets().len(), 1);
    assert_eq!(*codes.lock().unwrap(), ["panic", "panic"]);
}

#[tokio::test]
async fn handlers_start_in_order_and_overlap_where_they_wait() {
    let gate = Arc::new(Semaphore::new(0));
    let closed = Arc::clone(&gate);
    let namespace = Namespace::new("/")
        .on("slow", move |socket: Socket, n: u32| {
            let gate = Arc::clone(&closed);
            async move {
                socket.emit("started", &n)?;
                gate.acquire().await.map_err(std::io::Error::other)?.forget();
                socket.emit("done", &n)?;
                Ok::<_, EventError>(Ack(n))
            }
        })
        .on("fast", async |socket: Socket| socket.emit("fast", &()));
    let (_server, address) = serve([namespace]).await;
    let mut client = Client::connect(address).await;
    for n in 0..3 {
        client.send(&format!(r#"42{n}["slow",{n}]"#)).await;
    }
    client.send(r#"42["fast"]"#).await;
    for n in 0..3 {
        client.expect(&format!(r#"42["started",{n}]"#)).await;
    }
    client.expect(r#"42["fast"]"#).await;
    gate.add_permits(3);
    for n in 0..3 {
        client.expect(&format!(r#"42["done",{n}]"#)).await;
        client.expect(&format!(r#"43{n}[{n}]"#)).await;
    }
}

#[tokio::test]
async fn one_handler_at_a_time_is_strictly_serial_and_loses_nothing() {
    let running = Arc::new(Mutex::new(0));
    let count = Arc::clone(&running);
    let namespace = Namespace::new("/")
        .on("step", move |socket: Socket, n: u32| {
            let count = Arc::clone(&count);
            async move {
                *count.lock().unwrap() += 1;
                tokio::task::yield_now().await;
                assert_eq!(std::mem::take(&mut *count.lock().unwrap()), 1);
                socket.emit("step", &n)
            }
        })
        .concurrent_handlers_max(NonZeroU32::MIN);
    // More than wait at most: the session is not read meanwhile, and goes on afterwards.
    let config = sockeye::Config { waiting_events_max: 8, ..sockeye::Config::default() };
    let server = sockeye::Server::builder().config(config).namespace(namespace).build().unwrap();
    let address = common::listen(&server).await;
    let mut client = Client::connect(address).await;
    for n in 0..200 {
        client.send(&format!(r#"42["step",{n}]"#)).await;
    }
    for n in 0..200 {
        client.expect(&format!(r#"42["step",{n}]"#)).await;
    }
}

#[tokio::test]
async fn what_one_event_sets_the_next_one_finds() {
    struct Name(String);
    let namespace = Namespace::new("/")
        .on("log in", async |socket: Socket, name: String| socket.set(Name(name)))
        .on("who am i", async |name: Local<Name>| Ack(name.0.0.clone()));
    let (_server, address) = serve([namespace]).await;
    let mut client = Client::connect(address).await;
    // Both in one read, whatever the network does: they are sent in one write.
    client.send_together(&[r#"42["log in","ada"]"#, r#"421["who am i"]"#]).await;
    client.expect(r#"431["ada"]"#).await;
}

#[tokio::test]
async fn every_event_is_seen_and_the_unknown_ones_handled() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&seen);
    let namespace = echo()
        .on_any(move |_, event| all.lock().unwrap().push(event.name.clone()))
        .fallback(async |socket: Socket, event: RawEvent| {
            socket.emit(format!("{}?", event.name), &event.args).unwrap();
        });
    let (_server, address) = serve([namespace]).await;
    let mut client = Client::connect(address).await;
    client.send(r#"42["other",1,2]"#).await;
    client.expect(r#"42["other?",1,2]"#).await;
    client.send(r#"42["none"]"#).await;
    client.expect(r#"42["none"]"#).await;
    assert_eq!(*seen.lock().unwrap(), ["other", "none"]);
}

#[tokio::test]
async fn guards_stand_before_every_handler_and_may_refuse() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&seen);
    let namespace = echo()
        .before(move |event: RawEvent| {
            all.lock().unwrap().push(event.name);
            async {}
        })
        .before(async |socket: Socket, event: RawEvent| {
            tokio::task::yield_now().await;
            match event.args.json() {
                "\"bad\"" => Err(EventError::new("guarded", "not this one")),
                _ => socket.emit("passed", &()).map_err(EventError::from),
            }
        });
    let (_server, address) = serve([namespace]).await;
    let mut client = Client::connect(address).await;
    client.send(r#"421["echo","good"]"#).await;
    client.expect(r#"42["passed"]"#).await;
    client.expect(r#"42["echo","good"]"#).await;
    client.expect("431[]").await;
    client.send(r#"422["echo","bad"]"#).await;
    client.expect(r#"432[{"error":{"code":"guarded","message":"not this one"}}]"#).await;
    client.send(r#"42["nobody listens"]"#).await;
    client.expect(r#"42["passed"]"#).await;
    assert_eq!(*seen.lock().unwrap(), ["echo", "echo", "nobody listens"]);
}

#[tokio::test]
async fn every_outgoing_event_is_seen_for_each_recipient() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&seen);
    let namespace = echo().on_any_outgoing(move |socket, event| {
        let (id, args) = (socket.id().to_string(), event.args.json().to_owned());
        all.lock().unwrap().push(format!("{} {args} {id}", event.name));
    });
    let (server, address) = serve([namespace]).await;
    let (mut a, mut b) = (Client::open(address).await, Client::open(address).await);
    let (id_a, id_b) = (a.join("40").await, b.join("40").await);
    a.send(r#"421["echo",1]"#).await;
    a.expect(r#"42["echo",1]"#).await;
    a.expect("431[]").await;
    server.io().emit("all", &2).unwrap();
    b.expect(r#"42["all",2]"#).await;
    drop(server.io().socket(&id_b).unwrap().emit_with_ack::<_, ()>("ask", &3));
    let mut seen = std::mem::take(&mut *seen.lock().unwrap());
    seen[1..3].sort();
    let mut both = [format!("all 2 {id_a}"), format!("all 2 {id_b}")];
    both.sort();
    let [first, second] = both;
    assert_eq!(seen, [format!("echo 1 {id_a}"), first, second, format!("ask 3 {id_b}")]);
}

#[tokio::test]
async fn null_is_an_argument() {
    #[derive(Serialize)]
    struct Unit;
    async fn send(socket: Socket) {
        let everybody = socket.io();
        socket.emit("value", &Value::Null).unwrap();
        socket.emit("option", &None::<u8>).unwrap();
        socket.emit("struct", &Unit).unwrap();
        socket.emit("two", &Args((Value::Null, 1))).unwrap();
        socket.emit("unit", &()).unwrap();
        everybody.emit("all", &Value::Null).unwrap();
        everybody.to(socket.id()).emit("room", &Value::Null).unwrap();
        let asked = socket.emit_with_ack::<_, Value>("ask", &Value::Null).await;
        socket.emit("answer", &asked.unwrap()).unwrap();
    }
    let root = with_sync(Namespace::new("/"))
        .on("json", async |value: Value| Ack(value))
        .on("option", async |value: Option<u8>| Ack(value))
        .on("nested", async |value: Value| Ok::<_, EventError>(Ok::<_, EventError>(Ack(value))))
        .on("unit", async || Ok::<_, EventError>(Ack(())))
        .on("send", send);
    let refusing = Namespace::new("/refusing")
        .on_connect(async || Err::<(), _>(Refuse::new("no").with_data(&Value::Null)));
    let (_server, address) = serve([root, refusing]).await;
    let mut client = Client::connect(address).await;
    for event in ["json", "option", "nested"] {
        client.send(&format!(r#"421["{event}",null]"#)).await;
        client.expect("431[null]").await;
    }
    client.send(r#"422["unit"]"#).await;
    client.expect("432[]").await;
    client.send(r#"42["send"]"#).await;
    for packet in [
        r#"42["value",null]"#,
        r#"42["option",null]"#,
        r#"42["struct",null]"#,
        r#"42["two",null,1]"#,
        r#"42["unit"]"#,
        r#"42["all",null]"#,
        r#"42["room",null]"#,
        r#"420["ask",null]"#,
    ] {
        client.expect(packet).await;
    }
    client.send("430[null]").await;
    client.expect(r#"42["answer",null]"#).await;
    client.send("40/refusing,").await;
    client.expect(r#"44/refusing,{"message":"no","data":null}"#).await;
}

#[tokio::test]
async fn half_a_surrogate_pair_is_replaced_wherever_it_stands() {
    #[derive(Deserialize)]
    struct Auth {
        name: String,
    }
    #[derive(Debug, Deserialize, Serialize)]
    enum Word {
        #[serde(rename = "w\u{fffd}")]
        W,
    }
    async fn ask(socket: Socket) {
        let answer = socket.emit_with_ack::<_, String>("name?", &()).await.unwrap();
        socket.emit("name", &answer).unwrap();
    }
    let root = with_sync(Namespace::new("/"))
        .on("string", async |text: String| Ack(text))
        .on("value", async |value: Value| Ack(value))
        .on("field", async |picture: Picture| Ack(picture.name))
        .on("option", async |text: Option<String>| Ack(text))
        .on("enum", async |word: Word| Ack(word))
        .on("several", async |Args((_, text)): Args<(u8, String)>| Ack(text))
        .on("n\u{fffd}", async || Ack("named"))
        .on("raw", async |args: RawArgs| Ack(args))
        .on("ask", ask);
    let strict = Namespace::new("/strict").on_connect(async |socket: Socket, auth: Auth| {
        socket.emit("hello", &auth.name).unwrap();
    });
    let (_server, address) = serve([root, strict]).await;
    let mut client = Client::connect(address).await;
    for (event, answer) in [
        (r#""string","\ud83c""#, "\"\u{fffd}\""),
        (r#""value",{"\udf89":["\ud83c"]}"#, "{\"\u{fffd}\":[\"\u{fffd}\"]}"),
        (r#""option","a\ud83c""#, "\"a\u{fffd}\""),
        (r#""enum","w\ud83c""#, "\"w\u{fffd}\""),
        (r#""several",1,"\ud83c\udf89\ud83c""#, "\"🎉\u{fffd}\""),
        (r#""n\ud83c""#, r#""named""#),
        (r#""raw","\ud83c",{"\udf89":1}"#, r#""\ud83c",{"\udf89":1}"#),
    ] {
        client.send(&format!("421[{event}]")).await;
        client.expect(&format!("431[{answer}]")).await;
    }
    client.send(r#"451-2["field",{"name":"\ud83c","data":{"_placeholder":true,"num":0}}]"#).await;
    client.send_binary(&[1]).await;
    client.expect("432[\"\u{fffd}\"]").await;
    client.send(r#"42["ask"]"#).await;
    client.expect(r#"420["name?"]"#).await;
    client.send(r#"430["\ud83c"]"#).await;
    client.expect("42[\"name\",\"\u{fffd}\"]").await;
    client.join(r#"40/strict,{"name":"\ud83c"}"#).await;
    client.expect("42/strict,[\"hello\",\"\u{fffd}\"]").await;
}

#[tokio::test]
async fn what_looks_like_a_placeholder_is_not_sent_beside_bytes() {
    type Relayed = Args<(Value, Binary)>;
    fn is_refused(result: Result<(), EmitError>) -> bool {
        matches!(result, Err(EmitError::Encode { source: EncodeError::Placeholder, .. }))
    }
    async fn send(socket: Socket, Args((text, data)): Relayed) -> Ack<bool> {
        let payload = Args((text, data));
        let everybody = socket.io();
        let asked = socket.emit_with_ack::<_, ()>("relayed", &payload).await;
        let is_asked = match asked {
            Err(AckError::Emit(error)) => !is_refused(Err(error)),
            _ => true,
        };
        let all_asked = everybody.emit_with_ack::<_, ()>("relayed", &payload);
        Ack(is_refused(socket.emit("relayed", &payload))
            && is_refused(socket.volatile().emit("relayed", &payload))
            && is_refused(everybody.emit("relayed", &payload))
            && is_refused(everybody.to(socket.id()).emit("relayed", &payload))
            && is_refused(all_asked.map(drop))
            && !is_asked)
    }
    let root = with_sync(Namespace::new("/"))
        .on("send", send)
        .on("answer", async |Args((text, data)): Relayed| Ack(Args((text, data))))
        .on("alone", async |text: Value| Ack(text))
        .on("raw", async |args: RawArgs| {
            let data = [bytes::Bytes::from_static(b"x")];
            Ack(RawArgs::new(args.json(), &data))
        });
    let (_server, address) = serve([root]).await;
    let mut client = Client::connect(address).await;
    let mut witness = Client::connect(address).await;
    for (text, relayed) in [
        // In a text packet it is plain data, whatever its number.
        (r#"{"_placeholder":true,"num":99}"#, "{\"_placeholder\":true,\"num\":99}"),
        (r#"[{"a":{"num":0,"_placeholder":true}}]"#, r#"[{"a":{"_placeholder":true,"num":0}}]"#),
        (r#"{"\u005fplaceholder":true}"#, r#"{"_placeholder":true}"#),
    ] {
        client.send(&format!(r#"421["alone",{text}]"#)).await;
        client.expect(&format!("431[{relayed}]")).await;
        client.send(&format!(r#"422["send",{text},[1,2]]"#)).await;
        client.expect("432[true]").await;
        // Raw arguments with bytes are what their author says: only a number out of range is wrong.
        let is_in_range = text.contains(r#""num":0"#);
        for event in if is_in_range { &["answer"][..] } else { &["answer", "raw"] } {
            client.send(&format!(r#"423["{event}",{text},[1,2]]"#)).await;
            let error = client.text().await;
            assert!(error.starts_with(r#"433[{"error":{"code":"internal","#), "{error}");
        }
        client.expect_nothing().await;
        witness.expect_nothing().await;
    }
}
