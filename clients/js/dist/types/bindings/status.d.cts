import type { EventsMap } from "../events.cjs";
import type { AnySocket } from "../features/socket.cjs";
import type { ConnectError, DisconnectReason } from "../socket.cjs";
/** How a socket is doing. */
export interface Status {
    connected: boolean;
    /** Id that the server gave the socket, while connected. */
    id?: string;
    /** Why it is not connected: the last attempt's error. */
    error?: ConnectError;
    /** Why it was disconnected the last time. */
    reason?: DisconnectReason;
}
/** What is the case where nothing has connected yet, as on a server that renders pages. */
export declare const OFFLINE: Status;
/** Calls `onChange` with the status now and whenever it changes; returns how to stop. */
export declare function watchStatus<Listen extends EventsMap, Emit extends EventsMap>(socket: AnySocket<Listen, Emit>, onChange: (status: Status) => void): () => void;
