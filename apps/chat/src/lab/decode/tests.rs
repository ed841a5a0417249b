use proptest::prelude::*;
use sockeye_websocket::ws::{Opcode, encode_frame};

use super::*;

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
        let (mut whole, mut cut) = (Decoder::default(), Decoder::default());
        let mut out = Vec::new();
        for (direction, bytes) in &pieces {
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
    }
}
