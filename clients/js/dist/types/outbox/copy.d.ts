/** A copy, but for Blobs. Throws on what cannot be copied, such as functions. */
export declare function copyOf(value: any): any;
/** Puts their content in the place of files and other Blobs. Rejects if one cannot be read. */
export declare function readFiles(args: unknown[]): Promise<void>;
