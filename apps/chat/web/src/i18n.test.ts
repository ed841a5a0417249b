import { expect, test } from "vitest";

import { english, korean, languageOf, say, sayRefusal, sayTime } from "./i18n.ts";

const names = (pattern: string) => [...pattern.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();

/** All tables of words, also those that are loaded later. */
const tables = Object.entries(
  import.meta.glob<{ english: Record<string, string>; korean: Record<string, string> }>(
    ["./words.ts", "./refusal-words.ts", "./*/words.ts", "./*/*-words.ts", "!./lab/**"],
    { eager: true },
  ),
);

test.each(tables)("both languages say everything in %s, with the same values", (_path, { english, korean }) => {
  expect(Object.keys(korean).sort()).toEqual(Object.keys(english).sort());
  for (const text of Object.keys(english)) {
    expect(english[text]!.trim(), text).not.toBe("");
    expect(names(korean[text]!), text).toEqual(names(english[text]!));
  }
});

test.each(tables)("Korean texts are in Korean and English ones are not in %s", (_path, { english, korean }) => {
  for (const text of Object.keys(english)) {
    // What is nothing but values and signs is the same in every language.
    if (/[a-z]{2}/i.test(english[text]!.replace(/\{\w+\}/g, ""))) expect(korean[text], text).toMatch(/[가-힣]/);
    expect(english[text], text).not.toMatch(/[가-힣]/);
  }
});

test("no two parts of the page say the same thing otherwise", () => {
  const first = tables.filter(([path]) => !path.startsWith("./admin/") && !/settings-words|tools-words/.test(path));
  const all = first.flatMap(([, { english }]) => Object.keys(english));
  expect(all.length).toBeGreaterThan(200);
  expect(new Set(all).size).toBe(all.length);
  expect(Object.keys(english).sort()).toEqual(all.sort());
});

test("the sentences of the notes", () => {
  expect(korean.joined.replace("{name}", "정민")).toBe("정민 님이 입장하셨습니다");
  expect(korean.left.replace("{name}", "정민")).toBe("정민 님이 퇴장하셨습니다");
});

test("the browser's language decides", () => {
  expect(["ko", "ko-KR", "KO-kr"].map(languageOf)).toEqual(["ko", "ko", "ko"]);
  expect(["en-US", "de", "kok-IN", ""].map(languageOf)).toEqual(["en", "en", "en", "en"]);
});

test("values are put in as they are, and unknown refusals have a sentence too", () => {
  expect(say("joined", { name: "$& {count}" })).toBe("$& {count} has joined");
  expect(sayRefusal({ code: "name_empty" })).toBe(english.error_name_empty);
  expect(sayRefusal({ code: "toString" })).toBe(english.error_other);
});

test("a refusal says when to try again", () => {
  expect(sayRefusal({ code: "too_many_rooms", retry_after: 60 })).toContain("in 60 seconds.");
  expect([1, 99, 100, 5_999, 6_000, 86_400].map(sayTime)).toEqual([
    "1 second", "99 seconds", "2 minutes", "100 minutes", "2 hours", "24 hours",
  ]);
});
