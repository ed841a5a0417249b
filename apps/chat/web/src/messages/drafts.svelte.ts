import { SvelteMap } from "svelte/reactivity";

import type { TextStorage } from "../storage.ts";

/** What somebody has begun to write and not sent, by room, kept in the browser. */
export class Drafts {
  private readonly prefix: string;
  private readonly texts = new SvelteMap<string, string>();

  constructor(
    private readonly storage: TextStorage,
    person: string,
  ) {
    this.prefix = `sockeye.draft ${person} `;
    for (const name of storage.namesFrom(this.prefix)) {
      const text = storage.getItem(name);
      if (text) this.texts.set(name.slice(this.prefix.length), text);
    }
  }

  /** The draft of a room; empty if there is none. */
  of(room: string): string {
    return this.texts.get(room) ?? "";
  }

  write(room: string, text: string): void {
    if (text === "") {
      this.texts.delete(room);
      this.storage.removeItem(this.prefix + room);
    } else {
      this.texts.set(room, text);
      this.storage.setItem(this.prefix + room, text);
    }
  }
}
