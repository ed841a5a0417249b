/* sockeye-client 0.1.0, MIT OR Apache-2.0 */
var __defProp = Object.defineProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};

// src/answer.ts
var RemoteError = class extends Error {
  constructor({ code, message, data }) {
    super(message);
    this.name = "RemoteError";
    this.code = code;
    this.data = data;
  }
  /** Also true of those that another copy of the library has made, as in `sockeye-client/outbox`. */
  static [Symbol.hasInstance](error) {
    return error?.name === "RemoteError";
  }
};
function isErrorAnswer(answer) {
  const error = answer?.error;
  return typeof error?.code === "string" && typeof error.message === "string" && Object.keys(answer).length === 1;
}
var remoteErrorOf = ([answer, ...more]) => more.length || !isErrorAnswer(answer) ? void 0 : new RemoteError(answer.error);

// src/features/engine.ts
var engine_exports = {};
__export(engine_exports, {
  Fetch: () => Polling,
  NodeWebSocket: () => WebSocketTransport,
  NodeXHR: () => Polling,
  WebSocket: () => WebSocketTransport,
  WebTransport: () => WebTransportTransport,
  XHR: () => Polling
});

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
    this._callbacks["$" + event] = [...this.listeners(event), listener];
    return this;
  }
  /** Calls `listener` at the next `event` only. */
  once(event, listener) {
    const wrapper = (...args) => {
      this.off(event, wrapper);
      listener.apply(this, args);
    };
    wrapper.fn = listener;
    return this.on(event, wrapper);
  }
  /**
   * Removes one listener, all listeners of an event, or all listeners. It is the number of arguments
   * that counts: `off("x", undefined)` names a listener that is not there.
   */
  off(event, listener) {
    const count = arguments.length;
    const rest = count > 1 ? [...this.listeners(event)] : [];
    rest.splice(rest.findIndex((fn) => fn === listener || listener && fn.fn === listener) >>> 0, 1);
    if (rest[0]) this._callbacks["$" + event] = rest;
    else if (count) delete this._callbacks["$" + event];
    else this._callbacks = {};
    return this;
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
    for (const fn of this.listeners(event)) {
      try {
        fn.apply(this, args);
      } catch (error) {
        report(error);
      }
    }
    return this;
  }
  /** The listeners of `event`. */
  listeners(event) {
    return this._callbacks["$" + event] || [];
  }
};

// src/named-emitter.ts
var ALIASES = true;
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
import http from "node:http";
import https from "node:https";

// src/cookies.ts
var COOKIES_MAX = 50;
var COOKIE_LENGTH_MAX = 4096;
function parseCookie(header) {
  const [pair, ...attributes] = header.split(";");
  const at = pair.indexOf("=");
  const name = pair.slice(0, at).trim();
  if (at < 0 || !name) return void 0;
  const cookie = { name, value: pair.slice(at + 1).trim() };
  let hasMaxAge = false;
  for (const attribute of attributes) {
    const [, key, value] = /^\s*([^=]*?)\s*(?:=\s*(.*?)\s*)?$/.exec(attribute) || [];
    if (/^max-age$/i.test(key) && /^-?\d+$/.test(value)) {
      hasMaxAge = true;
      cookie.expires = new Date(Math.min(Date.now() + 1e3 * +value, 864e13));
    } else if (/^expires$/i.test(key) && !hasMaxAge && !Number.isNaN(Date.parse(value))) {
      cookie.expires = new Date(value);
    }
  }
  return cookie;
}
var CookieJar = class {
  constructor() {
    this._cookies = /* @__PURE__ */ new Map();
  }
  /** Takes what an answer's `Set-Cookie` headers say. */
  store(headers = []) {
    for (const header of headers) {
      const cookie = header.length > COOKIE_LENGTH_MAX ? void 0 : parseCookie(header);
      if (!cookie) continue;
      if (isOver(cookie)) this._cookies.delete(cookie.name);
      else if (this._cookies.has(cookie.name) || this._cookies.size < COOKIES_MAX) {
        this._cookies.set(cookie.name, cookie);
      }
    }
  }
  /** The `Cookie` header of a request, beside cookies that it has already; undefined if there are none. */
  header(own) {
    const pairs = own ? [own] : [];
    for (const cookie of this._cookies.values()) {
      if (isOver(cookie)) this._cookies.delete(cookie.name);
      else pairs.push(`${cookie.name}=${cookie.value}`);
    }
    return pairs.length ? pairs.join("; ") : void 0;
  }
};
function isOver({ expires }) {
  return !!expires && expires.getTime() <= Date.now();
}
var jars = /* @__PURE__ */ new WeakMap();
function jarOf(session) {
  const jar = jars.get(session) || new CookieJar();
  jars.set(session, jar);
  return jar;
}

// src/ws.ts
async function loadWs() {
  try {
    const module = await import("ws");
    return module.WebSocket || module.default || module;
  } catch {
    return null;
  }
}

// src/platform.node.ts
var defaultBinaryType = "nodebuffer";
var PASSED_ON = [
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
];
var COMPRESSION_THRESHOLD = 1024;
var REFUSAL_LENGTH_MAX = 4096;
var RECEIVED_BYTES_MAX = 64 * 1024 * 1024;
function request(url2, body, options, signal) {
  return new Promise((resolve, reject) => {
    const headers = { accept: "*/*", ...headersOf(options) };
    if (body !== void 0) {
      headers["content-type"] = "text/plain;charset=UTF-8";
      headers["content-length"] = Buffer.byteLength(body);
    }
    const call = (url2.startsWith("https:") ? https : http).request(
      url2,
      { ...passedOn(options), method: body === void 0 ? "GET" : "POST", headers, signal },
      (response) => {
        const { receivedBytesMax = RECEIVED_BYTES_MAX, withCredentials, socket } = options;
        if (withCredentials) jarOf(socket).store(response.headers["set-cookie"]);
        const chunks = [];
        let bytes = 0;
        response.on("data", (chunk) => {
          bytes += chunk.length;
          if (bytes <= receivedBytesMax) return chunks.push(chunk);
          reject(new Error(`more than ${receivedBytesMax} bytes`));
          call.destroy();
        });
        response.on("error", reject);
        response.on("end", () => {
          const responseText = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, responseText, readyState: 4 });
        });
      }
    );
    call.on("error", (error) => setTimeout(reject, 0, error));
    if (options.autoUnref) call.on("socket", (socket) => socket.unref());
    call.end(body);
  });
}
function openWebSocket(url2, options) {
  const { WebSocket } = globalThis;
  const { autoUnref, protocols = [], receivedBytesMax: maxPayload = RECEIVED_BYTES_MAX } = options;
  const headers = headersOf(options);
  const passed = passedOn(options);
  if (!ws && !WebSocket) throw missing();
  const Ws = wantsWs(options) ? ws : void 0;
  if (!Ws) return new WebSocket(url2, headers ? { protocols, headers } : protocols);
  const socket = new Ws(url2, protocols, { ...passed, headers, maxPayload });
  socket.on("unexpected-response", (_request, response) => {
    refuse(socket, response);
  });
  if (autoUnref) {
    socket.on("upgrade", (response) => response.socket.unref());
  }
  return socket;
}
function refuse(socket, response) {
  const { statusCode: status } = response;
  let responseText = "";
  response.setEncoding("utf8");
  response.on("data", (text) => {
    responseText += text;
    if (responseText.length > REFUSAL_LENGTH_MAX) response.destroy();
  });
  response.on("close", () => {
    const error = new Error(`Unexpected server response: ${status}`);
    socket.emit("error", Object.assign(error, { status, responseText }));
    socket.terminate();
  });
}
function sendMessage(socket, data, { compress = false } = {}, { perMessageDeflate }) {
  const threshold = perMessageDeflate?.threshold ?? COMPRESSION_THRESHOLD;
  const bytes = typeof data === "string" ? Buffer.byteLength(data) : data.byteLength;
  socket.send(data, { compress: compress && bytes >= threshold });
}
function headersOf(options) {
  const { extraHeaders, withCredentials, socket } = options;
  if (!withCredentials) return extraHeaders;
  const { cookie: own, ...headers } = lowerCased(extraHeaders);
  const cookie = jarOf(socket).header(own);
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
  if (type === "blob") return new Blob([data]);
  return type === "nodebuffer" ? Buffer.from(data) : data;
}
var native = { setTimeout, clearTimeout };
function startTimer(options, callback, ms) {
  const { setTimeout: start } = options.useNativeTimers ? native : globalThis;
  const timer = start(callback, Math.min(ms, 2 ** 31 - 1));
  if (options.autoUnref) timer.unref();
  return timer;
}
function stopTimer(options, timer) {
  (options.useNativeTimers ? native : globalThis).clearTimeout(timer);
}
function passedOn(options) {
  const chosen = {};
  for (const name of PASSED_ON) {
    const value = options[name];
    const isSet = value !== void 0 && value !== null;
    if (isSet && !(name === "agent" && value === false)) chosen[name] = value;
  }
  return chosen;
}
var ws;
var warned = false;
function wantsWs(options) {
  const { autoUnref, withCredentials } = options;
  return !globalThis.WebSocket || !!autoUnref || !!withCredentials || Object.keys(passedOn(options)).length > 0;
}
function prepareWebSocket(options) {
  if (ws !== void 0 || !wantsWs(options)) return;
  const loaded = loadWs();
  if (loaded instanceof Promise) return loaded.then((found) => void (ws = found));
  ws = loaded;
}
function missing() {
  const message = "this Node has no WebSocket, only polling works: `npm install ws`, or use Node 22 or later";
  if (!warned) console.warn(`sockeye-client: ${message}`);
  warned = true;
  return new Error(message);
}

// src/query.ts
function parseQuery(query = {}) {
  if (typeof query === "object") return { ...query };
  if (false) return Object.fromEntries(new URLSearchParams(query.replace(/\+/g, "%2B")));
  const parameters = {};
  for (const part of query.replace(/^\?/, "").split("&")) {
    const [, name, value] = /([^=]*)=?([^]*)/.exec(part);
    if (part) parameters[decode(name)] = decode(value);
  }
  return parameters;
}
function formatQuery(parameters) {
  if (false) return String(new URLSearchParams(parameters));
  return Object.keys(parameters).map((name) => encode(name) + "=" + encode(parameters[name])).join("&");
}
var decode = (text) => text.replace(/(%[\da-f]{2})+/gi, decodeURIComponent);
var encode = (value) => encodeURIComponent(String(value).replace(/[\ud800-\udfff]/gu, "�"));

// src/engine/packet.ts
var ENGINE_PROTOCOL = 4;
var TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];
var SEPARATOR = "";
function isBinary(value) {
  return isBuffer(value) || ArrayBuffer.isView(value) || isBlob(value);
}
function isA(name, value) {
  const known = globalThis[name];
  return known && value instanceof known || Object.prototype.toString.call(value) === `[object ${name}]`;
}
var isBuffer = (value) => true ? isA("ArrayBuffer", value) : value instanceof ArrayBuffer;
var isBlob = (value) => true ? isA("Blob", value) || isA("File", value) : value instanceof Blob;
async function readBytes(data) {
  return bytesOf(isBlob(data) ? await readBlob(data) : data);
}
var readBlob = (blob) => blob.arrayBuffer ? blob.arrayBuffer() : readBlobByReader(blob);
function readBlobByReader(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsArrayBuffer(blob);
  });
}
function bytesOf(data) {
  const { buffer = data, byteOffset, byteLength: byteLength2 } = data;
  return new Uint8Array(buffer, byteOffset, byteLength2);
}
function byteLength(text) {
  if (false) return new TextEncoder().encode(text).length;
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0);
    bytes += code < 128 ? 1 : code < 2048 ? 2 : code < 65536 ? 3 : 4;
  }
  return bytes;
}
function encodePacket({ type, data }) {
  if (!isBinary(data)) return TYPES.indexOf(type) + (data ?? "");
  return true ? owned(data) : data;
}
function owned(data) {
  const { buffer = data } = data;
  if (isBlob(data) || isBuffer(buffer) && !buffer.resizable) return data;
  return bytesOf(data).slice();
}
async function encodeAsText(packet) {
  const data = encodePacket(packet);
  if (typeof data === "string") return data;
  return "b" + encodeBase64(await readBytes(data));
}
function decodePacket(data, binaryType) {
  let type = "message";
  try {
    if (typeof data !== "string") return { type, data: toBinaryType(data, binaryType) };
    const rest = data.slice(1);
    if (data[0] === "b") return { type, data: toBinaryType(decodeBase64(rest), binaryType) };
    if (type = TYPES[data[0]]) return { type, data: rest };
  } catch {
  }
  return { type: "error", data: "parser error" };
}

// src/engine/upgrade.ts
var HEAD_START_MS = 200;
function probeAll(engine, names) {
  const { transport } = engine;
  const hasFavourite = names.includes("webtransport") && "WebTransport" in globalThis;
  const others = names.filter((name) => name !== "webtransport");
  let areTried = false;
  const tryOthers = () => {
    if (areTried || engine.upgrading || engine.transport !== transport) return;
    areTried = true;
    for (const name of others) {
      if (engine.readyState === "open") probe(engine, name);
    }
  };
  if (!hasFavourite) return tryOthers();
  engine.once("upgradeError", tryOthers);
  startTimer(engine.opts, tryOthers, HEAD_START_MS);
  probe(engine, "webtransport");
}
function probe(engine, name) {
  const transport = engine.createTransport(name);
  let current;
  const fail = (cause) => {
    engine.off("close", fail);
    transport.off().close();
    if (current) {
      engine.upgrading = false;
      if (engine.readyState !== "closed") current._resume();
    }
    const error = new Error("probe error");
    engine.emitReserved("upgradeError", Object.assign(error, { transport: name, cause }));
    engine.flush();
  };
  engine.on("close", fail);
  if (true) {
    engine.on("upgrading", (winner) => {
      if (winner === transport) return;
      engine.off("close", fail);
      transport.off().close();
    });
  }
  transport.on("open", () => transport.send([{ type: "ping", data: "probe" }])).on("error", fail).on("close", fail).on("packet", (packet) => {
    if (current) return;
    if (packet.type !== "pong" || packet.data !== "probe") return fail(packet);
    current = engine.transport;
    engine.upgrading = true;
    engine.emitReserved("upgrading", transport);
    current.pause(() => {
      if (!engine.upgrading) return;
      engine.off("close", fail);
      engine._switchTo(transport);
    });
  });
  transport.open();
}

// src/engine/carrier.ts
var transports = {};
var UNREAD_BYTES_MAX = 1024 * 1024;
var websocketWorked = false;
var Carrier = class extends NamedEmitter {
  constructor() {
    super(...arguments);
    /** Packets that no transport has confirmed to have passed on. */
    this.writeBuffer = [];
    /** Whether another transport is taking over; nothing is sent meanwhile. */
    this.upgrading = false;
    /** Classes of the transports by name. The core has those that it was built with. */
    this._transportsByName = true ? { ...transports } : transports;
    /** How many of the first packets of `writeBuffer` the transport has. */
    this._prevBufferLen = 0;
  }
  /** Opens the first of the transports. */
  _open() {
    const { opts } = this;
    this.readyState = "opening";
    const names = this.transports = this.transports || (opts.transports || Object.keys(transports)).map((item) => {
      if (typeof item === "string") return item;
      const { name } = item.prototype;
      this._transportsByName[name] = item;
      return name;
    }).filter((name) => this._transportsByName[name]);
    if (!names.length) {
      nextTick(() => this._onError(new Error("No transports available")));
      return;
    }
    const remembered = opts.rememberUpgrade && websocketWorked && names.includes("websocket");
    const transport = this.createTransport(remembered ? "websocket" : names[0]);
    this.setTransport(transport);
    const { openTimeout, tryAllTransports } = opts;
    if (tryAllTransports && openTimeout && names.length > 1) {
      const giveUp = () => {
        if (this.readyState !== "opening" || this.transport !== transport) return;
        transport.off().close();
        this._onError(new Error("timeout"));
      };
      const timer = startTimer(opts, giveUp, openTimeout);
      const stop = () => stopTimer(opts, timer);
      this.once("open", stop).once("close", stop);
    }
    nextTick(() => {
      if (this.readyState !== "closed") transport.open();
    });
  }
  /** A transport of this session that is not open yet. */
  createTransport(name) {
    const query = {
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
    this.transport?.off();
    this.transport = transport.off().on("drain", () => {
      this.writeBuffer.splice(0, this._prevBufferLen);
      this._prevBufferLen = 0;
      if (this.writeBuffer.length) this.flush();
      else this.emitReserved("drain");
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
    this.setTransport(transport);
    websocketWorked = transport.name === "websocket";
    transport.send([{ type: "upgrade" }]);
    this.upgrading = false;
    this.emitReserved("upgrade", transport);
    this.flush();
  }
  /** Hands waiting packets to the transport if it can take them. */
  flush() {
    const { transport, writeBuffer } = this;
    if (transport.writable && !this.upgrading && writeBuffer.length) {
      this._prevBufferLen = writeBuffer.length;
      transport.send([...writeBuffer]);
      this.emitReserved("flush");
    }
  }
  /** Sends a message. */
  send(data, options) {
    this._sendPacket("message", data, options);
    return this;
  }
  _sendPacket(type, data, options) {
    if (!this._isActive()) return;
    if (type === "pong" && isFlooded(this)) return;
    const packet = { type, data, options };
    this.emitReserved("packetCreate", packet);
    this.writeBuffer.push(packet);
    this.flush();
  }
  _onPacket(packet) {
    const { type, data } = packet;
    this.emitReserved("packet", packet);
    this.emitReserved("heartbeat");
    if (type === "open") {
      if (this.readyState === "opening") this._onHandshake(data);
    } else if (type === "ping") {
      this._sendPacket("pong");
      this._resetPingTimer();
      this.emitReserved("ping");
      this.emitReserved("pong");
    } else if (type === "message") {
      this.emitReserved("data", data);
      this.emitReserved("message", data);
    } else if (type === "error") {
      this._onError(Object.assign(new Error("server error"), { code: data }));
    }
  }
  /** The session has begun: sends what waits, and tries the better transports that the server has. */
  _onHandshake(text) {
    const { name, pause, query } = this.transport;
    const handshake = JSON.parse(text);
    query.sid = handshake.sid;
    this._maxPayload = handshake.maxPayload;
    if (true) {
      const { pingInterval, pingTimeout, upgrades } = handshake;
      Object.assign(this, { _pingInterval: pingInterval, _pingTimeout: pingTimeout, _upgrades: upgrades ?? [] });
    }
    websocketWorked = name === "websocket";
    this._begin(handshake);
    this.emitReserved("handshake", handshake);
    this.emitReserved("open");
    this.flush();
    if (this.opts.upgrade === false || !pause) return;
    const names = this.transports.filter((other) => other !== name && handshake.upgrades?.includes?.(other));
    if (true) return probeAll(this, names);
    for (const other of names) {
      if (this.readyState === "open") probe(this, other);
    }
  }
  /** Opening or open. */
  _isActive() {
    return /^open/.test(this.readyState);
  }
  /** Opens the next transport if one could not be opened; otherwise the session ends. */
  _onError(error) {
    websocketWorked = false;
    if (this.opts.tryAllTransports && this.readyState === "opening" && this.transports.length > 1) {
      this.transports = this.transports.filter((name) => name !== this.transport.name);
      this._open();
    } else {
      this._giveUp(error);
    }
  }
  /** Ends the session when everything has been sent and no upgrade is under way. */
  close() {
    if (!this._isActive()) return this;
    this.readyState = "closing";
    const close = () => {
      if (this.writeBuffer.length) this.once("drain", close);
      else if (this.upgrading) this.once("upgrade", close).once("upgradeError", close);
      else this._onClose("forced close");
    };
    close();
    return this;
  }
  /** The session has ended. */
  _end(reason, details) {
    this.transport?.off().close();
    this.id = void 0;
    this.emitReserved("close", reason, details);
    this.writeBuffer = [];
    this._prevBufferLen = 0;
  }
};
function isFlooded({ writeBuffer, _prevBufferLen, transport }) {
  const last = writeBuffer.length > _prevBufferLen && writeBuffer[writeBuffer.length - 1];
  return last && last.type === "pong" || transport.ws?.bufferedAmount > UNREAD_BYTES_MAX;
}

// src/url.ts
var CHARACTERS_MAX = 8e3;
var NOBODY = "x.invalid";
function url(uri, pathOption = "", page = globalThis.location) {
  let source = uri || "/";
  if (source.length > CHARACTERS_MAX) throw new Error("URI too long");
  source = source.replace(/^\/(?!\/)/, (page ? page.host || NOBODY : "http://localhost") + "/").replace(/^(?!(http|ws)s?:\/\/)(\/\/)?/, (page && page.protocol !== "https:" ? "http:" : "https:") + "//");
  const { protocol: protocol2, hostname, port: explicitPort, search: query } = true ? partsOf(source) : new URL(source);
  const secure = /[ps]s:/.test(protocol2);
  const port = explicitPort || (secure ? "443" : "80");
  return {
    _source: source,
    _target: { hostname, port, secure },
    // `URL` would percent-encode it, and a namespace must arrive as it was written.
    path: /\/\/[^/?#]*([^?#]*)/.exec(source)[1] || "/",
    query,
    id: protocol2 + hostname + ":" + port + pathOption
  };
}
var PARTS = /^(https?:|wss?:)\/\/(?:[^@/?#]*@)?(\[[^\]]+]|[^\s:@/?#[\]\\]+)(?::(\d*))?(?:\/[^?#]*)?(\?[^#]+)?\??(?:#[^]*)?$/;
var PORT_MAX = 65535;
function partsOf(source) {
  const [, protocol2, host, port = "", search = ""] = PARTS.exec(source) || [];
  if (!host || +port > PORT_MAX) throw new Error("invalid address");
  return { protocol: protocol2, hostname: host.toLowerCase(), port, search };
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
    this.writable = false;
    this.readyState = "opening";
    this.query = opts.query;
    if (true) {
      const { socket, forceBase64 } = opts;
      Object.assign(this, timerFunctions, { socket, supportsBinary: !forceBase64 });
    }
  }
  /** Same as `open`. */
  doOpen() {
    this.open();
  }
  close() {
    if (this._isClosed()) return;
    this.readyState = "closed";
    this.doClose();
  }
  async send(packets) {
    this.writable = false;
    try {
      await this.write(packets);
    } catch (error) {
      if (this._isClosed()) return;
      this.onError(this.name + " error", error);
      this.doClose();
    }
  }
  _isClosed() {
    return this.readyState === "closed";
  }
  onOpen() {
    this.readyState = "open";
    this._onDrain("open");
  }
  _onDrain(event = "drain") {
    this.writable = true;
    this.emitReserved(event);
  }
  onData(data) {
    this.emitReserved("packet", decodePacket(data, this.opts.socket.binaryType));
  }
  onError(message, description, context = {}) {
    this.readyState = "closed";
    const { status, responseText: reason } = context;
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
    this.readyState = "closed";
    this.emitReserved("close", details);
  }
  /** The address for `scheme`, with a number against caches if asked for. */
  createUri(scheme, stamped) {
    const { hostname, port, secure, path, timestampParam, forceBase64 } = this.opts;
    const query = { ...this.query };
    if (stamped) query[timestampParam || "t"] = Math.random();
    if (forceBase64) query.b64 = 1;
    scheme += secure ? "s://" : "://";
    const search = formatQuery(query);
    if (false) return scheme + hostname + ":" + port + path + "?" + search;
    const isOwn = !port || +port === (secure ? 443 : 80);
    return scheme + bracketed(hostname) + (isOwn ? "" : ":" + port) + path + search.replace(/^(?=.)/, "?");
  }
};

// src/engine/polling.ts
var Polling = class extends Transport {
  constructor() {
    super(...arguments);
    /** Whether a GET is waiting. */
    this._polling = false;
    this._abort = new AbortController();
  }
  get name() {
    return "polling";
  }
  uri() {
    return this.createUri("http", this.opts.timestampRequests !== false);
  }
  // Engine.IO v4 "Upgrade": what is on its way must arrive before the other transport speaks.
  pause(onPause) {
    this._onPause = onPause;
    this._pauseIfIdle();
  }
  _resume() {
    this._onPause = void 0;
    if (!this._polling) this.open();
  }
  /** One GET after the other, until the session ends or pauses. */
  async open() {
    this._polling = true;
    const payload = await this._request("xhr poll error");
    if (payload === void 0) return;
    if (this._isClosed()) {
      this.query.sid = /"sid":"([^"]*)/.exec(payload)?.[1];
      return this.doClose();
    }
    for (const part of payload.split(SEPARATOR)) {
      if (part[0] === "0" && this.readyState === "opening") this.onOpen();
      if (part[0] === "1") {
        this._abort.abort();
        this.onClose({ description: "transport closed by the server" });
      }
      if (this._isClosed()) return;
      this.onData(part);
    }
    this._polling = false;
    if (this._onPause) this._pauseIfIdle();
    else if (this.readyState === "open") this.open();
  }
  async doClose() {
    if (this.query.sid) {
      await this._request("", "1");
      this._abort.abort();
    }
  }
  async write(packets) {
    const parts = await Promise.all(packets.map(encodeAsText));
    const { _maxPayload: bytesMax = Infinity } = this.opts.socket;
    while (parts.length) {
      let body = parts.shift();
      let bytes = byteLength(body);
      while (parts.length && (bytes += byteLength(parts[0]) + 1) <= bytesMax) {
        body += SEPARATOR + parts.shift();
      }
      if (await this._request("xhr post error", body) === void 0) return;
    }
    this._onDrain();
    this._pauseIfIdle();
  }
  _pauseIfIdle() {
    if (!this._polling && this.writable) this._onPause?.();
  }
  /** One request. Undefined: it failed, which has been reported unless nobody listens any more. */
  async _request(failure, body) {
    const { opts, _abort } = this;
    const { requestTimeout } = opts;
    const timer = requestTimeout ? startTimer(opts, () => _abort.abort(), requestTimeout) : void 0;
    const response = await request(
      this.uri(),
      body,
      opts,
      _abort.signal
    ).catch((cause) => ({ status: 0, cause }));
    stopTimer(opts, timer);
    if (response.status === 200) return response.responseText;
    _abort.abort();
    this.onError(failure, response.cause || response.status, response);
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
    if (true) {
      const loading = prepareWebSocket(this.opts);
      if (loading) await loading;
      if (this._isClosed()) return;
    }
    let ws2;
    try {
      this.ws = ws2 = openWebSocket(this.uri(), this.opts);
    } catch (error) {
      return this.onError("websocket error", error);
    }
    ws2.binaryType = "arraybuffer";
    ws2.onopen = () => this.onOpen();
    ws2.onmessage = (event) => this.onData(event.data);
    ws2.onclose = (context) => this.onClose({ description: "websocket connection closed", context });
    ws2.onerror = (event) => this.onError("websocket error", event, true ? event.error : void 0);
  }
  doClose() {
    this.ws?.close();
  }
  async write(packets) {
    for (const packet of packets) {
      let data = this.opts.forceBase64 ? await encodeAsText(packet) : encodePacket(packet);
      if (isBlob(data)) data = await readBytes(data);
      if (true) sendMessage(this.ws, data, packet.options, this.opts);
      else this.ws.send(data);
    }
    nextTick(() => this._onDrain());
  }
};

// src/engine/webtransport.ts
var LENGTH_16 = 126;
var LENGTH_64 = 127;
var BINARY = 128;
var RECEIVED_BYTES_MAX2 = 64 * 1024 * 1024;
var WebTransportTransport = class extends Transport {
  get name() {
    return "webtransport";
  }
  uri() {
    this.opts.secure = true;
    return this.createUri("http", this.opts.timestampRequests);
  }
  async open() {
    try {
      const options = this.opts.transportOptions?.webtransport;
      const session = this._session = new globalThis.WebTransport(this.uri(), options);
      const closed = { description: "webtransport connection closed" };
      session.closed.then(
        () => this._end(() => this.onClose(closed)),
        (error) => this._end(() => this.onError("webtransport error", error))
      );
      await session.ready;
      const stream = await session.createBidirectionalStream();
      this._writer = stream.writable.getWriter();
      const { sid } = this.query;
      await this._writeFrame({ type: "open", data: sid ? JSON.stringify({ sid }) : void 0 });
      if (this._isClosed()) return;
      this.onOpen();
      await this._read(stream.readable.getReader());
      this._end(() => this.onClose(closed));
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
    for (const packet of packets) await this._writeFrame(packet);
    nextTick(() => {
      if (!this._isClosed()) this._onDrain();
    });
  }
  /** Reports the end once. */
  _end(report2) {
    if (this._isClosed()) return;
    report2();
    this.doClose();
  }
  async _writeFrame(packet) {
    const data = encodePacket(packet);
    const isText = typeof data === "string";
    const payload = isText ? new TextEncoder().encode(data) : await readBytes(data);
    const header = frameHeader(payload.length, !isText);
    await this._writer.write(header);
    await this._writer.write(payload);
  }
  async _read(reader) {
    const frames = new FrameReader(this.opts.receivedBytesMax ?? RECEIVED_BYTES_MAX2);
    for (; ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      for (const data of frames.read(value)) {
        if (this._isClosed()) return;
        this.onData(data);
      }
    }
  }
};
function frameHeader(length, isBinary2) {
  const size = length < LENGTH_16 ? 1 : length < 2 ** 16 ? 3 : 9;
  const header = new Uint8Array(size);
  const view = new DataView(header.buffer);
  const code = size === 1 ? length : size === 3 ? LENGTH_16 : LENGTH_64;
  header[0] = code | (isBinary2 ? BINARY : 0);
  if (size === 3) view.setUint16(1, length);
  if (size === 9) view.setBigUint64(1, BigInt(length));
  return header;
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
    const messages = [];
    this._chunks.push(chunk);
    this._length += chunk.length;
    if (this._length < this._needed) return messages;
    let rest = this._chunks.length === 1 ? chunk : joined(this._chunks, this._length);
    for (; ; ) {
      const frame = this._next(rest);
      if (!frame) break;
      messages.push(frame.message);
      rest = rest.subarray(frame.end);
    }
    this._chunks = rest.length ? [rest] : [];
    this._length = rest.length;
    return messages;
  }
  _next(bytes) {
    this._needed = 1;
    if (!bytes.length) return void 0;
    const code = bytes[0] & ~BINARY;
    const head = code < LENGTH_16 ? 1 : code === LENGTH_16 ? 3 : 9;
    this._needed = head;
    if (bytes.length < head) return void 0;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const length = head === 1 ? code : head === 3 ? view.getUint16(1) : Number(view.getBigUint64(1));
    if (length > this._bytesMax) throw new Error(`message of ${length} bytes`);
    const end = head + length;
    this._needed = end;
    if (bytes.length < end) return void 0;
    const payload = bytes.slice(head, end);
    const isBinary2 = bytes[0] & BINARY;
    return { message: isBinary2 ? payload.buffer : new TextDecoder().decode(payload), end };
  }
};
function joined(chunks, length) {
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

// src/features/engine.ts
Object.assign(transports, {
  polling: Polling,
  websocket: WebSocketTransport,
  webtransport: WebTransportTransport
});

// src/features/limit.ts
var PayloadTooLarge = class extends Error {
  constructor(limit, size) {
    super(`message of ${size} bytes, the server takes ${limit}`);
    this.limit = limit;
    this.size = size;
    this.name = "PayloadTooLarge";
  }
};
function checkSizes(messages, engine) {
  const limit = engine._maxPayload || Infinity;
  const asText = engine.transport.name === "polling";
  for (const message of messages) {
    const size = messageSize(message, asText);
    if (size > limit) throw new PayloadTooLarge(limit, size);
  }
}
function messageSize(message, asText) {
  if (typeof message === "string") return byteLength(message) + 1;
  const bytes = "size" in message ? message.size : message.byteLength;
  return asText ? Math.ceil(bytes / 3) * 4 + 1 : bytes;
}

// src/backoff.ts
var TIMER_MS_MAX = 2 ** 31 - 1;
function backoffMs(attempt, options, factor) {
  const ms = (options.reconnectionDelay || 1e3) * (factor || 2) ** Math.min(attempt, 31);
  const delay = ms * (1 + options.randomizationFactor * (2 * Math.random() - 1));
  return Math.min(delay, options.reconnectionDelayMax || 5e3, TIMER_MS_MAX) | 0;
}
var NAMES = {
  reconnectionDelay: ["ms", "setMin"],
  reconnectionDelayMax: ["max", "setMax"],
  randomizationFactor: ["jitter", "setJitter"]
};
function withNames(backoff, options) {
  backoff.factor = 2;
  backoff.duration = function() {
    return backoffMs(this.attempts++, options, this.factor);
  };
  for (const option of Object.keys(NAMES)) {
    const [property, method] = NAMES[option];
    const set = (value) => {
      options[option] = value;
    };
    Object.defineProperty(backoff, property, { get: () => options[option], set });
    backoff[method] = set;
  }
  return backoff;
}
var createBackoff = (options) => {
  const backoff = {
    attempts: 0,
    duration() {
      return backoffMs(this.attempts++, options);
    },
    reset() {
      this.attempts = 0;
    }
  };
  return true ? withNames(backoff, options) : backoff;
};

// src/engine/socket.ts
var DEFAULTS = {
  addTrailingSlash: true,
  closeOnBeforeunload: false,
  rememberUpgrade: false,
  timestampParam: "t",
  transportOptions: {},
  upgrade: true,
  withCredentials: false
};
var EngineSocket = class extends Carrier {
  constructor(uri, options = {}) {
    super();
    /** Form of received binary messages. */
    this.binaryType = defaultBinaryType;
    if (true) uri ||= addressOf(options);
    const { _target: target, query } = url(uri);
    const path = options.path.replace(/\/?$/, options.addTrailingSlash === false ? "" : "/");
    this.opts = { ...target, ...options, ...uri && target, path, query: query || options.query };
    if (true) for (const name in DEFAULTS) this.opts[name] ??= DEFAULTS[name];
    if (true) {
      const { hostname, port, secure } = this.opts;
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
    const expired = Date.now() > this._pingTimeoutTime;
    if (expired) nextTick(() => this._onClose("ping timeout"));
    return expired;
  }
  /** The session begins. */
  _begin(handshake) {
    this.id = handshake.sid;
    this._pingMs = handshake.pingInterval + handshake.pingTimeout;
    this.readyState = "open";
    this._resetPingTimer();
  }
  /** The server was heard: the heartbeat's next deadline. */
  _resetPingTimer() {
    stopTimer(this.opts, this._pingTimer);
    this._pingTimeoutTime = Date.now() + this._pingMs;
    this._pingTimer = startTimer(this.opts, () => this._onClose("ping timeout"), this._pingMs);
  }
  /** Ends the session over an error. */
  _giveUp(error) {
    this.emitReserved("error", error);
    this._onClose("transport error", error);
  }
  /** Ends the session at once. */
  _onClose(reason, details) {
    if (this.readyState === "closed") return;
    stopTimer(this.opts, this._pingTimer);
    this.readyState = "closed";
    this._end(reason, details);
  }
};
function addressOf({ hostname, host, port, secure }) {
  const name = hostname || host;
  if (!name) return void 0;
  secure ??= globalThis.location?.protocol === "https:";
  const authority = port ? bracketed(name).replace(/(:\d*)?$/, `:${port}`) : bracketed(name);
  return `http${secure ? "s" : ""}://${authority}`;
}

// src/parser/binary.ts
function takeAttachments(data, attachments) {
  return JSON.stringify(data, function(key, value) {
    const original = this[key];
    const binary = isBinary(original) ? original : value;
    return isBinary(binary) ? { _placeholder: true, num: attachments.push(binary) - 1 } : value;
  });
}
function fillPlaceholders(value, attachments) {
  const data = value;
  if (!data || typeof data !== "object") return data;
  if (data._placeholder === true) {
    const attachment = typeof data.num === "number" && attachments[data.num];
    if (!attachment) throw new Error("invalid packet");
    return attachment;
  }
  for (const key in data) data[key] = fillPlaceholders(data[key], attachments);
  return data;
}

// src/parser/packet.ts
var protocol = 5;
var CONNECT = 0;
var DISCONNECT = 1;
var EVENT = 2;
var ACK = 3;
var CONNECT_ERROR = 4;
var BINARY_EVENT = 5;
var RESERVED_EVENTS = /^(connect(_error)?|disconnect(ing)?|newListener|removeListener)$/;
var ATTACHMENTS_MAX = 10;
var Encoder = class {
  encode({ type, nsp, data, id }) {
    const attachments = [];
    const json = type === EVENT || type === ACK ? takeAttachments(data, attachments) : JSON.stringify(data);
    const count = attachments.length;
    const head = count ? type + 3 + (count + "-") : type;
    return [head + (nsp === "/" ? "" : nsp + ",") + (id ?? "") + (json ?? ""), ...attachments];
  }
};
var PARTS2 = /^(?:([0-4])|([56])(\d+)-)(?:(\/[^,]*),?)?(\d*)([^]*)$/;
var Decoder = class extends NamedEmitter {
  constructor(options) {
    super();
    this._missing = 0;
    this._attachments = [];
    this._attachmentsMax = options?.maxAttachments ?? ATTACHMENTS_MAX;
  }
  /** Takes the next message of the connection. */
  add(message) {
    let packet = this._waiting;
    if (packet && isBinary(message)) {
      this._attachments.push(message);
    } else {
      const isFirst = !packet && typeof message === "string";
      this._waiting = packet = isFirst ? this._parse(message) : void 0;
    }
    if (!packet) throw new Error("invalid packet");
    if (this._attachments.length < this._missing) return;
    if (this._missing) packet.data = fillPlaceholders(packet.data, this._attachments);
    this.destroy();
    this.emitReserved("decoded", packet);
  }
  /** Forgets an incomplete packet. */
  destroy() {
    this._waiting = void 0;
    this._attachments = [];
  }
  /** The packet that a text is or begins; undefined if it is none. */
  _parse(text) {
    const [, plain, binary, count = 0, nsp = "/", id, json] = PARTS2.exec(text) || [];
    const type = binary ? +binary - 3 : +plain;
    const data = json ? JSON.parse(json) : void 0;
    const packet = { type, nsp, data };
    if (id) packet.id = +id;
    this._missing = +count;
    const countIsValid = !binary || this._missing && this._missing <= this._attachmentsMax;
    return countIsValid && isValid(type, data) ? packet : void 0;
  }
};
function isValid(type, data) {
  if (type !== EVENT && type !== ACK) return type < BINARY_EVENT;
  const isList = Array.isArray(data);
  if (type === ACK || !isList) return isList;
  return /string|number/.test(typeof data[0]) && !RESERVED_EVENTS.test(data[0]);
}

// src/socket.ts
var LEFT_MS = 100;
var Socket = class extends NamedEmitter {
  constructor(io2, nsp, options) {
    super();
    this.connected = false;
    /** Whether the server restored the state from before the last disconnection. */
    this.recovered = false;
    /** Packets to send when connected. */
    this.sendBuffer = [];
    /**
     * Arguments of events that came before the connection was confirmed. They are forgotten with it:
     * a server that recovers state sends them again, since the offset counts delivered events only.
     */
    this.receiveBuffer = [];
    /** Acknowledgement functions by packet id. */
    this.acks = {};
    /** Id of the next packet that asks for an acknowledgement. */
    this.ids = 0;
    /** What holds for the next packet only. */
    this.flags = {};
    this.io = io2;
    this.nsp = nsp;
    io2.nsps[nsp] = io2.nsps[nsp] || this;
    this._opts = options = { ...options };
    this.auth = options.auth;
    if (io2.opts.autoConnect) this.connect();
  }
  /** The opposite of `connected`. */
  get disconnected() {
    return !this.connected;
  }
  /** Whether the socket connects by itself when its connection does. */
  get active() {
    return !!this.subs;
  }
  /** Connects, and keeps doing so when the connection is lost. */
  connect() {
    if (this.connected) return this;
    const { io: io2, subs } = this;
    this.subEvents();
    if (!io2._reconnecting) io2.open();
    if (!subs && io2._readyState === "open") this.onopen();
    return this;
  }
  /** Same as `connect`. */
  open() {
    return this.connect();
  }
  /** Listens to the connection. */
  subEvents() {
    if (this.subs) return;
    const { io: io2 } = this;
    const subs = this.subs = ["open", "packet", "error", "close"].map((event) => {
      const handle = this["on" + event];
      const listener = (...args) => {
        if (subs === this.subs) handle.apply(this, args);
      };
      io2.on(event, listener);
      return () => io2.off(event, listener);
    });
    io2._active.add(this);
  }
  /** Disconnects and stays disconnected until `connect()`. */
  disconnect() {
    const { connected } = this;
    if (connected) this._leave();
    this.destroy();
    if (connected) this.onclose("io client disconnect");
    return this;
  }
  /** Same as `disconnect`. */
  close() {
    return this.disconnect();
  }
  /** Emits `message`. */
  send(...args) {
    return this.emit("message", ...args);
  }
  /**
   * Sends an event. A function as last argument is called with the other side's acknowledgement;
   * after `timeout()` it takes an error first. While disconnected the event waits, unless it is
   * volatile. Throws on names that the library raises itself, and on what JSON cannot hold.
   */
  emit(event, ...args) {
    if (RESERVED_EVENTS.test(event)) throw new Error(`"${event}" is a reserved event name`);
    const { flags } = this;
    this.flags = {};
    const data = [event, ...args];
    const packet = { type: EVENT, data };
    if (true) packet.options = { compress: flags.compress !== false };
    const ack = takeAck(data);
    if (ack) {
      packet.id = this.ids++;
      this._expectAck(packet.id, ack, flags.timeout ?? this._opts.ackTimeout);
    }
    const { engine } = this.io;
    const isOpen = this.connected && engine.readyState === "open";
    if (flags.volatile && !(isOpen && engine.transport.writable)) return this;
    if (isOpen && !engine._hasPingExpired()) this.packet(packet);
    else this.sendBuffer.push(packet);
    return this;
  }
  /**
   * Sends an event and resolves with the first value of its acknowledgement. Rejects when the
   * timeout passes or the connection is lost after sending; without `timeout()` it may wait for ever.
   */
  emitWithAck(event, ...args) {
    return new Promise((resolve, reject) => {
      const ack = (error, value) => error ? reject(error) : resolve(value);
      ack.withError = true;
      this.emit(event, ...[...args, ack]);
    });
  }
  /** Whether the next packet may be compressed. Default true. */
  compress(compress) {
    this.flags.compress = compress;
    return this;
  }
  /** The next packet is dropped if it cannot be sent at once. */
  get volatile() {
    this.flags.volatile = true;
    return this;
  }
  /** The next packet's acknowledgement must come within `ms` milliseconds. */
  timeout(ms) {
    this.flags.timeout = ms;
    return this;
  }
  /** Sends a packet of this namespace. */
  packet(packet) {
    this.io._packet({ ...packet, nsp: this.nsp });
  }
  /** The connection is open: asks for the namespace. */
  onopen() {
    const { auth, io: io2, subs } = this;
    const { engine } = io2;
    const isCurrent = () => engine === io2.engine && subs === this.subs;
    const askAgain = () => {
      this._left = void 0;
      if (isCurrent()) this.onopen();
    };
    const connect = (data) => {
      if (!isCurrent() || this._busy === engine) return;
      this._busy = engine;
      this._asker = subs;
      this.packet({
        type: CONNECT,
        // Nothing, also where that is written as null: servers take no `null` for an object.
        data: this._pid ? { pid: this._pid, offset: this._lastOffset, ...data } : data || void 0
      });
    };
    if (this._left === engine) startTimer(io2.opts, askAgain, LEFT_MS);
    else if (typeof auth === "function") auth(connect);
    else connect(auth);
  }
  /** Tells the server that the socket leaves. */
  _leave() {
    this.packet({ type: DISCONNECT });
    this._left = this.io.engine;
  }
  /**
   * Whether a packet answers a CONNECT of before the socket left. The server can be told only now, since
   * it takes nothing else for a namespace while it decides; then the socket, if it is back, asks again.
   */
  _isLate({ type }) {
    if (type !== CONNECT && type !== CONNECT_ERROR) return false;
    const isLate = !!this._busy && this._asker !== this.subs;
    this._busy = void 0;
    if (isLate && type === CONNECT) this._leave();
    if (isLate && this.subs) this.onopen();
    return isLate;
  }
  /** Handles a packet of the connection. */
  onpacket(packet) {
    const { type, nsp, data } = packet;
    if (nsp !== this.nsp) return;
    if (type === CONNECT) {
      if (data?.sid) this.onconnect(data.sid, data.pid);
      else this.emitReserved("connect_error", new Error("no sid"));
    } else if (type === DISCONNECT) {
      this.ondisconnect();
    } else if (type === CONNECT_ERROR) {
      this.destroy();
      this.emitReserved("connect_error", Object.assign(new Error(data?.message ?? data), { data: data?.data }));
    } else if (type === EVENT || type === BINARY_EVENT) {
      this.onevent(packet);
    } else {
      this.onack(packet);
    }
  }
  /** An event came. Programs wrap this to see all of them, and hand in the packet more than once. */
  onevent({ id, data = [] }) {
    if (id !== void 0) data.push(this.ack(id));
    if (this.connected) this.emitEvent(data);
    else this.receiveBuffer.push(data);
  }
  /** An acknowledgement came. */
  onack({ id, data }) {
    const ack = this.acks[id];
    if (!ack) return;
    delete this.acks[id];
    ack.apply(this, ack.withError ? [null, ...data] : data);
  }
  /** The server has put the socket out. */
  ondisconnect() {
    this.destroy();
    this.onclose("io server disconnect");
  }
  /** The connection could not be made. */
  onerror(error) {
    if (!this.connected) this.emitReserved("connect_error", error);
  }
  /** The server has let the socket in. */
  onconnect(id, privateId) {
    this.id = id;
    this.recovered = !!privateId && this._pid === privateId;
    this._pid = privateId;
    this.connected = true;
    for (const args of this.receiveBuffer.splice(0)) this.emitEvent(args);
    this.emitBuffered();
    this.emitReserved("connect");
  }
  /** Sends what waited. */
  emitBuffered() {
    let packet;
    while (packet = this.sendBuffer.shift()) this.packet(packet);
  }
  /** The connection is lost, or was left. */
  onclose(reason, details) {
    this.connected = false;
    this.id = void 0;
    this.receiveBuffer = [];
    this.emitReserved("disconnect", reason, details);
    for (const id in this.acks) {
      const ack = this.acks[id];
      if (this.sendBuffer.some((packet) => String(packet.id) === id)) continue;
      delete this.acks[id];
      if (ack.withError) ack.call(this, new Error("socket has been disconnected"));
    }
  }
  /** Stops listening to the connection, which ends if nobody else does. */
  destroy() {
    this.subs?.forEach((stop) => stop());
    this.subs = void 0;
    this.receiveBuffer = [];
    this.io._destroy(this);
  }
  /** Calls who listens to an event that came. */
  emitEvent(args) {
    this.emitReserved(...args);
    const last = args[args.length - 1];
    if (this._pid && typeof last === "string") this._lastOffset = last;
  }
  /** The function that acknowledges the peer's packet, once. */
  ack(id) {
    let sent = false;
    return (...data) => {
      if (sent) return;
      sent = true;
      this.packet({ type: ACK, id, data });
    };
  }
  _expectAck(id, ack, timeout) {
    let timer;
    const settle = (...args) => {
      stopTimer(this.io.opts, timer);
      ack.apply(this, args);
    };
    settle.withError = ack.withError;
    this.acks[id] = settle;
    if (timeout === void 0) return;
    settle.withError = true;
    timer = startTimer(this.io.opts, () => {
      delete this.acks[id];
      this.sendBuffer = this.sendBuffer.filter((packet) => packet.id !== id);
      settle(new Error("operation has timed out"));
    }, timeout);
  }
};
var takeAck = (args) => typeof args[args.length - 1] === "function" ? args.pop() : void 0;

// src/manager.ts
var SETTINGS = {
  reconnection: true,
  reconnectionAttempts: Infinity,
  reconnectionDelay: 1e3,
  reconnectionDelayMax: 5e3,
  randomizationFactor: 0.5,
  timeout: 2e4
};
var defaults = { ...SETTINGS, autoConnect: true };
var Manager = class extends NamedEmitter {
  constructor(uri, options) {
    super();
    /** Sockets by namespace. */
    this.nsps = {};
    /** Those of them that want a connection. */
    this._active = /* @__PURE__ */ new Set();
    this._readyState = "closed";
    /** Whether an attempt waits or is under way. */
    this._reconnecting = false;
    /** Whether the connection stays closed; opening sets it to false. */
    this.skipReconnect = false;
    if (uri && typeof uri === "object") {
      options = uri;
      uri = void 0;
    }
    this.uri = uri;
    const opts = this.opts = { ...options };
    for (const name in defaults) opts[name] = opts[name] ?? defaults[name];
    opts.path = opts.path || "/socket.io";
    this.backoff = createBackoff(opts);
    const parser = opts.parser || { Encoder, Decoder };
    this.encoder = new parser.Encoder();
    this.decoder = new parser.Decoder(opts);
    this.decoder.on("decoded", (packet) => {
      const { engine } = this;
      nextTick(() => {
        const isCurrent = engine === this.engine && this._readyState === "open";
        if (isCurrent && !this.nsps[packet.nsp]?._isLate(packet)) this.emitReserved("packet", packet);
      });
    });
    if (opts.autoConnect) this.open();
  }
  /** Connects unless that is done or under way. `callback` learns how it went. */
  open(callback) {
    if (this._readyState !== "closed") return this;
    const engine = this.engine = new EngineSocket(this.uri, this.opts);
    const { timeout } = this.opts;
    this._setState("opening");
    this.skipReconnect = this._reconnecting = false;
    const fail = (error) => {
      this._setState("closed");
      this.emitReserved("error", error);
      if (callback) callback(error);
      else this.maybeReconnectOnOpen();
    };
    if (timeout !== false) {
      const giveUp = () => {
        fail(new Error("timeout"));
        engine.close();
      };
      this._timer = startTimer(this.opts, giveUp, timeout);
    }
    const isCurrent = () => engine === this.engine && this._readyState !== "closed";
    const on = (event, listener) => engine.on(event, (...args) => isCurrent() && listener(...args));
    on("open", () => {
      this._setState("open");
      this.emitReserved("open");
      callback?.();
    });
    on(
      "error",
      (error) => this._readyState === "opening" ? fail(error) : this.emitReserved("error", error)
    );
    on("ping", () => this.emitReserved("ping"));
    on("data", (data) => {
      try {
        this.decoder.add(data);
      } catch (error) {
        engine._onClose("parse error", error);
      }
    });
    engine.on("close", (...args) => nextTick(() => isCurrent() && this.onclose(...args)));
    return this;
  }
  /** The socket of a namespace, made (and connected) if there is none. */
  socket(nsp, options) {
    const socket = this.nsps[nsp] || new Socket(this, nsp, options);
    if (this.opts.autoConnect && !socket.subs) socket.connect();
    return socket;
  }
  /** A socket has become inactive: without any other the connection ends. */
  _destroy(socket) {
    this._active.delete(socket);
    if (!this._active.size) this._close();
  }
  /** Sends a packet. */
  _packet(packet) {
    for (const message of this.encoder.encode(packet)) this.engine.send(message, packet.options);
  }
  /** Closes the connection and stays closed. */
  _close() {
    this.skipReconnect = true;
    this.onclose("forced close");
  }
  _setState(state) {
    stopTimer(this.opts, this._timer);
    this._readyState = state;
  }
  /** The connection is lost, or given up. */
  onclose(reason, details) {
    this._setState("closed");
    this._reconnecting = false;
    this.engine?.close();
    this.decoder.destroy();
    this.backoff.reset();
    this.emitReserved("close", reason, details);
    this.maybeReconnectOnOpen();
  }
  /** Reconnects if the option says so. */
  maybeReconnectOnOpen() {
    if (this.opts.reconnection) this.reconnect();
  }
  /** Connects after the next delay, and goes on trying; unless that is done, or `skipReconnect`. */
  reconnect() {
    const { backoff, opts } = this;
    if (!this._reconnecting && !this.skipReconnect && this._readyState === "closed") {
      if (backoff.attempts >= (opts.reconnectionAttempts || Infinity)) {
        backoff.reset();
        this.emitReserved("reconnect_failed");
      } else {
        this._timer = startTimer(opts, () => this._attempt(), backoff.duration());
        this._reconnecting = true;
      }
    }
    return this;
  }
  /** Reconnects now. */
  _attempt() {
    const { backoff } = this;
    if (!this.skipReconnect) this.emitReserved("reconnect_attempt", backoff.attempts);
    this._reconnecting = false;
    if (this.skipReconnect || this._readyState !== "closed") return;
    this.open((error) => {
      this._reconnecting = false;
      if (error) {
        this.reconnect();
        this.emitReserved("reconnect_error", error);
      } else {
        const { attempts } = backoff;
        backoff.reset();
        this.emitReserved("reconnect", attempts);
      }
    });
    this._reconnecting = true;
  }
};
if (ALIASES) {
  const { prototype } = Manager;
  prototype.connect = prototype.open;
  for (const name in SETTINGS) {
    prototype[name] = function(value) {
      if (value === void 0) return this.opts[name];
      this.opts[name] = value;
      if (name === "reconnection" && !value) this.skipReconnect = true;
      return this;
    };
  }
}

// src/features/page.ts
var PROBE = "/?";
var PROBE_MS = 5e3;
var watches = /* @__PURE__ */ new WeakMap();
var probes = /* @__PURE__ */ new WeakMap();
function unwatch(manager) {
  if (manager._readyState === "closed" && !manager._reconnecting) watches.get(manager)?.abort();
}
function watch(manager) {
  const { engine, opts } = manager;
  watches.get(manager)?.abort();
  const controller = new AbortController();
  watches.set(manager, controller);
  const on = (event, listener) => globalThis.addEventListener?.(event, listener, { signal: controller.signal });
  on(
    "offline",
    () => engine._onClose("transport close", { description: "network connection lost" })
  );
  if (opts.closeOnBeforeunload) on("beforeunload", () => engine.transport.off().close());
  for (const event of ["online", "pageshow", "visibilitychange"]) on(event, () => wake(manager));
  engine.on("data", (text) => {
    if (String(text).startsWith(`${CONNECT}${PROBE}`)) {
      manager._packet({ type: DISCONNECT, nsp: PROBE });
    }
  });
}
function wake(manager) {
  if (globalThis.document?.hidden) return;
  const { engine } = manager;
  if (manager._reconnecting && manager._readyState === "closed") {
    stopTimer(manager.opts, manager._timer);
    manager._attempt();
  }
  if (manager._readyState !== "open" || probes.get(engine) || engine._hasPingExpired()) return;
  const timer = startTimer(manager.opts, () => engine._onClose("ping timeout"), PROBE_MS);
  probes.set(engine, timer);
  const end = () => {
    stopTimer(manager.opts, timer);
    probes.delete(engine);
  };
  engine.once("heartbeat", end).once("close", end);
  manager._packet({ type: CONNECT, nsp: PROBE });
}

// src/request.ts
var REQUEST_MS = 1e4;
function request2(socket, ...args) {
  return new Promise((resolve, reject) => {
    const { flags, _opts } = socket;
    const answered = (error, ...answer) => {
      error = error || remoteErrorOf(answer);
      error ? reject(error) : resolve(answer[0]);
    };
    try {
      socket.timeout(flags.timeout ?? _opts.ackTimeout ?? REQUEST_MS).emit(...args, answered);
    } finally {
      if (socket.flags === flags) socket.flags = {};
    }
  });
}

// src/features/catch-all.ts
function callAll(listeners, socket, args) {
  for (const listener of listeners) {
    try {
      listener.apply(socket, args);
    } catch (error) {
      report(error);
    }
  }
}
function without(listeners, listener) {
  const left = listeners.indexOf(listener);
  return listener ? listeners.filter((_, at) => at !== left) : [];
}

// src/features/retries.ts
function enqueue(socket, args, flags) {
  const ack = takeAck(args);
  let tries = 0;
  const answered = (error, ...answer) => {
    if (send !== socket._queue[0]) return;
    socket._trying = false;
    if (!error || tries > socket._opts.retries) {
      socket._queue.shift();
      ack?.(error, ...answer);
    }
    sendQueued(socket);
  };
  answered.withError = true;
  const send = () => {
    tries++;
    socket.flags = { ...flags, fromQueue: true };
    socket.emit(...args, answered);
  };
  socket._queue.push(send);
  sendQueued(socket);
}
function sendQueued(socket) {
  if (!socket.connected || socket._trying || !socket._queue[0]) return;
  socket._trying = true;
  socket._queue[0]();
}

// src/features/socket.ts
var EARLY_EVENTS_MAX = 1e5;
var Socket2 = class extends Socket {
  constructor() {
    super(...arguments);
    this._anyListeners = [];
    this._anyOutgoingListeners = [];
    /** Packets of the option `retries`, as functions that send them; the first one is under way. */
    this._queue = [];
    /** Whether the first one was sent on this connection. */
    this._trying = false;
  }
  emit(event, ...args) {
    const { flags } = this;
    if (!this._opts.retries || flags.fromQueue || flags.volatile) return super.emit(event, ...args);
    this.flags = {};
    enqueue(this, [event, ...args], flags);
    return this;
  }
  /**
   * Sends an event and resolves with the first value of its acknowledgement, as `emitWithAck`; but
   * rejects with a `RemoteError` where that is an error. And it always ends: without `timeout()`
   * or the option `ackTimeout` it rejects when there is no answer within 10 seconds, the time that it
   * waits for a connection included.
   */
  request(event, ...args) {
    return request2(this, event, ...args);
  }
  /** The next packet's acknowledgement must come within `ms` milliseconds. */
  timeout(ms) {
    return super.timeout(ms);
  }
  packet(packet) {
    const { id, type, data } = packet;
    if (type === EVENT) callAll(this._anyOutgoingListeners, this, data);
    try {
      super.packet(packet);
    } catch (error) {
      const ack = type === EVENT ? this.acks[id] : void 0;
      if (ack) delete this.acks[id];
      if (!ack?.withError) throw error;
      ack.call(this, error);
    }
  }
  onpacket(packet) {
    super.onpacket(packet);
    if (this.receiveBuffer.length <= EARLY_EVENTS_MAX) return;
    this.receiveBuffer = [];
    this.io.engine._onClose("transport error", new Error("too many events before CONNECT"));
  }
  emitEvent(args) {
    callAll(this._anyListeners, this, args);
    super.emitEvent(args);
  }
  onconnect(id, privateId) {
    super.onconnect(id, privateId);
    this._trying = false;
    sendQueued(this);
  }
  // What was emitted before the limit was known must not keep the rest back.
  emitBuffered() {
    while (this.sendBuffer.length) {
      try {
        super.emitBuffered();
      } catch (error) {
        report(error);
      }
    }
  }
  /** Calls `listener` with name and arguments of every event that arrives. */
  onAny(listener) {
    this._anyListeners = [...this._anyListeners, listener];
    return this;
  }
  /** As `onAny`, but before those that are there. */
  prependAny(listener) {
    this._anyListeners = [listener, ...this._anyListeners];
    return this;
  }
  /** Removes a catch-all listener of `onAny`, or all of them. */
  offAny(listener) {
    this._anyListeners = without(this._anyListeners, listener);
    return this;
  }
  /** The catch-all listeners of `onAny`. */
  listenersAny() {
    return this._anyListeners;
  }
  /** Calls `listener` with name and arguments of every event that is sent; not for acknowledgements. */
  onAnyOutgoing(listener) {
    this._anyOutgoingListeners = [...this._anyOutgoingListeners, listener];
    return this;
  }
  /** As `onAnyOutgoing`, but before those that are there. */
  prependAnyOutgoing(listener) {
    this._anyOutgoingListeners = [listener, ...this._anyOutgoingListeners];
    return this;
  }
  /** Removes a catch-all listener of `onAnyOutgoing`, or all of them. */
  offAnyOutgoing(listener) {
    this._anyOutgoingListeners = without(this._anyOutgoingListeners, listener);
    return this;
  }
  /** The catch-all listeners of `onAnyOutgoing`. */
  listenersAnyOutgoing() {
    return this._anyOutgoingListeners;
  }
};

// src/features/manager.ts
var Manager2 = class extends Manager {
  constructor(uri, options) {
    super(uri, options);
    Object.assign(this, timerFunctions);
    for (const name of [...Object.keys(SETTINGS), "autoConnect"]) {
      Object.defineProperty(this, "_" + name, {
        get: () => this.opts[name],
        set: (value) => this.opts[name] = value
      });
    }
  }
  socket(nsp, options) {
    this.nsps[nsp] ||= new Socket2(this, nsp, options);
    return super.socket(nsp);
  }
  _packet(packet) {
    const { engine } = this;
    const messages = this.encoder.encode(packet);
    checkSizes(messages, engine);
    for (const message of messages) engine.send(message, packet.options);
  }
  open(callback) {
    const { engine } = this;
    const settled = (error) => {
      try {
        callback(error);
      } finally {
        unwatch(this);
      }
    };
    super.open(callback && settled);
    if (engine !== this.engine) watch(this);
    return this;
  }
  connect(callback) {
    return this.open(callback);
  }
  maybeReconnectOnOpen() {
    super.maybeReconnectOnOpen();
    unwatch(this);
  }
  reconnect() {
    super.reconnect();
    unwatch(this);
    return this;
  }
  _attempt() {
    super._attempt();
    unwatch(this);
  }
  /** Same as `_close`. */
  disconnect() {
    this._close();
  }
};

// src/io.ts
var classes = { Manager };
var cache = {};
function lookup(uri, options) {
  if (uri && typeof uri === "object") {
    options = uri;
    uri = void 0;
  }
  const { _source: source, id, path, query } = url(uri, options?.path || "/socket.io");
  const opts = { query, ...options };
  const own = opts.forceNew || opts["force new connection"] || opts.multiplex === false || cache[id]?.nsps[path];
  const managers = own ? {} : cache;
  return (managers[id] = managers[id] || new classes.Manager(source, opts)).socket(path, opts);
}

// src/index.ts
classes.Manager = Manager2;
var lookup2 = lookup;
var io = Object.assign(lookup2, {
  ...engine_exports,
  ...{ Manager: Manager2, Socket: Socket2, PayloadTooLarge, RemoteError, isErrorAnswer },
  ...{ protocol, nextTick, io: lookup2, connect: lookup2 }
});
var index_default = io;
export {
  Polling as Fetch,
  Manager2 as Manager,
  WebSocketTransport as NodeWebSocket,
  Polling as NodeXHR,
  PayloadTooLarge,
  RemoteError,
  Socket2 as Socket,
  WebSocketTransport as WebSocket,
  WebTransportTransport as WebTransport,
  Polling as XHR,
  lookup2 as connect,
  index_default as default,
  io,
  isErrorAnswer,
  nextTick,
  protocol
};
//# sourceMappingURL=index.mjs.map
