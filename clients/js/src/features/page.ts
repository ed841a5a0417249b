// What pages go through: sleep, background, the history cache, loss of network, unloading.

import type { Manager } from "../manager.js";
import { CONNECT, DISCONNECT } from "../parser/packet.js";
import { startTimer, stopTimer, type Timer } from "../platform.js";

/** A namespace that no server has: any answer to its CONNECT shows that the link works. */
const PROBE = "/?";

/** Milliseconds that the answer may take. */
const PROBE_MS = 5000;

const watches = new WeakMap<object, AbortController>();
const probes = new WeakMap<object, Timer>();

/** Ends the watch of a manager that stays closed. */
export function unwatch(manager: Manager): void {
  if (manager._readyState === "closed" && !manager._reconnecting) watches.get(manager)?.abort();
}

/** Watches the page until the manager opens again or stays closed. Outside a page does nothing. */
export function watch(manager: Manager): void {
  const { engine, opts } = manager;
  watches.get(manager)?.abort();
  const controller = new AbortController();
  watches.set(manager, controller);
  const on = (event: string, listener: () => void) =>
    globalThis.addEventListener?.(event, listener, { signal: controller.signal });

  on("offline", () =>
    engine._onClose("transport close", { description: "network connection lost" }),
  );
  if (opts.closeOnBeforeunload) on("beforeunload", () => engine.transport.off().close());
  for (const event of ["online", "pageshow", "visibilitychange"]) on(event, () => wake(manager));
  // The server has a namespace for any name.
  engine.on("data", (text) => {
    if (String(text).startsWith(`${CONNECT}${PROBE}`)) {
      manager._packet({ type: DISCONNECT, nsp: PROBE });
    }
  });
}

/** The page is back: an attempt that waits is made now, and a link that looks open is probed. */
function wake(manager: Manager): void {
  if (globalThis.document?.hidden) return;
  const { engine } = manager;
  if (manager._reconnecting && manager._readyState === "closed") {
    stopTimer(manager.opts, manager._timer);
    manager._attempt();
  }
  if (manager._readyState !== "open" || probes.get(engine) || engine._hasPingExpired()) return;
  const timer = startTimer(manager.opts, () => engine._onClose("ping timeout"), PROBE_MS);
  probes.set(engine, timer);
  const end = () => {
    stopTimer(manager.opts, timer);
    probes.delete(engine);
  };
  engine.once("heartbeat", end).once("close", end);
  manager._packet({ type: CONNECT, nsp: PROBE });
}
