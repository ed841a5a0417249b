// Clients that are cut off again and again, and count by themselves what they get: `stand-in recovery`
// numbers its events.
import { io as officialIo } from "socket.io-client";
import { io as ownIo } from "../../../clients/js/dist/node/index.mjs";
import { CuttingProxy } from "./cutting.mjs";
import { PATIENCE, until } from "./waiting.mjs";

const CLIENTS = { "our client": ownIo, "socket.io-client": officialIo };
const TRANSPORTS = [["polling"], ["websocket"], ["polling", "websocket"]];

/** Both clients over each transport. */
export const KINDS = Object.keys(CLIENTS).flatMap((client) =>
  TRANSPORTS.map((transports) => ({ client, transports, name: `${client} over ${transports.join(" and ")}` })));

/** What a client saw in all its namespaces. */
class Counts {
  connected = 0;
  recovered = 0;
  /** Connections after the first that were not recovered: the server said why, or should have. */
  anew = 0;
  kept = 0;
  others = 0;
  twice = 0;
  lost = 0;
  disordered = 0;
}

/** One namespace as a client sees it. */
class Witness {
  #counts;
  #last = new Map();
  #seen = new Map();
  #relays = 0;
  #offset = "";
  #name = Math.random().toString(36).slice(2);

  constructor(socket, counts) {
    this.socket = socket;
    this.#counts = counts;
    let isFirst = true;
    socket.on("connect", () => {
      counts.connected += 1;
      if (socket.recovered) counts.recovered += 1;
      else if (!isFirst) counts.anew += 1;
      // A new session may have missed anything.
      if (!socket.recovered) this.#last.clear();
      isFirst = false;
    });
    socket.on("news", (number, _, offset) => this.#keep("news", number, offset));
    socket.on("room news", (number, offset) => this.#keep("room news", number, offset));
    socket.on("now", (number) => this.#once("now", number));
    socket.on("relayed", (id) => this.#once("relayed", id));
    socket.on("question", (id, _, answer) => {
      this.#once("question", id);
      answer();
    });
  }

  /** The number of the last event. */
  get last() {
    return this.#last.get("news") ?? 0;
  }

  /** Has the server tell everybody what looks like an offset. */
  relay() {
    if (!this.socket.connected) return;
    const [epoch, number] = this.#offset.split(".");
    const forged = `${epoch}.${Number(number) + 50}`;
    this.socket.emit("relay", `${this.#name} ${(this.#relays += 1)}`, forged);
  }

  #keep(event, number, offset) {
    const last = this.#last.get(event);
    this.#offset = offset;
    if (this.#once(event, number)) this.#counts.kept += 1;
    if (last !== undefined) {
      if (number > last + 1) this.#counts.lost += number - last - 1;
      if (number <= last) this.#counts.disordered += 1;
    }
    this.#last.set(event, number);
  }

  /** Whether it had not come before. */
  #once(event, id) {
    const seen = this.#seen.get(event) ?? new Set();
    this.#seen.set(event, seen);
    if (seen.has(id)) this.#counts.twice += 1;
    else if (event !== "news" && event !== "room news") this.#counts.others += 1;
    const isNew = !seen.has(id);
    seen.add(id);
    return isNew;
  }
}

/**
 * Runs one client in two namespaces against a server behind a proxy that loses its connections, as long
 * as `isEnough(counts)` says no (`patience` in milliseconds); then waits until it has caught up. Resolves
 * with what it saw.
 */
export async function torment({ client, transports }, port, isEnough, patience = PATIENCE) {
  const proxy = await CuttingProxy.start(port);
  const counts = new Counts();
  const options = {
    transports,
    forceNew: true,
    reconnectionDelay: 5,
    reconnectionDelayMax: 100,
    timeout: 1_000,
  };
  const main = CLIENTS[client](proxy.url, options);
  const witnesses = [main, main.io.socket("/other")].map((socket) => new Witness(socket, counts));
  witnesses.forEach(({ socket }) => socket.connect());
  const relaying = setInterval(() => witnesses.forEach((witness) => witness.relay()), 20);
  try {
    await until("enough recoveries", () => isEnough(counts), patience);
    proxy.isCalm = true;
    const before = witnesses.map((witness) => witness.last);
    await until("the clients to catch up", () =>
      witnesses.every((witness, at) => witness.socket.connected && witness.last > before[at] + 50));
  } finally {
    clearInterval(relaying);
    main.io.engine?.close();
    witnesses.forEach(({ socket }) => socket.disconnect());
    await proxy.stop();
  }
  return { ...counts, cuts: proxy.cuts };
}
