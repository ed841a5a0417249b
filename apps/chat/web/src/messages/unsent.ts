import type { TextStorage } from "../storage.ts";
import type { Written } from "./row.ts";

/** After this long what was never sent is not shown any more, milliseconds. */
const AGE_MAX = 7 * 24 * 3_600_000;

/**
 * The unconfirmed messages of a person, by room, kept in the browser also when the tab is closed: those
 * that the outbox does not have, because they were refused or because the browser gives it no store (pages
 * without HTTPS). What is in both has the same key and is stored once.
 *
 * Each message has an entry of its own, so that tabs do not write over each other's.
 */
export class Unsent {
  private readonly prefix: string;
  /** What the storage holds of each room, by key. */
  private readonly kept = new Map<string, Map<string, string>>();

  constructor(
    private readonly storage: TextStorage,
    person: string,
  ) {
    this.prefix = `sockeye.unsent ${person} `;
    for (const name of storage.namesFrom(this.prefix)) {
      const [room, key] = name.slice(this.prefix.length).split(" ");
      const json = storage.getItem(name);
      const written = json === null ? undefined : writtenOf(json);
      if (room && key && written?.key === key && Date.now() - written.at < AGE_MAX) this.of(room).set(key, json!);
      else storage.removeItem(name);
    }
  }

  /** The rooms of which there is something. */
  get rooms(): string[] {
    return [...this.kept.keys()];
  }

  /** How many messages there are in all of them. */
  get count(): number {
    return [...this.kept.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** What is kept of a room. */
  load(room: string): Written[] {
    const kept = this.kept.get(room);
    return kept ? [...kept.values()].map((json) => writtenOf(json)!) : [];
  }

  /** Keeps these of a room in place of what was there. */
  save(room: string, messages: readonly Written[]): void {
    const before = this.kept.get(room);
    if (!before && messages.length === 0) return;
    const kept = this.of(room);
    const gone = new Set(kept.keys());
    for (const message of messages) {
      const json = JSON.stringify(message);
      gone.delete(message.key);
      // Asked for with every picture that is drawn, and nearly always for nothing.
      if (kept.get(message.key) === json) continue;
      kept.set(message.key, json);
      this.storage.setItem(this.nameOf(room, message.key), json);
    }
    for (const key of gone) {
      kept.delete(key);
      this.storage.removeItem(this.nameOf(room, key));
    }
    if (kept.size === 0) this.kept.delete(room);
  }

  private of(room: string): Map<string, string> {
    let kept = this.kept.get(room);
    if (!kept) this.kept.set(room, (kept = new Map()));
    return kept;
  }

  private nameOf(room: string, key: string): string {
    return `${this.prefix}${room} ${key}`;
  }
}

function writtenOf(json: string): Written | undefined {
  try {
    const value = JSON.parse(json) as Record<string, unknown> | null;
    const isWritten =
      typeof value?.key === "string" && typeof value.text === "string" && typeof value.at === "number";
    const isList = (list: unknown) => list === undefined || Array.isArray(list);
    return isWritten && isList(value.mentions) && isList(value.pictures) ? (value as unknown as Written) : undefined;
  } catch {
    return undefined;
  }
}

/** Forgets everything that was kept of somebody, when they log out. */
export function forgetWritten(storage: TextStorage, person: string): void {
  for (const kind of ["unsent", "draft"]) {
    for (const name of storage.namesFrom(`sockeye.${kind} ${person} `)) storage.removeItem(name);
  }
}
