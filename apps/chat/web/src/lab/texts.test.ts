import { expect, test } from "vitest";

import { SENTENCES } from "./sentences.ts";
import { STATEMENTS } from "./statements.ts";
import { english, fill, korean } from "./texts.ts";

const names = (pattern: string) => [...pattern.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();

test("both languages say everything, with the same values", () => {
  expect(Object.keys(korean).sort()).toEqual(Object.keys(english).sort());
  expect(STATEMENTS.map(({ id }) => id).sort()).toEqual(Object.keys(SENTENCES).sort());
  for (const { en, ko } of Object.values(SENTENCES)) {
    expect(names(ko[1])).toEqual(names(en[1]));
    expect(ko[0]).toMatch(/[가-힣]/);
  }
  expect(fill("{a} {b}", { a: 1 })).toBe("1 {b}");
});
