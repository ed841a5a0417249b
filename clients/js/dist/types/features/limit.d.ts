import { type RawData } from "../engine/packet.js";
import type { EngineSocket } from "../engine/socket.js";
/** A message is larger than the server takes. */
export declare class PayloadTooLarge extends Error {
    /** Most bytes of a message. */
    readonly limit: number;
    /** Bytes that this one would have. */
    readonly size: number;
    readonly name = "PayloadTooLarge";
    constructor(
    /** Most bytes of a message. */
    limit: number, 
    /** Bytes that this one would have. */
    size: number);
}
/** Throws {@link PayloadTooLarge} if the server does not take one of the messages. */
export declare function checkSizes(messages: RawData[], engine: EngineSocket): void;
