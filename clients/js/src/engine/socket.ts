import type { EngineOptions } from "../options.js";
import { type BinaryType, defaultBinaryType, startTimer, stopTimer, type Timer } from "../platform.js";
import { nextTick, timerFunctions } from "../timer.js";
import { bracketed, url } from "../url.js";
import { Carrier } from "./carrier.js";
import type { Packet, RawData } from "./packet.js";
import type { CloseDetails, Transport } from "./transport.js";

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
  data: (data: RawData) => void;
  message: (data: RawData) => void;
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

/**
 * One Engine.IO session: ordered messages over whatever transport works, with heartbeat and
 * upgrade (Engine.IO v4). States: opening → open → (closing) → closed; it does not reconnect.
 *
 * Here are its address, its heartbeat and its end; how packets travel is its carrier's.
 */
export class EngineSocket extends Carrier {
  /** Form of received binary messages. */
  binaryType: BinaryType = defaultBinaryType;
  /** When the server counts as lost, in milliseconds as `Date.now()`. */
  _pingTimeoutTime!: number;
  private _pingMs!: number;
  private _pingTimer?: Timer;
  readonly opts: EngineOptions;

  // Not in the core: what engine.io-client's has.

  /** Host name that the session goes to, IPv6 without brackets. */
  readonly hostname!: string;
  /** Port that the session goes to. */
  readonly port!: string;
  /** Whether TLS is used. */
  readonly secure!: boolean;
  /** Same as `send`. */
  declare readonly write: this["send"];
  /** Of these transports those that may be used here. */
  declare readonly _filterUpgrades: (upgrades: string[]) => string[];

  constructor(uri?: string, options: EngineOptions = {}) {
    super();
    if (FULL) uri ||= addressOf(options);
    const { _target: target, query } = url(uri);
    const path = options.path!.replace(/\/?$/, options.addTrailingSlash === false ? "" : "/");
    this.opts = { ...target, ...options, ...(uri && target), path, query: query || options.query };
    if (FULL) for (const name in DEFAULTS) (this.opts as any)[name] ??= (DEFAULTS as any)[name];
    if (FULL) {
      const { hostname, port, secure } = this.opts;
      Object.assign(this, timerFunctions, {
        hostname: hostname!.replace(/[[\]]/g, ""),
        port: String(port),
        secure: !!secure,
        write: this.send,
        _filterUpgrades: (names: string[]) => names.filter((name) => this.transports.includes(name)),
        _upgrades: [],
      });
    }
    this._open();
  }

  /** Whether the heartbeat deadline has passed, though its timer may have been held up. */
  _hasPingExpired(): boolean {
    const expired = Date.now() > this._pingTimeoutTime;
    if (expired) nextTick(() => this._onClose("ping timeout"));
    return expired;
  }

  /** The session begins. */
  _begin(handshake: Handshake): void {
    this.id = handshake.sid;
    this._pingMs = handshake.pingInterval + handshake.pingTimeout;
    this.readyState = "open";
    this._resetPingTimer();
  }

  /** The server was heard: the heartbeat's next deadline. */
  _resetPingTimer(): void {
    stopTimer(this.opts, this._pingTimer);
    this._pingTimeoutTime = Date.now() + this._pingMs;
    this._pingTimer = startTimer(this.opts, () => this._onClose("ping timeout"), this._pingMs);
  }

  /** Ends the session over an error. */
  _giveUp(error: Error): void {
    this._emitReserved("error", error);
    this._onClose("transport error", error);
  }

  /** Ends the session at once. */
  _onClose(reason: string, details?: CloseDetails | Error): void {
    if (this.readyState === "closed") return;
    stopTimer(this.opts, this._pingTimer);
    this.readyState = "closed";
    this._end(reason, details);
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
