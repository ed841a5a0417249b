import type { Message } from "../design/rows.ts";

/** What may be done with a message. */
export interface Allowed {
  reply: boolean;
  edit: boolean;
  remove: boolean;
  react: boolean;
}

/** What is done with messages, by their ids or, where they are not stored, by the keys of their rows. */
export interface MessageActions {
  /** Sends one that was refused again. */
  retry(key: string): void;
  /** Gives up one that was refused. */
  discard(key: string): void;
  reply(id: number): void;
  edit(id: number): void;
  remove(id: number): void;
  react(id: number, emoji: string, isOn: boolean): void;
  /** Shows who has reacted so. */
  reactors(id: number, emoji: string): void;
  /** Shows who has read it, and who has not. */
  readers(id: number): void;
  /** Shows what it said before. */
  edits(id: number): void;
  markUnread(id: number): void;
  copyLink(id: number): void;
  /** Goes to a message that another one answers. */
  jump(id: number): void;
  /** Shows a picture of it in full. */
  picture(id: number, index: number): void;
  may(message: Message): Allowed;
}
