// The upgrade as it passes over the wire, seen by a proxy between the official client and our
// server: polling first, then 101, then no more polling, while events and heartbeats go on.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { io } from "socket.io-client";
import { standIn } from "./support/program.mjs";
import { RecordingProxy } from "./support/recording.mjs";
import { event, until } from "./support/waiting.mjs";

let server;
before(async () => {
  server = await standIn("socket-v5", "--ping-timeout", "20000");
});
after(() => server?.stop());

/** A socket with a proxy of its own between it and the server. */
async function proxied(t, options) {
  const proxy = await RecordingProxy.start(server.port);
  t.after(() => proxy.stop());
  const socket = io(proxy.url, { forceNew: true, ...options });
  t.after(() => socket.close());
  return { proxy, socket };
}

test("polling first, then 101, then polling stops", async (t) => {
  const { proxy, socket } = await proxied(t);
  const upgraded = event(socket.io.engine, "upgrade");
  const echoes = [];
  socket.on("message-back", (number) => echoes.push(number));
  await event(socket, "connect");
  for (let number = 0; number < 50; number += 1) socket.emit("message", number);
  assert.equal((await upgraded)[0].name, "websocket");
  await until("the last poll to be answered", () => proxy.of("polling").every(({ status }) => status !== null));

  const [first] = proxy.requests;
  assert.equal(first.method, "GET");
  assert.equal(first.query.get("transport"), "polling");
  assert.equal(first.query.has("sid"), false);
  const [webSocket, ...others] = proxy.of("websocket");
  assert.deepEqual(others, []);
  assert.equal(webSocket.status, 101);
  assert.equal(webSocket.query.get("sid"), socket.io.engine.id);
  assert.ok(proxy.of("polling").every(({ status }) => status === 200));

  const polls = proxy.of("polling").length;
  for (let round = 0; round < 3; round += 1) await event(socket.io, "ping");
  for (let number = 50; number < 100; number += 1) socket.emit("message", number);
  assert.deepEqual(await socket.emitWithAck("message-with-ack", "last"), "last");
  assert.equal(proxy.of("polling").length, polls, "no request of long polling after the upgrade");
  assert.deepEqual(echoes, Array.from({ length: 100 }, (_, index) => index));
});

test("a client that wants polling only never leaves it", async (t) => {
  const { proxy, socket } = await proxied(t, { transports: ["polling"] });
  await event(socket, "connect");
  await event(socket.io, "ping");
  assert.deepEqual(await socket.emitWithAck("message-with-ack", 1), 1);
  assert.ok(proxy.requests.every(({ query }) => query.get("transport") === "polling"));
});

test("a client that wants WebSocket only never polls", async (t) => {
  const { proxy, socket } = await proxied(t, { transports: ["websocket"] });
  await event(socket, "connect");
  await event(socket.io, "ping");
  assert.deepEqual(await socket.emitWithAck("message-with-ack", 1), 1);
  const [webSocket, ...others] = proxy.requests;
  assert.deepEqual(others, []);
  assert.equal(webSocket.query.get("transport"), "websocket");
  assert.equal(webSocket.status, 101);
});

test("a connection that is cut comes back by itself, with polling first again", async (t) => {
  const { proxy, socket } = await proxied(t, { reconnectionDelay: 10 });
  const upgraded = event(socket.io.engine, "upgrade");
  await event(socket, "connect");
  await upgraded;
  const seen = proxy.requests.length;
  const disconnected = event(socket, "disconnect");
  proxy.cut();
  assert.equal((await disconnected)[0], "transport close");
  await event(socket, "connect");
  assert.equal(proxy.requests[seen].query.get("transport"), "polling");
  assert.deepEqual(await socket.emitWithAck("message-with-ack", "back"), "back");
});
