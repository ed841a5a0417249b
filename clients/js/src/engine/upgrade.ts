import { startTimer } from "../platform.js";
import type { Carrier } from "./carrier.js";
import type { Transport } from "./transport.js";

/** Milliseconds that WebTransport is ahead of others, which are as good as it once connected. */
const HEAD_START_MS = 200;

/** Tries several transports; the first one that works is taken. */
export function probeAll(engine: Carrier, names: string[]): void {
  const { transport } = engine;
  // Hardly any server has it, and few platforms.
  const hasFavourite = names.includes("webtransport") && "WebTransport" in globalThis;
  const others = names.filter((name) => name !== "webtransport");
  let areTried = false;
  const tryOthers = () => {
    if (areTried || engine.upgrading || engine.transport !== transport) return;
    areTried = true;
    for (const name of others) {
      if (engine.readyState === "open") probe(engine, name);
    }
  };
  if (!hasFavourite) return tryOthers();
  engine.once("upgradeError", tryOthers);
  startTimer(engine.opts, tryOthers, HEAD_START_MS);
  probe(engine, "webtransport");
}

/**
 * Tries another transport beside the one in use (Engine.IO v4 "Upgrade"):
 *
 * | this side                          | server                                     |
 * |------------------------------------|--------------------------------------------|
 * | opens it, sends `2probe`           | `3probe`, answers a waiting poll with noop |
 * | stops sending, lets the poll and the POST under way end, sends `5` | sends by the new one |
 *
 * If it fails before `5` the session goes on as it was.
 */
export function probe(engine: Carrier, name: string): void {
  const transport = engine._createTransport(name);
  let current: Transport | undefined;

  const fail = (cause: unknown) => {
    engine.off("close", fail);
    transport.off().close();
    if (current) {
      engine.upgrading = false;
      if (engine.readyState !== "closed") current._resume!();
    }
    const error = new Error("probe error");
    engine._emitReserved("upgradeError", Object.assign(error, { transport: name, cause }));
    engine._flush();
  };

  engine.on("close", fail);
  if (FULL) {
    // Another one was faster.
    engine.on("upgrading", (winner) => {
      if (winner === transport) return;
      engine.off("close", fail);
      transport.off().close();
    });
  }
  transport
    .on("open", () => transport.send([{ type: "ping", data: "probe" }]))
    .on("error", fail)
    .on("close", fail)
    .on("packet", (packet) => {
      if (current) return;
      if (packet.type !== "pong" || packet.data !== "probe") return fail(packet);
      current = engine.transport;
      engine.upgrading = true;
      engine._emitReserved("upgrading", transport);
      current.pause!(() => {
        if (!engine.upgrading) return;
        engine.off("close", fail);
        engine._switchTo(transport);
      });
    });
  transport.open();
}
