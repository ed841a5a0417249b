import { type Binary, isBinary, type RawData } from "../engine/packet.js";
import { NamedEmitter } from "../named-emitter.js";
import { fillPlaceholders, takeAttachments } from "./binary.js";

/** The Socket.IO revision spoken here. */
export const protocol = 5;

// Packet types (Socket.IO v5 "Packet encoding").
export const CONNECT = 0;
export const DISCONNECT = 1;
export const EVENT = 2;
export const ACK = 3;
export const CONNECT_ERROR = 4;
export const BINARY_EVENT = 5;
export const BINARY_ACK = 6;

/** Socket.IO packet. A decoded one has type EVENT or ACK also where the wire said binary. */
export interface Packet {
  type: number;
  nsp: string;
  data?: unknown;
  id?: number;
  options?: { compress?: boolean };
}

/** Events that the library raises itself: they are never sent and never taken from the peer. */
export const RESERVED_EVENTS = /^(connect(_error)?|disconnect(ing)?|newListener|removeListener)$/;

/** Most binary attachments that a packet may announce. */
const ATTACHMENTS_MAX = 10;

/** Turns packets into messages: a text, and the attachments that follow it. */
export class Encoder {
  encode({ type, nsp, data, id }: Packet): RawData[] {
    const attachments: Binary[] = [];
    const json =
      type === EVENT || type === ACK ? takeAttachments(data, attachments) : JSON.stringify(data);
    const count = attachments.length;
    const head = count ? type + 3 + (count + "-") : type;
    return [head + (nsp === "/" ? "" : nsp + ",") + (id ?? "") + (json ?? ""), ...attachments];
  }
}

// Type (with the attachment count if it is binary), namespace, ack id, JSON.
const PARTS = /^(?:([0-4])|([56])(\d+)-)(?:(\/[^,]*),?)?(\d*)([^]*)$/;

/** Turns messages into packets, raised as `decoded`. Throws on what is no packet. */
export class Decoder extends NamedEmitter<{}, {}, { decoded: (packet: Packet) => void }> {
  private _waiting?: Packet;
  private _missing = 0;
  private _attachments: unknown[] = [];
  private _attachmentsMax: number;

  constructor(options?: { maxAttachments?: number }) {
    super();
    this._attachmentsMax = options?.maxAttachments ?? ATTACHMENTS_MAX;
  }

  /** Takes the next message of the connection. */
  add(message: unknown): void {
    let packet = this._waiting;
    if (packet && isBinary(message)) {
      this._attachments.push(message);
    } else {
      const isFirst = !packet && typeof message === "string";
      this._waiting = packet = isFirst ? this._parse(message) : undefined;
    }
    if (!packet) throw new Error("invalid packet");
    if (this._attachments.length < this._missing) return;
    if (this._missing) packet.data = fillPlaceholders(packet.data, this._attachments);
    this.destroy();
    this._emitReserved("decoded", packet);
  }

  /** Forgets an incomplete packet. */
  destroy(): void {
    this._waiting = undefined;
    this._attachments = [];
  }

  /** The packet that a text is or begins; undefined if it is none. */
  private _parse(text: string): Packet | undefined {
    const [, plain, binary, count = 0, nsp = "/", id, json] = PARTS.exec(text) || [];
    const type = binary ? +binary - 3 : +plain!;
    const data = json ? JSON.parse(json) : undefined;
    const packet: Packet = { type, nsp, data };
    if (id) packet.id = +id;
    this._missing = +count;
    const countIsValid = !binary || (this._missing && this._missing <= this._attachmentsMax);
    return countIsValid && isValid(type, data) ? packet : undefined;
  }
}

/** Other types hold nothing that would be used unchecked. */
export function isValid(type: number, data: unknown): boolean {
  if (type !== EVENT && type !== ACK) return type < BINARY_EVENT;
  const isList = Array.isArray(data);
  if (type === ACK || !isList) return isList;
  return /string|number/.test(typeof data[0]) && !RESERVED_EVENTS.test(data[0]);
}
