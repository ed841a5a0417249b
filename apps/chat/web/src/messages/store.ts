import {
  indexedDbStore,
  memoryStore,
  type OutboxStore,
  type StoredEvent,
  StoreLostError,
} from "sockeye-client/outbox";

/** A store that can be emptied, when nothing of somebody is to stay in the browser. */
export interface ClearableStore extends OutboxStore {
  /** Forgets all events. */
  clear(): void;
}

/**
 * Where an outbox of this name is kept: in the browser, or in the page's memory where that cannot be.
 * `onLoad` is given what an earlier page has left in it, to show it.
 */
export function storeFor(name: string, onLoad: (events: StoredEvent[]) => void): ClearableStore {
  let store = memoryStore();
  /** The numbers of those that are in it. */
  const numbers = new Set<number>();
  return {
    get isDurable() {
      return store.isDurable;
    },
    async load() {
      store = (await indexedDbStore(name)) ?? store;
      const kept = await store.load().catch(() => {
        store.close();
        store = memoryStore();
        return store.load();
      });
      for (const { number } of kept.events) numbers.add(number);
      onLoad(kept.events);
      return kept;
    },
    // Whatever the browser cannot keep, a full disk included: the outbox goes on in memory.
    add(event) {
      numbers.add(event.number);
      return store.add(event).catch(giveUp);
    },
    remove(done) {
      for (const number of done) numbers.delete(number);
      return store.remove(done);
    },
    clear() {
      const all = [...numbers];
      numbers.clear();
      // What cannot be removed now goes when it is too old.
      store.remove(all).catch(() => {});
    },
    close: () => store.close(),
  };
}

function giveUp(error: unknown): never {
  throw error instanceof StoreLostError ? error : new StoreLostError(error);
}
