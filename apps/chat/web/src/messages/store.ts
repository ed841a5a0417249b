import {
  indexedDbStore,
  memoryStore,
  type OutboxStore,
  type StoredEvent,
  StoreLostError,
} from "sockeye-client/outbox";

/**
 * Where an outbox of this name is kept: in the browser, or in the page's memory where that cannot be.
 * `onLoad` is given what an earlier page has left in it, to show it.
 */
export function storeFor(name: string, onLoad: (events: StoredEvent[]) => void): OutboxStore {
  let store = memoryStore();
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
      onLoad(kept.events);
      return kept;
    },
    // Whatever the browser cannot keep, a full disk included: the outbox goes on in memory.
    add: (event) => store.add(event).catch(giveUp),
    remove: (numbers) => store.remove(numbers),
    close: () => store.close(),
  };
}

function giveUp(error: unknown): never {
  throw error instanceof StoreLostError ? error : new StoreLostError(error);
}
