/* sockeye-client 0.1.0, MIT OR Apache-2.0 */
"use strict";
var __create = Object.create;
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __getProtoOf = Object.getPrototypeOf, __hasOwnProp = Object.prototype.hasOwnProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: !0 });
}, __copyProps = (to, from, except, desc) => {
  if (from && typeof from == "object" || typeof from == "function")
    for (let key of __getOwnPropNames(from))
      !__hasOwnProp.call(to, key) && key !== except && __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  return to;
};
var __toESM = (mod, isNodeMode, target) => (target = mod != null ? __create(__getProtoOf(mod)) : {}, __copyProps(
  // If the importer is in node compatibility mode or this is not an ESM
  // file that has been converted to a CommonJS file using a Babel-
  // compatible transform (i.e. "__esModule" has not been set), then set
  // "default" to the CommonJS "module.exports" for node compatibility.
  isNodeMode || !mod || !mod.__esModule ? __defProp(target, "default", { value: mod, enumerable: !0 }) : target,
  mod
)), __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: !0 }), mod);

// src/engine.ts
var engine_exports = {};
__export(engine_exports, {
  Fetch: () => Polling,
  NodeWebSocket: () => WebSocketTransport,
  NodeXHR: () => Polling,
  Socket: () => Socket,
  Transport: () => Transport,
  WebSocket: () => WebSocketTransport,
  WebTransport: () => WebTransportTransport,
  XHR: () => Polling,
  nextTick: () => nextTick,
  protocol: () => ENGINE_PROTOCOL,
  transports: () => transports
});
module.exports = __toCommonJS(engine_exports);

// src/timer.ts
var nextTick = queueMicrotask;
function report(error) {
  nextTick(() => {
    throw error;
  });
}
var timerFunctions = {
  setTimeoutFn: (callback, ms) => globalThis.setTimeout(callback, ms),
  clearTimeoutFn: (timer) => globalThis.clearTimeout(timer)
};

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

// src/named-emitter.ts
var NamedEmitter = class extends Emitter {
  /** Same as `on`. */
  addEventListener(...args) {
    return this.on(...args);
  }
  /** Same as `off`. */
  removeListener(...args) {
    return this.off(...args);
  }
  /** Same as `off`. */
  removeEventListener(...args) {
    return this.off(...args);
  }
  /** Same as `off`. */
  removeAllListeners(...args) {
    return this.off(...args);
  }
  /** Whether anybody listens to `event`. */
  hasListeners(event) {
    return !!this.listeners(event)[0];
  }
};

// src/platform.node.ts
var import_node_http = __toESM(require("node:http")), import_node_https = __toESM(require("node:https"));

// src/cookies.ts
function parseCookie(header) {
  let [pair, ...attributes] = header.split(";"), at = pair.indexOf("="), name = pair.slice(0, at).trim();
  if (at < 0 || !name) return;
  let cookie = { name, value: pair.slice(at + 1).trim() }, hasMaxAge = !1;
  for (let attribute of attributes) {
    let [, key, value] = /^\s*([^=]*?)\s*(?:=\s*(.*?)\s*)?$/.exec(attribute) || [];
    /^max-age$/i.test(key) && /^-?\d+$/.test(value) ? (hasMaxAge = !0, cookie.expires = new Date(Math.min(Date.now() + 1e3 * +value, 864e13))) : /^expires$/i.test(key) && !hasMaxAge && !Number.isNaN(Date.parse(value)) && (cookie.expires = new Date(value));
  }
  return cookie;
}
var CookieJar = class {
  constructor() {
    this._cookies = /* @__PURE__ */ new Map();
  }
  /** Takes what an answer's `Set-Cookie` headers say. */
  store(headers = []) {
    for (let header of headers) {
      let cookie = header.length > 4096 ? void 0 : parseCookie(header);
      cookie && (isOver(cookie) ? this._cookies.delete(cookie.name) : (this._cookies.has(cookie.name) || this._cookies.size < 50) && this._cookies.set(cookie.name, cookie));
    }
  }
  /** The `Cookie` header of a request, beside cookies that it has already; undefined if there are none. */
  header(own) {
    let pairs = own ? [own] : [];
    for (let cookie of this._cookies.values())
      isOver(cookie) ? this._cookies.delete(cookie.name) : pairs.push(`${cookie.name}=${cookie.value}`);
    return pairs.length ? pairs.join("; ") : void 0;
  }
};
function isOver({ expires }) {
  return !!expires && expires.getTime() <= Date.now();
}
var jars = /* @__PURE__ */ new WeakMap();
function jarOf(session) {
  let jar = jars.get(session) || new CookieJar();
  return jars.set(session, jar), jar;
}

// src/ws.required.ts
function loadWs() {
  try {
    return require("ws");
  } catch {
    return null;
  }
}

// src/platform.node.ts
var defaultBinaryType = "nodebuffer", PASSED_ON = [
  "agent",
  "ca",
  "cert",
  "ciphers",
  "key",
  "passphrase",
  "pfx",
  "rejectUnauthorized",
  "localAddress",
  "family",
  "perMessageDeflate"
], COMPRESSION_THRESHOLD = 1024, REFUSAL_LENGTH_MAX = 4096, RECEIVED_BYTES_MAX = 64 * 1024 * 1024;
function request(url2, body, options, signal) {
  return new Promise((resolve, reject) => {
    let headers = { accept: "*/*", ...headersOf(options) };
    body !== void 0 && (headers["content-type"] = "text/plain;charset=UTF-8", headers["content-length"] = Buffer.byteLength(body));
    let call = (url2.startsWith("https:") ? import_node_https.default : import_node_http.default).request(
      url2,
      { ...passedOn(options), method: body === void 0 ? "GET" : "POST", headers, signal },
      (response) => {
        let { receivedBytesMax = RECEIVED_BYTES_MAX, withCredentials, socket } = options;
        withCredentials && jarOf(socket).store(response.headers["set-cookie"]);
        let chunks = [], bytes = 0;
        response.on("data", (chunk) => {
          if (bytes += chunk.length, bytes <= receivedBytesMax) return chunks.push(chunk);
          reject(new Error(`more than ${receivedBytesMax} bytes`)), call.destroy();
        }), response.on("error", reject), response.on("end", () => {
          let responseText = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, responseText, readyState: 4 });
        });
      }
    );
    call.on("error", (error) => setTimeout(reject, 0, error)), options.autoUnref && call.on("socket", (socket) => socket.unref()), call.end(body);
  });
}
function openWebSocket(url2, options) {
  let { WebSocket } = globalThis, { autoUnref, protocols = [], receivedBytesMax: maxPayload = RECEIVED_BYTES_MAX } = options, headers = headersOf(options), passed = passedOn(options);
  if (!ws && !WebSocket) throw missing();
  let Ws = wantsWs(options) ? ws : void 0;
  if (!Ws) return new WebSocket(url2, headers ? { protocols, headers } : protocols);
  let socket = new Ws(url2, protocols, { ...passed, headers, maxPayload });
  return socket.on("unexpected-response", (_request, response) => {
    refuse(socket, response);
  }), autoUnref && socket.on("upgrade", (response) => response.socket.unref()), socket;
}
function refuse(socket, response) {
  let { statusCode: status } = response, responseText = "";
  response.setEncoding("utf8"), response.on("data", (text) => {
    responseText += text, responseText.length > REFUSAL_LENGTH_MAX && response.destroy();
  }), response.on("close", () => {
    let error = new Error(`Unexpected server response: ${status}`);
    socket.emit("error", Object.assign(error, { status, responseText })), socket.terminate();
  });
}
function sendMessage(socket, data, { compress = !1 } = {}, { perMessageDeflate }) {
  let threshold = perMessageDeflate?.threshold ?? COMPRESSION_THRESHOLD, bytes = typeof data == "string" ? Buffer.byteLength(data) : data.byteLength;
  socket.send(data, { compress: compress && bytes >= threshold });
}
function headersOf(options) {
  let { extraHeaders, withCredentials, socket } = options;
  if (!withCredentials) return extraHeaders;
  let { cookie: own, ...headers } = lowerCased(extraHeaders), cookie = jarOf(socket).header(own);
  return cookie ? { ...headers, cookie } : headers;
}
function lowerCased(headers = {}) {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  );
}
function encodeBase64({ buffer, byteOffset, byteLength: byteLength2 }) {
  return Buffer.from(buffer, byteOffset, byteLength2).toString("base64");
}
function decodeBase64(text) {
  return new Uint8Array(Buffer.from(text, "base64")).buffer;
}
function toBinaryType(data, type) {
  return type === "blob" ? new Blob([data]) : type === "nodebuffer" ? Buffer.from(data) : data;
}
var native = { setTimeout, clearTimeout };
function startTimer(options, callback, ms) {
  let { setTimeout: start } = options.useNativeTimers ? native : globalThis, timer = start(callback, Math.min(ms, 2 ** 31 - 1));
  return options.autoUnref && timer.unref(), timer;
}
function stopTimer(options, timer) {
  (options.useNativeTimers ? native : globalThis).clearTimeout(timer);
}
function passedOn(options) {
  let chosen = {};
  for (let name of PASSED_ON) {
    let value = options[name];
    value != null && !(name === "agent" && value === !1) && (chosen[name] = value);
  }
  return chosen;
}
var ws, warned = !1;
function wantsWs(options) {
  let { autoUnref, withCredentials } = options;
  return !globalThis.WebSocket || !!autoUnref || !!withCredentials || Object.keys(passedOn(options)).length > 0;
}
function prepareWebSocket(options) {
  if (ws !== void 0 || !wantsWs(options)) return;
  let loaded = loadWs();
  if (loaded instanceof Promise) return loaded.then((found) => {
    ws = found;
  });
  ws = loaded;
}
function missing() {
  let message = "this Node has no WebSocket, only polling works: `npm install ws`, or use Node 22 or later";
  return warned || console.warn(`sockeye-client: ${message}`), warned = !0, new Error(message);
}

// src/query.ts
function parseQuery(query = {}) {
  if (typeof query == "object") return { ...query };
  let parameters = {};
  for (let part of query.replace(/^\?/, "").split("&")) {
    let [, name, value] = /([^=]*)=?([^]*)/.exec(part);
    part && (parameters[decode(name)] = decode(value));
  }
  return parameters;
}
function formatQuery(parameters) {
  return Object.keys(parameters).map((name) => encode(name) + "=" + encode(parameters[name])).join("&");
}
var decode = (text) => text.replace(/(%[\da-f]{2})+/gi, decodeURIComponent), encode = (value) => encodeURIComponent(String(value).replace(/[\ud800-\udfff]/gu, "�"));

// src/engine/packet.ts
var ENGINE_PROTOCOL = 4, TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"], SEPARATOR = "";
function isBinary(value) {
  return isBuffer(value) || ArrayBuffer.isView(value) || isBlob(value);
}
function isA(name, value) {
  let known = globalThis[name];
  return known && value instanceof known || Object.prototype.toString.call(value) === `[object ${name}]`;
}
var isBuffer = (value) => isA("ArrayBuffer", value), isBlob = (value) => isA("Blob", value) || isA("File", value);
async function readBytes(data) {
  return bytesOf(isBlob(data) ? await readBlob(data) : data);
}
var readBlob = (blob) => blob.arrayBuffer ? blob.arrayBuffer() : readBlobByReader(blob);
function readBlobByReader(blob) {
  return new Promise((resolve, reject) => {
    let reader = new FileReader();
    reader.onload = () => resolve(reader.result), reader.onerror = () => reject(reader.error), reader.readAsArrayBuffer(blob);
  });
}
function bytesOf(data) {
  let { buffer = data, byteOffset, byteLength: byteLength2 } = data;
  return new Uint8Array(buffer, byteOffset, byteLength2);
}
function byteLength(text) {
  let bytes = 0;
  for (let character of text) {
    let code = character.codePointAt(0);
    bytes += code < 128 ? 1 : code < 2048 ? 2 : code < 65536 ? 3 : 4;
  }
  return bytes;
}
function encodePacket({ type, data }) {
  return isBinary(data) ? owned(data) : TYPES.indexOf(type) + (data ?? "");
}
function owned(data) {
  let { buffer = data } = data;
  return isBlob(data) || isBuffer(buffer) && !buffer.resizable ? data : bytesOf(data).slice();
}
async function encodeAsText(packet) {
  let data = encodePacket(packet);
  return typeof data == "string" ? data : "b" + encodeBase64(await readBytes(data));
}
function decodePacket(data, binaryType) {
  let type = "message";
  try {
    if (typeof data != "string") return { type, data: toBinaryType(data, binaryType) };
    let rest = data.slice(1);
    if (data[0] === "b") return { type, data: toBinaryType(decodeBase64(rest), binaryType) };
    if (type = TYPES[data[0]]) return { type, data: rest };
  } catch {
  }
  return { type: "error", data: "parser error" };
}

// src/engine/upgrade.ts
var HEAD_START_MS = 200;
function probeAll(engine, names) {
  let { transport } = engine, hasFavourite = names.includes("webtransport") && "WebTransport" in globalThis, others = names.filter((name) => name !== "webtransport"), areTried = !1, tryOthers = () => {
    if (!(areTried || engine.upgrading || engine.transport !== transport)) {
      areTried = !0;
      for (let name of others)
        engine.readyState === "open" && probe(engine, name);
    }
  };
  if (!hasFavourite) return tryOthers();
  engine.once("upgradeError", tryOthers), startTimer(engine.opts, tryOthers, HEAD_START_MS), probe(engine, "webtransport");
}
function probe(engine, name) {
  let transport = engine.createTransport(name), current, fail = (cause) => {
    engine.off("close", fail), transport.off().close(), current && (engine.upgrading = !1, engine.readyState !== "closed" && current._resume());
    let error = new Error("probe error");
    engine.emitReserved("upgradeError", Object.assign(error, { transport: name, cause })), engine.flush();
  };
  engine.on("close", fail), engine.on("upgrading", (winner) => {
    winner !== transport && (engine.off("close", fail), transport.off().close());
  }), transport.on("open", () => transport.send([{ type: "ping", data: "probe" }])).on("error", fail).on("close", fail).on("packet", (packet) => {
    if (!current) {
      if (packet.type !== "pong" || packet.data !== "probe") return fail(packet);
      current = engine.transport, engine.upgrading = !0, engine.emitReserved("upgrading", transport), current.pause(() => {
        engine.upgrading && (engine.off("close", fail), engine._switchTo(transport));
      });
    }
  }), transport.open();
}

// src/engine/carrier.ts
var transports = {}, UNREAD_BYTES_MAX = 1024 * 1024, websocketWorked = !1, Carrier = class extends NamedEmitter {
  constructor() {
    super(...arguments);
    /** Packets that no transport has confirmed to have passed on. */
    this.writeBuffer = [];
    /** Whether another transport is taking over; nothing is sent meanwhile. */
    this.upgrading = !1;
    /** Classes of the transports by name. The core has those that it was built with. */
    this._transportsByName = { ...transports };
    /** How many of the first packets of `writeBuffer` the transport has. */
    this._prevBufferLen = 0;
  }
  /** Opens the first of the transports. */
  _open() {
    let { opts } = this;
    this.readyState = "opening";
    let names = this.transports = this.transports || (opts.transports || Object.keys(transports)).map((item) => {
      if (typeof item == "string") return item;
      let { name } = item.prototype;
      return this._transportsByName[name] = item, name;
    }).filter((name) => this._transportsByName[name]);
    if (!names.length) {
      nextTick(() => this._onError(new Error("No transports available")));
      return;
    }
    let remembered = opts.rememberUpgrade && websocketWorked && names.includes("websocket"), transport = this.createTransport(remembered ? "websocket" : names[0]);
    this.setTransport(transport);
    let { openTimeout, tryAllTransports } = opts;
    if (tryAllTransports && openTimeout && names.length > 1) {
      let timer = startTimer(opts, () => {
        this.readyState !== "opening" || this.transport !== transport || (transport.off().close(), this._onError(new Error("timeout")));
      }, openTimeout), stop = () => stopTimer(opts, timer);
      this.once("open", stop).once("close", stop);
    }
    nextTick(() => {
      this.readyState !== "closed" && transport.open();
    });
  }
  /** A transport of this session that is not open yet. */
  createTransport(name) {
    let query = {
      ...parseQuery(this.opts.query),
      EIO: ENGINE_PROTOCOL,
      transport: name,
      ...this.id && { sid: this.id }
    };
    return new this._transportsByName[name]({
      ...this.opts,
      query,
      socket: this,
      ...this.opts.transportOptions?.[name]
    });
  }
  /** Makes `transport` the one that messages go through. */
  setTransport(transport) {
    this.transport?.off(), this.transport = transport.off().on("drain", () => {
      this.writeBuffer.splice(0, this._prevBufferLen), this._prevBufferLen = 0, this.writeBuffer.length ? this.flush() : this.emitReserved("drain");
    }).on("packet", (packet) => {
      try {
        this._onPacket(packet);
      } catch (error) {
        this._onError(error);
      }
    }).on("error", (error) => this._onError(error)).on("close", (details) => this._onClose("transport close", details));
  }
  /** Ends an upgrade: what follows goes through `transport`. */
  _switchTo(transport) {
    this.setTransport(transport), websocketWorked = transport.name === "websocket", transport.send([{ type: "upgrade" }]), this.upgrading = !1, this.emitReserved("upgrade", transport), this.flush();
  }
  /** Hands waiting packets to the transport if it can take them. */
  flush() {
    let { transport, writeBuffer } = this;
    transport.writable && !this.upgrading && writeBuffer.length && (this._prevBufferLen = writeBuffer.length, transport.send([...writeBuffer]), this.emitReserved("flush"));
  }
  /** Sends a message. */
  send(data, options) {
    return this._sendPacket("message", data, options), this;
  }
  _sendPacket(type, data, options) {
    if (!this._isActive() || type === "pong" && isFlooded(this)) return;
    let packet = { type, data, options };
    this.emitReserved("packetCreate", packet), this.writeBuffer.push(packet), this.flush();
  }
  _onPacket(packet) {
    let { type, data } = packet;
    this.emitReserved("packet", packet), this.emitReserved("heartbeat"), type === "open" ? this.readyState === "opening" && this._onHandshake(data) : type === "ping" ? (this._sendPacket("pong"), this._resetPingTimer(), this.emitReserved("ping"), this.emitReserved("pong")) : type === "message" ? (this.emitReserved("data", data), this.emitReserved("message", data)) : type === "error" && this._onError(Object.assign(new Error("server error"), { code: data }));
  }
  /** The session has begun: sends what waits, and tries the better transports that the server has. */
  _onHandshake(text) {
    let { name, pause, query } = this.transport, handshake = JSON.parse(text);
    query.sid = handshake.sid, this._maxPayload = handshake.maxPayload;
    {
      let { pingInterval, pingTimeout, upgrades } = handshake;
      Object.assign(this, { _pingInterval: pingInterval, _pingTimeout: pingTimeout, _upgrades: upgrades ?? [] });
    }
    if (websocketWorked = name === "websocket", this._begin(handshake), this.emitReserved("handshake", handshake), this.emitReserved("open"), this.flush(), this.opts.upgrade === !1 || !pause) return;
    let names = this.transports.filter((other) => other !== name && handshake.upgrades?.includes?.(other));
    return probeAll(this, names);
  }
  /** Opening or open. */
  _isActive() {
    return /^open/.test(this.readyState);
  }
  /** Opens the next transport if one could not be opened; otherwise the session ends. */
  _onError(error) {
    websocketWorked = !1, this.opts.tryAllTransports && this.readyState === "opening" && this.transports.length > 1 ? (this.transports = this.transports.filter((name) => name !== this.transport.name), this._open()) : this._giveUp(error);
  }
  /** Ends the session when everything has been sent and no upgrade is under way. */
  close() {
    if (!this._isActive()) return this;
    this.readyState = "closing";
    let close = () => {
      this.writeBuffer.length ? this.once("drain", close) : this.upgrading ? this.once("upgrade", close).once("upgradeError", close) : this._onClose("forced close");
    };
    return close(), this;
  }
  /** The session has ended. */
  _end(reason, details) {
    this.transport?.off().close(), this.id = void 0, this.emitReserved("close", reason, details), this.writeBuffer = [], this._prevBufferLen = 0;
  }
};
function isFlooded({ writeBuffer, _prevBufferLen, transport }) {
  let last = writeBuffer.length > _prevBufferLen && writeBuffer[writeBuffer.length - 1];
  return last && last.type === "pong" || transport.ws?.bufferedAmount > UNREAD_BYTES_MAX;
}

// src/url.ts
var NOBODY = "x.invalid";
function url(uri, pathOption = "", page = globalThis.location) {
  let source = uri || "/";
  if (source.length > 8e3) throw new Error("URI too long");
  source = source.replace(/^\/(?!\/)/, (page ? page.host || NOBODY : "http://localhost") + "/").replace(/^(?!(http|ws)s?:\/\/)(\/\/)?/, (page && page.protocol !== "https:" ? "http:" : "https:") + "//");
  let { protocol, hostname, port: explicitPort, search: query } = partsOf(source), secure = /[ps]s:/.test(protocol), port = explicitPort || (secure ? "443" : "80");
  return {
    _source: source,
    _target: { hostname, port, secure },
    // `URL` would percent-encode it, and a namespace must arrive as it was written.
    path: /\/\/[^/?#]*([^?#]*)/.exec(source)[1] || "/",
    query,
    id: protocol + hostname + ":" + port + pathOption
  };
}
var PARTS = /^(https?:|wss?:)\/\/(?:[^@/?#]*@)?(\[[^\]]+]|[^\s:@/?#[\]\\]+)(?::(\d*))?(?:\/[^?#]*)?(\?[^#]+)?\??(?:#[^]*)?$/, PORT_MAX = 65535;
function partsOf(source) {
  let [, protocol, host, port = "", search = ""] = PARTS.exec(source) || [];
  if (!host || +port > PORT_MAX) throw new Error("invalid address");
  return { protocol, hostname: host.toLowerCase(), port, search };
}
function bracketed(hostname) {
  return /^[^[]*:.*:/.test(hostname) ? `[${hostname}]` : hostname;
}

// src/engine/transport.ts
var Transport = class extends NamedEmitter {
  constructor(opts) {
    super();
    this.opts = opts;
    /** Whether `send` may be called now. */
    this.writable = !1;
    this.readyState = "opening";
    this.query = opts.query;
    {
      let { socket, forceBase64 } = opts;
      Object.assign(this, timerFunctions, { socket, supportsBinary: !forceBase64 });
    }
  }
  /** Same as `open`. */
  doOpen() {
    this.open();
  }
  close() {
    this._isClosed() || (this.readyState = "closed", this.doClose());
  }
  async send(packets) {
    this.writable = !1;
    try {
      await this.write(packets);
    } catch (error) {
      if (this._isClosed()) return;
      this.onError(this.name + " error", error), this.doClose();
    }
  }
  _isClosed() {
    return this.readyState === "closed";
  }
  onOpen() {
    this.readyState = "open", this._onDrain("open");
  }
  _onDrain(event = "drain") {
    this.writable = !0, this.emitReserved(event);
  }
  onData(data) {
    this.emitReserved("packet", decodePacket(data, this.opts.socket.binaryType));
  }
  onError(message, description, context = {}) {
    this.readyState = "closed";
    let { status, responseText: reason } = context;
    this.emitReserved(
      "error",
      Object.assign(new Error(message), {
        type: "TransportError",
        description,
        context,
        status,
        reason
      })
    );
  }
  onClose(details) {
    this.readyState = "closed", this.emitReserved("close", details);
  }
  /** The address for `scheme`, with a number against caches if asked for. */
  createUri(scheme, stamped) {
    let { hostname, port, secure, path, timestampParam, forceBase64 } = this.opts, query = { ...this.query };
    stamped && (query[timestampParam || "t"] = Math.random()), forceBase64 && (query.b64 = 1), scheme += secure ? "s://" : "://";
    let search = formatQuery(query), isOwn = !port || +port == (secure ? 443 : 80);
    return scheme + bracketed(hostname) + (isOwn ? "" : ":" + port) + path + search.replace(/^(?=.)/, "?");
  }
};

// src/engine/polling.ts
var Polling = class extends Transport {
  constructor() {
    super(...arguments);
    /** Whether a GET is waiting. */
    this._polling = !1;
    this._abort = new AbortController();
  }
  get name() {
    return "polling";
  }
  uri() {
    return this.createUri("http", this.opts.timestampRequests !== !1);
  }
  // Engine.IO v4 "Upgrade": what is on its way must arrive before the other transport speaks.
  pause(onPause) {
    this._onPause = onPause, this._pauseIfIdle();
  }
  _resume() {
    this._onPause = void 0, this._polling || this.open();
  }
  /** One GET after the other, until the session ends or pauses. */
  async open() {
    this._polling = !0;
    let payload = await this._request("xhr poll error");
    if (payload !== void 0) {
      if (this._isClosed())
        return this.query.sid = /"sid":"([^"]*)/.exec(payload)?.[1], this.doClose();
      for (let part of payload.split(SEPARATOR)) {
        if (part[0] === "0" && this.readyState === "opening" && this.onOpen(), part[0] === "1" && (this._abort.abort(), this.onClose({ description: "transport closed by the server" })), this._isClosed()) return;
        this.onData(part);
      }
      this._polling = !1, this._onPause ? this._pauseIfIdle() : this.readyState === "open" && this.open();
    }
  }
  async doClose() {
    this.query.sid && (await this._request("", "1"), this._abort.abort());
  }
  async write(packets) {
    let parts = await Promise.all(packets.map(encodeAsText)), { _maxPayload: bytesMax = 1 / 0 } = this.opts.socket;
    for (; parts.length; ) {
      let body = parts.shift(), bytes = byteLength(body);
      for (; parts.length && (bytes += byteLength(parts[0]) + 1) <= bytesMax; )
        body += SEPARATOR + parts.shift();
      if (await this._request("xhr post error", body) === void 0) return;
    }
    this._onDrain(), this._pauseIfIdle();
  }
  _pauseIfIdle() {
    !this._polling && this.writable && this._onPause?.();
  }
  /** One request. Undefined: it failed, which has been reported unless nobody listens any more. */
  async _request(failure, body) {
    let { opts, _abort } = this, { requestTimeout } = opts, timer = requestTimeout ? startTimer(opts, () => _abort.abort(), requestTimeout) : void 0, response = await request(
      this.uri(),
      body,
      opts,
      _abort.signal
    ).catch((cause) => ({ status: 0, cause }));
    if (stopTimer(opts, timer), response.status === 200) return response.responseText;
    _abort.abort(), this.onError(failure, response.cause || response.status, response);
  }
};

// src/engine/websocket.ts
var WebSocketTransport = class extends Transport {
  get name() {
    return "websocket";
  }
  uri() {
    return this.createUri("ws", this.opts.timestampRequests);
  }
  async open() {
    {
      let loading = prepareWebSocket(this.opts);
      if (loading && await loading, this._isClosed()) return;
    }
    let ws2;
    try {
      this.ws = ws2 = openWebSocket(this.uri(), this.opts);
    } catch (error) {
      return this.onError("websocket error", error);
    }
    ws2.binaryType = "arraybuffer", ws2.onopen = () => this.onOpen(), ws2.onmessage = (event) => this.onData(event.data), ws2.onclose = (context) => this.onClose({ description: "websocket connection closed", context }), ws2.onerror = (event) => this.onError("websocket error", event, event.error);
  }
  doClose() {
    this.ws?.close();
  }
  async write(packets) {
    for (let packet of packets) {
      let data = this.opts.forceBase64 ? await encodeAsText(packet) : encodePacket(packet);
      isBlob(data) && (data = await readBytes(data)), sendMessage(this.ws, data, packet.options, this.opts);
    }
    nextTick(() => this._onDrain());
  }
};

// src/engine/webtransport.ts
var LENGTH_16 = 126, LENGTH_64 = 127, BINARY = 128, RECEIVED_BYTES_MAX2 = 64 * 1024 * 1024, WebTransportTransport = class extends Transport {
  get name() {
    return "webtransport";
  }
  uri() {
    return this.opts.secure = !0, this.createUri("http", this.opts.timestampRequests);
  }
  async open() {
    try {
      let options = this.opts.transportOptions?.webtransport, session = this._session = new globalThis.WebTransport(this.uri(), options), closed = { description: "webtransport connection closed" };
      session.closed.then(
        () => this._end(() => this.onClose(closed)),
        (error) => this._end(() => this.onError("webtransport error", error))
      ), await session.ready;
      let stream = await session.createBidirectionalStream();
      this._writer = stream.writable.getWriter();
      let { sid } = this.query;
      if (await this._writeFrame({ type: "open", data: sid ? JSON.stringify({ sid }) : void 0 }), this._isClosed()) return;
      this.onOpen(), await this._read(stream.readable.getReader()), this._end(() => this.onClose(closed));
    } catch (error) {
      this._end(() => this.onError("webtransport error", error));
    }
  }
  doClose() {
    try {
      this._session?.close();
    } catch {
    }
  }
  async write(packets) {
    for (let packet of packets) await this._writeFrame(packet);
    nextTick(() => {
      this._isClosed() || this._onDrain();
    });
  }
  /** Reports the end once. */
  _end(report2) {
    this._isClosed() || (report2(), this.doClose());
  }
  async _writeFrame(packet) {
    let data = encodePacket(packet), isText = typeof data == "string", payload = isText ? new TextEncoder().encode(data) : await readBytes(data), header = frameHeader(payload.length, !isText);
    await this._writer.write(header), await this._writer.write(payload);
  }
  async _read(reader) {
    let frames = new FrameReader(this.opts.receivedBytesMax ?? RECEIVED_BYTES_MAX2);
    for (; ; ) {
      let { done, value } = await reader.read();
      if (done) return;
      for (let data of frames.read(value)) {
        if (this._isClosed()) return;
        this.onData(data);
      }
    }
  }
};
function frameHeader(length, isBinary2) {
  let size = length < LENGTH_16 ? 1 : length < 65536 ? 3 : 9, header = new Uint8Array(size), view = new DataView(header.buffer), code = size === 1 ? length : size === 3 ? LENGTH_16 : LENGTH_64;
  return header[0] = code | (isBinary2 ? BINARY : 0), size === 3 && view.setUint16(1, length), size === 9 && view.setBigUint64(1, BigInt(length)), header;
}
var FrameReader = class {
  constructor(_bytesMax) {
    this._bytesMax = _bytesMax;
    /** What has come and belongs to no complete frame; joined only when enough is there. */
    this._chunks = [];
    this._length = 0;
    /** Bytes that must be there before anything can be read. */
    this._needed = 1;
  }
  /** The frames that `chunk` completes: texts, or binary messages. */
  read(chunk) {
    let messages = [];
    if (this._chunks.push(chunk), this._length += chunk.length, this._length < this._needed) return messages;
    let rest = this._chunks.length === 1 ? chunk : joined(this._chunks, this._length);
    for (; ; ) {
      let frame = this._next(rest);
      if (!frame) break;
      messages.push(frame.message), rest = rest.subarray(frame.end);
    }
    return this._chunks = rest.length ? [rest] : [], this._length = rest.length, messages;
  }
  _next(bytes) {
    if (this._needed = 1, !bytes.length) return;
    let code = bytes[0] & ~BINARY, head = code < LENGTH_16 ? 1 : code === LENGTH_16 ? 3 : 9;
    if (this._needed = head, bytes.length < head) return;
    let view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), length = head === 1 ? code : head === 3 ? view.getUint16(1) : Number(view.getBigUint64(1));
    if (length > this._bytesMax) throw new Error(`message of ${length} bytes`);
    let end = head + length;
    if (this._needed = end, bytes.length < end) return;
    let payload = bytes.slice(head, end);
    return { message: bytes[0] & BINARY ? payload.buffer : new TextDecoder().decode(payload), end };
  }
};
function joined(chunks, length) {
  let all = new Uint8Array(length), at = 0;
  for (let chunk of chunks)
    all.set(chunk, at), at += chunk.length;
  return all;
}

// src/features/engine.ts
Object.assign(transports, {
  polling: Polling,
  websocket: WebSocketTransport,
  webtransport: WebTransportTransport
});

// src/engine/socket.ts
var DEFAULTS = {
  addTrailingSlash: !0,
  closeOnBeforeunload: !1,
  rememberUpgrade: !1,
  timestampParam: "t",
  transportOptions: {},
  upgrade: !0,
  withCredentials: !1
}, EngineSocket = class extends Carrier {
  constructor(uri, options = {}) {
    super();
    /** Form of received binary messages. */
    this.binaryType = defaultBinaryType;
    uri ||= addressOf(options);
    let { _target: target, query } = url(uri), path = options.path.replace(/\/?$/, options.addTrailingSlash === !1 ? "" : "/");
    this.opts = { ...target, ...options, ...uri && target, path, query: query || options.query };
    for (let name in DEFAULTS) this.opts[name] ??= DEFAULTS[name];
    {
      let { hostname, port, secure } = this.opts;
      Object.assign(this, timerFunctions, {
        hostname: hostname.replace(/[[\]]/g, ""),
        port: String(port),
        secure: !!secure,
        write: this.send,
        _filterUpgrades: (names) => names.filter((name) => this.transports.includes(name)),
        _upgrades: []
      });
    }
    this._open();
  }
  /** Whether the heartbeat deadline has passed, though its timer may have been held up. */
  _hasPingExpired() {
    let expired = Date.now() > this._pingTimeoutTime;
    return expired && nextTick(() => this._onClose("ping timeout")), expired;
  }
  /** The session begins. */
  _begin(handshake) {
    this.id = handshake.sid, this._pingMs = handshake.pingInterval + handshake.pingTimeout, this.readyState = "open", this._resetPingTimer();
  }
  /** The server was heard: the heartbeat's next deadline. */
  _resetPingTimer() {
    stopTimer(this.opts, this._pingTimer), this._pingTimeoutTime = Date.now() + this._pingMs, this._pingTimer = startTimer(this.opts, () => this._onClose("ping timeout"), this._pingMs);
  }
  /** Ends the session over an error. */
  _giveUp(error) {
    this.emitReserved("error", error), this._onClose("transport error", error);
  }
  /** Ends the session at once. */
  _onClose(reason, details) {
    this.readyState !== "closed" && (stopTimer(this.opts, this._pingTimer), this.readyState = "closed", this._end(reason, details));
  }
};
function addressOf({ hostname, host, port, secure }) {
  let name = hostname || host;
  if (!name) return;
  secure ??= globalThis.location?.protocol === "https:";
  let authority = port ? bracketed(name).replace(/(:\d*)?$/, `:${port}`) : bracketed(name);
  return `http${secure ? "s" : ""}://${authority}`;
}

// src/engine.ts
var Socket = class extends EngineSocket {
  constructor(uri, options = {}) {
    uri && typeof uri == "object" && (options = uri, uri = void 0), super(uri || void 0, { path: "/engine.io", ...options });
  }
  /** Connects again after a close, with the same options. */
  open() {
    super._open();
  }
  _open() {
    this.open();
  }
};
// Annotate the CommonJS export names for ESM import in node:
0 && (module.exports = {
  Fetch,
  NodeWebSocket,
  NodeXHR,
  Socket,
  Transport,
  WebSocket,
  WebTransport,
  XHR,
  nextTick,
  protocol,
  transports
});
//# sourceMappingURL=engine.cjs.map
