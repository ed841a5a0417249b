import { type PageLocation } from "./url.cjs";
export type { PageLocation } from "./url.cjs";
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
export declare function url(uri?: string | null, path?: string, page?: PageLocation): Address;
