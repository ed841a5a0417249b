import type { Edited, History, Message, Opened, Pruned, Reacted } from "../contract.ts";
import type { Fold, Gap, Loading, Row } from "../design/rows.ts";
import { foldText, type Passing } from "../presence/folding.ts";
import type { Problem } from "../refusal.ts";
import { type Change, changed, quoteAfter, quoteOfGone } from "./changes.ts";
import { Pending } from "./pending.ts";
import { type Reader, rowOf, type Written } from "./row.ts";

/** The most stored messages kept of a room while its end is read; older ones are dropped. */
export const MESSAGES_KEPT_MAX = 1_000;
/** The most while somebody reads further up: then they are dropped at the end that is further away. */
export const MESSAGES_READ_MAX = 4_000;
/** The most lines about coming and going kept in the page; older ones are dropped. */
export const FOLDS_KEPT_MAX = 100;
/** The most people that one such line tells of. */
export const FOLD_PEOPLE_MAX = 200;
/** How many changes are remembered, for pages of history that were read before them and come after them. */
export const CHANGES_KEPT_MAX = 100;

/** Where something stands: behind the message of this id, in order of arrival. */
interface Entry {
  id: number;
  arrival: number;
  row: Row;
  /** What the server has told of it. */
  message?: Message;
  /** Those whose coming and going this line tells of. */
  passings?: Map<string, Passing>;
}

const UNREAD: Row = { kind: "unread", key: "unread" };

/**
 * A part of the conversation without end on either side: stored messages by id, each once however often it
 * comes; who came and went, in between; where some are missing; and behind the newest one what is still to
 * be confirmed. A row in which nothing changes stays the same object, so that what is drawn already is left
 * alone.
 */
export class Timeline {
  /** The ids of people whose messages are not shown. */
  blocked: ReadonlySet<string> = new Set();
  /** Whether the reader is at the end, and not further up. */
  isAtEnd = true;
  /** Whether there are older messages than those that are here. */
  hasBefore = false;
  /** Whether there are newer ones; while that is so, what is said is not taken in. */
  hasAfter = false;
  /** The line that says what is new stands behind this message. */
  unreadAfter?: number;
  /** The room's number of the last change that is known. */
  change = 0;
  readonly pending: Pending;

  private entries: Entry[] = [];
  private known = new Map<number, Entry>();
  /** A confirmed message goes on under the key it had before, so that its element stays. */
  private keys = new Map<number, string>();
  private changes: Change[] = [];
  /** The newest message that one was told of, be it here or not. */
  private told = 0;
  private arrivals = 0;
  private folds = 0;
  /** The newest message when the connection was lost, until the history has come that goes on there. */
  private lostAfter?: number = 0;

  constructor(
    private readonly reader: () => Reader,
    room: () => string = () => "",
  ) {
    this.pending = new Pending(room, reader);
  }

  /** Everything to show, in order. */
  rows(): Row[] {
    const rows: Row[] = [];
    const mark = this.unreadAfter;
    // Where it belongs is known only if what is before it is here.
    let isMarking = mark !== undefined && (!this.hasBefore || (this.entries[0]?.id ?? 0) <= mark);
    const { id: self } = this.reader();
    for (const { id, row, message } of this.entries) {
      if (message && this.blocked.has(message.by.id)) continue;
      if (isMarking && message && id > mark! && message.by.id !== self) {
        rows.push(UNREAD);
        isMarking = false;
      }
      rows.push(row);
    }
    // Those stand behind the newest message.
    if (!this.hasAfter) rows.push(...this.pending.rows(this.isLost, (id) => this.known.has(id)));
    return rows;
  }

  /** How many messages wait to be sent. */
  get waiting(): number {
    return this.pending.waiting(this.isLost);
  }

  /** The newest message that is here, 0 where there is none. */
  get newest(): number {
    return this.entries.at(-1)?.id ?? 0;
  }

  /** The oldest message that is here, 0 where there is none. */
  get oldest(): number {
    return this.entries.find(({ message }) => message)?.id ?? 0;
  }

  /** A message that is here. */
  message(id: number): Message | undefined {
    return this.known.get(id)?.message;
  }

  /** The newest message of one's own that can be edited: not from before what is here. */
  get lastOwn(): Message | undefined {
    const { id } = this.reader();
    return this.last(({ message }) => message !== undefined && message.by.id === id && !message.is_deleted)?.message;
  }

  /** Begins anew with a page of history, asked for when one had been `told` of so much, in place of what was here. */
  replace({ messages, has_before, has_after }: History, told = this.told): void {
    this.drop(0, this.entries.length);
    for (const message of messages) this.put(message);
    this.hasBefore = has_before;
    this.hasAfter = has_after || this.told > Math.max(told, this.newest);
    this.told = Math.max(this.told, this.newest);
  }

  /** The room is entered for the first time, or as if it were. */
  open(opened: Opened): void {
    const last = this.lostAfter ?? this.newest;
    const later = this.entries.flatMap(({ message }) => (message && message.id > last ? [message] : []));
    this.lostAfter = undefined;
    this.change = opened.change;
    this.replace(opened);
    if (!this.hasAfter) for (const message of later) this.put(message);
    this.unreadAfter = markOf(opened);
    this.settle(opened.messages);
  }

  /**
   * The room is entered again after a lost connection: goes on from where that was, or marks the place where
   * messages are missing.
   */
  resume(opened: Opened): void {
    const { messages, has_before, has_after, pruned } = opened;
    // Too much has changed: as if nothing had been here.
    if (opened.changed === null) return this.open(opened);
    const last = this.lostAfter ?? this.newest;
    this.lostAfter = undefined;
    if (pruned > 0) this.pruned({ to: pruned });
    const isFar = has_before && last > 0 && messages.length > 0 && messages[0]!.id > last;
    this.told = Math.max(this.told, messages.at(-1)?.id ?? 0);
    if (!this.hasAfter || !isFar) {
      if (!has_before || this.known.size === 0) this.hasBefore = has_before;
      else if (isFar) {
        const row: Gap = { kind: "gap", key: `g${last}`, state: "waiting" };
        this.insert({ id: last, arrival: this.arrivals++, row });
      }
      for (const message of messages) this.put(message);
      this.hasAfter = has_after;
    }
    for (const message of opened.changed) this.update(message);
    this.change = Math.max(this.change, opened.change);
    this.unreadAfter ??= markOf(opened);
    this.settle(messages.filter(({ id }) => id > last));
    this.trim();
  }

  /** Takes in the page before what is here. */
  older(page: History, before: number): void {
    if (before !== this.oldest) return;
    const added = page.messages.filter(({ id }) => !this.known.has(id)).map((message) => this.entryOf(message));
    this.entries = [...added, ...this.entries];
    this.hasBefore = page.has_before && added.length > 0;
    this.dropNewest(this.known.size - MESSAGES_READ_MAX);
  }

  /** Whether the end is here. */
  get isWhole(): boolean {
    return !this.hasAfter;
  }

  /** What the page that follows is asked for with; given back with it. */
  get end(): { after: number; told: number } {
    return { after: this.newest, told: this.told };
  }

  /** Takes in the page behind what is here. */
  newer(page: History, { after, told }: { after: number; told: number }): void {
    if (after !== this.newest || !this.hasAfter) return;
    for (const message of page.messages) this.put(message);
    // What was told since that was asked for may be missing in it.
    this.hasAfter = (page.has_after && page.messages.length > 0) || this.told > Math.max(told, this.newest);
    this.dropOldest(this.known.size - MESSAGES_READ_MAX);
  }

  /** Where messages are missing: behind which one, by the key of the row. */
  gap(key: string): number | undefined {
    return this.entries.find(({ row }) => row.kind === "gap" && row.key === key)?.id;
  }

  /** Says of a place where messages are missing how it stands with them. */
  gapIs(key: string, state: Loading): void {
    const entry = this.entries.find(({ row }) => row.key === key);
    if (entry?.row.kind === "gap") entry.row = { ...entry.row, state };
  }

  /** Nothing that is missing in between is being asked for any more. */
  gapsWait(): void {
    for (const { row } of this.entries) if (row.kind === "gap" && row.state === "loading") this.gapIs(row.key, "waiting");
  }

  /** Takes in the page behind the lower edge of a place where messages are missing. True when none are any more. */
  fill(key: string, { messages, has_after }: History): boolean {
    const at = this.entries.findIndex(({ row }) => row.kind === "gap" && row.key === key);
    if (at < 0) return true;
    const [entry] = this.entries.splice(at, 1);
    const next = this.entries.slice(at).find(({ message }) => message)?.id ?? Infinity;
    const added = messages.filter(({ id }) => id < next && !this.known.has(id)).map((message) => this.entryOf(message));
    this.entries.splice(at, 0, ...added);
    const last = messages.at(-1)?.id ?? Infinity;
    const isClosed = last >= next || !has_after;
    if (!isClosed) this.entries.splice(at + added.length, 0, { ...entry!, id: last, arrival: this.arrivals++ });
    const excess = this.known.size - MESSAGES_READ_MAX;
    if (at > this.entries.length / 2) this.dropOldest(excess);
    else this.dropNewest(excess);
    return isClosed;
  }

  /** A message was said. True when it was not known. */
  receive(message: Message): boolean {
    const { id } = message;
    if (this.known.has(id)) return false;
    const isNew = id > this.told || !this.hasAfter;
    this.told = Math.max(this.told, id);
    // Whoever reads far up is not to lose that, nor is everything kept.
    if (!this.isAtEnd && this.known.size >= MESSAGES_READ_MAX && id > this.newest) this.hasAfter = true;
    if (this.hasAfter || (this.hasBefore && id < this.oldest)) return isNew;
    this.put(message);
    this.trim();
    return true;
  }

  /** A message says something else, or was deleted. */
  edited(edited: Edited): void {
    this.done({ kind: "edited", change: edited });
    this.pending.edited(edited);
  }

  /** Somebody has reacted to a message, or not any more. */
  reacted(reacted: Reacted): void {
    this.done({ kind: "reacted", change: reacted });
  }

  /** The oldest messages are gone. */
  pruned({ to }: Pick<Pruned, "to">): void {
    const count = this.entries.findIndex(({ id }) => id > to);
    const gone = this.entries.splice(0, count < 0 ? this.entries.length : count);
    const hadGap = gone.some(({ row }) => row.kind === "gap");
    for (const { message, passings } of gone) {
      if (message) this.known.delete(message.id);
      if (passings) this.folds--;
    }
    if (gone.length > 0) this.hasBefore = hadGap && this.entries.length > 0;
    const isGone = (id: number) => id <= to;
    for (const entry of this.entries) {
      const reply = entry.message?.reply;
      if (reply && isGone(reply.id) && reply.person !== "") this.set(entry, { ...entry.message!, reply: quoteOfGone(reply) });
    }
    this.pending.quotes((quote) => (isGone(quote.id) && quote.person !== "" ? quoteOfGone(quote) : quote));
  }

  /** Somebody came or went just now. Whoever is told of already is told of here, and only once. */
  passed(what: "came" | "went", person: { id: string; name: string }, at: number): void {
    // It is told of at the end, which is not here.
    if (this.hasAfter) return;
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
    return this.pending.write(message);
  }

  /** The server has stored it. */
  confirm(key: string, message: Message): void {
    // Without the history before it, it would look as if nothing were missing.
    if (this.isLost) return this.pending.hold(key, message);
    this.pending.done(key);
    if (!this.known.has(message.id)) this.keys.set(message.id, `p${key}`);
    this.receive(message);
    this.keys.delete(message.id);
  }

  /** It was refused, and the outbox is done with it. */
  refuse(key: string, problem: Problem): void {
    this.pending.refuse(key, problem);
  }

  /** The connection is lost: nothing is under way until the room is entered again. */
  disconnected(): void {
    this.lostAfter ??= this.newest;
    // Among what is missed there may be newer ones of the same messages.
    this.changes = [];
  }

  private get isLost(): boolean {
    return this.lostAfter !== undefined;
  }

  /** What was written here may stand in the history that has come; and what was confirmed meanwhile is shown. */
  private settle(messages: readonly Message[]): void {
    for (const message of messages) this.pending.recognise(message);
    for (const { key, stored } of this.pending.held) this.confirm(key, stored);
  }

  /** Takes in a message where it belongs, or what is newer of one that is here. */
  private put(message: Message): void {
    if (this.known.has(message.id)) this.update(message);
    else this.insert(this.entryOf(message));
  }

  private entryOf(message: Message): Entry {
    const key = this.keys.get(message.id) ?? `m${message.id}`;
    const entry: Entry = { id: message.id, arrival: -1, row: UNREAD };
    const { id: self } = this.reader();
    for (const change of this.changes) {
      message = changed(message, change, self);
      if (change.kind === "edited" && message.reply) message = quoting(message, change.change);
    }
    this.set(entry, message, key);
    this.known.set(message.id, entry);
    return entry;
  }

  private set(entry: Entry, message: Message, key = entry.row.key): void {
    entry.message = message;
    entry.row = rowOf(message, key, this.reader());
  }

  /** A message as it is now. */
  private update(message: Message): void {
    const entry = this.known.get(message.id);
    if (entry && (message.change ?? 0) > (entry.message!.change ?? 0)) this.set(entry, message);
    const { id, room, text, change = 0, is_deleted } = message;
    if (change === 0) return;
    // When it was edited does not matter to those who quote it.
    this.quote({ room, message: id, text, edited_at: is_deleted ? null : 0, change });
  }

  private done(change: Change): void {
    this.change = Math.max(this.change, change.change.change);
    this.changes.push(change);
    if (this.changes.length > CHANGES_KEPT_MAX) this.changes.shift();
    const entry = this.known.get(change.change.message);
    if (entry) {
      const message = changed(entry.message!, change, this.reader().id);
      if (message !== entry.message) this.set(entry, message);
    }
    if (change.kind === "edited") this.quote(change.change);
  }

  /** Whoever quotes a message that was edited quotes what it says now. */
  private quote(edited: Edited): void {
    for (const entry of this.entries) {
      if (entry.message?.reply?.id !== edited.message) continue;
      const message = quoting(entry.message, edited);
      if (message !== entry.message) this.set(entry, message);
    }
  }

  /** The line that tells of somebody's coming or going. */
  private toldOf(person: string): Entry | undefined {
    if (this.folds === 0) return undefined;
    return this.last(({ passings }) => passings !== undefined && passings.has(person));
  }

  private last(isWanted: (entry: Entry) => boolean): Entry | undefined {
    for (let at = this.entries.length - 1; at >= 0; at--) if (isWanted(this.entries[at]!)) return this.entries[at];
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
    // In one go, where many are over because the reader has come back to the end.
    if (this.isAtEnd && !this.hasAfter) this.dropOldest(this.known.size - MESSAGES_KEPT_MAX);
    // Apart from the messages, so that those who come and go all the time push none of them out.
    while (this.folds > FOLDS_KEPT_MAX) {
      this.entries.splice(this.entries.findIndex(({ passings }) => passings), 1);
      this.folds--;
    }
  }

  /** Drops so many messages at the upper end, with what stands between them. */
  private dropOldest(excess: number): void {
    if (excess <= 0) return;
    let count = 0;
    for (; excess > 0; count++) if (this.entries[count]!.message) excess--;
    // What is missing there is missing before what is here.
    while (this.entries[count]?.row.kind === "gap") count++;
    this.drop(0, count);
    this.hasBefore = true;
  }

  /** The same at the lower end. */
  private dropNewest(excess: number): void {
    if (excess <= 0) return;
    this.told = Math.max(this.told, this.newest);
    let from = this.entries.length;
    while (excess > 0) if (this.entries[--from]!.message) excess--;
    while (this.entries[from - 1]?.row.kind === "gap") from--;
    this.drop(from, this.entries.length);
    this.hasAfter = true;
  }

  private drop(from: number, to: number): void {
    for (const { message, passings } of this.entries.splice(from, to - from)) {
      if (message) this.known.delete(message.id);
      if (passings) this.folds--;
    }
  }
}

function quoting(message: Message, edited: Edited): Message {
  const reply = quoteAfter(message.reply!, edited);
  return reply === message.reply ? message : { ...message, reply };
}

/** Behind which message what is new begins. */
function markOf({ counts }: Pick<Opened, "counts">): number | undefined {
  return counts.unread > 0 ? counts.read : undefined;
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.id !== b.id ? a.id < b.id : a.arrival < b.arrival;
}
