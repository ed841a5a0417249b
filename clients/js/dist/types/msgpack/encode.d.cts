/**
 * `value` in MessagePack, in the shortest form of each type. What JSON would do is done here, too:
 * `toJSON` is called, functions and undefined are left out of objects and are nil in lists. Binary
 * data stays binary. Throws on symbols, on Blobs, and on integers of more than 64 bits.
 */
export declare function encode(value: unknown): Uint8Array;
