//! Properties that hold for every packet and every text.

#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use proptest::prelude::*;
use sockeye_socket_proto::{
    AckError, DecodeError, Decoder, Incoming, Limits, MsgpackParser, Packet, Parser, PendingAcks,
    decode_args, encode_ack, encode_connect, encode_connect_error, encode_connected,
    encode_disconnect, encode_event, is_reserved, transcode,
};

fn namespace() -> impl Strategy<Value = String> {
    prop_oneof![Just("/".to_owned()), "/[^,]{0,12}"]
}

fn event_name() -> impl Strategy<Value = String> {
    any::<String>().prop_filter("reserved", |name| !is_reserved(name))
}

/// Any JSON value, as text with odd white space in places.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_map(|value| serde_json::to_string(&value).unwrap()),
        any::<String>().prop_map(|value| serde_json::to_string(&value).unwrap()),
        Just(r#""\ud800\"[]{},\\""#.to_owned()),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        let member = (any::<String>(), inner.clone()).prop_map(|(key, value)| {
            format!(" {}\t: {value}", serde_json::to_string(&key).unwrap())
        });
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec(member, 0..5)
                .prop_map(|items| format!("{{{}}}", items.join(","))),
        ]
    })
}

/// Arguments with `attachments` placeholders in them, numbered in order.
fn args(attachments: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(json(), attachments..attachments + 3).prop_map(move |mut values| {
        for (num, value) in values.iter_mut().take(attachments).enumerate() {
            *value = format!(r#"[{value},{{"_placeholder":true,"num":{num}}}]"#);
        }
        values.join(",")
    })
}

fn args_and_attachments() -> impl Strategy<Value = (String, Vec<Bytes>)> {
    prop::collection::vec(any::<Vec<u8>>().prop_map(Bytes::from), 0..4)
        .prop_flat_map(|attachments| (args(attachments.len()), Just(attachments)))
}

/// Decodes one packet with its attachments and gives the result to `check`.
fn round_trip(text: &str, attachments: &[Bytes], check: impl FnOnce(Incoming<'_>)) {
    let mut decoder = Decoder::default();
    let (last, earlier) = match attachments.split_last() {
        None => return check(decoder.handle_text(text).unwrap().unwrap()),
        Some(split) => split,
    };
    assert_eq!(decoder.handle_text(text), Ok(None));
    for attachment in earlier {
        assert_eq!(decoder.handle_binary(attachment), Ok(None));
    }
    check(decoder.handle_binary(last).unwrap().unwrap());
    assert!(!decoder.is_waiting());
}

/// Replaces half surrogate pairs, which MessagePack cannot hold.
fn without_half_pairs(json: &str) -> String {
    json.replace("\\ud800", "x")
}

/// The arguments as values, since MessagePack keeps neither white space nor how numbers are written.
fn values(args: &str) -> Vec<serde_json::Value> {
    serde_json::from_str(&format!("[{args}]")).unwrap()
}

/// Units of UTF-16, many of them halves of surrogate pairs.
fn utf16() -> impl Strategy<Value = Vec<u16>> {
    let unit = prop_oneof![0xd800..0xdc00u16, 0xdc00..0xe000u16, any::<u16>(), Just(0x5c)];
    prop::collection::vec(unit, 0..12)
}

proptest! {
    /// Strings of JavaScript may hold half surrogate pairs; they arrive as every encoder of the web
    /// writes them.
    #[test]
    fn any_text_of_javascript_is_taken(units in utf16()) {
        let json: String = units.iter().map(|unit| match unit {
            0x5c => "\\\\".to_owned(),
            unit => format!("\\u{unit:04x}"),
        }).collect();
        let text: String = decode_args(&format!("\"{json}\""), &[]).unwrap();
        prop_assert_eq!(&text, &String::from_utf16_lossy(&units));
        if !is_reserved(&text) {
            round_trip(&format!("2[\"{json}\"]"), &[], |incoming| {
                let Incoming::Event { name, .. } = incoming else { panic!("{incoming:?}") };
                assert_eq!(name, text);
            });
        }
    }

    #[test]
    fn events_and_acks_come_back_from_messagepack(
        namespace in namespace(),
        id in any::<Option<u64>>(),
        name in event_name(),
        (args, attachments) in args_and_attachments(),
    ) {
        let args = without_half_pairs(&args);
        let mut text = String::new();
        let count = u32::try_from(attachments.len()).unwrap();
        encode_event(&mut text, &namespace, id, count, &name, &args);
        let message = transcode(&MsgpackParser, &text, &attachments).unwrap().binary.remove(0);
        let mut decoder = MsgpackParser.decoder(Limits::default());
        match decoder.handle_binary(&message).unwrap().unwrap() {
            Incoming::Event { namespace: n, id: i, name: e, args: a, attachments: b } => {
                prop_assert_eq!((n, i, &*e), (&*namespace, id, &*name));
                prop_assert_eq!(values(a), values(&args));
                prop_assert_eq!(b, attachments.clone());
            }
            other => prop_assert!(false, "{:?}", other),
        }

        text.clear();
        encode_ack(&mut text, &namespace, id.unwrap_or(0), count, &args);
        let message = transcode(&MsgpackParser, &text, &attachments).unwrap().binary.remove(0);
        match decoder.handle_binary(&message).unwrap().unwrap() {
            Incoming::Ack { namespace: n, id: i, args: a, attachments: b } => {
                prop_assert_eq!((n, i), (&*namespace, id.unwrap_or(0)));
                prop_assert_eq!(values(a), values(&args));
                prop_assert_eq!(b, attachments);
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn the_other_packets_come_back_from_messagepack(
        namespace in namespace(),
        message in any::<String>(),
        data in json(),
    ) {
        let data = without_half_pairs(&data);
        let namespace = namespace.as_str();
        let read = |text: &str, check: &dyn Fn(Incoming<'_>)| {
            let message = transcode(&MsgpackParser, text, &[]).unwrap().binary.remove(0);
            let mut decoder = MsgpackParser.decoder(Limits::default());
            check(decoder.handle_binary(&message).unwrap().unwrap());
        };
        let mut text = String::new();
        encode_connect(&mut text, namespace, &format!(r#"{{"data":{data}}}"#));
        read(&text, &|incoming| match incoming {
            Incoming::Connect { namespace: n, auth } => {
                assert_eq!(n, namespace);
                assert_eq!(values(auth), values(&format!(r#"{{"data":{data}}}"#)));
            }
            other => panic!("{other:?}"),
        });
        text.clear();
        encode_connect_error(&mut text, namespace, &message, &data);
        read(&text, &|incoming| match incoming {
            Incoming::ConnectError { namespace: n, data: error } => {
                let expected = serde_json::json!({ "message": message, "data": values(&data)[0] });
                assert_eq!((n, &values(error)[0]), (namespace, &expected));
            }
            other => panic!("{other:?}"),
        });
        text.clear();
        encode_disconnect(&mut text, namespace);
        read(&text, &|incoming| assert_eq!(incoming, Incoming::Disconnect { namespace }));
    }

    /// For any bytes the decoder ends, and writes no more than a few times as many.
    #[test]
    fn any_bytes_are_read_or_refused(
        head in prop::sample::select(vec![
            Vec::new(),
            b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data".to_vec(),
            b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1e".to_vec(),
            b"\x83\xa4type\x00\xa3nsp\xa1/\xa4data\x81\xa1k".to_vec(),
        ]),
        tail in prop::collection::vec(prop_oneof![any::<u8>(), 0x80..=0xffu8], 0..200),
    ) {
        let message = [head, tail].concat();
        let limits = Limits::default();
        let mut decoder = MsgpackParser.decoder(limits);
        if let Ok(Some(incoming)) = decoder.handle_binary(&message) {
            if let Incoming::Event { args, attachments, .. } = &incoming {
                prop_assert!(args.len() <= 6 * message.len() + 400, "{}", args.len());
                prop_assert!(attachments.len() <= limits.attachments_max as usize);
                values(args);
            }
            let again = MsgpackParser.encode(&incoming).binary.remove(0);
            let mut decoder = MsgpackParser.decoder(limits);
            prop_assert_eq!(decoder.handle_binary(&again), Ok(Some(incoming)));
        }
    }

    #[test]
    fn events_come_back(
        namespace in namespace(),
        id in any::<Option<u64>>(),
        name in event_name(),
        (args, attachments) in args_and_attachments(),
    ) {
        let mut text = String::new();
        let count = u32::try_from(attachments.len()).unwrap();
        encode_event(&mut text, &namespace, id, count, &name, &args);
        let expected = Incoming::Event {
            namespace: &namespace,
            id,
            name: name.as_str().into(),
            args: &args,
            attachments: attachments.clone(),
        };
        round_trip(&text, &attachments, |incoming| assert_eq!(incoming, expected));

        let packet = Packet::decode(&text, &Limits::default()).unwrap();
        let mut again = String::new();
        packet.encode(&mut again);
        prop_assert_eq!(again, text);
    }

    #[test]
    fn acks_come_back(
        namespace in namespace(),
        id in any::<u64>(),
        (args, attachments) in args_and_attachments(),
    ) {
        let mut text = String::new();
        let count = u32::try_from(attachments.len()).unwrap();
        encode_ack(&mut text, &namespace, id, count, &args);
        let expected = Incoming::Ack {
            namespace: &namespace,
            id,
            args: &args,
            attachments: attachments.clone(),
        };
        round_trip(&text, &attachments, |incoming| assert_eq!(incoming, expected));
    }

    #[test]
    fn the_other_packets_come_back(
        namespace in namespace(),
        message in any::<String>(),
        pid in any::<Option<String>>(),
        data in json(),
    ) {
        let namespace = namespace.as_str();
        let mut text = String::new();
        let auth = format!(r#"{{"data":{data}}}"#);
        encode_connect(&mut text, namespace, &auth);
        let expected = Incoming::Connect { namespace, auth: &auth };
        round_trip(&text, &[], |incoming| assert_eq!(incoming, expected));

        text.clear();
        encode_connected(&mut text, namespace, &message, pid.as_deref());
        round_trip(&text, &[], |incoming| match incoming {
            Incoming::Connect { namespace: n, auth } => {
                let auth: serde_json::Value = serde_json::from_str(auth).unwrap();
                assert_eq!((n, auth["sid"].as_str()), (namespace, Some(&*message)));
                assert_eq!(auth.get("pid").and_then(|pid| pid.as_str()), pid.as_deref());
            }
            other => panic!("{other:?}"),
        });

        text.clear();
        encode_connect_error(&mut text, namespace, &message, &data);
        round_trip(&text, &[], |incoming| match incoming {
            Incoming::ConnectError { namespace: n, data: error } => {
                assert_eq!(n, namespace);
                #[derive(serde::Deserialize)]
                struct Refusal<'a> {
                    message: String,
                    #[serde(borrow)]
                    data: &'a serde_json::value::RawValue,
                }
                let error: Refusal<'_> = serde_json::from_str(error).unwrap();
                assert_eq!((error.message, error.data.get()), (message, &*data));
            }
            other => panic!("{other:?}"),
        });

        text.clear();
        encode_disconnect(&mut text, namespace);
        let expected = Incoming::Disconnect { namespace };
        round_trip(&text, &[], |incoming| assert_eq!(incoming, expected));
    }

    #[test]
    fn any_text_is_read_or_refused(text in r#"[0-7][0-9]{0,2}-?(/[a-z]{0,3},)?[0-9]{0,3}.*"#) {
        let _ = Packet::decode(&text, &Limits::default());
    }

    /// All that serde_json reads into a tree is accepted, and all that is accepted is JSON.
    #[test]
    fn payloads_are_exactly_json(
        text in prop_oneof![json(), r#"[\[\]{}",:0-9.eE+\-a\\ tru]{0,20}"#],
    ) {
        let packet = format!("2[\"ev\",{text}]");
        let is_json = serde_json::from_str::<serde_json::Value>(&packet[1..]).is_ok();
        match Packet::decode(&packet, &Limits::default()) {
            Ok(packet) => prop_assert!(is_json || packet.data.contains(['e', 'E', '\\'])),
            Err(DecodeError::Json { .. }) => prop_assert!(!is_json),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    /// The table of pending acks against a list that does the same naively.
    #[test]
    fn acks_resolve_once(steps in prop::collection::vec(any::<Option<u8>>(), 0..200)) {
        let mut acks = PendingAcks::new(16);
        let mut naive: Vec<u64> = Vec::new();
        let mut sent = 0;
        for step in steps {
            match step {
                None => match acks.insert(sent) {
                    Ok(id) => {
                        prop_assert_eq!(id, sent);
                        naive.push(id);
                        sent += 1;
                    }
                    Err(AckError::Full { limit }) => prop_assert_eq!((naive.len(), limit), (16, 16)),
                    Err(other) => prop_assert!(false, "{}", other),
                },
                Some(id) => {
                    let id = u64::from(id) % 40;
                    let waits = naive.iter().position(|&waiting| waiting == id);
                    let expected = waits.map(|index| naive.remove(index));
                    prop_assert_eq!(acks.resolve(id), expected);
                }
            }
            prop_assert_eq!(acks.len(), naive.len());
        }
        let (before, after): (Vec<u64>, Vec<u64>) =
            naive.into_iter().partition(|&id| id < sent / 2);
        prop_assert_eq!(acks.drain_before(sent / 2).collect::<Vec<_>>(), before);
        prop_assert_eq!(acks.drain().collect::<Vec<_>>(), after);
        prop_assert!(acks.is_empty());
    }
}
