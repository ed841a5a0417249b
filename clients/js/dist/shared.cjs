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

// src/shared/index.ts
var index_exports = {};
__export(index_exports, {
  RemoteError: () => RemoteError,
  SharedSocket: () => SharedSocket,
  shared: () => shared
});
module.exports = __toCommonJS(index_exports);

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

// src/shared/index.ts
var CALLS_MAX = 1e3;
var QUESTIONS_MAX = 1e3;
function shared(create, options = {}) {
  return new SharedSocket(create, options);
}
function meansOf(name) {
  try {
    const locks = globalThis.navigator?.locks;
    return locks && globalThis.BroadcastChannel ? { locks, channel: new BroadcastChannel(name) } : void 0;
  } catch {
    return void 0;
  }
}
var SharedSocket = class extends Emitter {
  constructor(_create, _options) {
    super();
    this._create = _create;
    this._options = _options;
    this.connected = false;
    /** Whether this tab has the connection. */
    this.isLeader = false;
    this._tab = Math.random().toString(36).slice(2);
    this._calls = /* @__PURE__ */ new Map();
    this._nextCall = 0;
    this._questions = /* @__PURE__ */ new Map();
    this._nextQuestion = 0;
    this._flags = {};
    this._abort = new AbortController();
    const name = `sockeye-shared ${_options.name ?? "sockeye"}`;
    const means = meansOf(name);
    if (!means) {
      queueMicrotask(() => this._lead());
      return;
    }
    this._channel = means.channel;
    this._channel.onmessage = ({ data }) => this._onMessage(data);
    this._post({ kind: "hello" });
    let isTurn = false;
    means.locks.request(name, { signal: this._abort.signal }, () => {
      isTurn = true;
      this._lead();
      return new Promise((release) => this._release = release);
    }).catch(() => {
      if (!isTurn) this._lead();
    });
  }
  /** The opposite of `connected`. */
  get disconnected() {
    return !this.connected;
  }
  /** Whether this tab takes part. */
  get active() {
    return !this._abort.signal.aborted;
  }
  /**
   * Sends an event, by way of the tab that has the connection. A function as last argument gets the
   * answer; after `timeout()` it takes an error first. If that tab closes in between, an event that
   * it did not take yet is sent by the next one; whether one that it took arrived is not known.
   */
  emit(event, ...args) {
    const list = [event, ...args];
    const ack = typeof list[list.length - 1] === "function" ? list.pop() : void 0;
    const takesError = this._flags.timeout !== void 0;
    this._call(list, ack && ((error, ...answer) => {
      if (takesError) ack(error, ...answer);
      else if (!error) ack(...answer);
    }));
    return this;
  }
  /** Sends an event and resolves with the first value of its answer. */
  emitWithAck(event, ...args) {
    return new Promise((resolve, reject) => {
      this._call([event, ...args], (error, value) => error ? reject(error) : resolve(value));
    });
  }
  /**
   * The same, but an answer that is an error rejects with a `RemoteError`; as `request` of the socket it
   * waits 10 seconds at most, unless `timeout()` or the socket's `ackTimeout` says something else.
   */
  request(event, ...args) {
    this._flags.isRequest = true;
    return this.emitWithAck(event, ...args);
  }
  /** Emits `message`. */
  send(...args) {
    return this.emit("message", ...args);
  }
  /** The next event's answer must come within `ms` milliseconds. */
  timeout(ms) {
    this._flags.timeout = ms;
    return this;
  }
  /** The next event is dropped if it cannot be sent at once. */
  get volatile() {
    this._flags.volatile = true;
    return this;
  }
  /** Leaves; the connection ends with the last tab. */
  close() {
    if (!this.active) return this;
    this._abort.abort();
    this._channel?.close();
    this._socket?.disconnect();
    this._release?.();
    this._setState(false);
    for (const call of this._calls.values()) call.answer?.(new Error("closed"));
    this._calls.clear();
    this._questions.clear();
    return this;
  }
  _call(args, answer) {
    const { callsMax = CALLS_MAX } = this._options;
    const flags = this._flags;
    this._flags = {};
    if (!this.active) return answer?.(new Error("closed"));
    if (flags.volatile && !this.connected) return;
    if (this._calls.size >= callsMax) throw new Error(`more than ${callsMax} calls wait`);
    const call = this._nextCall++;
    const message = { kind: "emit", tab: this._tab, call, args, asks: !!answer, flags };
    if (this._socket) return this._send(message, answer);
    this._calls.set(call, { message, isTaken: false, answer });
    this._post(message);
  }
  _post(message) {
    if (this.active) this._channel?.postMessage(message);
  }
  _onMessage(message) {
    if (!this.active) return;
    if (this._socket) {
      if (message.kind === "hello") this._postState(false);
      else if (message.kind === "reply") this._reply(message.question, message.args);
      else if (message.kind === "emit") this._relay(message);
      return;
    }
    switch (message.kind) {
      case "state":
        if (message.isNew) this._onNewLeader();
        return this._setState(message.connected, message.id);
      case "connect":
        return this._setState(true, message.id);
      case "disconnect":
        return this._setState(false, void 0, message.reason);
      case "connect_error":
        return this._onConnectError(message.message, message.data);
      case "event": {
        const { question, args } = message;
        return this._deliver(
          args,
          question,
          (reply) => this._post({ kind: "reply", question, args: reply })
        );
      }
      case "taken":
      case "answer":
        if (message.tab === this._tab) this._onCallEnd(message);
    }
  }
  _onCallEnd(message) {
    const call = this._calls.get(message.call);
    if (!call) return;
    call.isTaken = true;
    const { error } = message;
    const remote = message.kind === "answer" && message.remote;
    if (error === void 0 && message.kind === "taken" && call.answer) return;
    this._calls.delete(message.call);
    const args = message.kind === "answer" ? message.args : [];
    if (remote) call.answer?.(new RemoteError(remote));
    else call.answer?.(error === void 0 ? null : new Error(error), ...args);
  }
  /** What the last leader did not take goes to the new one. */
  _onNewLeader() {
    for (const [id, call] of [...this._calls]) {
      if (!call.isTaken) {
        this._post(call.message);
      } else {
        this._calls.delete(id);
        call.answer?.(new Error("socket has been disconnected"));
      }
    }
  }
  _setState(connected, id, reason = "transport close") {
    const was = this.connected;
    const isOther = this.id !== id;
    this.connected = connected;
    this.id = id;
    if (was && (!connected || isOther)) this.emitReserved("disconnect", reason);
    if (connected && (!was || isOther)) this.emitReserved("connect");
  }
  _onConnectError(message, data) {
    this.emitReserved("connect_error", Object.assign(new Error(message), { data }));
  }
  _deliver(args, question, reply) {
    const list = question === void 0 ? args : [...args, (...answer) => reply(answer)];
    this.emitReserved(...list);
  }
  /** This tab has the lock. */
  _lead() {
    if (!this.active) return;
    const socket = this._socket = this._create();
    this.isLeader = true;
    socket.on("connect", () => {
      this._post({ kind: "connect", id: socket.id });
      this._setState(true, socket.id);
    });
    socket.on("disconnect", (reason) => {
      this._post({ kind: "disconnect", reason });
      this._setState(false, void 0, reason);
    });
    socket.on("connect_error", (error) => {
      this._post({ kind: "connect_error", message: error.message, data: error.data });
      this._onConnectError(error.message, error.data);
    });
    socket.onAny((event, ...args) => this._onEvent([event, ...args]));
    this._setState(socket.connected, socket.id);
    this._postState(true);
    this.emitReserved("leader");
    const calls = [...this._calls.values()];
    this._calls.clear();
    for (const { message, isTaken, answer } of calls) {
      if (isTaken) answer?.(new Error("socket has been disconnected"));
      else this._send(message, answer);
    }
  }
  _postState(isNew) {
    const { connected, id } = this._socket;
    this._post({ kind: "state", isNew, connected, id });
  }
  _onEvent(args) {
    let question;
    if (typeof args[args.length - 1] === "function") {
      question = this._nextQuestion++;
      this._questions.set(question, args.pop());
      if (this._questions.size > QUESTIONS_MAX) {
        const [oldest] = this._questions.keys();
        this._questions.delete(oldest);
      }
    }
    this._post({ kind: "event", args, question });
    this._deliver(args, question, (reply) => this._reply(question, reply));
  }
  _reply(question, args) {
    this._questions.get(question)?.(...args);
    this._questions.delete(question);
  }
  /** Emits for another tab. */
  _relay(message) {
    const { tab, call, asks } = message;
    const answer = (error, ...args) => {
      const { code, message: message2, data } = error instanceof RemoteError ? error : {};
      const remote = code === void 0 ? void 0 : { code, message: message2, data };
      this._post({ kind: "answer", tab, call, args, error: error?.message, remote });
    };
    try {
      this._send(message, asks ? answer : void 0);
      this._post({ kind: "taken", tab, call });
    } catch (error) {
      this._post({ kind: "taken", tab, call, error: String(error.message) });
    }
  }
  _send({ args, flags }, answer) {
    let socket = this._socket;
    const { callsMax = CALLS_MAX } = this._options;
    if (socket.sendBuffer.length >= callsMax) throw new Error(`more than ${callsMax} calls wait`);
    if (flags.volatile) socket = socket.volatile;
    if (!answer) {
      socket.emit(...args);
      return;
    }
    if (flags.timeout !== void 0) socket.timeout(flags.timeout);
    const how = flags.isRequest ? "request" : "emitWithAck";
    socket[how](...args).then(
      (value) => answer(null, value),
      (error) => answer(error)
    );
  }
};
//# sourceMappingURL=shared.cjs.map
