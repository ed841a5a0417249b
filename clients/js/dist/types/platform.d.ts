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
export type PlatformSocket = typeof globalThis extends {
    WebSocket: new (...args: never) => infer Instance;
} ? Instance : unknown;
/** What binary messages arrive as unless `binaryType` is set: `Buffer` in Node. */
export declare const defaultBinaryType: BinaryType;
/** One request: POST when there is a body. Rejects when there is no answer or `signal` fires. */
export declare function request(url: string, body: string | undefined, options: EngineOptions, signal: AbortSignal): Promise<HttpResponse>;
/** Loads what opening a WebSocket needs; here it is there. */
export declare const prepareWebSocket: (_options: EngineOptions) => Promise<void> | void;
/** Starts a WebSocket, or throws when the address is bad or there is no WebSocket here. */
export declare function openWebSocket(url: string, options: EngineOptions): PlatformSocket;
/** Sends a message. */
export declare const sendMessage: (socket: PlatformSocket, data: RawData, _packetOptions: {
    compress?: boolean;
} | undefined, _options: EngineOptions) => void;
/** Standard base64 with padding (RFC 4648 §4). */
export declare function encodeBase64(data: Uint8Array): string;
/** The inverse; throws on characters that base64 does not have. */
export declare function decodeBase64(text: string): ArrayBuffer;
/** Received bytes in the form the application wants. */
export declare function toBinaryType(data: ArrayBuffer, type: BinaryType): ArrayBuffer | Blob;
/** What `startTimer` returns, for `stopTimer`. */
export type Timer = number | undefined;
/** Starts a timer. */
export declare const startTimer: (options: EngineOptions, callback: () => void, ms: number) => Timer;
/** Stops a timer that was started with the same options, if there is one. */
export declare const stopTimer: (options: EngineOptions, timer: Timer) => void;
