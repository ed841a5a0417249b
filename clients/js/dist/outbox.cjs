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

// src/outbox/index.ts
var index_exports = {};
__export(index_exports, {
  Outbox: () => Outbox,
  OutboxError: () => OutboxError,
  RemoteError: () => RemoteError,
  StoreLostError: () => StoreLostError,
  indexedDbStore: () => indexedDbStore,
  memoryStore: () => memoryStore,
  outbox: () => outbox
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
function isErrorAnswer(answer) {
  const error = answer?.error;
  return typeof error?.code === "string" && typeof error.message === "string" && Object.keys(answer).length === 1;
}
var remoteErrorOf = ([answer, ...more]) => more.length || !isErrorAnswer(answer) ? void 0 : new RemoteError(answer.error);

// src/platform.ts
var RECEIVED_BYTES_MAX = 64 * 1024 * 1024;
var nativeSetTimeout = globalThis.setTimeout;
var nativeClearTimeout = globalThis.clearTimeout;

// src/engine/packet.ts
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
function owned(data) {
  const { buffer = data } = data;
  if (isBlob(data) || isBuffer(buffer) && !buffer.resizable) return data;
  return bytesOf(data).slice();
}

// src/outbox/copy.ts
function copyOf(value, name = "") {
  if (isBlob(value)) return value;
  const clone = globalThis.structuredClone;
  if (isBinary(value)) return clone ? clone(owned(value)) : bytesOf(value).slice();
  const isSpoken = typeof value?.toJSON === "function" && !(value instanceof Date);
  return isSpoken ? copyOfMembers(value.toJSON(name)) : copyOfMembers(value);
}
function copyOfMembers(value) {
  if (Array.isArray(value)) return value.map((item, index) => copyOf(item, String(index)));
  if (isTree(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copyOf(item, key)]));
  const clone = globalThis.structuredClone;
  return clone && value instanceof Object ? clone(value) : value;
}
async function readFiles(args) {
  const reads = [];
  const search = (of) => {
    for (const key of Object.keys(of)) {
      const value = of[key];
      if (isBlob(value)) reads.push(readBytes(value).then((bytes) => void (of[key] = bytes)));
      else if (isTree(value)) search(value);
    }
  };
  search(args);
  await Promise.all(reads);
}
function isTree(value) {
  if (!value || typeof value !== "object" || isBinary(value)) return false;
  return Array.isArray(value) || Object.prototype.toString.call(value) === "[object Object]";
}

// src/outbox/store.ts
var StoreLostError = class extends Error {
  constructor(cause) {
    super("the outbox's store is lost");
    this.cause = cause;
    this.name = "StoreLostError";
  }
};
var ANSWER_MS = 5e3;
var SLOTS_MAX = 100;
function memoryStore() {
  return {
    isDurable: false,
    load: async () => ({ id: newId(), next: 1, events: [] }),
    add: async () => {
    },
    remove: async () => {
    },
    close() {
    }
  };
}
async function indexedDbStore(name) {
  const locks = locksHere();
  try {
    return locks && await inTime(takeSlot(locks, name), (store) => store?.close());
  } catch {
    return void 0;
  }
}
function locksHere() {
  try {
    return globalThis.indexedDB && globalThis.navigator?.locks;
  } catch {
    return void 0;
  }
}
async function takeSlot(locks, name) {
  const db = await open();
  try {
    for (const slot of await slotsInOrder(db, name)) {
      const release = await lock(locks, `sockeye-outbox ${slot}`);
      if (release) return new IndexedDbStore(db, slot, release);
    }
  } catch (error) {
    db.close();
    throw error;
  }
  db.close();
  return void 0;
}
function inTime(promise, undo) {
  return new Promise((resolve, reject) => {
    let isLate = false;
    const giveUp = () => {
      isLate = true;
      reject(new Error(`no answer within ${ANSWER_MS} ms`));
    };
    const timer = setTimeout(giveUp, ANSWER_MS);
    promise.finally(() => clearTimeout(timer)).then((answer) => isLate ? undo(answer) : resolve(answer)).catch(reject);
  });
}
var IndexedDbStore = class {
  constructor(_db, _slot, _release) {
    this._db = _db;
    this._slot = _slot;
    this._release = _release;
    this.isDurable = true;
    this._id = "";
    this._isClosed = false;
  }
  load() {
    return inTime(this._load(), () => {
    });
  }
  async _load() {
    const transaction = this._db.transaction([BOXES, EVENTS], "readwrite");
    const boxes = transaction.objectStore(BOXES);
    const box = await done(boxes.get(this._slot));
    const { id, next } = box || { id: newId(), next: 1 };
    if (!box) boxes.put({ slot: this._slot, id, next });
    const events = await done(transaction.objectStore(EVENTS).getAll(eventsOf(this._slot)));
    await finished(transaction);
    this._id = id;
    return { id, next, events: events.map((event) => event.event) };
  }
  add(event) {
    const { number } = event;
    return this._write((turn, isAgain) => {
      const stored = { slot: this._slot, number, event };
      if (isAgain) turn.events.put(stored);
      else turn.events.add(stored);
      turn.next = number + 1;
    });
  }
  remove(numbers) {
    return this._write((turn) => {
      for (const number of numbers) turn.events.delete([this._slot, number]);
    });
  }
  close() {
    this._isClosed = true;
    this._release();
    this._db.close();
  }
  /** Writes; once more, if the browser has closed the database, as it does to suspended pages. */
  async _write(change) {
    const db = this._db;
    const write = (isAgain) => {
      const turn = this._thisTurn();
      change(turn, isAgain);
      return turn.finished;
    };
    try {
      return await write(false);
    } catch (error) {
      if (this._isClosed || !CLOSED.test(error?.name)) throw error;
    }
    try {
      if (db === this._db) await (this._opening ?? (this._opening = this._open()));
      return await write(true);
    } catch (error) {
      throw new StoreLostError(error);
    }
  }
  /** Opens the database again, for all who wait for that. */
  async _open() {
    try {
      this._db = await inTime(open(), (db) => db.close());
      if (this._isClosed) this._db.close();
    } finally {
      this._opening = void 0;
    }
  }
  /**
   * What comes together is written together, at once: transactions need not wait for each other
   * here, IndexedDB runs them in their order.
   */
  _thisTurn() {
    if (this._turn) return this._turn;
    const transaction = this._db.transaction([BOXES, EVENTS], "readwrite");
    const events = transaction.objectStore(EVENTS);
    const turn = { events, finished: finished(transaction) };
    this._turn = turn;
    Promise.resolve().then(() => {
      this._turn = void 0;
      const { next } = turn;
      try {
        if (next) transaction.objectStore(BOXES).put({ slot: this._slot, id: this._id, next });
        transaction.commit?.();
      } catch {
      }
    });
    return turn;
  }
};
var CLOSED = /^(InvalidState|Unknown|Abort|TransactionInactive)Error$/;
var BOXES = "boxes";
var EVENTS = "events";
async function open() {
  const request = indexedDB.open("sockeye-outbox", 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(BOXES, { keyPath: "slot" });
    request.result.createObjectStore(EVENTS, { keyPath: ["slot", "number"] });
  };
  const db = await done(request);
  db.onversionchange = () => db.close();
  return db;
}
async function slotsInOrder(db, name) {
  const events = db.transaction(EVENTS).objectStore(EVENTS);
  const waiting = [];
  const all = Array.from({ length: SLOTS_MAX }, (_, index) => `${name} ${index}`);
  await Promise.all(
    all.map(async (slot) => {
      const [first] = await done(events.getAll(eventsOf(slot), 1));
      if (first) waiting.push({ slot, time: first.event.time });
    })
  );
  waiting.sort((one, other) => one.time - other.time);
  return [.../* @__PURE__ */ new Set([...waiting.map(({ slot }) => slot), ...all])];
}
function eventsOf(slot) {
  return IDBKeyRange.bound([slot], [slot, []]);
}
function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
function finished(transaction) {
  const end = new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error || new DOMException("aborted", "AbortError"));
  });
  end.catch(() => {
  });
  return end;
}
function lock(locks, name) {
  return new Promise((resolve, reject) => {
    locks.request(name, { ifAvailable: true }, (granted) => {
      if (!granted) return resolve(void 0);
      return new Promise((release) => resolve(release));
    }).catch(reject);
  });
}
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return Array.from(bytes, (byte) => characters[byte & 63]).join("");
}

// src/outbox/index.ts
var OutboxError = class extends Error {
  constructor(reason) {
    super(`outbox: ${reason}`);
    this.reason = reason;
    this.name = "OutboxError";
  }
};
var WINDOW = 100;
var COUNT_MAX = 1e3;
var BYTES_MAX = 4 * 1024 * 1024;
var AGE_MAX = 24 * 60 * 60 * 1e3;
var TIMER_MS_MAX = 2 ** 31 - 1;
var CONNECT = 0;
var leaving = Promise.resolve();
function outbox(socket, options = {}) {
  return new Outbox(socket, options);
}
var Outbox = class {
  constructor(_socket, _options) {
    this._socket = _socket;
    this._options = _options;
    /** Whether the outbox outlives the page; known once it is ready. */
    this.isDurable = false;
    this._next = 1;
    /** Events by number, in order. */
    this._entries = /* @__PURE__ */ new Map();
    this._count = 0;
    this._bytes = 0;
    /** Resolves when the files in all events until now are read, or cannot be. */
    this._read = Promise.resolve();
    this._isClosed = false;
    this._stop = this._listen();
    this._release = holdBack(_socket);
    this.ready = this._load().finally(() => this._release());
    this._writing = this.ready.catch(() => {
    });
  }
  /** Number of events without answer. */
  get size() {
    return this._count;
  }
  /** Bytes of the events without answer. */
  get bytes() {
    return this._bytes;
  }
  /**
   * Keeps an event and sends it until it is answered; resolves with the first value of the answer.
   * Rejects with an {@link OutboxError}, or when it cannot be kept or sent at all.
   */
  async emit(event, ...args) {
    const [value] = await this._post([event, ...args]);
    return value;
  }
  /**
   * The same, but an answer that is an error rejects with a `RemoteError`. The event is answered then, and
   * not sent again.
   */
  async request(event, ...args) {
    const answer = await this._post([event, ...args]);
    const error = remoteErrorOf(answer);
    if (error) throw error;
    return answer[0];
  }
  async _post(args) {
    if (this._isClosed) throw new OutboxError("closed");
    const { countMax = COUNT_MAX, bytesMax = BYTES_MAX } = this._options;
    const bytes = bytesOf2(args);
    if (this._count >= countMax || this._bytes + bytes > bytesMax) throw new OutboxError("full");
    const copy = copyOf(args);
    const earlier = this._read;
    const read = readFiles(copy);
    this._read = read.catch(() => {
    }).then(() => earlier);
    this._count++;
    this._bytes += bytes;
    return new Promise((resolve, reject) => {
      const kept = Promise.all([read, earlier, this.ready]).then(
        () => this._keep(copy, bytes, { resolve, reject })
      );
      this._await(
        kept.catch((error) => {
          this._count--;
          this._bytes -= bytes;
          reject(error);
        })
      );
    });
  }
  /**
   * Resolves when everything emitted until now is kept (or was refused) and every answer until now
   * is noted: nothing of that is lost when the page goes, if the outbox {@link isDurable}.
   */
  saved() {
    return this._writing;
  }
  /**
   * Stops sending and lets other pages use what is kept. The socket stays as it is; one that the outbox
   * still keeps from connecting does that now.
   */
  close() {
    if (this._isClosed) return;
    this._isClosed = true;
    clearTimeout(this._timer);
    this._stop();
    this._release();
    const left = this._writing.then(() => {
      this._store.close();
      this._lostStore?.close();
    });
    if (this._id === void 0 && !this._options.store) leaving = left;
  }
  async _load() {
    const { nsp, io } = this._socket;
    const { store, name } = this._options;
    if (!store) await leaving;
    const inBrowser = async () => locksHere() && indexedDbStore(name ?? `${originOf(io)} ${nsp}`);
    this._store = store || await inBrowser() || memoryStore();
    const { id, next, events } = await this._store.load().catch((error) => {
      if (store) throw error;
      this._store.close();
      this._store = memoryStore();
      return this._store.load();
    });
    this.isDurable = this._store.isDurable;
    this._id = id;
    this._next = next;
    for (const event of events) {
      this._entries.set(event.number, { event, box: id, state: "kept" });
      this._count++;
      this._bytes += event.bytes;
    }
    this._expire();
  }
  async _keep(args, bytes, waiting) {
    if (this._isClosed) throw new OutboxError("closed");
    const event = { number: this._next++, args, bytes, time: Date.now() };
    const entry = { event, box: this._heir || this._id, waiting, state: "new" };
    this._entries.set(event.number, entry);
    try {
      await this._store.add(event).catch((error) => {
        this._loseStore(error);
        entry.box = this._heir || this._id;
      });
      entry.state = "kept";
      this._inherit();
      if (!this._timer) this._expire();
    } catch (error) {
      this._entries.delete(event.number);
      throw error;
    } finally {
      this._send();
    }
  }
  /** Goes on in memory if that is what has happened; otherwise throws the error. */
  _loseStore(error) {
    if (!(error instanceof StoreLostError)) throw error;
    if (this._lostStore) return;
    this._lostStore = this._store;
    this._store = memoryStore();
    this._heir = newId();
    this.isDurable = false;
    tell(() => this._options.onStoreLost?.(error));
  }
  /** Ends the outbox of a lost store when all of it is answered, and begins the next one. */
  _inherit() {
    if (!this._heir || [...this._entries.values()].some(({ box }) => box === this._id)) return;
    this._id = this._heir;
    this._heir = void 0;
    this._lostStore.close();
    if (this._sent) this._offerAgain();
  }
  /** Whether the server has to be told of another outbox: it knows one by what CONNECT says. */
  _offerAgain() {
    const isOther = !!this._terms && this._offered !== this._id;
    if (isOther) this._socket.disconnect().connect();
    return isOther;
  }
  /** Counts what the store has begun to write to what `saved` waits for. */
  _await(write) {
    const earlier = this._writing;
    this._writing = write.then(() => earlier);
  }
  /** Hooks into the socket; returns how to leave it. */
  _listen() {
    const { _socket: socket } = this;
    const onPacket = ({ type, nsp, data }) => {
      if (type !== CONNECT || nsp !== socket.nsp || !data?.sid) return;
      const terms = data._outbox;
      const takesPart = terms?.v === 1 && Number.isInteger(terms.window) && terms.window > 0;
      this._terms = takesPart ? { window: terms.window } : void 0;
      hasReply = true;
      onConnect();
    };
    let hasReply = false;
    const onConnect = () => {
      if (!hasReply || !socket.connected || this._sent || this._offerAgain()) return;
      this._sent = /* @__PURE__ */ new Set();
      this._send();
    };
    const onDisconnect = () => {
      hasReply = false;
      this._sent = void 0;
    };
    socket.io.on("packet", onPacket);
    socket.on("connect", onConnect);
    socket.on("disconnect", onDisconnect);
    const stopOffering = offer(socket, () => this._offered = this._id);
    return () => {
      socket.io.off("packet", onPacket);
      socket.off("connect", onConnect);
      socket.off("disconnect", onDisconnect);
      stopOffering();
    };
  }
  /** Sends what may be sent now, in the order of numbers. */
  _send() {
    const { _sent: sent, _terms: terms, _socket: socket } = this;
    if (!sent || this._isClosed) return;
    for (const [number, { event, state, box }] of this._entries) {
      if (sent !== this._sent || state === "new" || terms && box !== this._id) return;
      const [lowest] = this._entries.keys();
      if (terms ? number >= lowest + terms.window : sent.size >= WINDOW) return;
      if (state === "answered" || sent.has(number)) continue;
      sent.add(number);
      const args = terms ? [...event.args, { _outbox: [number, lowest] }] : event.args;
      const before = socket.sendBuffer.length;
      try {
        socket.emit(...args, (...answer) => this._settle(number, answer));
      } catch (error) {
        this._giveUp(number, error);
        continue;
      }
      if (socket.sendBuffer.length > before) socket.sendBuffer.pop();
    }
  }
  _settle(number, answer) {
    if (answer[0]?.error?.code === "forgotten") {
      return this._giveUp(number, new OutboxError("forgotten"));
    }
    const entry = this._take(number);
    if (!entry) return;
    const [name, ...args] = entry.event.args;
    tell(() => this._options.onAnswer?.(name, args, ...answer));
    entry.waiting?.resolve(answer);
  }
  _giveUp(number, error) {
    const entry = this._take(number);
    if (!entry) return;
    const [name, ...args] = entry.event.args;
    tell(() => this._options.onLost?.(name, args, error));
    entry.waiting?.reject(error);
  }
  /** An event is done with, whatever came of it. Undefined if it was before. */
  _take(number) {
    const entry = this._entries.get(number);
    if (entry?.state !== "kept") return;
    entry.state = "answered";
    this._count--;
    this._bytes -= entry.event.bytes;
    this._await(this._remove(number));
    return entry;
  }
  async _remove(number) {
    try {
      await this._store.remove([number]);
    } catch (error) {
      if (error instanceof StoreLostError) this._loseStore(error);
    }
    this._entries.delete(number);
    this._sent?.delete(number);
    this._inherit();
    this._send();
  }
  /** Gives up what is too old, and comes back when the next one is. */
  _expire() {
    clearTimeout(this._timer);
    this._timer = void 0;
    const { ageMax = AGE_MAX } = this._options;
    const now = Date.now();
    for (const { event, state } of [...this._entries.values()]) {
      if (state !== "kept") continue;
      const wait = event.time + ageMax - now;
      if (wait <= 0) {
        this._giveUp(event.number, new OutboxError("expired"));
      } else if (!this._isClosed) {
        this._timer = setTimeout(() => this._expire(), Math.min(wait, TIMER_MS_MAX));
        this._timer.unref?.();
        return;
      }
    }
  }
};
function tell(callback) {
  try {
    callback();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
function holdBack(socket) {
  let isWanted = socket.active;
  let isHeld = true;
  if (isWanted) socket.disconnect();
  const hold = (name, wanted) => {
    const before = socket[name];
    const isOwn = Object.prototype.hasOwnProperty.call(socket, name);
    const held = (...args) => {
      if (!isHeld) return before.apply(socket, args);
      isWanted = wanted;
      return socket;
    };
    socket[name] = held;
    return () => {
      if (socket[name] !== held) return;
      if (isOwn) socket[name] = before;
      else delete socket[name];
    };
  };
  const ends = [hold("connect", true), hold("open", true), hold("disconnect", false), hold("close", false)];
  return () => {
    if (!isHeld) return;
    isHeld = false;
    for (const end of ends) end();
    if (isWanted) socket.connect();
  };
}
function offer(socket, id) {
  const member = { configurable: true, enumerable: true, get: () => ({ v: 1, id: id() }) };
  const withOffer = (data = {}) => {
    if (typeof data === "function") {
      return (provide) => data((provided) => provide({ ...provided, _outbox: member.get() }));
    }
    const own = Object.isExtensible(data) ? data : { ...data };
    return Object.defineProperty(own, "_outbox", member);
  };
  let plain = socket.auth;
  let auth = withOffer(plain);
  Object.defineProperty(socket, "auth", {
    configurable: true,
    enumerable: true,
    get: () => auth,
    set: (value) => {
      plain = value;
      auth = withOffer(value);
    }
  });
  return () => {
    if (typeof auth === "object") delete auth._outbox;
    Object.defineProperty(socket, "auth", { value: plain, writable: true, enumerable: true });
  };
}
function originOf({ uri, opts }) {
  const page = globalThis.location?.href;
  return `${uri ? new URL(uri, page).origin : globalThis.location?.origin} ${opts.path}`;
}
function bytesOf2(args) {
  let binary = 0;
  const json = JSON.stringify(args, function(key, value) {
    const original = this[key];
    if (!isBinary(original)) return value;
    binary += "size" in original ? original.size : original.byteLength;
    return null;
  });
  return byteLength(json) + binary;
}
//# sourceMappingURL=outbox.cjs.map
