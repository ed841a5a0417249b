//! What goes over the wire in a measurement, made once and in full before it starts: the frames
//! that clients send, and the exact bytes that a correct server answers with. Comparing what
//! arrives with what must arrive checks every header and length, and costs less than parsing.
//!
//! Written without our own codecs, from RFC 6455 and the two protocol documents: what measures
//! must not share code (and mistakes) with what is measured.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// The protocol spoken with the measured server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Nothing but bytes, as many per message as a WebSocket frame has.
    Tcp,
    /// Text messages over a WebSocket at `/echo` or `/broadcast`.
    Websocket,
    /// Engine.IO messages over a WebSocket at `/engine.io/`.
    EngineIo,
    /// Socket.IO events over a WebSocket at `/socket.io/`, namespace `/`.
    SocketIo,
    /// SockJS messages over a WebSocket below `/sockjs`.
    SockJs,
    /// The feed of a Socket.IO room as `EventSource` reads it (`text/event-stream`).
    EventSource,
    /// The same feed as lines of JSON (`application/x-ndjson`).
    Ndjson,
    /// The same feed polled with `wait=25`.
    Poll,
    /// The same feed polled as Durable Streams has it (`live=long-poll`).
    LongPoll,
}

impl Protocol {
    /// Whether it reads a feed over plain HTTP; somebody on a WebSocket sends the events then.
    pub fn is_feed(self) -> bool {
        self.is_listening() || self.is_waiting()
    }

    /// Whether it reads a feed by one answer that goes on and on.
    pub fn is_listening(self) -> bool {
        matches!(self, Self::EventSource | Self::Ndjson)
    }

    /// Whether it reads a feed by polls that wait.
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::Poll | Self::LongPoll)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Tcp => "bare TCP",
            Self::Websocket => "WebSocket",
            Self::EngineIo => "Engine.IO",
            Self::SocketIo => "Socket.IO",
            Self::SockJs => "SockJS",
            Self::EventSource => "EventSource",
            Self::Ndjson => "NDJSON",
            Self::Poll => "poll",
            Self::LongPoll => "long poll",
        })
    }
}

/// Whether messages come back to their sender or go to everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the sender alone.
    Echo,
    /// To every connection, the sender included.
    Broadcast,
    /// To the connections in a room, the sender included: Socket.IO only.
    Room,
    /// To a room whose feed others read, and in which the sender is not: Socket.IO only.
    Feed,
}

/// Everything that is sent and expected on one kind of connection.
#[derive(Debug)]
pub struct Wire {
    /// The protocol of all of it.
    pub protocol: Protocol,
    /// The HTTP request that opens the WebSocket; empty for [`Protocol::Tcp`].
    pub request_head: Vec<u8>,
    /// What clients send: masked frames.
    pub requests: Ring,
    /// What the server must send for them: unmasked frames.
    pub replies: Ring,
    /// The same messages without frames, as packets of a polling payload.
    texts: Vec<String>,
}

impl Wire {
    /// Prepares messages whose text is `size` bytes long (Socket.IO: the string argument, with
    /// the event's name and punctuation around it) and of which up to `batch` are sent at once.
    pub fn new(
        protocol: Protocol,
        route: Route,
        size: usize,
        batch: usize,
        server: SocketAddr,
    ) -> Self {
        let slots = slots(size, batch);
        let texts: Vec<String> =
            (0..slots).map(|slot| message(protocol, route, &text(slot, size))).collect();
        let mut requests = Vec::new();
        let mut replies = Vec::new();
        for (slot, message) in texts.iter().enumerate() {
            match (protocol, route) {
                // The server's frame both ways for fan-out, where sending is what counts, and
                // the client's for echo, where both directions do.
                (Protocol::Tcp, Route::Broadcast | Route::Room | Route::Feed) => {
                    requests.push(frame(TEXT, None, message.as_bytes()));
                    replies.push(frame(TEXT, None, message.as_bytes()));
                }
                (Protocol::Tcp, Route::Echo) => {
                    requests.push(frame(TEXT, Some(masking_key(slot)), message.as_bytes()));
                    replies.push(frame(TEXT, Some(masking_key(slot)), message.as_bytes()));
                }
                (Protocol::SockJs, _) => {
                    requests.push(frame(TEXT, Some(masking_key(slot)), message.as_bytes()));
                    replies.push(frame(TEXT, None, format!("a{message}").as_bytes()));
                }
                _ => {
                    requests.push(frame(TEXT, Some(masking_key(slot)), message.as_bytes()));
                    replies.push(frame(TEXT, None, message.as_bytes()));
                }
            }
        }
        Self {
            protocol,
            request_head: request_head(protocol, route, server),
            requests: Ring::new(&requests),
            replies: Ring::new(&replies),
            texts,
        }
    }

    /// Message `number` without a frame.
    pub fn text(&self, number: u64) -> &[u8] {
        self.texts[self.replies.slot(number)].as_bytes()
    }
}

/// Messages of one length, one behind the other, used over and over: message `n` of a connection
/// is the one in slot `n % slots`.
pub struct Ring {
    /// All of them twice, so that a run of messages is always one slice.
    bytes: Vec<u8>,
    message_bytes: usize,
    slots: usize,
}

impl Ring {
    fn new(messages: &[Vec<u8>]) -> Self {
        let message_bytes = messages[0].len();
        assert!(messages.iter().all(|message| message.len() == message_bytes));
        Self { bytes: [messages, messages].concat().concat(), message_bytes, slots: messages.len() }
    }

    /// Length of each message.
    pub fn message_bytes(&self) -> usize {
        self.message_bytes
    }

    /// How many messages there are before they repeat.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// The slot of message `number`.
    pub fn slot(&self, number: u64) -> usize {
        (number % self.slots as u64) as usize
    }

    /// The bytes of `count` messages from message `first` on.
    ///
    /// # Panics
    /// When `count` is more than there are slots.
    pub fn messages(&self, first: u64, count: usize) -> &[u8] {
        assert!(count <= self.slots);
        let start = self.slot(first) * self.message_bytes;
        &self.bytes[start..start + count * self.message_bytes]
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Ring")
            .field("message_bytes", &self.message_bytes)
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

/// What a correct server says in `Sec-WebSocket-Accept` to the key of [`Wire::request_head`]; both
/// are the example of RFC 6455 §1.3.
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Opcode of a text frame.
pub const TEXT: u8 = 0x1;
/// Opcode of a close frame.
pub const CLOSE: u8 = 0x8;
/// Opcode of a ping frame.
pub const PING: u8 = 0x9;
/// Opcode of a pong frame.
pub const PONG: u8 = 0xA;

/// One complete frame (RFC 6455 §5.2), masked if a key is given.
pub fn frame(opcode: u8, masking_key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mask_bit = if masking_key.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![0x80 | opcode];
    match payload.len() {
        length @ 0..=125 => bytes.push(mask_bit | length as u8),
        length @ 126..=0xFFFF => {
            bytes.push(mask_bit | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            bytes.push(mask_bit | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    let key = masking_key.unwrap_or_default();
    bytes.extend_from_slice(&key[..if masking_key.is_some() { 4 } else { 0 }]);
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// An unmasked frame at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerFrame<'a> {
    /// Its opcode.
    pub opcode: u8,
    /// Its payload.
    pub payload: &'a [u8],
    /// Its length with the header.
    pub frame_bytes: usize,
}

/// Cuts the frame at the beginning of `input`; `None` when it is not complete.
///
/// # Errors
/// When it is not a whole unmasked message without reserved bits, with the text of the reason.
pub fn server_frame(input: &[u8]) -> Result<Option<ServerFrame<'_>>, &'static str> {
    let &[first, second, ref rest @ ..] = input else {
        return Ok(None);
    };
    if first & 0x70 != 0 {
        return Err("reserved bits are set");
    }
    if first & 0x80 == 0 {
        return Err("a fragment, where a whole message was expected");
    }
    if second & 0x80 != 0 {
        return Err("a masked frame from a server");
    }
    let (length, header_bytes) = match (second, rest) {
        (0..=125, _) => (u64::from(second), 2),
        (126, [a, b, ..]) => (u64::from(u16::from_be_bytes([*a, *b])), 4),
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), 10)
        }
        _ => return Ok(None),
    };
    let frame_bytes = usize::try_from(length)
        .ok()
        .and_then(|length| length.checked_add(header_bytes))
        .ok_or("an impossible length")?;
    let Some(payload) = input.get(header_bytes..frame_bytes) else {
        return Ok(None);
    };
    Ok(Some(ServerFrame { opcode: first & 0xF, payload, frame_bytes }))
}

/// What a feed's readers are sent, and ask with.
#[derive(Debug)]
pub struct FeedWire {
    /// The request that a reader listens or waits with.
    pub request_head: Vec<u8>,
    /// What every reader is sent, with [`ID_BYTES`] of nothing where the cursor stands, which only the
    /// server knows.
    pub events: Ring,
    /// Where in an event its cursor begins.
    pub id_at: usize,
    /// What a silence is broken with.
    pub heartbeat: &'static [u8],
    /// What stands before and behind the cursor with which an answer opens, if it opens with one.
    pub opening: (&'static [u8], &'static [u8]),
    /// The content type of the answer.
    pub content_type: &'static str,
}

/// Length of a cursor.
pub const ID_BYTES: usize = 38;

const FEED_EVENT: &str = "feed";
const FEED: &str = "/socket.io/feeds/~/readers";

impl FeedWire {
    /// Prepares what readers get of the messages of [`Wire::new`] with [`Route::Feed`].
    pub fn new(protocol: Protocol, size: usize, batch: usize, server: SocketAddr) -> Self {
        let (query, accept) = match protocol {
            Protocol::EventSource => ("", "text/event-stream"),
            Protocol::Ndjson => ("", "application/x-ndjson"),
            Protocol::LongPoll => ("?offset=now&live=long-poll", "*/*"),
            _ => ("?offset=now&wait=25", "*/*"),
        };
        let (before, between) = match protocol {
            Protocol::Ndjson => ("{\"id\":\"", format!("\",\"event\":\"{FEED_EVENT}\",\"data\":")),
            _ => ("id: ", format!("\nevent: {FEED_EVENT}\ndata: ")),
        };
        let after = if protocol == Protocol::Ndjson { "}\n" } else { "\n\n" };
        let events: Vec<Vec<u8>> = (0..slots(size, batch))
            .map(|slot| {
                let id = "\0".repeat(ID_BYTES);
                format!("{before}{id}{between}[\"{}\"]{after}", text(slot, size)).into_bytes()
            })
            .collect();
        let is_lines = protocol == Protocol::Ndjson;
        Self {
            request_head: format!(
                "GET {FEED}{query} HTTP/1.1\r\nHost: {server}\r\nAccept: {accept}\r\n\r\n"
            )
            .into_bytes(),
            events: Ring::new(&events),
            id_at: before.len(),
            heartbeat: if is_lines { b"\n" } else { b":\n\n" },
            opening: if is_lines { (b"\n", b"") } else { (b":\nretry: 2000\nid: ", b"\n\n") },
            content_type: accept,
        }
    }
}

/// As many slots as tell messages apart well without a large ring pushing everything else out of
/// the processor's cache.
fn slots(size: usize, batch: usize) -> usize {
    const RING_BYTES: usize = 128 * 1024;
    (RING_BYTES / size.max(1)).clamp(4, 64).max(batch)
}

/// Printable text, different in each slot, that needs no escaping in JSON.
fn text(slot: usize, size: usize) -> String {
    let number = format!("{slot:08}");
    let filler = (0..).map(|index: usize| char::from(b'a' + ((index + slot) % 26) as u8));
    number.chars().chain(filler).take(size).collect()
}

fn message(protocol: Protocol, route: Route, text: &str) -> String {
    let event = match route {
        Route::Echo => "echo",
        Route::Broadcast => "broadcast",
        Route::Room => "room",
        Route::Feed => FEED_EVENT,
    };
    match protocol {
        Protocol::Tcp | Protocol::Websocket => text.to_owned(),
        Protocol::EngineIo => format!("4{text}"),
        Protocol::SockJs => format!("[\"{text}\"]"),
        // What reads a feed sends nothing: it is sent to as Socket.IO has it.
        _ => format!("42[\"{event}\",\"{text}\"]"),
    }
}

/// Never zero: some servers skip unmasking for a key of zeros.
fn masking_key(slot: usize) -> [u8; 4] {
    (0x9E37_79B9_u32.wrapping_mul(slot as u32 + 1) | 0x0101_0101).to_be_bytes()
}

fn request_head(protocol: Protocol, route: Route, server: SocketAddr) -> Vec<u8> {
    let target = match (protocol, route) {
        (Protocol::Tcp, _) => return Vec::new(),
        (Protocol::Websocket, Route::Echo) => "/echo",
        (Protocol::Websocket, _) => "/broadcast",
        (Protocol::EngineIo, _) => "/engine.io/?EIO=4&transport=websocket",
        // On a WebSocket the session's name means nothing, so all may have the same.
        (Protocol::SockJs, _) => "/sockjs/000/bench/websocket",
        _ => "/socket.io/?EIO=4&transport=websocket",
    };
    format!(
        "GET {target} HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 §5.7: a masked and an unmasked "Hello".
    #[test]
    fn frames_are_those_of_the_rfc() {
        let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(frame(TEXT, Some([0x37, 0xfa, 0x21, 0x3d]), b"Hello"), masked);
        let unmasked = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
        assert_eq!(frame(TEXT, None, b"Hello"), unmasked);
        assert_eq!(server_frame(&masked), Err("a masked frame from a server"));
    }

    #[test]
    fn frames_of_all_length_forms_are_cut_where_they_end() {
        for size in [0, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; size];
            let mut bytes = frame(TEXT, None, &payload);
            let frame_bytes = bytes.len();
            assert_eq!(server_frame(&bytes[..frame_bytes - 1]), Ok(None), "{size}");
            bytes.push(0xFF);
            let expected = ServerFrame { opcode: TEXT, payload: &payload, frame_bytes };
            assert_eq!(server_frame(&bytes), Ok(Some(expected)), "{size}");
        }
    }

    #[test]
    fn an_event_of_a_feed_has_room_for_its_cursor() {
        let server = "127.0.0.1:80".parse().unwrap();
        let id = "\0".repeat(ID_BYTES);
        for (protocol, expected) in [
            (Protocol::EventSource, format!("id: {id}\nevent: feed\ndata: [\"00000000ab\"]\n\n")),
            (
                Protocol::Ndjson,
                format!("{{\"id\":\"{id}\",\"event\":\"feed\",\"data\":[\"00000000ab\"]}}\n"),
            ),
        ] {
            let wire = FeedWire::new(protocol, 10, 8, server);
            let first = wire.events.messages(0, 1);
            assert_eq!(first, expected.as_bytes());
            assert_eq!(first[wire.id_at..][..ID_BYTES], *id.as_bytes());
            let sent = Wire::new(Protocol::SocketIo, Route::Feed, 10, 8, server);
            assert_eq!(sent.text(0), b"42[\"feed\",\"00000000ab\"]");
            assert_eq!(sent.requests.slots(), wire.events.slots());
        }
    }

    #[test]
    fn sockjs_has_an_array_up_and_a_frame_of_the_same_array_down() {
        let wire = Wire::new(Protocol::SockJs, Route::Echo, 10, 1, "127.0.0.1:80".parse().unwrap());
        assert_eq!(wire.text(0), b"[\"00000000ab\"]");
        assert_eq!(wire.replies.messages(0, 1)[2..], *b"a[\"00000000ab\"]");
    }

    #[test]
    fn every_run_of_messages_is_one_slice_and_every_slot_differs() {
        let server = "127.0.0.1:80".parse().unwrap();
        let wire = Wire::new(Protocol::SocketIo, Route::Echo, 32, 16, server);
        let ring = &wire.replies;
        let last = ring.slots() as u64 - 1;
        let run = ring.messages(last, 16);
        assert_eq!(&run[..ring.message_bytes()], ring.messages(last, 1));
        assert_eq!(&run[ring.message_bytes()..], ring.messages(0, 15));
        assert_eq!(ring.messages(0, 1)[2..], *b"42[\"echo\",\"00000000abcdefghijklmnopqrstuvwx\"]");
        for number in 1..=last {
            assert_ne!(ring.messages(number, 1), ring.messages(number - 1, 1));
            assert!(!masking_key(number as usize).contains(&0));
        }
    }
}
