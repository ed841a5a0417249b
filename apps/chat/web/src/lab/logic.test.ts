import { expect, test } from "vitest";

import { Arrivals, COLUMN_MS, COLUMNS } from "./arrivals.ts";
import { median } from "./bench.ts";
import { Continuity } from "./continuity.ts";
import type { Limits } from "./contract.ts";
import { messageIn } from "./control.ts";
import { milliseconds } from "./format.ts";
import { Painter } from "./painter.ts";
import { refusalText } from "./refusals.ts";
import { Lines } from "./roads/ndjson.ts";
import { roundedUp, SECONDS, Series } from "./series.ts";
import { guideLink } from "./statements.ts";

test("a series keeps the last seconds, with 0 where nothing was counted", () => {
  const series = new Series();
  series.add(100, 2);
  series.add(100, 3);
  series.add(102, 1);
  expect([99, 100, 101, 102].map((second) => series.sum(second))).toEqual([null, 5, 0, 1]);
  expect([100, 101].map((second) => series.mean(second))).toEqual([2.5, null]);
  series.add(100 + 10 * SECONDS, 7);
  const view = series.view(101 + 10 * SECONDS, "sum");
  expect(view).toHaveLength(SECONDS);
  expect(view.at(-1)).toBe(7);
  expect(view.slice(0, -1).every((value) => value === 0)).toBe(true);
  expect([0, 0.3, 2, 5.1, 70].map(roundedUp)).toEqual([1, 0.5, 2, 10, 100]);
});

test("arrivals leave the lane when its time is over", () => {
  const arrivals = new Arrivals();
  arrivals.add(1_000);
  arrivals.add(1_010);
  expect(arrivals.count(1_000, 0)).toBe(2);
  expect(arrivals.count(1_000 + COLUMN_MS, 1)).toBe(2);
  arrivals.add(1_000 + COLUMNS * COLUMN_MS);
  expect(arrivals.most(1_000 + COLUMNS * COLUMN_MS)).toBe(1);
});

test("what is missing and what comes twice is counted", () => {
  const continuity = new Continuity();
  for (const n of [5, 6, 9, 9, 10]) continuity.add(n);
  expect(continuity).toMatchObject({ received: 4, missed: 2, repeated: 1 });
});

test("a painter goes on in the next frame when its time is used up", () => {
  const frames: (() => void)[] = [];
  let now = 0;
  const painter = new Painter({ request: (frame) => frames.push(frame), now: () => now });
  const painted: number[] = [];
  for (let index = 0; index < 3; index += 1) {
    painter.ask(() => {
      painted.push(index);
      now += 3;
    });
  }
  frames.shift()?.();
  expect(painted).toEqual([0, 1]);
  frames.shift()?.();
  expect(painted).toEqual([0, 1, 2]);
  expect(frames).toEqual([]);
});

test("lines are whole, wherever the stream is cut", () => {
  const lines = new Lines();
  expect(["\n{\"a\"", ":1}\n\n{}", "\n"].flatMap((piece) => lines.push(piece))).toEqual(['{"a":1}', "{}"]);
});

test("only messages of the contract are taken", () => {
  expect(messageIn('{"type":"refused","of":"set","message":"no"}')?.type).toBe("refused");
  expect(["", "null", "[]", '{"type":"other"}'].map(messageIn)).toEqual([null, null, null, null]);
});

test("why more than the server sends is refused is told with the bound, and what to do", () => {
  const limits = { events_per_second_max: 2_000, event_bytes_per_second_max: 4_000_000 } as Limits;
  const told = (rate: number, burst: number, size: number, of = "set") =>
    refusalText({ type: "refused", of, message: "why" }, { rate, burst, size, running: true }, limits);
  expect(told(100, 21, 64)).toMatch(/2,000 events a second: choose fewer/);
  expect(told(100, 1, 65_536)).toMatch(/4 MB of events a second: choose fewer/);
  expect([told(0, 1, 64), told(1, 1, 64, "line")]).toEqual(Array(2).fill("The server refused it: why"));
});

test("delays are told in the unit that suits them", () => {
  expect([0.04, 1.26, 12.3, 999, 1_000, 2_515, 60_000].map(milliseconds)).toEqual(["0 ms", "1.3 ms", "12 ms", "999 ms", "1 s", "2.52 s", "60 s"]);
});

test("small things", () => {
  expect([median([]), median([3, 1, 2])]).toEqual([null, 2]);
  expect(guideLink("https://x.example/guide/", "feeds")).toBe("https://x.example/guide/feeds.html");
});
