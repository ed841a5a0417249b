import type { AckValue, Answered, DefaultEventsMap, EventNames, EventsMap, ParamsWithoutAck } from "../events.cjs";
import type { AnySocket } from "../features/socket.cjs";
import type { Socket } from "../socket.cjs";
import { type OutboxStore, StoreLostError } from "./store.cjs";
export { RemoteError } from "../answer.cjs";
export { indexedDbStore, memoryStore, StoreLostError } from "./store.cjs";
export type { OutboxStore, StoredEvent, StoredOutbox } from "./store.cjs";
/** Bounds of an outbox and who is told, with their defaults. */
export interface OutboxOptions {
    /** Name of the outbox in the browser. Default: the server's address and the namespace. */
    name?: string;
    /** Most events that wait. Default 1,000. */
    countMax?: number;
    /** Most bytes of events that wait, as JSON and binary data. Default 4 MiB. */
    bytesMax?: number;
    /** Milliseconds after which an event is given up. Default one day. */
    ageMax?: number;
    /** Where it is kept. Default: IndexedDB where that can be, otherwise the page's memory. */
    store?: OutboxStore;
    /** An event was answered; also told about those of an earlier page, whose promises are gone. */
    onAnswer?: (event: string, args: unknown[], ...answer: unknown[]) => void;
    /** An event was given up. */
    onLost?: (event: string, args: unknown[], error: Error) => void;
    /**
     * The store is lost: from now on events are kept in the page's memory only, and `isDurable` is false.
     * Those that it holds are sent by this page, and if that goes first by the next one.
     */
    onStoreLost?: (error: StoreLostError) => void;
}
/** Why an event was not taken, or was given up. */
export declare class OutboxError extends Error {
    /**
     * `full`: it does not fit; `expired`: it waited for too long; `forgotten`: the server no longer
     * knows whether it handled the event; `closed`: the outbox was closed before it was kept.
     */
    readonly reason: "full" | "expired" | "forgotten" | "closed";
    readonly name = "OutboxError";
    constructor(
    /**
     * `full`: it does not fit; `expired`: it waited for too long; `forgotten`: the server no longer
     * knows whether it handled the event; `closed`: the outbox was closed before it was kept.
     */
    reason: "full" | "expired" | "forgotten" | "closed");
}
/** Makes an outbox for a socket. A socket has at most one; it must not use `retries`. */
export declare function outbox<Listen extends EventsMap = DefaultEventsMap, Emit extends EventsMap = Listen>(socket: AnySocket<Listen, Emit>, options?: OutboxOptions): Outbox<Emit>;
/** Events on their way to the server, kept until they are answered (`docs/reliable.md`). */
export declare class Outbox<Emit extends EventsMap = DefaultEventsMap> {
    private _socket;
    private _options;
    /** Resolves when what was kept from an earlier page is there. */
    readonly ready: Promise<void>;
    /** Whether the outbox outlives the page; known once it is ready. */
    isDurable: boolean;
    private _store;
    /** A store that was lost; it is closed when nothing of it is unanswered. */
    private _lostStore?;
    private _id?;
    /**
     * The outbox that follows: the next page, which finds the old one in its store, will use the numbers
     * that were not stored there.
     */
    private _heir?;
    /** The outbox that the last CONNECT named. */
    private _offered?;
    private _next;
    /** Events by number, in order. */
    private _entries;
    private _count;
    private _bytes;
    /** Those that this connection has taken; undefined while there is none. */
    private _sent?;
    private _terms?;
    /** Resolves when the files in all events until now are read, or cannot be. */
    private _read;
    /** Resolves when the store has done what it was told until now, or failed. */
    private _writing;
    private _timer?;
    private _isClosed;
    private _stop;
    /** Lets the socket connect, if it should. */
    private _release;
    constructor(_socket: Socket, _options: OutboxOptions);
    /** Number of events without answer. */
    get size(): number;
    /** Bytes of the events without answer. */
    get bytes(): number;
    /**
     * Keeps an event and sends it until it is answered; resolves with the first value of the answer.
     * Rejects with an {@link OutboxError}, or when it cannot be kept or sent at all.
     */
    emit<Event extends EventNames<Emit>>(event: Event, ...args: ParamsWithoutAck<Emit, Event>): Promise<AckValue<Emit, Event>>;
    /**
     * The same, but an answer that is an error rejects with a `RemoteError`. The event is answered then, and
     * not sent again.
     */
    request<Event extends EventNames<Emit>>(event: Event, ...args: ParamsWithoutAck<Emit, Event>): Promise<Answered<Emit, Event>>;
    private _post;
    /**
     * Resolves when everything emitted until now is kept (or was refused) and every answer until now
     * is noted: nothing of that is lost when the page goes, if the outbox {@link isDurable}.
     */
    saved(): Promise<void>;
    /**
     * Stops sending and lets other pages use what is kept. The socket stays as it is; one that the outbox
     * still keeps from connecting does that now.
     */
    close(): void;
    private _load;
    private _keep;
    /** Goes on in memory if that is what has happened; otherwise throws the error. */
    private _loseStore;
    /** Ends the outbox of a lost store when all of it is answered, and begins the next one. */
    private _inherit;
    /** Whether the server has to be told of another outbox: it knows one by what CONNECT says. */
    private _offerAgain;
    /** Counts what the store has begun to write to what `saved` waits for. */
    private _await;
    /** Hooks into the socket; returns how to leave it. */
    private _listen;
    /** Sends what may be sent now, in the order of numbers. */
    private _send;
    private _settle;
    private _giveUp;
    /** An event is done with, whatever came of it. Undefined if it was before. */
    private _take;
    private _remove;
    /** Gives up what is too old, and comes back when the next one is. */
    private _expire;
}
