import { Emitter } from "../emitter.cjs";
import { type Packet, protocol } from "../parser/packet.cjs";
export { protocol };
/** Turns a packet into one binary message: a map of `type`, `data`, `nsp` and perhaps `id`. */
export declare class Encoder {
    encode({ type, data, nsp, id }: Packet): Uint8Array[];
}
/** Turns messages into packets, raised as `decoded`. Throws on what is no packet. */
export declare class Decoder extends Emitter<{}, {}, {
    decoded: (packet: Packet) => void;
}> {
    /** Takes the next message of the connection: bytes in any form but a Blob. */
    add(message: unknown): void;
    /** There are no incomplete packets. */
    destroy(): void;
}
