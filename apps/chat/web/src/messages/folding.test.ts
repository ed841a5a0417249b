import { expect, test } from "vitest";

import { isUnfolded, mayFold, unfold } from "./folding.ts";

test("only long texts may be folded", () => {
  for (const text of ["", "a", "a\n".repeat(19), "가".repeat(600)]) expect(mayFold(text)).toBe(false);
  for (const text of ["a\n".repeat(20), "가".repeat(601), "\n".repeat(3_998)]) expect(mayFold(text)).toBe(true);
});

test("what was unfolded stays so when it is drawn anew", () => {
  expect(isUnfolded("m1")).toBe(false);
  unfold("m1");
  expect(isUnfolded("m1")).toBe(true);
  expect(isUnfolded("m2")).toBe(false);
});
