import "./features/aliases.js";
import { transports } from "./engine/socket.js";
import { Polling } from "./engine/polling.js";
import { WebSocketTransport } from "./engine/websocket.js";
import { lookup } from "./io.js";
import { Manager } from "./manager.js";
import { protocol } from "./parser/packet.js";
import { Socket } from "./socket.js";

transports.polling = Polling;
transports.websocket = WebSocketTransport;

/** Connects: the same function as `io.connect`, with the library's classes as properties. */
export const io = Object.assign(lookup, {
  Manager,
  Socket,
  protocol,
  io: lookup,
  connect: lookup,
});

export { lookup as connect, Manager, protocol, Socket };
export default io;

export type { DefaultEventsMap, EventsMap } from "./events.js";
export type { Handshake } from "./engine/socket.js";
export type { CloseDetails, Transport, TransportError } from "./engine/transport.js";
export type {
  Auth,
  ConnectOptions,
  EngineOptions,
  ManagerOptions,
  SocketOptions,
} from "./options.js";
export type { DisconnectDescription, DisconnectReason } from "./socket.js";
