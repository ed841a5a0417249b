// Redis servers of our own, on free ports, which keep nothing.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { answers, freePort } from "./ports.mjs";
import { until } from "./waiting.mjs";

const run = promisify(execFile);

/** One Redis, and how it is ended. One that ends at once, since somebody else was quicker to take a port of its, is started again. */
export async function redisServer(...options) {
  const folder = await mkdtemp(path.join(tmpdir(), "redis-"));
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const always = ["--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"];
    const child = spawn("redis-server", [...always, ...options].map(String), { stdio: ["ignore", "pipe", "ignore"] });
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text) => { said += text; });
    const failed = new Promise((_, reject) => child.on("error", reject));
    const ended = once(child, "exit").then(() => false);
    const isThere = await Promise.race([until("Redis", () => answers(port)), failed, ended]);
    if (!isThere) {
      if (attempt === 5) throw new Error(`Redis does not start:\n${said}`);
      continue;
    }
    return {
      port,
      url: `redis://127.0.0.1:${port}`,
      pid: child.pid,
      async stop() {
        child.kill("SIGKILL");
        await ended;
        await rm(folder, { recursive: true, force: true });
      },
    };
  }
}

/** A cluster of three masters, with a replica each. */
export async function redisCluster() {
  const servers = await Promise.all(
    Array.from({ length: 6 }, () => redisServer("--cluster-enabled", "yes", "--cluster-node-timeout", 5000)));
  const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
  await run("redis-cli", ["--cluster", "create", ...addresses, "--cluster-replicas", "1", "--cluster-yes"]);
  await until("the cluster", async () => {
    const told = servers.map(({ port }) => run("redis-cli", ["-p", String(port), "cluster", "info"]));
    return (await Promise.all(told)).every(({ stdout }) => /cluster_state:ok/.test(stdout));
  });
  return {
    ports: servers.map(({ port }) => port),
    url: `redis-cluster://${addresses.join(",")}`,
    stop: () => Promise.all(servers.map((server) => server.stop())),
  };
}
