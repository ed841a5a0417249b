// An event that the server would not take is refused before the connection is lost over it.

import { byteLength, type RawData } from "../engine/packet.js";
import type { EngineSocket } from "../engine/socket.js";

/** A message is larger than the server takes. */
export class PayloadTooLarge extends Error {
  readonly name = "PayloadTooLarge";

  constructor(
    /** Most bytes of a message. */
    readonly limit: number,
    /** Bytes that this one would have. */
    readonly size: number,
  ) {
    super(`message of ${size} bytes, the server takes ${limit}`);
  }
}

/** Throws {@link PayloadTooLarge} if the server does not take one of the messages. */
export function checkSizes(messages: RawData[], engine: EngineSocket): void {
  const limit = engine._maxPayload || Infinity;
  const asText = engine.transport.name === "polling";
  for (const message of messages) {
    const size = messageSize(message, asText);
    if (size > limit) throw new PayloadTooLarge(limit, size);
  }
}

/** Bytes of a message: text has its type's digit, binary is base64 behind a letter in polling. */
function messageSize(message: RawData, asText: boolean): number {
  if (typeof message === "string") return byteLength(message) + 1;
  const bytes = "size" in message ? message.size : message.byteLength;
  return asText ? Math.ceil(bytes / 3) * 4 + 1 : bytes;
}
