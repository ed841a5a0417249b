//! What a stream is made of: its content type, and messages.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;
use sockeye::EventRef;
use sockeye_net::lines::push_json_string;

/// The content type of a stream, and what it means for its messages (Durable Streams 1.0, 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContentType {
    /// As it was given.
    text: Box<str>,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `application/json`: each message is one JSON value.
    Json,
    /// `text/*`: text, one append behind another.
    Text,
    /// Anything else: bytes, which travel as base64 where only text can.
    Bytes,
}

impl ContentType {
    pub(crate) fn new(text: &str) -> Self {
        let essence = essence(text);
        let kind = match &*essence {
            "application/json" => Kind::Json,
            essence if essence.starts_with("text/") => Kind::Text,
            _ => Kind::Bytes,
        };
        Self { text: text.into(), kind }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is the same type, whatever its case and parameters.
    pub(crate) fn is_same(&self, other: &str) -> bool {
        essence(&self.text) == essence(other)
    }
}

/// The type without its parameters, in lower case (RFC 9110, 8.3.1).
fn essence(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// One message of a stream. Of a JSON stream its data is one JSON text without a line break in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) data: Bytes,
    /// Of an event: where its arguments begin in `data`.
    args_at: Option<u32>,
}

/// What comes before the name of an event, and what between that and its arguments.
const BEFORE_NAME: &str = "{\"event\":";
const BEFORE_ARGS: &str = ",\"data\":";

impl Message {
    /// Anything that was appended to a stream that is not JSON.
    pub(crate) const fn raw(data: Bytes) -> Self {
        Self { data, args_at: None }
    }

    /// One JSON text, which is known to be one.
    pub(crate) fn json(text: &str) -> Self {
        let text = without_line_breaks(text.trim_matches([' ', '\t', '\r', '\n']));
        Self::raw(text.into_owned().into())
    }

    /// An event: `{"event":"tick","data":[1,2]}`. Attachments are `{"base64":".."}`.
    pub(crate) fn event(event: EventRef<'_>) -> Self {
        let args = match event.attachments {
            [] => without_line_breaks(event.args),
            attachments => Cow::Owned(with_base64(event.args, attachments)),
        };
        let mut data = Vec::with_capacity(BEFORE_NAME.len() + event.name.len() + args.len() + 14);
        data.extend_from_slice(BEFORE_NAME.as_bytes());
        push_json_string(event.name, &mut data);
        data.extend_from_slice(BEFORE_ARGS.as_bytes());
        let args_at = u32::try_from(data.len()).ok();
        data.push(b'[');
        data.extend_from_slice(args.as_bytes());
        data.extend_from_slice(b"]}");
        Self { data: data.into(), args_at }
    }

    /// The name of an event as a JSON string, and its arguments as a JSON array.
    pub(crate) fn event_parts(&self) -> Option<(&str, &str)> {
        let at = self.args_at? as usize;
        let text = str::from_utf8(&self.data).ok()?;
        let name = text.get(BEFORE_NAME.len()..at - BEFORE_ARGS.len())?;
        Some((name, text.get(at..text.len() - 1)?))
    }

    /// It as text, with whatever is none replaced.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.data)
    }
}

/// JSON without the line breaks that may stand between its parts: a line is one message where lines count
/// (NDJSON), and in strings there are none (RFC 8259, 7).
fn without_line_breaks(json: &str) -> Cow<'_, str> {
    match has_control(json) && json.contains(['\n', '\r']) {
        true => json.replace(['\n', '\r'], " ").into(),
        false => json.into(),
    }
}

/// Whether there is a control character in a text. Seldom: only then it is worth a look at each character.
/// A part is looked through to its end, so that the processor takes many bytes at once.
pub(crate) fn has_control(text: &str) -> bool {
    const PART_BYTES: usize = 256;
    let least = |part: &[u8]| part.iter().fold(u8::MAX, |least, byte| least.min(*byte));
    text.as_bytes().chunks(PART_BYTES).any(|part| least(part) < b' ')
}

/// Arguments with base64 in place of the placeholders.
fn with_base64(args: &str, attachments: &[Bytes]) -> String {
    let base64 = |data: &Bytes| format!("{{\"base64\":\"{}\"}}", STANDARD.encode(data));
    let mut out = String::with_capacity(args.len());
    let mut rest = args;
    for (number, data) in attachments.iter().enumerate() {
        // What we and most clients write. It cannot be part of a string, whose quotes are escaped.
        let placeholder = format!("{{\"_placeholder\":true,\"num\":{number}}}");
        let Some(at) = rest.find(&placeholder) else {
            return with_base64_anywhere(args, attachments);
        };
        out.push_str(&rest[..at]);
        out.push_str(&base64(data));
        rest = &rest[at + placeholder.len()..];
    }
    out.push_str(rest);
    // One may stand there twice.
    if out.contains("\"_placeholder\":true") {
        return with_base64_anywhere(args, attachments);
    }
    without_line_breaks(&out).into_owned()
}

/// The same for placeholders that are written in another order, or with spaces.
fn with_base64_anywhere(args: &str, attachments: &[Bytes]) -> String {
    fn replace(value: &mut Value, attachments: &[Bytes]) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(|it| replace(it, attachments)),
            Value::Object(fields) => {
                let is_placeholder = fields.get("_placeholder") == Some(&Value::Bool(true));
                let number = fields.get("num").filter(|_| is_placeholder).and_then(Value::as_u64);
                let number = number.and_then(|number| usize::try_from(number).ok());
                match number.and_then(|number| attachments.get(number)) {
                    Some(data) => *value = serde_json::json!({ "base64": STANDARD.encode(data) }),
                    None => fields.values_mut().for_each(|it| replace(it, attachments)),
                }
            }
            _ => {}
        }
    }
    let Ok(mut value) = serde_json::from_str(&format!("[{args}]")) else {
        return without_line_breaks(args).into_owned();
    };
    replace(&mut value, attachments);
    let mut text = String::new();
    let _ = write!(text, "{value}");
    text[1..text.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, args: &str, attachments: &[&'static [u8]]) -> Message {
        let attachments: Vec<_> = attachments.iter().map(|it| Bytes::from_static(it)).collect();
        Message::event(EventRef { name, args, attachments: &attachments })
    }

    #[test]
    fn an_event_is_an_object_with_its_arguments() {
        let message = event("ti\"ck", "1,[\n2]", &[]);
        assert_eq!(message.text(), r#"{"event":"ti\"ck","data":[1,[ 2]]}"#);
        assert_eq!(message.event_parts(), Some((r#""ti\"ck""#, "[1,[ 2]]")));
        assert_eq!(event("", "", &[]).text(), r#"{"event":"","data":[]}"#);
        assert_eq!(Message::json(" {\"a\":\r\n1} \n").text(), "{\"a\":  1}");
        assert_eq!(Message::json("1").event_parts(), None);
    }

    #[test]
    fn attachments_are_base64() {
        let both = r#"{"a":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}"#;
        let expected = r#"{"event":"x","data":[{"a":{"base64":"AQID"}},{"base64":"BA=="}]}"#;
        assert_eq!(event("x", both, &[&[1, 2, 3], &[4]]).text(), expected);
        let spaced = r#"{"a":{ "num": 0, "_placeholder":true}},{"_placeholder" :true,"num":1}"#;
        assert_eq!(event("x", spaced, &[&[1, 2, 3], &[4]]).text(), expected);
        let twice = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}"#;
        let expected = r#"{"event":"x","data":[{"base64":"BA=="},{"base64":"BA=="}]}"#;
        assert_eq!(event("x", twice, &[&[4]]).text(), expected);
        // No string becomes one.
        let quoted = r#""{\"_placeholder\":true,\"num\":0}",{"_placeholder":true,"num":0}"#;
        let text = event("x", quoted, &[&[4]]).text().into_owned();
        assert_eq!(
            text,
            r#"{"event":"x","data":["{\"_placeholder\":true,\"num\":0}",{"base64":"BA=="}]}"#
        );
    }

    #[test]
    fn a_control_character_is_found_wherever_it_is() {
        for length in [0, 1, 127, 128, 129, 500] {
            let text = "é".repeat(length);
            assert!(!has_control(&text), "{length}");
            for character in ["\n", "\r", "\0", "\u{1f}"] {
                for at in [0, length / 2 * 2, 2 * length] {
                    let mut text = text.clone();
                    text.insert_str(at, character);
                    assert!(has_control(&text), "{length}, {character:?} at {at}");
                }
            }
        }
        assert!(!has_control(" ~\u{7f}"));
    }

    #[test]
    fn types_are_compared_without_case_and_parameters() {
        let json = ContentType::new("Application/JSON; charset=utf-8");
        assert_eq!((json.kind, json.is_same("application/json")), (Kind::Json, true));
        assert_eq!(json.as_str(), "Application/JSON; charset=utf-8");
        assert_eq!(ContentType::new("text/plain").kind, Kind::Text);
        assert_eq!(ContentType::new("image/png").kind, Kind::Bytes);
        assert!(!json.is_same("application/json5"));
    }
}
