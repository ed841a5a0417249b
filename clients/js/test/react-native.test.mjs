// The browser's build where React Native runs it: its `URL` has getters only, or not even those, its
// `URLSearchParams` neither decodes nor encodes, and much else is not there.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import vm from "node:vm";

import { WebSocket } from "ws";

import { root } from "./project.mjs";
import { startServer } from "./reference-server.mjs";

let server;
before(async () => (server = await startServer()));
after(() => server.close());

const notImplemented = () => {
  throw new Error("not implemented");
};

/** As in React Native 0.7x; `hasGetters` as in later ones. */
function urlClass(hasGetters) {
  class RnUrl {
    constructor(text) {
      this.text = text;
    }
    toString() {
      return this.text;
    }
  }
  for (const name of ["hash", "host", "hostname", "origin", "pathname", "port", "protocol", "search"]) {
    const get = hasGetters
      ? function () {
          return new URL(this.text)[name];
        }
      : notImplemented;
    Object.defineProperty(RnUrl.prototype, name, { get, set: notImplemented });
  }
  Object.defineProperty(RnUrl.prototype, "searchParams", { get: notImplemented });
  return RnUrl;
}

class RnUrlSearchParams {
  constructor(params) {
    this.pairs = typeof params === "object" ? Object.entries(params) : [];
  }
  get = notImplemented;
  has = notImplemented;
  set = notImplemented;
  toString() {
    return this.pairs.map((pair) => pair.join("=")).join("&");
  }
}

/** Loads a built file in such a world. */
function load(file, hasGetters, require) {
  const module = { exports: {} };
  const { queueMicrotask, AbortController, setTimeout, clearTimeout, atob, btoa } = globalThis;
  const context = {
    ...{ queueMicrotask, AbortController, setTimeout, clearTimeout, atob, btoa, WebSocket, module, require },
    // Its answers are no streams.
    fetch: async (...args) => {
      const response = await fetch(...args);
      return { status: response.status, text: () => response.text() };
    },
    URL: urlClass(hasGetters),
    URLSearchParams: RnUrlSearchParams,
    navigator: { product: "ReactNative" },
    // By the package react-native-get-random-values, which an outbox needs there.
    crypto: { getRandomValues: (bytes) => crypto.getRandomValues(bytes) },
  };
  context.window = context.exports = context;
  vm.createContext(context);
  vm.runInContext(fs.readFileSync(path.join(root, "dist", file), "utf8"), context);
  return module.exports;
}

const connected = (socket) =>
  new Promise((resolve, reject) => socket.on("connect", resolve).on("connect_error", reject));

for (const hasGetters of [true, false]) {
  describe(`React Native, ${hasGetters ? "getters only" : "not even getters"}`, { timeout: 180_000 }, () => {
    for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
      it(`connects by ${transports.join(", then ")}`, async () => {
        const { io, Manager } = load("browser/index.cjs", hasGetters);
        const options = { transports, forceNew: true, timestampRequests: true };
        const socket = io(`${server.url}/other?token=ab+cd/ef&%EA%B0%80=%20`, options);
        await connected(socket);
        assert.equal(await socket.emitWithAck("query", "token"), "ab+cd/ef");
        assert.equal(await socket.emitWithAck("query", "가"), " ");
        assert.equal(await socket.emitWithAck("echo", "안녕"), "안녕");
        socket.disconnect();
        const { hostname, port } = new URL(server.url);
        const query = { "k&y": "half \ud83d" };
        const byOptions = new Manager({ hostname, port, transports, query }).socket("/");
        await connected(byOptions);
        assert.equal(await byOptions.emitWithAck("query", "k&y"), "half \ufffd");
        byOptions.disconnect();
      });
    }

    it("has an outbox", async () => {
      const { io } = load("browser/index.cjs", hasGetters);
      const { outbox } = load("outbox.cjs", hasGetters);
      const socket = io(server.url, { transports: ["websocket"], forceNew: true });
      const box = outbox(socket);
      assert.equal(await box.emit("echo", 5), 5);
      assert.equal(box.isDurable, false);
      box.close();
      socket.disconnect();
    });
  });
}
