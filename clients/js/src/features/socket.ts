import type {
  Answered,
  DefaultEventsMap,
  EventNames,
  EventParams,
  EventsMap,
  ParamsWithoutAck,
  WithAckErrors,
} from "../events.js";
import { EVENT, type Packet } from "../parser/packet.js";
import { request } from "../request.js";
import { type DisconnectReason as Reason, Socket as CoreSocket } from "../socket.js";
import { report } from "../timer.js";
import { type AnyListener, callAll, without } from "./catch-all.js";
import type { Manager } from "./manager.js";
import { enqueue, sendQueued } from "./retries.js";

/** A socket of any build. */
export type AnySocket<Listen extends EventsMap, Emit extends EventsMap> =
  | Socket<Listen, Emit>
  | CoreSocket<Listen, Emit>;

/** Most events that may come before a namespace is entered: what recovery replays. */
const EARLY_EVENTS_MAX = 100_000;

/**
 * One client in one namespace: sends and receives events over a shared connection.
 *
 * To the socket of the core it adds, at each of these points in this order:
 *
 * - `emit`: the option `retries` keeps the event and sends it later, once more if need be;
 * - `packet`, on the way out: catch-all listeners see the event, then the packet is sent, and what is
 *   too large for the server goes to the acknowledgement function;
 * - `onpacket`, on the way in: what the core does, then the bound on early events;
 * - `emitEvent`: catch-all listeners see the event, then those of its name;
 * - when the namespace is entered: what waited is sent, then the queue of `retries`.
 */
export class Socket<
  Listen extends EventsMap = DefaultEventsMap,
  Emit extends EventsMap = Listen,
> extends CoreSocket<Listen, Emit> {
  /** The connection that the socket uses. */
  declare readonly io: Manager<Listen, Emit>;
  _anyListeners: AnyListener[] = [];
  _anyOutgoingListeners: AnyListener[] = [];
  /** Packets of the option `retries`, as functions that send them; the first one is under way. */
  readonly _queue: (() => void)[] = [];
  /** Whether the first one was sent on this connection. */
  _trying = false;

  emit<Event extends EventNames<Emit>>(event: Event, ...args: EventParams<Emit, Event>): this {
    const { flags } = this;
    if (!this._opts.retries || flags._fromQueue || flags.volatile) return super.emit(event, ...args);
    this.flags = {};
    enqueue(this, [event, ...args], flags);
    return this;
  }

  /**
   * Sends an event and resolves with the first value of its acknowledgement, as `emitWithAck`; but
   * rejects with a `RemoteError` where that is an error. And it always ends: without `timeout()`
   * or the option `ackTimeout` it rejects when there is no answer within 10 seconds, the time that it
   * waits for a connection included.
   */
  request<Event extends EventNames<Emit>>(
    event: Event,
    ...args: ParamsWithoutAck<Emit, Event>
  ): Promise<Answered<Emit, Event>> {
    return request<any, any>(this, event, ...args) as Promise<any>;
  }

  /** The next packet's acknowledgement must come within `ms` milliseconds. */
  timeout(
    ms: number,
  ): Pick<Socket<Listen, Emit>, "emitWithAck" | "request"> & CoreSocket<Listen, WithAckErrors<Emit>> {
    return super.timeout(ms) as any;
  }

  packet(packet: Omit<Packet, "nsp">): void {
    const { id, type, data } = packet;
    if (type === EVENT) callAll(this._anyOutgoingListeners, this, data as unknown[]);
    try {
      super.packet(packet);
    } catch (error) {
      const ack = type === EVENT ? this.acks[id!] : undefined;
      if (ack) delete this.acks[id!];
      if (!ack?._withError) throw error;
      ack.call(this, error);
    }
  }

  onpacket(packet: Packet): void {
    super.onpacket(packet);
    if (this.receiveBuffer.length <= EARLY_EVENTS_MAX) return;
    this.receiveBuffer = [];
    this.io.engine._onClose("transport error", new Error("too many events before CONNECT"));
  }

  emitEvent(args: unknown[]): void {
    callAll(this._anyListeners, this, args);
    super.emitEvent(args);
  }

  _onconnect(id: string, privateId?: string): void {
    super._onconnect(id, privateId);
    // On a new connection the answer to the try under way will not come.
    this._trying = false;
    sendQueued(this);
  }

  // What was emitted before the limit was known must not keep the rest back.
  _emitBuffered(): void {
    while (this.sendBuffer.length) {
      try {
        super._emitBuffered();
      } catch (error) {
        report(error);
      }
    }
  }

  /** Calls `listener` with name and arguments of every event that arrives. */
  onAny(listener: AnyListener): this {
    this._anyListeners = [...this._anyListeners, listener];
    return this;
  }

  /** As `onAny`, but before those that are there. */
  prependAny(listener: AnyListener): this {
    this._anyListeners = [listener, ...this._anyListeners];
    return this;
  }

  /** Removes a catch-all listener of `onAny`, or all of them. */
  offAny(listener?: AnyListener): this {
    this._anyListeners = without(this._anyListeners, listener);
    return this;
  }

  /** The catch-all listeners of `onAny`. */
  listenersAny(): AnyListener[] {
    return this._anyListeners;
  }

  /** Calls `listener` with name and arguments of every event that is sent; not for acknowledgements. */
  onAnyOutgoing(listener: AnyListener): this {
    this._anyOutgoingListeners = [...this._anyOutgoingListeners, listener];
    return this;
  }

  /** As `onAnyOutgoing`, but before those that are there. */
  prependAnyOutgoing(listener: AnyListener): this {
    this._anyOutgoingListeners = [listener, ...this._anyOutgoingListeners];
    return this;
  }

  /** Removes a catch-all listener of `onAnyOutgoing`, or all of them. */
  offAnyOutgoing(listener?: AnyListener): this {
    this._anyOutgoingListeners = without(this._anyOutgoingListeners, listener);
    return this;
  }

  /** The catch-all listeners of `onAnyOutgoing`. */
  listenersAnyOutgoing(): AnyListener[] {
    return this._anyOutgoingListeners;
  }
}

/** Types that socket.io-client has there. */
export declare namespace Socket {
  export type DisconnectReason = Reason;
}
