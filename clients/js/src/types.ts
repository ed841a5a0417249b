// Types that every build has.

export type { Answer, ErrorAnswer } from "./answer.js";
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
