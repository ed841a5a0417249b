import type { DefaultEventsMap, EventsMap } from "./events.js";
import { Manager } from "./manager.js";
import type { ConnectOptions } from "./options.js";
import type { Socket } from "./socket.js";
import { url } from "./url.js";

/** What `io()` makes managers of. The entry file of the build with everything puts its own class here. */
export const classes = { Manager };

/** Managers in use, by origin and path. */
const cache: Record<string, Manager<any, any>> = {};

/**
 * The socket for an address: its path is the namespace, its query string comes before the option
 * `query`. Sockets of one server share a connection unless `forceNew` is set,
 * `multiplex` is false, or the namespace is already taken there.
 */
export function lookup<
  Listen extends EventsMap = DefaultEventsMap,
  Emit extends EventsMap = Listen,
>(options?: Partial<ConnectOptions>): Socket<Listen, Emit>;
export function lookup<
  Listen extends EventsMap = DefaultEventsMap,
  Emit extends EventsMap = Listen,
>(uri: string | undefined | null, options?: Partial<ConnectOptions>): Socket<Listen, Emit>;
export function lookup(
  uri?: string | Partial<ConnectOptions> | null,
  options?: Partial<ConnectOptions> | null,
): Socket<any, any> {
  if (uri && typeof uri === "object") {
    options = uri;
    uri = undefined;
  }
  const { _source: source, id, path, query } = url(uri as string, options?.path || "/socket.io");
  const opts: Partial<ConnectOptions> = { query, ...options };
  const own =
    opts.forceNew ||
    (FULL && (opts as any)["force new connection"]) ||
    opts.multiplex === false ||
    cache[id]?.nsps[path];
  const managers = own ? {} : cache;
  return (managers[id] = managers[id] || new classes.Manager(source, opts)).socket(path, opts);
}
