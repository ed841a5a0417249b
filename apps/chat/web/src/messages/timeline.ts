import type { Message } from "../contract.ts";
import type { Fold, Message as MessageRow, Row } from "../design/rows.ts";
import { foldText, type Passing } from "../presence/folding.ts";
import type { Problem } from "../refusal.ts";

/** A message as it was written here. */
export interface Written {
  /** What this page calls it; the server stores it once under this key. */
  key: string;
  text: string;
  /** When it was written, in milliseconds since 1970. */
  at: number;
  /** Why it was refused for good; it goes out again only if the person says so. */
  problem?: Problem;
}

/** Whoever reads: messages of theirs are their own. */
export interface Reader {
  id: string;
  name: string;
  colour: number;
  picture?: string;
}

/** A message that the server has not confirmed, with what is known of its way. */
interface Unconfirmed extends Written {
  /** The outbox has it, and sends it until it is answered. */
  isPosted: boolean;
  /** The stored message that is probably this one, whose answer got lost. */
  guess?: number;
  /** The answer, which has come before the history that it stands in. */
  stored?: Message;
  /** As it was drawn last. */
  row?: MessageRow;
}

/** The most stored messages kept of a room while its end is read; older ones are dropped. */
export const MESSAGES_KEPT_MAX = 1_000;
/** The most while somebody reads further up, where nothing is to go away under them. */
export const MESSAGES_READ_MAX = 4_000;
/** The most lines about coming and going kept in the page; older ones are dropped. */
export const FOLDS_KEPT_MAX = 100;
/** The most people that one such line tells of. */
export const FOLD_PEOPLE_MAX = 200;
/** The most messages of a room that may wait to be sent. */
export const PENDING_MAX = 100;

/** Where something stands: behind the message of this id, in order of arrival. */
interface Entry {
  id: number;
  arrival: number;
  row: Row;
  /** Who wrote it. */
  person?: string;
  /** Those whose coming and going this line tells of. */
  passings?: Map<string, Passing>;
}

/**
 * The conversation: stored messages by id, each once however often it comes; who came and went, in
 * between; and at the end what is still to be confirmed. A row in which nothing changes stays the same
 * object, so that what is drawn already is left alone.
 */
export class Timeline {
  /** The ids of people whose messages are not shown. */
  blocked: ReadonlySet<string> = new Set();
  /** Whether the reader is at the end, and not further up. */
  isAtEnd = true;

  private entries: Entry[] = [];
  private known = new Set<number>();
  private pending: Unconfirmed[] = [];
  /** A confirmed message goes on under the key it had before, so that its element stays. */
  private keys = new Map<number, string>();
  private arrivals = 0;
  private folds = 0;
  /** The newest message when the connection was lost, until the history has come that goes on there. */
  private lostAfter?: number = 0;

  constructor(private readonly reader: () => Reader) {}

  /** Everything to show, in order. */
  rows(): Row[] {
    const rows: Row[] = [];
    for (const { row, person } of this.entries) {
      if (person === undefined || !this.blocked.has(person)) rows.push(row);
    }
    for (const pending of this.pending) {
      if (!pending.guess || !this.known.has(pending.guess)) rows.push(this.rowOf(pending));
    }
    return rows;
  }

  /** How many messages wait to be sent. */
  get waiting(): number {
    return this.pending.filter((pending) => this.stateOf(pending) === "waiting").length;
  }

  /** Whether something is not confirmed. */
  get hasUnconfirmed(): boolean {
    return this.pending.length > 0;
  }

  /** Takes in the newest messages of the room; marks the place where some may be missing. */
  merge(history: readonly Message[]): void {
    const last = this.lostAfter ?? this.newest;
    this.lostAfter = undefined;
    if (last > 0 && history.length > 0 && history[0]!.id > last) {
      this.insert({ id: last, arrival: this.arrivals++, row: { kind: "gap", key: `g${last}` } });
    }
    for (const message of history) {
      if (message.id > last) this.recognise(message);
      this.add(message);
    }
    for (const { key, stored } of [...this.pending]) if (stored) this.confirm(key, stored);
  }

  /** Takes in one message. True when it was not known. */
  add(message: Message): boolean {
    if (this.known.has(message.id)) return false;
    this.known.add(message.id);
    const key = this.keys.get(message.id) ?? `m${message.id}`;
    const { id, by, text, at } = message;
    const { id: person, name, colour, picture } = by;
    const isOwn = person === this.reader().id;
    const drawn = { kind: "message", state: "stored" } as const;
    const row: MessageRow = { ...drawn, key, id, person, name, colour, picture, text, at, isOwn };
    this.insert({ id, arrival: -1, row, person });
    this.trim();
    return true;
  }

  /** Somebody came or went just now. Whoever is told of already is told of here, and only once. */
  passed(what: "came" | "went", person: { id: string; name: string }, at: number): void {
    const older = this.toldOf(person.id);
    const newest = this.entries.at(-1);
    const before = older === newest ? older?.passings?.get(person.id) : undefined;
    if (older) this.forget(older, person.id);
    const isVisit = what === "went" && before?.what === "came";
    const passing: Passing = { name: person.name, what: isVisit ? "visited" : what };
    const last = this.entries.at(-1);
    if (last?.passings && last.passings.size < FOLD_PEOPLE_MAX) {
      last.passings.set(person.id, passing);
      last.row = { ...(last.row as Fold), at, text: foldText([...last.passings.values()]) };
      return;
    }
    const row: Fold = { kind: "fold", key: `n${this.arrivals}`, at, text: foldText([passing]) };
    this.insert({ id: this.newest, arrival: this.arrivals++, row, passings: new Map([[person.id, passing]]) });
    this.folds++;
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
  restore(messages: readonly Written[], isPosted: boolean): void {
    for (const message of messages) {
      const known = this.find(message.key);
      if (known) known.isPosted ||= isPosted;
      else this.pending.push({ ...message, isPosted });
    }
    this.pending.sort((one, other) => one.at - other.at);
  }

  /** What the outbox is to be given now, in order; from then on it counts as posted. */
  takeUnposted(): Written[] {
    const taken = this.pending.filter(({ isPosted, problem }) => !isPosted && !problem);
    for (const pending of taken) pending.isPosted = true;
    return taken;
  }

  /** What would be lost with the page. */
  unconfirmed(): Written[] {
    return this.pending.map(({ key, text, at, problem }) => ({ key, text, at, problem }));
  }

  /** The server has stored it. */
  confirm(key: string, message: Message): void {
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

  /** Nothing can be said here any more: what waits will not be sent. */
  refuseAll(problem: Problem): void {
    for (const pending of this.pending) pending.problem ??= problem;
  }

  /** The connection is lost: nothing is under way until the room is entered again. */
  disconnected(): void {
    this.lostAfter ??= this.newest;
  }

  /** Sends a failed message again, at its old place in the queue. */
  retry(key: string): void {
    const pending = this.find(key);
    if (pending) pending.problem = undefined;
  }

  /** Gives up a failed message. */
  discard(key: string): void {
    this.pending = this.pending.filter((p) => p.key !== key || !p.problem);
  }

  /** The newest stored message, 0 before the first. */
  private get newest(): number {
    return this.entries.at(-1)?.id ?? 0;
  }

  private stateOf({ isPosted, problem }: Unconfirmed): "waiting" | "sent" | "failed" {
    if (problem) return "failed";
    return isPosted && this.lostAfter === undefined ? "sent" : "waiting";
  }

  private rowOf(pending: Unconfirmed): MessageRow {
    const { key, text, at, problem, row } = pending;
    const state = this.stateOf(pending);
    const { id: person, name, colour, picture } = this.reader();
    if (row?.state === state && row.problem === problem && row.name === name) return row;
    const drawn = { kind: "message", key: `p${key}`, isOwn: true } as const;
    return (pending.row = { ...drawn, person, name, colour, picture, text, at, state, problem });
  }

  /**
   * A message of the history may be one whose answer got lost. Until the server says so when it is
   * sent again, it is shown once and not twice.
   */
  private recognise({ id, by, text }: Message): void {
    if (by.id !== this.reader().id) return;
    const pending = this.pending.find((p) => !p.problem && !p.guess && p.text === text);
    if (pending) pending.guess = id;
  }

  private find(key: string): Unconfirmed | undefined {
    return this.pending.find((pending) => pending.key === key);
  }

  /** The line that tells of somebody's coming or going. */
  private toldOf(person: string): Entry | undefined {
    if (this.folds === 0) return undefined;
    for (let at = this.entries.length - 1; at >= 0; at--) {
      if (this.entries[at]!.passings?.has(person)) return this.entries[at];
    }
    return undefined;
  }

  /** Somebody is told of elsewhere from now on. */
  private forget(entry: Entry, person: string): void {
    entry.passings!.delete(person);
    if (entry.passings!.size > 0) {
      entry.row = { ...(entry.row as Fold), text: foldText([...entry.passings!.values()]) };
      return;
    }
    this.entries.splice(this.entries.indexOf(entry), 1);
    this.folds--;
  }

  private insert(entry: Entry): void {
    // Nearly everything belongs at the end.
    let at = this.entries.length;
    while (at > 0 && isBefore(entry, this.entries[at - 1]!)) at--;
    if (at === this.entries.length) this.entries.push(entry);
    else this.entries.splice(at, 0, entry);
  }

  private trim(): void {
    const max = this.isAtEnd ? MESSAGES_KEPT_MAX : MESSAGES_READ_MAX;
    let excess = this.known.size - max;
    // In one go, where many are over because the reader has come back to the end.
    let dropped = 0;
    for (; excess > 0; dropped++) {
      const { row, passings } = this.entries[dropped]!;
      if (row.kind === "message") {
        this.known.delete(row.id!);
        excess--;
      }
      if (passings) this.folds--;
    }
    if (dropped > 0) this.entries.splice(0, dropped);
    // Apart from the messages, so that those who come and go all the time push none of them out.
    while (this.folds > FOLDS_KEPT_MAX) {
      this.entries.splice(this.entries.findIndex(({ passings }) => passings), 1);
      this.folds--;
    }
  }
}

/** Whether a refusal is a matter of waiting a little, or of asking again. */
function goesOutAgain({ code }: Problem): boolean {
  return code === "not_opened" || code === "too_fast" || code === "forgotten";
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.id !== b.id ? a.id < b.id : a.arrival < b.arrival;
}
