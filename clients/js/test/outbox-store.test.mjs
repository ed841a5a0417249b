// The outbox's store in IndexedDB, as far as Node can have one (fake-indexeddb); in a browser it is
// tested by `interop/tests/own-client.e2e.test.mjs`.

import "fake-indexeddb/auto";
import assert from "node:assert/strict";
import { it } from "node:test";

import { indexedDbStore, StoreLostError } from "../build/outbox/index.js";

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
