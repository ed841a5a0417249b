// A server that does what no server should: one misdeed for each session, named by its query.
import { createHash } from "node:crypto";
import net from "node:net";
import { once } from "node:events";
import { reset } from "./resetting.mjs";

const OPEN = '0{"sid":"hostile-session-0001","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}';
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const SEPARATOR = "\x1e";
const CONNECTED = '40{"sid":"hostile-socket-00001"}';

/** Messages of Socket.IO behind the CONNECT packet; each ends the connection, or (`+`) is survived. */
const MESSAGES = {
  "event without a name": "42[]",
  "event that is no list": '42{"0":"a"}',
  "event named by an object": '42[{"a":1}]',
  "reserved name": '42["connect"]',
  "reserved name newListener": '42["newListener"]',
  "broken JSON": '42["a"',
  "type 7": '47["a"]',
  "no type": "4",
  "ack without data": "431",
  "ack that is no list": '431{"a":1}',
  "attachments without end": '459007199254740993-["a",{"_placeholder":true,"num":0}]',
  "eleven attachments": '4511-["a"]',
  "no attachments": '450-["a"]',
  "negative attachments": '45-1-["a"]',
  "text among attachments": ['451-["a",{"_placeholder":true,"num":0}]', '42["b"]'],
  "attachment of nobody": Buffer.from([1, 2, 3]),
  "placeholder out of range": ['451-["a",{"_placeholder":true,"num":5}]', Buffer.from([1])],
  "placeholder of text": ['451-["a",{"_placeholder":true,"num":"0"}]', Buffer.from([1])],
  "+ nested ten thousand deep": '42["a",' + "[".repeat(10_000) + "]".repeat(10_000) + "]",
  "nested a hundred thousand deep with an attachment": [
    '451-["a",' + "[".repeat(100_000) + "]".repeat(100_000) + "]",
    Buffer.from([1]),
  ],
  "+ names of prototypes": '42["__proto__",{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}]',
  "+ duplicate keys": '42["a",{"x":1,"x":2}]',
  "+ huge numbers": '42["a",1e999,-1e999,123456789012345678901234567890]',
  "+ ack of nobody": "4399999999999999999999[]",
  "+ ack twice": ["430[]", "430[]"],
  "+ connected twice": CONNECTED,
  "+ connected without id": "40{}",
  "+ a megabyte of namespace": `42/${"n".repeat(1_000_000)},["a"]`,
  "+ refused with nonsense": '44/other,[1,{"a":null}]',
  "+ ten thousand unknown namespaces": Array.from({ length: 10_000 }, (_, index) => `42/${index},["a"]`),
  "+ a flood of pings": Array(20_000).fill("2"),
  "+ pongs that nobody asked for": Array(10_000).fill("3probe"),
  "+ opened again and again": Array(1_000).fill(OPEN),
  "+ noops and upgrades": [...Array(1_000).fill("6"), "5"],
  "an unknown packet": "9",
  "base64 that is none": "b!",
};

/** What a poll or the first WebSocket message is answered with, in the place of the handshake. */
const HANDSHAKES = {
  "no handshake": "4hello",
  "empty handshake": "0",
  "null handshake": "0null",
  "handshake in pieces": "0{",
  "times that are none": '0{"sid":"x","upgrades":{},"pingInterval":"a","pingTimeout":null}',
  "times of the past": '0{"sid":"x","upgrades":[],"pingInterval":-1e308,"pingTimeout":-1}',
  "+ times of the next century": '0{"sid":"x","upgrades":[],"pingInterval":1e15,"pingTimeout":1e15}',
  "+ upgrades to everything": '0{"sid":"x","upgrades":["polling","constructor","__proto__","websocket",7],"pingInterval":25000,"pingTimeout":20000}',
};

const frame = (first, payload = Buffer.alloc(0)) => {
  const length = payload.length;
  const head = length < 126 ? [length] : length < 65_536 ? [126, length >> 8, length & 255] : null;
  const size = head ?? [127, 0, 0, 0, 0, (length >>> 24) & 255, (length >>> 16) & 255, (length >>> 8) & 255, length & 255];
  return Buffer.concat([Buffer.from([first, ...size]), payload]);
};
const text = (data) => frame(0x81, Buffer.from(data));

/** Bytes on a WebSocket after the handshake of Engine.IO. */
const FRAMES = {
  "reserved bits": Buffer.from([0xf1, 1, 52]),
  "unknown opcode": Buffer.from([0x83, 0]),
  "masked by the server": Buffer.from([0x81, 0x81, 0, 0, 0, 0, 52]),
  "a length of 2^63": Buffer.from([0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255]),
  "a long control frame": frame(0x89, Buffer.alloc(126)),
  "a fragmented control frame": Buffer.from([0x09, 0]),
  "a continuation of nothing": Buffer.from([0x80, 1, 52]),
  "text that is no UTF-8": frame(0x81, Buffer.from([0x34, 0xff, 0xfe])),
  "a close code that is none": frame(0x88, Buffer.from([0x03, 0xe7])),
  "half a close code": frame(0x88, Buffer.from([3])),
  "compressed though nobody agreed": Buffer.from([0xc1, 1, 52]),
  "+ thirty thousand fragments": Buffer.concat([
    frame(0x01, Buffer.from("42[\"a\",\"")),
    ...Array(30_000).fill(frame(0x00, Buffer.from("x"))),
    frame(0x80, Buffer.from('"]')),
  ]),
  "+ ten thousand empty fragments": Buffer.concat([frame(0x01), ...Array(10_000).fill(frame(0x00)), frame(0x80, Buffer.from("6"))]),
  "+ pings of WebSocket": Buffer.concat(Array(10_000).fill(frame(0x89, Buffer.from("x")))),
};

/** Every misdeed: `{ name, transport }`; a name that begins with `+` leaves the connection open. */
export const MISDEEDS = [
  ...[...Object.keys(MESSAGES), ...Object.keys(HANDSHAKES)].flatMap((name) =>
    ["polling", "websocket"].map((transport) => ({ name, transport }))),
  ...Object.keys(FRAMES).map((name) => ({ name, transport: "websocket" })),
  { name: "an answer without end", transport: "polling" },
  { name: "half an answer", transport: "polling" },
  { name: "no HTTP", transport: "polling" },
  { name: "no HTTP", transport: "websocket" },
  { name: "a reset", transport: "polling" },
  { name: "a reset", transport: "websocket" },
];

export class HostileServer {
  #server = net.createServer((socket) => this.#serve(socket));
  #connections = new Set();
  /** Bytes that were sent. */
  sent = 0;

  static async start() {
    const hostile = new HostileServer();
    hostile.#server.listen(0, "localhost");
    await once(hostile.#server, "listening");
    return hostile;
  }

  get url() {
    return `http://localhost:${this.#server.address().port}`;
  }

  async stop() {
    this.#server.close();
    for (const connection of this.#connections) connection.destroy();
    await once(this.#server, "close");
  }

  #serve(socket) {
    this.#connections.add(socket);
    socket.on("error", () => {}).on("close", () => this.#connections.delete(socket));
    let head = "";
    socket.on("data", (chunk) => {
      if (socket.isWebSocket) return;
      head += chunk.toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      const request = head.slice(0, end);
      const bytes = Number(/^content-length: *(\d+)/im.exec(request)?.[1] ?? 0);
      if (head.length < end + 4 + bytes) return;
      head = head.slice(end + 4 + bytes);
      this.#answer(socket, request);
    });
  }

  #answer(socket, request) {
    const [method, target] = request.split(" ");
    const query = new URL(target, "http://x").searchParams;
    const name = query.get("case");
    const key = /^sec-websocket-key: *(\S+)/im.exec(request)?.[1];
    if (name === "a reset") return reset(socket);
    if (name === "no HTTP") return void socket.end("\0\x01not HTTP\r\n\r\n");
    const messages = [MESSAGES[name] ?? []].flat();
    const handshake = HANDSHAKES[name] ?? OPEN;
    if (key) {
      const accept = createHash("sha1").update(key + GUID).digest("base64");
      socket.isWebSocket = true;
      const frames = [handshake, CONNECTED, ...messages].map((message) =>
        typeof message === "string" ? text(message) : frame(0x82, message));
      // Glued to the answer, as a hasty server does it.
      socket.write(Buffer.concat([
        Buffer.from(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`),
        ...frames,
        FRAMES[name] ?? Buffer.alloc(0),
      ]));
      return;
    }
    if (method === "POST") return this.#respond(socket, "ok");
    if (!query.has("sid")) {
      const parts = [handshake, CONNECTED, ...messages];
      const body = parts.map((part) => (typeof part === "string" ? part : "b" + part.toString("base64"))).join(SEPARATOR);
      if (name === "an answer without end") return this.#flood(socket);
      if (name === "half an answer") return void socket.end("HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 1000\r\n\r\n0{");
      return this.#respond(socket, body);
    }
    // The next poll waits for as long as the client likes.
  }

  #respond(socket, body) {
    const bytes = Buffer.from(body);
    socket.write(`HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Type: text/plain\r\nContent-Length: ${bytes.length}\r\n\r\n`);
    socket.write(bytes);
  }

  #flood(socket) {
    socket.write("HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n");
    const chunk = Buffer.alloc(65_536, "0");
    const more = () => {
      while (!socket.destroyed) {
        this.sent += chunk.length;
        if (!socket.write(chunk)) return socket.once("drain", more);
      }
    };
    more();
  }
}
