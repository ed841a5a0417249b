// Writes what the official adapters and the emitter publish, for the tests of `sockeye-cluster-proto`:
//
//   node cluster-messages.mjs > ../crates/cluster-proto/tests/official.jsonl
//
// One line for each message: the form, what was called, the channel or stream, and the bytes in hex (of an entry of a
// stream its fields). Names of servers are set; ids of requests are drawn anew each time.
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { Emitter } from "@socket.io/redis-emitter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import { Server } from "socket.io";
import msgpack from "notepack.io";

const SERVER = "s00001";
const LONG_SERVER = "0123456789abcdef";
const said = [];
let call;

const note = (channel, message) => {
  said.push({ ...call, channel, hex: Buffer.from(message).toString("hex") });
  return Promise.resolve(1);
};

/** A Redis that counts three servers, and writes down what is published. */
class Redis {
  handlers = new Map();
  isOpen = true;
  on() {}
  off() {}
  listenerCount = () => 2;
  pSubscribe(pattern, handler) { this.handlers.set(pattern, handler); return Promise.resolve(); }
  subscribe(channels, handler) { for (const one of [channels].flat()) this.handlers.set(one, handler); return Promise.resolve(); }
  sSubscribe(channel, handler) { return this.subscribe(channel, handler); }
  sUnsubscribe() { return Promise.resolve(); }
  publish = note;
  sPublish = note;
  sendCommand = (parts) => Promise.resolve([parts.at(-1), 3]);
  duplicate = () => this;
  connect = () => Promise.resolve();
  disconnect() {}
  xRead = () => new Promise(() => {});
  set = (key, value) => note(key, value);
  xAdd(stream, id, fields) {
    said.push({ ...call, channel: stream, fields });
    return Promise.resolve("1-0");
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

async function each(form, make, uid, options) {
  const redis = new Redis();
  const io = new Server({ adapter: make(redis), ...options });
  const namespaces = ["/", "/chat"].map((name) => io.of(name));
  for (const { adapter } of namespaces) adapter.uid = uid;
  await settled();
  const bytes = Buffer.from([0, 1, 255]);
  for (const nsp of namespaces) {
    const calls = {
      emit: () => nsp.emit("news", 1, "two", { three: [null, true, 1.5, -7] }),
      "emit without arguments": () => nsp.emit("ping"),
      "emit to a room": () => nsp.to("lobby").emit("news"),
      "emit to a room of 20 characters": () => nsp.to("twenty-letters-long!").emit("news"),
      "emit to two but one": () => nsp.to(["a", "b"]).except("c").emit("news", "한국어 \u{1F600}\n\"q\""),
      "emit volatile": () => nsp.volatile.emit("news", 1),
      "emit uncompressed": () => nsp.compress(false).emit("news", 1),
      "emit bytes": () => nsp.to("lobby").emit("picture", { of: "a cat", bytes }, [bytes]),
      "emit and ask": () => nsp.to("lobby").timeout(250).emit("ask", 7, () => {}),
      "emit bytes and ask": () => nsp.timeout(250).emit("ask", bytes, () => {}),
      join: () => nsp.in("a").socketsJoin(["b", "c"]),
      leave: () => nsp.except("x").socketsLeave("b"),
      disconnect: () => nsp.in("a").disconnectSockets(),
      "disconnect and close": () => nsp.disconnectSockets(true),
      fetch: () => void nsp.in("a").except("b").fetchSockets().catch(() => {}),
      "server-side emit": () => nsp.serverSideEmit("hello", "world", 1),
      "server-side emit and ask": () => nsp.serverSideEmit("hello", () => {}),
    };
    if (form === "classic") calls["all rooms"] = () => void nsp.adapter.allRooms().catch(() => {});
    for (const [name, begin] of Object.entries(calls)) {
      call = { form, call: name, nsp: nsp.name };
      begin();
      await settled();
    }
    // What another server asks is answered.
    nsp.on("hello", (...args) => args.at(-1)({ of: "hello" }));
    const socket = {
      id: "AAAAAAAAAAAAAAAAAAAA",
      handshake: { headers: { host: "localhost" }, time: "now", address: "::1", xdomain: false, secure: false, issued: 1, url: "/socket.io/?a=b", query: { a: "b" }, auth: {} },
      rooms: new Set(["AAAAAAAAAAAAAAAAAAAA", "lobby"]),
      data: { name: "Ann" },
      acks: new Map(),
      notifyOutgoingListeners() {},
      client: { writeToEngine() { for (const ack of socket.acks.values()) ack("an answer"); } },
    };
    nsp.sockets.set(socket.id, socket);
    nsp.adapter.addAll(socket.id, socket.rooms);
    for (const [name, request] of Object.entries(questions(form, nsp.name))) {
      call = { form, call: name, nsp: nsp.name };
      const prefix = `socket.io${form === "classic" ? "-request" : ""}#${nsp.name}#`;
      redis.handlers.get(prefix)(form === "streams" || request.type === 7 ? msgpack.encode(request) : Buffer.from(JSON.stringify(request)), prefix);
      await settled();
    }
  }
}

function questions(form, nsp) {
  const opts = { rooms: [], except: [], flags: { timeout: 250 } };
  const packet = { type: 2, data: ["ask"], nsp };
  if (form === "classic") {
    return {
      "answer to a fetch": { uid: "s00002", requestId: "r00001", type: 5, opts },
      "answer for all rooms": { uid: "s00002", requestId: "r00002", type: 1 },
      "answer for ids": { uid: "s00002", requestId: "r00003", type: 0, rooms: [] },
      "answer between servers": { uid: "s00002", requestId: "r00004", type: 6, data: ["hello"] },
      "answers of clients": { uid: "s00002", requestId: "r00005", type: 7, packet, opts },
    };
  }
  const of = (type, data) => ({ type, data, uid: "fedcba9876543210", nsp });
  return {
    "answer to a fetch": of(7, { opts, requestId: "0000000000000001" }),
    "answer between servers": of(9, { requestId: "0000000000000002", packet: ["hello"] }),
    "answers of clients": of(3, { packet, requestId: "0000000000000003", opts }),
  };
}

await each("classic", (redis) => createAdapter(redis, redis), SERVER);
await each("sharded", (redis) => createShardedAdapter(redis, redis), LONG_SERVER);
await each("streams", (redis) => createStreamsAdapter(redis), LONG_SERVER);

const emitter = new Emitter(new Redis());
for (const [name, begin] of Object.entries({
  emit: () => emitter.to("lobby").emit("news", 1),
  "emit bytes": () => emitter.of("/chat").volatile.emit("picture", Buffer.from([1])),
  join: () => emitter.in("a").socketsJoin("b"),
  leave: () => emitter.socketsLeave(["b", "c"]),
  disconnect: () => emitter.except("a").disconnectSockets(true),
  "server-side emit": () => emitter.serverSideEmit("hello", 1),
})) {
  call = { form: "emitter", call: name, nsp: name === "emit bytes" ? "/chat" : "/" };
  begin();
}

for (const line of said) console.log(JSON.stringify(line));
process.exit(0);
