// What programs read of socket.io-client though it is private there: names and values as it has them.
// Methods that do the same have the same name where they are; what is left out stands in the README.

import { EngineSocket } from "../engine/socket.js";
import { Transport } from "../engine/transport.js";
import { Manager } from "../manager.js";
import { Socket } from "../socket.js";

/** Makes a property that stands for another, which may be set if `set` says how. */
function define<Of extends object>(
  { prototype }: { prototype: Of },
  name: string,
  get: (of: Of) => unknown,
  set?: (of: Of, value: any) => void,
): void {
  Object.defineProperty(prototype, name, {
    configurable: true,
    get(this: Of) {
      return get(this);
    },
    set: set && function (this: Of, value: unknown) {
      set(this, value);
    },
  });
}

for (const option of [
  "autoConnect",
  "reconnection",
  "reconnectionAttempts",
  "reconnectionDelay",
  "reconnectionDelayMax",
  "randomizationFactor",
  "timeout",
] as const) {
  define(
    Manager,
    "_" + option,
    ({ opts }) => opts[option],
    ({ opts }, value) => ((opts as any)[option] = value),
  );
}
Object.assign(Manager.prototype, { disconnect: Manager.prototype._close });

define(Socket, "_anyListeners", (socket) => socket.listenersAny());
define(Socket, "_anyOutgoingListeners", (socket) => socket.listenersAnyOutgoing());

define(EngineSocket, "_transportsByName", (engine) => engine._classes);
define(EngineSocket, "_prevBufferLen", (engine) => engine._inFlight);
define(EngineSocket, "_pingInterval", (engine) => engine._handshake?.pingInterval);
define(EngineSocket, "_pingTimeout", (engine) => engine._handshake?.pingTimeout);
define(EngineSocket, "_upgrades", (engine) => engine._handshake?.upgrades ?? []);

define(Transport, "socket", ({ opts }) => opts.socket);
define(Transport, "supportsBinary", ({ opts }) => !opts.forceBase64);
define(Transport, "_polling", (transport) => (transport as { polling?: boolean }).polling);

// The timers of the moment, as tests that hold the clock want it.
for (const timed of [Manager, EngineSocket, Transport]) {
  define(timed as { prototype: object }, "setTimeoutFn", () => globalThis.setTimeout.bind(globalThis));
  define(timed as { prototype: object }, "clearTimeoutFn", () => globalThis.clearTimeout.bind(globalThis));
}
