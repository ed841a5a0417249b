import { expect, test } from "vitest";

import { pieces } from "./links.ts";

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
