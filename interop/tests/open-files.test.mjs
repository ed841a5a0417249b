// A server that may open no more files lets newcomers in at the cost of connections that say nothing.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import http from "node:http";
import net from "node:net";
import { test } from "node:test";
import { standIn } from "./support/program.mjs";
import { within } from "./support/waiting.mjs";

const FILES = 120;
/** So long a connection may be silent, after which there would be room in any case. */
const HEADER_TIMEOUT_MS = 10_000;

function ask(port) {
  return new Promise((resolve, reject) => {
    const path = "/socket.io/?EIO=4&transport=polling";
    const request = http.get({ host: "127.0.0.1", port, path, agent: false, localAddress: "127.0.0.3" });
    request.on("error", reject).on("response", (response) => {
      response.resume();
      resolve(response.statusCode);
    });
  });
}

test("silent connections give way when no more files can be opened", async (t) => {
  const server = await standIn("behaviour");
  t.after(() => server.stop());
  const limited = spawnSync("prlimit", ["--pid", String(server.pid), `--nofile=${FILES}:${FILES}`]);
  if (limited.error?.code === "ENOENT") return t.skip("prlimit of util-linux is not installed");
  assert.equal(limited.status, 0, String(limited.stderr));
  const silent = Array.from({ length: 2 * FILES }, () =>
    net.connect({ host: "127.0.0.1", port: server.port, localAddress: "127.0.0.2" }));
  let closed = 0;
  for (const socket of silent) socket.on("error", () => {}).on("close", () => (closed += 1));
  t.after(() => silent.forEach((socket) => socket.destroy()));
  await Promise.all(silent.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
  for (let newcomer = 0; newcomer < 5; newcomer += 1) {
    assert.equal(await within(HEADER_TIMEOUT_MS / 2, "the answer to a newcomer", ask(server.port)), 200);
  }
  assert.ok(closed >= FILES, `${closed} of ${silent.length} gave way`);
});
