// `sockeye-client/outbox`: events that are sent again until they are answered, also after a reload.
// It uses what any client offers, so it works with socket.io-client, too.

import { remoteErrorOf } from "../answer.js";
import type { AckValue, Answered, DefaultEventsMap, EventNames, EventsMap, ParamsWithoutAck } from "../events.js";
import type { AnySocket } from "../features/socket.js";
import type { Socket } from "../socket.js";
import { byteLength, isBinary } from "../engine/packet.js";
import { copyOf, readFiles } from "./copy.js";
import { indexedDbStore, locksHere, memoryStore, newId, type OutboxStore, type StoredEvent, StoreLostError } from "./store.js";

export { RemoteError } from "../answer.js";
export { indexedDbStore, memoryStore, StoreLostError } from "./store.js";
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
  onAnswer?: (event: string, args: unknown[], ...answer: unknown[]) => void;
  /** An event was given up. */
  onLost?: (event: string, args: unknown[], error: Error) => void;
  /**
   * The store is lost: from now on events are kept in the page's memory only, and `isDurable` is false.
   * Those that it holds are sent by this page, and if that goes first by the next one.
   */
  onStoreLost?: (error: StoreLostError) => void;
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
  resolve: (answer: unknown[]) => void;
  reject: (error: unknown) => void;
}

/**
 * An event from when it gets its number until its removal is in the store: should the page go
 * before that, the next page sends it again, and the server has to know what it answered.
 */
interface Entry {
  event: StoredEvent;
  /** The outbox that it belongs to: not that of the others, if the store was lost in between. */
  box: string;
  /** `new`: on its way into the store; `answered`: on its way out of it. */
  state: "new" | "kept" | "answered";
  /** Who emitted it, unless an earlier page did. */
  waiting?: Waiting;
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

/**
 * Resolves when no outbox is left that was closed while its store was opened. The next one waits for
 * that, or what is kept there would be out of its reach: development tools make everything twice.
 */
let leaving: Promise<void> = Promise.resolve();

/** Makes an outbox for a socket. A socket has at most one; it must not use `retries`. */
export function outbox<
  Listen extends EventsMap = DefaultEventsMap,
  Emit extends EventsMap = Listen,
>(socket: AnySocket<Listen, Emit>, options: OutboxOptions = {}): Outbox<Emit> {
  return new Outbox(socket as any, options);
}

/** Events on their way to the server, kept until they are answered (`docs/reliable.md`). */
export class Outbox<Emit extends EventsMap = DefaultEventsMap> {
  /** Resolves when what was kept from an earlier page is there. */
  readonly ready: Promise<void>;
  /** Whether the outbox outlives the page; known once it is ready. */
  isDurable = false;

  private _store!: OutboxStore;
  /** A store that was lost; it is closed when nothing of it is unanswered. */
  private _lostStore?: OutboxStore;
  private _id?: string;
  /**
   * The outbox that follows: the next page, which finds the old one in its store, will use the numbers
   * that were not stored there.
   */
  private _heir?: string;
  /** The outbox that the last CONNECT named. */
  private _offered?: string;
  private _next = 1;
  /** Events by number, in order. */
  private _entries = new Map<number, Entry>();
  private _count = 0;
  private _bytes = 0;
  /** Those that this connection has taken; undefined while there is none. */
  private _sent?: Set<number>;
  private _terms?: Terms;
  /** Resolves when the files in all events until now are read, or cannot be. */
  private _read: Promise<void> = Promise.resolve();
  /** Resolves when the store has done what it was told until now, or failed. */
  private _writing: Promise<void>;
  private _timer?: ReturnType<typeof setTimeout>;
  private _isClosed = false;
  private _stop!: () => void;
  /** Lets the socket connect, if it should. */
  private _release: () => void;

  constructor(
    private _socket: Socket,
    private _options: OutboxOptions,
  ) {
    this._stop = this._listen();
    // The offer has to be in the first packet: until the id is known, nothing is connected.
    this._release = holdBack(_socket);
    this.ready = this._load().finally(() => this._release());
    // Who emits is told; who only waits for `ready`, too.
    this._writing = this.ready.catch(() => {});
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
    const [value] = await this._post([event, ...args]);
    return value as AckValue<Emit, Event>;
  }

  /**
   * The same, but an answer that is an error rejects with a `RemoteError`. The event is answered then, and
   * not sent again.
   */
  async request<Event extends EventNames<Emit>>(
    event: Event,
    ...args: ParamsWithoutAck<Emit, Event>
  ): Promise<Answered<Emit, Event>> {
    const answer = await this._post([event, ...args]);
    const error = remoteErrorOf(answer);
    if (error) throw error;
    return answer[0] as Answered<Emit, Event>;
  }

  private async _post(args: unknown[]): Promise<unknown[]> {
    if (this._isClosed) throw new OutboxError("closed");
    const { countMax = COUNT_MAX, bytesMax = BYTES_MAX } = this._options;
    const bytes = bytesOf(args);
    if (this._count >= countMax || this._bytes + bytes > bytesMax) throw new OutboxError("full");
    // The caller may change them later, and a file that has changed cannot be read any more.
    const copy = copyOf(args) as unknown[];
    const earlier = this._read;
    const read = readFiles(copy);
    this._read = read.catch(() => {}).then(() => earlier);
    this._count++;
    this._bytes += bytes;
    return new Promise((resolve, reject) => {
      // In the order of the calls, however long that takes.
      const kept = Promise.all([read, earlier, this.ready]).then(() =>
        this._keep(copy, bytes, { resolve, reject }),
      );
      this._await(
        kept.catch((error) => {
          this._count--;
          this._bytes -= bytes;
          reject(error);
        }),
      );
    });
  }

  /**
   * Resolves when everything emitted until now is kept (or was refused) and every answer until now
   * is noted: nothing of that is lost when the page goes, if the outbox {@link isDurable}.
   */
  saved(): Promise<void> {
    return this._writing;
  }

  /**
   * Stops sending and lets other pages use what is kept. The socket stays as it is; one that the outbox
   * still keeps from connecting does that now.
   */
  close(): void {
    if (this._isClosed) return;
    this._isClosed = true;
    clearTimeout(this._timer);
    this._stop();
    this._release();
    const left = this._writing.then(() => {
      this._store.close();
      this._lostStore?.close();
    });
    if (this._id === undefined && !this._options.store) leaving = left;
  }

  private async _load(): Promise<void> {
    const { nsp, io } = this._socket;
    const { store, name } = this._options;
    if (!store) await leaving;
    const inBrowser = async () => locksHere() && indexedDbStore(name ?? `${originOf(io)} ${nsp}`);
    this._store = store || (await inBrowser()) || memoryStore();
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
      this._entries.set(event.number, { event, box: id, state: "kept" });
      this._count++;
      this._bytes += event.bytes;
    }
    this._expire();
  }

  private async _keep(args: any[], bytes: number, waiting: Waiting): Promise<void> {
    if (this._isClosed) throw new OutboxError("closed");
    const event: StoredEvent = { number: this._next++, args, bytes, time: Date.now() };
    const entry: Entry = { event, box: this._heir || this._id!, waiting, state: "new" };
    this._entries.set(event.number, entry);
    try {
      // Before it is sent: after a crash its number must not be given to another one.
      await this._store.add(event).catch((error) => {
        this._loseStore(error);
        entry.box = this._heir || this._id!;
      });
      entry.state = "kept";
      this._inherit();
      if (!this._timer) this._expire();
    } catch (error) {
      this._entries.delete(event.number);
      throw error;
    } finally {
      // Those behind it had to wait, too.
      this._send();
    }
  }

  /** Goes on in memory if that is what has happened; otherwise throws the error. */
  private _loseStore(error: unknown): void {
    if (!(error instanceof StoreLostError)) throw error;
    // One store fails for all who wait for it.
    if (this._lostStore) return;
    this._lostStore = this._store;
    this._store = memoryStore();
    this._heir = newId();
    this.isDurable = false;
    tell(() => this._options.onStoreLost?.(error));
  }

  /** Ends the outbox of a lost store when all of it is answered, and begins the next one. */
  private _inherit(): void {
    if (!this._heir || [...this._entries.values()].some(({ box }) => box === this._id)) return;
    this._id = this._heir;
    this._heir = undefined;
    this._lostStore!.close();
    if (this._sent) this._offerAgain();
  }

  /** Whether the server has to be told of another outbox: it knows one by what CONNECT says. */
  private _offerAgain(): boolean {
    const isOther = !!this._terms && this._offered !== this._id;
    if (isOther) this._socket.disconnect().connect();
    return isOther;
  }

  /** Counts what the store has begun to write to what `saved` waits for. */
  private _await(write: Promise<void>): void {
    const earlier = this._writing;
    this._writing = write.then(() => earlier);
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
      if (!hasReply || !socket.connected || this._sent || this._offerAgain()) return;
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
    const stopOffering = offer(socket, () => (this._offered = this._id));
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
    for (const [number, { event, state, box }] of this._entries) {
      if (sent !== this._sent || state === "new" || (terms && box !== this._id)) return;
      const [lowest] = this._entries.keys();
      // So the server need not forget an answer that this page, or the next one, may ask for.
      if (terms ? number >= lowest + terms.window : sent.size >= WINDOW) return;
      if (state === "answered" || sent.has(number)) continue;
      sent.add(number);
      const args = terms ? [...event.args, { _outbox: [number, lowest] }] : event.args;
      const before = socket.sendBuffer.length;
      try {
        // An answer to an earlier connection counts as well: the event has been handled.
        (socket as any).emit(...args, (...answer: any[]) => this._settle(number, answer));
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
    if (answer[0]?.error?.code === "forgotten") {
      return this._giveUp(number, new OutboxError("forgotten"));
    }
    const entry = this._take(number);
    if (!entry) return;
    const [name, ...args] = entry.event.args as [string];
    tell(() => this._options.onAnswer?.(name, args, ...answer));
    entry.waiting?.resolve(answer);
  }

  private _giveUp(number: number, error: Error): void {
    const entry = this._take(number);
    if (!entry) return;
    const [name, ...args] = entry.event.args as [string];
    tell(() => this._options.onLost?.(name, args, error));
    entry.waiting?.reject(error);
  }

  /** An event is done with, whatever came of it. Undefined if it was before. */
  private _take(number: number): Entry | undefined {
    const entry = this._entries.get(number);
    if (entry?.state !== "kept") return;
    entry.state = "answered";
    this._count--;
    this._bytes -= entry.event.bytes;
    this._await(this._remove(number));
    return entry;
  }

  private async _remove(number: number): Promise<void> {
    try {
      await this._store.remove([number]);
    } catch (error) {
      // It goes on nevertheless; the next page sends it once more, and may hear `forgotten`.
      if (error instanceof StoreLostError) this._loseStore(error);
    }
    this._entries.delete(number);
    this._sent?.delete(number);
    this._inherit();
    this._send();
  }

  /** Gives up what is too old, and comes back when the next one is. */
  private _expire(): void {
    clearTimeout(this._timer);
    this._timer = undefined;
    const { ageMax = AGE_MAX } = this._options;
    const now = Date.now();
    for (const { event, state } of [...this._entries.values()]) {
      if (state !== "kept") continue;
      const wait = event.time + ageMax - now;
      if (wait <= 0) {
        this._giveUp(event.number, new OutboxError("expired"));
      } else if (!this._isClosed) {
        this._timer = setTimeout(() => this._expire(), Math.min(wait, TIMER_MS_MAX));
        // In Node it keeps no process alive.
        (this._timer as any).unref?.();
        return;
      }
    }
  }
}

/** What the application throws is its own: reported, without stopping what is done here. */
function tell(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/**
 * Keeps a socket from connecting: what the application wants meanwhile is done when the returned function
 * is called.
 */
function holdBack(socket: any): () => void {
  let isWanted: boolean = socket.active;
  let isHeld = true;
  if (isWanted) socket.disconnect();
  const hold = (name: string, wanted: boolean) => {
    const before = socket[name];
    const isOwn = Object.prototype.hasOwnProperty.call(socket, name);
    const held = (...args: any[]) => {
      // Somebody may have put a function around this one and call it later.
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
    if (!isBinary(original)) return value;
    binary += "size" in original ? original.size : original.byteLength;
    return null;
  });
  return byteLength(json) + binary;
}
