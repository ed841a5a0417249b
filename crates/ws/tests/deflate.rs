//! Compressed messages (RFC 7692): the examples of the RFC, limits, what a bad peer sends, and any
//! parameters with any messages cut anywhere.
#![cfg(feature = "deflate")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;
use sockeye_ws::handshake::deflate::Parameters;
use sockeye_ws::{
    CloseCode, Config, Connection, Deflater, Event, Message, Opcode, ProtocolError, Role,
    encode_compressed_frame, encode_frame,
};

const KEY: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

const NO_TAKEOVER: Parameters = Parameters {
    server_no_context_takeover: true,
    client_no_context_takeover: true,
    server_max_window_bits: 15,
    client_max_window_bits: 15,
};

const TAKEOVER: Parameters = Parameters {
    server_no_context_takeover: false,
    client_no_context_takeover: false,
    ..NO_TAKEOVER
};

fn limited(message_bytes_max: usize) -> Config {
    Config { message_bytes_max, ..Config::default() }
}

fn client(parameters: &Parameters, config: Config) -> Connection {
    Connection::new(Role::Client, config).with_deflate(parameters)
}

/// A message with its own memory.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Control,
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Text(text.to_owned()),
            Event::Binary(bytes) => Self::Binary(bytes.to_vec()),
            _ => Self::Control,
        }
    }
}

/// All that a connection makes of `wire`.
fn read(connection: &mut Connection, wire: &[u8]) -> Result<Vec<Seen>, ProtocolError> {
    let mut wire = wire.to_vec();
    let (mut seen, mut used) = (Vec::new(), 0);
    while used < wire.len() {
        let (count, event) = connection.handle_read(&mut wire[used..])?;
        used += count;
        seen.extend(event.map(Seen::from));
        connection.poll_transmit(KEY, &mut Vec::new());
    }
    Ok(seen)
}

/// The same byte for byte.
fn read_bytewise(connection: &mut Connection, wire: &[u8]) -> Result<Vec<Seen>, ProtocolError> {
    let mut seen = Vec::new();
    for byte in wire {
        seen.extend(read(connection, &[*byte])?);
    }
    Ok(seen)
}

/// A server's frame of a compressed binary message.
fn compressed(deflated: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    encode_compressed_frame(Opcode::Binary, deflated, None, &mut wire);
    wire
}

/// What a fresh client makes of one compressed message, whole and byte for byte.
fn receive(deflated: &[u8], limit: usize) -> Result<Vec<Seen>, ProtocolError> {
    let wire = compressed(deflated);
    let whole = read(&mut client(&NO_TAKEOVER, limited(limit)), &wire);
    assert_eq!(read_bytewise(&mut client(&NO_TAKEOVER, limited(limit)), &wire), whole);
    whole
}

fn deflate(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Deflater::new(Role::Server, &NO_TAKEOVER, 6).unwrap().deflate(payload, &mut out);
    out
}

fn binary(bytes: &[u8]) -> Seen {
    Seen::Binary(bytes.to_vec())
}

/// Bytes that cannot be compressed.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

#[test]
fn the_examples_of_the_rfc() {
    let mut client = client(&TAKEOVER, Config::default());
    let hello = vec![Seen::Text("Hello".to_owned())];
    // RFC 7692 §7.2.3.1: one frame; then two, of which only the first has RSV1.
    let one = [0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(read(&mut client, &one), Ok(hello.clone()));
    let two = [0x41, 0x03, 0xf2, 0x48, 0xcd, 0x80, 0x04, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(read(&mut client, &two), Ok(hello.clone()));
    // §7.2.3.2: it refers to the one before.
    let shared = [0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00];
    assert_eq!(read(&mut client, &shared), Ok(hello.clone()));
    // §7.2.3.3: a block without compression.
    let stored = [0xc1, 0x0b, 0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
    assert_eq!(read(&mut client, &stored), Ok(hello.clone()));
    // §7.2.3.4: a final block.
    let last = [0xc1, 0x08, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    assert_eq!(read(&mut client, &last), Ok(hello.clone()));
    // §7.2.3.5: two blocks.
    let blocks =
        [0xc1, 0x0d, 0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(read(&mut client, &blocks), Ok(hello));
    // §7.2.3.6: an empty message.
    assert_eq!(read(&mut client, &[0xc1, 0x01, 0x00]), Ok(vec![Seen::Text(String::new())]));
}

#[test]
fn what_is_sent_is_what_the_rfc_shows() {
    let mut out = Vec::new();
    let mut deflater = Deflater::new(Role::Server, &TAKEOVER, 6).unwrap();
    deflater.encode_frame(Opcode::Text, b"Hello", None, &mut out);
    assert_eq!(out, [0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    // The second one refers to the first.
    out.clear();
    deflater.encode_frame(Opcode::Text, b"Hello", None, &mut out);
    assert_eq!(out, [0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00]);
    out.clear();
    deflater.encode_frame(Opcode::Text, b"", None, &mut out);
    assert_eq!(out, [0xc1, 0x01, 0x00]);
    // Without context each is as short or as long as the others, and never longer than uncompressed.
    let mut deflater = Deflater::new(Role::Server, &NO_TAKEOVER, 6).unwrap();
    for _ in 0..2 {
        out.clear();
        deflater.encode_frame(Opcode::Text, b"Hello", None, &mut out);
        assert_eq!(out, b"\x81\x05Hello");
        out.clear();
        deflater.encode_frame(Opcode::Text, b"", None, &mut out);
        assert_eq!(out, b"\x81\x00");
    }
    let mut deflater = Deflater::new(Role::Server, &NO_TAKEOVER, 6).unwrap().always();
    for _ in 0..2 {
        out.clear();
        deflater.encode_frame(Opcode::Text, b"Hello", None, &mut out);
        assert_eq!(out, [0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
        out.clear();
        deflater.encode_frame(Opcode::Text, b"", None, &mut out);
        assert_eq!(out, [0xc1, 0x01, 0x00]);
    }
}

#[test]
fn rsv1_only_where_it_was_negotiated_and_on_first_frames() {
    let bits = Err(ProtocolError::ReservedBits { bits: 0b100 });
    let hello = [0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(read(&mut Connection::new(Role::Client, Config::default()), &hello), bits);
    // On a continuation, a ping, a close.
    for wire in [&[0x41, 0x01, 0x00, 0xc0][..], &[0x01, 0x01, b'a', 0xc0], &[0xc9], &[0xc8]] {
        assert_eq!(read(&mut client(&NO_TAKEOVER, Config::default()), wire), bits, "{wire:x?}");
    }
    let others = Err(ProtocolError::ReservedBits { bits: 0b110 });
    assert_eq!(read(&mut client(&NO_TAKEOVER, Config::default()), &[0xe1]), others);
}

#[test]
fn uncompressed_messages_and_control_frames_come_between() {
    let mut wire = Vec::new();
    let deflated = deflate(&b"ab".repeat(100));
    let (first, second) = deflated.split_at(3);
    wire.extend([0x42, first.len() as u8]);
    wire.extend(first);
    wire.extend(b"\x89\x02hi\x00\x00");
    wire.extend([0x80, second.len() as u8]);
    wire.extend(second);
    encode_frame(Opcode::Text, b"plain", None, &mut wire);
    let expected = vec![Seen::Control, binary(&b"ab".repeat(100)), Seen::Text("plain".to_owned())];
    assert_eq!(read(&mut client(&NO_TAKEOVER, Config::default()), &wire), Ok(expected.clone()));
    assert_eq!(read_bytewise(&mut client(&NO_TAKEOVER, Config::default()), &wire), Ok(expected));
}

/// websocketpp #1191, centrifugo PR #1162, httpcomponents PR #821, python-websockets #1715: the limit
/// was that of the compressed size, or looked at afterwards, or the message was cut at it.
#[test]
fn limit_and_limit_plus_one() {
    for limit in [1, 5, 255, 256, 257, 1000, 4096, 65_536, 100_000] {
        for payload in [vec![0; limit + 1], noise(limit + 1)] {
            let exactly = receive(&deflate(&payload[..limit]), limit);
            assert_eq!(exactly, Ok(vec![binary(&payload[..limit])]), "{limit}");
            let error = receive(&deflate(&payload), limit).unwrap_err();
            assert!(
                matches!(error, ProtocolError::MessageTooLarge { limit: l, .. } if l == limit),
                "{limit} {error}"
            );
            assert_eq!(error.close_code(), CloseCode::TOO_BIG);
        }
    }
    assert_eq!(receive(&deflate(b""), 0), Ok(vec![binary(b"")]));
    assert!(receive(&deflate(b"a"), 0).is_err());
}

#[test]
fn a_limit_of_nothing_less_than_everything() {
    let payload = noise(1000);
    assert_eq!(receive(&deflate(&payload), usize::MAX), Ok(vec![binary(&payload)]));
}

/// A message that is longer compressed than not is still within the limit, in whatever blocks and
/// fragments it comes.
#[test]
fn the_limit_is_not_that_of_the_compressed_size() {
    let payload = noise(10_000);
    let mut stored = Vec::new();
    for block in payload.chunks(200) {
        let len = block.len() as u16;
        stored.push(0);
        stored.extend(len.to_le_bytes());
        stored.extend((!len).to_le_bytes());
        stored.extend(block);
    }
    stored.push(0);
    assert!(stored.len() > payload.len());
    assert_eq!(receive(&stored, payload.len()), Ok(vec![binary(&payload)]));
}

/// But what is no data at all is not collected forever.
#[test]
fn empty_blocks_have_an_end() {
    let mut connection = client(&NO_TAKEOVER, limited(1000));
    let mut wire = vec![0x42, 0x00];
    let block = [0x00, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff];
    wire.extend(block.repeat(1000));
    let error = read(&mut connection, &wire).unwrap_err();
    assert!(matches!(error, ProtocolError::MessageTooLarge { limit: 1000, .. }), "{error}");
    assert_eq!(connection.buffered(), 0);
}

#[test]
fn fragments_and_frames_of_compressed_messages_have_their_limits() {
    let config = Config { frame_bytes_max: 10, fragments_max: 3, ..Config::default() };
    let error = read(&mut client(&NO_TAKEOVER, config), &[0xc2, 11]).unwrap_err();
    assert_eq!(error, ProtocolError::FrameTooLarge { length: 11, limit: 10 });
    let error = read(&mut client(&NO_TAKEOVER, config), b"\x42\0\0\0\0\0\0\0").unwrap_err();
    assert_eq!(error, ProtocolError::TooManyFragments { limit: 3 });
}

/// Ten megabytes of zeros in ten kilobytes: refused at the limit, and not much more than that is
/// ever allocated (see `tests/deflate_memory.rs`).
#[test]
fn a_bomb() {
    let bomb = deflate(&vec![0; 10 << 20]);
    assert!(bomb.len() < 20_000, "{}", bomb.len());
    let error = receive(&bomb, 1 << 20).unwrap_err();
    let expected = ProtocolError::MessageTooLarge { length: (1 << 20) + 1, limit: 1 << 20 };
    assert_eq!(error, expected);
}

/// Two bytes end a stream and begin the next, which costs more than two bytes' worth.
#[test]
fn a_bomb_of_final_blocks() {
    let blocks = |count: usize| [[0x03, 0x00].repeat(count), vec![0x00]].concat();
    assert_eq!(receive(&blocks(500), 1 << 20), Ok(vec![binary(b"")]));
    assert_eq!(receive(&blocks(100_000), 1 << 20), Err(ProtocolError::InvalidDeflate));
}

#[test]
fn a_truncated_stream() {
    let text = "a line of text, a line of words, a line of letters. ".repeat(20);
    for whole in [deflate(text.as_bytes()), deflate(&noise(300)), deflate(b"a")] {
        // A zero alone is the empty message.
        for cut in (1..whole.len()).filter(|cut| whole[..*cut] != [0]) {
            let error = receive(&whole[..cut], 1 << 20).unwrap_err();
            assert_eq!(error, ProtocolError::InvalidDeflate, "{cut} of {}", whole.len());
            assert_eq!(error.close_code(), CloseCode::INVALID_PAYLOAD);
        }
    }
    // Cut within the last stored block, so that the tail would serve as data.
    let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, b'H', b'e', b'l', b'l', b'o', 0x00];
    for cut in 2..stored.len() {
        assert_eq!(receive(&stored[..cut], 1 << 20), Err(ProtocolError::InvalidDeflate), "{cut}");
    }
    // The tail itself is not sent, but if it is, it is one more empty block, cut off.
    let with_tail = [&deflate(b"abc")[..], &[0x00, 0x00, 0xff, 0xff]].concat();
    assert_eq!(receive(&with_tail, 1 << 20), Err(ProtocolError::InvalidDeflate));
}

#[test]
fn an_invalid_stream() {
    let bad: [&[u8]; 5] = [
        &[0xff],
        &[0x07, 0x00],
        b"not compressed at all",
        // A stored block whose length is not its complement's.
        &[0x00, 0x05, 0x00, 0x05, 0x00, 1, 2, 3, 4, 5, 0x00],
        // Something behind the final block that is no block.
        &[0x03, 0x00, 0xff],
    ];
    for bad in bad {
        assert_eq!(receive(bad, 1 << 20), Err(ProtocolError::InvalidDeflate), "{bad:x?}");
    }
}

/// Text is checked when it is decompressed.
#[test]
fn compressed_text_that_is_not_utf8() {
    let mut wire = compressed(&deflate(&[b"abcdefgh".repeat(10), vec![0xff]].concat()));
    wire[0] = 0xc1;
    let mut connection = client(&NO_TAKEOVER, Config::default());
    assert_eq!(read(&mut connection, &wire), Err(ProtocolError::InvalidUtf8));
    assert_eq!(connection.buffered(), 0);
    // A character cut by a fragment is whole in the end.
    let deflated = deflate("안녕하세요".repeat(5).as_bytes());
    let mut wire = vec![0x41, 1, deflated[0], 0x80, deflated.len() as u8 - 1];
    wire.extend(&deflated[1..]);
    let seen = read(&mut client(&NO_TAKEOVER, Config::default()), &wire);
    assert_eq!(seen, Ok(vec![Seen::Text("안녕하세요".repeat(5))]));
}

/// What was negotiated away must not be relied on, and what was not must work.
#[test]
fn context_takeover_refused_as_negotiated() {
    let mut wire = Vec::new();
    let mut deflater = Deflater::new(Role::Server, &TAKEOVER, 6).unwrap();
    for _ in 0..3 {
        deflater.encode_frame(Opcode::Text, b"Hello, and hello again", None, &mut wire);
    }
    let hello = Seen::Text("Hello, and hello again".to_owned());
    let seen = read(&mut client(&TAKEOVER, Config::default()), &wire);
    assert_eq!(seen, Ok(vec![hello; 3]));
    let error = read(&mut client(&NO_TAKEOVER, Config::default()), &wire).unwrap_err();
    assert_eq!(error, ProtocolError::InvalidDeflate);
    // The window that was agreed on is all there is to refer to.
    let small = Parameters { server_max_window_bits: 9, ..TAKEOVER };
    let mut deflater = Deflater::new(Role::Server, &TAKEOVER, 6).unwrap();
    let mut wire = Vec::new();
    for _ in 0..2 {
        deflater.encode_frame(Opcode::Binary, &noise(600), None, &mut wire);
    }
    let error = read(&mut client(&small, Config::default()), &wire).unwrap_err();
    assert_eq!(error, ProtocolError::InvalidDeflate);
}

/// Peers that end the stream with each message (RFC 7692 §7.2.3.4), with or without the byte behind.
#[test]
fn a_final_block_in_each_message() {
    for behind in [&[][..], &[0x00]] {
        let mut wire = Vec::new();
        for text in ["one and one", "one and one and two"] {
            let mut deflated = Vec::with_capacity(1000);
            let mut compress = Compress::new(Compression::best(), false);
            compress.compress_vec(text.as_bytes(), &mut deflated, FlushCompress::Finish).unwrap();
            deflated.extend(behind);
            wire.extend(compressed(&deflated));
        }
        let expected = vec![binary(b"one and one"), binary(b"one and one and two")];
        for parameters in [NO_TAKEOVER, TAKEOVER] {
            let seen = read(&mut client(&parameters, Config::default()), &wire);
            assert_eq!(seen, Ok(expected.clone()));
        }
    }
}

/// The compressor cannot do it (and the library panics): everything goes uncompressed. What such a
/// peer sends is read all the same.
#[test]
fn a_window_of_8_bits() {
    let parameters = Parameters { client_max_window_bits: 8, ..NO_TAKEOVER };
    assert!(Deflater::new(Role::Client, &parameters, 6).is_none());
    assert!(Deflater::new(Role::Server, &parameters, 6).is_some());
    let mut server = Connection::new(Role::Server, Config::default()).with_deflate(&parameters);
    let mut wire = Vec::new();
    encode_compressed_frame(Opcode::Binary, &deflate(&[7; 200]), KEY, &mut wire);
    assert_eq!(read(&mut server, &wire), Ok(vec![binary(&[7; 200])]));
}

#[test]
fn after_a_bad_message_the_thread_goes_on() {
    for _ in 0..3 {
        assert!(receive(&[0xff; 50], 1 << 20).is_err());
        assert_eq!(receive(&deflate(b"good"), 1 << 20), Ok(vec![binary(b"good")]));
    }
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        ("[ab ]{1,40}", 1_usize..400).prop_map(|(text, count)| text.repeat(count).into_bytes()),
        (0_usize..40_000).prop_map(noise),
    ]
}

fn parameters() -> impl Strategy<Value = Parameters> {
    (any::<bool>(), any::<bool>(), 9_u8..=15, 9_u8..=15).prop_map(
        |(server, client, server_bits, client_bits)| Parameters {
            server_no_context_takeover: server,
            client_no_context_takeover: client,
            server_max_window_bits: server_bits,
            client_max_window_bits: client_bits,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Through either role with any parameters, level and fragments, messages arrive as they were.
    #[test]
    fn any_messages_with_any_parameters(
        parameters in parameters(),
        server in any::<bool>(),
        level in 0_u8..12,
        messages in prop::collection::vec((payload(), any::<bool>(), 1_usize..5), 0..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let (sender, receiver) =
            if server { (Role::Server, Role::Client) } else { (Role::Client, Role::Server) };
        let key = if server { None } else { KEY };
        let mut deflater = Deflater::new(sender, &parameters, level).unwrap();
        let mut plain = Connection::new(sender, Config::default());
        let mut wire = Vec::new();
        for (payload, compress, fragments) in &messages {
            let mut deflated = Vec::new();
            if !compress {
                plain.send(Message::Binary(payload), key, &mut wire).unwrap();
            } else if *fragments == 1 {
                deflater.encode_frame(Opcode::Binary, payload, key, &mut wire);
            } else if deflater.deflate(payload, &mut deflated) {
                let pieces: Vec<&[u8]> = deflated.chunks(deflated.len().div_ceil(*fragments)).collect();
                for (index, piece) in pieces.iter().enumerate() {
                    let start = wire.len();
                    encode_frame(Opcode::Binary, piece, key, &mut wire);
                    let fin = if index + 1 == pieces.len() { 0x80 } else { 0 };
                    wire[start] = fin | if index == 0 { 0x42 } else { 0x00 };
                }
            } else {
                encode_frame(Opcode::Binary, payload, key, &mut wire);
            }
        }
        let expected: Vec<Seen> = messages.iter().map(|(payload, ..)| binary(payload)).collect();

        let mut connection = Connection::new(receiver, Config::default()).with_deflate(&parameters);
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
        ends.push(wire.len());
        ends.sort_unstable();
        let (mut seen, mut start) = (Vec::new(), 0);
        for end in ends {
            seen.extend(read(&mut connection, &wire[start..end]).unwrap());
            start = end;
        }
        prop_assert_eq!(seen, expected);
    }

    /// Any payload at all is decompressed within the limit or refused, however it is cut.
    #[test]
    fn any_payload(mut deflated in payload(), limit in 0_usize..5000, flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), valid in any::<bool>()) {
        if valid {
            deflated = deflate(&deflated);
        }
        for (index, byte) in flips {
            if !deflated.is_empty() {
                let index = index.index(deflated.len());
                deflated[index] = byte;
            }
        }
        // Splits are compared within.
        match receive(&deflated, limit) {
            Ok(seen) => {
                let [Seen::Binary(bytes)] = &seen[..] else { panic!("one message") };
                prop_assert!(bytes.len() <= limit);
            }
            Err(error) => prop_assert!(
                matches!(error, ProtocolError::InvalidDeflate | ProtocolError::MessageTooLarge { .. }),
                "{error}"
            ),
        }
    }
}
