import type { EngineSocket } from "./engine/socket.js";
import type { CloseDetails } from "./engine/transport.js";
import type {
  AckValue,
  DefaultEventsMap,
  EventNames,
  EventParams,
  EventsMap,
  ParamsWithoutAck,
  WithAckErrors,
} from "./events.js";
import type { Manager } from "./manager.js";
import { NamedEmitter } from "./named-emitter.js";
import type { Auth, SocketOptions } from "./options.js";
import {
  ACK,
  BINARY_EVENT,
  CONNECT,
  CONNECT_ERROR,
  DISCONNECT,
  EVENT,
  type Packet,
  RESERVED_EVENTS,
} from "./parser/packet.js";
import { startTimer, stopTimer, type Timer } from "./platform.js";

/** Why a socket was disconnected. */
export type DisconnectReason =
  | "io server disconnect"
  | "io client disconnect"
  | "ping timeout"
  | "transport close"
  | "transport error"
  | "parse error"
  | "forced close";

/** What goes with the reason. */
export type DisconnectDescription = CloseDetails | Error;

/** Why a socket could not connect. */
export interface ConnectError extends Error {
  /** What the server says of it. */
  data?: any;
}

/** Events that a socket raises itself. */
export interface SocketReservedEvents {
  connect: () => void;
  /** Refused by the server (then `data` may say more), or the connection could not be made. */
  connect_error: (error: ConnectError) => void;
  disconnect: (reason: DisconnectReason, details?: DisconnectDescription) => void;
}

export type Ack = ((...args: unknown[]) => void) & {
  /** The function takes an error first, so it is also told about a disconnection. */
  _withError?: boolean;
};

/**
 * Milliseconds between leaving a namespace and asking for it again on the same connection. A server
 * of npm's socket.io that reads both at once closes the connection.
 */
const LEFT_MS = 100;

/** What holds for the next packet only. */
export interface Flags {
  compress?: boolean;
  volatile?: boolean;
  timeout?: number;
  /** A try of the queue of `retries`, not an event of the application. */
  _fromQueue?: boolean;
}

/** An event or an acknowledgement. */
type Received = Omit<Packet, "nsp" | "data"> & { data?: unknown[] };

/** One client in one namespace: sends and receives events over a shared connection. */
export class Socket<
  Listen extends EventsMap = DefaultEventsMap,
  Emit extends EventsMap = Listen,
> extends NamedEmitter<Listen, Emit, SocketReservedEvents> {
  /** Id that the server gave this socket, while connected. */
  id?: string;
  connected = false;
  /** Functions that stop listening to the connection; there are some while the socket is active. */
  subs?: (() => unknown)[];
  /** Whether the server restored the state from before the last disconnection. */
  recovered = false;
  /** Sent when connecting. */
  auth?: Auth;
  /** Packets to send when connected. */
  sendBuffer: Omit<Packet, "nsp">[] = [];
  /**
   * Arguments of events that came before the connection was confirmed. They are forgotten with it:
   * a server that recovers state sends them again, since the offset counts delivered events only.
   */
  receiveBuffer: unknown[][] = [];
  /** Acknowledgement functions by packet id. */
  acks: Record<string, Ack> = {};

  /** Id of the next packet that asks for an acknowledgement. */
  _ids = 0;
  /** What holds for the next packet only. */
  flags: Flags = {};
  /** What the server knows the socket by when it recovers its state. */
  _pid?: string;
  /** The last event that was delivered, for recovery. */
  _lastOffset?: string;
  _opts: Partial<SocketOptions>;
  /** The connection on which the namespace was asked for and no answer came yet, and who asked. */
  private _busy?: EngineSocket;
  private _asker?: Socket["subs"];
  /** The connection on which the namespace was left, until it may be asked for again. */
  private _left?: EngineSocket;

  /** The connection that the socket uses. */
  readonly io: Manager<Listen, Emit>;
  /** The namespace, e.g. `/`. */
  readonly nsp: string;

  constructor(io: Manager<Listen, Emit> | Manager, nsp: string, options?: Partial<SocketOptions> | null) {
    super();
    this.io = io as Manager<Listen, Emit>;
    this.nsp = nsp;
    io.nsps[nsp] = io.nsps[nsp] || this;
    this._opts = options = { ...options };
    this.auth = options.auth;
    if (io.opts.autoConnect) this.connect();
  }

  /** The opposite of `connected`. */
  get disconnected(): boolean {
    return !this.connected;
  }

  /** Whether the socket connects by itself when its connection does. */
  get active(): boolean {
    return !!this.subs;
  }

  /** Connects, and keeps doing so when the connection is lost. */
  connect(): this {
    if (this.connected) return this;
    const { io, subs } = this;
    this._subEvents();
    if (!io._reconnecting) io.open();
    // Asking twice would be a protocol error.
    if (!subs && io._readyState === "open") this.onopen();
    return this;
  }

  /** Same as `connect`. */
  open(): this {
    return this.connect();
  }

  /** Listens to the connection. */
  _subEvents(): void {
    if (this.subs) return;
    const { io } = this;
    const subs = (this.subs = ["open", "packet", "error", "close"].map((event: any) => {
      const handle = (this as any)["on" + event];
      const listener = (...args: any[]) => {
        // It may have left since the event was raised, and be back.
        if (subs === this.subs) handle.apply(this, args);
      };
      io.on(event, listener);
      return () => io.off(event, listener);
    }));
    io._active.add(this);
  }

  /** Disconnects and stays disconnected until `connect()`. */
  disconnect(): this {
    const { connected } = this;
    if (connected) this._leave();
    this.destroy();
    if (connected) this.onclose("io client disconnect");
    return this;
  }

  /** Same as `disconnect`. */
  close(): this {
    return this.disconnect();
  }

  /** Emits `message`. */
  send(...args: unknown[]): this {
    return this.emit("message" as any, ...(args as any));
  }

  /**
   * Sends an event. A function as last argument is called with the other side's acknowledgement;
   * after `timeout()` it takes an error first. While disconnected the event waits, unless it is
   * volatile. Throws on names that the library raises itself, and on what JSON cannot hold.
   */
  emit<Event extends EventNames<Emit>>(event: Event, ...args: EventParams<Emit, Event>): this {
    if (RESERVED_EVENTS.test(event)) throw new Error(`"${event}" is a reserved event name`);
    const { flags } = this;
    this.flags = {};
    const data: any[] = [event, ...args];
    const packet: Omit<Packet, "nsp"> = { type: EVENT, data };
    // Browsers compress as they like.
    if (FULL) packet.options = { compress: flags.compress !== false };
    const ack = takeAck(data);
    if (ack) {
      packet.id = this._ids++;
      this._expectAck(packet.id, ack, flags.timeout ?? this._opts.ackTimeout);
    }
    const { engine } = this.io;
    const isOpen = this.connected && engine.readyState === "open";
    if (flags.volatile && !(isOpen && engine.transport.writable)) return this;
    // The deadline is compared too, because timers may have slept where this code did not.
    if (isOpen && !engine._hasPingExpired()) this.packet(packet);
    else this.sendBuffer.push(packet);
    return this;
  }

  /**
   * Sends an event and resolves with the first value of its acknowledgement. Rejects when the
   * timeout passes or the connection is lost after sending; without `timeout()` it may wait for ever.
   */
  emitWithAck<Event extends EventNames<Emit>>(
    event: Event,
    ...args: ParamsWithoutAck<Emit, Event>
  ): Promise<AckValue<Emit, Event>> {
    return new Promise((resolve, reject) => {
      const ack: Ack = (error, value) => (error ? reject(error) : resolve(value as AckValue<Emit, Event>));
      ack._withError = true;
      this.emit(event, ...([...args, ack] as any));
    });
  }

  /** Whether the next packet may be compressed. Default true. */
  compress(compress: boolean): this {
    this.flags.compress = compress;
    return this;
  }

  /** The next packet is dropped if it cannot be sent at once. */
  get volatile(): this {
    this.flags.volatile = true;
    return this;
  }

  /** The next packet's acknowledgement must come within `ms` milliseconds. */
  timeout(
    ms: number,
  ): Pick<Socket<Listen, Emit>, "emitWithAck"> & Socket<Listen, WithAckErrors<Emit>> {
    this.flags.timeout = ms;
    return this as any;
  }

  /** Sends a packet of this namespace. */
  packet(packet: Omit<Packet, "nsp">): void {
    this.io._packet({ ...packet, nsp: this.nsp });
  }

  /** The connection is open: asks for the namespace. */
  onopen(): void {
    const { auth, io, subs } = this;
    const { engine } = io;
    const isCurrent = () => engine === io.engine && subs === this.subs;
    const askAgain = () => {
      this._left = undefined;
      if (isCurrent()) this.onopen();
    };
    const connect = (data?: object | null) => {
      // Too late for the connection or for the socket, which then ask again; or an answer is awaited.
      if (!isCurrent() || this._busy === engine) return;
      this._busy = engine;
      this._asker = subs;
      this.packet({
        type: CONNECT,
        // Nothing, also where that is written as null: servers take no `null` for an object.
        data: this._pid ? { pid: this._pid, offset: this._lastOffset, ...data } : data || undefined,
      });
    };
    if (this._left === engine) startTimer(io.opts, askAgain, LEFT_MS);
    else if (typeof auth === "function") auth(connect);
    else connect(auth);
  }

  /** Tells the server that the socket leaves. */
  private _leave(): void {
    this.packet({ type: DISCONNECT });
    this._left = this.io.engine;
  }

  /**
   * Whether a packet answers a CONNECT of before the socket left. The server can be told only now, since
   * it takes nothing else for a namespace while it decides; then the socket, if it is back, asks again.
   */
  _isLate({ type }: Packet): boolean {
    if (type !== CONNECT && type !== CONNECT_ERROR) return false;
    const isLate = !!this._busy && this._asker !== this.subs;
    this._busy = undefined;
    if (isLate && type === CONNECT) this._leave();
    if (isLate && this.subs) this.onopen();
    return isLate;
  }

  /** Handles a packet of the connection. */
  onpacket(packet: Packet): void {
    const { type, nsp, data }: Packet & { data?: any } = packet;
    if (nsp !== this.nsp) return;
    if (type === CONNECT) {
      if (data?.sid) this._onconnect(data.sid, data.pid);
      else this._emitReserved("connect_error", new Error("no sid"));
    } else if (type === DISCONNECT) {
      this._ondisconnect();
    } else if (type === CONNECT_ERROR) {
      this.destroy();
      this._emitReserved("connect_error", Object.assign(new Error(data?.message ?? data), { data: data?.data }));
    } else if (type === EVENT || type === BINARY_EVENT) {
      this.onevent(packet as Received);
    } else {
      this._onack(packet as Received);
    }
  }

  /** An event came. Programs wrap this to see all of them, and hand in the packet more than once. */
  onevent({ id, data = [] }: Received): void {
    if (id !== undefined) data.push(this._ack(id));
    if (this.connected) this.emitEvent(data);
    else this.receiveBuffer.push(data);
  }

  /** An acknowledgement came. */
  _onack({ id, data }: Received): void {
    const ack = this.acks[id!];
    if (!ack) return;
    delete this.acks[id!];
    ack.apply(this, ack._withError ? [null, ...data!] : data!);
  }

  /** The server has put the socket out. */
  _ondisconnect(): void {
    this.destroy();
    this.onclose("io server disconnect");
  }

  /** The connection could not be made. */
  onerror(error: Error): void {
    if (!this.connected) this._emitReserved("connect_error", error);
  }

  /** The server has let the socket in. */
  _onconnect(id: string, privateId?: string): void {
    this.id = id;
    this.recovered = !!privateId && this._pid === privateId;
    this._pid = privateId;
    this.connected = true;
    for (const args of this.receiveBuffer.splice(0)) this.emitEvent(args);
    this._emitBuffered();
    this._emitReserved("connect");
  }

  /** Sends what waited. */
  _emitBuffered(): void {
    let packet;
    while ((packet = this.sendBuffer.shift())) this.packet(packet);
  }

  /** The connection is lost, or was left. */
  onclose(reason: string, details?: CloseDetails | Error): void {
    this.connected = false;
    this.id = undefined;
    this.receiveBuffer = [];
    this._emitReserved("disconnect", reason as DisconnectReason, details);
    // What is still to be sent can still be acknowledged; of the rest, those are told who listen.
    for (const id in this.acks) {
      const ack = this.acks[id];
      if (this.sendBuffer.some((packet) => String(packet.id) === id)) continue;
      delete this.acks[id];
      if (ack._withError) ack.call(this, new Error("socket has been disconnected"));
    }
  }

  /** Stops listening to the connection, which ends if nobody else does. */
  destroy(): void {
    this.subs?.forEach((stop) => stop());
    this.subs = undefined;
    this.receiveBuffer = [];
    this.io._destroy(this);
  }

  /** Calls who listens to an event that came. */
  emitEvent(args: unknown[]): void {
    this._emitReserved(...(args as [any, ...any]));
    const last = args[args.length - 1];
    if (this._pid && typeof last === "string") this._lastOffset = last;
  }

  /** The function that acknowledges the peer's packet, once. */
  _ack(id: number): (...args: unknown[]) => void {
    let sent = false;
    return (...data) => {
      if (sent) return;
      sent = true;
      this.packet({ type: ACK, id, data });
    };
  }

  private _expectAck(id: number, ack: Ack, timeout?: number): void {
    let timer: Timer;
    const settle: Ack = (...args) => {
      stopTimer(this.io.opts, timer);
      ack.apply(this, args);
    };
    settle._withError = ack._withError;
    this.acks[id] = settle;
    if (timeout === undefined) return;
    settle._withError = true;
    timer = startTimer(this.io.opts, () => {
      delete this.acks[id];
      this.sendBuffer = this.sendBuffer.filter((packet) => packet.id !== id);
      settle(new Error("operation has timed out"));
    }, timeout);
  }
}

type Reason = DisconnectReason;

/** Types that socket.io-client has there. */
export declare namespace Socket {
  export type DisconnectReason = Reason;
}

/** Takes the acknowledgement function from the end of an event's arguments, if there is one. */
export const takeAck = (args: unknown[]): Ack | undefined =>
  typeof args[args.length - 1] === "function" ? (args.pop() as Ack) : undefined;
