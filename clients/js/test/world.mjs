// A connection in memory: transports that a test plays the server for, one step at a time.

import { Transport } from "../build/engine/transport.js";
import { Manager } from "../build/index.js";

/** Lets everything happen that does not wait for a timer or for a peer. */
export async function settle() {
  for (let round = 0; round < 3; round++) await new Promise((resolve) => setImmediate(resolve));
}

/** Makes a manager whose transports are `names`; the test finds them in `transports` as they open. */
export function createWorld(options = {}, names = ["websocket"]) {
  const transports = [];

  class Played extends Transport {
    /** What the client has sent, as text. */
    sent = [];
    /** Whether the client has closed it. */
    closed = false;
    /** Set to false to keep what is sent under way until `drain()`. */
    drains = true;

    open() {
      this.readyState = "opening";
      transports.push(this);
    }

    doClose() {
      this.closed = true;
    }

    write(packets) {
      for (const { type, data = "" } of packets) this.sent.push(`${type} ${data}`.trim());
      if (this.drains) queueMicrotask(() => this.drain());
    }

    uri() {
      return "";
    }

    drain() {
      if (this.readyState === "open") this._onDrain();
      if (this.writable && this.idle !== false) this.paused?.();
    }

    pause(callback) {
      this.paused = callback;
      if (this.writable && this.idle !== false) callback();
    }

    _resume() {
      this.resumed = true;
      this.paused = undefined;
    }

    /** The transport is open, and with `handshake` the session is, too. */
    accept(handshake = {}) {
      this.onOpen();
      if (handshake) {
        const all = { sid: "engine", upgrades: [], pingInterval: 25_000, pingTimeout: 20_000 };
        this.receive("0" + JSON.stringify({ ...all, ...handshake }));
      }
      return this;
    }

    /** Messages arrive, all at once. */
    receive(...messages) {
      for (const message of messages) this.onData(message);
      return this;
    }

    /** The namespace `/` (or another) is entered. */
    enter(nsp = "", id = "socket-id", extra = {}) {
      return this.receive(`40${nsp}${JSON.stringify({ sid: id, ...extra })}`);
    }

    fail(message = "no route") {
      this.onError(message, undefined);
    }

    lose() {
      this.onClose({ description: "lost" });
    }
  }

  const classes = names.map(
    (name) =>
      class extends Played {
        get name() {
          return name;
        }
      },
  );
  const manager = new Manager("http://played.example", {
    randomizationFactor: 0,
    transports: classes,
    ...options,
  });
  return {
    manager,
    transports,
    /** The transport opened last. */
    get transport() {
      return transports.at(-1);
    },
  };
}

/** Collects what an emitter raises: `[name, ...args]` each. */
export function record(emitter, ...names) {
  const events = [];
  for (const name of names) emitter.on(name, (...args) => events.push([name, ...args]));
  return events;
}
