//! Packets that are accepted and packets that are refused: the protocol's examples and every limit,
//! one row each. The names in the rows are the sources of the rules.

use bytes::Bytes;
use sockeye_socket_proto::{
    DecodeError, Decoder, Incoming, Limits, Packet, PacketKind, RESERVED_EVENTS,
};

fn decode(text: &str) -> Result<Packet<'_>, DecodeError> {
    Packet::decode(text, &Limits::default())
}

fn packet(
    kind: PacketKind,
    namespace: &'static str,
    id: Option<u64>,
    data: &'static str,
) -> Packet<'static> {
    Packet { kind, namespace, id, attachments: 0, data }
}

/// Decodes an event into an owned description, so that rows are short.
fn event(decoder: &mut Decoder, text: &str) -> Result<Option<(String, String)>, DecodeError> {
    Ok(decoder.handle_text(text)?.map(|incoming| match incoming {
        Incoming::Event { name, args, .. } => (name.into_owned(), args.to_owned()),
        other => panic!("not an event: {other:?}"),
    }))
}

#[test]
fn the_protocol_by_example() {
    use PacketKind::*;
    let rows = [
        ("0", packet(Connect, "/", None, "")),
        (r#"0{"token":"x"}"#, packet(Connect, "/", None, r#"{"token":"x"}"#)),
        ("0/foo,", packet(Connect, "/foo", None, "")),
        ("0/foo", packet(Connect, "/foo", None, "")),
        ("0/,", packet(Connect, "/", None, "")),
        (r#"0/foo,{"sid":"a"}"#, packet(Connect, "/foo", None, r#"{"sid":"a"}"#)),
        ("0/foo?token=abc,", packet(Connect, "/foo?token=abc", None, "")),
        ("1", packet(Disconnect, "/", None, "")),
        ("1/foo,", packet(Disconnect, "/foo", None, "")),
        (r#"2["ev",1]"#, packet(Event, "/", None, r#"["ev",1]"#)),
        (r#"2/foo,["ev"]"#, packet(Event, "/foo", None, r#"["ev"]"#)),
        (r#"213["ev"]"#, packet(Event, "/", Some(13), r#"["ev"]"#)),
        (r#"2/foo,13["ev"]"#, packet(Event, "/foo", Some(13), r#"["ev"]"#)),
        (r#"2/Ünï "cødé",["ev"]"#, packet(Event, "/Ünï \"cødé\"", None, r#"["ev"]"#)),
        (r#"313["ok"]"#, packet(Ack, "/", Some(13), r#"["ok"]"#)),
        ("3/foo,13[]", packet(Ack, "/foo", Some(13), "[]")),
        (
            r#"4/foo,{"message":"no","data":[1]}"#,
            packet(ConnectError, "/foo", None, r#"{"message":"no","data":[1]}"#),
        ),
        (
            r#"4/x,{"message":"Invalid namespace"}"#,
            packet(ConnectError, "/x", None, r#"{"message":"Invalid namespace"}"#),
        ),
        (r#"4"text""#, packet(ConnectError, "/", None, r#""text""#)),
        (
            r#"51-["ev",{"_placeholder":true,"num":0}]"#,
            Packet {
                attachments: 1,
                ..packet(BinaryEvent, "/", None, r#"["ev",{"_placeholder":true,"num":0}]"#)
            },
        ),
        (
            r#"52-/foo,7["ev"]"#,
            Packet { attachments: 2, ..packet(BinaryEvent, "/foo", Some(7), r#"["ev"]"#) },
        ),
        (
            r#"61-7[{"_placeholder":true,"num":0}]"#,
            Packet {
                attachments: 1,
                ..packet(BinaryAck, "/", Some(7), r#"[{"_placeholder":true,"num":0}]"#)
            },
        ),
    ];
    for (text, expected) in rows {
        assert_eq!(decode(text), Ok(expected), "{text}");
        let mut again = String::new();
        expected.encode(&mut again);
        assert_eq!(decode(&again), Ok(expected), "{text} written as {again}");
    }
}

#[test]
fn heads() {
    let huge = "9".repeat(21);
    let rows = [
        ("", Err(DecodeError::Empty)),
        ("7", Err(DecodeError::UnknownKind('7'))),
        (" ", Err(DecodeError::UnknownKind(' '))),
        ("é", Err(DecodeError::UnknownKind('é'))),
        ("한국", Err(DecodeError::UnknownKind('한'))),
        // Leading zeros, and white space before the payload.
        (r#"2007["ev"]"#, Ok(Some(7))),
        (r#"21 ["ev"]"#, Ok(Some(1))),
        (r#"2 ["ev"]"#, Ok(None)),
        // A JavaScript peer would round beyond 2^53; here the id is only sent back.
        (r#"218446744073709551615["ev"]"#, Ok(Some(u64::MAX))),
        (r#"218446744073709551616["ev"]"#, Err(DecodeError::IdOutOfRange)),
        (&format!(r#"2{huge}["ev"]"#), Err(DecodeError::IdOutOfRange)),
    ];
    for (text, expected) in rows {
        assert_eq!(decode(text).map(|packet| packet.id), expected, "{text}");
    }
    assert!(decode("2\u{a0}[\"ev\"]").is_err(), "not white space in JSON");
}

#[test]
fn payload_types_by_kind() {
    use PacketKind::*;
    let values = ["{}", "[]", r#"["a"]"#, r#""a""#, "1", "null", "true"];
    let accepted: [(PacketKind, &str, &[&str]); 7] = [
        (Connect, "0", &["{}"]),
        (Disconnect, "1", &[]),
        (Event, "2", &[r#"["a"]"#]),
        (Ack, "31", &["[]", r#"["a"]"#]),
        (ConnectError, "4", &["{}", r#""a""#]),
        (BinaryEvent, "51-", &[r#"["a"]"#]),
        (BinaryAck, "61-1", &["[]", r#"["a"]"#]),
    ];
    for (kind, head, accepted) in accepted {
        for value in values {
            // A digit would be read as the id.
            if value == "1" && !matches!(kind, Connect | ConnectError) {
                continue;
            }
            let text = format!("{head}/n,{value}");
            let text = match kind {
                Ack | BinaryAck => format!("{}/n,1{value}", &head[..head.len() - 1]),
                _ => text,
            };
            let result = decode(&text);
            if accepted.contains(&value) {
                assert_eq!(result.map(|packet| packet.data), Ok(value), "{text}");
            } else if value == "1" {
                assert_eq!(result.map(|packet| packet.id), Ok(Some(1)), "{text}");
            } else if value == "[]" && matches!(kind, Event | BinaryEvent) {
                assert_eq!(result, Err(DecodeError::EventName), "{text}");
            } else {
                assert_eq!(result, Err(DecodeError::PayloadType { kind }), "{text}");
            }
        }
    }
}

#[test]
fn broken_json_is_refused_with_its_place() {
    let rows = [
        (r#"2["ev""#, 6),
        (r#"2["ev",]"#, 7),
        (r#"2["ev"]]"#, 7),
        (r#"2["ev",nul]"#, 10),
        (r#"2/foo,["ev",01]"#, 13),
        (r#"0{"a":1"#, 7),
        (r#"0{"a":1}{}"#, 8),
        (r#"31[1,,2]"#, 5),
        ("2[\"ev\",\n\n  x]", 11),
        ("2[\"a\nb\"]", 4),
    ];
    for (text, expected) in rows {
        match decode(text) {
            Err(DecodeError::Json { offset }) => {
                assert!(offset.abs_diff(expected) <= 1, "{text}: {offset}");
                assert!(offset <= text.len());
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn event_names() {
    let decoder = &mut Decoder::default();
    let mut named = |name: &str| event(decoder, &format!("2[{name},1]"));
    for name in ["a", "", "error", "message", "Connect", "connect ", "한국어"] {
        let quoted = serde_json::to_string(name).unwrap();
        assert_eq!(named(&quoted), Ok(Some((name.to_owned(), "1".to_owned()))));
    }
    assert_eq!(named(r#""\u0061\n""#), Ok(Some(("a\n".to_owned(), "1".to_owned()))));
    let halves = Ok(Some(("\u{fffd}🎉\u{fffd}".to_owned(), "1".to_owned())));
    assert_eq!(named(r#""\ud83c\ud83c\udf89\udf89""#), halves);
    for number in ["0", "1", "-1", "3.5", "1e3"] {
        assert_eq!(named(number), Ok(Some((number.to_owned(), "1".to_owned()))));
    }
    for name in RESERVED_EVENTS {
        assert_eq!(named(&format!("{name:?}")), Err(DecodeError::ReservedEventName));
    }
    assert_eq!(named(r#""\u0063onnect""#), Err(DecodeError::ReservedEventName), "in disguise");
    for name in ["null", "true", "{}", "[]", r#"["a"]"#, r#"{"toString":1}"#] {
        assert_eq!(named(name), Err(DecodeError::EventName), "{name}");
    }
}

#[test]
fn arguments_stay_as_they_came() {
    let decoder = &mut Decoder::default();
    let rows = [
        (r#"2["ev"]"#, ""),
        (r#"2 [ "ev" ] "#, ""),
        (r#"2["ev",1,{"a":2}]"#, r#"1,{"a":2}"#),
        ("2[\"ev\" ,\t1 , [ 2 ] ]", "1 , [ 2 ]"),
        (r#"2["ev",1.0e0,-0,1e400,0.10]"#, "1.0e0,-0,1e400,0.10"),
        (r#"2["ev",{"b":1,"a":2,"b":3}]"#, r#"{"b":1,"a":2,"b":3}"#),
        (r#"2["ev","]\"[",null]"#, r#""]\"[",null"#),
        (r#"2["ev","\ud800\u0000"]"#, r#""\ud800\u0000""#),
        // Outside of binary packets a placeholder is plain data.
        (r#"2["ev",{"_placeholder":true,"num":7}]"#, r#"{"_placeholder":true,"num":7}"#),
    ];
    for (text, args) in rows {
        assert_eq!(event(decoder, text), Ok(Some(("ev".to_owned(), args.to_owned()))), "{text}");
    }
}

#[test]
fn packets_that_say_nothing_are_ignored() {
    let decoder = &mut Decoder::default();
    for text in ["2", "2/foo,", "213", "2/foo,13", r#"3["no id"]"#, "3", "2 "] {
        assert_eq!(decoder.handle_text(text), Ok(None), "{text}");
        assert!(!decoder.is_waiting());
    }
    // Attachments that were announced have to come all the same.
    for text in ["51-", r#"61-["no id"]"#] {
        assert_eq!(decoder.handle_text(text), Ok(None));
        assert!(decoder.is_waiting());
        assert_eq!(decoder.handle_binary(b"x"), Ok(None), "{text}");
        assert!(!decoder.is_waiting());
    }
    assert_eq!(
        decoder.handle_text("35"),
        Ok(Some(Incoming::Ack { namespace: "/", id: 5, args: "", attachments: vec![] }))
    );
}

#[test]
fn attachments_follow_their_packet() {
    let decoder = &mut Decoder::default();
    let args = r#"{"_placeholder":true,"num":1},[{"num":0,"_placeholder":true}]"#;
    assert_eq!(decoder.handle_text(&format!(r#"52-/foo,7["ev",{args}]"#)), Ok(None));
    assert_eq!(decoder.handle_binary(b"first"), Ok(None));
    let expected = Incoming::Event {
        namespace: "/foo",
        id: Some(7),
        name: "ev".into(),
        args,
        attachments: vec![Bytes::from("first"), Bytes::from("second")],
    };
    assert_eq!(decoder.handle_binary(b"second"), Ok(Some(expected)));
    decoder.release();

    assert_eq!(decoder.handle_text(r#"61-7[{ "_placeholder" : true , "num" : 0 }]"#), Ok(None));
    let expected = Incoming::Ack {
        namespace: "/",
        id: 7,
        args: r#"{ "_placeholder" : true , "num" : 0 }"#,
        attachments: vec![Bytes::new()],
    };
    assert_eq!(decoder.handle_binary(b""), Ok(Some(expected)));
    assert_eq!(event(decoder, r#"2["ev"]"#), Ok(Some(("ev".into(), String::new()))));
}

#[test]
fn nothing_interleaves_with_attachments() {
    let decoder = &mut Decoder::default();
    assert_eq!(decoder.handle_binary(b"x"), Err(DecodeError::UnexpectedBinary));
    decoder.handle_text(r#"52-["ev"]"#).unwrap();
    assert_eq!(decoder.handle_text(r#"2["ev"]"#), Err(DecodeError::UnexpectedText));
    assert!(!decoder.is_waiting());
    decoder.handle_text(r#"51-["ev"]"#).unwrap();
    decoder.handle_binary(b"x").unwrap();
    assert_eq!(decoder.handle_binary(b"x"), Err(DecodeError::UnexpectedBinary));
}

#[test]
fn attachment_counts() {
    let limit = 10;
    let rows = [
        ("5", DecodeError::AttachmentCount),
        ("5[\"ev\"]", DecodeError::AttachmentCount),
        ("5-[\"ev\"]", DecodeError::AttachmentCount),
        ("51[\"ev\"]", DecodeError::AttachmentCount),
        ("5-1-[\"ev\"]", DecodeError::AttachmentCount),
        ("51.5-[\"ev\"]", DecodeError::AttachmentCount),
        ("51e0-[\"ev\"]", DecodeError::AttachmentCount),
        ("5 1-[\"ev\"]", DecodeError::AttachmentCount),
        ("5hello-[\"ev\"]", DecodeError::AttachmentCount),
        ("511-[\"ev\"]", DecodeError::TooManyAttachments { announced: 11, limit }),
        ("599999999999-", DecodeError::TooManyAttachments { announced: u32::MAX, limit }),
        ("611-1[]", DecodeError::TooManyAttachments { announced: 11, limit }),
    ];
    for (text, expected) in rows {
        assert_eq!(decode(text), Err(expected), "{text}");
    }
    for count in ["1", "10", "010"] {
        let text = format!("5{count}-[\"ev\"]");
        assert_eq!(decode(&text).map(|p| p.attachments), Ok(count.parse().unwrap()), "{text}");
    }
}

#[test]
fn attachment_bytes_are_limited_together() {
    let limits = Limits { attachment_bytes_max: 10, ..Limits::default() };
    for (second, accepted) in [(5, true), (6, true), (7, false)] {
        let decoder = &mut Decoder::new(limits);
        decoder.handle_text(r#"52-["ev"]"#).unwrap();
        decoder.handle_binary(&[0; 4]).unwrap();
        match decoder.handle_binary(&vec![0; second]) {
            Ok(Some(Incoming::Event { .. })) => assert!(accepted),
            Err(DecodeError::AttachmentsTooLarge { actual: 11, limit: 10 }) => assert!(!accepted),
            other => panic!("{other:?}"),
        }
        assert!(!decoder.is_waiting());
    }
}

#[test]
fn placeholders() {
    let legal = [
        r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}"#,
        r#"{"_placeholder":false,"num":9}"#,
        r#"{"_placeholder":1,"num":9}"#,
        r#"{"_placeholder":"true"}"#,
        r#"{"num":9}"#,
        r#""_placeholder",true"#,
        r#"{"a":"{\"_placeholder\":true}"}"#,
        r#"{"a":{"b":[{"_placeholder":true,"num":1}]}}"#,
    ];
    for args in legal {
        let text = format!(r#"52-["ev",{args}]"#);
        assert!(decode(&text).is_ok(), "{text}");
    }
    let illegal = [
        r#"{"_placeholder":true,"num":2}"#,
        r#"{"_placeholder":true,"num":-1}"#,
        r#"{"_placeholder":true,"num":0.5}"#,
        r#"{"_placeholder":true,"num":1e0}"#,
        r#"{"_placeholder":true,"num":99999999999999999999}"#,
        r#"{"_placeholder":true,"num":"0"}"#,
        r#"{"_placeholder":true,"num":null}"#,
        r#"{"_placeholder":true,"num":{"valueOf":0}}"#,
        r#"{"_placeholder":true}"#,
        r#"{"_placeholder":true,"num":0,"more":1}"#,
        r#"{"more":{},"_placeholder":true,"num":0}"#,
        r#"{"num":2,"_placeholder":true}"#,
        r#"{"\u005fplaceholder":true,"num":0}"#,
        r#"[[{"a":{"_placeholder" : true,"num":"x"}}]]"#,
        r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":7}"#,
    ];
    for args in illegal {
        for text in [format!(r#"52-["ev",{args}]"#), format!("62-1[{args}]")] {
            assert_eq!(decode(&text), Err(DecodeError::Placeholder), "{text}");
        }
    }
}

#[test]
fn attachments_without_placeholder_are_dropped() {
    let decoder = &mut Decoder::default();
    decoder.handle_text(r#"53-["ev",{"_placeholder":true,"num":1}]"#).unwrap();
    decoder.handle_binary(b"a").unwrap();
    decoder.handle_binary(b"b").unwrap();
    match decoder.handle_binary(b"c") {
        Ok(Some(Incoming::Event { attachments, .. })) => assert_eq!(attachments, ["a", "b"]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn long_names_are_refused() {
    for (length, accepted) in [(1023, true), (1024, true), (1025, false)] {
        let error = DecodeError::NamespaceTooLong { actual: length, limit: 1024 };
        let namespace = format!("/{}", "n".repeat(length - 1));
        for text in [format!("0{namespace}"), format!("2{namespace},[\"ev\"]")] {
            let expected = if accepted { Ok(&*namespace) } else { Err(error) };
            assert_eq!(decode(&text).map(|packet| packet.namespace), expected);
        }
        let text = format!("2[{:?}]", "e".repeat(length));
        let error = DecodeError::EventNameTooLong { actual: length, limit: 1024 };
        assert_eq!(decode(&text).err(), (!accepted).then_some(error));
    }
}
