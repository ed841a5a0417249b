import SockJS from "sockjs-client/dist/sockjs.min.js";

import { type OpenRoad, type Sink, type World } from "./road.ts";
import { type MessageSocket, openSocket } from "./websocket.ts";

/** SockJS: its own client, which takes WebSocket where it can. */
export function openSockJs(url: string, sink: Sink, world: World): OpenRoad {
  return openSocket(() => new SockJS(url) as unknown as MessageSocket, sink, world);
}
