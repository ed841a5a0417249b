import type { Refusal, StoredMessage } from "./contract.ts";

/** A message that the server has not confirmed. */
export interface Pending {
  /** What this page calls it; the server stores it once under this key. */
  key: string;
  name: string;
  msg: string;
  /** When it was written, in milliseconds since 1970. */
  at: number;
  /** `waiting` for the connection, `sent` and not yet answered, or `failed` for good. */
  state: "waiting" | "sent" | "failed";
  /** Why it failed. */
  problem?: Refusal;
  /** It was sent, or may have been, but the answer got lost. */
  uncertain?: boolean;
  /** Then: the stored message that is probably this one. */
  guess?: number;
}

/** One thing in the conversation, in the order it is shown. */
export type Row =
  | { kind: "message"; key: string; message: StoredMessage }
  | { kind: "notice"; key: string; what: "joined" | "left"; name: string; at: number }
  | { kind: "gap"; key: string }
  | { kind: "pending"; key: string; pending: Pending };

/** The most stored messages kept in the page; older ones are dropped. */
export const MESSAGES_KEPT_MAX = 2000;
/** The most notices of coming and going kept in the page; older ones are dropped. */
export const NOTICES_KEPT_MAX = 200;
/** The most messages that may wait to be sent. */
export const PENDING_MAX = 100;

/** Where something stands: behind the message of this id, in order of arrival. */
interface Entry {
  id: number;
  arrival: number;
  row: Row;
}

/**
 * The conversation: stored messages by id, each once however often it comes; who came and went, in
 * between; and at the end what is still to be confirmed.
 */
export class Timeline {
  private entries: Entry[] = [];
  private known = new Set<number>();
  private pending: Pending[] = [];
  /** A confirmed message goes on under the key it had before, so that its element stays. */
  private keys = new Map<number, string>();
  private arrivals = 0;
  private notices = 0;

  /** The newest stored message, 0 before the first. */
  get lastId(): number {
    return this.entries.at(-1)?.id ?? 0;
  }

  /** Everything to show, in order. */
  rows(): Row[] {
    const rows = this.entries.map((entry) => entry.row);
    for (const pending of this.pending) {
      if (pending.guess !== undefined && this.known.has(pending.guess)) continue;
      rows.push({ kind: "pending", key: `p${pending.key}`, pending: { ...pending } });
    }
    return rows;
  }

  /** Takes in the newest messages of the room; marks the place where some may be missing. */
  merge(history: StoredMessage[]): void {
    const last = this.lastId;
    const isApart =
      this.known.size > 0 && history.length > 0 && !history.some((m) => this.known.has(m.id));
    if (isApart && history[0]!.id > last) {
      this.insert(last, { kind: "gap", key: `g${last}` });
    }
    for (const message of history) {
      if (message.id > last) this.recognise(message);
      this.add(message);
    }
  }

  /** Takes in one message. True when it was not known. */
  add(message: StoredMessage): boolean {
    if (this.known.has(message.id)) return false;
    this.known.add(message.id);
    const key = this.keys.get(message.id) ?? `m${message.id}`;
    this.insert(message.id, { kind: "message", key, message });
    this.trim();
    return true;
  }

  /** Somebody came or went just now. */
  notice(what: "joined" | "left", name: string, at: number): void {
    this.insert(this.lastId, { kind: "notice", key: `n${this.arrivals}`, what, name, at });
    this.notices++;
    this.trim();
  }

  /** A message was written. False when too many are waiting. */
  write(message: Pick<Pending, "key" | "name" | "msg" | "at">): boolean {
    if (this.pending.length >= PENDING_MAX) return false;
    this.pending.push({ ...message, state: "waiting" });
    return true;
  }

  /**
   * Takes up what an earlier page wrote and did not see confirmed. That page may have sent it, so it
   * may be in the history already.
   */
  restore(message: Pick<Pending, "key" | "name" | "msg" | "at">): void {
    if (this.write(message)) this.pending.at(-1)!.uncertain = true;
  }

  /** What is to be sent now, in order; from then on it counts as sent. */
  takeWaiting(): Pending[] {
    const waiting = this.pending.filter((pending) => pending.state === "waiting");
    for (const pending of waiting) pending.state = "sent";
    return waiting.map((pending) => ({ ...pending }));
  }

  /** The server has stored it. */
  confirm(key: string, message: StoredMessage): void {
    const index = this.pending.findIndex((pending) => pending.key === key);
    if (index >= 0) this.pending.splice(index, 1);
    if (!this.known.has(message.id)) this.keys.set(message.id, `p${key}`);
    this.add(message);
    this.keys.delete(message.id);
  }

  /** The server has refused it. */
  refuse(key: string, problem: Refusal): void {
    const pending = this.find(key);
    if (!pending) return;
    // An answer to something sent before the connection was lost: it goes out again after joining.
    // What was too much at once goes out again a little later.
    if (goesOutAgain(problem)) pending.state = "waiting";
    else Object.assign(pending, { state: "failed", problem, guess: undefined });
  }

  /** The connection is lost: what was sent and not answered is sent again. */
  disconnected(): void {
    for (const pending of this.pending) {
      if (pending.state === "sent") Object.assign(pending, { state: "waiting", uncertain: true });
    }
  }

  /** Sends a failed message again, at its old place in the queue. */
  retry(key: string): void {
    const pending = this.find(key);
    if (pending?.state === "failed") {
      Object.assign(pending, { state: "waiting", problem: undefined });
    }
  }

  /** Gives up a failed message. */
  discard(key: string): void {
    this.pending = this.pending.filter((p) => p.key !== key || p.state !== "failed");
  }

  /** Everything unconfirmed is said under this name; what had another becomes a new message. */
  rename(name: string, newKey: () => string): void {
    for (const pending of this.pending) {
      if (pending.name !== name) Object.assign(pending, { name, key: newKey(), uncertain: false });
    }
  }

  /** What would be lost with the page. */
  unconfirmed(): Pending[] {
    return this.pending.map((pending) => ({ ...pending }));
  }

  /**
   * A message of the history may be one whose answer got lost. Until the server says so when it is
   * sent again, it is shown once and not twice.
   */
  private recognise({ id, name, msg }: StoredMessage): void {
    const pending = this.pending.find(
      (p) => p.uncertain && p.guess === undefined && p.name === name && p.msg === msg,
    );
    if (pending) pending.guess = id;
  }

  private find(key: string): Pending | undefined {
    return this.pending.find((pending) => pending.key === key);
  }

  private insert(id: number, row: Row): void {
    const entry = { id, arrival: row.kind === "message" ? -1 : this.arrivals++, row };
    // Nearly everything belongs at the end.
    let at = this.entries.length;
    while (at > 0 && isBefore(entry, this.entries[at - 1]!)) at--;
    this.entries.splice(at, 0, entry);
  }

  private trim(): void {
    while (this.known.size > MESSAGES_KEPT_MAX) {
      const { row } = this.entries.shift()!;
      if (row.kind === "message") this.known.delete(row.message.id);
      if (row.kind === "notice") this.notices--;
    }
    // Apart from the messages, so that those who come and go all the time push none of them out.
    while (this.notices > NOTICES_KEPT_MAX) {
      const oldest = this.entries.findIndex(({ row }) => row.kind === "notice");
      this.entries.splice(oldest, 1);
      this.notices--;
    }
  }
}

/** Whether a refusal is a matter of waiting a little. */
export function goesOutAgain({ code }: Refusal): boolean {
  return code === "not_joined" || code === "too_fast";
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.id !== b.id ? a.id < b.id : a.arrival < b.arrival;
}
