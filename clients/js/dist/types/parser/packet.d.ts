import { type RawData } from "../engine/packet.js";
import { NamedEmitter } from "../named-emitter.js";
/** The Socket.IO revision spoken here. */
export declare const protocol = 5;
export declare const CONNECT = 0;
export declare const DISCONNECT = 1;
export declare const EVENT = 2;
export declare const ACK = 3;
export declare const CONNECT_ERROR = 4;
export declare const BINARY_EVENT = 5;
export declare const BINARY_ACK = 6;
/** Socket.IO packet. A decoded one has type EVENT or ACK also where the wire said binary. */
export interface Packet {
    type: number;
    nsp: string;
    data?: unknown;
    id?: number;
    options?: {
        compress?: boolean;
    };
}
/** Events that the library raises itself: they are never sent and never taken from the peer. */
export declare const RESERVED_EVENTS: RegExp;
/** Turns packets into messages: a text, and the attachments that follow it. */
export declare class Encoder {
    encode({ type, nsp, data, id }: Packet): RawData[];
}
/** Turns messages into packets, raised as `decoded`. Throws on what is no packet. */
export declare class Decoder extends NamedEmitter<{}, {}, {
    decoded: (packet: Packet) => void;
}> {
    private _waiting?;
    private _missing;
    private _attachments;
    private _attachmentsMax;
    constructor(options?: {
        maxAttachments?: number;
    });
    /** Takes the next message of the connection. */
    add(message: unknown): void;
    /** Forgets an incomplete packet. */
    destroy(): void;
    /** The packet that a text is or begins; undefined if it is none. */
    private _parse;
}
/** Other types hold nothing that would be used unchecked. */
export declare function isValid(type: number, data: unknown): boolean;
