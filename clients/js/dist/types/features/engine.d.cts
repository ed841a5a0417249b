export { Polling as Fetch, Polling as XHR, Polling as NodeXHR } from "../engine/polling.cjs";
export { WebSocketTransport as NodeWebSocket, WebSocketTransport as WebSocket, } from "../engine/websocket.cjs";
export { WebTransportTransport as WebTransport } from "../engine/webtransport.cjs";
declare module "../engine/socket.cjs" {
    interface EngineSocket {
        /** Host name that the session goes to, IPv6 without brackets. */
        readonly hostname: string;
        /** Port that the session goes to. */
        readonly port: string;
        /** Whether TLS is used. */
        readonly secure: boolean;
        /** Same as `send`. */
        write: this["send"];
        /** Of these transports those that may be used here. */
        _filterUpgrades(upgrades: string[]): string[];
    }
}
declare module "../engine/transport.cjs" {
    interface Transport {
        /** Same as `open`. */
        doOpen(): void;
    }
}
