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

// src/core.ts
var core_exports = {};
__export(core_exports, {
  Manager: () => Manager,
  Socket: () => Socket,
  connect: () => lookup,
  default: () => core_default,
  io: () => io,
  protocol: () => protocol
});
module.exports = __toCommonJS(core_exports);

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

// src/named-emitter.ts
var ALIASES = !0, NamedEmitter = class extends Emitter {
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

// src/platform.ts
var defaultBinaryType = "arraybuffer";
async function request(url2, body, options, signal) {
  let response = await fetch(url2, {
    method: body && "POST",
    body,
    headers: options.extraHeaders,
    credentials: options.withCredentials ? "include" : void 0,
    signal
  }), responseText = await response.text();
  return { status: response.status, responseText };
}
var RECEIVED_BYTES_MAX = 64 * 1024 * 1024;
function openWebSocket(url2, options) {
  return new WebSocket(url2, options.protocols || []);
}
function encodeBase64(data) {
  return btoa(data.reduce((text, byte) => text + String.fromCharCode(byte), ""));
}
function decodeBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;
}
function toBinaryType(data, type) {
  return type === "blob" ? new Blob([data]) : data;
}
var nativeSetTimeout = !1, nativeClearTimeout = !1, startTimer = (options, callback, ms) => (nativeSetTimeout && options.useNativeTimers && nativeSetTimeout || setTimeout)(
  callback,
  ms
), stopTimer = (options, timer) => (nativeClearTimeout && options.useNativeTimers && nativeClearTimeout || clearTimeout)(timer);

// src/query.ts
function parseQuery(query = {}) {
  return typeof query == "object" ? { ...query } : Object.fromEntries(new URLSearchParams(query.replace(/\+/g, "%2B")));
}
function formatQuery(parameters) {
  return String(new URLSearchParams(parameters));
}
var decode = (text) => text.replace(/(%[\da-f]{2})+/gi, decodeURIComponent), encode = (value) => encodeURIComponent(String(value).replace(/[\ud800-\udfff]/gu, "�"));

// src/engine/packet.ts
var ENGINE_PROTOCOL = 4, TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"], SEPARATOR = "";
function isBinary(value) {
  return isBuffer(value) || ArrayBuffer.isView(value) || isBlob(value);
}
var isBuffer = (value) => value instanceof ArrayBuffer, isBlob = (value) => value instanceof Blob;
async function readBytes(data) {
  return bytesOf(isBlob(data) ? await readBlob(data) : data);
}
var readBlob = (blob) => blob.arrayBuffer();
function bytesOf(data) {
  let { buffer = data, byteOffset, byteLength: byteLength2 } = data;
  return new Uint8Array(buffer, byteOffset, byteLength2);
}
function byteLength(text) {
  return new TextEncoder().encode(text).length;
}
function encodePacket({ type, data }) {
  return isBinary(data) ? data : TYPES.indexOf(type) + (data ?? "");
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
function probe(engine, name) {
  let transport = engine.createTransport(name), current, fail = (cause) => {
    engine.off("close", fail), transport.off().close(), current && (engine.upgrading = !1, engine.readyState !== "closed" && current._resume());
    let error = new Error("probe error");
    engine.emitReserved("upgradeError", Object.assign(error, { transport: name, cause })), engine.flush();
  };
  engine.on("close", fail), transport.on("open", () => transport.send([{ type: "ping", data: "probe" }])).on("error", fail).on("close", fail).on("packet", (packet) => {
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
    this._transportsByName = transports;
    /** How many of the first packets of `writeBuffer` the transport has. */
    this._prevBufferLen = 0;
  }
  /** Opens the first of the transports. */
  _open() {
    let { opts } = this;
    this.readyState = "opening";
    let names = this.transports = this.transports || (opts.transports || Object.keys(transports)).map((item) => item).filter((name) => this._transportsByName[name]), remembered = opts.rememberUpgrade && websocketWorked && names.includes("websocket"), transport = this.createTransport(remembered ? "websocket" : names[0]);
    this.setTransport(transport);
    let { openTimeout, tryAllTransports } = opts;
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
    if (!this._isActive()) return;
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
    if (query.sid = handshake.sid, this._maxPayload = handshake.maxPayload, websocketWorked = name === "websocket", this._begin(handshake), this.emitReserved("handshake", handshake), this.emitReserved("open"), this.flush(), this.opts.upgrade === !1) return;
    let names = this.transports.filter((other) => other !== name && handshake.upgrades?.includes?.(other));
    for (let other of names)
      this.readyState === "open" && probe(this, other);
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

// src/url.ts
var NOBODY = "x.invalid";
function url(uri, pathOption = "", page = globalThis.location) {
  let source = uri || "/";
  source = source.replace(/^\/(?!\/)/, (page ? page.host || NOBODY : "http://localhost") + "/").replace(/^(?!(http|ws)s?:\/\/)(\/\/)?/, (page && page.protocol !== "https:" ? "http:" : "https:") + "//");
  let { protocol: protocol2, hostname, port: explicitPort, search: query } = new URL(source), secure = /[ps]s:/.test(protocol2), port = explicitPort || (secure ? "443" : "80");
  return {
    _source: source,
    _target: { hostname, port, secure },
    // `URL` would percent-encode it, and a namespace must arrive as it was written.
    path: /\/\/[^/?#]*([^?#]*)/.exec(source)[1] || "/",
    query,
    id: protocol2 + hostname + ":" + port + pathOption
  };
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
    let search = formatQuery(query);
    return scheme + hostname + ":" + port + path + "?" + search;
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
    let ws;
    try {
      this.ws = ws = openWebSocket(this.uri(), this.opts);
    } catch (error) {
      return this.onError("websocket error", error);
    }
    ws.binaryType = "arraybuffer", ws.onopen = () => this.onOpen(), ws.onmessage = (event) => this.onData(event.data), ws.onclose = (context) => this.onClose({ description: "websocket connection closed", context }), ws.onerror = (event) => this.onError("websocket error", event, void 0);
  }
  doClose() {
    this.ws?.close();
  }
  async write(packets) {
    for (let packet of packets) {
      let data = this.opts.forceBase64 ? await encodeAsText(packet) : encodePacket(packet);
      this.ws.send(data);
    }
    nextTick(() => this._onDrain());
  }
};

// src/backoff.ts
function backoffMs(attempt, options, factor) {
  let delay = (options.reconnectionDelay || 1e3) * 2 ** Math.min(attempt, 31) * (1 + options.randomizationFactor * (2 * Math.random() - 1));
  return Math.min(delay, options.reconnectionDelayMax || 5e3, 2147483647) | 0;
}
var createBackoff = (options) => ({
  attempts: 0,
  duration() {
    return backoffMs(this.attempts++, options);
  },
  reset() {
    this.attempts = 0;
  }
});

// src/engine/socket.ts
var EngineSocket = class extends Carrier {
  constructor(uri, options = {}) {
    super();
    /** Form of received binary messages. */
    this.binaryType = defaultBinaryType;
    let { _target: target, query } = url(uri), path = options.path.replace(/\/?$/, options.addTrailingSlash === !1 ? "" : "/");
    this.opts = { ...target, ...options, ...uri && target, path, query: query || options.query }, this._open();
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

// src/parser/binary.ts
function takeAttachments(data, attachments) {
  return JSON.stringify(data, function(key, value) {
    let original = this[key], binary = isBinary(original) ? original : value;
    return isBinary(binary) ? { _placeholder: !0, num: attachments.push(binary) - 1 } : value;
  });
}
function fillPlaceholders(value, attachments) {
  let data = value;
  if (!data || typeof data != "object") return data;
  if (data._placeholder === !0) {
    let attachment = typeof data.num == "number" && attachments[data.num];
    if (!attachment) throw new Error("invalid packet");
    return attachment;
  }
  for (let key in data) data[key] = fillPlaceholders(data[key], attachments);
  return data;
}

// src/parser/packet.ts
var protocol = 5, CONNECT = 0, DISCONNECT = 1, EVENT = 2, ACK = 3, CONNECT_ERROR = 4, BINARY_EVENT = 5;
var RESERVED_EVENTS = /^(connect(_error)?|disconnect(ing)?|newListener|removeListener)$/, ATTACHMENTS_MAX = 10, Encoder = class {
  encode({ type, nsp, data, id }) {
    let attachments = [], json = type === EVENT || type === ACK ? takeAttachments(data, attachments) : JSON.stringify(data), count = attachments.length;
    return [(count ? type + 3 + (count + "-") : type) + (nsp === "/" ? "" : nsp + ",") + (id ?? "") + (json ?? ""), ...attachments];
  }
}, PARTS = /^(?:([0-4])|([56])(\d+)-)(?:(\/[^,]*),?)?(\d*)([^]*)$/, Decoder = class extends NamedEmitter {
  constructor(options) {
    super();
    this._missing = 0;
    this._attachments = [];
    this._attachmentsMax = options?.maxAttachments ?? ATTACHMENTS_MAX;
  }
  /** Takes the next message of the connection. */
  add(message) {
    let packet = this._waiting;
    if (packet && isBinary(message))
      this._attachments.push(message);
    else {
      let isFirst = !packet && typeof message == "string";
      this._waiting = packet = isFirst ? this._parse(message) : void 0;
    }
    if (!packet) throw new Error("invalid packet");
    this._attachments.length < this._missing || (this._missing && (packet.data = fillPlaceholders(packet.data, this._attachments)), this.destroy(), this.emitReserved("decoded", packet));
  }
  /** Forgets an incomplete packet. */
  destroy() {
    this._waiting = void 0, this._attachments = [];
  }
  /** The packet that a text is or begins; undefined if it is none. */
  _parse(text) {
    let [, plain, binary, count = 0, nsp = "/", id, json] = PARTS.exec(text) || [], type = binary ? +binary - 3 : +plain, data = json ? JSON.parse(json) : void 0, packet = { type, nsp, data };
    return id && (packet.id = +id), this._missing = +count, (!binary || this._missing && this._missing <= this._attachmentsMax) && isValid(type, data) ? packet : void 0;
  }
};
function isValid(type, data) {
  if (type !== EVENT && type !== ACK) return type < BINARY_EVENT;
  let isList = Array.isArray(data);
  return type === ACK || !isList ? isList : /string|number/.test(typeof data[0]) && !RESERVED_EVENTS.test(data[0]);
}

// src/socket.ts
var LEFT_MS = 100, Socket = class extends NamedEmitter {
  constructor(io2, nsp, options) {
    super();
    this.connected = !1;
    /** Whether the server restored the state from before the last disconnection. */
    this.recovered = !1;
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
    this.io = io2, this.nsp = nsp, io2.nsps[nsp] = io2.nsps[nsp] || this, this._opts = options = { ...options }, this.auth = options.auth, io2.opts.autoConnect && this.connect();
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
    let { io: io2, subs } = this;
    return this.subEvents(), io2._reconnecting || io2.open(), !subs && io2._readyState === "open" && this.onopen(), this;
  }
  /** Same as `connect`. */
  open() {
    return this.connect();
  }
  /** Listens to the connection. */
  subEvents() {
    if (this.subs) return;
    let { io: io2 } = this, subs = this.subs = ["open", "packet", "error", "close"].map((event) => {
      let handle = this["on" + event], listener = (...args) => {
        subs === this.subs && handle.apply(this, args);
      };
      return io2.on(event, listener), () => io2.off(event, listener);
    });
    io2._active.add(this);
  }
  /** Disconnects and stays disconnected until `connect()`. */
  disconnect() {
    let { connected } = this;
    return connected && this._leave(), this.destroy(), connected && this.onclose("io client disconnect"), this;
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
    let { flags } = this;
    this.flags = {};
    let data = [event, ...args], packet = { type: EVENT, data }, ack = takeAck(data);
    ack && (packet.id = this.ids++, this._expectAck(packet.id, ack, flags.timeout ?? this._opts.ackTimeout));
    let { engine } = this.io, isOpen = this.connected && engine.readyState === "open";
    return flags.volatile && !(isOpen && engine.transport.writable) ? this : (isOpen && !engine._hasPingExpired() ? this.packet(packet) : this.sendBuffer.push(packet), this);
  }
  /**
   * Sends an event and resolves with the first value of its acknowledgement. Rejects when the
   * timeout passes or the connection is lost after sending; without `timeout()` it may wait for ever.
   */
  emitWithAck(event, ...args) {
    return new Promise((resolve, reject) => {
      let ack = (error, value) => error ? reject(error) : resolve(value);
      ack.withError = !0, this.emit(event, ...args, ack);
    });
  }
  /** Whether the next packet may be compressed. Default true. */
  compress(compress) {
    return this.flags.compress = compress, this;
  }
  /** The next packet is dropped if it cannot be sent at once. */
  get volatile() {
    return this.flags.volatile = !0, this;
  }
  /** The next packet's acknowledgement must come within `ms` milliseconds. */
  timeout(ms) {
    return this.flags.timeout = ms, this;
  }
  /** Sends a packet of this namespace. */
  packet(packet) {
    this.io._packet({ ...packet, nsp: this.nsp });
  }
  /** The connection is open: asks for the namespace. */
  onopen() {
    let { auth, io: io2, subs } = this, { engine } = io2, isCurrent = () => engine === io2.engine && subs === this.subs, askAgain = () => {
      this._left = void 0, isCurrent() && this.onopen();
    }, connect = (data) => {
      !isCurrent() || this._busy === engine || (this._busy = engine, this._asker = subs, this.packet({
        type: CONNECT,
        // Nothing, also where that is written as null: servers take no `null` for an object.
        data: this._pid ? { pid: this._pid, offset: this._lastOffset, ...data } : data || void 0
      }));
    };
    this._left === engine ? startTimer(io2.opts, askAgain, LEFT_MS) : typeof auth == "function" ? auth(connect) : connect(auth);
  }
  /** Tells the server that the socket leaves. */
  _leave() {
    this.packet({ type: DISCONNECT }), this._left = this.io.engine;
  }
  /**
   * Whether a packet answers a CONNECT of before the socket left. The server can be told only now, since
   * it takes nothing else for a namespace while it decides; then the socket, if it is back, asks again.
   */
  _isLate({ type }) {
    if (type !== CONNECT && type !== CONNECT_ERROR) return !1;
    let isLate = !!this._busy && this._asker !== this.subs;
    return this._busy = void 0, isLate && type === CONNECT && this._leave(), isLate && this.subs && this.onopen(), isLate;
  }
  /** Handles a packet of the connection. */
  onpacket(packet) {
    let { type, nsp, data } = packet;
    nsp === this.nsp && (type === CONNECT ? data?.sid ? this.onconnect(data.sid, data.pid) : this.emitReserved("connect_error", new Error("no sid")) : type === DISCONNECT ? this.ondisconnect() : type === CONNECT_ERROR ? (this.destroy(), this.emitReserved("connect_error", Object.assign(new Error(data?.message ?? data), { data: data?.data }))) : type === EVENT || type === BINARY_EVENT ? this.onevent(packet) : this.onack(packet));
  }
  /** An event came. Programs wrap this to see all of them, and hand in the packet more than once. */
  onevent({ id, data = [] }) {
    id !== void 0 && data.push(this.ack(id)), this.connected ? this.emitEvent(data) : this.receiveBuffer.push(data);
  }
  /** An acknowledgement came. */
  onack({ id, data }) {
    let ack = this.acks[id];
    ack && (delete this.acks[id], ack.apply(this, ack.withError ? [null, ...data] : data));
  }
  /** The server has put the socket out. */
  ondisconnect() {
    this.destroy(), this.onclose("io server disconnect");
  }
  /** The connection could not be made. */
  onerror(error) {
    this.connected || this.emitReserved("connect_error", error);
  }
  /** The server has let the socket in. */
  onconnect(id, privateId) {
    this.id = id, this.recovered = !!privateId && this._pid === privateId, this._pid = privateId, this.connected = !0;
    for (let args of this.receiveBuffer.splice(0)) this.emitEvent(args);
    this.emitBuffered(), this.emitReserved("connect");
  }
  /** Sends what waited. */
  emitBuffered() {
    let packet;
    for (; packet = this.sendBuffer.shift(); ) this.packet(packet);
  }
  /** The connection is lost, or was left. */
  onclose(reason, details) {
    this.connected = !1, this.id = void 0, this.receiveBuffer = [], this.emitReserved("disconnect", reason, details);
    for (let id in this.acks) {
      let ack = this.acks[id];
      this.sendBuffer.some((packet) => String(packet.id) === id) || (delete this.acks[id], ack.withError && ack.call(this, new Error("socket has been disconnected")));
    }
  }
  /** Stops listening to the connection, which ends if nobody else does. */
  destroy() {
    this.subs?.forEach((stop) => stop()), this.subs = void 0, this.receiveBuffer = [], this.io._destroy(this);
  }
  /** Calls who listens to an event that came. */
  emitEvent(args) {
    this.emitReserved(...args);
    let last = args[args.length - 1];
    this._pid && typeof last == "string" && (this._lastOffset = last);
  }
  /** The function that acknowledges the peer's packet, once. */
  ack(id) {
    let sent = !1;
    return (...data) => {
      sent || (sent = !0, this.packet({ type: ACK, id, data }));
    };
  }
  _expectAck(id, ack, timeout) {
    let timer, settle = (...args) => {
      stopTimer(this.io.opts, timer), ack.apply(this, args);
    };
    settle.withError = ack.withError, this.acks[id] = settle, timeout !== void 0 && (settle.withError = !0, timer = startTimer(this.io.opts, () => {
      delete this.acks[id], this.sendBuffer = this.sendBuffer.filter((packet) => packet.id !== id), settle(new Error("operation has timed out"));
    }, timeout));
  }
}, takeAck = (args) => typeof args[args.length - 1] == "function" ? args.pop() : void 0;

// src/manager.ts
var SETTINGS = {
  reconnection: !0,
  reconnectionAttempts: 1 / 0,
  reconnectionDelay: 1e3,
  reconnectionDelayMax: 5e3,
  randomizationFactor: 0.5,
  timeout: 2e4
}, defaults = { ...SETTINGS, autoConnect: !0 }, Manager = class extends NamedEmitter {
  constructor(uri, options) {
    super();
    /** Sockets by namespace. */
    this.nsps = {};
    /** Those of them that want a connection. */
    this._active = /* @__PURE__ */ new Set();
    this._readyState = "closed";
    /** Whether an attempt waits or is under way. */
    this._reconnecting = !1;
    /** Whether the connection stays closed; opening sets it to false. */
    this.skipReconnect = !1;
    uri && typeof uri == "object" && (options = uri, uri = void 0), this.uri = uri;
    let opts = this.opts = { ...options };
    for (let name in defaults) opts[name] = opts[name] ?? defaults[name];
    opts.path = opts.path || "/socket.io", this.backoff = createBackoff(opts);
    let parser = opts.parser || { Encoder, Decoder };
    this.encoder = new parser.Encoder(), this.decoder = new parser.Decoder(opts), this.decoder.on("decoded", (packet) => {
      let { engine } = this;
      nextTick(() => {
        engine === this.engine && this._readyState === "open" && !this.nsps[packet.nsp]?._isLate(packet) && this.emitReserved("packet", packet);
      });
    }), opts.autoConnect && this.open();
  }
  /** Connects unless that is done or under way. `callback` learns how it went. */
  open(callback) {
    if (this._readyState !== "closed") return this;
    let engine = this.engine = new EngineSocket(this.uri, this.opts), { timeout } = this.opts;
    this._setState("opening"), this.skipReconnect = this._reconnecting = !1;
    let fail = (error) => {
      this._setState("closed"), this.emitReserved("error", error), callback ? callback(error) : this.maybeReconnectOnOpen();
    };
    if (timeout !== !1) {
      let giveUp = () => {
        fail(new Error("timeout")), engine.close();
      };
      this._timer = startTimer(this.opts, giveUp, timeout);
    }
    let isCurrent = () => engine === this.engine && this._readyState !== "closed", on = (event, listener) => engine.on(event, (...args) => isCurrent() && listener(...args));
    return on("open", () => {
      this._setState("open"), this.emitReserved("open"), callback?.();
    }), on(
      "error",
      (error) => this._readyState === "opening" ? fail(error) : this.emitReserved("error", error)
    ), on("ping", () => this.emitReserved("ping")), on("data", (data) => {
      try {
        this.decoder.add(data);
      } catch (error) {
        engine._onClose("parse error", error);
      }
    }), engine.on("close", (...args) => nextTick(() => isCurrent() && this.onclose(...args))), this;
  }
  /** The socket of a namespace, made (and connected) if there is none. */
  socket(nsp, options) {
    let socket = this.nsps[nsp] || new Socket(this, nsp, options);
    return this.opts.autoConnect && !socket.subs && socket.connect(), socket;
  }
  /** A socket has become inactive: without any other the connection ends. */
  _destroy(socket) {
    this._active.delete(socket), this._active.size || this._close();
  }
  /** Sends a packet. */
  _packet(packet) {
    for (let message of this.encoder.encode(packet)) this.engine.send(message, packet.options);
  }
  /** Closes the connection and stays closed. */
  _close() {
    this.skipReconnect = !0, this.onclose("forced close");
  }
  _setState(state) {
    stopTimer(this.opts, this._timer), this._readyState = state;
  }
  /** The connection is lost, or given up. */
  onclose(reason, details) {
    this._setState("closed"), this._reconnecting = !1, this.engine?.close(), this.decoder.destroy(), this.backoff.reset(), this.emitReserved("close", reason, details), this.maybeReconnectOnOpen();
  }
  /** Reconnects if the option says so. */
  maybeReconnectOnOpen() {
    this.opts.reconnection && this.reconnect();
  }
  /** Connects after the next delay, and goes on trying; unless that is done, or `skipReconnect`. */
  reconnect() {
    let { backoff, opts } = this;
    return !this._reconnecting && !this.skipReconnect && this._readyState === "closed" && (backoff.attempts >= (opts.reconnectionAttempts || 1 / 0) ? (backoff.reset(), this.emitReserved("reconnect_failed")) : (this._timer = startTimer(opts, () => this._attempt(), backoff.duration()), this._reconnecting = !0)), this;
  }
  /** Reconnects now. */
  _attempt() {
    let { backoff } = this;
    this.skipReconnect || this.emitReserved("reconnect_attempt", backoff.attempts), this._reconnecting = !1, !(this.skipReconnect || this._readyState !== "closed") && (this.open((error) => {
      if (this._reconnecting = !1, error)
        this.reconnect(), this.emitReserved("reconnect_error", error);
      else {
        let { attempts } = backoff;
        backoff.reset(), this.emitReserved("reconnect", attempts);
      }
    }), this._reconnecting = !0);
  }
};
if (ALIASES) {
  let { prototype } = Manager;
  prototype.connect = prototype.open;
  for (let name in SETTINGS)
    prototype[name] = function(value) {
      return value === void 0 ? this.opts[name] : (this.opts[name] = value, name === "reconnection" && !value && (this.skipReconnect = !0), this);
    };
}

// src/io.ts
var classes = { Manager }, cache = {};
function lookup(uri, options) {
  uri && typeof uri == "object" && (options = uri, uri = void 0);
  let { _source: source, id, path, query } = url(uri, options?.path || "/socket.io"), opts = { query, ...options }, managers = opts.forceNew || !1 || opts.multiplex === !1 || cache[id]?.nsps[path] ? {} : cache;
  return (managers[id] = managers[id] || new classes.Manager(source, opts)).socket(path, opts);
}

// src/core.ts
transports.polling = Polling;
transports.websocket = WebSocketTransport;
var io = Object.assign(lookup, { Manager, Socket, protocol, io: lookup, connect: lookup });
var core_default = io;
//# sourceMappingURL=core.cjs.map
