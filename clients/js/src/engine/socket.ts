import { Emitter } from "../emitter.js";
import type { EngineOptions, TransportClass } from "../options.js";
import { type BinaryType, defaultBinaryType, startTimer, stopTimer, type Timer } from "../platform.js";
import { nextTick } from "../timer.js";
import { parseQuery } from "../query.js";
import { bracketed, url } from "../url.js";
import type { Packet, PacketType, RawData } from "./packet.js";
import type { CloseDetails, Transport } from "./transport.js";
import { probe, probeAll } from "./upgrade.js";

/** What the server announces when a session opens. */
export interface Handshake {
  sid: string;
  upgrades: string[];
  pingInterval: number;
  pingTimeout: number;
  maxPayload?: number;
}

/** Events of an {@link EngineSocket}. */
export interface EngineEvents {
  open: () => void;
  handshake: (handshake: Handshake) => void;
  packet: (packet: Packet) => void;
  packetCreate: (packet: Packet) => void;
  data: (data: any) => void;
  message: (data: any) => void;
  flush: () => void;
  drain: () => void;
  heartbeat: () => void;
  ping: () => void;
  pong: () => void;
  upgrading: (transport: Transport) => void;
  upgrade: (transport: Transport) => void;
  upgradeError: (error: Error) => void;
  error: (error: Error) => void;
  close: (reason: string, details?: CloseDetails | Error) => void;
}

/** The Engine.IO revision spoken here. */
export const ENGINE_PROTOCOL = 4;

/** Transport constructors by name. The entry file fills it, so that unused ones cost nothing. */
export const transports: Record<string, TransportClass> = {};

/** From so many bytes that a peer has not read, its pings are not answered. */
const UNREAD_BYTES_MAX = 1024 * 1024;

/** Options that programs look up in `engine.opts`, where socket.io-client puts them. */
const DEFAULTS = {
  addTrailingSlash: true,
  closeOnBeforeunload: false,
  rememberUpgrade: false,
  timestampParam: "t",
  transportOptions: {},
  upgrade: true,
  withCredentials: false,
};

/** Whether the last session had a working WebSocket, for `rememberUpgrade`. */
let websocketWorked = false;

/**
 * One Engine.IO session: ordered messages over whatever transport works, with heartbeat and
 * upgrade (Engine.IO v4). States: opening → open → (closing) → closed; it does not reconnect.
 */
export class EngineSocket extends Emitter<{}, {}, EngineEvents> {
  /** Session id, while there is one. */
  id?: string;
  /** The transport that messages leave by. */
  transport!: Transport;
  readyState: "opening" | "open" | "closing" | "closed" = "closed";
  /** Packets that no transport has confirmed to have passed on. */
  writeBuffer: Packet[] = [];
  /** Form of received binary messages. */
  binaryType: BinaryType = defaultBinaryType;
  /** Names of the transports that may be used, the first one at first. */
  transports: string[];
  readonly opts: EngineOptions;
  /** Whether another transport is taking over; nothing is sent meanwhile. */
  upgrading = false;
  /** When the server counts as lost, in milliseconds as `Date.now()`; 0 when that was noticed. */
  _pingTimeoutTime = Infinity;
  /** Most bytes of a polling payload that the server takes, if it said so. */
  _maxPayload?: number;

  /** Classes of the transports by name. The core has those that it was built with. */
  _classes = FULL ? { ...transports } : transports;
  /** How many of the first packets of `writeBuffer` the transport has. */
  _inFlight = 0;
  /** What the server said when the session opened. */
  _handshake?: Handshake;
  private _pingMs = 0;
  private _pingTimer?: Timer;

  constructor(uri?: string, options: EngineOptions = {}) {
    super();
    if (FULL) uri ||= addressOf(options);
    const { target, query } = url(uri);
    const path = options.path!.replace(/\/?$/, options.addTrailingSlash === false ? "" : "/");
    this.opts = { ...target, ...options, ...(uri && target), path, query: query || options.query };
    if (FULL) for (const name in DEFAULTS) (this.opts as any)[name] ??= (DEFAULTS as any)[name];
    this.transports = (this.opts.transports || Object.keys(transports))
      .map((item) => {
        if (!FULL || typeof item === "string") return item as string;
        const { name } = item.prototype;
        this._classes[name] = item;
        return name;
      })
      .filter((name) => this._classes[name]);
    this._open();
  }

  /** Sends a message. */
  send(data: RawData, options?: Packet["options"]): this {
    this._sendPacket("message", data, options);
    return this;
  }

  /** Ends the session when everything has been sent and no upgrade is under way. */
  close(): this {
    if (!this._isActive()) return this;
    this.readyState = "closing";
    const close = () => {
      if (!this.upgrading) return this._onClose("forced close");
      this.once("upgrade", close);
      this.once("upgradeError", close);
    };
    if (this.writeBuffer.length) this.once("drain", close);
    else close();
    return this;
  }

  /** Whether the heartbeat deadline has passed, though its timer may have been held up. */
  _hasPingExpired(): boolean {
    if (!this._pingTimeoutTime) return true;
    const expired = Date.now() > this._pingTimeoutTime;
    if (expired) {
      this._pingTimeoutTime = 0;
      nextTick(() => this._onClose("ping timeout"));
    }
    return expired;
  }

  /** A transport of this session that is not open yet. */
  createTransport(name: string): Transport {
    const query: Record<string, any> = {
      ...parseQuery(this.opts.query),
      EIO: ENGINE_PROTOCOL,
      transport: name,
    };
    if (this.id) query.sid = this.id;
    return new this._classes[name]({
      ...this.opts,
      query,
      socket: this,
      ...this.opts.transportOptions?.[name],
    });
  }

  /** Makes `transport` the one that messages go through. */
  setTransport(transport: Transport): void {
    this.transport?.off();
    this.transport = transport
      .off()
      .on("drain", () => {
        this.writeBuffer.splice(0, this._inFlight);
        this._inFlight = 0;
        if (this.writeBuffer.length) this.flush();
        else this.emitReserved("drain");
      })
      .on("packet", (packet) => {
        try {
          this._onPacket(packet);
        } catch (error) {
          // No handshake.
          this._onError(error as Error);
        }
      })
      .on("error", (error) => this._onError(error))
      .on("close", (details) => this._onClose("transport close", details));
  }

  /** Ends an upgrade: what follows goes through `transport`. */
  switchTo(transport: Transport): void {
    this.setTransport(transport);
    websocketWorked = transport.name === "websocket";
    transport.send([{ type: "upgrade" }]);
    this.upgrading = false;
    this.emitReserved("upgrade", transport);
    this.flush();
  }

  /** Hands waiting packets to the transport if it can take them. */
  flush(): void {
    const { transport, writeBuffer } = this;
    if (!transport.writable || this.upgrading || !writeBuffer.length) return;
    this._inFlight = writeBuffer.length;
    transport.send([...writeBuffer]);
    this.emitReserved("flush");
  }

  /** Opening or open. */
  private _isActive(): boolean {
    return /^open/.test(this.readyState);
  }

  _open(): void {
    this.readyState = "opening";
    if (FULL && !this.transports.length) {
      // Later, so that the caller can listen first.
      nextTick(() => this._onError(new Error("No transports available")));
      return;
    }
    const remembered =
      this.opts.rememberUpgrade && websocketWorked && this.transports.includes("websocket");
    const transport = this.createTransport(remembered ? "websocket" : this.transports[0]);
    this.setTransport(transport);
    const { openTimeout, tryAllTransports } = this.opts;
    if (FULL && tryAllTransports && openTimeout && this.transports.length > 1) {
      // A proxy that holds a WebSocket and says nothing.
      const giveUp = () => {
        if (this.readyState !== "opening" || this.transport !== transport) return;
        transport.off().close();
        this._onError(new Error("timeout"));
      };
      const timer = startTimer(this.opts, giveUp, openTimeout);
      const stop = () => stopTimer(this.opts, timer);
      this.once("open", stop).once("close", stop);
    }
    nextTick(() => {
      if (this.readyState !== "closed") transport.open();
    });
  }

  private _onPacket(packet: Packet): void {
    if (this.readyState === "closed") return;
    const { type, data } = packet;
    this.emitReserved("packet", packet);
    this.emitReserved("heartbeat");
    if (type === "open") {
      if (this.readyState === "opening") this._onHandshake(data as string);
    } else if (type === "ping") {
      this._sendPacket("pong");
      this.emitReserved("ping");
      this.emitReserved("pong");
      this._resetPingTimer();
    } else if (type === "message") {
      this.emitReserved("data", data);
      this.emitReserved("message", data);
    } else if (type === "error") {
      this._onError(Object.assign(new Error("server error"), { code: data }));
    }
  }

  private _onHandshake(text: string): void {
    const handshake: Handshake = JSON.parse(text);
    this.id = this.transport.query.sid = handshake.sid;
    this._pingMs = handshake.pingInterval + handshake.pingTimeout;
    this._maxPayload = handshake.maxPayload;
    if (FULL) this._handshake = handshake;
    const { name } = this.transport;
    this.readyState = "open";
    websocketWorked = name === "websocket";
    this._resetPingTimer();
    this.emitReserved("handshake", handshake);
    this.emitReserved("open");
    this.flush();
    if (FULL) {
      const names = this.transports.filter(
        (other) => other !== name && handshake.upgrades?.includes?.(other),
      );
      // A transport that cannot pause cannot be left either.
      if (this.opts.upgrade !== false && this.transport.pause) probeAll(this, names);
      return;
    }
    for (const other of this.transports) {
      // A listener may have closed the session.
      const mayUpgrade = (this.readyState as string) === "open" && this.opts.upgrade !== false;
      if (mayUpgrade && other !== name && handshake.upgrades?.includes?.(other)) {
        probe(this, other);
      }
    }
  }

  private _resetPingTimer(): void {
    stopTimer(this.opts, this._pingTimer);
    this._pingTimeoutTime = Date.now() + this._pingMs;
    this._pingTimer = startTimer(this.opts, () => this._onClose("ping timeout"), this._pingMs);
  }

  private _sendPacket(type: PacketType, data?: RawData, options?: Packet["options"]): void {
    if (!this._isActive()) return;
    // One answer is enough for a flood of pings.
    if (FULL && type === "pong" && isFlooded(this, this._inFlight)) return;
    const packet: Packet = { type, data, options };
    this.emitReserved("packetCreate", packet);
    this.writeBuffer.push(packet);
    this.flush();
  }

  private _onError(error: Error): void {
    websocketWorked = false;
    if (this.opts.tryAllTransports && this.readyState === "opening" && this.transports.length > 1) {
      this.transports = this.transports.filter((name) => name !== this.transport.name);
      return this._open();
    }
    this.emitReserved("error", error);
    this._onClose("transport error", error);
  }

  /** Ends the session at once. */
  _onClose(reason: string, details?: CloseDetails | Error): void {
    if (this.readyState === "closed") return;
    stopTimer(this.opts, this._pingTimer);
    this.readyState = "closed";
    this.transport?.off().close();
    this.id = undefined;
    this.emitReserved("close", reason, details);
    // Only now: listeners may look at what was not sent.
    this.writeBuffer = [];
    this._inFlight = 0;
  }
}

/** The address that the options `hostname`, or `host`, and `port` make. */
function addressOf({ hostname, host, port, secure }: EngineOptions): string | undefined {
  const name = hostname || host;
  if (!name) return undefined;
  secure ??= globalThis.location?.protocol === "https:";
  const authority = port ? bracketed(name).replace(/(:\d*)?$/, `:${port}`) : bracketed(name);
  return `http${secure ? "s" : ""}://${authority}`;
}

/** Whether a pong waits to be sent already, or the peer does not read. */
function isFlooded({ writeBuffer, transport }: EngineSocket, inFlight: number): boolean {
  const last = writeBuffer.length > inFlight && writeBuffer[writeBuffer.length - 1];
  return (last && last.type === "pong") || (transport as any).ws?.bufferedAmount > UNREAD_BYTES_MAX;
}
