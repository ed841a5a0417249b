import type { Refusal, StoredMessage } from "./contract.ts";

/** What a refusal says to programs. */
export type Problem = Pick<Refusal, "code" | "retry_after">;

/** A message as it was written here. */
export interface Written {
  /** What this page calls it; the server stores it once under this key. */
  key: string;
  name: string;
  msg: string;
  /** When it was written, in milliseconds since 1970. */
  at: number;
  /** Why it was refused for good; it goes out again only if the person says so. */
  problem?: Problem;
}

/** A message that the server has not confirmed, as it is shown. */
export interface Pending extends Written {
  /** `waiting` for the connection, `sent` and not yet answered, or `failed` for good. */
  state: "waiting" | "sent" | "failed";
}

/** A message that the server has not confirmed, with what is known of its way. */
interface Unconfirmed extends Written {
  /** The outbox has it, and sends it until it is answered. */
  isPosted: boolean;
  /** The stored message that is probably this one, whose answer got lost. */
  guess?: number;
  /** The answer, which has come before the history that it stands in. */
  stored?: StoredMessage;
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
  private pending: Unconfirmed[] = [];
  /** A confirmed message goes on under the key it had before, so that its element stays. */
  private keys = new Map<number, string>();
  private arrivals = 0;
  private notices = 0;
  /** The newest message when the connection was lost, until the history has come that goes on there. */
  private lostAfter?: number = 0;

  /** Everything to show, in order. */
  rows(): Row[] {
    const rows = this.entries.map((entry) => entry.row);
    for (const pending of this.pending) {
      if (pending.guess && this.known.has(pending.guess)) continue;
      const state = this.stateOf(pending);
      rows.push({ kind: "pending", key: `p${pending.key}`, pending: { ...pending, state } });
    }
    return rows;
  }

  /** Takes in the newest messages of the room; marks the place where some may be missing. */
  merge(history: StoredMessage[]): void {
    const last = this.lostAfter ?? this.newest;
    this.lostAfter = undefined;
    if (last > 0 && history.length > 0 && history[0]!.id > last) {
      this.insert(last, { kind: "gap", key: `g${last}` });
    }
    for (const message of history) {
      if (message.id > last) this.recognise(message);
      this.add(message);
    }
    for (const { key, stored } of [...this.pending]) if (stored) this.confirm(key, stored);
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
    this.insert(this.newest, { kind: "notice", key: `n${this.arrivals}`, what, name, at });
    this.notices++;
    this.trim();
  }

  /** A message was written. False when too many are waiting. */
  write(message: Written): boolean {
    if (this.pending.length >= PENDING_MAX) return false;
    this.pending.push({ ...message, isPosted: false });
    return true;
  }

  /**
   * Takes up what an earlier page wrote and did not see confirmed: what the outbox has of it, or what is
   * kept beside that.
   */
  restore(messages: Written[], isPosted: boolean): void {
    for (const message of messages) {
      if (!this.find(message.key)) this.pending.push({ ...message, isPosted });
    }
    this.pending.sort((one, other) => one.at - other.at);
  }

  /**
   * What the outbox is to be given now, in order; from then on it counts as posted. What was written under
   * another name than this fails instead: nobody says it as somebody else without having been asked.
   */
  takeUnposted(name: string): Written[] {
    const taken: Written[] = [];
    for (const pending of this.pending) {
      if (pending.isPosted || pending.problem) continue;
      if (pending.name === name) {
        pending.isPosted = true;
        taken.push(pending);
      } else {
        pending.problem = { code: "name_mismatch" };
      }
    }
    return taken;
  }

  /** What would be lost with the page. */
  unconfirmed(): Written[] {
    return this.pending.map(({ key, name, msg, at, problem }) => ({ key, name, msg, at, problem }));
  }

  /** The server has stored it. */
  confirm(key: string, message: StoredMessage): void {
    if (this.lostAfter !== undefined) {
      // Without the history before it, it would look as if nothing were missing.
      const pending = this.find(key);
      if (pending) pending.stored = message;
      return;
    }
    this.pending = this.pending.filter((pending) => pending.key !== key);
    if (!this.known.has(message.id)) this.keys.set(message.id, `p${key}`);
    this.add(message);
    this.keys.delete(message.id);
  }

  /** It was refused, and the outbox is done with it. */
  refuse(key: string, problem: Problem): void {
    const pending = this.find(key);
    if (!pending) return;
    pending.isPosted = false;
    // What only came too early goes out again by itself.
    if (goesOutAgain(problem)) return;
    pending.problem = problem;
    pending.guess = undefined;
  }

  /** The connection is lost: nothing is under way until the room is entered again. */
  disconnected(): void {
    this.lostAfter ??= this.newest;
  }

  /** Sends a failed message again, at its old place in the queue; under another name as another message. */
  retry(key: string, name: string, newKey: () => string): void {
    const pending = this.find(key);
    if (!pending?.problem) return;
    pending.problem = undefined;
    if (pending.name !== name) Object.assign(pending, { name, key: newKey() });
  }

  /** Gives up a failed message. */
  discard(key: string): void {
    this.pending = this.pending.filter((p) => p.key !== key || !p.problem);
  }

  /** Begins anew, with what is not confirmed. */
  restart(): void {
    this.entries = [];
    this.known.clear();
    this.notices = 0;
    this.lostAfter = 0;
  }

  /** The newest stored message, 0 before the first. */
  private get newest(): number {
    return this.entries.at(-1)?.id ?? 0;
  }

  private stateOf({ isPosted, problem }: Unconfirmed): Pending["state"] {
    if (problem) return "failed";
    return isPosted && this.lostAfter === undefined ? "sent" : "waiting";
  }

  /**
   * A message of the history may be one whose answer got lost. Until the server says so when it is
   * sent again, it is shown once and not twice.
   */
  private recognise({ id, name, msg }: StoredMessage): void {
    const pending = this.pending.find(
      (p) => !p.problem && !p.guess && p.name === name && p.msg === msg,
    );
    if (pending) pending.guess = id;
  }

  private find(key: string): Unconfirmed | undefined {
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

/** Whether a refusal is a matter of waiting a little, or of asking again. */
function goesOutAgain({ code }: Problem): boolean {
  return code === "not_joined" || code === "too_fast" || code === "forgotten";
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.id !== b.id ? a.id < b.id : a.arrival < b.arrival;
}
