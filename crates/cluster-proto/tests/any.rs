//! Any message in any form is read as it was written, and whatever else comes is refused without harm.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use sockeye_cluster_proto::{
    Body, Emitted, Flags, Limits, Message, ReadError, Received, RemoteSocket, Targets, Value,
    classic, messages,
};

/// What a message is made of.
#[derive(Debug, Clone)]
struct Parts {
    kind: u8,
    names: Vec<String>,
    rooms: Vec<String>,
    except: Vec<String>,
    flags: (bool, Option<bool>, Option<u16>, bool),
    args: Vec<&'static str>,
    attachments: Vec<Bytes>,
    asks: bool,
    number: u32,
}

const ARGS: [&str; 7] =
    ["1", "\"a\\n\"", "null", "[true,[]]", "{\"a\":{\"b\":-1.5}}", "\"한\"", "{\"num\":0}"];

fn parts() -> impl Strategy<Value = Parts> {
    let name = || "[a-z#*]{0,8}|.{1,6}";
    let flags = (any::<bool>(), any::<Option<bool>>(), any::<Option<u16>>(), any::<bool>());
    let bytes = vec(any::<u8>(), 0..300).prop_map(Bytes::from);
    (
        0..14u8,
        vec(name(), 4),
        vec(name(), 0..4),
        vec(name(), 0..3),
        flags,
        vec(prop::sample::select(&ARGS[..]), 0..4),
        vec(bytes, 0..3),
        any::<bool>(),
        any::<u32>(),
    )
        .prop_map(|(kind, names, rooms, except, flags, args, attachments, asks, number)| {
            Parts { kind, names, rooms, except, flags, args, attachments, asks, number }
        })
}

/// The arguments as text, the attachments behind the others.
fn args(parts: &Parts) -> String {
    let placeholder = |number: usize| format!("{{\"_placeholder\":true,\"num\":{number}}}");
    let attachments = (0..parts.attachments.len()).map(placeholder);
    let args: Vec<_> = parts.args.iter().map(|&arg| arg.to_owned()).chain(attachments).collect();
    args.join(",")
}

fn message<'a>(parts: &'a Parts, args: &'a str) -> Message<'a> {
    let texts = |list: &'a [String]| list.iter().map(|text| Cow::from(text.as_str())).collect();
    let text = |at: usize| Cow::from(parts.names[at].as_str());
    let targets = Targets { rooms: texts(&parts.rooms), except: texts(&parts.except) };
    let (is_volatile, compress, timeout, expects_single_response) = parts.flags;
    let timeout = timeout.map(|timeout| Duration::from_millis(timeout.into()));
    let flags = Flags { is_volatile, compress, timeout, expects_single_response };
    let event = Emitted { name: text(0), args, attachments: &parts.attachments };
    let request = parts.asks.then(|| text(1));
    // An answer is one value.
    let is_one = parts.args.len() + parts.attachments.len() == 1;
    let answer = if is_one { Value::new(args, &parts.attachments) } else { Value::default() };
    let body = match parts.kind {
        0 => Body::InitialHeartbeat,
        1 => Body::Heartbeat,
        2 => Body::Close,
        3 | 4 => Body::Emit { targets, flags, event, request },
        5 => Body::Join { targets, rooms: texts(&parts.names) },
        6 => Body::Leave { targets, rooms: texts(&parts.names) },
        7 => Body::Disconnect { targets, closes: parts.asks },
        8 => Body::Fetch { targets, request: text(1) },
        9 => Body::ServerSideEmit { event, request },
        10 => Body::Asked { request: text(1), count: parts.number.into() },
        11 => Body::Ack {
            request: text(1),
            socket: parts.asks.then(|| text(0)),
            answer: parts.flags.0.then_some(answer),
        },
        12 if parts.number.is_multiple_of(8) => Body::Unhandled { request: text(1) },
        _ if parts.asks => Body::Handled { request: text(1), answer },
        _ => {
            let socket = |name: &'a String| RemoteSocket {
                id: name.as_str().into(),
                handshake: "{\"url\":\"/\"}".into(),
                rooms: texts(&parts.rooms),
                data: "{\"a\":[1]}".into(),
            };
            Body::Sockets { request: text(1), sockets: parts.names.iter().map(socket).collect() }
        }
    };
    Message { sender: Some(text(2)), namespace: format!("/{}", parts.names[3]).into(), body }
}

fn is_binary(body: &Body<'_>) -> bool {
    match body {
        Body::Emit { event, .. } | Body::ServerSideEmit { event, .. } => {
            !event.attachments.is_empty()
        }
        Body::Ack { answer: Some(answer), .. } | Body::Handled { answer, .. } => {
            !answer.attachments.is_empty()
        }
        _ => false,
    }
}

/// Reads what may be anything, in every way.
fn read_in_every_way(bytes: &[u8], limits: &Limits) {
    let Ok(received) = Received::read(bytes, limits) else { return };
    let _ = messages::read(&received, "/");
    let _ = classic::read_broadcast(&received);
    let _ = classic::read_request(&received, "/");
    let _ = classic::read_answer(&received, "/");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn a_numbered_message_is_read_as_it_was_written(parts in parts()) {
        let args = args(&parts);
        let message = message(&parts, &args);
        let limits = Limits::default();
        let written = messages::encode(&message);
        prop_assert_eq!(written[0] != b'{', is_binary(&message.body));
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase());
        if is_plain(&parts.names[2]) && is_plain(&parts.names[3]) && written[0] == b'{' {
            prop_assert!(messages::is_own(&written, &parts.names[2]));
        }
        prop_assert!(!messages::is_own(&written, "another"));
        for bytes in [written, messages::encode_msgpacked(&message)] {
            let received = Received::read(&bytes, &limits).unwrap();
            prop_assert_eq!(&messages::read(&received, "/elsewhere").unwrap(), &message);
        }
        let entry = messages::Entry::of(&message);
        let received = entry.read(&limits).unwrap();
        let mut read = entry.message(&received).unwrap();
        if parts.names[2].is_empty() {
            prop_assert_eq!(read.sender.take(), None);
            read.sender = Some("".into());
        }
        prop_assert_eq!(&read, &message);
    }

    #[test]
    fn a_message_of_the_classic_form_is_read_as_it_was_written(parts in parts()) {
        let args = args(&parts);
        let message = message(&parts, &args);
        let Some(written) = classic::encode(&message) else {
            prop_assert!(parts.kind < 3);
            return Ok(());
        };
        let received = Received::read(&written, &Limits::default()).unwrap();
        let read = match &message.body {
            Body::Emit { request: None, .. } => {
                prop_assert!(classic::is_own_broadcast(&written, &parts.names[2]));
                prop_assert!(!classic::is_own_broadcast(&written, "another"));
                classic::read_broadcast(&received).unwrap()
            }
            body if body.is_answer() => {
                classic::read_answer(&received, &message.namespace).unwrap()
            }
            _ => match classic::read_request(&received, &message.namespace).unwrap() {
                classic::Request::Message(message) => message,
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            },
        };
        prop_assert_eq!(&read, &message);
    }

    #[test]
    fn what_is_broken_on_its_way_is_refused_or_read_but_never_panics(
        parts in parts(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let args = args(&parts);
        let message = message(&parts, &args);
        let written = [
            Some(messages::encode(&message)),
            Some(messages::encode_msgpacked(&message)),
            classic::encode(&message),
        ];
        for mut bytes in written.into_iter().flatten() {
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            let limits = Limits { attachments_max: 2, depth_max: 8, ..Limits::default() };
            read_in_every_way(&bytes, &limits);
            read_in_every_way(&bytes[..cut.index(bytes.len())], &limits);
        }
    }

    #[test]
    fn anything_is_refused_or_read_but_never_panics(bytes in vec(any::<u8>(), 0..64), text in ".{0,64}") {
        read_in_every_way(&bytes, &Limits::default());
        read_in_every_way(text.as_bytes(), &Limits::default());
        let entry = messages::Entry { kind: "3".into(), data: Some(text.into()), ..messages::Entry::default() };
        if let Ok(received) = entry.read(&Limits::default()) {
            let _ = entry.message(&received);
        }
    }
}

/// What strangers, old versions and other programs publish on the same channels.
#[test]
fn what_is_no_message_says_why() {
    let why = |bytes: &[u8]| {
        let received = match Received::read(bytes, &Limits::default()) {
            Ok(received) => received,
            Err(error) => return error.to_string(),
        };
        messages::read(&received, "/").unwrap_err().to_string()
    };
    for (bytes, reason) in [
        (&b""[..], "not a packet in MessagePack, byte 0 of the message"),
        (b"hello", "not a packet in MessagePack, byte 1 of the message"),
        (b"{", "EOF while parsing an object at line 1 column 1"),
        (b"{\"type\":3}", "invalid type: null, expected struct Broadcast at line 1 column 4"),
        (b"{\"type\":\"3\"}", "invalid type: string \"3\", expected u64 at line 1 column 11"),
        (b"{\"type\":99}", "unknown type 99"),
        (b"{\xff", "not UTF-8"),
        (
            br#"{"type":3,"data":{"opts":{"rooms":{}},"packet":{"type":2,"data":["a"]}}}"#,
            "invalid type: map, expected a sequence at line 1 column 17",
        ),
        (
            br#"{"type":3,"data":{"opts":{},"packet":{"type":2,"data":[]}}}"#,
            "an event without a name",
        ),
        (
            br#"{"type":3,"data":{"opts":{},"packet":{"type":1,"data":["a"]}}}"#,
            "a packet of type 1 is not broadcast",
        ),
        (br#"{"type":8,"data":{"sockets":[]}}"#, "missing field `requestId` at line 1 column 14"),
    ] {
        assert_eq!(why(bytes), reason, "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn numbers_are_rooms_too_as_in_node() {
    let json = br#"{"type":4,"data":{"opts":{"rooms":[7,-1]},"rooms":[1.5]},"uid":"a","nsp":"/"}"#;
    let received = Received::read(json, &Limits::default()).unwrap();
    let message = messages::read(&received, "/").unwrap();
    let targets = Targets { rooms: vec!["7".into(), "-1".into()], except: Vec::new() };
    assert_eq!(message.body, Body::Join { targets, rooms: vec!["1.5".into()] });
}

#[test]
fn limits_hold_at_their_edges() {
    let body = |attachments: &'static [Bytes], args: &'static str| Message {
        sender: Some("a".into()),
        namespace: "/".into(),
        body: Body::Emit {
            targets: Targets::default(),
            flags: Flags::default(),
            event: Emitted { name: "e".into(), args, attachments },
            request: None,
        },
    };
    static BYTES: [Bytes; 2] = [Bytes::from_static(b"1"), Bytes::from_static(b"2")];
    let args = r#"{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]"#;
    let written = messages::encode(&body(&BYTES, args));
    let read = |limits: Limits| Received::read(&written, &limits).map(drop);
    // The message, its data, the packet, the arguments and the list in them.
    let enough = Limits { message_bytes_max: written.len(), depth_max: 5, attachments_max: 2 };
    assert_eq!(read(enough), Ok(()));
    let (actual, limit) = (written.len(), written.len() - 1);
    assert_eq!(
        read(Limits { message_bytes_max: limit, ..enough }),
        Err(ReadError::TooLarge { actual, limit })
    );
    assert!(matches!(read(Limits { depth_max: 4, ..enough }), Err(ReadError::Msgpack(_))));
    assert!(matches!(read(Limits { attachments_max: 1, ..enough }), Err(ReadError::Msgpack(_))));
}

#[test]
fn depth_is_no_danger() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let json = format!(r#"{{"type":9,"data":{{"packet":["a",{deep}]}},"uid":"a","nsp":"/"}}"#);
    let received = Received::read(json.as_bytes(), &Limits::default()).unwrap();
    let message = messages::read(&received, "/").unwrap();
    assert!(matches!(message.body, Body::ServerSideEmit { event, .. } if event.args == deep));
    read_in_every_way(deep.as_bytes(), &Limits::default());
    read_in_every_way(&[0x91; 100_000], &Limits::default());
}
