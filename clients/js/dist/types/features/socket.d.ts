import type { Answered, DefaultEventsMap, EventNames, EventParams, EventsMap, ParamsWithoutAck, WithAckErrors } from "../events.js";
import { type Packet } from "../parser/packet.js";
import { type DisconnectReason as Reason, Socket as CoreSocket } from "../socket.js";
import { type AnyListener } from "./catch-all.js";
import type { Manager } from "./manager.js";
/** A socket of any build. */
export type AnySocket<Listen extends EventsMap, Emit extends EventsMap> = Socket<Listen, Emit> | CoreSocket<Listen, Emit>;
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
export declare class Socket<Listen extends EventsMap = DefaultEventsMap, Emit extends EventsMap = Listen> extends CoreSocket<Listen, Emit> {
    /** The connection that the socket uses. */
    readonly io: Manager<Listen, Emit>;
    _anyListeners: AnyListener[];
    _anyOutgoingListeners: AnyListener[];
    /** Packets of the option `retries`, as functions that send them; the first one is under way. */
    readonly _queue: (() => void)[];
    /** Whether the first one was sent on this connection. */
    _trying: boolean;
    emit<Event extends EventNames<Emit>>(event: Event, ...args: EventParams<Emit, Event>): this;
    /**
     * Sends an event and resolves with the first value of its acknowledgement, as `emitWithAck`; but
     * rejects with a `RemoteError` where that is an error. And it always ends: without `timeout()`
     * or the option `ackTimeout` it rejects when there is no answer within 10 seconds, the time that it
     * waits for a connection included.
     */
    request<Event extends EventNames<Emit>>(event: Event, ...args: ParamsWithoutAck<Emit, Event>): Promise<Answered<Emit, Event>>;
    /** The next packet's acknowledgement must come within `ms` milliseconds. */
    timeout(ms: number): Pick<Socket<Listen, Emit>, "emitWithAck" | "request"> & CoreSocket<Listen, WithAckErrors<Emit>>;
    packet(packet: Omit<Packet, "nsp">): void;
    onpacket(packet: Packet): void;
    emitEvent(args: unknown[]): void;
    onconnect(id: string, privateId?: string): void;
    emitBuffered(): void;
    /** Calls `listener` with name and arguments of every event that arrives. */
    onAny(listener: AnyListener): this;
    /** As `onAny`, but before those that are there. */
    prependAny(listener: AnyListener): this;
    /** Removes a catch-all listener of `onAny`, or all of them. */
    offAny(listener?: AnyListener): this;
    /** The catch-all listeners of `onAny`. */
    listenersAny(): AnyListener[];
    /** Calls `listener` with name and arguments of every event that is sent; not for acknowledgements. */
    onAnyOutgoing(listener: AnyListener): this;
    /** As `onAnyOutgoing`, but before those that are there. */
    prependAnyOutgoing(listener: AnyListener): this;
    /** Removes a catch-all listener of `onAnyOutgoing`, or all of them. */
    offAnyOutgoing(listener?: AnyListener): this;
    /** The catch-all listeners of `onAnyOutgoing`. */
    listenersAnyOutgoing(): AnyListener[];
}
/** Types that socket.io-client has there. */
export declare namespace Socket {
    type DisconnectReason = Reason;
}
