// What differs between browsers (this file) and Node (`platform.node.ts`). The build picks one.

import type { RawData } from "./engine/packet.js";
import type { EngineOptions } from "./options.js";

/** An HTTP answer, read to its end. */
export interface HttpResponse {
  status: number;
  responseText: string;
  /** In Node 4, as that of an XMLHttpRequest that is done. */
  readyState?: number;
}

/** How binary messages are handed to the application. */
export type BinaryType = "arraybuffer" | "blob" | "nodebuffer";

/** A WebSocket, for programs whose types know one: those without the DOM's may not. */
export type PlatformSocket = typeof globalThis extends { WebSocket: new (...args: never) => infer Instance }
  ? Instance
  : unknown;

/** What binary messages arrive as unless `binaryType` is set: `Buffer` in Node. */
export const defaultBinaryType: BinaryType = "arraybuffer";

/** One request: POST when there is a body. Rejects when there is no answer or `signal` fires. */
export async function request(
  url: string,
  body: string | undefined,
  options: EngineOptions,
  signal: AbortSignal,
): Promise<HttpResponse> {
  if (FULL && !globalThis.fetch) return requestByXhr(url, body, options, signal);
  // A plain string body has a content type that needs no CORS preflight.
  const response = await fetch(url, {
    method: body && "POST",
    body,
    headers: options.extraHeaders,
    credentials: options.withCredentials ? "include" : undefined,
    signal,
  });
  const responseText = FULL
    ? await readText(response, options.receivedBytesMax ?? RECEIVED_BYTES_MAX)
    : await response.text();
  return { status: response.status, responseText };
}

/** The same where there is no `fetch`, as in jsdom. */
function requestByXhr(
  url: string,
  body: string | undefined,
  { extraHeaders = {}, withCredentials, receivedBytesMax = RECEIVED_BYTES_MAX }: EngineOptions,
  signal: AbortSignal,
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(body === undefined ? "GET" : "POST", url);
    xhr.withCredentials = !!withCredentials;
    for (const name in extraHeaders) xhr.setRequestHeader(name, extraHeaders[name]);
    xhr.onload = () => resolve(xhr);
    xhr.onerror = xhr.onabort = () => reject(new Error("no answer"));
    xhr.onprogress = ({ loaded }) => {
      if (loaded > receivedBytesMax) xhr.abort();
    };
    signal.addEventListener("abort", () => xhr.abort());
    if (signal.aborted) return reject(new Error("aborted"));
    // What `fetch` sends by itself.
    if (body !== undefined) xhr.setRequestHeader("content-type", "text/plain;charset=UTF-8");
    xhr.send(body);
  });
}

const RECEIVED_BYTES_MAX = 64 * 1024 * 1024;

/** The body, which a hostile server may never end. */
async function readText(response: Response, bytesMax: number): Promise<string> {
  const reader = response.body?.getReader();
  if (!reader) return response.text();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.length;
    if (bytes > bytesMax) {
      reader.cancel();
      throw new Error(`more than ${bytesMax} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** Loads what opening a WebSocket needs; here it is there. */
export const prepareWebSocket = (_options: EngineOptions): Promise<void> | void => {};

/** Starts a WebSocket, or throws when the address is bad or there is no WebSocket here. */
export function openWebSocket(url: string, options: EngineOptions): PlatformSocket {
  return new WebSocket(url, options.protocols || []);
}

/** Sends a message. */
export const sendMessage = (
  socket: PlatformSocket,
  data: RawData,
  _packetOptions: { compress?: boolean } | undefined,
  _options: EngineOptions,
): void => socket.send(data as string);

/** Standard base64 with padding (RFC 4648 §4). */
export function encodeBase64(data: Uint8Array): string {
  return btoa(data.reduce((text, byte) => text + String.fromCharCode(byte), ""));
}

/** The inverse; throws on characters that base64 does not have. */
export function decodeBase64(text: string): ArrayBuffer {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;
}

/** Received bytes in the form the application wants. */
export function toBinaryType(data: ArrayBuffer, type: BinaryType): ArrayBuffer | Blob {
  return type === "blob" ? new Blob([data]) : data;
}

/** What `startTimer` returns, for `stopTimer`. */
export type Timer = number | undefined;

// As they were when this file was loaded, for `useNativeTimers`.
const nativeSetTimeout = FULL && globalThis.setTimeout;
const nativeClearTimeout = FULL && globalThis.clearTimeout;

/** Starts a timer. */
export const startTimer = (options: EngineOptions, callback: () => void, ms: number): Timer =>
  ((nativeSetTimeout && options.useNativeTimers && nativeSetTimeout) || setTimeout)(
    callback,
    FULL ? Math.min(ms, 2 ** 31 - 1) : ms,
  ) as unknown as Timer;

/** Stops a timer that was started with the same options, if there is one. */
export const stopTimer = (options: EngineOptions, timer: Timer): void =>
  ((nativeClearTimeout && options.useNativeTimers && nativeClearTimeout) || clearTimeout)(timer);
