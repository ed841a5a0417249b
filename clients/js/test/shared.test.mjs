// Tabs of one browser: instances in this process, which talk over BroadcastChannel as tabs do; only
// the locks, which Node does not have, are played.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";

import { io } from "../dist/node/index.mjs";
import { RemoteError, shared } from "../build/shared/index.js";
import { startServer } from "./reference-server.mjs";

/** Web Locks as far as they are used: one holder, the others wait in order. */
class Locks {
  #queues = new Map();

  request(name, { signal }, callback) {
    return new Promise((resolve, reject) => {
      const queue = this.#queues.get(name) ?? [];
      this.#queues.set(name, queue);
      const entry = { start: () => Promise.resolve(callback()).then(end) };
      const end = () => {
        queue.splice(queue.indexOf(entry), 1);
        resolve();
        queue[0]?.start();
      };
      signal.addEventListener("abort", () => {
        if (queue[0] === entry) return;
        queue.splice(queue.indexOf(entry), 1);
        reject(new Error("aborted"));
      });
      queue.push(entry);
      if (queue[0] === entry) queueMicrotask(() => entry.start());
    });
  }
}

let server;
const platform = Object.getOwnPropertyDescriptor(globalThis, "navigator");
before(async () => {
  server = await startServer();
  Object.defineProperty(globalThis, "navigator", { configurable: true, value: { locks: new Locks() } });
});
after(() => {
  server.close();
  if (platform) Object.defineProperty(globalThis, "navigator", platform);
  else delete globalThis.navigator;
});

const tabs = [];
afterEach(() => tabs.splice(0).forEach((tab) => tab.close()));

let names = 0;
function openTabs(count, { socket, ...options } = {}) {
  const name = `test ${names++}`;
  const create = () => io(server.url, { forceNew: true, transports: ["websocket"], ...socket });
  const opened = Array.from({ length: count }, () => shared(create, { name, ...options }));
  tabs.push(...opened);
  return opened;
}

async function until(what, holds) {
  const end = Date.now() + 60_000;
  while (!holds()) {
    assert.ok(Date.now() < end, `waited for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The server sees a connection end some time after the client. */
const sessions = (count) =>
  until(`${count} sessions`, () => server.io.engine.clientsCount === count);

const connected = (all) => until("all tabs to be connected", () => all.every((tab) => tab.connected));

describe("shared connection", { timeout: 180_000 }, () => {
  it("is one for ten tabs, which all emit, ask and listen", async () => {
    const all = openTabs(10);
    const seen = all.map(() => []);
    all.forEach((tab, index) => tab.on("all", (...args) => seen[index].push(args)));
    await connected(all);
    await sessions(1);
    assert.equal(all.filter(({ isLeader }) => isLeader).length, 1);
    assert.equal(new Set(all.map(({ id }) => id)).size, 1);

    const answers = await Promise.all(all.map((tab, index) => tab.emitWithAck("echo", index)));
    assert.deepEqual(answers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.equal(await new Promise((resolve) => all[9].emit("echo", "a", resolve)), "a");
    all[5].emit("all", Uint8Array.of(1, 2), { nested: ["x"] });
    await until("the event in all tabs", () => seen.every((events) => events.length === 1));
    for (const [[bytes, nested]] of seen) {
      assert.deepEqual([...bytes], [1, 2]);
      assert.deepEqual(nested, { nested: ["x"] });
    }
  });

  it("rejects requests of every tab with the error that is the answer", async () => {
    const all = openTabs(2, { socket: { ackTimeout: 60_000 } });
    await connected(all);
    const refusal = { error: { code: "full", message: "no room", data: { free: 0 } } };
    for (const tab of all) {
      await assert.rejects(tab.request("echo", refusal), (error) => {
        assert.ok(error instanceof RemoteError);
        assert.deepEqual([error.code, error.message, error.data], ["full", "no room", { free: 0 }]);
        return true;
      });
      assert.deepEqual(await tab.emitWithAck("echo", refusal), refusal);
      assert.equal(await tab.request("echo", 5), 5);
      assert.deepEqual(await tab.request("echo", refusal, "and more"), refusal);
      await assert.rejects(tab.timeout(20).request("no such event"), /^Error: operation has timed out$/);
    }
  });

  it("ends requests of every tab when the socket of the leader says so", async () => {
    const all = openTabs(2, { socket: { ackTimeout: 20 } });
    await connected(all);
    for (const tab of all) await assert.rejects(tab.request("no such event"), /operation has timed out/);
  });

  it("passes to the next tab when the one that has it closes", async () => {
    const all = openTabs(3);
    await connected(all);
    const [first, ...rest] = all.sort((one, other) => other.isLeader - one.isLeader);
    const events = [];
    rest[0].on("disconnect", (reason) => events.push(reason));
    rest[0].on("connect", () => events.push("connect"));
    const { id } = first;
    first.close();
    // At once: there is nobody who has the connection.
    const answer = rest[1].emitWithAck("echo", "in between");
    assert.equal(await answer, "in between");
    await until("the new connection", () => rest.every((tab) => tab.connected && tab.id !== id));
    assert.equal(rest.filter(({ isLeader }) => isLeader).length, 1);
    await sessions(1);
    assert.deepEqual(events.at(-1), "connect");
    await assert.rejects(first.timeout(10).emitWithAck("echo"), /closed/);
  });

  it("says that an answer will not come when the tab that asked for it is gone", async () => {
    const all = openTabs(2);
    await connected(all);
    const [leader, other] = all.sort((one, two) => two.isLeader - one.isLeader);
    const answer = other.emitWithAck("no such event");
    await other.emitWithAck("echo");
    leader.close();
    await assert.rejects(answer, /disconnected/);
    await connected([other]);
  });

  it("lets the first tab answer the server's questions", async () => {
    const all = openTabs(2);
    await connected(all);
    const other = all.find(({ isLeader }) => !isLeader);
    const leader = all.find(({ isLeader }) => isLeader);
    let late;
    other.on("question", (value, answer) => answer(`${value}!`));
    leader.on("question", (_value, answer) => (late = answer));
    const answered = new Promise((resolve) => other.once("answer", resolve));
    other.emit("ask", "why");
    assert.equal(await answered, "why!");
    late("too late");
  });

  it("times out, refuses reserved names, and bounds what waits", async () => {
    const all = openTabs(2, { callsMax: 2 });
    await connected(all);
    const other = all.find(({ isLeader }) => !isLeader);
    await assert.rejects(other.timeout(10).emitWithAck("no such event"), /timed out/);
    await assert.rejects(other.emitWithAck("disconnect"), /reserved/);
    const waiting = [1, 2].map(() => other.emitWithAck("no such event").catch(() => {}));
    assert.throws(() => other.emit("echo"), /more than 2 calls/);
    other.close();
    await Promise.all(waiting);
  });

  it("are each for themselves where the page may not use locks or channels", async (t) => {
    const { navigator, BroadcastChannel } = globalThis;
    const refuse = () => {
      throw new DOMException("not in this frame", "SecurityError");
    };
    const set = (name, value) => Object.defineProperty(globalThis, name, { configurable: true, writable: true, value });
    t.after(() => {
      set("navigator", navigator);
      set("BroadcastChannel", BroadcastChannel);
    });
    for (const [name, value] of [
      ["navigator", { get locks() { return refuse(); } }],
      ["navigator", { locks: { request: async () => refuse() } }],
      ["BroadcastChannel", refuse],
    ]) {
      set(name, value);
      const [tab] = openTabs(1);
      await until("a connection", () => tab.connected);
      assert.equal(tab.isLeader, true);
      set("navigator", navigator);
      set("BroadcastChannel", BroadcastChannel);
    }
  });

  it("is each tab's own where tabs cannot find each other", async (t) => {
    const { locks } = globalThis.navigator;
    t.after(() => (globalThis.navigator.locks = locks));
    delete globalThis.navigator.locks;
    const all = openTabs(2);
    await connected(all);
    await sessions(2);
    assert.equal(await all[0].emitWithAck("echo", 1), 1);
  });
});
