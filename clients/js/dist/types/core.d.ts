import { lookup } from "./io.js";
import { Manager } from "./manager.js";
import { protocol } from "./parser/packet.js";
import { Socket } from "./socket.js";
/** Connects: the same function as `io.connect`, with the library's classes as properties. */
export declare const io: typeof lookup & {
    Manager: typeof Manager;
    Socket: typeof Socket;
    protocol: number;
    io: typeof lookup;
    connect: typeof lookup;
};
export { lookup as connect, Manager, protocol, Socket };
export default io;
export type * from "./types.js";
