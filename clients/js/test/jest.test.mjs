// The client in programs that are tested with Jest and jsdom.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { it } from "node:test";

import { createProject, root } from "./project.mjs";
import { startServer } from "./reference-server.mjs";

it("works in Jest with jsdom", { timeout: 180_000 }, async () => {
  const [project, server] = await Promise.all([createProject(), startServer()]);
  const tests = fs.readFileSync(path.join(root, "test/jest/connects.jest.cjs"), "utf8");
  project.write("connects.jest.cjs", tests);
  // jsdom asks what the page of a browser would ask.
  server.io.engine.opts.cors = { origin: true };
  const config = {
    rootDir: project.folder,
    testMatch: ["<rootDir>/*.jest.cjs"],
    testEnvironment: "jsdom",
    testEnvironmentOptions: { url: server.url },
    watchman: false,
    transform: {},
  };
  const args = [path.join(root, "node_modules/jest/bin/jest.js"), "--ci", "-i", "--config", JSON.stringify(config)];
  const env = { ...process.env, URL: server.url, NODE_OPTIONS: "" };
  const [error, output] = await new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: project.folder, env, timeout: 120_000 }, (error, stdout, stderr) => resolve([error, stdout + stderr]));
  });
  server.close();
  project.remove();
  assert.equal(error, null, output);
  assert.match(output, /Tests: +7 passed, 7 total/);
});
