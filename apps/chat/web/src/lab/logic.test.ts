import { expect, test } from "vitest";

import { Arrivals, COLUMN_MS, COLUMNS } from "./arrivals.ts";
import { median } from "./bench.ts";
import { Continuity } from "./continuity.ts";
import { messageIn } from "./control.ts";
import { Painter } from "./painter.ts";
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

test("small things", () => {
  expect([median([]), median([3, 1, 2])]).toEqual([null, 2]);
  expect(guideLink("https://x.example/guide/", "feeds")).toBe("https://x.example/guide/feeds.html");
});
