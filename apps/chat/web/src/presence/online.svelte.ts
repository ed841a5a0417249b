import { SvelteSet } from "svelte/reactivity";

import type { Connection } from "../connection.svelte.ts";
import { ONLINE_ROOM } from "../contract.ts";

/** Who is on the server now; guests are not told. */
export class Online {
  private readonly people = new SvelteSet<string>();
  /** Whether it is known at all. */
  isKnown = $state(false);

  constructor(connection: Connection, isTold: () => boolean) {
    const { chat } = connection;
    chat.on("connect", async () => {
      if (!isTold()) return;
      const present = await connection.ask("online", null).catch(() => undefined);
      if (!present) return;
      this.people.clear();
      for (const { user } of present) this.people.add(user);
      this.isKnown = true;
    });
    chat.on("disconnect", () => {
      this.isKnown = false;
      this.people.clear();
    });
    chat.on("presence", ({ room, joined, left }) => {
      if (room !== ONLINE_ROOM) return;
      for (const { user } of joined) this.people.add(user);
      for (const { user } of left) this.people.delete(user);
    });
  }

  /** Whether somebody is here; undefined where that is not known. */
  has(person: string): boolean | undefined {
    return this.isKnown ? this.people.has(person) : undefined;
  }
}
