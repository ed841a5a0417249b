// What `sockeye-client/url` exports: the parser of addresses, under the names of socket.io-client.

import { type PageLocation, url as parse } from "./url.js";

export type { PageLocation } from "./url.js";

/** An address taken apart. */
export interface Address {
  /** The address with scheme and host filled in. */
  source: string;
  /** Scheme without colon. */
  protocol: string;
  /** Host name, IPv6 without brackets. */
  host: string;
  /** Port, the scheme's own one if none was given. */
  port: string;
  /** Path, which is the namespace. */
  path: string;
  /** Query string without question mark. */
  query: string;
  /** What managers are cached by: `scheme://host:port` and the path option. */
  id: string;
  /** `scheme://host`, with the port unless it is the page's. */
  href: string;
}

/**
 * Takes `uri` apart after completing it from `page`, by default the page's `location`; `path` is
 * the path option.
 */
export function url(uri?: string | null, path = "", page?: PageLocation): Address {
  const { _source: source, _target: target, path: namespace, query } = parse(uri, path, page);
  const { hostname, port } = target;
  const protocol = /^\w+/.exec(source)![0];
  const origin = `${protocol}://${hostname}`;
  return {
    source,
    protocol,
    host: hostname.replace(/[[\]]/g, ""),
    port,
    path: namespace,
    query: query.slice(1),
    id: `${origin}:${port}${path}`,
    href: String(page?.port) === port ? origin : `${origin}:${port}`,
  };
}
