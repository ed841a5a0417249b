import type { Tick } from "../contract.ts";

/** How a road is to the page. */
export type State = "connecting" | "open" | "lost";

/** Whoever is told what comes on a road. */
export interface Sink {
  /** An event came. */
  tick(tick: Tick): void;
  /** The road is in another state now. */
  state(state: State): void;
}

/** An open road. It comes back by itself when it is cut, until it is closed. */
export interface OpenRoad {
  close(): void;
}

/** What drivers need of the browser, so that tests can be one. */
export interface World {
  fetch: typeof fetch;
  EventSource: typeof EventSource;
  WebSocket: typeof WebSocket;
  setTimeout(callback: () => void, milliseconds: number): number;
  clearTimeout(timer: number): void;
}

/** The browser itself. */
export const browserWorld = (): World => ({
  fetch: (input, init) => fetch(input, init),
  EventSource,
  WebSocket,
  setTimeout: (callback, milliseconds) => window.setTimeout(callback, milliseconds),
  clearTimeout: (timer) => window.clearTimeout(timer),
});

/** How long after a loss a road is tried again: longer each time, never longer than this. */
const RETRY_MS_MAX = 2_000;
const RETRY_MS_FIRST = 200;

/** The wait before the next attempt, in milliseconds, after so many that failed. */
export function retryDelay(failures: number): number {
  return Math.min(RETRY_MS_FIRST * 2 ** failures, RETRY_MS_MAX);
}

/** The event in a text, or `null` when it is none. */
export function tickOf(value: unknown): Tick | null {
  const tick = value as Partial<Tick> | null;
  return typeof tick === "object" && tick !== null && typeof tick.n === "number" && typeof tick.at === "number"
    ? (tick as Tick)
    : null;
}

/** The event that a text is, as JSON, or `null`. */
export function tickIn(text: string): Tick | null {
  try {
    return tickOf(JSON.parse(text));
  } catch {
    return null;
  }
}
