/**
 * A copy, but for Blobs, of what `emit` would send: `toJSON` of addresses and other objects is called
 * with the name that they have. Throws on what cannot be copied, such as functions.
 */
export declare function copyOf(value: unknown, name?: string): unknown;
/** Puts their content in the place of files and other Blobs. Rejects if one cannot be read. */
export declare function readFiles(args: unknown[]): Promise<void>;
