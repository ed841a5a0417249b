import type { TextStorage } from "./storage.ts";
import type { Pending } from "./timeline.ts";

type Kept = Pick<Pending, "key" | "name" | "msg" | "at">;

/** What is written and not confirmed, kept over a reload of the page; one for each room. */
export class Outbox {
  /** What the storage holds, once this page has written to it. */
  private saved?: string;

  constructor(
    private readonly storage: TextStorage,
    private readonly room: string,
  ) {}

  load(): Kept[] {
    try {
      const kept: unknown = JSON.parse(this.storage.getItem(this.name) ?? "[]");
      return Array.isArray(kept) ? kept.filter(isKept) : [];
    } catch {
      return [];
    }
  }

  save(pending: Kept[]): void {
    const kept = pending.map(({ key, name, msg, at }) => ({ key, name, msg, at }));
    const json = kept.length === 0 ? "" : JSON.stringify(kept);
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

/** A key that no other message in the room has: 96 random bits. */
export function newKey(): string {
  // Not `crypto.randomUUID`, which is missing on plain HTTP outside of localhost.
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function isKept(value: unknown): value is Kept {
  const { key, name, msg, at } = (value ?? {}) as Record<string, unknown>;
  return [key, name, msg].every((text) => typeof text === "string") && typeof at === "number";
}
