// What the full builds add: waking up with the page, and the limit of messages.

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";

import { createWorld, record, settle } from "./world.mjs";

/** A connected socket whose transports the test plays. */
async function connected(handshake, options) {
  const world = createWorld(options);
  const socket = world.manager.socket("/");
  await settle();
  world.transport.accept(handshake).enter();
  await settle();
  assert.ok(socket.connected);
  return { world, socket };
}

describe("page", () => {
  let listeners;
  beforeEach(() => {
    listeners = [];
    globalThis.addEventListener = (event, listener, { signal }) => {
      const entry = { event, listener };
      listeners.push(entry);
      signal.addEventListener("abort", () => listeners.splice(listeners.indexOf(entry), 1));
    };
    mock.timers.enable({ apis: ["setTimeout", "Date"] });
  });
  afterEach(() => {
    delete globalThis.addEventListener;
    delete globalThis.document;
    mock.timers.reset();
  });
  const raise = (name) => {
    for (const { event, listener } of [...listeners]) if (event === name) listener();
  };

  for (const event of ["online", "pageshow", "visibilitychange"]) {
    it(`${event} probes the link, and an answer ends the probe`, async () => {
      const { world, socket } = await connected();
      raise(event);
      raise(event);
      await settle();
      assert.deepEqual(world.transport.sent.slice(1), ["message 0/?,"]);
      world.transport.receive('44/?,{"message":"Invalid namespace"}');
      mock.timers.tick(6000);
      await settle();
      assert.ok(socket.connected);
      raise(event);
      await settle();
      assert.equal(world.transport.sent.length, 3);
      world.manager._close();
    });
  }

  it("takes a link for lost that does not answer in time", async () => {
    const { world, socket } = await connected();
    const events = record(socket, "disconnect");
    raise("online");
    mock.timers.tick(5000);
    await settle();
    assert.equal(events[0][1], "ping timeout");
    world.manager._close();
  });

  it("sees at once that the deadline passed while everything slept", async () => {
    const { world, socket } = await connected();
    const events = record(socket, "disconnect");
    mock.timers.setTime(Date.now() + 100_000);
    raise("pageshow");
    await settle();
    assert.equal(events[0][1], "ping timeout");
    world.manager._close();
  });

  it("makes the next attempt at once, but not for a page that is hidden", async () => {
    const { world } = await connected();
    world.transport.lose();
    await settle();
    globalThis.document = { hidden: true };
    raise("visibilitychange");
    await settle();
    assert.equal(world.transports.length, 1);
    globalThis.document.hidden = false;
    raise("visibilitychange");
    await settle();
    assert.equal(world.transports.length, 2);
    world.manager._close();
  });

  it("leaves a namespace that the server made for the probe", async () => {
    const { world } = await connected();
    raise("online");
    world.transport.receive('40/?,{"sid":"x"}');
    await settle();
    assert.deepEqual(world.transport.sent.slice(1), ["message 0/?,", "message 1/?,"]);
    world.manager._close();
  });

  it("closes when the network is gone, and watches nothing once it stays closed", async () => {
    const { world, socket } = await connected();
    const events = record(socket, "disconnect");
    raise("offline");
    await settle();
    assert.deepEqual(events[0].slice(1), [
      "transport close",
      { description: "network connection lost" },
    ]);
    world.manager._close();
    assert.deepEqual(listeners, []);
  });
});

describe("page: opening by hand", () => {
  it("is not watched any more when it has failed", async (t) => {
    let count = 0;
    globalThis.addEventListener = (_event, _listener, { signal }) => {
      count++;
      signal.addEventListener("abort", () => count--);
    };
    t.after(() => delete globalThis.addEventListener);
    for (const method of ["open", "connect"]) {
      const world = createWorld({ autoConnect: false });
      const failed = new Promise((resolve) => world.manager[method](resolve));
      await settle();
      assert.notEqual(count, 0);
      world.transport.fail();
      assert.equal((await failed).message, "no route");
      await settle();
      assert.equal(count, 0);
    }
  });
});

describe("maxPayload", () => {
  const big = "x".repeat(100);

  it("refuses an event that is too large at once, and sends nothing of it", async () => {
    const { world, socket } = await connected({ maxPayload: 100 });
    const before = world.transport.sent.length;
    const expected = { name: "PayloadTooLarge", limit: 100, size: 110 };
    assert.throws(() => socket.emit("x", big), expected);
    assert.throws(() => socket.emit("x", new Uint8Array(101)), { limit: 100, size: 101 });
    // With the digit of the acknowledgement's id.
    await assert.rejects(socket.emitWithAck("x", big), { ...expected, size: 111 });
    assert.deepEqual(socket.acks, {});
    assert.equal(world.transport.sent.length, before);
    // As many bytes as there may be.
    socket.emit("x", big.slice(10));
    await settle();
    assert.equal(world.transport.sent.length, before + 1);
    world.manager._close();
  });

  it("lets the rest go when it learns the limit late", async () => {
    const world = createWorld();
    const socket = world.manager.socket("/");
    const refused = assert.rejects(socket.emitWithAck("x", big), { name: "PayloadTooLarge" });
    socket.emit("y");
    await settle();
    world.transport.accept({ maxPayload: 100 }).enter();
    await refused;
    await settle();
    assert.ok(world.transport.sent.includes('message 2["y"]'));
    world.manager._close();
  });
});

describe("a server that sends too much", () => {
  it("cannot make the client keep more events than recovery replays", async () => {
    const world = createWorld({ reconnection: false });
    const socket = world.manager.socket("/");
    await settle();
    world.transport.accept();
    await settle();
    const disconnected = record(world.manager, "close");
    const messages = Array(100_000).fill('42["early"]');
    world.transport.receive(...messages);
    await settle();
    assert.equal(socket.receiveBuffer.length, 100_000);
    assert.deepEqual(disconnected, []);
    world.transport.receive('42["early"]');
    await settle();
    assert.equal(socket.receiveBuffer.length, 0);
    assert.equal(disconnected[0][1], "transport error");
  });

  it("gets one pong for a flood of pings while it does not take it", async () => {
    const world = createWorld({ reconnection: false });
    await settle();
    world.transport.accept();
    await settle();
    world.transport.drains = false;
    world.transport.sent.length = 0;
    world.transport.receive("2");
    for (let n = 0; n < 1000; n++) world.transport.receive("2");
    assert.deepEqual(world.transport.sent, ["pong"]);
    assert.equal(world.manager.engine.writeBuffer.length, 2);
    world.transport.drain();
    await settle();
    assert.deepEqual(world.transport.sent, ["pong", "pong"]);
    world.manager._close();
  });
});

describe("openTimeout", () => {
  it("goes on to the next transport when one says nothing", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const world = createWorld({ tryAllTransports: true, openTimeout: 500 }, ["websocket", "polling"]);
    await settle();
    assert.equal(world.transports.length, 1);
    t.mock.timers.tick(499);
    await settle();
    assert.equal(world.transports.length, 1);
    t.mock.timers.tick(1);
    await settle();
    assert.deepEqual(world.transports.map(({ name }) => name), ["websocket", "polling"]);
    assert.ok(world.transports[0].closed);
    world.transport.accept();
    t.mock.timers.tick(1000);
    assert.equal(world.manager.engine.readyState, "open");
    world.manager._close();
  });
});
