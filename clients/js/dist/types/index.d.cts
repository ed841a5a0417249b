// Types of `require("sockeye-client")`, which gives the function `io` itself.

import type * as client from "./index.js" with { "resolution-mode": "import" };

declare const io: typeof client.io &
  Omit<typeof client, "default" | "Manager" | "Socket"> & {
    default: typeof client.io;
  };

declare namespace io {
  export type Manager<
    Listen extends client.EventsMap = client.DefaultEventsMap,
    Emit extends client.EventsMap = Listen,
  > = client.Manager<Listen, Emit>;
  export type Socket<
    Listen extends client.EventsMap = client.DefaultEventsMap,
    Emit extends client.EventsMap = Listen,
  > = client.Socket<Listen, Emit>;
  export type Auth = client.Auth;
  export type CloseDetails = client.CloseDetails;
  export type ConnectOptions = client.ConnectOptions;
  export type DefaultEventsMap = client.DefaultEventsMap;
  export type DisconnectReason = client.DisconnectReason;
  export type EngineOptions = client.EngineOptions;
  export type EventsMap = client.EventsMap;
  export type Handshake = client.Handshake;
  export type ManagerOptions = client.ManagerOptions;
  export type SocketOptions = client.SocketOptions;
  export type Transport = client.Transport;
  export type TransportError = client.TransportError;
}

export = io;
