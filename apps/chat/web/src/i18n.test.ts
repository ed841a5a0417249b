import { expect, test } from "vitest";

import { english } from "./english.ts";
import { say, sayRefusal, sayTime } from "./i18n.ts";
import { korean } from "./korean.ts";
import { languageOf } from "./language.ts";

const names = (pattern: string) => [...pattern.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();

type Tables = Record<"english" | "korean", Record<string, string>>;

/** The tables that are loaded at first, of which each language has a file. */
const first = import.meta.glob<Tables>(["./*words.*.ts", "./*/*words.*.ts"], { eager: true });
/** Those of parts that are loaded later, which bring both. */
const later = import.meta.glob<Tables>(["./*/words.ts", "./*/*-words.ts", "!./lab/**"], { eager: true });

/** A table in both languages, by the name of its English file. */
const pairs = Object.entries(first)
  .filter(([path]) => path.endsWith(".en.ts"))
  .map(([path, { english }]): [string, Tables] => {
    return [path, { english, korean: first[path.replace(".en.ts", ".ko.ts")]!.korean }];
  });
const tables = [...pairs, ...Object.entries(later)];

test("each language has a file of every table that is loaded at first", () => {
  expect(Object.keys(first)).toHaveLength(2 * pairs.length);
  expect(pairs.length).toBeGreaterThan(5);
});

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
  const all = pairs.flatMap(([, { english }]) => Object.keys(english));
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
