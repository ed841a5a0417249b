import type { Field, WireRecord } from "./contract.ts";

/** A byte of a record, as it is shown. */
export interface Byte {
  hex: string;
  /** The character, or a dot where there is none to show. */
  text: string;
}

/** The bytes of a record that there are: of a head those of its text, else the first ones of the wire. */
export function bytesOf({ kind, hex, text }: WireRecord): Byte[] {
  const isHead = kind === "request" || kind === "response";
  const bytes = isHead
    ? new TextEncoder().encode(text)
    : Uint8Array.from(hex.match(/../g) ?? [], (two) => Number.parseInt(two, 16));
  return Array.from(bytes, (byte) => ({
    hex: byte.toString(16).padStart(2, "0"),
    text: byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : byte === 0x20 ? " " : "·",
  }));
}

/** The field that a byte belongs to: the smallest one around it, or -1. */
export function fieldAt(fields: Field[], at: number): number {
  let found = -1;
  fields.forEach(({ from, to }, index) => {
    if (at < from || at >= to) return;
    if (found < 0 || to - from < fields[found].to - fields[found].from) found = index;
  });
  return found;
}

/** A run of bits of the first two bytes of a frame, and the field that it is. */
export interface Bits {
  /** What it is called in the drawing of RFC 6455, 5.2. */
  name: string;
  bits: string;
  /** Which of the record's fields, or -1. */
  field: number;
}

/** The first two bytes of a frame, bit by bit; empty where they are not known. */
export function bitsOf(record: WireRecord): Bits[] {
  if (record.kind !== "frame" || record.hex.length < 4) return [];
  const bits = Number.parseInt(record.hex.slice(0, 4), 16).toString(2).padStart(16, "0");
  const of = (name: string) => record.fields.findIndex((field) => field.name === name);
  return [
    { name: "FIN", bits: bits.slice(0, 1), field: of("fin") },
    { name: "RSV1", bits: bits.slice(1, 2), field: of("rsv1") },
    { name: "RSV2", bits: bits.slice(2, 3), field: of("rsv2") },
    { name: "RSV3", bits: bits.slice(3, 4), field: of("rsv3") },
    { name: "opcode", bits: bits.slice(4, 8), field: of("opcode") },
    { name: "MASK", bits: bits.slice(8, 9), field: of("mask") },
    { name: "length", bits: bits.slice(9), field: of("length_form") },
  ];
}
