// The React and Svelte bindings in real React and Svelte, in a window of happy-dom.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

import { build } from "esbuild";
import { Window } from "happy-dom";

import { startServer } from "./reference-server.mjs";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const window = new Window();
Object.assign(globalThis, { window, document: window.document, IS_REACT_ACT_ENVIRONMENT: true });
const NAMES = "Comment DocumentFragment Element Event HTMLElement HTMLInputElement HTMLMediaElement";
for (const name of [...NAMES.split(" "), "Node", "SVGElement", "Text", "navigator"]) {
  globalThis[name] ??= window[name];
}

const { useEvent, useSocket, useStatus } = await import("sockeye-client/react");
const { createElement: h, StrictMode, act, useState } = await import("react");
const { createRoot } = await import("react-dom/client");
const { renderToString } = await import("react-dom/server");

let server;
before(async () => (server = await startServer()));
after(() => {
  server.close();
  window.close();
});

/** Waits for a condition, letting React work meanwhile. */
async function until(what, holds) {
  const end = Date.now() + 60_000;
  while (!holds()) {
    assert.ok(Date.now() < end, `waited for ${what}`);
    await act(() => new Promise((resolve) => setTimeout(resolve, 5)));
  }
}

/** How many sessions there are, and were. */
function countSessions(t) {
  const counts = { opened: 0 };
  const onConnection = () => counts.opened++;
  server.io.engine.on("connection", onConnection);
  t.after(() => server.io.engine.off("connection", onConnection));
  return counts;
}

const OPTIONS = { transports: ["websocket"], forceNew: true };
if (!globalThis.WebSocket) globalThis.WebSocket = (await import("ws")).WebSocket;

describe("React", { timeout: 180_000 }, () => {
  const mounted = [];
  afterEach(async () => {
    await act(async () => mounted.splice(0).forEach((root) => root.unmount()));
    // So that the next test does not come back to this connection.
    await until("the end", () => server.io.engine.clientsCount === 0);
  });

  async function mount(element) {
    const root = createRoot(document.createElement("div"));
    mounted.push(root);
    await act(async () => root.render(h(StrictMode, null, element)));
    return root;
  }

  it("leaves no ghost in a namespace whose server takes its time", async () => {
    const { io } = await import("sockeye-client");
    // It keeps the connection.
    const other = io(server.url, { transports: ["websocket"] });
    await new Promise((resolve) => other.on("connect", resolve));
    let asked = 0;
    let answer;
    const decided = new Promise((resolve) => (answer = resolve));
    const namespace = server.io.of("/slow").use((_socket, next) => {
      asked++;
      decided.then(() => next());
    });
    let joined = 0;
    let left = 0;
    namespace.on("connection", (socket) => {
      joined++;
      socket.on("disconnect", () => left++);
    });
    function Part() {
      useSocket(`${server.url}/slow`, { transports: ["websocket"] });
      return null;
    }
    const root = await mount(h(Part));
    await until("the question", () => asked === 1);
    await act(async () => root.unmount());
    mounted.length = 0;
    const second = await mount(h(Part));
    await act(async () => second.unmount());
    mounted.length = 0;
    answer();
    await until("the end", () => joined === asked && left === joined);
    assert.equal(other.connected, true);
    assert.equal(await other.emitWithAck("echo", "here"), "here");
    assert.equal(namespace.sockets.size, 0);
    other.disconnect();
  });

  it("connects once in Strict Mode, and shares the connection between components", async (t) => {
    const counts = countSessions(t);
    const statuses = {};
    function Part({ name }) {
      statuses[name] = useStatus(useSocket(server.url, OPTIONS));
      return null;
    }
    await mount(h("div", null, h(Part, { name: "a" }), h(Part, { name: "b" })));
    assert.equal(statuses.a.connected, false);
    await until("the connection", () => statuses.a.connected && statuses.b.connected);
    assert.equal(statuses.a.id, statuses.b.id);
    assert.equal(counts.opened, 1);
  });

  it("disconnects when the last component is gone", async (t) => {
    const counts = countSessions(t);
    let status;
    function Part() {
      status = useStatus(useSocket(server.url, OPTIONS));
      return null;
    }
    const first = await mount(h(Part));
    const second = await mount(h(Part));
    await until("the connection", () => status.connected);
    await act(async () => first.unmount());
    assert.equal(server.io.engine.clientsCount, 1);
    await act(async () => second.unmount());
    await until("the end", () => server.io.engine.clientsCount === 0);
    mounted.length = 0;
    await mount(h(Part));
    await until("the next connection", () => status.connected);
    assert.equal(counts.opened, 2);
  });

  it("calls the listener of the last render, once for each event", async () => {
    const seen = [];
    let setLabel;
    let socket;
    function Part() {
      const [label, set] = useState("first");
      setLabel = set;
      socket = useSocket(server.url, OPTIONS);
      useEvent(socket, "all", (value) => seen.push([label, value]));
      return null;
    }
    await mount(h(Part));
    await until("the connection", () => socket.connected);
    socket.emit("all", 1);
    await until("the first event", () => seen.length > 0);
    await act(async () => setLabel("second"));
    socket.emit("all", 2);
    await until("the second event", () => seen.length > 1);
    assert.deepEqual(seen, [["first", 1], ["second", 2]]);
    assert.equal(socket.listeners("all").length, 1);
  });

  it("says why it is not connected, and takes a new auth", async () => {
    let status;
    let again;
    function Part() {
      const [token, setToken] = useState("wrong");
      const socket = useSocket(`${server.url}/token`, { ...OPTIONS, auth: { token } });
      status = useStatus(socket);
      again = () => {
        setToken("secret");
        setTimeout(() => socket.connect());
      };
      return null;
    }
    await mount(h(Part));
    await until("the refusal", () => status.error);
    assert.equal(status.connected, false);
    await act(async () => again());
    await until("the connection", () => status.connected);
  });

  it("keeps the connection when auth changes, and makes another one for another key", async (t) => {
    const counts = countSessions(t);
    let socket;
    let status;
    let sign;
    function Part({ user, userKey }) {
      socket = useSocket(server.url, { ...OPTIONS, auth: { user } }, userKey);
      status = useStatus(socket);
      return null;
    }
    function Page() {
      const [props, set] = useState({ user: "ann", userKey: 1 });
      sign = (next) => act(async () => set(next));
      // React makes the component anew as well.
      return h(Part, { key: props.user, ...props });
    }
    await mount(h(Page));
    await until("the connection", () => status.connected);
    const first = socket;
    assert.deepEqual(await socket.request("auth"), { user: "ann" });
    await sign({ user: "bob", userKey: 1 });
    assert.equal(socket, first);
    assert.deepEqual(await socket.request("auth"), { user: "ann" });
    assert.equal(counts.opened, 1);
    await sign({ user: "bob", userKey: 2 });
    assert.notEqual(socket, first);
    await until("the other user's connection", () => status.connected);
    assert.deepEqual(await socket.request("auth"), { user: "bob" });
    await until("the end of the first one", () => server.io.engine.clientsCount === 1);
    assert.equal(first.connected, false);
    assert.equal(counts.opened, 2);
  });

  it("renders on a server, and connects to nothing", async (t) => {
    const counts = countSessions(t);
    function Part() {
      return String(useStatus(useSocket(server.url, OPTIONS)).connected);
    }
    assert.equal(renderToString(h(Part)), "false");
    assert.equal(counts.opened, 0);
  });
});

describe("Svelte", { timeout: 180_000 }, () => {
  const folder = path.join(root, "build/svelte-test");
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  /** Compiles a component; the result has `svelte`'s `mount`, `unmount` and `flushSync`, too. */
  async function compile(source) {
    const { compile } = await import("svelte/compiler");
    const { js } = compile(source, { generate: "client", filename: "Part.svelte" });
    fs.mkdirSync(folder, { recursive: true });
    const entry = path.join(folder, "part.js");
    fs.writeFileSync(
      entry,
      `${js.code}\nexport { mount, unmount, flushSync } from "svelte";`,
    );
    const outfile = path.join(folder, "bundle.mjs");
    await build({
      entryPoints: [entry],
      outfile,
      bundle: true,
      format: "esm",
      conditions: ["browser"],
      external: ["sockeye-client/*"],
      logLevel: "error",
    });
    return import(pathToFileURL(outfile).href);
  }

  it("shows status and events, and disconnects when the component is gone", async (t) => {
    const counts = countSessions(t);
    const { default: Part, mount, unmount, flushSync } = await compile(`
      <script>
        import { connection, latest, listen } from "sockeye-client/svelte";
        let { url, options, seen } = $props();
        const chat = connection(url, options);
        const last = latest(chat.socket, "all", "nothing");
        $effect(() => listen(chat.socket, "all", (value) => seen.push(value)));
      </script>
      <p>{$chat.connected ? "here" : "away"}: {$last}</p>
      <button onclick={() => chat.socket.emit("all", "hello")}>say</button>
    `);
    const target = document.createElement("div");
    document.body.append(target);
    const seen = [];
    const part = mount(Part, { target, props: { url: server.url, options: OPTIONS, seen } });
    flushSync();
    const text = () => target.querySelector("p").textContent;
    assert.equal(text(), "away: nothing");
    await until("the connection", () => text() === "here: nothing");
    target.querySelector("button").click();
    await until("the event", () => text() === "here: hello");
    assert.deepEqual(seen, ["hello"]);
    assert.equal(counts.opened, 1);
    await unmount(part);
    await until("the end", () => server.io.engine.clientsCount === 0);
  });
});
