//! MessagePack: bytes that `socket.io-msgpack-parser` 3.0.2 wrote, and bytes that are refused.

#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use sockeye_socket_proto::{
    DecodeError, Incoming, Limits, MsgpackParser, Outgoing, PacketKind, Parser, encode_ack,
    encode_connect_error, encode_connected, encode_disconnect, encode_event, transcode,
};

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digits).collect()
}

fn check(message: &[u8], check: impl FnOnce(Result<Option<Incoming<'_>>, DecodeError>)) {
    check(MsgpackParser.decoder(Limits::default()).handle_binary(message));
}

fn refused(message: &[u8], error: DecodeError) {
    check(message, |read| assert_eq!(read, Err(error), "{message:02x?}"));
}

/// `{ "type": kind, "nsp": "/", .. }` and these members.
fn packet(kind: u8, members: u8, rest: &[u8]) -> Vec<u8> {
    [&[0x82 + members], &b"\xa4type"[..], &[kind], b"\xa3nsp\xa1/", rest].concat()
}

/// An event `e` with these arguments.
fn event(count: u8, args: &[u8]) -> Vec<u8> {
    packet(2, 1, &[&b"\xa4data"[..], &[0x91 + count], b"\xa1e", args].concat())
}

#[test]
fn what_the_official_client_sends_is_read() {
    check(&bytes("83a47479706500a36e7370a12fa464617461d40000"), |read| {
        assert_eq!(read, Ok(Some(Incoming::Connect { namespace: "/", auth: "" })));
    });
    let auth = r#"{"token":"abc"}"#;
    check(&bytes("83a47479706500a36e7370a42f666f6fa46461746181a5746f6b656ea3616263"), |read| {
        assert_eq!(read, Ok(Some(Incoming::Connect { namespace: "/foo", auth })));
    });
    let event = concat!(
        "84a47479706502a36e7370a12fa4646174619ba2657601ffcb3ff8000000000000c3c0d40000a2c3a9910181a16180",
        "c4020102a76f7074696f6e7381a8636f6d7072657373c3"
    );
    check(&bytes(event), |read| {
        let expected = Incoming::Event {
            namespace: "/",
            id: None,
            name: "ev".into(),
            args: r#"1,-1,1.5,true,null,null,"é",[1],{"a":{}},{"_placeholder":true,"num":0}"#,
            attachments: vec![Bytes::from_static(&[1, 2])],
        };
        assert_eq!(read, Ok(Some(expected)));
    });
    let event = concat!(
        "85a47479706502a36e7370a42f666f6fa26964cd012ca46461746192a26576d70000000000000003e8",
        "a76f7074696f6e7381a8636f6d7072657373c3"
    );
    check(&bytes(event), |read| {
        let expected = Incoming::Event {
            namespace: "/foo",
            id: Some(300),
            name: "ev".into(),
            args: r#""1970-01-01T00:00:01.000Z""#,
            attachments: vec![],
        };
        assert_eq!(read, Ok(Some(expected)));
    });
    check(&bytes("84a47479706503a36e7370a12fa2696407a46461746190"), |read| {
        let expected = Incoming::Ack { namespace: "/", id: 7, args: "", attachments: vec![] };
        assert_eq!(read, Ok(Some(expected)));
    });
    check(&bytes("84a47479706503a36e7370a12fa2696407a46461746191c7010009"), |read| {
        let attachments = vec![Bytes::from_static(&[9])];
        let args = r#"{"_placeholder":true,"num":0}"#;
        assert_eq!(read, Ok(Some(Incoming::Ack { namespace: "/", id: 7, args, attachments })));
    });
    check(&bytes("83a47479706501a36e7370a12fa76f7074696f6e7381a8636f6d7072657373c3"), |read| {
        assert_eq!(read, Ok(Some(Incoming::Disconnect { namespace: "/" })));
    });
}

#[test]
fn every_packet_of_ours_is_one_message() {
    let written = |text: &str, attachments: &[Bytes]| {
        let messages = transcode(&MsgpackParser, text, attachments).unwrap();
        assert_eq!((messages.text, messages.binary.len()), (None, 1));
        messages.binary[0].to_vec()
    };
    let mut text = String::new();
    encode_connected(&mut text, "/", "x", Some("y"));
    let data = b"\xa4data\x82\xa3sid\xa1x\xa3pid\xa1y";
    assert_eq!(written(&text, &[]), packet(0, 1, data));
    text.clear();
    encode_connect_error(&mut text, "/", "no", "[1]");
    let data = b"\xa4data\x82\xa7message\xa2no\xa4data\x91\x01";
    assert_eq!(written(&text, &[]), packet(4, 1, data));
    text.clear();
    encode_disconnect(&mut text, "/");
    assert_eq!(written(&text, &[]), packet(1, 0, b""));
    text.clear();
    let args = r#"1,{"_placeholder":true,"num":0}"#;
    encode_event(&mut text, "/", None, 1, "e", args);
    assert_eq!(written(&text, &[Bytes::from_static(&[5])]), event(2, b"\x01\xc4\x01\x05"));
    text.clear();
    encode_ack(&mut text, "/", 300, 0, "");
    assert_eq!(written(&text, &[]), packet(3, 2, b"\xa2id\xcd\x01\x2c\xa4data\x90"));
    text.clear();
    encode_event(&mut text, "/", Some(0), 0, "say \"\u{1}\"", "");
    let data = b"\xa2id\x00\xa4data\x91\xa7say \"\x01\"";
    assert_eq!(written(&text, &[]), packet(2, 2, data));
    // The form for clients of Socket.IO 2.
    assert_eq!(written(r#"4["a"]"#, &[]), packet(4, 1, b"\xa4data\x91\xa1a"));
}

#[test]
fn what_is_no_packet_is_refused() {
    let wrong = |kind| DecodeError::PayloadType { kind };
    refused(b"", DecodeError::Msgpack { offset: 0 });
    refused(b"\x90", DecodeError::Msgpack { offset: 0 });
    refused(&[packet(1, 0, b""), vec![0]].concat(), DecodeError::Msgpack { offset: 13 });
    refused(&packet(5, 0, b""), DecodeError::UnknownKind('5'));
    refused(&packet(2, 0, b""), wrong(PacketKind::Event));
    refused(&packet(3, 0, b""), wrong(PacketKind::Ack));
    refused(&packet(4, 0, b""), wrong(PacketKind::ConnectError));
    for (kind, data, error) in [
        (0, &b"\x90"[..], wrong(PacketKind::Connect)),
        (0, b"\xc0", wrong(PacketKind::Connect)),
        (0, b"\xa1a", wrong(PacketKind::Connect)),
        (0, b"\x81\xa1a\xc4\x00", wrong(PacketKind::Connect)),
        (1, b"\x80", wrong(PacketKind::Disconnect)),
        (2, b"\x80", wrong(PacketKind::Event)),
        (2, b"\x90", DecodeError::EventName),
        (2, b"\x91\x90", DecodeError::EventName),
        (2, b"\x91\xa7connect", DecodeError::ReservedEventName),
        (2, b"\x91\xaddisconnecting", DecodeError::ReservedEventName),
        (3, b"\x80", wrong(PacketKind::Ack)),
        (4, b"\x90", wrong(PacketKind::ConnectError)),
    ] {
        refused(&packet(kind, 1, &[b"\xa4data", data].concat()), error);
    }
    refused(b"\x81\xa4type\x01", DecodeError::Namespace);
    refused(b"\x81\xa3nsp\xa1/", DecodeError::Empty);
    refused(b"\x82\xa4type\x01\xa3nsp\xa3foo", DecodeError::Namespace);
    refused(b"\x82\xa4type\x01\xa3nsp\xa4/a,b", DecodeError::Namespace);
    refused(b"\x81\xa4type\xa10", DecodeError::Msgpack { offset: 1 });
    refused(&packet(3, 2, b"\xa2id\xff\xa4data\x90"), DecodeError::IdOutOfRange);
    refused(&event(1, b"\x81\xc0\x01"), DecodeError::Msgpack { offset: 22 });
    let mut decoder = MsgpackParser.decoder(Limits::default());
    assert_eq!(decoder.handle_text("0"), Err(DecodeError::UnexpectedText));
}

#[test]
fn numbers_are_names_and_keys_too() {
    check(&packet(2, 1, b"\xa4data\x92\xff\x81\x07\xc3"), |read| {
        let Ok(Some(Incoming::Event { name, args, .. })) = read else { panic!("{read:?}") };
        assert_eq!((&*name, args), ("-1", r#"{"7":true}"#));
    });
    check(&packet(3, 1, b"\xa4data\x90"), |read| assert_eq!(read, Ok(None), "an ack without id"));
    check(&event(2, b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00\xca\x3f\x80\x00\x00"), |read| {
        let Ok(Some(Incoming::Event { args, .. })) = read else { panic!("{read:?}") };
        assert_eq!(args, "null,1.0", "JSON has no infinity");
    });
}

/// In an event that is sent on, such a placeholder could refer to an attachment of somebody else.
#[test]
fn a_placeholder_by_hand_is_refused() {
    refused(&event(1, b"\x82\xac_placeholder\xc3\xa3num\x00"), DecodeError::Placeholder);
    check(&event(1, b"\x82\xac_placeholder\xc2\xa3num\x00"), |read| assert!(read.is_ok()));
}

#[test]
fn limits_are_those_of_json() {
    let limits = Limits {
        attachments_max: 2,
        attachment_bytes_max: 4,
        namespace_bytes_max: 3,
        event_name_bytes_max: 3,
        depth_max: 2,
    };
    let read = |message: &[u8]| {
        let mut decoder = MsgpackParser.decoder(limits);
        decoder.handle_binary(message).map(drop)
    };
    assert_eq!(read(&event(2, b"\xc4\x01\x01\xc4\x03\x01\x02\x03")), Ok(()));
    let too_large = DecodeError::AttachmentsTooLarge { actual: 5, limit: 4 };
    assert_eq!(read(&event(2, b"\xc4\x01\x01\xc4\x04\x01\x02\x03\x04")), Err(too_large));
    let too_many = DecodeError::TooManyAttachments { announced: 3, limit: 2 };
    assert_eq!(read(&event(3, b"\xc4\x00\xc4\x00\xc4\x00")), Err(too_many));
    assert_eq!(read(&event(1, b"\x91\x91\x00")), Ok(()));
    assert_eq!(read(&event(1, b"\x91\x91\x90")), Err(DecodeError::TooDeep { limit: 2 }));
    assert_eq!(read(b"\x82\xa4type\x01\xa3nsp\xa3/ab"), Ok(()));
    let too_long = DecodeError::NamespaceTooLong { actual: 4, limit: 3 };
    assert_eq!(read(b"\x82\xa4type\x01\xa3nsp\xa4/abc"), Err(too_long));
    assert_eq!(read(&packet(2, 1, b"\xa4data\x91\xa3abc")), Ok(()));
    let too_long = DecodeError::EventNameTooLong { actual: 4, limit: 3 };
    assert_eq!(read(&packet(2, 1, b"\xa4data\x91\xa4abcd")), Err(too_long));
}

/// Lists whose announced length or depth is wrong take no more memory than their bytes.
#[test]
fn lengths_that_lie_cost_nothing() {
    for args in
        [&b"\xdd\xff\xff\xff\xff"[..], b"\xdf\xff\xff\xff\xff\xa1a", b"\xdb\xff\xff\xff\xff"]
    {
        check(&event(1, args), |read| {
            assert!(matches!(read, Err(DecodeError::Msgpack { .. })), "{read:?}");
        });
    }
    let deep = event(1, &vec![0x91; 1_000_000]);
    check(&deep, |read| assert!(matches!(read, Err(DecodeError::Msgpack { .. }))));
    let deep = event(1, &[vec![0x91; 1_000_000], vec![0]].concat());
    refused(&deep, DecodeError::TooDeep { limit: 1_024 });
}

/// A parser of an application's own: JSON behind a mark.
#[test]
fn another_parser_is_a_trait_away() {
    #[derive(Debug)]
    struct Shout;
    impl Parser for Shout {
        fn encode(&self, packet: &Outgoing<'_>) -> sockeye_socket_proto::Messages {
            let Outgoing::Event { name, args, .. } = packet else { panic!("{packet:?}") };
            format!("{name}! {args}").into()
        }
        fn decoder(&self, _: Limits) -> Box<dyn sockeye_socket_proto::PacketDecoder> {
            unreachable!("nothing is read here")
        }
    }
    let messages = transcode(&Shout, r#"2["a",1,"b"]"#, &[]).unwrap();
    assert_eq!((messages.text.as_deref(), messages.binary.len()), (Some(r#"a! 1,"b""#), 0));
}
