export { Polling as Fetch, Polling as XHR, Polling as NodeXHR } from "../engine/polling.js";
export { WebSocketTransport as NodeWebSocket, WebSocketTransport as WebSocket, } from "../engine/websocket.js";
export { WebTransportTransport as WebTransport } from "../engine/webtransport.js";
