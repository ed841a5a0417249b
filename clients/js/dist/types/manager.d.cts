import { type Backoff } from "./backoff.cjs";
import { EngineSocket } from "./engine/socket.cjs";
import type { RawData } from "./engine/packet.cjs";
import type { CloseDetails } from "./engine/transport.cjs";
import type { DefaultEventsMap, EventsMap } from "./events.cjs";
import { NamedEmitter } from "./named-emitter.cjs";
import type { ManagerOptions, SocketOptions } from "./options.cjs";
import { Decoder, type Packet } from "./parser/packet.cjs";
import { Socket } from "./socket.cjs";
import { type Timer } from "./platform.cjs";
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
export declare const SETTINGS: {
    reconnection: boolean;
    reconnectionAttempts: number;
    reconnectionDelay: number;
    reconnectionDelayMax: number;
    randomizationFactor: number;
    timeout: number;
};
/** Defaults of the options. */
export declare const defaults: Partial<ManagerOptions>;
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
export declare class Manager<Listen extends EventsMap = DefaultEventsMap, Emit extends EventsMap = Listen> extends NamedEmitter<{}, {}, ManagerEvents> {
    /** The present connection, or the last one. */
    engine: EngineSocket;
    /** Options in force; a change counts from the next connection on. */
    opts: ManagerOptions;
    /** Sockets by namespace. */
    nsps: Record<string, Socket>;
    /** Those of them that want a connection. */
    readonly _active: Set<object>;
    readonly uri?: string;
    _readyState: "opening" | "open" | "closed";
    /** Whether an attempt waits or is under way. */
    _reconnecting: boolean;
    /** Whether the connection stays closed; opening sets it to false. */
    skipReconnect: boolean;
    /** Counts the attempts to reconnect. */
    readonly backoff: Backoff;
    encoder: {
        encode(packet: Packet): RawData[];
    };
    decoder: Decoder;
    /** Timer of opening, of the next attempt or of a probe; they never run together. */
    _timer?: Timer;
    constructor(uri?: string | Partial<ManagerOptions> | null, options?: Partial<ManagerOptions> | null);
    /** Connects unless that is done or under way. `callback` learns how it went. */
    open(callback?: OpenCallback): this;
    /** The socket of a namespace, made (and connected) if there is none. */
    socket(nsp: string, options?: Partial<SocketOptions> | null): Socket<Listen, Emit>;
    /** A socket has become inactive: without any other the connection ends. */
    _destroy(socket: object): void;
    /** Sends a packet. */
    _packet(packet: Packet): void;
    /** Closes the connection and stays closed. */
    _close(): void;
    private _setState;
    /** The connection is lost, or given up. */
    onclose(reason: string, details?: CloseDetails | Error): void;
    /** Reconnects if the option says so. */
    maybeReconnectOnOpen(): void;
    /** Connects after the next delay, and goes on trying; unless that is done, or `skipReconnect`. */
    reconnect(): this;
    /** Reconnects now. */
    _attempt(): void;
}
export {};
