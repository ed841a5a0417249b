import { type BinaryType } from "../platform.cjs";
/** The Engine.IO revision spoken here. */
export declare const ENGINE_PROTOCOL = 4;
/** Binary data that can be sent. */
export type Binary = ArrayBuffer | ArrayBufferView | Blob;
/** What one message can hold. */
export type RawData = string | Binary;
/** Packet types in the order of their digits (Engine.IO v4 "Protocol"). */
export declare const TYPES: readonly ["open", "close", "ping", "pong", "message", "upgrade", "noop"];
/** Type of a packet; `error` stands for one that could not be decoded. */
export type PacketType = (typeof TYPES)[number] | "error";
/** Engine.IO packet. */
export interface Packet {
    type: PacketType;
    data?: RawData;
    options?: {
        compress?: boolean;
    };
}
/** Separates the packets of a polling payload. */
export declare const SEPARATOR = "\u001E";
/** Whether `value` is sent as a binary message. */
export declare function isBinary(value: unknown): value is Binary;
/** Whether it has to be read before its bytes are there. */
export declare const isBlob: (value: unknown) => value is Blob;
/** The bytes of binary data. Rejects if it cannot be read, as a file that has changed. */
export declare function readBytes(data: Binary): Promise<Uint8Array>;
/** The bytes in memory, where they are. */
export declare function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array;
/** Length of a text in bytes of UTF-8. */
export declare function byteLength(text: string): number;
/** The packet as one WebSocket message. Binary data goes as it is: it has no type digit. */
export declare function encodePacket({ type, data }: Packet): RawData;
/** The same in memory that nobody else may change or resize, since platforms send no other. */
export declare function owned(data: Binary): Binary;
/** The packet as text, for polling and for peers without binary. */
export declare function encodeAsText(packet: Packet): Promise<string>;
/** Reads one packet; bad input gives a packet of type `error`. */
export declare function decodePacket(data: string | ArrayBuffer, binaryType: BinaryType): Packet;
