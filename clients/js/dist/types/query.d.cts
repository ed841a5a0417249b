/** Parameters by name; what is no text is sent as one. */
export type Query = Record<string, unknown>;
/**
 * The parameters of an address's query string, in which `+` is no space, or a copy of those that an
 * object holds.
 */
export declare function parseQuery(query?: string | object): Query;
/** The inverse, without question mark. */
export declare function formatQuery(parameters: Query): string;
