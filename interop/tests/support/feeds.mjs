// The roads to a feed or a stream, without a library: what a test asks for is what it gets, byte for byte.
import assert from "node:assert/strict";
import http from "node:http";
import { io } from "socket.io-client";
import { event, PATIENCE, within } from "./waiting.mjs";

/** Sixteen digits of the position and the tag behind them. */
export const CURSOR = /^[0-9a-f]{16}[\w-]{22}$/;

/** A cursor of the right form that no server made. */
export const FOREIGN = `${"0".repeat(15)}1${"A".repeat(22)}`;

/** Where the feed of a namespace or of one of its rooms is, below the address of a server. */
export function feedPath(namespace, room) {
  const name = namespace === "/" ? "~" : encodeURIComponent(namespace.slice(1));
  return `/socket.io/feeds/${name}${room === undefined ? "" : `/${encodeURIComponent(room)}`}`;
}

/** The address with these query parameters beside the ones that it has. */
export function withQuery(url, query) {
  const changed = new URL(url);
  for (const [name, value] of Object.entries(query)) changed.searchParams.set(name, value);
  return changed.href;
}

/** A client that has the stand-in emit events. */
export class Publisher {
  #socket;

  static async connect(url, namespace = "/") {
    const publisher = new Publisher();
    publisher.#socket = io(url + namespace, {
      transports: ["websocket"],
      forceNew: true,
      // The certificates of stand-ins are their own.
      rejectUnauthorized: false,
    });
    await event(publisher.#socket, "connect");
    return publisher;
  }

  /** To a room, or to the namespace as a whole with `null`; resolves when it was emitted. */
  publish(room, name, ...args) {
    return within(PATIENCE, `"${name}" to be emitted`, this.#socket.emitWithAck("publish", room, name, ...args));
  }

  /** The same for those who are there, and nobody later. */
  volatile(room, name, ...args) {
    const emitted = this.#socket.emitWithAck("publish volatile", room, name, ...args);
    return within(PATIENCE, `"${name}" to be emitted`, emitted);
  }

  close() {
    this.#socket.disconnect();
  }
}

/** An answer that is over: status, headers, body. `headers` are sent as they are. */
export async function ask(url, headers = {}, options = {}) {
  const response = await request(url, headers, options);
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  return { status: response.statusCode, headers: response.headers, body };
}

function request(url, headers, { method = "GET", body, agent = false } = {}) {
  return within(PATIENCE, `an answer from ${url}`, new Promise((resolve, reject) => {
    const request = http.request(url, { method, agent, headers });
    request.on("response", resolve).on("error", reject).end(body);
  }));
}

/** An error: JSON that says what to do, which no cache keeps. */
export function isError({ status, headers, body }, expected, code) {
  assert.equal(status, expected, body);
  assert.match(headers["content-type"], /^application\/json/);
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.match(headers["cache-control"] ?? "", /no-store/);
  const { error } = JSON.parse(body);
  assert.equal(error.code, code);
  assert.match(error.message, /\S \S/);
}

/** An answer that goes on, as what it says: `{ id, event, data }` each, with what is missing left out. */
export class Listener {
  #response;
  #items = [];
  #isOver = false;
  #wake = () => {};
  /** Comments of an event stream, blank lines of NDJSON. */
  heartbeats = 0;
  /** The cursor behind what came last. */
  cursor;
  /** All text so far. */
  text = "";

  /** `road` is one of `ROADS` that goes on. */
  static async open(road, url, headers = {}) {
    const listener = new Listener();
    const { accept, query = {}, parser } = STREAMING[road];
    const response = await request(withQuery(url, query), { ...(accept && { accept }), ...headers });
    listener.#response = response;
    listener.status = response.statusCode;
    listener.headers = response.headers;
    listener.cursor = response.headers["stream-next-offset"];
    const read = parser(listener, (item) => {
      listener.#items.push(item);
      listener.#wake();
    });
    listener.ended = new Promise((resolve) => {
      const over = (how) => () => {
        listener.#isOver = true;
        resolve(how);
      };
      response.on("end", over("end")).on("error", over("lost")).on("close", over("closed"));
    });
    response.setEncoding("utf8").on("data", (chunk) => {
      listener.text += chunk;
      read(chunk);
    });
    return listener;
  }

  /** The next event; that the answer ended is an error. */
  async next(what = "the next event") {
    if (this.#items.length === 0 && !this.#isOver) {
      const pushed = new Promise((resolve) => (this.#wake = resolve));
      await within(PATIENCE, what, Promise.race([pushed, this.ended]));
    }
    if (this.#items.length > 0) return this.#items.shift();
    throw new Error(`${await this.ended} instead of ${what}:\n${this.text}`);
  }

  /** So many of them. */
  async take(count) {
    const taken = [];
    for (let index = 0; index < count; index += 1) taken.push(await this.next());
    return taken;
  }

  get unread() {
    return this.#items.length;
  }

  /** Reads nothing more until `resume`. */
  pause() {
    this.#response.pause();
  }

  resume() {
    this.#response.resume();
  }

  close() {
    this.#response.destroy();
  }
}

/** Gives whole lines, without their ends. */
function lines(found) {
  let rest = "";
  return (chunk) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop();
    parts.forEach(found);
  };
}

/** Calls `found` with the fields of each event, and counts comments. */
function eventStream(listener, found) {
  let fields = {};
  return lines((line) => {
    if (line === "") {
      if (Object.keys(fields).length > 0) found(fields);
      fields = {};
    } else if (line.startsWith(":")) {
      listener.heartbeats += 1;
    } else {
      const [name, value] = line.split(/: ?(.*)/s, 2);
      fields[name] = name in fields ? `${fields[name]}\n${value}` : value;
    }
  });
}

function eventSource(listener, push) {
  return eventStream(listener, ({ id, event, data, retry }) => {
    listener.cursor = id ?? listener.cursor;
    listener.retry = retry ?? listener.retry;
    if (data === undefined) return;
    push({ ...(id !== undefined && { id }), ...(event !== undefined && { event }), data: JSON.parse(data) });
  });
}

function ndjson(listener, push) {
  return lines((line) => {
    if (line === "") {
      listener.heartbeats += 1;
      return;
    }
    const item = JSON.parse(line);
    listener.cursor = item.id ?? listener.cursor;
    push(item);
  });
}

/** Events of Durable SSE have a cursor for all that came together, so only the last one has an `id`. */
function durable(listener, push) {
  let waiting = [];
  return eventStream(listener, ({ event, data }) => {
    const value = JSON.parse(data);
    if (event === "data") {
      waiting.push(...value);
      return;
    }
    listener.control = value;
    listener.cursor = value.streamNextOffset;
    waiting.forEach((item, index) => {
      push(index + 1 === waiting.length ? { id: value.streamNextOffset, ...item } : item);
    });
    waiting = [];
  });
}

const STREAMING = {
  "EventSource": { accept: "text/event-stream", parser: eventSource },
  "NDJSON": { accept: "application/x-ndjson", parser: ndjson },
  "Durable SSE": { query: { live: "sse" }, parser: durable },
};

/** The roads whose answers go on, and those that ask again. */
export const STREAMING_ROADS = Object.keys(STREAMING);
export const ASKING = { "poll": {}, "held poll": { wait: "25" }, "long poll": { live: "long-poll" } };
export const ROADS = [...STREAMING_ROADS, ...Object.keys(ASKING)];

/** Reads events on a road from a cursor until there are `count`: the events and the cursor behind them. */
export async function travel(road, url, cursor, count) {
  const from = withQuery(url, { offset: cursor });
  if (STREAMING_ROADS.includes(road)) {
    const listener = await Listener.open(road, from);
    const events = await listener.take(count);
    listener.close();
    // Durable SSE tells the cursor of what came together: nothing more than that may have been taken.
    return { events: [...events, ...await listener.take(listener.unread)], cursor: listener.cursor };
  }
  const events = [];
  let next = cursor;
  while (events.length < count) {
    const answer = await ask(withQuery(url, { ...ASKING[road], offset: next }));
    if (answer.status !== 204) events.push(...JSON.parse(answer.body));
    next = answer.headers["stream-next-offset"];
  }
  return { events, cursor: next };
}
