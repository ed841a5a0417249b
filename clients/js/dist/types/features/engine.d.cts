export { Polling as Fetch, Polling as XHR, Polling as NodeXHR } from "../engine/polling.cjs";
export { WebSocketTransport as NodeWebSocket, WebSocketTransport as WebSocket, } from "../engine/websocket.cjs";
export { WebTransportTransport as WebTransport } from "../engine/webtransport.cjs";
