// What differs between Node (this file) and browsers (`platform.ts`). The build picks one.

/// <reference types="node" />

import http from "node:http";
import https from "node:https";
import { createRequire } from "node:module";

import type { EngineOptions } from "./options.js";
import type { BinaryType, HttpResponse, Timer } from "./platform.js";

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
] as const;

export function request(
  url: string,
  body: string | undefined,
  options: EngineOptions,
  signal: AbortSignal,
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const headers: http.OutgoingHttpHeaders = { accept: "*/*", ...options.extraHeaders };
    if (body !== undefined) {
      headers["content-type"] = "text/plain;charset=UTF-8";
      headers["content-length"] = Buffer.byteLength(body);
    }
    const call = (url.startsWith("https:") ? https : http).request(
      url,
      { ...passedOn(options), method: body === undefined ? "GET" : "POST", headers, signal },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const responseText = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, responseText });
        });
      },
    );
    call.on("error", reject);
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
export function openWebSocket(url: string, options: EngineOptions): WebSocket {
  const { WebSocket } = globalThis;
  const { autoUnref, extraHeaders: headers, protocols = [] } = options;
  const passed = passedOn(options);
  const wantsWs = !WebSocket || autoUnref || Object.keys(passed).length > 0;
  const Ws = wantsWs ? loadWs(!WebSocket) : undefined;
  // Browsers take the protocols as second argument; Node's own WebSocket also takes this form.
  if (!Ws) return new WebSocket(url, { protocols, headers } as any);
  const socket = new Ws(url, protocols, { ...passed, headers });
  if (autoUnref) {
    socket.on("upgrade", (response: http.IncomingMessage) => response.socket.unref());
  }
  return socket;
}

export function encodeBase64(data: ArrayBuffer): string {
  return Buffer.from(data).toString("base64");
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

export function startTimer(options: EngineOptions, callback: () => void, ms: number): Timer {
  const timer = setTimeout(callback, ms) as unknown as NodeJS.Timeout;
  if (options.autoUnref) timer.unref();
  return timer as unknown as Timer;
}

function passedOn(options: EngineOptions): Record<string, unknown> {
  const chosen: Record<string, unknown> = {};
  for (const name of PASSED_ON) {
    if (options[name] !== undefined && options[name] !== false) chosen[name] = options[name];
  }
  if (options.rejectUnauthorized === false) chosen.rejectUnauthorized = false;
  return chosen;
}

type WsConstructor = new (url: string, protocols: string | string[], options: object) => any;

let ws: WsConstructor | undefined;
let warned = false;

function loadWs(isNeeded: boolean): WsConstructor | undefined {
  try {
    return (ws ??= createRequire(import.meta.url)("ws") as WsConstructor);
  } catch {
    if (!isNeeded) return undefined;
    const message = "no WebSocket in this Node: update to Node 22 or install the package `ws`";
    if (!warned) console.warn(`sockeye-client: ${message}`);
    warned = true;
    throw new Error(message);
  }
}
