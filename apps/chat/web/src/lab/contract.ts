// Written from src/lab/contract.rs by its test; to change it, change that file and run
// UPDATE_CONTRACT=1 cargo test -p sockeye-chat contract

/** A road: one way on which the events come to the page. */
export type Road = "polling" | "long-polling" | "ndjson" | "sse" | "sockjs" | "socketio-polling" | "socketio" | "websocket";

/**
 * One event as it is sent, the same on every road.
 *
 * On the road `websocket` it is a text message of its own; on those of Socket.IO it is the payload
 * of `tick`, and in a feed the only element of `data`.
 */
export type Tick = {
  /** Which one it is; the first of a visit is 1. */
  n: number,
  /** `n` between two `#`: what a tap looks for. */
  mark: string,
  /** When it was sent, in milliseconds since 1970-01-01 UTC, by the server's clock. */
  at: number,
  /** Fills the event up to the size that was asked for. */
  pad: string,
};

/** What is sent, and how often. */
export type Settings = {
  /** Bursts a second. */
  rate: number,
  /** Bytes of each event: those of its JSON object, as the road `websocket` sends it. */
  size: number,
  /** How many events go at once. */
  burst: number,
  /** Whether events are sent at all. */
  running: boolean,
};

/** Between which bounds the page may set what. */
export type Limits = {
  /** The fewest bursts a second. */
  rate_min: number,
  /** The most bursts a second. */
  rate_max: number,
  /** The fewest bytes of an event. */
  size_min: number,
  /** The most bytes of an event. */
  size_max: number,
  /** The most events at once. */
  burst_max: number,
  /** The most events a second: `rate` times `burst`. */
  events_per_second_max: number,
  /** The most bytes a second: `rate` times `burst` times `size`. */
  event_bytes_per_second_max: number,
  /** The longest delay of a line, each way, in milliseconds. */
  delay_ms_max: number,
  /** The slowest line, each way, in bytes a second. */
  line_bytes_per_second_min: number,
  /** The fastest line that is slowed down at all, each way, in bytes a second. */
  line_bytes_per_second_max: number,
  /** The longest cut, in milliseconds. */
  cut_ms_max: number,
  /** How long a race waits for the roads that are open, in milliseconds. */
  race_ms_max: number,
  /** The most connections of a road. */
  connections_max: number,
  /** The most bytes that a tap holds for each connection and way. */
  held_bytes_max: number,
  /** The most records of a watched road a second. */
  records_per_second_max: number,
  /** The most visits at the same time. */
  visits_max: number,
};

/** Where a road is. */
export type RoadAddress = {
  /** Which one. */
  id: Road,
  /** The port of its tap, on the host of the page. */
  port: number,
  /** Whether anything is served there. */
  available: boolean,
  /** What to ask for at that port: of the feed's roads the feed, of the others where it is mounted. */
  path: string,
};

/** What was sent since the last reset. */
export type Sent = {
  /** Events. */
  events: number,
  /** Bytes of their JSON objects. */
  bytes: number,
};

/** How a road is now. */
export type Phase = "closed" | "open" | "cut";

/**
 * How late events passed, in milliseconds from when they were sent to when their last byte was
 * written to the browser's socket. Absent until one has passed.
 */
export type Delays = {
  /** Of the newest. */
  last: number,
  /** Of the middle one of the last 256. */
  p50: number,
  /** Of the last 256, 95 of 100 are no later than this. */
  p95: number,
  /** Of the latest since the last reset. */
  max: number,
};

/** A slow network, each way. */
export type Slowness = {
  /** How much later everything arrives, in milliseconds. */
  delay_ms: number,
  /** How much passes in a second; 0 is no limit. */
  bytes_per_second: number,
};

/**
 * What was counted on a road since the last reset, on the wire, both ways together unless it says
 * otherwise. `header_bytes + payload_bytes + framing_bytes = upstream_bytes + downstream_bytes`.
 */
export type RoadNumbers = {
  /** Heads of requests, that of a WebSocket's handshake too. */
  requests: number,
  /** Connections that were opened. */
  connections: number,
  /** Connections that are open now; a reset leaves them. */
  connections_open: number,
  /** Bytes of the heads of requests and answers. */
  header_bytes: number,
  /** Bytes of the bodies' content and of the payloads of frames. */
  payload_bytes: number,
  /** Bytes between the two: sizes of chunks and their line ends, headers of frames. */
  framing_bytes: number,
  /** Bytes from the browser. */
  upstream_bytes: number,
  /** Bytes to the browser. */
  downstream_bytes: number,
  /** Events that passed, each counted once. */
  events: number,
  /** How late they were. */
  delay_ms: Delays | null,
  /** Whether it is cut. */
  is_cut: boolean,
  /** How it is now. */
  phase: Phase,
  /** The slow network that it has now; a reset leaves it. */
  line: Slowness,
};

/** Which way bytes went. */
export type Direction = "up" | "down";

/** What a record is about. */
export type RecordKind = "open" | "request" | "response" | "body" | "frame" | "close";

/** A part of a record that has a meaning of its own. */
export type Field = {
  /**
   * Of a frame `fin`, `rsv1`, `rsv2`, `rsv3`, `opcode`, `mask`, `length_form`, `length`, `masking_key`,
   * `payload`; of a head `start_line` and the names of headers; of a chunk `chunk_size`, `payload`,
   * `chunk_end`.
   */
  name: string,
  /** What it says: the value of a header, `1 (text)` of an opcode, `16` of a form of length. */
  value: string,
  /** Where it begins, in bytes from the beginning of the record. */
  from: number,
  /** Where it ends. Fields that share a byte, as those of a frame do, have the same two. */
  to: number,
};

/** The protocol that a packet is of. */
export type Layer = "engine.io" | "socket.io" | "sockjs" | "feed" | "event-stream";

/** A packet inside of a record's payload. */
export type Packet = {
  /** Of which protocol. */
  layer: Layer,
  /** What it is; the words are at [`Layer`]. */
  name: string,
  /** What it carries, its first 1,024 bytes. */
  text: string,
  /** The characters that say what it is, such as `4` or `a`. */
  bits?: string,
};

/** Something that passed the tap of the watched road. */
export type WireRecord = {
  /** When, in milliseconds since 1970-01-01 UTC, by the server's clock. */
  at: number,
  /** On which connection of the road; the first of a visit is 1. */
  connection: number,
  /** Which way. */
  direction: Direction,
  /** What it is. */
  kind: RecordKind,
  /** How many bytes it took on the wire. */
  bytes: number,
  /** Its first 64 bytes as they were on the wire, two digits each. */
  hex: string,
  /** Its first 1,024 bytes as text: of a head the head, of a body or a frame the payload, unmasked. */
  text: string,
  /** Its parts, in their order. */
  fields: Array<Field>,
  /** The packets in it, at most 16. */
  packets: Array<Packet>,
};

/** The steps from a WebSocket's key to the answer (RFC 6455, 4.2.2, number 5). */
export type AcceptSteps = {
  /** The GUID of the RFC. */
  guid: string,
  /** The key and behind it the GUID. */
  joined: string,
  /** SHA-1 of that: 40 digits. */
  sha1: string,
  /** Base64 of the 20 bytes that the digits stand for. */
  base64: string,
};

/** What the server sends. */
export type FromServer = { "type": "hello",
/** Which visit of this server it is. */
visit: number,
/** The host of the page, as the control WebSocket was asked for; the taps are there too. */
origin_host: string,
/** The eight roads, in the order that everything keeps. */
roads: Array<RoadAddress>,
/** What is sent now. */
settings: Settings,
/** What may be set. */
limits: Limits,
/** Where the guide's pages begin. */
guide_url: string,
} | { "type": "numbers",
/** When, in milliseconds since 1970-01-01 UTC, by the server's clock. */
at: number,
/** What was sent. */
sent: Sent,
/** What is set now. */
settings: Settings,
/** What passed, by road. */
roads: Record<Road, RoadNumbers>,
} | { "type": "seen",
/** In the order in which they passed. */
items: Array<[number, number, number]>,
/** How many more passed and are not told. */
dropped: number,
} | { "type": "wire",
/** Which road it is. */
road: Road,
/** In the order in which it passed. */
records: Array<WireRecord>,
/** How many more passed and are not shown. */
dropped: number,
} | { "type": "handshake",
/** On which. */
road: Road,
/** The whole head of the request. */
request_head: string,
/** The whole head of the answer. */
response_head: string,
/** `Sec-WebSocket-Key` of the request. */
key: string,
/** `Sec-WebSocket-Accept` of the answer. */
accept: string,
/** How the answer follows from the key. */
accept_computed_from: AcceptSteps,
} | { "type": "raced",
/** The event. */
n: number,
/** The roads that have shown it, the first one first, and how late each was in milliseconds. */
order: Array<[Road, number]>,
/** Whether it is over: all roads that were open at the start have shown it, or the time is up. */
done: boolean,
} | { "type": "refused",
/** The `type` of that message, empty when it had none. */
of: string,
/** Why, and what to do. */
message: string,
};

/** The word for all roads. */
export type All = "all";

/** One road, or all of them. */
export type RoadChoice = Road | All;

/** What the page sends. */
export type FromPage = { "type": "set",
/** Bursts a second. */
rate?: number,
/** Bytes of each event. */
size?: number,
/** How many events go at once. */
burst?: number,
/** Whether events are sent at all. */
running?: boolean,
} | { "type": "line",
/** Of which road. */
road: RoadChoice,
/** How much later everything arrives, in milliseconds. */
delay_ms?: number,
/** How much passes in a second; 0 is no limit. */
bytes_per_second?: number,
} | { "type": "cut",
/** Of which road. */
road: RoadChoice,
/** For how long new ones are reset too, in milliseconds. */
for_ms: number,
} | { "type": "watch",
/** Which; `null` is none. */
road?: Road | null,
} | { "type": "race",
} | { "type": "reset",
};

/** In the order that everything keeps. */
export const ROADS: readonly Road[] = ["polling", "long-polling", "ndjson", "sse", "sockjs", "socketio-polling", "socketio", "websocket"];
export const PAGE_PATH = "/lab";
export const CONTROL_PATH = "/lab/control";
export const NAMESPACE = "/lab";
export const EVENT = "tick";
export const CLOSE_FULL = 1013;
