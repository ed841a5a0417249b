// A proxy from somebody else, started on a port and in a folder of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { answers, freePort } from "./ports.mjs";
import { until } from "./waiting.mjs";

export class ProxyProgram {
  #child;
  #folder;
  #log = "";

  /** `configuration` gives the text of its file for `{ port, folder }`, `command` the program and its arguments for
   * that file and folder. Returns once it listens. */
  static async start({ name, configuration, command }) {
    const proxy = new ProxyProgram();
    proxy.#folder = await mkdtemp(path.join(tmpdir(), `sockeye-${name}-`));
    // Workers that are somebody else look into it too.
    await chmod(proxy.#folder, 0o755);
    proxy.port = await freePort();
    const file = path.join(proxy.#folder, "configuration");
    await writeFile(file, await configuration({ port: proxy.port, folder: proxy.#folder }));
    const [program, ...args] = command(file, proxy.#folder);
    proxy.#child = spawn(program, args, {
      cwd: proxy.#folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: { HOME: proxy.#folder, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` },
    });
    for (const stream of [proxy.#child.stdout, proxy.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk) => (proxy.#log += chunk));
    }
    await until(`${program} to listen`, () => {
      if (proxy.#child.exitCode !== null) throw new Error(`${program} ended:\n${proxy.#log}`);
      return answers(proxy.port);
    });
    return proxy;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop() {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
    await rm(this.#folder, { recursive: true, force: true });
  }
}
