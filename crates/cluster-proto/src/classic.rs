//! The form of the older adapter for Redis (`createAdapter` of `@socket.io/redis-adapter`).
//!
//! A broadcast is MessagePack of `[uid, packet, options]`; a request is JSON of `{uid, requestId, type, ..}`, but for one
//! that broadcasts and asks, which is MessagePack; an answer is JSON, but for a client's, which is MessagePack. (What else
//! has binary data in it is MessagePack here too, which Node's servers read and do not write: they lose it.) Each of
//! the three has its own channels, see [`ClassicChannels`](crate::channels::ClassicChannels). There are no heartbeats:
//! how many servers there are, Redis says (`PUBSUB NUMSUB` of the channel of requests).
//!
//! An answer does not say who answers. What this crate writes says so (`uid`), and Node's servers do not mind.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use sockeye_socket_proto::{encode_msgpack, push_quoted};

use crate::message::{Body, Message};
use crate::parts::{
    self, EventPacket, ObjectWriter, Options, Text, WireSocket, push_list, push_options,
    push_packet,
};
use crate::received::{ReadError, Received};

/// The numbers of the requests and answers.
mod kind {
    pub(super) const SOCKETS: u64 = 0;
    pub(super) const ALL_ROOMS: u64 = 1;
    pub(super) const REMOTE_JOIN: u64 = 2;
    pub(super) const REMOTE_LEAVE: u64 = 3;
    pub(super) const REMOTE_DISCONNECT: u64 = 4;
    pub(super) const REMOTE_FETCH: u64 = 5;
    pub(super) const SERVER_SIDE_EMIT: u64 = 6;
    pub(super) const BROADCAST: u64 = 7;
    pub(super) const BROADCAST_CLIENT_COUNT: u64 = 8;
    pub(super) const BROADCAST_ACK: u64 = 9;
}

/// What came on the channel of requests.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Request<'a> {
    /// What servers ask today.
    Message(Message<'a>),
    /// `allRooms()`: which rooms are there? Answered by [`encode_rooms`].
    Rooms {
        /// The id of the request.
        request: Cow<'a, str>,
        /// Who asks.
        sender: Option<Cow<'a, str>>,
    },
    /// What old servers ask: the ids of the sockets in these rooms, or all. Answered by [`encode_ids`].
    Ids {
        /// The rooms.
        rooms: Vec<Cow<'a, str>>,
        /// The id of the request.
        request: Cow<'a, str>,
        /// Who asks.
        sender: Option<Cow<'a, str>>,
    },
    /// What old servers ask of the one server that has a socket. Answered by [`encode_done`].
    OneSocket {
        /// The socket.
        socket: Cow<'a, str>,
        /// What becomes of it.
        change: Change<'a>,
        /// The id of the request.
        request: Cow<'a, str>,
        /// Who asks.
        sender: Option<Cow<'a, str>>,
    },
}

/// What an old server has done with one socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<'a> {
    /// It enters a room.
    Join(Cow<'a, str>),
    /// It leaves a room.
    Leave(Cow<'a, str>),
    /// It is disconnected; true: its connection is closed.
    Disconnect(bool),
}

/// Writes a message, if it is one that this form has: it has no heartbeats, and a server that leaves says nothing.
/// An emitter leaves out who it is, except in events.
///
/// ```
/// use sockeye_cluster_proto::{Body, Message, Targets, classic};
///
/// let (targets, request) = (Targets::default(), "r00001".into());
/// let body = Body::Fetch { targets, request };
/// let message = Message { sender: Some("u00001".into()), namespace: "/".into(), body };
/// assert_eq!(
///     classic::encode(&message).as_deref(),
///     Some(&br#"{"uid":"u00001","requestId":"r00001","type":5,"opts":{"rooms":[],"except":[]}}"#[..])
/// );
/// ```
pub fn encode(message: &Message<'_>) -> Option<Vec<u8>> {
    let mut out = String::with_capacity(256);
    let is_msgpack = match &message.body {
        Body::InitialHeartbeat | Body::Heartbeat | Body::Close => return None,
        Body::Emit { targets, flags, event, request: None } => {
            out.push('[');
            push_quoted(&mut out, message.sender.as_deref().unwrap_or_default());
            out.push(',');
            push_packet(&mut out, event, Some(&message.namespace));
            out.push(',');
            push_options(&mut out, targets, Some(*flags));
            out.push(']');
            true
        }
        body => {
            let mut object = ObjectWriter::begin(&mut out);
            let is_msgpack = write(&mut object, message, body);
            object.end();
            is_msgpack
        }
    };
    if !is_msgpack {
        return Some(out.into_bytes());
    }
    let attachments = match &message.body {
        Body::Emit { event, .. } | Body::ServerSideEmit { event, .. } => event.attachments,
        Body::Ack { answer: Some(answer), .. } | Body::Handled { answer, .. } => {
            &answer.attachments
        }
        _ => &[],
    };
    let bytes: usize = attachments.iter().map(|one| one.len() + 5).sum();
    let mut packed = Vec::with_capacity(out.len() + bytes);
    encode_msgpack(&out, attachments, &mut packed);
    Some(packed)
}

/// Writes the members of a request or answer. True: it is to be MessagePack.
fn write(object: &mut ObjectWriter<'_>, message: &Message<'_>, body: &Body<'_>) -> bool {
    let mut head = |number: u64, says_emitter: bool| {
        let sender = if says_emitter { message.sender.as_deref() } else { message.server() };
        if let Some(sender) = sender.filter(|_| !body.is_answer()) {
            object.text("uid", sender);
        }
        object.request(body.request().filter(|_| !body.is_answer()));
        object.number("type", number);
    };
    match body {
        Body::Join { targets, rooms } => {
            head(kind::REMOTE_JOIN, false);
            push_options(object.key("opts"), targets, None);
            object.texts("rooms", rooms);
        }
        Body::Leave { targets, rooms } => {
            head(kind::REMOTE_LEAVE, false);
            push_options(object.key("opts"), targets, None);
            object.texts("rooms", rooms);
        }
        Body::Disconnect { targets, closes } => {
            head(kind::REMOTE_DISCONNECT, false);
            push_options(object.key("opts"), targets, None);
            object.flag("close", *closes);
        }
        Body::Fetch { targets, .. } => {
            head(kind::REMOTE_FETCH, false);
            push_options(object.key("opts"), targets, None);
        }
        Body::ServerSideEmit { event, .. } => {
            head(kind::SERVER_SIDE_EMIT, true);
            object.event("data", event);
            return !event.attachments.is_empty();
        }
        Body::Emit { targets, flags, event, .. } => {
            head(kind::BROADCAST, true);
            object.packet(event, Some(&message.namespace));
            push_options(object.key("opts"), targets, Some(*flags));
            return true;
        }
        Body::Asked { count, .. } => {
            head(kind::BROADCAST_CLIENT_COUNT, false);
            object.request(body.request());
            object.number("clientCount", count);
            answerer(object, message);
        }
        Body::Ack { socket, answer, .. } => {
            head(kind::BROADCAST_ACK, false);
            object.request(body.request());
            object.ack(socket.as_deref(), answer.as_ref());
            answerer(object, message);
            return true;
        }
        Body::Handled { answer, .. } => {
            head(kind::SERVER_SIDE_EMIT, false);
            object.request(body.request());
            object.json("data", &answer.json);
            answerer(object, message);
            return !answer.attachments.is_empty();
        }
        Body::Unhandled { .. } => {
            head(kind::SERVER_SIDE_EMIT, false);
            object.request(body.request());
            object.flag("unhandled", true);
            answerer(object, message);
        }
        Body::Sockets { sockets, .. } => {
            object.request(body.request());
            object.sockets(sockets);
            answerer(object, message);
        }
        Body::InitialHeartbeat | Body::Heartbeat | Body::Close => {}
    }
    false
}

fn answerer(object: &mut ObjectWriter<'_>, message: &Message<'_>) {
    if let Some(server) = message.server() {
        object.text("uid", server);
    }
}

/// Writes the answer to [`Request::Rooms`].
pub fn encode_rooms<'a>(request: &str, rooms: impl Iterator<Item = &'a str>) -> Vec<u8> {
    encode_list(request, "rooms", rooms)
}

/// Writes the answer to [`Request::Ids`].
pub fn encode_ids<'a>(request: &str, ids: impl Iterator<Item = &'a str>) -> Vec<u8> {
    encode_list(request, "sockets", ids)
}

/// Writes the answer to [`Request::OneSocket`].
pub fn encode_done(request: &str) -> Vec<u8> {
    let mut out = String::new();
    let mut object = ObjectWriter::begin(&mut out);
    object.request(Some(request));
    object.end();
    out.into_bytes()
}

fn encode_list<'a>(request: &str, key: &str, texts: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut out = String::new();
    let mut object = ObjectWriter::begin(&mut out);
    object.request(Some(request));
    push_list(object.key(key), texts, push_quoted);
    object.end();
    out.into_bytes()
}

/// Whether a broadcast is one that this server wrote, of which it gets each back: told by its beginning, so that it need
/// not be read. `uid`: the server's id. False: it may be still.
pub fn is_own_broadcast(bytes: &[u8], uid: &str) -> bool {
    // An array of three, and a text of less than 32 bytes.
    const ARRAY: u8 = 0x93;
    const TEXT: u8 = 0xa0;
    let [ARRAY, length, rest @ ..] = bytes else { return false };
    usize::from(length ^ TEXT) == uid.len() && uid.len() < 32 && rest.starts_with(uid.as_bytes())
}

/// Reads a broadcast. A packet that names no namespace is for `/`.
///
/// # Errors
/// It is no array of sender, packet and options.
pub fn read_broadcast<'a>(received: &'a Received<'_>) -> Result<Message<'a>, ReadError> {
    #[derive(Deserialize)]
    struct Broadcast<'a>(
        #[serde(borrow)] Text<'a>,
        #[serde(borrow)] EventPacket<'a>,
        #[serde(borrow)] Options<'a>,
    );
    let Broadcast(sender, mut packet, options) = serde_json::from_str(&received.json)?;
    let namespace = packet.nsp.take().map_or(Cow::Borrowed("/"), |text| text.0);
    let (targets, flags) = options.read();
    let event = packet.read(&received.attachments)?;
    let body = Body::Emit { targets, flags, event, request: None };
    Ok(Message { sender: Some(sender.0), namespace, body })
}

/// Every member that a request or an answer may have.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default)]
    uid: Option<Text<'a>>,
    #[serde(borrow, rename = "requestId", default)]
    request: Option<Text<'a>>,
    #[serde(rename = "type", default)]
    kind: Option<u64>,
    #[serde(borrow, default)]
    opts: Option<Options<'a>>,
    #[serde(borrow, default)]
    rooms: Option<Vec<Text<'a>>>,
    #[serde(default)]
    close: Option<bool>,
    #[serde(borrow, default, deserialize_with = "parts::present")]
    data: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "parts::present")]
    packet: Option<&'a RawValue>,
    #[serde(borrow, default)]
    sid: Option<Text<'a>>,
    #[serde(borrow, default)]
    room: Option<Text<'a>>,
    #[serde(borrow, default)]
    sockets: Option<Vec<WireSocket<'a>>>,
    #[serde(rename = "clientCount", default)]
    count: Option<u64>,
    #[serde(default)]
    unhandled: Option<bool>,
    #[serde(default)]
    gone: Option<bool>,
}

fn missing(member: &'static str) -> impl Fn() -> ReadError {
    move || ReadError::Shape(format!("missing field `{member}`"))
}

/// Reads a request. `namespace`: that of the channel.
///
/// # Errors
/// [`ReadError::UnknownType`], or a part is missing or of another type.
pub fn read_request<'a>(
    received: &'a Received<'_>,
    namespace: &'a str,
) -> Result<Request<'a>, ReadError> {
    let members: Members<'a> = serde_json::from_str(&received.json)?;
    let number = members.kind.ok_or_else(missing("type"))?;
    let sender = members.uid.map(|text| text.0);
    let request = members.request.map(|text| text.0);
    let rooms = members.rooms.map(parts::texts);
    if members.opts.is_none() && (kind::REMOTE_JOIN..=kind::REMOTE_DISCONNECT).contains(&number) {
        let room = members.room.map(|text| text.0).ok_or_else(missing("room"));
        let change = match number {
            kind::REMOTE_JOIN => Change::Join(room?),
            kind::REMOTE_LEAVE => Change::Leave(room?),
            _ => Change::Disconnect(members.close == Some(true)),
        };
        let socket = members.sid.ok_or_else(missing("sid"))?.0;
        let request = request.ok_or_else(missing("requestId"))?;
        return Ok(Request::OneSocket { socket, change, request, sender });
    }
    let options = members.opts.map(Options::read).ok_or_else(missing("opts"));
    let body = match number {
        kind::SOCKETS | kind::ALL_ROOMS => {
            let request = request.ok_or_else(missing("requestId"))?;
            return Ok(match number {
                kind::SOCKETS => Request::Ids { rooms: rooms.unwrap_or_default(), request, sender },
                _ => Request::Rooms { request, sender },
            });
        }
        kind::REMOTE_JOIN => {
            Body::Join { targets: options?.0, rooms: rooms.ok_or_else(missing("rooms"))? }
        }
        kind::REMOTE_LEAVE => {
            Body::Leave { targets: options?.0, rooms: rooms.ok_or_else(missing("rooms"))? }
        }
        kind::REMOTE_DISCONNECT => {
            Body::Disconnect { targets: options?.0, closes: members.close == Some(true) }
        }
        kind::REMOTE_FETCH => {
            Body::Fetch { targets: options?.0, request: request.ok_or_else(missing("requestId"))? }
        }
        kind::SERVER_SIDE_EMIT => {
            let data = members.data.ok_or_else(missing("data"))?;
            Body::ServerSideEmit { event: parts::event(data, &received.attachments)?, request }
        }
        kind::BROADCAST => {
            let packet = members.packet.ok_or_else(missing("packet"))?;
            let packet: EventPacket<'a> = serde_json::from_str(packet.get())?;
            let (targets, flags) = options?;
            let event = packet.read(&received.attachments)?;
            let request = Some(request.ok_or_else(missing("requestId"))?);
            Body::Emit { targets, flags, event, request }
        }
        other => return Err(ReadError::UnknownType(other)),
    };
    Ok(Request::Message(Message { sender, namespace: namespace.into(), body }))
}

/// Reads an answer to what this server asked: of the servers of today, which do not send the old requests. `namespace`:
/// that of the channel.
///
/// # Errors
/// [`ReadError::UnknownType`], or a part is missing or of another type.
pub fn read_answer<'a>(
    received: &'a Received<'_>,
    namespace: &'a str,
) -> Result<Message<'a>, ReadError> {
    let members: Members<'a> = serde_json::from_str(&received.json)?;
    let request = members.request.ok_or_else(missing("requestId"))?.0;
    let attachments = &received.attachments;
    let body = match members.kind {
        None => {
            let sockets = members.sockets.ok_or_else(missing("sockets"))?;
            Body::Sockets { request, sockets: sockets.into_iter().map(Into::into).collect() }
        }
        Some(kind::SERVER_SIDE_EMIT) if members.unhandled == Some(true) => {
            Body::Unhandled { request }
        }
        Some(kind::SERVER_SIDE_EMIT) => {
            Body::Handled { request, answer: parts::value(members.data, attachments) }
        }
        Some(kind::BROADCAST_CLIENT_COUNT) => {
            Body::Asked { request, count: members.count.ok_or_else(missing("clientCount"))? }
        }
        Some(kind::BROADCAST_ACK) => {
            let answer = parts::value(members.packet, attachments);
            let answer = (members.gone != Some(true)).then_some(answer);
            Body::Ack { request, socket: members.sid.map(|text| text.0), answer }
        }
        Some(other) => return Err(ReadError::UnknownType(other)),
    };
    let sender = members.uid.map(|text| text.0);
    Ok(Message { sender, namespace: namespace.into(), body })
}
