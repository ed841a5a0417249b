import { NamedEmitter } from "../named-emitter.js";
import type { EngineOptions } from "../options.js";
import { type Query } from "../query.js";
import type { Carrier } from "./carrier.js";
import { type Packet } from "./packet.js";
/** What came in answer to a request of polling. */
export interface PollingAnswer {
    /** The HTTP status. */
    status?: number;
    responseText?: string;
}
/** Why a transport failed. */
export interface TransportError extends Error {
    type: "TransportError";
    /** The HTTP status, or the error or event that the platform gave. */
    description: unknown;
    /** For polling the answer. */
    context?: PollingAnswer;
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
    query: Query;
    /** The engine socket that the transport belongs to. */
    socket: Carrier;
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
export declare abstract class Transport extends NamedEmitter<{}, {}, TransportEvents> {
    readonly opts: TransportOptions;
    /** Query parameters of the requests; the session id joins them after the handshake. */
    query: Query;
    /** Whether `send` may be called now. */
    writable: boolean;
    readyState: "opening" | "open" | "closed";
    /** The engine socket that the transport belongs to. */
    readonly socket: Carrier;
    /** Whether binary data is sent as it is. */
    readonly supportsBinary: boolean;
    constructor(opts: TransportOptions);
    /** The transport's name in the protocol. */
    abstract get name(): string;
    /** Starts connecting. */
    abstract open(): void;
    /** Same as `open`. */
    doOpen(): void;
    /** Ends the connection; nothing is reported any more. */
    protected abstract doClose(): void;
    /**
     * Sends packets; `writable` is false until `drain`. What is thrown, as when a file cannot be read,
     * ends the connection: the packets behind it would be taken for what is missing.
     */
    protected abstract write(packets: Packet[]): void | Promise<void>;
    /** The address of the next request. */
    abstract uri(): string;
    close(): void;
    send(packets: Packet[]): Promise<void>;
    /** Lets what is under way end and sends nothing more; then calls back. */
    pause?(onPause: () => void): void;
    /** Takes a pause back. */
    _resume?(): void;
    protected _isClosed(): boolean;
    protected onOpen(): void;
    protected _onDrain(event?: "open" | "drain"): void;
    protected onData(data: string | ArrayBuffer): void;
    protected onError(message: string, description: unknown, context?: PollingAnswer): void;
    protected onClose(details?: CloseDetails): void;
    /** The address for `scheme`, with a number against caches if asked for. */
    protected createUri(scheme: string, stamped?: boolean): string;
}
