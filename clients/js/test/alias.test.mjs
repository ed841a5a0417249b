// The package in the place of socket.io-client, as `"socket.io-client": "npm:sockeye-client"` puts
// it there: through Vite, webpack, TypeScript, CommonJS and Bun.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import vm from "node:vm";

import { startServer } from "./reference-server.mjs";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const run = promisify(execFile);

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
  server = await startServer();
  // Below the package, so that the tools of its node_modules are found.
  fs.mkdirSync(path.join(root, "build"), { recursive: true });
  project = fs.mkdtempSync(path.join(root, "build/alias-"));
  const npm = (args, cwd) =>
    run("npm", [...args, "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], {
      cwd,
      env: { ...process.env, npm_config_update_notifier: "false" },
    });
  await npm(["pack", "--pack-destination", project], root);
  const [tarball] = fs.readdirSync(project);
  write("package.json", JSON.stringify({ private: true, type: "module" }));
  await npm(["install", "--offline", `socket.io-client@file:${tarball}`], project);
});
after(() => {
  server.close();
  fs.rmSync(project, { recursive: true, force: true });
});

function write(name, content) {
  fs.writeFileSync(path.join(project, name), content);
}

/** Runs a bundle as a page would, and returns what it found. */
function evaluate(bundle) {
  const { URL, URLSearchParams, queueMicrotask, AbortController, setTimeout, clearTimeout } = globalThis;
  const context = { URL, URLSearchParams, queueMicrotask, AbortController, setTimeout, clearTimeout };
  vm.createContext(context);
  vm.runInContext(bundle, context);
  return context.result;
}

describe("in the place of socket.io-client", { timeout: 300_000 }, () => {
  it("is installed under that name, and is ours", () => {
    const file = path.join(project, "node_modules/socket.io-client/package.json");
    assert.equal(JSON.parse(fs.readFileSync(file, "utf8")).name, "sockeye-client");
  });

  it("goes through Vite", async () => {
    const { build } = await import("vite");
    write("main.js", MAIN);
    const { output } = [
      await build({
        root: project,
        configFile: false,
        logLevel: "error",
        build: {
          write: false,
          lib: { entry: path.join(project, "main.js"), formats: ["iife"], name: "bundle" },
        },
      }),
    ].flat()[0];
    assert.equal(evaluate(output[0].code), RESULT);
    // The browser's build, without a trace of Node.
    assert.doesNotMatch(output[0].code, /node:|createRequire/);
  });

  it("goes through webpack", async () => {
    const { default: webpack } = await import("webpack");
    write("main.js", MAIN);
    const compiler = webpack({
      context: project,
      entry: "./main.js",
      mode: "production",
      output: { path: path.join(project, "packed"), filename: "bundle.js" },
      performance: false,
    });
    const stats = await new Promise((resolve, reject) =>
      compiler.run((error, stats) => (error ? reject(error) : resolve(stats))),
    );
    await new Promise((resolve) => compiler.close(resolve));
    assert.ok(!stats.hasErrors() && !stats.hasWarnings(), stats.toString());
    assert.equal(evaluate(fs.readFileSync(path.join(project, "packed/bundle.js"), "utf8")), RESULT);
  });

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
    write("typed.ts", source);
    write("typed.cts", source.replace("import {", 'import client = require("socket.io-client");\nimport {'));
    const tsc = path.join(root, "node_modules/typescript/bin/tsc");
    for (const [file, module, resolution] of [
      ["typed.ts", "esnext", "bundler"],
      ["typed.ts", "node16", "node16"],
      ["typed.cts", "node16", "node16"],
    ]) {
      const args = [file, "--ignoreConfig", "--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom"];
      args.push("--types", "", "--module", module, "--moduleResolution", resolution);
      await run(process.execPath, [tsc, ...args], { cwd: project }).catch(({ stdout }) =>
        assert.fail(`${file} with ${resolution}:\n${stdout}`),
      );
    }
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
    write(file, content);
    const env = { ...process.env, URL: server.url, NODE_OPTIONS: "" };
    const { stdout } = await run(program, [file], { cwd: project, timeout: 120_000, env });
    assert.equal(stdout.trim(), "hello\n1,2");
  }

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
