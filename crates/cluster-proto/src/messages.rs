//! Numbered messages: `{"type":3,"data":{..},"uid":"..","nsp":"/"}`.
//!
//! They are JSON, or MessagePack where there is binary data among what they carry; a stream of Redis keeps their
//! members as the fields of an [`Entry`].

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use sockeye_socket_proto::encode_msgpack;

use crate::message::{Body, Flags, Message};
use crate::parts::{self, EventPacket, ObjectWriter, Options, Text, WireSocket, push_options};
use crate::received::{Limits, ReadError, Received};

/// The numbers of the messages.
mod kind {
    pub(super) const INITIAL_HEARTBEAT: u64 = 1;
    pub(super) const HEARTBEAT: u64 = 2;
    pub(super) const BROADCAST: u64 = 3;
    pub(super) const SOCKETS_JOIN: u64 = 4;
    pub(super) const SOCKETS_LEAVE: u64 = 5;
    pub(super) const DISCONNECT_SOCKETS: u64 = 6;
    pub(super) const FETCH_SOCKETS: u64 = 7;
    pub(super) const FETCH_SOCKETS_RESPONSE: u64 = 8;
    pub(super) const SERVER_SIDE_EMIT: u64 = 9;
    pub(super) const SERVER_SIDE_EMIT_RESPONSE: u64 = 10;
    pub(super) const BROADCAST_CLIENT_COUNT: u64 = 11;
    pub(super) const BROADCAST_ACK: u64 = 12;
    pub(super) const ADAPTER_CLOSE: u64 = 13;
}

/// What a stream of Redis keeps of a message, in the order of its fields.
///
/// ```
/// use sockeye_cluster_proto::{Body, Limits, Message, messages};
///
/// let message = Message { sender: Some("a".into()), namespace: "/".into(), body: Body::Heartbeat };
/// let entry = messages::Entry::of(&message);
/// assert_eq!((&*entry.kind, &entry.data), ("2", &None));
/// let received = entry.read(&Limits::default())?;
/// assert_eq!(entry.message(&received)?, message);
/// # Ok::<(), sockeye_cluster_proto::ReadError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Who says it.
    pub uid: Cow<'a, str>,
    /// The namespace.
    pub nsp: Cow<'a, str>,
    /// The number of the message, as text. The field is `type`.
    pub kind: Cow<'a, str>,
    /// What it carries: JSON, or base64 of MessagePack where there is binary data; `None`: nothing.
    pub data: Option<Cow<'a, str>>,
}

/// Writes a message: as JSON, or where it carries binary data as MessagePack. It is how the sharded adapter publishes.
///
/// ```
/// use sockeye_cluster_proto::{Body, Message, Targets, messages};
///
/// let targets = Targets::room("lobby");
/// let message = Message {
///     sender: Some("0123456789abcdef".into()),
///     namespace: "/".into(),
///     body: Body::Disconnect { targets, closes: false },
/// };
/// assert_eq!(
///     messages::encode(&message),
///     br#"{"type":6,"data":{"opts":{"rooms":["lobby"],"except":[],"flags":{}},"close":false},"uid":"0123456789abcdef","nsp":"/"}"#
/// );
/// ```
pub fn encode(message: &Message<'_>) -> Vec<u8> {
    let json = json(message);
    match attachments(&message.body) {
        [] => json.into_bytes(),
        attachments => msgpack(&json, attachments),
    }
}

/// Writes a message as MessagePack, whatever it carries. It is how the adapter for Redis streams publishes what it does
/// not keep.
pub fn encode_msgpacked(message: &Message<'_>) -> Vec<u8> {
    msgpack(&json(message), attachments(&message.body))
}

fn msgpack(json: &str, attachments: &[Bytes]) -> Vec<u8> {
    let bytes: usize = attachments.iter().map(|one| one.len() + 5).sum();
    let mut out = Vec::with_capacity(json.len() + bytes);
    encode_msgpack(json, attachments, &mut out);
    out
}

/// Whether a message is one that this server wrote as JSON, of which it gets each back: told by its end, so that it need not
/// be read. `uid`: the server's id. False: it may be still.
pub fn is_own(bytes: &[u8], uid: &str) -> bool {
    let is_own = || {
        let namespace_at = bytes.strip_suffix(b"\"}")?.rsplit(|byte| *byte == b'"').next()?.len();
        let before = &bytes[..bytes.len() - namespace_at - b"\"}".len()];
        let before = before.strip_suffix(b"\",\"nsp\":\"")?.strip_suffix(uid.as_bytes())?;
        Some(before.ends_with(b",\"uid\":\""))
    };
    is_own() == Some(true)
}

/// Reads a message from what was [received](Received::read). `namespace`: that of the channel, for messages that name
/// none.
///
/// # Errors
/// [`ReadError::UnknownType`], or a part is missing or of another type.
pub fn read<'a>(received: &'a Received<'_>, namespace: &'a str) -> Result<Message<'a>, ReadError> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow, default)]
        uid: Option<Text<'a>>,
        #[serde(borrow, default)]
        nsp: Option<Text<'a>>,
        #[serde(rename = "type")]
        kind: u64,
        #[serde(borrow, default)]
        data: Option<&'a RawValue>,
    }
    let envelope: Envelope<'a> = serde_json::from_str(&received.json)?;
    let namespace = envelope.nsp.map_or(Cow::Borrowed(namespace), |text| text.0);
    let data = envelope.data.map_or("null", RawValue::get);
    let body = read_body(envelope.kind, data, &received.attachments)?;
    Ok(Message { sender: envelope.uid.map(|text| text.0), namespace, body })
}

fn read_body<'a>(
    number: u64,
    data: &'a str,
    attachments: &'a [Bytes],
) -> Result<Body<'a>, ReadError> {
    Ok(match number {
        kind::INITIAL_HEARTBEAT => Body::InitialHeartbeat,
        kind::HEARTBEAT => Body::Heartbeat,
        kind::ADAPTER_CLOSE => Body::Close,
        kind::BROADCAST => {
            let Broadcast { opts, packet, request } = part(data)?;
            let (targets, flags) = opts.read();
            let event = packet.read(attachments)?;
            Body::Emit { targets, flags, event, request: request.map(|text| text.0) }
        }
        kind::SOCKETS_JOIN | kind::SOCKETS_LEAVE => {
            let Rooms { opts, rooms } = part(data)?;
            let (targets, rooms) = (opts.read().0, parts::texts(rooms));
            match number {
                kind::SOCKETS_JOIN => Body::Join { targets, rooms },
                _ => Body::Leave { targets, rooms },
            }
        }
        kind::DISCONNECT_SOCKETS => {
            let Disconnect { opts, close } = part(data)?;
            Body::Disconnect { targets: opts.read().0, closes: close == Some(true) }
        }
        kind::FETCH_SOCKETS => {
            let Fetch { opts, request } = part(data)?;
            Body::Fetch { targets: opts.read().0, request: request.0 }
        }
        kind::FETCH_SOCKETS_RESPONSE => {
            let Sockets { request, sockets } = part(data)?;
            let sockets = sockets.into_iter().map(Into::into).collect();
            Body::Sockets { request: request.0, sockets }
        }
        kind::SERVER_SIDE_EMIT => {
            let ServerSideEmit { request, packet } = part(data)?;
            let event = parts::event(packet, attachments)?;
            Body::ServerSideEmit { event, request: request.map(|text| text.0) }
        }
        kind::SERVER_SIDE_EMIT_RESPONSE | kind::BROADCAST_ACK => {
            let Answer { request, packet, socket, unhandled, gone } = part(data)?;
            let (request, answer) = (request.0, parts::value(packet, attachments));
            match number {
                kind::BROADCAST_ACK => {
                    let answer = (gone != Some(true)).then_some(answer);
                    Body::Ack { request, socket: socket.map(|text| text.0), answer }
                }
                _ if unhandled == Some(true) => Body::Unhandled { request },
                _ => Body::Handled { request, answer },
            }
        }
        kind::BROADCAST_CLIENT_COUNT => {
            let ClientCount { request, count } = part(data)?;
            Body::Asked { request: request.0, count }
        }
        other => return Err(ReadError::UnknownType(other)),
    })
}

fn part<'a, T: Deserialize<'a>>(data: &'a str) -> Result<T, ReadError> {
    Ok(serde_json::from_str(data)?)
}

#[derive(Deserialize)]
struct Broadcast<'a> {
    #[serde(borrow)]
    opts: Options<'a>,
    #[serde(borrow)]
    packet: EventPacket<'a>,
    #[serde(borrow, rename = "requestId", default)]
    request: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Rooms<'a> {
    #[serde(borrow)]
    opts: Options<'a>,
    #[serde(borrow)]
    rooms: Vec<Text<'a>>,
}

#[derive(Deserialize)]
struct Disconnect<'a> {
    #[serde(borrow)]
    opts: Options<'a>,
    #[serde(default)]
    close: Option<bool>,
}

#[derive(Deserialize)]
struct Fetch<'a> {
    #[serde(borrow)]
    opts: Options<'a>,
    #[serde(borrow, rename = "requestId")]
    request: Text<'a>,
}

#[derive(Deserialize)]
struct Sockets<'a> {
    #[serde(borrow, rename = "requestId")]
    request: Text<'a>,
    #[serde(borrow)]
    sockets: Vec<WireSocket<'a>>,
}

#[derive(Deserialize)]
struct ServerSideEmit<'a> {
    #[serde(borrow, rename = "requestId", default)]
    request: Option<Text<'a>>,
    #[serde(borrow)]
    packet: &'a RawValue,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, rename = "requestId")]
    request: Text<'a>,
    #[serde(borrow, default, deserialize_with = "parts::present")]
    packet: Option<&'a RawValue>,
    #[serde(borrow, rename = "sid", default)]
    socket: Option<Text<'a>>,
    #[serde(default)]
    unhandled: Option<bool>,
    #[serde(default)]
    gone: Option<bool>,
}

#[derive(Deserialize)]
struct ClientCount<'a> {
    #[serde(borrow, rename = "requestId")]
    request: Text<'a>,
    #[serde(rename = "clientCount")]
    count: u64,
}

impl<'a> Entry<'a> {
    /// A message as the fields of a stream's entry.
    pub fn of(message: &'a Message<'_>) -> Self {
        let data = data(&message.body).map(|json| match attachments(&message.body) {
            [] => json,
            attachments => STANDARD.encode(msgpack(&json, attachments)),
        });
        Self {
            uid: message.sender.as_deref().unwrap_or_default().into(),
            nsp: message.namespace.as_ref().into(),
            kind: number(&message.body).to_string().into(),
            data: data.map(Cow::Owned),
        }
    }

    /// Reads what the entry carries.
    ///
    /// # Errors
    /// It is neither JSON nor MessagePack in base64, or breaks a limit.
    pub fn read(&self, limits: &Limits) -> Result<Received<'_>, ReadError> {
        let data = self.data.as_deref().unwrap_or("{}");
        if data.starts_with('{') {
            return Received::read(data.as_bytes(), limits);
        }
        let (actual, limit) = (data.len(), limits.message_bytes_max);
        if actual > limit {
            return Err(ReadError::TooLarge { actual, limit });
        }
        let bytes = STANDARD.decode(data).map_err(|_| ReadError::Base64)?;
        let Received { json, attachments } = Received::read(&bytes, limits)?;
        Ok(Received { json: json.into_owned().into(), attachments })
    }

    /// The message, of what [`read`](Self::read) gave.
    ///
    /// # Errors
    /// As [`read`].
    pub fn message<'r>(&'r self, received: &'r Received<'_>) -> Result<Message<'r>, ReadError> {
        let number = self.kind.parse();
        let number = number.map_err(|_| ReadError::Shape(format!("{:?} is no type", self.kind)))?;
        let body = read_body(number, &received.json, &received.attachments)?;
        let sender = Some(&*self.uid).filter(|uid| !uid.is_empty()).map(Cow::Borrowed);
        Ok(Message { sender, namespace: Cow::Borrowed(&self.nsp), body })
    }
}

fn number(body: &Body<'_>) -> u64 {
    match body {
        Body::InitialHeartbeat => kind::INITIAL_HEARTBEAT,
        Body::Heartbeat => kind::HEARTBEAT,
        Body::Close => kind::ADAPTER_CLOSE,
        Body::Emit { .. } => kind::BROADCAST,
        Body::Join { .. } => kind::SOCKETS_JOIN,
        Body::Leave { .. } => kind::SOCKETS_LEAVE,
        Body::Disconnect { .. } => kind::DISCONNECT_SOCKETS,
        Body::Fetch { .. } => kind::FETCH_SOCKETS,
        Body::Sockets { .. } => kind::FETCH_SOCKETS_RESPONSE,
        Body::ServerSideEmit { .. } => kind::SERVER_SIDE_EMIT,
        Body::Handled { .. } | Body::Unhandled { .. } => kind::SERVER_SIDE_EMIT_RESPONSE,
        Body::Asked { .. } => kind::BROADCAST_CLIENT_COUNT,
        Body::Ack { .. } => kind::BROADCAST_ACK,
    }
}

/// The binary data that a message carries.
fn attachments<'m>(body: &'m Body<'_>) -> &'m [Bytes] {
    match body {
        Body::Emit { event, .. } | Body::ServerSideEmit { event, .. } => event.attachments,
        Body::Ack { answer: Some(answer), .. } | Body::Handled { answer, .. } => {
            &answer.attachments
        }
        _ => &[],
    }
}

/// The whole message, its keys in the order in which Node's servers write them.
fn json(message: &Message<'_>) -> String {
    let mut out = String::with_capacity(256);
    let mut object = ObjectWriter::begin(&mut out);
    object.number("type", number(&message.body));
    object.json("data", &data(&message.body).unwrap_or_default());
    if let Some(sender) = &message.sender {
        object.text("uid", sender);
    }
    object.text("nsp", &message.namespace);
    object.end();
    out
}

/// What a message carries, as JSON.
fn data(body: &Body<'_>) -> Option<String> {
    if matches!(body, Body::InitialHeartbeat | Body::Heartbeat | Body::Close) {
        return None;
    }
    let mut out = String::with_capacity(192);
    let mut object = ObjectWriter::begin(&mut out);
    match body {
        Body::InitialHeartbeat | Body::Heartbeat | Body::Close => {}
        Body::Emit { targets, flags, event, request } => {
            object.packet(event, None);
            object.request(request.as_deref());
            push_options(object.key("opts"), targets, Some(*flags));
        }
        Body::Join { targets, rooms } | Body::Leave { targets, rooms } => {
            push_options(object.key("opts"), targets, Some(Flags::default()));
            object.texts("rooms", rooms);
        }
        Body::Disconnect { targets, closes } => {
            push_options(object.key("opts"), targets, Some(Flags::default()));
            object.flag("close", *closes);
        }
        Body::Fetch { targets, request } => {
            push_options(object.key("opts"), targets, Some(Flags::default()));
            object.text("requestId", request);
        }
        Body::ServerSideEmit { event, request } => {
            object.request(request.as_deref());
            object.event("packet", event);
        }
        Body::Sockets { request, sockets } => {
            object.text("requestId", request);
            object.sockets(sockets);
        }
        Body::Asked { request, count } => {
            object.text("requestId", request);
            object.number("clientCount", count);
        }
        Body::Ack { request, socket, answer } => {
            object.text("requestId", request);
            object.ack(socket.as_deref(), answer.as_ref());
        }
        Body::Handled { request, answer } => {
            object.text("requestId", request);
            object.json("packet", &answer.json);
        }
        Body::Unhandled { request } => {
            object.text("requestId", request);
            object.flag("unhandled", true);
        }
    }
    object.end();
    Some(out)
}
