//! The parts of messages as they stand in JSON, which both forms share: read with serde, written by hand, because an
//! event's arguments are text already.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_json::value::RawValue;
use sockeye_socket_proto::{push_quoted, split_event};

use crate::message::{Emitted, Flags, RemoteSocket, Targets, Value};
use crate::received::ReadError;

/// An event's packet, and one with binary data as old emitters number it.
const EVENT: u8 = 2;
const BINARY_EVENT: u8 = 5;

/// Text, or a number as its text: Node's servers let rooms be numbers.
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfText;
        impl<'de> Visitor<'de> for OfText {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or a number")
            }
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }
        }
        deserializer.deserialize_any(OfText)
    }
}

/// The texts themselves.
pub(crate) fn texts(list: Vec<Text<'_>>) -> Vec<Cow<'_, str>> {
    list.into_iter().map(|text| text.0).collect()
}

/// Where something goes and how.
#[derive(Deserialize)]
pub(crate) struct Options<'a> {
    #[serde(borrow, default)]
    rooms: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    except: Option<Vec<Text<'a>>>,
    #[serde(default)]
    flags: Option<WireFlags>,
}

#[derive(Deserialize)]
struct WireFlags {
    #[serde(default)]
    volatile: Option<bool>,
    #[serde(default)]
    compress: Option<bool>,
    #[serde(default)]
    timeout: Option<f64>,
    #[serde(rename = "expectSingleResponse", default)]
    expects_single_response: Option<bool>,
}

impl<'a> Options<'a> {
    pub(crate) fn read(self) -> (Targets<'a>, Flags) {
        let list = |texts_of: Option<Vec<Text<'a>>>| texts_of.map(texts).unwrap_or_default();
        let targets = Targets { rooms: list(self.rooms), except: list(self.except) };
        let flags = self.flags.map_or_else(Flags::default, |flags| Flags {
            is_volatile: flags.volatile == Some(true),
            compress: flags.compress,
            timeout: flags
                .timeout
                .and_then(|timeout| Duration::try_from_secs_f64(timeout / 1_000.0).ok()),
            expects_single_response: flags.expects_single_response == Some(true),
        });
        (targets, flags)
    }
}

/// An event's packet.
#[derive(Deserialize)]
pub(crate) struct EventPacket<'a> {
    #[serde(rename = "type")]
    kind: u8,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow, default)]
    pub(crate) nsp: Option<Text<'a>>,
}

impl<'a> EventPacket<'a> {
    pub(crate) fn read(&self, attachments: &'a [Bytes]) -> Result<Emitted<'a>, ReadError> {
        match self.kind {
            EVENT | BINARY_EVENT => event(self.data, attachments),
            other => Err(ReadError::Shape(format!("a packet of type {other} is not broadcast"))),
        }
    }
}

/// An event of an array with its name at the front.
pub(crate) fn event<'a>(
    array: &'a RawValue,
    attachments: &'a [Bytes],
) -> Result<Emitted<'a>, ReadError> {
    let (name, args) = split_event(array.get())
        .ok_or_else(|| ReadError::Shape("an event without a name".into()))?;
    Ok(Emitted { name, args, attachments })
}

/// Reads a value that may be `null`, which is not the same as left out.
pub(crate) fn present<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// A value that may be left out.
pub(crate) fn value<'a>(json: Option<&'a RawValue>, attachments: &'a [Bytes]) -> Value<'a> {
    match json {
        Some(json) => Value::new(json.get(), attachments),
        None => Value::default(),
    }
}

/// A socket of another server.
#[derive(Deserialize)]
pub(crate) struct WireSocket<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, default)]
    handshake: Option<&'a RawValue>,
    #[serde(borrow, default)]
    rooms: Vec<Text<'a>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

impl<'a> From<WireSocket<'a>> for RemoteSocket<'a> {
    fn from(socket: WireSocket<'a>) -> Self {
        let json = |value: Option<&'a RawValue>| value.map_or("{}", RawValue::get).into();
        Self {
            id: socket.id.0,
            handshake: json(socket.handshake),
            rooms: texts(socket.rooms),
            data: json(socket.data),
        }
    }
}

/// Writes an object, member by member.
pub(crate) struct ObjectWriter<'o> {
    out: &'o mut String,
    is_empty: bool,
}

impl<'o> ObjectWriter<'o> {
    pub(crate) fn begin(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, is_empty: true }
    }

    pub(crate) fn end(self) {
        self.out.push('}');
    }

    /// Writes a key, behind which the value has to be written.
    pub(crate) fn key(&mut self, key: &str) -> &mut String {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.out.push(',');
        }
        push_quoted(self.out, key);
        self.out.push(':');
        self.out
    }

    pub(crate) fn text(&mut self, key: &str, text: &str) {
        push_quoted(self.key(key), text);
    }

    pub(crate) fn texts(&mut self, key: &str, list: &[Cow<'_, str>]) {
        let out = self.key(key);
        push_list(out, list.iter(), |out, text| push_quoted(out, text));
    }

    pub(crate) fn number(&mut self, key: &str, number: impl fmt::Display) {
        let out = self.key(key);
        out.push_str(&number.to_string());
    }

    pub(crate) fn flag(&mut self, key: &str, flag: bool) {
        self.key(key).push_str(if flag { "true" } else { "false" });
    }

    /// Writes JSON, or leaves the member out where there is none.
    pub(crate) fn json(&mut self, key: &str, json: &str) {
        if !json.is_empty() {
            self.key(key).push_str(json);
        }
    }

    pub(crate) fn request(&mut self, request: Option<&str>) {
        if let Some(request) = request {
            self.text("requestId", request);
        }
    }

    /// One client's answer.
    pub(crate) fn ack(&mut self, socket: Option<&str>, answer: Option<&Value<'_>>) {
        match answer {
            Some(answer) => self.json("packet", &answer.json),
            None => self.flag("gone", true),
        }
        if let Some(socket) = socket {
            self.text("sid", socket);
        }
    }

    pub(crate) fn event(&mut self, key: &str, event: &Emitted<'_>) {
        push_event(self.key(key), event);
    }

    /// `{"type":2,"data":[name,args..]}`, with `nsp` where the form has it.
    pub(crate) fn packet(&mut self, event: &Emitted<'_>, namespace: Option<&str>) {
        push_packet(self.key("packet"), event, namespace);
    }

    pub(crate) fn sockets(&mut self, sockets: &[RemoteSocket<'_>]) {
        let out = self.key("sockets");
        push_list(out, sockets.iter(), |out, socket| {
            let mut object = ObjectWriter::begin(out);
            object.text("id", &socket.id);
            object.json("handshake", &socket.handshake);
            object.texts("rooms", &socket.rooms);
            object.json("data", &socket.data);
            object.end();
        });
    }
}

pub(crate) fn push_list<T>(
    out: &mut String,
    items: impl Iterator<Item = T>,
    mut push: impl FnMut(&mut String, T),
) {
    out.push('[');
    for (number, item) in items.enumerate() {
        if number > 0 {
            out.push(',');
        }
        push(out, item);
    }
    out.push(']');
}

pub(crate) fn push_event(out: &mut String, event: &Emitted<'_>) {
    out.push('[');
    push_quoted(out, &event.name);
    if !event.args.is_empty() {
        out.push(',');
        out.push_str(event.args);
    }
    out.push(']');
}

pub(crate) fn push_packet(out: &mut String, event: &Emitted<'_>, namespace: Option<&str>) {
    let mut packet = ObjectWriter::begin(out);
    packet.number("type", EVENT);
    packet.event("data", event);
    if let Some(namespace) = namespace {
        packet.text("nsp", namespace);
    }
    packet.end();
}

/// `{"rooms":[..],"except":[..]}`, with `flags` where they are said.
pub(crate) fn push_options(out: &mut String, targets: &Targets<'_>, flags: Option<Flags>) {
    let mut options = ObjectWriter::begin(out);
    options.texts("rooms", &targets.rooms);
    options.texts("except", &targets.except);
    if let Some(flags) = flags {
        let mut written = ObjectWriter::begin(options.key("flags"));
        if flags.is_volatile {
            written.flag("volatile", true);
        }
        if let Some(compress) = flags.compress {
            written.flag("compress", compress);
        }
        if let Some(timeout) = flags.timeout {
            written.number("timeout", timeout.as_millis());
        }
        if flags.expects_single_response {
            written.flag("expectSingleResponse", true);
        }
        written.end();
    }
    options.end();
}
