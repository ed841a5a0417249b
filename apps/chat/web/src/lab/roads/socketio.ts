import { io } from "sockeye-client";

import { EVENT, NAMESPACE } from "../contract.ts";
import { type OpenRoad, type Sink, tickOf } from "./road.ts";

/** What is asked of the client. */
export interface SocketIoOptions {
  /** Where the server is mounted. */
  path: string;
  /** Whether it may leave polling for WebSocket. */
  upgrade: boolean;
}

/** Socket.IO: our client, which begins with polling, and upgrades if it may. */
export function openSocketIo(base: string, options: SocketIoOptions, sink: Sink, connect = io): OpenRoad {
  const socket = connect(`${base}${NAMESPACE}`, {
    path: options.path,
    transports: options.upgrade ? ["polling", "websocket"] : ["polling"],
    upgrade: options.upgrade,
    forceNew: true,
    reconnectionDelay: 200,
    reconnectionDelayMax: 2_000,
  });
  socket.on("connect", () => sink.state("open"));
  socket.on("disconnect", (reason: string) => {
    if (reason !== "io client disconnect") sink.state("lost");
  });
  socket.on("connect_error", () => sink.state("lost"));
  socket.on(EVENT, (value: unknown) => {
    const tick = tickOf(value);
    if (tick) sink.tick(tick);
  });
  sink.state("connecting");
  return { close: () => void socket.disconnect() };
}
