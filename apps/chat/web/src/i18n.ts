import type { Refusal } from "./contract.ts";
import type { english } from "./english.ts";
import { language, sayFrom } from "./language.ts";

export type Text = keyof typeof english;

/**
 * What the page says from its beginning on. The other language is not loaded. Tables import nothing that runs: the page
 * waits for them.
 */
const table: Record<Text, string> =
  language === "ko" ? (await import("./korean.ts")).korean : (await import("./english.ts")).english;

/** What the page says, in the browser's language. */
export const say = sayFrom(table);

/** What to tell somebody about a refusal of the server, which may say when to try again. */
export function sayRefusal({ code, retry_after }: Pick<Refusal, "code" | "retry_after">): string {
  // Without a time it is not a matter of waiting.
  const text = code === "too_many_rooms" && retry_after === undefined ? "error_rooms_owned" : `error_${code}`;
  const values = { time: sayTime(retry_after ?? 1) };
  return say(text in table ? (text as Text) : "error_other", values);
}

/** So many seconds in words, in the unit that suits them. */
export function sayTime(seconds: number): string {
  const [unit, length] =
    seconds < 100 ? ["second", 1] : seconds < 6_000 ? ["minute", 60] : ["hour", 3_600];
  const format = { style: "unit", unit, unitDisplay: "long" } as const;
  return new Intl.NumberFormat(language, format).format(Math.ceil(seconds / length));
}
