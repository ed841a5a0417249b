// What the package gives to those who load it, one way or another.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import vm from "node:vm";

import { startServer } from "./reference-server.mjs";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const run = promisify(execFile);
let server;
before(async () => (server = await startServer()));
after(() => server.close());

/** Runs a script in a Node of its own, which must end by itself. */
async function inNode(script, options = {}) {
  const args = ["--input-type=module", "--eval", script];
  const env = { ...process.env, URL: server.url, NODE_OPTIONS: "" };
  const { stdout, stderr } = await run(process.execPath, args, {
    cwd: root,
    timeout: 60_000,
    env,
    ...options,
  });
  return { stdout: stdout.trim(), stderr: stderr.trim() };
}

function checkExports(io) {
  assert.equal(typeof io, "function");
  assert.equal(io.connect, io.io);
  assert.equal(typeof io.Manager, "function");
  assert.equal(typeof io.Socket, "function");
  assert.equal(io.protocol, 5);
}

describe("package", () => {
  it("can be imported", async () => {
    const module = await import("sockeye-client");
    assert.deepEqual(
      Object.keys(module).sort().join(" "),
      "Fetch Manager NodeWebSocket NodeXHR PayloadTooLarge RemoteError Socket WebSocket WebTransport XHR connect " +
        "default io isErrorAnswer nextTick protocol",
    );
    assert.equal(module.default, module.io);
    assert.equal(module.io.Manager, module.Manager);
    assert.equal(module.io.Socket, module.Socket);
    assert.equal(module.io.connect, module.connect);
    checkExports(module.io);
  });

  it("can be required, and called", () => {
    const io = createRequire(import.meta.url)("sockeye-client");
    checkExports(io);
    assert.equal(io.default, io);
    const socket = io("http://localhost", { autoConnect: false });
    assert.ok(socket instanceof io.Socket);
    assert.ok(socket.io instanceof io.Manager);
    assert.equal(socket.connected, false);
  });

  it("has what tells answers that are errors, and request where it is no method", async () => {
    const require = createRequire(import.meta.url);
    const answer = { error: { code: "full", message: "no room" } };
    for (const name of ["", "/debug", "/request"]) {
      for (const part of [await import(`sockeye-client${name}`), require(`sockeye-client${name}`)]) {
        const error = new part.RemoteError(answer.error);
        assert.deepEqual([error.name, error.code, error.message], ["RemoteError", "full", "no room"], name);
        assert.ok(part.isErrorAnswer(answer), name);
        if (name !== "/request") assert.equal(typeof part.Socket.prototype.request, "function", name);
        else assert.deepEqual(Object.keys(part).sort(), ["RemoteError", "isErrorAnswer", "request"]);
      }
    }
    for (const name of ["/core", "/websocket"]) {
      for (const part of [await import(`sockeye-client${name}`), require(`sockeye-client${name}`)]) {
        assert.equal("request" in part.Socket.prototype, false, name);
        assert.equal("RemoteError" in part || "isErrorAnswer" in part, false, name);
      }
    }
  });

  it("websocket.esm.min.js connects, acknowledges, carries binary and says why it ended", async () => {
    const { stdout } = await inNode(`
      globalThis.WebSocket ??= (await import("ws")).WebSocket;
      const { io } = await import("sockeye-client/websocket");
      const { request } = await import("sockeye-client/request");
      const socket = io(process.env.URL, { ackTimeout: 20 });
      socket.on("disconnect", (reason) => console.log(reason));
      socket.on("connect", async () => {
        console.log(await socket.emitWithAck("transport"));
        const [bytes] = [await socket.emitWithAck("echo", Uint8Array.of(1, 2))].flat();
        console.log(new Uint8Array(bytes).join());
        const refusal = { error: { code: "full", message: "no room" } };
        await request(socket.timeout(60_000), "echo", refusal).catch(({ name, code }) => console.log(name, code));
        await request(socket, "no such event").catch(({ message }) => console.log(message));
        socket.disconnect();
      });
    `);
    const lines = ["websocket", "1,2", "RemoteError full", "operation has timed out", "io client disconnect"];
    assert.deepEqual(stdout.split("\n"), lines);
  });

  it("has the engine and the parser of addresses as separate imports", async () => {
    const require = createRequire(import.meta.url);
    for (const part of [await import("sockeye-client/url"), require("sockeye-client/url")]) {
      const { host, protocol, port, path, query, id } = part.url("ws://[::1]/chat?a=1", "/path");
      assert.deepEqual({ host, protocol, port, path, query }, {
        host: "::1",
        protocol: "ws",
        port: "80",
        path: "/chat",
        query: "a=1",
      });
      assert.equal(id, "ws://[::1]:80/path");
    }
    for (const engine of [await import("sockeye-client/engine"), require("sockeye-client/engine")]) {
      assert.equal(engine.protocol, 4);
      assert.equal(engine.transports.webtransport, engine.WebTransport);
      assert.equal(typeof engine.nextTick, "function");
      const socket = new engine.Socket({ host: "::1", port: 81, transports: [] });
      assert.deepEqual([socket.hostname, socket.port, socket.secure], ["::1", "81", false]);
      assert.equal(socket.opts.path, "/engine.io/");
      assert.deepEqual(socket._filterUpgrades(["websocket"]), []);
    }
  });

  for (const file of ["browser/index.mjs", "socket.io.esm.min.js", "websocket.esm.min.js"]) {
    it(`${file} says that it cannot connect on a page that is a file`, async () => {
      const { stdout } = await inNode(`
        globalThis.WebSocket ??= (await import("ws")).WebSocket;
        globalThis.addEventListener ??= () => {};
        globalThis.location = { protocol: "file:", host: "", hostname: "", port: "" };
        const { io } = await import("sockeye-client/dist/${file}");
        for (const address of [undefined, "/chat"]) {
          const socket = io(address, { reconnection: false, forceNew: true });
          socket.on("connect_error", ({ message }) => console.log(/^(xhr poll|websocket) error$/.test(message)));
        }
      `);
      assert.equal(stdout, "true\ntrue");
    });
  }

  it("has socket.io-client's name of a build that logs, which is the package itself", async () => {
    const require = createRequire(import.meta.url);
    assert.equal(await import("sockeye-client/debug"), await import("sockeye-client"));
    assert.equal(require("sockeye-client/debug"), require("sockeye-client"));
  });

  it("has the MessagePack parser as a separate import", async () => {
    const parser = await import("sockeye-client/msgpack");
    assert.deepEqual(Object.keys(parser).sort(), ["Decoder", "Encoder", "protocol"]);
    assert.deepEqual(
      Object.keys(createRequire(import.meta.url)("sockeye-client/msgpack")).sort(),
      Object.keys(parser).sort(),
    );
  });

  for (const name of ["socket.io.js", "socket.io.min.js", "socket.io.msgpack.min.js"]) {
    const script = fs.readFileSync(path.join(root, "dist/scripts", name), "utf8");
    const platform = { URL, URLSearchParams, queueMicrotask, AbortController };

    it(`${name} makes the global io`, () => {
      const location = {
        protocol: "https:",
        host: "page.example",
        hostname: "page.example",
        port: "",
      };
      const context = vm.createContext({ ...platform, location });
      vm.runInContext(script, context);
      checkExports(context.io);
      const socket = context.io("/chat", { autoConnect: false });
      assert.equal(socket.nsp, "/chat");
      assert.equal(socket.io.uri, "https://page.example/chat");
    });

    it(`${name} is a CommonJS and an AMD module, too`, () => {
      const context = vm.createContext({ ...platform, module: { exports: {} } });
      vm.runInContext(script, context);
      checkExports(context.module.exports);
      assert.equal(context.io, undefined);

      let defined;
      const define = (dependencies, factory) => (defined = factory(...dependencies));
      vm.runInContext(
        script,
        vm.createContext({ ...platform, define: Object.assign(define, { amd: {} }) }),
      );
      checkExports(defined);
    });
  }

  it("lets Node end after a disconnection", async () => {
    for (const transports of ["['polling']", "['websocket']", "undefined"]) {
      const { stdout } = await inNode(`
        import { io } from "sockeye-client";
        const socket = io(process.env.URL, { transports: ${transports} });
        socket.on("disconnect", (reason) => console.log(reason));
        socket.on("connect", () => setTimeout(() => socket.disconnect(), 50));
      `);
      assert.equal(stdout, "io client disconnect");
    }
  });

  it("lets Node end with a connection, if it is told to", async () => {
    for (const transports of ["['polling']", "['websocket']", "undefined"]) {
      const { stdout } = await inNode(`
        import { io } from "sockeye-client";
        const socket = io(process.env.URL, { autoUnref: true, transports: ${transports} });
        const untilThen = setInterval(() => {}, 1000);
        socket.on("connect", () => {
          console.log("connected");
          clearInterval(untilThen);
        });
      `);
      assert.equal(stdout, "connected");
    }
  });

  it("stays on polling where there is no WebSocket, and says so once", async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "sockeye-client-"));
    try {
      fs.copyFileSync(path.join(root, "dist/node/index.mjs"), path.join(folder, "client.mjs"));
      const { stdout, stderr } = await inNode(
        `
        delete globalThis.WebSocket;
        const { io } = await import("./client.mjs");
        for (let round = 0; round < 2; round++) {
          const socket = io(process.env.URL, { forceNew: true });
          await new Promise((resolve) => socket.io.on("open", () => socket.io.engine.on("upgradeError", resolve)));
          console.log(await socket.emitWithAck("transport"));
          socket.disconnect();
        }
        const socket = io(process.env.URL, { transports: ["websocket"], reconnection: false });
        const error = await new Promise((resolve) => socket.on("connect_error", resolve));
        console.log(error.message, "|", error.description.message);
        `,
        { cwd: folder },
      );
      const reason = "this Node has no WebSocket, only polling works: `npm install ws`, or use Node 22 or later";
      assert.deepEqual(stdout.split("\n"), ["polling", "polling", `websocket error | ${reason}`]);
      assert.equal(stderr, `sockeye-client: ${reason}`);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
});

describe("io()", async () => {
  const { io } = await import("sockeye-client");
  const quiet = { autoConnect: false };

  it("shares the connection of a server between namespaces", () => {
    const first = io("http://cache.example/a", quiet);
    const second = io("http://cache.example:80/b?ignored=1", quiet);
    assert.equal(first.io, second.io);
    assert.equal(second.nsp, "/b");
    assert.notEqual(first.io, io("http://cache.example:81/c", quiet).io);
    assert.notEqual(first.io, io("https://cache.example/c", quiet).io);
    assert.notEqual(first.io, io("http://cache.example/c", { ...quiet, path: "/other" }).io);
  });

  it("makes a connection of its own if asked to, or for the same namespace again", () => {
    const first = io("http://own.example/a", quiet);
    assert.notEqual(io("http://own.example/a", quiet).io, first.io);
    for (const option of [
      { forceNew: true },
      { "force new connection": true },
      { multiplex: false },
    ]) {
      assert.notEqual(io("http://own.example/x", { ...quiet, ...option }).io, first.io);
    }
    assert.equal(io("http://own.example/b", quiet).io, first.io);
  });

  it("takes the query string for the option, unless that is given, and leaves the options alone", () => {
    const options = Object.freeze({ ...quiet, forceNew: true });
    assert.equal(io("http://q.example/?a=1", options).io.opts.query, "?a=1");
    const given = io("http://q.example/?a=1", { ...options, query: { b: 2 } });
    assert.deepEqual(given.io.opts.query, { b: 2 });
  });

  it("means this machine where there is no page", () => {
    const options = { ...quiet, forceNew: true };
    assert.equal(io(options).io.uri, "http://localhost/");
    assert.equal(io("/chat", options).io.uri, "http://localhost/chat");
  });
});
