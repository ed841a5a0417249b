import { type Binary } from "../engine/packet.js";
/**
 * `data` as JSON, in which binary values are replaced by placeholders (Socket.IO v5 "Packet
 * encoding"). The values are added to `attachments` in the order in which they occur.
 */
export declare function takeAttachments(data: unknown, attachments: Binary[]): string;
/** The inverse: puts the attachments where the placeholders are. Throws if one has no place. */
export declare function fillPlaceholders(value: unknown, attachments: unknown[]): unknown;
