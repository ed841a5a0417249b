/* sockeye-client 0.1.0, MIT OR Apache-2.0 */
"use strict";
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: !0 });
}, __copyProps = (to, from, except, desc) => {
  if (from && typeof from == "object" || typeof from == "function")
    for (let key of __getOwnPropNames(from))
      !__hasOwnProp.call(to, key) && key !== except && __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  return to;
};
var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: !0 }), mod);

// src/msgpack/index.ts
var index_exports = {};
__export(index_exports, {
  Decoder: () => Decoder,
  Encoder: () => Encoder,
  protocol: () => protocol
});
module.exports = __toCommonJS(index_exports);

// src/timer.ts
var nextTick = queueMicrotask;
function report(error) {
  nextTick(() => {
    throw error;
  });
}

// src/emitter.ts
var Emitter = class {
  constructor() {
    /**
     * Lists of listeners by `$` and name, as programs find them in socket.io-client. So a number is the
     * same name as its text, and no name that comes from the peer is one that objects have by nature.
     * They are replaced and never changed, so that listeners may come and go while an event is raised.
     */
    this._callbacks = {};
  }
  /** Calls `listener` at every `event`. */
  on(event, listener) {
    return this._callbacks["$" + event] = [...this.listeners(event), listener], this;
  }
  /** Calls `listener` at the next `event` only. */
  once(event, listener) {
    let wrapper = (...args) => {
      this.off(event, wrapper), listener.apply(this, args);
    };
    return wrapper.fn = listener, this.on(event, wrapper);
  }
  /**
   * Removes one listener, all listeners of an event, or all listeners. It is the number of arguments
   * that counts: `off("x", undefined)` names a listener that is not there.
   */
  off(event, listener) {
    let count = arguments.length, rest = count > 1 ? [...this.listeners(event)] : [];
    return rest.splice(rest.findIndex((fn) => fn === listener || listener && fn.fn === listener) >>> 0, 1), rest[0] ? this._callbacks["$" + event] = rest : count ? delete this._callbacks["$" + event] : this._callbacks = {}, this;
  }
  /** Calls the listeners of `event` in the order in which they were added. */
  emit(event, ...args) {
    return this.emitReserved(event, ...args);
  }
  /**
   * Raises an event of the library itself. What a listener throws is reported like any uncaught
   * error, but neither leaves the protocol's state half changed nor stops the other listeners.
   */
  emitReserved(event, ...args) {
    for (let fn of this.listeners(event))
      try {
        fn.apply(this, args);
      } catch (error) {
        report(error);
      }
    return this;
  }
  /** The listeners of `event`. */
  listeners(event) {
    return this._callbacks["$" + event] || [];
  }
};

// src/platform.node.ts
var defaultBinaryType = "nodebuffer";
var RECEIVED_BYTES_MAX = 64 * 1024 * 1024;
function toBinaryType(data, type) {
  return type === "blob" ? new Blob([data]) : type === "nodebuffer" ? Buffer.from(data) : data;
}

// src/parser/packet.ts
var protocol = 5;
var EVENT = 2, ACK = 3;
var BINARY_EVENT = 5;
var RESERVED_EVENTS = /^(connect(_error)?|disconnect(ing)?|newListener|removeListener)$/;
function isValid(type, data) {
  if (type !== EVENT && type !== ACK) return type < BINARY_EVENT;
  let isList = Array.isArray(data);
  return type === ACK || !isList ? isList : /string|number/.test(typeof data[0]) && !RESERVED_EVENTS.test(data[0]);
}

// src/utf8.ts
function encodeUtf8(text) {
  if (globalThis.TextEncoder) return new TextEncoder().encode(text);
  let byBytes = encodeURIComponent(text.replace(/[\ud800-\udfff]/gu, "�")).match(/%..|[^]/g) || [];
  return Uint8Array.from(byBytes, (part) => part[1] ? parseInt(part.slice(1), 16) : part.charCodeAt(0));
}
function decodeUtf8(bytes) {
  if (globalThis.TextDecoder) return new TextDecoder().decode(bytes);
  let escaped = Array.from(bytes, (byte) => "%" + (byte + 256).toString(16).slice(1));
  return decodeURIComponent(escaped.join(""));
}

// src/msgpack/decode.ts
function decode(bytes, toBinary) {
  let reader = new Reader(bytes, toBinary), value = reader.value();
  if (reader.at !== bytes.length) throw new Error("invalid packet");
  return value;
}
var Reader = class {
  constructor(_bytes, _toBinary) {
    this._bytes = _bytes;
    this._toBinary = _toBinary;
    this.at = 0;
    this._view = new DataView(_bytes.buffer, _bytes.byteOffset, _bytes.byteLength);
  }
  value() {
    let type = this.uint(1);
    if (type < 128) return type;
    if (type < 144) return this.map(type & 15);
    if (type < 160) return this.list(type & 15);
    if (type < 192) return this.text(type & 31);
    if (type >= 224) return type - 256;
    switch (type) {
      case 192:
        return null;
      case 194:
        return !1;
      case 195:
        return !0;
      case 196:
      case 197:
      case 198:
        return this._toBinary(new Uint8Array(this.take(this.uint(1 << type - 196))).buffer);
      case 202:
        return this._view.getFloat32(this.skip(4));
      case 203:
        return this._view.getFloat64(this.skip(8));
      case 204:
      case 205:
      case 206:
        return this.uint(1 << type - 204);
      case 207:
        return Number(this._view.getBigUint64(this.skip(8)));
      case 208:
        return this._view.getInt8(this.skip(1));
      case 209:
        return this._view.getInt16(this.skip(2));
      case 210:
        return this._view.getInt32(this.skip(4));
      case 211:
        return Number(this._view.getBigInt64(this.skip(8)));
      case 199:
      case 200:
      case 201:
        return this.extension(this.uint(1 << type - 199), !1);
      case 212:
      case 213:
      case 214:
      case 215:
      case 216:
        return this.extension(1 << type - 212, !0);
      case 217:
      case 218:
      case 219:
        return this.text(this.uint(1 << type - 217));
      case 220:
      case 221:
        return this.list(this.uint(2 << type - 220));
      case 222:
      case 223:
        return this.map(this.uint(2 << type - 222));
      default:
        throw new Error("invalid packet");
    }
  }
  list(length) {
    let items = [];
    for (; items.length < length; ) items.push(this.value());
    return items;
  }
  map(length) {
    let entries = [];
    for (; entries.length < length; ) entries.push([String(this.value()), this.value()]);
    return Object.fromEntries(entries);
  }
  text(length) {
    return decodeUtf8(this.take(length));
  }
  /** `isFixed`: its type says the length. */
  extension(length, isFixed) {
    let type = this._view.getInt8(this.skip(1)), at = this.skip(length), view = this._view;
    if (type === -1 && length === 4) return new Date(view.getUint32(at) * 1e3);
    if (type === -1 && length === 8) {
      let nanoseconds = view.getUint32(at) >>> 2, seconds = (view.getUint32(at) & 3) * 2 ** 32 + view.getUint32(at + 4);
      return new Date(seconds * 1e3 + nanoseconds / 1e6);
    }
    if (type === -1 && length === 12) {
      let seconds = Number(view.getBigInt64(at + 4));
      return new Date(seconds * 1e3 + view.getUint32(at) / 1e6);
    }
    if (type === 0) return this.ofNpm(new Uint8Array(this._bytes.subarray(at, at + length)), isFixed);
    throw new Error("invalid packet");
  }
  /**
   * What npm's parser has in extension 0: undefined, a Date in milliseconds, or with the length
   * written out an ArrayBuffer. It sends no other, and reads those as a pair of type and bytes.
   */
  ofNpm({ buffer, length }, isFixed) {
    if (!isFixed) return buffer;
    if (length !== 1)
      return length === 8 ? new Date(Number(new DataView(buffer).getBigInt64(0))) : [0, this._toBinary(buffer)];
  }
  uint(size) {
    let at = this.skip(size);
    return size === 1 ? this._view.getUint8(at) : size === 2 ? this._view.getUint16(at) : this._view.getUint32(at);
  }
  take(length) {
    let at = this.skip(length);
    return this._bytes.subarray(at, at + length);
  }
  /** Where the next `length` bytes begin; throws if they are not all there. */
  skip(length) {
    let { at } = this;
    if (this.at += length, this.at > this._bytes.length) throw new Error("invalid packet");
    return at;
  }
};

// src/msgpack/encode.ts
function encode(value) {
  let writer = new Writer();
  return writer.value(value), writer.bytes.slice(0, writer.length);
}
var BYTES_MIN = 256, Writer = class {
  constructor() {
    this.bytes = new Uint8Array(BYTES_MIN);
    this.length = 0;
  }
  value(value) {
    switch (typeof value) {
      case "string":
        return this.string(value);
      case "number":
        return Number.isSafeInteger(value) && !Object.is(value, -0) ? this.integer(value) : this.put(203, 8, (view, at) => view.setFloat64(at, value));
      case "bigint":
        return this.bigint(value);
      case "boolean":
        return this.byte(value ? 195 : 194);
      case "object":
        return this.object(value);
      case "symbol":
        throw new TypeError("a symbol cannot be sent");
      default:
        return this.byte(192);
    }
  }
  object(value) {
    if (value === null) return this.byte(192);
    if (value instanceof ArrayBuffer) return this.binary(new Uint8Array(value));
    if (ArrayBuffer.isView(value))
      return this.binary(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    if (value instanceof Blob) throw new TypeError("a Blob cannot be sent with msgpack");
    if (typeof value.toJSON == "function") return this.value(value.toJSON());
    if (Array.isArray(value)) {
      this.head(value.length, 144, 16, 0, 220, 221);
      for (let item of value) this.value(item);
      return;
    }
    let keys = Object.keys(value).filter((key) => !/^(undefined|function)$/.test(typeof value[key]));
    this.head(keys.length, 128, 16, 0, 222, 223);
    for (let key of keys)
      this.string(key), this.value(value[key]);
  }
  string(text) {
    let bytes = encodeUtf8(text);
    this.head(bytes.length, 160, 32, 217, 218, 219), this.raw(bytes);
  }
  binary(bytes) {
    this.head(bytes.length, 0, 0, 196, 197, 198), this.raw(bytes);
  }
  integer(value) {
    if (value >= -32 && value < 128) return this.byte(value);
    if (value >= 0) {
      if (value < 2 ** 8) return this.put(204, 1, (view, at) => view.setUint8(at, value));
      if (value < 2 ** 16) return this.put(205, 2, (view, at) => view.setUint16(at, value));
      if (value < 2 ** 32) return this.put(206, 4, (view, at) => view.setUint32(at, value));
    } else {
      if (value >= -(2 ** 7)) return this.put(208, 1, (view, at) => view.setInt8(at, value));
      if (value >= -(2 ** 15)) return this.put(209, 2, (view, at) => view.setInt16(at, value));
      if (value >= -(2 ** 31)) return this.put(210, 4, (view, at) => view.setInt32(at, value));
    }
    this.bigint(BigInt(value));
  }
  bigint(value) {
    let isUnsigned = value >= 0;
    if ((isUnsigned ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value)) !== value) throw new RangeError("an integer of more than 64 bits cannot be sent");
    this.put(isUnsigned ? 207 : 211, 8, (view, at) => view.setBigInt64(at, value));
  }
  /** The type of what has a length: `tiny` holds less than `tinyMax`, the others 8, 16, 32 bits. */
  head(length, tiny, tinyMax, bits8, bits16, bits32) {
    length < tinyMax ? this.byte(tiny + length) : bits8 && length < 2 ** 8 ? this.put(bits8, 1, (view, at) => view.setUint8(at, length)) : length < 2 ** 16 ? this.put(bits16, 2, (view, at) => view.setUint16(at, length)) : this.put(bits32, 4, (view, at) => view.setUint32(at, length));
  }
  byte(byte) {
    this.reserve(1), this.bytes[this.length++] = byte;
  }
  put(type, size, set) {
    this.byte(type), this.reserve(size), set(new DataView(this.bytes.buffer), this.length), this.length += size;
  }
  raw(bytes) {
    this.reserve(bytes.length), this.bytes.set(bytes, this.length), this.length += bytes.length;
  }
  reserve(size) {
    let needed = this.length + size;
    if (needed <= this.bytes.length) return;
    let larger = new Uint8Array(Math.max(needed, 2 * this.bytes.length));
    larger.set(this.bytes), this.bytes = larger;
  }
};

// src/msgpack/index.ts
var Encoder = class {
  encode({ type, data, nsp, id }) {
    return [encode({ type, data, nsp, id })];
  }
}, Decoder = class extends Emitter {
  /** Takes the next message of the connection: bytes in any form but a Blob. */
  add(message) {
    let bytes = ArrayBuffer.isView(message) ? new Uint8Array(message.buffer, message.byteOffset, message.byteLength) : new Uint8Array(message), packet = decode(bytes, (data) => toBinaryType(data, defaultBinaryType));
    if (!isPacket(packet)) throw new Error("invalid packet");
    this.emitReserved("decoded", packet);
  }
  /** There are no incomplete packets. */
  destroy() {
  }
};
function isPacket(packet) {
  let { type, nsp, id, data } = packet;
  return Number.isInteger(type) && type >= 0 && typeof nsp == "string" && (id === void 0 || Number.isInteger(id)) && isValid(type, data);
}
// Annotate the CommonJS export names for ESM import in node:
0 && (module.exports = {
  Decoder,
  Encoder,
  protocol
});
//# sourceMappingURL=msgpack.cjs.map
