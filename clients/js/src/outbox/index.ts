// `sockeye-client/outbox`: events that are sent again until they are answered, also after a reload.
// It uses what any client offers, so it works with socket.io-client, too.

import type { AckValue, DefaultEventsMap, EventNames, EventsMap, ParamsWithoutAck } from "../events.js";
import type { Socket } from "../socket.js";
import { indexedDbStore, memoryStore, type OutboxStore, type StoredEvent } from "./store.js";

export { indexedDbStore, memoryStore } from "./store.js";
export type { OutboxStore, StoredEvent, StoredOutbox } from "./store.js";

/** Bounds of an outbox and who is told, with their defaults. */
export interface OutboxOptions {
  /** Name of the outbox in the browser. Default: the server's address and the namespace. */
  name?: string;
  /** Most events that wait. Default 1,000. */
  countMax?: number;
  /** Most bytes of events that wait, as JSON and binary data. Default 4 MiB. */
  bytesMax?: number;
  /** Milliseconds after which an event is given up. Default one day. */
  ageMax?: number;
  /** Where it is kept. Default: IndexedDB where that can be, otherwise the page's memory. */
  store?: OutboxStore;
  /** An event was answered; also told about those of an earlier page, whose promises are gone. */
  onAnswer?: (event: string, args: any[], ...answer: any[]) => void;
  /** An event was given up. */
  onLost?: (event: string, args: any[], error: Error) => void;
}

/** Why an event was not taken, or was given up. */
export class OutboxError extends Error {
  readonly name = "OutboxError";

  constructor(
    /**
     * `full`: it does not fit; `expired`: it waited for too long; `forgotten`: the server no longer
     * knows whether it handled the event; `closed`: the outbox was closed before it was kept.
     */
    readonly reason: "full" | "expired" | "forgotten" | "closed",
  ) {
    super(`outbox: ${reason}`);
  }
}

interface Waiting {
  resolve: (value: any) => void;
  reject: (error: unknown) => void;
}

/** What the server says in its reply to CONNECT, if it takes part. */
interface Terms {
  window: number;
}

/** Events that may be unanswered at once with a server that does not take part. */
const WINDOW = 100;

const COUNT_MAX = 1000;
const BYTES_MAX = 4 * 1024 * 1024;
const AGE_MAX = 24 * 60 * 60 * 1000;
const TIMER_MS_MAX = 2 ** 31 - 1;
const CONNECT = 0;

/** Makes an outbox for a socket. A socket has at most one; it must not use `retries`. */
export function outbox<
  Listen extends EventsMap = DefaultEventsMap,
  Emit extends EventsMap = Listen,
>(socket: Socket<Listen, Emit>, options: OutboxOptions = {}): Outbox<Emit> {
  return new Outbox(socket as any, options);
}

/** Events on their way to the server, kept until they are answered (`docs/reliable.md`). */
export class Outbox<Emit extends EventsMap = DefaultEventsMap> {
  /** Resolves when what was kept from an earlier page is there. */
  readonly ready: Promise<void>;
  /** Whether the outbox outlives the page; known once it is ready. */
  isDurable = false;

  private _store!: OutboxStore;
  private _id?: string;
  private _next = 1;
  /** Unanswered events by number, in order. */
  private _events = new Map<number, StoredEvent>();
  private _waiting = new Map<number, Waiting>();
  private _count = 0;
  private _bytes = 0;
  /** What this connection has taken; undefined while there is none. */
  private _sent?: Set<number>;
  private _terms?: Terms;
  private _writing: Promise<unknown>;
  private _timer?: ReturnType<typeof setTimeout>;
  private _isClosed = false;
  private _stop!: () => void;

  constructor(
    private _socket: Socket<any, any>,
    private _options: OutboxOptions,
  ) {
    this._stop = this._listen();
    const wasActive = _socket.active;
    // The offer has to be in the first packet: until the id is known, nothing is connected.
    if (wasActive) _socket.disconnect();
    this.ready = this._load().finally(() => {
      if (wasActive && !this._isClosed) _socket.connect();
    });
    this._writing = this.ready;
    // Who emits is told; who only waits for `ready`, too.
    this.ready.catch(() => {});
  }

  /** Number of events without answer. */
  get size(): number {
    return this._count;
  }

  /** Bytes of the events without answer. */
  get bytes(): number {
    return this._bytes;
  }

  /**
   * Keeps an event and sends it until it is answered; resolves with the first value of the answer.
   * Rejects with an {@link OutboxError}, or when it cannot be kept or sent at all.
   */
  async emit<Event extends EventNames<Emit>>(
    event: Event,
    ...args: ParamsWithoutAck<Emit, Event>
  ): Promise<AckValue<Emit, Event>> {
    if (this._isClosed) throw new OutboxError("closed");
    const { countMax = COUNT_MAX, bytesMax = BYTES_MAX } = this._options;
    const bytes = bytesOf([event, ...args]);
    if (this._count >= countMax || this._bytes + bytes > bytesMax) throw new OutboxError("full");
    // The caller may change them later.
    const kept = structuredClone([event, ...args]);
    this._count++;
    this._bytes += bytes;
    return new Promise((resolve, reject) => {
      const write = this._writing.then(() => this._keep(kept, bytes, { resolve, reject }));
      this._writing = write.catch((error) => {
        this._count--;
        this._bytes -= bytes;
        reject(error);
      });
    });
  }

  /** Stops sending and lets other pages use what is kept. The socket stays as it is. */
  close(): void {
    if (this._isClosed) return;
    this._isClosed = true;
    clearTimeout(this._timer);
    this._stop();
    this._writing.then(() => this._store.close());
  }

  private async _load(): Promise<void> {
    const { nsp, io } = this._socket;
    const { store, name = `${originOf(io)} ${nsp}` } = this._options;
    this._store = store || (await indexedDbStore(name)) || memoryStore();
    const { id, next, events } = await this._store.load().catch((error) => {
      if (store) throw error;
      // The browser's storage is broken, or full; the page goes on without it.
      this._store.close();
      this._store = memoryStore();
      return this._store.load();
    });
    this.isDurable = this._store.isDurable;
    this._id = id;
    this._next = next;
    for (const event of events) {
      this._events.set(event.number, event);
      this._count++;
      this._bytes += event.bytes;
    }
    this._expire();
  }

  private async _keep(args: any[], bytes: number, waiting: Waiting): Promise<void> {
    if (this._isClosed) throw new OutboxError("closed");
    const event: StoredEvent = { number: this._next++, args, bytes, time: Date.now() };
    // Before it is sent: after a crash its number must not be given to another one.
    await this._store.add(event);
    this._events.set(event.number, event);
    this._waiting.set(event.number, waiting);
    if (this._events.size === 1) this._expire();
    this._send();
  }

  /** Hooks into the socket; returns how to leave it. */
  private _listen(): () => void {
    const { _socket: socket } = this;
    const onPacket = ({ type, nsp, data }: { type: number; nsp: string; data?: any }) => {
      if (type !== CONNECT || nsp !== socket.nsp || !data?.sid) return;
      const terms = data._outbox;
      const takesPart = terms?.v === 1 && Number.isInteger(terms.window) && terms.window > 0;
      this._terms = takesPart ? { window: terms.window } : undefined;
      hasReply = true;
      onConnect();
    };
    // The packet is seen before the socket connects or after, depending on the client.
    let hasReply = false;
    const onConnect = () => {
      if (!hasReply || !socket.connected || this._sent) return;
      this._sent = new Set();
      this._send();
    };
    const onDisconnect = () => {
      hasReply = false;
      this._sent = undefined;
    };
    socket.io.on("packet", onPacket);
    socket.on("connect", onConnect);
    socket.on("disconnect", onDisconnect);
    const stopOffering = offer(socket, () => this._id);
    return () => {
      socket.io.off("packet", onPacket);
      socket.off("connect", onConnect);
      socket.off("disconnect", onDisconnect);
      stopOffering();
    };
  }

  /** Sends what may be sent now, in the order of numbers. */
  private _send(): void {
    const { _sent: sent, _terms: terms, _socket: socket } = this;
    if (!sent || this._isClosed) return;
    const window = terms?.window ?? WINDOW;
    for (const [number, event] of this._events) {
      if (sent !== this._sent || sent.size >= window) return;
      if (sent.has(number)) continue;
      sent.add(number);
      const [lowest] = this._events.keys();
      const args = terms ? [...event.args, { _outbox: [number, lowest] }] : event.args;
      const before = socket.sendBuffer.length;
      try {
        (socket as any).emit(...args, (...answer: any[]) => {
          // That of an earlier connection counts as well: the event has been handled.
          sent.delete(number);
          this._settle(number, answer);
        });
      } catch (error) {
        // Too large, or no JSON: it would never go.
        this._giveUp(number, error as Error);
        continue;
      }
      // A connection that is about to be lost keeps it for the next one, which sends all of them.
      if (socket.sendBuffer.length > before) socket.sendBuffer.pop();
    }
  }

  private _settle(number: number, answer: any[]): void {
    const event = this._events.get(number);
    if (!event) return;
    if (answer[0]?.error?.code === "forgotten") {
      return this._giveUp(number, new OutboxError("forgotten"));
    }
    const waiting = this._forget(event);
    const [name, ...args] = event.args;
    this._options.onAnswer?.(name, args, ...answer);
    waiting?.resolve(answer[0]);
    this._send();
  }

  private _giveUp(number: number, error: Error): void {
    const event = this._events.get(number);
    if (!event) return;
    const waiting = this._forget(event);
    const [name, ...args] = event.args;
    this._options.onLost?.(name, args, error);
    waiting?.reject(error);
  }

  private _forget({ number, bytes }: StoredEvent): Waiting | undefined {
    const waiting = this._waiting.get(number);
    this._events.delete(number);
    this._waiting.delete(number);
    this._sent?.delete(number);
    this._count--;
    this._bytes -= bytes;
    // What cannot be removed is sent once more by the next page, and answered from memory.
    this._writing = this._writing.then(() => this._store.remove([number])).catch(() => {});
    return waiting;
  }

  /** Gives up what is too old, and comes back when the next one is. */
  private _expire(): void {
    clearTimeout(this._timer);
    const { ageMax = AGE_MAX } = this._options;
    const now = Date.now();
    for (const { number, time } of [...this._events.values()]) {
      if (now - time < ageMax) break;
      this._giveUp(number, new OutboxError("expired"));
    }
    const [oldest] = this._events.values();
    if (!oldest || this._isClosed) return;
    const wait = Math.min(oldest.time + ageMax - now, TIMER_MS_MAX);
    this._timer = setTimeout(() => this._expire(), wait);
    // In Node it keeps no process alive.
    (this._timer as any).unref?.();
  }
}

/** Adds the offer to what the socket says when it connects; returns how to take it back. */
function offer(socket: Socket<any, any>, id: () => string | undefined): () => void {
  const member = { configurable: true, enumerable: true, get: () => ({ v: 1, id: id() }) };
  const withOffer = (data: any = {}): any => {
    if (typeof data === "function") {
      return (provide: (data: object) => void) =>
        data((provided: any) => provide({ ...provided, _outbox: member.get() }));
    }
    // A member of the object itself: applications change such objects later.
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
    },
  });
  return () => {
    if (typeof auth === "object") delete auth._outbox;
    Object.defineProperty(socket, "auth", { value: plain, writable: true, enumerable: true });
  };
}

function originOf({ uri, opts }: { uri?: string; opts: { path?: string } }): string {
  const page = globalThis.location?.href;
  return `${uri ? new URL(uri, page).origin : globalThis.location?.origin} ${opts.path}`;
}

/** Bytes of an event: its JSON, and binary data in it. */
function bytesOf(args: unknown[]): number {
  let binary = 0;
  const json = JSON.stringify(args, function (this: any, key, value) {
    const original = this[key];
    const size = original?.byteLength ?? original?.size;
    const isBinary =
      ArrayBuffer.isView(original) || original instanceof ArrayBuffer || original instanceof Blob;
    if (!isBinary) return value;
    binary += size;
    return null;
  });
  return new TextEncoder().encode(json).length + binary;
}
