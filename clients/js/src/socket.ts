import { Emitter } from "./emitter.js";
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

/** Events that a socket raises itself. */
export interface SocketReservedEvents {
  connect: () => void;
  /** Refused by the server (then `data` may say more), or the connection could not be made. */
  connect_error: (error: Error & { data?: any }) => void;
  disconnect: (reason: DisconnectReason, details?: DisconnectDescription) => void;
}

export type Ack = ((...args: any[]) => void) & {
  /** The function takes an error first, so it is also told about a disconnection. */
  withError?: boolean;
};

/** What holds for the next packet only. */
export interface Flags {
  compress?: boolean;
  volatile?: boolean;
  timeout?: number;
}

/** One client in one namespace: sends and receives events over a shared connection. */
export class Socket<
  Listen extends EventsMap = DefaultEventsMap,
  Emit extends EventsMap = Listen,
> extends Emitter<Listen, Emit, SocketReservedEvents> {
  /** Id that the server gave this socket, while connected. */
  id?: string;
  connected = false;
  /** Whether the socket connects by itself when its connection does. */
  active = false;
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
  receiveBuffer: any[][] = [];
  /** Acknowledgement functions by packet id. */
  acks: Record<string, Ack> = {};

  private _nextId = 0;
  _flags: Flags = {};
  private _privateId?: string;
  private _lastOffset?: string;
  _opts: Partial<SocketOptions>;

  constructor(
    /** The connection that the socket uses. */
    readonly io: Manager<any, any>,
    /** The namespace, e.g. `/`. */
    readonly nsp: string,
    options: Partial<SocketOptions> = {},
  ) {
    super();
    this._opts = options;
    this.auth = options.auth;
    const on = (event: any, listener: (...args: any[]) => void) =>
      io.on(event, (...args: any[]) => {
        if (this.active) listener(...args);
      });
    on("open", () => this._onOpen());
    on("packet", (packet) => this._onPacket(packet));
    on("error", (error) => {
      if (!this.connected) this.emitReserved("connect_error", error);
    });
    on("close", (reason, details) => this._onClose(reason, details));
  }

  /** The opposite of `connected`. */
  get disconnected(): boolean {
    return !this.connected;
  }

  /** Connects, and keeps doing so when the connection is lost. */
  connect(): this {
    if (this.connected) return this;
    const { io, active } = this;
    this.active = true;
    if (!io._reconnecting) io.open();
    // Asking twice would be a protocol error.
    if (!active && io._readyState === "open") this._onOpen();
    return this;
  }

  /** Disconnects and stays disconnected until `connect()`. */
  disconnect(): this {
    const { connected } = this;
    if (connected) this._send({ type: DISCONNECT });
    this._destroy();
    if (connected) this._onClose("io client disconnect");
    return this;
  }

  /** Emits `message`. */
  send(...args: any[]): this {
    return this.emit("message" as any, ...(args as any));
  }

  /**
   * Sends an event. A function as last argument is called with the other side's acknowledgement;
   * after `timeout()` it takes an error first. While disconnected the event waits, unless it is
   * volatile. Throws on names that the library raises itself, and on what JSON cannot hold.
   */
  emit<Event extends EventNames<Emit>>(event: Event, ...args: EventParams<Emit, Event>): this {
    if (RESERVED_EVENTS.test(event)) throw new Error(`"${event}" is a reserved event name`);
    const flags = this._flags;
    this._flags = {};
    const data: any[] = [event, ...args];
    const packet: Omit<Packet, "nsp"> = {
      type: EVENT,
      data,
      options: { compress: flags.compress !== false },
    };
    const ack = takeAck(data);
    if (ack) {
      packet.id = this._nextId++;
      this._expectAck(packet.id, ack, flags.timeout ?? this._opts.ackTimeout);
    }
    const { engine } = this.io;
    const isOpen = this.connected && engine.readyState === "open";
    if (flags.volatile && !(isOpen && engine.transport.writable)) return this;
    // The deadline is compared too, because timers may have slept where this code did not.
    if (isOpen && !engine._hasPingExpired()) this._send(packet);
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
      const ack: Ack = (error, value) => (error ? reject(error) : resolve(value));
      ack.withError = true;
      this.emit(event, ...([...args, ack] as any));
    });
  }

  /** Whether the next packet may be compressed. Default true. */
  compress(compress: boolean): this {
    this._flags.compress = compress;
    return this;
  }

  /** The next packet is dropped if it cannot be sent at once. */
  get volatile(): this {
    this._flags.volatile = true;
    return this;
  }

  /** The next packet's acknowledgement must come within `ms` milliseconds. */
  timeout(
    ms: number,
  ): Pick<Socket<Listen, Emit>, "emitWithAck"> & Socket<Listen, WithAckErrors<Emit>> {
    this._flags.timeout = ms;
    return this as any;
  }

  _send(packet: Omit<Packet, "nsp">): void {
    this.io._packet({ ...packet, nsp: this.nsp });
  }

  private _onOpen(): void {
    const { auth } = this;
    const { engine } = this.io;
    const connect = (data?: object) => {
      // An answer for a connection that is gone; the next one asks again.
      if (engine !== this.io.engine || !this.active) return;
      const recovery = this._privateId && { pid: this._privateId, offset: this._lastOffset };
      this._send({
        type: CONNECT,
        data: recovery ? { ...recovery, ...data } : data,
      });
    };
    if (typeof auth === "function") auth(connect);
    else connect(auth);
  }

  /** Handles a packet of the connection. */
  _onPacket({ type, nsp, id, data }: Packet): void {
    if (nsp !== this.nsp) return;
    if (type === CONNECT) {
      if (data?.sid) this._onConnect(data.sid, data.pid);
      else this.emitReserved("connect_error", new Error("no sid"));
    } else if (type === DISCONNECT) {
      this._destroy();
      this._onClose("io server disconnect");
    } else if (type === CONNECT_ERROR) {
      this._destroy();
      const error = new Error(data?.message ?? data);
      this.emitReserved("connect_error", Object.assign(error, { data: data?.data }));
    } else if (type === EVENT || type === BINARY_EVENT) {
      const args = [...(data || [])];
      if (id !== undefined) args.push(this._ack(id));
      if (this.connected) this._deliver(args);
      else this.receiveBuffer.push(args);
    } else {
      const ack = this.acks[id!];
      if (typeof ack !== "function") return;
      delete this.acks[id!];
      ack.apply(this, ack.withError ? [null, ...data] : data);
    }
  }

  _onConnect(id: string, privateId?: string): void {
    this.id = id;
    this.recovered = !!privateId && this._privateId === privateId;
    this._privateId = privateId;
    this.connected = true;
    for (const args of this.receiveBuffer.splice(0)) this._deliver(args);
    this._flushBuffer();
    this.emitReserved("connect");
  }

  _flushBuffer(): void {
    let packet;
    while ((packet = this.sendBuffer.shift())) this._send(packet);
  }

  private _onClose(reason: string, details?: CloseDetails | Error): void {
    this.connected = false;
    this.id = undefined;
    this.receiveBuffer = [];
    this.emitReserved("disconnect", reason as DisconnectReason, details);
    // What is still to be sent can still be acknowledged; of the rest, those are told who listen.
    for (const id in this.acks) {
      if (this.sendBuffer.some((packet) => String(packet.id) === id)) continue;
      const ack = this.acks[id];
      delete this.acks[id];
      if (ack.withError) ack.call(this, new Error("socket has been disconnected"));
    }
  }

  private _destroy(): void {
    this.active = false;
    this.receiveBuffer = [];
    this.io._destroy();
  }

  _deliver(args: any[]): void {
    this.emitReserved(...(args as [any, ...any]));
    const last = args[args.length - 1];
    if (this._privateId && typeof last === "string") this._lastOffset = last;
  }

  /** The function that acknowledges the peer's packet, once. */
  private _ack(id: number): (...args: any[]) => void {
    let sent = false;
    return (...data) => {
      if (sent) return;
      sent = true;
      this._send({ type: ACK, id, data });
    };
  }

  private _expectAck(id: number, ack: Ack, timeout?: number): void {
    let timer: Timer;
    const settle: Ack = (...args) => {
      stopTimer(this.io.opts, timer);
      ack.apply(this, args);
    };
    settle.withError = ack.withError;
    this.acks[id] = settle;
    if (timeout === undefined) return;
    settle.withError = true;
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
export function takeAck(args: any[]): Ack | undefined {
  return typeof args[args.length - 1] === "function" ? args.pop() : undefined;
}
