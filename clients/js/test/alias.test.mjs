// The package in the place of socket.io-client, as `"socket.io-client": "npm:sockeye-client"` puts
// it there: through bundlers, TypeScript, CommonJS and Bun.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import vm from "node:vm";

import { BUNDLERS, createProject, root } from "./project.mjs";
import { startServer } from "./reference-server.mjs";

const run = promisify(execFile);

/** The compiler, and the last one that knows `node10`: how projects without `moduleResolution` resolve in it. */
const COMPILERS = { current: ["typescript", "--ignoreConfig", "--types", ""], older: ["typescript-5", "--typeRoots", "none"] };

const MAIN = `
import io, { connect, io as named, Manager, Socket, protocol, Fetch, WebSocket } from "socket.io-client";
import * as parser from "socket.io-client/msgpack";
const socket = named("http://x.example/chat", { autoConnect: false, transports: [Fetch, WebSocket], parser });
globalThis.result = [io === named, connect === named, socket instanceof Socket,
  socket.io instanceof Manager, socket.nsp, protocol].join();
`;
const RESULT = "true,true,true,true,/chat,5";

let project;
let server;

before(async () => {
  [project, server] = await Promise.all([createProject("socket.io-client"), startServer()]);
});
after(() => {
  server?.close();
  project?.remove();
});

/** Runs a bundle as a page would, and returns what it found. */
function evaluate(bundle) {
  const { URL, URLSearchParams, queueMicrotask, AbortController, setTimeout, clearTimeout } = globalThis;
  const context = { URL, URLSearchParams, queueMicrotask, AbortController, setTimeout, clearTimeout };
  vm.createContext(context);
  vm.runInContext(bundle, context);
  return context.result;
}

/** Compiles a file of the project; fails with what the compiler says. */
async function compile(file, module, resolution) {
  const [name, ...options] = COMPILERS[resolution === "node10" ? "older" : "current"];
  const args = [path.join(root, "node_modules", name, "bin/tsc"), file, ...options];
  args.push(..."--noEmit --strict --target es2022 --lib es2022,dom".split(" "));
  args.push("--module", module, "--moduleResolution", resolution);
  await run(process.execPath, args, { cwd: project.folder }).catch(({ stdout, stderr }) =>
    assert.fail(`${file} with ${resolution}:\n${stdout}${stderr}`),
  );
}

describe("in the place of socket.io-client", { timeout: 300_000 }, () => {
  it("is installed under that name, and is ours", () => {
    const file = path.join(project.folder, "node_modules/socket.io-client/package.json");
    assert.equal(JSON.parse(fs.readFileSync(file, "utf8")).name, "sockeye-client");
  });

  for (const [name, bundle] of Object.entries(BUNDLERS)) {
    it(`goes through ${name}`, async () => {
      const code = await bundle(project, project.write("main.js", MAIN));
      assert.equal(evaluate(code), RESULT);
      // The browser's build, without a trace of Node.
      assert.doesNotMatch(code, /node:|createRequire/);
    });
  }

  it("has types, for bundlers and for Node, as modules and for CommonJS", async () => {
    const source = `
      import { io, Manager, type ManagerOptions, Socket, type SocketOptions, protocol } from "socket.io-client";
      interface ToClient { chat: (text: string) => void }
      interface ToServer { join: (room: string, ack: (count: number) => void) => void }
      const options: Partial<ManagerOptions & SocketOptions> = { transports: ["websocket"], auth: { a: 1 } };
      const socket: Socket<ToClient, ToServer> = io("http://x.example", options);
      socket.on("chat", (text) => text.length);
      socket.on("connect_error", (error) => error.message);
      socket.on("disconnect", (reason: Socket.DisconnectReason) => reason);
      const manager: Manager = socket.io;
      export const facts = [socket instanceof Socket, manager instanceof Manager, protocol];
      manager.on("reconnect", (attempt: number) => attempt);
      export const count: Promise<number> = socket.timeout(5).emitWithAck("join", "a");
      // @ts-expect-error a number is no room
      socket.emit("join", 5, () => {});
    `;
    project.write("typed.ts", source);
    const required = `
      import client = require("socket.io-client");
      export const called: client.Socket = client("http://x.example", { forceNew: true });
    `;
    project.write("typed.cts", required + source);
    project.write("required.ts", required + source);
    await compile("typed.ts", "esnext", "bundler");
    await compile("typed.ts", "node16", "node16");
    await compile("typed.cts", "node16", "node16");
    await compile("typed.ts", "commonjs", "node10");
    await compile("required.ts", "commonjs", "node10");
  });

  it("has types for every part, also where a CommonJS project requires it", async () => {
    // Each value is used as one, each type as one, and those of two parts fit each other.
    const source = `
      import { io, type Socket } from "socket.io-client";
      import * as engine from "socket.io-client/engine";
      import { url, type Address } from "socket.io-client/url";
      import * as parser from "socket.io-client/msgpack";
      import * as core from "socket.io-client/core";
      import * as websocket from "socket.io-client/websocket";
      import { isErrorAnswer, RemoteError, request } from "socket.io-client/request";
      import { outbox, OutboxError, type OutboxOptions } from "socket.io-client/outbox";
      import { shared, type SharedSocket } from "socket.io-client/shared";
      import { useSocket, useStatus, type Status } from "socket.io-client/react";
      import { connection, type Readable } from "socket.io-client/svelte";
      const socket: Socket = io("http://x.example", { parser });
      const options: OutboxOptions = { countMax: 5 };
      const box = outbox(socket, options);
      const tabs: SharedSocket = shared(() => io());
      const address: Address = url("http://x.example");
      const raw: engine.Socket = new engine.Socket("http://x.example", { transports: [engine.WebSocket] });
      const status: Status = useStatus(useSocket("/chat"));
      const store: Readable<Status> = connection("/chat");
      const small: core.Socket = core.io("http://x.example");
      websocket.io("http://x.example").on("connect", () => raw.close());
      const refused = request(small, "say", 5).catch((error) => error instanceof RemoteError || isErrorAnswer(error));
      export { address, box, OutboxError, small, refused, status, store, tabs };
      // @ts-expect-error a number is no address
      url(5);
    `;
    for (const file of ["parts.ts", "parts.mts", "parts.cts"]) {
      project.write(file, source);
      await compile(file, "node16", "node16");
    }
    await compile("parts.ts", "commonjs", "node10");
  });

  const ROUND_TRIP = `
    const socket = io(process.env.URL);
    socket.on("connect_error", (error) => console.log(error.message));
    socket.on("connect", async () => {
      console.log(await socket.emitWithAck("echo", "hello"));
      const bytes = await socket.emitWithAck("echo", Uint8Array.of(1, 2));
      console.log(new Uint8Array(bytes).join());
      socket.disconnect();
    });
  `;

  async function inProject(program, file, content) {
    project.write(file, content);
    const env = { ...process.env, URL: server.url, NODE_OPTIONS: "" };
    const { stdout } = await run(program, [file], { cwd: project.folder, timeout: 120_000, env });
    assert.equal(stdout.trim(), "hello\n1,2");
  }

  it("gives its script to those who require the file in dist, as old builds do", () => {
    const require = createRequire(path.join(project.folder, "main.cjs"));
    const io = require("socket.io-client/dist/socket.io.js");
    assert.equal(io("http://x.example/chat", { autoConnect: false }).nsp, "/chat");
    // Servers send the file to pages.
    const script = fs.readFileSync(require.resolve("socket.io-client/dist/socket.io.min.js"), "utf8");
    const page = vm.createContext({ URL, URLSearchParams, queueMicrotask });
    vm.runInContext(script, page);
    assert.equal(typeof page.io.connect, "function");
  });

  it("can be required and called, in Node", async () => {
    await inProject(process.execPath, "a.cjs", `const io = require("socket.io-client");${ROUND_TRIP}`);
    await inProject(process.execPath, "b.cjs", `const { io } = require("socket.io-client");${ROUND_TRIP}`);
  });

  // `npm run install-bun` brings it, for the machines that are listed there.
  const processor = process.arch === "arm64" ? "aarch64" : process.arch;
  const build = `test/bun/node_modules/@oven/bun-${os.platform()}-${processor}/bin/bun`;
  const bun = path.join(root, build);

  it("runs in Bun", { skip: !fs.existsSync(bun) && "no Bun for this machine" }, async () => {
    await inProject(bun, "c.mjs", `import { io } from "socket.io-client";${ROUND_TRIP}`);
    await inProject(bun, "d.cjs", `const io = require("socket.io-client");${ROUND_TRIP}`);
  });
});
