// What differs between Node (this file) and browsers (`platform.ts`). The build picks one.

/// <reference types="node" />

import http from "node:http";
import https from "node:https";

import { jarOf } from "./cookies.js";
import type { RawData } from "./engine/packet.js";
import type { TransportOptions } from "./engine/transport.js";
import type { EngineOptions } from "./options.js";
import type { BinaryType, HttpResponse, Timer } from "./platform.js";
import { loadWs, type WsConstructor } from "./ws.js";

export type { BinaryType, HttpResponse } from "./platform.js";

export const defaultBinaryType: BinaryType = "nodebuffer";

/** Options of Node's HTTP and TLS, and of `ws`, that are passed on as they are. */
const PASSED_ON = [
  "agent",
  "ca",
  "cert",
  "ciphers",
  "key",
  "passphrase",
  "pfx",
  "rejectUnauthorized",
  "localAddress",
  "family",
  "perMessageDeflate",
] as const;

/** Messages below this many bytes are not compressed, unless `perMessageDeflate` says otherwise. */
const COMPRESSION_THRESHOLD = 1024;

/** Characters of a refusal that are read. */
const REFUSAL_LENGTH_MAX = 4096;

const RECEIVED_BYTES_MAX = 64 * 1024 * 1024;

export function request(
  url: string,
  body: string | undefined,
  options: TransportOptions,
  signal: AbortSignal,
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const headers: http.OutgoingHttpHeaders = { accept: "*/*", ...headersOf(options) };
    if (body !== undefined) {
      headers["content-type"] = "text/plain;charset=UTF-8";
      headers["content-length"] = Buffer.byteLength(body);
    }
    const call = (url.startsWith("https:") ? https : http).request(
      url,
      { ...passedOn(options), method: body === undefined ? "GET" : "POST", headers, signal },
      (response) => {
        const { receivedBytesMax = RECEIVED_BYTES_MAX, withCredentials, socket } = options;
        if (withCredentials) jarOf(socket).store(response.headers["set-cookie"]);
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes <= receivedBytesMax) return chunks.push(chunk);
          reject(new Error(`more than ${receivedBytesMax} bytes`));
          call.destroy();
        });
        response.on("error", reject);
        response.on("end", () => {
          const responseText = Buffer.concat(chunks).toString();
          // Like an XMLHttpRequest that is done, as error handlers know it.
          resolve({ status: response.statusCode ?? 0, responseText, readyState: 4 });
        });
      },
    );
    // By a timer, so that tests which hold the clock still hold failures still, too; applications'
    // tests rely on that with socket.io-client.
    call.on("error", (error) => setTimeout(reject, 0, error));
    // On the socket and not on the agent: a poll waits for as long as the server likes.
    if (options.autoUnref) call.on("socket", (socket) => socket.unref());
    call.end(body);
  });
}

/**
 * Node 22 and later have a WebSocket, but only the package `ws` knows Node's own options, so it is
 * taken if one of them is set and where Node has none. If there is neither, says so once and
 * throws: a session that is polling then stays on polling.
 */
export function openWebSocket(url: string, options: TransportOptions): WebSocket {
  const { WebSocket } = globalThis;
  const { autoUnref, protocols = [], receivedBytesMax: maxPayload = RECEIVED_BYTES_MAX } = options;
  const headers = headersOf(options);
  const passed = passedOn(options);
  if (!ws && !WebSocket) throw missing();
  const Ws = wantsWs(options) ? ws : undefined;
  // Browsers take the protocols as second argument; Node's own WebSocket also takes an object.
  if (!Ws) return new WebSocket(url, headers ? ({ protocols, headers } as any) : protocols);
  const socket = new Ws(url, protocols, { ...passed, headers, maxPayload });
  socket.on("unexpected-response", (_request: unknown, response: http.IncomingMessage) => {
    refuse(socket, response);
  });
  if (autoUnref) {
    socket.on("upgrade", (response: http.IncomingMessage) => response.socket.unref());
  }
  return socket;
}

/** Fails a WebSocket with what the server answered in the place of 101, as far as it is short. */
function refuse(socket: any, response: http.IncomingMessage): void {
  const { statusCode: status } = response;
  let responseText = "";
  response.setEncoding("utf8");
  response.on("data", (text: string) => {
    responseText += text;
    if (responseText.length > REFUSAL_LENGTH_MAX) response.destroy();
  });
  response.on("close", () => {
    const error = new Error(`Unexpected server response: ${status}`);
    socket.emit("error", Object.assign(error, { status, responseText }));
    socket.terminate();
  });
}

/** Sends a message; `ws` compresses it if it may and if that is worth the work. */
export function sendMessage(
  socket: WebSocket,
  data: RawData,
  { compress = false }: { compress?: boolean } = {},
  { perMessageDeflate }: EngineOptions,
): void {
  const threshold = (perMessageDeflate as any)?.threshold ?? COMPRESSION_THRESHOLD;
  const bytes = typeof data === "string" ? Buffer.byteLength(data) : (data as ArrayBuffer).byteLength;
  // The platform's WebSocket takes no notice of the second argument.
  (socket as any).send(data, { compress: compress && bytes >= threshold });
}

/** The request headers of the options, with the session's cookies. */
function headersOf(options: TransportOptions): Record<string, string> | undefined {
  const { extraHeaders, withCredentials, socket } = options;
  if (!withCredentials) return extraHeaders;
  const { cookie: own, ...headers } = lowerCased(extraHeaders);
  const cookie = jarOf(socket).header(own);
  return cookie ? { ...headers, cookie } : headers;
}

function lowerCased(headers: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

export function encodeBase64({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString("base64");
}

export function decodeBase64(text: string): ArrayBuffer {
  // A copy: small buffers are slices of a pool shared with everybody.
  return new Uint8Array(Buffer.from(text, "base64")).buffer;
}

export function toBinaryType(data: ArrayBuffer, type: BinaryType): ArrayBuffer | Blob {
  if (type === "blob") return new Blob([data]);
  // `Buffer` is what Node programs expect; it is a view, not a copy.
  return type === "nodebuffer" ? (Buffer.from(data) as unknown as ArrayBuffer) : data;
}

// As they were when this file was loaded, for `useNativeTimers`.
const native = { setTimeout, clearTimeout };

export function startTimer(options: EngineOptions, callback: () => void, ms: number): Timer {
  const { setTimeout: start } = options.useNativeTimers ? native : globalThis;
  const timer = start(callback, Math.min(ms, 2 ** 31 - 1)) as unknown as NodeJS.Timeout;
  if (options.autoUnref) timer.unref();
  return timer as unknown as Timer;
}

export function stopTimer(options: EngineOptions, timer: Timer): void {
  (options.useNativeTimers ? native : globalThis).clearTimeout(timer);
}

function passedOn(options: EngineOptions): Record<string, unknown> {
  const chosen: Record<string, unknown> = {};
  for (const name of PASSED_ON) {
    const value = options[name];
    const isSet = value !== undefined && value !== null;
    // `false` for an agent means none in particular, as with socket.io-client.
    if (isSet && !(name === "agent" && value === false)) chosen[name] = value;
  }
  return chosen;
}

/** The class of the package, null if there is none. */
let ws: WsConstructor | null | undefined;
let warned = false;

function wantsWs(options: TransportOptions): boolean {
  const { autoUnref, withCredentials } = options;
  return !globalThis.WebSocket || !!autoUnref || !!withCredentials || Object.keys(passedOn(options)).length > 0;
}

/** Loads the package if it is wanted and was not yet. */
export function prepareWebSocket(options: TransportOptions): Promise<void> | void {
  if (ws !== undefined || !wantsWs(options)) return;
  const loaded: WsConstructor | null | Promise<WsConstructor | null> = loadWs();
  if (loaded instanceof Promise) return loaded.then((found) => void (ws = found));
  ws = loaded;
}

function missing(): Error {
  const message = "this Node has no WebSocket, only polling works: `npm install ws`, or use Node 22 or later";
  if (!warned) console.warn(`sockeye-client: ${message}`);
  warned = true;
  return new Error(message);
}
