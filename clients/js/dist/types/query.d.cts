/**
 * The parameters of an address's query string, in which `+` is no space, or a copy of those that an
 * object holds.
 */
export declare function parseQuery(query?: string | Record<string, any>): Record<string, any>;
/** The inverse, without question mark. */
export declare function formatQuery(parameters: Record<string, any>): string;
