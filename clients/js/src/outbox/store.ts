// Where the events of an outbox are kept: in this page, or in IndexedDB.

/** An event that waits for its answer. */
export interface StoredEvent {
  /** Its number in the outbox, from 1. */
  number: number;
  /** Name and arguments. */
  args: unknown[];
  /** Bytes that it counts for. */
  bytes: number;
  /** When it was emitted, in milliseconds as `Date.now()`. */
  time: number;
}

/** What a store holds. */
export interface StoredOutbox {
  /** The outbox's secret name, see `docs/reliable.md`. */
  id: string;
  /** The number of the next event. */
  next: number;
  /** Events without answer, in the order of their numbers. */
  events: StoredEvent[];
}

/**
 * Keeps one outbox. Nobody else uses it at the same time, but calls come while earlier ones are
 * under way: they take effect in their order.
 */
export interface OutboxStore {
  /** Whether it outlives the page. */
  readonly isDurable: boolean;
  /** What was kept, or a new outbox. */
  load(): Promise<StoredOutbox>;
  /** Keeps an event; the next one gets a number behind it. Resolves once it outlives the page. */
  add(event: StoredEvent): Promise<void>;
  /** Forgets events. */
  remove(numbers: number[]): Promise<void>;
  /** Lets others use it. */
  close(): void;
}

/**
 * The store is gone for good, as one that was closed under the page and cannot be opened again. The
 * outbox goes on in memory; what the store holds is the next page's.
 */
export class StoreLostError extends Error {
  readonly name = "StoreLostError";

  constructor(
    /** What it failed with. */
    readonly cause: unknown,
  ) {
    super("the outbox's store is lost");
  }
}

/**
 * Milliseconds after which the browser counts as one that cannot store: opening a database may wait for
 * ever for other pages to close theirs.
 */
const ANSWER_MS = 5000;

/** Most outboxes of one name: so many pages may be open at once. */
const SLOTS_MAX = 100;

/** An outbox that ends with the page. */
export function memoryStore(): OutboxStore {
  return {
    isDurable: false,
    load: async () => ({ id: newId(), next: 1, events: [] }),
    add: async () => {},
    remove: async () => {},
    close() {},
  };
}

/**
 * An outbox in IndexedDB. Each page has one for itself, held by a lock (Web Locks); what a page
 * leaves behind, the next one takes over. Undefined where the platform lacks one or the other, as
 * pages without HTTPS do, where it may not be used, and where it does not answer within 5 seconds.
 */
export async function indexedDbStore(name: string): Promise<OutboxStore | undefined> {
  const locks = locksHere();
  try {
    return locks && (await inTime(takeSlot(locks, name), (store) => store?.close()));
  } catch {
    // Private windows of some browsers, or no answer.
    return undefined;
  }
}

/** Web Locks, where IndexedDB is there, too. In some frames it is an error to look for them. */
export function locksHere(): LockManager | undefined {
  try {
    return globalThis.indexedDB && globalThis.navigator?.locks;
  } catch {
    return undefined;
  }
}

async function takeSlot(locks: LockManager, name: string): Promise<OutboxStore | undefined> {
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
  return undefined;
}

/** Rejects when there is no answer in time; `undo` gets what comes later. */
function inTime<Answer>(promise: Promise<Answer>, undo: (answer: Answer) => void): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    const giveUp = () => {
      isLate = true;
      reject(new Error(`no answer within ${ANSWER_MS} ms`));
    };
    const timer = setTimeout(giveUp, ANSWER_MS);
    promise
      .finally(() => clearTimeout(timer))
      .then((answer) => (isLate ? undo(answer) : resolve(answer)))
      .catch(reject);
  });
}

class IndexedDbStore implements OutboxStore {
  readonly isDurable = true;
  private _id = "";
  /** The transaction of this turn of the event loop. */
  private _turn?: Turn;
  private _opening?: Promise<void>;
  private _isClosed = false;

  constructor(
    private _db: IDBDatabase,
    private _slot: string,
    private _release: () => void,
  ) {}

  load(): Promise<StoredOutbox> {
    return inTime(this._load(), () => {});
  }

  private async _load(): Promise<StoredOutbox> {
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

  add(event: StoredEvent): Promise<void> {
    const { number } = event;
    return this._write((turn, isAgain) => {
      const stored = { slot: this._slot, number, event };
      // Whether it came as far as that the first time is not known.
      if (isAgain) turn.events.put(stored);
      else turn.events.add(stored);
      turn.next = number + 1;
    });
  }

  remove(numbers: number[]): Promise<void> {
    return this._write((turn) => {
      for (const number of numbers) turn.events.delete([this._slot, number]);
    });
  }

  close(): void {
    this._isClosed = true;
    this._release();
    this._db.close();
  }

  /** Writes; once more, if the browser has closed the database, as it does to suspended pages. */
  private async _write(change: (turn: Turn, isAgain: boolean) => void): Promise<void> {
    const db = this._db;
    const write = (isAgain: boolean) => {
      const turn = this._thisTurn();
      change(turn, isAgain);
      return turn.finished;
    };
    try {
      return await write(false);
    } catch (error) {
      if (this._isClosed || !CLOSED.test((error as Error)?.name)) throw error;
    }
    try {
      if (db === this._db) await (this._opening ??= this._open());
      return await write(true);
    } catch (error) {
      throw new StoreLostError(error);
    }
  }

  /** Opens the database again, for all who wait for that. */
  private async _open(): Promise<void> {
    try {
      this._db = await inTime(open(), (db) => db.close());
      if (this._isClosed) this._db.close();
    } finally {
      this._opening = undefined;
    }
  }

  /**
   * What comes together is written together, at once: transactions need not wait for each other
   * here, IndexedDB runs them in their order.
   */
  private _thisTurn(): Turn {
    if (this._turn) return this._turn;
    const transaction = this._db.transaction([BOXES, EVENTS], "readwrite");
    const events = transaction.objectStore(EVENTS);
    const turn: Turn = { events, finished: finished(transaction) };
    this._turn = turn;
    Promise.resolve().then(() => {
      this._turn = undefined;
      const { next } = turn;
      try {
        if (next) transaction.objectStore(BOXES).put({ slot: this._slot, id: this._id, next });
        // It is done even if the page goes now.
        transaction.commit?.();
      } catch {
        // The browser has closed it; `finished` tells.
      }
    });
    return turn;
  }
}

/** What is written in one turn of the event loop. */
interface Turn {
  events: IDBObjectStore;
  /** The number behind the highest one added in it. */
  next?: number;
  finished: Promise<void>;
}

/** Errors that a database has which is no longer open, or was closed in the middle of something. */
const CLOSED = /^(InvalidState|Unknown|Abort|TransactionInactive)Error$/;

const BOXES = "boxes";
const EVENTS = "events";

async function open(): Promise<IDBDatabase> {
  const request = indexedDB.open("sockeye-outbox", 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(BOXES, { keyPath: "slot" });
    request.result.createObjectStore(EVENTS, { keyPath: ["slot", "number"] });
  };
  const db = await done(request);
  // Whoever deletes it, or has a later version, must not wait for this page: what is written next opens
  // it again, or finds that it cannot.
  db.onversionchange = () => db.close();
  return db;
}

/** The outboxes of a name, those first that hold events, the longest waiting ones at first. */
async function slotsInOrder(db: IDBDatabase, name: string): Promise<string[]> {
  const events = db.transaction(EVENTS).objectStore(EVENTS);
  const waiting: { slot: string; time: number }[] = [];
  const all = Array.from({ length: SLOTS_MAX }, (_, index) => `${name} ${index}`);
  await Promise.all(
    all.map(async (slot) => {
      const [first] = await done(events.getAll(eventsOf(slot), 1));
      if (first) waiting.push({ slot, time: first.event.time });
    }),
  );
  waiting.sort((one, other) => one.time - other.time);
  return [...new Set([...waiting.map(({ slot }) => slot), ...all])];
}

function eventsOf(slot: string): IDBKeyRange {
  return IDBKeyRange.bound([slot], [slot, []]);
}

function done<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function finished(transaction: IDBTransaction): Promise<void> {
  const end = new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    // The error is there only now. It has none when the browser took the storage away.
    transaction.onabort = () => reject(transaction.error || new DOMException("aborted", "AbortError"));
  });
  end.catch(() => {});
  return end;
}

/** Takes a lock for as long as the page lives, or until the returned function is called. */
function lock(locks: LockManager, name: string): Promise<(() => void) | undefined> {
  return new Promise((resolve, reject) => {
    locks
      .request(name, { ifAvailable: true }, (granted) => {
        if (!granted) return resolve(undefined);
        return new Promise<void>((release) => resolve(release));
      })
      .catch(reject);
  });
}

/** 24 characters that nobody guesses. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return Array.from(bytes, (byte) => characters[byte & 63]).join("");
}
