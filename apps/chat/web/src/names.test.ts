import { expect, test } from "vitest";

import cases from "../../names.json";
import { NICKNAME_CHARS_MAX } from "./contract.ts";
import { normalized, problemOf } from "./names.ts";

test("the cases that the server is held to", () => {
  for (const [text, expected] of cases.allowed as [string, string][]) {
    const name = normalized(text);
    expect(name, JSON.stringify(text)).toBe(expected);
    expect(problemOf(name, NICKNAME_CHARS_MAX), JSON.stringify(text)).toBeUndefined();
  }
  for (const [text, code] of cases.refused as [string, string][]) {
    const problem = problemOf(normalized(text), NICKNAME_CHARS_MAX);
    expect(`name_${problem}`, JSON.stringify(text)).toBe(code);
  }
});

test("a long text is judged in no time", () => {
  for (const unit of [" ", "\u0301", "👩\u200D", "a \u00A0"]) {
    const start = performance.now();
    problemOf(normalized(`x${unit.repeat(20_000)}x`), 100_000);
    expect(performance.now() - start, JSON.stringify(unit)).toBeLessThan(2_000);
  }
});
