import { expect, test } from "vitest";

import { type Block, DEPTH_MAX, type Inline, type Mentioned, read, withoutBlankEnds } from "./markdown.ts";

const inline = (node: Inline): string => {
  switch (node.kind) {
    case "text":
      return node.text;
    case "code":
      return `<code>${node.text}</code>`;
    case "mention":
      return `<${node.id ?? "all"}>${node.text}</>`;
    case "link":
      return `<a ${node.href}>${node.inlines.map(inline).join("")}</a>`;
    default:
      return `<${node.kind}>${node.inlines.map(inline).join("")}</${node.kind}>`;
  }
};
const block = (one: Block): string => {
  switch (one.kind) {
    case "text":
      return one.inlines.map(inline).join("");
    case "code":
      return `<pre ${one.language}>${one.text}</pre>`;
    case "quote":
      return `<q>${one.blocks.map(block).join("|")}</q>`;
    case "list":
      return `<${one.isOrdered ? "ol" : "ul"}>${one.items.map(({ number, blocks }) => `<li ${number}>${blocks.map(block).join("|")}`).join("")}</>`;
  }
};
const seen = (text: string, mentioned?: Mentioned): string => read(text, mentioned).map(block).join("|");

test("what is stressed, struck out, and code", () => {
  for (const [text, is] of [
    ["**a**", "<strong>a</strong>"],
    ["*a* and _b_", "<em>a</em> and <em>b</em>"],
    ["***a***", "<strong><em>a</em></strong>"],
    ["**a *b* c**", "<strong>a <em>b</em> c</strong>"],
    ["*a **b***", "<em>a <strong>b</strong></em>"],
    ["~~a~~", "<struck>a</struck>"],
    ["`a`", "<code>a</code>"],
    ["``a`b``", "<code>a`b</code>"],
    ["`` ` ``", "<code>`</code>"],
    ["```a```", "<code>a</code>"],
    ["**a\nb**", "<strong>a\nb</strong>"],
    // Korean puts particles right behind, and quotation marks inside.
    ["**강조**는 _기울임_은 ~~취소~~를", "<strong>강조</strong>는 <em>기울임</em>은 <struck>취소</struck>를"],
    ['**"인용"**은', '<strong>"인용"</strong>은'],
    ["가**나**다", "가<strong>나</strong>다"],
  ] as const) {
    expect(seen(text), text).toBe(is);
  }
});

test("what people write for another reason stays as it is", () => {
  for (const text of [
    "2 * 3 * 4", "2*3*4", "snake_case_name", "__init__", "*^^*", "(*^^*)", "*_*", "안녕~~ 반가워~~", "네~~안녕하세요~~",
    "~a~", "****", "** a **", "**a", "a**", "*a\n\nb*", "`a", "``a`", "a_b_", "> ", ">_<", "-a", "1.a", "2026. 11. 30.", "#1", "# a",
    "<b>a</b>", "<script>alert(1)</script>", "![a](b)", "| a | b |", "~~~~", "[a](b)", "[a]", "](", "**!!**", "a @b", "-", "1.",
  ]) {
    expect(seen(text), text).toBe(text.trimEnd() === ">" ? "<q></q>" : text.trimEnd());
  }
});

test("nothing is marked up in code", () => {
  expect(seen("`**a** @민지 https://a.b`", { mentions: [{ id: "m", name: "민지" }] })).toBe("<code>**a** @민지 https://a.b</code>");
  expect(seen("**a `b** c`")).toBe("**a <code>b** c</code>");
  expect(seen("```\n> **a**\n- b\n```\nc")).toBe("<pre >> **a**\n- b</pre>|c");
  expect(seen("*a* `*b` *c*")).toBe("<em>a</em> <code>*b</code> <em>c</em>");
});

test("a backslash keeps what follows as it is", () => {
  expect(seen("\\*a\\* \\`b\\` \\[c\\](https://d.e) \\\\ \\n C:\\dir")).toBe("*a* `b` [c](<a https://d.e>https://d.e</a>) \\ \\n C:\\dir");
  expect(seen("\\- a\n1\\. b\n\\> c")).toBe("- a\n1. b\n> c");
  expect(seen("\\@민지", { mentions: [{ id: "m", name: "민지" }] })).toBe("@민지");
});

test("blocks of code have a language, and are as they were written", () => {
  expect(seen("a\n\n```rust\nfn main() {\n\n  *x\n}\n```\n\nb")).toBe("a|<pre rust>fn main() {\n\n  *x\n}</pre>|b");
  expect(seen("````\n```\n````")).toBe("<pre >```</pre>");
  expect(seen("```js\nnever ended")).toBe("<pre js>never ended</pre>");
  expect(seen("``` js hello")).toBe("``` js hello");
});

test("quotes and lists", () => {
  expect(seen("> a\n> b\n>\n> > c\nd")).toBe("<q>a\nb|<q>c</q></q>|d");
  expect(seen("> - a\n> - b")).toBe("<q><ul><li 0>a<li 0>b</></q>");
  expect(seen("- a\n- b\n  c\n  - d\ne")).toBe("<ul><li 0>a<li 0>b\nc|<ul><li 0>d</></>|e");
  expect(seen("3. a\n1) b\n- c")).toBe("<ol><li 3>a<li 1>b</>|<ul><li 0>c</>");
  expect(seen("a\n\n- b\n\nc\n\nd")).toBe("a|<ul><li 0>b</>|c\n\nd");
});

test("blank lines before and behind are cut, those between are kept", () => {
  expect(seen("\n \n\ta\n\n\nb\n \n")).toBe("\ta\n\n\nb");
  expect(read("\n \n")).toEqual([]);
  expect(withoutBlankEnds("\n\n  a\n\nb  \n\n")).toBe("  a\n\nb");
});

test("addresses are links, also with words that show no other address", () => {
  expect(seen("**https://a.b/c**입니다 *www.a.com*")).toBe(
    "<strong><a https://a.b/c>https://a.b/c</a></strong>입니다 <em><a https://www.a.com>www.a.com</a></em>",
  );
  expect(seen("https://a.b/_x_/*y*")).toBe("<a https://a.b/_x_/*y>https://a.b/_x_/*y</a>*");
  expect(seen("[the **plan**](https://a.b/c_(d))!")).toBe("<a https://a.b/c_(d)>the <strong>plan</strong></a>!");
  expect(seen("[https://a.b/](https://a.b)")).toBe("<a https://a.b>https://a.b/</a>");
  expect(seen("*[a](https://b.c)*")).toBe("<em><a https://b.c>a</a></em>");
  for (const words of [
    "bank.example", "https://bank.example", "www.bank.example", "bank．example", "bank。example", "me@bank.example", "a\u202Eb", "\u200B", " ", "bank\u2024example",
  ]) {
    expect(seen(`[${words}](https://evil.example)`), words).not.toContain(`<a https://evil.example>${words}`);
    expect(seen(`[${words}](https://evil.example)`), words).toContain("](<a https://evil.example>");
  }
  for (const target of ["javascript:alert(1)", "data:text/html,x", "//evil.example", "/room", "https://bank.example@evil.example", "https://аррӏе.com"]) {
    expect(seen(`[a](${target})`), target).not.toContain("<a");
  }
  expect(seen("[a [b](https://c.d)](https://e.f)")).toBe("[a <a https://c.d>b</a>](<a https://e.f>https://e.f</a>)");
});

test("those who are mentioned, and nobody else", () => {
  const mentioned = { mentions: [{ id: "m", name: "민지" }, { id: "k", name: "민지 Kim" }, { id: "s", name: "a_b_*c*" }, { id: "d", name: "Ada" }], isForAll: true };
  expect(seen("@민지, @민지 Kim @a_b_*c*님 @Adam @Ada는 @everyone @모두에게 @서준", mentioned)).toBe(
    "<m>@민지</>, <k>@민지 Kim</> <s>@a_b_*c*</>님 @Adam <d>@Ada</>는 <all>@everyone</> <all>@모두</>에게 @서준",
  );
  expect(seen("me@Ada.com **@민지**", mentioned)).toBe("me@Ada.com <strong><m>@민지</></strong>");
  expect(seen("@everyone")).toBe("@everyone");
});

/** A sequence of numbers that looks like chance, and is the same each time. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const PARTS = ["*", "**", "_", "~~", "`", "```", "\n", "\n\n", " ", "> ", "- ", "1. ", "[", "](https://a.b)", "]", "(", ")", "\\", "@", "@Ada", "https://a.b/c", "www.a.com", "a", "가나", "🐟", "<b>", "\u202E", "  "];

function depthOf(nodes: readonly (Block | Inline)[]): number {
  return nodes.reduce((most, node) => {
    const inside = "inlines" in node ? node.inlines : "blocks" in node ? node.blocks : "items" in node ? node.items.flatMap(({ blocks }) => blocks) : [];
    return Math.max(most, 1 + depthOf(inside));
  }, 0);
}

const bare = (text: string): string => text.replace(/[^\p{L}\p{N}🐟\u202E]/gu, "");

test("whatever is written, no word is lost, and nothing lies deep", () => {
  const words = (nodes: readonly (Block | Inline)[]): string =>
    nodes.map((node) => {
      if (node.kind === "code" && "language" in node) return node.language + node.text;
      if (node.kind === "link" && !node.isBare) return words(node.inlines) + node.href;
      if ("inlines" in node) return words(node.inlines);
      if ("blocks" in node) return words(node.blocks);
      if ("items" in node) return node.items.map(({ number, blocks }) => (node.isOrdered ? number : "") + words(blocks)).join("");
      return node.text;
    }).join("");
  for (let seed = 1; seed <= 3000; seed++) {
    const next = random(seed);
    const text = Array.from({ length: next(60) }, () => PARTS[next(PARTS.length)]!).join("");
    const blocks = read(text, { mentions: [{ id: "d", name: "Ada" }] });
    expect(bare(words(blocks)), JSON.stringify(text)).toBe(bare(text));
    expect(depthOf(blocks), JSON.stringify(text)).toBeLessThanOrEqual(3 * (DEPTH_MAX + 2));
  }
});

test("hostile texts take so many steps for each character, and no more in long ones", () => {
  const units = [
    "*", "**", "*a ", "a* ", "**a ", "_a ", "~~a ", "*a **b ", "*a* ", "`", "``a`", "[", "[a](", "](http://a", "[a](https://a.b)", "[[a](https://b.c)]", "> ", "- ", "1. ", "> - ",
    "\n- ", "\n  - ", "@Ada", "@", "\\", "***a**b*", "*^* ", "```\n", "<", "https://a.b ", "www.", "]x)", "\u0301", "(", "*a_b~~c`",
  ];
  const halves = [["_a ", "a* "], ["*a ", "a_ "], ["[", "](https://a.b)"], ["*_~~**a", "b** "], ["**a *b _c ~~d **e f** g~~ h_ i* j** *", "x* "]];
  const inputs = [
    ...units.map((unit) => (length: number) => unit.repeat(length / unit.length)),
    ...halves.map(([one, other]) => (length: number) => one!.repeat(length / 2 / one!.length) + other!.repeat(length / 2 / other!.length)),
  ];
  for (const input of inputs) {
    const steps = (length: number) => {
      let taken = 0;
      read(input(length), { mentions: [{ id: "d", name: "Ada Lovelace" }] }, (steps) => (taken = steps));
      return taken / length;
    };
    expect(steps(4_000), input(30)).toBeLessThan(20);
    expect(steps(80_000), input(30)).toBeLessThan(20);
  }
});
