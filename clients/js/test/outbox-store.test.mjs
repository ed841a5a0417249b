// The outbox's store in IndexedDB, as far as Node can have one (fake-indexeddb); in a browser it is
// tested by `interop/tests/own-client.e2e.test.mjs`.

import "fake-indexeddb/auto";
import assert from "node:assert/strict";
import { it } from "node:test";

import { indexedDbStore, outbox, StoreLostError } from "../build/outbox/index.js";
import { createWorld, settle } from "./world.mjs";

/** Web Locks of one page: each name is free once. */
function locks() {
  const held = new Set();
  return {
    async request(name, _options, callback) {
      if (held.has(name)) return callback(null);
      held.add(name);
      await callback({ name });
      held.delete(name);
    },
  };
}

Object.defineProperty(globalThis, "navigator", { configurable: true, value: { locks: locks() } });

const event = (number, ...args) => ({ number, args: ["store", ...args], bytes: 1, time: 0 });

/** Counts the transactions that are started from now on, and those that are committed at once. */
function transactions(t) {
  const starts = t.mock.method(IDBDatabase.prototype, "transaction");
  const commits = t.mock.method(IDBTransaction.prototype, "commit");
  return () => [starts.mock.callCount(), commits.mock.callCount()];
}

it("writes at once, and together what comes together", async (t) => {
  const store = await indexedDbStore("together");
  const { id } = await store.load();
  const counts = transactions(t);
  const writes = [store.add(event(1)), store.add(event(2)), store.add(event(3))];
  assert.deepEqual(counts(), [1, 0]);
  await Promise.resolve();
  assert.deepEqual(counts(), [1, 1]);
  // The first is not done yet.
  writes.push(store.remove([1, 2]), store.add(event(4)));
  await Promise.resolve();
  assert.deepEqual(counts(), [2, 2]);
  await Promise.all(writes);
  assert.deepEqual(await store.load(), { id, next: 5, events: [event(3), event(4)] });
  await store.remove([3, 4]);
  assert.deepEqual(await store.load(), { id, next: 5, events: [] });
  store.close();
});

it("refuses what cannot be stored, and nothing beside it", async () => {
  const store = await indexedDbStore("refuses");
  await store.load();
  const [, bad] = await Promise.allSettled([1, () => {}, 3].map((arg, n) => store.add(event(n + 1, arg))));
  assert.equal(bad.reason.name, "DataCloneError");
  assert.deepEqual((await store.load()).events, [event(1, 1), event(3, 3)]);
  // A number is used once.
  await assert.rejects(store.add(event(1)), { name: "ConstraintError" });
  store.close();
  await assert.rejects(store.add(event(5)), { name: "InvalidStateError" });
});

/** Returns a function that closes the database that was used last, as browsers do under a page. */
function underThePage(t) {
  let last;
  const { transaction } = IDBDatabase.prototype;
  t.mock.method(IDBDatabase.prototype, "transaction", function (...args) {
    last = this;
    return transaction.apply(this, args);
  });
  return () => last.close();
}

it("is opened again when the browser has closed it", async (t) => {
  const closeUnderThePage = underThePage(t);
  const store = await indexedDbStore("closed");
  const { id } = await store.load();
  await store.add(event(1));
  const opened = t.mock.method(IDBFactory.prototype, "open");
  for (const [number, times] of [[2, 1], [4, 2]]) {
    closeUnderThePage();
    // All that comes meanwhile waits for the same.
    await Promise.all([store.add(event(number)), store.remove([number - 1]), store.add(event(number + 1))]);
    assert.equal(opened.mock.callCount(), times);
  }
  assert.deepEqual(await store.load(), { id, next: 6, events: [event(2), event(4), event(5)] });
  // The lock is still this page's.
  const other = await indexedDbStore("closed");
  assert.notEqual((await other.load()).id, id);
  other.close();
  store.close();
});

it("writes once what the browser may have cut off in the middle", async () => {
  const store = await indexedDbStore("cut");
  await store.load();
  const { add } = IDBObjectStore.prototype;
  let cuts = 0;
  IDBObjectStore.prototype.add = function (...args) {
    const request = add.apply(this, args);
    // It is written, but the store cannot know that.
    if (cuts++ === 0) throw new DOMException("connection lost", "UnknownError");
    return request;
  };
  try {
    await store.add(event(1));
  } finally {
    IDBObjectStore.prototype.add = add;
  }
  assert.deepEqual((await store.load()).events, [event(1)]);
  store.close();
});

it("says that it is lost when it cannot be opened again", async (t) => {
  const closeUnderThePage = underThePage(t);
  const store = await indexedDbStore("lost");
  await store.load();
  closeUnderThePage();
  const broken = t.mock.method(IDBFactory.prototype, "open", () => {
    throw new Error("no storage any more");
  });
  const outcomes = await Promise.allSettled([store.add(event(1)), store.remove([1])]);
  broken.mock.restore();
  for (const { reason } of outcomes) {
    assert.ok(reason instanceof StoreLostError);
    assert.equal(reason.cause.message, "no storage any more");
  }
  store.close();
});

it("is each page's own, until the page lets it go", async () => {
  const one = await indexedDbStore("pages");
  const other = await indexedDbStore("pages");
  const ids = [one, other].map((store) => store.load().then(({ id }) => id));
  const [first, second] = await Promise.all(ids);
  assert.notEqual(first, second);
  await other.add(event(1));
  one.close();
  other.close();
  // What was left behind comes first.
  const heir = await indexedDbStore("pages");
  assert.deepEqual(await heir.load(), { id: second, next: 2, events: [event(1)] });
  heir.close();
});

it("is none where the browser has it, but refuses to open it", async (t) => {
  t.mock.method(IDBFactory.prototype, "open", () => {
    throw new Error("no storage in this window");
  });
  assert.equal(await indexedDbStore("broken"), undefined);
});

it("is none where it cannot be read", async (t) => {
  const close = t.mock.method(IDBDatabase.prototype, "close");
  t.mock.method(IDBObjectStore.prototype, "getAll", () => {
    throw new Error("a broken disk");
  });
  assert.equal(await indexedDbStore("broken"), undefined);
  assert.equal(close.mock.callCount(), 1);
});

/** Opening a database never comes to an end. Returns what makes it do so after all. */
function neverOpens(t) {
  const { open } = IDBFactory.prototype;
  const later = [];
  const hung = t.mock.method(IDBFactory.prototype, "open", function (...args) {
    const request = {};
    later.push(() => {
      const real = open.apply(this, args);
      real.onupgradeneeded = () => request.onupgradeneeded.call(real);
      real.onsuccess = () => {
        Object.defineProperty(request, "result", { value: real.result });
        request.onsuccess();
      };
    });
    return request;
  });
  return () => {
    hung.mock.restore();
    for (const answer of later) answer();
  };
}

/** Lets six seconds pass, and what is waited for besides. */
async function pass(t) {
  await settle();
  t.mock.timers.tick(6000);
  await settle();
}

/** Resolves when a database can be deleted, as nobody has it open. */
function deleted() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase("sockeye-outbox");
    request.onsuccess = () => resolve();
    request.onblocked = () => reject(new Error("somebody has it open"));
  });
}

it("is none where the browser does not answer in time; then the outbox is in memory", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const answer = neverOpens(t);
  const none = indexedDbStore("silent");
  const { manager } = createWorld();
  const socket = manager.socket("/");
  const box = outbox(socket, { name: "silent" });
  assert.equal(socket.active, false);
  await pass(t);
  assert.equal(await none, undefined);
  await box.ready;
  assert.deepEqual([socket.active, box.isDurable], [true, false]);
  box.close();
  manager._close();
  // What comes later is given back.
  answer();
  t.mock.timers.reset();
  for (let round = 0; round < 300; round++) await settle();
  await deleted();
  const store = await indexedDbStore("silent");
  assert.ok(store);
  store.close();
});

it("is none where locks do not answer, or reading does not", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const hung = t.mock.method(navigator.locks, "request", () => new Promise(() => {}));
  const box = outbox(createWorld({ autoConnect: false }).manager.socket("/"), { name: "hung" });
  for (let round = 0; round < 300; round++) await settle();
  await pass(t);
  await box.ready;
  assert.equal(box.isDurable, false);
  hung.mock.restore();
  const store = await indexedDbStore("hung");
  t.mock.method(IDBDatabase.prototype, "transaction", () => ({ objectStore: () => ({ get: () => ({}) }) }));
  const load = assert.rejects(store.load(), /no answer/);
  await pass(t);
  await load;
  store.close();
});

it("is lost when opening it again takes too long", async (t) => {
  const closeUnderThePage = underThePage(t);
  const { manager } = createWorld({ autoConnect: false });
  const lost = [];
  const box = outbox(manager.socket("/"), { name: "again", onStoreLost: (error) => lost.push(error) });
  await box.ready;
  assert.equal(box.isDurable, true);
  box.emit("a").catch(() => {});
  await box.saved();
  closeUnderThePage();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const answer = neverOpens(t);
  box.emit("b").catch(() => {});
  await pass(t);
  await box.saved();
  assert.deepEqual([lost.length, lost[0] instanceof StoreLostError, box.isDurable], [1, true, false]);
  t.mock.timers.reset();
  box.close();
  answer();
  for (let round = 0; round < 20; round++) await settle();
  await deleted();
});

it("does not keep others from deleting it, and goes on", async () => {
  const store = await indexedDbStore("deleted");
  const { id } = await store.load();
  await store.add(event(1));
  await deleted();
  await store.add(event(2));
  assert.deepEqual(await store.load(), { id, next: 3, events: [event(2)] });
  store.close();
});

it("is none where looking for it is an error", async (t) => {
  for (const name of ["indexedDB", "navigator"]) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    const get = () => {
      throw new DOMException("not in this frame", "SecurityError");
    };
    const value = { get locks() { return get(); } };
    Object.defineProperty(globalThis, name, { configurable: true, ...(name === "navigator" ? { value } : { get }) });
    try {
      assert.equal(await indexedDbStore("forbidden"), undefined);
      const { manager } = createWorld();
      const box = outbox(manager.socket("/"));
      await box.ready;
      assert.deepEqual([box.isDurable, manager.socket("/").active], [false, true]);
      manager._close();
    } finally {
      Object.defineProperty(globalThis, name, before);
    }
  }
});

it("is found by the outbox that is made behind one that was closed at once", async () => {
  const { manager } = createWorld({ autoConnect: false });
  const make = (nsp) => outbox(manager.socket(nsp), { name: "twice" });
  const first = make("/");
  first.emit("kept").catch(() => {});
  await first.saved();
  first.close();
  await settle();
  make("/").close();
  const second = make("/");
  await second.ready;
  assert.equal(second.size, 1);
  second.close();
});
