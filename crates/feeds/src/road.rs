//! The roads that go on and on, and how messages look on them.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sockeye_net::lines::push_json_string;

use crate::cursor::Cursor;
use crate::gap::Gap;
use crate::message::{Kind, Message, has_control};

/// A road on which an answer goes on and on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Road {
    /// `EventSource` (the HTML standard, 9.2): an event each, with its cursor as its id.
    EventSource,
    /// NDJSON: a line of JSON each.
    Ndjson,
    /// Durable Streams 1.0, 5.7: an event `data`, behind it `control` with the cursor.
    DurableSse,
}

pub(crate) const ROADS: usize = 3;

impl Road {
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::EventSource => "event_source",
            Self::Ndjson => "ndjson",
            Self::DurableSse => "durable_sse",
        }
    }

    /// What is sent when nothing was for a while, and nobody takes for an event.
    pub(crate) const fn heartbeat(self) -> &'static [u8] {
        match self {
            Self::EventSource | Self::DurableSse => b":\n\n",
            Self::Ndjson => b"\n",
        }
    }

    /// Appends a message. `id`: the cursor behind it; a volatile one has none. What the road says beside
    /// messages (`control`) is [`push_control`]'s.
    pub(crate) fn push(
        self,
        kind: Kind,
        message: &Message,
        id: Option<&Cursor>,
        out: &mut Vec<u8>,
    ) {
        match self {
            Self::EventSource => push_event(kind, message, id, out),
            Self::Ndjson => push_line(kind, message, id, out),
            Self::DurableSse => push_data(kind, [message], out),
        }
    }

    /// Appends what was lost, and where it goes on.
    pub(crate) fn push_gap(self, gap: &Gap, out: &mut Vec<u8>) {
        match self {
            Self::EventSource => {
                if let Some(oldest) = gap.oldest {
                    push_field("id", oldest.as_str(), out);
                }
                push_field("event", "gap", out);
                push_field("data", &gap.to_json(), out);
                out.push(b'\n');
            }
            Self::Ndjson => {
                out.push(b'{');
                if let Some(oldest) = gap.oldest {
                    push_id(&oldest, out);
                }
                out.extend_from_slice(b"\"event\":\"gap\",\"data\":");
                out.extend_from_slice(gap.to_json().as_bytes());
                out.extend_from_slice(b"}\n");
            }
            // It has statuses for that.
            Self::DurableSse => {}
        }
    }

    /// Whether the road says where it is behind the messages of a write, not with each of them.
    pub(crate) const fn has_control(self) -> bool {
        matches!(self, Self::DurableSse)
    }
}

/// What a reader on the road of Durable Streams is told about where it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Control {
    pub(crate) next: Cursor,
    /// `Stream-Cursor`, for caches; a stream that is closed has no use for it.
    pub(crate) interval: u64,
    pub(crate) is_up_to_date: bool,
    pub(crate) is_closed: bool,
}

pub(crate) fn push_control(control: &Control, out: &mut Vec<u8>) {
    let Control { next, interval, is_up_to_date, is_closed } = control;
    let mut json = format!("{{\"streamNextOffset\":\"{next}\"");
    // Writing to a string does not fail.
    if *is_closed {
        json.push_str(",\"streamClosed\":true");
    } else {
        let _ = write!(json, ",\"streamCursor\":\"{interval}\"");
    }
    if *is_up_to_date {
        json.push_str(",\"upToDate\":true");
    }
    json.push('}');
    out.extend_from_slice(b"event: control\ndata:");
    out.extend_from_slice(json.as_bytes());
    out.extend_from_slice(b"\n\n");
}

/// Appends one event `data` with all these messages.
pub(crate) fn push_data<'a>(
    kind: Kind,
    messages: impl IntoIterator<Item = &'a Message>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"event: data\n");
    match kind {
        Kind::Json => {
            out.extend_from_slice(b"data:");
            push_array(messages, out);
            out.push(b'\n');
        }
        Kind::Text => {
            let text: String = messages.into_iter().map(Message::text).collect();
            push_lines(&text, out);
        }
        Kind::Bytes => {
            let bytes: Vec<u8> = messages.into_iter().flat_map(|it| it.data.to_vec()).collect();
            out.extend_from_slice(b"data:");
            out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
            out.push(b'\n');
        }
    }
    out.push(b'\n');
}

/// Appends a JSON array of messages that are JSON.
pub(crate) fn push_array<'a>(messages: impl IntoIterator<Item = &'a Message>, out: &mut Vec<u8>) {
    out.push(b'[');
    let mut is_first = true;
    for message in messages {
        if !is_first {
            out.push(b',');
        }
        is_first = false;
        out.extend_from_slice(&message.data);
    }
    out.push(b']');
}

/// Appends what opens an answer to `EventSource`: a comment, so that the head leaves at once; how soon to
/// come back; and the cursor, for one that is cut off before the first event. (An event without data is
/// not shown to the page, but its id counts.)
pub(crate) fn push_opening(retry_ms: u64, id: Option<&Cursor>, out: &mut Vec<u8>) {
    out.extend_from_slice(b":\n");
    push_field("retry", &retry_ms.to_string(), out);
    if let Some(id) = id {
        push_field("id", id.as_str(), out);
    }
    out.push(b'\n');
}

/// Appends how soon `EventSource` is to come back.
pub(crate) fn push_retry(retry_ms: u64, out: &mut Vec<u8>) {
    push_field("retry", &retry_ms.to_string(), out);
    out.push(b'\n');
}

/// Appends what is wrong, behind which an answer ends whose client is to come back later.
pub(crate) fn push_parting(road: Road, gap: &Gap, out: &mut Vec<u8>) {
    if road == Road::EventSource {
        push_retry(PARTING_RETRY_MS_MIN + random_below(PARTING_RETRY_MS_SPREAD), out);
    }
    road.push_gap(gap, out);
}

/// It comes back after this time, and up to as much more.
const PARTING_RETRY_MS_MIN: u64 = 10_000;
const PARTING_RETRY_MS_SPREAD: u64 = 10_000;

/// A number below another, to spread what would come at once otherwise.
pub(crate) fn random_below(end: u64) -> u64 {
    let mut random = [0; 8];
    // Without one, nothing is spread.
    let _ = getrandom::fill(&mut random);
    u64::from_le_bytes(random) % end.max(1)
}

fn push_event(kind: Kind, message: &Message, id: Option<&Cursor>, out: &mut Vec<u8>) {
    if let Some(id) = id {
        push_field("id", id.as_str(), out);
    }
    match (message.event_parts(), kind) {
        (Some((name, args)), _) => {
            push_field("event", &unquoted(name), out);
            push_field("data", args, out);
        }
        (None, Kind::Json) => push_field("data", &message.text(), out),
        (None, Kind::Text) => push_data_lines(&message.text(), out),
        (None, Kind::Bytes) => push_field("data", &STANDARD.encode(&message.data), out),
    }
    out.push(b'\n');
}

fn push_line(kind: Kind, message: &Message, id: Option<&Cursor>, out: &mut Vec<u8>) {
    out.push(b'{');
    if let Some(id) = id {
        push_id(id, out);
    }
    match (message.event_parts(), kind) {
        // Behind its own brace.
        (Some(_), _) => {
            out.extend_from_slice(&message.data[1..]);
            return out.push(b'\n');
        }
        (None, Kind::Json) => {
            out.extend_from_slice(b"\"data\":");
            out.extend_from_slice(&message.data);
        }
        (None, Kind::Text) => {
            out.extend_from_slice(b"\"data\":");
            push_json_string(&message.text(), out);
        }
        (None, Kind::Bytes) => {
            out.extend_from_slice(b"\"data\":{\"base64\":\"");
            out.extend_from_slice(STANDARD.encode(&message.data).as_bytes());
            out.extend_from_slice(b"\"}");
        }
    }
    out.extend_from_slice(b"}\n");
}

fn push_id(id: &Cursor, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"id\":\"");
    out.extend_from_slice(id.as_str().as_bytes());
    out.extend_from_slice(b"\",");
}

/// Appends a field that is one line. What would end it, or have its event ignored (the HTML standard,
/// 9.2.6), is replaced: nothing that is sent can become another field.
fn push_field(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(one_line(value).as_bytes());
    out.push(b'\n');
}

fn one_line(text: &str) -> Cow<'_, str> {
    match has_control(text) && text.contains(['\n', '\r', '\0']) {
        true => text.replace(['\n', '\r', '\0'], "\u{fffd}").into(),
        false => text.into(),
    }
}

/// Text as `data` lines, which a client joins again.
fn push_data_lines(text: &str, out: &mut Vec<u8>) {
    for line in lines(text) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
}

/// The same as Durable Streams has it: without a space, unless the line begins with one.
fn push_lines(text: &str, out: &mut Vec<u8>) {
    for line in lines(text) {
        out.extend_from_slice(if line.starts_with(' ') { b"data: " } else { b"data:" });
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
}

/// The lines of a text, whichever break ends them.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        match text.find(['\n', '\r']) {
            None => rest.take(),
            Some(at) => {
                let behind = &text[at..];
                let length = if behind.starts_with("\r\n") { 2 } else { 1 };
                rest = Some(&behind[length..]);
                Some(&text[..at])
            }
        }
    })
}

/// The text of a JSON string.
fn unquoted(json: &str) -> Cow<'_, str> {
    let inside = &json[1..json.len() - 1];
    match inside.contains('\\') {
        true => serde_json::from_str::<String>(json).unwrap_or_default().into(),
        false => inside.into(),
    }
}

#[cfg(test)]
mod tests {
    use sockeye::EventRef;

    use super::*;
    use crate::cursor::CursorKey;

    fn pushed(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_event_on_each_road() {
        let id = CursorKey::random().sealer(1).seal(3);
        let message = Message::event(EventRef { name: "tick", args: "1", attachments: &[] });
        let on = |road: Road, id| pushed(|out| road.push(Kind::Json, &message, id, out));
        assert_eq!(
            on(Road::EventSource, Some(&id)),
            format!("id: {id}\nevent: tick\ndata: [1]\n\n")
        );
        assert_eq!(on(Road::EventSource, None), "event: tick\ndata: [1]\n\n");
        let line = format!("{{\"id\":\"{id}\",\"event\":\"tick\",\"data\":[1]}}\n");
        assert_eq!(on(Road::Ndjson, Some(&id)), line);
        assert_eq!(on(Road::Ndjson, None), "{\"event\":\"tick\",\"data\":[1]}\n");
        let data = "event: data\ndata:[{\"event\":\"tick\",\"data\":[1]}]\n\n";
        assert_eq!(on(Road::DurableSse, None), data);
    }

    #[test]
    fn other_messages_on_each_road() {
        let of = |road: Road, kind, data: &'static [u8]| {
            pushed(|out| road.push(kind, &Message::raw(data.into()), None, out))
        };
        let text = b"one\r\n two\rthree\n";
        assert_eq!(
            of(Road::EventSource, Kind::Text, text),
            "data: one\ndata:  two\ndata: three\ndata: \n\n"
        );
        assert_eq!(
            of(Road::DurableSse, Kind::Text, text),
            "event: data\ndata:one\ndata:  two\ndata:three\ndata:\n\n"
        );
        assert_eq!(of(Road::Ndjson, Kind::Text, text), "{\"data\":\"one\\r\\n two\\rthree\\n\"}\n");
        assert_eq!(of(Road::EventSource, Kind::Json, b"{\"a\":1}"), "data: {\"a\":1}\n\n");
        assert_eq!(of(Road::Ndjson, Kind::Json, b"null"), "{\"data\":null}\n");
        assert_eq!(of(Road::EventSource, Kind::Bytes, &[0, 255]), "data: AP8=\n\n");
        assert_eq!(of(Road::Ndjson, Kind::Bytes, &[0, 255]), "{\"data\":{\"base64\":\"AP8=\"}}\n");
        assert_eq!(of(Road::DurableSse, Kind::Bytes, &[0, 255]), "event: data\ndata:AP8=\n\n");
    }

    #[test]
    fn no_name_ends_its_field() {
        let name = "a\nid: 1\rb\0c";
        let message = Message::event(EventRef { name, args: "", attachments: &[] });
        let text = pushed(|out| Road::EventSource.push(Kind::Json, &message, None, out));
        assert_eq!(text, "event: a\u{fffd}id: 1\u{fffd}b\u{fffd}c\ndata: []\n\n");
        let line = pushed(|out| Road::Ndjson.push(Kind::Json, &message, None, out));
        assert_eq!(line, "{\"event\":\"a\\nid: 1\\rb\\u0000c\",\"data\":[]}\n");
    }

    #[test]
    fn what_is_said_beside_messages() {
        let next = CursorKey::random().sealer(1).seal(3);
        let control = |is_up_to_date, is_closed| {
            pushed(|out| {
                push_control(&Control { next, interval: 7, is_up_to_date, is_closed }, out)
            })
        };
        assert_eq!(
            control(true, false),
            format!(
                "event: control\ndata:{{\"streamNextOffset\":\"{next}\",\"streamCursor\":\"7\",\"upToDate\":true}}\n\n"
            )
        );
        assert_eq!(
            control(true, true),
            format!(
                "event: control\ndata:{{\"streamNextOffset\":\"{next}\",\"streamClosed\":true,\"upToDate\":true}}\n\n"
            )
        );
        assert_eq!(
            pushed(|out| push_opening(2000, Some(&next), out)),
            format!(":\nretry: 2000\nid: {next}\n\n")
        );
    }
}
