export type { Answer, ErrorAnswer } from "./answer.cjs";
export type { DefaultEventsMap, EventsMap } from "./events.cjs";
export type { Handshake } from "./engine/socket.cjs";
export type { CloseDetails, Transport, TransportError } from "./engine/transport.cjs";
export type { Auth, ConnectOptions, EngineOptions, ManagerOptions, SocketOptions, } from "./options.cjs";
export type { DisconnectDescription, DisconnectReason } from "./socket.cjs";
