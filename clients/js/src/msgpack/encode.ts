import { encodeUtf8 } from "../utf8.js";

/**
 * `value` in MessagePack, in the shortest form of each type. What JSON would do is done here, too:
 * `toJSON` is called, functions and undefined are left out of objects and are nil in lists. Binary
 * data stays binary. Throws on symbols, on Blobs, and on integers of more than 64 bits.
 */
export function encode(value: unknown): Uint8Array {
  const writer = new Writer();
  writer.value(value);
  return writer.bytes.slice(0, writer.length);
}

const BYTES_MIN = 256;

class Writer {
  bytes = new Uint8Array(BYTES_MIN);
  length = 0;

  value(value: any): void {
    switch (typeof value) {
      case "string":
        return this.string(value);
      case "number":
        return Number.isSafeInteger(value) && !Object.is(value, -0)
          ? this.integer(value)
          : this.put(0xcb, 8, (view, at) => view.setFloat64(at, value));
      case "bigint":
        return this.bigint(value);
      case "boolean":
        return this.byte(value ? 0xc3 : 0xc2);
      case "object":
        return this.object(value);
      case "symbol":
        throw new TypeError("a symbol cannot be sent");
      default:
        return this.byte(0xc0);
    }
  }

  private object(value: any): void {
    if (value === null) return this.byte(0xc0);
    if (value instanceof ArrayBuffer) return this.binary(new Uint8Array(value));
    if (ArrayBuffer.isView(value)) {
      return this.binary(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    }
    if (value instanceof Blob) throw new TypeError("a Blob cannot be sent with msgpack");
    if (typeof value.toJSON === "function") return this.value(value.toJSON());
    if (Array.isArray(value)) {
      this.head(value.length, 0x90, 16, 0, 0xdc, 0xdd);
      for (const item of value) this.value(item);
      return;
    }
    const keys = Object.keys(value).filter((key) => !/^(undefined|function)$/.test(typeof value[key]));
    this.head(keys.length, 0x80, 16, 0, 0xde, 0xdf);
    for (const key of keys) {
      this.string(key);
      this.value(value[key]);
    }
  }

  private string(text: string): void {
    const bytes = encodeUtf8(text);
    this.head(bytes.length, 0xa0, 32, 0xd9, 0xda, 0xdb);
    this.raw(bytes);
  }

  private binary(bytes: Uint8Array): void {
    this.head(bytes.length, 0, 0, 0xc4, 0xc5, 0xc6);
    this.raw(bytes);
  }

  private integer(value: number): void {
    if (value >= -32 && value < 128) return this.byte(value);
    if (value >= 0) {
      if (value < 2 ** 8) return this.put(0xcc, 1, (view, at) => view.setUint8(at, value));
      if (value < 2 ** 16) return this.put(0xcd, 2, (view, at) => view.setUint16(at, value));
      if (value < 2 ** 32) return this.put(0xce, 4, (view, at) => view.setUint32(at, value));
    } else {
      if (value >= -(2 ** 7)) return this.put(0xd0, 1, (view, at) => view.setInt8(at, value));
      if (value >= -(2 ** 15)) return this.put(0xd1, 2, (view, at) => view.setInt16(at, value));
      if (value >= -(2 ** 31)) return this.put(0xd2, 4, (view, at) => view.setInt32(at, value));
    }
    this.bigint(BigInt(value));
  }

  private bigint(value: bigint): void {
    const isUnsigned = value >= 0;
    const kept = isUnsigned ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value);
    if (kept !== value) throw new RangeError("an integer of more than 64 bits cannot be sent");
    this.put(isUnsigned ? 0xcf : 0xd3, 8, (view, at) => view.setBigInt64(at, value));
  }

  /** The type of what has a length: `tiny` holds less than `tinyMax`, the others 8, 16, 32 bits. */
  private head(
    length: number,
    tiny: number,
    tinyMax: number,
    bits8: number,
    bits16: number,
    bits32: number,
  ): void {
    if (length < tinyMax) this.byte(tiny + length);
    else if (bits8 && length < 2 ** 8) this.put(bits8, 1, (view, at) => view.setUint8(at, length));
    else if (length < 2 ** 16) this.put(bits16, 2, (view, at) => view.setUint16(at, length));
    else this.put(bits32, 4, (view, at) => view.setUint32(at, length));
  }

  private byte(byte: number): void {
    this.reserve(1);
    this.bytes[this.length++] = byte;
  }

  private put(type: number, size: number, set: (view: DataView, at: number) => void): void {
    this.byte(type);
    this.reserve(size);
    set(new DataView(this.bytes.buffer), this.length);
    this.length += size;
  }

  private raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  private reserve(size: number): void {
    const needed = this.length + size;
    if (needed <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.bytes.length));
    larger.set(this.bytes);
    this.bytes = larger;
  }
}
