/** The parts of the page's `location` that addresses are completed from. */
export interface PageLocation {
  protocol: string;
  host: string;
  /** Port as text, empty if it is the scheme's own. */
  port?: string | number;
}

/** Where to connect to. */
export interface Target {
  /** Host name; an IPv6 address has its brackets. */
  hostname: string;
  /** Port, the scheme's own one if none was given. */
  port: string;
  /** Whether the scheme is one with TLS. */
  secure: boolean;
}

/** An address taken apart. */
export interface ParsedUrl {
  /** The address with scheme and host filled in. */
  _source: string;
  _target: Target;
  /** Path as written, not decoded: it is the namespace. At least `/`. */
  path: string;
  /** Query string, with its question mark if there is one. */
  query: string;
  /** What managers are cached by: origin with explicit port, and the path option. */
  id: string;
}

const CHARACTERS_MAX = 8000;

/** A name that no network resolves (RFC 6761). */
const NOBODY = "x.invalid";

/**
 * Takes `uri` apart after completing it from the page: nothing means the page's own server, `/x`
 * a namespace there, `//host` the page's scheme; outside a page it is `http://localhost`, and
 * `host` alone is https there. Pages that came from no server, as files, complete it with http, and
 * where they have no host of their own with one that nobody has: connecting to it fails.
 *
 * Throws if that is no address, or has more than 8,000 characters.
 */
export function url(
  uri?: string | null,
  pathOption = "",
  page: PageLocation | undefined = globalThis.location,
): ParsedUrl {
  let source = uri || "/";
  if (FULL && source.length > CHARACTERS_MAX) throw new Error("URI too long");
  source = source
    .replace(/^\/(?!\/)/, (page ? page.host || NOBODY : "http://localhost") + "/")
    .replace(/^(?!(http|ws)s?:\/\/)(\/\/)?/, (page && page.protocol !== "https:" ? "http:" : "https:") + "//");
  const { protocol, hostname, port: explicitPort, search: query } = FULL ? partsOf(source) : new URL(source);
  const secure = /[ps]s:/.test(protocol);
  const port = explicitPort || (secure ? "443" : "80");
  return {
    _source: source,
    _target: { hostname, port, secure },
    // `URL` would percent-encode it, and a namespace must arrive as it was written.
    path: /\/\/[^/?#]*([^?#]*)/.exec(source)![1] || "/",
    query,
    id: protocol + hostname + ":" + port + pathOption,
  };
}

const PARTS =
  /^(https?:|wss?:)\/\/(?:[^@/?#]*@)?(\[[^\]]+]|[^\s:@/?#[\]\\]+)(?::(\d*))?(?:\/[^?#]*)?(\?[^#]+)?\??(?:#[^]*)?$/;
const PORT_MAX = 65535;

/** What `URL` says of an address; that of React Native says it of few. */
function partsOf(source: string): Pick<URL, "protocol" | "hostname" | "port" | "search"> {
  const [, protocol, host, port = "", search = ""] = PARTS.exec(source) || [];
  if (!host || +port > PORT_MAX) throw new Error("invalid address");
  return { protocol, hostname: host.toLowerCase(), port, search };
}

/** A host name as addresses hold it: IPv6 in brackets. */
export function bracketed(hostname: string): string {
  return /^[^[]*:.*:/.test(hostname) ? `[${hostname}]` : hostname;
}
