import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, describe, it, mock } from "node:test";

import { io, Manager, Socket } from "../build/index.js";
import * as msgpack from "../build/msgpack/index.js";
import { root } from "./project.mjs";
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

/** The connection is lost and comes back. */
async function reconnect(world) {
  world.transport.lose();
  await settle();
  mock.timers.tick(1000);
  await settle();
  world.transport.accept();
  await settle();
}

describe("Socket: connecting", () => {
  it("connects when the connection is there, and again when it is back", async () => {
    const world = createWorld();
    const socket = world.manager.socket("/chat", { auth: { token: "t" } });
    const events = record(socket, "connect", "disconnect");
    assert.equal(socket.active, true);
    await settle();
    world.transport.accept();
    await settle();
    assert.deepEqual(world.transport.sent, ['message 0/chat,{"token":"t"}']);
    world.transport.enter("/other,", "not mine");
    await settle();
    assert.equal(socket.connected, false);
    world.transport.enter("/chat,", "mine");
    await settle();
    assert.equal(socket.id, "mine");
    await reconnect(world);
    assert.deepEqual(world.transport.sent, ['message 0/chat,{"token":"t"}']);
    assert.deepEqual(
      events.map(([name]) => name),
      ["connect", "disconnect"],
    );
    assert.equal(socket.id, undefined);
    socket.disconnect();
  });

  it("asks only once however often connect() is called", async () => {
    const world = createWorld();
    const socket = world.manager.socket("/");
    socket.connect().open();
    await settle();
    world.transport.accept();
    socket.connect().connect();
    await settle();
    assert.deepEqual(world.transport.sent, ["message 0"]);
    socket.disconnect();
  });

  it("asks without anything where auth is null, with either parser", async () => {
    for (const parser of [undefined, msgpack]) {
      const auths = [null, false, "", 0, (provide) => provide(null), (provide) => provide()];
      for (const auth of auths) {
        const world = createWorld({ parser });
        const socket = world.manager.socket("/", { auth });
        const asked = async () => {
          await settle();
          world.transport.accept();
          await settle();
          return world.transport.sent;
        };
        const bytes = parser && new parser.Encoder().encode({ type: 0, nsp: "/" })[0];
        const expected = [`message ${bytes ?? 0}`];
        assert.deepEqual(await asked(), expected);
        socket.auth = { token: 1 };
        socket.auth = auth;
        socket.disconnect().connect();
        assert.deepEqual(await asked(), expected);
        socket.disconnect();
      }
    }
  });

  it("takes null for no options", async () => {
    const { manager } = createWorld({ autoConnect: false });
    for (const socket of [manager.socket("/a", null), new Socket(manager, "/b", null), new Socket(manager, "/c")]) {
      assert.equal(socket.emit("x", () => {}).sendBuffer.length, 1);
    }
    for (const socket of [
      io("http://played.example", null),
      io(null, null),
      new Manager(null, null).socket("/"),
      new Manager("http://played.example", null).socket("/"),
    ]) {
      assert.equal(socket.active, true);
      socket.disconnect();
    }
    assert.equal(new Manager(null, { path: "/p", autoConnect: false }).opts.path, "/p");
  });

  it("connects when it is made, unless the manager is told not to", async () => {
    const world = createWorld();
    const socket = new Socket(world.manager, "/x");
    assert.equal(socket.active, true);
    await settle();
    world.transport.accept();
    await settle();
    assert.deepEqual(world.transport.sent, ["message 0/x,"]);
    socket.disconnect();
    const { manager } = createWorld({ autoConnect: false });
    assert.equal(new Socket(manager, "/x").active, false);
  });

  it("asks the auth function for each connection, and takes no late answer", async () => {
    const world = createWorld();
    const asked = [];
    const socket = world.manager.socket("/", { auth: (provide) => asked.push(provide) });
    await settle();
    world.transport.accept();
    await reconnect(world);
    assert.equal(asked.length, 2);
    asked[0]({ n: 1 });
    asked[1]({ n: 2 });
    await settle();
    assert.deepEqual(world.transport.sent, ['message 0{"n":2}']);
    socket.disconnect();
    asked[1]({ n: 3 });
    await settle();
    assert.equal(world.transport.sent.length, 1);
  });

  it("tells of refusals and of connections that cannot be made", async () => {
    const world = createWorld();
    const socket = world.manager.socket("/");
    const events = record(socket, "connect_error", "disconnect");
    await settle();
    world.transport.fail("xhr poll error");
    assert.equal(events[0][1].message, "xhr poll error");
    assert.equal(events[0][1].type, "TransportError");
    assert.equal(socket.active, true);
    mock.timers.tick(1000);
    await settle();
    world.transport.accept().receive('44{"message":"no","data":{"why":1}}');
    await settle();
    assert.equal(events[1][1].message, "no");
    assert.deepEqual(events[1][1].data, { why: 1 });
    assert.equal(socket.active, false);
    assert.equal(events.length, 2);
  });

  it("survives answers that are none", async () => {
    for (const answer of [
      "40",
      "40{}",
      "40[]",
      "44",
      '44"text"',
      "44[]",
      "44null",
      "43[]",
      "439[]",
    ]) {
      const world = createWorld({ reconnection: false });
      const socket = world.manager.socket("/");
      await settle();
      world.transport.accept().receive(answer);
      await settle();
      assert.equal(socket.connected, false, answer);
      socket.disconnect();
    }
  });

  it("restores its state where the server can", async () => {
    const { world, socket } = await connected();
    await reconnect(world);
    world.transport.enter("", "a", { pid: "private" });
    await settle();
    assert.equal(socket.recovered, false);
    world.transport.receive('42["x","offset-1"]', '42["y",5]');
    await settle();
    await reconnect(world);
    assert.deepEqual(world.transport.sent, ['message 0{"pid":"private","offset":"offset-1"}']);
    // Missed packets come before the confirmation.
    const events = record(socket, "connect", "missed");
    world.transport.receive('42["missed","offset-2"]').enter("", "a", { pid: "private" });
    await settle();
    assert.equal(socket.recovered, true);
    assert.deepEqual(events, [["missed", "offset-2"], ["connect"]]);
    socket.disconnect();
  });
});

describe("Socket: leaving before the answer", () => {
  /** `/b` beside a namespace that keeps the connection open. */
  async function besideAnother(auth) {
    const { world, socket: root } = await connected();
    const socket = world.manager.socket("/b", { auth });
    await settle();
    assert.equal(world.transport.sent.length, 1);
    world.transport.sent.length = 0;
    const events = record(socket, "connect", "connect_error", "disconnect");
    return { world, root, socket, events };
  }

  it("is told to the server when it has answered", async () => {
    const { world, root, socket, events } = await besideAnother();
    const packets = record(world.manager, "packet");
    socket.disconnect();
    await settle();
    assert.deepEqual(world.transport.sent, []);
    world.transport.enter("/b,", "ghost");
    await settle();
    assert.deepEqual(world.transport.sent, ["message 1/b,"]);
    assert.deepEqual(events, []);
    assert.deepEqual(packets, []);
    world.transport.receive('42/b,["for nobody"]');
    await settle();
    assert.equal(socket.connected, false);
    root.disconnect();
  });

  it("is over when the server refuses, or the connection is lost", async () => {
    const { world, root, socket, events } = await besideAnother();
    socket.disconnect();
    world.transport.receive('44/b,{"message":"no"}');
    await settle();
    assert.deepEqual(world.transport.sent, []);
    socket.connect();
    await settle();
    assert.deepEqual(world.transport.sent, ["message 0/b,"]);
    socket.disconnect();
    await reconnect(world);
    assert.deepEqual(world.transport.sent, ["message 0"]);
    socket.connect();
    world.transport.enter("/b,", "b");
    await settle();
    assert.deepEqual(events, [["connect"]]);
    root.disconnect();
    socket.disconnect();
  });

  it("and coming back asks once at a time, with what counts then", async () => {
    const { world, root, socket, events } = await besideAnother({ n: 1 });
    socket.disconnect().connect().disconnect();
    socket.auth = { n: 2 };
    socket.connect();
    await settle();
    assert.deepEqual(world.transport.sent, []);
    world.transport.enter("/b,", "first");
    await settle();
    assert.deepEqual(world.transport.sent, ["message 1/b,"]);
    assert.deepEqual(events, []);
    mock.timers.tick(99);
    await settle();
    assert.equal(world.transport.sent.length, 1);
    mock.timers.tick(1);
    await settle();
    assert.deepEqual(world.transport.sent, ["message 1/b,", 'message 0/b,{"n":2}']);
    world.transport.enter("/b,", "second");
    await settle();
    assert.deepEqual(events, [["connect"]]);
    assert.equal(socket.id, "second");
    root.disconnect();
    socket.disconnect();
  });

  it("and coming back while the server refuses asks again", async () => {
    const { world, root, socket, events } = await besideAnother();
    socket.disconnect().connect();
    world.transport.receive('44/b,{"message":"no"}');
    await settle();
    assert.deepEqual(world.transport.sent, ["message 0/b,"]);
    assert.deepEqual(events, []);
    world.transport.receive('44/b,{"message":"still no"}');
    await settle();
    assert.equal(events[0][1].message, "still no");
    assert.equal(socket.active, false);
    root.disconnect();
  });

  it("takes no auth of before it left", async () => {
    const asked = [];
    const { world, socket: root } = await connected();
    const socket = world.manager.socket("/b", { auth: (provide) => asked.push(provide) });
    socket.disconnect().connect();
    assert.equal(asked.length, 2);
    asked[0]({ n: 1 });
    asked[1]({ n: 2 });
    await settle();
    assert.deepEqual(world.transport.sent, ['message 0/b,{"n":2}']);
    root.disconnect();
    socket.disconnect();
  });

  it("after being let in, leaves time before it asks again, on the same connection only", async () => {
    const { world, root, socket, events } = await besideAnother();
    world.transport.enter("/b,", "b");
    await settle();
    socket.disconnect().connect().disconnect().connect();
    await settle();
    assert.deepEqual(world.transport.sent, ["message 1/b,"]);
    mock.timers.tick(100);
    await settle();
    assert.deepEqual(world.transport.sent, ["message 1/b,", "message 0/b,"]);
    assert.deepEqual(events.map(([name]) => name), ["connect", "disconnect"]);
    world.transport.enter("/b,", "again");
    await settle();
    socket.disconnect().connect();
    await reconnect(world);
    assert.deepEqual(world.transport.sent, ["message 0", "message 0/b,"]);
    mock.timers.tick(200);
    await settle();
    assert.equal(world.transport.sent.length, 2);
    root.disconnect();
    socket.disconnect();
  });
});

describe("Socket: what was left", () => {
  it("is forgotten: listeners, acknowledgements, buffers", async () => {
    const { world, socket: root } = await connected();
    const { manager } = world;
    const names = Object.keys(manager._callbacks);
    const counts = () => names.map((name) => manager._callbacks[name]?.length ?? 0);
    const before = counts();
    for (let index = 0; index < 10_000; index++) {
      const socket = manager.socket(`/${index}`);
      const nsp = `/${index},`;
      if (index % 2) {
        world.transport.enter(nsp, "id").receive(`42${nsp}["x"]`);
        // Entered one by one, so that each is in before it leaves.
        if (index % 1000 === 1) await settle();
        socket.timeout(1000).emit("asks", () => {});
      }
      socket.disconnect();
    }
    await settle();
    assert.deepEqual(counts(), before);
    assert.deepEqual(Object.keys(manager._callbacks), names);
    assert.equal(manager._active.size, 1);
    for (const socket of Object.values(manager.nsps)) {
      assert.deepEqual(socket.receiveBuffer, []);
      if (socket !== root) assert.equal(socket.subs, undefined);
    }
    // As with socket.io-client it is the same socket again, with the application's listeners.
    assert.equal(manager.socket("/7"), manager.nsps["/7"]);
    root.disconnect();
    manager._close();
  });

  it("costs less than 1 kB, as with socket.io-client: the socket, which can be asked for again", () => {
    const script = `
      import { Manager } from "sockeye-client";
      const manager = new Manager("http://127.0.0.1:1", { autoConnect: false });
      manager.socket("/").subEvents();
      const leave = (from, to) => {
        for (let index = from; index < to; index++) {
          const socket = manager.socket("/namespace " + index);
          socket.subEvents();
          socket.disconnect();
        }
        gc();
        return process.memoryUsage().heapUsed;
      };
      const before = leave(0, 1000);
      console.log((leave(1000, 11000) - before) / 10000);
    `;
    const args = ["--expose-gc", "--input-type=module", "--eval", script];
    const bytes = Number(execFileSync(process.execPath, args, { cwd: root, encoding: "utf8" }));
    assert.ok(bytes < 1000, `${bytes} bytes`);
  });
});

describe("Socket: recovery that is cut", () => {
  /** A socket that may recover and has seen the event `one`; the connection is back, not confirmed. */
  async function returned() {
    const { world, socket } = await connected();
    await reconnect(world);
    world.transport.enter("", "a", { pid: "private" }).receive('42["x","one"]');
    await settle();
    await reconnect(world);
    const events = record(socket, "connect", "x");
    return { world, socket, events };
  }

  /** What the client asks with: the packet sent last. */
  const asked = (world) => world.transport.sent.at(-1);

  it("delivers once what comes before the reply, also when that does not come", async () => {
    const { world, socket, events } = await returned();
    assert.equal(asked(world), 'message 0{"pid":"private","offset":"one"}');
    world.transport.receive('42["x","two"]', '42["x","three"]');
    await settle();
    assert.equal(socket.receiveBuffer.length, 2);
    await reconnect(world);
    assert.equal(asked(world), 'message 0{"pid":"private","offset":"one"}');
    assert.deepEqual(socket.receiveBuffer, []);
    world.transport.receive('42["x","two"]', '42["x","three"]').enter("", "a", { pid: "private" });
    await settle();
    assert.deepEqual(events, [["x", "two"], ["x", "three"], ["connect"]]);
    assert.equal(socket.recovered, true);
    socket.disconnect();
  });

  it("delivers once what comes behind the reply, as far as it came", async () => {
    const { world, socket, events } = await returned();
    world.transport.enter("", "a", { pid: "private" }).receive('42["x","two"]');
    await settle();
    await reconnect(world);
    assert.equal(asked(world), 'message 0{"pid":"private","offset":"two"}');
    world.transport.enter("", "a", { pid: "private" }).receive('42["x","three"]');
    await settle();
    assert.deepEqual(events, [["connect"], ["x", "two"], ["connect"], ["x", "three"]]);
    socket.disconnect();
  });

  it("forgets them however the connection ends", async () => {
    const ends = {
      "what comes is no packet": ({ transport }) => transport.receive('42["x","two"]', "bad"),
      "another message is wanted": ({ transport }) => transport.receive('42["x","two"]', '451-["x"]', "42[]"),
      "the server refuses": ({ transport }) => transport.receive('42["x","two"]', '44{"message":"no"}'),
      "the socket leaves": async ({ transport }, socket) => {
        transport.receive('42["x","two"]');
        await settle();
        socket.disconnect();
      },
      "the socket leaves and comes back before they are looked at": ({ transport }, socket) => {
        transport.receive('42["x","two"]');
        socket.disconnect().connect();
      },
    };
    for (const [name, end] of Object.entries(ends)) {
      const { world, socket, events } = await returned();
      await end(world, socket);
      await settle();
      assert.deepEqual(socket.receiveBuffer, [], name);
      socket.connect();
      mock.timers.tick(1000);
      await settle();
      if (world.transport.readyState === "opening") world.transport.accept();
      await settle();
      assert.equal(asked(world), 'message 0{"pid":"private","offset":"one"}', name);
      world.transport.receive('42["x","two"]').enter("", "a", { pid: "private" });
      await settle();
      assert.deepEqual(events, [["x", "two"], ["connect"]], name);
      socket.disconnect();
    }
  });
});

describe("Socket: sending", () => {
  it("keeps events until it is connected, in order", async () => {
    const world = createWorld();
    const socket = world.manager.socket("/");
    socket.emit("a", 1);
    socket.send("text");
    socket.volatile.emit("dropped");
    const outgoing = [];
    socket.onAnyOutgoing((...args) => outgoing.push(args));
    assert.equal(socket.sendBuffer.length, 2);
    assert.deepEqual(outgoing, []);
    await settle();
    world.transport.accept().enter();
    socket.on("connect", () => socket.emit("from the listener"));
    await settle();
    assert.deepEqual(world.transport.sent, [
      "message 0",
      'message 2["a",1]',
      'message 2["message","text"]',
      'message 2["from the listener"]',
    ]);
    assert.equal(socket.sendBuffer.length, 0);
    assert.equal(outgoing.length, 3);
    socket.disconnect();
  });

  it("refuses names of its own events", async () => {
    const { socket } = await connected();
    const names = [
      "connect",
      "connect_error",
      "disconnect",
      "disconnecting",
      "newListener",
      "removeListener",
    ];
    for (const name of names) {
      assert.throws(() => socket.emit(name), { message: `"${name}" is a reserved event name` });
    }
    socket.emit("error", "is allowed");
    socket.disconnect();
  });

  it("drops volatile events while the transport is busy", async () => {
    const { world, socket } = await connected();
    world.transport.drains = false;
    socket.volatile.emit("first");
    socket.volatile.emit("second");
    socket.emit("third");
    world.transport.drain();
    await settle();
    assert.deepEqual(world.transport.sent, ['message 2["first"]', 'message 2["third"]']);
    socket.disconnect();
  });

  it("applies flags to one packet only", async () => {
    const { world, socket } = await connected();
    const packets = record(world.manager.engine, "packetCreate");
    socket.compress(false).emit("a");
    socket.emit("b");
    assert.deepEqual(
      packets.map(([, { options }]) => options.compress),
      [false, true],
    );
    const outcomes = [];
    socket.timeout(100).emit("c", (...values) => outcomes.push(values));
    socket.emit("d", (...values) => outcomes.push(values));
    world.transport.receive("431[7]");
    await settle();
    mock.timers.tick(100);
    assert.deepEqual(
      outcomes.map((values) => values[0].message ?? values[0]),
      [7, "operation has timed out"],
    );
    socket.disconnect();
  });
});

describe("Socket: acknowledgements", () => {
  it("forgets an event whose acknowledgement timed out before it was sent", async () => {
    const world = createWorld();
    const socket = world.manager.socket("/");
    const outcomes = [];
    socket.timeout(500).emit("a", (error) => outcomes.push(error.message));
    socket.emit("b");
    await settle();
    mock.timers.tick(499);
    assert.deepEqual(outcomes, []);
    mock.timers.tick(1);
    assert.deepEqual(outcomes, ["operation has timed out"]);
    world.transport.accept().enter();
    await settle();
    assert.deepEqual(world.transport.sent, ["message 0", 'message 2["b"]']);
    socket.disconnect();
  });

  it("calls back once, whatever the server sends", async () => {
    const { world, socket } = await connected();
    const outcomes = [];
    socket.timeout(500).emit("a", (...values) => outcomes.push(values));
    world.transport.receive('430["ok"]', '430["again"]', "4399[]");
    await settle();
    mock.timers.tick(1000);
    assert.deepEqual(outcomes, [[null, "ok"]]);
    assert.deepEqual(Object.keys(socket.acks), []);
    socket.disconnect();
  });

  it("fails those that take an error when the connection is lost, and keeps unsent ones", async () => {
    const { world, socket } = await connected();
    const outcomes = [];
    socket.emit("plain", () => outcomes.push("never"));
    socket.timeout(60_000).emit("with error", (error) => outcomes.push(error.message));
    const promised = assert.rejects(socket.emitWithAck("promised"), /socket has been disconnected/);
    world.transport.lose();
    await promised;
    assert.deepEqual(outcomes, ["socket has been disconnected"]);
    assert.deepEqual(Object.keys(socket.acks), []);

    const later = socket.emitWithAck("later");
    mock.timers.tick(1000);
    await settle();
    world.transport.accept().enter();
    await settle();
    assert.deepEqual(world.transport.sent, ["message 0", 'message 23["later"]']);
    world.transport.receive('433["at last"]');
    assert.equal(await later, "at last");
    socket.disconnect();
  });

  it("acknowledges the server's events once", async () => {
    const { world, socket } = await connected();
    socket.on("question", (value, ack) => {
      ack(value, Uint8Array.of(1));
      ack("again");
    });
    world.transport.receive('4212["question","q"]');
    await settle();
    assert.deepEqual(world.transport.sent, [
      'message 61-12["q",{"_placeholder":true,"num":0}]',
      "message 1",
    ]);
    socket.disconnect();
  });
});

describe("Socket: retries", () => {
  it("sends again until acknowledged, in order, with new ids", async () => {
    const { world, socket } = await connected({ retries: 2, ackTimeout: 100 });
    const outcomes = [];
    socket.emit("a", (...values) => outcomes.push(values));
    socket.emit("b");
    await settle();
    assert.deepEqual(world.transport.sent, ['message 20["a"]']);
    assert.equal(socket._queue.length, 2);
    mock.timers.tick(100);
    await settle();
    // The answer to the first try is too late, the one to the second counts.
    world.transport.receive('430["late"]', '431["ok"]');
    await settle();
    assert.deepEqual(world.transport.sent, [
      'message 20["a"]',
      'message 21["a"]',
      'message 22["b"]',
    ]);
    assert.deepEqual(outcomes, [[null, "ok"]]);
    for (let round = 0; round < 3; round++) {
      mock.timers.tick(100);
      await settle();
    }
    assert.deepEqual(world.transport.sent.slice(2), [
      'message 22["b"]',
      'message 23["b"]',
      'message 24["b"]',
    ]);
    assert.equal(socket._queue.length, 0);
    socket.disconnect();
  });

  it("gives up after so many tries", async () => {
    const { world, socket } = await connected({ retries: 1, ackTimeout: 100 });
    const promised = assert.rejects(socket.emitWithAck("a"), /timed out/);
    for (let round = 0; round < 2; round++) {
      await settle();
      mock.timers.tick(100);
    }
    await promised;
    assert.equal(world.transport.sent.length, 2);
    socket.disconnect();
  });

  it("sends again on a new connection", async () => {
    const { world, socket } = await connected({ retries: 5, ackTimeout: 60_000 });
    const done = socket.emitWithAck("a");
    socket.volatile.emit("not queued");
    await settle();
    await reconnect(world);
    world.transport.enter();
    await settle();
    assert.deepEqual(world.transport.sent, ["message 0", 'message 21["a"]']);
    world.transport.receive('431["ok"]');
    assert.equal(await done, "ok");
    socket.disconnect();
  });
});

describe("Socket: catch-all listeners", () => {
  it("come before, in their order, and can be removed", async () => {
    const { world, socket } = await connected();
    const calls = [];
    const one = (...args) => calls.push(["one", ...args]);
    const two = () => calls.push(["two"]);
    socket.on("x", () => calls.push(["x"]));
    socket.onAny(one).prependAny(two);
    assert.deepEqual(socket.listenersAny(), [two, one]);
    world.transport.receive('42["x",1]');
    await settle();
    assert.deepEqual(calls, [["two"], ["one", "x", 1], ["x"]]);
    socket.offAny(two);
    assert.deepEqual(socket.listenersAny(), [one]);
    socket.offAny();
    assert.deepEqual(socket.listenersAny(), []);

    socket.onAnyOutgoing(one).prependAnyOutgoing(two);
    assert.deepEqual(socket.listenersAnyOutgoing(), [two, one]);
    calls.length = 0;
    socket.emit("y", 2);
    assert.deepEqual(calls, [["two"], ["one", "y", 2]]);
    socket.offAnyOutgoing(one).offAnyOutgoing();
    assert.deepEqual(socket.listenersAnyOutgoing(), []);
    socket.disconnect();
  });

  it("are removed once each, those that are there", async () => {
    const { socket } = await connected();
    const [one, two, other] = [() => {}, () => {}, () => {}];
    socket.onAny(one).onAny(two).onAny(one);
    const before = socket.listenersAny();
    assert.deepEqual(socket.offAny(one).listenersAny(), [two, one]);
    assert.deepEqual(socket.offAny(other).listenersAny(), [two, one]);
    // The list that is gone through while an event is raised stays as it was.
    assert.deepEqual(before, [one, two, one]);
    socket.disconnect();
  });

  it("may throw, which is reported and stops nothing", async () => {
    const { world, socket } = await connected();
    const calls = [];
    const faulty = (name) => {
      throw new Error(`a mistake at ${name}`);
    };
    socket.onAny(faulty).onAny((name) => calls.push(`any ${name}`)).on("x", () => calls.push("x"));
    socket.onAnyOutgoing(faulty).onAnyOutgoing((name) => calls.push(`out ${name}`));
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    const uncaught = [];
    process.on("uncaughtException", ({ message }) => uncaught.push(message));
    world.transport.receive('42["x"]');
    await settle();
    socket.emit("y");
    await settle();
    process.removeAllListeners("uncaughtException");
    for (const listener of listeners) process.on("uncaughtException", listener);
    assert.deepEqual(calls, ["any x", "x", "out y"]);
    assert.deepEqual(uncaught, ["a mistake at x", "a mistake at y"]);
    assert.equal(world.transport.sent.at(-1), 'message 2["y"]');
    socket.disconnect();
  });
});
