import { Emitter } from "../emitter.js";
import type { EngineOptions } from "../options.js";
import { formatQuery } from "../query.js";
import { bracketed } from "../url.js";
import { decodePacket, type Packet } from "./packet.js";
import type { EngineSocket } from "./socket.js";

/** Why a transport failed. */
export interface TransportError extends Error {
  type: "TransportError";
  /** The HTTP status, or the error or event that the platform gave. */
  description: any;
  /** For polling `{ status, responseText }`. */
  context?: any;
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
  query: Record<string, any>;
  /** The engine that the transport belongs to. */
  socket: EngineSocket;
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
export abstract class Transport extends Emitter<{}, {}, TransportEvents> {
  /** Query parameters of the requests; the session id joins them after the handshake. */
  query: Record<string, any>;
  /** Whether `send` may be called now. */
  writable = false;
  readyState: "opening" | "open" | "closed" = "opening";

  constructor(readonly opts: TransportOptions) {
    super();
    this.query = opts.query;
  }

  /** The transport's name in the protocol. */
  abstract get name(): string;
  /** Starts connecting. */
  abstract open(): void;
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
    if (this.isClosed()) return;
    this.readyState = "closed";
    this.doClose();
  }

  async send(packets: Packet[]): Promise<void> {
    this.writable = false;
    try {
      await this.write(packets);
    } catch (error) {
      if (this.isClosed()) return;
      this.onError(this.name + " error", error);
      this.doClose();
    }
  }

  /** Lets what is under way end and sends nothing more; then calls back. */
  pause?(onPause: () => void): void;
  /** Takes a pause back. */
  resume?(): void;

  protected isClosed(): boolean {
    return this.readyState === "closed";
  }

  protected onOpen(): void {
    this.readyState = "open";
    this.onDrain("open");
  }

  protected onDrain(event: "open" | "drain" = "drain"): void {
    this.writable = true;
    this.emitReserved(event);
  }

  protected onData(data: string | ArrayBuffer): void {
    this.emitReserved("packet", decodePacket(data, this.opts.socket.binaryType));
  }

  protected onError(message: string, description: unknown, context: any = {}): void {
    this.readyState = "closed";
    const { status, responseText: reason } = context;
    this.emitReserved(
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
    this.emitReserved("close", details);
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
