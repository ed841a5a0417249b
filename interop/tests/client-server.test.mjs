// The server that the tests of socket.io-client are written for (`stand-in socket-io-client`): each
// of its events answers as those tests expect. It recovers connections, so that events end with an
// offset.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { io } from "socket.io-client";
import { standIn } from "./support/program.mjs";
import { event, Inbox } from "./support/waiting.mjs";

let server;
before(async () => {
  server = await standIn("socket-io-client");
});
after(() => server?.stop());

/** What the server answers to getUtf8, an event for each. */
const UTF8 = ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"];

/** What follows the arguments of an event. */
const OFFSET = /^[\w-]{20,}\.\d+$/;

function socketOf(t, path = "/", options) {
  const socket = io(server.url + path, { forceNew: true, reconnection: false, ...options });
  t.after(() => socket.close());
  return socket;
}

async function connect(t, path, options) {
  const socket = socketOf(t, path, options);
  await event(socket, "connect");
  return socket;
}

describe("namespaces", () => {
  for (const path of ["/", "/foo", "/timeout_socket", "/valid", "/asd", "/abc"]) {
    test(`${path} accepts`, async (t) => {
      const socket = await connect(t, path);
      assert.notEqual(socket.id, socket.io.engine.id);
    });
  }

  for (const [path, message] of [
    ["/no", "Auth failed (custom namespace)"],
    ["/?fail=1", "Auth failed (main namespace)"],
    ["/nothing", "Invalid namespace"],
  ]) {
    test(`${path} refuses: ${message}`, async (t) => {
      const [error] = await event(socketOf(t, path), "connect_error");
      assert.equal(error.message, message);
    });
  }

  test("have ids of their own on one connection", async (t) => {
    const main = await connect(t, "/");
    const foo = main.io.socket("/foo");
    await event(foo, "connect");
    assert.equal(await main.emitWithAck("getId"), main.id);
    assert.equal(await foo.emitWithAck("getId"), foo.id);
    assert.equal(new Set([main.id, foo.id, main.io.engine.id]).size, 3);
  });
});

describe("handshake", () => {
  test("tells the query and the auth payload", async (t) => {
    const socket = socketOf(t, "/abc?a=b&c=%20d", { auth: { token: "x" } });
    const [handshake] = await event(socket, "handshake");
    assert.equal(handshake.query.a, "b");
    assert.equal(handshake.query.c, " d");
    assert.equal(handshake.query.EIO, "4");
    assert.deepEqual(handshake.auth, { token: "x" });
  });

  test("can be asked for", async (t) => {
    const socket = await connect(t, "/", { auth: { n: 1 }, extraHeaders: { "x-custom": "가".length.toString() } });
    const handshake = await socket.emitWithAck("getHandshake");
    assert.equal(handshake.headers["x-custom"], "1");
    assert.match(handshake.address, /^(127\.0\.0\.1|::1)$/);
    assert.equal(handshake.secure, false);
    assert.ok(Math.abs(handshake.issued - Date.now()) < 60_000);
    assert.deepEqual(handshake.auth, { n: 1 });
  });
});

describe("events", () => {
  const text = "asdfasdf";
  for (const [name, args, answer, expected] of [
    ["hi", [], "hi", []],
    ["getUtf8", [], "takeUtf8", ["てすと"]],
    ["false", [], "false", [false]],
    ["doge", [], "doge", [Buffer.from(text)]],
    ["getbin", [], "takebin", [Buffer.from(text)]],
    ["buffa", [Buffer.from(text)], "buffack", []],
    ["jsonbuff", [{ hello: "lol", message: Buffer.from(text), goodbye: "gotcha" }], "jsonbuff-ack", []],
    ["blob", [Buffer.from(text)], "back", [Buffer.from(text)]],
    ["jsonblob", [{ hello: "lol", message: Buffer.from(text), goodbye: "gotcha" }], "jsonblob-ack", []],
  ]) {
    test(`${name} is answered by ${answer}`, async (t) => {
      const socket = await connect(t);
      socket.emit(name, ...args);
      const got = await event(socket, answer);
      assert.match(got.pop(), OFFSET);
      assert.deepEqual(got.map((value) => (value instanceof Buffer ? Buffer.from(value) : value)), expected);
    });
  }

  test("getUtf8 is answered five times, in order", async (t) => {
    const socket = await connect(t);
    const inbox = new Inbox();
    socket.on("takeUtf8", (value) => inbox.push(value));
    socket.emit("getUtf8");
    for (const value of UTF8) assert.equal(await inbox.next(), value);
  });

  test("dates are ISO strings", async (t) => {
    const socket = await connect(t);
    const near = (value) => assert.ok(Math.abs(new Date(value) - Date.now()) < 60_000, value);
    near(await socket.emitWithAck("getAckDate", { test: true }));
    socket.emit("getDate");
    near((await event(socket, "takeDate"))[0]);
    socket.emit("getDateObj");
    near((await event(socket, "takeDateObj"))[0].date);
  });

  test("echo gives back what it got, null too", async (t) => {
    const socket = await connect(t);
    assert.equal(await socket.emitWithAck("echo", null), null);
    assert.deepEqual(await socket.emitWithAck("echo", { a: 1 }), { a: 1 });
  });

  test("an ack of the client with two arguments is understood", async (t) => {
    const socket = await connect(t);
    socket.once("ack", (answer) => answer(5, { test: true }));
    socket.emit("ack");
    await event(socket, "got it");
  });

  test("sequences are seen in their order", async (t) => {
    const socket = await connect(t);
    socket.emit("abuff1", Buffer.from("a"));
    socket.emit("abuff2", "b");
    await event(socket, "abuff2-ack");
    socket.emit("blob1", Buffer.from("a"));
    socket.emit("blob2", "second");
    socket.emit("blob3", Buffer.from("c"));
    await event(socket, "blob3-ack");
  });

  test("unknown ones are ignored, their ack times out at the client", async (t) => {
    const socket = await connect(t);
    await assert.rejects(socket.timeout(50).emitWithAck("unknown"), /operation has timed out/);
    assert.equal(await socket.emitWithAck("echo", "on"), "on");
  });
});

describe("recovery", () => {
  for (const transports of [["polling"], ["websocket"]]) {
    test(`over ${transports} loses and repeats nothing, and keeps the id`, async (t) => {
      const socket = await connect(t, "/", { transports, reconnection: true, reconnectionDelay: 10 });
      assert.equal(socket.recovered, false);
      const { id } = socket;
      const inbox = new Inbox();
      socket.on("takeUtf8", (value) => inbox.push(value));
      socket.emit("hi");
      await event(socket, "hi");
      const again = event(socket, "connect");
      socket.emit("getUtf8");
      // It sends what waits first, and does not look at the answers.
      socket.io.engine.close();
      await again;
      assert.equal(socket.recovered, true);
      assert.equal(socket.id, id);
      for (const value of UTF8) assert.equal(await inbox.next(), value);
      assert.equal(await socket.emitWithAck("echo", "on"), "on");
      assert.equal(inbox.length, 0);
    });
  }

  test("is not for a client that the server does not know", async (t) => {
    const socket = socketOf(t);
    socket._pid = "unknown";
    socket._lastOffset = "unknown";
    await event(socket, "connect");
    assert.equal(socket.recovered, false);
    assert.notEqual(socket._pid, "unknown");
  });
});
