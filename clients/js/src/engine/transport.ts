import { NamedEmitter } from "../named-emitter.js";
import type { EngineOptions } from "../options.js";
import { formatQuery, type Query } from "../query.js";
import { timerFunctions } from "../timer.js";
import { bracketed } from "../url.js";
import type { Carrier } from "./carrier.js";
import { decodePacket, type Packet } from "./packet.js";

/** What came in answer to a request of polling. */
export interface PollingAnswer {
  /** The HTTP status. */
  status?: number;
  responseText?: string;
}

/** Why a transport failed. */
export interface TransportError extends Error {
  type: "TransportError";
  /** The HTTP status, or the error or event that the platform gave. */
  description: unknown;
  /** For polling the answer. */
  context?: PollingAnswer;
  /** The HTTP status of the answer; 0 or absent if there was none, or browsers keep it to themselves. */
  status?: number;
  /** What the server answered, e.g. `{"code":1,"message":"Session ID unknown"}`. */
  reason?: string;
}

/** What goes with a close that was no failure. */
export interface CloseDetails {
  description: string;
  context?: unknown;
}

/** Options that the engine adds for its transports. */
export interface TransportOptions extends EngineOptions {
  query: Query;
  /** The engine socket that the transport belongs to. */
  socket: Carrier;
}

/** Events of a transport. */
export interface TransportEvents {
  open: () => void;
  packet: (packet: Packet) => void;
  /** Everything handed to `send` has been passed on. */
  drain: () => void;
  error: (error: Error) => void;
  close: (details?: CloseDetails) => void;
}

/** One way of carrying packets. States: opening → open → closed. */
export abstract class Transport extends NamedEmitter<{}, {}, TransportEvents> {
  /** Query parameters of the requests; the session id joins them after the handshake. */
  query: Query;
  /** Whether `send` may be called now. */
  writable = false;
  readyState: "opening" | "open" | "closed" = "opening";

  // Not in the core: what engine.io-client's has.

  /** The engine socket that the transport belongs to. */
  readonly socket!: Carrier;
  /** Whether binary data is sent as it is. */
  readonly supportsBinary!: boolean;

  constructor(readonly opts: TransportOptions) {
    super();
    this.query = opts.query;
    if (FULL) {
      const { socket, forceBase64 } = opts;
      Object.assign(this, timerFunctions, { socket, supportsBinary: !forceBase64 });
    }
  }

  /** The transport's name in the protocol. */
  abstract get name(): string;
  /** Starts connecting. */
  abstract open(): void;
  /** Same as `open`. */
  doOpen(): void {
    this.open();
  }
  /** Ends the connection; nothing is reported any more. */
  protected abstract doClose(): void;
  /**
   * Sends packets; `writable` is false until `drain`. What is thrown, as when a file cannot be read,
   * ends the connection: the packets behind it would be taken for what is missing.
   */
  protected abstract write(packets: Packet[]): void | Promise<void>;
  /** The address of the next request. */
  abstract uri(): string;

  close(): void {
    if (this._isClosed()) return;
    this.readyState = "closed";
    this.doClose();
  }

  async send(packets: Packet[]): Promise<void> {
    this.writable = false;
    try {
      await this.write(packets);
    } catch (error) {
      if (this._isClosed()) return;
      this.onError(this.name + " error", error);
      this.doClose();
    }
  }

  /** Lets what is under way end and sends nothing more; then calls back. */
  pause?(onPause: () => void): void;
  /** Takes a pause back. */
  _resume?(): void;

  protected _isClosed(): boolean {
    return this.readyState === "closed";
  }

  protected onOpen(): void {
    this.readyState = "open";
    this._onDrain("open");
  }

  protected _onDrain(event: "open" | "drain" = "drain"): void {
    this.writable = true;
    this._emitReserved(event);
  }

  protected onData(data: string | ArrayBuffer): void {
    this._emitReserved("packet", decodePacket(data, this.opts.socket.binaryType));
  }

  protected onError(message: string, description: unknown, context: PollingAnswer = {}): void {
    this.readyState = "closed";
    const { status, responseText: reason } = context;
    this._emitReserved(
      "error",
      Object.assign(new Error(message), {
        type: "TransportError",
        description,
        context,
        status,
        reason,
      }),
    );
  }

  protected onClose(details?: CloseDetails): void {
    this.readyState = "closed";
    this._emitReserved("close", details);
  }

  /** The address for `scheme`, with a number against caches if asked for. */
  protected createUri(scheme: string, stamped?: boolean): string {
    const { hostname, port, secure, path, timestampParam, forceBase64 } = this.opts;
    const query = { ...this.query };
    if (stamped) query[timestampParam || "t"] = Math.random();
    if (forceBase64) query.b64 = 1;
    scheme += secure ? "s://" : "://";
    const search = formatQuery(query);
    if (!FULL) return scheme + hostname + ":" + port + path + "?" + search;
    // Without what goes without saying: the scheme's own port, and an empty query.
    const isOwn = !port || +port === (secure ? 443 : 80);
    return scheme + bracketed(hostname!) + (isOwn ? "" : ":" + port) + path + search.replace(/^(?=.)/, "?");
  }
}
