import { expect, test } from "vitest";

import { LINKS_MAX, pieces } from "./links.ts";

const brief = (text: string) => pieces(text).map((p) => (p.href ? `[${p.href}]` : p.text));

test("finds addresses and leaves the sentence around them", () => {
  expect(brief("no link")).toEqual(["no link"]);
  expect(brief("")).toEqual([]);
  expect(brief("https://example.org")).toEqual(["[https://example.org]"]);
  expect(brief("see (https://example.org/a_(b)), ok?")).toEqual([
    "see (",
    "[https://example.org/a_(b)]",
    "), ok?",
  ]);
  expect(brief("https://a.kr/방?x=1&y=2#z 그리고 http://b.kr.")).toEqual([
    "[https://a.kr/방?x=1&y=2#z]",
    " 그리고 ",
    "[http://b.kr]",
    ".",
  ]);
});

test("nothing else becomes a link", () => {
  for (const text of ["javascript:alert(1)", "data:text/html,x", "https://", "ftp://a.b", "a.kr"]) {
    expect(brief(text)).toEqual([text]);
  }
  expect(brief('https://a.kr"onload="x')).toEqual(["[https://a.kr]", '"onload="x']);
});

test("the pieces are the whole text", () => {
  const text = "a https://b.c/d). e\nhttp://f…";
  expect(pieces(text).map((p) => p.text).join("")).toBe(text);
});

test("an address that shows as another one is no link", () => {
  for (const text of [
    "https://example.com/\u202Egnp.exe",
    "https://example.com/\u2067x",
    "https://example.com/a\u200Fb",
    "https://exam\u200Bple.com/",
    "https://exam\u00ADple.com/",
    "https://example.com/\u3164",
    "https://bank.example@evil.example/",
    "http://user:pw@evil.example/",
  ]) {
    expect(brief(text), JSON.stringify(text)).toEqual([text]);
  }
});

test("so many links and no more", () => {
  const text = "http://a.b ".repeat(LINKS_MAX + 1);
  const links = pieces(text).filter((piece) => piece.href);
  expect(links).toHaveLength(LINKS_MAX);
  expect(pieces(text).map((p) => p.text).join("")).toBe(text);
});

// What took time that grows with the square of the length. Twenty times as much text may take
// twenty times as long, and a generous part of the machine's moods; it took four hundred times.
test("hostile texts take no longer than their length", () => {
  const long = (unit: string, length: number) => `http://a.b/${unit.repeat(length / unit.length)}x`;
  for (const unit of [".", ")", "(", ").", "!x", "http://", "http://a.b/.", "https://(", "\u3002", "]x)"]) {
    const time = (length: number) => {
      const text = long(unit, length);
      let best = Infinity;
      for (let n = 0; n < 5; n++) {
        const start = performance.now();
        pieces(text);
        best = Math.min(best, performance.now() - start);
      }
      return best;
    };
    time(10_000);
    expect(time(200_000), unit).toBeLessThan(Math.max(time(10_000), 0.5) * 150);
  }
});
