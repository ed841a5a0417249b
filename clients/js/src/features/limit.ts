// An event that the server would not take is refused before the connection is lost over it.

import { byteLength, type RawData } from "../engine/packet.js";
import { Manager } from "../manager.js";
import { EVENT } from "../parser/packet.js";
import { Socket } from "../socket.js";
import { report } from "../timer.js";

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

Manager.prototype._packet = function (packet) {
  const { engine } = this;
  const messages: RawData[] = this.encoder.encode(packet);
  const limit = engine._maxPayload || Infinity;
  const asText = engine.transport.name === "polling";
  for (const message of messages) {
    const size = messageSize(message, asText);
    if (size > limit) throw new PayloadTooLarge(limit, size);
  }
  for (const message of messages) engine.send(message, packet.options);
};

const { packet: send, emitBuffered, onpacket: onPacket } = Socket.prototype;

/** Most events that may come before a namespace is entered: what recovery replays. */
const EARLY_EVENTS_MAX = 100_000;

Socket.prototype.onpacket = function (packet) {
  onPacket.call(this, packet);
  if (this.receiveBuffer.length <= EARLY_EVENTS_MAX) return;
  this.receiveBuffer = [];
  this.io.engine._onClose("transport error", new Error("too many events before CONNECT"));
};

/** If there is an acknowledgement function that takes errors, it gets this one. */
Socket.prototype.packet = function (packet) {
  try {
    send.call(this, packet);
  } catch (error) {
    const ack = packet.type === EVENT ? this.acks[packet.id!] : undefined;
    if (ack) delete this.acks[packet.id!];
    if (!ack?.withError) throw error;
    ack.call(this, error);
  }
};

/** What was emitted before the limit was known must not keep the rest back. */
Socket.prototype.emitBuffered = function () {
  while (this.sendBuffer.length) {
    try {
      emitBuffered.call(this);
    } catch (error) {
      report(error);
    }
  }
};

/** Bytes of a message: text has its type's digit, binary is base64 behind a letter in polling. */
function messageSize(message: RawData, asText: boolean): number {
  if (typeof message === "string") return byteLength(message) + 1;
  const bytes = "size" in message ? message.size : message.byteLength;
  return asText ? Math.ceil(bytes / 3) * 4 + 1 : bytes;
}
