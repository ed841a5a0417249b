import { type Backoff, createBackoff } from "./backoff.js";
import type { Emitter } from "./emitter.js";
import { EngineSocket } from "./engine/socket.js";
import type { RawData } from "./engine/packet.js";
import type { CloseDetails } from "./engine/transport.js";
import type { DefaultEventsMap, EventsMap } from "./events.js";
import { ALIASES, NamedEmitter } from "./named-emitter.js";
import type { ManagerOptions, SocketOptions } from "./options.js";
import { Decoder, Encoder, type Packet } from "./parser/packet.js";
import { Socket } from "./socket.js";
import { startTimer, stopTimer, type Timer } from "./platform.js";
import { nextTick } from "./timer.js";

/** Events of a {@link Manager}. */
export interface ManagerEvents {
  /** The connection is open. */
  open: () => void;
  /** It could not be opened. */
  error: (error: Error) => void;
  /** The server sent a heartbeat. */
  ping: () => void;
  /** A packet arrived. */
  packet: (packet: Packet) => void;
  /** The connection is closed. */
  close: (reason: string, details?: CloseDetails | Error) => void;
  /** An attempt to reconnect begins; they count from 1. */
  reconnect_attempt: (attempt: number) => void;
  /** The connection is back, after so many attempts. */
  reconnect: (attempt: number) => void;
  /** An attempt failed. */
  reconnect_error: (error: Error) => void;
  /** All attempts failed. */
  reconnect_failed: () => void;
}

/** Defaults of the options that a method of the same name reads, or sets when given a value. */
export const SETTINGS = {
  reconnection: true,
  reconnectionAttempts: Infinity,
  reconnectionDelay: 1000,
  reconnectionDelayMax: 5000,
  randomizationFactor: 0.5,
  timeout: 20000,
};

/** Defaults of the options. */
export const defaults: Partial<ManagerOptions> = { ...SETTINGS, autoConnect: true };

/** Methods that read an option, or set it when given a value. */
type Settings = {
  [Name in keyof typeof SETTINGS]: {
    (): NonNullable<ManagerOptions[Name]>;
    (value: ManagerOptions[Name]): Manager;
  };
};

export interface Manager<Listen extends EventsMap, Emit extends EventsMap> extends Settings {
  /** Same as `open`. */
  connect(callback?: OpenCallback): this;
}

type OpenCallback = (error?: Error) => void;

/** One connection to a server, reconnected when it is lost, shared by sockets of its namespaces. */
export class Manager<
  Listen extends EventsMap = DefaultEventsMap,
  Emit extends EventsMap = Listen,
> extends NamedEmitter<{}, {}, ManagerEvents> {
  /** The present connection, or the last one. */
  engine!: EngineSocket;
  /** Options in force; a change counts from the next connection on. */
  opts: ManagerOptions;
  /** Sockets by namespace. */
  nsps: Record<string, Socket> = {};
  /** Those of them that want a connection. */
  readonly _active = new Set<object>();
  readonly uri?: string;
  _readyState: "opening" | "open" | "closed" = "closed";
  /** Whether an attempt waits or is under way. */
  _reconnecting = false;
  /** Whether the connection stays closed; opening sets it to false. */
  skipReconnect = false;
  /** Counts the attempts to reconnect. */
  readonly backoff: Backoff;
  encoder: { encode(packet: Packet): RawData[] };
  decoder: Decoder;
  /** Timer of opening, of the next attempt or of a probe; they never run together. */
  _timer?: Timer;

  constructor(uri?: string | Partial<ManagerOptions> | null, options?: Partial<ManagerOptions> | null) {
    super();
    if (uri && typeof uri === "object") {
      options = uri;
      uri = undefined;
    }
    this.uri = uri as string | undefined;
    const opts: any = (this.opts = { ...options });
    for (const name in defaults) opts[name] = opts[name] ?? (defaults as any)[name];
    opts.path = opts.path || "/socket.io";
    this.backoff = createBackoff(opts);
    const parser = opts.parser || { Encoder, Decoder };
    this.encoder = new parser.Encoder();
    this.decoder = new parser.Decoder(opts);
    // On a later tick each, so that `await` in a listener cannot miss the packet behind.
    this.decoder.on("decoded", (packet) => {
      const { engine } = this;
      nextTick(() => {
        // What came by a connection that was closed since is no part of the next one.
        const isCurrent = engine === this.engine && this._readyState === "open";
        if (isCurrent && !this.nsps[packet.nsp]?._isLate(packet)) this._emitReserved("packet", packet);
      });
    });
    if (opts.autoConnect) this.open();
  }

  /** Connects unless that is done or under way. `callback` learns how it went. */
  open(callback?: OpenCallback): this {
    if (this._readyState !== "closed") return this;
    const engine = (this.engine = new EngineSocket(this.uri, this.opts));
    const { timeout } = this.opts;
    this._setState("opening");
    this.skipReconnect = this._reconnecting = false;
    const fail = (error: Error) => {
      this._setState("closed");
      this._emitReserved("error", error);
      if (callback) callback(error);
      else this._maybeReconnectOnOpen();
    };
    if (timeout !== false) {
      const giveUp = () => {
        fail(new Error("timeout"));
        engine.close();
      };
      this._timer = startTimer(this.opts, giveUp, timeout!);
    }
    const isCurrent = () => engine === this.engine && this._readyState !== "closed";
    const on = (event: string, listener: (...args: any[]) => void) =>
      (engine as Emitter<any>).on(event, (...args: any[]) => isCurrent() && listener(...args));
    on("open", () => {
      this._setState("open");
      this._emitReserved("open");
      callback?.();
    });
    on("error", (error) =>
      this._readyState === "opening" ? fail(error) : this._emitReserved("error", error),
    );
    on("ping", () => this._emitReserved("ping"));
    on("data", (data) => {
      try {
        this.decoder.add(data);
      } catch (error) {
        engine._onClose("parse error", error as Error);
      }
    });
    // Behind the packets that came before.
    engine.on("close", (...args) => nextTick(() => isCurrent() && this.onclose(...args)));
    return this;
  }

  /** The socket of a namespace, made (and connected) if there is none. */
  socket(nsp: string, options?: Partial<SocketOptions> | null): Socket<Listen, Emit> {
    const socket = this.nsps[nsp] || new Socket(this, nsp, options);
    if (this.opts.autoConnect && !socket.subs) socket.connect();
    return socket;
  }

  /** A socket has become inactive: without any other the connection ends. */
  _destroy(socket: object): void {
    this._active.delete(socket);
    if (!this._active.size) this._close();
  }

  /** Sends a packet. */
  _packet(packet: Packet): void {
    for (const message of this.encoder.encode(packet)) this.engine.send(message, packet.options);
  }

  /** Closes the connection and stays closed. */
  _close(): void {
    this.skipReconnect = true;
    this.onclose("forced close");
  }

  private _setState(state: "opening" | "open" | "closed"): void {
    stopTimer(this.opts, this._timer);
    this._readyState = state;
  }

  /** The connection is lost, or given up. */
  onclose(reason: string, details?: CloseDetails | Error): void {
    this._setState("closed");
    this._reconnecting = false;
    this.engine?.close();
    this.decoder.destroy();
    this.backoff.reset();
    this._emitReserved("close", reason, details);
    this._maybeReconnectOnOpen();
  }

  /** Reconnects if the option says so. */
  _maybeReconnectOnOpen(): void {
    if (this.opts.reconnection) this.reconnect();
  }

  /** Connects after the next delay, and goes on trying; unless that is done, or `skipReconnect`. */
  reconnect(): this {
    const { backoff, opts } = this;
    if (!this._reconnecting && !this.skipReconnect && this._readyState === "closed") {
      if (backoff.attempts >= (opts.reconnectionAttempts || Infinity)) {
        backoff.reset();
        this._emitReserved("reconnect_failed");
      } else {
        this._timer = startTimer(opts, () => this._attempt(), backoff.duration());
        this._reconnecting = true;
      }
    }
    return this;
  }

  /** Reconnects now. */
  _attempt(): void {
    const { backoff } = this;
    if (!this.skipReconnect) this._emitReserved("reconnect_attempt", backoff.attempts);
    this._reconnecting = false;
    // A listener may have closed it for good, or opened it.
    if (this.skipReconnect || this._readyState !== "closed") return;
    this.open((error) => {
      this._reconnecting = false;
      if (error) {
        this.reconnect();
        this._emitReserved("reconnect_error", error);
      } else {
        const { attempts } = backoff;
        backoff.reset();
        this._emitReserved("reconnect", attempts);
      }
    });
    this._reconnecting = true;
  }
}

if (ALIASES) {
  const { prototype } = Manager;
  prototype.connect = prototype.open;
  for (const name in SETTINGS) {
    prototype[name as keyof Settings] = function (this: Manager, value?: any): any {
      if (value === undefined) return (this.opts as any)[name];
      (this.opts as any)[name] = value;
      if (name === "reconnection" && !value) this.skipReconnect = true;
      return this;
    };
  }
}
