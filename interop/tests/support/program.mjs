// Starts the binaries under test. `SOCKEYE_BIN_DIR` names their folder; without it they are taken
// from the debug build of this workspace.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { PATIENCE, within } from "./waiting.mjs";

const workspace = fileURLToPath(new URL("../../..", import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? path.join(workspace, "target");
const binaries = process.env.SOCKEYE_BIN_DIR ?? path.join(target, "debug");

/** Where one of our programs is. */
export const binary = (name) => path.join(binaries, name);

/** A running server: where it listens, what it logged, and how to end it. */
export class Program {
  #child;
  #exit;
  log = "";

  /** Resolves once the ready line `listening on http://HOST:PORT` was printed. */
  static async start(name, args, options = {}) {
    const program = binary(name);
    if (!existsSync(program)) {
      throw new Error(`${program} is missing: run \`cargo build --workspace --bins\` first`);
    }
    const started = new Program();
    started.#child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    started.#exit = once(started.#child, "exit");
    const ready = new Promise((resolve, reject) => {
      const read = (chunk) => {
        started.log += chunk;
        const line = /listening on https?:\/\/\S*:(\d+)/.exec(started.log);
        if (line) resolve(Number(line[1]));
      };
      for (const stream of [started.#child.stdout, started.#child.stderr]) {
        stream.setEncoding("utf8").on("data", read);
      }
      started.#child.on("error", reject);
      started.#child.on("exit", (code, signal) =>
        reject(new Error(`${name} ended with ${code ?? signal} before it listened:\n${started.log}`)));
    });
    started.port = await within(PATIENCE, `the ready line of ${name}`, ready);
    return started;
  }

  /** `http://localhost:PORT`, without a slash at its end. */
  get url() {
    return `http://localhost:${this.port}`;
  }

  get running() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid() {
    return this.#child.pid;
  }

  /** How many files and connections it has open, where the system tells. */
  async openFiles() {
    return (await readdir(`/proc/${this.pid}/fd`)).length;
  }

  /** Resident memory in bytes, where the system tells. */
  async residentBytes() {
    const status = await readFile(`/proc/${this.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)[1]) * 1024;
  }

  /** Asks it to drain; resolves with its exit code. */
  async stop() {
    if (this.running) this.#child.kill("SIGTERM");
    const [code, signal] = await within(PATIENCE, "the end of the server", this.#exit).catch((error) => {
      this.#child.kill("SIGKILL");
      throw error;
    });
    return code ?? signal;
  }
}

/** A stand-in server on a port of its own. */
export function standIn(kind, ...args) {
  return Program.start("stand-in", [kind, "--port", "0", ...args]);
}
