// Types of `require("sockeye-client")`, which gives the function `io` itself.

import type * as client from "./exports.cjs";

declare function io<
  Listen extends client.EventsMap = client.DefaultEventsMap,
  Emit extends client.EventsMap = Listen,
>(options?: Partial<client.ConnectOptions>): client.Socket<Listen, Emit>;
declare function io<
  Listen extends client.EventsMap = client.DefaultEventsMap,
  Emit extends client.EventsMap = Listen,
>(
  uri: string | undefined | null,
  options?: Partial<client.ConnectOptions>,
): client.Socket<Listen, Emit>;

declare namespace io {
  const lookup: typeof client.io;
  export { lookup as connect, lookup as default, lookup as io };

  export type Manager<
    Listen extends client.EventsMap = client.DefaultEventsMap,
    Emit extends client.EventsMap = Listen,
  > = client.Manager<Listen, Emit>;
  export const Manager: typeof client.Manager;

  export type Socket<
    Listen extends client.EventsMap = client.DefaultEventsMap,
    Emit extends client.EventsMap = Listen,
  > = client.Socket<Listen, Emit>;
  export const Socket: typeof client.Socket;
  export namespace Socket {
    export type DisconnectReason = client.DisconnectReason;
  }

  export type PayloadTooLarge = client.PayloadTooLarge;
  export const PayloadTooLarge: typeof client.PayloadTooLarge;
  export type RemoteError = client.RemoteError;
  export const RemoteError: typeof client.RemoteError;
  export const isErrorAnswer: typeof client.isErrorAnswer;
  export const protocol: typeof client.protocol;
  export const nextTick: typeof client.nextTick;
  export const Fetch: typeof client.Fetch;
  export const NodeWebSocket: typeof client.NodeWebSocket;
  export const NodeXHR: typeof client.NodeXHR;
  export const WebSocket: typeof client.WebSocket;
  export const WebTransport: typeof client.WebTransport;
  export const XHR: typeof client.XHR;

  export type Answer<Value> = client.Answer<Value>;
  export type Auth = client.Auth;
  export type CloseDetails = client.CloseDetails;
  export type ConnectOptions = client.ConnectOptions;
  export type DefaultEventsMap = client.DefaultEventsMap;
  export type DisconnectDescription = client.DisconnectDescription;
  export type DisconnectReason = client.DisconnectReason;
  export type EngineOptions = client.EngineOptions;
  export type ErrorAnswer = client.ErrorAnswer;
  export type EventsMap = client.EventsMap;
  export type Handshake = client.Handshake;
  export type ManagerOptions = client.ManagerOptions;
  export type SocketOptions = client.SocketOptions;
  export type Transport = client.Transport;
  export type TransportError = client.TransportError;
}

export = io;
