import { io } from "sockeye-client";

import type { ConnectOptions } from "../options.js";
import type { Socket } from "../features/socket.js";

/** Sockets of the page by address, options and key, each for as long as somebody uses it. */
const sockets = new Map<string, Held>();

/** Milliseconds after which a socket that nobody came to use is forgotten. */
const UNUSED_MS = 10_000;

/** A socket that several parts of a page use. */
export interface Held {
  readonly socket: Socket;
  /** Connects for the first user; returns how to leave, which disconnects after the last one. */
  use(): () => void;
}

/**
 * The socket for an address, the same for the same address, options and key. It is not connected until
 * it is used. A user who leaves and comes back in the same turn, as React's Strict Mode does, is
 * not noticed by the server.
 */
export function hold(address: string | undefined, options: Partial<ConnectOptions>, name?: string | number): Held {
  const make = () => io(address, { ...options, autoConnect: false });
  // On a server every page has its own.
  if (typeof window === "undefined") return { socket: make(), use: () => () => {} };
  const key = JSON.stringify([address, options, name]);
  const known = sockets.get(key);
  if (known) return known;

  const socket = make();
  let users = 0;
  let timer: ReturnType<typeof setTimeout>;
  const leaveLater = (ms: number) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (users) return;
      sockets.delete(key);
      socket.disconnect();
    }, ms);
    // In Node, as in tests, it keeps no process alive.
    (timer as any).unref?.();
  };
  const held: Held = {
    socket,
    use() {
      users++;
      // It may have been forgotten between rendering and use.
      sockets.set(key, held);
      socket.connect();
      let isUsing = true;
      return () => {
        if (isUsing && --users === 0) leaveLater(0);
        isUsing = false;
      };
    },
  };
  sockets.set(key, held);
  leaveLater(UNUSED_MS);
  return held;
}
