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

/** One Redis, and how it is ended. */
export async function redisServer(...options) {
  const [port, folder] = [await freePort(), await mkdtemp(path.join(tmpdir(), "redis-"))];
  const always = ["--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"];
  const child = spawn("redis-server", [...always, ...options].map(String), { stdio: "ignore" });
  const ended = once(child, "exit");
  const failed = new Promise((_, reject) => child.on("error", reject));
  await Promise.race([until("Redis", () => answers(port)), failed]);
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
