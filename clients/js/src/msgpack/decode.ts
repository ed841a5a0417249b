import { decodeUtf8 } from "../utf8.js";

/**
 * The value that `bytes` hold in MessagePack, with nothing behind it. Integers become numbers,
 * time stamps (extension -1) Dates, and extension 0 what npm's parser means by it; other extensions
 * are no data of ours and throw, as does everything malformed.
 */
export function decode(bytes: Uint8Array, toBinary: (bytes: ArrayBuffer) => unknown): unknown {
  const reader = new Reader(bytes, toBinary);
  const value = reader.value();
  if (reader.at !== bytes.length) throw new Error("invalid packet");
  return value;
}

class Reader {
  at = 0;
  private _view: DataView;

  constructor(
    private _bytes: Uint8Array,
    private _toBinary: (bytes: ArrayBuffer) => unknown,
  ) {
    this._view = new DataView(_bytes.buffer, _bytes.byteOffset, _bytes.byteLength);
  }

  value(): unknown {
    const type = this.uint(1);
    if (type < 0x80) return type;
    if (type < 0x90) return this.map(type & 15);
    if (type < 0xa0) return this.list(type & 15);
    if (type < 0xc0) return this.text(type & 31);
    if (type >= 0xe0) return type - 256;
    switch (type) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this._toBinary(new Uint8Array(this.take(this.uint(1 << (type - 0xc4)))).buffer);
      case 0xca:
        return this._view.getFloat32(this.skip(4));
      case 0xcb:
        return this._view.getFloat64(this.skip(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.uint(1 << (type - 0xcc));
      case 0xcf:
        return Number(this._view.getBigUint64(this.skip(8)));
      case 0xd0:
        return this._view.getInt8(this.skip(1));
      case 0xd1:
        return this._view.getInt16(this.skip(2));
      case 0xd2:
        return this._view.getInt32(this.skip(4));
      case 0xd3:
        return Number(this._view.getBigInt64(this.skip(8)));
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.extension(this.uint(1 << (type - 0xc7)), false);
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.extension(1 << (type - 0xd4), true);
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.text(this.uint(1 << (type - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.list(this.uint(2 << (type - 0xdc)));
      case 0xde:
      case 0xdf:
        return this.map(this.uint(2 << (type - 0xde)));
      default:
        throw new Error("invalid packet");
    }
  }

  private list(length: number): unknown[] {
    // It grows with what is there: the length is the peer's word.
    const items: unknown[] = [];
    while (items.length < length) items.push(this.value());
    return items;
  }

  private map(length: number): object {
    const entries: [string, unknown][] = [];
    while (entries.length < length) entries.push([String(this.value()), this.value()]);
    // Makes own properties, also of `__proto__`.
    return Object.fromEntries(entries);
  }

  private text(length: number): string {
    return decodeUtf8(this.take(length));
  }

  /** `isFixed`: its type says the length. */
  private extension(length: number, isFixed: boolean): unknown {
    const type = this._view.getInt8(this.skip(1));
    const at = this.skip(length);
    const view = this._view;
    if (type === -1 && length === 4) return new Date(view.getUint32(at) * 1000);
    if (type === -1 && length === 8) {
      const nanoseconds = view.getUint32(at) >>> 2;
      const seconds = (view.getUint32(at) & 3) * 2 ** 32 + view.getUint32(at + 4);
      return new Date(seconds * 1000 + nanoseconds / 1e6);
    }
    if (type === -1 && length === 12) {
      const seconds = Number(view.getBigInt64(at + 4));
      return new Date(seconds * 1000 + view.getUint32(at) / 1e6);
    }
    if (type === 0) return this.ofNpm(new Uint8Array(this._bytes.subarray(at, at + length)), isFixed);
    throw new Error("invalid packet");
  }

  /**
   * What npm's parser has in extension 0: undefined, a Date in milliseconds, or with the length
   * written out an ArrayBuffer. It sends no other, and reads those as a pair of type and bytes.
   */
  private ofNpm({ buffer, length }: Uint8Array<ArrayBuffer>, isFixed: boolean): unknown {
    if (!isFixed) return buffer;
    if (length === 1) return undefined;
    if (length === 8) return new Date(Number(new DataView(buffer).getBigInt64(0)));
    return [0, this._toBinary(buffer)];
  }

  private uint(size: number): number {
    const at = this.skip(size);
    if (size === 1) return this._view.getUint8(at);
    return size === 2 ? this._view.getUint16(at) : this._view.getUint32(at);
  }

  private take(length: number): Uint8Array {
    const at = this.skip(length);
    return this._bytes.subarray(at, at + length);
  }

  /** Where the next `length` bytes begin; throws if they are not all there. */
  private skip(length: number): number {
    const { at } = this;
    this.at += length;
    if (this.at > this._bytes.length) throw new Error("invalid packet");
    return at;
  }
}
