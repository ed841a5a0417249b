//! What passed, made ready to be shown: the parts of heads and frames, and the packets in payloads.

use serde::de::IgnoredAny;
use serde_json::Deserializer;

use super::contract::{Direction, Field, Layer, Packet, RecordKind, Road, WireRecord};
use super::sample::Sample;

/// The most bytes of a record's text, and of a packet's.
const TEXT_BYTES_MAX: usize = 1024;
/// The most packets of a record.
const PACKETS_MAX: usize = 16;
/// What packets of a poll of Engine.IO are separated by.
const SEPARATOR: char = '\u{1e}';

/// What passed at `at` on a connection of a road.
pub(crate) fn record(
    at: f64,
    (road, connection): (Road, u32),
    direction: Direction,
    kind: RecordKind,
    sample: &Sample,
) -> WireRecord {
    let payload = String::from_utf8_lossy(&sample.payload);
    let fields = match (kind, sample.frame, sample.chunk) {
        (RecordKind::Request | RecordKind::Response, ..) => head_fields(&payload),
        (RecordKind::Frame, Some(_), _) => frame_fields(sample),
        (RecordKind::Body, ..) => chunk_fields(sample),
        _ => Vec::new(),
    };
    let is_text = sample.frame.is_none_or(|frame| frame.opcode_bits == 1);
    let packets = match kind {
        RecordKind::Body | RecordKind::Frame if is_text => packets(road, direction, &payload),
        _ => Vec::new(),
    };
    let hex = sample.wire.iter().flat_map(|byte| digits(*byte)).collect();
    let (bytes, text) = (sample.bytes, shortened(&payload));
    WireRecord { at, connection, direction, kind, bytes, hex, text, fields, packets }
}

fn digits(byte: u8) -> [char; 2] {
    [byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16).unwrap_or('0'))
}

fn shortened(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_owned()
}

fn field(name: &str, value: impl Into<String>, from: u64, to: u64) -> Field {
    let end = |at| u32::try_from(at).unwrap_or(u32::MAX);
    Field { name: name.to_owned(), value: value.into(), from: end(from), to: end(to) }
}

/// The start line, and the headers as far as they are kept.
fn head_fields(head: &str) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut from = 0;
    for line in head.split_inclusive("\r\n") {
        let start = from;
        from += line.len() as u64;
        let line = line.trim_end_matches(['\r', '\n']);
        let end = start + line.len() as u64;
        if start == 0 {
            fields.push(field("start_line", line, start, end));
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push(field(name, value.trim(), start, end));
        }
    }
    fields
}

/// RFC 6455, 5.2.
fn frame_fields(sample: &Sample) -> Vec<Field> {
    let Some(frame) = sample.frame else { return Vec::new() };
    let bit = |is_set: bool| if is_set { "1" } else { "0" };
    let opcode = match frame.opcode_bits {
        0 => "continuation",
        1 => "text",
        2 => "binary",
        8 => "close",
        9 => "ping",
        10 => "pong",
        _ => "reserved",
    };
    let size = frame.size as u64;
    let key_size = if frame.masking_key.is_some() { 4 } else { 0 };
    let length_end = size - key_size;
    let form = match length_end {
        2 => "7",
        4 => "16",
        _ => "64",
    };
    let mut fields = vec![
        field("fin", bit(frame.is_final), 0, 1),
        field("rsv1", bit(frame.reserved_bits & 4 != 0), 0, 1),
        field("rsv2", bit(frame.reserved_bits & 2 != 0), 0, 1),
        field("rsv3", bit(frame.reserved_bits & 1 != 0), 0, 1),
        field("opcode", format!("{} ({opcode})", frame.opcode_bits), 0, 1),
        field("mask", bit(frame.masking_key.is_some()), 1, 2),
        field("length_form", form, 1, 2),
        field("length", frame.payload_len.to_string(), 1, length_end),
    ];
    if let Some(key) = frame.masking_key {
        let key: String = key.iter().flat_map(|byte| digits(*byte)).collect();
        fields.push(field("masking_key", key, length_end, size));
    }
    if frame.payload_len > 0 {
        fields.push(field("payload", "", size, size + frame.payload_len));
    }
    fields
}

/// RFC 9112, 7.1. A body that is not chunked has no parts.
fn chunk_fields(sample: &Sample) -> Vec<Field> {
    if let Some((size, line)) = sample.chunk {
        return vec![
            field("chunk_size", size.to_string(), 0, line),
            field("payload", "", line, line + size),
            field("chunk_end", "", line + size, sample.bytes),
        ];
    }
    let line = sample.wire.windows(2).position(|it| it == b"\r\n").map_or(0, |at| at as u64 + 2);
    if !sample.payload.is_empty() || line == 0 {
        return Vec::new();
    }
    vec![field("chunk_size", "0", 0, line), field("chunk_end", "", line, sample.bytes)]
}

fn packets(road: Road, direction: Direction, payload: &str) -> Vec<Packet> {
    let mut out = Vec::new();
    match road {
        Road::SocketIoPolling | Road::SocketIo => {
            payload.split(SEPARATOR).for_each(|packet| engine_io(packet, &mut out));
        }
        Road::Sockjs => payload.lines().for_each(|line| sockjs(direction, line, &mut out)),
        Road::Sse => payload.lines().for_each(|line| event_stream(line, &mut out)),
        Road::Ndjson => payload.lines().for_each(|line| {
            let name = if line.is_empty() { "blank" } else { "event" };
            out.push(packet(Layer::Feed, name, line, None));
        }),
        Road::Polling | Road::LongPolling => poll(payload, &mut out),
        Road::Websocket => {}
    }
    out.truncate(PACKETS_MAX);
    out
}

fn packet(layer: Layer, name: &str, text: &str, bits: Option<&str>) -> Packet {
    Packet { layer, name: name.to_owned(), text: shortened(text), bits: bits.map(str::to_owned) }
}

fn engine_io(text: &str, out: &mut Vec<Packet>) {
    let Some((bits, rest)) = text.split_at_checked(1) else { return };
    let name = match bits {
        "0" => "open",
        "1" => "close",
        "2" => "ping",
        "3" => "pong",
        "4" | "b" => "message",
        "5" => "upgrade",
        "6" => "noop",
        // The answer to a POST is `ok`, which is no packet.
        _ => return,
    };
    out.push(packet(Layer::EngineIo, name, rest, Some(bits)));
    let Some((kind, rest)) = rest.split_at_checked(1).filter(|_| bits == "4") else { return };
    let name = match kind {
        "0" => "CONNECT",
        "1" => "DISCONNECT",
        "2" => "EVENT",
        "3" => "ACK",
        "4" => "CONNECT_ERROR",
        "5" => "BINARY_EVENT",
        "6" => "BINARY_ACK",
        _ => return,
    };
    out.push(packet(Layer::SocketIo, name, rest, Some(kind)));
}

fn sockjs(direction: Direction, line: &str, out: &mut Vec<Packet>) {
    // Of `EventSource` the frames are what `data` says.
    let line = line.strip_prefix("data: ").unwrap_or(line);
    let Some((bits, rest)) = line.split_at_checked(1) else { return };
    let (name, text, bits) = match (direction, bits) {
        (Direction::Up, "[" | "\"") => ("messages", line, None),
        (Direction::Down, "o") if rest.is_empty() => ("open", rest, Some(bits)),
        (Direction::Down, "h") if rest.is_empty() => ("heartbeat", rest, Some(bits)),
        (Direction::Down, "h") if rest.bytes().all(|byte| byte == b'h') => ("prelude", line, None),
        (Direction::Down, "a") if rest.starts_with('[') => ("messages", rest, Some(bits)),
        (Direction::Down, "c") if rest.starts_with('[') => ("close", rest, Some(bits)),
        _ => return,
    };
    out.push(packet(Layer::Sockjs, name, text, bits));
}

/// A line of an event stream (WHATWG HTML, 9.2.6).
fn event_stream(line: &str, out: &mut Vec<Packet>) {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    let value = value.strip_prefix(' ').unwrap_or(value);
    let name = match name {
        "" if line.is_empty() => return,
        "" => "comment",
        "id" | "event" | "data" | "retry" => name,
        _ => return,
    };
    out.push(packet(Layer::EventStream, name, value, None));
}

/// The elements of an array, the last one as far as it is kept.
fn poll(text: &str, out: &mut Vec<Packet>) {
    let Some(mut rest) = text.trim_start().strip_prefix('[') else { return };
    while out.len() < PACKETS_MAX {
        rest = rest.trim_start_matches([',', '\n', ' ']);
        if rest.is_empty() || rest.starts_with(']') {
            return;
        }
        let mut elements = Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        let is_whole = matches!(elements.next(), Some(Ok(_)));
        let end = if is_whole { elements.byte_offset() } else { rest.len() };
        out.push(packet(Layer::Feed, "event", &rest[..end], None));
        rest = &rest[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::decode::{Decoder, Passed};

    fn told(road: Road, direction: Direction, payload: &str) -> Vec<String> {
        packets(road, direction, payload)
            .into_iter()
            .map(|it| format!("{} {} {}", it.bits.unwrap_or_default(), it.name, it.text))
            .collect()
    }

    #[test]
    fn packets_are_told_by_their_protocol() {
        use Direction::{Down, Up};
        assert_eq!(
            told(Road::SocketIo, Down, "0{}\u{1e}42/lab,[1]\u{1e}2\u{1e}bAQ"),
            ["0 open {}", "4 message 2/lab,[1]", "2 EVENT /lab,[1]", "2 ping ", "b message AQ"]
        );
        assert!(told(Road::SocketIo, Down, "ok").is_empty());
        assert_eq!(
            told(Road::Sockjs, Down, "hhhh\no\na[\"x\"]\nh\nc[3000,\"Go\"]\n"),
            [
                " prelude hhhh",
                "o open ",
                "a messages [\"x\"]",
                "h heartbeat ",
                "c close [3000,\"Go\"]"
            ]
        );
        assert!(told(Road::Sockjs, Down, "{\"websocket\":true}").is_empty());
        assert_eq!(told(Road::Sockjs, Up, "[\"y\"]"), [" messages [\"y\"]"]);
        assert_eq!(
            told(Road::Sse, Down, ": hi\nid: 7\nevent: tick\ndata: [1]\nretry:3\nother: 1\n\n"),
            [" comment hi", " id 7", " event tick", " data [1]", " retry 3"]
        );
        assert_eq!(told(Road::Ndjson, Down, "{\"a\":1}\n\n"), [" event {\"a\":1}", " blank "]);
        assert_eq!(
            told(Road::Polling, Down, "[{\"a\":[1,2]},{\"b\":2},{\"c\":"),
            [" event {\"a\":[1,2]}", " event {\"b\":2}", " event {\"c\":"]
        );
        assert!(told(Road::LongPolling, Down, "[]").is_empty());
        assert_eq!(told(Road::Polling, Down, &"[1".replace('1', &"1,".repeat(40))).len(), 16);
    }

    fn records(direction: Direction, bytes: &[u8]) -> Vec<WireRecord> {
        let (mut decoder, mut passed) = (Decoder::default(), Vec::new());
        decoder.read(Direction::Up, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", &mut passed);
        decoder.read(direction, bytes, &mut passed);
        let records = passed.iter().filter_map(|it| match it {
            Passed::Record(direction, kind, sample) => {
                Some(record(0.0, (Road::Websocket, 1), *direction, *kind, sample))
            }
            _ => None,
        });
        records.collect()
    }

    fn parts(record: &WireRecord) -> Vec<(&str, &str, u32, u32)> {
        record.fields.iter().map(|it| (&*it.name, &*it.value, it.from, it.to)).collect()
    }

    #[test]
    fn parts_of_heads_and_chunks_are_where_they_were() {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let bytes = format!("{head}3\r\nabc\r\n0\r\n\r\n");
        let records = records(Direction::Down, bytes.as_bytes());
        assert_eq!(
            parts(&records[0]),
            [("start_line", "GET / HTTP/1.1", 0, 14), ("host", "a", 16, 23)]
        );
        assert_eq!(
            parts(&records[1])[1],
            ("transfer-encoding", "chunked", 17, 17 + "transfer-encoding: chunked".len() as u32)
        );
        assert_eq!(
            parts(&records[2]),
            [("chunk_size", "3", 0, 3), ("payload", "", 3, 6), ("chunk_end", "", 6, 8)]
        );
        assert_eq!((&*records[2].text, &*records[2].hex), ("abc", "330d0a6162630d0a"));
        assert_eq!(parts(&records[3]), [("chunk_size", "0", 0, 3), ("chunk_end", "", 3, 5)]);
    }

    #[test]
    fn parts_of_a_frame_are_those_of_the_rfc() {
        let head = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
        // RFC 6455, 5.7: a single-frame masked text message, "Hello".
        let frame = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let records = records(Direction::Down, &[head.as_slice(), &frame].concat());
        let frame = &records[2];
        assert_eq!((frame.kind, &*frame.text, frame.bytes), (RecordKind::Frame, "Hello", 11));
        assert_eq!(
            parts(frame),
            [
                ("fin", "1", 0, 1),
                ("rsv1", "0", 0, 1),
                ("rsv2", "0", 0, 1),
                ("rsv3", "0", 0, 1),
                ("opcode", "1 (text)", 0, 1),
                ("mask", "1", 1, 2),
                ("length_form", "7", 1, 2),
                ("length", "5", 1, 2),
                ("masking_key", "37fa213d", 2, 6),
                ("payload", "", 6, 11),
            ]
        );
    }
}
