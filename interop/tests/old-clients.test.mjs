// socket.io-client 2.5 (Engine.IO 3) and 3.1 in Node against our server, over polling, WebSocket and
// the upgrade; and clients of every kind in one room.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { io as io4 } from "socket.io-client";
import io2 from "socket.io-client-2";
import { io as io3 } from "socket.io-client-3";
import msgpackParser from "socket.io-msgpack-parser";
import * as own from "../../clients/js/dist/node/index.mjs";
import * as ownMsgpack from "../../clients/js/dist/node/msgpack.mjs";
import { standIn } from "./support/program.mjs";
import { event, Inbox, until, within } from "./support/waiting.mjs";

let server;
before(async () => {
  server = await standIn("behaviour", "--payload-bytes-max", "1000000");
});
after(() => server?.stop());

const TRANSPORTS = [
  ["polling", ["polling"]],
  ["websocket", ["websocket"]],
  ["polling with upgrade", ["polling", "websocket"]],
];
const VERSIONS = [
  ["2.5", io2],
  ["3.1", io3],
];
for (const [version, io] of VERSIONS) {
  for (const [name, transports] of TRANSPORTS) {
    describe(`${version} over ${name}`, () => cases(io, { transports }, version === "2.5"));
  }
}

function open(t, io, namespace, options) {
  const socket = io(server.url + namespace, { forceNew: true, reconnection: false, ...options });
  t.after(() => socket.close());
  return socket;
}

/** The arguments of the answer. */
function ask(socket, name, ...args) {
  return within(20_000, `the answer to ${name}`, new Promise((resolve) => {
    socket.emit(name, ...args, (...answer) => resolve(answer));
  }));
}

function cases(io, how, isOld) {
  async function connect(t, namespace = "/everything", options = {}) {
    const socket = open(t, io, namespace, { ...how, ...options });
    await event(socket, "connect");
    return socket;
  }

  test("both sides know the same id", async (t) => {
    const socket = await connect(t);
    const [rooms] = await ask(socket, "join", "a");
    assert.deepEqual(rooms, [socket.id, "a"]);
    if (isOld) assert.equal(socket.id, `/everything#${socket.io.engine.id}`);
    const main = await connect(t, "/");
    if (isOld) assert.equal(main.id, main.io.engine.id);
    else assert.notEqual(main.id, main.io.engine.id);
  });

  test("a refusal arrives with its data, and other namespaces go on", async (t) => {
    const refused = isOld
      ? open(t, io, "/everything?refuse=closed", how)
      : open(t, io, "/everything", { ...how, auth: { refuse: "closed" } });
    const [error] = await event(refused, isOld ? "error" : "connect_error");
    if (isOld) {
      assert.equal(error, "closed");
    } else {
      assert.equal(error.message, "not today");
      assert.equal(error.data, "closed");
    }
    const unknown = refused.io.socket("/nowhere");
    t.after(() => unknown.close());
    const [invalid] = await event(unknown, isOld ? "error" : "connect_error");
    assert.equal(invalid.message, "Invalid namespace");
    const other = refused.io.socket("/other");
    t.after(() => other.close());
    await event(other, "connect");
    assert.deepEqual(await ask(other, "auth"), [{}]);
  });

  test("the query of a namespace, or its auth, reaches the server", async (t) => {
    const socket = isOld
      ? await connect(t, "/other?token=a%20b&list=1&list=2")
      : await connect(t, "/other", { auth: { token: "a b" } });
    const [auth] = await ask(socket, "auth");
    assert.equal(auth.token, "a b");
    if (isOld) assert.deepEqual(await ask(socket, "query", "token"), ["a b"], "it is the address's as well");
  });

  test("events carry every kind of value, in their order", async (t) => {
    const socket = await connect(t);
    const args = [1, -2.5, "안녕 \u2028 🐟", true, null, [1, [2]], { a: { b: [] } }, ""];
    socket.emit("echo", ...args);
    assert.deepEqual(await event(socket, "echo"), args);
    socket.emit("echo");
    assert.deepEqual(await event(socket, "echo"), []);
    const inbox = new Inbox();
    socket.on("echo", (number) => inbox.push(number));
    for (let number = 0; number < 100; number += 1) socket.emit("echo", number);
    for (let number = 0; number < 100; number += 1) assert.equal(await inbox.next(), number);
  });

  test("binary goes both ways, in events and in acknowledgements", async (t) => {
    const socket = await connect(t);
    socket.emit("echo", Buffer.from([1, 2]), { deep: [Buffer.from([3]), "x"] });
    const [first, second] = await event(socket, "echo");
    assert.deepEqual(Buffer.from(first), Buffer.from([1, 2]));
    assert.deepEqual(Buffer.from(second.deep[0]), Buffer.from([3]));
    assert.equal(second.deep[1], "x");
    const bytes = Buffer.alloc(100_000, 7);
    const [answer] = await ask(socket, "ask", { bytes });
    assert.ok(Buffer.from(answer.bytes).equals(bytes));
  });

  test("acknowledgements go both ways", async (t) => {
    const socket = await connect(t);
    assert.deepEqual(await ask(socket, "ask", 1, "둘"), [1, "둘"]);
    assert.deepEqual(await ask(socket, "ask"), []);
    socket.on("question", (text, data, answer) => answer(`${text}!`, data));
    socket.emit("be-asked", "왜", Buffer.from([1, 2, 3]));
    const [text, data] = await event(socket, "answered");
    assert.equal(text, "왜!");
    assert.deepEqual(Buffer.from(data), Buffer.from([1, 2, 3]));
  });

  test("the heartbeat keeps the connection", async (t) => {
    const socket = await connect(t);
    // Of revision 3 the client asks, of revision 4 the server.
    const beats = new Inbox();
    socket.io.engine.on("packet", ({ type }) => type === (isOld ? "pong" : "ping") && beats.push(type));
    for (let beat = 0; beat < 3; beat += 1) await beats.next("the heartbeat");
    assert.deepEqual(await ask(socket, "ask", "still here"), ["still here"]);
  });

  test("whoever ends it, the other side knows why", async (t) => {
    const watcher = await connect(t);
    const gone = (id) => within(20_000, "the socket to be gone", new Promise((resolve) => {
      watcher.on("gone", (which, reason) => which === id && resolve(reason));
    }));
    const leaving = await connect(t);
    const left = gone(leaving.id);
    leaving.disconnect();
    assert.equal(await left, "client namespace disconnect");

    const kicked = await connect(t);
    const wasKicked = gone(kicked.id);
    const reason = event(kicked, "disconnect");
    kicked.emit("disconnect-me");
    assert.equal((await reason)[0], "io server disconnect");
    assert.equal(await wasKicked, "server namespace disconnect");

    const closed = await connect(t);
    const closing = event(closed, "disconnect");
    closed.emit("close-me");
    assert.equal((await closing)[0], "io server disconnect");

    const dropped = await connect(t);
    const lost = gone(dropped.id);
    dropped.io.engine.close();
    assert.equal(await lost, "transport close");
  });

  if (how.transports.length > 1) {
    test("the connection is upgraded, and nothing is lost meanwhile", async (t) => {
      const socket = open(t, io, "/everything", how);
      const inbox = new Inbox();
      socket.on("echo", (number) => inbox.push(number));
      await event(socket, "connect");
      let sent = 0;
      await until("the upgrade", () => {
        socket.emit("echo", sent);
        sent += 1;
        return socket.io.engine.transport.name === "websocket";
      });
      for (let number = 0; number < sent; number += 1) assert.equal(await inbox.next(), number);
    });
  }
}

test("clients of every kind share a room, and each is told once", async (t) => {
  const kinds = [
    ["2.5 polling", io2, { transports: ["polling"] }],
    ["2.5 websocket", io2, { transports: ["websocket"] }],
    ["3.1", io3, { transports: ["websocket"] }],
    ["4.8 polling", io4, { transports: ["polling"] }],
    ["4.8", io4, { transports: ["websocket"] }],
    ["4.8 msgpack", io4, { transports: ["websocket"], parser: msgpackParser }],
    ["4.8 msgpack polling", io4, { transports: ["polling"], parser: msgpackParser }],
    ["ours", own.io, { transports: ["websocket"] }],
    ["ours msgpack", own.io, { transports: ["websocket"], parser: ownMsgpack }],
  ];
  const members = [];
  for (const [kind, io, options] of kinds) {
    const socket = open(t, io, "/everything", options);
    await event(socket, "connect");
    await ask(socket, "join", "all kinds");
    const inbox = new Inbox();
    socket.on("told", (value) => inbox.push(value));
    members.push({ kind, socket, inbox });
  }
  for (const sender of members) {
    const value = { from: sender.kind, 말: "안녕", list: [1, 2.5, null] };
    sender.socket.emit("tell", { to: ["all kinds"], value });
    for (const { kind, inbox } of members) {
      if (kind !== sender.kind) assert.deepEqual(await inbox.next(`${sender.kind} to ${kind}`), value);
    }
  }
  // To one by its id, whatever ids look like.
  for (const { kind, socket, inbox } of members) {
    members[0].socket.emit("tell-all", { to: [socket.id], value: kind });
    assert.equal(await inbox.next(`to ${kind} by its id`), kind);
  }
  for (const { kind, inbox } of members) assert.equal(inbox.length, 0, `${kind} was told more than once`);
});
