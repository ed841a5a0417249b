// What an official engine.io-client exchanges with an echo of ours, whatever its revision.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { event, Inbox } from "./waiting.mjs";

/**
 * Opens sockets: `connect(options)` makes one, which gets `greeting` first if there is one. Gives
 * the socket and the messages after that.
 */
export function opener(connect, greeting) {
  return async (t, options) => {
    const socket = connect(options);
    t.after(() => socket.close());
    const messages = new Inbox();
    socket.on("message", (data) => messages.push(data));
    await event(socket, "open");
    if (greeting) assert.equal(await messages.next("the greeting"), greeting);
    return { socket, messages };
  };
}

/** The bytes of a message, which the client gives as a Buffer or an ArrayBuffer. */
export function bytes(data) {
  assert.notEqual(typeof data, "string");
  return [...new Uint8Array(data.buffer ? data : new Uint8Array(data))];
}

/** `heartbeat` is the client's event for one; `more(open, transports)` adds tests to each suite. */
export function exchangeCases({ connect, greeting, heartbeat, more }) {
  const open = opener(connect, greeting);
  for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
    describe(transports.join(" and "), () => {
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

      test("keeps its session through three heartbeats", async (t) => {
        const { socket, messages } = await open(t, { transports });
        for (let round = 0; round < 3; round += 1) await event(socket, heartbeat);
        socket.send("alive");
        assert.equal(await messages.next(), "alive");
      });

      test("is told that it closes", async (t) => {
        const { socket } = await open(t, { transports });
        const closed = event(socket, "close");
        socket.close();
        assert.equal((await closed)[0], "forced close");
      });

      more(open, transports);
    });
  }

  test("the upgrade loses and reorders nothing that is under way", async (t) => {
    await upgradeUnderWay(t, connect, greeting);
  });
}

/** Upgrades with messages on their way, all of which are echoed in order. */
export async function upgradeUnderWay(t, connect, greeting) {
  const socket = connect({ transports: ["polling", "websocket"] });
  t.after(() => socket.close());
  const received = [];
  const sent = greeting ? [greeting] : [];
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
}
