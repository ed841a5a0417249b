import type { Edited, Message, Quote } from "../contract.ts";
import type { Message as MessageRow } from "../design/rows.ts";
import type { Problem } from "../refusal.ts";
import { quoteAfter } from "./changes.ts";
import { type Reader, unconfirmedRow, type Written } from "./row.ts";

/** The most messages of a room that may wait to be sent. */
export const PENDING_MAX = 100;

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

/** What one has written in a room and the server has not confirmed, in the order of writing. */
export class Pending {
  private list: Unconfirmed[] = [];

  constructor(
    private readonly room: () => string,
    private readonly reader: () => Reader,
  ) {}

  /** What is to be shown of it. `isKnown` says which stored messages are shown already. */
  rows(isLost: boolean, isKnown: (id: number) => boolean): MessageRow[] {
    return this.list
      .filter(({ guess }) => !guess || !isKnown(guess))
      .map((pending) => this.rowOf(pending, stateOf(pending, isLost)));
  }

  /** How many wait to be sent. */
  waiting(isLost: boolean): number {
    return this.list.filter((pending) => stateOf(pending, isLost) === "waiting").length;
  }

  get count(): number {
    return this.list.length;
  }

  /** What would be lost with the page. */
  get all(): Written[] {
    return this.list.map(({ key, text, at, problem, reply, mentions, pictures }) => {
      return { key, text, at, problem, reply, mentions, pictures };
    });
  }

  /** A message was written. False when too many are waiting. */
  write(message: Written): boolean {
    if (this.list.length >= PENDING_MAX) return false;
    this.list.push({ ...message, isPosted: false });
    return true;
  }

  /** Takes up what an earlier page wrote: what the outbox has of it, or what is kept beside that. */
  restore(messages: readonly Written[], isPosted: boolean): void {
    for (const message of messages) {
      const known = this.find(message.key);
      if (known) known.isPosted ||= isPosted;
      else this.list.push({ ...message, isPosted });
    }
    this.list.sort((one, other) => one.at - other.at);
  }

  /** What the outbox is to be given now, in order; from then on it counts as posted. */
  takeUnposted(): Written[] {
    const taken = this.list.filter(({ isPosted, problem }) => !isPosted && !problem);
    for (const pending of taken) pending.isPosted = true;
    return taken;
  }

  /** The server has stored it. */
  done(key: string): void {
    this.list = this.list.filter((pending) => pending.key !== key);
  }

  /** The server has stored it, which is not to be shown yet. */
  hold(key: string, stored: Message): void {
    const pending = this.find(key);
    if (pending) pending.stored = stored;
  }

  /** Those whose answers were not to be shown yet. */
  get held(): { key: string; stored: Message }[] {
    return this.list.flatMap(({ key, stored }) => (stored ? [{ key, stored }] : []));
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
    for (const pending of this.list) pending.problem ??= problem;
  }

  /** Sends a failed message again, at its old place in the queue. */
  retry(key: string): void {
    const pending = this.find(key);
    if (pending) pending.problem = undefined;
  }

  /** Gives up a failed message. */
  discard(key: string): void {
    this.list = this.list.filter((pending) => pending.key !== key || !pending.problem);
  }

  /**
   * A message of the history may be one whose answer got lost. Until the server says so when it is
   * sent again, it is shown once and not twice.
   */
  recognise({ id, by, text, reply, pictures }: Message): void {
    if (by.id !== this.reader().id) return;
    const isAlike = (p: Unconfirmed) =>
      p.text === text && p.reply?.id === reply?.id && (p.pictures?.length ?? 0) === (pictures?.length ?? 0);
    const pending = this.list.find((p) => !p.problem && !p.guess && isAlike(p));
    if (pending) pending.guess = id;
  }

  /** A message that is quoted here says something else, or is gone. */
  edited(edited: Edited): void {
    this.quotes((quote) => quoteAfter(quote, edited));
  }

  quotes(change: (quote: Quote) => Quote): void {
    for (const pending of this.list) {
      if (!pending.reply) continue;
      const reply = change(pending.reply);
      if (reply === pending.reply) continue;
      pending.reply = reply;
      pending.row = undefined;
    }
  }

  private rowOf(pending: Unconfirmed, state: MessageRow["state"]): MessageRow {
    const reader = this.reader();
    const { row, problem } = pending;
    if (row?.state === state && row.problem === problem && row.name === reader.name) return row;
    return (pending.row = unconfirmedRow(this.room(), pending, state, reader));
  }

  private find(key: string): Unconfirmed | undefined {
    return this.list.find((pending) => pending.key === key);
  }
}

function stateOf({ isPosted, problem }: Unconfirmed, isLost: boolean): "waiting" | "sent" | "failed" {
  if (problem) return "failed";
  return isPosted && !isLost ? "sent" : "waiting";
}

/** Whether a refusal is a matter of waiting a little, or of asking again. */
function goesOutAgain({ code }: Problem): boolean {
  return code === "not_opened" || code === "too_fast" || code === "forgotten";
}
