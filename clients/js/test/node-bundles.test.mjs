// Node programs that are bundled into one file: the package `ws` is taken along, or may be missing.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";

import { createProject } from "./project.mjs";
import { startServer } from "./reference-server.mjs";

const run = promisify(execFile);

// As in Node 20, which has no WebSocket.
const PROGRAM = `
  delete globalThis.WebSocket;
  const socket = io(process.env.URL, { transports: process.env.TRANSPORTS.split(","), reconnection: false });
  socket.on("connect_error", (error) => console.log(error.message, error.description.message));
  socket.on("connect", async () => {
    console.log(await socket.emitWithAck("transport"));
    socket.disconnect();
  });
`;
const PROGRAMS = {
  "main.mjs": `import { io } from "sockeye-client";${PROGRAM}`,
  "main.cjs": `const { io } = require("sockeye-client");${PROGRAM}`,
};

const BUNDLERS = {
  async esbuild(entry, outfile, format) {
    const { build } = await import("esbuild");
    await build({
      absWorkingDir: path.dirname(entry),
      entryPoints: [entry],
      bundle: true,
      platform: "node",
      format,
      outfile,
      logLevel: "silent",
      // What esbuild's own page says for CommonJS packages in ES modules.
      banner: format === "esm" ? { js: 'import { createRequire } from "module"; const require = createRequire("/");' } : {},
    });
  },

  async webpack(entry, outfile) {
    const { default: webpack } = await import("webpack");
    const compiler = webpack({
      context: path.dirname(entry),
      entry,
      mode: "production",
      target: "node",
      // One file, also of what is imported when it is needed.
      output: { path: path.dirname(outfile), filename: path.basename(outfile), asyncChunks: false },
      performance: false,
    });
    const stats = await new Promise((resolve, reject) =>
      compiler.run((error, stats) => (error ? reject(error) : resolve(stats))),
    );
    await new Promise((resolve) => compiler.close(resolve));
    assert.ok(!stats.hasErrors(), stats.toString());
  },

  async Rollup(entry, outfile, format) {
    const { rollup } = await import("rollup");
    const { nodeResolve } = await import("@rollup/plugin-node-resolve");
    const { default: commonjs } = await import("@rollup/plugin-commonjs");
    const plugins = [nodeResolve({ exportConditions: ["node"], preferBuiltins: true })];
    plugins.push(commonjs());
    const bundle = await rollup({ input: entry, plugins, onwarn() {} });
    await bundle.write({ file: outfile, format, inlineDynamicImports: true });
    await bundle.close();
  },
};

const CASES = [
  ["esbuild", "main.mjs", "esm"],
  ["esbuild", "main.mjs", "cjs"],
  ["esbuild", "main.cjs", "cjs"],
  ["webpack", "main.mjs", "cjs"],
  ["webpack", "main.cjs", "cjs"],
  ["Rollup", "main.mjs", "esm"],
  ["Rollup", "main.mjs", "cjs"],
];

let project;
let elsewhere;
let server;
before(async () => {
  [project, server] = await Promise.all([createProject(), startServer()]);
  // Where no package `ws` is found.
  elsewhere = fs.mkdtempSync(path.join(os.tmpdir(), "sockeye-client-"));
  fs.cpSync(path.join(project.folder, "node_modules"), path.join(elsewhere, "node_modules"), { recursive: true });
});
after(() => {
  server?.close();
  project?.remove();
  if (elsewhere) fs.rmSync(elsewhere, { recursive: true });
});

/** Bundles a program in a folder, runs it where nothing is installed, and returns what it says. */
async function bundled(folder, bundler, name, format, transports) {
  fs.writeFileSync(path.join(folder, name), PROGRAMS[name]);
  const alone = fs.mkdtempSync(path.join(os.tmpdir(), "sockeye-client-"));
  try {
    const outfile = path.join(alone, `bundle.${format === "esm" ? "mjs" : "cjs"}`);
    await BUNDLERS[bundler](path.join(folder, name), outfile, format);
    assert.deepEqual(fs.readdirSync(alone), [path.basename(outfile)]);
    const env = { ...process.env, URL: server.url, TRANSPORTS: transports, NODE_OPTIONS: "" };
    const { stdout } = await run(process.execPath, [outfile], { cwd: alone, env, timeout: 60_000 });
    return stdout.trim();
  } finally {
    fs.rmSync(alone, { recursive: true });
  }
}

describe("a Node program in one file", { timeout: 300_000 }, () => {
  for (const [bundler, name, format] of CASES) {
    it(`has its WebSocket: ${name} by ${bundler}, ${format}`, async () => {
      assert.equal(await bundled(project.folder, bundler, name, format, "websocket"), "websocket");
    });
  }

  for (const [bundler, name, format] of CASES) {
    it(`does without: ${name} by ${bundler}, ${format}`, async () => {
      assert.equal(await bundled(elsewhere, bundler, name, format, "polling"), "polling");
    });
  }

  it("says what it lacks", async () => {
    const said = await bundled(elsewhere, "esbuild", "main.mjs", "cjs", "websocket");
    assert.match(said, /^websocket error this Node has no WebSocket/);
  });
});
