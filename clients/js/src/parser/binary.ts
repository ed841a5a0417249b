import { type Binary, isBinary } from "../engine/packet.js";

/**
 * `data` as JSON, in which binary values are replaced by placeholders (Socket.IO v5 "Packet
 * encoding"). The values are added to `attachments` in the order in which they occur.
 */
export function takeAttachments(data: unknown, attachments: Binary[]): string {
  return JSON.stringify(data, function (this: any, key, value) {
    // `toJSON` has been applied to `value`, which for a Buffer is one step too far.
    const original = this[key];
    const binary = isBinary(original) ? original : value;
    return isBinary(binary) ? { _placeholder: true, num: attachments.push(binary) - 1 } : value;
  });
}

/** The inverse: puts the attachments where the placeholders are. Throws if one has no place. */
export function fillPlaceholders(value: unknown, attachments: unknown[]): unknown {
  const data = value as { [key: string]: unknown };
  if (!data || typeof data !== "object") return data;
  if (data._placeholder === true) {
    const attachment = typeof data.num === "number" && attachments[data.num];
    if (!attachment) throw new Error("invalid packet");
    return attachment;
  }
  for (const key in data) data[key] = fillPlaceholders(data[key], attachments);
  return data;
}
