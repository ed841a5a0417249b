import type { TextStorage } from "./storage.ts";
import type { Written } from "./timeline.ts";

/**
 * The unconfirmed messages of this tab in one room, kept over a reload: also those that the outbox does
 * not have, because they were refused, because the browser gives it no store (pages without HTTPS), or
 * because a page that came first has taken it over. What is in both has the same key and is sent once.
 */
export class Kept {
  /** What the storage holds, once it was read. */
  private saved?: string;

  constructor(
    private readonly storage: TextStorage,
    private readonly room: string,
  ) {}

  load(): Written[] {
    this.saved = this.storage.getItem(this.name) ?? "";
    try {
      const kept: unknown = JSON.parse(this.saved || "[]");
      return Array.isArray(kept) ? kept.filter(isWritten) : [];
    } catch {
      return [];
    }
  }

  /** Keeps these in place of what was loaded; does nothing before that. */
  save(messages: Written[]): void {
    if (this.saved === undefined) return;
    const json = messages.length === 0 ? "" : JSON.stringify(messages);
    // Asked for with every picture that is drawn, and nearly always for nothing.
    if (json === this.saved) return;
    this.saved = json;
    if (json === "") this.storage.removeItem(this.name);
    else this.storage.setItem(this.name, json);
  }

  private get name(): string {
    return `sockeye.outbox.${this.room}`;
  }
}

function isWritten(value: unknown): value is Written {
  const { key, name, msg, at } = (value ?? {}) as Record<string, unknown>;
  return [key, name, msg].every((text) => typeof text === "string") && typeof at === "number";
}
