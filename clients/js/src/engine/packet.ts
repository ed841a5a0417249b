import { type BinaryType, decodeBase64, encodeBase64, toBinaryType } from "../platform.js";

/** Binary data that can be sent. */
export type Binary = ArrayBuffer | ArrayBufferView | Blob;

/** What one message can hold. */
export type RawData = string | Binary;

/** Packet types in the order of their digits (Engine.IO v4 "Protocol"). */
const TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"] as const;

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
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value) || value instanceof Blob;
}

/** Length of a text in bytes of UTF-8. */
export function byteLength(data: string): number {
  return new TextEncoder().encode(data).length;
}

/** The packet as one WebSocket message. Binary data goes as it is: it has no type digit. */
export function encodePacket({ type, data }: Packet): RawData {
  return isBinary(data) ? data : TYPES.indexOf(type as any) + (data ?? "");
}

/** The packet as text, for polling and for peers without binary. */
export async function encodeAsText(packet: Packet): Promise<string> {
  const data = encodePacket(packet);
  if (typeof data === "string") return data;
  return "b" + encodeBase64(await new Response(data as BodyInit).arrayBuffer());
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
