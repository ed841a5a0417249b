// The engine as engine.io-client has it: its names, and WebTransport where the platform has it.

import { Polling } from "../engine/polling.js";
import { EngineSocket, transports } from "../engine/socket.js";
import { Transport } from "../engine/transport.js";
import { WebSocketTransport } from "../engine/websocket.js";
import { WebTransportTransport } from "../engine/webtransport.js";

export { Polling as Fetch, Polling as XHR, Polling as NodeXHR } from "../engine/polling.js";
export {
  WebSocketTransport as NodeWebSocket,
  WebSocketTransport as WebSocket,
} from "../engine/websocket.js";
export { WebTransportTransport as WebTransport } from "../engine/webtransport.js";

declare module "../engine/socket.js" {
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

declare module "../engine/transport.js" {
  interface Transport {
    /** Same as `open`. */
    doOpen(): void;
  }
}

// In the order in which they are tried.
Object.assign(transports, {
  polling: Polling,
  websocket: WebSocketTransport,
  webtransport: WebTransportTransport,
});

const { prototype } = EngineSocket;
const define = (name: string, get: (this: EngineSocket) => unknown) =>
  Object.defineProperty(prototype, name, { get, configurable: true });
define("hostname", function () {
  return this.opts.hostname!.replace(/[[\]]/g, "");
});
define("port", function () {
  return String(this.opts.port);
});
define("secure", function () {
  return !!this.opts.secure;
});
prototype.write = prototype.send;
prototype._filterUpgrades = function (upgrades) {
  return upgrades.filter((name) => this.transports.includes(name));
};
Transport.prototype.doOpen = function () {
  this.open();
};

