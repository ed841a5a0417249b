import type { Edited, Message, Quote, Reacted } from "../contract.ts";

/** What is done to a message after it was said, as the server tells it. */
export type Change = { kind: "edited"; change: Edited } | { kind: "reacted"; change: Reacted };

/** The most characters of a message that a quote shows. */
const QUOTE_CHARS_MAX = 200;

/** The message after a change; the same object if it has the change already. */
export function changed(message: Message, { kind, change }: Change, reader: string): Message {
  if (change.message !== message.id || change.change <= (message.change ?? 0)) return message;
  return kind === "edited" ? edited(message, change) : reacted(message, change, reader);
}

function edited(message: Message, { text, mentions, is_for_all, edited_at, change }: Edited): Message {
  if (edited_at === null) {
    const { id, room, by, at, reply } = message;
    return { id, room, by, at, reply, text: "", is_deleted: true, change };
  }
  return { ...message, text, mentions, is_for_all, edited_at, change };
}

function reacted(message: Message, { emoji, count, person, is_on, change }: Reacted, reader: string): Message {
  const before = message.reactions ?? [];
  const known = before.find((one) => one.emoji === emoji);
  const is_mine = person === reader ? is_on : (known?.is_mine ?? false);
  const now = { emoji, count, is_mine };
  const reactions = known ? before.map((one) => (one === known ? now : one)) : [...before, now];
  return { ...message, reactions: reactions.filter((one) => one.count > 0), change };
}

/** A quote of a message after that was edited or deleted; the same object if it shows nothing else. */
export function quoteAfter(quote: Quote, { message, text, edited_at }: Edited): Quote {
  if (quote.id !== message || quote.is_deleted) return quote;
  if (edited_at === null) return { ...quote, text: "", pictures: 0, is_deleted: true };
  const excerpt = [...text].slice(0, QUOTE_CHARS_MAX).join("");
  return excerpt === quote.text ? quote : { ...quote, text: excerpt };
}

/** A quote of a message that the room does not keep any more. */
export function quoteOfGone(quote: Quote): Quote {
  return { id: quote.id, person: "", name: "", text: "", is_deleted: true };
}
