// A thousand people in one room who all read while 200 messages a second are said: `bench_crowd` is all of them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { binary } from "../tests/support/program.mjs";

/** One run: what `bench_crowd` found. */
async function run(chat, people, rate, seconds) {
  const args = ["--address", `127.0.0.1:${chat.port}`, "--pid", chat.server.pid, "--people", people, "--rate", rate, "--seconds", seconds];
  const child = spawn(binary("bench_crowd"), args.map(String), { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => (text += chunk));
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`bench_crowd ended with ${code}`);
  return JSON.parse(text);
}

/** The wished rate; where that does not hold because the clients alone fill a core, the highest that does. */
export async function crowd(chat, people, rate, seconds, { tell }) {
  for (let now = rate; now >= 10; now = Math.floor(now * 0.75)) {
    const found = await run(chat, people, now, seconds);
    const name = `${people} people, ${now} messages/s`;
    tell(`${name}: received within 250 ms`, found.in_time * 100, "%", "99 or more");
    tell(`${name}: delay, median`, found.delay_ms.p50, "ms");
    tell(`${name}: delay, 99th of a hundred`, found.delay_ms.p99, "ms", 250);
    tell(`${name}: stored and answered, 99th`, found.ack_ms.p99, "ms");
    tell(`${name}: the server's share of a core`, found.cpu_server * 100, "%");
    tell(`${name}: the clients' share of a core`, found.cpu_clients * 100, "%");
    if (found.in_time >= 0.99) return;
  }
}
