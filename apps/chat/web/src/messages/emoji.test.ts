import { expect, test } from "vitest";

import { isOneEmoji } from "../accounts/emoji.ts";
import { isEmojiOnly } from "../design/emoji.ts";
import { emojiOf, findEmoji, GROUPS } from "./emoji-list.ts";

const groups = Object.keys(GROUPS) as (keyof typeof GROUPS)[];
const all = groups.flatMap(emojiOf);

test("some 200 emoji, each once, and each with words of both languages", () => {
  expect(all.length).toBeGreaterThan(200);
  expect(new Set(all.map(({ emoji }) => emoji)).size).toBe(all.length);
  for (const { emoji, words } of all) {
    expect(isOneEmoji(emoji), emoji).toBe(true);
    expect(isEmojiOnly(emoji), emoji).toBe(true);
    expect(words, emoji).toMatch(/^( [a-z]+)+( [가-힣ㄱ-ㅎㅠ]+)+$/);
  }
});

test("an emoji is found by the beginning of a word of either language", () => {
  const found = (query: string) => findEmoji(query).map(({ emoji }) => emoji);
  expect(found("연어")).toEqual(["🐟"]);
  expect(found("축하")).toContain("🎉");
  expect(found("Thumb")).toEqual(["👍", "👎"]);
  expect(found("ㅋㅋ")).toContain("😂");
  expect(found("humb")).toEqual([]);
  expect(found("축하".normalize("NFD"))).toContain("🎉");
});
