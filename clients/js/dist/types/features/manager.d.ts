import type { DefaultEventsMap, EventsMap } from "../events.js";
import { Manager as CoreManager } from "../manager.js";
import type { ManagerOptions, SocketOptions } from "../options.js";
import type { Packet } from "../parser/packet.js";
import { Socket } from "./socket.js";
/**
 * One connection to a server, reconnected when it is lost, shared by sockets of its namespaces.
 *
 * To the manager of the core it adds:
 *
 * - `socket`: makes sockets that have everything;
 * - `_packet`, on the way out: a packet that the server would not take is refused as a whole;
 * - `open`: the page is watched while there is a connection or one is to come; where a connection may
 *   turn out to stay closed, the watch ends.
 */
export declare class Manager<Listen extends EventsMap = DefaultEventsMap, Emit extends EventsMap = Listen> extends CoreManager<Listen, Emit> {
    /** Sockets by namespace. */
    nsps: Record<string, Socket>;
    constructor(uri?: string | Partial<ManagerOptions> | null, options?: Partial<ManagerOptions> | null);
    socket(nsp: string, options?: Partial<SocketOptions> | null): Socket<Listen, Emit>;
    _packet(packet: Packet): void;
    open(callback?: (error?: Error) => void): this;
    connect(callback?: (error?: Error) => void): this;
    maybeReconnectOnOpen(): void;
    reconnect(): this;
    _attempt(): void;
    /** Same as `_close`. */
    disconnect(): void;
}
