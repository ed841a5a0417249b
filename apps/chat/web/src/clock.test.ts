import { expect, test } from "vitest";

import { briefOf, dayOf, timeOf } from "./clock.ts";

const at = (day: number, hour: number) => new Date(2026, 4, day, hour).getTime();

test("today and yesterday are words, other days are dates", () => {
  const now = at(20, 0);
  expect(dayOf(at(20, 23), now)).toBe("Today");
  expect(dayOf(at(19, 23), now)).toBe("Yesterday");
  expect(dayOf(at(18, 12), now)).toContain("18");
});

test("lists show the time of today's messages and the day of others", () => {
  const now = at(20, 13);
  expect(briefOf(at(20, 9), now)).toBe(timeOf(at(20, 9)));
  expect(briefOf(at(19, 9), now)).toMatch(/19/);
  expect(briefOf(new Date(2024, 4, 19).getTime(), now)).toMatch(/2024/);
});
