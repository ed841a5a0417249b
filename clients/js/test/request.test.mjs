// `request`: answers that are errors reject, and it always ends.

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";

import { io as official } from "socket.io-client";

import { isErrorAnswer, RemoteError } from "../build/index.js";
import { request } from "../build/request.js";
import { Socket as CoreSocket } from "../build/socket.js";
import { io as core } from "../dist/socket.io.esm.min.js";
import { io as websocket } from "../dist/websocket.esm.min.js";
import { createWorld, record, settle } from "./world.mjs";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"] }));
afterEach(() => mock.timers.reset());

async function connected(options = {}) {
  const world = createWorld();
  const socket = world.manager.socket("/", options);
  await settle();
  world.transport.accept().enter();
  await settle();
  world.transport.sent.length = 0;
  return { world, socket };
}

const FULL = { error: { code: "full", message: "no room", data: { free: 0 } } };

/** Answers as a server sends them, which are values, whatever they resemble. */
const VALUES = [
  "null",
  "7",
  '"error"',
  "[]",
  "{}",
  '{"error":null}',
  '{"error":"no"}',
  '{"error":{"code":"a"}}',
  '{"error":{"message":"b"}}',
  '{"error":{"code":1,"message":"b"}}',
  '{"error":{"code":"a","message":null}}',
  '{"error":{"code":"a","message":"b"},"more":1}',
  '{"code":"a","message":"b"}',
  '[{"error":{"code":"a","message":"b"}}]',
];

/** What a promise has come to by now. */
function watch(promise) {
  const outcome = {};
  promise.then(
    (value) => (outcome.value = value),
    (error) => (outcome.error = error),
  );
  return outcome;
}

describe("request", () => {
  it("sends an event and resolves with the first value of the answer", async () => {
    const { world, socket } = await connected();
    const answers = [socket.request("join", { room: 1 }), socket.request("ping"), socket.request("none")];
    await settle();
    assert.deepEqual(world.transport.sent, ['message 20["join",{"room":1}]', 'message 21["ping"]', 'message 22["none"]']);
    world.transport.receive('430[{"people":3}]', '431["first","second"]', "432[]");
    assert.deepEqual(await Promise.all(answers), [{ people: 3 }, "first", undefined]);
    assert.deepEqual(Object.keys(socket.acks), []);
    socket.disconnect();
  });

  it("rejects with the error that the server answers with", async () => {
    const { world, socket } = await connected();
    const full = watch(socket.request("join"));
    const plain = watch(socket.timeout(50).request("join"));
    const more = watch(socket.request("join"));
    world.transport.receive(`430[${JSON.stringify(FULL)}]`, '431[{"error":{"code":"decode","message":"what?"}}]');
    world.transport.receive('432[{"error":{"code":"late","message":"wait","retry_after":2}}]');
    await settle();
    assert.ok(full.error instanceof RemoteError && full.error instanceof Error);
    assert.equal(String(full.error), "RemoteError: no room");
    assert.equal(full.error.code, "full");
    assert.deepEqual(full.error.data, { free: 0 });
    assert.match(full.error.stack, /^RemoteError: no room\n|^Error: no room\n/);
    assert.deepEqual([plain.error.code, plain.error.message, plain.error.data], ["decode", "what?", undefined]);
    assert.equal(more.error.code, "late");
    // Nothing is left that might end it once more.
    mock.timers.tick(30_000);
    await settle();
    assert.deepEqual(Object.keys(socket.acks), []);
    socket.disconnect();
  });

  it("takes for a value what is more, or less, than an error", async () => {
    const { world, socket } = await connected();
    for (const [id, json] of VALUES.entries()) {
      const answer = watch(socket.request("x"));
      world.transport.receive(`43${id}[${json}]`);
      await settle();
      assert.deepEqual(answer, { value: JSON.parse(json) });
      assert.equal(isErrorAnswer(JSON.parse(json)), false, json);
    }
    // An error is the only argument.
    const answer = watch(socket.request("x"));
    world.transport.receive(`43${VALUES.length}[${JSON.stringify(FULL)},null]`);
    await settle();
    assert.deepEqual(answer, { value: FULL });
    assert.equal(isErrorAnswer(FULL), true);
    assert.equal(isErrorAnswer(undefined), false);
    socket.disconnect();
  });

  it("leaves emitWithAck and callbacks as they are: an error is a value", async () => {
    const { world, socket } = await connected();
    const seen = [];
    const answer = socket.emitWithAck("join");
    socket.emit("join", (...args) => seen.push(args));
    socket.timeout(50).emit("join", (...args) => seen.push(args));
    for (const id of [0, 1, 2]) world.transport.receive(`43${id}[${JSON.stringify(FULL)}]`);
    assert.deepEqual(await answer, FULL);
    assert.deepEqual(seen, [[FULL], [null, FULL]]);
    const waits = watch(socket.emitWithAck("slow"));
    await settle();
    mock.timers.tick(30_000);
    await settle();
    assert.deepEqual(waits, {});
    socket.disconnect();
  });

  it("ends after 10 seconds, or when timeout() or ackTimeout say so", async () => {
    for (const [options, timeout, ms] of [
      [{}, undefined, 10_000],
      [{ ackTimeout: 300 }, undefined, 300],
      [{ ackTimeout: 300 }, 50, 50],
      [{}, 20_000, 20_000],
    ]) {
      const { world, socket } = await connected(options);
      if (timeout) socket.timeout(timeout);
      const answer = watch(socket.request("x"));
      mock.timers.tick(ms - 1);
      await settle();
      assert.deepEqual(answer, {});
      mock.timers.tick(1);
      await settle();
      assert.equal(answer.error?.message, "operation has timed out");
      assert.ok(!(answer.error instanceof RemoteError));
      assert.deepEqual(Object.keys(socket.acks), []);
      // The answer comes too late for anybody.
      world.transport.receive("430[1]");
      socket.disconnect();
    }
  });

  it("waits for a connection as long, and is not sent after that", async () => {
    const world = createWorld();
    const socket = world.manager.socket("/");
    const late = watch(socket.request("late"));
    await settle();
    mock.timers.tick(9_999);
    const inTime = watch(socket.request("in time"));
    mock.timers.tick(1);
    await settle();
    assert.equal(late.error?.message, "operation has timed out");
    world.transport.accept().enter();
    await settle();
    assert.deepEqual(world.transport.sent, ["message 0", 'message 21["in time"]']);
    world.transport.receive('431["yes"]');
    await settle();
    assert.deepEqual(inTime, { value: "yes" });
    socket.disconnect();
  });

  it("ends with the connection that it was sent on, as emitWithAck does", async () => {
    const { world, socket } = await connected();
    const answers = [watch(socket.request("x")), watch(socket.emitWithAck("x"))];
    world.transport.lose();
    await settle();
    for (const { error } of answers) assert.equal(error?.message, "socket has been disconnected");
    socket.disconnect();
  });

  it("rejects what cannot be sent, and holds nothing for the next event", async () => {
    const { world, socket } = await connected();
    await assert.rejects(socket.request("connect"), /reserved/);
    await assert.rejects(socket.request("x", 1n), TypeError);
    const seen = [];
    socket.emit("plain", (...args) => seen.push(args));
    const limited = watch(socket.request("x"));
    const waits = watch(socket.emitWithAck("no limit"));
    world.transport.receive("431[7]");
    await settle();
    assert.deepEqual(seen, [[7]]);
    mock.timers.tick(30_000);
    await settle();
    assert.deepEqual(waits, {});
    assert.equal(limited.error?.message, "operation has timed out");
    socket.disconnect();
  });

  it("ends, too, when it is volatile and was dropped", async () => {
    const { world, socket } = await connected();
    world.transport.drains = false;
    socket.emit("a");
    const dropped = watch(socket.volatile.request("dropped"));
    const short = watch(socket.volatile.timeout(5).request("dropped"));
    world.transport.drain();
    mock.timers.tick(5);
    await settle();
    assert.equal(short.error?.message, "operation has timed out");
    mock.timers.tick(9_995);
    await settle();
    assert.equal(dropped.error?.message, "operation has timed out");
    assert.deepEqual(world.transport.sent, ['message 2["a"]']);
    world.transport.drains = true;
    world.transport.drain();
    const sent = watch(socket.volatile.request("sent"));
    assert.match(world.transport.sent.at(-1), /"sent"/);
    socket.disconnect();
    await settle();
    assert.equal(sent.error?.message, "socket has been disconnected");
  });

  it("is tried for 10 seconds each time with the option retries, and not again for an error", async () => {
    const { world, socket } = await connected({ retries: 1 });
    const unanswered = watch(socket.request("first"));
    const refused = watch(socket.request("second"));
    assert.deepEqual(world.transport.sent.splice(0), ['message 20["first"]']);
    mock.timers.tick(10_000);
    await settle();
    assert.deepEqual(world.transport.sent.splice(0), ['message 21["first"]']);
    mock.timers.tick(10_000);
    await settle();
    assert.equal(unanswered.error?.message, "operation has timed out");
    assert.deepEqual(world.transport.sent.splice(0), ['message 22["second"]']);
    world.transport.receive(`432[${JSON.stringify(FULL)}]`);
    await settle();
    assert.equal(refused.error?.code, "full");
    assert.deepEqual(world.transport.sent, []);
    socket.disconnect();
  });

  it("can be told apart from other errors, whichever copy of the library made it", async () => {
    const built = await import("../dist/node/index.mjs");
    const names = ["outbox", "shared", "request"];
    const copies = await Promise.all(names.map((name) => import(`../dist/${name}.mjs`)));
    const made = [built, ...copies].map((copy) => new copy.RemoteError({ code: "a", message: "b", data: [1] }));
    for (const error of made) {
      assert.ok(error instanceof RemoteError);
      assert.ok(error instanceof built.RemoteError);
      assert.deepEqual([error.code, error.message, error.data], ["a", "b", [1]]);
    }
    for (const other of [new Error("b"), undefined, null, "RemoteError"]) {
      assert.ok(!(other instanceof RemoteError));
    }
  });

  it("raises the listeners for what is sent as any event does", async () => {
    const { socket } = await connected();
    const seen = [];
    socket.onAnyOutgoing((...args) => seen.push(args));
    const ends = record(socket, "disconnect");
    const answer = watch(socket.request("x", 1));
    socket.disconnect();
    await settle();
    assert.deepEqual(seen, [["x", 1]]);
    assert.equal(ends.length, 1);
    assert.equal(answer.error?.message, "socket has been disconnected");
  });
});

/** Sockets that have no `request`, not connected. */
const WITHOUT = {
  "the core": (options) => core("http://request.example", options),
  "the WebSocket build": (options) => websocket("http://request.example", options),
  "socket.io-client": (options) => official("http://request.example", options),
};

describe("request as a function", () => {
  it("tells errors from values, for a socket of the core", async () => {
    const world = createWorld();
    const socket = new CoreSocket(world.manager, "/");
    await settle();
    world.transport.accept().enter();
    await settle();
    assert.equal("request" in socket, false);
    const outcomes = [];
    for (const [id, answer] of [...VALUES, JSON.stringify(FULL)].entries()) {
      const seen = watch(request(socket.timeout(50), "join", id));
      assert.equal(world.transport.sent.at(-1), `message 2${id}["join",${id}]`);
      world.transport.receive(`43${id}[${answer}]`);
      await settle();
      outcomes.push(seen);
    }
    const { error } = outcomes.pop();
    assert.ok(error instanceof RemoteError);
    assert.deepEqual([error.code, error.message, error.data], ["full", "no room", { free: 0 }]);
    assert.deepEqual(outcomes, VALUES.map((json) => ({ value: JSON.parse(json) })));
    const lost = watch(request(socket, "x"));
    world.transport.lose();
    await settle();
    assert.equal(lost.error?.message, "socket has been disconnected");
    socket.disconnect();
  });

  for (const [name, make] of Object.entries(WITHOUT)) {
    it(`ends in time for ${name}`, async () => {
      for (const [options, timeout, ms] of [
        [{}, undefined, 10_000],
        [{ ackTimeout: 300 }, undefined, 300],
        [{ ackTimeout: 20_000 }, undefined, 20_000],
        [{ ackTimeout: 300 }, 50, 50],
        [{}, 20_000, 20_000],
      ]) {
        const socket = make({ autoConnect: false, forceNew: true, ...options });
        assert.equal("request" in socket, false);
        const answer = watch(request(timeout ? socket.timeout(timeout) : socket, "x", 1));
        mock.timers.tick(ms - 1);
        await settle();
        assert.deepEqual(answer, {});
        mock.timers.tick(1);
        await settle();
        assert.equal(answer.error?.message, "operation has timed out");
        assert.deepEqual(socket.sendBuffer, []);
      }
    });

    it(`rejects what cannot be sent, and leaves nothing to the next event of ${name}`, async () => {
      const socket = make({ autoConnect: false, forceNew: true });
      for (const asked of [socket, socket.timeout(5)]) await assert.rejects(request(asked, "connect"), /reserved/);
      assert.deepEqual(socket.flags, {});
      const seen = [];
      socket.emit("plain", (...args) => seen.push(args));
      mock.timers.tick(30_000);
      await settle();
      assert.deepEqual(seen, []);
      assert.equal(socket.sendBuffer.length, 1);
    });
  }

  it("leaves no time to the next event while an official socket with retries keeps it", async () => {
    const socket = official("http://request.example", { autoConnect: false, forceNew: true, retries: 1 });
    const kept = watch(request(socket, "x"));
    assert.deepEqual(socket.flags, {});
    assert.equal(socket._queue[0].flags.timeout, 10_000);
    await settle();
    assert.deepEqual(kept, {});
  });
});
