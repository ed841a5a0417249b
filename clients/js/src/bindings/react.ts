// `sockeye-client/react`: hooks that connect once, also in Strict Mode, and listen to the newest
// function of each render.

import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";

import type { DefaultEventsMap, EventNames, EventsMap } from "../events.js";
import type { ConnectOptions } from "../options.js";
import type { AnySocket, Socket } from "../features/socket.js";
import { hold } from "./sockets.js";
import { OFFLINE, type Status, watchStatus } from "./status.js";

export type { Status } from "./status.js";

/**
 * The socket for an address: shared by all components that ask for the same one, connected while
 * any of them is mounted. Other options, or another `key`, name another socket.
 *
 * `auth` may change between renders, and counts from the next connection on: while the socket is connected
 * the server goes on taking it for who it was. Where another user signs in, the user's id as `key` makes
 * it another socket, also if the component itself is made anew:
 *
 * ```jsx
 * const socket = useSocket("https://example.com/chat", { auth: { token: user.token } }, user.id);
 * ```
 */
export function useSocket<Listen extends EventsMap = DefaultEventsMap, Emit extends EventsMap = Listen>(
  address?: string,
  options: Partial<ConnectOptions> = {},
  key?: string | number,
): Socket<Listen, Emit> {
  const { auth, ...others } = options;
  const all = JSON.stringify([address, others, key]);
  // eslint-disable-next-line react-hooks/exhaustive-deps -- this stands for all three
  const held = useMemo(() => hold(address, others, key), [all]);
  const { socket } = held;
  useEffect(() => {
    if (auth !== undefined) socket.auth = auth;
  });
  useEffect(() => held.use(), [held]);
  return socket;
}

/** Calls `listener`, the one of the last render, at every `event` while the component is mounted. */
export function useEvent<
  Listen extends EventsMap,
  Event extends EventNames<Listen>,
  Emit extends EventsMap = DefaultEventsMap,
>(
  socket: AnySocket<Listen, Emit>,
  event: Event,
  listener: Listen[Event],
): void {
  const newest = useRef(listener);
  useEffect(() => {
    newest.current = listener;
  });
  useEffect(() => {
    const call: any = (...args: unknown[]) => newest.current(...args);
    socket.on(event, call);
    return () => {
      socket.off(event, call);
    };
  }, [socket, event]);
}

/** Whether the socket is connected, its id, and why it is not. */
export function useStatus<Listen extends EventsMap, Emit extends EventsMap>(
  socket: AnySocket<Listen, Emit>,
): Status {
  const status = useRef<Status>(OFFLINE);
  const subscribe = useCallback(
    (onChange: () => void) =>
      watchStatus(socket, (next) => {
        status.current = next;
        onChange();
      }),
    [socket],
  );
  return useSyncExternalStore(subscribe, () => status.current, () => OFFLINE);
}
