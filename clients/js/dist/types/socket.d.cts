import type { CloseDetails } from "./engine/transport.cjs";
import type { AckValue, DefaultEventsMap, EventNames, EventParams, EventsMap, ParamsWithoutAck, WithAckErrors } from "./events.cjs";
import type { Manager } from "./manager.cjs";
import { NamedEmitter } from "./named-emitter.cjs";
import type { Auth, SocketOptions } from "./options.cjs";
import { type Packet } from "./parser/packet.cjs";
/** Why a socket was disconnected. */
export type DisconnectReason = "io server disconnect" | "io client disconnect" | "ping timeout" | "transport close" | "transport error" | "parse error" | "forced close";
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
    withError?: boolean;
};
/** What holds for the next packet only. */
export interface Flags {
    compress?: boolean;
    volatile?: boolean;
    timeout?: number;
    /** A try of the queue of `retries`, not an event of the application. */
    fromQueue?: boolean;
}
/** An event or an acknowledgement. */
type Received = Omit<Packet, "nsp" | "data"> & {
    data?: unknown[];
};
/** One client in one namespace: sends and receives events over a shared connection. */
export declare class Socket<Listen extends EventsMap = DefaultEventsMap, Emit extends EventsMap = Listen> extends NamedEmitter<Listen, Emit, SocketReservedEvents> {
    /** Id that the server gave this socket, while connected. */
    id?: string;
    connected: boolean;
    /** Functions that stop listening to the connection; there are some while the socket is active. */
    subs?: (() => unknown)[];
    /** Whether the server restored the state from before the last disconnection. */
    recovered: boolean;
    /** Sent when connecting. */
    auth?: Auth;
    /** Packets to send when connected. */
    sendBuffer: Omit<Packet, "nsp">[];
    /**
     * Arguments of events that came before the connection was confirmed. They are forgotten with it:
     * a server that recovers state sends them again, since the offset counts delivered events only.
     */
    receiveBuffer: unknown[][];
    /** Acknowledgement functions by packet id. */
    acks: Record<string, Ack>;
    /** Id of the next packet that asks for an acknowledgement. */
    ids: number;
    /** What holds for the next packet only. */
    flags: Flags;
    /** What the server knows the socket by when it recovers its state. */
    _pid?: string;
    /** The last event that was delivered, for recovery. */
    _lastOffset?: string;
    _opts: Partial<SocketOptions>;
    /** The connection on which the namespace was asked for and no answer came yet, and who asked. */
    private _busy?;
    private _asker?;
    /** The connection on which the namespace was left, until it may be asked for again. */
    private _left?;
    /** The connection that the socket uses. */
    readonly io: Manager<Listen, Emit>;
    /** The namespace, e.g. `/`. */
    readonly nsp: string;
    constructor(io: Manager<Listen, Emit> | Manager, nsp: string, options?: Partial<SocketOptions> | null);
    /** The opposite of `connected`. */
    get disconnected(): boolean;
    /** Whether the socket connects by itself when its connection does. */
    get active(): boolean;
    /** Connects, and keeps doing so when the connection is lost. */
    connect(): this;
    /** Same as `connect`. */
    open(): this;
    /** Listens to the connection. */
    subEvents(): void;
    /** Disconnects and stays disconnected until `connect()`. */
    disconnect(): this;
    /** Same as `disconnect`. */
    close(): this;
    /** Emits `message`. */
    send(...args: unknown[]): this;
    /**
     * Sends an event. A function as last argument is called with the other side's acknowledgement;
     * after `timeout()` it takes an error first. While disconnected the event waits, unless it is
     * volatile. Throws on names that the library raises itself, and on what JSON cannot hold.
     */
    emit<Event extends EventNames<Emit>>(event: Event, ...args: EventParams<Emit, Event>): this;
    /**
     * Sends an event and resolves with the first value of its acknowledgement. Rejects when the
     * timeout passes or the connection is lost after sending; without `timeout()` it may wait for ever.
     */
    emitWithAck<Event extends EventNames<Emit>>(event: Event, ...args: ParamsWithoutAck<Emit, Event>): Promise<AckValue<Emit, Event>>;
    /** Whether the next packet may be compressed. Default true. */
    compress(compress: boolean): this;
    /** The next packet is dropped if it cannot be sent at once. */
    get volatile(): this;
    /** The next packet's acknowledgement must come within `ms` milliseconds. */
    timeout(ms: number): Pick<Socket<Listen, Emit>, "emitWithAck"> & Socket<Listen, WithAckErrors<Emit>>;
    /** Sends a packet of this namespace. */
    packet(packet: Omit<Packet, "nsp">): void;
    /** The connection is open: asks for the namespace. */
    onopen(): void;
    /** Tells the server that the socket leaves. */
    private _leave;
    /**
     * Whether a packet answers a CONNECT of before the socket left. The server can be told only now, since
     * it takes nothing else for a namespace while it decides; then the socket, if it is back, asks again.
     */
    _isLate({ type }: Packet): boolean;
    /** Handles a packet of the connection. */
    onpacket(packet: Packet): void;
    /** An event came. Programs wrap this to see all of them, and hand in the packet more than once. */
    onevent({ id, data }: Received): void;
    /** An acknowledgement came. */
    onack({ id, data }: Received): void;
    /** The server has put the socket out. */
    ondisconnect(): void;
    /** The connection could not be made. */
    onerror(error: Error): void;
    /** The server has let the socket in. */
    onconnect(id: string, privateId?: string): void;
    /** Sends what waited. */
    emitBuffered(): void;
    /** The connection is lost, or was left. */
    onclose(reason: string, details?: CloseDetails | Error): void;
    /** Stops listening to the connection, which ends if nobody else does. */
    destroy(): void;
    /** Calls who listens to an event that came. */
    emitEvent(args: unknown[]): void;
    /** The function that acknowledges the peer's packet, once. */
    ack(id: number): (...args: unknown[]) => void;
    private _expectAck;
}
type Reason = DisconnectReason;
/** Types that socket.io-client has there. */
export declare namespace Socket {
    type DisconnectReason = Reason;
}
/** Takes the acknowledgement function from the end of an event's arguments, if there is one. */
export declare const takeAck: (args: unknown[]) => Ack | undefined;
export {};
