import type { DefaultEventsMap, EventNames, EventsMap } from "../events.js";
import type { ConnectOptions } from "../options.js";
import type { AnySocket, Socket } from "../features/socket.js";
import { type Status } from "./status.js";
export type { Status } from "./status.js";
/**
 * The socket for an address: shared by all components that ask for the same one, connected while
 * any of them is mounted. Other options, or another `key`, name another socket.
 *
 * `auth` may change between renders, and counts from the next connection on: while the socket is connected
 * the server goes on taking it for who it was. Where another user signs in, the user's id as `key` makes
 * it another socket, also if the component itself is made anew:
 *
 * ```jsx
 * const socket = useSocket("https://example.com/chat", { auth: { token: user.token } }, user.id);
 * ```
 */
export declare function useSocket<Listen extends EventsMap = DefaultEventsMap, Emit extends EventsMap = Listen>(address?: string, options?: Partial<ConnectOptions>, key?: string | number): Socket<Listen, Emit>;
/** Calls `listener`, the one of the last render, at every `event` while the component is mounted. */
export declare function useEvent<Listen extends EventsMap, Event extends EventNames<Listen>, Emit extends EventsMap = DefaultEventsMap>(socket: AnySocket<Listen, Emit>, event: Event, listener: Listen[Event]): void;
/** Whether the socket is connected, its id, and why it is not. */
export declare function useStatus<Listen extends EventsMap, Emit extends EventsMap>(socket: AnySocket<Listen, Emit>): Status;
