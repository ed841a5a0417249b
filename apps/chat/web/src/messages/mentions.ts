import type { Face } from "../design/faces.ts";
import { ALL } from "./markdown.ts";

/** Somebody who can be mentioned; without an id, everybody. */
export type Candidate = Omit<Face, "id"> & { id: string | undefined };

/** What is being written behind an `@`. */
export interface Begun {
  /** Where the `@` stands, and where what is written behind it ends. */
  from: number;
  to: number;
  query: string;
}

/** The most people who are proposed at once. */
export const SUGGESTIONS_MAX = 6;
/** The longest beginning that is looked for, characters: names are hardly longer. */
const QUERY_MAX = 32;
/** The initial consonants of syllables, in the order of Unicode. */
const INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";

/** What is being written behind an `@` at the caret, if it is. */
export function begunAt(text: string, caret: number): Begun | undefined {
  const before = text.slice(Math.max(0, caret - QUERY_MAX - 1), caret);
  const at = before.lastIndexOf("@");
  if (at < 0) return undefined;
  const query = before.slice(at + 1);
  // An address of mail is none, and names have no line breaks and one space at most where somebody goes on writing.
  if (/[A-Za-z0-9._]$/.test(before.slice(0, at)) || /\n|^\s|\s.*\s/.test(query)) return undefined;
  const from = caret - query.length - 1;
  return { from, to: caret, query };
}

/** Those whose names begin like that, or one of whose words does. */
export function suggest(people: readonly Candidate[], query: string): Candidate[] {
  const wanted = folded(query);
  const rank = ({ name }: Candidate): number => {
    const whole = folded(name);
    if (begins(whole, wanted)) return 0;
    return whole.split(" ").some((word) => begins(word, wanted)) ? 1 : 2;
  };
  return people
    .map((person) => ({ person, rank: rank(person) }))
    .filter(({ rank }) => rank < 2)
    .sort((one, other) => one.rank - other.rank)
    .slice(0, SUGGESTIONS_MAX)
    .map(({ person }) => person);
}

/** The text with the name in place of what was begun, and where the caret stands then. */
export function completed(text: string, { from, to }: Begun, name: string): { text: string; caret: number } {
  const rest = text.slice(to);
  const inserted = `@${name}${/^\s/.test(rest) ? "" : " "}`;
  return { text: text.slice(0, from) + inserted + rest, caret: from + inserted.length };
}

/** The ids of those whom a text mentions: behind an `@` the longest name counts. */
export function mentionsIn(text: string, people: readonly { id: string; name: string }[]): string[] {
  const names = [...people].sort((one, other) => other.name.length - one.name.length);
  const found = new Set<string>();
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    if (/[A-Za-z0-9._]/.test(text[at - 1] ?? "")) continue;
    const isThere = ({ name }: { name: string }) =>
      text.startsWith(name, at + 1) && !(/[A-Za-z0-9]$/.test(name) && /[A-Za-z0-9]/.test(text[at + 1 + name.length] ?? ""));
    const person = names.find(isThere);
    if (person) found.add(person.id);
  }
  return [...found];
}

/** Everybody in a room, as one who can be mentioned, in the page's language. */
export function everybody(language: "ko" | "en"): Candidate {
  return { id: undefined, name: ALL[language === "ko" ? 1 : 0]! };
}

function folded(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

/** Whether a text begins like that; a consonant alone stands for each syllable that begins with it. */
function begins(text: string, wanted: string): boolean {
  if (text.startsWith(wanted)) return true;
  if (wanted.length > text.length) return false;
  for (let n = 0; n < wanted.length; n++) {
    const [one, other] = [text[n]!, wanted[n]!];
    if (one === other || INITIALS[Math.floor((one.charCodeAt(0) - 0xac00) / 588)] === other) continue;
    // The last syllable may have no end yet: `기` is on the way to `김`.
    const isLast = n === wanted.length - 1;
    if (!isLast || !isOpen(other) || Math.floor((one.charCodeAt(0) - 0xac00) / 28) !== (other.charCodeAt(0) - 0xac00) / 28) return false;
  }
  return true;
}

/** Whether a syllable has no consonant at its end. */
function isOpen(character: string): boolean {
  const code = character.charCodeAt(0) - 0xac00;
  return code >= 0 && code < 11_172 && code % 28 === 0;
}
