// The option `parser` in MessagePack: one binary message per packet, as socket.io-msgpack-parser.

import { Emitter } from "../emitter.js";
import { isValid, type Packet, protocol } from "../parser/packet.js";
import { defaultBinaryType, toBinaryType } from "../platform.js";
import { decode } from "./decode.js";
import { encode } from "./encode.js";

export { protocol };

/** Turns a packet into one binary message: a map of `type`, `data`, `nsp` and perhaps `id`. */
export class Encoder {
  encode({ type, data, nsp, id }: Packet): Uint8Array[] {
    return [encode({ type, data, nsp, id })];
  }
}

/** Turns messages into packets, raised as `decoded`. Throws on what is no packet. */
export class Decoder extends Emitter<{}, {}, { decoded: (packet: Packet) => void }> {
  /** Takes the next message of the connection: bytes in any form but a Blob. */
  add(message: unknown): void {
    const bytes = ArrayBuffer.isView(message)
      ? new Uint8Array(message.buffer, message.byteOffset, message.byteLength)
      : new Uint8Array(message as ArrayBuffer);
    const packet = decode(bytes, (data) => toBinaryType(data, defaultBinaryType)) as Packet;
    if (!isPacket(packet)) throw new Error("invalid packet");
    this._emitReserved("decoded", packet);
  }

  /** There are no incomplete packets. */
  destroy(): void {}
}

function isPacket(packet: any): packet is Packet {
  const { type, nsp, id, data } = packet;
  return (
    Number.isInteger(type) &&
    type >= 0 &&
    typeof nsp === "string" &&
    (id === undefined || Number.isInteger(id)) &&
    isValid(type, data)
  );
}
