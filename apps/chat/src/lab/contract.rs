//! Everything that travels between the lab's server and its page, declared once.
//!
//! The page's TypeScript declarations in `web/src/lab/contract.ts` are written from this file; the
//! tests fail when they differ. What travels are JSON texts on the control WebSocket, at
//! [`CONTROL_PATH`] of the page's own origin: [`FromServer`] and [`FromPage`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where the page is.
pub const PAGE_PATH: &str = "/lab";
/// Where the control WebSocket is.
pub const CONTROL_PATH: &str = "/lab/control";
/// The namespace of the events, on every road that has namespaces.
pub const NAMESPACE: &str = "/lab";
/// The name of the events, on every road that has names.
pub const EVENT: &str = "tick";
/// The code that closes a control WebSocket when there is no room for one more visit (RFC 6455, 7.4: Try Again Later).
pub const CLOSE_FULL: u16 = 1013;

/// A road: one way on which the events come to the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum Road {
    /// A request at each beat of a clock of the page's.
    Polling,
    /// A request that the server holds until there is something.
    LongPolling,
    /// One answer that goes on and on, a line of JSON for each event.
    Ndjson,
    /// One answer that goes on and on, as `EventSource` reads it.
    Sse,
    /// SockJS.
    Sockjs,
    /// Socket.IO whose client never leaves polling.
    #[serde(rename = "socketio-polling")]
    SocketIoPolling,
    /// Socket.IO that begins by polling and upgrades to a WebSocket.
    #[serde(rename = "socketio")]
    SocketIo,
    /// A WebSocket without anything on it: an event is a text message.
    Websocket,
}

/// One event as it is sent, the same on every road.
///
/// On the road `websocket` it is a text message of its own; on those of Socket.IO it is the payload
/// of `tick`, and in a feed the only element of `data`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Tick {
    /// Which one it is; the first of a visit is 1.
    pub n: u64,
    /// `n` between two `#`: what a tap looks for.
    pub mark: String,
    /// When it was sent, in milliseconds since 1970-01-01 UTC, by the server's clock.
    pub at: f64,
    /// Fills the event up to the size that was asked for.
    pub pad: String,
}

/// What is sent, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Settings {
    /// Bursts a second.
    pub rate: f64,
    /// Bytes of each event: those of its JSON object, as the road `websocket` sends it.
    pub size: u32,
    /// How many events go at once.
    pub burst: u32,
    /// Whether events are sent at all.
    pub running: bool,
}

/// Between which bounds the page may set what.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Limits {
    /// The fewest bursts a second.
    pub rate_min: f64,
    /// The most bursts a second.
    pub rate_max: f64,
    /// The fewest bytes of an event.
    pub size_min: u32,
    /// The most bytes of an event.
    pub size_max: u32,
    /// The most events at once.
    pub burst_max: u32,
    /// The most events a second: `rate` times `burst`.
    pub events_per_second_max: u32,
    /// The most bytes a second: `rate` times `burst` times `size`.
    pub event_bytes_per_second_max: u32,
    /// The longest delay of a line, each way, in milliseconds.
    pub delay_ms_max: u32,
    /// The slowest line, each way, in bytes a second.
    pub line_bytes_per_second_min: u32,
    /// The fastest line that is slowed down at all, each way, in bytes a second.
    pub line_bytes_per_second_max: u32,
    /// The longest cut, in milliseconds.
    pub cut_ms_max: u32,
    /// How long a race waits for the roads that are open, in milliseconds.
    pub race_ms_max: u32,
    /// The most connections of a road.
    pub connections_max: u32,
    /// The most bytes that a tap holds for each connection and way.
    pub held_bytes_max: u32,
    /// The most records of a watched road a second.
    pub records_per_second_max: u32,
    /// The most visits at the same time.
    pub visits_max: u32,
}

/// Where a road is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RoadAddress {
    /// Which one.
    pub id: Road,
    /// The port of its tap, on the host of the page.
    pub port: u16,
    /// Whether anything is served there.
    pub available: bool,
    /// What to ask for at that port: of the feed's roads the feed, of the others where it is mounted.
    pub path: String,
}

/// What was sent since the last reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Sent {
    /// Events.
    pub events: u64,
    /// Bytes of their JSON objects.
    pub bytes: u64,
}

/// How a road is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nobody is connected.
    #[default]
    Closed,
    /// Somebody is connected.
    Open,
    /// It is cut: who connects is reset at once.
    Cut,
}

/// How late events passed, in milliseconds from when they were sent to when their last byte was
/// written to the browser's socket. Absent until one has passed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Delays {
    /// Of the newest.
    pub last: f64,
    /// Of the middle one of the last 256.
    pub p50: f64,
    /// Of the last 256, 95 of 100 are no later than this.
    pub p95: f64,
    /// Of the latest since the last reset.
    pub max: f64,
}

/// What was counted on a road since the last reset, on the wire, both ways together unless it says
/// otherwise. `header_bytes + payload_bytes + framing_bytes = upstream_bytes + downstream_bytes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RoadNumbers {
    /// Heads of requests, that of a WebSocket's handshake too.
    pub requests: u64,
    /// Connections that were opened.
    pub connections: u64,
    /// Connections that are open now; a reset leaves them.
    pub connections_open: u32,
    /// Bytes of the heads of requests and answers.
    pub header_bytes: u64,
    /// Bytes of the bodies' content and of the payloads of frames.
    pub payload_bytes: u64,
    /// Bytes between the two: sizes of chunks and their line ends, headers of frames.
    pub framing_bytes: u64,
    /// Bytes from the browser.
    pub upstream_bytes: u64,
    /// Bytes to the browser.
    pub downstream_bytes: u64,
    /// Events that passed, each counted once.
    pub events: u64,
    /// How late they were.
    pub delay_ms: Option<Delays>,
    /// Whether it is cut.
    pub is_cut: bool,
    /// How it is now.
    pub phase: Phase,
    /// The slow network that it has now; a reset leaves it.
    pub line: Slowness,
}

/// A slow network, each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Slowness {
    /// How much later everything arrives, in milliseconds.
    pub delay_ms: u32,
    /// How much passes in a second; 0 is no limit.
    pub bytes_per_second: u32,
}

/// Which way bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the browser.
    Up,
    /// To the browser.
    Down,
}

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum RecordKind {
    /// A connection was opened.
    Open,
    /// The head of a request.
    Request,
    /// The head of an answer.
    Response,
    /// A body, or a part of one: a chunk of a chunked body, otherwise what came together.
    Body,
    /// A frame of a WebSocket.
    Frame,
    /// A connection was closed, or cut.
    Close,
}

/// A part of a record that has a meaning of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Field {
    /// Of a frame `fin`, `rsv1`, `rsv2`, `rsv3`, `opcode`, `mask`, `length_form`, `length`, `masking_key`,
    /// `payload`; of a head `start_line` and the names of headers; of a chunk `chunk_size`, `payload`,
    /// `chunk_end`.
    pub name: String,
    /// What it says: the value of a header, `1 (text)` of an opcode, `16` of a form of length.
    pub value: String,
    /// Where it begins, in bytes from the beginning of the record.
    pub from: u32,
    /// Where it ends. Fields that share a byte, as those of a frame do, have the same two.
    pub to: u32,
}

/// The protocol that a packet is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Layer {
    /// Engine.IO: `open`, `close`, `ping`, `pong`, `message`, `upgrade`, `noop`.
    #[serde(rename = "engine.io")]
    EngineIo,
    /// Socket.IO: `CONNECT`, `DISCONNECT`, `EVENT`, `ACK`, `CONNECT_ERROR`, `BINARY_EVENT`, `BINARY_ACK`.
    #[serde(rename = "socket.io")]
    SocketIo,
    /// SockJS: `open`, `heartbeat`, `messages`, `close`, and `prelude` for the filler at a stream's beginning.
    #[serde(rename = "sockjs")]
    Sockjs,
    /// A feed: `event`, and `blank` for a line that keeps the connection open.
    #[serde(rename = "feed")]
    Feed,
    /// An event stream (WHATWG HTML, 9.2): `id`, `event`, `data`, `retry`, `comment`.
    #[serde(rename = "event-stream")]
    EventStream,
}

/// A packet inside of a record's payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Packet {
    /// Of which protocol.
    pub layer: Layer,
    /// What it is; the words are at [`Layer`].
    pub name: String,
    /// What it carries, its first 1,024 bytes.
    pub text: String,
    /// The characters that say what it is, such as `4` or `a`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub bits: Option<String>,
}

/// Something that passed the tap of the watched road.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct WireRecord {
    /// When, in milliseconds since 1970-01-01 UTC, by the server's clock.
    pub at: f64,
    /// On which connection of the road; the first of a visit is 1.
    pub connection: u32,
    /// Which way.
    pub direction: Direction,
    /// What it is.
    pub kind: RecordKind,
    /// How many bytes it took on the wire.
    pub bytes: u64,
    /// Its first 64 bytes as they were on the wire, two digits each.
    pub hex: String,
    /// Its first 1,024 bytes as text: of a head the head, of a body or a frame the payload, unmasked.
    pub text: String,
    /// Its parts, in their order.
    pub fields: Vec<Field>,
    /// The packets in it, at most 16.
    pub packets: Vec<Packet>,
}

/// An event that passed a tap: the position of the road in [`FromServer::Hello`], which event, and how
/// late it was in milliseconds.
pub type Seen = (u8, u64, f64);

/// What the server sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FromServer {
    /// The first message: the visit is ready.
    Hello {
        /// Which visit of this server it is.
        visit: u64,
        /// The host of the page, as the control WebSocket was asked for; the taps are there too.
        origin_host: String,
        /// The eight roads, in the order that everything keeps.
        roads: Vec<RoadAddress>,
        /// What is sent now.
        settings: Settings,
        /// What may be set.
        limits: Limits,
        /// Where the guide's pages begin.
        guide_url: String,
    },
    /// Four times a second while anything changes: what was counted.
    Numbers {
        /// When, in milliseconds since 1970-01-01 UTC, by the server's clock.
        at: f64,
        /// What was sent.
        sent: Sent,
        /// What is set now.
        settings: Settings,
        /// What passed, by road.
        #[cfg_attr(test, ts(type = "Record<Road, RoadNumbers>"))]
        roads: BTreeMap<Road, RoadNumbers>,
    },
    /// Ten times a second while there are any: the events that passed.
    Seen {
        /// In the order in which they passed.
        items: Vec<Seen>,
        /// How many more passed and are not told.
        dropped: u64,
    },
    /// Ten times a second while there are any: what passed on the watched road.
    Wire {
        /// Which road it is.
        road: Road,
        /// In the order in which it passed.
        records: Vec<WireRecord>,
        /// How many more passed and are not shown.
        dropped: u64,
    },
    /// A connection became a WebSocket (RFC 6455, 4.2.2), on any road.
    Handshake {
        /// On which.
        road: Road,
        /// The whole head of the request.
        request_head: String,
        /// The whole head of the answer.
        response_head: String,
        /// `Sec-WebSocket-Key` of the request.
        key: String,
        /// `Sec-WebSocket-Accept` of the answer.
        accept: String,
        /// How the answer follows from the key.
        accept_computed_from: AcceptSteps,
    },
    /// How a race stands: each time that a road shows the event, and at its end.
    Raced {
        /// The event.
        n: u64,
        /// The roads that have shown it, the first one first, and how late each was in milliseconds.
        order: Vec<(Road, f64)>,
        /// Whether it is over: all roads that were open at the start have shown it, or the time is up.
        done: bool,
    },
    /// A message of the page's was refused; nothing else has changed.
    Refused {
        /// The `type` of that message, empty when it had none.
        of: String,
        /// Why, and what to do.
        message: String,
    },
}

/// The steps from a WebSocket's key to the answer (RFC 6455, 4.2.2, number 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AcceptSteps {
    /// The GUID of the RFC.
    pub guid: String,
    /// The key and behind it the GUID.
    pub joined: String,
    /// SHA-1 of that: 40 digits.
    pub sha1: String,
    /// Base64 of the 20 bytes that the digits stand for.
    pub base64: String,
}

/// One road, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(untagged)]
pub enum RoadChoice {
    /// One.
    One(Road),
    /// All, written `all`.
    All(All),
}

/// The word for all roads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum All {
    /// All roads.
    All,
}

/// What the page sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FromPage {
    /// What to send from now on; what is absent stays.
    Set {
        /// Bursts a second.
        rate: Option<f64>,
        /// Bytes of each event.
        size: Option<u32>,
        /// How many events go at once.
        burst: Option<u32>,
        /// Whether events are sent at all.
        running: Option<bool>,
    },
    /// How slow the line is, each way; what is absent stays.
    Line {
        /// Of which road.
        road: RoadChoice,
        /// How much later everything arrives, in milliseconds.
        delay_ms: Option<u32>,
        /// How much passes in a second; 0 is no limit.
        bytes_per_second: Option<u32>,
    },
    /// Resets all connections.
    Cut {
        /// Of which road.
        road: RoadChoice,
        /// For how long new ones are reset too, in milliseconds.
        for_ms: u32,
    },
    /// Shows what passes on one road, and no longer on the one before.
    Watch {
        /// Which; `null` is none.
        #[cfg_attr(test, ts(optional = nullable))]
        road: Option<Road>,
    },
    /// Sends one event by itself, between those of the regular rate.
    Race {},
    /// Counts anew from zero.
    Reset {},
}

impl Road {
    /// All of them, in the order that everything keeps.
    pub const ALL: [Self; 8] = [
        Self::Polling,
        Self::LongPolling,
        Self::Ndjson,
        Self::Sse,
        Self::Sockjs,
        Self::SocketIoPolling,
        Self::SocketIo,
        Self::Websocket,
    ];

    /// Its place in [`Road::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its name, as it is written in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::LongPolling => "long-polling",
            Self::Ndjson => "ndjson",
            Self::Sse => "sse",
            Self::Sockjs => "sockjs",
            Self::SocketIoPolling => "socketio-polling",
            Self::SocketIo => "socketio",
            Self::Websocket => "websocket",
        }
    }
}

impl RoadChoice {
    /// The roads that are meant.
    pub fn roads(&self) -> &[Road] {
        match self {
            Self::One(road) => std::slice::from_ref(road),
            Self::All(All::All) => &Road::ALL,
        }
    }
}

#[cfg(test)]
mod typescript;
