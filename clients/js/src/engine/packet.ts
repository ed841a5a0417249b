import { type BinaryType, decodeBase64, encodeBase64, toBinaryType } from "../platform.js";

/** The Engine.IO revision spoken here. */
export const ENGINE_PROTOCOL = 4;

/** Binary data that can be sent. */
export type Binary = ArrayBuffer | ArrayBufferView | Blob;

/** What one message can hold. */
export type RawData = string | Binary;

/** Packet types in the order of their digits (Engine.IO v4 "Protocol"). */
export const TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"] as const;

/** Type of a packet; `error` stands for one that could not be decoded. */
export type PacketType = (typeof TYPES)[number] | "error";

/** Engine.IO packet. */
export interface Packet {
  type: PacketType;
  data?: RawData;
  options?: { compress?: boolean };
}

/** Separates the packets of a polling payload. */
export const SEPARATOR = "\x1e";

/** Whether `value` is sent as a binary message. */
export function isBinary(value: unknown): value is Binary {
  return isBuffer(value) || ArrayBuffer.isView(value) || isBlob(value);
}

/** Also of another realm, as test runners have them; there are platforms without `Blob`. */
function isA(name: string, value: unknown): boolean {
  const known = (globalThis as any)[name];
  return (known && value instanceof known) || Object.prototype.toString.call(value) === `[object ${name}]`;
}

const isBuffer = (value: unknown): value is ArrayBuffer =>
  FULL ? isA("ArrayBuffer", value) : value instanceof ArrayBuffer;

/** Whether it has to be read before its bytes are there. */
export const isBlob = (value: unknown): value is Blob =>
  FULL ? isA("Blob", value) || isA("File", value) : value instanceof Blob;

/** The bytes of binary data. Rejects if it cannot be read, as a file that has changed. */
export async function readBytes(data: Binary): Promise<Uint8Array> {
  return bytesOf(isBlob(data) ? await readBlob(data) : data);
}

const readBlob = (blob: Blob): Promise<ArrayBuffer> =>
  !FULL || blob.arrayBuffer ? blob.arrayBuffer() : readBlobByReader(blob);

/** The same for those of jsdom. */
function readBlobByReader(blob: Blob): Promise<ArrayBuffer> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as ArrayBuffer);
    reader.onerror = () => reject(reader.error);
    reader.readAsArrayBuffer(blob);
  });
}

/** The bytes in memory, where they are. */
export function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  const { buffer = data, byteOffset, byteLength } = data as ArrayBufferView;
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** Length of a text in bytes of UTF-8. */
export function byteLength(text: string): number {
  // Not every platform with everything else has it, such as jsdom.
  if (!FULL) return new TextEncoder().encode(text).length;
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/** The packet as one WebSocket message. Binary data goes as it is: it has no type digit. */
export function encodePacket({ type, data }: Packet): RawData {
  if (!isBinary(data)) return TYPES.indexOf(type as any) + (data ?? "");
  return FULL ? owned(data) : data;
}

/** The same in memory that nobody else may change or resize, since platforms send no other. */
export function owned(data: Binary): Binary {
  const { buffer = data } = data as ArrayBufferView;
  if (isBlob(data) || (isBuffer(buffer) && !(buffer as any).resizable)) return data;
  return bytesOf(data).slice();
}

/** The packet as text, for polling and for peers without binary. */
export async function encodeAsText(packet: Packet): Promise<string> {
  const data = encodePacket(packet);
  if (typeof data === "string") return data;
  return "b" + encodeBase64(await readBytes(data));
}

/** Reads one packet; bad input gives a packet of type `error`. */
export function decodePacket(data: string | ArrayBuffer, binaryType: BinaryType): Packet {
  let type: PacketType = "message";
  try {
    if (typeof data !== "string") return { type, data: toBinaryType(data, binaryType) };
    const rest = data.slice(1);
    if (data[0] === "b") return { type, data: toBinaryType(decodeBase64(rest), binaryType) };
    if ((type = TYPES[data[0] as any])) return { type, data: rest };
  } catch {
    // No base64.
  }
  return { type: "error", data: "parser error" };
}
