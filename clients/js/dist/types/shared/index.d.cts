import { Emitter } from "../emitter.cjs";
import type { AckValue, Answered, DefaultEventsMap, EventNames, EventParams, EventsMap, ParamsWithoutAck } from "../events.cjs";
import type { Socket } from "../features/socket.cjs";
import type { SocketReservedEvents } from "../socket.cjs";
export { RemoteError } from "../answer.cjs";
/** Options of a shared socket, with their defaults. */
export interface SharedOptions {
    /** Name of the connection in the browser: tabs with the same name share it. Default `sockeye`. */
    name?: string;
    /** Most calls of a tab that may wait for the tab with the socket, or for an answer. Default 1,000. */
    callsMax?: number;
}
/** Events that a shared socket raises itself, beside those of a socket. */
interface SharedEvents extends SocketReservedEvents {
    /** This tab has the connection from now on. */
    leader: () => void;
}
/**
 * A socket that all tabs of the browser share. `create` makes the socket in the tab that has the
 * connection; it must be one of the full client, since it uses `onAny`.
 */
export declare function shared<Listen extends EventsMap = DefaultEventsMap, Emit extends EventsMap = Listen>(create: () => Socket<Listen, Emit>, options?: SharedOptions): SharedSocket<Listen, Emit>;
/** One tab's end of the shared connection. */
export declare class SharedSocket<Listen extends EventsMap = DefaultEventsMap, Emit extends EventsMap = Listen> extends Emitter<Listen, Emit, SharedEvents> {
    private _create;
    private _options;
    /** Id of the socket that is shared, while it is connected. */
    id?: string;
    connected: boolean;
    /** Whether this tab has the connection. */
    isLeader: boolean;
    private _socket?;
    private _channel?;
    private _tab;
    private _calls;
    private _nextCall;
    private _questions;
    private _nextQuestion;
    private _flags;
    private _release?;
    private _abort;
    constructor(_create: () => Socket<Listen, Emit>, _options: SharedOptions);
    /** The opposite of `connected`. */
    get disconnected(): boolean;
    /** Whether this tab takes part. */
    get active(): boolean;
    /**
     * Sends an event, by way of the tab that has the connection. A function as last argument gets the
     * answer; after `timeout()` it takes an error first. If that tab closes in between, an event that
     * it did not take yet is sent by the next one; whether one that it took arrived is not known.
     */
    emit<Event extends EventNames<Emit>>(event: Event, ...args: EventParams<Emit, Event>): this;
    /** Sends an event and resolves with the first value of its answer. */
    emitWithAck<Event extends EventNames<Emit>>(event: Event, ...args: ParamsWithoutAck<Emit, Event>): Promise<AckValue<Emit, Event>>;
    /**
     * The same, but an answer that is an error rejects with a `RemoteError`; as `request` of the socket it
     * waits 10 seconds at most, unless `timeout()` or the socket's `ackTimeout` says something else.
     */
    request<Event extends EventNames<Emit>>(event: Event, ...args: ParamsWithoutAck<Emit, Event>): Promise<Answered<Emit, Event>>;
    /** Emits `message`. */
    send(...args: unknown[]): this;
    /** The next event's answer must come within `ms` milliseconds. */
    timeout(ms: number): this;
    /** The next event is dropped if it cannot be sent at once. */
    get volatile(): this;
    /** Leaves; the connection ends with the last tab. */
    close(): this;
    private _call;
    private _post;
    private _onMessage;
    private _onCallEnd;
    /** What the last leader did not take goes to the new one. */
    private _onNewLeader;
    private _setState;
    private _onConnectError;
    private _deliver;
    /** This tab has the lock. */
    private _lead;
    private _postState;
    private _onEvent;
    private _reply;
    /** Emits for another tab. */
    private _relay;
    private _send;
}
