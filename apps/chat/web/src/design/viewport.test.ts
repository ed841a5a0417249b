import { expect, test } from "vitest";

import type { Line, Row } from "./rows.ts";
import { newerThan, newestOf, Tops } from "./viewport.ts";

const line = (height: number, row: Partial<Row> = {}): Line => ({
  key: "",
  row: { kind: "gap", key: "", ...row } as Row,
  opensDay: false,
  isFirst: true,
  isLast: true,
  height,
});
const message = (id: number | undefined, isOwn = false): Line => line(1, { kind: "message", id, isOwn });

test("lines lie between two heights if something of them does", () => {
  const tops = new Tops();
  tops.update([10, 20, 30, 40].map((height) => line(height)));
  expect([0, 1, 2, 3, 4].map((index) => tops.of(index))).toEqual([0, 10, 30, 60, 100]);
  expect(tops.total).toBe(100);
  expect(tops.between(0, 9)).toEqual({ from: 0, to: 1 });
  expect(tops.between(0, 10)).toEqual({ from: 0, to: 2 });
  expect(tops.between(29.5, 30)).toEqual({ from: 1, to: 3 });
  expect(tops.between(-500, 1_000)).toEqual({ from: 0, to: 4 });
  expect(tops.between(200, 300)).toEqual({ from: 3, to: 4 });
});

test("a conversation may be empty, grow and shrink", () => {
  const tops = new Tops();
  tops.update([]);
  expect(tops.total).toBe(0);
  expect(tops.between(-10, 10)).toEqual({ from: 0, to: 0 });
  tops.update(Array.from({ length: 1_000 }, () => line(3)));
  expect(tops.total).toBe(3_000);
  expect(tops.between(1_500, 1_503)).toEqual({ from: 500, to: 502 });
  tops.update([line(7)]);
  expect(tops.total).toBe(7);
  expect(tops.of(900)).toBe(7);
});

test("news is what others have said since", () => {
  const lines = [message(1), message(2), line(1), message(4, true), message(5), message(undefined, true), line(1)];
  expect(newestOf(lines)).toBe(5);
  expect(newestOf([])).toBe(0);
  expect([0, 1, 2, 4, 5].map((id) => newerThan(lines, id))).toEqual([3, 2, 1, 1, 0]);
});
