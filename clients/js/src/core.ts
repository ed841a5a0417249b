import { transports } from "./engine/carrier.js";
import { Polling } from "./engine/polling.js";
import { WebSocketTransport } from "./engine/websocket.js";
import { lookup } from "./io.js";
import { Manager } from "./manager.js";
import { protocol } from "./parser/packet.js";
import { Socket } from "./socket.js";

transports.polling = Polling;
transports.websocket = WebSocketTransport;

/** Connects: the same function as `io.connect`, with the library's classes as properties. */
export const io = Object.assign(lookup, { Manager, Socket, protocol, io: lookup, connect: lookup });

export { lookup as connect, Manager, protocol, Socket };
export default io;
export type * from "./types.js";
