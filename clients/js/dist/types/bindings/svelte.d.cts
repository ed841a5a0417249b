import type { DefaultEventsMap, EventNames, EventsMap } from "../events.cjs";
import type { ConnectOptions } from "../options.cjs";
import type { AnySocket, Socket } from "../features/socket.cjs";
import { type Status } from "./status.cjs";
export type { Status } from "./status.cjs";
/** Svelte's store contract. */
export interface Readable<Value> {
    /** Calls `run` with the value now and whenever it changes; returns how to stop. */
    subscribe(run: (value: Value) => void): () => void;
}
/** The status of a connection, and its socket. */
export interface Connection<Listen extends EventsMap, Emit extends EventsMap> extends Readable<Status> {
    readonly socket: Socket<Listen, Emit>;
}
/**
 * A store with the status of the socket for an address. It is connected while anybody subscribes,
 * and shared by all that ask for the same address, options and `key`.
 *
 * `auth` is not among these, and counts from the next connection on; another user needs another `key`, such
 * as the user's id.
 */
export declare function connection<Listen extends EventsMap = DefaultEventsMap, Emit extends EventsMap = Listen>(address?: string, options?: Partial<ConnectOptions>, key?: string | number): Connection<Listen, Emit>;
/** A store with the status of a socket. */
export declare function status<Listen extends EventsMap, Emit extends EventsMap>(socket: AnySocket<Listen, Emit>): Readable<Status>;
/** A store with the first argument of the last `event`, `initial` before there was one. */
export declare function latest<Listen extends EventsMap, Event extends EventNames<Listen>, Emit extends EventsMap = DefaultEventsMap>(socket: AnySocket<Listen, Emit>, event: Event, initial?: Parameters<Listen[Event]>[0]): Readable<Parameters<Listen[Event]>[0] | undefined>;
/** Listens, and returns how to stop: `$effect(() => listen(socket, "chat", onChat))`. */
export declare function listen<Listen extends EventsMap, Event extends EventNames<Listen>, Emit extends EventsMap = DefaultEventsMap>(socket: AnySocket<Listen, Emit>, event: Event, listener: Listen[Event]): () => void;
