use proptest::prelude::*;
use sockeye_websocket::ws::{Opcode, encode_frame};

use super::*;
use crate::lab::contract::Road;
use crate::lab::packets;
use crate::lab::sample::{PAYLOAD_BYTES_MAX, WIRE_BYTES_MAX};

/// A connection with everything: a poll, a chunked answer, a HEAD, and then a WebSocket.
fn conversation() -> Vec<(Direction, Vec<u8>)> {
    let mut up_frame = Vec::new();
    encode_frame(Opcode::Text, b"hello", Some([1, 2, 3, 4]), &mut up_frame);
    let mut down_frames = Vec::new();
    encode_frame(Opcode::Text, &[b"#7#".as_slice(), &[b'x'; 300]].concat(), None, &mut down_frames);
    encode_frame(Opcode::Ping, b"", None, &mut down_frames);
    vec![
        (Direction::Up, b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc".to_vec()),
        (Direction::Down, b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n#12#".to_vec()),
        (Direction::Up, b"GET /b HTTP/1.1\r\n\r\n".to_vec()),
        (
            Direction::Down,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nx#13#\r\n4;e=1\r\nabcd\r\n0\r\n\r\n".to_vec(),
        ),
        (Direction::Up, b"HEAD /c HTTP/1.1\r\n\r\n".to_vec()),
        (Direction::Down, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_vec()),
        (Direction::Up, b"GET /d HTTP/1.1\r\nupgrade: websocket\r\n\r\n".to_vec()),
        (Direction::Down, b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n".to_vec()),
        (Direction::Up, up_frame),
        (Direction::Down, down_frames),
    ]
}

fn marks(passed: &[Passed]) -> Vec<u64> {
    let marks = passed.iter().filter_map(|it| match it {
        Passed::Mark(n) => Some(*n),
        _ => None,
    });
    marks.collect()
}

fn expected() -> Counts {
    let heads = [
        "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n",
        "GET /b HTTP/1.1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HEAD /c HTTP/1.1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",
        "GET /d HTTP/1.1\r\nupgrade: websocket\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
    ];
    let total = |direction| {
        let parts = conversation().into_iter().filter(|(way, _)| *way == direction);
        parts.map(|(_, bytes)| bytes.len() as u64).sum()
    };
    Counts {
        requests: 4,
        header_bytes: heads.iter().map(|head| head.len() as u64).sum(),
        payload_bytes: 3 + 4 + (5 + 4) + 5 + 303,
        framing_bytes: (3 + 2 + 7 + 2 + 5) + 6 + 4 + 2,
        upstream_bytes: total(Direction::Up),
        downstream_bytes: total(Direction::Down),
    }
}

#[test]
fn each_byte_is_counted_for_what_it_is() {
    let (mut decoder, mut out) = (Decoder::default(), Vec::new());
    for (direction, bytes) in conversation() {
        decoder.read(direction, &bytes, &mut out);
    }
    assert_eq!(decoder.counts(), expected());
    assert_eq!(marks(&out), [12, 13, 7]);
    let frames: Vec<_> = out
        .iter()
        .filter_map(|it| match it {
            Passed::Record(_, RecordKind::Frame, sample) => Some(sample.payload.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(frames[0], b"hello");
    assert_eq!(frames.len(), 3);
    assert!(out.iter().any(|it| matches!(it, Passed::Handshake(..))));
}

#[test]
fn the_counts_do_not_depend_on_the_cut() {
    for size in 1..=64 {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        for (direction, bytes) in conversation() {
            for piece in bytes.chunks(size) {
                decoder.read(direction, piece, &mut out);
            }
        }
        assert_eq!(decoder.counts(), expected(), "{size}");
        assert_eq!(marks(&out), [12, 13, 7], "{size}");
    }
    for (part, (_, bytes)) in conversation().iter().enumerate() {
        for cut in 0..=bytes.len() {
            let (mut decoder, mut out) = (Decoder::default(), Vec::new());
            for (index, (direction, bytes)) in conversation().into_iter().enumerate() {
                let (first, second) = bytes.split_at(if index == part { cut } else { 0 });
                decoder.read(direction, first, &mut out);
                decoder.read(direction, second, &mut out);
            }
            assert_eq!(decoder.counts(), expected(), "part {part} at {cut}");
        }
    }
}

proptest! {
    /// Whatever passes, all of it is counted once, and the same however it was cut.
    #[test]
    fn anything_is_counted_once(
        parts in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..80)), 0..12),
        begins_well in any::<bool>(),
        size in 1usize..9,
    ) {
        let mut pieces = if begins_well { conversation() } else { Vec::new() };
        pieces.extend(parts.into_iter().map(|(up, bytes)| {
            (if up { Direction::Up } else { Direction::Down }, bytes)
        }));
        check(&pieces, size)?;
    }

    /// What strangers write who know the words: heads and frames of any kind, whole and in part.
    #[test]
    fn words_of_the_protocols_are_counted_once(
        parts in prop::collection::vec((any::<bool>(), prop::collection::vec(word(), 1..12)), 0..24),
        size in 1usize..40,
    ) {
        let pieces: Vec<_> = parts.into_iter().map(|(up, words)| {
            (if up { Direction::Up } else { Direction::Down }, words.concat())
        }).collect();
        check(&pieces, size)?;
    }

    /// Nothing that is written makes a decoder larger than its bounds add up to.
    #[test]
    fn what_a_decoder_holds_is_bounded(
        repeated in prop::collection::vec((word(), 1usize..40_000), 1..6),
        up in any::<bool>(),
    ) {
        let direction = if up { Direction::Up } else { Direction::Down };
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        for (word, times) in repeated {
            for piece in word.repeat(times.min(200_000 / word.len().max(1))).chunks(16 * 1024) {
                decoder.read(direction, piece, &mut out);
                out.clear();
                prop_assert!(decoder.held_bytes() <= HELD_BYTES_MAX, "{}", decoder.held_bytes());
            }
        }
    }
}

/// What two ways, and the heads of requests without an answer, may hold.
const HELD_BYTES_MAX: usize =
    2 * (HEAD_BYTES_MAX + WIRE_BYTES_MAX + PAYLOAD_BYTES_MAX + 64) + UNANSWERED_BYTES_MAX;

/// A browser that asks and asks while its first request waits, with heads as long as they may be.
#[test]
fn heads_without_an_answer_hold_little() {
    let (mut decoder, mut out) = (Decoder::default(), Vec::new());
    let filling = "x".repeat(60 * 1024);
    let head = format!("GET /a HTTP/1.1\r\nx: {filling}\r\n\r\n");
    for _ in 0..UNANSWERED_MAX {
        decoder.read(Direction::Up, head.as_bytes(), &mut out);
    }
    assert_eq!(decoder.counts().requests, UNANSWERED_MAX as u64);
    assert!(decoder.held_bytes() <= HELD_BYTES_MAX, "{}", decoder.held_bytes());
    // Answers still belong to their requests.
    decoder.read(Direction::Down, b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n#12#", &mut out);
    assert_eq!(marks(&out), [12]);
}

/// Both decoders count all bytes, once and alike.
fn check(pieces: &[(Direction, Vec<u8>)], size: usize) -> Result<(), TestCaseError> {
    let (mut whole, mut cut) = (Decoder::default(), Decoder::default());
    let mut out = Vec::new();
    for (direction, bytes) in pieces {
        whole.read(*direction, bytes, &mut out);
        for piece in bytes.chunks(size) {
            cut.read(*direction, piece, &mut out);
        }
    }
    let counts = whole.counts();
    prop_assert_eq!(counts, cut.counts());
    prop_assert_eq!(
        counts.header_bytes + counts.payload_bytes + counts.framing_bytes,
        counts.upstream_bytes + counts.downstream_bytes
    );
    prop_assert!(whole.held_bytes().max(cut.held_bytes()) <= HELD_BYTES_MAX);
    // Whatever it is, it can be shown.
    for it in &out {
        if let Passed::Record(direction, kind, sample) = it {
            for road in [Road::SocketIo, Road::Sockjs, Road::Sse, Road::Ndjson, Road::Polling] {
                packets::record(0.0, (road, 1), *direction, *kind, sample);
            }
        }
    }
    Ok(())
}

/// A part of what a decoder understands, or nearly.
fn word() -> impl Strategy<Value = Vec<u8>> {
    let words: [&[u8]; 24] = [
        b"GET / HTTP/1.1\r\n",
        b"HEAD / HTTP/1.1\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n",
        b"HTTP/1.1 204 No Content\r\n",
        b"content-length: 5\r\n",
        b"content-length: 18446744073709551615\r\n",
        b"content-length: 18446744073709551616\r\n",
        b"transfer-encoding: chunked\r\n",
        b"transfer-encoding: gzip\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"5\r\nabcde\r\n",
        b"ffffffffffffffff\r\n",
        b"10000000000000000\r\n",
        b"0\r\n\r\n",
        b"0;a=b\r\nx: y\r\n",
        b"#1#",
        b"\x81\x85\x01\x02\x03\x04hello",
        b"\x81\x7e\x01\x00",
        b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x89\x00",
        b"\x8f\x00",
    ];
    prop_oneof![
        4 => prop::sample::select(words.to_vec()).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 1..12),
    ]
}
