import type { EngineSocket } from "./socket.js";
import type { Transport } from "./transport.js";

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
export function probe(engine: EngineSocket, name: string): void {
  const transport = engine.createTransport(name);
  let current: Transport | undefined;

  const fail = (cause: unknown) => {
    engine.off("close", fail);
    transport.off().close();
    if (current) {
      engine.upgrading = false;
      if (engine.readyState !== "closed") current.resume!();
    }
    const error = new Error("probe error");
    engine.emitReserved("upgradeError", Object.assign(error, { transport: name, cause }));
    engine.flush();
  };

  engine.on("close", fail);
  transport
    .on("open", () => transport.send([{ type: "ping", data: "probe" }]))
    .on("error", fail)
    .on("close", fail)
    .on("packet", (packet) => {
      if (current) return;
      if (packet.type !== "pong" || packet.data !== "probe") return fail(packet);
      current = engine.transport;
      engine.upgrading = true;
      engine.emitReserved("upgrading", transport);
      current.pause!(() => {
        if (!engine.upgrading) return;
        engine.off("close", fail);
        engine.switchTo(transport);
      });
    });
  transport.open();
}
