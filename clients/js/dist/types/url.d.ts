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
/**
 * Takes `uri` apart after completing it from the page: nothing means the page's own server, `/x`
 * a namespace there, `//host` the page's scheme; outside a page it is `http://localhost`, and
 * `host` alone is https there. Pages that came from no server, as files, complete it with http, and
 * where they have no host of their own with one that nobody has: connecting to it fails.
 *
 * Throws if that is no address, or has more than 8,000 characters.
 */
export declare function url(uri?: string | null, pathOption?: string, page?: PageLocation | undefined): ParsedUrl;
/** A host name as addresses hold it: IPv6 in brackets. */
export declare function bracketed(hostname: string): string;
