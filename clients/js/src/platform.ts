// What differs between browsers (this file) and Node (`platform.node.ts`). The build picks one.

import type { EngineOptions } from "./options.js";

/** An HTTP answer, read to its end. */
export interface HttpResponse {
  status: number;
  responseText: string;
}

/** How binary messages are handed to the application. */
export type BinaryType = "arraybuffer" | "blob" | "nodebuffer";

/** What binary messages arrive as unless `binaryType` is set: `Buffer` in Node. */
export const defaultBinaryType: BinaryType = "arraybuffer";

/** One request: POST when there is a body. Rejects when there is no answer or `signal` fires. */
export async function request(
  url: string,
  body: string | undefined,
  options: EngineOptions,
  signal: AbortSignal,
): Promise<HttpResponse> {
  // A plain string body has a content type that needs no CORS preflight.
  const response = await fetch(url, {
    method: body && "POST",
    body,
    headers: options.extraHeaders,
    credentials: options.withCredentials ? "include" : undefined,
    signal,
  });
  return { status: response.status, responseText: await response.text() };
}

/** Starts a WebSocket, or throws when the address is bad or there is no WebSocket here. */
export function openWebSocket(url: string, options: EngineOptions): WebSocket {
  return new WebSocket(url, options.protocols || []);
}

/** Standard base64 with padding (RFC 4648 §4). */
export function encodeBase64(data: ArrayBuffer): string {
  return btoa(new Uint8Array(data).reduce((text, byte) => text + String.fromCharCode(byte), ""));
}

/** The inverse; throws on characters that base64 does not have. */
export function decodeBase64(text: string): ArrayBuffer {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;
}

/** Received bytes in the form the application wants. */
export function toBinaryType(data: ArrayBuffer, type: BinaryType): ArrayBuffer | Blob {
  return type === "blob" ? new Blob([data]) : data;
}

/** What `startTimer` returns, for `clearTimeout`. */
export type Timer = number | undefined;

/** Starts a timer. */
export const startTimer = (_options: EngineOptions, callback: () => void, ms: number): Timer =>
  setTimeout(callback, ms) as unknown as Timer;
