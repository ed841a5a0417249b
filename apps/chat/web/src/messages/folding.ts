/** More than so many lines or characters may be too high to be shown at once. */
const LINES_MAX = 20;
const CHARS_MAX = 600;

/** The rows whose whole text somebody wants to see, as long as the page lives: they are drawn anew while one scrolls. */
const unfolded = new Set<string>();

/** Whether a text is so long that it may be folded: it is, where it turns out higher than a folded one. */
export function mayFold(text: string): boolean {
  if (text.length > CHARS_MAX) return true;
  let lines = 1;
  for (let at = text.indexOf("\n"); at >= 0 && lines <= LINES_MAX; at = text.indexOf("\n", at + 1)) lines++;
  return lines > LINES_MAX;
}

export function isUnfolded(key: string): boolean {
  return unfolded.has(key);
}

export function unfold(key: string): void {
  unfolded.add(key);
}
