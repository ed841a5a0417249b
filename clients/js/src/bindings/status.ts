import type { EventsMap } from "../events.js";
import type { AnySocket } from "../features/socket.js";
import type { ConnectError, DisconnectReason } from "../socket.js";

/** How a socket is doing. */
export interface Status {
  connected: boolean;
  /** Id that the server gave the socket, while connected. */
  id?: string;
  /** Why it is not connected: the last attempt's error. */
  error?: ConnectError;
  /** Why it was disconnected the last time. */
  reason?: DisconnectReason;
}

/** What is the case where nothing has connected yet, as on a server that renders pages. */
export const OFFLINE: Status = { connected: false };

const EVENTS = ["connect", "connect_error", "disconnect"] as const;

/** Calls `onChange` with the status now and whenever it changes; returns how to stop. */
export function watchStatus<Listen extends EventsMap, Emit extends EventsMap>(
  socket: AnySocket<Listen, Emit>,
  onChange: (status: Status) => void,
): () => void {
  const listeners = {
    connect: () => onChange(statusOf(socket)),
    connect_error: (error: Error) => onChange({ connected: false, error }),
    disconnect: (reason: DisconnectReason) => onChange({ connected: false, reason }),
  };
  for (const event of EVENTS) socket.on(event, listeners[event]);
  onChange(statusOf(socket));
  return () => {
    for (const event of EVENTS) socket.off(event, listeners[event]);
  };
}

function statusOf({ connected, id }: { connected: boolean; id?: string }): Status {
  return connected ? { connected, id } : OFFLINE;
}
