import { beforeAll, expect, test, vi } from "vitest";

import { type File, filesOf, textOf, weightOf } from "./built.ts";

const LANGUAGES = { english: "has joined", korean: "님이 입장하셨습니다" };
let files: File[];
/** What the HTML names, and itself. */
let first: File[];

beforeAll(async () => {
  // Without it Svelte puts in what helps to find mistakes.
  vi.stubEnv("NODE_ENV", "production");
  files = await filesOf({});
  vi.unstubAllEnvs();
  const html = textOf(files.find(({ fileName }) => fileName === "index.html")!);
  first = files.filter(({ fileName }) => fileName === "index.html" || html.includes(fileName));
});

const wordsIn = (language: string) => files.find(({ fileName }) => fileName.startsWith(`assets/${language}-`))!;

test.each(Object.keys(LANGUAGES))("the page with a room open is 100 kB at most, compressed, in %s", async (language) => {
  // The HTML, one script, one sheet of styles.
  expect(first).toHaveLength(3);
  const bytes = await weightOf([...first, wordsIn(language)]);
  expect(bytes).toBeGreaterThan(50_000);
  // What the server writes into the HTML, and the icon, are some hundred more.
  expect(bytes).toBeLessThan(99_000);
});

test("the words of a language are loaded by those who read it", () => {
  for (const [language, sentence] of Object.entries(LANGUAGES)) {
    const found = files.filter((file) => textOf(file).includes(sentence)).map(({ fileName }) => fileName);
    expect(found).toEqual([wordsIn(language).fileName]);
  }
});
