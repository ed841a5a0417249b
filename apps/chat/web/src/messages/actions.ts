import type { Message } from "../design/rows.ts";

/** What may be done with a message. */
export interface Allowed {
  reply: boolean;
  edit: boolean;
  remove: boolean;
  react: boolean;
}

/** What is done with messages: their bubbles call it, the conversation does it. `key` is that of the row, `id` the server's. */
export interface MessageActions {
  /** The id of whoever reads: mentions of them stand out. */
  self: string;
  may(message: Message): Allowed;
  /** Sends what has failed again, or gives it up. */
  retry(key: string): void;
  discard(key: string): void;
  reply(id: number): void;
  edit(id: number): void;
  /** Deletes it, once that is confirmed. */
  remove(id: number): void;
  react(id: number, emoji: string, isOn: boolean): void;
  /** Who has reacted so, who has read it, and what it said before. */
  reactors(id: number, emoji: string): void;
  readers(id: number): void;
  edits(id: number): void;
  /** From this message on nothing has been read. */
  markUnread(id: number): void;
  copyLink(id: number): void;
  /** The quote of this message was pressed. */
  jump(id: number): void;
  /** One of its pictures was pressed, counted from 0. */
  picture(id: number, index: number): void;
}
