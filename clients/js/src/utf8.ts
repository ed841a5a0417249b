// UTF-8, also where there is no `TextEncoder`, as in jsdom, or no `TextDecoder`, as in React Native.

/** The bytes of a text; half a character becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  if (globalThis.TextEncoder as unknown) return new TextEncoder().encode(text);
  const escaped = encodeURIComponent(text.replace(/[\ud800-\udfff]/gu, "\ufffd"));
  const byBytes = escaped.match(/%..|[^]/g) || [];
  return Uint8Array.from(byBytes, (part) => (part[1] ? parseInt(part.slice(1), 16) : part.charCodeAt(0)));
}

/** The text of bytes. Without `TextDecoder` it throws on what is no UTF-8, otherwise that becomes U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  if (globalThis.TextDecoder as unknown) return new TextDecoder().decode(bytes);
  const escaped = Array.from(bytes, (byte) => "%" + (byte + 256).toString(16).slice(1));
  return decodeURIComponent(escaped.join(""));
}
