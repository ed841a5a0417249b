//! What holds for any input: the way a stream is cut changes nothing, what one role encodes the other
//! decodes, and the check of text agrees with the standard library.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use sockeye_ws::{CloseCode, CloseFrame, Config, Connection, Event, Message, ProtocolError, Role};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// [`Event`] with its payload.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Text(text.to_owned()),
            Event::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Event::Ping(bytes) => Self::Ping(bytes.to_vec()),
            Event::Pong(bytes) => Self::Pong(bytes.to_vec()),
            Event::Close(frame) => Self::Close(
                frame.map(|CloseFrame { code, reason }| (code.get(), reason.to_owned())),
            ),
        }
    }
}

/// Events, replies and verdict of a stream handed over in pieces that end at `cuts`.
fn read(
    role: Role,
    stream: &[u8],
    cuts: &[usize],
) -> (Vec<Seen>, Vec<u8>, Result<(), ProtocolError>) {
    let config = Config { message_bytes_max: 600, frame_bytes_max: 500, fragments_max: 4 };
    let mut connection = Connection::new(role, config);
    let (mut events, mut replies) = (Vec::new(), Vec::new());
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    ends.push(stream.len());
    ends.sort_unstable();
    let mut start = 0;
    for end in ends {
        let mut piece = stream[start..end].to_vec();
        start = end;
        let (mut used, len) = (0, piece.len());
        while used < len {
            match connection.handle_read(&mut piece[used..]) {
                Ok((count, event)) => {
                    assert!(count > 0, "no progress");
                    assert!(event.is_some() || count == len - used, "input left over");
                    used += count;
                    events.extend(event.map(Seen::from));
                }
                Err(error) => return (events, replies, Err(error)),
            }
            while connection.poll_transmit(Some(KEY), &mut replies) {}
        }
    }
    (events, replies, Ok(()))
}

/// A frame that is often right: any FIN and opcode, the shortest length form, masked for servers.
fn frame(role: Role) -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => proptest::sample::select(vec![0x81_u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a]),
        1 => any::<u8>(),
        1 => Just(0x88),
    ];
    let payload = prop_oneof![
        4 => "\\PC{0,40}".prop_map(String::into_bytes),
        2 => proptest::collection::vec(any::<u8>(), 0..300),
        1 => Just(b"\x03\xe8bye".to_vec()),
        1 => Just(Vec::new()),
    ];
    (first, payload).prop_map(move |(first, payload)| {
        let mut bytes = Vec::new();
        let key = (role == Role::Server).then_some(KEY);
        sockeye_ws::encode_frame(sockeye_ws::Opcode::Binary, &payload, key, &mut bytes);
        bytes[0] = first;
        bytes
    })
}

fn streams() -> impl Strategy<Value = (Role, Vec<u8>)> {
    prop_oneof![Just(Role::Server), Just(Role::Client)].prop_flat_map(|role| {
        let frames = proptest::collection::vec(frame(role), 0..8).prop_map(|f| f.concat());
        let noise = proptest::collection::vec(any::<u8>(), 0..64);
        (Just(role), (frames, noise).prop_map(|(frames, noise)| [frames, noise].concat()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_cut_gives_the_same_events(
        (role, stream) in streams(),
        cuts in proptest::collection::vec(any::<usize>(), 0..20),
    ) {
        let whole = read(role, &stream, &[]);
        prop_assert_eq!(&read(role, &stream, &cuts), &whole);
        let every_byte: Vec<usize> = (0..stream.len()).collect();
        prop_assert_eq!(&read(role, &stream, &every_byte), &whole);
    }

    #[test]
    fn what_one_role_sends_the_other_reads(
        role in prop_oneof![Just(Role::Server), Just(Role::Client)],
        text in "\\PC{0,100}",
        bytes in proptest::collection::vec(any::<u8>(), 0..500),
        control in proptest::collection::vec(any::<u8>(), 0..=125),
        code in prop_oneof![1000_u16..=1003, 1007_u16..=1014, 3000_u16..=4999],
        reason in "[a-z]{0,123}",
        key in any::<[u8; 4]>(),
        cuts in proptest::collection::vec(any::<usize>(), 0..10),
    ) {
        let mut sender = Connection::new(role, Config::default());
        let mut wire = Vec::new();
        let messages = [
            Message::Text(&text),
            Message::Binary(&bytes),
            Message::Ping(&control),
            Message::Pong(&control),
        ];
        for message in messages {
            sender.send(message, Some(key), &mut wire).unwrap();
        }
        sender.close(CloseCode::new(code), &reason, Some(key), &mut wire);
        let receiver = if role == Role::Server { Role::Client } else { Role::Server };
        let (events, replies, result) = read(receiver, &wire, &cuts);
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(events, [
            Seen::Text(text),
            Seen::Binary(bytes),
            Seen::Ping(control.clone()),
            Seen::Pong(control.clone()),
            Seen::Close(Some((code, reason.clone()))),
        ]);
        // And the sender reads the replies: the pong, and the close frame as it was.
        let mut replies = replies;
        let (used, event) = sender.handle_read(&mut replies).unwrap();
        prop_assert_eq!(event, Some(Event::Pong(&control)));
        let event = sender.handle_read(&mut replies[used..]).unwrap().1;
        let closed = CloseFrame { code: CloseCode::new(code), reason: &reason };
        prop_assert_eq!(event, Some(Event::Close(Some(closed))));
        prop_assert!(sender.is_closed());
    }

    #[test]
    fn text_in_fragments_is_checked_as_a_whole(
        good in "\\PC{0,30}",
        noise in proptest::collection::vec(any::<u8>(), 0..6),
        rest in "\\PC{0,30}",
        cuts in proptest::collection::vec(any::<usize>(), 0..3),
    ) {
        let bytes = [good.as_bytes(), &noise, rest.as_bytes()].concat();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        ends.push(bytes.len());
        ends.sort_unstable();
        let (mut wire, mut start) = (Vec::new(), 0);
        for (index, end) in ends.iter().enumerate() {
            let fin = if index == ends.len() - 1 { 0x80 } else { 0x00 };
            let header = [fin | u8::from(index == 0), (end - start) as u8 | 0x80];
            // A key of zeros leaves the payload as it is.
            wire.extend([&header[..], &[0; 4], &bytes[start..*end]].concat());
            start = *end;
        }
        prop_assume!(ends.windows(2).all(|pair| pair[1] - pair[0] < 126) && ends[0] < 126);
        let (events, _, result) = read(Role::Server, &wire, &[]);
        match std::str::from_utf8(&bytes) {
            Ok(text) => prop_assert_eq!((events, result), (vec![Seen::Text(text.to_owned())], Ok(()))),
            Err(_) => prop_assert_eq!((events, result), (vec![], Err(ProtocolError::InvalidUtf8))),
        }
    }
}
