/* sockeye-client 0.1.0, MIT OR Apache-2.0 */

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
  const message = "no WebSocket in this Node: update to Node 22 or install the package `ws`";
  if (!warned) console.warn(`sockeye-client: ${message}`);
  warned = true;
  return new Error(message);
}

// src/engine/packet.ts
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

// src/url.ts
var CHARACTERS_MAX = 8e3;
var NOBODY = "x.invalid";
function url(uri, pathOption = "", page = globalThis.location) {
  let source = uri || "/";
  if (source.length > CHARACTERS_MAX) throw new Error("URI too long");
  if (/^\/(?!\/)/.test(source)) {
    source = (page ? page.host || NOBODY : "http://localhost") + source;
  }
  if (!/^(http|ws)s?:\/\//.test(source)) {
    source = (page && page.protocol !== "https:" ? "http:" : "https:") + source.replace(/^(\/\/)?/, "//");
  }
  const { protocol, hostname, port: explicitPort, search: query } = true ? partsOf(source) : new URL(source);
  const secure = /[ps]s:/.test(protocol);
  const port = explicitPort || (secure ? "443" : "80");
  return {
    source,
    target: { hostname, port, secure },
    // `URL` would percent-encode it, and a namespace must arrive as it was written.
    path: /\/\/[^/?#]*([^?#]*)/.exec(source)[1] || "/",
    query,
    id: protocol + hostname + ":" + port + pathOption
  };
}
var PARTS = /^(https?:|wss?:)\/\/(?:[^@/?#]*@)?(\[[^\]]+]|[^\s:@/?#[\]\\]+)(?::(\d*))?(?:\/[^?#]*)?(\?[^#]+)?\??(?:#[^]*)?$/;
var PORT_MAX = 65535;
function partsOf(source) {
  const [, protocol, host, port = "", search = ""] = PARTS.exec(source) || [];
  if (!host || +port > PORT_MAX) throw new Error("invalid address");
  return { protocol, hostname: host.toLowerCase(), port, search };
}
function bracketed(hostname) {
  return /^[^[]*:.*:/.test(hostname) ? `[${hostname}]` : hostname;
}

// src/engine/transport.ts
var Transport = class extends Emitter {
  constructor(opts) {
    super();
    this.opts = opts;
    /** Whether `send` may be called now. */
    this.writable = false;
    this.readyState = "opening";
    this.query = opts.query;
  }
  close() {
    if (this.isClosed()) return;
    this.readyState = "closed";
    this.doClose();
  }
  async send(packets) {
    this.writable = false;
    try {
      await this.write(packets);
    } catch (error) {
      if (this.isClosed()) return;
      this.onError(this.name + " error", error);
      this.doClose();
    }
  }
  isClosed() {
    return this.readyState === "closed";
  }
  onOpen() {
    this.readyState = "open";
    this.onDrain("open");
  }
  onDrain(event = "drain") {
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
    this.polling = false;
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
  resume() {
    this._onPause = void 0;
    if (!this.polling) this.open();
  }
  /** One GET after the other, until the session ends or pauses. */
  async open() {
    this.polling = true;
    const payload = await this._request("xhr poll error");
    if (payload === void 0) return;
    if (this.isClosed()) {
      this.query.sid = /"sid":"([^"]*)/.exec(payload)?.[1];
      return this.doClose();
    }
    for (const part of payload.split(SEPARATOR)) {
      if (part[0] === "0" && this.readyState === "opening") this.onOpen();
      if (part[0] === "1") {
        this._abort.abort();
        this.onClose({ description: "transport closed by the server" });
      }
      if (this.isClosed()) return;
      this.onData(part);
    }
    this.polling = false;
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
    this.onDrain();
    this._pauseIfIdle();
  }
  _pauseIfIdle() {
    if (!this.polling && this.writable) this._onPause?.();
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
      if (engine.readyState !== "closed") current.resume();
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
      engine.switchTo(transport);
    });
  });
  transport.open();
}

// src/engine/socket.ts
var ENGINE_PROTOCOL = 4;
var transports = {};
var UNREAD_BYTES_MAX = 1024 * 1024;
var DEFAULTS = {
  addTrailingSlash: true,
  closeOnBeforeunload: false,
  rememberUpgrade: false,
  timestampParam: "t",
  transportOptions: {},
  upgrade: true,
  withCredentials: false
};
var websocketWorked = false;
var EngineSocket = class extends Emitter {
  constructor(uri, options = {}) {
    super();
    this.readyState = "closed";
    /** Packets that no transport has confirmed to have passed on. */
    this.writeBuffer = [];
    /** Form of received binary messages. */
    this.binaryType = defaultBinaryType;
    /** Whether another transport is taking over; nothing is sent meanwhile. */
    this.upgrading = false;
    /** When the server counts as lost, in milliseconds as `Date.now()`; 0 when that was noticed. */
    this._pingTimeoutTime = Infinity;
    /** Classes of the transports by name. The core has those that it was built with. */
    this._classes = true ? { ...transports } : transports;
    /** How many of the first packets of `writeBuffer` the transport has. */
    this._inFlight = 0;
    this._pingMs = 0;
    if (true) uri ||= addressOf(options);
    const { target, query } = url(uri);
    const path = options.path.replace(/\/?$/, options.addTrailingSlash === false ? "" : "/");
    this.opts = { ...target, ...options, ...uri && target, path, query: query || options.query };
    if (true) for (const name in DEFAULTS) this.opts[name] ??= DEFAULTS[name];
    this.transports = (this.opts.transports || Object.keys(transports)).map((item) => {
      if (typeof item === "string") return item;
      const { name } = item.prototype;
      this._classes[name] = item;
      return name;
    }).filter((name) => this._classes[name]);
    this._open();
  }
  /** Sends a message. */
  send(data, options) {
    this._sendPacket("message", data, options);
    return this;
  }
  /** Ends the session when everything has been sent and no upgrade is under way. */
  close() {
    if (!this._isActive()) return this;
    this.readyState = "closing";
    const close = () => {
      if (!this.upgrading) return this._onClose("forced close");
      this.once("upgrade", close);
      this.once("upgradeError", close);
    };
    if (this.writeBuffer.length) this.once("drain", close);
    else close();
    return this;
  }
  /** Whether the heartbeat deadline has passed, though its timer may have been held up. */
  _hasPingExpired() {
    if (!this._pingTimeoutTime) return true;
    const expired = Date.now() > this._pingTimeoutTime;
    if (expired) {
      this._pingTimeoutTime = 0;
      nextTick(() => this._onClose("ping timeout"));
    }
    return expired;
  }
  /** A transport of this session that is not open yet. */
  createTransport(name) {
    const query = {
      ...parseQuery(this.opts.query),
      EIO: ENGINE_PROTOCOL,
      transport: name
    };
    if (this.id) query.sid = this.id;
    return new this._classes[name]({
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
      this.writeBuffer.splice(0, this._inFlight);
      this._inFlight = 0;
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
  switchTo(transport) {
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
    if (!transport.writable || this.upgrading || !writeBuffer.length) return;
    this._inFlight = writeBuffer.length;
    transport.send([...writeBuffer]);
    this.emitReserved("flush");
  }
  /** Opening or open. */
  _isActive() {
    return /^open/.test(this.readyState);
  }
  _open() {
    this.readyState = "opening";
    if (!this.transports.length) {
      nextTick(() => this._onError(new Error("No transports available")));
      return;
    }
    const remembered = this.opts.rememberUpgrade && websocketWorked && this.transports.includes("websocket");
    const transport = this.createTransport(remembered ? "websocket" : this.transports[0]);
    this.setTransport(transport);
    const { openTimeout, tryAllTransports } = this.opts;
    if (tryAllTransports && openTimeout && this.transports.length > 1) {
      const giveUp = () => {
        if (this.readyState !== "opening" || this.transport !== transport) return;
        transport.off().close();
        this._onError(new Error("timeout"));
      };
      const timer = startTimer(this.opts, giveUp, openTimeout);
      const stop = () => stopTimer(this.opts, timer);
      this.once("open", stop).once("close", stop);
    }
    nextTick(() => {
      if (this.readyState !== "closed") transport.open();
    });
  }
  _onPacket(packet) {
    if (this.readyState === "closed") return;
    const { type, data } = packet;
    this.emitReserved("packet", packet);
    this.emitReserved("heartbeat");
    if (type === "open") {
      if (this.readyState === "opening") this._onHandshake(data);
    } else if (type === "ping") {
      this._sendPacket("pong");
      this.emitReserved("ping");
      this.emitReserved("pong");
      this._resetPingTimer();
    } else if (type === "message") {
      this.emitReserved("data", data);
      this.emitReserved("message", data);
    } else if (type === "error") {
      this._onError(Object.assign(new Error("server error"), { code: data }));
    }
  }
  _onHandshake(text) {
    const handshake = JSON.parse(text);
    this.id = this.transport.query.sid = handshake.sid;
    this._pingMs = handshake.pingInterval + handshake.pingTimeout;
    this._maxPayload = handshake.maxPayload;
    if (true) this._handshake = handshake;
    const { name } = this.transport;
    this.readyState = "open";
    websocketWorked = name === "websocket";
    this._resetPingTimer();
    this.emitReserved("handshake", handshake);
    this.emitReserved("open");
    this.flush();
    if (true) {
      const names = this.transports.filter(
        (other) => other !== name && handshake.upgrades?.includes?.(other)
      );
      if (this.opts.upgrade !== false && this.transport.pause) probeAll(this, names);
      return;
    }
    for (const other of this.transports) {
      const mayUpgrade = this.readyState === "open" && this.opts.upgrade !== false;
      if (mayUpgrade && other !== name && handshake.upgrades?.includes?.(other)) {
        probe(this, other);
      }
    }
  }
  _resetPingTimer() {
    stopTimer(this.opts, this._pingTimer);
    this._pingTimeoutTime = Date.now() + this._pingMs;
    this._pingTimer = startTimer(this.opts, () => this._onClose("ping timeout"), this._pingMs);
  }
  _sendPacket(type, data, options) {
    if (!this._isActive()) return;
    if (type === "pong" && isFlooded(this, this._inFlight)) return;
    const packet = { type, data, options };
    this.emitReserved("packetCreate", packet);
    this.writeBuffer.push(packet);
    this.flush();
  }
  _onError(error) {
    websocketWorked = false;
    if (this.opts.tryAllTransports && this.readyState === "opening" && this.transports.length > 1) {
      this.transports = this.transports.filter((name) => name !== this.transport.name);
      return this._open();
    }
    this.emitReserved("error", error);
    this._onClose("transport error", error);
  }
  /** Ends the session at once. */
  _onClose(reason, details) {
    if (this.readyState === "closed") return;
    stopTimer(this.opts, this._pingTimer);
    this.readyState = "closed";
    this.transport?.off().close();
    this.id = void 0;
    this.emitReserved("close", reason, details);
    this.writeBuffer = [];
    this._inFlight = 0;
  }
};
function addressOf({ hostname, host, port, secure }) {
  const name = hostname || host;
  if (!name) return void 0;
  secure ??= globalThis.location?.protocol === "https:";
  const authority = port ? bracketed(name).replace(/(:\d*)?$/, `:${port}`) : bracketed(name);
  return `http${secure ? "s" : ""}://${authority}`;
}
function isFlooded({ writeBuffer, transport }, inFlight) {
  const last = writeBuffer.length > inFlight && writeBuffer[writeBuffer.length - 1];
  return last && last.type === "pong" || transport.ws?.bufferedAmount > UNREAD_BYTES_MAX;
}

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
      if (this.isClosed()) return;
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
    nextTick(() => this.onDrain());
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
      await this._writeFrame({ type: "open", data: sid && JSON.stringify({ sid }) });
      if (this.isClosed()) return;
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
      if (!this.isClosed()) this.onDrain();
    });
  }
  /** Reports the end once. */
  _end(report2) {
    if (this.isClosed()) return;
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
        if (this.isClosed()) return;
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
var { prototype } = EngineSocket;
var define = (name, get) => Object.defineProperty(prototype, name, { get, configurable: true });
define("hostname", function() {
  return this.opts.hostname.replace(/[[\]]/g, "");
});
define("port", function() {
  return String(this.opts.port);
});
define("secure", function() {
  return !!this.opts.secure;
});
prototype.write = prototype.send;
prototype._filterUpgrades = function(upgrades) {
  return upgrades.filter((name) => this.transports.includes(name));
};
Transport.prototype.doOpen = function() {
  this.open();
};

// src/engine.ts
var Socket = class extends EngineSocket {
  constructor(uri, options = {}) {
    if (uri && typeof uri === "object") {
      options = uri;
      uri = void 0;
    }
    super(uri || void 0, { path: "/engine.io", ...options });
  }
  /** Connects again after a close, with the same options. */
  open() {
    super._open();
  }
  _open() {
    this.open();
  }
};
export {
  Polling as Fetch,
  WebSocketTransport as NodeWebSocket,
  Polling as NodeXHR,
  Socket,
  Transport,
  WebSocketTransport as WebSocket,
  WebTransportTransport as WebTransport,
  Polling as XHR,
  nextTick,
  ENGINE_PROTOCOL as protocol,
  transports
};
//# sourceMappingURL=engine.mjs.map
