// What pages get that are built with a bundler: every feature that they import, and those that come
// with the package's main entry, whatever of it they name.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import vm from "node:vm";

import { WebSocket } from "ws";

import { BUNDLERS, createProject } from "./project.mjs";
import { startServer } from "./reference-server.mjs";

let project;
let server;
before(async () => {
  [project, server] = await Promise.all([createProject(), startServer()]);
});
after(() => {
  server?.close();
  project?.remove();
});

/** A text that is in a built file if and only if the feature is. */
const MAIN = {
  "the page's network": "network connection lost",
  "the page's history cache": "pageshow",
  retries: "fromQueue",
  "catch-all listeners": "AnyOutgoing",
  "PayloadTooLarge": "bytes, the server takes",
  aliases: "removeAllListeners",
  WebTransport: "createBidirectionalStream",
};
const PARTS = {
  "sockeye-client/outbox": "sockeye-outbox",
  "sockeye-client/shared": "sockeye-shared",
  "sockeye-client/msgpack": "a symbol cannot be sent",
};

const PAGES = {
  "io alone": 'import { io } from "sockeye-client"; globalThis.manager = io(globalThis.address).io;',
  "the default export": 'import io from "sockeye-client"; globalThis.manager = io(globalThis.address).io;',
  "Manager alone": 'import { Manager } from "sockeye-client"; globalThis.manager = new Manager(globalThis.address);',
};
const WITH_PARTS = `
  import { io } from "sockeye-client";
  import { outbox } from "sockeye-client/outbox";
  import { shared } from "sockeye-client/shared";
  import * as parser from "sockeye-client/msgpack";
  globalThis.manager = io(globalThis.address).io;
  globalThis.parts = [outbox, shared, parser.Encoder];
`;

/** Runs a built file as a page would; `dispatchEvent` reaches its listeners. */
function openPage(code) {
  const { URL, URLSearchParams, queueMicrotask, AbortController, setTimeout, clearTimeout, TextEncoder } = globalThis;
  const target = new EventTarget();
  const page = {
    ...{ URL, URLSearchParams, queueMicrotask, AbortController, setTimeout, clearTimeout, TextEncoder },
    ...{ WebSocket, fetch, TextDecoder, Blob, address: server.url },
    addEventListener: target.addEventListener.bind(target),
    dispatchEvent: target.dispatchEvent.bind(target),
  };
  vm.createContext(page);
  vm.runInContext(code, page);
  return page;
}

/** The page is told that it is offline; resolves with why the connection closed. */
async function offline(page) {
  const { manager } = page;
  await new Promise((resolve) => manager.once("open", resolve));
  const closed = new Promise((resolve) => manager.once("close", (...reason) => resolve(reason)));
  page.dispatchEvent(new Event("offline"));
  const [reason, details] = await closed;
  manager._close();
  return `${reason}: ${details?.description}`;
}

function assertContains(code, features) {
  const missing = Object.entries(features).filter(([, text]) => !code.includes(text));
  assert.deepEqual(missing.map(([name]) => name), []);
}

function assertWhole(name, bundle, options) {
  for (const [what, text] of Object.entries(PAGES)) {
    it(`${name} keeps everything for ${what}`, async () => {
      const code = await bundle(project, project.write("page.js", text), options);
      assertContains(code, MAIN);
      assert.equal(await offline(openPage(code)), "transport close: network connection lost");
    });
  }
}

describe("a page built from the installed package", { timeout: 300_000 }, () => {
  for (const [name, bundle] of Object.entries(BUNDLERS)) {
    assertWhole(name, bundle);

    it(`${name} keeps the parts that are imported`, async () => {
      const code = await bundle(project, project.write("page.js", WITH_PARTS));
      assertContains(code, { ...MAIN, ...PARTS });
      const page = openPage(code);
      assert.equal(page.parts.length, 3);
      page.manager._close();
      // The browser's build, without a trace of Node.
      assert.doesNotMatch(code, /node:|createRequire/);
    });
  }
});

describe("a page built from the package's source", { timeout: 300_000 }, () => {
  for (const name of ["Vite", "esbuild"]) assertWhole(name, BUNDLERS[name], { fromSource: true });
});
