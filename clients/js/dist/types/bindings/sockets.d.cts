import type { ConnectOptions } from "../options.cjs";
import type { Socket } from "../features/socket.cjs";
/** A socket that several parts of a page use. */
export interface Held {
    readonly socket: Socket;
    /** Connects for the first user; returns how to leave, which disconnects after the last one. */
    use(): () => void;
}
/**
 * The socket for an address, the same for the same address, options and key. It is not connected until
 * it is used. A user who leaves and comes back in the same turn, as React's Strict Mode does, is
 * not noticed by the server.
 */
export declare function hold(address: string | undefined, options: Partial<ConnectOptions>, name?: string | number): Held;
