/**
 * The value that `bytes` hold in MessagePack, with nothing behind it. Integers become numbers,
 * time stamps (extension -1) Dates, and extension 0 what npm's parser means by it; other extensions
 * are no data of ours and throw, as does everything malformed.
 */
export declare function decode(bytes: Uint8Array, toBinary: (bytes: ArrayBuffer) => unknown): unknown;
