import type { App, Visit } from "../app.svelte.ts";
import { type Mention, MENTIONS_MAX, type Message, type Person, type Quote } from "../contract.ts";
import { say } from "../i18n.ts";
import { language } from "../language.ts";
import { newKey } from "../random.ts";
import type { Conversation } from "./conversation.svelte.ts";
import { type Candidate, everybody, mentionsIn } from "./mentions.ts";
import { PENDING_MAX } from "./pending.ts";
import type { Written } from "./row.ts";

/** The most characters of a message that are shown where it is answered. */
const EXCERPT_CHARS_MAX = 200;

/** What somebody writes in a room: a message, an answer, or another text for what they have said. */
export class Writing {
  /** The message that is answered or edited. */
  about = $state.raw<{ kind: "reply" | "edit"; message: Message }>();
  /** The text of a message that is edited; the draft stays as it is meanwhile. */
  private edited = $state("");
  private isSaving = false;
  private isRefused = $state(false);
  /** Those who belong to the room, once somebody begins to mention one. */
  private members = $state.raw<Person[]>();

  constructor(
    private readonly app: App,
    private readonly visit: Visit,
    private readonly conversation: Conversation,
    private readonly self: string,
    /** A message was sent. */
    private readonly onsent: () => void,
  ) {}

  /** What the room's draft is kept by, also while it is not entered again after a reload. */
  get place(): string {
    return this.conversation.id ?? this.conversation.key;
  }

  get text(): string {
    return this.about?.kind === "edit" ? this.edited : this.visit.drafts.of(this.place);
  }

  /** Too much waits to be sent, which is told as long as it is true. */
  get isOutboxFull(): boolean {
    return this.isRefused && this.conversation.unconfirmed >= PENDING_MAX;
  }

  /** What is told of the message that is answered or edited. */
  readonly shown = $derived.by(() => {
    if (!this.about) return undefined;
    const { kind, message } = this.about;
    const hasPictures = kind === "edit" && (message.pictures?.length ?? 0) > 0;
    return { kind, name: message.by.name, text: excerpt(message.text) || say("aPicture"), hasPictures };
  });

  /** Who can be mentioned. */
  readonly candidates: readonly Candidate[] = $derived.by(() => {
    if (!this.conversation.room) return [];
    const people = (this.members ?? this.conversation.people).filter(({ id }) => id !== this.self);
    return [everybody(language), ...people.map(({ id, name, colour, picture }) => ({ id, name, colour, picture }))];
  });

  /** Something is written. */
  write(text: string): void {
    if (text.includes("@")) void this.loadMembers();
    if (this.about?.kind === "edit") {
      this.edited = text;
      return;
    }
    this.visit.drafts.write(this.place, text);
    this.conversation.typed(text);
  }

  /** Answers a message, or writes another text for it. */
  begin(kind: "reply" | "edit", message: Message | undefined): void {
    if (!message) return;
    this.about = { kind, message };
    this.edited = kind === "edit" ? message.text : "";
  }

  stop(): void {
    this.about = undefined;
    this.edited = "";
  }

  /** Sends what is written. False if it stays in the field. */
  send(text: string): boolean {
    const { about, conversation, place, visit } = this;
    if (about?.kind === "edit") {
      void this.saveEdit(about.message, text);
      return false;
    }
    const written: Written = { key: newKey(), text, at: Date.now(), mentions: this.mentionsOf(text) };
    if (about) written.reply = quoteOf(about.message);
    const isHeld = visit.conversations.uploads.hold(place, written, text !== "") !== undefined;
    const isTaken = isHeld || conversation.say(text, written, written.key);
    this.isRefused = !isTaken;
    if (!isTaken) return false;
    this.about = undefined;
    this.onsent();
    return true;
  }

  /** What is edited is sent without the outbox: it stays in the field until the server has it. */
  private async saveEdit(message: Message, text: string): Promise<void> {
    if (this.isSaving) return;
    this.isSaving = true;
    const mentions = this.mentionsOf(text, message.mentions).map(({ id }) => id);
    const edit = { room: message.room, message: message.id, text, mentions };
    const isDone = text === message.text || (await this.app.attempt(() => this.visit.connection.ask("edit", edit)));
    this.isSaving = false;
    if (isDone && this.about?.message === message) this.stop();
  }

  /** Those who can be mentioned are asked for when somebody begins to. */
  private async loadMembers(): Promise<void> {
    const { room, phase, people } = this.conversation;
    if (this.members || !room || phase !== "open") return;
    this.members = [...people];
    try {
      const all = await this.visit.connection.ask("members", { room: room.id });
      this.members = all.filter(({ is_banned }) => !is_banned).map(({ person }) => person);
    } catch {
      // Those who are here can be mentioned all the same.
    }
  }

  /** Whom a text mentions. */
  private mentionsOf(text: string, known: readonly Mention[] = []): Mention[] {
    const people = [...(this.members ?? []), ...known].map(({ id, name }) => ({ id, name }));
    const ids = mentionsIn(text, people);
    return ids.map((id) => people.find((one) => one.id === id)!).slice(0, MENTIONS_MAX);
  }
}

/** What is shown of a message where it is answered. */
function quoteOf({ id, by, text, pictures }: Message): Quote {
  return { id, person: by.id, name: by.name, text: excerpt(text), pictures: pictures?.length ?? 0 };
}

function excerpt(text: string): string {
  return [...text].slice(0, EXCERPT_CHARS_MAX).join("");
}
