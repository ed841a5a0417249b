import { Emitter } from "../emitter.js";
import type { EngineOptions } from "../options.js";
import { defaultBinaryType, openWebSocket, startTimer, stopTimer, type Timer, toBinaryType } from "../platform.js";
import { nextTick } from "../timer.js";
import { formatQuery, parseQuery } from "../query.js";
import { url } from "../url.js";
import type { RawData } from "./packet.js";
import type { EngineEvents } from "./socket.js";
import type { CloseDetails } from "./transport.js";

/**
 * One Engine.IO session over one WebSocket, for `websocket.esm.min.js`: what `engine/socket.ts` is
 * where nothing has to be chosen, upgraded or encoded as text.
 */
export class EngineSocket extends Emitter<{}, {}, EngineEvents> {
  id?: string;
  readyState: "opening" | "open" | "closed" = "opening";
  binaryType = defaultBinaryType;
  /** What `volatile` looks at. */
  transport = { name: "websocket", writable: true };
  _pingTimeoutTime = 0;
  _maxPayload?: number;

  private _ws: WebSocket;
  private _pingMs = 0;
  private _pingTimer?: Timer;

  constructor(
    uri: string | undefined,
    readonly opts: EngineOptions,
  ) {
    super();
    const { target, query } = url(uri);
    const { secure, hostname, port } = target;
    const params = formatQuery({ ...parseQuery(query || opts.query), EIO: 4, transport: "websocket" });
    const path = opts.path!.replace(/\/?$/, opts.addTrailingSlash === false ? "?" : "/?");
    const address = `ws${secure ? "s" : ""}://${hostname}:${port}${path}${params}`;
    const ws = (this._ws = openWebSocket(address, opts as any));
    ws.binaryType = "arraybuffer";
    ws.onmessage = ({ data }) => {
      try {
        this._onMessage(data);
      } catch (error) {
        // No handshake.
        this._onError(error);
      }
    };
    ws.onerror = (event) => this._onError(event);
    ws.onclose = (context) =>
      this._onClose("transport close", { description: "websocket connection closed", context });
  }

  send(data: RawData): this {
    if (this.readyState === "open") this._ws.send(typeof data === "string" ? "4" + data : (data as ArrayBuffer));
    return this;
  }

  close(): this {
    this._onClose("forced close");
    return this;
  }

  _hasPingExpired(): boolean {
    const expired = Date.now() > this._pingTimeoutTime;
    if (expired) nextTick(() => this._onClose("ping timeout"));
    return expired;
  }

  _onClose(reason: string, details?: CloseDetails | Error): void {
    if (this.readyState === "closed") return;
    stopTimer(this.opts, this._pingTimer);
    this.readyState = "closed";
    this.id = undefined;
    this._ws.close();
    this.emitReserved("close", reason, details);
  }

  private _onMessage(message: any): void {
    if (this.readyState === "closed") return;
    this.emitReserved("heartbeat");
    if (message[0] === "0") {
      const handshake = JSON.parse(message.slice(1));
      this.id = handshake.sid;
      this._pingMs = handshake.pingInterval + handshake.pingTimeout;
      this._maxPayload = handshake.maxPayload;
      this.readyState = "open";
      this._resetPingTimer();
      this.emitReserved("open");
    } else if (message === "2") {
      this._ws.send("3");
      this._resetPingTimer();
      this.emitReserved("ping");
    } else {
      const isText = typeof message === "string";
      this.emitReserved("data", isText ? message.slice(1) : toBinaryType(message, this.binaryType));
    }
  }

  private _resetPingTimer(): void {
    stopTimer(this.opts, this._pingTimer);
    this._pingTimeoutTime = Date.now() + this._pingMs;
    this._pingTimer = startTimer(this.opts, () => this._onClose("ping timeout"), this._pingMs);
  }

  private _onError(description: any): void {
    const error = new Error("websocket error");
    this.emitReserved("error", Object.assign(error, { type: "TransportError", description }));
    this._onClose("transport error", error);
  }
}
