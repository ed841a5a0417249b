import assert from "node:assert/strict";
import { openAsBlob, promises as fs } from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { describe, it } from "node:test";

import { Server } from "socket.io";
import { io as officialIo } from "socket.io-client";

import { io } from "../dist/node/index.mjs";
import { memoryStore, outbox, OutboxError, RemoteError, StoreLostError } from "../build/outbox/index.js";
import { makeReliable } from "./reliable-server.mjs";
import { createWorld, settle } from "./world.mjs";

/** A store whose writes are done, in their order, when the test says so. */
function slowStore() {
  const store = lastingStore();
  const waiting = [];
  const later = (method) => (argument) =>
    new Promise((resolve, reject) => waiting.push(() => store[method](argument).then(resolve, reject)));
  return {
    ...store,
    add: later("add"),
    remove: later("remove"),
    /** Writes that are under way. */
    waiting,
    /** Does so many of them. */
    async write(count = waiting.length) {
      for (const write of waiting.splice(0, count)) write();
      await settle();
    },
  };
}

const TERMS = { _outbox: { v: 1, window: 3, age: 600, last: 0 } };

/** A socket with an outbox whose server the test plays. */
async function played(options = {}, terms = TERMS) {
  const world = createWorld({ reconnectionDelay: 10, reconnectionDelayMax: 10 });
  const socket = world.manager.socket("/");
  const box = outbox(socket, options);
  await box.ready;
  const enter = async () => {
    await settle();
    world.transport.accept();
    await settle();
    const sent = world.transport.sent.splice(0);
    world.transport.enter("", "socket-id", terms);
    await settle();
    return sent;
  };
  const sent = () => world.transport.sent.splice(0);
  return { world, socket, box, enter, sent };
}

/** A store that outlives the outboxes on it, as IndexedDB does. */
function lastingStore() {
  const kept = { id: "outbox-id-of-the-test", next: 1, events: new Map() };
  return {
    isDurable: true,
    load: async () => ({ ...kept, events: [...kept.events.values()] }),
    add: async (event) => {
      kept.next = event.number + 1;
      kept.events.set(event.number, structuredClone(event));
    },
    remove: async (numbers) => numbers.forEach((number) => kept.events.delete(number)),
    close() {},
    kept,
  };
}

describe("outbox: on the wire", () => {
  it("offers itself beside what the application says", async () => {
    const { world, socket, enter } = await played({ store: lastingStore() });
    const offered = { _outbox: { v: 1, id: "outbox-id-of-the-test" } };
    assert.deepEqual(await enter(), [`message 0${JSON.stringify(offered)}`]);
    for (const auth of [{ token: 1 }, Object.freeze({ token: 1 }), (say) => say({ token: 1 })]) {
      socket.auth = auth;
      socket.disconnect().connect();
      const [, connect] = /^message 0(.*)/.exec((await enter())[0]);
      assert.deepEqual(JSON.parse(connect), { token: 1, ...offered });
    }
    socket.auth = { token: 1 };
    socket.auth.token = 2;
    socket.disconnect().connect();
    assert.match((await enter())[0], /"token":2/);
    world.manager._close();
  });

  it("numbers events, says which answers it still waits for, and keeps the window", async () => {
    const { world, box, enter, sent } = await played();
    const answers = ["a", "b", "c", "d"].map((name) => box.emit(name, 1));
    await enter();
    assert.deepEqual(sent(), [
      'message 20["a",1,{"_outbox":[1,1]}]',
      'message 21["b",1,{"_outbox":[2,1]}]',
      'message 22["c",1,{"_outbox":[3,1]}]',
    ]);
    world.transport.receive("431[2]");
    await answers[1];
    // The server remembers three answers, and the first is still wanted.
    assert.deepEqual(sent(), []);
    world.transport.receive("430[1]");
    await settle();
    assert.deepEqual(sent(), ['message 23["d",1,{"_outbox":[4,3]}]']);
    world.transport.receive("432[]", '433["last"]', '433["twice"]');
    assert.deepEqual(await Promise.all(answers), [1, 2, undefined, "last"]);
    assert.equal(box.size, 0);
    assert.equal(box.bytes, 0);
    world.manager._close();
  });

  it("sends everything unanswered again, in order, before anything new", async () => {
    const { world, socket, box, enter, sent } = await played();
    const answers = ["a", "b"].map((name) => box.emit(name));
    await enter();
    sent();
    world.transport.receive("430[]");
    await settle();
    world.transport.lose();
    await settle();
    answers.push(box.emit("c"));
    assert.equal(socket.sendBuffer.length, 0);
    // `reconnectionDelay` is ten milliseconds.
    while (world.transports.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await enter();
    assert.deepEqual(sent(), ['message 22["b",{"_outbox":[2,2]}]', 'message 23["c",{"_outbox":[3,2]}]']);
    world.transport.receive("432[]", "433[]");
    await Promise.all(answers);
    world.manager._close();
  });

  it("leaves the argument out where the server takes no part", async () => {
    for (const terms of [{}, { _outbox: { v: 2, window: 5 } }, { _outbox: { v: 1, window: 0 } }]) {
      const { world, box, enter, sent } = await played({}, terms);
      const answer = box.emit("a", 1);
      await enter();
      assert.deepEqual(sent(), ['message 20["a",1]']);
      world.transport.receive("430[7]");
      assert.equal(await answer, 7);
      world.manager._close();
    }
  });
});

describe("outbox: requests", () => {
  it("reject with the error that is the answer, and are not sent again", async () => {
    const given = [];
    const onAnswer = (event, args, ...answer) => given.push([event, ...answer]);
    const { world, box, enter, sent } = await played({ onAnswer });
    const refusal = { error: { code: "too_fast", message: "wait", data: [1] } };
    const answers = [box.request("a", 1), box.emit("b"), box.request("c")];
    await enter();
    assert.equal(sent().length, 3);
    for (const id of [0, 1]) world.transport.receive(`43${id}[${JSON.stringify(refusal)}]`);
    world.transport.receive(`432[${JSON.stringify(refusal)},1]`);
    await assert.rejects(answers[0], (error) => {
      assert.ok(error instanceof RemoteError);
      assert.deepEqual([error.code, error.message, error.data], ["too_fast", "wait", [1]]);
      return true;
    });
    assert.deepEqual(await answers[1], refusal);
    // Not the only argument.
    assert.deepEqual(await answers[2], refusal);
    assert.deepEqual(given, [["a", refusal], ["b", refusal], ["c", refusal, 1]]);
    assert.equal(box.size, 0);
    assert.deepEqual(sent(), []);
    world.manager._close();
  });

  it("resolve with the value, or reject as emit does", async () => {
    const { world, box, enter } = await played({ countMax: 2 });
    const answers = [box.request("a"), box.request("b")];
    await assert.rejects(box.request("c"), (error) => error instanceof OutboxError && error.reason === "full");
    await enter();
    world.transport.receive("430[7,8]", '431[{"error":{"code":"forgotten","message":""}}]');
    assert.equal(await answers[0], 7);
    await assert.rejects(answers[1], (error) => error instanceof OutboxError && error.reason === "forgotten");
    world.manager._close();
  });
});

describe("outbox: bounds", () => {
  const reason = (name) => (error) => error instanceof OutboxError && error.reason === name;

  it("takes as many events as it is told", async () => {
    const { world, box, enter } = await played({ countMax: 2 });
    const answers = [box.emit("a"), box.emit("b")];
    await assert.rejects(box.emit("c"), reason("full"));
    await enter();
    world.transport.receive("430[]");
    await answers[0];
    answers.push(box.emit("d"));
    await assert.rejects(box.emit("e"), reason("full"));
    assert.equal(box.size, 2);
    world.manager._close();
  });

  it("takes as many bytes as it is told, binary ones as well", async () => {
    // ["x","12"] has ten bytes.
    const { world, box } = await played({ bytesMax: 25 });
    box.emit("x", "12").catch(() => {});
    box.emit("x", "12").catch(() => {});
    await assert.rejects(box.emit("x", "12"), reason("full"));
    assert.equal(box.bytes, 20);
    await assert.rejects(box.emit("b", new Uint8Array(20)), reason("full"));
    world.manager._close();
  });

  it("gives up what is too old, and says so", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
    const lost = [];
    const { world, box } = await played({
      ageMax: 1000,
      onLost: (event, args, error) => lost.push([event, args, error.reason]),
    });
    const first = box.emit("a", 1);
    await settle();
    t.mock.timers.tick(600);
    const second = box.emit("b");
    await settle();
    t.mock.timers.tick(400);
    await assert.rejects(first, reason("expired"));
    assert.equal(box.size, 1);
    t.mock.timers.tick(600);
    await assert.rejects(second, reason("expired"));
    assert.deepEqual(lost, [["a", [1], "expired"], ["b", [], "expired"]]);
    world.manager._close();
  });

  it("gives up what can never be sent", async () => {
    const { world, box, enter } = await played();
    await enter();
    await assert.rejects(box.emit("disconnect"), /reserved/);
    await assert.rejects(box.emit("x", () => {}), /could not be cloned/);
    assert.equal(box.size, 0);
    assert.equal(box.bytes, 0);
    world.manager._close();
  });

  it("says that the server has forgotten", async () => {
    const { world, box, enter } = await played();
    const answer = box.emit("a");
    await enter();
    world.transport.receive('430[{"error":{"code":"forgotten","message":"x"}}]');
    await assert.rejects(answer, reason("forgotten"));
    world.manager._close();
  });
});

describe("outbox: a store that takes its time", () => {
  it("is told at once, and each event is sent once it is kept", async () => {
    const store = slowStore();
    const { world, box, enter, sent } = await played({ store });
    await enter();
    for (const name of ["a", "b"]) box.emit(name);
    await settle();
    assert.equal(store.waiting.length, 2);
    assert.deepEqual([box.size, sent()], [2, []]);
    await store.write(1);
    assert.deepEqual(sent(), ['message 20["a",{"_outbox":[1,1]}]']);
    await store.write();
    assert.deepEqual(sent(), ['message 21["b",{"_outbox":[2,1]}]']);
    world.manager._close();
  });

  it("keeps the order although a later event is kept earlier", async () => {
    const adds = [];
    const add = () => new Promise((resolve, reject) => adds.push({ resolve, reject }));
    const { world, box, enter, sent } = await played({ store: { ...lastingStore(), add } });
    await enter();
    const [, second] = ["a", "b", "c"].map((name) => box.emit(name));
    await settle();
    adds[2].resolve();
    await settle();
    assert.deepEqual(sent(), []);
    adds[0].resolve();
    await settle();
    assert.deepEqual(sent(), ['message 20["a",{"_outbox":[1,1]}]']);
    adds[1].reject(new Error("disk full"));
    await assert.rejects(second, /disk full/);
    assert.deepEqual(sent(), ['message 21["c",{"_outbox":[3,1]}]']);
    world.manager._close();
  });

  it("wants an answer until its removal is done, and keeps the window until then", async () => {
    const store = slowStore();
    const { world, box, enter, sent } = await played({ store });
    await enter();
    const answers = ["a", "b", "c", "d"].map((name) => box.emit(name));
    await settle();
    await store.write();
    assert.equal(sent().length, 3);
    world.transport.receive("431[]", "430[]");
    await answers[0];
    assert.equal(box.size, 2);
    // A reload now asks for both answers again: another event could make the server forget them.
    assert.deepEqual(sent(), []);
    await store.write(1);
    assert.deepEqual(sent(), []);
    await store.write();
    assert.deepEqual(sent(), ['message 23["d",{"_outbox":[4,3]}]']);
    // What is answered is not sent again by this page.
    world.transport.receive("432[]");
    await settle();
    box["_socket"].disconnect().connect();
    await enter();
    assert.deepEqual(sent(), ['message 24["d",{"_outbox":[4,3]}]']);
    world.manager._close();
  });

  it("has a hundred events under way with a server that takes no part", async () => {
    const store = slowStore();
    const { world, box, enter, sent } = await played({ store }, {});
    await enter();
    const answers = Array.from({ length: 102 }, (_, number) => box.emit("a", number));
    await settle();
    await store.write();
    assert.equal(sent().length, 100);
    // In any order; one that is on its way out of the store is still under way.
    world.transport.receive("4350[]");
    await answers[50];
    assert.deepEqual(sent(), []);
    await store.write();
    assert.deepEqual(sent(), ['message 2100["a",100]']);
    world.manager._close();
  });

  it("goes on when an answer cannot be noted", async () => {
    const store = { ...lastingStore(), remove: () => Promise.reject(new Error("disk broken")) };
    const { world, box, enter, sent } = await played({ store });
    await enter();
    const [answer] = ["a", "b", "c", "d"].map((name) => box.emit(name));
    await settle();
    sent();
    world.transport.receive("430[]");
    await answer;
    await box.saved();
    assert.deepEqual(sent(), ['message 23["d",{"_outbox":[4,2]}]']);
    world.manager._close();
  });

  it("says when everything is saved", async () => {
    const store = slowStore();
    const { world, box, enter } = await played({ store });
    await enter();
    await box.saved();
    let isSaved = false;
    const save = () => {
      isSaved = false;
      return box.saved().then(() => (isSaved = true));
    };
    for (const name of ["a", "b"]) box.emit(name);
    save();
    await settle();
    await store.write(1);
    assert.ok(!isSaved);
    await store.write(1);
    assert.ok(isSaved);
    world.transport.receive("430[]");
    await settle();
    save();
    await settle();
    assert.ok(!isSaved);
    await store.write();
    assert.ok(isSaved);
    // What comes later is another matter.
    save();
    box.emit("c");
    await settle();
    assert.ok(isSaved);
    world.manager._close();
  });

  it("does not stop for what the application throws", async (t) => {
    const thrown = [];
    t.mock.method(globalThis, "queueMicrotask", (callback) => {
      try {
        callback();
      } catch (error) {
        thrown.push(error.message);
      }
    });
    const { box, socket } = await played({
      onAnswer: () => {
        throw new Error("of the application");
      },
    });
    const answer = box.emit("a");
    await box.saved();
    box["_settle"](1, ["done"]);
    assert.equal(await answer, "done");
    assert.deepEqual(thrown, ["of the application"]);
    socket.io._close();
  });
});

describe("outbox: a store that fails", () => {
  it("refuses what it cannot keep, and sends nothing of it", async () => {
    const store = { ...lastingStore(), add: () => Promise.reject(new Error("disk full")) };
    const { world, box, enter, sent } = await played({ store });
    await enter();
    await assert.rejects(box.emit("a"), /disk full/);
    assert.deepEqual([box.size, box.bytes, sent()], [0, 0, []]);
    world.manager._close();
  });

  it("connects nevertheless when it cannot be read", async () => {
    const world = createWorld();
    const socket = world.manager.socket("/");
    const store = { ...lastingStore(), load: () => Promise.reject(new Error("broken")) };
    const box = outbox(socket, { store });
    await assert.rejects(box.ready, /broken/);
    assert.ok(socket.active);
    await assert.rejects(box.emit("a"), /broken/);
    world.manager._close();
  });
});

describe("outbox: a store that is lost", () => {
  /** A lasting store which can be lost. */
  function losable() {
    const store = lastingStore();
    const state = { isLost: false, closed: 0 };
    const unlessLost = (method) => async (argument) => {
      if (state.isLost) throw new StoreLostError(new Error("closed under the page"));
      return store[method](argument);
    };
    const close = () => state.closed++;
    return [{ ...store, add: unlessLost("add"), remove: unlessLost("remove"), close }, state];
  }

  const idIn = ([packet]) => /"id":"([^"]+)"/.exec(packet)[1];

  it("is said, and the page goes on under another name once the old one has its answers", async () => {
    const [store, state] = losable();
    const told = [];
    const { world, box, socket, enter, sent } = await played({ store, onStoreLost: (error) => told.push(error) });
    const first = idIn(await enter());
    const kept = box.emit("a", 1);
    await settle();
    assert.deepEqual(sent(), ['message 20["a",1,{"_outbox":[1,1]}]']);
    assert.equal(box.isDurable, true);
    state.isLost = true;
    const others = [box.emit("b", 2), box.emit("c", 3)];
    await box.saved();
    assert.equal(box.isDurable, false);
    assert.equal(told.length, 1);
    assert.equal(told[0].cause.message, "closed under the page");
    // The next page will use these numbers under the old name, so they do not go under it.
    assert.deepEqual(sent(), []);
    assert.equal(state.closed, 0);
    const closed = new Promise((resolve) => socket.once("disconnect", resolve));
    world.transport.receive('430["one"]');
    assert.equal(await kept, "one");
    await closed;
    assert.equal(state.closed, 1);
    assert.notEqual(idIn(await enter()), first);
    assert.deepEqual(sent(), ['message 21["b",2,{"_outbox":[2,2]}]', 'message 22["c",3,{"_outbox":[3,2]}]']);
    world.transport.receive('431["two"]', '432["three"]');
    assert.deepEqual(await Promise.all(others), ["two", "three"]);
    const more = box.emit("d");
    await settle();
    assert.deepEqual(sent(), ['message 23["d",{"_outbox":[4,4]}]']);
    world.transport.receive('433["four"]');
    assert.equal(await more, "four");
    assert.equal(state.closed, 1);
    box.close();
    socket.disconnect();
  });

  it("while an answer is noted or nothing is connected is noticed, too", async () => {
    const [store, state] = losable();
    const told = [];
    const { world, box, socket, enter, sent } = await played({ store, onStoreLost: (error) => told.push(error) });
    const first = idIn(await enter());
    const answered = box.emit("a");
    await settle();
    sent();
    state.isLost = true;
    world.transport.receive('430["one"]');
    assert.equal(await answered, "one");
    await settle();
    assert.deepEqual([told.length, box.isDurable], [1, false]);
    const later = box.emit("b");
    assert.notEqual(idIn(await enter()), first);
    assert.match(sent()[0], /\["b",{"_outbox":\[2,2\]}\]/);
    world.transport.receive('431["two"]');
    assert.equal(await later, "two");
    box.close();
    socket.disconnect();
  });

  it("makes no difference to a server that takes no part", async () => {
    const [store, state] = losable();
    const { world, box, socket, enter, sent } = await played({ store }, {});
    await enter();
    const kept = box.emit("a");
    await settle();
    state.isLost = true;
    const other = box.emit("b");
    await settle();
    assert.deepEqual(sent(), ['message 20["a"]', 'message 21["b"]']);
    world.transport.receive('430["one"]', '431["two"]');
    assert.deepEqual(await Promise.all([kept, other]), ["one", "two"]);
    assert.equal(box.isDurable, false);
    assert.equal(socket.connected, true);
    box.close();
    socket.disconnect();
  });
});

describe("outbox: before it is ready", () => {
  /** A store that is read when the test says so. */
  function heldStore() {
    const store = lastingStore();
    const { load } = store;
    let read;
    const until = new Promise((resolve) => (read = resolve));
    store.load = () => until.then(load);
    return { ...store, read };
  }

  /** The methods of a socket that the outbox may have put others over. */
  const own = (socket) => ["connect", "open", "disconnect", "close"].filter((name) => Object.hasOwn(socket, name));

  it("closing it leaves the socket as it was", async () => {
    for (const isActive of [true, false]) {
      const { manager } = createWorld();
      const socket = manager.socket("/");
      if (!isActive) socket.disconnect();
      const { auth } = socket;
      const box = outbox(socket, { store: heldStore() });
      assert.equal(socket.active, false);
      box.close();
      assert.equal(socket.active, isActive);
      assert.deepEqual([own(socket), socket.auth], [[], auth]);
      manager._close();
    }
  });

  it("may be made, closed and made again", async () => {
    const world = createWorld();
    const socket = world.manager.socket("/");
    const store = heldStore();
    outbox(socket, { store: heldStore() }).close();
    const box = outbox(socket, { store });
    await settle();
    assert.equal(world.transports.length, 0);
    store.read();
    await box.ready;
    await settle();
    world.transport.accept();
    await settle();
    assert.deepEqual(world.transport.sent, ['message 0{"_outbox":{"v":1,"id":"outbox-id-of-the-test"}}']);
    socket.disconnect();
  });

  it("a socket does at last what it was told meanwhile", async () => {
    for (const [start, steps, isActive] of [
      [true, ["disconnect"], false],
      [true, ["close"], false],
      [true, ["disconnect", "connect"], true],
      [false, ["connect"], true],
      [false, ["open", "close"], false],
      [true, [], true],
      [false, [], false],
    ]) {
      const world = createWorld();
      const socket = world.manager.socket("/");
      if (!start) socket.disconnect();
      const store = heldStore();
      const box = outbox(socket, { store });
      for (const step of steps) assert.equal(socket[step](), socket);
      await settle();
      assert.equal(world.transports.length, 0);
      store.read();
      await box.ready;
      await settle();
      assert.equal(socket.active, isActive, steps);
      assert.deepEqual(own(socket), []);
      assert.equal(world.transports.length, isActive ? 1 : 0);
      socket.disconnect();
    }
  });

  it("a function that was put around the socket's stays and works", async () => {
    const { manager } = createWorld();
    const socket = manager.socket("/");
    const store = heldStore();
    const calls = [];
    const { disconnect: first } = socket;
    socket.disconnect = () => (calls.push("outer"), first.call(socket));
    const box = outbox(socket, { store });
    const { connect } = socket;
    socket.connect = () => (calls.push("connect"), connect.call(socket));
    store.read();
    await box.ready;
    assert.equal(socket.active, true);
    socket.disconnect();
    assert.equal(socket.active, false);
    socket.connect();
    assert.equal(socket.active, true);
    assert.deepEqual(calls, ["outer", "connect", "outer", "connect"]);
    manager._close();
  });
});

describe("outbox: objects", () => {
  it("that have a toJSON, or a class, are carried as emit would", async () => {
    class Money {
      constructor(amount, link) {
        Object.assign(this, { amount, link });
      }
    }
    class Tagged {
      toJSON(name) {
        return { name, at: new Date(0), bytes: Uint8Array.of(1), self: new Itself() };
      }
    }
    class Itself {
      a = 1;
      toJSON() {
        return this;
      }
    }
    const args = () => [
      new URL("http://a.example/x"),
      { deep: [new URL("http://b.example")] },
      new Money(5, new URL("http://c.example")),
      new Tagged(),
      { named: new Tagged() },
      new Itself(),
      [Object.assign(Object.create(null), { a: new Map([[1, 2]]), d: new Date(1) })],
      Buffer.from("ab"),
    ];
    const plain = createWorld();
    const socket = plain.manager.socket("/");
    // The texts: they count the attachments.
    const seen = async (world) => {
      await settle();
      return world.transport.sent.splice(0).filter((text) => text.startsWith("message 5"));
    };
    await settle();
    plain.transport.accept().enter();
    await settle();
    socket.emit("x", ...args(), () => {});
    const expected = await seen(plain);
    assert.match(expected[0], /"http:\/\/b.example\/"/);
    for (const store of [undefined, lastingStore()]) {
      const { world, box, enter } = await played({ store }, {});
      await enter();
      box.emit("x", ...args()).catch(() => {});
      await box.saved();
      assert.deepEqual(await seen(world), expected);
      world.manager._close();
    }
    plain.manager._close();
  });
});

describe("outbox: binary data that changes", () => {
  it("is kept as it was when it was emitted", async () => {
    const store = lastingStore();
    const stored = [];
    const { add } = store;
    store.add = (event) => (stored.push(event.args), add(event));
    const { box, socket } = await played({ store });
    const shared = new Uint8Array(new SharedArrayBuffer(2)).fill(1);
    const plain = Uint8Array.of(1, 1);
    box.emit("x", { list: [shared] }, plain, new Date(0)).catch(() => {});
    shared.fill(2);
    plain.fill(2);
    await box.saved();
    assert.deepEqual(stored[0].slice(1, 3), [{ list: [Uint8Array.of(1, 1)] }, Uint8Array.of(1, 1)]);
    assert.ok(stored[0][1].list[0].buffer instanceof ArrayBuffer);
    assert.ok(stored[0][3] instanceof Date);
    box.close();
    socket.disconnect();
  });

  it("is read before it is kept, in order, or refused", async () => {
    const store = lastingStore();
    const stored = [];
    const { add } = store;
    store.add = (event) => (stored.push(event.args), add(event));
    const { box, socket } = await played({ store });
    const file = path.join(await fs.mkdtemp(path.join(os.tmpdir(), "sockeye-client-")), "file");
    await fs.writeFile(file, "as it was");
    const readable = await openAsBlob(file);
    const first = box.emit("first", { file: readable });
    const second = box.emit("second");
    await box.saved();
    assert.deepEqual(stored, [["first", { file: new TextEncoder().encode("as it was") }], ["second"]]);
    await fs.writeFile(file, "as it is now, which is longer");
    await assert.rejects(box.emit("third", [readable]), { name: "NotReadableError" });
    assert.deepEqual([box.size, stored.length], [2, 2]);
    for (const promise of [first, second]) promise.catch(() => {});
    await box.saved();
    await fs.rm(path.dirname(file), { recursive: true });
    box.close();
    socket.disconnect();
  });
});

describe("outbox: after a reload", () => {
  it("goes on with the same numbers, and tells of their answers", async () => {
    const store = lastingStore();
    const before = await played({ store });
    before.box.emit("a", Uint8Array.of(1)).catch(() => {});
    before.box.emit("b").catch(() => {});
    await before.enter();
    before.world.transport.receive("431[]");
    await settle();
    before.box.close();
    before.world.manager._close();
    await assert.rejects(before.box.emit("x"), /closed/);

    const answers = [];
    const onAnswer = (...answer) => answers.push(answer);
    const after = await played({ store, onAnswer });
    assert.equal(after.box.size, 1);
    assert.ok(after.box.isDurable);
    await after.enter();
    after.box.emit("c").catch(() => {});
    await settle();
    const sent = after.sent().filter((packet) => packet.startsWith("message 2") || packet.startsWith("message 5"));
    assert.deepEqual(sent, [
      'message 51-0["a",{"_placeholder":true,"num":0},{"_outbox":[1,1]}]',
      'message 21["c",{"_outbox":[3,1]}]',
    ]);
    after.world.transport.receive('430["done"]');
    await settle();
    assert.deepEqual(answers, [["a", [Uint8Array.of(1)], "done"]]);
    assert.deepEqual([...store.kept.events.keys()], [3]);
    after.world.manager._close();
  });
});

for (const [name, connect] of [["ours", io], ["socket.io-client", officialIo]]) {
  describe(`outbox: a line that breaks, with ${name}`, { timeout: 180_000 }, () => {
    for (const isReliable of [true, false]) {
      it(`loses nothing, and ${isReliable ? "doubles nothing" : "may repeat"}`, async (t) => {
        const server = http.createServer();
        const sio = new Server(server);
        if (isReliable) makeReliable(sio.of("/"), { window: 5 });
        const handled = [];
        sio.on("connection", (socket) => {
          socket.on("store", (number, answer) => {
            handled.push(number);
            // The line breaks before some answers and after others.
            if (number % 7 === 3 && handled.filter((n) => n === number).length === 1) {
              if (number % 2) return socket.conn.close();
              answer(number);
              return socket.conn.close();
            }
            answer(number);
          });
        });
        await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
        t.after(() => sio.close());
        const url = `http://127.0.0.1:${server.address().port}`;
        // Not polling: the official server takes half a minute to close a session without poll.
        const quick = { reconnectionDelay: 5, reconnectionDelayMax: 5, transports: ["websocket"] };
        const socket = connect(url, { forceNew: true, ...quick });
        t.after(() => socket.disconnect());
        const box = outbox(socket, { store: memoryStore() });
        const numbers = Array.from({ length: 40 }, (_, number) => number);
        const answers = await Promise.all(
          numbers.filter((number) => !isReliable || number % 14 !== 3).map((n) => box.emit("store", n)),
        );
        const expected = numbers.filter((number) => !isReliable || number % 14 !== 3);
        assert.deepEqual(answers, expected);
        assert.equal(box.size, 0);
        if (isReliable) assert.deepEqual(handled, expected);
        else assert.deepEqual([...new Set(handled)].sort((a, b) => a - b), expected);
      });
    }
  });
}
