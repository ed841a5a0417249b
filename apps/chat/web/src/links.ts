import { hostLength, isPlainHost } from "./hosts.ts";

/** A piece of a message: text, or an address to link to. */
export interface Piece {
  text: string;
  href?: string;
}

/** The most links in a message; further addresses stay text. */
export const LINKS_MAX = 50;

/**
 * An address; without its beginning if it has the one that only hosts have, alone and not inside of a word. What
 * marks text up ends it.
 */
const ADDRESS = /(?:https?:\/\/|(?<![\p{L}\p{N}@._/:-])www\.(?=[^\s.]))(?:(?!\*\*|~~|\]\()[^\s<>"'`{}|\\^\u3000])+/giu;
/** The parts of one: what comes before the host, the host with its port. */
const BEGINNING = /^(https?:\/\/|(?=www\.))([^/?#]*)/i;
/** What is written without a beginning, and leads there by the one below. */
const BARE = /^www\.[^./?#:]+\.[^./?#:]/i;
const SCHEME = "https://";
/** What ends a sentence rather than an address. */
const CLOSING = new Set(".,;:!?…。、！？」』)]*_~");
/**
 * What shows an address as another one than it is: marks that turn the direction of the text, and
 * characters that cannot be seen.
 */
const DECEIVING = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\u2800]/u;

/** Words that look like an address: parts with a dot between, or a scheme. */
const ADDRESS_LIKE = /[\p{L}\p{N}][.\u3002\uFF61\u2024\u00B7\u30FB][\p{L}\p{N}]|:\/\/|[@\u2215\u2044\u29F8]/u;

/**
 * Finds the web addresses in a message, in time that grows with its length alone. Nothing but
 * `http:` and `https:` becomes a link, and nothing that leads elsewhere than it seems to.
 */
export function pieces(text: string, linksMax = LINKS_MAX): Piece[] {
  const found: Piece[] = [];
  let end = 0;
  let links = 0;
  const search = new RegExp(ADDRESS);
  while (links < linksMax) {
    const match = search.exec(text);
    if (!match) break;
    const address = alone(trimmed(match[0]));
    const href = BARE.test(address) ? SCHEME + address : address;
    if (!isAddress(href)) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: address, href });
    end = match.index + address.length;
    search.lastIndex = end;
    links++;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/** Without closing punctuation, except a bracket that was opened inside of the address. */
function trimmed(address: string): string {
  let end = address.length;
  while (end > 0 && CLOSING.has(address[end - 1]!)) end--;
  const bare = address.slice(0, end);
  const keepsBracket = address[end] === ")" && count(bare, "(") > count(bare, ")");
  return keepsBracket ? `${bare})` : bare;
}

/** Without what is written on behind a host. */
function alone(address: string): string {
  const [, scheme = "", authority = ""] = BEGINNING.exec(address) ?? [];
  const length = hostLength(authority);
  return length < authority.length ? address.slice(0, scheme.length + length) : address;
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
}

function isAddress(text: string): boolean {
  if (DECEIVING.test(text)) return false;
  const authority = BEGINNING.exec(text)?.[2] ?? "";
  if (!isPlainHost(authority.replace(/:\d*$/, ""))) return false;
  try {
    const { protocol, host, username, password } = new URL(text);
    const isWeb = protocol === "https:" || protocol === "http:";
    // `https://bank.example@evil.example` leads to the second one.
    return isWeb && host !== "" && username === "" && password === "";
  } catch {
    return false;
  }
}

/**
 * Whether an address may stand behind other words: it is one that would be linked to by itself, and the words
 * show neither another address nor what cannot be seen.
 */
export function isLink(address: string, words: string): boolean {
  if (!isAddress(address) || words.trim() === "" || DECEIVING.test(words.replace(/[\u200D\uFE0F\n]/g, ""))) return false;
  if (!ADDRESS_LIKE.test(words.normalize("NFKC"))) return true;
  // The address itself, with or without its beginning.
  const [one, other] = [words, address].map((text) => text.trim().replace(/^https?:\/\//i, "").replace(/\/$/, ""));
  return one === other;
}

/**
 * The parts of an address between which a line may break: behind what parts it itself, so that words and
 * names in it stay whole where there is room; never behind `https://`.
 */
export function breaks(address: string): string[] {
  return address.match(/(?:^https?:\/\/)?[^/?&=.]*(?:[/?&=.]+|$)/gi)!.filter((part) => part !== "");
}
