import type { DisconnectReason, Socket } from "../socket.cjs";
/** How a socket is doing. */
export interface Status {
    connected: boolean;
    /** Id that the server gave the socket, while connected. */
    id?: string;
    /** Why it is not connected: the last attempt's error. */
    error?: Error & {
        data?: any;
    };
    /** Why it was disconnected the last time. */
    reason?: DisconnectReason;
}
/** What is the case where nothing has connected yet, as on a server that renders pages. */
export declare const OFFLINE: Status;
/** Calls `onChange` with the status now and whenever it changes; returns how to stop. */
export declare function watchStatus(socket: Socket<any, any>, onChange: (status: Status) => void): () => void;
