// Protocol suites wait for one message at a time: they listen for the next only once they have seen
// the last, and `ws` gives a message to nobody when nobody listens. Servers that gather what they
// write lose such a client, so the stand-ins of these suites leave it a moment. Seen as ten of
// ten runs in which `auth` was lost behind the reply to CONNECT, and four of ten in which the OPEN
// packet was lost behind the handshake.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import WebSocket from "ws";
import { standIn } from "./support/program.mjs";
import { PATIENCE, within } from "./support/waiting.mjs";

const ROUNDS = 10;

/** The next event that comes once somebody listens, as a string if it is a message. */
async function next(socket, event) {
  const [data] = await within(PATIENCE, `the next ${event}`, once(socket, event));
  return data?.toString();
}

async function open(address) {
  const socket = new WebSocket(address);
  await next(socket, "open");
  return socket;
}

test("Engine.IO 3: OPEN reaches whoever listens once the WebSocket is open", async (t) => {
  const server = await standIn("engine-v3", "--ping-timeout", "20000");
  t.after(() => server.stop());
  for (let round = 0; round < ROUNDS; round += 1) {
    const socket = await open(`${server.url.replace("http", "ws")}/engine.io/?EIO=3&transport=websocket`);
    assert.match(await next(socket, "message"), /^0\{/);
    socket.terminate();
  }
});

test("Socket.IO 5: `auth` reaches whoever listens once CONNECT was answered", async (t) => {
  const server = await standIn("socket-v5", "--ping-timeout", "20000");
  t.after(() => server.stop());
  for (let round = 0; round < ROUNDS; round += 1) {
    const socket = new WebSocket(`${server.url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
    assert.match(await next(socket, "message"), /^0\{/);
    socket.send("40/custom");
    assert.match(await next(socket, "message"), /^40\/custom,\{"sid":"[\w-]+"\}$/);
    assert.equal(await next(socket, "message"), '42/custom,["auth",{}]');
    socket.terminate();
  }
});
