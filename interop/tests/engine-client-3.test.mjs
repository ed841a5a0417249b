// The official engine.io-client 3.5 in Node, which speaks revision 3 of the protocol, against
// `stand-in engine-v3`: an echo with a heartbeat of 300 ms.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import client from "engine.io-client-3";
import { standIn } from "./support/program.mjs";
import { event, Inbox } from "./support/waiting.mjs";

let server;
before(async () => {
  server = await standIn("engine-v3");
});
after(() => server?.stop());

async function open(t, options) {
  const socket = client(server.url, options);
  t.after(() => socket.close());
  const messages = new Inbox();
  socket.on("message", (data) => messages.push(data));
  await event(socket, "open");
  return { socket, messages };
}

function bytes(data) {
  assert.notEqual(typeof data, "string");
  return [...new Uint8Array(data.buffer ? data : new Uint8Array(data))];
}

for (const [name, transports] of [
  ["polling", ["polling"]],
  ["websocket", ["websocket"]],
  ["polling with upgrade", ["polling", "websocket"]],
]) {
  describe(name, () => {
    test("speaks revision 3", async (t) => {
      const { socket } = await open(t, { transports });
      assert.equal(socket.transport.query.EIO, 3);
      assert.match(socket.id, /^[\w-]{20}$/);
    });

    test("echoes text and binary in order", async (t) => {
      const { socket, messages } = await open(t, { transports });
      socket.send("one");
      socket.send(Buffer.from([1, 2, 3]));
      socket.send("안녕 € 𝒳");
      assert.equal(await messages.next(), "one");
      assert.deepEqual(bytes(await messages.next()), [1, 2, 3]);
      assert.equal(await messages.next(), "안녕 € 𝒳");
    });

    test("takes base64 when it asks for it", async (t) => {
      const { socket, messages } = await open(t, { transports, forceBase64: true });
      socket.send(Buffer.from([5, 6]));
      assert.deepEqual(bytes(await messages.next()), [5, 6]);
    });

    test("keeps its session through three heartbeats, which it begins", async (t) => {
      const { socket, messages } = await open(t, { transports });
      for (let round = 0; round < 3; round += 1) await event(socket, "pong");
      socket.send("alive");
      assert.equal(await messages.next(), "alive");
    });

    test("closes", async (t) => {
      const { socket } = await open(t, { transports });
      const closed = event(socket, "close");
      socket.close();
      assert.equal((await closed)[0], "forced close");
    });
  });
}

test("the upgrade loses and reorders nothing that is under way", async (t) => {
  const socket = client(server.url, { transports: ["polling", "websocket"] });
  t.after(() => socket.close());
  const received = [];
  const sent = [];
  socket.on("message", (data) => received.push(data));
  const upgraded = event(socket, "upgrade");
  await event(socket, "open");
  // A new message after each echo keeps something under way at every stage of the upgrade.
  for (let index = 0; index < 100; index += 1) {
    sent.push(`${index}`);
    socket.send(`${index}`);
    if (index % 3 === 0) await event(socket, "message");
  }
  const [transport] = await upgraded;
  assert.equal(transport.name, "websocket");
  socket.send("last");
  sent.push("last");
  while (received.at(-1) !== "last") await event(socket, "message");
  assert.deepEqual(received, sent);
});

test("an unknown session is an error", async () => {
  const socket = client(server.url, { transports: ["polling"], query: { sid: "abc" } });
  const [error] = await event(socket, "error");
  assert.equal(error.description, 400);
});
