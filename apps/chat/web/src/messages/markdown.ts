/**
 * What the text of a message means: a part of Markdown, as a tree of texts. There is no HTML in it, neither what
 * somebody wrote nor what the page makes. It takes time that grows with the length of the text alone.
 *
 * | written | is |
 * |---|---|
 * | `**text**`, `*text*` or `_text_`, `~~text~~` | strong, stressed, struck out |
 * | text between runs of as many backticks | code |
 * | three backticks, a language; lines; three backticks | a block of code |
 * | `> text` | a quote |
 * | `- text`, `1. text` | a list; what is indented below belongs to it |
 * | an address, `[text](https://…)` | a link, where it leads where it seems to: `links.ts` |
 * | `@Name` of those who are mentioned | a mention |
 * | `\*` | the character itself |
 *
 * Everything else is text as it was written, with its line breaks.
 */
import { isLink, LINKS_MAX, pieces } from "../links.ts";

/** What follows below each other. */
export type Block =
  | { kind: "text"; inlines: Inline[] }
  | { kind: "code"; language: string; text: string }
  | { kind: "quote"; blocks: Block[] }
  | { kind: "list"; isOrdered: boolean; items: { number: number; blocks: Block[] }[] };

/** What follows upon each other in a line. */
export type Inline =
  | { kind: "text"; text: string }
  | { kind: "code"; text: string }
  | { kind: "strong"; inlines: Inline[] }
  | { kind: "em"; inlines: Inline[] }
  | { kind: "struck"; inlines: Inline[] }
  /** `isBare`: the address itself is what is shown. */
  | { kind: "link"; href: string; isBare: boolean; inlines: Inline[] }
  | { kind: "mention"; id: string | undefined; text: string };

/** Whom a message mentions. */
export interface Mentioned {
  mentions?: readonly { id: string; name: string }[];
  isForAll?: boolean;
}

/** How deep quotes and lists lie in each other, and stressed words; what is deeper is text. */
export const DEPTH_MAX = 4;
/** What mentions everybody. */
export const ALL = ["everyone", "모두"];

/** Reads a message. `taken` is told how many steps that took, in characters and nodes that were looked at. */
export function read(text: string, mentioned: Mentioned = {}, taken?: (steps: number) => void): Block[] {
  const names = (mentioned.mentions ?? []).map(({ id, name }) => ({ id: id as string | undefined, name }));
  if (mentioned.isForAll) names.push(...ALL.map((name) => ({ id: undefined, name })));
  names.sort((one, other) => other.name.length - one.name.length);
  const lines = trimmed(text.replace(/\r\n?/g, "\n").split("\n"));
  const context = { names, links: LINKS_MAX, steps: 0 };
  const blocks = blocksOf(lines, 0, context);
  taken?.(context.steps);
  return blocks;
}

/** The text without blank lines before and behind it, as it is sent. */
export function withoutBlankEnds(text: string): string {
  return trimmed(text.split("\n")).join("\n").trimEnd();
}

/** What is known of the whole message while it is read. */
interface Context {
  names: readonly { id: string | undefined; name: string }[];
  /** How many more links there may be. */
  links: number;
  /** What was looked at so far. */
  steps: number;
}

const FENCE = /^ {0,3}(`{3,})[ \t]*([^\s`]{0,40})[ \t]*$/;
// With a space, or `>_<` would be a quote.
const QUOTE = /^ {0,3}>(?: |$)/;
// Years and the like begin no list.
const ITEM = /^( {0,3})(?:[-•]|(\d{1,3})[.)]) +(?=\S)/;

const isBlank = (line: string): boolean => line.trim() === "";

function trimmed(lines: string[]): string[] {
  let from = 0;
  let to = lines.length;
  while (from < to && isBlank(lines[from]!)) from++;
  while (to > from && isBlank(lines[to - 1]!)) to--;
  return lines.slice(from, to);
}

function blocksOf(lines: string[], depth: number, context: Context): Block[] {
  const blocks: Block[] = [];
  let plain: string[] = [];
  const endPlain = () => {
    const text = trimmed(plain).join("\n");
    if (text !== "") blocks.push({ kind: "text", inlines: new Line(text, context).read() });
    plain = [];
  };
  for (let at = 0; at < lines.length; ) {
    const line = lines[at]!;
    context.steps += line.length + 1;
    const fence = FENCE.exec(line);
    const item = depth < DEPTH_MAX ? ITEM.exec(line) : null;
    if (fence) {
      endPlain();
      let end = at + 1;
      while (end < lines.length && !closes(lines[end]!, fence[1]!)) end++;
      blocks.push({ kind: "code", language: fence[2]!, text: lines.slice(at + 1, end).join("\n") });
      at = end + 1;
    } else if (depth < DEPTH_MAX && QUOTE.test(line)) {
      endPlain();
      let end = at;
      while (end < lines.length && QUOTE.test(lines[end]!)) end++;
      const inside = lines.slice(at, end).map((line) => line.replace(QUOTE, ""));
      blocks.push({ kind: "quote", blocks: blocksOf(trimmed(inside), depth + 1, context) });
      at = end;
    } else if (item) {
      endPlain();
      at = list(lines, at, item[2] !== undefined, depth, context, blocks);
    } else {
      plain.push(line);
      at++;
    }
  }
  endPlain();
  return blocks;
}

function closes(line: string, fence: string): boolean {
  const bare = line.trim();
  return bare.length >= fence.length && bare === "`".repeat(bare.length);
}

/** Reads a list, and says which line comes behind it. */
function list(lines: string[], from: number, isOrdered: boolean, depth: number, context: Context, blocks: Block[]): number {
  const items: { number: number; blocks: Block[] }[] = [];
  let at = from;
  while (at < lines.length) {
    const item = ITEM.exec(lines[at]!);
    if (!item || (item[2] !== undefined) !== isOrdered) break;
    const indent = item[1]!.length + 2;
    const inside = [lines[at]!.slice(item[0].length)];
    at++;
    while (at < lines.length && indented(lines[at]!, indent)) inside.push(outdented(lines[at++]!, indent));
    items.push({ number: Number(item[2] ?? 0), blocks: blocksOf(inside, depth + 1, context) });
  }
  blocks.push({ kind: "list", isOrdered, items });
  return at;
}

function indented(line: string, spaces: number): boolean {
  return !isBlank(line) && (line.startsWith("\t") || line.startsWith(" ".repeat(spaces)));
}

function outdented(line: string, spaces: number): string {
  return line.slice(line.startsWith("\t") ? 1 : spaces);
}

/** Something that may begin to stress what follows, until its like ends it. */
interface Opener {
  mark: string;
  /** How many characters of it are left. */
  count: number;
  /** Which node it is, a text until then. */
  node: number;
}

const MARKS = "*_~`\\[]@";
const ESCAPED = /[\\*_~`[\]@>.)-]/;
const WORD = /[\p{L}\p{N}]/u;
const TARGET = /\]\((https?:\/\/[^\s<>"'`{}|\\^()]+(?:\([^\s<>"'`{}|\\^()]*\)[^\s<>"'`{}|\\^()]*)*)\)/iy;

/** Reads lines that belong together, from their beginning to their end, once. */
class Line {
  private readonly nodes: Inline[] = [];
  /** How deep what is in a node lies. */
  private readonly depths = new Map<Inline, number>();
  private openers: Opener[] = [];
  /** How many of them there are of each mark. */
  private readonly open: Record<string, number> = { "*": 0, _: 0, "~": 0 };
  private brackets: number[] = [];
  /** Text that belongs to no node yet. */
  private plain = "";
  /** The addresses in it, by where they begin. */
  private readonly addresses = new Map<number, { text: string; href: string }>();
  /** Where the runs of so many backticks begin, the last one first. */
  private readonly ticks = new Map<number, number[]>();

  constructor(
    private readonly text: string,
    private readonly context: Context,
  ) {}

  read(): Inline[] {
    const { text } = this;
    // Most messages have nothing but words.
    if (!/[*_~`\\[@]|https?:|www\./i.test(text)) return [{ kind: "text", text }];
    this.find();
    for (let at = 0; at < text.length; ) {
      this.context.steps++;
      const character = text[at]!;
      const address = this.addresses.get(at);
      if (address) at = this.address(at, address);
      else if (character === "\n" && text[at + 1] === "\n") at = this.newPart(at);
      else if (!MARKS.includes(character)) {
        this.plain += character;
        at++;
      } else at = this.mark(at, character);
    }
    this.flush();
    return joined(this.nodes);
  }

  /** Looks for what is known by its end: addresses and code. */
  private find(): void {
    this.context.steps += 2 * this.text.length;
    let at = 0;
    for (const { text, href } of pieces(this.text, this.context.links)) {
      if (href !== undefined) this.addresses.set(at, { text, href });
      at += text.length;
    }
    for (const { 0: run, index } of this.text.matchAll(/`+/g)) {
      const known = this.ticks.get(run.length);
      if (known) known.push(index);
      else this.ticks.set(run.length, [index]);
    }
    for (const known of this.ticks.values()) known.reverse();
  }

  private mark(at: number, character: string): number {
    if (character === "`") return this.code(at);
    if (character === "@") return this.mention(at);
    if (character === "[") {
      this.flush();
      this.brackets.push(this.nodes.length);
      this.nodes.push({ kind: "text", text: "[" });
      return at + 1;
    }
    if (character === "]") return this.target(at);
    if (character === "\\") {
      const next = this.text[at + 1] ?? "";
      const isEscape = ESCAPED.test(next);
      this.plain += isEscape ? next : "\\";
      return at + (isEscape ? 2 : 1);
    }
    return this.stress(at, character);
  }

  /** A blank line: what is stressed ends before it, or is not stressed. */
  private newPart(at: number): number {
    this.plain += "\n";
    this.forget(0);
    this.brackets = [];
    return at + 1;
  }

  private address(at: number, { text, href }: { text: string; href: string }): number {
    this.context.links--;
    this.add({ kind: "link", href, isBare: true, inlines: [{ kind: "text", text }] });
    return at + text.length;
  }

  private code(at: number): number {
    const { text } = this;
    let length = 1;
    while (text[at + length] === "`") length++;
    // Behind a backslash a run is shorter than it was counted.
    const same = this.ticks.get(length) ?? [];
    while (same.length > 0 && same.at(-1)! <= at) same.pop();
    const end = same.at(-1);
    if (end === undefined) {
      this.plain += "`".repeat(length);
      return at + length;
    }
    const inside = text.slice(at + length, end);
    this.context.steps += inside.length + length;
    const isPadded = /^ .*[^ ].* $/s.test(inside);
    this.add({ kind: "code", text: isPadded ? inside.slice(1, -1) : inside });
    return end + length;
  }

  private mention(at: number): number {
    const { text } = this;
    this.context.steps += this.context.names.length;
    const isInside = at > 0 && /[A-Za-z0-9._]/.test(text[at - 1]!);
    const found = isInside ? undefined : this.context.names.find(({ name }) => isThere(text, at + 1, name));
    if (!found) {
      this.plain += "@";
      return at + 1;
    }
    this.add({ kind: "mention", id: found.id, text: `@${text.slice(at + 1, at + 1 + found.name.length)}` });
    return at + 1 + found.name.length;
  }

  /** The end of words that lead somewhere. */
  private target(at: number): number {
    TARGET.lastIndex = at;
    const from = this.brackets.at(-1);
    const match = from === undefined ? null : TARGET.exec(this.text);
    if (!match) {
      this.plain += "]";
      this.brackets.pop();
      return at + 1;
    }
    this.flush();
    // Links do not lie in each other; and so each bracket is looked into once.
    this.brackets = [];
    const inside = this.nodes.slice(from! + 1).flatMap((node) => (node.kind === "link" && node.isBare ? node.inlines : node));
    const href = match[1]!;
    const isPlain = !inside.some(({ kind }) => kind === "link" || kind === "mention");
    this.context.steps += inside.length + match[0].length;
    if (this.context.links < 1 || !isPlain || !isLink(href, textOf(inside))) {
      this.plain += "]";
      return at + 1;
    }
    this.context.links--;
    // What was begun inside has no end there.
    this.forget(this.openers.findIndex(({ node }) => node > from!));
    this.wrap(from!, { kind: "link", href, isBare: false, inlines: joined(inside) });
    return at + match[0].length;
  }

  /** A run of what stresses: it ends what was begun, or begins, or is text. */
  private stress(at: number, mark: string): number {
    const { text } = this;
    let length = 1;
    while (text[at + length] === mark) length++;
    const before = text[at - 1] ?? " ";
    const after = text[at + length] ?? " ";
    const isUsual = mark === "*" ? length <= 3 : length === (mark === "_" ? 1 : 2);
    let left = length;
    if (isUsual && !/\s/.test(before) && !(mark === "_" && /[A-Za-z0-9_]/.test(after))) {
      left = this.close(mark, length);
    }
    this.flush();
    if (left === 0) return at + length;
    // Inside of words only what nobody writes there for another reason: `2*3*4`, `snake_case`, `네~~`.
    const isInside =
      mark === "*" ? left === 1 && /[A-Za-z0-9]/.test(before) && /[A-Za-z0-9]/.test(after) : WORD.test(lastOf(text, at));
    if (isUsual && !/\s/.test(after) && !isInside) {
      this.begin({ mark, count: left, node: this.nodes.length });
    }
    this.nodes.push({ kind: "text", text: mark.repeat(left) });
    return at + length;
  }

  /** Ends what was begun by the same mark, as far as it reaches; says how much of it is left. */
  private close(mark: string, length: number): number {
    let left = length;
    while (left > 0 && this.open[mark]! > 0) {
      let index = this.openers.length - 1;
      while (this.openers[index]!.mark !== mark) index--;
      this.context.steps += this.openers.length - index + this.nodes.length - this.openers[index]!.node;
      const opener = this.openers[index]!;
      // Of three, two are one thing and one is another.
      const count = mark === "*" ? Math.min(opener.count, left, opener.count === 3 && left === 3 ? 1 : 2) : left;
      this.flush();
      const inlines = joined(this.nodes.slice(opener.node + 1));
      const depth = 1 + inlines.reduce((most, inline) => Math.max(most, this.depths.get(inline) ?? 0), 0);
      // What was begun inside has no end there.
      this.forget(index);
      // `*^^*` is a face.
      if (depth > DEPTH_MAX || !inlines.some(hasWords)) break;
      const node: Inline = { kind: mark === "~" ? "struck" : count === 2 ? "strong" : "em", inlines };
      this.depths.set(node, depth);
      opener.count -= count;
      left -= count;
      if (opener.count > 0) {
        this.begin(opener);
        this.nodes[opener.node] = { kind: "text", text: mark.repeat(opener.count) };
        this.wrap(opener.node + 1, node);
      } else {
        this.wrap(opener.node, node);
      }
    }
    return left;
  }

  /** Puts a node in the place of all from there on. */
  private wrap(from: number, node: Inline): void {
    this.nodes.length = from;
    this.nodes.push(node);
    while (this.brackets.length > 0 && this.brackets.at(-1)! >= from) this.brackets.pop();
  }

  private begin(opener: Opener): void {
    this.openers.push(opener);
    this.open[opener.mark]!++;
  }

  /** Those from there on begin nothing. */
  private forget(from: number): void {
    if (from < 0) return;
    for (const { mark } of this.openers.slice(from)) this.open[mark]!--;
    this.openers.length = from;
  }

  private add(node: Inline): void {
    this.flush();
    this.nodes.push(node);
  }

  private flush(): void {
    if (this.plain !== "") this.nodes.push({ kind: "text", text: this.plain });
    this.plain = "";
  }
}

/** Whether there is something to stress. */
function hasWords(inline: Inline): boolean {
  return "inlines" in inline ? inline.inlines.some(hasWords) : inline.kind !== "text" || WORD.test(inline.text);
}

/** The character before, which may be two units long. */
function lastOf(text: string, at: number): string {
  return /[\uDC00-\uDFFF]/.test(text[at - 1] ?? "") ? text.slice(Math.max(at - 2, 0), at) : (text[at - 1] ?? "");
}

/** Whether a name stands there, and no longer word. */
function isThere(text: string, at: number, name: string): boolean {
  if (!text.startsWith(name, at)) return false;
  return !(/[A-Za-z0-9]$/.test(name) && /[A-Za-z0-9]/.test(text[at + name.length] ?? ""));
}

/** The same with texts that lie beside each other as one. */
function joined(nodes: readonly Inline[]): Inline[] {
  const all: Inline[] = [];
  for (const node of nodes) {
    const last = all.at(-1);
    if (node.kind === "text" && last?.kind === "text") all[all.length - 1] = { kind: "text", text: last.text + node.text };
    else all.push(node);
  }
  return all;
}

/** The words alone. */
export function textOf(inlines: readonly Inline[]): string {
  let text = "";
  for (const inline of inlines) text += "inlines" in inline ? textOf(inline.inlines) : inline.text;
  return text;
}
