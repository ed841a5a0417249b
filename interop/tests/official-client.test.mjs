// The official socket.io-client 4.8 in Node against our server, as JSON and with the official msgpack
// parser, over polling, over WebSocket, and over polling with upgrade.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { io } from "socket.io-client";
import msgpackParser from "socket.io-msgpack-parser";
import { standIn } from "./support/program.mjs";
import { event, Inbox, within } from "./support/waiting.mjs";

let server;
before(async () => {
  server = await standIn("behaviour", "--payload-bytes-max", "1000000");
});
after(() => server?.stop());

for (const [form, parser] of [["JSON", undefined], ["msgpack", msgpackParser]]) {
  for (const [name, transports] of [
    ["polling", ["polling"]],
    ["websocket", ["websocket"]],
    ["polling with upgrade", ["polling", "websocket"]],
  ]) {
    describe(`${form} over ${name}`, () => cases(parser ? { transports, parser } : { transports }));
  }
}

function cases(how) {
  /** A connected socket that ends with its test. */
  async function connect(t, options) {
    const socket = socketOf(t, "/everything", options);
    await event(socket, "connect");
    return socket;
  }

  function socketOf(t, namespace, options) {
    const socket = io(server.url + namespace, { forceNew: true, ...how, reconnection: false, ...options });
    t.after(() => socket.close());
    return socket;
  }

  /** Connected sockets, and what each was `told`. */
  async function crowd(t, count) {
    const sockets = [];
    const inboxes = [];
    for (let index = 0; index < count; index += 1) {
      const socket = await connect(t);
      const inbox = new Inbox();
      socket.on("told", (value) => inbox.push(value));
      sockets.push(socket);
      inboxes.push(inbox);
    }
    return { sockets, inboxes };
  }

  /** The reason that everybody is told when the socket with this id is gone. */
  function goneReason(watcher, id) {
    return within(20_000, "the socket to be gone", new Promise((resolve) => {
      watcher.on("gone", (gone, reason) => gone === id && resolve(reason));
    }));
  }

  /** Asserts who was told a value: the others get the next thing said to everybody first. */
  async function assertTold(sockets, inboxes, told, value) {
    sockets[0].emit("tell-all", { value: `after ${value}` });
    for (const [index, inbox] of inboxes.entries()) {
      if (told.includes(index)) assert.equal(await inbox.next(), value, `socket ${index}`);
      assert.equal(await inbox.next(), `after ${value}`, `socket ${index}`);
    }
  }

  describe("connecting", () => {
    test("gives an id of its own", async (t) => {
      const socket = await connect(t);
      assert.match(socket.id, /^[\w-]{20}$/);
      assert.notEqual(socket.id, socket.io.engine.id);
    });

    test("is refused with a message and data, and works at the second try", async (t) => {
      const socket = socketOf(t, "/everything", { auth: { refuse: { code: 7, 이유: "문 닫음" } } });
      const [error] = await event(socket, "connect_error");
      assert.equal(error.message, "not today");
      assert.deepEqual(error.data, { code: 7, 이유: "문 닫음" });
      assert.equal(socket.connected, false);
      socket.auth = {};
      socket.connect();
      await event(socket, "connect");
    });

    test("to an unknown namespace is refused", async (t) => {
      const [error] = await event(socketOf(t, "/nowhere"), "connect_error");
      assert.equal(error.message, "Invalid namespace");
    });

    test("to two namespaces shares one connection", async (t) => {
      const first = await connect(t);
      const second = first.io.socket("/");
      t.after(() => second.close());
      await event(second, "connect");
      assert.notEqual(first.id, second.id);
      second.disconnect();
      assert.deepEqual(await first.emitWithAck("ask", "still here"), "still here");
    });
  });

  describe("events", () => {
    test("carry every kind of value and several arguments", async (t) => {
      const socket = await connect(t);
      const args = [1, -2.5, "안녕 \u2028 🐟", true, null, [1, [2]], { a: { b: [] } }, ""];
      socket.emit("echo", ...args);
      assert.deepEqual(await event(socket, "echo"), args);
      socket.emit("echo");
      assert.deepEqual(await event(socket, "echo"), []);
    });

    test("arrive in the order they were sent", async (t) => {
      const socket = await connect(t);
      const inbox = new Inbox();
      socket.on("echo", (number) => inbox.push(number));
      for (let number = 0; number < 200; number += 1) socket.emit("echo", number);
      for (let number = 0; number < 200; number += 1) assert.equal(await inbox.next(), number);
    });

    test("carry binary anywhere in their arguments", async (t) => {
      const socket = await connect(t);
      socket.emit("echo", Buffer.from([1, 2]), { deep: [Buffer.from([3]), "x"] }, Buffer.alloc(0));
      const [first, second, third] = await event(socket, "echo");
      assert.deepEqual(Buffer.from(first), Buffer.from([1, 2]));
      assert.deepEqual(Buffer.from(second.deep[0]), Buffer.from([3]));
      assert.equal(second.deep[1], "x");
      assert.equal(Buffer.from(third).length, 0);
    });

    test("of a hundred kilobytes pass, text and binary", async (t) => {
      const socket = await connect(t);
      const text = "가".repeat(30_000);
      const bytes = Buffer.alloc(100_000, 7);
      socket.emit("echo", text, bytes);
      const [gotText, gotBytes] = await event(socket, "echo");
      assert.equal(gotText, text);
      assert.ok(Buffer.from(gotBytes).equals(bytes));
    });
  });

  describe("acknowledgements", () => {
    test("of the server, with several arguments and none", async (t) => {
      const socket = await connect(t);
      const several = new Promise((resolve) => {
        socket.emit("ask", 1, "둘", (...args) => resolve(args));
      });
      assert.deepEqual(await several, [1, "둘"]);
      const none = new Promise((resolve) => {
        socket.emit("ask", (...args) => resolve(args));
      });
      assert.deepEqual(await none, []);
    });

    test("of the server, with binary", async (t) => {
      const socket = await connect(t);
      const answer = await socket.timeout(60_000).emitWithAck("ask", { data: Buffer.from([9, 8]) });
      assert.deepEqual(Buffer.from(answer.data), Buffer.from([9, 8]));
    });

    test("of the client, with text and with binary", async (t) => {
      const socket = await connect(t);
      socket.on("question", (text, bytes, answer) => answer(`${text}!`, bytes));
      socket.emit("be-asked", "왜", Buffer.from([1, 2, 3]));
      const [text, bytes] = await event(socket, "answered");
      assert.equal(text, "왜!");
      assert.deepEqual(Buffer.from(bytes), Buffer.from([1, 2, 3]));
    });

    test("many at once find their own requests", async (t) => {
      const socket = await connect(t);
      const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => socket.emitWithAck("ask", index)));
      assert.deepEqual(answers, Array.from({ length: 50 }, (_, index) => index));
    });
  });

  describe("rooms and broadcast", () => {
    test("joining and leaving is what the server says it is", async (t) => {
      const socket = await connect(t);
      assert.deepEqual((await socket.emitWithAck("join", "a")).sort(), [socket.id, "a"].sort());
      await socket.emitWithAck("join", "방");
      assert.deepEqual((await socket.emitWithAck("leave", "a")).sort(), [socket.id, "방"].sort());
    });

    test("to a room reaches its members but the sender", async (t) => {
      const { sockets, inboxes } = await crowd(t, 3);
      await sockets[0].emitWithAck("join", "r1");
      await sockets[1].emitWithAck("join", "r1");
      sockets[0].emit("tell", { to: ["r1"], value: "room" });
      await assertTold(sockets, inboxes, [1], "room");
    });

    test("to several rooms reaches each member once", async (t) => {
      const { sockets, inboxes } = await crowd(t, 3);
      for (const room of ["r2", "r3"]) await sockets[1].emitWithAck("join", room);
      await sockets[2].emitWithAck("join", "r3");
      sockets[0].emit("tell", { to: ["r2", "r3"], value: "once" });
      await assertTold(sockets, inboxes, [1, 2], "once");
    });

    test("except leaves members out", async (t) => {
      const { sockets, inboxes } = await crowd(t, 4);
      for (const socket of sockets.slice(0, 3)) await socket.emitWithAck("join", "r4");
      await sockets[2].emitWithAck("join", "out");
      sockets[0].emit("tell-all", { to: ["r4"], except: ["out"], value: "some" });
      await assertTold(sockets, inboxes, [0, 1], "some");
    });

    test("without rooms it reaches everybody, except the sender of a broadcast", async (t) => {
      const { sockets, inboxes } = await crowd(t, 3);
      sockets[0].emit("tell", { value: "others" });
      await assertTold(sockets, inboxes, [1, 2], "others");
      sockets[0].emit("tell", { except: [sockets[1].id], value: "almost" });
      await assertTold(sockets, inboxes, [2], "almost");
    });

    test("to the id of a socket reaches that socket", async (t) => {
      const { sockets, inboxes } = await crowd(t, 3);
      sockets[0].emit("tell", { to: [sockets[2].id], value: "you" });
      await assertTold(sockets, inboxes, [2], "you");
    });
  });

  describe("disconnecting", () => {
    test("by the client tells the server why", async (t) => {
      const watcher = await connect(t);
      const socket = await connect(t);
      const gone = goneReason(watcher, socket.id);
      const reason = event(socket, "disconnect");
      socket.disconnect();
      assert.equal((await reason)[0], "io client disconnect");
      assert.equal(await gone, "client namespace disconnect");
    });

    test("by the server ends the namespace alone", async (t) => {
      const watcher = await connect(t);
      const socket = await connect(t);
      const main = socket.io.socket("/");
      t.after(() => main.close());
      await event(main, "connect");
      const gone = goneReason(watcher, socket.id);
      const reason = event(socket, "disconnect");
      socket.emit("disconnect-me");
      assert.equal((await reason)[0], "io server disconnect");
      assert.equal(await gone, "server namespace disconnect");
      assert.equal(main.connected, true);
    });

    test("by the server ends the whole connection", async (t) => {
      const socket = await connect(t);
      const closed = event(socket.io, "close");
      const reason = event(socket, "disconnect");
      socket.emit("close-me");
      assert.equal((await reason)[0], "io server disconnect");
      await closed;
    });

    test("of the connection itself is seen by the server", async (t) => {
      const watcher = await connect(t);
      const socket = await connect(t);
      const gone = goneReason(watcher, socket.id);
      socket.io.engine.close();
      assert.equal(await gone, "transport close");
    });

    test("and connecting again gives a new id", async (t) => {
      const socket = await connect(t);
      const { id } = socket;
      socket.disconnect();
      socket.connect();
      await event(socket, "connect");
      assert.notEqual(socket.id, id);
      assert.equal(await socket.emitWithAck("ask", "again"), "again");
    });
  });
}
