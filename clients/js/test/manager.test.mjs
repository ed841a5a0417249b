import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";

import { createWorld, record, settle } from "./world.mjs";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"] }));
afterEach(() => mock.timers.reset());

/** Lets time pass in steps, so that timers started by timers run when they are due. */
async function pass(ms, step = 100) {
  for (let passed = 0; passed < ms; passed += step) {
    mock.timers.tick(Math.min(step, ms - passed));
    await settle();
  }
}

describe("Manager: opening", () => {
  it("opens, and tells the callback", async () => {
    const world = createWorld({ autoConnect: false });
    await settle();
    assert.equal(world.transports.length, 0);
    const outcomes = [];
    const events = record(world.manager, "open", "error");
    world.manager.open((error) => outcomes.push(error));
    world.manager.open(() => assert.fail("is opening already"));
    await settle();
    world.transport.accept();
    assert.deepEqual(outcomes, [undefined]);
    assert.deepEqual(events, [["open"]]);
    assert.equal(world.manager.engine.id, "engine");
    world.manager._close();
  });

  it("gives up after the timeout, and goes on trying", async () => {
    const { manager, transports } = createWorld({ timeout: 3000, reconnectionDelay: 500 });
    const events = record(manager, "error", "reconnect_attempt");
    await settle();
    await pass(2900);
    assert.deepEqual(events, []);
    await pass(100);
    assert.equal(events[0][1].message, "timeout");
    assert.equal(transports[0].closed, true);
    await pass(500);
    assert.deepEqual(events[1], ["reconnect_attempt", 1]);
    assert.equal(transports.length, 2);
    manager._close();
  });

  it("has no timeout if that is false", async () => {
    const { manager } = createWorld({ timeout: false });
    const events = record(manager, "error");
    await pass(100_000, 10_000);
    assert.deepEqual(events, []);
    manager._close();
  });

  it("tries the next transport at once if asked to", async () => {
    const world = createWorld({ tryAllTransports: true }, ["a", "b"]);
    const events = record(world.manager, "error", "open");
    await settle();
    world.transport.fail();
    await settle();
    assert.equal(world.transports.length, 2);
    assert.equal(world.transport.name, "b");
    world.transport.accept();
    assert.deepEqual(events, [["open"]]);
    world.manager._close();
  });

  it("says so when there is no transport", async () => {
    const { manager } = createWorld({ transports: ["carrier pigeon"], reconnection: false });
    const events = record(manager, "error");
    await settle();
    assert.equal(events[0][1].message, "No transports available");
  });

  it("survives handshakes that are none", async () => {
    const answers = ["0", "0null", "0{", "0[]", '0"x"', '0{"sid":1,"upgrades":5}', "7", "bé"];
    for (const answer of answers) {
      const world = createWorld({ reconnection: false });
      await settle();
      world.transport.onOpen();
      world.transport.receive(answer);
      await pass(100);
      world.manager._close();
      assert.equal(world.manager.engine.readyState, "closed", answer);
    }
  });

  it("takes no second handshake", async () => {
    const world = createWorld();
    await settle();
    world.transport.accept({ sid: "first" });
    world.transport.receive('0{"sid":"second","upgrades":["websocket"],"pingInterval":1}');
    assert.equal(world.manager.engine.id, "first");
    world.manager._close();
  });
});

describe("Manager: reconnecting", () => {
  it("waits longer each time and starts anew after success", async () => {
    const world = createWorld();
    const { manager } = world;
    const started = Date.now();
    const times = [];
    manager.on("reconnect_attempt", (attempt) => times.push([attempt, Date.now() - started]));
    const events = record(manager, "reconnect", "reconnect_error", "close");
    await settle();
    world.transport.fail();
    for (let attempt = 1; attempt <= 5; attempt++) {
      await pass([1000, 2000, 4000, 5000, 5000][attempt - 1]);
      if (attempt < 5) world.transport.fail("still no route");
    }
    assert.deepEqual(times, [
      [1, 1000],
      [2, 3000],
      [3, 7000],
      [4, 12_000],
      [5, 17_000],
    ]);
    world.transport.accept();
    assert.deepEqual(
      events.map(([name, value]) => [name, value.message ?? value]),
      [...Array(4).fill(["reconnect_error", "still no route"]), ["reconnect", 5]],
    );

    times.length = 0;
    world.transport.lose();
    await settle();
    assert.deepEqual(events.at(-1), ["close", "transport close", { description: "lost" }]);
    await pass(1000);
    assert.deepEqual(times, [[1, 18_000]]);
    manager._close();
  });

  it("ends after so many attempts, until told to open", async () => {
    const world = createWorld({ reconnectionAttempts: 2, reconnectionDelay: 10 });
    const { manager } = world;
    const events = record(manager, "reconnect_attempt", "reconnect_failed");
    await settle();
    for (let round = 0; round < 3; round++) {
      world.transport.fail();
      await pass(100);
    }
    assert.deepEqual(events, [
      ["reconnect_attempt", 1],
      ["reconnect_attempt", 2],
      ["reconnect_failed"],
    ]);
    await pass(60_000, 5000);
    assert.equal(world.transports.length, 3);

    manager.open();
    await settle();
    world.transport.fail();
    await pass(100);
    assert.deepEqual(events.at(-1), ["reconnect_attempt", 1]);
    manager._close();
  });

  it("stops when closed, also while it waits", async () => {
    const world = createWorld();
    const { manager } = world;
    const events = record(manager, "reconnect_attempt");
    await settle();
    world.transport.accept();
    manager._close();
    await pass(10_000);
    manager.open();
    await settle();
    world.transport.fail();
    await pass(500);
    manager._close();
    await pass(10_000);
    assert.deepEqual(events, []);
    assert.equal(world.transports.length, 2);
  });

  it("stops when reconnection is switched off", async () => {
    const world = createWorld();
    await settle();
    world.transport.fail();
    world.manager.reconnection(false);
    await pass(10_000);
    assert.equal(world.transports.length, 1);
  });

  it("can be opened by hand while it waits, and still reconnects later", async () => {
    const world = createWorld();
    const { manager } = world;
    await settle();
    world.transport.fail();
    await pass(500);
    manager.open();
    await settle();
    world.transport.accept();
    await pass(2000);
    assert.equal(world.transports.length, 2);
    world.transport.lose();
    await settle();
    await pass(1000);
    assert.equal(world.transports.length, 3);
    manager._close();
  });

  it("does not reconnect when a callback was to be told", async () => {
    const world = createWorld({ autoConnect: false });
    const outcomes = [];
    world.manager.open((error) => outcomes.push(error.message));
    await settle();
    world.transport.fail();
    await pass(10_000);
    assert.deepEqual(outcomes, ["no route"]);
    assert.equal(world.transports.length, 1);
  });

  it("has its own path where that is empty", () => {
    for (const path of ["", null, undefined]) {
      const { manager } = createWorld({ path });
      assert.equal(manager.engine.opts.path, "/socket.io/");
      manager._close();
    }
  });

  it("has a back-off with the names of socket.io-client", () => {
    const { manager } = createWorld({ autoConnect: false });
    const { backoff } = manager;
    assert.deepEqual([backoff.ms, backoff.max, backoff.factor, backoff.jitter], [1000, 5000, 2, 0]);
    backoff.setMin(10);
    backoff.setMax(65);
    backoff.setJitter(0);
    assert.deepEqual([manager.reconnectionDelay(), manager.reconnectionDelayMax()], [10, 65]);
    assert.deepEqual([1, 2, 3, 4].map(() => backoff.duration()), [10, 20, 40, 65]);
    backoff.reset();
    Object.assign(backoff, { ms: 2, max: 50, factor: 5, jitter: 0 });
    assert.deepEqual([1, 2, 3, 4].map(() => backoff.duration()), [2, 10, 50, 50]);
  });

  it("reads and sets its options by methods", () => {
    const { manager } = createWorld({ autoConnect: false, randomizationFactor: undefined });
    const read = () => [
      manager.reconnection(),
      manager.reconnectionAttempts(),
      manager.reconnectionDelay(),
      manager.reconnectionDelayMax(),
      manager.randomizationFactor(),
      manager.timeout(),
    ];
    assert.deepEqual(read(), [true, Infinity, 1000, 5000, 0.5, 20000]);
    manager
      .reconnection(false)
      .reconnectionAttempts(3)
      .reconnectionDelay(1)
      .reconnectionDelayMax(2)
      .randomizationFactor(0)
      .timeout(false);
    assert.deepEqual(read(), [false, 3, 1, 2, 0, false]);
  });
});

describe("Manager: heartbeat", () => {
  it("closes when no ping came in time; only pings count", async () => {
    const world = createWorld({ reconnection: false });
    const events = record(world.manager, "ping", "close");
    await settle();
    world.transport.accept({ pingInterval: 300, pingTimeout: 200 });
    await pass(400);
    world.transport.receive("2");
    await settle();
    assert.deepEqual(world.transport.sent, ["pong"]);
    await pass(400);
    world.transport.receive('42["x"]', "6");
    await pass(50);
    assert.deepEqual(events, [["ping"]]);
    await pass(50);
    assert.deepEqual(events.slice(1), [["close", "ping timeout", undefined]]);
    assert.equal(world.transport.closed, true);
  });

  it("keeps an event for the next connection when the deadline passed unnoticed", async () => {
    const world = createWorld();
    const socket = world.manager.socket("/");
    const reasons = [];
    socket.on("disconnect", (reason) => reasons.push(reason));
    await settle();
    world.transport.accept().enter();
    await settle();
    // The timer has slept, as in a throttled tab.
    world.manager.engine._pingTimeoutTime = Date.now() - 1;
    socket.emit("late", 1);
    await settle();
    assert.deepEqual(reasons, ["ping timeout"]);
    assert.deepEqual(
      socket.sendBuffer.map(({ data }) => data),
      [["late", 1]],
    );
    await pass(1000);
    world.transport.accept().enter();
    await settle();
    assert.deepEqual(world.transport.sent, ["message 0", 'message 2["late",1]']);
    socket.disconnect();
  });
});

describe("Manager: closing", () => {
  it("closes with the last namespace", async () => {
    const world = createWorld();
    const first = world.manager.socket("/");
    const second = world.manager.socket("/second");
    await settle();
    world.transport.accept().enter().enter("/second,");
    await settle();
    first.disconnect();
    await settle();
    assert.equal(world.transport.closed, false);
    second.disconnect();
    await settle();
    assert.equal(world.transport.closed, true);
    assert.deepEqual(world.transport.sent.slice(2), ["message 1", "message 1/second,"]);
  });

  it("takes a bad packet for a lost connection", async () => {
    for (const bad of ["4abc", "42{}", '42["connect"]', "450-[]", "4", Buffer.from("x").buffer]) {
      const world = createWorld();
      const socket = world.manager.socket("/");
      const events = record(socket, "disconnect");
      await settle();
      world.transport.accept().enter();
      await settle();
      world.transport.receive(bad);
      await settle();
      assert.equal(events[0]?.[1], "parse error", String(bad));
      assert.ok(events[0][2] instanceof Error);
      await pass(1000);
      assert.equal(world.transports.length, 2);
      socket.disconnect();
    }
  });

  it("delivers what came before the end, and then tells of the end", async () => {
    const world = createWorld({ reconnection: false });
    const socket = world.manager.socket("/");
    const events = record(socket, "connect", "x", "disconnect");
    await settle();
    world.transport.accept().enter().receive('42["x",1]', '42["x",2]');
    world.transport.lose();
    await settle();
    assert.deepEqual(
      events.map(([name, value]) => [name, value]),
      [
        ["connect", undefined],
        ["x", 1],
        ["x", 2],
        ["disconnect", "transport close"],
      ],
    );
  });

  it("keeps what a listener emits between the end and its announcement", async () => {
    const world = createWorld();
    const socket = world.manager.socket("/");
    await settle();
    world.transport.accept().enter();
    await settle();
    socket.on("x", () => socket.emit("answer"));
    world.transport.receive('42["x"]');
    world.transport.lose();
    await settle();
    await pass(1000);
    world.transport.accept().enter();
    await settle();
    assert.deepEqual(world.transport.sent, ["message 0", 'message 2["answer"]']);
    socket.disconnect();
  });

  it("sends what is waiting before it closes", async () => {
    const world = createWorld();
    const socket = world.manager.socket("/");
    await settle();
    world.transport.accept().enter();
    await settle();
    world.transport.drains = false;
    socket.emit("last", "words");
    socket.disconnect();
    await settle();
    assert.equal(world.transport.closed, false);
    world.transport.drain();
    world.transport.drain();
    assert.deepEqual(world.transport.sent.slice(1), ['message 2["last","words"]', "message 1"]);
    assert.equal(world.transport.closed, true);
  });
});
