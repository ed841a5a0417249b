import { type Flags } from "../socket.cjs";
import type { Socket } from "./socket.cjs";
/** Puts an event into the queue of a socket. */
export declare function enqueue(socket: Socket, args: unknown[], flags: Flags): void;
/** Sends the first event of the queue unless that was done on this connection. */
export declare function sendQueued(socket: Socket): void;
