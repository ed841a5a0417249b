// What `carrier.ts` is where WebSocket is the only transport: nothing has to be chosen, kept back or
// upgraded. The build puts it in the place of that file for `websocket.esm.min.js`.

import { Emitter } from "../emitter.js";
import type { EngineOptions } from "../options.js";
import { type BinaryType, openWebSocket, toBinaryType } from "../platform.js";
import { formatQuery, parseQuery } from "../query.js";
import { ENGINE_PROTOCOL, type RawData } from "./packet.js";
import type { EngineEvents, Handshake } from "./socket.js";
import type { CloseDetails } from "./transport.js";

/** What carries the packets of an engine socket: one WebSocket. */
export abstract class Carrier extends Emitter<{}, {}, EngineEvents> {
  id?: string;
  transport!: { name: string; writable: boolean };
  readyState!: "opening" | "open" | "closed";
  abstract binaryType: BinaryType;
  abstract readonly opts: EngineOptions;
  private _ws!: WebSocket;

  // What the engine socket itself does.
  abstract _begin(handshake: Handshake): void;
  abstract _resetPingTimer(): void;
  abstract _giveUp(error: Error): void;
  abstract _onClose(reason: string, details?: CloseDetails | Error): void;

  _open(): void {
    this.readyState = "opening";
    this.transport = { name: "websocket", writable: true };
    const { hostname, port, secure, path, query } = this.opts;
    const search = formatQuery({ ...parseQuery(query), EIO: ENGINE_PROTOCOL, transport: "websocket" });
    const address = `ws${secure ? "s" : ""}://${hostname}:${port}${path}?${search}`;
    const ws: WebSocket = (this._ws = openWebSocket(address, this.opts));
    const fail = (description: unknown) =>
      this._giveUp(Object.assign(new Error("websocket error"), { type: "TransportError", description }));
    ws.binaryType = "arraybuffer";
    ws.onmessage = ({ data }) => {
      if (this.readyState === "closed") return;
      this._emitReserved("heartbeat");
      if (data[0] === "0") {
        try {
          this._begin(JSON.parse(data.slice(1)));
          this._emitReserved("open");
        } catch (error) {
          fail(error);
        }
      } else if (data === "2") {
        this._ws.send("3");
        this._resetPingTimer();
        this._emitReserved("ping");
      } else {
        this._emitReserved("data", typeof data === "string" ? data.slice(1) : toBinaryType(data, this.binaryType));
      }
    };
    ws.onerror = fail;
    ws.onclose = (context) =>
      this._onClose("transport close", { description: "websocket connection closed", context });
  }

  send(data: RawData): this {
    if (this.readyState === "open") this._ws.send(typeof data === "string" ? 4 + data : (data as ArrayBuffer));
    return this;
  }

  close(): this {
    this._onClose("forced close");
    return this;
  }

  _end(reason: string, details?: CloseDetails | Error): void {
    this._ws.close();
    this.id = undefined;
    this._emitReserved("close", reason, details);
  }
}
