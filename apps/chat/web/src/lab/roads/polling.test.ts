import { expect, test } from "vitest";

import { openPolling } from "./polling.ts";
import type { World } from "./road.ts";

test("a poll goes on at its cursor, also after a cut", async () => {
  const asked: string[] = [];
  const timers: [() => void, number][] = [];
  let isCut = false;
  let isBehind = false;
  const world = {
    fetch: async (url: string) => {
      asked.push(url);
      if (isCut) throw new TypeError("cut");
      const items = [{ event: "tick", data: [{ n: asked.length, at: 1 }] }, { event: "other", data: [{}] }];
      const headers = new Headers({ "stream-next-offset": `c${asked.length}` });
      if (!isBehind) headers.set("stream-up-to-date", "true");
      return new Response(JSON.stringify(items), { headers });
    },
    setTimeout: (callback: () => void, ms: number) => timers.push([callback, ms]),
    clearTimeout: () => {},
  } as unknown as World;
  const seen: (number | string)[] = [];
  const sink = { tick: ({ n }: { n: number }) => void seen.push(n), state: (state: string) => void seen.push(state) };
  const turn = async () => {
    while (timers.length === 0) await Promise.resolve();
    const [callback, ms] = timers.shift()!;
    callback();
    return ms;
  };
  const road = openPolling("http://x/feed", { period: () => 700 }, sink, world);
  expect(await turn()).toBe(700);
  isCut = true;
  await turn();
  isCut = false;
  expect(await turn()).toBe(200);
  isBehind = true;
  expect(await turn()).toBe(700);
  expect(await turn()).toBe(0);
  while (timers.length === 0) await Promise.resolve();
  road.close();
  expect(asked).toEqual(["now", "c1", "c2", "c2", "c4", "c5"].map((cursor) => `http://x/feed?offset=${cursor}`));
  expect(seen).toEqual(["connecting", "open", 1, "open", 2, "lost", "open", 4, "open", 5, "open", 6]);
});
