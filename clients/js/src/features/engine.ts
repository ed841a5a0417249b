// The engine as engine.io-client has it: its names, and WebTransport where the platform has it.

import { transports } from "../engine/carrier.js";
import { Polling } from "../engine/polling.js";
import { WebSocketTransport } from "../engine/websocket.js";
import { WebTransportTransport } from "../engine/webtransport.js";

export { Polling as Fetch, Polling as XHR, Polling as NodeXHR } from "../engine/polling.js";
export {
  WebSocketTransport as NodeWebSocket,
  WebSocketTransport as WebSocket,
} from "../engine/websocket.js";
export { WebTransportTransport as WebTransport } from "../engine/webtransport.js";

// In the order in which they are tried.
Object.assign(transports, {
  polling: Polling,
  websocket: WebSocketTransport,
  webtransport: WebTransportTransport,
});
