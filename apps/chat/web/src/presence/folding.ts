import { say, type Text } from "../i18n.ts";

/** What one person did in the meantime: once however often, or both. */
export interface Passing {
  name: string;
  what: "came" | "went" | "visited";
}

/** What is said of one, two and more people. */
const TEXTS = {
  came: ["joined", "joinedTwo", "joinedMany"],
  went: ["left", "leftTwo", "leftMany"],
  visited: ["visited", "visitedTwo", "visitedMany"],
} as const satisfies Record<Passing["what"], readonly [Text, Text, Text]>;

/** Those who came and went, in one line. */
export function foldText(passings: readonly Passing[]): string {
  const parts: string[] = [];
  for (const what of ["came", "visited", "went"] as const) {
    const [name, other, ...more] = passings.filter((passing) => passing.what === what).map((passing) => passing.name);
    if (name === undefined) continue;
    const [one, two, many] = TEXTS[what];
    if (other === undefined) parts.push(say(one, { name }));
    else if (more.length === 0) parts.push(say(two, { name, other }));
    else parts.push(say(many, { name, count: more.length + 1 }));
  }
  return parts.join(" · ");
}
