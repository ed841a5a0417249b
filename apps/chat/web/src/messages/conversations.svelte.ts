import { type Outbox, outbox, OutboxError, type StoredEvent } from "sockeye-client/outbox";

import type { ChatEvents, Connection } from "../connection.svelte.ts";
import { type Message, type Opened, type Person, type Refused, type Room, type Say } from "../contract.ts";
import { isRefused } from "../refusal.ts";
import { lasting, type TextStorage } from "../storage.ts";
import { Conversation } from "./conversation.svelte.ts";
import { type ClearableStore, storeFor } from "./store.ts";
import type { Reader, Written } from "./row.ts";
import { Unsent } from "./unsent.ts";
import { Uploads } from "./uploads.svelte.ts";

/** How many conversations are kept, so that going back to them takes no time. */
export const CONVERSATIONS_KEPT_MAX = 10;
/** What the rooms of the library that are of this chat's rooms are called. */
const ROOM_PREFIX = "room ";

/** The conversations of one person: the one that is shown, and those shown before. */
export class Conversations {
  /** The one that is shown. */
  current = $state.raw<Conversation>();

  /** By the room's id, or until that is known by its title; the one not shown for longest first. */
  private readonly kept = new Map<string, Conversation>();
  /** The ids that titles in addresses have led to. */
  private readonly aliases = new Map<string, string>();
  /** The pictures that are on their way, and the messages that wait for theirs. */
  readonly uploads = new Uploads<Written>({
    deliver: ({ room, what }, pictures) => {
      const conversation = this.of(room);
      const { key, text, reply, mentions } = what;
      if (conversation.say(text, { reply, mentions, pictures: [...pictures] }, key)) return;
      // One is not in the room any more, or too much waits: it stays to be seen, and can be sent again.
      const problem = conversation.problem ?? { code: "outbox_full" };
      conversation.restore([{ ...what, pictures: [...pictures], problem }], false);
    },
  });

  private readonly unsent: Unsent;
  private readonly box: Outbox<ChatEvents>;
  private readonly store: ClearableStore;
  private blocked: ReadonlySet<string> = new Set();

  constructor(
    private readonly connection: Connection,
    private readonly reader: () => Reader,
    storage: TextStorage = lasting,
  ) {
    const { chat, rooms } = connection;
    this.unsent = new Unsent(storage, reader().id);
    // Before the outbox listens, so that rooms are entered first, and then what waits in there is sent.
    chat.on("connect", () => {
      for (const conversation of this.kept.values()) if (isWanted(conversation)) void this.enter(conversation);
    });
    chat.on("disconnect", () => this.kept.forEach((conversation) => conversation.lost()));
    chat.on("message", (message) => this.kept.get(message.room)?.receive(message));
    chat.on("edited", (edited) => this.kept.get(edited.room)?.edited(edited));
    chat.on("reacted", (reacted) => this.kept.get(reacted.room)?.reacted(reacted));
    chat.on("pruned", (pruned) => this.kept.get(pruned.room)?.pruned(pruned));
    chat.on("reading", (moved) => this.kept.get(moved.room)?.readOn(moved));
    rooms.on("counts", (counts) => this.kept.get(counts.room)?.counted(counts));
    chat.on("room", (room) => this.changed(room));
    chat.on("removed", ({ room, reason }) => this.kept.get(room)?.removed(reason));
    chat.on("presence", (change) => {
      if (change.room.startsWith(ROOM_PREFIX)) this.kept.get(change.room.slice(ROOM_PREFIX.length))?.presence(change);
    });
    this.store = storeFor(`chat ${reader().id}`, (events) => this.restore(events));
    this.box = outbox(chat, {
      store: this.store,
      onAnswer: (_event, [say], answer) => this.answered(say as Say, answer as Message | Refused),
      onLost: (_event, [say], error) => {
        const { room, key } = say as Say;
        this.kept.get(room)?.refused(key, { code: reasonOf(error) });
      },
    });
    for (const room of this.unsent.rooms) this.of(room).restore(this.unsent.load(room), false);
  }

  /**
   * Shows the conversation of a room, by its id or title, and enters it unless that is done: at a message, or at
   * the first unread one. Where it is shown already, goes to the message, or back to where one came from.
   */
  show(key: string, message?: number): Conversation {
    const conversation = this.of(this.aliases.get(key) ?? key);
    this.touch(conversation);
    const isShown = this.current === conversation && conversation.phase === "open";
    this.current = conversation;
    if (!isShown) conversation.shown(message);
    else if (message === undefined) conversation.way.back();
    else conversation.way.follow(message);
    if (conversation.phase === "opening" || conversation.phase === "closed") void this.enter(conversation);
    this.trim();
    return conversation;
  }

  /** No conversation is shown. */
  hide(): void {
    this.current = undefined;
  }

  /** Asks to be let in. Where a title has led to a room that is kept already, that one goes on. */
  async enter(conversation: Conversation, password?: string): Promise<void> {
    if (!this.connection.isOnline) return;
    const opened = await conversation.enter(password);
    if (opened && opened.room.id !== conversation.key) this.name(conversation, opened);
  }

  /** One has left a room: nothing is kept of it. */
  drop(room: string): void {
    const conversation = this.kept.get(room);
    if (!conversation) return;
    conversation.end();
    this.unsent.save(room, []);
    this.kept.delete(room);
    if (this.current === conversation) this.current = undefined;
  }

  changed(room: Room): void {
    const conversation = this.kept.get(room.id);
    if (conversation) conversation.room = room;
  }

  person(person: Person): void {
    this.kept.forEach((conversation) => conversation.person(person));
  }

  block(people: readonly string[]): void {
    this.blocked = new Set(people);
    this.kept.forEach((conversation) => conversation.block(this.blocked));
  }

  /** How many messages are not sent, in all rooms. */
  get unconfirmed(): number {
    return this.unsent.count + [...this.kept.keys()].reduce((sum, room) => sum + this.uploads.held(room).length, 0);
  }

  /** Forgets what is not sent; it will not be. */
  forget(): void {
    this.store.clear();
  }

  /** Ends it all, when one is logged out. What is not sent is sent when one is back. */
  close(): void {
    this.uploads.end();
    this.box.close();
    this.kept.forEach((conversation) => conversation.end());
  }

  /** The conversation of a room. */
  private of(key: string): Conversation {
    const kept = this.kept.get(key);
    if (kept) return kept;
    const conversation = new Conversation(key, {
      reader: this.reader,
      ask: (event, payload) => this.connection.ask(event, payload),
      isOnline: () => this.connection.isOnline,
      post: (room, written) => this.post(room, written),
      unsent: this.unsent,
      blocked: () => this.blocked,
      isLooking: (one) => one === this.current && !document.hidden && document.hasFocus(),
    });
    this.kept.set(key, conversation);
    return conversation;
  }

  /** Puts the one that is shown to the end of those to be dropped. */
  private touch(conversation: Conversation): void {
    const key = conversation.id ?? conversation.key;
    this.kept.delete(key);
    this.kept.set(key, conversation);
  }

  /** A title has led to a room: from now on it is known by its id. */
  private name(conversation: Conversation, opened: Opened): void {
    const { id } = opened.room;
    if (this.kept.get(id) === conversation) return;
    this.kept.delete(conversation.key);
    this.aliases.set(conversation.key, id);
    const known = this.kept.get(id);
    if (known) {
      conversation.end();
      if (this.current === conversation) this.current = known;
      known.way.wanted = conversation.way.wanted;
      known.opened(opened);
    } else {
      this.kept.set(id, conversation);
    }
  }

  /** Closes those that were not shown for longest; not what has something to be sent. */
  private trim(): void {
    for (const [key, conversation] of this.kept) {
      if (this.kept.size <= CONVERSATIONS_KEPT_MAX) return;
      if (conversation === this.current || conversation.hasUnconfirmed || this.uploads.held(key).length > 0) continue;
      this.kept.delete(key);
      conversation.end();
      if (conversation.phase === "open" && conversation.id !== undefined) {
        // If it does not arrive, the connection is lost, and with it the place in the room.
        this.connection.ask("close", { room: conversation.id }).catch(() => {});
      }
    }
  }

  private post(room: string, written: Written): void {
    const { key } = written;
    this.box.emit("say", sayOf(room, written)).catch((error: Error) => {
      // Of what was in it and is given up `onLost` tells.
      const code = reasonOf(error);
      if (code === "outbox_full") this.kept.get(room)?.refused(key, { code });
    });
  }

  private answered({ room, key }: Say, answer: Message | Refused): void {
    const conversation = this.kept.get(room);
    if (isRefused(answer)) conversation?.refused(key, answer.error);
    else conversation?.stored(key, answer);
  }

  /** Takes up what an earlier page has left in the outbox: its rooms are entered, so that it goes out. */
  private restore(events: readonly StoredEvent[]): void {
    for (const { args: [, said], time } of events) {
      const say = said as Say;
      this.of(say.room).restore([writtenOf(say, time)], true);
    }
  }
}

/** What the server is told of a message. */
function sayOf(room: string, { key, text, reply, mentions, pictures }: Written): Say {
  const say: Say = { room, text, key };
  if (reply) say.reply_to = reply.id;
  if (mentions?.length) say.mentions = mentions.map(({ id }) => id);
  if (pictures?.length) say.pictures = pictures.map(({ id }) => id);
  return say;
}

/** What is known of a message by what the server is told: enough to show it where nothing else was kept. */
function writtenOf({ key, text, reply_to: id, pictures }: Say, at: number): Written {
  return {
    key,
    text,
    at,
    ...(id !== undefined && { reply: { id, person: "", name: "", text: "" } }),
    ...(pictures && { pictures: pictures.map((picture) => ({ id: picture, width: 1, height: 1, bytes: 0 })) }),
  };
}

/** Whether a conversation is to be entered again when the connection is back. */
function isWanted({ phase }: Conversation): boolean {
  return phase === "open" || phase === "opening";
}

/** Why the outbox has not taken something, or has given it up. */
function reasonOf(error: Error): string {
  if (!(error instanceof OutboxError)) return "other";
  // Of a room `full` says that nobody else gets in.
  return error.reason === "full" ? "outbox_full" : error.reason;
}
