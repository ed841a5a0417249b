// The outbox's store in IndexedDB, as far as Node can have one (fake-indexeddb); in a browser it is
// tested by `interop/tests/own-client.e2e.test.mjs`.

import "fake-indexeddb/auto";
import assert from "node:assert/strict";
import { it } from "node:test";

import { indexedDbStore } from "../build/outbox/index.js";

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
