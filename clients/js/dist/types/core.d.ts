import "./features/aliases.js";
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
export type { DefaultEventsMap, EventsMap } from "./events.js";
export type { Handshake } from "./engine/socket.js";
export type { CloseDetails, Transport, TransportError } from "./engine/transport.js";
export type { Auth, ConnectOptions, EngineOptions, ManagerOptions, SocketOptions, } from "./options.js";
export type { DisconnectDescription, DisconnectReason } from "./socket.js";
