import { lasting } from "../storage.ts";

/** What the browser remembers the last emoji by. */
const NAME = "emoji";
/** The most that are remembered. */
const USED_MAX = 16;
/** What people react with before they have used any. */
const USUAL = ["👍", "❤️", "😂"];

/** The emoji that were used last, the newest first. */
export function used(): string[] {
  return (lasting.getItem(NAME) ?? "").split(" ").filter((emoji) => emoji !== "");
}

export function noteUsed(emoji: string): void {
  lasting.setItem(NAME, [emoji, ...used().filter((one) => one !== emoji)].slice(0, USED_MAX).join(" "));
}

/** Three to react with at one press. */
export function quickOnes(): string[] {
  return [...new Set([...used(), ...USUAL])].slice(0, USUAL.length);
}
