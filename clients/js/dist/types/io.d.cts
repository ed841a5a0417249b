import type { DefaultEventsMap, EventsMap } from "./events.cjs";
import { Manager } from "./manager.cjs";
import type { ConnectOptions } from "./options.cjs";
import type { Socket } from "./socket.cjs";
/** What `io()` makes managers of. The entry file of the build with everything puts its own class here. */
export declare const classes: {
    Manager: typeof Manager;
};
/**
 * The socket for an address: its path is the namespace, its query string comes before the option
 * `query`. Sockets of one server share a connection unless `forceNew` is set,
 * `multiplex` is false, or the namespace is already taken there.
 */
export declare function lookup<Listen extends EventsMap = DefaultEventsMap, Emit extends EventsMap = Listen>(options?: Partial<ConnectOptions>): Socket<Listen, Emit>;
export declare function lookup<Listen extends EventsMap = DefaultEventsMap, Emit extends EventsMap = Listen>(uri: string | undefined | null, options?: Partial<ConnectOptions>): Socket<Listen, Emit>;
