// What every Engine.IO 4 server must do, told by fetch and plain WebSockets alone. Both protocol
// tests use it: the Engine.IO one on /engine.io/, the Socket.IO one on /socket.io/.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RawWebSocket } from "./raw.mjs";
import { PATIENCE } from "./waiting.mjs";

const HANDSHAKE_KEYS = ["maxPayload", "pingInterval", "pingTimeout", "sid", "upgrades"];

/**
 * Each of these gives a server: `brisk()` announces 300 ms and 200 ms for its heartbeat, `calm()` was
 * started with `CALM` and `still()` with `STILL`. `words` are two packets that the server answers
 * with one that begins alike.
 */
export function engineCases({ brisk, calm, still }, words) {
  describe("handshake", () => handshakeCases(brisk));
  // These mostly wait for the heartbeat, so they wait together.
  describe("heartbeat", { concurrency: true }, () => heartbeatCases(brisk, calm));
  describe("close", () => closeCases(still));
  describe("upgrade", () => upgradeCases(still, words));
}

/** A heartbeat that comes within a test and can be answered late. */
export const CALM = ["--ping-interval", "1000", "--ping-timeout", "20000"];
/** None within a test, however slow this machine is. */
export const STILL = ["--ping-interval", "300000", "--ping-timeout", "20000"];

function assertHandshake(handshake, upgrades) {
  assert.deepEqual(Object.keys(handshake).sort(), HANDSHAKE_KEYS);
  assert.match(handshake.sid, /^[\w-]{20}$/);
  assert.deepEqual(handshake.upgrades, upgrades);
  assert.equal(handshake.pingInterval, 300);
  assert.equal(handshake.pingTimeout, 200);
  assert.equal(handshake.maxPayload, 1_000_000);
}

/** A refused WebSocket handshake is HTTP 400; a 101 followed by a close is also a refusal here. */
async function assertRefused(address) {
  const socket = new RawWebSocket(address);
  const outcome = await Promise.race([socket.closed, socket.opened.then(() => "opened", (error) => error)]);
  if (outcome === "opened") await socket.end();
  else if (outcome instanceof Error) assert.match(outcome.message, /Unexpected server response: 400/);
}

function handshakeCases(endpoint) {
  test("polling opens a session", async () => {
    const response = await endpoint().request({ EIO: "4", transport: "polling" });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/plain; charset=UTF-8");
    assert.equal(response.headers.get("cache-control"), "no-store");
    const text = await response.text();
    assert.equal(Number(response.headers.get("content-length")), Buffer.byteLength(text));
    assert.equal(text[0], "0");
    assertHandshake(JSON.parse(text.slice(1)), ["websocket"]);
  });

  test("a WebSocket opens a session", async () => {
    const socket = await endpoint().webSocket();
    assertHandshake(socket.handshake, []);
    socket.terminate();
  });

  const refused = [
    ["no transport", { EIO: "4" }, 0, "Transport unknown"],
    ["an unknown transport", { EIO: "4", transport: "abc" }, 0, "Transport unknown"],
    ["a transport named constructor", { EIO: "4", transport: "constructor" }, 0, "Transport unknown"],
    ["an unknown session", { EIO: "4", transport: "polling", sid: "abc" }, 1, "Session ID unknown"],
    ["a session named __proto__", { EIO: "4", transport: "polling", sid: "__proto__" }, 1, "Session ID unknown"],
    ["websocket without an upgrade", { EIO: "4", transport: "websocket" }, 3, "Bad request"],
    ["no version", { transport: "polling" }, 5, "Unsupported protocol version"],
    ["version abc", { EIO: "abc", transport: "polling" }, 5, "Unsupported protocol version"],
    ["version 3", { EIO: "3", transport: "polling" }, 5, "Unsupported protocol version"],
    ["version 5", { EIO: "5", transport: "polling" }, 5, "Unsupported protocol version"],
  ];
  for (const [name, query, code, message] of refused) {
    test(`polling with ${name} is refused with code ${code}`, async () => {
      const response = await endpoint().request(query);
      assert.equal(response.status, 400);
      assert.equal(response.headers.get("content-type"), "application/json");
      assert.equal(await response.text(), JSON.stringify({ code, message }));
    });
  }

  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    test(`${method} without a session is refused with code 2`, async () => {
      const response = await endpoint().request({ EIO: "4", transport: "polling" }, { method });
      assert.equal(response.status, 400);
      assert.equal(await response.text(), '{"code":2,"message":"Bad handshake method"}');
    });
  }

  for (const [name, query] of [
    ["an unknown transport", { transport: "abc" }],
    ["an unknown session", { sid: "abc" }],
    ["version abc", { EIO: "abc" }],
  ]) {
    test(`a WebSocket with ${name} is refused`, () => assertRefused(endpoint().address(query)));
  }

  test("an upgrade with an unknown session is an HTTP 400 with plain text", async () => {
    const socket = new RawWebSocket(endpoint().address({ sid: "AAAAAAAAAAAAAAAAAAAA" }));
    await assert.rejects(socket.opened, /Unexpected server response: 400/);
  });
}

function heartbeatCases(endpoint, calm) {
  test("it goes on over the WebSocket after the upgrade", async () => {
    const session = await calm().poll();
    const socket = await RawWebSocket.open(calm().address({ sid: session.sid }));
    socket.send("2probe");
    while ((await socket.next()) !== "3probe");
    socket.send("5");
    while ((await socket.next()) !== "2");
    socket.terminate();
  });

  test("polling: three rounds of ping and pong, the first after the interval", async () => {
    const opened = performance.now();
    const session = await calm().poll();
    for (let round = 1; round <= 3; round += 1) {
      assert.deepEqual(await session.packets(), ["2"]);
      const elapsed = performance.now() - opened;
      assert.ok(elapsed > round * session.handshake.pingInterval - 50, `ping ${round} after ${elapsed} ms`);
      assert.deepEqual(await session.post("3"), { status: 200, text: "ok" });
    }
    await session.post("1");
  });

  test("WebSocket: three rounds of ping and pong, the first after the interval", async () => {
    const opened = performance.now();
    const socket = await calm().webSocket();
    for (let round = 1; round <= 3; round += 1) {
      assert.equal(await socket.next(), "2");
      const elapsed = performance.now() - opened;
      assert.ok(elapsed > round * socket.handshake.pingInterval - 50, `ping ${round} after ${elapsed} ms`);
      socket.send("3");
    }
    socket.terminate();
  });

  test("polling: a session without pongs ends after interval and timeout", async () => {
    const opened = performance.now();
    const session = await endpoint().poll();
    assert.equal((await session.gone()).code, 1);
    const elapsed = performance.now() - opened;
    assert.ok(elapsed > 450 && elapsed < PATIENCE, `ended after ${elapsed} ms`);
  });

  test("WebSocket: a session without pongs ends after interval and timeout", async () => {
    const opened = performance.now();
    const socket = await endpoint().webSocket();
    await socket.end();
    const elapsed = performance.now() - opened;
    assert.ok(elapsed > 450 && elapsed < PATIENCE, `ended after ${elapsed} ms`);
  });

  test("polling: a ping from the client ends the session", async () => {
    const session = await calm().poll();
    assert.equal((await session.post("2")).status, 200);
    assert.equal((await session.gone()).code, 1);
  });

  test("WebSocket: a ping from the client ends the session", async () => {
    const socket = await calm().webSocket();
    socket.send("2");
    await socket.end();
  });
}

function closeCases(endpoint) {
  test("polling: a close packet releases the parked poll and ends the session", async () => {
    const session = await endpoint().poll();
    const parked = session.get();
    await endpoint().settle();
    assert.deepEqual(await session.post("1"), { status: 200, text: "ok" });
    assert.deepEqual(await parked, { status: 200, text: "6" });
    assert.equal((await session.get()).status, 400);
  });

  test("WebSocket: the end of the connection ends the session", async () => {
    const socket = await endpoint().webSocket();
    socket.close();
    await socket.end();
    const { sid } = socket.handshake;
    const session = new RawWebSocket(endpoint().address({ sid }));
    await assert.rejects(session.opened, /Unexpected server response: 400/);
  });
}

function upgradeCases(endpoint, [hello, again]) {
  /** Says something over the WebSocket, and waits for the answer. */
  async function talk(socket, word) {
    socket.send(word);
    while (!(await socket.next()).startsWith(word.slice(0, 2)));
  }

  async function upgraded() {
    const session = await endpoint().poll();
    const socket = await RawWebSocket.open(endpoint().address({ sid: session.sid }));
    socket.send("2probe");
    assert.equal(await socket.next(), "3probe");
    socket.send("5");
    return { session, socket };
  }

  test("a poll that waits during the probe is answered with a noop", async () => {
    const session = await endpoint().poll();
    const socket = await RawWebSocket.open(endpoint().address({ sid: session.sid }));
    socket.send("2probe");
    assert.equal(await socket.next(), "3probe");
    assert.deepEqual(await session.packets(), ["6"]);
    socket.send("5");
    await talk(socket, hello);
    socket.terminate();
  });

  test("requests with the session after the upgrade are refused", async () => {
    const { session, socket } = await upgraded();
    await talk(socket, hello);
    for (const method of ["GET", "POST"]) {
      const body = method === "POST" ? "4late" : undefined;
      const response = await session.request({ method, body });
      assert.equal(response.status, 400);
      assert.equal((await response.json()).code, 3);
    }
    await talk(socket, again);
    socket.terminate();
  });

  test("a second WebSocket after the upgrade is closed, the session goes on", async () => {
    const { session, socket } = await upgraded();
    await talk(socket, hello);
    const second = await RawWebSocket.open(endpoint().address({ sid: session.sid }));
    await second.end();
    await talk(socket, again);
    socket.terminate();
  });

  for (const [name, message] of [["text that is no probe", "4hello"], ["a broken packet", "x"]]) {
    test(`a probe that starts with ${name} fails alone, polling goes on`, async () => {
      const session = await endpoint().poll();
      const socket = await RawWebSocket.open(endpoint().address({ sid: session.sid }));
      socket.send(message);
      await socket.end();
      await session.post(hello);
      const [answer] = await session.packets();
      assert.ok(answer.startsWith(hello.slice(0, 2)), answer);
      await session.post("1");
    });
  }
}
