//! The writer: from a packet whose payload is JSON text to MessagePack.

use std::fmt;

use bytes::Bytes;
use rmp::encode as rmp;

use super::Kind;
use crate::json;
use crate::parser::Outgoing;

/// Appends one packet.
pub(super) fn packet(packet: &Outgoing<'_>, out: &mut Vec<u8>) {
    match packet {
        Outgoing::Connect { namespace, auth } => {
            head(out, Kind::Connect, namespace, None, !auth.is_empty());
            values(auth, &[], out);
        }
        Outgoing::Disconnect { namespace } => head(out, Kind::Disconnect, namespace, None, false),
        Outgoing::ConnectError { namespace, data } => {
            head(out, Kind::ConnectError, namespace, None, !data.is_empty());
            values(data, &[], out);
        }
        Outgoing::Event { namespace, id, name, args, attachments } => {
            head(out, Kind::Event, namespace, *id, true);
            let counts = measure(args);
            list(out, counts[0].saturating_add(1));
            text(out, name);
            measured(args, &counts, attachments, out);
        }
        Outgoing::Ack { namespace, id, args, attachments } => {
            head(out, Kind::Ack, namespace, Some(*id), true);
            let counts = measure(args);
            list(out, counts[0]);
            measured(args, &counts, attachments, out);
        }
    }
}

/// Appends a packet's map up to the payload, whose key comes last.
fn head(out: &mut Vec<u8>, kind: Kind, namespace: &str, id: Option<u64>, has_data: bool) {
    map(out, 2 + u32::from(id.is_some()) + u32::from(has_data));
    text(out, "type");
    out.push(kind as u8);
    text(out, "nsp");
    text(out, namespace);
    if let Some(id) = id {
        text(out, "id");
        done(rmp::write_uint(out, id));
    }
    if has_data {
        text(out, "data");
    }
}

/// Appends checked JSON: one value, or several with commas between them, or none.
pub(super) fn values(json: &str, attachments: &[Bytes], out: &mut Vec<u8>) {
    measured(json, &measure(json), attachments, out);
}

/// The number of values at the top of checked JSON, then of each list and object, in the order in
/// which they begin. In MessagePack the number comes before the values.
fn measure(json: &str) -> Vec<u32> {
    let bytes = json.as_bytes();
    let mut counts = vec![u32::from(!json::trim(json).is_empty())];
    let mut open = vec![0];
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at = json::end_of_string(bytes, at);
                continue;
            }
            b'[' | b'{' => {
                let next = json::skip_white_space(bytes, at + 1);
                open.push(counts.len());
                counts.push(u32::from(!matches!(bytes.get(next), Some(b']' | b'}'))));
            }
            b']' | b'}' => drop(open.pop()),
            b',' => {
                if let Some(count) = open.last().and_then(|&innermost| counts.get_mut(innermost)) {
                    *count = count.saturating_add(1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    counts
}

/// Appends checked JSON whose `counts` come from [`measure`].
fn measured(json: &str, counts: &[u32], attachments: &[Bytes], out: &mut Vec<u8>) {
    let bytes = json.as_bytes();
    let mut counts = counts.iter().skip(1).copied();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b'[' => {
                list(out, counts.next().unwrap_or(0));
                at += 1;
            }
            b'{' => {
                let count = counts.next().unwrap_or(0);
                at += 1;
                let placeholder = json::read_placeholder(bytes, start);
                let attachment = placeholder
                    .and_then(|(number, end)| Some((attachments.get(number as usize)?, end)));
                if let Some((attachment, end)) = attachment {
                    binary(out, attachment);
                    at = end;
                } else {
                    map(out, count);
                }
            }
            b'"' => {
                at = json::end_of_string(bytes, at);
                text(out, &json::unquote(&json[start..at]).unwrap_or_default());
            }
            b't' | b'f' | b'n' | b'-' | b'0'..=b'9' => {
                let is_end =
                    |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r');
                at = bytes[at..].iter().position(is_end).map_or(bytes.len(), |length| at + length);
                word(out, &json[start..at]);
            }
            _ => at += 1,
        }
    }
}

/// A number, `true`, `false` or `null`.
fn word(out: &mut Vec<u8>, word: &str) {
    match word {
        "null" => done(rmp::write_nil(out)),
        "true" => done(rmp::write_bool(out, true)),
        "false" => done(rmp::write_bool(out, false)),
        _ if let Ok(number) = word.parse::<u64>() => done(rmp::write_uint(out, number).map(drop)),
        // A negative whole number. Minus zero is written as a float.
        _ if let Some(number) = word.parse::<i64>().ok().filter(|&number| number != 0) => {
            done(rmp::write_sint(out, number).map(drop));
        }
        _ => done(rmp::write_f64(out, word.parse().unwrap_or(f64::NAN))),
    }
}

fn list(out: &mut Vec<u8>, count: u32) {
    done(rmp::write_array_len(out, count).map(drop));
}

fn map(out: &mut Vec<u8>, count: u32) {
    done(rmp::write_map_len(out, count).map(drop));
}

fn text(out: &mut Vec<u8>, text: &str) {
    done(rmp::write_str(out, text));
}

fn binary(out: &mut Vec<u8>, data: &[u8]) {
    done(rmp::write_bin(out, data));
}

/// Checks that writing to a vector did not fail.
fn done<T, E: fmt::Debug>(written: Result<T, E>) {
    debug_assert!(written.is_ok(), "a vector takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &str) -> Vec<u8> {
        let mut out = Vec::new();
        values(json, &[Bytes::from_static(&[7, 8])], &mut out);
        out
    }

    #[test]
    fn each_kind_of_value_has_its_shortest_form() {
        for (json, bytes) in [
            ("null", &b"\xc0"[..]),
            ("true,false", b"\xc3\xc2"),
            ("0", b"\x00"),
            ("-0", b"\xcb\x80\x00\x00\x00\x00\x00\x00\x00"),
            ("127, 128", b"\x7f\xcc\x80"),
            ("-1,-33", b"\xff\xd0\xdf"),
            ("18446744073709551615", b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
            ("1.5", b"\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"),
            ("1e1", b"\xcb\x40\x24\x00\x00\x00\x00\x00\x00"),
            (r#""a\"\u0041""#, b"\xa3a\"A"),
            (r#""\ud83d\ude00""#, b"\xa4\xf0\x9f\x98\x80"),
            (" [ ] , { } ", b"\x90\x80"),
            (r#"[1,[2,"],"],{"a":[]}]"#, b"\x93\x01\x92\x02\xa2],\x81\xa1a\x90"),
            (r#"{"a":1,"b":{"c":2}}"#, b"\x82\xa1a\x01\xa1b\x81\xa1c\x02"),
            (r#"{"_placeholder":true,"num":0}"#, b"\xc4\x02\x07\x08"),
            // There is no attachment with this number, so it is an object like any other.
            (r#"{"_placeholder":true,"num":1}"#, b"\x82\xac_placeholder\xc3\xa3num\x01"),
            ("", b""),
        ] {
            assert_eq!(written(json), bytes, "{json}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced() {
        let text = written(r#""a\ud800b""#);
        assert_eq!(str::from_utf8(&text[1..]), Ok("a\u{fffd}b"));
    }

    #[test]
    fn depth_is_no_danger() {
        let depth = 100_000;
        let bytes = written(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        assert_eq!(bytes.len(), depth);
        assert_eq!((bytes[0], bytes[depth - 1]), (0x91, 0x90));
    }
}
