/** The bytes of a text; half a character becomes U+FFFD. */
export declare function encodeUtf8(text: string): Uint8Array;
/** The text of bytes. Without `TextDecoder` it throws on what is no UTF-8, otherwise that becomes U+FFFD. */
export declare function decodeUtf8(bytes: Uint8Array): string;
