import type { RoadAddress } from "../contract.ts";
import { openNdjson } from "./ndjson.ts";
import { openPolling } from "./polling.ts";
import { browserWorld, type OpenRoad, type Sink, type World } from "./road.ts";
import { openSocketIo } from "./socketio.ts";
import { openSockJs } from "./sockjs.ts";
import { openSse } from "./sse.ts";
import { openWebSocket } from "./websocket.ts";

/** How long the server may hold a long poll, in seconds. */
const WAIT_SECONDS = 25;

/** Opens a road at a host; `period` says how often polling asks, in milliseconds. */
export function openRoad(
  road: RoadAddress,
  host: string,
  period: () => number,
  sink: Sink,
  world: World = browserWorld(),
): OpenRoad {
  const base = `http://${host}:${road.port}`;
  const url = `${base}${road.path}`;
  switch (road.id) {
    case "polling":
      return openPolling(url, { period }, sink, world);
    case "long-polling":
      return openPolling(url, { period, wait: WAIT_SECONDS }, sink, world);
    case "ndjson":
      return openNdjson(url, sink, world);
    case "sse":
      return openSse(url, sink, world);
    case "sockjs":
      return openSockJs(url, sink, world);
    case "socketio-polling":
      return openSocketIo(base, { path: road.path, upgrade: false }, sink);
    case "socketio":
      return openSocketIo(base, { path: road.path, upgrade: true }, sink);
    case "websocket":
      return openWebSocket(url, sink, world);
  }
}
