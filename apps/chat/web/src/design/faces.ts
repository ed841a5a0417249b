/** What a person looks like wherever one is shown. */
export interface Face {
  /** Who it is; one person has one everywhere. */
  id: string;
  name: string;
  /** The colour they chose, 0 to 359 degrees; without it, one of their name. */
  colour?: number;
  /** The picture they chose, an emoji; without it, the first character of their name. */
  picture?: string;
  /** Whether they are here now; a dot says so. Undefined where nobody is to know. */
  isOnline?: boolean;
}

/** What somebody may do; `member` is who may do nothing special. */
export type Role = "owner" | "moderator" | "member" | "guest";

/** A colour for somebody without one: the same name has the same one everywhere. */
export function hueOf(name: string): number {
  let hash = 0;
  for (const c of name) hash = (Math.imul(hash, 31) + c.codePointAt(0)!) >>> 0;
  // Steps of the golden angle keep similar names apart.
  return Math.round((hash * 137.508) % 360);
}

const segmenter = new Intl.Segmenter();

/** What stands in a round picture for a name: its first character, whole emoji included. */
export function initialOf(name: string): string {
  for (const { segment } of segmenter.segment(name.trim())) return segment.toUpperCase();
  return "?";
}
