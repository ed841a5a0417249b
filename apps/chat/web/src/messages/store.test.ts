import { indexedDbStore, memoryStore, type StoredEvent, StoreLostError } from "sockeye-client/outbox";
import { expect, test, vi } from "vitest";

import { storeFor } from "./store.ts";

vi.mock("sockeye-client/outbox", async (original) => ({
  ...(await original<typeof import("sockeye-client/outbox")>()),
  indexedDbStore: vi.fn(),
}));
const browser = vi.mocked(indexedDbStore);

const event: StoredEvent = { number: 1, args: ["chat", { msg: "kept" }], bytes: 10, time: 1 };

const durable = () => ({
  ...memoryStore(),
  isDurable: true,
  load: vi.fn(async () => ({ id: "of the browser", next: 2, events: [event] })),
  close: vi.fn(),
});

test("is the browser's, and shows what is in it", async () => {
  browser.mockResolvedValueOnce(durable());
  const seen = vi.fn();
  const store = storeFor("chat 방", seen);
  expect(seen).not.toHaveBeenCalled();
  expect((await store.load()).id).toBe("of the browser");
  expect(browser).toHaveBeenCalledWith("chat 방");
  expect(store.isDurable).toBe(true);
  expect(seen).toHaveBeenCalledExactlyOnceWith([event]);
});

test("is the page's memory where the browser has none, or cannot read it", async () => {
  const broken = durable();
  broken.load.mockRejectedValueOnce(new Error("broken"));
  for (const store of [undefined, broken]) {
    browser.mockResolvedValueOnce(store);
    const seen = vi.fn();
    const inMemory = storeFor("chat 방", seen);
    expect((await inMemory.load()).next).toBe(1);
    expect(inMemory.isDurable).toBe(false);
    expect(seen).toHaveBeenCalledExactlyOnceWith([]);
    await inMemory.add(event);
  }
  expect(broken.close, "for other pages").toHaveBeenCalledOnce();
});

test("is lost when the browser cannot keep something, so that the outbox goes on without it", async () => {
  const full = new Error("QuotaExceededError");
  const gone = new StoreLostError(full);
  for (const error of [full, gone]) {
    browser.mockResolvedValueOnce({ ...durable(), add: () => Promise.reject(error) });
    const store = storeFor("chat 방", () => {});
    await store.load();
    const lost: unknown = await store.add(event).catch((e: unknown) => e);
    expect(lost).toBeInstanceOf(StoreLostError);
    expect((lost as StoreLostError).cause).toBe(full);
  }
});

test("forgets everything when nothing of somebody is to stay", async () => {
  const kept = durable();
  kept.remove = vi.fn(async () => {});
  browser.mockResolvedValueOnce(kept);
  const store = storeFor("chat", () => {});
  await store.load();
  await store.add({ ...event, number: 2 });
  await store.add({ ...event, number: 3 });
  await store.remove([2]);
  store.clear();
  expect(kept.remove).toHaveBeenLastCalledWith([1, 3]);
});
