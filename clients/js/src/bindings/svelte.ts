// `sockeye-client/svelte`: stores for Svelte 3 to 5; in a component, `$status` and `$latest`.

import type { DefaultEventsMap, EventNames, EventsMap } from "../events.js";
import type { ConnectOptions } from "../options.js";
import type { AnySocket, Socket } from "../features/socket.js";
import { hold } from "./sockets.js";
import { OFFLINE, type Status, watchStatus } from "./status.js";

export type { Status } from "./status.js";

/** Svelte's store contract. */
export interface Readable<Value> {
  /** Calls `run` with the value now and whenever it changes; returns how to stop. */
  subscribe(run: (value: Value) => void): () => void;
}

/** The status of a connection, and its socket. */
export interface Connection<Listen extends EventsMap, Emit extends EventsMap> extends Readable<Status> {
  readonly socket: Socket<Listen, Emit>;
}

/**
 * A store with the status of the socket for an address. It is connected while anybody subscribes,
 * and shared by all that ask for the same address, options and `key`.
 *
 * `auth` is not among these, and counts from the next connection on; another user needs another `key`, such
 * as the user's id.
 */
export function connection<Listen extends EventsMap = DefaultEventsMap, Emit extends EventsMap = Listen>(
  address?: string,
  options: Partial<ConnectOptions> = {},
  key?: string | number,
): Connection<Listen, Emit> {
  const { auth, ...others } = options;
  const held = hold(address, others, key);
  if (auth !== undefined) held.socket.auth = auth;
  const { subscribe } = status(held.socket);
  return {
    socket: held.socket,
    subscribe(run) {
      // Told first that it is offline, also by a server that renders pages.
      const stop = subscribe(run);
      const leave = held.use();
      return () => {
        stop();
        leave();
      };
    },
  };
}

/** A store with the status of a socket. */
export function status<Listen extends EventsMap, Emit extends EventsMap>(
  socket: AnySocket<Listen, Emit>,
): Readable<Status> {
  return {
    subscribe(run) {
      let last = OFFLINE;
      let isFirst = true;
      return watchStatus(socket, (next) => {
        if (!isFirst && next === last) return;
        isFirst = false;
        run((last = next));
      });
    },
  };
}

/** A store with the first argument of the last `event`, `initial` before there was one. */
export function latest<
  Listen extends EventsMap,
  Event extends EventNames<Listen>,
  Emit extends EventsMap = DefaultEventsMap,
>(
  socket: AnySocket<Listen, Emit>,
  event: Event,
  initial?: Parameters<Listen[Event]>[0],
): Readable<Parameters<Listen[Event]>[0] | undefined> {
  return {
    subscribe(run) {
      run(initial);
      return listen(socket, event, ((value: any) => run((initial = value))) as any);
    },
  };
}

/** Listens, and returns how to stop: `$effect(() => listen(socket, "chat", onChat))`. */
export function listen<
  Listen extends EventsMap,
  Event extends EventNames<Listen>,
  Emit extends EventsMap = DefaultEventsMap,
>(
  socket: AnySocket<Listen, Emit>,
  event: Event,
  listener: Listen[Event],
): () => void {
  socket.on(event, listener as any);
  return () => {
    socket.off(event, listener as any);
  };
}
