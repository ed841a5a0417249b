// Listeners that get name and arguments of every event.

import { report } from "../timer.js";

/** Gets the name of an event and its arguments. */
export type AnyListener = (event: string, ...args: any[]) => void;

/** Calls all of them. What one throws is reported, and does not keep the event from the others. */
export function callAll(listeners: AnyListener[], socket: object, args: unknown[]): void {
  for (const listener of listeners) {
    try {
      listener.apply(socket, args as [string]);
    } catch (error) {
      report(error);
    }
  }
}

/** The others, if there is one to leave out: a new list, since the old one may be in use. */
export function without(listeners: AnyListener[], listener?: AnyListener): AnyListener[] {
  const left = listeners.indexOf(listener!);
  return listener ? listeners.filter((_, at) => at !== left) : [];
}
