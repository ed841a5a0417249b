import type {
  ChatRequests,
  Counts,
  Edited,
  Membership,
  Message,
  Opened,
  OpenRoom,
  Person,
  Pruned,
  Reacted,
  ReadingMoved,
  RemovedReason,
  Room,
  RoomPresence,
} from "../contract.ts";
import type { Message as MessageRow, Row, Sight } from "../design/rows.ts";
import { atNextFrame } from "../frames.ts";
import { RoomPeople } from "../presence/room.ts";
import { newKey } from "../random.ts";
import { HowFar } from "../reading/how-far.ts";
import { ReadPointer } from "../reading/pointer.ts";
import { isPassing, type Problem, problemOf } from "../refusal.ts";
import { isRoomId } from "../router.svelte.ts";
import { Pages } from "./pages.svelte.ts";
import type { Reader, With, Written } from "./row.ts";
import { Timeline } from "./timeline.ts";
import type { Unsent } from "./unsent.ts";
import { Way } from "./way.svelte.ts";

/** `opening` until the server has let one in; `asking` for the password; `closed`: one is not in it. */
export type Phase = "opening" | "asking" | "open" | "closed";

/** What conversations ask of those around them. */
export interface Around {
  reader: () => Reader;
  /** Asks the server; sent before it returns. Rejects with a `RefusedError`. */
  ask: <Event extends keyof ChatRequests>(
    event: Event,
    payload: ChatRequests[Event]["payload"],
  ) => Promise<ChatRequests[Event]["answer"]>;
  isOnline: () => boolean;
  /** Gives a message to the outbox, which sends it until it is answered. */
  post: (room: string, written: Written) => void;
  unsent: Unsent;
  blocked: () => ReadonlySet<string>;
  /** Whether somebody looks at the page, and at this conversation. */
  isLooking: (conversation: Conversation) => boolean;
  /** When what has happened is shown: all of it at once, however much it is. */
  later?: (action: () => void) => void;
}

/** How long to wait before asking again to be let in, milliseconds, unless the server says. */
const AGAIN_DELAY = 1_000;
/** How often it is said that somebody goes on typing, milliseconds. */
const TYPING_INTERVAL = 3_000;
/** One room: who is in it, what is said, and what is still to be sent. */
export class Conversation {
  phase = $state<Phase>("opening");
  room = $state.raw<Room>();
  membership = $state.raw<Membership>();
  /** Why one is not in it, or not yet. */
  problem = $state.raw<Problem>();
  rows = $state.raw<Row[]>([]);
  /** Those who are in it, oneself included. */
  people = $state.raw<Person[]>([]);
  /** Whether these are in it now; without the connection, they were when it was lost. */
  isKnown = $state(false);
  /** The names of those who are typing. */
  writers = $state.raw<string[]>([]);
  /** How many seconds messages wait because there were too many at once. */
  slowed = $state<number>();
  /** How many messages wait for the connection. */
  waiting = $state(0);
  /** How many are not confirmed, whatever they wait for. */
  unconfirmed = $state(0);
  /** Whether there are older and newer messages than those that are here. */
  hasBefore = $state(false);
  hasAfter = $state(false);
  /** What one has not read. */
  counts = $state.raw<Counts>();
  /** How many people have not read a message. */
  unreadBy = $state.raw<(message: MessageRow) => number>();

  readonly pages: Pages;
  readonly way: Way;

  private readonly timeline: Timeline;
  private readonly pointer: ReadPointer;
  private readonly howFar = new HowFar();
  private isHowFarNew = false;
  private readonly present: RoomPeople;
  private password?: string;
  /** Counts the attempts to get in, so that late answers of earlier ones are told apart. */
  private attempts = 0;
  private isShowing = false;
  private isEnded = false;
  private typedAt = 0;
  private timer?: ReturnType<typeof setTimeout>;

  constructor(
    /** The room's id, or before it is known its title. */
    readonly key: string,
    private readonly around: Around,
  ) {
    this.timeline = new Timeline(around.reader, () => this.id ?? this.key);
    this.pages = new Pages(this.timeline, {
      ask: (place) => around.ask("history", { room: this.id!, ...place }),
      isKnown: () => this.isKnown,
      isEnded: () => this.isEnded,
      show: () => this.showNow(),
    });
    this.way = new Way(this.timeline, this.pages, { rows: () => this.rows, show: () => this.showNow() });
    this.pointer = new ReadPointer({
      send: (message) => around.ask("read", { room: this.id!, message }),
      isLooking: () => this.phase === "open" && this.isKnown && !this.way.isJumping && around.isLooking(this),
    });
    this.timeline.blocked = around.blocked();
    this.present = new RoomPeople(
      around.reader().id,
      (what, person, at) => {
        if (!this.timeline.blocked.has(person.id)) this.timeline.passed(what, person, at);
        this.show();
      },
      () => this.show(),
    );
  }

  /** The room's id, once it is known. */
  get id(): string | undefined {
    return this.room?.id;
  }

  /** Whether there is something that would be lost if it were forgotten. */
  get hasUnconfirmed(): boolean {
    return this.timeline.pending.count > 0;
  }

  /** Asks to be let in, also again after the connection was lost. Resolves when that is answered. */
  async enter(password = this.password): Promise<Opened | undefined> {
    clearTimeout(this.timer);
    const attempt = ++this.attempts;
    this.password = password;
    if (this.phase !== "open" && this.phase !== "asking") this.phase = "opening";
    try {
      const asked: OpenRoom = { room: this.id ?? this.key, password };
      const isAgain = this.phase === "open";
      if (isAgain) asked.known = { newest: this.timeline.newest, change: this.timeline.change };
      else if (this.way.wanted !== undefined) asked.around = this.way.wanted;
      const opened = await this.around.ask("open", asked);
      if (attempt !== this.attempts || this.isEnded) return undefined;
      this.opened(opened, isAgain);
      return opened;
    } catch (error) {
      if (attempt === this.attempts && !this.isEnded) this.notOpened(problemOf(error));
      return undefined;
    }
  }

  /** The server has let one in, perhaps again after a lost connection. */
  opened(opened: Opened, isAgain = false): void {
    this.room = opened.room;
    this.membership = opened.membership;
    this.counts = opened.counts;
    this.phase = "open";
    this.isKnown = true;
    this.problem = undefined;
    if (isAgain) this.timeline.resume(opened);
    else this.timeline.open(opened);
    this.howFar.begin(opened.reading);
    this.isHowFarNew = true;
    this.present.enter(opened.present);
    this.postAll();
    this.showNow();
    if (!isAgain) this.way.open();
    this.pointer.entered(opened.counts.read);
  }

  private notOpened(problem: Problem): void {
    if (problem.code === "wrong_password") {
      // Without one it only means that one is wanted.
      this.problem = this.password === undefined ? undefined : problem;
      this.password = undefined;
      this.phase = "asking";
      return;
    }
    if (this.phase === "asking") {
      this.problem = problem;
      return;
    }
    if (!isPassing(problem)) {
      this.close(problem);
      return;
    }
    this.problem = this.phase === "opening" && problem.code !== "offline" ? problem : undefined;
    // Once the connection is back it is asked again anyway.
    if (!this.around.isOnline()) return;
    this.timer = setTimeout(() => void this.enter(), Math.max(AGAIN_DELAY, (problem.retry_after ?? 0) * 1000));
  }

  /** One is not in the room any more. */
  removed(reason: RemovedReason): void {
    this.close({ code: `removed_${reason}` });
  }

  private close(problem: Problem): void {
    this.attempts++;
    this.phase = "closed";
    this.isKnown = false;
    this.problem = problem;
    this.present.end();
    this.timeline.disconnected();
    this.timeline.pending.refuseAll({ code: "not_member" });
    this.way.stop();
    this.showNow();
  }

  /** The connection is lost; it is entered again when that is back. */
  lost(): void {
    clearTimeout(this.timer);
    this.isKnown = false;
    this.timeline.disconnected();
    this.howFar.lost();
    this.present.lost();
    this.way.stop();
    this.show();
  }

  /**
   * Shows a message and sends it as soon as it can. False when too many are waiting already, or nothing
   * can be said here.
   */
  say(text: string, more: With = {}, key = newKey()): boolean {
    // After a reload without a connection it waits, like what was said before.
    const isKnown = this.phase === "open" || (this.phase === "opening" && isRoomId(this.key));
    if (!isKnown) return false;
    if (!this.timeline.write({ key, text, at: Date.now(), ...more })) return false;
    this.typedAt = 0;
    this.postAll();
    this.showNow();
    return true;
  }

  /** Sends a refused message again. */
  retry(row: string): void {
    this.timeline.pending.retry(keyOf(row));
    this.postAll();
    this.showNow();
  }

  /** Gives up a refused message. */
  discard(row: string): void {
    this.timeline.pending.discard(keyOf(row));
    this.showNow();
  }

  /** Somebody writes here, or has emptied the field. */
  typed(text: string): void {
    const now = Date.now();
    const isTyping = text.trim() !== "";
    if (this.phase !== "open" || !this.around.isOnline()) return;
    if (isTyping ? now - this.typedAt < TYPING_INTERVAL : this.typedAt === 0) return;
    this.typedAt = isTyping ? now : 0;
    // Nobody misses it if it does not arrive.
    this.around.ask("typing", { room: this.id!, is_typing: isTyping }).catch(() => {});
  }

  /** A message has come. */
  receive(message: Message): void {
    if (this.phase === "closed") return;
    const { newest, isWhole } = this.timeline;
    const isNew = this.timeline.receive(message);
    this.present.said(message.by.id);
    const isOwn = message.by.id === this.around.reader().id;
    // All was read, and nobody looks: what is new begins here.
    const isFirst = isNew && !isOwn && isWhole && this.pointer.read >= newest;
    if (isFirst && !this.around.isLooking(this)) this.timeline.unreadAfter = newest;
    this.show();
  }

  /** A message says something else, or was deleted. */
  edited(edited: Edited): void {
    this.timeline.edited(edited);
    this.show();
  }

  /** Somebody has reacted to a message, or not any more. */
  reacted(reacted: Reacted): void {
    this.timeline.reacted(reacted);
    this.show();
  }

  /** The oldest messages are gone. */
  pruned(pruned: Pruned): void {
    this.timeline.pruned(pruned);
    this.show();
  }

  /** People have read on. */
  readOn(moved: ReadingMoved): void {
    this.howFar.move(moved);
    this.isHowFarNew = true;
    this.show();
  }

  /** One has read something, here or on another device, or there is something to be read. */
  counted(counts: Counts): void {
    this.counts = counts;
    this.pointer.counted(counts.read);
  }

  presence(change: RoomPresence): void {
    if (this.phase === "open") this.present.take(change);
  }

  person(person: Person): void {
    this.present.rename(person);
    if (this.room?.owner?.id === person.id) this.room = { ...this.room, owner: person };
    if (this.room?.with.some(({ id }) => id === person.id)) {
      this.room = { ...this.room, with: this.room.with.map((one) => (one.id === person.id ? person : one)) };
    }
  }

  /** The people whose messages are not shown have changed. */
  block(blocked: ReadonlySet<string>): void {
    this.timeline.blocked = blocked;
    this.show();
  }

  /** Somebody looks at it, perhaps again. */
  look(): void {
    this.pointer.look();
  }

  /** It is shown anew, at a message or at the first unread one. */
  shown(message?: number): void {
    this.way.begin(message);
    this.pointer.release();
    if (this.phase !== "open") return;
    this.timeline.unreadAfter = this.counts && this.counts.unread > 0 ? this.counts.read : undefined;
    this.showNow();
    this.way.open();
  }

  /** What of it is in sight. */
  sees(sight: Sight): void {
    this.way.sight = sight;
    // While somebody reads further up, nothing goes away there.
    this.timeline.isAtEnd = sight.isAtEnd;
    this.pointer.see(sight.newest);
  }

  /** From this message on one has not read, until the room is shown anew. */
  async markUnread(message: number): Promise<void> {
    await this.around.ask("unread", { room: this.id!, message });
    this.pointer.hold();
    this.timeline.unreadAfter = message - 1;
    this.showNow();
  }

  /** A message that is here. */
  message(id: number): Message | undefined {
    return this.timeline.message(id);
  }

  /** The last thing one has said, to edit it. */
  get lastOwn(): Message | undefined {
    return this.timeline.lastOwn;
  }

  /** Takes up what was not confirmed before a reload, or in a tab that was closed. */
  restore(written: readonly Written[], isPosted: boolean): void {
    this.timeline.pending.restore(written, isPosted);
    this.showNow();
  }

  /** The server has answered a message. */
  stored(key: string, message: Message): void {
    this.timeline.confirm(key, message);
    this.show();
  }

  /** The server has refused a message, or the outbox has given it up. */
  refused(key: string, problem: Problem): void {
    this.timeline.refuse(key, problem);
    if (problem.code === "too_fast") this.slowDown(problem.retry_after ?? 1);
    // It came before the room was entered, or so the server answered on an earlier connection.
    else if (problem.code === "not_opened") this.enterAgain();
    // Whether it was stored nobody knows; under its key it is not stored twice.
    else if (problem.code === "forgotten") this.postAll();
    this.show();
  }

  /** It is looked away from for good. */
  end(): void {
    this.isEnded = true;
    clearTimeout(this.timer);
    this.pointer.end();
    this.present.end();
  }

  private enterAgain(): void {
    if (this.phase !== "open" || !this.around.isOnline()) return;
    this.timeline.disconnected();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.enter(), AGAIN_DELAY);
  }

  private slowDown(seconds: number): void {
    if (this.slowed !== undefined) return;
    this.slowed = seconds;
    setTimeout(() => {
      this.slowed = undefined;
      if (this.isEnded) return;
      this.postAll();
      this.show();
    }, seconds * 1000);
  }

  /** Gives the outbox what it does not have, in order. */
  private postAll(): void {
    if (this.phase !== "open" || this.slowed !== undefined) return;
    for (const written of this.timeline.pending.takeUnposted()) this.around.post(this.id!, written);
  }

  /** Shows what has happened, soon. */
  private show(): void {
    if (this.isShowing) return;
    this.isShowing = true;
    (this.around.later ?? atNextFrame)(() => {
      this.isShowing = false;
      if (!this.isEnded) this.showNow();
    });
  }

  private showNow(): void {
    this.rows = this.timeline.rows();
    this.hasBefore = this.timeline.hasBefore;
    this.hasAfter = this.timeline.hasAfter;
    if (this.isHowFarNew) {
      this.isHowFarNew = false;
      // Another one each time, so that what is drawn is asked again.
      this.unreadBy = ({ id, person, isDeleted }) => (id === undefined || isDeleted ? 0 : this.howFar.unread(id, person));
    }
    this.people = this.present.people;
    const blocked = this.timeline.blocked;
    this.writers = this.present.writers.filter(({ id }) => !blocked.has(id)).map(({ name }) => name);
    this.waiting = this.timeline.waiting;
    this.unconfirmed = this.timeline.pending.count;
    this.around.unsent.save(this.id ?? this.key, this.timeline.pending.all);
  }
}

/** What the server is told a message on its way is called, by its row. */
function keyOf(row: string): string {
  return row.slice(1);
}
