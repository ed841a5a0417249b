/* sockeye-client 0.1.0, MIT OR Apache-2.0 */
"use strict";
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};
var __copyProps = (to, from, except, desc) => {
  if (from && typeof from === "object" || typeof from === "function") {
    for (let key of __getOwnPropNames(from))
      if (!__hasOwnProp.call(to, key) && key !== except)
        __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  }
  return to;
};
var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);

// src/websocket.ts
var websocket_exports = {};
__export(websocket_exports, {
  Manager: () => Manager,
  Socket: () => Socket,
  connect: () => lookup,
  default: () => lookup,
  io: () => lookup,
  protocol: () => protocol
});
module.exports = __toCommonJS(websocket_exports);

// src/backoff.ts
var TIMER_MS_MAX = 2 ** 31 - 1;
function backoffMs(attempt, options, factor) {
  const ms = (options.reconnectionDelay || 1e3) * 2 ** Math.min(attempt, 31);
  const delay = ms * (1 + options.randomizationFactor * (2 * Math.random() - 1));
  return Math.min(delay, options.reconnectionDelayMax || 5e3, TIMER_MS_MAX) | 0;
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
  return false ? withNames(backoff, options) : backoff;
};

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

// src/platform.ts
var defaultBinaryType = "arraybuffer";
var RECEIVED_BYTES_MAX = 64 * 1024 * 1024;
function openWebSocket(url2, options) {
  return new WebSocket(url2, options.protocols || []);
}
function toBinaryType(data, type) {
  return type === "blob" ? new Blob([data]) : data;
}
var nativeSetTimeout = false;
var nativeClearTimeout = false;
var startTimer = (options, callback, ms) => (nativeSetTimeout && options.useNativeTimers && nativeSetTimeout || setTimeout)(
  callback,
  false ? Math.min(ms, 2 ** 31 - 1) : ms
);
var stopTimer = (options, timer) => (nativeClearTimeout && options.useNativeTimers && nativeClearTimeout || clearTimeout)(timer);

// src/query.ts
function parseQuery(query = {}) {
  if (typeof query === "object") return { ...query };
  if (true) return Object.fromEntries(new URLSearchParams(query.replace(/\+/g, "%2B")));
  const parameters = {};
  for (const part of query.replace(/^\?/, "").split("&")) {
    const [, name, value] = /([^=]*)=?([^]*)/.exec(part);
    if (part) parameters[decode(name)] = decode(value);
  }
  return parameters;
}
function formatQuery(parameters) {
  if (true) return String(new URLSearchParams(parameters));
  return Object.keys(parameters).map((name) => encode(name) + "=" + encode(parameters[name])).join("&");
}
var decode = (text) => text.replace(/(%[\da-f]{2})+/gi, decodeURIComponent);
var encode = (value) => encodeURIComponent(String(value).replace(/[\ud800-\udfff]/gu, "�"));

// src/url.ts
var NOBODY = "x.invalid";
function url(uri, pathOption = "", page = globalThis.location) {
  let source = uri || "/";
  if (false) throw new Error("URI too long");
  if (/^\/(?!\/)/.test(source)) {
    source = (page ? page.host || NOBODY : "http://localhost") + source;
  }
  if (!/^(http|ws)s?:\/\//.test(source)) {
    source = (page && page.protocol !== "https:" ? "http:" : "https:") + source.replace(/^(\/\/)?/, "//");
  }
  const { protocol: protocol2, hostname, port: explicitPort, search: query } = false ? partsOf(source) : new URL(source);
  const secure = /[ps]s:/.test(protocol2);
  const port = explicitPort || (secure ? "443" : "80");
  return {
    source,
    target: { hostname, port, secure },
    // `URL` would percent-encode it, and a namespace must arrive as it was written.
    path: /\/\/[^/?#]*([^?#]*)/.exec(source)[1] || "/",
    query,
    id: protocol2 + hostname + ":" + port + pathOption
  };
}

// src/engine/direct.ts
var EngineSocket = class extends Emitter {
  constructor(uri, opts) {
    super();
    this.opts = opts;
    this.readyState = "opening";
    this.binaryType = defaultBinaryType;
    /** What `volatile` looks at. */
    this.transport = { name: "websocket", writable: true };
    this._pingTimeoutTime = 0;
    this._pingMs = 0;
    const { target, query } = url(uri);
    const { secure, hostname, port } = target;
    const params = formatQuery({ ...parseQuery(query || opts.query), EIO: 4, transport: "websocket" });
    const path = opts.path.replace(/\/?$/, opts.addTrailingSlash === false ? "?" : "/?");
    const address = `ws${secure ? "s" : ""}://${hostname}:${port}${path}${params}`;
    const ws = this._ws = openWebSocket(address, opts);
    ws.binaryType = "arraybuffer";
    ws.onmessage = ({ data }) => {
      try {
        this._onMessage(data);
      } catch (error) {
        this._onError(error);
      }
    };
    ws.onerror = (event) => this._onError(event);
    ws.onclose = (context) => this._onClose("transport close", { description: "websocket connection closed", context });
  }
  send(data) {
    if (this.readyState === "open") this._ws.send(typeof data === "string" ? "4" + data : data);
    return this;
  }
  close() {
    this._onClose("forced close");
    return this;
  }
  _hasPingExpired() {
    const expired = Date.now() > this._pingTimeoutTime;
    if (expired) nextTick(() => this._onClose("ping timeout"));
    return expired;
  }
  _onClose(reason, details) {
    if (this.readyState === "closed") return;
    stopTimer(this.opts, this._pingTimer);
    this.readyState = "closed";
    this.id = void 0;
    this._ws.close();
    this.emitReserved("close", reason, details);
  }
  _onMessage(message) {
    if (this.readyState === "closed") return;
    this.emitReserved("heartbeat");
    if (message[0] === "0") {
      const handshake = JSON.parse(message.slice(1));
      this.id = handshake.sid;
      this._pingMs = handshake.pingInterval + handshake.pingTimeout;
      this._maxPayload = handshake.maxPayload;
      this.readyState = "open";
      this._resetPingTimer();
      this.emitReserved("open");
    } else if (message === "2") {
      this._ws.send("3");
      this._resetPingTimer();
      this.emitReserved("ping");
    } else {
      const isText = typeof message === "string";
      this.emitReserved("data", isText ? message.slice(1) : toBinaryType(message, this.binaryType));
    }
  }
  _resetPingTimer() {
    stopTimer(this.opts, this._pingTimer);
    this._pingTimeoutTime = Date.now() + this._pingMs;
    this._pingTimer = startTimer(this.opts, () => this._onClose("ping timeout"), this._pingMs);
  }
  _onError(description) {
    const error = new Error("websocket error");
    this.emitReserved("error", Object.assign(error, { type: "TransportError", description }));
    this._onClose("transport error", error);
  }
};

// src/engine/packet.ts
function isBinary(value) {
  return isBuffer(value) || ArrayBuffer.isView(value) || isBlob(value);
}
var isBuffer = (value) => false ? isA("ArrayBuffer", value) : value instanceof ArrayBuffer;
var isBlob = (value) => false ? isA("Blob", value) || isA("File", value) : value instanceof Blob;

// src/parser/binary.ts
function takeAttachments(data, attachments) {
  return JSON.stringify(data, function(key, value) {
    const original = this[key];
    const binary = isBinary(original) ? original : value;
    return isBinary(binary) ? { _placeholder: true, num: attachments.push(binary) - 1 } : value;
  });
}
function fillPlaceholders(data, attachments) {
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
var PARTS = /^(?:([0-4])|([56])(\d+)-)(?:(\/[^,]*),?)?(\d*)([^]*)$/;
var Decoder = class extends Emitter {
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
    const [, plain, binary, count = 0, nsp = "/", id, json] = PARTS.exec(text) || [];
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
var Socket = class extends Emitter {
  constructor(io, nsp, options) {
    var _a;
    super();
    this.io = io;
    this.nsp = nsp;
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
    (_a = io.nsps)[nsp] || (_a[nsp] = this);
    this._opts = { ...options };
    this.auth = this._opts.auth;
    if (io.opts.autoConnect) this.connect();
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
    const { io, active } = this;
    this.subEvents();
    if (!io._reconnecting) io.open();
    if (!active && io._readyState === "open") this.onopen();
    return this;
  }
  /** Listens to the connection. */
  subEvents() {
    if (this.subs) return;
    const { io } = this;
    const subs = this.subs = ["open", "packet", "error", "close"].map((event) => {
      const handle = this["on" + event];
      const listener = (...args) => {
        if (subs === this.subs) handle.apply(this, args);
      };
      io.on(event, listener);
      return () => io.off(event, listener);
    });
    io._active.add(this);
  }
  /** Disconnects and stays disconnected until `connect()`. */
  disconnect() {
    const { connected } = this;
    if (connected) this._leave();
    this.destroy();
    if (connected) this.onclose("io client disconnect");
    return this;
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
    const flags = this.flags;
    this.flags = {};
    const data = [event, ...args];
    const packet = { type: EVENT, data };
    if (false) packet.options = { compress: flags.compress !== false };
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
    const { auth, io, subs } = this;
    const { engine } = io;
    const isCurrent = () => engine === io.engine && subs === this.subs;
    const askAgain = () => {
      this._left = void 0;
      if (isCurrent()) this.onopen();
    };
    const connect = (data) => {
      if (!isCurrent() || this._busy === engine) return;
      this._busy = engine;
      this._asker = subs;
      const recovery = this._pid && { pid: this._pid, offset: this._lastOffset };
      this.packet({
        type: CONNECT,
        // Nothing, also where that is written as null: servers take no `null` for an object.
        data: recovery ? { ...recovery, ...data } : data || void 0
      });
    };
    if (this._left === engine) startTimer(io.opts, askAgain, LEFT_MS);
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
      const error = new Error(data?.message ?? data);
      this.emitReserved("connect_error", Object.assign(error, { data: data?.data }));
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
    if (typeof ack !== "function") return;
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
      if (this.sendBuffer.some((packet) => String(packet.id) === id)) continue;
      const ack = this.acks[id];
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
function takeAck(args) {
  return typeof args[args.length - 1] === "function" ? args.pop() : void 0;
}

// src/manager.ts
var Manager = class extends Emitter {
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
    for (const name in defaults) opts[name] ?? (opts[name] = defaults[name]);
    opts.path || (opts.path = "/socket.io");
    this.backoff = createBackoff(opts);
    const parser = opts.parser || { Encoder, Decoder };
    this.encoder = new parser.Encoder();
    this.decoder = new parser.Decoder(opts);
    this.decoder.on("decoded", (packet) => {
      const { engine } = this;
      nextTick(() => {
        if (engine !== this.engine || this._readyState !== "open") return;
        if (!this.nsps[packet.nsp]?._isLate(packet)) this.emitReserved("packet", packet);
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
    const on = (event, listener) => engine.on(event, (...args) => {
      if (isCurrent()) listener(...args);
    });
    on("open", () => {
      this._setState("open");
      this.emitReserved("open");
      callback?.();
    });
    on("error", (error) => {
      if (this._readyState === "opening") fail(error);
      else this.emitReserved("error", error);
    });
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
    if (this.opts.autoConnect && !socket.active) socket.connect();
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
    if (this._reconnecting || this.skipReconnect || this._readyState !== "closed") return this;
    if (backoff.attempts >= (opts.reconnectionAttempts || Infinity)) {
      backoff.reset();
      this.emitReserved("reconnect_failed");
    } else {
      this._timer = startTimer(opts, () => this._attempt(), backoff.duration());
      this._reconnecting = true;
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
var SETTINGS = {
  reconnection: true,
  reconnectionAttempts: Infinity,
  reconnectionDelay: 1e3,
  reconnectionDelayMax: 5e3,
  randomizationFactor: 0.5,
  timeout: 2e4
};
var defaults = { ...SETTINGS, autoConnect: true };

// src/io.ts
var cache = /* @__PURE__ */ Object.create(null);
function lookup(uri, options) {
  if (uri && typeof uri === "object") {
    options = uri;
    uri = void 0;
  }
  const { source, id, path, query } = url(uri, options?.path || "/socket.io");
  const opts = { query, ...options };
  const own = opts.forceNew || false || opts.multiplex === false || cache[id]?.nsps[path];
  const managers = own ? {} : cache;
  return (managers[id] || (managers[id] = new Manager(source, opts))).socket(path, opts);
}
//# sourceMappingURL=websocket.cjs.map
