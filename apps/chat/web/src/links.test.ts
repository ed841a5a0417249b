import { expect, test } from "vitest";

import { breaks, LINKS_MAX, pieces } from "./links.ts";

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

test("a host that says that it is one needs no beginning", () => {
  for (const [address, rest] of [
    ["www.example.com", ""],
    ["WWW.example.com", ", ok?"],
    ["www.example.co.kr", "에서"],
    ["www.example.com:8080/a?b#c", "."],
    ["www.한국어.kr/방", ""],
  ] as const) {
    expect(pieces(`(${address}${rest}`)).toEqual(
      [{ text: "(" }, { text: address, href: `https://${address}` }, ...(rest ? [{ text: rest }] : [])],
    );
  }
  for (const text of [
    "www.",
    "www.example",
    "www..com",
    "www. example.com",
    "awww.example.com",
    "me@www.example.com",
    "x.www.example.com",
    "ftp://www.example.com",
    "file:www.example.com",
    "www.user:pw@evil.example",
    "www.bank.example@evil.example",
    "www.examрle.com",
    "www.example.com\u2215login.evil.example",
    "www.example.com/\u202Egnp.exe",
  ]) {
    expect(brief(text), JSON.stringify(text)).toEqual([text]);
  }
});

test("an address may break behind what parts it", () => {
  for (const [address, parts] of [
    ["https://a.b/team-2026", ["https://a.", "b/", "team-2026"]],
    ["http://a//b?c=d&e.f", ["http://a//", "b?", "c=", "d&", "e.", "f"]],
    ["www.a.b/", ["www.", "a.", "b/"]],
  ] as const) {
    expect(breaks(address)).toEqual(parts);
    expect(breaks(address).join("")).toBe(address);
  }
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

// Each host leads to the sender's own domain, or shows as another one than it is.
test("a host that looks like another one is no link", () => {
  for (const host of [
    "example.com\u2215login.evil.example",
    "example.com\u2044login.evil.example",
    "example.com\u00B7evil.example",
    "example.com\u2024evil.example",
    "example.com\u3002evil.example",
    "example.com\u29F8evil.example",
    "example.com\u30FBevil.example",
    "example.com%2Fevil.example",
    "example.com\u30CElogin.evil.example",
    "example.com\u4E3Flogin.evil.example",
    "xn\u4E00evil.example",
    "examp\u3163e.com",
    "l\u0338evil.example",
    // Cyrillic
    "аррӏе.com",
    "ехаmрlе.com",
    "раураӏ-безопасно.com",
    // Greek, Armenian, Cherokee, Lisu, Coptic
    "οσο.com",
    "gοοgle.com",
    "օսս.com",
    "gօօgle.com",
    "ᏢᎪᎽ.com",
    "ꓮꓑꓑꓡꓰ.com",
    "ⲟⲟ.com",
    // Latin letters that are others' twins
    "examp\u01C0e.com",
    "g\u0131thub.com",
    "\u0261oogle.com",
    "app\u0140e.com",
    "ｅxample.com",
    "𝐞xample.com",
  ]) {
    const text = `https://${host}/x`;
    expect(brief(text), JSON.stringify(text)).toEqual([text]);
  }
});

test("an honest host of any language is a link", () => {
  for (const host of [
    "한국어.kr",
    "삼성sds.com",
    "예제.한국",
    "例え.jp",
    "データ.example",
    "東京タワー.jp",
    "中文.网址",
    "münchen.de",
    "straße.de",
    "łódź.pl",
    "smørrebrød.dk",
    "tiếngviệt.vn",
    "e\u0301te\u0301.fr",
    "почта.рф",
    "παράδειγμα.ελ",
    "ไทย.com",
    "हिन्दी.com",
    "עברית.com",
    "مثال.com",
    "xn--3e0b707e.kr",
    "my_service:8080",
    "127.0.0.1:3000",
    "[::1]:3000",
    "EXAMPLE.com",
  ]) {
    const text = `https://${host}/x`;
    expect(brief(text), JSON.stringify(text)).toEqual([`[${text}]`]);
  }
});

test("what is written on behind a host does not belong to it", () => {
  for (const [address, rest] of [
    ["https://example.com", "입니다"],
    ["https://example.com", "에서"],
    ["https://www.example.co.kr", "에 있어요."],
    ["https://한국어.com", "으로"],
    ["https://example.com:8080", "입니다"],
    ["http://192.168.0.7", "입니다"],
    ["http://192.168.0.7:3000", "에서"],
    ["http://localhost", "로"],
    ["https://example.xn--3e0b707e", "입니다"],
    ["https://example.com", "です"],
  ] as const) {
    expect(brief(address + rest)).toEqual([`[${address}]`, rest]);
  }
  expect(brief("https://a.kr와 https://b.kr")).toEqual(["[https://a.kr]", "와 ", "[https://b.kr]"]);
  expect(brief("https://a.kr또는https://b.kr/방")).toEqual([
    "[https://a.kr]",
    "또는",
    "[https://b.kr/방]",
  ]);
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
  for (const unit of [".", ")", "(", ").", "!x", "http://", "www.", "www.a.b ", "http://a.b/.", "https://(", "\u3002", "]x)", "가http://a.b"]) {
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
